/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Clocks: monotonic and wall time as different types, both in nanoseconds, so that an
 * age is never taken from a clock that an administrator or NTP can move.
 * Runs in every process; both calls are vDSO reads (clock_gettime(2)).
 */
#ifndef WEIR_BASE_CLOCK_H
#define WEIR_BASE_CLOCK_H

#include <stdint.h>

#define NS_PER_US UINT64_C(1000)
#define NS_PER_MS UINT64_C(1000000)
#define NS_PER_S  UINT64_C(1000000000)

struct mono { uint64_t ns; }; /* CLOCK_MONOTONIC: ages and deadlines */
struct wall { uint64_t ns; }; /* CLOCK_REALTIME since 1970: what people and HTTP read */

struct mono mono_now(void);
struct wall wall_now(void);

/* How long ago `then` was at `now`; 0 when it lies ahead. */
static inline uint64_t mono_since(struct mono now, struct mono then)
{
    return now.ns > then.ns ? now.ns - then.ns : 0;
}

static inline struct mono mono_after(struct mono t, uint64_t ns)
{
    return (struct mono){t.ns + ns};
}

/* Not before the clock's own beginning. */
static inline struct mono mono_before(struct mono t, uint64_t ns)
{
    return (struct mono){t.ns > ns ? t.ns - ns : 0};
}

#endif
