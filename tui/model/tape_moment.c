/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading records: the counterpart of tape_record.c. All of it may come from a file that somebody
 * else made: counts are held against what is left of the record and against limits, enumerators
 * against their tables, text against what a terminal may be sent. Runs in weirtop.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "tui/model/events.h"
#include "tui/model/offload.h"
#include "tui/model/rows.h"
#include "tui/model/seconds.h"
#include "tui/model/tape_fields.h"
#include "tui/model/tape_record.h"

#define LISTENERS_MAX 1024
#define MOUNTS_MAX    4096

#define RATE_MAX        1e18 /* nothing happens so often in a second */
#define WORKER_RATE_MAX 1e9  /* turns of a loop; CPUs that a worker uses */

#define NUMBER(name, most) w->name = (__typeof__(w->name))unpack_upto(u, most);
#define MOMENT(name)       w->name = unpack_moment(u);
#define TEXT(name)         unpack_text(u, w->name, sizeof w->name);

static struct unpack unpack_part(struct unpack *u)
{
    size_t n = unpack_count(u, 1);
    struct unpack part = {.at = u->at, .end = u->at + n, .now_ns = u->now_ns};

    u->at += n;
    return part;
}

bool record_open(struct record_head *h, const void *bytes, size_t n)
{
    struct unpack u = {.at = bytes, .end = (const unsigned char *)bytes + n};

    h->first = unpack_upto(&u, 1);
    h->wall_ns = unpack_u64(&u);
    h->clock_ns = u.now_ns = unpack_u64(&u);
    h->second = unpack_part(&u);
    h->news = unpack_part(&u);
    h->moment = unpack_part(&u);
    return !u.bad && u.at == u.end;
}

/* Rates and shares that views can turn into numbers: none is negative but MODEL_UNKNOWN, none is
 * above `most`. */
static void unpack_rates_upto(struct unpack *u, double *rate, unsigned count, double most)
{
    uint64_t mask = unpack_u64(u);

    for (unsigned i = 0; i < count; i++) {
        rate[i] = mask >> i & 1 ? 0 : MODEL_UNKNOWN;
        if (mask >> (count + i) & 1)
            rate[i] = unpack_float(u);
        if (rate[i] > most || (rate[i] < 0 && mask >> (count + i) & 1)) {
            u->bad = true;
            rate[i] = MODEL_UNKNOWN;
        }
    }
}

static void unpack_rates(struct unpack *u, double *rate, unsigned count)
{
    unpack_rates_upto(u, rate, count, RATE_MAX);
}

static void unpack_lag(struct unpack *u, uint32_t lag[LAG_BUCKETS])
{
    uint64_t wide[LAG_BUCKETS];

    unpack_sparse(u, wide, LAG_BUCKETS);
    for (unsigned i = 0; i < LAG_BUCKETS; i++)
        lag[i] = wide[i] > UINT32_MAX ? UINT32_MAX : (uint32_t)wide[i];
}

static void unpack_history(struct unpack *u, struct history_record *w)
{
    double rate[3];
    uint64_t worker[LAG_BUCKETS];

    NUMBER(queue, UINT32_MAX)
    NUMBER(queue_limit, UINT32_MAX)
    NUMBER(offload_queued, UINT64_MAX)
    NUMBER(stuck, UINT32_MAX)
    NUMBER(drops, UINT64_MAX)
    NUMBER(lag_p99_ns, UINT64_MAX)
    unpack_rates(u, rate, 3);
    w->requests = rate[0];
    w->bytes_out = rate[1];
    w->bytes_in = rate[2];
    unpack_lag(u, w->lag);
    unpack_sparse(u, worker, LAG_BUCKETS);
    for (unsigned i = 0; i < LAG_BUCKETS; i++)
        w->lag_worker[i] = worker[i] > UINT16_MAX ? 0 : (uint16_t)worker[i];
}

