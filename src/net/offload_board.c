/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the offload pool shows on the board. Gauges and mount rows are stored under the pool's
 * lock, by the loop or by the thread that changed them, so that there is one writer at a time; a
 * thread's row by that thread; texts of mounts, their states and counters by the loop. Once
 * offload_free was called nothing is written any more: the board may be gone before the
 * last thread. Worker only.
 */
#include "net/offload_pool.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/bytes.h"
#include "board/event_pace.h"
#include "board/slot.h"

static void store_u32(board_u32 *to, uint32_t v)
{
    atomic_store_explicit(to, v, memory_order_relaxed);
}

static void store_u64(board_u64 *to, uint64_t v)
{
    atomic_store_explicit(to, v, memory_order_relaxed);
}

/* --- gauges and mounts --- */

static uint64_t oldest_of(const struct offload_mount *m)
{
    const struct list *jobs = !list_empty(&m->late) ? &m->late : &m->running;

    if (list_empty(jobs))
        return 0;
    return list_entry(jobs->next, struct offload_job, link)->started.ns;
}

void offload_publish(struct offload *pool, struct offload_mount *m)
{
    if (pool->ended)
        return;
    slot_gauge(pool->slot, COUNTER_offload_threads, pool->threads);
    slot_gauge(pool->slot, COUNTER_offload_threads_max, pool->limit);
    slot_gauge(pool->slot, COUNTER_offload_busy, pool->running + pool->late);
    slot_gauge(pool->slot, COUNTER_offload_stuck, pool->late);
    slot_gauge(pool->slot, COUNTER_offload_refusing, pool->refusing);
    slot_gauge(pool->slot, COUNTER_offload_queued, pool->queued);
    if (!m || !m->row)
        return;
    store_u32(&m->row->running, m->running_count + m->late_count);
    store_u32(&m->row->late, m->late_count);
    store_u32(&m->row->queued, m->queued_count);
    store_u64(&m->row->oldest_ns, oldest_of(m));
    store_u64(&m->row->back_ns, atomic_load_explicit(&m->back_ns, memory_order_relaxed));
    uint64_t lately_ns = atomic_load_explicit(&m->slowest_ns[0], memory_order_relaxed);
    uint64_t before_ns = atomic_load_explicit(&m->slowest_ns[1], memory_order_relaxed);
    store_u64(&m->row->slowest_ns, lately_ns > before_ns ? lately_ns : before_ns);
}

static void take_most(uint64_t *to, const board_u64 *from)
{
    uint64_t n = atomic_load_explicit(from, memory_order_relaxed);

    if (n > *to)
        *to = n;
}

void offload_mount_elsewhere(const struct offload_mount *m, uint64_t *back_ns, uint64_t *slowest_ns)
{
    const struct offload *pool = m->pool;

    *back_ns = *slowest_ns = 0;
    if (!pool->board || !pool->board->mount)
        return;
    for (unsigned w = 0; w < pool->board->slot_count; w++) {
        const struct board_mount *row = &pool->board->mount[(size_t)w * BOARD_MOUNTS_PER_SLOT];
        for (unsigned i = 0; i < BOARD_MOUNTS_PER_SLOT && w + 1 != pool->worker_number; i++) {
            if (atomic_load_explicit(&row[i].used, memory_order_acquire) == 0 ||
                atomic_load_explicit(&row[i].device, memory_order_relaxed) != m->device)
                continue;
            take_most(back_ns, &row[i].back_ns);
            take_most(slowest_ns, &row[i].slowest_ns);
        }
    }
}

void offload_mount_state_row(struct offload_mount *m)
{
    if (!m->row)
        return;
    store_u64(&m->row->sick_since_ns, m->state == MOUNT_SICK ? m->sick_since.ns : 0);
    store_u32(&m->row->state, (uint32_t)m->state);
}

/* The rows of this worker begin at its number; a mount beyond the last row is not shown. */
void offload_mount_row(struct offload_mount *m)
{
    struct offload *pool = m->pool;

    if (!m->row && pool->board && pool->board->mount && m->row_index < BOARD_MOUNTS_PER_SLOT)
        m->row =
            &pool->board
                 ->mount[(size_t)(pool->worker_number - 1) * BOARD_MOUNTS_PER_SLOT + m->row_index];
    if (!m->row)
        return;
    store_u64(&m->row->device, m->device);
    board_text_set(&m->row->name, span_str(m->name));
    board_text_set(&m->row->type, span_str(m->type));
    offload_mount_state_row(m);
    atomic_store_explicit(&m->row->used, 1, memory_order_release);
}

void offload_mount_count(struct offload_mount *m, enum board_mount_counter which, uint64_t n)
{
    if (!m->row)
        return;
    board_u64 *to = &m->row->counter[which];
    store_u64(to, atomic_load_explicit(to, memory_order_relaxed) + n);
}

