/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Parsing request heads and chunked bodies, strictly (RFC 9112). What two parsers could read
 * differently is refused, for that is how requests are smuggled: bare CR or LF, NUL, obs-fold,
 * white space before the colon, Content-Length beside Transfer-Encoding, differing lengths,
 * unknown codings, odd chunk sizes. Pure: no I/O, no allocation. Runs in workers and tests.
 */
#ifndef WEIR_HTTP_PARSE_H
#define WEIR_HTTP_PARSE_H

#include "http/request.h"

enum http_parse_result {
    HTTP_PARSE_MORE, /* no whole head yet */
    HTTP_PARSE_DONE,
    HTTP_PARSE_BAD /* `status` says how to answer; the connection must then be closed */
};

struct http_parse_limits {
    size_t head_bytes; /* 431 (414 when it is the request line) above this */
};

/* State between calls with a growing prefix of the same head; zero it for each new head. */
struct http_parser {
    size_t scanned;  /* bytes known not to end the head */
    size_t consumed; /* DONE: length of the head, its blank line included (and any empty lines before it) */
    int status;      /* BAD: 400, 414, 431, 501, 505 */
    const char *why; /* BAD: for the log */
};

/*
 * p[0..n) is all that has been received of this head; call again with more of it. Work over
 * all calls is linear in the head's length. At most one empty line before the request line
 * is skipped (RFC 9112, 2.2). Spans of *out point into p.
 */
enum http_parse_result http_parse_head(struct http_parser *parser,
                                       const struct http_parse_limits *limits, const char *p,
                                       size_t n, struct http_request *out);

/* Decoding a chunked body incrementally (RFC 9112, 7.1). Zero it before the first call. */
struct http_chunked {
    int state;
    uint64_t left;      /* of the current chunk */
    uint64_t total;     /* content bytes so far */
    size_t line_bytes;  /* of the size line or trailer under way, bounded */
    const char *why;    /* BAD */
};

enum http_chunked_result { HTTP_CHUNKED_MORE, HTTP_CHUNKED_DATA, HTTP_CHUNKED_END, HTTP_CHUNKED_BAD };

/*
 * Takes the next step in p[0..n): *used says how many bytes it consumed. DATA: *data is a
 * run of content in p. MORE: all n were consumed and more are needed. END: the body and its
 * trailers are over; what follows in p belongs to the next request. Trailer fields are
 * read and dropped; they and chunk extensions are bounded (8 KiB).
 */
enum http_chunked_result http_chunked_step(struct http_chunked *c, const char *p, size_t n,
                                           size_t *used, struct span *data);

/* True when the comma-separated list holds this token, ASCII case folded (RFC 9110, 5.6.1). */
bool http_list_has(struct span list, const char *token);

/*
 * Walks a comma-separated list that may hold quoted strings: each call returns the next
 * non-empty element, trimmed; p is NULL at the end.
 */
struct span http_list_next(struct span *rest);

const char *http_method_name(enum http_method m); /* "GET"; "OTHER" for HTTP_METHOD_OTHER */
const char *http_status_reason(int status);       /* RFC 9110, 15; "Unknown" otherwise */

/* Quality (0..1000) an Accept header gives to a media type "type/subtype"; 0: not acceptable. An absent header accepts all. */
unsigned http_accept_quality(struct span accept, const char *type);

#endif
