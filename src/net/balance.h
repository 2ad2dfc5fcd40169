/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whether a worker should stand back from accepting because it holds more than its share of
 * the connections. Each worker decides for itself from what the board says of its siblings.
 * Pure functions; the listener gathers the figures and carries the answer out. Worker only.
 */
#ifndef WEIR_NET_BALANCE_H
#define WEIR_NET_BALANCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "weir/board.h"

/* A loop that has not been back to epoll_wait for longer than this takes no connections. */
#define BALANCE_AWAY_NS (100 * NS_PER_MS)
/* One that waits there, but has not had a turn for so long, is dead: each has a timer of a second.
 */
#define BALANCE_SILENT_NS (1500 * NS_PER_MS)

struct balance_worker {
    bool live;      /* it can be expected to take connections */
    bool accepting; /* it is in the accept set now */
    uint64_t connections;
};

/* What the board says of one worker at `now`. */
struct balance_worker balance_look(const struct board_slot *slot, struct mono now);

/*
 * True when worker[self] should be out of the accept set. It goes out above its share (the
 * mean over the live ones, rounded up) by more than 4 and an eighth of it, and comes back at its
 * share, so `out_now`, whether it is out already, matters. Siblings that are not live are left
 * out; so are those that are out of the accept set without holding more than the share: either
 * something else keeps them from accepting, or they have yet to notice that they may return.
 * Nobody stands back unless one with fewer connections is in the accept set, so never do all, and
 * never does a worker that is alone.
 */
bool balance_stand_back(const struct balance_worker *worker, size_t count, size_t self,
                        bool out_now);

#endif
