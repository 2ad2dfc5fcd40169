/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Servers for the dashboard's tests, made by hand: a model that has seen a named situation
 * develop over a few seconds, always to the same figures.
 */
#ifndef WEIR_TESTS_TUI_FIXTURE_H
#define WEIR_TESTS_TUI_FIXTURE_H

#include "tui/model/model.h"

#define FIXTURE_START_NS (UINT64_C(270000) * UINT64_C(1000000000))
#define FIXTURE_WALL_NS  (UINT64_C(1700000000) * UINT64_C(1000000000))
#define FIXTURE_SECONDS  20
#define FIXTURE_BEFORE   60 /* seconds of usual work before these */

enum fixture {
    FIX_HEALTHY,
    FIX_TWO_BLOCKED,
    FIX_ALL_BLOCKED,
    FIX_STOPPED,
    FIX_DRAINING,
    FIX_MANY,
    FIX_EMPTY,
    FIX_HOSTILE,
    FIX_SICK,      /* one mount does not answer, two others do */
    FIX_POOL_FULL, /* every offload thread reads from a slow disk */
    FIX_FENCED,    /* a fenced mount, fault rules in force, some cold files: all as wanted */
    FIX_NO_SERVER,
    FIX_COUNT
};

/* Room in the arrays of a snapshot of fixture_snap. */
#define FIXTURE_THREADS 256
#define FIXTURE_MOUNTS  8
#define FIXTURE_EVENTS  64

extern const char *const fixture_name[FIX_COUNT];

/* A snapshot with `workers` idle workers; the caller frees it with snap_free. */
struct snap fixture_snap(unsigned workers, uint64_t taken_ns);

/* Adds a mount that all workers know, with `second` times 1000 calls of which 97 % were hot. */
struct snap_mount *fixture_mount(struct snap *s, const char *name, const char *type,
                                 unsigned second);
/* Adds a thread; workers in ascending order. since_ns 0: it is idle. */
void fixture_job(struct snap *s, unsigned worker, enum board_wait wait, uint64_t since_ns,
                 unsigned mount, const char *path);

/* Requests in flight, files, requests that are over and slow ones: fixture_lists.c. */
void fixture_lists(struct snap *s, enum fixture which, unsigned second);
/* What a text says of a request in flight: since how long before now. */
struct snap_request *fixture_request(struct snap *s, unsigned worker, enum board_phase phase,
                                     uint64_t age_ms, const char *request);

/* The model after FIXTURE_SECONDS of this situation. Free with model_free and free. */
struct model *fixture_model(enum fixture which);

#endif
