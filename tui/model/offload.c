/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Offload threads and mounts. A pool counts as full while as many of its threads are busy as
 * there may be, those given up in sick mounts aside, and jobs wait nevertheless.
 */
#include "tui/model/offload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define SHARE_WINDOW_NS (30 * NS_PER_S)

/* Does a request wait for it? Not when its mount refuses: who waited has got 503. */
static bool offload_is_waited_for(const struct snap *s, const struct snap_thread *t)
{
    return t->since_ns && !t->probe &&
           (t->mount >= s->mount_count || s->mount[t->mount].state == MOUNT_OK);
}

int offload_oldest_of(const struct snap *s, const struct snap_worker *w)
{
    int oldest = -1;

    for (unsigned i = 0; i < w->thread_count && w->thread_first + i < s->thread_count; i++) {
        const struct snap_thread *t = &s->thread[w->thread_first + i];
        if (offload_is_waited_for(s, t) && (oldest < 0 || t->since_ns < s->thread[oldest].since_ns))
            oldest = (int)(w->thread_first + i);
    }
    return oldest;
}

static int job_compare(const void *a, const void *b)
{
    const struct model_job *x = a, *y = b;

    if (x->since_ns != y->since_ns)
        return x->since_ns < y->since_ns ? -1 : 1;
    return x->thread < y->thread ? -1 : x->thread > y->thread;
}

/* Lists the threads that run a job, oldest job first. */
static bool offload_jobs(struct model *m)
{
    struct model_offload *o = &m->offload;
    const struct snap *s = &m->now;

    if (s->thread_count > o->job_room) {
        struct model_job *p = realloc(o->job, s->thread_count * sizeof *p);
        if (p == NULL)
            return false;
        o->job = p;
        o->job_room = s->thread_count;
    }
    o->job_count = 0;
    for (unsigned i = 0; i < s->thread_count; i++)
        if (s->thread[i].since_ns)
            o->job[o->job_count++] = (struct model_job){s->thread[i].since_ns, i};
    if (o->job_count > 1)
        qsort(o->job, o->job_count, sizeof *o->job, job_compare);
    return true;
}

static void offload_sums(struct model *m)
{
    struct model_offload *o = &m->offload;
    uint64_t sum[COUNTER_COUNT] = {0};

    for (unsigned i = 0; i < m->now.worker_count; i++) {
        const struct snap_worker *w = &m->now.worker[i];
        for (int c = COUNTER_offload_threads; c <= COUNTER_requests_waiting; c++)
            sum[c] += w->counter[c];
        for (unsigned k = 0; k < m->memory_count; k++) {
            struct model_worker *memory = &m->memory[k];
            if (memory->number != w->number)
                continue;
            if (!model_pool_full(w))
                memory->pool_full_since_ns = 0;
            else if (memory->pool_full_since_ns == 0)
                memory->pool_full_since_ns = m->now.taken_ns;
        }
    }
    o->threads = sum[COUNTER_offload_threads];
    o->limit = sum[COUNTER_offload_threads_max];
    o->stuck = sum[COUNTER_offload_stuck];
    o->busy = sum[COUNTER_offload_busy] > o->stuck ? sum[COUNTER_offload_busy] - o->stuck : 0;
    o->queued = sum[COUNTER_offload_queued];
    o->waiting = sum[COUNTER_requests_waiting];
}

/* The memory of a mount, made when there is none. NULL on ENOMEM. */
static struct model_mount *mount_remember(struct model_offload *o, const struct snap_mount *now)
{
    for (unsigned i = 0; i < o->mount_count; i++)
        if (o->mount[i].device == now->device && strcmp(o->mount[i].name, now->name) == 0)
            return &o->mount[i];
    if (o->mount_count == o->mount_room) {
        unsigned room = o->mount_room ? o->mount_room * 2 : 8;
        struct model_mount *p = realloc(o->mount, room * sizeof *p);
        if (p == NULL)
            return NULL;
        o->mount = p;
        o->mount_room = room;
    }
    struct model_mount *memory = &o->mount[o->mount_count++];
    memset(memory, 0, sizeof *memory);
    memory->device = now->device;
    snprintf(memory->name, sizeof memory->name, "%s", now->name);
    memcpy(memory->last, now->counter, sizeof memory->last);
    memory->refused = MODEL_UNKNOWN;
    return memory;
}

