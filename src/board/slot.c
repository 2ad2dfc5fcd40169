/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The writer's side of slots and of texts on the board; see slot.h. Relaxed stores only, but
 * for the fences of the sequence counters. Runs in workers; board_text_set in the master too.
 */
#include "board/slot.h"

#include "board/words.h"
#include "weir/snapshot.h"

static void store_u64(board_u64 *to, uint64_t v)
{
    atomic_store_explicit(to, v, memory_order_relaxed);
}

static uint64_t load_u64(const board_u64 *from)
{
    return atomic_load_explicit(from, memory_order_relaxed);
}

void slot_turn_begin(struct board_slot *s, struct mono now)
{
    store_u64(&s->heartbeat_ns, now.ns);
    store_u64(&s->wait_since_ns, now.ns);
    store_u64(&s->turn_since_ns, now.ns);
}

void slot_turn_end(struct board_slot *s, struct mono now)
{
    uint64_t began = load_u64(&s->turn_since_ns);

    if (began != 0) {
        slot_hist(s, HIST_LOOP_TURN, mono_since(now, (struct mono){began}));
        slot_count(s, COUNTER_loop_turns, 1);
    }
    store_u64(&s->turn_since_ns, 0);
    slot_wait(s, WAIT_POLL, now);
}

void slot_serving(struct board_slot *s, struct span file)
{
    board_text_set(&s->serving, file);
}

void slot_request(struct board_slot *s, struct span request_line, struct span peer)
{
    board_text_set(&s->request, request_line);
    board_text_set(&s->peer, peer);
}

void slot_hist(struct board_slot *s, enum board_hist_kind kind, uint64_t ns)
{
    struct board_hist *h = &s->hist[kind];
    board_u64 *bucket = &h->bucket[hist_bucket_of(ns)];

    store_u64(&h->count, load_u64(&h->count) + 1);
    store_u64(&h->sum_ns, load_u64(&h->sum_ns) + ns);
    store_u64(bucket, load_u64(bucket) + 1);
}

void board_text_set(struct board_text *t, struct span s)
{
    size_t n = board_text_fit(s, BOARD_TEXT_BYTES);
    uint32_t seq = atomic_load_explicit(&t->seq, memory_order_relaxed) | 1;

    /*
     * Odd first, then a fence, so that whoever sees any of the new bytes sees the odd number
     * too. `| 1` and not `+ 1`: a writer killed half-way leaves it odd for its successor.
     */
    atomic_store_explicit(&t->seq, seq, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
    atomic_store_explicit(&t->length, (uint16_t)n, memory_order_relaxed);
    atomic_store_explicit(&t->cut, n < s.n ? 1 : 0, memory_order_relaxed);
    board_words_store(t->words, s.p, n);
    atomic_store_explicit(&t->seq, seq + 1, memory_order_release);
}
