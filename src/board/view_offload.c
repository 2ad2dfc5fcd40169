/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The part of the board's reader about waiting: offload threads, mounts, stalls. Every worker
 * has its own row for a mount; rows of one device become one mount of the snapshot. What the
 * rows hold is somebody else's memory, as in view.c: however many devices they claim, the
 * work stays within n log n of the rows there are. Runs in observers, never in a worker.
 */
#include "board/view.h"

#include <stdlib.h>
#include <string.h>

#define ERRNO_MAX 4096 /* of the kernel's */

/* One worker's row of a mount, before rows of the same device come together. */
struct seen {
    uint64_t device;
    unsigned row;
    unsigned index; /* in the snapshot's mounts; of a device's first only */
};

struct seen_list {
    struct seen *item;
    unsigned count, room;
};

static int compare_seen(const void *a, const void *b)
{
    const struct seen *x = a, *y = b;

    if (x->device != y->device)
        return x->device < y->device ? -1 : 1;
    return (x->row > y->row) - (x->row < y->row);
}

/* The first row of this device; NULL when there is none. */
static struct seen *find_seen(const struct seen_list *seen, uint64_t device)
{
    unsigned low = 0, high = seen->count;

    while (low < high) {
        unsigned middle = low + (high - low) / 2;
        if (seen->item[middle].device < device)
            low = middle + 1;
        else
            high = middle;
    }
    return low < seen->count && seen->item[low].device == device ? &seen->item[low] : NULL;
}

static const struct board_mount *mount_row(const struct board_view *view, unsigned row)
{
    return view_record(view, BOARD_MOUNTS, row);
}

static bool collect_mounts(const struct board_view *view, const struct snap *s,
                           struct seen_list *seen)
{
    for (unsigned w = 0; w < s->worker_count; w++)
        for (unsigned i = 0; i < BOARD_MOUNTS_PER_SLOT; i++) {
            unsigned row = (s->worker[w].number - 1) * BOARD_MOUNTS_PER_SLOT + i;
            const struct board_mount *from = mount_row(view, row);
            void *array = seen->item;

            if (atomic_load_explicit(&from->used, memory_order_acquire) == 0)
                continue;
            if (!view_room_for_one(&array, &seen->room, seen->count, sizeof *seen->item))
                return false;
            seen->item = array;
            seen->item[seen->count++] = (struct seen){view_load64(&from->device), row, 0};
        }
    return true;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    if (a == 0 || b == 0)
        return a == 0 ? b : a;
    return a < b ? a : b;
}

static void merge_mount(struct snap_mount *m, const struct board_mount *from)
{
    unsigned state = view_bounded(view_load32(&from->state), MOUNT_STATE_COUNT);

    m->workers++;
    m->workers_sick += state != MOUNT_OK;
    if (state > (unsigned)m->state)
        m->state = (enum board_mount_state)state;
    m->running += view_load32(&from->running);
    m->late += view_load32(&from->late);
    m->queued += view_load32(&from->queued);
    m->oldest_ns = earlier(m->oldest_ns, view_load64(&from->oldest_ns));
    m->sick_since_ns = earlier(m->sick_since_ns, view_load64(&from->sick_since_ns));
    if (view_load64(&from->failed_ns) > m->failed_ns) {
        m->failed_ns = view_load64(&from->failed_ns);
        m->last_errno = view_bounded(view_load32(&from->last_errno), ERRNO_MAX);
    }
    for (unsigned c = 0; c < MOUNT_COUNTER_COUNT; c++)
        m->counter[c] += view_load64(&from->counter[c]);
    if (m->name[0] == '\0')
        view_take_text(m->name, &from->name);
    if (m->type[0] == '\0')
        view_take_text(m->type, &from->type);
}

static int compare_mounts(const void *a, const void *b)
{
    const struct snap_mount *x = a, *y = b;

    if (x->state != y->state)
        return x->state > y->state ? -1 : 1;
    int order = strcmp(x->name, y->name);
    return order != 0 ? order : (x->device > y->device) - (x->device < y->device);
}

static bool merge_mounts(const struct board_view *view, struct snap *s, struct seen_list *seen)
{
    if (seen->count > 0)
        qsort(seen->item, seen->count, sizeof *seen->item, compare_seen);
    for (unsigned i = 0; i < seen->count; i++) {
        void *array = s->mount;

        if (i == 0 || seen->item[i].device != seen->item[i - 1].device) {
            if (!view_room_for_one(&array, &s->mount_room, s->mount_count, sizeof *s->mount))
                return false;
            s->mount = array;
            s->mount[s->mount_count++] = (struct snap_mount){.device = seen->item[i].device};
        }
        merge_mount(&s->mount[s->mount_count - 1], mount_row(view, seen->item[i].row));
    }
    if (s->mount_count > 0)
        qsort(s->mount, s->mount_count, sizeof *s->mount, compare_mounts);
    for (unsigned i = 0; i < s->mount_count; i++)
        find_seen(seen, s->mount[i].device)->index = i;
    return true;
}

/* Where in the snapshot the mount of this worker's row is; mount_count when it is not there. */
static unsigned mount_index(const struct board_view *view, const struct snap *s,
                            const struct seen_list *seen, unsigned slot, uint32_t row)
{
    const struct board_mount *m;
    const struct seen *found;

    if (row >= BOARD_MOUNTS_PER_SLOT)
        return s->mount_count;
    m = mount_row(view, slot * BOARD_MOUNTS_PER_SLOT + row);
    found = view_load32(&m->used) != 0 ? find_seen(seen, view_load64(&m->device)) : NULL;
    return found ? found->index : s->mount_count;
}

