/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The JSON object of a snapshot, built with jansson. Names come from counters.def and the
 * name tables of the board; durations carry their unit in the name, wall-clock times are
 * seconds since 1970 (unix_*). A failed allocation anywhere makes the whole result NULL.
 * Runs in observers.
 */
#include "ctl/status.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "ctl/object.h"

#define STATUS_EVENTS 20
#define SILENT_NS     (3 * NS_PER_S) /* the master writes its heartbeat at least once a second */

const char *status_word(const struct snap *s)
{
    if (s->clean_stop)
        return "stopped";
    if (s->taken_ns > s->heartbeat_ns && s->taken_ns - s->heartbeat_ns > SILENT_NS)
        return "silent";
    if (s->stopping)
        return "stopping";
    return s->ready ? "serving" : "starting";
}

const char *status_stuck_word(enum snap_stuck stuck)
{
    static const char *const word[] = {[STUCK_NO] = NULL,
                                       [STUCK_BLOCKED] = "blocked",
                                       [STUCK_STOPPED] = "stopped",
                                       [STUCK_DEAD] = "dead"};

    return word[stuck];
}

const char *status_exit_word(enum board_exit how)
{
    static const char *const word[] = {
        [EXIT_NONE] = "none",   [EXIT_RETIRED] = "retired", [EXIT_SICK] = "sick",
        [EXIT_FATAL] = "fatal", [EXIT_SIGNAL] = "signal",   [EXIT_OTHER] = "other"};

    return word[how];
}

const char *status_op_word(enum board_op_state state)
{
    static const char *const word[] = {
        [OP_NONE] = "none", [OP_PENDING] = "pending", [OP_DONE] = "done", [OP_FAILED] = "failed"};

    return word[state];
}

const char *status_reload_word(enum board_reload state)
{
    static const char *const word[] = {
        [RELOAD_NONE] = "none", [RELOAD_OK] = "ok", [RELOAD_FAILED] = "failed"};

    return word[state];
}

static void put_histogram(struct object parent, const char *name, const struct snap_hist *h)
{
    struct object o = object_new(parent.failed);

    put_number(o, "count", h->count);
    put_number(o, "mean_ns", h->count > 0 ? h->sum_ns / h->count : 0);
    put_number(o, "p50_ns", snap_hist_quantile(h, 0.50));
    put_number(o, "p90_ns", snap_hist_quantile(h, 0.90));
    put_number(o, "p99_ns", snap_hist_quantile(h, 0.99));
    put(parent, name, o.json);
}

static const char *const hist_name[HIST_COUNT] = {
    [HIST_ACCEPT_WAIT] = "accept_wait", [HIST_REQUEST_TIME] = "request_time",
    [HIST_LOOP_TURN] = "loop_turn",     [HIST_OFFLOAD_WAIT] = "offload_wait",
    [HIST_OFFLOAD_RUN] = "offload_run",
};

static void put_histograms(struct object parent, const struct snap_hist *hist)
{
    struct object o = object_new(parent.failed);

    for (unsigned i = 0; i < HIST_COUNT; i++)
        put_histogram(o, hist_name[i], &hist[i]);
    put(parent, "times", o.json);
}

static void put_counters(struct object parent, const uint64_t *value)
{
    struct object o = object_new(parent.failed);

    for (unsigned c = 0; c < COUNTER_COUNT; c++)
        put_number(o, board_counter_name[c], value[c]);
    put(parent, "counters", o.json);
}

/* Per second; counters only. One that went back started again at 0. */
static void put_rates(struct object parent, const uint64_t *now, const uint64_t *before,
                      uint64_t interval_ns)
{
    struct object o = object_new(parent.failed);

    for (unsigned c = 0; c < COUNTER_COUNT; c++) {
        if (board_counter_is_gauge[c])
            continue;
        uint64_t more = now[c] >= before[c] ? now[c] - before[c] : now[c];
        put(o, board_counter_name[c], json_real((double)more * 1e9 / (double)interval_ns));
    }
    put(parent, "rates", o.json);
}

/* The same process in the earlier snapshot; NULL when there was none. */
static const struct snap_worker *same_worker(const struct snap *before, const struct snap_worker *w)
{
    for (unsigned i = 0; before && i < before->worker_count; i++)
        if (before->worker[i].number == w->number && before->worker[i].epoch == w->epoch)
            return &before->worker[i];
    return NULL;
}

static void worker_hist(struct snap_hist *to, const struct snap *before,
                        const struct snap_worker *w, unsigned kind)
{
    const struct snap_worker *was = same_worker(before, w);

    if (was)
        snap_hist_diff(to, &w->hist[kind], &was->hist[kind]);
    else
        *to = w->hist[kind];
}

