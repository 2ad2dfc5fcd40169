/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Seconds: each snapshot raises the running record's maxima; when a second is over the
 * record goes into history, and the histograms' growth since the second before gives accept
 * wait and lag. A turn of a loop that has not ended is in no histogram yet: its age so far
 * raises the figure to at least that, else a stuck worker would look well until it is back.
 */
#include "tui/model/seconds.h"

#include <string.h>

#include "base/clock.h"

#define TURN_BASE_NS (10 * NS_PER_S)

static void seconds_drops(struct model *m)
{
    uint64_t drops = 0;

    for (unsigned i = 0; i < m->now.listener_count; i++)
        drops += m->now.listener[i].drops;
    if (m->drops_known && drops > m->drops_before)
        m->second.drops += drops - m->drops_before;
    m->drops_before = drops;
    m->drops_known = true;
}

static uint64_t hist_max_ns(const struct snap_hist *h)
{
    for (unsigned i = HIST_BUCKETS; i > 0; i--)
        if (h->bucket[i - 1] > 0)
            return hist_bucket_mid_ns(i - 1);
    return 0;
}

/* The lag of one worker over the last minute; with `aged`, its newest base moves on. */
static void seconds_worker_lag(struct model *m, struct model_worker *w,
                               const struct snap_worker *now, uint64_t away_ns)
{
    struct snap_hist minute;
    bool long_away = away_ns > m->now.blocked_after_ns / MODEL_SLOW_FRACTION;

    snap_hist_diff(&minute, &now->hist[HIST_LOOP_TURN], &w->turn_base[0]);
    w->lag_known = minute.count > 0 || long_away;
    w->lag_p50_ns = snap_hist_quantile(&minute, 0.5);
    w->lag_p99_ns = snap_hist_quantile(&minute, 0.99);
    w->lag_max_ns = hist_max_ns(&minute);
    if (long_away && away_ns > w->lag_p99_ns)
        w->lag_p99_ns = away_ns;
    if (long_away && away_ns > w->lag_max_ns)
        w->lag_max_ns = away_ns;
    if (m->now.taken_ns - w->turn_base_ns < TURN_BASE_NS)
        return;
    if (w->turn_bases == MODEL_LAG_STEPS)
        memmove(&w->turn_base[0], &w->turn_base[1], (MODEL_LAG_STEPS - 1) * sizeof w->turn_base[0]);
    else
        w->turn_bases++;
    w->turn_base[w->turn_bases - 1] = now->hist[HIST_LOOP_TURN];
    w->turn_base_ns = m->now.taken_ns;
}

static void seconds_accept_wait(struct model *m, const struct snap_hist *second)
{
    m->wait[m->wait_next] = *second;
    m->wait_next = (m->wait_next + 1) % MODEL_WAIT_SECONDS;
    memset(&m->wait_minute, 0, sizeof m->wait_minute);
    for (unsigned i = 0; i < MODEL_WAIT_SECONDS; i++)
        if (m->wait[i].count > 0)
            snap_hist_add(&m->wait_minute, &m->wait[i]);
    m->wait_now_p99_ns = snap_hist_quantile(second, 0.99);
    m->wait_minute_p99_ns = snap_hist_quantile(&m->wait_minute, 0.99);
}

/* Takes what the histograms grew by since the second before. */
static void seconds_histograms(struct model *m)
{
    struct snap_hist accept = {0}, turn = {0}, job_wait = {0}, job_run = {0}, grown;
    uint64_t longest_ns = 0;

    for (unsigned i = 0; i < m->row_count; i++) {
        const struct snap_worker *now = model_worker(m, &m->row[i]);
        struct model_worker *w = &m->memory[m->row[i].memory];
        snap_hist_diff(&grown, &now->hist[HIST_ACCEPT_WAIT], &w->accept_before);
        snap_hist_add(&accept, &grown);
        snap_hist_diff(&grown, &now->hist[HIST_LOOP_TURN], &w->turn_before);
        snap_hist_add(&turn, &grown);
        snap_hist_diff(&grown, &now->hist[HIST_OFFLOAD_WAIT], &w->job_wait_before);
        snap_hist_add(&job_wait, &grown);
        snap_hist_diff(&grown, &now->hist[HIST_OFFLOAD_RUN], &w->job_run_before);
        snap_hist_add(&job_run, &grown);
        w->job_wait_before = now->hist[HIST_OFFLOAD_WAIT];
        w->job_run_before = now->hist[HIST_OFFLOAD_RUN];
        if (m->row[i].away_ns > m->now.blocked_after_ns / MODEL_SLOW_FRACTION)
            longest_ns = m->row[i].away_ns > longest_ns ? m->row[i].away_ns : longest_ns;
        w->accept_before = now->hist[HIST_ACCEPT_WAIT];
        w->turn_before = now->hist[HIST_LOOP_TURN];
        seconds_worker_lag(m, w, now, m->row[i].away_ns);
    }
    seconds_accept_wait(m, &accept);
    m->offload.wait_p99_ns = snap_hist_quantile(&job_wait, 0.99);
    m->offload.run_p99_ns = snap_hist_quantile(&job_run, 0.99);
    m->lag_p99_ns = snap_hist_quantile(&turn, 0.99);
    if (longest_ns > m->lag_p99_ns)
        m->lag_p99_ns = longest_ns;
    m->second.lag_p99_ns = m->lag_p99_ns;
}

static void seconds_close(struct model *m, uint64_t elapsed_ns)
{
    double per = 1e9 / (double)elapsed_ns;

    seconds_histograms(m);
    m->second.requests = (double)m->second_grown[RATE_REQUESTS] * per;
    m->second.bytes_out = (double)m->second_grown[RATE_BYTES_OUT] * per;
    m->second.bytes_in = (double)m->second_grown[RATE_BYTES_IN] * per;
    history_add(&m->history, &m->second);
    memset(&m->second, 0, sizeof m->second);
    memset(m->second_grown, 0, sizeof m->second_grown);
    m->second_start_ns = m->now.taken_ns;
}

void seconds_sample(struct model *m)
{
    const struct snap_listener *l = model_fullest(&m->now);
    uint32_t stuck = m->in_state[ROW_BLOCKED] + m->in_state[ROW_STOPPED];

    if (l && l->queue_depth >= m->second.queue) {
        m->second.queue = l->queue_depth;
        m->second.queue_limit = l->queue_limit;
    }
    if (stuck > m->second.stuck)
        m->second.stuck = stuck;
    if (m->offload.queued > m->second.offload_queued)
        m->second.offload_queued = m->offload.queued;
    seconds_drops(m);
    /* Samples come every 100 ms, now and then a little early. */
    if (m->now.taken_ns >= m->second_start_ns + NS_PER_S - NS_PER_S / 20)
        seconds_close(m, m->now.taken_ns - m->second_start_ns);
}

void seconds_gap(struct model *m)
{
    uint64_t elapsed =
        mono_since((struct mono){m->now.taken_ns}, (struct mono){m->second_start_ns});

    history_add_gap(&m->history, elapsed / NS_PER_S);
    memset(&m->second, 0, sizeof m->second);
    memset(m->second_grown, 0, sizeof m->second_grown);
    m->second_start_ns = m->now.taken_ns;
}