/* Forgets mounts that no worker knows any more, and takes the growth of the others. */
static bool offload_mounts(struct model *m)
{
    struct model_offload *o = &m->offload;

    for (unsigned i = 0; i < o->mount_count;) {
        if (model_mount_of(m, &o->mount[i]) == NULL)
            o->mount[i] = o->mount[--o->mount_count];
        else
            i++;
    }
    for (unsigned i = 0; i < m->now.mount_count; i++) {
        const struct snap_mount *now = &m->now.mount[i];
        struct model_mount *memory = mount_remember(o, now);
        if (memory == NULL)
            return false;
        for (int c = 0; c < MOUNT_COUNTER_COUNT; c++) {
            /* A worker that ended takes its numbers along. */
            if (now->counter[c] > memory->last[c]) {
                memory->grown[c] += now->counter[c] - memory->last[c];
                memory->window[0][c] += now->counter[c] - memory->last[c];
            }
            memory->last[c] = now->counter[c];
        }
    }
    if (m->now.taken_ns >= o->window_ns + SHARE_WINDOW_NS) {
        for (unsigned i = 0; i < o->mount_count; i++) {
            memcpy(o->mount[i].window[1], o->mount[i].window[0], sizeof o->mount[i].window[1]);
            memset(o->mount[i].window[0], 0, sizeof o->mount[i].window[0]);
        }
        o->window_ns = m->now.taken_ns;
    }
    return true;
}

bool offload_take(struct model *m)
{
    if (!offload_jobs(m) || !offload_mounts(m))
        return false;
    offload_sums(m);
    return true;
}

bool offload_rebuild(struct model *m)
{
    if (!offload_jobs(m))
        return false;
    offload_sums(m);
    return true;
}

void offload_close_interval(struct model *m, uint64_t elapsed_ns)
{
    for (unsigned i = 0; i < m->offload.mount_count; i++) {
        struct model_mount *mount = &m->offload.mount[i];
        if (elapsed_ns > 0)
            mount->refused = (double)mount->grown[MOUNT_REFUSED] * 1e9 / (double)elapsed_ns;
        memset(mount->grown, 0, sizeof mount->grown);
    }
}

void offload_unknown(struct model *m)
{
    for (unsigned i = 0; i < m->offload.mount_count; i++)
        m->offload.mount[i].refused = MODEL_UNKNOWN;
}

void offload_forget(struct model *m)
{
    m->offload.mount_count = 0;
    m->offload.job_count = 0;
    m->offload.window_ns = m->now.taken_ns;
}

bool model_pool_full(const struct snap_worker *w)
{
    uint64_t busy = w->counter[COUNTER_offload_busy], stuck = w->counter[COUNTER_offload_stuck];

    return w->counter[COUNTER_offload_queued] > 0 && w->counter[COUNTER_offload_threads_max] > 0 &&
           busy >= stuck + w->counter[COUNTER_offload_threads_max];
}

const struct snap_mount *model_mount_of(const struct model *m, const struct model_mount *memory)
{
    for (unsigned i = 0; i < m->now.mount_count; i++)
        if (m->now.mount[i].device == memory->device &&
            strcmp(m->now.mount[i].name, memory->name) == 0)
            return &m->now.mount[i];
    return NULL;
}

const struct model_mount *model_mount_memory(const struct model *m, const struct snap_mount *now)
{
    for (unsigned i = 0; i < m->offload.mount_count; i++)
        if (m->offload.mount[i].device == now->device &&
            strcmp(m->offload.mount[i].name, now->name) == 0)
            return &m->offload.mount[i];
    return NULL;
}

double model_mount_hot(const struct model *m, const struct snap_mount *now)
{
    const struct model_mount *memory = model_mount_memory(m, now);

    if (memory == NULL)
        return MODEL_UNKNOWN;
    uint64_t hot = memory->window[0][MOUNT_HOT] + memory->window[1][MOUNT_HOT];
    uint64_t cold = memory->window[0][MOUNT_COLD] + memory->window[1][MOUNT_COLD];
    return hot + cold > 0 ? (double)hot / (double)(hot + cold) : MODEL_UNKNOWN;
}

uint64_t model_job_age_ns(const struct model *m, const struct snap_thread *t)
{
    return mono_since((struct mono){m->now.taken_ns}, (struct mono){t->since_ns});
}

uint64_t model_oldest_job_ns(const struct model *m)
{
    if (m->offload.job_count == 0)
        return 0;
    return model_job_age_ns(m, &m->now.thread[m->offload.job[0].thread]);
}
