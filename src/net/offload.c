/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The offload pool as the loop sees it; see offload.h: making it, submitting and cancelling jobs,
 * taking their results, the tick. Results are a list and one eventfd that is written only when
 * the list was empty; the loop takes the whole list, and calls done without the lock. While
 * jobs are outstanding or a mount is sick, a tick every 100 ms (or quarter of the deadline) looks
 * at the deadlines; otherwise there is no timer at all. Loop thread only, but for offload_finished.
 * Worker only.
 */
#include "net/offload.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/must.h"
#include "net/offload_pool.h"

#define TICK_NS       (100 * NS_PER_MS)
#define TICK_LEAST_NS (5 * NS_PER_MS)
#define LATE_LEAST_NS (5 * TICK_NS)

static unsigned at_least_one(unsigned n)
{
    return n > 0 ? n : 1;
}

/* --- results --- */

bool offload_finished(struct offload *pool, struct offload_job *job)
{
    bool wake = !pool->told;

    list_remove(&job->link);
    job->state = JOB_FINISHED;
    list_push_back(&pool->results, &job->link);
    pool->told = true;
    return wake;
}

/* What was open when the fence was put up is to be closed, for the mount is to be taken out. */
static bool passes_fence(const struct offload_job *job)
{
    return job->mount->state == MOUNT_FENCED && job->op == WAIT_CLOSE;
}

void offload_refuse_queued(struct offload_mount *m)
{
    struct offload *pool = m->pool;

    for (struct list *at = m->queue.next, *next; at != &m->queue; at = next) {
        struct offload_job *job = list_entry(at, struct offload_job, link);
        next = at->next;
        if (!pool->ended && passes_fence(job))
            continue;
        m->queued_count--;
        pool->queued--;
        job->refused = !pool->ended;
        job->cancelled = job->cancelled || pool->ended;
        job->fault_error = pool->ended ? ECANCELED : ETIMEDOUT;
        job->started = job->finished = mono_now();
        offload_finished(pool, job);
    }
    offload_publish(pool, m);
}

/* What the job's times and end say to counters; then its owner's turn. */
static void conclude(struct offload *pool, struct offload_job *job)
{
    struct offload_mount *m = job->mount;
    bool came_back = !job->refused && job->fault_error != ECANCELED;

    job->state = JOB_FREE;
    pool->outstanding--;
    if (job->refused)
        slot_count(pool->slot, COUNTER_offload_refused, 1);
    if (came_back) {
        slot_hist(pool->slot, HIST_OFFLOAD_WAIT, mono_since(job->started, job->queued));
        slot_hist(pool->slot, HIST_OFFLOAD_RUN, mono_since(job->finished, job->started));
        if (job->fault)
            slot_count(pool->slot, COUNTER_offload_faulted, 1);
    }
    if (job->cancelled)
        slot_count(pool->slot, COUNTER_offload_cancelled, 1);
    if (came_back)
        offload_mount_answered(m, job);
    job->done(job); /* the job may be gone from here on */
}

void offload_drain(struct offload *pool)
{
    struct list now;
    struct list *item;

    list_init(&now);
    pthread_mutex_lock(&pool->lock);
    pool->told = false;
    while ((item = list_pop_front(&pool->results)) != NULL)
        list_push_back(&now, item);
    pthread_mutex_unlock(&pool->lock);
    while ((item = list_pop_front(&now)) != NULL) {
        struct offload_job *job = list_entry(item, struct offload_job, link);
        if (pool->ended)
            job->cancelled = true;
        conclude(pool, job);
    }
}

static void results_ready(struct loop_io *io, uint32_t events)
{
    struct offload *pool = list_entry(io, struct offload, io);
    uint64_t count;

    (void)events;
    slot_wait(pool->slot, WAIT_OFFLOAD, loop_now(pool->loop));
    /* It only says that there is something: a failure (EAGAIN) leaves nothing undone. */
    if (read(io->fd, &count, sizeof count) < 0 && errno != EAGAIN && errno != EINTR)
        never("an eventfd cannot be read");
    offload_drain(pool);
}

/* --- the tick --- */

void offload_tick_on(struct offload *pool)
{
    if (!list_empty(&pool->tick.link))
        return;
    pool->tick_due = mono_after(loop_now(pool->loop), pool->ticks.after_ns);
    loop_arm(pool->loop, &pool->ticks, &pool->tick);
}

/*
 * A tick that is late by a good part of the deadline tells that this worker stood still (it was
 * stopped, the machine slept): its threads did too, so that their jobs' ages say nothing of a
 * mount. They count from here on.
 */
