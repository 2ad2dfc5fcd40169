/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Shared windows of cold files; see window.h. A window is in the table from its first asker
 * until its last holder, waiter and its job are gone. A read that nobody wants any more is
 * cancelled; one that runs already stays in the table, so that who comes back for it waits for
 * the same read and not for one more in the same dead mount. Worker's loop; only window_run is
 * on a thread.
 */
#include "file/window.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/must.h"
#include "board/slot.h"
#include "file/window_buffers.h"
#include "file/window_line.h"

enum { BUCKETS = 256 };

struct file_windows {
    struct file_windows_settings settings;
    struct list table[BUCKETS];
    struct window_line line;
    struct window_buffers buffers;
    struct list resting; /* of file_window_rest, who rests longest first */
    unsigned jobs;       /* under way */
    bool ended;          /* freed when the last job is done */
};

struct file_windows *file_windows_new(const struct file_windows_settings *s)
{
    struct file_windows *all = calloc(1, sizeof *all);

    if (!all)
        return NULL;
    all->settings = *s;
    for (int i = 0; i < BUCKETS; i++)
        list_init(&all->table[i]);
    window_line_init(&all->line, &all->settings);
    list_init(&all->resting);
    return all;
}

size_t file_windows_bytes(const struct file_windows *windows)
{
    return windows->settings.window_bytes;
}

static void count(const struct file_windows *all, enum board_counter c)
{
    if (all->settings.slot)
        slot_count(all->settings.slot, c, 1);
}

static struct list *bucket_of(struct file_windows *all, const struct file_entry *e, uint64_t index)
{
    uint64_t h = ((uint64_t)(uintptr_t)e >> 4) * UINT64_C(0x9e3779b97f4a7c15) + index;

    return &all->table[(h ^ (h >> 32)) % BUCKETS];
}

static struct file_window *find(struct file_windows *all, const struct file_entry *e,
                                uint64_t index)
{
    struct list *head = bucket_of(all, e, index);

    for (struct list *at = head->next; at != head; at = at->next) {
        struct file_window *w = list_entry(at, struct file_window, link);
        if (w->entry == e && w->index == index)
            return w;
    }
    return NULL;
}

/* --- reading --- */

/* What the kernel asks of a device at once, as read-ahead is set by default. */
enum { ADVISE_BYTES = 128 * 1024 };

/*
 * A single pread of a window asks for one read-ahead's length after the other, each when the one
 * before has come: where a device takes its time for each but has many in hand (network file
 * systems, FUSE, arrays), asking for all of them first makes the window as fast as one of them.
 */
static void ask_ahead(const struct file_window *w)
{
    for (size_t at = 0; at < w->want_bytes; at += ADVISE_BYTES)
        posix_fadvise(w->fd, (off_t)(w->offset + at), ADVISE_BYTES, POSIX_FADV_WILLNEED);
}

static void window_run(struct offload_job *job)
{
    struct file_window *w = list_entry(job, struct file_window, job);

    if (w->want_bytes > ADVISE_BYTES)
        ask_ahead(w);
    while (w->bytes < w->want_bytes) {
        size_t left = w->want_bytes - w->bytes;
        /* In such pieces, so that it is seen to get on where each takes its time. */
        ssize_t got = pread(w->fd, w->data + w->bytes, left < ADVISE_BYTES ? left : ADVISE_BYTES,
                            (off_t)(w->offset + w->bytes));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            w->error = errno;
        if (got <= 0)
            break;
        w->bytes += (size_t)got;
        offload_job_moved(job);
    }
    w->ran = true;
}

/* The memory that is kept for windows is part of their budget; one beyond it, for it is not all
 * used when windows are a little shorter than buffers. */
static void keep_buffers(struct file_windows *all)
{
    uint64_t budget = all->settings.buffers_bytes, used = all->line.used_bytes;
    uint64_t unused = budget > used ? budget - used : 0;

    window_buffers_keep(&all->buffers, all->ended ? 0 : unused + all->settings.window_bytes);
}

static void free_if_unused(struct file_window *w)
{
    struct file_windows *all = w->all;

    if (w->refs > 0 || w->running || !list_empty(&w->waiters))
        return;
    list_remove(&w->link);
    if (!w->late)
        window_line_give_back(&all->line, w->entry, w->want_bytes);
    file_entry_release(w->entry);
    window_buffers_put(&all->buffers, w->data, w->want_bytes);
    keep_buffers(all);
    free(w);
}

static void window_done(struct offload_job *job);
static void window_late(struct offload_job *job);

/* A window being read, held by nobody yet; NULL: refused. */
static struct file_window *begin(struct file_windows *all, struct file_entry *e, uint64_t index)
{
    size_t bytes = window_line_bytes(&all->line, e, index);
    struct mount_use *use = window_line_use(&all->line, e);
    struct file_window *w = use ? calloc(1, sizeof *w) : NULL;

