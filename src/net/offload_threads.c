/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The threads of the offload pool: when they start, which job they take, when they end.
 *
 * The loop wakes or starts one thread for each queued job that may run now and that no woken or
 * started thread is coming for. The idle ones are a stack, so that the surplus of a burst
 * grows old at its bottom and ends. Mounts are served in turn, one job each, as long as
 * each has a thread of its share free. A mount without any thread in time gets its first one even
 * when the pool is at its limit, so no mix of slow mounts keeps another from being served at
 * all; such a thread ends after its job.
 *
 * Started by the loop with all signals blocked, detached, with small stacks. Worker only.
 */
#include "net/offload_pool.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/must.h"

#define STACK_BYTES ((size_t)256 * 1024)

/* --- who may run --- */

/* Its jobs that may start now; lock held, as for all of these. */
static unsigned runnable(const struct offload_mount *m)
{
    const struct offload *pool = m->pool;

    if (m->running_count >= pool->share || (m->late_count > 0 && pool->late >= OFFLOAD_STUCK_MAX))
        return 0;
    unsigned free_share = pool->share - m->running_count;
    return m->queued_count < free_share ? m->queued_count : free_share;
}

static unsigned runnable_jobs(const struct offload *pool)
{
    unsigned n = 0;

    for (struct list *l = pool->turns.next; l != &pool->turns; l = l->next)
        n += runnable(list_entry(l, struct offload_mount, turn));
    return n;
}

/* Mounts that have work and no thread in time. */
static unsigned starving_mounts(const struct offload *pool)
{
    unsigned n = 0;

    for (struct list *l = pool->turns.next; l != &pool->turns; l = l->next) {
        const struct offload_mount *m = list_entry(l, struct offload_mount, turn);
        n += m->running_count == 0 && runnable(m) > 0;
    }
    return n;
}

static bool is_surplus(const struct offload *pool)
{
    return pool->threads - pool->late > pool->limit;
}

static struct offload_mount *next_mount(struct offload *pool)
{
    bool surplus = is_surplus(pool);

    for (struct list *l = pool->turns.next; l != &pool->turns; l = l->next) {
        struct offload_mount *m = list_entry(l, struct offload_mount, turn);
        if (runnable(m) > 0 && (!surplus || m->running_count == 0))
            return m;
    }
    return NULL;
}

/* --- one job --- */

static void count_run(struct offload *pool, const struct offload_job *job, int n)
{
    /* With a rule, offload_fault_apply counts it once it is over. */
    if (!job->fault)
        pool->in_run = (unsigned)((int)pool->in_run + n);
}

static struct offload_job *take_job(struct offload *pool)
{
    struct offload_mount *m = next_mount(pool);

    if (!m)
        return NULL;
    struct offload_job *job = list_entry(list_pop_front(&m->queue), struct offload_job, link);
    list_remove(&m->turn);
    list_push_back(&pool->turns, &m->turn);
    list_push_back(&m->running, &job->link);
    job->state = JOB_RUNNING;
    job->started = m->progress = mono_now();
    atomic_store(&job->moved_ns, job->started.ns);
    m->queued_count--;
    pool->queued--;
    m->running_count++;
    pool->running++;
    count_run(pool, job, 1);
    offload_publish(pool, m);
    return job;
}

/* Runs it, without the lock. True: its own run was called, and in_run counts it. */
static bool work(struct offload_thread *t, struct offload_job *job)
{
    offload_row_job(t, job);
    if (job->fault && !offload_fault_apply(t->pool, job))
        return false;
    job->run(job);
    return true;
}

static void leave_mount(struct offload *pool, struct offload_job *job)
{
    struct offload_mount *m = job->mount;

    m->progress = job->finished;
    offload_mount_moved(m, job->op, atomic_load(&job->moved_ns), job->finished.ns);
    if (job->state == JOB_LATE) {
        m->late_count--;
        pool->late--;
    } else {
        m->running_count--;
        pool->running--;
    }
}

static void wake_loop(struct offload *pool)
{
    static const uint64_t one = 1;

    /* It cannot be full: the loop reads it before it lets us write again. */
    while (write(pool->event_fd, &one, sizeof one) < 0)
        must(errno == EINTR);
}

/*
 * The job is over; lock held, and given up for a moment. False: the pool is freed and the
 * job left behind, it must not be touched.
 */
static bool hand_back(struct offload *pool, struct offload_job *job, bool ran, bool listed)
{
    if (ran)
        pool->in_run--;
    if (pool->ended && ran)
        return false;
    job->finished = mono_now();
    if (listed)
        leave_mount(pool, job);
    bool wake = offload_finished(pool, job);
    if (listed)
        offload_publish(pool, job->mount);
    if (wake) {
        /* It looks for a job right after: none has to be started for what comes meanwhile. */
        pool->coming += listed;
        pthread_mutex_unlock(&pool->lock);
        wake_loop(pool);
        pthread_mutex_lock(&pool->lock);
        pool->coming -= listed;
    }
    return true;
}

