/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the worker table says of itself; see worker_table.h. Changes nothing. No system calls, no
 * clock, no allocation. Master only.
 */
#include "proc/worker_table_parts.h"

uint64_t worker_table_backoff_ns(unsigned failures)
{
    uint64_t delay = TABLE_BACKOFF_MIN_NS;

    if (failures == 0)
        return 0;
    while (--failures > 0 && delay < TABLE_BACKOFF_MAX_NS)
        delay *= 2;
    return delay < TABLE_BACKOFF_MAX_NS ? delay : TABLE_BACKOFF_MAX_NS;
}

unsigned worker_table_count(const struct worker_table *t, enum board_state state)
{
    unsigned n = 0;

    for (unsigned i = 0; i < t->capacity; i++)
        n += t->slot[i].state == state;
    return n;
}

unsigned worker_table_processes(const struct worker_table *t)
{
    unsigned n = 0;

    for (unsigned i = 0; i < t->capacity; i++)
        n += has_process(&t->slot[i]);
    return n;
}

uint64_t worker_table_wake_ns(const struct worker_table *t)
{
    uint64_t wake = t->next ? t->next_deadline_ns : UINT64_MAX;

    for (unsigned i = 0; i < t->capacity; i++)
        if (t->slot[i].until_ns && t->slot[i].until_ns < wake)
            wake = t->slot[i].until_ns;
    return wake;
}

bool worker_table_lingers(const struct worker_table *t, unsigned slot, struct mono now)
{
    const struct table_slot *s = &t->slot[slot];

    return s->state == SLOT_RETIRING && s->patient && now.ns >= s->since_ns + t->drain_ns;
}

bool worker_table_settled(const struct worker_table *t, struct mono now)
{
    for (unsigned i = 0; i < t->capacity; i++)
        if (t->slot[i].state == SLOT_RETIRING && !worker_table_lingers(t, i, now))
            return false;
    return !t->next && worker_table_count(t, SLOT_STARTING) == 0 &&
           worker_table_count(t, SLOT_STOPPING) == 0 &&
           count_serving(t, t->generation) == t->target;
}

unsigned worker_table_room(const struct worker_table *t)
{
    return worker_table_count(t, SLOT_EMPTY) + worker_table_count(t, SLOT_DEAD);
}

unsigned worker_table_oldest_retiring(const struct worker_table *t)
{
    unsigned oldest = t->capacity;

    for (unsigned i = 0; i < t->capacity; i++)
        if (t->slot[i].state == SLOT_RETIRING &&
            (oldest == t->capacity || t->slot[i].since_ns < t->slot[oldest].since_ns))
            oldest = i;
    return oldest;
}

bool worker_table_hopeless(const struct worker_table *t)
{
    return !t->stopping && !t->next && t->generation != 0 && t->lost > 0 &&
           count_active(t, t->generation) == 0;
}
