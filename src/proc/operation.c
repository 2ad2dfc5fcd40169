/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The change that goes on; see operation.h. Master only.
 */
#include "proc/operation.h"

#include <stdarg.h>
#include <stdio.h>

#define GET(field) atomic_load_explicit(&(field), memory_order_relaxed)

uint32_t operation_begin(struct operation *op, struct board *b, enum operation_kind kind,
                         unsigned slot, const char *fmt, ...)
{
    va_list ap;

    op->kind = kind;
    op->slot = slot;
    op->epoch = GET(b->slot[slot].epoch);
    va_start(ap, fmt);
    vsnprintf(op->text, sizeof op->text, fmt, ap);
    va_end(ap);
    return board_op_begin(b, span_str(op->text));
}

void operation_check(struct operation *op, struct board *b, const struct worker_table *t,
                     struct mono now)
{
    if (GET(b->header->op_state) != OP_PENDING)
        return;
    const struct table_slot *s = &t->slot[op->slot];
    switch (op->kind) {
    case OPERATION_RESIZE:
    case OPERATION_RELOAD:
        if (worker_table_settled(t, now))
            board_op_end(b, true, span_str(op->text));
        break;
    case OPERATION_RESTART:
    case OPERATION_DRAIN:
        if (s->state == SLOT_EMPTY || s->state == SLOT_DEAD ||
            worker_table_lingers(t, op->slot, now) || GET(b->slot[op->slot].epoch) != op->epoch)
            board_op_end(b, true, span_str(op->text));
        else if (op->kind == OPERATION_RESTART && s->state == SLOT_RUNNING && !s->replaced_by)
            operation_fail(op, b, OPERATION_RESTART, "the replacement could not start");
        break;
    case OPERATION_REOPEN:
        break;
    }
}

void operation_done(struct operation *op, struct board *b, enum operation_kind kind)
{
    if (GET(b->header->op_state) == OP_PENDING && op->kind == kind)
        board_op_end(b, true, span_str(op->text));
}

void operation_fail(struct operation *op, struct board *b, enum operation_kind kind,
                    const char *why)
{
    if (GET(b->header->op_state) != OP_PENDING || op->kind != kind)
        return;
    board_op_end(b, false, span_str(why));
}
