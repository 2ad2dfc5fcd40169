/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The model's main part: taking snapshots, rates, the ring of events. The state and order of
 * rows is in rows.c, what is counted by the second in seconds.c.
 */
#include "tui/model/model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "tui/model/events.h"
#include "tui/model/offload.h"
#include "tui/model/rows.h"
#include "tui/model/seconds.h"

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
    m->thresholds = (struct thresholds){.queue_warn = 1,
                                        .queue_bad_percent = 50,
                                        .lag_warn_ns = 50 * NS_PER_MS,
                                        .lag_bad_ns = 250 * NS_PER_MS};
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
    topk_free(&m->files);
    memset(m, 0, sizeof *m);
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
                                 uint64_t now_ns, bool histograms)
{
    static const struct snap_hist none; /* what those of a new process begin with */
    const struct snap_hist *hist[HIST_COUNT];

    for (int i = 0; i < HIST_COUNT; i++)
        hist[i] = histograms ? &now->hist[i] : &none;
    w->epoch = now->epoch;
    w->first_ns = now_ns;
    for (int i = 0; i < RATE_COUNT; i++) {
        w->last[i] = now->counter[rate_counter[i]];
        w->grown[i] = 0;
        w->rate[i] = MODEL_UNKNOWN;
    }
    w->accept_before = *hist[HIST_ACCEPT_WAIT];
    w->turn_before = *hist[HIST_LOOP_TURN];
    w->job_wait_before = *hist[HIST_OFFLOAD_WAIT];
    w->job_run_before = *hist[HIST_OFFLOAD_RUN];
    w->pool_full_since_ns = 0;
    w->turn_base[0] = *hist[HIST_LOOP_TURN];
    w->turn_bases = 1;
    w->turn_base_ns = now_ns;
    w->lag_known = false;
    w->lag_p50_ns = w->lag_p90_ns = w->lag_p99_ns = w->lag_max_ns = w->lag_over = 0;
    memset(w->lag, 0, sizeof w->lag);
    w->turns = w->cpu = MODEL_UNKNOWN;
    w->rss_bytes = w->cpu_ns = w->cpu_at_ns = w->fds = w->fds_max = 0;
}

static bool model_take_worker(struct model *m, const struct snap_worker *now)
{
    struct model_worker *w = model_remember(m, now->number);

    if (w == NULL)
        return false;
    /* A memory that was not seen last time may belong to a slot that was given up. */
    if (!w->seen || w->epoch != now->epoch)
        model_worker_restart(w, now, m->now.taken_ns, !(m->now.wants & SNAP_NO_HISTOGRAMS));
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

/* Growth in the interval so far becomes rate. */
static void model_set_rates(struct model *m)
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
        }
        known |= now > w->first_ns;
    }
    for (int r = 0; r < RATE_COUNT; r++)
        m->total[r] = known || m->memory_count == 0
                          ? (double)sum[r] * 1e9 / (double)(now - m->interval_start_ns)
                          : MODEL_UNKNOWN;
}

static void model_close_interval(struct model *m)
{
    uint64_t now = m->now.taken_ns;

    model_set_rates(m);
    for (unsigned i = 0; i < m->memory_count; i++) {
        memset(m->memory[i].grown, 0, sizeof m->memory[i].grown);
        m->memory[i].first_ns = now;
    }
    offload_close_interval(m, now - m->interval_start_ns);
    m->interval_start_ns = now;
}

/* The first rates do not wait for the end of their interval, which goes on. */
static void model_rates(struct model *m)
{
    uint64_t whole = m->interval_ns, first = MODEL_FIRST_NS;
    uint64_t elapsed = m->now.taken_ns - m->interval_start_ns;

    /* Samples come every 100 ms, now and then a little early. */
    if (elapsed >= whole - whole / 20)
        model_close_interval(m);
    else if (m->total[RATE_REQUESTS] < 0 && elapsed >= first - first / 20)
        model_set_rates(m);
}

