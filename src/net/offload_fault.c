/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rehearsal of a bad disk: [fault] rules. The longest prefix that fits path and operation wins. A
 * rule is looked up on the loop when a job is submitted and obeyed on the thread, before the
 * job's own call: first its delay, then the time its bytes take at its rate, then its error; a
 * hang lasts until the pool is freed, which also ends every other sleep here. Worker only.
 */
#include "net/offload_pool.h"

#include <errno.h>
#include <string.h>
#include <time.h>

static bool fits(const struct conf_fault *f, enum board_wait op, const char *path)
{
    return (f->operations >> op & 1) != 0 && strncmp(path, f->prefix, strlen(f->prefix)) == 0;
}

const struct conf_fault *offload_fault_find(const struct offload *pool, enum board_wait op,
                                            const char *path)
{
    const struct conf_fault *best = NULL;
    size_t best_length = 0;

    if (pool->conf->fault_count == 0 || !path || (unsigned)op >= 32)
        return NULL;
    for (size_t i = 0; i < pool->conf->fault_count; i++) {
        const struct conf_fault *f = &pool->conf->faults[i];
        if (!fits(f, op, path) || (best && strlen(f->prefix) <= best_length))
            continue;
        best = f;
        best_length = strlen(f->prefix);
    }
    return best;
}

bool offload_is_faulted(const struct offload *pool, enum board_wait op, const char *path)
{
    return pool && offload_fault_find(pool, op, path) != NULL;
}

static uint64_t sleep_ns(const struct conf_fault *f, const struct offload_job *job)
{
    if (f->rate_bytes == 0 || job->bytes == 0)
        return f->delay_ns;
    double ns = (double)job->bytes / (double)f->rate_bytes * (double)NS_PER_S;
    /* A year is as good as for ever, and cannot overflow what is added to it. */
    double most_ns = 365.0 * 86400.0 * (double)NS_PER_S;
    return f->delay_ns + (uint64_t)(ns < most_ns ? ns : most_ns);
}

bool offload_fault_apply(struct offload *pool, struct offload_job *job)
{
    const struct conf_fault *f = job->fault;
    struct mono until = mono_after(job->started, sleep_ns(f, job));
    struct timespec end = {.tv_sec = (time_t)(until.ns / NS_PER_S),
                           .tv_nsec = (long)(until.ns % NS_PER_S)};
    int waited = 0;

    pthread_mutex_lock(&pool->lock);
    while (!pool->ended && f->hang)
        pthread_cond_wait(&pool->ending, &pool->lock);
    while (!pool->ended && waited == 0 && mono_now().ns < until.ns)
        waited = pthread_cond_timedwait(&pool->ending, &pool->lock, &end);
    job->fault_error = pool->ended ? ECANCELED : f->error;
    bool go = job->fault_error == 0;
    if (go)
        pool->in_run++;
    pthread_mutex_unlock(&pool->lock);
    return go;
}
