/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An offload pool without threads, in the place of net/offload.c at link time: jobs queue up and
 * the test says when each begins, runs and is done. Mounts refuse when the test says so.
 */
#ifndef WEIR_TESTS_OFFLOAD_FAKE_H
#define WEIR_TESTS_OFFLOAD_FAKE_H

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/must.h"
#include "net/offload.h"
#include "tests/unit/unit.h"

enum { FAKE_FREE, FAKE_QUEUED, FAKE_RUNNING };
enum { FAKE_MOUNTS = 64 };

struct offload_mount {
    uint64_t device;
    char name[256], type[64];
    uint64_t counter[MOUNT_COUNTER_COUNT];
    unsigned refuses; /* seconds of Retry-After; 0: it accepts */
    bool fenced;
};

struct offload {
    struct list queued, running;
    struct offload_mount mount[FAKE_MOUNTS];
    unsigned mounts;
    bool full;
    const char *faulted; /* prefix of paths that are; NULL: none */
    unsigned sound;      /* bits of operations that are not, on any path */
    uint64_t now;        /* pretended time of the jobs */
    unsigned submitted, cancelled;
};

static struct offload fake;

static inline void fake_init(void)
{
    memset(&fake, 0, sizeof fake);
    list_init(&fake.queued);
    list_init(&fake.running);
}

struct offload_mount *offload_mount(struct offload *pool, uint64_t device, const char *name,
                                    const char *type)
{
    for (unsigned i = 0; i < pool->mounts; i++)
        if (pool->mount[i].device == device)
            return &pool->mount[i];
    must(pool->mounts < FAKE_MOUNTS);
    struct offload_mount *m = &pool->mount[pool->mounts++];
    m->device = device;
    snprintf(m->name, sizeof m->name, "%s", name);
    snprintf(m->type, sizeof m->type, "%s", type);
    return m;
}

void offload_mount_rename(struct offload_mount *m, const char *name, const char *type)
{
    snprintf(m->name, sizeof m->name, "%s", name);
    snprintf(m->type, sizeof m->type, "%s", type);
}

unsigned offload_mount_refuses(const struct offload_mount *m)
{
    return m->refuses;
}

bool offload_mount_is_fenced(const struct offload_mount *m)
{
    return m->fenced;
}

void offload_mount_count(struct offload_mount *m, enum board_mount_counter which, uint64_t n)
{
    m->counter[which] += n;
}

bool offload_mount_counted(const struct offload_mount *m, enum board_mount_counter which)
{
    return m->counter[which] > 0;
}

void offload_mount_failed(struct offload_mount *m, int error)
{
    (void)m;
    (void)error;
}

const char *offload_mount_name(const struct offload_mount *m)
{
    return m->name;
}

bool offload_is_faulted(const struct offload *pool, enum board_wait op, const char *path)
{
    return pool->faulted && !(pool->sound & 1U << op) &&
           strncmp(path, pool->faulted, strlen(pool->faulted)) == 0;
}

enum offload_submit offload_submit(struct offload *pool, struct offload_job *job)
{
    ck_assert_ptr_nonnull(job->mount);
    ck_assert_ptr_nonnull(job->path);
    if (job->mount->refuses > 0)
        return OFFLOAD_SICK;
    if (pool->full)
        return OFFLOAD_FULL;
    job->fault_error = 0;
    job->cancelled = job->refused = false;
    job->queued = mono_now();
    job->started = job->finished = (struct mono){0};
    job->moved_ns = 0;
    job->state = FAKE_QUEUED;
    list_push_back(&pool->queued, &job->link);
    pool->submitted++;
    return OFFLOAD_QUEUED;
}

void offload_job_moved(struct offload_job *job)
{
    job->moved_ns++; /* how often */
}

bool offload_cancel(struct offload *pool, struct offload_job *job)
{
    must(job->state != FAKE_FREE);
    job->cancelled = true;
    pool->cancelled++;
    if (job->state != FAKE_QUEUED)
        return false;
    list_remove(&job->link);
    job->state = FAKE_FREE;
    return true;
}

/* --- what a test does --- */

static inline unsigned fake_count(const struct list *head)
{
    unsigned n = 0;

    for (const struct list *at = head->next; at != head; at = at->next)
        n++;
    return n;
}

static inline unsigned fake_queued(void)
{
    return fake_count(&fake.queued);
}

static inline struct offload_job *fake_first(const struct list *head)
{
    ck_assert_msg(!list_empty(head), "no job");
    return list_entry(head->next, struct offload_job, link);
}

/* The first queued job begins; its call is made, its end not told yet. */
static inline struct offload_job *fake_begin(void)
{
    struct offload_job *job = fake_first(&fake.queued);

    list_remove(&job->link);
    job->state = FAKE_RUNNING;
    job->started = (struct mono){job->queued.ns + 3000};
    list_push_back(&fake.running, &job->link);
    job->run(job);
    return job;
}

static inline void fake_end(struct offload_job *job)
{
    list_remove(&job->link);
    job->state = FAKE_FREE;
    job->finished = (struct mono){job->queued.ns + 8000};
    job->done(job);
}

/* The first queued job from its beginning to its end. */
static inline void fake_step(void)
{
    fake_end(fake_begin());
}

/* The first queued job fails without its call being made. */
static inline void fake_fail(int error, bool refused)
{
    struct offload_job *job = fake_first(&fake.queued);

    job->fault_error = error;
    job->refused = refused;
    fake_end(job);
}

/* Until nothing is queued; how many jobs it were. */
static inline unsigned fake_run(void)
{
    unsigned n = 0;

    for (; !list_empty(&fake.queued); n++)
        fake_step();
    return n;
}

/* Every mount refuses from now on, or accepts again. */
static inline void fake_refuse(unsigned seconds)
{
    for (unsigned i = 0; i < fake.mounts; i++)
        fake.mount[i].refuses = seconds;
}

/* Every mount is fenced from now on, or not. */
static inline void fake_fence(bool fenced)
{
    for (unsigned i = 0; i < fake.mounts; i++) {
        fake.mount[i].fenced = fenced;
        fake.mount[i].refuses = fenced ? 5 : 0;
    }
}

static inline uint64_t fake_counter(enum board_mount_counter which)
{
    uint64_t n = 0;

    for (unsigned i = 0; i < fake.mounts; i++)
        n += fake.mount[i].counter[which];
    return n;
}

#endif