    if (!w || !(w->data = window_buffers_get(&all->buffers, bytes))) {
        free(w);
        return NULL;
    }
    w->all = all;
    w->entry = file_entry_hold(e);
    w->index = index;
    w->fd = e->fd;
    w->offset = index * all->settings.window_bytes;
    w->want_bytes = bytes;
    list_init(&w->waiters);
    list_push_front(bucket_of(all, e, index), &w->link);
    window_line_take(&all->line, use, bytes);
    keep_buffers(all);
    w->job = (struct offload_job){
        .mount = e->home.mount,
        .op = WAIT_READ,
        .path = e->where,
        .bytes = bytes,
        .run = window_run,
        .done = window_done,
        .late = window_late,
    };
    if (offload_submit(all->settings.pool, &w->job) != OFFLOAD_QUEUED) {
        free_if_unused(w);
        return NULL;
    }
    w->running = true;
    all->jobs++;
    count(all, COUNTER_windows_cold);
    offload_mount_count(e->home.mount, MOUNT_COLD, 1);
    return w;
}

/* --- waiting --- */

static void join(struct file_window *w, struct file_window_wait *wait)
{
    wait->window = w;
    wait->waiting = true;
    list_push_back(&w->waiters, &wait->link);
}

/* All in the line who want the window that was just begun wait for it now. */
static void join_from_line(struct file_windows *all, struct file_window *w)
{
    for (struct list *at = all->line.waiting.next, *next; at != &all->line.waiting; at = next) {
        struct file_window_wait *wait = list_entry(at, struct file_window_wait, link);
        next = at->next;
        if (wait->entry != w->entry || wait->index != w->index)
            continue;
        window_line_leave(&all->line, wait);
        if (!list_empty(&w->waiters))
            count(all, COUNTER_windows_shared);
        join(w, wait);
    }
}

/* Buffers were given back: begins what those in the line wait for, each mount's in their order. */
static void serve_line(struct file_windows *all)
{
    for (struct file_window_wait *wait; (wait = window_line_first(&all->line)) != NULL;) {
        struct file_window *w = begin(all, wait->entry, wait->index);
        if (w) {
            window_line_moved(&all->line, wait);
            join_from_line(all, w);
        } else {
            window_line_refuse_first(&all->line, wait);
        }
    }
}

static void tell(struct file_window_wait *wait)
{
    wait->waiting = false;
    wait->ready(wait);
}

static void tell_refused(struct file_windows *all)
{
    for (struct list *at; (at = list_pop_front(&all->line.refused)) != NULL;) {
        struct file_window_wait *wait = list_entry(at, struct file_window_wait, link);
        wait->refused = true;
        tell(wait);
    }
}

/* Nobody is in the middle of asking, dropping or leaving. */
static void answer_line(struct file_windows *all)
{
    window_line_refuse_old(&all->line);
    serve_line(all);
    tell_refused(all);
}

void file_windows_tick(struct file_windows *all)
{
    answer_line(all);
    window_buffers_tick(&all->buffers);
}

/*
 * The read does not get on: nobody waits for it any longer, nor begins to. Its buffer is beyond the
 * budget from here on, for there may be only OFFLOAD_STUCK_MAX such: others shall not go without.
 */
static void window_late(struct offload_job *job)
{
    struct file_window *w = list_entry(job, struct file_window, job);

    list_remove(&w->link);
    window_line_give_back(&w->all->line, w->entry, w->want_bytes);
    w->late = true;
    for (struct list *at; (at = list_pop_front(&w->waiters)) != NULL;)
        window_line_refuse(&w->all->line, job->mount,
                           list_entry(at, struct file_window_wait, link));
    if (!w->all->ended)
        answer_line(w->all);
}

static void free_if_ended(struct file_windows *all)
{
    if (all->ended && all->jobs == 0) {
        window_line_free(&all->line);
        free(all);
    }
}

static void settle(struct file_window *w)
{
    struct file_entry *e = w->entry;
    uint64_t size = (uint64_t)e->st.st_size, each = w->all->settings.window_bytes;
    struct file_piece whole = {.index = w->index, .to = (uint32_t)w->want_bytes};

    w->finished = true;
    w->running = false;
    if (!w->ran)
        w->error = w->job.fault_error != 0 ? w->job.fault_error : ECANCELED;
    if (!w->job.refused)
        offload_mount_failed(e->home.mount, w->error);
    if (w->ran && w->error == 0 && w->bytes == w->want_bytes) /* in the page cache now */
        file_heat_note(&e->heat, &whole, (size + each - 1) / each, FILE_HEAT_ALL, w->job.finished);
}

static void window_done(struct offload_job *job)
{
    struct file_window *w = list_entry(job, struct file_window, job);
    struct file_windows *all = w->all;

    settle(w);
    all->jobs--;
    w->refs++; /* for as long as waiters are told */
    for (struct list *at; (at = list_pop_front(&w->waiters)) != NULL;) {
        struct file_window_wait *wait = list_entry(at, struct file_window_wait, link);
        if (w->job.refused) {
            window_line_refuse(&all->line, job->mount, wait);
            continue;
        }
        w->refs++;
        tell(wait);
    }
    w->refs--;
    free_if_unused(w);
    if (!all->ended)
        answer_line(all);
    free_if_ended(all);
}

