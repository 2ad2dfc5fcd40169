/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a request's body ends and whether the connection goes on (RFC 9112, 6 and 9). There
 * is one way only to say a length: whatever two readers could take differently is refused,
 * also where RFC 9112 would let a recipient repair it. Pure. Runs in workers and tests.
 */
#include "http/chars.h"
#include "http/head.h"

static bool is_token(struct span s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!http_char_is(s.p[i], HTTP_CHAR_TOKEN))
            return false;
    return s.n > 0;
}

static bool content_length(struct http_parser *s, struct http_request *r)
{
    if (r->repeated & UINT32_C(1) << HTTP_FIELD_CONTENT_LENGTH)
        return http_head_refuse(s, 400, "more than one Content-Length");
    if (!span_u64(r->known[HTTP_FIELD_CONTENT_LENGTH], INT64_MAX, &r->content_length))
        return http_head_refuse(s, 400, "malformed Content-Length");
    r->framing = HTTP_BODY_LENGTH;
    return true;
}

/* "chunked" alone is understood; other codings before it are 501, all else is 400. */
static bool transfer_encoding(struct http_parser *s, struct http_request *r)
{
    bool chunked = false, unknown = false;
    struct span value;

    if (r->version_minor == 0)
        return http_head_refuse(s, 400, "Transfer-Encoding in HTTP/1.0");
    for (unsigned at = 0; http_field_next(r, HTTP_FIELD_TRANSFER_ENCODING, &at, &value);) {
        do {
            struct span coding = span_trim(span_cut(&value, ','));
            if (chunked)
                return http_head_refuse(s, 400, "chunked is not the last transfer coding");
            if (span_ieq(coding, SPAN("chunked")))
                chunked = true;
            else if (is_token(span_trim(span_cut(&coding, ';'))))
                unknown = true;
            else
                return http_head_refuse(s, 400, "malformed Transfer-Encoding");
        } while (value.p);
    }
    if (!chunked)
        return http_head_refuse(s, 400, "last transfer coding is not chunked");
    if (unknown)
        return http_head_refuse(s, 501, "unknown transfer coding");
    r->framing = HTTP_BODY_CHUNKED;
    return true;
}

bool http_head_framing(struct http_parser *s, struct http_request *r)
{
    bool has_length = r->known[HTTP_FIELD_CONTENT_LENGTH].p != NULL;

    if (r->known[HTTP_FIELD_TRANSFER_ENCODING].p) {
        if (has_length)
            return http_head_refuse(s, 400, "Content-Length beside Transfer-Encoding");
        if (!transfer_encoding(s, r))
            return false;
    } else if (has_length && !content_length(s, r)) {
        return false;
    }

    bool http11 = r->version_minor > 0;
    r->keep_alive = http11;
    if (r->known[HTTP_FIELD_CONNECTION].p) {
        if (!http11)
            r->keep_alive = http_field_has(r, HTTP_FIELD_CONNECTION, "keep-alive");
        if (http_field_has(r, HTTP_FIELD_CONNECTION, "close"))
            r->keep_alive = false;
        r->upgrade = http11 && r->known[HTTP_FIELD_UPGRADE].n > 0 &&
                     http_field_has(r, HTTP_FIELD_CONNECTION, "upgrade");
    }
    r->expect_continue = http11 && http_field_has(r, HTTP_FIELD_EXPECT, "100-continue");
    return true;
}
