/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The situations. Each second the counters grow by fixed steps, so that rates come out round.
 */
#include "tests/tui/fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/must.h"

const char *const fixture_name[FIX_COUNT] = {
    [FIX_HEALTHY] = "healthy", [FIX_TWO_BLOCKED] = "two_blocked", [FIX_ALL_BLOCKED] = "all_blocked",
    [FIX_STOPPED] = "stopped", [FIX_DRAINING] = "draining",       [FIX_MANY] = "64_workers",
    [FIX_EMPTY] = "empty",     [FIX_HOSTILE] = "hostile_path",    [FIX_NO_SERVER] = "no_server",
    [FIX_SICK] = "sick_mount", [FIX_POOL_FULL] = "pool_full",     [FIX_FENCED] = "fenced_faults",
};

struct snap fixture_snap(unsigned workers, uint64_t taken_ns)
{
    struct snap s = {.taken_ns = taken_ns,
                     .taken_wall_ns = FIXTURE_WALL_NS + (taken_ns - FIXTURE_START_NS),
                     .uuid = {1, 2, 3},
                     .master_pid = 4711,
                     .started_ns = 1,
                     .heartbeat_ns = taken_ns,
                     .ready = true,
                     .workers_wanted = workers,
                     .workers_min = 1,
                     .workers_max = 64,
                     .workers_running = workers,
                     .generation = 7,
                     .reload_state = RELOAD_OK,
                     .blocked_after_ns = 100 * NS_PER_MS,
                     .slow_request_ns = NS_PER_S,
                     .offload_threads = 64};

    strcpy(s.instance, "prod-files");
    strcpy(s.host, "web3");
    strcpy(s.program_version, "1.4.2");
    s.reload_wall_ns = FIXTURE_WALL_NS - 7200 * NS_PER_S;
    s.listener = calloc(2, sizeof *s.listener);
    s.listener_count = 2;
    s.worker = calloc(workers + 1, sizeof *s.worker);
    s.worker_count = workers;
    s.event = calloc(FIXTURE_EVENTS, sizeof *s.event);
    s.event_next = 1;
    s.thread = calloc(FIXTURE_THREADS, sizeof *s.thread);
    s.mount = calloc(FIXTURE_MOUNTS, sizeof *s.mount);
    s.stall = calloc(BOARD_STALLS_KEPT, sizeof *s.stall);
    must(s.listener && s.worker && s.event && s.thread && s.mount && s.stall);
    s.wants = SNAP_REQUESTS | SNAP_FILES | SNAP_RECENT | SNAP_SLOW;
    strcpy(s.listener[0].address, "0.0.0.0:8080");
    strcpy(s.listener[1].address, "[::]:8080");
    s.listener[0].queue_limit = s.listener[1].queue_limit = 64;
    for (unsigned i = 0; i < workers; i++) {
        struct snap_worker *w = &s.worker[i];
        w->number = i + 1;
        w->state = SLOT_RUNNING;
        w->counter[COUNTER_accepting] = 1;
        w->pid = 4714 + i;
        w->epoch = 1;
        w->generation = 7;
        w->state_since_ns = FIXTURE_START_NS - 3600 * NS_PER_S;
        w->ready = true;
        w->wait = WAIT_POLL;
        w->wait_since_ns = taken_ns - 4 * NS_PER_MS;
        w->counter[COUNTER_offload_threads_max] = 64;
    }
    return s;
}

static void fixture_event(struct snap *s, enum board_event_kind kind, unsigned worker,
                          unsigned second, const char *text)
{
    must(s->event_count < FIXTURE_EVENTS);
    struct snap_event *e = &s->event[s->event_count++];

    e->seq = s->event_next++;
    e->when_ns = FIXTURE_START_NS + second * NS_PER_S;
    e->when_wall_ns = FIXTURE_WALL_NS + second * NS_PER_S;
    e->kind = kind;
    e->worker = worker;
    snprintf(e->text, sizeof e->text, "%s", text);
}

