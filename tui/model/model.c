/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The model's main part: taking snapshots, the state and order of rows, rates, the ring of
 * events. What is counted by the second lives in seconds.c.
 */
#include "tui/model/model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "tui/model/offload.h"
#include "tui/model/seconds.h"

const char *const row_state_word[ROW_STATE_COUNT] = {
    [ROW_IDLE] = "idle",       [ROW_BUSY] = "busy",       [ROW_OFFLOAD] = "offload",
    [ROW_SLOW] = "slow",       [ROW_BLOCKED] = "BLOCKED", [ROW_STOPPED] = "STOPPED",
    [ROW_STARTING] = "START",  [ROW_DRAINING] = "DRAIN",  [ROW_STOPPING] = "EXITING",
    [ROW_BACKOFF] = "BACKOFF",
};

const char row_state_letter[ROW_STATE_COUNT] = {
    [ROW_IDLE] = '.',     [ROW_BUSY] = 'B',    [ROW_OFFLOAD] = 'o',  [ROW_SLOW] = ':',
    [ROW_BLOCKED] = '!',  [ROW_STOPPED] = '!', [ROW_STARTING] = 's', [ROW_DRAINING] = 'D',
    [ROW_STOPPING] = 'x', [ROW_BACKOFF] = 'w',
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
};

static const enum board_counter rate_counter[RATE_COUNT] = {
    [RATE_REQUESTS] = COUNTER_requests, [RATE_BYTES_OUT] = COUNTER_bytes_out,
    [RATE_BYTES_IN] = COUNTER_bytes_in, [RATE_2XX] = COUNTER_responses_2xx,
    [RATE_3XX] = COUNTER_responses_3xx, [RATE_4XX] = COUNTER_responses_4xx,
    [RATE_5XX] = COUNTER_responses_5xx, [RATE_ABORTED] = COUNTER_aborted,
    [RATE_JOBS] = COUNTER_offload_jobs,
};

bool model_init(struct model *m, uint64_t interval_ns)
{
    memset(m, 0, sizeof *m);
    m->interval_ns = interval_ns;
    m->link = LINK_NEVER;
    for (int i = 0; i < RATE_COUNT; i++)
        m->total[i] = MODEL_UNKNOWN;
    return true;
}

void model_free(struct model *m)
{
    snap_free(&m->now);
    free(m->memory);
    free(m->row);
    free(m->offload.job);
    free(m->offload.mount);
    memset(m, 0, sizeof *m);
}

void model_note(struct model *m, uint64_t wall_ns, const char *word, const char *text)
{
    struct model_event *e = &m->event[m->event_next];

    m->event_next = (m->event_next + 1) % MODEL_EVENTS;
    if (m->event_count < MODEL_EVENTS)
        m->event_count++;
    e->wall_ns = wall_ns;
    e->worker = 0;
    snprintf(e->word, sizeof e->word, "%s", word);
    snprintf(e->text, sizeof e->text, "%s", text);
}

const struct model_event *model_event_at(const struct model *m, unsigned ago)
{
    if (ago >= m->event_count)
        return NULL;
    return &m->event[(m->event_next + MODEL_EVENTS - 1 - ago) % MODEL_EVENTS];
}

static void model_take_events(struct model *m)
{
    const struct snap *s = &m->now;

    for (unsigned i = 0; i < s->event_count; i++) {
        const struct snap_event *e = &s->event[i];
        if (e->seq < m->board_event_next)
            continue;
        if (m->board_event_next > 0)
            m->events_lost += e->seq - m->board_event_next;
        model_note(m, e->when_wall_ns,
                   (unsigned)e->kind < EVENT_COUNT ? board_event_name[e->kind] : "?", e->text);
        m->event[(m->event_next + MODEL_EVENTS - 1) % MODEL_EVENTS].worker = e->worker;
        m->board_event_next = e->seq + 1;
    }
}

/* The memory of a slot, made when there is none. NULL on ENOMEM. */
static struct model_worker *model_remember(struct model *m, unsigned number)
{
    for (unsigned i = 0; i < m->memory_count; i++)
        if (m->memory[i].number == number)
            return &m->memory[i];
    if (m->memory_count == m->memory_room) {
        unsigned room = m->memory_room ? m->memory_room * 2 : 16;
        struct model_worker *p = realloc(m->memory, room * sizeof *p);
        if (p == NULL)
            return NULL;
        m->memory = p;
        m->memory_room = room;
    }
    struct model_worker *w = &m->memory[m->memory_count++];
    memset(w, 0, sizeof *w);
    w->number = number;
    return w;
}