static void put_work(struct object o, const struct snap *s, const struct snap_worker *w)
{
    uint64_t stuck_ns;
    enum snap_stuck stuck = snap_worker_stuck(s, w, &stuck_ns);

    put_text_or_null(o, "stuck", status_stuck_word(stuck));
    put_ms(o, "stuck_ms", stuck_ns);
    put_text(o, "doing", board_wait_name[w->wait]);
    put_ms(o, "since_ms", age(s, w->wait_since_ns));
    put_ms(o, "loop_lag_ms", snap_worker_away_ns(s, w));
    put_text_or_null(o, "serving", w->serving);
    put_bool(o, "serving_stale", w->serving_stale);
    put_text_or_null(o, "request", w->request);
    put_text_or_null(o, "peer", w->peer);
}

/* ---- offload threads, mounts, stalls ---- */

/* Of one worker, or the sums over all. */
static struct object offload_object(const uint64_t *counter, const struct snap_hist *hist,
                                    bool *failed)
{
    struct object o = object_new(failed);

    put_number(o, "threads", counter[COUNTER_offload_threads]);
    put_number(o, "threads_max", counter[COUNTER_offload_threads_max]);
    put_number(o, "busy", counter[COUNTER_offload_busy]);
    put_number(o, "stuck", counter[COUNTER_offload_stuck]);
    put_number(o, "queued", counter[COUNTER_offload_queued]);
    put_number(o, "requests_waiting", counter[COUNTER_requests_waiting]);
    put_histogram(o, "wait", &hist[HIST_OFFLOAD_WAIT]);
    put_histogram(o, "run", &hist[HIST_OFFLOAD_RUN]);
    return o;
}

/* What the worker's threads do right now. */
static void put_jobs(struct object parent, const struct snap *s, const struct snap_worker *w)
{
    json_t *array = json_array();

    for (unsigned i = 0; i < w->thread_count; i++) {
        const struct snap_thread *t = &s->thread[w->thread_first + i];
        if (t->since_ns == 0)
            continue;
        struct object o = object_new(parent.failed);
        put_number(o, "thread", t->number);
        put_number(o, "tid", t->tid);
        put_text(o, "doing", board_wait_name[t->wait]);
        put_bool(o, "probe", t->probe);
        put_ms(o, "since_ms", age(s, t->since_ns));
        put_text_or_null(o, "path", t->path);
        put_text_or_null(o, "mount", snap_thread_mount(s, t));
        append(array, o.json, parent.failed);
    }
    put(parent, "jobs", array);
}

json_t *status_mounts_json(const struct snap *s)
{
    bool failed = false;
    json_t *array = json_array();

    for (unsigned i = 0; i < s->mount_count; i++) {
        const struct snap_mount *m = &s->mount[i];
        struct object o = object_new(&failed);
        put_text(o, "mount", m->name);
        put_text(o, "type", m->type);
        put_number(o, "device", m->device);
        put_text(o, "state", board_mount_state_name[m->state]);
        put_ms(o, "sick_ms", age(s, m->sick_since_ns));
        put_number(o, "workers", m->workers);
        put_number(o, "workers_refusing", m->workers_sick);
        put_number(o, "running", m->running);
        put_number(o, "late", m->late);
        put_number(o, "queued", m->queued);
        put_ms(o, "oldest_ms", age(s, m->oldest_ns));
        put_number(o, "hot", m->counter[MOUNT_HOT]);
        put_number(o, "cold", m->counter[MOUNT_COLD]);
        put_number(o, "unsupported", m->counter[MOUNT_UNSUPPORTED]);
        put_number(o, "refused", m->counter[MOUNT_REFUSED]);
        put_number(o, "failed", m->counter[MOUNT_FAILED]);
        put_text_or_null(o, "failed_why", m->failed_ns ? strerror((int)m->last_errno) : "");
        put_ms(o, "failed_ms", age(s, m->failed_ns));
        append(array, o.json, &failed);
    }
    return finished(array, failed);
}

json_t *status_stalls_json(const struct snap *s)
{
    bool failed = false;
    json_t *array = json_array();

    for (unsigned i = 0; i < s->stall_count; i++) {
        const struct snap_stall *t = &s->stall[i];
        struct object o = object_new(&failed);
        put_seconds(o, "unix_began", t->began_wall_ns);
        put_ms(o, "lasted_ms", t->lasted_ns);
        put_bool(o, "over", t->over);
        put_number(o, "worker", t->worker);
        put_text(o, "thread", t->on_loop ? "loop" : "offload");
        put_text(o, "doing", board_wait_name[t->wait]);
        put_text_or_null(o, "path", t->path);
        put_text_or_null(o, "kernel", t->kernel);
        put_number(o, "waiting", t->waiting);
        append(array, o.json, &failed);
    }
    return finished(array, failed);
}

