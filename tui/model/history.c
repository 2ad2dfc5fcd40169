/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A ring of seconds. Reading over a span always takes the maximum: a short peak must not
 * disappear because the screen is narrow.
 */
#include "tui/model/history.h"

#include <math.h>
#include <stddef.h>

void history_add(struct history *h, const struct history_record *r)
{
    h->record[h->next] = *r;
    h->next = (h->next + 1) % HISTORY_SECONDS;
    if (h->count < HISTORY_SECONDS)
        h->count++;
}

void history_add_gap(struct history *h, uint64_t seconds)
{
    const struct history_record gap = {.gap = true};

    if (seconds > HISTORY_SECONDS)
        seconds = HISTORY_SECONDS;
    while (seconds-- > 0)
        history_add(h, &gap);
}

const struct history_record *history_at(const struct history *h, unsigned ago)
{
    if (ago >= h->count)
        return NULL;
    return &h->record[(h->next + HISTORY_SECONDS - 1 - ago) % HISTORY_SECONDS];
}

uint32_t history_queue_peak(const struct history *h, unsigned seconds)
{
    uint32_t peak = 0;

    for (unsigned i = 0; i < seconds && i < h->count; i++) {
        uint32_t q = history_at(h, i)->queue;
        if (q > peak)
            peak = q;
    }
    return peak;
}

uint64_t history_drops(const struct history *h, unsigned seconds)
{
    uint64_t drops = 0;

    for (unsigned i = 0; i < seconds && i < h->count; i++)
        drops += history_at(h, i)->drops;
    return drops;
}

void history_columns(const struct history *h, double *value, int columns, unsigned per_column,
                     history_pick *pick)
{
    for (int x = 0; x < columns; x++) {
        unsigned newest = (unsigned)(columns - 1 - x) * per_column;
        value[x] = NAN;
        for (unsigned i = 0; i < per_column; i++) {
            const struct history_record *r = history_at(h, newest + i);
            if (r && !r->gap && !(value[x] >= pick(r)))
                value[x] = pick(r);
        }
    }
}
