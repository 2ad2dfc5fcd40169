/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Request heads: what is taken keeps the promises of request.h; growing prefixes come to the
 * same end as the whole; what acts on a parsed head stands it.
 */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

#include "http/conditional.h"
#include "http/parse.h"

static const struct http_parse_limits limits = {1024};

static void check_text(struct span s, bool token)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        must(c != 0x7f && (c >= 0x20 || (c == '\t' && !token)));
        must(!token || (c > 0x20 && c < 0x80 && c != ':'));
    }
}

static void check_fields(const struct http_request *r, struct span head)
{
    unsigned seen[HTTP_FIELD_COUNT] = {0};

    must(r->field_count <= HTTP_FIELDS_MAX);
    for (unsigned i = 0; i < r->field_count; i++) {
        const struct http_field *f = &r->field[i];
        must(f->name.n > 0 && span_within(f->name, head) && span_within(f->value, head));
        must(span_eq(span_trim(f->value), f->value));
        check_text(f->name, true);
        check_text(f->value, false);
        must(f->id < HTTP_FIELD_COUNT);
        if (seen[f->id]++ == 0 && f->id != HTTP_FIELD_OTHER)
            must(r->known[f->id].p == f->value.p && r->known[f->id].n == f->value.n);
    }
    for (unsigned id = HTTP_FIELD_OTHER + 1; id < HTTP_FIELD_COUNT; id++) {
        must((seen[id] > 0) == (r->known[id].p != NULL));
        must((seen[id] > 1) == ((r->repeated >> id & 1) != 0));
    }
    must(seen[HTTP_FIELD_HOST] <= 1 && (seen[HTTP_FIELD_HOST] == 1 || r->version_minor == 0));
    must(r->framing != HTTP_BODY_CHUNKED ||
         (seen[HTTP_FIELD_CONTENT_LENGTH] == 0 && r->version_minor == 1));
    must((r->framing == HTTP_BODY_LENGTH) == (seen[HTTP_FIELD_CONTENT_LENGTH] == 1));
    must(r->content_length <= INT64_MAX);
}

static void check_request(const struct http_request *r, struct span head)
{
    must(span_within(r->line, head) && span_within(r->target, r->line));
    must(span_within(r->method_text, r->line) && r->method_text.n > 0 && r->target.n > 0);
    check_text(r->line, false);
    check_text(r->method_text, true);
    must(span_within(r->host, head) && span_within(r->query, r->target));
    must(r->path.n > 0 && (r->path.p[0] == '/' || r->form == HTTP_ASTERISK_FORM));
    must(span_within(r->path, r->target) || span_eq(r->path, SPAN("/")));
    must(r->has_query || r->query.n == 0);
    must(r->version_minor <= 1);
    check_fields(r, head);
}

static void use_request(const struct http_request *r)
{
    struct http_validators v = {SPAN("\"x\""), INT64_C(784111777)};
    enum http_condition c = http_conditional(r, &v);

    must(c != HTTP_COND_NOT_MODIFIED || r->method == HTTP_GET || r->method == HTTP_HEAD);
    must(http_if_range(r, &v, INT64_C(784111778)) || r->known[HTTP_FIELD_IF_RANGE].p);
    http_accept_quality(r->known[HTTP_FIELD_ACCEPT], "text/html");
}

/* The same bytes in pieces, each time at another address. */
static void check_pieces(const struct http_parser *whole, enum http_parse_result result,
                         const uint8_t *data, size_t size)
{
    static struct http_request r;
    struct http_parser s = {0};
    enum http_parse_result now = HTTP_PARSE_MORE;
    size_t step = size % 7 + 1;

    for (size_t n = 0; now == HTTP_PARSE_MORE && n < size;) {
        n = n + step < size ? n + step : size;
        char *copy = malloc(n);
        must(copy);
        memcpy(copy, data, n);
        now = http_parse_head(&s, &limits, copy, n, &r);
        if (now == HTTP_PARSE_DONE)
            check_request(&r, span_of(copy, n));
        free(copy);
    }
    must(now == result && s.status == whole->status && s.consumed == whole->consumed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct http_request r;
    struct http_parser s = {0};
    struct span head = span_of((const char *)data, size);
    enum http_parse_result result = http_parse_head(&s, &limits, head.p, size, &r);

    if (result == HTTP_PARSE_DONE) {
        must(s.consumed <= size && s.consumed <= limits.head_bytes && s.status == 0);
        check_request(&r, span_of(head.p, s.consumed));
        use_request(&r);
    } else if (result == HTTP_PARSE_BAD) {
        must(s.why && span_within(r.line, head));
        must(s.status == 400 || s.status == 414 || s.status == 431 || s.status == 501 ||
             s.status == 505);
    } else {
        must(size < limits.head_bytes && s.status == 0);
    }
    check_pieces(&s, result, data, size);
    return 0;
}
