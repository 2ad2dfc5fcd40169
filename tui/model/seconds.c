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

/* Adds the turns of a histogram to counts by LAG_BUCKETS. */
static void lag_count(uint32_t lag[LAG_BUCKETS], const struct snap_hist *h)
{
    for (unsigned i = 0; i < HIST_BUCKETS; i++) {
        if (h->bucket[i] == 0)
            continue;
        uint32_t *to = &lag[lag_bucket_of(hist_bucket_mid_ns(i))];
        *to = h->bucket[i] > UINT32_MAX - *to ? UINT32_MAX : *to + (uint32_t)h->bucket[i];
    }
}

/* How many were longer than this; 0 when ns is 0. */
static uint64_t hist_over(const struct snap_hist *h, uint64_t ns)
{
    uint64_t over = 0;

    if (ns == 0)
        return 0;
    for (unsigned i = hist_bucket_of(ns) + 1; i < HIST_BUCKETS; i++)
        over += h->bucket[i];
    return over;
}

/*
 * The second's turns of one worker go into its heat and the server's. A turn that has not ended
 * is one sample of this second by its age so far; when it ends, its own second has the real one.
 */
static void seconds_heat(struct model *m, struct model_worker *w, const struct snap_hist *turns,
                         uint64_t away_ns)
{
    uint32_t lag[LAG_BUCKETS] = {0};
    struct history_record *all = &m->second;

    lag_count(lag, turns);
    if (away_ns > model_slow_after_ns(m) && lag[lag_bucket_of(away_ns)] < UINT32_MAX)
        lag[lag_bucket_of(away_ns)]++;
    for (unsigned i = 0; i < LAG_BUCKETS; i++) {
        w->heat[w->heat_next][i] = lag[i] > UINT16_MAX ? UINT16_MAX : (uint16_t)lag[i];
        all->lag[i] = lag[i] > UINT32_MAX - all->lag[i] ? UINT32_MAX : all->lag[i] + lag[i];
        if (lag[i] > 0 && all->lag_worker[i] == 0)
            all->lag_worker[i] = w->number > UINT16_MAX ? 0 : (uint16_t)w->number;
    }
    w->heat_next = (w->heat_next + 1) % HEAT_SECONDS;
    if (w->heat_count < HEAT_SECONDS)
        w->heat_count++;
}

/* The lag of one worker over the last minute; with `aged`, its newest base moves on. */
static void seconds_worker_lag(struct model *m, struct model_worker *w,
                               const struct snap_worker *now, uint64_t away_ns)
{
    struct snap_hist minute;
    bool long_away = away_ns > model_slow_after_ns(m);

    snap_hist_diff(&minute, &now->hist[HIST_LOOP_TURN], &w->turn_base[0]);
    w->lag_known = minute.count > 0 || long_away;
    w->lag_p50_ns = snap_hist_quantile(&minute, 0.5);
    w->lag_p90_ns = snap_hist_quantile(&minute, 0.9);
    w->lag_p99_ns = snap_hist_quantile(&minute, 0.99);
    w->lag_max_ns = hist_max_ns(&minute);
    if (long_away && away_ns > w->lag_p99_ns)
        w->lag_p99_ns = away_ns;
    if (long_away && away_ns > w->lag_max_ns)
        w->lag_max_ns = away_ns;
    memset(w->lag, 0, sizeof w->lag);
    lag_count(w->lag, &minute);
    if (long_away && w->lag[lag_bucket_of(away_ns)] < UINT32_MAX)
        w->lag[lag_bucket_of(away_ns)]++;
    w->lag_over = hist_over(&minute, m->now.blocked_after_ns) +
                  (away_ns > m->now.blocked_after_ns && m->now.blocked_after_ns > 0);
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
static void seconds_histograms(struct model *m, uint64_t elapsed_ns)
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
        w->turns = (double)grown.count * 1e9 / (double)elapsed_ns;
        seconds_heat(m, w, &grown, m->row[i].away_ns);
        snap_hist_diff(&grown, &now->hist[HIST_OFFLOAD_WAIT], &w->job_wait_before);
        snap_hist_add(&job_wait, &grown);
        snap_hist_diff(&grown, &now->hist[HIST_OFFLOAD_RUN], &w->job_run_before);
        snap_hist_add(&job_run, &grown);
        w->job_wait_before = now->hist[HIST_OFFLOAD_WAIT];
        w->job_run_before = now->hist[HIST_OFFLOAD_RUN];
        if (m->row[i].away_ns > model_slow_after_ns(m))
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

    seconds_histograms(m, elapsed_ns);
    m->second.requests = (double)m->second_grown[RATE_REQUESTS] * per;
    m->second.bytes_out = (double)m->second_grown[RATE_BYTES_OUT] * per;
    m->second.bytes_in = (double)m->second_grown[RATE_BYTES_IN] * per;
    history_add(&m->history, &m->second);
    memset(&m->second, 0, sizeof m->second);
    memset(m->second_grown, 0, sizeof m->second_grown);
    m->second_start_ns = m->now.taken_ns;
    m->seconds++;
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
    if (m->now.taken_ns >= m->second_start_ns + NS_PER_S - NS_PER_S / 20 &&
        !(m->now.wants & SNAP_NO_HISTOGRAMS))
        seconds_close(m, m->now.taken_ns - m->second_start_ns);
}

void heat_add_gap(struct model_worker *w, uint64_t seconds)
{
    for (uint64_t i = 0; i < seconds && i < HEAT_SECONDS; i++) {
        memset(w->heat[w->heat_next], 0, sizeof w->heat[0]);
        w->heat_next = (w->heat_next + 1) % HEAT_SECONDS;
        if (w->heat_count < HEAT_SECONDS)
            w->heat_count++;
    }
}

/* What happened in a gap belongs to no second. */
static void seconds_restart(struct model_worker *w, const struct snap *s)
{
    /* Only a new server's first snapshot may be without; its workers are new, too. */
    if (s->wants & SNAP_NO_HISTOGRAMS)
        return;
    for (unsigned i = 0; i < s->worker_count; i++) {
        const struct snap_worker *now = &s->worker[i];
        if (now->number != w->number || now->epoch != w->epoch)
            continue;
        w->accept_before = now->hist[HIST_ACCEPT_WAIT];
        w->turn_before = now->hist[HIST_LOOP_TURN];
        w->job_wait_before = now->hist[HIST_OFFLOAD_WAIT];
        w->job_run_before = now->hist[HIST_OFFLOAD_RUN];
    }
}

void seconds_gap(struct model *m)
{
    uint64_t elapsed =
        mono_since((struct mono){m->now.taken_ns}, (struct mono){m->second_start_ns});

    history_add_gap(&m->history, elapsed / NS_PER_S);
    for (unsigned i = 0; i < m->memory_count; i++) {
        heat_add_gap(&m->memory[i], elapsed / NS_PER_S);
        seconds_restart(&m->memory[i], &m->now);
    }
    memset(&m->second, 0, sizeof m->second);
    memset(m->second_grown, 0, sizeof m->second_grown);
    m->second_start_ns = m->now.taken_ns;
}
