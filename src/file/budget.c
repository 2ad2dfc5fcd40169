/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Budgets; see budget.h. One counter, added to first and taken back when that was too much: two who
 * ask for the last bytes at once may both be refused. Any thread.
 */
#include "file/budget.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/must.h"

struct file_budget {
    atomic_uint refs;
    _Atomic uint64_t used;
    uint64_t max;
};

struct file_budget *file_budget_new(uint64_t bytes_max)
{
    struct file_budget *b = calloc(1, sizeof *b);

    if (!b)
        return NULL;
    atomic_init(&b->refs, 1);
    b->max = bytes_max;
    return b;
}

struct file_budget *file_budget_hold(struct file_budget *b)
{
    atomic_fetch_add(&b->refs, 1);
    return b;
}

void file_budget_release(struct file_budget **budget)
{
    struct file_budget *b = *budget;

    *budget = NULL;
    if (b && atomic_fetch_sub(&b->refs, 1) == 1)
        free(b);
}

bool file_budget_take(struct file_budget *b, uint64_t bytes)
{
    if (bytes > b->max)
        return false;
    if (atomic_fetch_add(&b->used, bytes) <= b->max - bytes)
        return true;
    atomic_fetch_sub(&b->used, bytes);
    return false;
}

void file_budget_give(struct file_budget *b, uint64_t bytes)
{
    must(atomic_fetch_sub(&b->used, bytes) >= bytes);
}

uint64_t file_budget_used(const struct file_budget *b)
{
    return atomic_load(&b->used);
}