/* Now and then a turn that takes longer, up to a sixth of a second. */
static void fixture_turns(struct snap_hist *h, unsigned worker, unsigned seconds)
{
    for (unsigned t = 1; t <= seconds; t++) {
        unsigned dice = (t * 2654435761u ^ worker * 40503u) >> 7;
        h->bucket[hist_bucket_of((1 + dice % 2) * NS_PER_MS)] += dice % 40;
        h->count += dice % 40;
        if (dice % 3 != 0)
            continue;
        h->bucket[hist_bucket_of((10 << dice / 8 % 5) * NS_PER_MS)]++;
        h->count++;
    }
}

/* A worker at its usual work: every fourth is idle. */
static void fixture_work(struct snap_worker *w, uint64_t now, unsigned second)
{
    unsigned i = w->number - 1;

    second += FIXTURE_BEFORE;
    w->counter[COUNTER_requests] = second * (240 + i);
    w->counter[COUNTER_responses_2xx] = second * (238 + i);
    w->counter[COUNTER_responses_4xx] = second * 2;
    w->counter[COUNTER_bytes_out] = second * (90u + i) * 1048576;
    w->counter[COUNTER_bytes_in] = second * 48000;
    w->counter[COUNTER_connections] = 40 + i;
    w->hist[HIST_LOOP_TURN].bucket[hist_bucket_of(400 * NS_PER_US)] = second * 900;
    w->hist[HIST_LOOP_TURN].bucket[hist_bucket_of(8 * NS_PER_MS)] = second * 100;
    w->hist[HIST_LOOP_TURN].count = second * 1000;
    fixture_turns(&w->hist[HIST_LOOP_TURN], i, second);
    w->hist[HIST_ACCEPT_WAIT].bucket[hist_bucket_of(49 * NS_PER_MS)] = second * 5;
    w->hist[HIST_ACCEPT_WAIT].count = second * 5;
    if (i % 4 == 3)
        return;
    w->counter[COUNTER_requests_active] = 2;
    w->turn_since_ns = w->wait_since_ns = now - 2 * NS_PER_MS;
    w->wait = WAIT_SENDFILE;
    snprintf(w->serving, sizeof w->serving, "/srv/pub/archive-%u.tar", w->number);
    snprintf(w->request, sizeof w->request, "GET /pub/archive-%u.tar HTTP/1.1", w->number);
    snprintf(w->peer, sizeof w->peer, "10.0.1.%u:51202", w->number);
}

static void fixture_block(struct snap_worker *w, uint64_t since_ns, enum board_wait what,
                          const char *file)
{
    w->turn_since_ns = w->wait_since_ns = w->blocked_since_ns = since_ns;
    w->wait = what;
    w->counter[COUNTER_requests_active] = 1;
    snprintf(w->serving, sizeof w->serving, "%s", file);
    snprintf(w->request, sizeof w->request, "GET /media/2019/big.iso HTTP/1.1");
    snprintf(w->peer, sizeof w->peer, "10.0.0.7:52110");
}

static void fixture_two_blocked(struct snap *s, unsigned second)
{
    uint64_t at = FIXTURE_START_NS + 5 * NS_PER_S + 800 * NS_PER_MS;

    s->listener[0].queue_depth = second > 6 ? (second - 6) * 5 : 0;
    if (s->listener[0].queue_depth > 64)
        s->listener[0].queue_depth = 64;
    if (second < 6)
        return;
    fixture_block(&s->worker[2], at, WAIT_OPEN, "/mnt/media/2019/big.iso");
    fixture_event(s, EVENT_BLOCK, 3, 6, "w3 open /mnt/media/2019/big.iso");
    if (second < 17)
        return;
    fixture_block(&s->worker[5], at + 11 * NS_PER_S, WAIT_READ, "/mnt/media/tv/s01.mkv");
    fixture_event(s, EVENT_BLOCK, 6, 17, "w6 read /mnt/media/tv/s01.mkv");
    s->listener[0].drops = second >= 19 ? 3 : 0;
    if (second >= 19)
        fixture_event(s, EVENT_QUEUE, 0, 19,
                      "0.0.0.0:8080 full, 3 connections dropped by the kernel");
}

