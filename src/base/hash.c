/* SPDX-License-Identifier: BSD-2-Clause */
/* The seed of hashes; see hash.h. */
#include "base/hash.h"

#include <sys/random.h>

#include "base/clock.h"

uint64_t hash_seed(void)
{
    uint64_t seed;

    if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) != sizeof seed)
        seed = (uint64_t)(uintptr_t)&seed ^ mono_now().ns;
    return seed;
}
