/* SPDX-License-Identifier: BSD-2-Clause */
/* The token bucket; see throttle.h. Worker only. */
#include "proto/throttle.h"

enum { BUCKETS_A_SECOND = 4, LEAST_A_SECOND = 20 };

void throttle_set(struct throttle *t, uint64_t bytes_per_s, struct mono now)
{
    *t = (struct throttle){.bytes_per_s = bytes_per_s, .filled = now};
}

static void fill(struct throttle *t, struct mono now)
{
    uint64_t most = t->bytes_per_s / BUCKETS_A_SECOND;
    uint64_t us = mono_since(now, t->filled) / NS_PER_US;
    uint64_t more;

    if (us >= NS_PER_S / NS_PER_US / BUCKETS_A_SECOND) {
        t->room_bytes = most;
        t->filled = now;
        return;
    }
    more = t->bytes_per_s * us / (NS_PER_S / NS_PER_US);
    if (more == 0) /* the time counts when it has become a byte */
        return;
    t->room_bytes = more < most - t->room_bytes ? t->room_bytes + more : most;
    t->filled = now;
}

uint64_t throttle_room(struct throttle *t, struct mono now)
{
    fill(t, now);
    return t->room_bytes > 0 && t->room_bytes >= t->bytes_per_s / LEAST_A_SECOND ? t->room_bytes
                                                                                 : 0;
}

void throttle_spend(struct throttle *t, uint64_t bytes)
{
    t->room_bytes -= bytes < t->room_bytes ? bytes : t->room_bytes;
}
