/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A parsed HTTP/1.x request head: spans into the bytes it was parsed from, which must stay
 * where they are while it is used. Pure data; runs in workers and tests.
 */
#ifndef WEIR_HTTP_REQUEST_H
#define WEIR_HTTP_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

#define HTTP_FIELDS_MAX 100

enum http_method {
    HTTP_GET,
    HTTP_HEAD,
    HTTP_OPTIONS,
    HTTP_POST,
    HTTP_PUT,
    HTTP_DELETE,
    HTTP_PATCH,
    HTTP_TRACE,
    HTTP_CONNECT,
    HTTP_METHOD_OTHER /* a valid token that is none of these */
};

/* RFC 9112, 3.2 */
enum http_target_form {
    HTTP_ORIGIN_FORM,
    HTTP_ABSOLUTE_FORM,
    HTTP_AUTHORITY_FORM,
    HTTP_ASTERISK_FORM
};

/* Field names the server acts on; http_request.known has the first value of each. */
enum http_field_id {
    HTTP_FIELD_OTHER,
    HTTP_FIELD_HOST,
    HTTP_FIELD_CONNECTION,
    HTTP_FIELD_CONTENT_LENGTH,
    HTTP_FIELD_TRANSFER_ENCODING,
    HTTP_FIELD_EXPECT,
    HTTP_FIELD_ACCEPT,
    HTTP_FIELD_ACCEPT_ENCODING,
    HTTP_FIELD_RANGE,
    HTTP_FIELD_IF_RANGE,
    HTTP_FIELD_IF_MATCH,
    HTTP_FIELD_IF_NONE_MATCH,
    HTTP_FIELD_IF_MODIFIED_SINCE,
    HTTP_FIELD_IF_UNMODIFIED_SINCE,
    HTTP_FIELD_USER_AGENT,
    HTTP_FIELD_REFERER,
    HTTP_FIELD_UPGRADE,
    HTTP_FIELD_CONTENT_TYPE,
    HTTP_FIELD_AUTHORIZATION,
    HTTP_FIELD_X_FORWARDED_FOR,
    HTTP_FIELD_X_REQUEST_ID,
    HTTP_FIELD_COUNT
};

struct http_field {
    enum http_field_id id;
    struct span name, value; /* value without OWS at its ends */
};

enum http_body_framing { HTTP_BODY_NONE, HTTP_BODY_LENGTH, HTTP_BODY_CHUNKED };

struct http_request {
    struct span line; /* the request line, without CRLF */
    struct span method_text;
    enum http_method method;
    struct span target; /* as it came */
    enum http_target_form form;
    /* Still percent-encoded; "/" at least (absolute form without a path and authority form
     * too), "*" for asterisk form. */
    struct span path;
    struct span query; /* behind '?', without it */
    bool has_query;
    struct span host;       /* of the target, else of Host: may hold a port; may be empty */
    unsigned version_minor; /* 0 or 1; a higher 1.x counts as 1 */
    unsigned field_count;
    /* The first value of each known field; p is NULL when the field is not there. */
    struct span known[HTTP_FIELD_COUNT];
    /* known fields that came more than once: bit per id. List-valued ones must be walked in
     * field[]. */
    uint32_t repeated;
    enum http_body_framing framing;
    uint64_t content_length;                  /* HTTP_BODY_LENGTH */
    bool keep_alive;                          /* by version and Connection (RFC 9112, 9.3) */
    bool expect_continue;                     /* 100-continue, and HTTP/1.1 */
    bool upgrade;                             /* Connection: upgrade with Upgrade, and HTTP/1.1 */
    struct http_field field[HTTP_FIELDS_MAX]; /* last, so that a reset need not clear it */
};

/*
 * Walks all values of a field that may come more than once: start with *at 0; false when
 * there are no more.
 */
bool http_field_next(const struct http_request *r, enum http_field_id id, unsigned *at,
                     struct span *value);

/* True when one of the values of this field, read as a list, holds the token. */
bool http_field_has(const struct http_request *r, enum http_field_id id, const char *token);

#endif
