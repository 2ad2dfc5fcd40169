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

enum fixture {
    FIX_HEALTHY,
    FIX_TWO_BLOCKED,
    FIX_ALL_BLOCKED,
    FIX_STOPPED,
    FIX_DRAINING,
    FIX_MANY,
    FIX_EMPTY,
    FIX_HOSTILE,
    FIX_NO_SERVER,
    FIX_COUNT
};

extern const char *const fixture_name[FIX_COUNT];

/* A snapshot with `workers` idle workers; the caller frees it with snap_free. */
struct snap fixture_snap(unsigned workers, uint64_t taken_ns);

/* The model after FIXTURE_SECONDS of this situation. Free with model_free and free. */
struct model *fixture_model(enum fixture which);

#endif