static void fixture_draining(struct snap *s)
{
    s->worker[6].state = SLOT_RETIRING;
    s->worker[6].state_since_ns = s->taken_ns - 22 * NS_PER_S;
    s->worker[6].turn_since_ns = 0;
    s->worker[6].counter[COUNTER_connections] = 3;
    s->worker[7].state = SLOT_STARTING;
    s->worker[7].generation = s->worker[4].generation = s->generation = 8;
    s->worker[7].state_since_ns = s->taken_ns - 300 * NS_PER_MS;
    s->worker[4].state = SLOT_BACKOFF;
    s->worker[4].pid = 0;
    s->worker[4].last_exit = EXIT_SIGNAL;
    s->worker[4].last_exit_detail = 11;
    s->worker[4].state_since_ns = s->taken_ns - NS_PER_S;
    s->workers_running = 5;
}

struct snap_mount *fixture_mount(struct snap *s, const char *name, const char *type,
                                 unsigned second)
{
    must(s->mount_count < FIXTURE_MOUNTS);
    struct snap_mount *m = &s->mount[s->mount_count++];

    m->device = 0x800 + s->mount_count;
    m->workers = s->worker_count;
    m->counter[MOUNT_HOT] = second * 970;
    m->counter[MOUNT_COLD] = second * 30;
    snprintf(m->name, sizeof m->name, "%s", name);
    snprintf(m->type, sizeof m->type, "%s", type);
    return m;
}

void fixture_job(struct snap *s, unsigned worker, enum board_wait wait, uint64_t since_ns,
                 unsigned mount, const char *path)
{
    must(s->thread_count < FIXTURE_THREADS);
    struct snap_thread *t = &s->thread[s->thread_count];
    struct snap_worker *w = &s->worker[worker - 1];

    if (w->thread_count == 0)
        w->thread_first = s->thread_count;
    s->thread_count++;
    t->worker = worker;
    t->number = ++w->thread_count;
    t->tid = 4000 + worker * 100 + t->number;
    t->wait = wait;
    t->since_ns = since_ns;
    t->mount = mount;
    snprintf(t->path, sizeof t->path, "%s", path);
    w->counter[COUNTER_offload_threads]++;
    if (since_ns == 0)
        return;
    w->counter[COUNTER_offload_busy]++;
    struct snap_mount *m = &s->mount[mount];
    m->running++;
    if (m->oldest_ns == 0 || since_ns < m->oldest_ns)
        m->oldest_ns = since_ns;
    if (m->state == MOUNT_SICK)
        w->counter[COUNTER_offload_stuck]++;
}

static void fixture_stall(struct snap *s, unsigned worker, bool on_loop, bool over,
                          enum board_wait wait, uint64_t lasted_ns, const char *path)
{
    struct snap_stall *x = &s->stall[s->stall_count++];

    *x = (struct snap_stall){.worker = worker,
                             .on_loop = on_loop,
                             .over = over,
                             .wait = wait,
                             .lasted_ns = lasted_ns,
                             .began_ns = s->taken_ns - lasted_ns,
                             .began_wall_ns = s->taken_wall_ns - lasted_ns - (over ? NS_PER_S : 0),
                             .waiting = on_loop ? 41 : 0};
    snprintf(x->path, sizeof x->path, "%s", path);
    snprintf(x->kernel, sizeof x->kernel, "D read rpc_wait_bit_killable");
}

/* This worker's requests all wait for its threads. */
static void fixture_waits(struct snap_worker *w, unsigned requests)
{
    w->turn_since_ns = 0;
    w->wait = WAIT_POLL;
    w->wait_since_ns = FIXTURE_START_NS;
    w->counter[COUNTER_requests_active] = w->counter[COUNTER_requests_waiting] = requests;
}