/* --- resting --- */

void file_window_rest_end(struct file_window_rest *r)
{
    if (r->resting)
        list_remove(&r->link);
    r->resting = false;
}

static void reclaim(struct file_window_rest *r)
{
    file_window_rest_end(r);
    r->reclaim(r);
}

/* Takes buffers of those who rest until one of so many bytes fits, of its own mount first. */
static void make_room(struct file_windows *all, const struct mount_use *use, size_t bytes)
{
    for (bool others = false;; others = true) {
        for (struct list *at = all->resting.next, *next; at != &all->resting; at = next) {
            struct file_window_rest *r = list_entry(at, struct file_window_rest, link);
            next = at->next;
            if (window_line_has_room(&all->line, use, bytes))
                return;
            if (others || r->mount == use->mount)
                reclaim(r);
        }
        if (others || window_line_has_room(&all->line, use, bytes))
            return;
    }
}

void file_window_rest(struct file_windows *all, struct file_window_rest *r,
                      const struct file_entry *e)
{
    must(!r->resting);
    r->mount = e->home.mount;
    r->resting = true;
    list_push_back(&all->resting, &r->link);
    if (!list_empty(&all->line.waiting))
        reclaim(r);
}

/* --- asking --- */

enum file_window_ask file_window_ask(struct file_windows *windows, struct file_entry *e,
                                     uint64_t index, struct file_window_wait *wait,
                                     struct file_window **out)
{
    struct file_window *w = find(windows, e, index);

    must(!wait->waiting);
    *out = NULL;
    wait->refused = false;
    list_init(&wait->link);
    if (w && w->finished && w->error == 0) {
        w->refs++;
        *out = w;
        return FILE_WINDOW_READY;
    }
    if (w && w->finished) /* read in vain, for somebody before: the mount may be well again */
        w = NULL;
    if (offload_mount_refuses(e->home.mount) > 0) {
        count(windows, COUNTER_offload_refused);
        offload_mount_count(e->home.mount, MOUNT_REFUSED, 1);
        return FILE_WINDOW_REFUSED;
    }
    wait->since = mono_now();
    if (w) {
        if (!wait->ahead)
            count(windows, COUNTER_windows_shared);
        join(w, wait);
        return FILE_WINDOW_WAIT;
    }
    struct mount_use *use = window_line_use(&windows->line, e);
    if (!use)
        return FILE_WINDOW_REFUSED;
    size_t bytes = window_line_bytes(&windows->line, e, index);
    if (use->lined == 0)
        make_room(windows, use, bytes);
    if (use->lined > 0 || !window_line_has_room(&windows->line, use, bytes)) {
        wait->all = windows;
        wait->window = NULL;
        wait->waiting = true;
        window_line_stand(&windows->line, use, wait, e, index);
        return FILE_WINDOW_WAIT;
    }
    w = begin(windows, e, index);
    if (!w) {
        offload_mount_count(e->home.mount, MOUNT_REFUSED, 1);
        return FILE_WINDOW_REFUSED;
    }
    join(w, wait);
    return FILE_WINDOW_WAIT;
}

struct file_window *file_window_prefetch(struct file_windows *windows, struct file_entry *e,
                                         uint64_t index)
{
    struct file_window *w = find(windows, e, index);

    if (w && !w->finished)
        count(windows, COUNTER_windows_shared);
    struct mount_use *use = w ? NULL : window_line_use(&windows->line, e);
    if (use && use->lined == 0 &&
        window_line_fits(&windows->line, use, window_line_bytes(&windows->line, e, index)) &&
        offload_mount_refuses(e->home.mount) == 0)
        w = begin(windows, e, index);
    if (w)
        w->refs++;
    return w;
}

/* Whose job nobody wants any more. One that runs stays to be found; see above. */
static void give_up(struct file_window *w)
{
    struct file_windows *all = w->all;

    if (w->refs > 0 || !list_empty(&w->waiters))
        return;
    if (w->running && !w->job.cancelled && offload_cancel(all->settings.pool, &w->job)) {
        w->running = false;
        all->jobs--;
    }
    free_if_unused(w);
    serve_line(all);
}

void file_window_drop(struct file_window **window)
{
    struct file_window *w = *window;

    *window = NULL;
    if (!w)
        return;
    must(w->refs > 0);
    w->refs--;
    give_up(w);
}

void file_window_leave(struct file_window_wait *wait)
{
    struct file_window *w = wait->window;

    if (!wait->waiting)
        return;
    wait->waiting = false;
    wait->window = NULL;
    if (wait->entry) {
        window_line_leave(&wait->all->line, wait);
        return;
    }
    list_remove(&wait->link);
    if (w)
        give_up(w);
}

void file_windows_free(struct file_windows **windows)
{
    struct file_windows *all = *windows;

    *windows = NULL;
    if (!all)
        return;
    must(list_empty(&all->line.waiting) && list_empty(&all->line.refused) &&
         list_empty(&all->resting));
    all->ended = true;
    keep_buffers(all);
    free_if_ended(all);
}