/* --- a thread's life --- */

static struct timespec at(struct mono when)
{
    return (struct timespec){.tv_sec = (time_t)(when.ns / NS_PER_S),
                             .tv_nsec = (long)(when.ns % NS_PER_S)};
}

/* Waits for work; false: the thread ends. Lock held. */
static bool wait_idle(struct offload_thread *t)
{
    struct offload *pool = t->pool;
    struct timespec until = at(mono_after(mono_now(), pool->idle_ns));
    int error = 0;

    if (is_surplus(pool) || pool->ended)
        return false;
    offload_row_idle(t);
    list_push_front(&pool->idle, &t->link);
    pool->idle_count++;
    offload_publish(pool, NULL);
    while (error == 0 && !t->woken && !pool->ended && !is_surplus(pool))
        error = pthread_cond_timedwait(&t->wake, &pool->lock, &until);
    if (t->woken) { /* whoever did it took it out of the list */
        t->woken = false;
        pool->coming--;
        return true;
    }
    list_remove(&t->link);
    pool->idle_count--;
    return false;
}

static void serve(struct offload_thread *t)
{
    struct offload *pool = t->pool;

    pool->coming--;
    for (;;) {
        struct offload_job *job = pool->ended ? NULL : take_job(pool);
        if (!job) {
            if (!wait_idle(t))
                return;
            continue;
        }
        pthread_mutex_unlock(&pool->lock);
        bool ran = work(t, job);
        pthread_mutex_lock(&pool->lock);
        if (!hand_back(pool, job, ran, true))
            return;
    }
}

static void serve_only(struct offload_thread *t)
{
    struct offload *pool = t->pool;
    struct offload_job *job = t->only;

    if (pool->ended) {
        job->fault_error = ECANCELED;
        hand_back(pool, job, false, false);
        return;
    }
    job->started = mono_now();
    count_run(pool, job, 1);
    pthread_mutex_unlock(&pool->lock);
    bool ran = work(t, job);
    pthread_mutex_lock(&pool->lock);
    hand_back(pool, job, ran, false);
}

/*
 * When CPUs are short, what is in memory goes before what a disk brings, which took its time
 * anyway: waking up does not take the CPU from the loop (sched(7)), and while many threads copy
 * what came at once the loop waits for few of them. A kernel that refuses loses that alone.
 */
static void yield_to_loop(const struct offload *pool)
{
    (void)sched_setscheduler(0, SCHED_BATCH, &(struct sched_param){0});
    errno = 0;
    int now = getpriority(PRIO_PROCESS, 0); /* of this thread, on Linux */
    if (pool->conf->offload.nice > 0 && errno == 0)
        (void)setpriority(PRIO_PROCESS, 0, now + (int)pool->conf->offload.nice);
}

static void *thread_main(void *arg)
{
    struct offload_thread *t = arg;
    struct offload *pool = t->pool;

    prctl(PR_SET_NAME, "weir-offload", 0, 0, 0);
    yield_to_loop(pool);
    offload_row_begin(t);
    pthread_mutex_lock(&pool->lock);
    if (t->only) {
        serve_only(t);
    } else {
        serve(t);
        pool->threads--;
    }
    offload_row_end(t);
    offload_publish(pool, NULL);
    bool last = offload_unref(pool);
    pthread_cond_signal(&pool->gone);
    pthread_mutex_unlock(&pool->lock);
    if (last)
        offload_destroy(pool);
    pthread_cond_destroy(&t->wake);
    free(t);
    return NULL;
}

/* --- starting --- */

static bool init_wake(pthread_cond_t *wake)
{
    pthread_condattr_t monotonic;

    if (pthread_condattr_init(&monotonic) != 0)
        return false;
    bool made = pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC) == 0 &&
                pthread_cond_init(wake, &monotonic) == 0;
    pthread_condattr_destroy(&monotonic);
    return made;
}

static struct offload_thread *thread_new(struct offload *pool, struct offload_job *only)
{
    struct offload_thread *t = calloc(1, sizeof *t);

    if (!t)
        return NULL;
    t->pool = pool;
    t->only = only;
    list_init(&t->link);
    if (!init_wake(&t->wake)) {
        free(t);
        errno = ENOMEM;
        return NULL;
    }
    t->row_index = offload_row_take(pool);
    return t;
}

