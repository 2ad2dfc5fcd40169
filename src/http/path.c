/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Paths and query values. The path is decoded byte by byte into the caller's memory; at each
 * segment's end "." and ".." are taken back by moving the end, so that the result never holds
 * them and nothing is decoded twice. Pure. Runs in workers and tests.
 */
#include "http/path.h"

#include "http/chars.h"

/* The byte that %XX at s.p[at] stands for; -1 when it is no escape. */
static int escape_value(struct span s, size_t at)
{
    if (s.n - at < 3)
        return -1;
    int high = http_hex_value(s.p[at + 1]), low = http_hex_value(s.p[at + 2]);
    return high < 0 || low < 0 ? -1 : high << 4 | low;
}

/*
 * Ends the segment to[segment..*n): takes it back when it is "." and the one before it too
 * when it is "..", so that to[0..*n) then ends in a slash. False when ".." would rise above
 * the root.
 */
static bool end_segment(const char *to, size_t segment, size_t *n)
{
    size_t length = *n - segment;

    if (length == 1 && to[segment] == '.') {
        *n = segment;
    } else if (length == 2 && to[segment] == '.' && to[segment + 1] == '.') {
        if (segment == 1)
            return false;
        *n = segment - 1; /* on the slash before ".."; then back over the segment before it */
        while (to[*n - 1] != '/')
            --*n;
    }
    return true;
}

enum http_path_result http_path_decode(struct span raw, char *to, size_t cap, struct span *out)
{
    size_t n = 0, segment = 1;

    if (raw.n == 0 || raw.p[0] != '/')
        return HTTP_PATH_BAD;
    if (cap == 0)
        return HTTP_PATH_TOO_LONG;
    to[n++] = '/';
    for (size_t i = 1; i < raw.n; i++) {
        char c = raw.p[i];
        if (c == '%') {
            int value = escape_value(raw, i);
            if (value <= 0) /* no escape, or NUL */
                return HTTP_PATH_BAD;
            c = (char)value;
            i += 2;
        } else if ((unsigned char)c < 0x20 || c == 0x7f) {
            return HTTP_PATH_BAD;
        }
        if (c == '/') {
            if (!end_segment(to, segment, &n))
                return HTTP_PATH_BAD;
            if (to[n - 1] == '/') { /* an empty segment, or one of dots */
                segment = n;
                continue;
            }
        }
        if (n == cap)
            return HTTP_PATH_TOO_LONG;
        to[n++] = c;
        if (c == '/')
            segment = n;
    }
    if (!end_segment(to, segment, &n))
        return HTTP_PATH_BAD;
    *out = span_of(to, n);
    return HTTP_PATH_OK;
}

bool http_path_has_dot_file(struct span path)
{
    static const struct span well_known = {"/.well-known", 12};

    if (span_starts(path, well_known) && (path.n == well_known.n || path.p[well_known.n] == '/'))
        path = span_from(path, well_known.n);
    for (size_t i = 1; i < path.n; i++)
        if (path.p[i] == '.' && path.p[i - 1] == '/')
            return true;
    return false;
}

/* One byte of application/x-www-form-urlencoded at s.p[*at], which moves on. */
static char form_byte(struct span s, size_t *at)
{
    char c = s.p[*at];
    int value = c == '%' ? escape_value(s, *at) : -1;

    *at += value < 0 ? 1 : 3;
    if (value >= 0)
        return (char)value;
    return c == '+' ? ' ' : c;
}

static bool form_equals(struct span encoded, const char *key)
{
    size_t at = 0;

    for (; *key != '\0' && at < encoded.n; key++)
        if (form_byte(encoded, &at) != *key)
            return false;
    return *key == '\0' && at == encoded.n;
}

bool http_query_get(struct span query, const char *key, char *to, size_t cap, struct span *out)
{
    while (query.p) {
        struct span value = span_cut(&query, '&');
        struct span name = span_cut(&value, '=');
        if (!form_equals(name, key))
            continue;
        size_t n = 0;
        for (size_t at = 0; at < value.n;) {
            if (n == cap)
                return false;
            to[n++] = form_byte(value, &at);
        }
        *out = span_of(to, n);
        return true;
    }
    return false;
}
