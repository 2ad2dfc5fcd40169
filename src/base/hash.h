/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A hash for tables of this process: multiply and fold, a few nanoseconds for a path. The seed
 * is secret, so that nobody can choose names that meet in one place. Not for signatures, and
 * not the same in another process. Runs in every process.
 */
#ifndef WEIR_BASE_HASH_H
#define WEIR_BASE_HASH_H

#include "base/bytes.h"

/* Random; when the kernel has no entropy yet, what the start time and the memory layout make. */
uint64_t hash_seed(void);

__extension__ typedef unsigned __int128 hash_u128;

static inline uint64_t hash_fold(uint64_t a, uint64_t b)
{
    hash_u128 product = (hash_u128)a * b;

    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t hash_span(uint64_t seed, struct span s)
{
    static const uint64_t k = UINT64_C(0x9e3779b97f4a7c15);
    uint64_t h = seed;
    uint64_t word;
    size_t at = 0;

    for (; s.n - at >= sizeof word; at += sizeof word) {
        memcpy(&word, s.p + at, sizeof word);
        h = hash_fold(h ^ word, k);
    }
    word = 0;
    if (s.n > at)
        memcpy(&word, s.p + at, s.n - at);
    h = hash_fold(h ^ word, k);
    return hash_fold(h ^ s.n, k);
}

#endif
