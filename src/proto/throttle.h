/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A token bucket: how much of a response may be sent now so that it gets no more than so many
 * bytes a second. The bucket holds a quarter of a second's bytes, so what a busy turn of the
 * loop left unsent is not made up for by a flood; and gives nothing before it holds a
 * twentieth, so that a socket which is always ready does not make the loop send byte by byte.
 * Pure. Worker only.
 */
#ifndef WEIR_PROTO_THROTTLE_H
#define WEIR_PROTO_THROTTLE_H

#include <stdint.h>

#include "base/clock.h"

struct throttle {
    uint64_t bytes_per_s; /* 0: as fast as it goes */
    uint64_t room_bytes;
    struct mono filled;
};

/* From now on so much, with an empty bucket; 0 for no limit. At most 2^40. */
void throttle_set(struct throttle *t, uint64_t bytes_per_s, struct mono now);
/* Bytes that may be sent now; 0: none before some time has passed. Only with a limit. */
uint64_t throttle_room(struct throttle *t, struct mono now);
void throttle_spend(struct throttle *t, uint64_t bytes);

#endif
