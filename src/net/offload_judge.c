/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who is given up: a mount, or one job alone. Judged by what comes back, because a call that takes
 * long says little while others come back: a disk that is asked for more than it can give answers
 * each of many only after a while, and one bad file says nothing of the rest.
 *
 * At every tick: when nothing at all came back for half of [offload] deadline though something is
 * asked for, something else of the mount is tried, and what that brings counts too. When nothing
 * came back for all of it, the mount is sick. While something does come back, a job that has not
 * got on for the deadline, nor for twice as long as the slowest call that lately came back took, is
 * late alone. When several calls of one kind became late and none of that kind came back for the
 * deadline, the mount is sick for want of these (data that cannot be read while names can), unless
 * such a call, of something that was well before, is answered. What the other workers see of the
 * same mount counts as well, because a disk may serve the line of one before that of the next. Time
 * in which this worker stood still counts for nothing. Loop thread, but for offload_mount_moved.
 * Worker only.
 */
#include "net/offload_pool.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"

enum {
    PATIENCE_MOST = 12, /* deadlines that a job has on a mount that is slow but answers */
    DOUBT_LEAST = 4,    /* late calls of one kind that make it doubtful */
    RETRY_DOUBLINGS_MAX = 10
};

/* --- what came back --- */

void offload_mount_moved(struct offload_mount *m, enum board_wait op, uint64_t since_ns,
                         uint64_t now_ns)
{
    uint64_t took_ns = now_ns > since_ns ? now_ns - since_ns : 0;
    uint64_t most_ns = m->pool->conf->offload.deadline_ns * (PATIENCE_MOST / 2);

    atomic_store_explicit(&m->back_ns, now_ns, memory_order_relaxed);
    if ((unsigned)op < WAIT_COUNT)
        atomic_store_explicit(&m->back_of[op], now_ns, memory_order_relaxed);
    if (took_ns > most_ns)
        took_ns = most_ns;
    uint64_t slowest_ns = atomic_load_explicit(&m->slowest_ns[0], memory_order_relaxed);
    while (took_ns > slowest_ns &&
           !atomic_compare_exchange_weak_explicit(&m->slowest_ns[0], &slowest_ns, took_ns,
                                                  memory_order_relaxed, memory_order_relaxed))
        continue;
}

static uint64_t load(const _Atomic(uint64_t) *from)
{
    return atomic_load_explicit(from, memory_order_relaxed);
}

