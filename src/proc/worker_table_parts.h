/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the two files of the worker table share: small questions about a slot or all of them. No
 * system calls, no clock. Master only; others use worker_table.h.
 */
#ifndef WEIR_PROC_WORKER_TABLE_PARTS_H
#define WEIR_PROC_WORKER_TABLE_PARTS_H

#include "proc/worker_table.h"

static inline bool has_process(const struct table_slot *s)
{
    return s->state != SLOT_EMPTY && s->state != SLOT_BACKOFF && s->state != SLOT_DEAD &&
           s->order != ORDER_SPAWN;
}

/* Part of what is wanted: starts, serves, or waits to start again. */
static inline bool is_active(const struct table_slot *s)
{
    return s->state == SLOT_STARTING || s->state == SLOT_RUNNING || s->state == SLOT_BACKOFF;
}

/* A worker that is being replaced is not counted: its replacement is. */
static inline unsigned count_active(const struct worker_table *t, unsigned generation)
{
    unsigned n = 0;

    for (unsigned i = 0; i < t->capacity; i++) {
        const struct table_slot *s = &t->slot[i];
        n += is_active(s) && s->generation == generation && !s->replaced_by;
    }
    return n;
}

static inline unsigned count_serving(const struct worker_table *t, unsigned generation)
{
    unsigned n = 0;

    for (unsigned i = 0; i < t->capacity; i++)
        n += t->slot[i].state == SLOT_RUNNING && t->slot[i].generation == generation;
    return n;
}

#endif