static bool take_thread(const struct board_view *view, struct snap *s, const struct seen_list *seen,
                        unsigned slot, unsigned i)
{
    const struct board_thread *from =
        view_record(view, BOARD_THREADS, slot * BOARD_THREADS_PER_SLOT + i);
    void *array = s->thread;

    if (atomic_load_explicit(&from->used, memory_order_acquire) == 0)
        return true;
    if (!view_room_for_one(&array, &s->thread_room, s->thread_count, sizeof *s->thread))
        return false;
    s->thread = array;
    struct snap_thread *t = &s->thread[s->thread_count++];
    t->worker = slot + 1;
    t->number = i + 1;
    t->tid = view_load32(&from->tid);
    t->wait = (enum board_wait)view_bounded(view_load32(&from->wait), WAIT_COUNT);
    t->since_ns = view_load64(&from->since_ns);
    t->mount = s->mount_count;
    t->probe = view_load32(&from->probe) != 0;
    t->path[0] = '\0';
    if (t->since_ns == 0 || t->wait == WAIT_POLL) {
        /* Idle, or about to begin: what else the row says is of the job before. */
        t->since_ns = 0;
        t->wait = WAIT_POLL;
        return true;
    }
    t->mount = mount_index(view, s, seen, slot, view_load32(&from->mount));
    view_take_text(t->path, &from->path);
    return true;
}

/* A thread takes the first free row: so many are looked at even where no thread is said to be. */
#define FIRST_ROWS 16

/*
 * The rows up to the last of the threads that the worker says it has. There is room for many
 * more, and to look into each would cost more than the rest of the snapshot.
 */
static bool take_threads(const struct board_view *view, struct snap *s,
                         const struct seen_list *seen)
{
    for (unsigned w = 0; w < s->worker_count; w++) {
        struct snap_worker *worker = &s->worker[w];
        uint64_t live =
            worker->counter[COUNTER_offload_threads] + worker->counter[COUNTER_offload_stuck];

        worker->thread_first = s->thread_count;
        for (unsigned i = 0; i < BOARD_THREADS_PER_SLOT &&
                             (i < FIRST_ROWS || s->thread_count - worker->thread_first < live);
             i++)
            if (!take_thread(view, s, seen, worker->number - 1, i))
                return false;
        worker->thread_count = s->thread_count - worker->thread_first;
    }
    return true;
}

/* False when the row holds no stall, or was given to another one meanwhile. */
static bool take_stall(const struct board_stall *from, struct snap_stall *to)
{
    uint32_t used = atomic_load_explicit(&from->used, memory_order_acquire);

    to->worker = view_load32(&from->worker);
    to->on_loop = view_load32(&from->on_loop) != 0;
    to->wait = (enum board_wait)view_bounded(view_load32(&from->wait), WAIT_COUNT);
    to->began_ns = view_load64(&from->began_ns);
    to->began_wall_ns = view_load64(&from->began_wall_ns);
    to->lasted_ns = view_load64(&from->lasted_ns);
    to->over = view_load32(&from->over) != 0;
    to->waiting = view_load32(&from->waiting);
    view_take_text(to->path, &from->path);
    view_take_text(to->kernel, &from->kernel);
    atomic_thread_fence(memory_order_acquire);
    return used != 0 && view_load32(&from->used) == used;
}

static int compare_stalls(const void *a, const void *b)
{
    const struct snap_stall *x = a, *y = b;

    if (x->lasted_ns != y->lasted_ns)
        return x->lasted_ns > y->lasted_ns ? -1 : 1;
    return (x->began_ns > y->began_ns) - (x->began_ns < y->began_ns);
}

static bool take_stalls(const struct board_view *view, struct snap *s)
{
    for (unsigned i = 0; i < view->fixed.section[BOARD_STALLS].count; i++) {
        void *array = s->stall;

        if (!view_room_for_one(&array, &s->stall_room, s->stall_count, sizeof *s->stall))
            return false;
        s->stall = array;
        s->stall_count += take_stall(view_record(view, BOARD_STALLS, i), &s->stall[s->stall_count]);
    }
    if (s->stall_count > 0)
        qsort(s->stall, s->stall_count, sizeof *s->stall, compare_stalls);
    return true;
}

static bool is_refused(const struct snap *s, uint64_t device)
{
    for (unsigned i = 0; i < s->mount_count; i++) {
        const struct snap_mount *m = &s->mount[i];
        if (m->device == device)
            return m->state != MOUNT_OK && m->workers_sick == m->workers &&
                   m->workers_sick >= s->workers_running;
    }
    return false;
}

/* Known from what the locations are on, not from what was asked for so far. */
static bool roots_refused(const struct board_header *h, const struct snap *s)
{
    uint32_t count = view_load32(&h->root_count);

    for (uint32_t i = 0; i < count && i < BOARD_ROOTS_MAX; i++)
        if (!is_refused(s, view_load64(&h->root_device[i])))
            return false;
    return count > 0 && count <= BOARD_ROOTS_MAX;
}

bool view_take_offload(const struct board_view *view, struct snap *s)
{
    struct seen_list seen = {0};

    s->thread_count = 0;
    s->mount_count = 0;
    s->stall_count = 0;
    bool good = collect_mounts(view, s, &seen) && merge_mounts(view, s, &seen) &&
                take_threads(view, s, &seen) && take_stalls(view, s);
    s->roots_refused =
        good && roots_refused((const struct board_header *)(const void *)view->map, s);
    free(seen.item);
    return good;
}
