/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A snapshot as text for a person: title, listeners, totals, one aligned row for each worker,
 * what went wrong last. Columns that hold other people's text stand at the end of their row,
 * so that their width disturbs nothing. Runs in observers.
 */
#include "ctl/status.h"

#include <inttypes.h>
#include <string.h>

#include "ctl/words.h"

static void print_title(FILE *to, const struct snap *s)
{
    const char *word = status_word(s);

    fprintf(to, "%s@%s: weir %s, %s", s->instance, s->host, s->program_version, word);
    if (strcmp(word, "silent") == 0)
        fprintf(to, " (nothing heard of the master for %s)",
                age_text(age(s, s->heartbeat_ns)).text);
    fprintf(to, ", up %s, master %" PRIu32 "\n", age_text(age(s, s->started_ns)).text,
            s->master_pid);
    fprintf(to, "  configuration  generation %" PRIu32, s->generation);
    if (s->reload_state == RELOAD_OK)
        fprintf(to, ", last reload ok");
    if (s->reload_state == RELOAD_FAILED)
        fprintf(to, ", last reload refused: %s", s->reload_error);
    fputc('\n', to);
    if (s->op_state == OP_PENDING || s->op_state == OP_FAILED)
        fprintf(to, "  change         %s, %s ago: %s\n", status_op_word(s->op_state),
                age_text(age(s, s->op_since_ns)).text, s->op_text);
}

static void print_totals(FILE *to, const struct snap *s)
{
    uint64_t v[COUNTER_COUNT];

    for (unsigned c = 0; c < COUNTER_COUNT; c++)
        v[c] = snap_total(s, (enum board_counter)c);
    fprintf(to,
            "  requests       %s (2xx %s, 3xx %s, 4xx %s, 5xx %s, aborted %s), %" PRIu64
            " active\n",
            amount_text(v[COUNTER_requests], 1000).text,
            amount_text(v[COUNTER_responses_2xx], 1000).text,
            amount_text(v[COUNTER_responses_3xx], 1000).text,
            amount_text(v[COUNTER_responses_4xx], 1000).text,
            amount_text(v[COUNTER_responses_5xx], 1000).text,
            amount_text(v[COUNTER_aborted], 1000).text, v[COUNTER_requests_active]);
    fprintf(to, "  bytes          in %s, out %s\n", amount_text(v[COUNTER_bytes_in], 1024).text,
            amount_text(v[COUNTER_bytes_out], 1024).text);
    fprintf(to, "  connections    %" PRIu64 " open, %" PRIu64 " idle, %s accepted, %s refused",
            v[COUNTER_connections], v[COUNTER_connections_idle],
            amount_text(v[COUNTER_accepts], 1000).text,
            amount_text(v[COUNTER_accepts_refused], 1000).text);
    if (v[COUNTER_connections_lost] > 0)
        fprintf(to, ", %s lost with workers that died",
                amount_text(v[COUNTER_connections_lost], 1000).text);
    fputc('\n', to);
}

/* The quantile of all workers' histograms of a kind. */
static uint64_t quantile_of_all(const struct snap *s, enum board_hist_kind kind, double q)
{
    struct snap_hist sum = {0};

    for (unsigned i = 0; i < s->worker_count; i++)
        snap_hist_add(&sum, &s->worker[i].hist[kind]);
    return snap_hist_quantile(&sum, q);
}

static void print_offload(FILE *to, const struct snap *s)
{
    fprintf(to,
            "  offload        %" PRIu64 " threads of %" PRIu64 " (%" PRIu32 " each%s), %" PRIu64
            " busy, %" PRIu64 " stuck, %" PRIu64 " queued; wait p99 %s, run p99 %s\n",
            snap_total(s, COUNTER_offload_threads), snap_total(s, COUNTER_offload_threads_max),
            s->offload_threads, s->offload_by_hand ? ", set by hand" : "",
            snap_total(s, COUNTER_offload_busy), snap_total(s, COUNTER_offload_stuck),
            snap_total(s, COUNTER_offload_queued),
            age_text(quantile_of_all(s, HIST_OFFLOAD_WAIT, 0.99)).text,
            age_text(quantile_of_all(s, HIST_OFFLOAD_RUN, 0.99)).text);
    if (s->faults > 0)
        fprintf(to,
                "  FAULTS         %" PRIu32
                " [fault] section(s) in force: disks are made bad on purpose\n",
                s->faults);
}

