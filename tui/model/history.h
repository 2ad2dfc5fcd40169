/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the server did in the last hours, one record per second. A record keeps the
 * highest of the second's samples, so that a spike of 100 ms is still there. Seconds in
 * which nobody looked (a suspended dashboard, no server) are gaps, not zeros. Pure.
 */
#ifndef WEIR_TUI_HISTORY_H
#define WEIR_TUI_HISTORY_H

#include <stdbool.h>
#include <stdint.h>

#define HISTORY_SECONDS 14400 /* four hours, the most that settings let keep */

/*
 * Turns of the loop by how long they took: below 0.5 ms, below 1 ms, 2 ms, ... 8 s, and above.
 * Limits are powers of two of nanoseconds (0.5 ms is 2^19), for the histograms on the board have
 * buckets that end there.
 */
#define LAG_BUCKETS    16
#define LAG_FIRST_BITS 19

struct history_record {
    bool gap;
    uint32_t queue; /* the highest depth of the fullest listener */
    uint32_t queue_limit;
    uint64_t offload_queued; /* the most jobs that waited for offload threads */
    uint32_t stuck;          /* the most workers that were blocked or stopped at one time */
    uint64_t drops;          /* connections the kernel dropped in this second */
    uint64_t lag_p99_ns;     /* of all turns that ended, or the age of one that has not */
    double requests, bytes_out, bytes_in; /* per second */
    uint32_t lag[LAG_BUCKETS];            /* turns that ended, and one for each that has not */
    uint16_t lag_worker[LAG_BUCKETS];     /* number of a worker that had one, 0 for none */
};

struct history {
    struct history_record record[HISTORY_SECONDS];
    unsigned count, next;
};

static inline unsigned lag_bucket_of(uint64_t ns)
{
    unsigned b = 0;

    while (b < LAG_BUCKETS - 1 && ns >> (LAG_FIRST_BITS + b))
        b++;
    return b;
}

void history_add(struct history *h, const struct history_record *r);
/* `seconds` of nothing. */
void history_add_gap(struct history *h, uint64_t seconds);
/* The record of `ago` seconds before the newest; NULL when it is not kept. */
const struct history_record *history_at(const struct history *h, unsigned ago);
uint32_t history_queue_peak(const struct history *h, unsigned seconds);
uint64_t history_drops(const struct history *h, unsigned seconds);

/*
 * Fills value[0..columns) with the newest records, oldest first, NAN where there is none;
 * each column is the highest of `per_column` seconds. `pick` chooses the figure.
 */
typedef double history_pick(const struct history_record *r);
void history_columns(const struct history *h, double *value, int columns, unsigned per_column,
                     history_pick *pick);

#endif
