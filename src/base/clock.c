/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The two clocks. clock_gettime cannot fail for these ids on Linux, hence must().
 * Runs in every process.
 */
#include "base/clock.h"

#include <time.h>

#include "base/must.h"

static uint64_t read_clock(clockid_t id)
{
    struct timespec ts;

    must(clock_gettime(id, &ts) == 0);
    return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

struct mono mono_now(void)
{
    return (struct mono){read_clock(CLOCK_MONOTONIC)};
}

struct wall wall_now(void)
{
    return (struct wall){read_clock(CLOCK_REALTIME)};
}