static void add_heat(struct model *to, unsigned number, const uint64_t heat[LAG_BUCKETS])
{
    for (unsigned i = 0; i < to->memory_count; i++) {
        struct model_worker *w = &to->memory[i];
        if (w->number != number)
            continue;
        for (unsigned k = 0; k < LAG_BUCKETS; k++)
            w->heat[w->heat_next][k] = heat[k] > UINT16_MAX ? UINT16_MAX : (uint16_t)heat[k];
        w->heat_next = (w->heat_next + 1) % HEAT_SECONDS;
        if (w->heat_count < HEAT_SECONDS)
            w->heat_count++;
        return;
    }
}

bool record_second(struct unpack u, struct model *to, bool heat)
{
    struct history_record r = {.gap = true};

    if (unpack_upto(&u, 1) == 0) {
        history_add(&to->history, &r);
        for (unsigned i = 0; heat && i < to->memory_count; i++)
            heat_add_gap(&to->memory[i], 1);
        return !u.bad;
    }
    r.gap = false;
    unpack_history(&u, &r);
    if (u.bad)
        return false;
    history_add(&to->history, &r);
    if (!heat)
        return true;
    unsigned count = unpack_count(&u, 2);
    for (unsigned i = 0; i < count && !u.bad; i++) {
        uint64_t lag[LAG_BUCKETS];
        unsigned number = (unsigned)unpack_upto(&u, TAPE_WORKERS);
        unpack_sparse(&u, lag, LAG_BUCKETS);
        if (!u.bad)
            add_heat(to, number, lag);
    }
    return !u.bad;
}

static void unpack_event(struct unpack *u, struct model_event *w)
{
    NUMBER(number, UINT64_MAX)
    NUMBER(wall_ns, UINT64_MAX)
    MOMENT(when_ns)
    NUMBER(severity, EVENT_IS_BAD)
    NUMBER(worker, TAPE_WORKERS)
    TEXT(word)
    TEXT(text)
}

static void unpack_finished(struct unpack *u, struct snap_finished *w)
{
    uint64_t time[7];

    NUMBER(seq, UINT64_MAX)
    NUMBER(when_wall_ns, UINT64_MAX)
    unpack_sparse(u, time, 7);
    w->total_ns = time[0];
    w->queue_ns = time[1];
    w->head_ns = time[2];
    w->open_ns = time[3];
    w->offload_wait_ns = time[4];
    w->offload_run_ns = time[5];
    w->first_byte_ns = time[6];
    NUMBER(bytes, UINT64_MAX)
    NUMBER(worker, TAPE_WORKERS)
    NUMBER(status, 999)
    unsigned flags = (unsigned)unpack_upto(u, 3);
    w->aborted = flags & 1;
    w->cold = flags & 2;
    TEXT(request)
    TEXT(peer)
}

bool record_count_news(struct unpack u, struct record_news *n)
{
    struct model_event e;

    n->events = unpack_count(&u, 7);
    for (unsigned i = 0; i < n->events && !u.bad; i++)
        unpack_event(&u, &e);
    n->slow = unpack_count(&u, 9);
    return !u.bad;
}

bool record_news(struct unpack u, struct model *to, unsigned skip_slow)
{
    struct model_event e;
    struct snap_finished f;
    struct snap *s = &to->now;
    unsigned count = unpack_count(&u, 7);

    for (unsigned i = 0; i < count && !u.bad; i++) {
        unpack_event(&u, &e);
        if (u.bad)
            break;
        *events_new(to) = e;
        to->event_number = e.number;
    }
    count = unpack_count(&u, 9);
    for (unsigned i = 0; i < count && !u.bad; i++) {
        unpack_finished(&u, &f);
        if (!u.bad && i >= skip_slow && s->slow_count < s->slow_room)
            s->slow[s->slow_count++] = f;
    }
    return !u.bad;
}

/* ---- the moment ---- */

/* An array of a snapshot, as long as the record says; NULL when it has none or there is no memory:
 * then *enomem is set. */
static void *unpack_array(struct unpack *u, unsigned *count, unsigned *room, size_t size,
                          unsigned least_bytes, unsigned most, bool *enomem)
{
    void *p;

    *count = *room = 0;
    unsigned n = unpack_count(u, least_bytes);
    if (n > most)
        u->bad = true;
    if (u->bad || n == 0)
        return NULL;
    p = calloc(n, size);
    if (p)
        *count = *room = n;
    else
        *enomem = u->bad = true;
    return p;
}

