/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The mounts of an offload pool and how well they are. At every tick each mount's oldest job in
 * time is compared with [offload] deadline; a mount with queued jobs and no running one is
 * judged by when it last got on. Time in which this worker stood still counts for nothing. Past
 * the deadline the mount is sick: what is queued fails at once, what runs is late, which frees
 * its place in the limit and in the share. From then on only a probe heals it, each [offload]
 * probe and at once when a late job comes back; one that itself takes longer than the deadline
 * does not count. A mount that falls sick again while jobs of the last time still hang is probed
 * ever less often, so that a probe that sees less than jobs do cannot make it go to and fro.
 * Loop thread only. Worker only.
 */
#include "net/offload_pool.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "base/log.h"
#include "board/slot.h"

enum { RELAPSES_MAX = 5 }; /* doublings of the time between probes */

/* --- known mounts --- */

static struct offload_mount *find(const struct offload *pool, uint64_t device)
{
    for (struct list *l = pool->mounts.next; l != &pool->mounts; l = l->next) {
        struct offload_mount *m = list_entry(l, struct offload_mount, link);
        if (m->device == device)
            return m;
    }
    return NULL;
}

/* Takes copies of both; false on ENOMEM, nothing changed. */
static bool set_names(struct offload_mount *m, const char *name, const char *type)
{
    char *new_name = strdup(name), *new_type = strdup(type);

    if (!new_name || !new_type) {
        free(new_name);
        free(new_type);
        errno = ENOMEM;
        return false;
    }
    free(m->name);
    free(m->type);
    m->name = new_name;
    m->type = new_type;
    return true;
}

void offload_mount_free(struct offload_mount *m)
{
    free(m->name);
    free(m->type);
    free(m->probe_path);
    free(m);
}

static struct offload_mount *mount_new(struct offload *pool, uint64_t device, const char *name,
                                       const char *type)
{
    struct offload_mount *m = calloc(1, sizeof *m);

    if (!m)
        return NULL;
    if (!set_names(m, name, type)) {
        free(m);
        errno = ENOMEM;
        return NULL;
    }
    m->pool = pool;
    m->device = device;
    m->row_index = pool->mount_count++;
    snprintf(m->number, sizeof m->number, "%u:%u", major(device), minor(device));
    list_init(&m->queue);
    list_init(&m->running);
    list_init(&m->late);
    list_push_back(&pool->mounts, &m->link);
    pthread_mutex_lock(&pool->lock);
    list_push_back(&pool->turns, &m->turn);
    pthread_mutex_unlock(&pool->lock);
    offload_mount_row(m);
    return m;
}

struct offload_mount *offload_mount(struct offload *pool, uint64_t device, const char *name,
                                    const char *type)
{
    struct offload_mount *m = find(pool, device);

    if (!m)
        return mount_new(pool, device, name, type);
    if (m->name[0] == '\0' && name[0] != '\0' && set_names(m, name, type))
        offload_mount_row(m);
    return m;
}

void offload_mount_rename(struct offload_mount *m, const char *name, const char *type)
{
    if (set_names(m, name, type))
        offload_mount_row(m);
}

const char *offload_mount_name(const struct offload_mount *m)
{
    return m->name[0] ? m->name : m->number;
}

unsigned offload_mount_refuses(const struct offload_mount *m)
{
    uint64_t s = (m->pool->conf->offload.probe_ns + NS_PER_S - 1) / NS_PER_S;

    if (m->state == MOUNT_OK)
        return 0;
    return s == 0 ? 1 : s > 3600 ? 3600 : (unsigned)s;
}

bool offload_mount_is_fenced(const struct offload_mount *m)
{
    return m->state == MOUNT_FENCED;
}

/* --- states --- */

static void set_state(struct offload_mount *m, enum board_mount_state state)
{
    struct offload *pool = m->pool;

    pool->sick_count -= m->state == MOUNT_SICK;
    pool->sick_count += state == MOUNT_SICK;
    m->state = state;
    if (state == MOUNT_SICK)
        m->sick_since = loop_now(pool->loop);
    offload_mount_state_row(m);
}

/* The worker itself found that it answers. */
static void healed(struct offload_mount *m)
{
    double seconds = (double)mono_since(loop_now(m->pool->loop), m->sick_since) / (double)NS_PER_S;

    log_warn("mount %s: answers again after %.1f s; it is served again", offload_mount_name(m),
             seconds);
    offload_event(m->pool, EVENT_HEALED, "%s: answers again after %.1f s", offload_mount_name(m),
                  seconds);
    set_state(m, MOUNT_OK);
}

static void refuse_queued(struct offload_mount *m)
{
    pthread_mutex_lock(&m->pool->lock);
    offload_refuse_queued(m);
    pthread_mutex_unlock(&m->pool->lock);
}

/* No word here: the master tells what operators do, once for all workers. */
void offload_mount_fence(struct offload_mount *m, bool fenced)
{
    struct offload *pool = m->pool;

    if (!fenced && m->state != MOUNT_OK)
        set_state(m, MOUNT_OK);
    if (!fenced || m->state == MOUNT_FENCED)
        return;
    set_state(m, MOUNT_FENCED);
    refuse_queued(m);
    offload_drain(pool);
}