/* A process seen for the first time: everything about it starts again. */
static void model_worker_restart(struct model_worker *w, const struct snap_worker *now,
                                 uint64_t now_ns)
{
    w->epoch = now->epoch;
    w->first_ns = now_ns;
    for (int i = 0; i < RATE_COUNT; i++) {
        w->last[i] = now->counter[rate_counter[i]];
        w->grown[i] = 0;
        w->rate[i] = MODEL_UNKNOWN;
    }
    w->accept_before = now->hist[HIST_ACCEPT_WAIT];
    w->turn_before = now->hist[HIST_LOOP_TURN];
    w->job_wait_before = now->hist[HIST_OFFLOAD_WAIT];
    w->job_run_before = now->hist[HIST_OFFLOAD_RUN];
    w->pool_full_since_ns = 0;
    w->turn_base[0] = now->hist[HIST_LOOP_TURN];
    w->turn_bases = 1;
    w->turn_base_ns = now_ns;
    w->lag_known = false;
}

static bool model_take_worker(struct model *m, const struct snap_worker *now)
{
    struct model_worker *w = model_remember(m, now->number);

    if (w == NULL)
        return false;
    /* A memory that was not seen last time may belong to a slot that was given up. */
    if (!w->seen || w->epoch != now->epoch)
        model_worker_restart(w, now, m->now.taken_ns);
    w->seen = true;
    for (int i = 0; i < RATE_COUNT; i++) {
        uint64_t v = now->counter[rate_counter[i]];
        if (v >= w->last[i]) {
            w->grown[i] += v - w->last[i];
            m->second_grown[i] += v - w->last[i];
        }
        w->last[i] = v;
    }
    return true;
}

/* Forgets slots that are empty now, and takes the growth of the others. False on ENOMEM. */
static bool model_take_workers(struct model *m)
{
    const struct snap *s = &m->now;

    for (unsigned i = 0; i < m->memory_count;) {
        bool there = false;
        for (unsigned j = 0; j < s->worker_count && !there; j++)
            there = s->worker[j].number == m->memory[i].number;
        if (there)
            i++;
        else
            m->memory[i] = m->memory[--m->memory_count];
    }
    for (unsigned i = 0; i < s->worker_count; i++)
        if (!model_take_worker(m, &s->worker[i]))
            return false;
    return true;
}