static void note_lateness(struct offload *pool)
{
    struct mono now = loop_now(pool->loop);
    uint64_t most_ns = pool->conf->offload.deadline_ns / 2;

    if (mono_since(now, pool->tick_due) > (most_ns > LATE_LEAST_NS ? most_ns : LATE_LEAST_NS))
        pool->awake = now;
}

static void tick(struct loop_timers *kind, struct list *item)
{
    struct offload *pool = list_entry(kind, struct offload, ticks);

    (void)item;
    note_lateness(pool);
    offload_drain(pool); /* what came back is known before anybody is judged */
    offload_mounts_check(pool);
    pthread_mutex_lock(&pool->lock);
    offload_kick(pool); /* what could not be started, or may be since threads are late */
    offload_start_again(pool);
    pthread_mutex_unlock(&pool->lock);
    offload_drain(pool);
    if (pool->outstanding > 0 || pool->sick_count > 0 || pool->refusing)
        offload_tick_on(pool);
}

/* There are some before a deadline is over. */
static uint64_t tick_ns(const struct conf *conf)
{
    uint64_t ns = conf->offload.deadline_ns / 4;

    return ns == 0 || ns > TICK_NS ? TICK_NS : ns < TICK_LEAST_NS ? TICK_LEAST_NS : ns;
}

/* --- the pool --- */

static void set_limit(struct offload *pool, unsigned threads_max)
{
    pool->limit = at_least_one(threads_max);
    pool->share =
        at_least_one((unsigned)((uint64_t)pool->limit * pool->conf->offload.mount_share / 100));
    if (pool->share > pool->limit)
        pool->share = pool->limit;
}

static bool make_conditions(struct offload *pool)
{
    pthread_condattr_t monotonic;

    if (pthread_condattr_init(&monotonic) != 0)
        return false;
    bool made = pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC) == 0 &&
                pthread_cond_init(&pool->ending, &monotonic) == 0 &&
                pthread_cond_init(&pool->gone, &monotonic) == 0;
    pthread_condattr_destroy(&monotonic);
    return made;
}

static void make_lists(struct offload *pool)
{
    list_init(&pool->idle);
    list_init(&pool->turns);
    list_init(&pool->results);
    list_init(&pool->mounts);
    list_init(&pool->tick.link);
}

struct offload *offload_new(const struct offload_settings *s)
{
    struct offload *pool = calloc(1, sizeof *pool);

    if (!pool)
        return NULL;
    make_lists(pool);
    pool->loop = s->loop;
    pool->slot = loop_slot(s->loop);
    pool->board = s->board;
    pool->worker_number = s->worker_number;
    pool->conf = s->conf;
    pool->idle_ns = s->conf->offload.idle_ns;
    pool->refs = 1;
    set_limit(pool, s->threads_max);
    pool->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (pool->event_fd < 0) {
        free(pool);
        return NULL;
    }
    pool->io = (struct loop_io){.fd = pool->event_fd, .ready = results_ready};
    /* None of these can fail on Linux but for want of memory. */
    if (pthread_mutex_init(&pool->lock, NULL) != 0 || !make_conditions(pool) ||
        pthread_attr_init(&pool->attr) != 0 || !loop_watch(pool->loop, &pool->io, EPOLLIN)) {
        close_fd(&pool->event_fd);
        free(pool);
        errno = ENOMEM;
        return NULL;
    }
    pool->ticks = (struct loop_timers){.after_ns = tick_ns(s->conf), .due = tick};
    loop_add_timers(pool->loop, &pool->ticks);
    pthread_mutex_lock(&pool->lock);
    offload_publish(pool, NULL);
    pthread_mutex_unlock(&pool->lock);
    return pool;
}

/* Ends what can end at once: idle threads and those asleep for a [fault] rule. */
static void end_threads(struct offload *pool)
{
    for (struct list *l = pool->idle.next; l != &pool->idle; l = l->next)
        pthread_cond_signal(&list_entry(l, struct offload_thread, link)->wake);
    pthread_cond_broadcast(&pool->ending);
    while (pool->refs - 1 > pool->in_run)
        pthread_cond_wait(&pool->gone, &pool->lock);
}

