/* SPDX-License-Identifier: BSD-2-Clause */
/* The rings of finished requests; see finished.h. Runs in workers. */
#include "board/finished.h"

#include "board/event_pace.h"
#include "board/words.h"

static void put64(board_u64 *to, uint64_t v)
{
    atomic_store_explicit(to, v, memory_order_relaxed);
}

/* As much of s as fits, whole characters only. */
static void put_cut(struct out *o, struct span s)
{
    out_add(o, s.p, board_text_fit(s, (size_t)(o->end - o->p)));
}

/* "METHOD target" and the peer, one after the other; the peer comes first to its room. */
static void put_text(struct board_finished *f, const struct board_finished_request *r)
{
    static const struct span dots = {"...", 3};
    char text[FINISHED_TEXT_BYTES];
    size_t peer = board_text_fit(r->peer, FINISHED_TEXT_BYTES / 2);
    struct out o = out_into(text, sizeof text - peer);
    bool cut = r->method.n + (r->method.n > 0) + r->target.n > sizeof text - peer;

    if (cut)
        o.end -= dots.n;
    put_cut(&o, r->method);
    out_str(&o, r->method.n > 0 ? " " : "");
    put_cut(&o, r->target);
    if (cut) {
        o.end += dots.n;
        out_span(&o, dots);
    }
    size_t target = (size_t)(o.p - text);
    memcpy(o.p, r->peer.p, peer);
    board_words_store(f->words, text, target + peer);
    atomic_store_explicit(&f->target_bytes, (uint8_t)target, memory_order_relaxed);
    atomic_store_explicit(&f->peer_bytes, (uint8_t)peer, memory_order_relaxed);
}

static void put(struct board_finished *f, uint64_t seq, unsigned worker,
                const struct board_finished_request *r)
{
    /* 0 first: whoever sees any of the new contents does not take them for the old entry. */
    put64(&f->seq, 0);
    atomic_thread_fence(memory_order_release);
    put64(&f->when_wall_ns, r->when_wall_ns);
    put64(&f->total_ns, r->total_ns);
    put64(&f->queue_ns, r->queue_ns);
    put64(&f->head_ns, r->head_ns);
    put64(&f->open_ns, r->open_ns);
    put64(&f->offload_wait_ns, r->offload_wait_ns);
    put64(&f->offload_run_ns, r->offload_run_ns);
    put64(&f->first_byte_ns, r->first_byte_ns);
    put64(&f->bytes, r->bytes);
    atomic_store_explicit(&f->worker, (uint16_t)worker, memory_order_relaxed);
    atomic_store_explicit(&f->status, (uint16_t)r->status, memory_order_relaxed);
    atomic_store_explicit(&f->aborted, r->aborted, memory_order_relaxed);
    atomic_store_explicit(&f->cold, r->cold, memory_order_relaxed);
    put_text(f, r);
    atomic_store_explicit(&f->seq, seq, memory_order_release);
}

void board_finished_slow(struct board *b, unsigned slot, const struct board_finished_request *r)
{
    uint64_t seq = atomic_fetch_add_explicit(&b->header->slow_next, 1, memory_order_relaxed);

    put(&b->slow[(seq - 1) % BOARD_SLOW_RING], seq, slot + 1, r);
}

void board_slow_event(struct board *b, unsigned slot, struct span text, struct mono now)
{
    char more[EVENT_PACE_WORDS];
    uint32_t held;

    if (event_pace_tell(&b->header->slow_pace, now, 1, &held))
        board_event(b, EVENT_SLOW, slot + 1, "%.*s%s", (int)text.n, text.p,
                    event_pace_words(held, more));
}

void board_finished_recent(struct board *b, unsigned slot, const struct board_finished_request *r)
{
    board_u64 *next = &b->slot[slot].recent_next;
    uint64_t seq = atomic_load_explicit(next, memory_order_relaxed);

    if (seq == 0) /* a new process: the master cleared it */
        seq = 1;
    put(&b->recent[(size_t)slot * BOARD_RECENT_PER_SLOT + (seq - 1) % BOARD_RECENT_PER_SLOT], seq,
        slot + 1, r);
    atomic_store_explicit(next, seq + 1, memory_order_release);
}