bool offload_mount_counted(const struct offload_mount *m, enum board_mount_counter which)
{
    const struct board *board = m->pool->board;

    if (!board || !board->mount)
        return false;
    for (size_t i = 0; i < (size_t)board->slot_count * BOARD_MOUNTS_PER_SLOT; i++) {
        const struct board_mount *row = &board->mount[i];
        if (atomic_load_explicit(&row->used, memory_order_acquire) != 0 &&
            atomic_load_explicit(&row->device, memory_order_relaxed) == m->device &&
            atomic_load_explicit(&row->counter[which], memory_order_relaxed) > 0)
            return true;
    }
    return false;
}

/* Would the same call have worked on a file system that is well? */
static bool is_failure(int error)
{
    switch (error) {
    case 0:
    /* what it says of a name */
    case ENOENT:
    case ENOTDIR:
    case EISDIR:
    case ENAMETOOLONG:
    case EACCES:
    case EPERM:
    case ELOOP:
    case EXDEV:
    /* what this process, or somebody who takes the job back, lacks */
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case EAGAIN:
    case ECANCELED:
    case EINTR:
    case EOVERFLOW:
        return false;
    default:
        return true;
    }
}

void offload_mount_failed(struct offload_mount *m, int error)
{
    if (!m || !m->row || !is_failure(error))
        return;
    offload_mount_count(m, MOUNT_FAILED, 1);
    store_u32(&m->row->last_errno, (uint32_t)error);
    store_u64(&m->row->failed_ns, loop_now(m->pool->loop).ns);
}

/* --- threads --- */

static struct board_thread *row_of(const struct offload *pool, int index)
{
    if (index < 0)
        return NULL;
    return &pool->board->thread[(size_t)(pool->worker_number - 1) * BOARD_THREADS_PER_SLOT +
                                (size_t)index];
}

int offload_row_take(struct offload *pool)
{
    if (!pool->board || !pool->board->thread)
        return -1;
    for (int i = 0; i < BOARD_THREADS_PER_SLOT; i++)
        if (!pool->row_used[i]) {
            pool->row_used[i] = true;
            return i;
        }
    return -1;
}

void offload_row_begin(struct offload_thread *t)
{
    struct board_thread *row = row_of(t->pool, t->row_index);

    if (!row)
        return;
    store_u32(&row->tid, (uint32_t)syscall(SYS_gettid));
    store_u32(&row->wait, WAIT_POLL);
    store_u64(&row->since_ns, 0);
    board_text_set(&row->path, (struct span){0});
    atomic_store_explicit(&row->used, 1, memory_order_release);
}

void offload_row_job(struct offload_thread *t, const struct offload_job *job)
{
    struct board_thread *row = row_of(t->pool, t->row_index);

    if (!row)
        return;
    board_text_set(&row->path, span_str(job->path));
    store_u32(&row->mount, job->mount->row_index);
    store_u32(&row->probe, job == t->only);
    store_u64(&row->since_ns, job->started.ns);
    store_u32(&row->wait, (uint32_t)job->op);
}

void offload_row_idle(struct offload_thread *t)
{
    struct board_thread *row = row_of(t->pool, t->row_index);

    if (!row)
        return;
    store_u32(&row->wait, WAIT_POLL);
    store_u64(&row->since_ns, 0);
    board_text_set(&row->path, (struct span){0});
}

void offload_row_end(struct offload_thread *t)
{
    struct board_thread *row = row_of(t->pool, t->row_index);

    if (!row || t->pool->ended)
        return;
    offload_row_idle(t);
    atomic_store_explicit(&row->used, 0, memory_order_release);
    t->pool->row_used[t->row_index] = false;
}

void offload_rows_clear(struct offload *pool)
{
    for (int i = 0; i < BOARD_THREADS_PER_SLOT; i++)
        if (pool->row_used[i])
            atomic_store_explicit(&row_of(pool, i)->used, 0, memory_order_release);
    for (struct list *l = pool->mounts.next; l != &pool->mounts; l = l->next) {
        struct offload_mount *m = list_entry(l, struct offload_mount, link);
        if (m->row)
            atomic_store_explicit(&m->row->used, 0, memory_order_release);
        m->row = NULL;
    }
}

/* --- events --- */

void offload_event(struct offload *pool, enum board_event_kind kind, const char *fmt, ...)
{
    enum { AT_ONCE = 10 };
    char text[512], more[EVENT_PACE_WORDS];
    uint32_t held;
    va_list ap;

    /* A queue that is full again and again, or a mount that comes and goes, must not push all else
     * out of the ring. */
    if (!pool->board || !event_pace_tell(&pool->pace[kind], loop_now(pool->loop), AT_ONCE, &held))
        return;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    board_event(pool->board, kind, pool->worker_number, "%s%s", text, event_pace_words(held, more));
}