static enum row_state model_running_state(const struct snap *s, const struct snap_worker *w,
                                          int job, uint64_t *since_ns)
{
    uint64_t active = w->counter[COUNTER_requests_active];
    uint64_t away = snap_worker_away_ns(s, w);
    enum snap_stuck stuck = snap_worker_stuck(s, w, since_ns);

    if (stuck == STUCK_BLOCKED)
        return ROW_BLOCKED;
    if (stuck == STUCK_STOPPED)
        return ROW_STOPPED;
    if (away > 0) {
        *since_ns = away;
        return away > s->blocked_after_ns / MODEL_SLOW_FRACTION ? ROW_SLOW : ROW_BUSY;
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

static enum row_state model_row_state(const struct snap *s, const struct snap_worker *w, int job,
                                      uint64_t *since_ns)
{
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
    case SLOT_RETIRING:
        if (stuck == STUCK_NO)
            return ROW_DRAINING;
        *since_ns = stuck_ns;
        return ROW_BLOCKED;
    default:
        return model_running_state(s, w, job, since_ns);
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

static void model_insert_row(struct model *m, struct model_row r)
{
    unsigned at = m->row_count++;

    while (at > 0 && row_before(m, &r, &m->row[at - 1])) {
        m->row[at] = m->row[at - 1];
        at--;
    }
    m->row[at] = r;
}

static bool model_order_rows(struct model *m)
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
        r.state = model_row_state(s, w, r.job, &r.since_ns);
        while (r.memory < m->memory_count && m->memory[r.memory].number != w->number)
            r.memory++;
        m->in_state[r.state]++;
        m->live += r.state != ROW_BACKOFF && r.state != ROW_STARTING;
        model_insert_row(m, r);
    }
    return true;
}

/* At the end of an interval: growth becomes rate. */
static void model_close_interval(struct model *m)
{
    uint64_t now = m->now.taken_ns;
    uint64_t sum[RATE_COUNT] = {0};
    bool known = false;

    for (unsigned i = 0; i < m->memory_count; i++) {
        struct model_worker *w = &m->memory[i];
        for (int r = 0; r < RATE_COUNT; r++) {
            if (now > w->first_ns)
                w->rate[r] = (double)w->grown[r] * 1e9 / (double)(now - w->first_ns);
            sum[r] += w->grown[r];
            w->grown[r] = 0;
        }
        known |= now > w->first_ns;
        w->first_ns = now;
    }
    for (int r = 0; r < RATE_COUNT; r++)
        m->total[r] = known || m->memory_count == 0
                          ? (double)sum[r] * 1e9 / (double)(now - m->interval_start_ns)
                          : MODEL_UNKNOWN;
    offload_close_interval(m, now - m->interval_start_ns);
    m->interval_start_ns = now;
}

/* Another server than before, or the first: nothing of the old one is compared with it. */
static void model_new_instance(struct model *m)
{
    bool again = m->have;
    char text[160];

    m->memory_count = 0;
    m->row_count = 0;
    offload_forget(m);
    m->drops_known = false;
    m->board_event_next = 0;
    m->interval_start_ns = m->second_start_ns = m->now.taken_ns;
    memset(&m->second, 0, sizeof m->second);
    memset(m->second_grown, 0, sizeof m->second_grown);
    memset(m->wait, 0, sizeof m->wait);
    memset(&m->wait_minute, 0, sizeof m->wait_minute);
    m->wait_now_p99_ns = m->wait_minute_p99_ns = m->lag_p99_ns = 0;
    for (int r = 0; r < RATE_COUNT; r++)
        m->total[r] = MODEL_UNKNOWN;
    m->reattached = again;
    if (again) {
        snprintf(text, sizeof text, "another instance, master %u; rates start again",
                 m->now.master_pid);
        model_note(m, m->now.taken_wall_ns, "ATTACH", text);
    }
}

bool model_take(struct model *m, struct snap *s)
{
    bool same = m->have && memcmp(m->now.uuid, s->uuid, sizeof s->uuid) == 0;
    uint64_t before_ns = m->now.taken_ns;
    struct snap old = m->now;

    m->now = *s;
    *s = old;
    if (m->have && !same)
        seconds_gap(m);
    if (!same)
        model_new_instance(m);
    else if (m->link == LINK_GONE || m->now.taken_ns > before_ns + 3 * NS_PER_S)
        seconds_gap(m);
    m->have = true;
    m->clock_ns = m->now.taken_ns;
    m->wall_ns = m->now.taken_wall_ns;
    m->link_why[0] = '\0';
    m->link =
        mono_since((struct mono){m->clock_ns}, (struct mono){m->now.heartbeat_ns}) > MODEL_STALE_NS
            ? LINK_STALE
            : LINK_LIVE;
    if (!model_take_workers(m) || !offload_take(m) || !model_order_rows(m)) {
        m->row_count = m->offload.job_count = 0;
        return false;
    }
    model_take_events(m);
    seconds_sample(m);
    if (m->now.taken_ns >= m->interval_start_ns + m->interval_ns - m->interval_ns / 20)
        model_close_interval(m);
    return true;
}

void model_no_data(struct model *m, uint64_t now_ns, uint64_t wall_ns, const char *why)
{
    m->clock_ns = now_ns;
    m->wall_ns = wall_ns;
    snprintf(m->link_why, sizeof m->link_why, "%s", why);
    if (m->gone_since_ns == 0 || (m->link != LINK_GONE && m->link != LINK_NEVER))
        m->gone_since_ns = now_ns;
    if (m->have && m->link != LINK_GONE) {
        m->link = LINK_GONE;
        model_note(m, wall_ns, "GONE",
                   m->now.clean_stop ? "the server was stopped" : "the server is gone");
        for (int r = 0; r < RATE_COUNT; r++) {
            m->total[r] = MODEL_UNKNOWN;
            for (unsigned i = 0; i < m->memory_count; i++)
                m->memory[i].rate[r] = MODEL_UNKNOWN;
        }
    }
}

const struct snap_listener *model_fullest(const struct snap *s)
{
    const struct snap_listener *best = NULL;

    for (unsigned i = 0; i < s->listener_count; i++) {
        const struct snap_listener *l = &s->listener[i];
        /* depth/limit compared without dividing, for a limit may be 0. */
        if (best == NULL || (uint64_t)l->queue_depth * (best->queue_limit + 1) >
                                (uint64_t)best->queue_depth * (l->queue_limit + 1))
            best = l;
    }
    return best;
}

uint32_t model_queue_peak(const struct model *m)
{
    uint32_t peak = history_queue_peak(&m->history, 60);

    if (m->second.queue > peak)
        peak = m->second.queue;
    for (unsigned i = 0; i < m->now.listener_count; i++)
        if (m->now.listener[i].queue_peak > peak)
            peak = m->now.listener[i].queue_peak;
    return peak;
}

uint64_t model_drops_10s(const struct model *m)
{
    return history_drops(&m->history, 9) + m->second.drops;
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

uint64_t model_signature(const struct model *m)
{
    uint64_t sum = 1469598103934665603u;
    const struct snap_listener *l = model_fullest(&m->now);
    uint64_t words[] = {
        m->link,
        m->event_next,
        m->now.op_id,
        m->now.op_state,
        m->now.workers_wanted,
        m->now.stopping,
        m->now.reload_serial,
        m->now.faults,
        m->offload.stuck > 0,
        m->now.mount_count,
        l ? (l->queue_depth > 0) : 0,
        l ? l->queue_depth >= l->queue_limit : 0,
    };

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        sum = (sum ^ words[i]) * 1099511628211u;
    for (unsigned i = 0; i < m->now.mount_count; i++)
        sum = (sum ^ (uint64_t)m->now.mount[i].state) * 1099511628211u;
    for (unsigned i = 0; i < m->row_count; i++) {
        enum row_state state = m->row[i].state;
        /* Idle and busy alternate all the time and are not news. */
        if (state == ROW_BUSY || state == ROW_OFFLOAD)
            state = ROW_IDLE;
        sum = (sum ^ (uint64_t)state) * 1099511628211u;
        sum = (sum ^ model_worker(m, &m->row[i])->number) * 1099511628211u;
    }
    return sum;
}
