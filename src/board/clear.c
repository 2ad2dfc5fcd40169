/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Emptying a slot of the board when its process has been reaped: its counters go to those of
 * the slot's earlier processes, and nothing else of it stays. The process may have been killed
 * at any instruction, so a row may be half written; whatever a row holds, it is free after
 * this. Run by the master.
 */
#include "board/board.h"

#include "board/slot.h"

static void zero_u64(board_u64 *p, size_t count)
{
    for (size_t i = 0; i < count; i++)
        atomic_store_explicit(&p[i], 0, memory_order_relaxed);
}

/*
 * Adds the dead worker's counters to the copy of `past` that nobody reads, then turns readers
 * to it and away from counter[] by one store, so that at every instant each count is seen once.
 */
static uint32_t retire_counters(struct board_slot *s)
{
    uint32_t seq = atomic_load_explicit(&s->past_seq, memory_order_relaxed) & ~1u;
    const board_u64 *now = s->past[seq / 2 % 2];
    board_u64 *next = s->past[(seq / 2 + 1) % 2];

    for (unsigned c = 0; c < COUNTER_COUNT; c++) {
        uint64_t sum = atomic_load_explicit(&now[c], memory_order_relaxed);
        if (!board_counter_is_gauge[c])
            sum += atomic_load_explicit(&s->counter[c], memory_order_relaxed);
        if (c == COUNTER_connections_lost) /* what it still held when it ended */
            sum += atomic_load_explicit(&s->counter[COUNTER_connections], memory_order_relaxed);
        atomic_store_explicit(&next[c], sum, memory_order_relaxed);
    }
    atomic_store_explicit(&s->past_seq, seq + 1, memory_order_release);
    atomic_thread_fence(memory_order_release);
    return seq;
}

void board_clear_worker(struct board_slot *s)
{
    uint32_t seq = retire_counters(s);

    atomic_store_explicit(&s->ready, 0, memory_order_relaxed);
    atomic_store_explicit(&s->turn_since_ns, 0, memory_order_relaxed);
    atomic_store_explicit(&s->wait_since_ns, 0, memory_order_relaxed);
    atomic_store_explicit(&s->wait, WAIT_POLL, memory_order_relaxed);
    atomic_store_explicit(&s->heartbeat_ns, 0, memory_order_relaxed);
    zero_u64(s->counter, COUNTER_COUNT);
    board_text_set(&s->serving, span_of(NULL, 0));
    board_text_set(&s->request, span_of(NULL, 0));
    board_text_set(&s->peer, span_of(NULL, 0));
    for (unsigned i = 0; i < HIST_COUNT; i++) {
        zero_u64(&s->hist[i].count, 1);
        zero_u64(&s->hist[i].sum_ns, 1);
        zero_u64(s->hist[i].bucket, HIST_BUCKETS);
    }
    zero_u64(&s->recent_next, 1);
    zero_u64(&s->requests_in_flight, 1);
    atomic_store_explicit(&s->past_seq, seq + 2, memory_order_release);
}

static void clear_thread(struct board_thread *t)
{
    atomic_store_explicit(&t->used, 0, memory_order_release);
    atomic_store_explicit(&t->since_ns, 0, memory_order_relaxed);
    atomic_store_explicit(&t->wait, WAIT_POLL, memory_order_relaxed);
    atomic_store_explicit(&t->tid, 0, memory_order_relaxed);
    atomic_store_explicit(&t->mount, 0, memory_order_relaxed);
    atomic_store_explicit(&t->probe, 0, memory_order_relaxed);
    board_text_set(&t->path, span_of(NULL, 0));
}

static void clear_mount(struct board_mount *m)
{
    atomic_store_explicit(&m->used, 0, memory_order_release);
    atomic_store_explicit(&m->state, MOUNT_OK, memory_order_relaxed);
    atomic_store_explicit(&m->running, 0, memory_order_relaxed);
    atomic_store_explicit(&m->queued, 0, memory_order_relaxed);
    atomic_store_explicit(&m->oldest_ns, 0, memory_order_relaxed);
    atomic_store_explicit(&m->sick_since_ns, 0, memory_order_relaxed);
    atomic_store_explicit(&m->failed_ns, 0, memory_order_relaxed);
    atomic_store_explicit(&m->last_errno, 0, memory_order_relaxed);
    atomic_store_explicit(&m->device, 0, memory_order_relaxed);
    zero_u64(m->counter, MOUNT_COUNTER_COUNT);
    board_text_set(&m->name, span_of(NULL, 0));
    board_text_set(&m->type, span_of(NULL, 0));
}

static void clear_request(struct board_request *r)
{
    atomic_store_explicit(&r->serial, 0, memory_order_release);
    board_text_set(&r->request, span_of(NULL, 0));
    board_text_set(&r->peer, span_of(NULL, 0));
}

static void clear_file(struct board_file *f)
{
    atomic_store_explicit(&f->serial, 0, memory_order_release);
    board_text_set(&f->path, span_of(NULL, 0));
}

/* The tables of requests and files: what is in a row without a serial number, nobody reads. */
static void clear_requests(struct board *b, unsigned slot)
{
    struct board_request *request = &b->request[(size_t)slot * BOARD_REQUESTS_PER_SLOT];
    struct board_file *file = &b->file[(size_t)slot * BOARD_FILES_PER_SLOT];
    struct board_finished *recent = &b->recent[(size_t)slot * BOARD_RECENT_PER_SLOT];

    for (unsigned i = 0; i < BOARD_REQUESTS_PER_SLOT; i++)
        if (atomic_load_explicit(&request[i].began_ns, memory_order_relaxed) != 0)
            clear_request(&request[i]);
    for (unsigned i = 0; i < BOARD_FILES_PER_SLOT; i++)
        if (atomic_load_explicit(&file[i].since_ns, memory_order_relaxed) != 0)
            clear_file(&file[i]);
    for (unsigned i = 0; i < BOARD_RECENT_PER_SLOT; i++)
        if (atomic_load_explicit(&recent[i].seq, memory_order_relaxed) != 0)
            atomic_store_explicit(&recent[i].seq, 0, memory_order_relaxed);
}

void board_clear_slot(struct board *b, unsigned slot)
{
    struct board_thread *thread = &b->thread[(size_t)slot * BOARD_THREADS_PER_SLOT];
    struct board_mount *mount = &b->mount[(size_t)slot * BOARD_MOUNTS_PER_SLOT];

    /* Rows never used are left alone: writing them would give the board pages it does not need. */
    for (unsigned i = 0; i < BOARD_THREADS_PER_SLOT; i++)
        if (atomic_load_explicit(&thread[i].tid, memory_order_relaxed) != 0 ||
            atomic_load_explicit(&thread[i].used, memory_order_relaxed) != 0)
            clear_thread(&thread[i]);
    for (unsigned i = 0; i < BOARD_MOUNTS_PER_SLOT; i++)
        if (atomic_load_explicit(&mount[i].used, memory_order_relaxed) != 0)
            clear_mount(&mount[i]);
    clear_requests(b, slot);
    board_clear_worker(&b->slot[slot]);
}