#define ARRAY(s, name, least, most)                                                                \
    ((s)->name = unpack_array(u, &(s)->name##_count, &(s)->name##_room, sizeof *(s)->name, least,  \
                              most, enomem))

static void unpack_server(struct unpack *u, struct snap *w)
{
    if ((size_t)(u->end - u->at) < sizeof w->uuid) {
        u->bad = true;
        return;
    }
    memcpy(w->uuid, u->at, sizeof w->uuid);
    u->at += sizeof w->uuid;
    TEXT(instance)
    TEXT(host)
    TEXT(program_version)
    SNAP_FIELDS(NUMBER, MOMENT, TEXT)
    unpack_sparse(u, w->past, COUNTER_COUNT);
}

static void unpack_listeners(struct unpack *u, struct snap *s, bool *enomem)
{
    ARRAY(s, listener, 7, LISTENERS_MAX);
    for (unsigned i = 0; i < s->listener_count && !u->bad; i++) {
        struct snap_listener *w = &s->listener[i];
        LISTENER_FIELDS(NUMBER, MOMENT, TEXT)
    }
}

static void unpack_memory(struct unpack *u, struct model_worker *w)
{
    double rate[2];

    unpack_rates(u, w->rate, RATE_COUNT);
    unpack_rates_upto(u, rate, 2, WORKER_RATE_MAX);
    w->turns = rate[0];
    w->cpu = rate[1];
    MEMORY_FIELDS(NUMBER, MOMENT)
    unpack_lag(u, w->lag);
}

static void unpack_workers(struct unpack *u, struct model *to, bool *enomem)
{
    struct snap *s = &to->now;

    ARRAY(s, worker, 21, TAPE_WORKERS);
    to->memory = s->worker_count ? calloc(s->worker_count, sizeof *to->memory) : NULL;
    if (s->worker_count && to->memory == NULL) {
        *enomem = u->bad = true;
        return;
    }
    to->memory_room = s->worker_count;
    for (unsigned i = 0; i < s->worker_count && !u->bad; i++) {
        struct snap_worker *w = &s->worker[i];
        WORKER_FIELDS(NUMBER, MOMENT, TEXT)
        unpack_sparse(u, w->counter, COUNTER_COUNT);
        for (unsigned k = 0; k < i; k++)
            u->bad |= s->worker[k].number == w->number; /* one row and memory for each */
        struct model_worker *memory = &to->memory[to->memory_count++];
        memory->number = w->number;
        memory->epoch = w->epoch;
        memory->seen = true;
        unpack_memory(u, memory);
    }
}

static void unpack_mounts(struct unpack *u, struct model *to, bool *enomem)
{
    struct snap *s = &to->now;
    struct model_offload *o = &to->offload;
    uint64_t lately[2];

    ARRAY(s, mount, 12, MOUNTS_MAX);
    o->mount = s->mount_count ? calloc(s->mount_count, sizeof *o->mount) : NULL;
    if (s->mount_count && o->mount == NULL) {
        *enomem = u->bad = true;
        return;
    }
    o->mount_room = s->mount_count;
    for (unsigned i = 0; i < s->mount_count && !u->bad; i++) {
        struct snap_mount *w = &s->mount[i];
        struct model_mount *memory = &o->mount[o->mount_count++];
        MOUNT_FIELDS(NUMBER, MOMENT, TEXT)
        unpack_sparse(u, w->counter, MOUNT_COUNTER_COUNT);
        memory->device = w->device;
        memcpy(memory->name, w->name, sizeof memory->name);
        unpack_sparse(u, lately, 2);
        memory->window[0][MOUNT_HOT] = lately[0];
        memory->window[0][MOUNT_COLD] = lately[1];
        unpack_rates(u, &memory->refused, 1);
    }
}

