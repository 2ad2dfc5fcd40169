/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rows of the worker table: which state each worker is in and since when, in the order of
 * severity, and what a row does in words. Part of model.c, in a file of its own. Pure; runs in
 * weirtop.
 */
#include "tui/model/rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "tui/model/offload.h"

const char *const row_state_word[ROW_STATE_COUNT] = {
    [ROW_IDLE] = "idle",       [ROW_BUSY] = "busy",       [ROW_OFFLOAD] = "offload",
    [ROW_SLOW] = "slow",       [ROW_BLOCKED] = "BLOCKED", [ROW_STOPPED] = "STOPPED",
    [ROW_STARTING] = "START",  [ROW_DRAINING] = "DRAIN",  [ROW_STOPPING] = "EXITING",
    [ROW_BACKOFF] = "BACKOFF", [ROW_DEAD] = "DEAD",
};

const char row_state_letter[ROW_STATE_COUNT] = {
    [ROW_IDLE] = '.',     [ROW_BUSY] = 'B',    [ROW_OFFLOAD] = 'o',  [ROW_SLOW] = ':',
    [ROW_BLOCKED] = '!',  [ROW_STOPPED] = '!', [ROW_STARTING] = 's', [ROW_DRAINING] = 'D',
    [ROW_STOPPING] = 'x', [ROW_BACKOFF] = 'w', [ROW_DEAD] = '+',
};

const char *const row_state_help[ROW_STATE_COUNT] = {
    [ROW_IDLE] = "waits for events, no request",
    [ROW_BUSY] = "has requests to answer",
    [ROW_OFFLOAD] = "all its requests wait for offload threads, the loop is free",
    [ROW_SLOW] = "in one call for a quarter of [log] blocked",
    [ROW_BLOCKED] = "in one call for longer than [log] blocked",
    [ROW_STOPPED] = "stopped by a signal (SIGSTOP)",
    [ROW_STARTING] = "forked, not ready yet",
    [ROW_DRAINING] = "takes no new connections, answers what it has",
    [ROW_STOPPING] = "told to end at once",
    [ROW_BACKOFF] = "died; waits before it is started again",
    [ROW_DEAD] = "dead, but the kernel cannot end it yet; another took its place",
};

static enum row_state row_running_state(const struct model *m, const struct snap_worker *w, int job,
                                        uint64_t *since_ns)
{
    const struct snap *s = &m->now;
    uint64_t active = w->counter[COUNTER_requests_active];
    uint64_t away = snap_worker_away_ns(s, w);
    enum snap_stuck stuck = snap_worker_stuck(s, w, since_ns);

    if (stuck == STUCK_BLOCKED)
        return ROW_BLOCKED;
    if (stuck == STUCK_STOPPED)
        return ROW_STOPPED;
    if (away > 0) {
        *since_ns = away;
        return away > model_slow_after_ns(m) ? ROW_SLOW : ROW_BUSY;
    }
    if (active > 0 && w->counter[COUNTER_requests_waiting] >= active) {
        uint64_t since = job >= 0 ? s->thread[job].since_ns : w->wait_since_ns;
        *since_ns = mono_since((struct mono){s->taken_ns}, (struct mono){since});
        return ROW_OFFLOAD;
    }
    *since_ns = mono_since((struct mono){s->taken_ns},
                           (struct mono){w->wait_since_ns ? w->wait_since_ns : w->state_since_ns});
    return active > 0 ? ROW_BUSY : ROW_IDLE;
}

static enum row_state row_state_of(const struct model *m, const struct snap_worker *w, int job,
                                   uint64_t *since_ns)
{
    const struct snap *s = &m->now;
    uint64_t stuck_ns;
    enum snap_stuck stuck = snap_worker_stuck(s, w, &stuck_ns);

    *since_ns = mono_since((struct mono){s->taken_ns}, (struct mono){w->state_since_ns});
    if (stuck == STUCK_STOPPED) {
        *since_ns = stuck_ns;
        return ROW_STOPPED;
    }
    switch (w->state) {
    case SLOT_STARTING:
        return ROW_STARTING;
    case SLOT_STOPPING:
        return ROW_STOPPING;
    case SLOT_BACKOFF:
        return ROW_BACKOFF;
    case SLOT_DEAD:
        return ROW_DEAD;
    case SLOT_RETIRING:
        if (stuck == STUCK_NO)
            return ROW_DRAINING;
        *since_ns = stuck_ns;
        return ROW_BLOCKED;
    default:
        return row_running_state(m, w, job, since_ns);
    }
}

