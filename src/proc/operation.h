/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The change that goes on: what the last command set in motion, on the board as op_id,
 * op_state and op_text until the slots agree with it. A newer change takes the place of an
 * older one, for the board tells of the last. Master only.
 */
#ifndef WEIR_PROC_OPERATION_H
#define WEIR_PROC_OPERATION_H

#include "board/board.h"
#include "proc/worker_table.h"

enum operation_kind {
    OPERATION_RESIZE, /* done when as many serve as are wanted and nobody comes or goes */
    OPERATION_RELOAD, /* the same, once the new generation is in force */
    /* Done when the worker of this slot and epoch is gone, or has only downloads to finish that
     * last longer than drain_timeout. */
    OPERATION_RESTART,
    OPERATION_DRAIN,
    OPERATION_REOPEN /* whoever opens the logs says when */
};

struct operation {
    enum operation_kind kind;
    unsigned slot;
    uint32_t epoch;
    char text[BOARD_TEXT_BYTES];
};

/* A new change; its id, from 1. */
uint32_t operation_begin(struct operation *op, struct board *b, enum operation_kind kind,
                         unsigned slot, const char *fmt, ...) __attribute__((format(printf, 5, 6)));
/* Ends the change as done when it is, or as failed when it cannot be any more. */
void operation_check(struct operation *op, struct board *b, const struct worker_table *t,
                     struct mono now);
/* The pending change is done, if it is of this kind. */
void operation_done(struct operation *op, struct board *b, enum operation_kind kind);
/* The pending change failed, if it is of this kind. */
void operation_fail(struct operation *op, struct board *b, enum operation_kind kind,
                    const char *why);

#endif