void status_print_mounts(FILE *to, const struct snap *s)
{
    bool silent = false;

    fprintf(to, "%-7s %8s %7s %7s %8s %7s %7s %7s %7s %7s  %-9s %s\n", "STATE", "SINCE", "RUNNING",
            "QUEUED", "OLDEST", "HOT", "COLD", "UNKNOWN", "REFUSED", "FAILED", "TYPE", "MOUNT");
    for (unsigned i = 0; i < s->mount_count; i++) {
        const struct snap_mount *m = &s->mount[i];
        fprintf(to, "%-7s %8s %7s %7s %8s %7s %7s %7s %7s %7s  %-9s %s",
                board_mount_state_name[m->state],
                m->sick_since_ns ? age_text(age(s, m->sick_since_ns)).text : "-",
                amount_text(m->running, 1000).text, amount_text(m->queued, 1000).text,
                m->oldest_ns ? age_text(age(s, m->oldest_ns)).text : "-",
                amount_text(m->counter[MOUNT_HOT], 1000).text,
                amount_text(m->counter[MOUNT_COLD], 1000).text,
                amount_text(m->counter[MOUNT_UNSUPPORTED], 1000).text,
                amount_text(m->counter[MOUNT_REFUSED], 1000).text,
                amount_text(m->counter[MOUNT_FAILED], 1000).text, m->type, m->name);
        if (m->failed_ns)
            fprintf(to, "  (%s, %s ago)", strerror((int)m->last_errno),
                    age_text(age(s, m->failed_ns)).text);
        fputc('\n', to);
        silent |= m->counter[MOUNT_UNSUPPORTED] > 0;
    }
    if (silent)
        fputs("UNKNOWN: such a mount cannot say what is in memory; files on it are read by "
              "threads\n",
              to);
}

static bool any_mount_refuses(const struct snap *s)
{
    for (unsigned i = 0; i < s->mount_count; i++)
        if (s->mount[i].state != MOUNT_OK)
            return true;
    return false;
}

/* A log that is as it should be is not worth a line. */
static void print_logs(FILE *to, const struct snap *s)
{
    for (unsigned i = 0; i < BOARD_LOG_COUNT; i++) {
        const struct snap_log *l = &s->log[i];
        uint64_t stuck_ns = snap_log_stuck_ns(s, i);
        char name[SNAP_TEXT_BYTES + 32];

        if (!l->used || (stuck_ns == 0 && l->error == 0 && l->dropped == 0))
            continue;
        snap_log_name(s, i, name, sizeof name);
        fprintf(to, "  log            %s ", name);
        if (stuck_ns > 0)
            fprintf(to, "DOES NOT ANSWER for %s, ", age_text(stuck_ns).text);
        else if (l->error != 0)
            fprintf(to, "CANNOT BE WRITTEN: %s, ", strerror((int)l->error));
        fprintf(to, "%" PRIu64 " lines dropped\n", l->dropped);
    }
}

static void print_listeners(FILE *to, const struct snap *s)
{
    fprintf(to, "\n%7s %7s %7s %7s  %s\n", "QUEUE", "LIMIT", "PEAK", "DROPS", "LISTENING AT");
    for (unsigned i = 0; i < s->listener_count; i++) {
        const struct snap_listener *l = &s->listener[i];
        fprintf(to, "%7" PRIu32 " %7" PRIu32 " %7" PRIu32 " %7s  %s\n", l->queue_depth,
                l->queue_limit, l->queue_peak, amount_text(l->drops, 1000).text, l->address);
    }
}

static void print_worker(FILE *to, const struct snap *s, const struct snap_worker *w)
{
    uint64_t stuck_ns;
    enum snap_stuck stuck = snap_worker_stuck(s, w, &stuck_ns);
    const char *state = stuck == STUCK_BLOCKED   ? "BLOCKED"
                        : stuck == STUCK_STOPPED ? "STOPPED"
                        : stuck == STUCK_DEAD    ? "DEAD"
                                                 : board_state_name[w->state];
    uint64_t since = stuck != STUCK_NO ? stuck_ns : age(s, w->state_since_ns);
    uint64_t errors = w->counter[COUNTER_responses_4xx] + w->counter[COUNTER_responses_5xx];
    bool works = w->wait != WAIT_POLL && w->serving[0] != '\0';

    fprintf(to, "%4u %8" PRIu32 " %-8s %7s %6s %6s %8s %7s %8s %7s  %s%s%s%s\n", w->number, w->pid,
            state, age_text(since).text, amount_text(w->counter[COUNTER_connections], 1000).text,
            amount_text(w->counter[COUNTER_requests_active], 1000).text,
            amount_text(w->counter[COUNTER_requests], 1000).text, amount_text(errors, 1000).text,
            amount_text(w->counter[COUNTER_bytes_out], 1024).text,
            age_text(snap_hist_quantile(&w->hist[HIST_LOOP_TURN], 0.99)).text,
            board_wait_name[w->wait], works ? " " : "", works ? w->serving : "",
            works && w->serving_stale ? " ~" : "");
}

