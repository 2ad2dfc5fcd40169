/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The change that goes on; see operation.h. Master only.
 */
#include "proc/operation.h"

#include <stdarg.h>
#include <stdio.h>

#include "board/slot.h"

#define PUT(field, value) atomic_store_explicit(&(field), (value), memory_order_relaxed)
#define GET(field)        atomic_load_explicit(&(field), memory_order_relaxed)

uint32_t operation_begin(struct operation *op, struct board *b, enum operation_kind kind,
                         unsigned slot, struct mono now, const char *fmt, ...)
{
    struct board_header *h = b->header;
    char text[BOARD_TEXT_BYTES + 1];
    va_list ap;

    op->kind = kind;
    op->slot = slot;
    op->epoch = GET(b->slot[slot].epoch);
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    uint32_t id = GET(h->op_id) + 1;
    PUT(h->op_state, OP_PENDING);
    PUT(h->op_id, id);
    PUT(h->op_since_ns, now.ns);
    board_text_set(&h->op_text, span_str(text));
    return id;
}

static void end(struct board *b, enum board_op_state state)
{
    PUT(b->header->op_state, state);
}

void operation_check(struct operation *op, struct board *b, const struct worker_table *t)
{
    if (GET(b->header->op_state) != OP_PENDING)
        return;
    const struct table_slot *s = &t->slot[op->slot];
    switch (op->kind) {
    case OPERATION_RESIZE:
    case OPERATION_RELOAD:
        if (worker_table_settled(t))
            end(b, OP_DONE);
        break;
    case OPERATION_RESTART:
    case OPERATION_DRAIN:
        if (s->state == SLOT_EMPTY || GET(b->slot[op->slot].epoch) != op->epoch)
            end(b, OP_DONE);
        else if (op->kind == OPERATION_RESTART && s->state == SLOT_RUNNING && !s->replaced_by)
            operation_fail(op, b, OPERATION_RESTART, "the replacement could not start");
        break;
    }
}

void operation_fail(struct operation *op, struct board *b, enum operation_kind kind,
                    const char *why)
{
    if (GET(b->header->op_state) != OP_PENDING || op->kind != kind)
        return;
    board_text_set(&b->header->op_text, span_str(why));
    end(b, OP_FAILED);
}