static uint64_t most(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* What the other workers saw, which is asked for only when somebody has waited long. */
struct elsewhere {
    uint64_t back_ns, slowest_ns;
};

static struct elsewhere look_elsewhere(const struct offload_mount *m, struct mono now,
                                       uint64_t deadline_ns)
{
    struct elsewhere e = {0};

    pthread_mutex_lock(&m->pool->lock);
    const struct list *jobs = !list_empty(&m->running) ? &m->running : &m->queue;
    struct mono since =
        list_empty(jobs) ? now : list_entry(jobs->next, struct offload_job, link)->queued;
    pthread_mutex_unlock(&m->pool->lock);
    if (mono_since(now, since) <= deadline_ns / 2)
        return e;
    offload_mount_elsewhere(m, &e.back_ns, &e.slowest_ns);
    /* Another process wrote these. */
    if (e.back_ns > now.ns)
        e.back_ns = now.ns;
    if (e.slowest_ns > deadline_ns * (PATIENCE_MOST / 2))
        e.slowest_ns = deadline_ns * (PATIENCE_MOST / 2);
    return e;
}

/* How long a job may not get on. */
static uint64_t patience_ns(struct offload_mount *m, struct mono now, uint64_t elsewhere_ns)
{
    uint64_t deadline_ns = m->pool->conf->offload.deadline_ns;

    if (mono_since(now, m->slowest_turn) > deadline_ns) {
        uint64_t lately_ns = atomic_exchange_explicit(&m->slowest_ns[0], 0, memory_order_relaxed);
        atomic_store_explicit(&m->slowest_ns[1], lately_ns, memory_order_relaxed);
        m->slowest_turn = now;
    }
    uint64_t slowest_ns = most(load(&m->slowest_ns[0]), load(&m->slowest_ns[1]));
    return most(deadline_ns, 2 * most(slowest_ns, elsewhere_ns));
}

/* --- the mount --- */

/*
 * Since when nothing came back although something is asked for; false: nothing is asked for. *job
 * is what waits longest, NULL when it is a probe. Lock held; the job stays, because only the loop
 * lets go of jobs.
 */
static bool is_quiet(const struct offload_mount *m, uint64_t *since_ns,
                     const struct offload_job **job)
{
    uint64_t back_ns = load(&m->back_ns), from_ns;

    *job = NULL;
    if (!list_empty(&m->running)) {
        *job = list_entry(m->running.next, struct offload_job, link);
        from_ns = (*job)->started.ns;
    } else if (!list_empty(&m->queue)) {
        *job = list_entry(m->queue.next, struct offload_job, link);
        from_ns = most((*job)->queued.ns, m->progress.ns);
    } else if (m->probe[PROBE_OTHER].out > 0 && m->probe[PROBE_OTHER].since.ns > back_ns) {
        from_ns = m->probe[PROBE_OTHER].since.ns;
    } else {
        return false;
    }
    *since_ns = most(most(from_ns, back_ns), most(m->ok_since.ns, m->pool->awake.ns));
    return true;
}

static void judge_mount(struct offload_mount *m, struct mono now, uint64_t deadline_ns,
                        uint64_t elsewhere_ns)
{
    const struct offload_job *job;
    uint64_t since_ns = now.ns;

    pthread_mutex_lock(&m->pool->lock);
    bool asked = is_quiet(m, &since_ns, &job);
    pthread_mutex_unlock(&m->pool->lock);
    since_ns = most(since_ns, elsewhere_ns);
    uint64_t quiet_ns = asked ? mono_since(now, (struct mono){since_ns}) : 0;
    if (quiet_ns > deadline_ns)
        offload_mount_turn_sick(m, job, quiet_ns, false);
    else if (quiet_ns > deadline_ns / 2 && job)
        offload_mount_try_other(m, job);
}

/* --- one job --- */

static uint64_t stands_for_ns(const struct offload_mount *m, const struct offload_job *job,
                              struct mono now)
{
    uint64_t moved_ns = most(job->started.ns, load(&job->moved_ns));

    return mono_since(now, (struct mono){most(moved_ns, m->pool->awake.ns)});
}

/* Moves to the late list what does not get on for longer than `age_ns`, all for 0; returns these as
 * a chain. Lock held. */
static struct offload_job *take_late(struct offload_mount *m, struct mono now, uint64_t age_ns)
{
    struct offload_job *chain = NULL;

    for (struct list *at = m->running.next, *next; at != &m->running; at = next) {
        struct offload_job *job = list_entry(at, struct offload_job, link);
        next = at->next;
        if (age_ns > 0 && stands_for_ns(m, job, now) <= age_ns)
            continue;
        list_remove(&job->link);
        list_push_back(&m->late, &job->link);
        job->state = JOB_LATE;
        m->running_count--;
        m->pool->running--;
        m->late_count++;
        m->pool->late++;
        job->next_late = chain;
        chain = job;
    }
    return chain;
}

/* A callback may cancel, which leaves jobs that run where they are: the chain stays whole. */
static void tell_late(struct offload_job *chain)
{
    while (chain) {
        struct offload_job *next = chain->next_late;
        if (chain->late)
            chain->late(chain);
        chain = next;
    }
}

static void log_late(const struct offload_mount *m, const struct offload_job *chain,
                     uint64_t age_ns)
{
    char more[48] = "";
    unsigned others = 0;

    for (const struct offload_job *j = chain->next_late; j; j = j->next_late)
        others++;
    if (others > 0)
        snprintf(more, sizeof more, " (and %u others)", others);
    log_warn("mount %s: %s of %s%s takes longer than %.1f s, while the mount answers; only such "
             "requests get 503",
             offload_mount_name(m), board_wait_name[chain->op], chain->path, more,
             (double)age_ns / (double)NS_PER_S);
}

/* --- a kind of calls --- */

/* True when no late job before this one is the same call of the same path. Lock held. */
static bool is_first(const struct offload_mount *m, const struct offload_job *job)
{
    for (struct list *at = m->late.next; at != &job->link; at = at->next) {
        const struct offload_job *before = list_entry(at, struct offload_job, link);
        if (before->op == job->op && strcmp(before->path, job->path) == 0)
            return false;
    }
    return true;
}

/* Of the kind of this job, which just became late: nothing comes back, and it is not the first. One
 * path counts once, however often it was tried. */
static bool is_doubtful(const struct offload_mount *m, const struct offload_job *job,
                        struct mono now, uint64_t deadline_ns)
{
    uint64_t back_ns = most(load(&m->back_of[job->op]), m->ok_since.ns);
    unsigned n = 0;

    if (mono_since(now, (struct mono){most(back_ns, m->pool->awake.ns)}) <= deadline_ns)
        return false;
    pthread_mutex_lock(&m->pool->lock);
    for (struct list *at = m->late.next; at != &m->late && n < DOUBT_LEAST; at = at->next) {
        const struct offload_job *late = list_entry(at, struct offload_job, link);
        n += late->op == job->op && is_first(m, late);
    }
    pthread_mutex_unlock(&m->pool->lock);
    return n >= DOUBT_LEAST;
}

/* Doubted until such a call is answered, or something that was well before is not. */
static void judge_kind(struct offload_mount *m, struct mono now, uint64_t deadline_ns)
{
    enum board_wait op;

    if (m->doubted == WAIT_COUNT)
        return;
    if (load(&m->back_of[m->doubted]) > m->doubted_since.ns) {
        m->doubted = WAIT_COUNT;
        return;
    }
    bool known = offload_probe_other(m, &op) && op == m->doubted;
    if (known && mono_since(now, m->doubted_since) <= deadline_ns / 2)
        offload_mount_try_other(m, NULL);
    else
        offload_mount_turn_sick(m, NULL, mono_since(now, m->doubted_since) + deadline_ns, true);
}

static void doubt(struct offload_mount *m, const struct offload_job *chain, struct mono now,
                  uint64_t deadline_ns)
{
    for (const struct offload_job *j = chain; j && m->doubted == WAIT_COUNT; j = j->next_late)
        if (is_doubtful(m, j, now, deadline_ns)) {
            m->doubted = j->op;
            m->doubted_since = now;
            offload_mount_keep_probe(m, j);
        }
}

/* --- all of it --- */

void offload_judge(struct offload_mount *m)
{
    struct offload *pool = m->pool;
    uint64_t deadline_ns = pool->conf->offload.deadline_ns;
    struct mono now = loop_now(pool->loop);

    if (deadline_ns == 0)
        return;
    struct elsewhere elsewhere = look_elsewhere(m, now, deadline_ns);
    uint64_t age_ns = patience_ns(m, now, elsewhere.slowest_ns);
    if (m->state == MOUNT_OK)
        judge_mount(m, now, deadline_ns, elsewhere.back_ns);
    if (m->state == MOUNT_OK)
        judge_kind(m, now, deadline_ns);
    bool alone = m->state != MOUNT_SICK;
    pthread_mutex_lock(&pool->lock);
    struct offload_job *chain = take_late(m, now, alone ? age_ns : 0);
    if (m->state != MOUNT_OK)
        offload_refuse_queued(m);
    offload_publish(pool, m);
    pthread_mutex_unlock(&pool->lock);
    if (chain && m->state == MOUNT_OK) {
        log_late(m, chain, age_ns);
        doubt(m, chain, now, deadline_ns);
    }
    tell_late(chain);
}

/*
 * The first try again is free, for a call can be lost and the next one be well; but each one that
 * hangs holds a thread, so they become ever rarer. What an operator or a probe cleared counts anew.
 */
bool offload_is_given_up(const struct offload_mount *m, const struct offload_job *job)
{
    uint64_t newest_ns = 0;
    unsigned n = 0;

    if (m->late_count == 0 || job->op == WAIT_CLOSE)
        return false;
    for (struct list *at = m->late.next; at != &m->late; at = at->next) {
        const struct offload_job *late = list_entry(at, struct offload_job, link);
        if (late->op != job->op || late->started.ns < m->ok_since.ns ||
            strcmp(late->path, job->path) != 0)
            continue;
        newest_ns = most(newest_ns, late->started.ns);
        n++;
    }
    if (n == 0)
        return false;
    unsigned doublings = n - 1 < RETRY_DOUBLINGS_MAX ? n - 1 : RETRY_DOUBLINGS_MAX;
    return mono_since(job->queued, (struct mono){newest_ns}) < m->pool->conf->offload.probe_ns
                                                                   << doublings;
}
