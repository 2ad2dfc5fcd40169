/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A number of bytes that several threads allocate from, so that what they hold together has a
 * bound: taken before or while memory is allocated, given back when it is freed. Reference counted,
 * for a thread in a dead mount may outlive everybody else. Any thread.
 */
#ifndef WEIR_FILE_BUDGET_H
#define WEIR_FILE_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

struct file_budget;

struct file_budget *file_budget_new(uint64_t bytes_max); /* NULL on ENOMEM */
struct file_budget *file_budget_hold(struct file_budget *b);
void file_budget_release(struct file_budget **b); /* NULL is fine */

/* False: it would be more than there is, and nothing was taken. */
bool file_budget_take(struct file_budget *b, uint64_t bytes);
void file_budget_give(struct file_budget *b, uint64_t bytes);
uint64_t file_budget_used(const struct file_budget *b);

#endif
