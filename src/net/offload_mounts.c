/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The mounts of an offload pool and their states. When one is sick is offload_judge.c's word: then
 * what is queued fails at once, and what runs is late, which frees its place in the limit and in
 * the share. From then on only a probe heals it, each [offload] probe and at once when a late job
 * comes back; one that itself takes longer than the deadline does not count. It is tried by what
 * made it sick and by something else, because one bad file must not keep the rest away. A mount
 * that falls sick again while jobs of the last time still hang is probed ever less often, so that a
 * probe that sees less than jobs do cannot make it go to and fro. An operator's unfence is tried as
 * well: a mount that still hangs is sick again within the deadline. Loop thread only. Worker only.
 */
#include "net/offload_pool.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "base/log.h"
#include "board/slot.h"

enum {
    RELAPSES_MAX = 5,  /* doublings of the time between probes */
    PROBES_OUT_MAX = 3 /* of a kind: one may be lost for good */
};

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
    for (size_t i = 0; i < sizeof m->good_path / sizeof *m->good_path; i++)
        free(m->good_path[i]);
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
    m->doubted = WAIT_COUNT;
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
    m->doubted = WAIT_COUNT;
    if (state == MOUNT_SICK)
        m->sick_since = loop_now(pool->loop);
    else if (state == MOUNT_OK)
        m->ok_since = loop_now(pool->loop);
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

    if (!fenced && m->state != MOUNT_OK) {
        set_state(m, MOUNT_OK);
        if (m->late_count > 0)
            offload_mount_try_other(m, NULL);
    }
    if (!fenced || m->state == MOUNT_FENCED)
        return;
    set_state(m, MOUNT_FENCED);
    refuse_queued(m);
    offload_drain(pool);
}

void offload_mount_keep_probe(struct offload_mount *m, const struct offload_job *job)
{
    free(m->probe_path);
    m->probe_path = strdup(job->path); /* without: the mount point */
    m->probe_op = job->op;
    m->probe_fault = job->fault;
}

void offload_mount_turn_sick(struct offload_mount *m, const struct offload_job *job,
                             uint64_t age_ns, bool kind)
{
    double seconds = (double)age_ns / (double)NS_PER_S;

    pthread_mutex_lock(&m->pool->lock);
    bool relapse = m->late_count > 0;
    pthread_mutex_unlock(&m->pool->lock);
    set_state(m, MOUNT_SICK);
    m->sick_by_kind = kind;
    if (!relapse || kind)
        m->relapses = 0;
    else if (m->relapses < RELAPSES_MAX)
        m->relapses++;
    m->probe_at =
        mono_after(loop_now(m->pool->loop), m->pool->conf->offload.probe_ns << m->relapses);
    if (job)
        offload_mount_keep_probe(m, job);
    const char *path = m->probe_path ? m->probe_path : "?";
    log_warn("mount %s: %s%s of %s takes longer than %.1f s; requests for this mount get 503 until "
             "it answers",
             offload_mount_name(m), kind ? "every " : "", board_wait_name[m->probe_op], path,
             seconds);
    offload_event(m->pool, EVENT_SICK, "%s: %s of %s for %.1f s", offload_mount_name(m),
                  board_wait_name[m->probe_op], path, seconds);
}

/* --- probes --- */

/* One that does not come back is not waited for without end: it may be the only one that was lost.
 */
static bool may_probe(const struct offload_mount *m, enum probe_kind kind)
{
    const struct conf *conf = m->pool->conf;
    uint64_t each_ns = conf->offload.deadline_ns > conf->offload.probe_ns
                           ? conf->offload.deadline_ns
                           : conf->offload.probe_ns;
    unsigned out = m->probe[kind].out;

    return out == 0 || (out < PROBES_OUT_MAX &&
                        mono_since(loop_now(m->pool->loop), m->probe[kind].since) > each_ns << out);
}

static void probe(struct offload_mount *m, enum probe_kind kind)
{
    if (may_probe(m, kind) && !offload_probe(m, kind) && errno != 0)
        log_warn("cannot start a thread to try mount %s: %s; it is tried again",
                 offload_mount_name(m), strerror(errno));
}

void offload_mount_try_other(struct offload_mount *m, const struct offload_job *job)
{
    if (!may_probe(m, PROBE_OTHER))
        return;
    if (job)
        offload_mount_keep_probe(m, job);
    probe(m, PROBE_OTHER);
}

static void probe_now(struct offload_mount *m)
{
    m->probe_at =
        mono_after(loop_now(m->pool->loop), m->pool->conf->offload.probe_ns << m->relapses);
    probe(m, PROBE_SAME);
    probe(m, PROBE_OTHER);
}

/* Keeps a path or two that a probe may be about, because they were well. */
static void note_good(struct offload_mount *m, const struct offload_job *job)
{
    unsigned i = job->op == WAIT_READ ? 0 : 1;

    if (job->fault_error != 0 || job->op == WAIT_CLOSE || job->path[0] != '/' ||
        (m->good_path[i] && mono_since(job->finished, m->good_at[i]) < NS_PER_S))
        return;
    char *path = strdup(job->path);
    if (!path)
        return; /* the one before will do */
    free(m->good_path[i]);
    m->good_path[i] = path;
    m->good_at[i] = job->finished;
}

void offload_mount_answered(struct offload_mount *m, const struct offload_job *job)
{
    if (m->pool->ended)
        return;
    if (mono_since(job->finished, job->started) <= m->pool->conf->offload.deadline_ns)
        note_good(m, job);
    if (m->state == MOUNT_SICK && m->probe[PROBE_SAME].out == 0)
        probe_now(m);
}

void offload_mount_probed(struct offload_mount *m, enum board_wait op, uint64_t took_ns)
{
    uint64_t now_ns = mono_now().ns;

    offload_mount_moved(m, op, now_ns, now_ns); /* how long it took is no measure for others */
    if (m->state != MOUNT_SICK || (m->sick_by_kind && op != m->probe_op))
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
        offload_judge(m);
        if (m->state == MOUNT_SICK && now.ns >= m->probe_at.ns)
            probe_now(m);
    }
}
