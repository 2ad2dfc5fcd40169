/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Conditional requests (RFC 9110, 13) and the validators they compare. Pure; workers and tests.
 */
#ifndef WEIR_HTTP_CONDITIONAL_H
#define WEIR_HTTP_CONDITIONAL_H

#include "http/request.h"

#define HTTP_ETAG_BYTES 64
#define HTTP_DATE_BYTES 29 /* "Sun, 06 Nov 1994 08:49:37 GMT" */

struct http_validators {
    struct span etag;   /* with its quotes; strong unless it begins with W/; n 0: none */
    int64_t modified_s; /* seconds since 1970; < 0: no Last-Modified */
};

enum http_condition {
    HTTP_COND_PROCEED,
    HTTP_COND_NOT_MODIFIED,       /* 304 */
    HTTP_COND_PRECONDITION_FAILED /* 412 */
};

/*
 * If-Match, If-Unmodified-Since, If-None-Match, If-Modified-Since in the precedence of RFC
 * 9110, 13.2.2, for a representation that exists. A date that does not parse is ignored, and
 * so is one that comes twice, and an If-Modified-Since for another method than GET or HEAD.
 * Repeated list fields count as one list. The century of a two-digit year is the one that
 * suits modified_s.
 */
enum http_condition http_conditional(const struct http_request *r, const struct http_validators *v);

/*
 * Whether Range is to be honoured: true without If-Range; else a strong match of the entity
 * tag, or a date equal to Last-Modified that is at least `now` - 1 s old (RFC 9110, 13.1.5).
 */
bool http_if_range(const struct http_request *r, const struct http_validators *v, int64_t now_s);

/*
 * Dates (RFC 9110, 5.6.7): all three formats are read; seconds since 1970, -1 when it is none.
 * A date before 1970 counts as 0. A two-digit year is the latest one that lies at most 50
 * years ahead of now. The day's name must be one but is not checked against the date.
 */
int64_t http_date_parse(struct span s, int64_t now_s);
/* Writes HTTP_DATE_BYTES bytes, no NUL. What is outside 1970 to 9999 is held at its ends. */
void http_date_format(int64_t seconds, char *to);

/* What is known of a file. Times since 1970. */
struct http_file {
    uint64_t device, inode, size;
    int64_t modified_s, changed_s;
    uint32_t modified_ns, changed_ns;
    uint64_t step_ns; /* changes less than this apart may bear the same time */
};

/* Whether this modification time says when the content changed; see etag.c. */
bool http_time_means_change(int64_t seconds, int64_t now_s);

/*
 * The entity tag of a file, by the rule in etag.c; with its quotes, into to[HTTP_ETAG_BYTES];
 * returns its length. Device and inode are mixed, so that their numbers are not told.
 */
size_t http_etag_make(const struct http_file *f, uint64_t now_ns, char *to);

/*
 * Walks a list of entity tags (RFC 9110, 8.8.3), where a backslash is an ordinary byte:
 * false at the end or where the list is malformed. *weak: it began with W/; *opaque has the
 * quotes.
 */
bool http_etag_next(struct span *rest, struct span *opaque, bool *weak);

#endif