static void fixture_sick(struct snap *s, unsigned second)
{
    uint64_t at = FIXTURE_START_NS + 3 * NS_PER_S;
    bool sick = second >= 6;
    char path[64];

    struct snap_mount *m = fixture_mount(s, "/mnt/media", "nfs4", 3);
    if (sick) {
        m->state = MOUNT_SICK;
        m->sick_since_ns = FIXTURE_START_NS + 6 * NS_PER_S - 200 * NS_PER_MS;
        m->workers_sick = 8;
        m->counter[MOUNT_REFUSED] = (second - 6) * 12;
        fixture_event(s, EVENT_SICK, 3, 6, "/mnt/media (nfs4): open big.iso waits for 10.0 s");
    }
    fixture_mount(s, "/", "ext4", second);
    fixture_mount(s, "/srv", "xfs", second);
    for (unsigned i = 0; i < 12 && second >= 3; i++) {
        snprintf(path, sizeof path, "/mnt/media/2019/big-%02u.iso", i);
        fixture_job(s, 1 + i / 2, i % 3 ? WAIT_READ : WAIT_OPEN, at + i * 90 * NS_PER_MS, 0, path);
    }
    fixture_job(s, 8, WAIT_READ, s->taken_ns - 42 * NS_PER_MS, 2, "/srv/cold/x.bin");
    fixture_waits(&s->worker[7], 2);
    if (second > 14)
        fixture_stall(s, 1, false, false, WAIT_OPEN, s->taken_ns - at,
                      "/mnt/media/2019/big-00.iso");
    fixture_stall(s, 2, true, true, WAIT_SENDFILE, 214 * NS_PER_MS, "/srv/pub/archive-2.tar");
}

/* Two slow requests a second, and once another event among them. */
static void fixture_slow_events(struct snap *s, unsigned second)
{
    char text[128];

    for (unsigned i = 8; i <= second * 2; i++) {
        snprintf(text, sizeof text, "GET /tv/s%02u/e%02u.mkv 200, %u.1 s", i % 8 + 1, i % 5,
                 i % 3 + 1);
        fixture_event(s, EVENT_SLOW, i % 8 + 1, i / 2, text);
        if (i == 20)
            fixture_event(s, EVENT_OFFLOAD, 3, i / 2,
                          "worker 3: the queue of /mnt/media is full (9 jobs)");
    }
}

static void fixture_pool_full(struct snap *s, unsigned second)
{
    char path[64];

    fixture_slow_events(s, second);

    fixture_mount(s, "/mnt/media", "fuse.slowfs", second)->queued = second * 4;
    fixture_mount(s, "/srv", "xfs", second);
    s->offload_threads = 8;
    s->offload_by_hand = true;
    for (unsigned i = 0; i < s->worker_count; i++) {
        struct snap_worker *w = &s->worker[i];
        w->counter[COUNTER_offload_threads_max] = 8;
        for (unsigned t = 0; t < 8; t++) {
            snprintf(path, sizeof path, "/mnt/media/tv/s%02u/e%02u.mkv", i + 1, t + 1);
            fixture_job(s, i + 1, WAIT_READ, s->taken_ns - (8100 - i * 500 - t * 40) * NS_PER_MS, 0,
                        path);
        }
        w->counter[COUNTER_offload_queued] = second / 2 + (i == 0 ? 2 : 0);
        w->counter[COUNTER_offload_jobs] = second * 9;
        w->hist[HIST_OFFLOAD_WAIT].bucket[hist_bucket_of(900 * NS_PER_MS)] = second * 9;
        w->hist[HIST_OFFLOAD_WAIT].count = second * 9;
        w->hist[HIST_OFFLOAD_RUN].bucket[hist_bucket_of(2 * NS_PER_S)] = second * 9;
        w->hist[HIST_OFFLOAD_RUN].count = second * 9;
        if (i >= 2)
            fixture_waits(w, 8 + second / 2);
    }
}

static void fixture_fenced(struct snap *s, unsigned second)
{
    struct snap_mount *m = fixture_mount(s, "/mnt/old", "nfs4", 0);

    m->state = MOUNT_FENCED;
    m->workers_sick = m->workers;
    m->sick_since_ns = FIXTURE_START_NS - 3600 * NS_PER_S;
    m->counter[MOUNT_REFUSED] = second;
    fixture_mount(s, "/srv", "xfs", second);
    s->faults = 2;
    fixture_job(s, 5, WAIT_READ, s->taken_ns - 300 * NS_PER_MS, 1, "/srv/cold/old/x.bin");
    fixture_job(s, 5, WAIT_OPEN, s->taken_ns - 210 * NS_PER_MS, 1, "/srv/cold/old/y.bin");
    fixture_job(s, 5, WAIT_POLL, 0, 0, "");
    s->worker[4].counter[COUNTER_offload_jobs] = second * 71;
    fixture_waits(&s->worker[4], 2);
    fixture_event(s, EVENT_FAULT, 0, 1, "2 fault rules in force");
}