static json_t *worker_json(const struct snap *now, const struct snap *before,
                           const struct snap_worker *w, bool *failed)
{
    static const uint64_t zero[COUNTER_COUNT];
    struct object o = object_new(failed);
    const struct snap_worker *was = same_worker(before, w);
    struct snap_hist hist[HIST_COUNT];

    put_number(o, "number", w->number);
    put_number(o, "pid", w->pid);
    put_text(o, "state", board_state_name[w->state]);
    put_ms(o, "state_ms", age(now, w->state_since_ns));
    put_bool(o, "ready", w->ready);
    put_number(o, "epoch", w->epoch);
    put_number(o, "generation", w->generation);
    put_number(o, "restarts", w->restarts);
    put_number(o, "blocked_count", w->blocked_count);
    put_text(o, "last_exit", status_exit_word(w->last_exit));
    put_number(o, "last_exit_detail", w->last_exit_detail);
    put_work(o, now, w);
    put_counters(o, w->counter);
    if (before)
        put_rates(o, w->counter, was ? was->counter : zero, now->taken_ns - before->taken_ns);
    for (unsigned i = 0; i < HIST_COUNT; i++)
        worker_hist(&hist[i], before, w, i);
    put_histograms(o, hist);
    struct object offload = offload_object(w->counter, hist, failed);
    put_jobs(offload, now, w);
    put(o, "offload", offload.json);
    return o.json;
}

static void put_workers(struct object parent, const struct snap *now, const struct snap *before)
{
    json_t *array = json_array();

    for (unsigned i = 0; i < now->worker_count; i++)
        append(array, worker_json(now, before, &now->worker[i], parent.failed), parent.failed);
    put(parent, "workers", array);
}

static void put_listeners(struct object parent, const struct snap *s)
{
    json_t *array = json_array();

    for (unsigned i = 0; i < s->listener_count; i++) {
        const struct snap_listener *l = &s->listener[i];
        struct object o = object_new(parent.failed);
        put_text(o, "address", l->address);
        put_number(o, "queue_depth", l->queue_depth);
        put_number(o, "queue_limit", l->queue_limit);
        put_number(o, "queue_peak", l->queue_peak);
        put_number(o, "drops", l->drops);
        put_number(o, "stray_packets", l->stray);
        put_ms(o, "sampled_ms", age(s, l->sampled_ns));
        append(array, o.json, parent.failed);
    }
    put(parent, "listeners", array);
}

static void put_totals(struct object parent, const struct snap *now, const struct snap *before)
{
    struct object o = object_new(parent.failed);
    uint64_t total[COUNTER_COUNT], past[COUNTER_COUNT];
    struct snap_hist hist[HIST_COUNT] = {0};

    for (unsigned c = 0; c < COUNTER_COUNT; c++) {
        total[c] = snap_total(now, (enum board_counter)c);
        past[c] = before ? snap_total(before, (enum board_counter)c) : 0;
    }
    put_counters(o, total);
    if (before)
        put_rates(o, total, past, now->taken_ns - before->taken_ns);
    for (unsigned w = 0; w < now->worker_count; w++)
        for (unsigned i = 0; i < HIST_COUNT; i++) {
            struct snap_hist one;
            worker_hist(&one, before, &now->worker[w], i);
            snap_hist_add(&hist[i], &one);
        }
    put_histograms(o, hist);
    put(parent, "totals", o.json);
    put(parent, "offload", offload_object(total, hist, parent.failed).json);
}

json_t *status_events_json(const struct snap *s, uint64_t after)
{
    bool failed = false;
    json_t *array = json_array();

    for (unsigned i = 0; i < s->event_count; i++) {
        const struct snap_event *e = &s->event[i];
        if (e->seq <= after)
            continue;
        struct object o = object_new(&failed);
        put_number(o, "seq", e->seq);
        put_seconds(o, "unix_time", e->when_wall_ns);
        put_ms(o, "age_ms", age(s, e->when_ns));
        put_text(o, "kind", board_event_name[e->kind]);
        put(o, "worker", e->worker ? json_integer(e->worker) : json_null());
        put_text(o, "text", e->text);
        append(array, o.json, &failed);
    }
    return finished(array, failed);
}

static void put_reload(struct object parent, const struct snap *s)
{
    struct object o = object_new(parent.failed);

    put_text(o, "state", status_reload_word(s->reload_state));
    put_number(o, "serial", s->reload_serial);
    if (s->reload_wall_ns != 0)
        put_seconds(o, "unix_time", s->reload_wall_ns);
    else
        put(o, "unix_time", json_null());
    put_text_or_null(o, "error", s->reload_error);
    put(parent, "reload", o.json);
}

