/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Histogram arithmetic: which bucket a time falls into, and what a set of buckets says about
 * the times that fell into them. The shape is described at struct board_hist. Pure; the
 * bucket arithmetic runs in workers too, the rest in observers.
 */
#include "weir/snapshot.h"

#define SUB_COUNT (1u << HIST_SUB_BITS)

unsigned hist_bucket_of(uint64_t ns)
{
    if (ns < UINT64_C(1) << HIST_MIN_BITS)
        return 0;
    if (ns >= UINT64_C(1) << HIST_MAX_BITS)
        return HIST_BUCKETS - 1;
    unsigned doubling = 63 - (unsigned)__builtin_clzll(ns);
    unsigned sub = (unsigned)(ns >> (doubling - HIST_SUB_BITS)) & (SUB_COUNT - 1);
    return 1 + (doubling - HIST_MIN_BITS) * SUB_COUNT + sub;
}

uint64_t hist_bucket_low_ns(unsigned bucket)
{
    if (bucket == 0)
        return 0;
    if (bucket >= HIST_BUCKETS - 1)
        return UINT64_C(1) << HIST_MAX_BITS;
    unsigned doubling = (bucket - 1) / SUB_COUNT + HIST_MIN_BITS;
    uint64_t sub = (bucket - 1) % SUB_COUNT;
    return (UINT64_C(1) << doubling) + (sub << (doubling - HIST_SUB_BITS));
}

/* The last bucket has no upper end: its lower end stands for it. */
uint64_t hist_bucket_mid_ns(unsigned bucket)
{
    uint64_t low = hist_bucket_low_ns(bucket);

    if (bucket >= HIST_BUCKETS - 1)
        return low;
    return low + (hist_bucket_low_ns(bucket + 1) - low) / 2;
}

static uint64_t bucket_sum(const struct snap_hist *h)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < HIST_BUCKETS; i++)
        if (__builtin_add_overflow(sum, h->bucket[i], &sum))
            return UINT64_MAX;
    return sum;
}

/* The 1-based rank of quantile q among n values; n itself where floating point cannot tell. */
static uint64_t rank_of(double q, uint64_t n)
{
    double x = q * (double)n;

    if (!(x > 1))
        return 1;
    if (x >= (double)n)
        return n;
    uint64_t rank = (uint64_t)x;
    return (double)rank < x ? rank + 1 : rank;
}

uint64_t snap_hist_quantile(const struct snap_hist *h, double q)
{
    /* Not h->count: it was read at another instant than the buckets. */
    uint64_t n = bucket_sum(h);

    if (n == 0)
        return 0;
    uint64_t left = rank_of(q, n);
    for (unsigned i = 0; i < HIST_BUCKETS; i++) {
        if (h->bucket[i] >= left)
            return hist_bucket_mid_ns(i);
        left -= h->bucket[i];
    }
    return hist_bucket_mid_ns(HIST_BUCKETS - 1);
}

void snap_hist_add(struct snap_hist *to, const struct snap_hist *from)
{
    to->count += from->count;
    to->sum_ns += from->sum_ns;
    for (unsigned i = 0; i < HIST_BUCKETS; i++)
        to->bucket[i] += from->bucket[i];
}

static bool went_back(const struct snap_hist *now, const struct snap_hist *before)
{
    if (now->count < before->count || now->sum_ns < before->sum_ns)
        return true;
    for (unsigned i = 0; i < HIST_BUCKETS; i++)
        if (now->bucket[i] < before->bucket[i])
            return true;
    return false;
}

void snap_hist_diff(struct snap_hist *out, const struct snap_hist *now,
                    const struct snap_hist *before)
{
    if (went_back(now, before)) {
        *out = *now;
        return;
    }
    out->count = now->count - before->count;
    out->sum_ns = now->sum_ns - before->sum_ns;
    for (unsigned i = 0; i < HIST_BUCKETS; i++)
        out->bucket[i] = now->bucket[i] - before->bucket[i];
}