static void fixture_shape(enum fixture which, struct snap *s, unsigned second)
{
    switch (which) {
    case FIX_TWO_BLOCKED:
        fixture_two_blocked(s, second);
        break;
    case FIX_ALL_BLOCKED:
        for (unsigned i = 0; i < s->worker_count; i++)
            fixture_block(&s->worker[i], FIXTURE_START_NS + (10 + i) * NS_PER_S / 2, WAIT_STAT,
                          "/mnt/media/index.html");
        s->listener[0].queue_depth = 65;
        break;
    case FIX_STOPPED:
        s->worker[1].stopped_since_ns = FIXTURE_START_NS + 15 * NS_PER_S;
        fixture_event(s, EVENT_STOPPED, 2, 15, "w2 was stopped by SIGSTOP");
        break;
    case FIX_DRAINING:
        fixture_draining(s);
        break;
    case FIX_HOSTILE:
        /* As the snapshot's scrubbing leaves them: escapes visible, wide characters whole. */
        fixture_block(&s->worker[0], FIXTURE_START_NS + NS_PER_S, WAIT_OPEN,
                      "/srv/\\x1B]0;pwned\\x07/\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e/"
                      "\xe2\x80\xa6\xf0\x9f\x98\x80 e\xcc\x81t\xc3\xa9.txt");
        fixture_block(
            &s->worker[1], FIXTURE_START_NS + 2 * NS_PER_S, WAIT_READ,
            "/srv/\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e"
            "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e");
        break;
    case FIX_SICK:
        fixture_sick(s, second);
        break;
    case FIX_POOL_FULL:
        fixture_pool_full(s, second);
        break;
    case FIX_FENCED:
        fixture_fenced(s, second);
        break;
    default:
        break;
    }
}

/* Memory and CPU time of each worker, as /proc has them. */
static void fixture_proc(struct model *m)
{
    for (unsigned i = 0; i < m->now.worker_count; i++) {
        const struct snap_worker *w = &m->now.worker[i];
        uint64_t elapsed_ns = m->now.taken_ns - FIXTURE_START_NS + FIXTURE_BEFORE * NS_PER_S;
        const struct model_proc p = {.cpu_ns = elapsed_ns / 100 * (10 + i % 8),
                                     .rss_bytes = (26 + i % 4) * UINT64_C(1048576),
                                     .fds = 60 + i,
                                     .fds_max = 1024};
        if (w->pid)
            model_take_proc(m, w->number, w->epoch, &p, m->now.taken_ns);
    }
}

struct model *fixture_model(enum fixture which)
{
    struct model *m = calloc(1, sizeof *m);
    unsigned workers = which == FIX_MANY ? 64 : which == FIX_EMPTY ? 0 : 8;
    struct snap s = {0};

    must(m && model_init(m, NS_PER_S));
    for (int at = -FIXTURE_BEFORE; at <= FIXTURE_SECONDS; at++) {
        unsigned second = (unsigned)at;
        snap_free(&s);
        s = fixture_snap(workers, FIXTURE_START_NS + (uint64_t)((int64_t)at * (int64_t)NS_PER_S));
        for (unsigned i = 0; i < workers; i++)
            fixture_work(&s.worker[i], s.taken_ns, second);
        if (at >= 0) {
            fixture_event(&s, EVENT_START, 0, 0, "generation 7 up");
            fixture_shape(which, &s, second);
            fixture_lists(&s, which, second);
        }
        must(model_take(m, &s));
        fixture_proc(m);
    }
    snap_free(&s);
    if (which == FIX_NO_SERVER) {
        model_no_data(m, m->clock_ns + NS_PER_MS, m->wall_ns, "nobody answers");
        model_no_data(m, m->clock_ns + 12 * NS_PER_S, m->wall_ns + 12 * NS_PER_S, "nobody answers");
    }
    return m;
}