static void put_errors(struct object parent, const struct snap *s)
{
    static const char *const word[] = {
        [ERRORS_FEW] = "few", [ERRORS_MANY] = "many", [ERRORS_ALL] = "all"};
    struct object o = object_new(parent.failed);

    put_text(o, "state", word[s->errors]);
    put_ms(o, "since_ms", age(s, s->errors_since_ns));
    put_number(o, "seconds", s->errors_seconds);
    put_number(o, "answers", s->errors_answers);
    put_number(o, "failed", s->errors_failed);
    put(parent, "errors", o.json);
}

static void put_operation(struct object parent, const struct snap *s)
{
    struct object o = object_new(parent.failed);

    put_number(o, "id", s->op_id);
    put_text(o, "state", status_op_word(s->op_state));
    put_ms(o, "since_ms", age(s, s->op_since_ns));
    put_text_or_null(o, "text", s->op_text);
    put(parent, "op", o.json);
}

static void put_identity(struct object o, const struct snap *s)
{
    char uuid[2 * sizeof s->uuid + 1];

    for (unsigned i = 0; i < sizeof s->uuid; i++)
        snprintf(uuid + 2 * i, 3, "%02x", s->uuid[i]);
    put_text(o, "instance", s->instance);
    put_text(o, "host", s->host);
    put_text(o, "version", s->program_version);
    put_text(o, "uuid", uuid);
    put_number(o, "master_pid", s->master_pid);
    put_seconds(o, "unix_started", s->started_wall_ns);
    put_seconds(o, "unix_taken", s->taken_wall_ns);
    put_seconds(o, "uptime_s", age(s, s->started_ns));
    put_ms(o, "heartbeat_age_ms", age(s, s->heartbeat_ns));
    put_text(o, "state", status_word(s));
}

static void put_targets(struct object o, const struct snap *s)
{
    put_number(o, "workers_wanted", s->workers_wanted);
    put_number(o, "workers_running", s->workers_running);
    put_number(o, "workers_min", s->workers_min);
    put_number(o, "workers_max", s->workers_max);
    put_bool(o, "workers_auto", s->workers_auto);
    put_number(o, "worker_restarts", s->worker_restarts);
    put_number(o, "generation", s->generation);
    put_ms(o, "blocked_after_ms", s->blocked_after_ns);
    put_ms(o, "slow_request_ms", s->slow_request_ns);
    put_number(o, "connections_max", s->connections_max);
    put_number(o, "offload_threads", s->offload_threads);
    put_bool(o, "offload_by_hand", s->offload_by_hand);
    put_number(o, "faults", s->faults);
    put_text(o, "log_level", log_level_name[s->log_level]);
    put_number(o, "requests_in_flight", s->requests_in_flight);
}

static json_t *log_json(const struct snap *s, enum board_log_kind kind, bool *failed)
{
    const struct snap_log *l = &s->log[kind];
    struct object o = object_new(failed);
    uint64_t stuck_ns = snap_log_stuck_ns(s, kind);

    put_text(o, "log", kind == BOARD_LOG_ERROR ? "error" : "access");
    put_text(o, "target", l->target);
    put_text(o, "state", stuck_ns > 0 ? "stuck" : l->error ? "failing" : "ok");
    put_ms(o, "stuck_ms", stuck_ns);
    put_text_or_null(o, "error", l->error ? strerror((int)l->error) : "");
    put_number(o, "lines_dropped", l->dropped);
    return o.json;
}

static void put_logs(struct object parent, const struct snap *s)
{
    json_t *array = json_array();

    for (unsigned i = 0; i < BOARD_LOG_COUNT; i++)
        if (s->log[i].used)
            append(array, log_json(s, i, parent.failed), parent.failed);
    put(parent, "logs", array);
}

json_t *status_json(const struct snap *now, const struct snap *before)
{
    bool failed = false;
    struct object o = object_new(&failed);

    if (before && (memcmp(before->uuid, now->uuid, sizeof now->uuid) != 0 ||
                   before->taken_ns >= now->taken_ns))
        before = NULL;
    put_identity(o, now);
    put_targets(o, now);
    put_reload(o, now);
    put_operation(o, now);
    put_errors(o, now);
    put_listeners(o, now);
    put_logs(o, now);
    if (before)
        put_seconds(o, "interval_s", now->taken_ns - before->taken_ns);
    put_totals(o, now, before);
    put_workers(o, now, before);
    put(o, "mounts", status_mounts_json(now));
    put(o, "stalls", status_stalls_json(now));
    if (now->wants & SNAP_REQUESTS)
        put(o, "requests", status_requests_json(now));
    if (now->wants & SNAP_SLOW)
        put(o, "slow", status_slow_json(now));
    if (now->wants & SNAP_FILES)
        put(o, "files", status_files_json(now));
    put(o, "events",
        status_events_json(
            now, now->event_next > STATUS_EVENTS ? now->event_next - 1 - STATUS_EVENTS : 0));
    return finished(o.json, failed);
}