static int row_rank(const struct model_row *r)
{
    if (r->state == ROW_BLOCKED || r->state == ROW_STOPPED)
        return 0;
    return r->state >= ROW_STARTING ? 1 : 2;
}

/* Stuck ones by age, then those that come and go, then the rest; each by number. */
static bool row_before(const struct model *m, const struct model_row *a, const struct model_row *b)
{
    int ra = row_rank(a), rb = row_rank(b);

    if (ra != rb)
        return ra < rb;
    if (ra == 0 && a->since_ns != b->since_ns)
        return a->since_ns > b->since_ns;
    return model_worker(m, a)->number < model_worker(m, b)->number;
}

static void row_insert(struct model *m, struct model_row r)
{
    unsigned at = m->row_count++;

    while (at > 0 && row_before(m, &r, &m->row[at - 1])) {
        m->row[at] = m->row[at - 1];
        at--;
    }
    m->row[at] = r;
}

bool rows_order(struct model *m)
{
    const struct snap *s = &m->now;

    if (s->worker_count > m->row_room) {
        struct model_row *p = realloc(m->row, s->worker_count * sizeof *p);
        if (p == NULL)
            return false;
        m->row = p;
        m->row_room = s->worker_count;
    }
    m->row_count = 0;
    m->live = 0;
    memset(m->in_state, 0, sizeof m->in_state);
    for (unsigned i = 0; i < s->worker_count; i++) {
        const struct snap_worker *w = &s->worker[i];
        struct model_row r = {.worker = i, .away_ns = snap_worker_away_ns(s, w)};
        r.job = offload_oldest_of(s, w);
        r.state = row_state_of(m, w, r.job, &r.since_ns);
        while (r.memory < m->memory_count && m->memory[r.memory].number != w->number)
            r.memory++;
        m->in_state[r.state]++;
        m->live += r.state != ROW_BACKOFF && r.state != ROW_STARTING && r.state != ROW_DEAD;
        row_insert(m, r);
    }
    return true;
}

bool model_worker_sends(const struct model *m, const struct snap_worker *w, uint64_t within_ns)
{
    for (unsigned i = 0; i < m->now.request_count; i++) {
        const struct snap_request *r = &m->now.request[i];
        if (r->worker == w->number &&
            mono_since((struct mono){m->now.taken_ns}, (struct mono){r->progress_ns}) < within_ns)
            return true;
    }
    return false;
}

void model_row_doing(const struct model *m, const struct model_row *r, const char **verb,
                     char *object, size_t object_bytes)
{
    const struct snap_worker *w = model_worker(m, r);

    object[0] = '\0';
    *verb = "";
    if (r->state == ROW_BACKOFF) {
        if (w->last_exit == EXIT_SIGNAL)
            snprintf(object, object_bytes, "died of signal %u", w->last_exit_detail);
        else
            snprintf(object, object_bytes, "ended with status %u", w->last_exit_detail);
    } else if (r->state == ROW_DEAD) {
        snprintf(object, object_bytes, "a mount keeps it from ending");
    } else if (r->state == ROW_DRAINING && r->away_ns == 0) {
        snprintf(object, object_bytes, "retiring, %llu left",
                 (unsigned long long)w->counter[COUNTER_connections]);
    } else if (r->away_ns > 0 || (r->state == ROW_STOPPED && w->wait != WAIT_POLL)) {
        *verb = (unsigned)w->wait < WAIT_COUNT ? board_wait_name[w->wait] : "?";
        snprintf(object, object_bytes, "%s%s", w->serving, w->serving_stale ? "~" : "");
    } else if (r->state == ROW_OFFLOAD && r->job >= 0) {
        *verb = "offl";
        snprintf(object, object_bytes, "%s", m->now.thread[r->job].path);
    } else if (r->state == ROW_OFFLOAD) {
        snprintf(object, object_bytes, "%llu wait for a thread",
                 (unsigned long long)w->counter[COUNTER_requests_waiting]);
    } else if (r->state == ROW_BUSY && w->counter[COUNTER_requests_waiting] > 0) {
        snprintf(object, object_bytes, "%llu in flight, %llu wait",
                 (unsigned long long)w->counter[COUNTER_requests_active],
                 (unsigned long long)w->counter[COUNTER_requests_waiting]);
    } else if (r->state == ROW_BUSY) {
        snprintf(object, object_bytes, "%llu in flight",
                 (unsigned long long)w->counter[COUNTER_requests_active]);
    } else if (r->state == ROW_STOPPED) {
        snprintf(object, object_bytes, "while idle, %llu connections",
                 (unsigned long long)w->counter[COUNTER_connections]);
    }
}
