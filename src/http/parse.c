/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The head of a request. Two passes: memchr(3) from line feed to line feed until the blank
 * line, going on where the last call ended; then, once, a table-driven pass over the lines.
 * The request line is also read as soon as it is whole, so that a bad one is answered
 * without waiting for the rest. What target and fields mean is in target.c and framing.c.
 * Pure: no I/O, no allocation. Runs in workers and tests.
 */
#include "http/parse.h"

#include "http/chars.h"
#include "http/head.h"

#define EACH_BYTE(b) (UINT64_C(0x0101010101010101) * (b))

/*
 * Which byte of a word the first mark is on. Marks behind the first may be false: a borrow of the
 * subtraction that makes them runs towards the later bytes only where the first byte is lowest.
 */
static size_t odd_byte(uint64_t marks)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    return (size_t)__builtin_ctzll(marks) / 8;
#else
    (void)marks;
    return 0; /* go on byte by byte */
#endif
}

/*
 * The first byte at or behind p that may not stand in a field value, eight bytes at a time:
 * of a word without bytes below 0x20 and without 0x7f nothing need be looked at.
 */
static const char *value_end(const char *p, const char *end)
{
    for (;;) {
        uint64_t word;
        while ((size_t)(end - p) >= sizeof word) {
            memcpy(&word, p, sizeof word);
            uint64_t del = word ^ EACH_BYTE(0x7f);
            uint64_t low = (word - EACH_BYTE(0x20)) & ~word;
            uint64_t is_del = (del - EACH_BYTE(1)) & ~del;
            uint64_t odd = (low | is_del) & EACH_BYTE(0x80);
            if (odd == 0) {
                p += sizeof word;
                continue;
            }
            p += odd_byte(odd);
            if (!http_char_is(*p, HTTP_CHAR_VALUE))
                return p;
            p++;
        }
        if (p == end || !http_char_is(*p, HTTP_CHAR_VALUE))
            return p;
        p++;
    }
}

/*
 * Finds the next line's end in p[0..n). True when there is one: *blank tells whether the
 * line was empty, s->scanned is behind it. False: no whole line, or a bare line feed.
 */
static bool next_line(struct http_parser *s, const char *p, size_t n, bool *blank)
{
    const char *lf = s->scanned < n ? memchr(p + s->scanned, '\n', n - s->scanned) : NULL;

    if (!lf) {
        s->scanned = n;
        return false;
    }
    size_t at = (size_t)(lf - p);
    if (at == s->line || p[at - 1] != '\r')
        return http_head_refuse(s, 400, "line feed without carriage return");
    *blank = at == s->line + 1;
    s->scanned = at + 1;
    return true;
}

/* A byte that no request can begin with (a TLS hello, say) need not wait for a line feed. */
static bool first_byte_good(struct http_parser *s, const char *p, size_t n)
{
    if (s->start >= n || http_char_is(p[s->start], HTTP_CHAR_TOKEN))
        return true;
    if (s->start == 0 && p[0] == '\r')
        return true;
    return http_head_refuse(s, 400, "request does not begin with a method");
}

/* True once p[s->start..) holds the whole request line; s->scanned is then behind it. */
static bool find_request_line(struct http_parser *s, const char *p, size_t n)
{
    bool blank = false;

    if (!first_byte_good(s, p, n) || !next_line(s, p, n, &blank))
        return false;
    if (blank) { /* the first byte was CR, so this is the one that is passed over */
        s->start = s->line = s->scanned;
        if (!first_byte_good(s, p, n) || !next_line(s, p, n, &blank))
            return false;
    }
    s->line = s->scanned;
    return true;
}

static bool find_head_end(struct http_parser *s, const char *p, size_t n)
{
    bool blank = false;

    while (next_line(s, p, n, &blank)) {
        if (blank)
            return true;
        s->line = s->scanned;
    }
    return false;
}

/* HTTP-version = "HTTP/" DIGIT "." DIGIT (RFC 9112, 2.3) */
static bool parse_version(struct http_parser *s, struct span text, struct http_request *r)
{
    if (text.n != 8 || memcmp(text.p, "HTTP/", 5) != 0 || text.p[6] != '.' || text.p[5] < '0' ||
        text.p[5] > '9' || text.p[7] < '0' || text.p[7] > '9')
        return http_head_refuse(s, 400, "malformed HTTP version");
    if (text.p[5] != '1')
        return http_head_refuse(s, 505, "HTTP version is not 1.x");
    r->version_minor = text.p[7] == '0' ? 0 : 1;
    return true;
}

