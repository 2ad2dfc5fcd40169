/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writing the rings of finished requests: one of slow ones for the whole server, whose numbers
 * are claimed by an atomic add, and one of recent ones for each worker, which only it writes.
 * Entries are whole or not there; a writer that was held up for a whole round of the slow
 * ring can leave one that mixes two requests, nothing worse. Runs in workers.
 */
#ifndef WEIR_BOARD_FINISHED_H
#define WEIR_BOARD_FINISHED_H

#include "base/clock.h"
#include "board/board.h"

struct board_finished_request {
    uint64_t when_wall_ns; /* of its end */
    uint64_t total_ns, queue_ns, head_ns, open_ns, offload_wait_ns, offload_run_ns, first_byte_ns;
    uint64_t bytes;
    unsigned status;
    bool aborted, cold;
    struct span method, target, peer; /* cut, "..." at the target's end, to what fits */
};

/* slot is the worker's, from 0. */
void board_finished_slow(struct board *b, unsigned slot, const struct board_finished_request *r);
/* The event SLOW for one of them, if it may be told: one stands for many (event_pace.h). */
void board_slow_event(struct board *b, unsigned slot, struct span text, struct mono now);
void board_finished_recent(struct board *b, unsigned slot, const struct board_finished_request *r);

#endif