static void keep_probe(struct offload_mount *m, const struct offload_job *job)
{
    free(m->probe_path);
    m->probe_path = job->path ? strdup(job->path) : NULL; /* without: the mount point */
    m->probe_op = job->op;
}

/* job is the one that took too long; relapse: jobs of the last time still hang. */
static void turn_sick(struct offload_mount *m, const struct offload_job *job, uint64_t age_ns,
                      bool relapse)
{
    double seconds = (double)age_ns / (double)NS_PER_S;

    set_state(m, MOUNT_SICK);
    if (!relapse)
        m->relapses = 0;
    else if (m->relapses < RELAPSES_MAX)
        m->relapses++;
    m->probe_at =
        mono_after(loop_now(m->pool->loop), m->pool->conf->offload.probe_ns << m->relapses);
    keep_probe(m, job);
    log_warn(
        "mount %s: %s of %s takes longer than %.1f s; requests for this mount get 503 until it "
        "answers",
        offload_mount_name(m), board_wait_name[job->op], job->path ? job->path : "?", seconds);
    offload_event(m->pool, EVENT_SICK, "%s: %s of %s for %.1f s", offload_mount_name(m),
                  board_wait_name[job->op], job->path ? job->path : "?", seconds);
}

/* --- deadlines --- */

static struct mono later(struct mono a, struct mono b)
{
    return a.ns > b.ns ? a : b;
}

/*
 * The job that says how long the mount has not got on, and since when; NULL: nothing is under
 * way. Lock held; the job stays, because only the loop lets go of jobs.
 */
static const struct offload_job *slowest(const struct offload_mount *m, struct mono *since)
{
    if (!list_empty(&m->running)) {
        const struct offload_job *job = list_entry(m->running.next, struct offload_job, link);
        *since = later(job->started, m->pool->awake);
        return job;
    }
    if (list_empty(&m->queue))
        return NULL;
    const struct offload_job *job = list_entry(m->queue.next, struct offload_job, link);
    *since = later(later(job->queued, m->progress), m->pool->awake);
    return job;
}

/* Moves to the late list what has run for longer than `age_ns`; returns these as a chain. Lock
 * held. */
static struct offload_job *take_late(struct offload_mount *m, struct mono now, uint64_t age_ns)
{
    struct offload_job *chain = NULL;

    while (!list_empty(&m->running)) {
        struct offload_job *job = list_entry(m->running.next, struct offload_job, link);
        if (age_ns > 0 && mono_since(now, later(job->started, m->pool->awake)) <= age_ns)
            break;
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

static void check_deadline(struct offload_mount *m)
{
    struct offload *pool = m->pool;
    uint64_t deadline_ns = pool->conf->offload.deadline_ns;
    struct mono now = loop_now(pool->loop), since = now;

    if (deadline_ns == 0)
        return;
    pthread_mutex_lock(&pool->lock);
    const struct offload_job *job = slowest(m, &since);
    bool relapse = m->late_count > 0;
    pthread_mutex_unlock(&pool->lock);
    if (job && m->state == MOUNT_OK && mono_since(now, since) > deadline_ns)
        turn_sick(m, job, mono_since(now, since), relapse);
    pthread_mutex_lock(&pool->lock);
    struct offload_job *chain = take_late(m, now, m->state == MOUNT_SICK ? 0 : deadline_ns);
    if (m->state != MOUNT_OK)
        offload_refuse_queued(m);
    offload_publish(pool, m);
    pthread_mutex_unlock(&pool->lock);
    tell_late(chain);
}

/* --- probes --- */

static void probe_now(struct offload_mount *m)
{
    struct offload *pool = m->pool;

    m->probe_at = mono_after(loop_now(pool->loop), pool->conf->offload.probe_ns << m->relapses);
    if (!offload_probe(m))
        log_warn("cannot start a thread to try mount %s: %s; it is tried again",
                 offload_mount_name(m), strerror(errno));
}

void offload_mount_answered(struct offload_mount *m)
{
    if (m->state == MOUNT_SICK && !m->probing && !m->pool->ended)
        probe_now(m);
}

void offload_mount_probed(struct offload_mount *m, uint64_t took_ns)
{
    if (m->state != MOUNT_SICK)
        return;
    if (took_ns <= m->pool->conf->offload.deadline_ns)
        healed(m);
    else
        probe_now(m); /* it came back, but late: a mount that is well now is so at once */
}

void offload_mounts_check(struct offload *pool)
{
    struct mono now = loop_now(pool->loop);

    for (struct list *l = pool->mounts.next; l != &pool->mounts; l = l->next) {
        struct offload_mount *m = list_entry(l, struct offload_mount, link);
        check_deadline(m);
        if (m->state == MOUNT_SICK && !m->probing && now.ns >= m->probe_at.ns)
            probe_now(m);
    }
}