/* Threads come by worker; each worker is told where its own begin. */
static void unpack_jobs(struct unpack *u, struct snap *s, bool *enomem)
{
    ARRAY(s, thread, 8, TAPE_JOBS);
    for (unsigned i = 0; i < s->thread_count && !u->bad; i++) {
        struct snap_thread *w = &s->thread[i];
        THREAD_FIELDS(NUMBER, MOMENT, TEXT)
        for (unsigned k = 0; k < s->worker_count; k++) {
            struct snap_worker *owner = &s->worker[k];
            if (owner->number != w->worker)
                continue;
            if (owner->thread_count == 0)
                owner->thread_first = i;
            owner->thread_count++;
        }
    }
}

static void unpack_stalls(struct unpack *u, struct snap *s, bool *enomem)
{
    ARRAY(s, stall, 10, BOARD_STALLS_KEPT);
    for (unsigned i = 0; i < s->stall_count && !u->bad; i++) {
        struct snap_stall *w = &s->stall[i];
        STALL_FIELDS(NUMBER, MOMENT, TEXT)
    }
}

static void unpack_requests(struct unpack *u, struct snap *s, bool *enomem)
{
    s->wants = (unsigned)unpack_upto(u, SNAP_REQUESTS | SNAP_FILES | SNAP_RECENT | SNAP_SLOW);
    s->requests_in_flight = unpack_u64(u);
    ARRAY(s, request, 13, TAPE_REQUESTS);
    for (unsigned i = 0; i < s->request_count && !u->bad; i++) {
        struct snap_request *w = &s->request[i];
        REQUEST_FIELDS(NUMBER, MOMENT, TEXT)
    }
    ARRAY(s, recent, 9, BOARD_RECENT_PER_SLOT);
    for (unsigned i = 0; i < s->recent_count && !u->bad; i++)
        unpack_finished(u, &s->recent[i]);
}

static void unpack_files(struct unpack *u, struct topk *t, bool *enomem)
{
    double rate[4];

    t->rows = (unsigned)unpack_upto(u, UINT32_MAX);
    t->rows_max = (unsigned)unpack_upto(u, UINT32_MAX);
    unpack_rates(u, &t->others, 1);
    t->file = unpack_array(u, &t->count, &t->room, sizeof *t->file, 8, TAPE_FILES, enomem);
    for (unsigned i = 0; i < t->count && !u->bad; i++) {
        struct top_file *w = &t->file[i];
        FILE_FIELDS(NUMBER, TEXT)
        unpack_rates(u, rate, 4);
        if (rate[3] > 1) /* a share */
            u->bad = true;
        w->requests = rate[0];
        w->bytes = rate[1];
        w->errors = rate[2];
        w->cold = rate[3];
    }
}

static void unpack_model(struct unpack *u, struct model *w)
{
    NUMBER(have, 1)
    NUMBER(link, LINK_GONE)
    MOMENT(gone_since_ns)
    TEXT(link_why)
    NUMBER(reattached, 1)
    NUMBER(interval_ns, 3600 * NS_PER_S)
    NUMBER(cpus, UINT32_MAX)
    NUMBER(watched, TAPE_WORKERS)
    NUMBER(events_lost, UINT64_MAX)
    unpack_rates(u, w->total, RATE_COUNT);
    NUMBER(wait_now_p99_ns, UINT64_MAX)
    NUMBER(wait_minute_p99_ns, UINT64_MAX)
    NUMBER(lag_p99_ns, UINT64_MAX)
    NUMBER(offload.wait_p99_ns, UINT64_MAX)
    NUMBER(offload.run_p99_ns, UINT64_MAX)
}

bool record_moment(const struct record_head *h, struct model *to, bool *enomem)
{
    struct unpack part = h->moment, *u = &part;

    *enomem = false;
    to->clock_ns = h->clock_ns;
    to->wall_ns = h->wall_ns;
    unpack_model(u, to);
    unpack_server(u, &to->now);
    unpack_listeners(u, &to->now, enomem);
    unpack_workers(u, to, enomem);
    unpack_mounts(u, to, enomem);
    unpack_jobs(u, &to->now, enomem);
    unpack_stalls(u, &to->now, enomem);
    unpack_requests(u, &to->now, enomem);
    unpack_files(u, &to->files, enomem);
    if (u->bad || u->at != u->end)
        return false;
    if (!offload_rebuild(to) || !rows_order(to)) {
        *enomem = true;
        return false;
    }
    return true;
}
