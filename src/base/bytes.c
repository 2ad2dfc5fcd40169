/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Spans, growing buffers and bounded writers. No locale, no allocation in spans and
 * outs; a buf reports ENOMEM to its caller instead of ending the process.
 * Runs in every process.
 */
#include "base/bytes.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static unsigned char fold(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

bool span_ieq(struct span a, struct span b)
{
    if (a.n != b.n)
        return false;
    for (size_t i = 0; i < a.n; i++)
        if (fold(a.p[i]) != fold(b.p[i]))
            return false;
    return true;
}

static bool is_ows(char c)
{
    return c == ' ' || c == '\t';
}

struct span span_trim(struct span a)
{
    while (a.n > 0 && is_ows(a.p[0])) {
        a.p++;
        a.n--;
    }
    while (a.n > 0 && is_ows(a.p[a.n - 1]))
        a.n--;
    return a;
}

struct span span_cut(struct span *rest, char sep)
{
    struct span head = *rest;
    const char *hit = rest->n > 0 ? memchr(rest->p, sep, rest->n) : NULL;

    if (!hit) {
        *rest = (struct span){NULL, 0};
        return head;
    }
    head.n = (size_t)(hit - head.p);
    *rest = (struct span){hit + 1, rest->n - head.n - 1};
    return head;
}

bool span_u64(struct span a, uint64_t max, uint64_t *out)
{
    enum { SAFE_DIGITS = 19 }; /* cannot overflow */
    uint64_t v = 0;

    if (a.n == 0)
        return false;
    for (size_t i = 0; i < a.n; i++) {
        unsigned digit = (unsigned)(unsigned char)a.p[i] - '0';
        if (digit > 9 || (i >= SAFE_DIGITS && v > (UINT64_MAX - digit) / 10))
            return false;
        v = v * 10 + digit;
    }
    if (v > max)
        return false;
    *out = v;
    return true;
}

char *span_dup(struct span a)
{
    char *copy = malloc(a.n + 1);

    if (!copy)
        return NULL;
    if (a.n > 0)
        memcpy(copy, a.p, a.n);
    copy[a.n] = '\0';
    return copy;
}

bool buf_reserve(struct buf *b, size_t more)
{
    if (b->cap - b->n >= more)
        return true;
    if (more > SIZE_MAX / 2 - b->n)
        return false;
    size_t cap = b->cap ? b->cap : 256;
    while (cap - b->n < more)
        cap *= 2;
    char *p = realloc(b->p, cap);
    if (!p)
        return false;
    b->p = p;
    b->cap = cap;
    return true;
}

bool buf_add(struct buf *b, const void *p, size_t n)
{
    if (!buf_reserve(b, n))
        return false;
    if (n > 0)
        memcpy(b->p + b->n, p, n);
    b->n += n;
    return true;
}

bool buf_add_span(struct buf *b, struct span s)
{
    return buf_add(b, s.p, s.n);
}

bool buf_addf(struct buf *b, const char *fmt, ...)
{
    size_t room = b->cap - b->n; /* where it mostly fits already */
    va_list ap;

    va_start(ap, fmt);
    int n = vsnprintf(room > 0 ? b->p + b->n : NULL, room, fmt, ap);
    va_end(ap);
    if (n >= 0 && (size_t)n < room) {
        b->n += (size_t)n;
        return true;
    }
    if (n < 0 || !buf_reserve(b, (size_t)n + 1))
        return false;
    va_start(ap, fmt);
    vsnprintf(b->p + b->n, (size_t)n + 1, fmt, ap);
    va_end(ap);
    b->n += (size_t)n;
    return true;
}

void buf_free(struct buf *b)
{
    free(b->p);
    *b = (struct buf){0};
}

void out_u64(struct out *o, uint64_t v)
{
    char digits[20];
    size_t i = sizeof digits;

    for (; v >= 100; v /= 100) { /* two at a time: dividing is what takes long */
        unsigned two = (unsigned)(v % 100);
        digits[--i] = (char)('0' + two % 10);
        digits[--i] = (char)('0' + two / 10);
    }
    digits[--i] = (char)('0' + v % 10);
    if (v >= 10)
        digits[--i] = (char)('0' + v / 10);
    out_add(o, digits + i, sizeof digits - i);
}

void out_fmt(struct out *o, const char *fmt, ...)
{
    char text[1024];
    va_list ap;

    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (n < 0)
        return;
    if ((size_t)n >= sizeof text) {
        o->cut = true;
        n = (int)sizeof text - 1;
    }
    out_add(o, text, (size_t)n);
}
