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
    /* 431 above this, 414 when the request line alone does not fit. A head of exactly this
     * many bytes is taken, so a buffer of this size is enough. */
    size_t head_bytes;
};

/* State between calls with a growing prefix of the same head; zero it for each new head. */
struct http_parser {
    size_t scanned;  /* bytes known not to end the head */
    size_t start;    /* of the request line */
    size_t line;     /* of the line under way */
    size_t fields;   /* of the first field line; 0 until the request line is whole and good */
    size_t consumed; /* DONE: length of the head, its blank line included (and any empty lines
                        before it) */
    int status;      /* BAD: 400, 414, 431, 501, 505; else 0 */
    const char *why; /* BAD: for the log */
};

/*
 * p[0..n) is all that has been received of this head; call again with more of it. Work over
 * all calls is linear in the head's length. At most one empty line before the request line
 * is skipped (RFC 9112, 2.2). Spans of *out point into p. A bad request line is told as soon
 * as it is whole. With BAD, out->line is the request line as far as it came, for the log,
 * and nothing else of *out may be used; with MORE nothing of it may.
 */
enum http_parse_result http_parse_head(struct http_parser *parser,
                                       const struct http_parse_limits *limits, const char *p,
                                       size_t n, struct http_request *out);

/* Decoding a chunked body incrementally (RFC 9112, 7.1). Zero it before the first call. */
struct http_chunked {
    int state;
    uint64_t left;     /* of the current chunk */
    uint64_t total;    /* content bytes so far */
    size_t line_bytes; /* of the chunk size, then of the trailer section: bounded */
    size_t excess;     /* bytes of chunk extensions beyond the content they came with: bounded */
    const char *why;   /* BAD */
};

enum http_chunked_result {
    HTTP_CHUNKED_MORE,
    HTTP_CHUNKED_DATA,
    HTTP_CHUNKED_END,
    HTTP_CHUNKED_BAD
};

/*
 * Takes the next step in p[0..n): *used says how many bytes it consumed. DATA: *data is a
 * run of content in p. MORE: all n were consumed and more are needed. END: the body and its
 * trailers are over; what follows in p belongs to the next request. Trailer fields are
 * checked and dropped; they are bounded by 8 KiB, and chunk extensions by 8 KiB more than
 * the content they came with. The sum of all chunks fits int64_t.
 */
enum http_chunked_result http_chunked_step(struct http_chunked *c, const char *p, size_t n,
                                           size_t *used, struct span *data);

/* True when the comma-separated list holds this token, ASCII case folded (RFC 9110, 5.6.1). */
bool http_list_has(struct span list, const char *token);

/*
 * Takes the part before the first `sep` that is outside a quoted string off `rest`, trimmed;
 * the last call leaves rest->p NULL.
 */
struct span http_list_cut(struct span *rest, char sep);

/*
 * Walks a comma-separated list that may hold quoted strings: each call returns the next
 * non-empty element, trimmed; p is NULL at the end.
 */
struct span http_list_next(struct span *rest);

const char *http_method_name(enum http_method m); /* "GET"; "OTHER" for HTTP_METHOD_OTHER */
const char *http_status_reason(int status);       /* RFC 9110, 15; "Unknown" otherwise */

/*
 * Quality (0..1000) that an Accept value gives to a media type "type/subtype"; 0: not
 * acceptable. The most specific range decides; an absent or empty value accepts all.
 */
unsigned http_accept_quality(struct span accept, const char *type);

#endif
