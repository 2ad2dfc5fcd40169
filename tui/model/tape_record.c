/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packing a moment. Moments in time are written as ages, counters of single workers are left out
 * (their sum is in the server's), and figures that are mostly 0 cost a bit each. Reading is in
 * tape_moment.c, in the same order. Pure; runs in weirtop.
 */
#include "tui/model/tape_record.h"

#include <string.h>

#include "tui/model/tape_fields.h"

static void pack_rates(struct pack *p, const double *rate, unsigned count)
{
    uint64_t mask = 0;

    for (unsigned i = 0; i < count; i++)
        mask |= (uint64_t)(rate[i] >= 0) << i | (uint64_t)(rate[i] > 0) << (count + i);
    pack_u64(p, mask);
    for (unsigned i = 0; i < count; i++)
        if (rate[i] > 0)
            pack_float(p, rate[i]);
}

static void pack_lag(struct pack *p, const uint32_t lag[LAG_BUCKETS])
{
    uint64_t wide[LAG_BUCKETS];

    for (unsigned i = 0; i < LAG_BUCKETS; i++)
        wide[i] = lag[i];
    pack_sparse(p, wide, LAG_BUCKETS);
}

static void pack_history(struct pack *p, const struct history_record *r)
{
    const double rate[] = {r->requests, r->bytes_out, r->bytes_in};
    uint64_t worker[LAG_BUCKETS];

    pack_u64(p, r->queue);
    pack_u64(p, r->queue_limit);
    pack_u64(p, r->offload_queued);
    pack_u64(p, r->stuck);
    pack_u64(p, r->drops);
    pack_u64(p, r->lag_p99_ns);
    pack_rates(p, rate, 3);
    pack_lag(p, r->lag);
    for (unsigned i = 0; i < LAG_BUCKETS; i++)
        worker[i] = r->lag_worker[i];
    pack_sparse(p, worker, LAG_BUCKETS);
}

/* The newest second; `fresh` when it ended since the record before, else this one is a gap. */
static void pack_second(struct pack *p, const struct model *m, bool fresh)
{
    const struct history_record *r = history_at(&m->history, 0);

    fresh &= r != NULL && !r->gap;
    pack_u64(p, fresh);
    if (!fresh)
        return;
    pack_history(p, r);
    pack_u64(p, m->memory_count);
    for (unsigned i = 0; i < m->memory_count; i++) {
        const struct model_worker *w = &m->memory[i];
        uint64_t heat[LAG_BUCKETS] = {0};
        for (unsigned k = 0; k < LAG_BUCKETS && w->heat_count > 0; k++)
            heat[k] = w->heat[(w->heat_next + HEAT_SECONDS - 1) % HEAT_SECONDS][k];
        pack_u64(p, w->number);
        pack_sparse(p, heat, LAG_BUCKETS);
    }
}

static void pack_event(struct pack *p, const struct model_event *e)
{
    pack_u64(p, e->number);
    pack_u64(p, e->wall_ns);
    pack_moment(p, e->when_ns);
    pack_u64(p, e->severity);
    pack_u64(p, e->worker);
    pack_text(p, e->word);
    pack_text(p, e->text);
}

static void pack_finished(struct pack *p, const struct snap_finished *f)
{
    const uint64_t time[] = {f->total_ns,        f->queue_ns,       f->head_ns,      f->open_ns,
                             f->offload_wait_ns, f->offload_run_ns, f->first_byte_ns};

    pack_u64(p, f->seq);
    pack_u64(p, f->when_wall_ns);
    pack_sparse(p, time, 7);
    pack_u64(p, f->bytes);
    pack_u64(p, f->worker);
    pack_u64(p, f->status);
    pack_u64(p, (f->aborted ? 1 : 0) | (f->cold ? 2 : 0));
    pack_text(p, f->request);
    pack_text(p, f->peer);
}

static void pack_news(struct pack *p, const struct model *m, struct record_told *told)
{
    unsigned events = 0, slow = 0;

    while (events < m->event_count && model_event_at(m, events)->number > told->events)
        events++;
    pack_u64(p, events);
    for (unsigned i = events; i > 0; i--)
        pack_event(p, model_event_at(m, i - 1));
    told->events = m->event_number;
    for (unsigned i = 0; i < m->now.slow_count; i++)
        slow += m->now.slow[i].seq > told->slow;
    pack_u64(p, slow);
    uint64_t newest = told->slow;
    for (unsigned i = 0; i < m->now.slow_count; i++) {
        if (m->now.slow[i].seq > told->slow)
            pack_finished(p, &m->now.slow[i]);
        if (m->now.slow[i].seq > newest)
            newest = m->now.slow[i].seq;
    }
    told->slow = newest;
}

/* ---- the moment ---- */

#define NUMBER(name, most) pack_u64(p, w->name);
#define MOMENT(name)       pack_moment(p, w->name);
#define TEXT(name)         pack_text(p, w->name);

static void pack_server(struct pack *p, const struct snap *w)
{
    uint64_t total[COUNTER_COUNT];

    p->bad |= !buf_add(&p->bytes, w->uuid, sizeof w->uuid);
    pack_text(p, w->instance);
    pack_text(p, w->host);
    pack_text(p, w->program_version);
    SNAP_FIELDS(NUMBER, MOMENT, TEXT)
    for (unsigned c = 0; c < COUNTER_COUNT; c++) /* gauges are in the workers */
        total[c] = board_counter_is_gauge[c] ? 0 : snap_total(w, (enum board_counter)c);
    pack_sparse(p, total, COUNTER_COUNT);
}

static void pack_worker(struct pack *p, const struct snap_worker *w)
{
    uint64_t gauge[COUNTER_COUNT];

    WORKER_FIELDS(NUMBER, MOMENT, TEXT)
    for (unsigned c = 0; c < COUNTER_COUNT; c++)
        gauge[c] = board_counter_is_gauge[c] ? w->counter[c] : 0;
    pack_sparse(p, gauge, COUNTER_COUNT);
}

static void pack_memory(struct pack *p, const struct model_worker *w)
{
    const double rate[] = {w->turns, w->cpu};

    pack_rates(p, w->rate, RATE_COUNT);
    pack_rates(p, rate, 2);
    MEMORY_FIELDS(NUMBER, MOMENT)
    pack_lag(p, w->lag);
}

static const struct model_worker *memory_of(const struct model *m, unsigned number)
{
    static const struct model_worker none = {.turns = MODEL_UNKNOWN, .cpu = MODEL_UNKNOWN};

    for (unsigned i = 0; i < m->memory_count; i++)
        if (m->memory[i].number == number)
            return &m->memory[i];
    return &none;
}

static void pack_workers(struct pack *p, const struct model *m)
{
    unsigned count = m->now.worker_count < TAPE_WORKERS ? m->now.worker_count : TAPE_WORKERS;

    pack_u64(p, count);
    for (unsigned i = 0; i < count; i++) {
        pack_worker(p, &m->now.worker[i]);
        pack_memory(p, memory_of(m, m->now.worker[i].number));
    }
}

static void pack_listeners(struct pack *p, const struct snap *s)
{
    pack_u64(p, s->listener_count);
    for (unsigned i = 0; i < s->listener_count; i++) {
        const struct snap_listener *w = &s->listener[i];
        LISTENER_FIELDS(NUMBER, MOMENT, TEXT)
    }
}

/* Threads that run a job, the oldest ones, in the order of threads. */
static void pack_jobs(struct pack *p, const struct model *m)
{
    unsigned count = m->offload.job_count < TAPE_JOBS ? m->offload.job_count : TAPE_JOBS;
    uint64_t youngest = count > 0 ? m->offload.job[count - 1].since_ns : 0;
    unsigned left = count;

    pack_u64(p, count);
    for (unsigned i = 0; i < m->now.thread_count && left > 0; i++) {
        const struct snap_thread *w = &m->now.thread[i];
        if (w->since_ns == 0 || w->since_ns > youngest)
            continue;
        THREAD_FIELDS(NUMBER, MOMENT, TEXT)
        left--;
    }
    p->bad |= left > 0;
}

static void pack_mounts(struct pack *p, const struct model *m)
{
    pack_u64(p, m->now.mount_count);
    for (unsigned i = 0; i < m->now.mount_count; i++) {
        const struct snap_mount *w = &m->now.mount[i];
        const struct model_mount *memory = model_mount_memory(m, w);
        double refused = memory ? memory->refused : MODEL_UNKNOWN;
        uint64_t lately[2] = {0};
        MOUNT_FIELDS(NUMBER, MOMENT, TEXT)
        pack_sparse(p, w->counter, MOUNT_COUNTER_COUNT);
        if (memory) {
            lately[0] = memory->window[0][MOUNT_HOT] + memory->window[1][MOUNT_HOT];
            lately[1] = memory->window[0][MOUNT_COLD] + memory->window[1][MOUNT_COLD];
        }
        pack_sparse(p, lately, 2);
        pack_rates(p, &refused, 1);
    }
}

static void pack_stalls(struct pack *p, const struct snap *s)
{
    pack_u64(p, s->stall_count);
    for (unsigned i = 0; i < s->stall_count; i++) {
        const struct snap_stall *w = &s->stall[i];
        STALL_FIELDS(NUMBER, MOMENT, TEXT)
    }
}

static void pack_requests(struct pack *p, const struct model *m)
{
    const struct snap *s = &m->now;
    unsigned count = s->request_count < TAPE_REQUESTS ? s->request_count : TAPE_REQUESTS;
    unsigned recent = 0;

    pack_u64(p, s->wants);
    pack_u64(p, s->requests_in_flight);
    pack_u64(p, count);
    for (unsigned i = 0; i < count; i++) {
        const struct snap_request *w = &s->request[i];
        REQUEST_FIELDS(NUMBER, MOMENT, TEXT)
    }
    for (unsigned i = 0; i < s->recent_count; i++)
        recent += s->recent[i].worker == m->watched;
    pack_u64(p, recent);
    for (unsigned i = 0; i < s->recent_count; i++)
        if (s->recent[i].worker == m->watched)
            pack_finished(p, &s->recent[i]);
}

static void pack_files(struct pack *p, const struct topk *t)
{
    unsigned count = t->count < TAPE_FILES ? t->count : TAPE_FILES;

    pack_u64(p, t->rows);
    pack_u64(p, t->rows_max);
    pack_rates(p, &t->others, 1);
    pack_u64(p, count);
    for (unsigned i = 0; i < count; i++) {
        const struct top_file *w = &t->file[i];
        const double rate[] = {w->requests, w->bytes, w->errors, w->cold};
        FILE_FIELDS(NUMBER, TEXT)
        pack_rates(p, rate, 4);
    }
}

static void pack_moment_part(struct pack *p, const struct model *m)
{
    pack_u64(p, m->have);
    pack_u64(p, m->link);
    pack_moment(p, m->gone_since_ns);
    pack_text(p, m->link_why);
    pack_u64(p, m->reattached);
    pack_u64(p, m->interval_ns);
    pack_u64(p, m->cpus);
    pack_u64(p, m->watched);
    pack_u64(p, m->events_lost);
    pack_rates(p, m->total, RATE_COUNT);
    pack_u64(p, m->wait_now_p99_ns);
    pack_u64(p, m->wait_minute_p99_ns);
    pack_u64(p, m->lag_p99_ns);
    pack_u64(p, m->offload.wait_p99_ns);
    pack_u64(p, m->offload.run_p99_ns);
    pack_server(p, &m->now);
    pack_listeners(p, &m->now);
    pack_workers(p, m);
    pack_mounts(p, m);
    pack_jobs(p, m);
    pack_stalls(p, &m->now);
    pack_requests(p, m);
    pack_files(p, &m->files);
}

/* Puts the part with its length in front behind *to, and empties it. */
static void pack_part(struct pack *to, struct pack *part)
{
    to->bad |= part->bad;
    pack_u64(to, part->bytes.n);
    to->bad |= !buf_add(&to->bytes, part->bytes.p, part->bytes.n);
    part->bytes.n = 0;
    part->bad = false;
}

bool record_pack(struct pack *p, const struct model *m, struct record_told *told)
{
    struct pack part = {.now_ns = m->clock_ns};
    struct record_told next = *told;

    p->now_ns = m->clock_ns;
    pack_u64(p, !told->any);
    pack_u64(p, m->wall_ns);
    pack_u64(p, m->clock_ns);
    pack_second(&part, m, m->seconds > told->seconds);
    pack_part(p, &part);
    pack_news(&part, m, &next);
    pack_part(p, &part);
    pack_moment_part(&part, m);
    pack_part(p, &part);
    buf_free(&part.bytes);
    if (p->bad)
        return false;
    next.any = true;
    next.seconds = m->seconds;
    *told = next;
    return true;
}