/* r->line has the line; it is followed by CRLF, so that loops over a class end there. */
static bool parse_request_line(struct http_parser *s, struct http_request *r)
{
    const char *p = r->line.p, *end = p + r->line.n;
    const char *at = p;

    while (http_char_is(*at, HTTP_CHAR_TOKEN))
        at++;
    if (at == p || *at != ' ')
        return http_head_refuse(s, 400, "malformed method");
    r->method_text = span_of(p, (size_t)(at - p));
    r->method = http_method_by_name(r->method_text);

    p = ++at;
    while (http_char_is(*at, HTTP_CHAR_TARGET))
        at++;
    if (at == p || *at != ' ')
        return http_head_refuse(s, 400,
                                at == end && at > p ? "request line without HTTP version"
                                                    : "malformed request target");
    r->target = span_of(p, (size_t)(at - p));
    at++;
    return parse_version(s, span_of(at, (size_t)(end - at)), r) && http_head_target(s, r);
}

static const char *name_fault(const char *name, const char *at)
{
    if (at == name)
        return *at == ':' ? "empty field name" : "field line begins with white space or control";
    if (*at == ' ' || *at == '\t')
        return "white space before the colon";
    return "malformed field name";
}

/* Reads the field line at p, which ends before `end` in CRLF; NULL when it is refused. */
static const char *parse_field(struct http_parser *s, struct http_request *r, const char *p,
                               const char *end)
{
    const char *name = p;

    while (http_char_is(*p, HTTP_CHAR_TOKEN))
        p++;
    if (p == name || *p != ':') {
        http_head_refuse(s, 400, name_fault(name, p));
        return NULL;
    }
    struct http_field *f = &r->field[r->field_count];
    f->name = span_of(name, (size_t)(p - name));
    do
        p++;
    while (*p == ' ' || *p == '\t');
    const char *value = p;
    p = value_end(p, end);
    if (p[0] != '\r' || p[1] != '\n') {
        http_head_refuse(s, 400, "control character in a field value");
        return NULL;
    }
    f->value = span_trim(span_of(value, (size_t)(p - value)));
    f->id = http_field_by_name(f->name);
    r->field_count++;
    if (f->id != HTTP_FIELD_OTHER) {
        if (r->known[f->id].p)
            r->repeated |= UINT32_C(1) << f->id;
        else
            r->known[f->id] = f->value;
    }
    return p + 2;
}

static bool parse_fields(struct http_parser *s, struct http_request *r, const char *p,
                         const char *end)
{
    while (p < end) {
        if (r->field_count == HTTP_FIELDS_MAX)
            return http_head_refuse(s, 431, "too many fields");
        p = parse_field(s, r, p, end);
        if (!p)
            return false;
    }
    return true;
}

/* The head is not whole in p[0..n): wait, unless it was refused or is at its limit. */
static enum http_parse_result unfinished(struct http_parser *s,
                                         const struct http_parse_limits *limits, size_t n,
                                         int status, const char *why)
{
    if (s->status == 0 && n >= limits->head_bytes)
        http_head_refuse(s, status, why);
    return s->status == 0 ? HTTP_PARSE_MORE : HTTP_PARSE_BAD;
}

enum http_parse_result http_parse_head(struct http_parser *s,
                                       const struct http_parse_limits *limits, const char *p,
                                       size_t n, struct http_request *out)
{
    size_t reach = n < limits->head_bytes ? n : limits->head_bytes;
    bool line_read = s->fields > 0;

    memset(out, 0, offsetof(struct http_request, field));
    if (s->status != 0)
        return HTTP_PARSE_BAD;
    if (!line_read && !find_request_line(s, p, reach)) {
        if (s->start < reach)
            out->line = span_of(p + s->start, reach - s->start);
        return unfinished(s, limits, n, 414, "request line too long");
    }
    if (!line_read)
        s->fields = s->line;
    out->line = span_of(p + s->start, s->fields - 2 - s->start);
    if (!line_read && !parse_request_line(s, out))
        return HTTP_PARSE_BAD;
    if (!find_head_end(s, p, reach))
        return unfinished(s, limits, n, 431, "head too long");
    if (line_read && !parse_request_line(s, out)) /* again, for p may have moved */
        return HTTP_PARSE_BAD;
    if (!parse_fields(s, out, p + s->fields, p + s->scanned - 2) || !http_head_host(s, out) ||
        !http_head_framing(s, out))
        return HTTP_PARSE_BAD;
    s->consumed = s->scanned;
    return HTTP_PARSE_DONE;
}