/* Another server than before, or the first: nothing of the old one is compared with it. */
static void model_new_instance(struct model *m)
{
    bool again = m->have;
    char text[160];

    m->memory_count = 0;
    m->row_count = 0;
    topk_free(&m->files);
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

unsigned model_wants(const struct model *m, uint64_t now_ns)
{
    bool due = now_ns >= m->interval_start_ns + m->interval_ns - m->interval_ns / 20;
    /* The sample that closes a second needs histograms, and one that begins anew. */
    bool within =
        m->have && m->link == LINK_LIVE && now_ns < m->second_start_ns + NS_PER_S - NS_PER_S / 10;
    unsigned without = m->few_histograms && within ? SNAP_NO_HISTOGRAMS : 0;

    return (due || (m->wants & ~m->now.wants) ? m->wants : 0) | without;
}

/* Moves an array of the snapshot before into the new one, which lacks it. */
#define PARTS_KEEP(now, old, name)                                                                 \
    do {                                                                                           \
        void *p = (now)->name;                                                                     \
        unsigned room = (now)->name##_room;                                                        \
        (now)->name = (old)->name;                                                                 \
        (now)->name##_room = (old)->name##_room;                                                   \
        (now)->name##_count = (old)->name##_count;                                                 \
        (old)->name = p;                                                                           \
        (old)->name##_room = room;                                                                 \
        (old)->name##_count = 0;                                                                   \
    } while (0)

/* Keeps the parts of the snapshot before that are wanted still and that the new one has not. */
static void model_keep_parts(struct model *m, struct snap *old)
{
    unsigned keep = m->wants & old->wants & ~m->now.wants;

    if (keep & SNAP_REQUESTS)
        PARTS_KEEP(&m->now, old, request);
    if (keep & SNAP_FILES)
        PARTS_KEEP(&m->now, old, file);
    if (keep & SNAP_RECENT)
        PARTS_KEEP(&m->now, old, recent);
    if (keep & SNAP_SLOW)
        PARTS_KEEP(&m->now, old, slow);
    m->now.wants |= keep;
}

bool model_take(struct model *m, struct snap *s)
{
    unsigned parts = s->wants;
    bool same = m->have && memcmp(m->now.uuid, s->uuid, sizeof s->uuid) == 0;
    uint64_t before_ns = m->now.taken_ns;
    struct snap old = m->now;

    m->now = *s;
    *s = old;
    if (m->thresholds.blocked_ns)
        m->now.blocked_after_ns = m->thresholds.blocked_ns;
    if (same)
        model_keep_parts(m, s);
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
    if (!model_take_workers(m) || !offload_take(m) || !rows_order(m)) {
        m->row_count = m->offload.job_count = 0;
        return false;
    }
    events_take(m, &m->now);
    seconds_sample(m);
    model_rates(m);
    if (!((parts | m->wants) & SNAP_FILES))
        topk_free(&m->files); /* figures of when somebody looked last mean nothing later */
    return !(parts & SNAP_FILES) || topk_take(&m->files, &m->now, m->total[RATE_REQUESTS]);
}

void model_take_proc(struct model *m, unsigned number, uint32_t epoch, const struct model_proc *p,
                     uint64_t now_ns)
{
    for (unsigned i = 0; i < m->memory_count; i++) {
        struct model_worker *w = &m->memory[i];
        if (w->number != number || w->epoch != epoch)
            continue;
        if (w->cpu_at_ns && now_ns > w->cpu_at_ns && p->cpu_ns >= w->cpu_ns)
            w->cpu = (double)(p->cpu_ns - w->cpu_ns) / (double)(now_ns - w->cpu_at_ns);
        w->cpu_ns = p->cpu_ns;
        w->cpu_at_ns = now_ns;
        w->rss_bytes = p->rss_bytes;
        w->fds = p->fds;
        w->fds_max = p->fds_max;
    }
}

void model_take_last(struct model *m, const struct snap *s)
{
    if (!m->have || memcmp(m->now.uuid, s->uuid, sizeof s->uuid) != 0)
        return;
    events_take(m, s);
    m->now.clean_stop = s->clean_stop;
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
        for (unsigned i = 0; i < m->memory_count; i++)
            m->memory[i].cpu = m->memory[i].turns = MODEL_UNKNOWN;
        topk_unknown(&m->files);
        offload_unknown(m);
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

uint64_t model_drops_lately(const struct model *m)
{
    return history_drops(&m->history, MODEL_DROPS_SECONDS - 1) + m->second.drops;
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
        m->now.errors,
        m->now.reload_serial,
        m->now.faults,
        m->offload.stuck > 0,
        m->now.mount_count,
        m->total[RATE_REQUESTS] >= 0,
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
