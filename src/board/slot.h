/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writing a worker's half of its slot. All of it is relaxed stores by the one writer; nothing
 * here is a system call. Called by that worker's loop thread only. A NULL slot is not
 * allowed: tests use a struct board_slot of their own.
 */
#ifndef WEIR_BOARD_SLOT_H
#define WEIR_BOARD_SLOT_H

#include "base/bytes.h"
#include "base/clock.h"
#include "weir/board.h"

static inline void slot_count(struct board_slot *s, enum board_counter c, uint64_t n)
{
    /* One writer: a load and a store, not a locked add. */
    uint64_t v = atomic_load_explicit(&s->counter[c], memory_order_relaxed);
    atomic_store_explicit(&s->counter[c], v + n, memory_order_relaxed);
}

static inline void slot_gauge(struct board_slot *s, enum board_counter c, uint64_t value)
{
    atomic_store_explicit(&s->counter[c], value, memory_order_relaxed);
}

static inline uint64_t slot_value(const struct board_slot *s, enum board_counter c)
{
    return atomic_load_explicit(&s->counter[c], memory_order_relaxed);
}

/* What the loop does from now on. `now` may be the turn's time where nothing can wait. */
static inline void slot_wait(struct board_slot *s, enum board_wait what, struct mono now)
{
    atomic_store_explicit(&s->wait_since_ns, now.ns, memory_order_relaxed);
    atomic_store_explicit(&s->wait, (uint32_t)what, memory_order_relaxed);
}

/* epoll_wait returned / is about to be called. turn_end adds to HIST_LOOP_TURN. */
void slot_turn_begin(struct board_slot *s, struct mono now);
void slot_turn_end(struct board_slot *s, struct mono now);

/* The request and file under work, for the dashboard and for last words. Empty spans clear. */
void slot_serving(struct board_slot *s, struct span file);
void slot_request(struct board_slot *s, struct span request_line, struct span peer);

void slot_hist(struct board_slot *s, enum board_hist_kind kind, uint64_t ns);

/* Text under its sequence counter; cut to BOARD_TEXT_BYTES. One writer per text. */
void board_text_set(struct board_text *t, struct span s);
/* The same as setting it to nothing. */
static inline void board_text_clear(struct board_text *t)
{
    uint32_t seq = atomic_load_explicit(&t->seq, memory_order_relaxed) | 1;

    if (atomic_load_explicit(&t->length, memory_order_relaxed) == 0)
        return;
    atomic_store_explicit(&t->seq, seq, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
    atomic_store_explicit(&t->length, 0, memory_order_relaxed);
    atomic_store_explicit(&t->cut, 0, memory_order_relaxed);
    atomic_store_explicit(&t->seq, seq + 1, memory_order_release);
}

/* Copies it out unscrubbed; false when it was being written three times in a row (the bytes copied
 * are then the best there is). to has BOARD_TEXT_BYTES + 1. */
bool board_text_get(const struct board_text *t, char *to, size_t *length);

#endif
