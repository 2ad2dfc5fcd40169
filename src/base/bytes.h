/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bytes: the three ways this program holds text. A span borrows, a buf owns and
 * grows, an out writes into memory somebody else owns and remembers if it had to
 * cut. None of them needs a terminating NUL; none of them knows about HTTP.
 * Runs in every process.
 */
#ifndef WEIR_BASE_BYTES_H
#define WEIR_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Borrowed bytes. The holder must not outlive the owner. p may be NULL when n is 0. */
struct span {
    const char *p;
    size_t n;
};

#define SPAN(literal)                                                                              \
    (struct span)                                                                                  \
    {                                                                                              \
        (literal), sizeof(literal) - 1                                                             \
    }

static inline struct span span_of(const char *p, size_t n)
{
    return (struct span){p, n};
}

static inline struct span span_str(const char *s)
{
    return (struct span){s, s ? strlen(s) : 0};
}

static inline bool span_eq(struct span a, struct span b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool span_starts(struct span a, struct span prefix)
{
    return a.n >= prefix.n && (prefix.n == 0 || memcmp(a.p, prefix.p, prefix.n) == 0);
}

/* a from byte `from` on; an empty span when from is past its end. */
static inline struct span span_from(struct span a, size_t from)
{
    return from >= a.n ? (struct span){a.p ? a.p + a.n : NULL, 0}
                       : (struct span){a.p + from, a.n - from};
}

/* Equal when ASCII letters are folded; other bytes compare as they are. No locale. */
bool span_ieq(struct span a, struct span b);

/* a without spaces and tabs at either end (OWS of RFC 9110, 5.6.3). */
struct span span_trim(struct span a);

/*
 * Takes the part before the first `sep` off `rest` and returns it; the separator is
 * swallowed. The last call returns what is left and leaves rest->p NULL.
 */
struct span span_cut(struct span *rest, char sep);

/* Decimal digits only, all of them, no sign; false when empty, not digits, or above max. */
bool span_u64(struct span a, uint64_t max, uint64_t *out);

/* A copy with a NUL behind it, from malloc; NULL when memory runs out. Caller frees. */
char *span_dup(struct span a);

/* Owned, growing bytes. Zero-initialise; buf_free gives the memory back. */
struct buf {
    char *p;
    size_t n, cap;
};

/* Makes room for `more` bytes behind n. False on ENOMEM; the buf is as it was. */
bool buf_reserve(struct buf *b, size_t more);
bool buf_add(struct buf *b, const void *p, size_t n);
bool buf_add_span(struct buf *b, struct span s);
bool buf_addf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_free(struct buf *b);

static inline struct span buf_span(const struct buf *b)
{
    return (struct span){b->p, b->n};
}

/* A writer into fixed memory. Once something did not fit, `cut` stays true. */
struct out {
    char *p, *end;
    char *start;
    bool cut;
};

static inline struct out out_into(char *p, size_t cap)
{
    return (struct out){p, p + cap, p, false};
}

static inline size_t out_len(const struct out *o)
{
    return (size_t)(o->p - o->start);
}

static inline void out_add(struct out *o, const char *p, size_t n)
{
    if ((size_t)(o->end - o->p) < n) {
        n = (size_t)(o->end - o->p);
        o->cut = true;
    }
    if (n > 0)
        memcpy(o->p, p, n);
    o->p += n;
}

static inline void out_span(struct out *o, struct span s)
{
    out_add(o, s.p, s.n);
}

static inline void out_str(struct out *o, const char *s)
{
    out_add(o, s, strlen(s));
}

static inline void out_char(struct out *o, char c)
{
    out_add(o, &c, 1);
}

/* Decimal, no sign, no padding. */
void out_u64(struct out *o, uint64_t v);
void out_fmt(struct out *o, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
