/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The pace of events; see event_pace.h. Whoever moves told_ns on is the one that tells. Numbers
 * that a broken process left there can make events rare or frequent, nothing worse. Runs in the
 * master and in workers.
 */
#include "board/event_pace.h"

#include <stdio.h>

#define MINUTE_NS     (60 * NS_PER_S)
#define QUIET_NS      (10 * MINUTE_NS)
#define DOUBLINGS_MAX 6

#define GET(field)        atomic_load_explicit(&(field), memory_order_relaxed)
#define PUT(field, value) atomic_store_explicit(&(field), (value), memory_order_relaxed)

bool event_pace_tell(struct board_pace *p, struct mono now, unsigned burst, uint32_t *held)
{
    uint64_t told_ns = GET(p->told_ns), last_ns = GET(p->last_ns);
    uint32_t told = GET(p->told);

    if (last_ns != 0 && now.ns > last_ns && now.ns - last_ns > QUIET_NS) {
        told = 0;
        PUT(p->told, 0);
    }
    PUT(p->last_ns, now.ns);
    if (told >= burst) {
        uint32_t doublings = told - burst < DOUBLINGS_MAX ? told - burst : DOUBLINGS_MAX;
        bool early = now.ns <= told_ns || now.ns - told_ns < MINUTE_NS << doublings;
        if (early) {
            atomic_fetch_add_explicit(&p->held, 1, memory_order_relaxed);
            return false;
        }
    }
    if (!atomic_compare_exchange_strong_explicit(&p->told_ns, &told_ns, now.ns,
                                                 memory_order_relaxed, memory_order_relaxed)) {
        atomic_fetch_add_explicit(&p->held, 1, memory_order_relaxed);
        return false;
    }
    PUT(p->told, told < UINT32_MAX ? told + 1 : told);
    *held = atomic_exchange_explicit(&p->held, 0, memory_order_relaxed);
    return true;
}

const char *event_pace_words(uint32_t held, char out[EVENT_PACE_WORDS])
{
    out[0] = '\0';
    if (held > 0)
        snprintf(out, EVENT_PACE_WORDS, " (and %u more since the last)", held);
    return out;
}
