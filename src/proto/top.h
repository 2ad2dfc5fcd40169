/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The files this worker is asked for most, on the board: the writer of its BOARD_FILES rows.
 * A request for a file that has a row costs a few relaxed stores. A file without one is only
 * looked at now and then (one request in TOP_SAMPLE, or the first in TOP_LOOK_NS) and counted
 * by estimate in a small private table; when it was asked for clearly more often of late than
 * the least asked row, it takes that row. So many files asked for equally often leave the
 * rows alone, and the figures of a row are exact from the time it was taken. Worker only.
 */
#ifndef WEIR_PROTO_TOP_H
#define WEIR_PROTO_TOP_H

#include <stdbool.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "weir/board.h"

#define TOP_SAMPLE   16
#define TOP_LOOK_NS  (10 * NS_PER_MS)
#define TOP_DECAY_NS (20 * NS_PER_S) /* what was asked so long ago counts half */

struct top;

/* A request that is over. */
struct top_request {
    uint64_t key; /* of its path, see serve_plan.path_key; not 0 */
    uint64_t bytes, time_ns;
    bool cold, failed;
};

/* The rows, all of them free, are the worker's alone to write. NULL on ENOMEM. */
struct top *top_new(struct board_file *rows);
void top_free(struct top **top);

/* True when its file has no row and is to be looked at: then top_admit comes next. */
bool top_count(struct top *top, const struct top_request *rq, struct mono now);
/* path: decoded, without query. */
void top_admit(struct top *top, const struct top_request *rq, struct span path, struct mono now);

#endif
