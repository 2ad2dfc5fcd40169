/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Byte ranges (RFC 9110, 14.1.2). Numbers saturate instead of overflowing, which changes no
 * answer, for no representation has that many bytes. Ranges are merged as they come, so the
 * array never holds two that touch, and their sum stays below the size. Pure. Runs in
 * workers and tests.
 */
#include "http/range.h"

#include <stdbool.h>

/* Takes the decimal digits at the front of s; false when there are none. */
static bool take_number(struct span *s, uint64_t *value)
{
    size_t i = 0;

    *value = 0;
    for (; i < s->n && s->p[i] >= '0' && s->p[i] <= '9'; i++) {
        unsigned digit = (unsigned)(s->p[i] - '0');
        *value = *value > (UINT64_MAX - digit) / 10 ? UINT64_MAX : *value * 10 + digit;
    }
    *s = span_from(*s, i);
    return i > 0;
}

/* One range-spec. False when malformed; r->length is 0 when it cannot be satisfied. */
static bool parse_spec(struct span s, uint64_t size, struct http_range *r)
{
    uint64_t first, last = UINT64_MAX;
    bool has_first = take_number(&s, &first);

    if (s.n == 0 || s.p[0] != '-')
        return false;
    s = span_from(s, 1);
    bool has_last = take_number(&s, &last);
    if (s.n > 0 || (!has_first && !has_last))
        return false;

    *r = (struct http_range){0, 0};
    if (!has_first) { /* the last so many bytes */
        r->length = last < size ? last : size;
        r->offset = size - r->length;
        return true;
    }
    if (!has_last)
        last = UINT64_MAX;
    if (last < first)
        return false;
    if (first < size) {
        r->offset = first;
        r->length = (last < size ? last + 1 : size) - first;
    }
    return true;
}

static bool touch(const struct http_range *a, const struct http_range *b)
{
    return a->offset <= b->offset + b->length && b->offset <= a->offset + a->length;
}

/* Adds r, merged with all that it touches, at the place of the first of them. */
static void add_range(struct http_range *out, unsigned *count, struct http_range r)
{
    unsigned place = *count;

    for (unsigned i = 0; i < *count;) {
        if (!touch(&out[i], &r)) {
            i++;
            continue;
        }
        uint64_t end = out[i].offset + out[i].length;
        if (end < r.offset + r.length)
            end = r.offset + r.length;
        if (out[i].offset < r.offset)
            r.offset = out[i].offset;
        r.length = end - r.offset;
        memmove(out + i, out + i + 1, (*count - i - 1) * sizeof *out);
        --*count;
        place = i < place ? i : place; /* those passed over do not touch what was taken in */
    }
    memmove(out + place + 1, out + place, (*count - place) * sizeof *out);
    out[place] = r;
    ++*count;
}

enum http_range_result http_range_parse(struct span value, uint64_t size, unsigned max_ranges,
                                        struct http_range *out, unsigned *count)
{
    struct span rest = span_trim(value);
    struct span unit = span_cut(&rest, '=');
    unsigned specs = 0;

    *count = 0;
    if (max_ranges > HTTP_RANGES_MAX)
        max_ranges = HTTP_RANGES_MAX;
    if (!rest.p || !span_ieq(unit, SPAN("bytes")))
        return HTTP_RANGE_NONE;
    while (rest.p) {
        struct span spec = span_trim(span_cut(&rest, ','));
        struct http_range r;
        if (spec.n == 0)
            continue;
        if (specs++ == max_ranges || !parse_spec(spec, size, &r)) {
            *count = 0;
            return HTTP_RANGE_NONE;
        }
        if (r.length > 0)
            add_range(out, count, r);
    }
    if (specs == 0)
        return HTTP_RANGE_NONE;
    return *count > 0 ? HTTP_RANGE_PARTIAL : HTTP_RANGE_UNSATISFIABLE;
}