/* The thread inherits the mask that is in force when it is made. */
static int create_thread(struct offload *pool, struct offload_thread *t)
{
    sigset_t all, before;
    pthread_t id;
    size_t stack = STACK_BYTES;

    if (stack < (size_t)PTHREAD_STACK_MIN)
        stack = (size_t)PTHREAD_STACK_MIN;
    int error = pthread_attr_setstacksize(&pool->attr, stack);
    if (error == 0)
        error = pthread_attr_setdetachstate(&pool->attr, PTHREAD_CREATE_DETACHED);
    if (error != 0)
        return error;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    error = pthread_create(&id, &pool->attr, thread_main, t);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error;
}

/* It waits for the lock, which we hold, before it looks at what is counted here. */
static bool start(struct offload *pool, struct offload_job *only)
{
    struct offload_thread *t = thread_new(pool, only);

    if (!t)
        return false;
    slot_wait(pool->slot, WAIT_OFFLOAD, loop_now(pool->loop));
    int error = create_thread(pool, t);
    if (error != 0) {
        if (t->row_index >= 0)
            pool->row_used[t->row_index] = false;
        pthread_cond_destroy(&t->wake);
        free(t);
        errno = error;
        return false;
    }
    pool->refs++;
    return true;
}

bool offload_start_only(struct offload *pool, struct offload_job *job)
{
    return start(pool, job);
}

bool offload_has_threads(const struct offload *pool)
{
    return pool->threads > pool->late;
}

static void tell_not_started(struct offload *pool, int error)
{
    if (pool->refusing)
        log_error("cannot start an offload thread: %s; there is none, so requests for what is not "
                  "in memory get 503; it is tried again (see limits on tasks and memory)",
                  strerror(error));
    else
        log_warn("cannot start an offload thread: %s; jobs wait for the %u there are (see limits "
                 "on tasks and memory)",
                 strerror(error), pool->threads - pool->late);
    offload_event(pool, EVENT_LIMIT, "no offload thread can be started: %s; %s", strerror(error),
                  pool->refusing ? "what is not in memory gets 503"
                                 : "jobs wait for those there are");
}

/* Told when it begins, and when it becomes worse. */
static void note_not_started(struct offload *pool, int error)
{
    bool refusing = !offload_has_threads(pool);
    bool worse = refusing && !pool->refusing;

    pool->refusing = refusing;
    if (!pool->start_told || worse)
        tell_not_started(pool, error);
    pool->start_told = true;
    offload_publish(pool, NULL);
}

static void note_started(struct offload *pool)
{
    if (pool->refusing)
        log_warn("offload threads can be started again: what is not in memory is served again");
    pool->start_told = pool->refusing = false;
}

static bool start_worker(struct offload *pool)
{
    struct mono now = loop_now(pool->loop);

    /* The kernel said no a moment ago: the next tick asks again, unless there is nobody. */
    if (now.ns < pool->start_again.ns && offload_has_threads(pool))
        return false;
    pool->start_again = mono_after(now, 50 * NS_PER_MS);
    if (!start(pool, NULL)) {
        note_not_started(pool, errno);
        return false;
    }
    pool->start_again = now;
    note_started(pool);
    pool->threads++;
    pool->coming++;
    return true;
}

static void wake_one(struct offload *pool)
{
    struct offload_thread *t = list_entry(list_pop_front(&pool->idle), struct offload_thread, link);

    t->woken = true;
    pool->idle_count--;
    pool->coming++;
    pthread_cond_signal(&t->wake);
}

void offload_kick(struct offload *pool)
{
    if (pool->ended)
        return;
    while (pool->queued > 0 && runnable_jobs(pool) > pool->coming) {
        if (!list_empty(&pool->idle)) {
            wake_one(pool);
            continue;
        }
        bool room = pool->threads - pool->late < pool->limit;
        if (!(room || starving_mounts(pool) > pool->coming) || !start_worker(pool))
            return;
    }
}

void offload_start_again(struct offload *pool)
{
    struct mono now = loop_now(pool->loop);

    if (pool->ended || !pool->refusing || now.ns < pool->start_again.ns + NS_PER_S)
        return;
    if (start_worker(pool)) /* it finds nothing to do, and stays for a while */
        offload_publish(pool, NULL);
}

void offload_wake_surplus(struct offload *pool)
{
    if (!is_surplus(pool))
        return;
    for (struct list *l = pool->idle.next; l != &pool->idle; l = l->next)
        pthread_cond_signal(&list_entry(l, struct offload_thread, link)->wake);
}

/* --- the pool's memory --- */

bool offload_unref(struct offload *pool)
{
    return --pool->refs == 0;
}

void offload_destroy(struct offload *pool)
{
    struct list *item;

    while ((item = list_pop_front(&pool->mounts)) != NULL)
        offload_mount_free(list_entry(item, struct offload_mount, link));
    close_fd(&pool->event_fd);
    pthread_attr_destroy(&pool->attr);
    pthread_cond_destroy(&pool->ending);
    pthread_cond_destroy(&pool->gone);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}
