/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The files asked for most, of all workers together: their tables merged by path, with rates
 * over the last interval and figures over the last minute. What the tables do not hold is
 * told as "others", from the workers' own counters. Pure. Runs in weirtop.
 */
#ifndef WEIR_TUI_TOPK_H
#define WEIR_TUI_TOPK_H

#include "weir/snapshot.h"

struct top_file {
    uint64_t key; /* hash of the path */
    char path[SNAP_TEXT_BYTES];
    double requests, bytes, errors; /* per second; MODEL_UNKNOWN */
    double cold;                    /* share, 0 to 1; MODEL_UNKNOWN */
    unsigned in_flight;             /* requests on the board that name it */
    uint64_t p50_ns, p99_ns;        /* 0: not known */
    uint64_t last_time_ns;
    unsigned workers; /* how many have a row of it */
};

struct topk {
    struct top_file *file; /* most requests per second first */
    unsigned count, room;
    double others;           /* requests per second that no row names; MODEL_UNKNOWN */
    unsigned rows, rows_max; /* of the workers' tables */
    void *memory;            /* topk.c's own: what it needs of the samples before */
};

/* Takes the files and requests of a snapshot that has them. False on ENOMEM. */
bool topk_take(struct topk *t, const struct snap *s, double requests_per_s);
/* There is no server any more: rates are not known. */
void topk_unknown(struct topk *t);
void topk_free(struct topk *t);

#endif