static void print_workers(FILE *to, const struct snap *s)
{
    unsigned stuck = 0;

    for (unsigned i = 0; i < s->worker_count; i++) {
        uint64_t unused;
        stuck += snap_worker_stuck(s, &s->worker[i], &unused) != STUCK_NO;
    }
    fprintf(to,
            "  workers        %" PRIu32 " running of %" PRIu32 " wanted (%" PRIu32 " to %" PRIu32
            "%s), %u stuck, %" PRIu64 " restarts\n",
            s->workers_running, s->workers_wanted, s->workers_min, s->workers_max,
            s->workers_auto ? ", auto" : "", stuck, s->worker_restarts);
    print_totals(to, s);
    print_offload(to, s);
    print_logs(to, s);
    print_listeners(to, s);
    if (any_mount_refuses(s)) {
        fputc('\n', to);
        status_print_mounts(to, s);
    }
    fprintf(to, "\n%4s %8s %-8s %7s %6s %6s %8s %7s %8s %7s  %s\n", "#", "PID", "STATE", "SINCE",
            "CONN", "ACTIVE", "REQUESTS", "ERRORS", "OUT", "LAG99", "DOING");
    for (unsigned i = 0; i < s->worker_count; i++)
        print_worker(to, s, &s->worker[i]);
}

void status_print(FILE *to, const struct snap *s)
{
    print_title(to, s);
    print_workers(to, s);
    if (s->event_count > 0) {
        fputc('\n', to);
        status_print_events(to, s, s->event_next > 6 ? s->event_next - 6 : 0);
    }
}

void status_print_stalls(FILE *to, const struct snap *s)
{
    if (s->stall_count == 0) {
        fputs("no stall in the last hour\n", to);
        return;
    }
    fprintf(to, "%-19s %8s %-4s %6s %-7s %-8s %s\n", "BEGAN", "LASTED", "", "WORKER", "THREAD",
            "DOING", "PATH; WHAT THE KERNEL SAID");
    for (unsigned i = 0; i < s->stall_count; i++) {
        const struct snap_stall *t = &s->stall[i];
        fprintf(to, "%-19s %8s %-4s %6u %-7s %-8s %s%s%s", when_text(t->began_wall_ns).text,
                age_text(t->lasted_ns).text, t->over ? "" : "now", t->worker,
                t->on_loop ? "loop" : "offload", board_wait_name[t->wait], t->path,
                t->path[0] != '\0' && t->kernel[0] != '\0' ? "; " : "", t->kernel);
        if (t->on_loop)
            fprintf(to, "; %" PRIu32 " connections waited", t->waiting);
        fputc('\n', to);
    }
}

void status_print_events(FILE *to, const struct snap *s, uint64_t after)
{
    for (unsigned i = 0; i < s->event_count; i++) {
        const struct snap_event *e = &s->event[i];
        char worker[16] = "";

        if (e->seq <= after)
            continue;
        if (e->worker != 0)
            snprintf(worker, sizeof worker, "%u", e->worker);
        fprintf(to, "%s %-9s %4s  %s\n", when_text(e->when_wall_ns).text, board_event_name[e->kind],
                worker, e->text);
    }
}

/* ---- what a change waits for ---- */

/* NULL: it is where it should be. */
static const char *awaited_word(const struct snap_worker *w)
{
    switch (w->state) {
    case SLOT_STARTING:
        return "starting";
    case SLOT_BACKOFF:
        return "to be started again:";
    case SLOT_RETIRING:
        return "draining";
    case SLOT_STOPPING:
        return "ending";
    case SLOT_EMPTY:
    case SLOT_RUNNING:
    case SLOT_DEAD: /* nobody waits for it */
    case SLOT_STATE_COUNT:
        break;
    }
    return NULL;
}

/* How long a draining worker is still waited for; at a stop it may take no longer. */
static uint64_t drain_left_ns(const struct snap *s, const struct snap_worker *w)
{
    uint64_t end = w->state_since_ns + s->drain_timeout_ns;

    return w->state == SLOT_RETIRING && end > s->taken_ns ? end - s->taken_ns : 0;
}

bool status_print_awaited(FILE *to, const struct snap *s)
{
    const char *before = NULL;
    uint64_t left_ns = 0;

    for (unsigned i = 0; i < s->worker_count; i++) {
        const struct snap_worker *w = &s->worker[i];
        const char *word = awaited_word(w);
        uint64_t open = w->counter[COUNTER_connections];
        if (!word)
            continue;
        fprintf(to, "%s", before ? ", " : "");
        if (!before || strcmp(before, word) != 0)
            fprintf(to, "%s ", word);
        fprintf(to, "worker %u", w->number);
        if (w->state == SLOT_RETIRING)
            fprintf(to, " (%" PRIu64 " connection%s)", open, open == 1 ? "" : "s");
        if (drain_left_ns(s, w) > left_ns)
            left_ns = drain_left_ns(s, w);
        before = word;
    }
    if (left_ns > 0)
        fprintf(to, ", %sat most %" PRIu64 " s%s", s->stopping ? "" : "waited for ",
                (left_ns + NS_PER_S - 1) / NS_PER_S,
                s->stopping ? "" : " (downloads that go on are not cut)");
    return before != NULL;
}