void offload_free(struct offload **freed)
{
    struct offload *pool = *freed;

    if (!pool)
        return;
    *freed = NULL;
    pthread_mutex_lock(&pool->lock);
    pool->ended = true;
    for (struct list *l = pool->mounts.next; l != &pool->mounts; l = l->next)
        offload_refuse_queued(list_entry(l, struct offload_mount, link));
    end_threads(pool);
    offload_rows_clear(pool);
    pthread_mutex_unlock(&pool->lock);
    offload_drain(pool);
    loop_watch(pool->loop, &pool->io, 0);
    loop_disarm(&pool->tick);
    list_remove(&pool->ticks.link);
    pthread_mutex_lock(&pool->lock);
    bool last = offload_unref(pool);
    pthread_mutex_unlock(&pool->lock);
    if (last)
        offload_destroy(pool);
}

void offload_resize(struct offload *pool, unsigned threads_max)
{
    pthread_mutex_lock(&pool->lock);
    set_limit(pool, threads_max);
    offload_wake_surplus(pool);
    offload_kick(pool);
    offload_publish(pool, NULL);
    pthread_mutex_unlock(&pool->lock);
}

/* --- jobs --- */

/* Lock held, for the next three. */
static void queue_job(struct offload *pool, struct offload_job *job)
{
    struct offload_mount *m = job->mount;

    /* Time that it had nothing to do is not time without progress. */
    if (m->queued_count == 0 && m->running_count == 0)
        m->progress = job->queued;
    job->state = JOB_QUEUED;
    list_push_back(&m->queue, &job->link);
    m->queued_count++;
    pool->queued++;
}

static void unqueue_job(struct offload *pool, struct offload_job *job)
{
    list_remove(&job->link);
    job->state = JOB_FREE;
    job->mount->queued_count--;
    pool->queued--;
}

static enum offload_submit refuse(struct offload_mount *m, enum offload_submit why)
{
    slot_count(m->pool->slot, COUNTER_offload_refused, 1);
    return why;
}

static enum offload_submit refuse_full(struct offload_mount *m, unsigned room)
{
    if (!m->full) {
        m->full = true;
        offload_event(m->pool, EVENT_OFFLOAD,
                      "the queue of %s is full (%u jobs): requests for it get 503",
                      offload_mount_name(m), room);
    }
    return refuse(m, OFFLOAD_FULL);
}

enum offload_submit offload_submit(struct offload *pool, struct offload_job *job)
{
    struct offload_mount *m = job->mount;

    must(m && job->path);
    unsigned room = pool->conf->offload.queue > 0 ? pool->conf->offload.queue : UINT_MAX;

    job->fault_error = 0;
    job->refused = job->cancelled = false;
    job->queued = job->started = job->finished = mono_now();
    job->fault = offload_fault_find(pool, job->op, job->path);
    job->next_late = NULL;
    job->state = JOB_FREE;
    list_init(&job->link);
    if (m->state != MOUNT_OK && !passes_fence(job))
        return refuse(m, OFFLOAD_SICK);
    pthread_mutex_lock(&pool->lock);
    bool full = pool->ended || m->queued_count >= room;
    bool given_up = !full && offload_is_given_up(m, job);
    bool served = true;
    if (!full && !given_up) {
        queue_job(pool, job);
        offload_kick(pool);
        served = offload_has_threads(pool);
        if (!served)
            unqueue_job(pool, job);
        offload_publish(pool, m);
    }
    bool relieved = m->queued_count <= room / 2;
    pthread_mutex_unlock(&pool->lock);
    if (full)
        return refuse_full(m, room);
    if (given_up)
        return refuse(m, OFFLOAD_SICK);
    if (relieved)
        m->full = false;
    if (!served) {
        offload_tick_on(pool);
        return refuse(m, OFFLOAD_FULL);
    }
    slot_count(pool->slot, COUNTER_offload_jobs, 1);
    pool->outstanding++;
    offload_tick_on(pool);
    return OFFLOAD_QUEUED;
}

void offload_job_moved(struct offload_job *job)
{
    uint64_t now_ns = mono_now().ns;
    uint64_t since_ns = atomic_exchange_explicit(&job->moved_ns, now_ns, memory_order_relaxed);

    offload_mount_moved(job->mount, job->op, since_ns, now_ns);
}

bool offload_cancel(struct offload *pool, struct offload_job *job)
{
    pthread_mutex_lock(&pool->lock);
    must(job->state != JOB_FREE);
    bool queued = job->state == JOB_QUEUED;
    if (queued) {
        unqueue_job(pool, job);
        offload_publish(pool, job->mount);
    }
    pthread_mutex_unlock(&pool->lock);
    job->cancelled = true;
    if (queued) {
        pool->outstanding--;
        slot_count(pool->slot, COUNTER_offload_cancelled, 1);
    }
    return queued;
}
