/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rules, one function each, and the table of them in the order in which they are tried. Those
 * about mounts and offload threads are in verdict_disk.c. How the line is cut to fit is in
 * verdict_line.c, what the rules are in words in verdict_help.c. Runs in weirtop.
 */
#include "tui/model/verdict_rules.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "tui/ui/fmt.h"
#include "tui/ui/text.h"

const char *const verdict_level_word[] = {[VERDICT_OK] = "ok",
                                          [VERDICT_WARN] = "warning",
                                          [VERDICT_BAD] = "critical",
                                          [VERDICT_NO_SERVER] = "no server"};

static bool rule_no_data(const struct model *m, struct verdict *v)
{
    char age[FMT_BYTES];
    uint64_t gone = mono_since((struct mono){m->clock_ns}, (struct mono){m->gone_since_ns});
    uint64_t silent = mono_since((struct mono){m->clock_ns}, (struct mono){m->now.heartbeat_ns});

    if (m->link == LINK_LIVE)
        return false;
    verdict_set(v, m->link == LINK_STALE ? VERDICT_BAD : VERDICT_NO_SERVER, RULE_NO_DATA);
    if (m->link == LINK_NEVER) {
        snprintf(v->text, sizeof v->text, "NO SERVER: %s", m->link_why);
        /* Where it was looked for matters more than the system's word for why not. */
        const char *errno_words = strrchr(m->link_why, ':');
        snprintf(v->brief, sizeof v->brief, "NO SERVER: %.*s",
                 errno_words ? (int)(errno_words - m->link_why) : (int)strlen(m->link_why),
                 m->link_why);
        snprintf(v->least, sizeof v->least, "NO SERVER");
        snprintf(v->hint, sizeof v->hint, "-r DIR looks elsewhere");
    } else if (m->link == LINK_STALE) {
        fmt_age(age, silent);
        snprintf(v->text, sizeof v->text,
                 "NO NEWS for %s: master %u does not answer; workers may "
                 "still serve",
                 age, m->now.master_pid);
        snprintf(v->brief, sizeof v->brief, "master silent %s", age);
    } else {
        fmt_age(age, gone);
        snprintf(v->text, sizeof v->text, "NO SERVER for %s: %s %u %s; waiting for a new one", age,
                 "master", m->now.master_pid, m->now.clean_stop ? "was stopped" : "is gone");
        snprintf(v->brief, sizeof v->brief, "NO SERVER for %s", age);
    }
    return true;
}

static void group_add(struct verdict *v, const struct model *m, const struct model_row *r)
{
    const struct snap_worker *w = model_worker(m, r);
    bool stopped = r->state == ROW_STOPPED;
    const char *what = stopped                          ? "stopped"
                       : (unsigned)w->wait < WAIT_COUNT ? board_wait_name[w->wait]
                                                        : "?";
    unsigned at = 0;

    while (at < v->groups && (strcmp(v->group[at].what, what) != 0 ||
                              (!stopped && strcmp(v->group[at].file, w->serving) != 0)))
        at++;
    if (at == VERDICT_GROUPS) {
        v->more++;
        return;
    }
    struct verdict_group *g = &v->group[at];
    g->count++;
    if (at == v->groups) {
        v->groups++;
        snprintf(g->who, sizeof g->who, "w%u", w->number);
        snprintf(g->what, sizeof g->what, "%s", what);
        snprintf(g->file, sizeof g->file, "%s", stopped ? "" : w->serving);
        g->age_ns = r->since_ns;
        return;
    }
    size_t n = strlen(g->who);
    if (n < 24)
        snprintf(g->who + n, sizeof g->who - n, " w%u", w->number);
    else { /* "w1 w2 ... +3": the last word counts the rest */
        char *plus = strchr(g->who, '+');
        unsigned rest = 0;
        if (plus)
            sscanf(plus, "+%u", &rest);
        else
            plus = g->who + n + 1, g->who[n] = ' ';
        snprintf(plus, sizeof g->who - (size_t)(plus - g->who), "+%u", rest + 1);
    }
}

static bool rule_stuck(const struct model *m, struct verdict *v)
{
    unsigned blocked = m->in_state[ROW_BLOCKED], stopped = m->in_state[ROW_STOPPED];
    unsigned stuck = blocked + stopped;
    const char *word = stopped == 0 ? "blocked" : blocked == 0 ? "stopped" : "stuck";

    if (stuck == 0)
        return false;
    for (unsigned i = 0; i < m->row_count; i++)
        if (m->row[i].state == ROW_BLOCKED || m->row[i].state == ROW_STOPPED)
            group_add(v, m, &m->row[i]);
    if (stuck >= m->live) {
        verdict_set(v, VERDICT_BAD, RULE_ALL_STUCK);
        snprintf(v->text, sizeof v->text, "ALL %u %s %s, nothing is served: ", stuck,
                 stuck == 1 ? "worker" : "workers", word);
        snprintf(v->brief, sizeof v->brief, "ALL %u %s: ", stuck, word);
        snprintf(v->least, sizeof v->least, "ALL %u ", stuck);
        if (v->groups == 1) /* who it is has been said */
            v->group[0].who[0] = '\0';
    } else {
        verdict_set(v, VERDICT_BAD, RULE_STUCK);
        snprintf(v->text, sizeof v->text, "%u of %u workers %s: ", stuck, m->live, word);
        snprintf(v->brief, sizeof v->brief, "%u/%u %s: ", stuck, m->live, word);
    }
    snprintf(v->hint, sizeof v->hint, blocked > 0 ? "+ adds workers" : "kill -CONT resumes");
    return true;
}

/* What helps against a queue: more workers, unless the CPUs are what there is too little of. */
static void queue_hint(const struct model *m, struct verdict *v)
{
    double cpu = 0;

    for (unsigned i = 0; i < m->row_count; i++) {
        double one = m->memory[m->row[i].memory].cpu;
        cpu += one > 0 ? one : 0;
    }
    if (m->cpus > 0 && cpu > VERDICT_CPU_BOUND * m->cpus)
        snprintf(v->hint, sizeof v->hint, "CPU-bound (%.0f %%): more workers will not help",
                 cpu / m->cpus * 100);
    else
        snprintf(v->hint, sizeof v->hint, "+ adds workers");
}

/* Longer than its bad share for VERDICT_QUEUE_SECONDS, up to now. */
static bool queue_long(const struct model *m, const struct snap_listener *l)
{
    uint64_t percent = m->thresholds.queue_bad_percent;

    if (l == NULL || l->queue_limit == 0 || l->queue_depth < m->thresholds.queue_warn ||
        (uint64_t)l->queue_depth * 100 <= percent * l->queue_limit)
        return false;
    for (unsigned i = 0; i < VERDICT_QUEUE_SECONDS; i++) {
        const struct history_record *r = history_at(&m->history, i);
        if (r == NULL || r->gap || (uint64_t)r->queue * 100 <= percent * r->queue_limit)
            return false;
    }
    return true;
}

static bool rule_queue_full(const struct model *m, struct verdict *v)
{
    const struct snap_listener *l = model_fullest(&m->now);
    uint64_t drops = model_drops_lately(m);
    bool full = l && l->queue_limit > 0 && l->queue_depth >= l->queue_limit;

    if (!full && drops == 0 && !queue_long(m, l))
        return false;
    verdict_set(v, full || drops > 0 ? VERDICT_BAD : VERDICT_WARN, RULE_QUEUE_FULL);
    if (drops > 0) {
        snprintf(v->text, sizeof v->text,
                 "accept queue %s: the kernel dropped %llu connection%s in %ds",
                 full ? "full" : "was full", (unsigned long long)drops, drops == 1 ? "" : "s",
                 MODEL_DROPS_SECONDS);
        snprintf(v->brief, sizeof v->brief, "%llu dropped in %ds", (unsigned long long)drops,
                 MODEL_DROPS_SECONDS);
        if (full)
            snprintf(v->brief, sizeof v->brief, "queue full");
    } else {
        snprintf(v->text, sizeof v->text, "accept queue %s (%u/%u) and no worker blocked",
                 full ? "full" : "long", l->queue_depth, l->queue_limit);
        snprintf(v->brief, sizeof v->brief, full ? "queue full" : "queue %u/%u", l->queue_depth,
                 l->queue_limit);
    }
    queue_hint(m, v);
    return true;
}

static bool rule_queue_growing(const struct model *m, struct verdict *v)
{
    const struct history_record *last = history_at(&m->history, 0);
    uint32_t from = 0;

    for (unsigned i = 1; i <= VERDICT_GROWING_SECONDS; i++) {
        const struct history_record *r = history_at(&m->history, i);
        const struct history_record *later = history_at(&m->history, i - 1);
        if (r == NULL || r->gap || later->gap || r->queue >= later->queue)
            return false;
        from = r->queue;
    }
    verdict_set(v, VERDICT_WARN, RULE_QUEUE_GROWING);
    snprintf(v->text, sizeof v->text, "accept queue growing: %u -> %u in %d s", from, last->queue,
             VERDICT_GROWING_SECONDS);
    snprintf(v->brief, sizeof v->brief, "queue %u -> %u", from, last->queue);
    queue_hint(m, v);
    return true;
}

/* How often worker `number` died in the last minute, by the events; the oldest time too. */
static unsigned deaths_of(const struct model *m, unsigned number, uint64_t *since_ns)
{
    unsigned deaths = 0;

    for (unsigned i = 0; i < m->event_count; i++) {
        const struct model_event *e = model_event_at(m, i);
        if (e->worker != number || e->when_ns + VERDICT_DEATHS_NS < m->clock_ns ||
            strcmp(e->word, board_event_name[EVENT_EXIT]) != 0)
            continue;
        deaths++;
        *since_ns = e->when_ns; /* from the newest to the oldest */
    }
    return deaths;
}

static bool rule_respawn(const struct model *m, struct verdict *v)
{
    for (unsigned i = 0; i < m->row_count; i++) {
        const struct snap_worker *w = model_worker(m, &m->row[i]);
        uint64_t since = 0;
        unsigned deaths = deaths_of(m, w->number, &since);
        char age[FMT_BYTES], why[48] = "";
        if (deaths < VERDICT_DEATHS || w->last_exit == EXIT_RETIRED || w->last_exit == EXIT_NONE)
            continue;
        if (w->last_exit == EXIT_SIGNAL)
            snprintf(why, sizeof why, ", signal %u", w->last_exit_detail);
        else
            snprintf(why, sizeof why, ", exit status %u", w->last_exit_detail);
        verdict_set(v, VERDICT_BAD, RULE_RESPAWN);
        fmt_age(age, mono_since((struct mono){m->clock_ns}, (struct mono){since}));
        snprintf(v->text, sizeof v->text, "w%u died %u times in %s%s", w->number, deaths, age, why);
        snprintf(v->brief, sizeof v->brief, "w%u died %ux%s", w->number, deaths, why);
        return true;
    }
    return false;
}

/* A worker that should have left by now. */
static bool drain_overdue(const struct model *m, struct verdict *v)
{
    char age[FMT_BYTES], limit[FMT_BYTES];

    for (unsigned i = 0; i < m->row_count; i++) {
        const struct snap_worker *w = model_worker(m, &m->row[i]);
        uint64_t since =
            mono_since((struct mono){m->now.taken_ns}, (struct mono){w->state_since_ns});
        if (w->state != SLOT_RETIRING || m->now.drain_timeout_ns == 0 ||
            since < m->now.drain_timeout_ns + VERDICT_OVERDUE_NS ||
            model_worker_sends(m, w, m->now.drain_timeout_ns + VERDICT_OVERDUE_NS))
            continue;
        fmt_age(age, since);
        snprintf(v->text, sizeof v->text,
                 "w%u drains for %s, longer than drain_timeout (%s): %llu connections left",
                 w->number, age, fmt_age(limit, m->now.drain_timeout_ns),
                 (unsigned long long)w->counter[COUNTER_connections]);
        snprintf(v->brief, sizeof v->brief, "w%u drains for %s", w->number, age);
        snprintf(v->hint, sizeof v->hint, "X ends it");
        return true;
    }
    return false;
}

static bool rule_change(const struct model *m, struct verdict *v)
{
    const struct snap *s = &m->now;

    verdict_set(v, VERDICT_WARN, RULE_CHANGE);
    if (s->stopping) {
        snprintf(v->text, sizeof v->text, "the server is stopping: %u workers left", m->live);
        snprintf(v->brief, sizeof v->brief, "stopping, %u left", m->live);
    } else if (m->live == 0) {
        v->level = s->ready ? VERDICT_BAD : VERDICT_WARN;
        snprintf(v->text, sizeof v->text, "%s",
                 s->ready ? "no worker is running, nothing is served" : "the server is starting");
        snprintf(v->brief, sizeof v->brief, s->ready ? "no worker running" : "starting");
    } else if (s->reload_state == RELOAD_FAILED) {
        snprintf(v->text, sizeof v->text,
                 "the reload failed, the old configuration is in force: %s", s->reload_error);
        snprintf(v->brief, sizeof v->brief, "reload failed, view 6 tells why");
        snprintf(v->least, sizeof v->least, "reload failed");
    } else if (m->in_state[ROW_BACKOFF] > 0) {
        snprintf(v->text, sizeof v->text, "%u worker%s died and wait%s to be started again",
                 m->in_state[ROW_BACKOFF], m->in_state[ROW_BACKOFF] == 1 ? "" : "s",
                 m->in_state[ROW_BACKOFF] == 1 ? "s" : "");
        snprintf(v->brief, sizeof v->brief, "%u died, waiting", m->in_state[ROW_BACKOFF]);
    } else if (m->in_state[ROW_DEAD] > 0) {
        snprintf(v->text, sizeof v->text,
                 "workers that are dead but cannot be ended before a mount answers: %u; others "
                 "took their place",
                 m->in_state[ROW_DEAD]);
        snprintf(v->brief, sizeof v->brief, "%u dead, not ended", m->in_state[ROW_DEAD]);
    } else {
        return drain_overdue(m, v);
    }
    return true;
}

static bool limit_worker(const struct model *m, const struct model_row *r, struct verdict *v)
{
    const struct snap_worker *w = model_worker(m, r);
    const struct model_worker *memory = &m->memory[r->memory];
    uint64_t open = w->counter[COUNTER_connections], most = m->now.connections_max;
    const char *what = "connections", *setting = "[limits] connections";
    const char *then = "idle ones soon make room for new ones";

    if (most == 0 || (double)open <= VERDICT_NEARLY_FULL * (double)most) {
        open = memory->fds;
        most = memory->fds_max;
        what = "descriptors";
        setting = "ulimit -n";
        then = "it soon accepts no more";
        if (most == 0 || (double)open <= VERDICT_NEARLY_FULL * (double)most)
            return false;
    }
    snprintf(v->text, sizeof v->text, "w%u has %llu of %llu %s: %s", w->number,
             (unsigned long long)open, (unsigned long long)most, what, then);
    snprintf(v->brief, sizeof v->brief, "w%u %llu/%llu %s", w->number, (unsigned long long)open,
             (unsigned long long)most, what);
    snprintf(v->hint, sizeof v->hint, "%s is the limit", setting);
    return true;
}

static bool rule_limit(const struct model *m, struct verdict *v)
{
    char age[FMT_BYTES];

    if (verdict_no_room(m, v))
        return true;
    verdict_set(v, VERDICT_WARN, RULE_LIMIT);
    for (unsigned i = 0; i < m->row_count; i++)
        if (limit_worker(m, &m->row[i], v))
            return true;
    for (unsigned i = 0; i < m->event_count; i++) {
        const struct model_event *e = model_event_at(m, i);
        if (strcmp(e->word, board_event_name[EVENT_LIMIT]) != 0 ||
            e->when_ns + VERDICT_LIMIT_NS < m->clock_ns)
            continue;
        fmt_age(age, mono_since((struct mono){m->clock_ns}, (struct mono){e->when_ns}));
        snprintf(v->text, sizeof v->text, "w%u, %s ago: %s", e->worker, age, e->text);
        snprintf(v->brief, sizeof v->brief, "w%u ran out, %s ago", e->worker, age);
        return true;
    }
    return false;
}

/* What is not wrong, for somebody wanted it so, and yet explains what clients see. */
static void notes(const struct model *m, char *out, size_t out_bytes)
{
    struct out o = out_into(out, out_bytes - 1);
    unsigned fenced = 0;
    char name[200];

    for (unsigned i = 0; i < m->now.mount_count; i++) {
        if (m->now.mount[i].state != MOUNT_FENCED || fenced++ > 0)
            continue;
        text_cut_path(name, sizeof name, m->now.mount[i].name, 40);
        out_fmt(&o, "; %s fenced", name);
    }
    if (fenced > 1)
        out_fmt(&o, " (+%u)", fenced - 1);
    if (m->now.faults > 0)
        out_str(&o, "; FAULT rules in force");
    *o.p = '\0';
}

static bool rule_ok(const struct model *m, struct verdict *v)
{
    const struct snap_listener *l = model_fullest(&m->now);
    char lag[FMT_BYTES] = "-", note[400];

    if (m->history.count > 0)
        fmt_age(lag, m->lag_p99_ns);
    verdict_set(v, VERDICT_OK, RULE_OK);
    notes(m, note, sizeof note);
    snprintf(v->text, sizeof v->text, "ok: queue %u, lag p99 %s, %u/%u workers%s",
             l ? l->queue_depth : 0, lag, m->now.workers_running, m->now.workers_wanted, note);
    snprintf(v->brief, sizeof v->brief, "ok: queue %u, %u/%u up%.100s", l ? l->queue_depth : 0,
             m->now.workers_running, m->now.workers_wanted, note);
    snprintf(v->least, sizeof v->least, "ok: queue %u, %u/%u up", l ? l->queue_depth : 0,
             m->now.workers_running, m->now.workers_wanted);
    return true;
}

/* In the order in which they are tried; one function tells both rules about stuck workers. */
static const struct {
    enum verdict_rule rule;
    verdict_rule_fn *holds;
} rules[] = {
    {RULE_NO_DATA, rule_no_data},
    {RULE_ALL_STUCK, rule_stuck},
    {RULE_STUCK, rule_stuck},
    {RULE_MOUNT, rule_mount},
    {RULE_ERRORS, rule_errors},
    {RULE_OFFLOAD_FULL, rule_offload_full},
    {RULE_HELD, rule_held},
    {RULE_QUEUE_FULL, rule_queue_full},
    {RULE_QUEUE_GROWING, rule_queue_growing},
    {RULE_RESPAWN, rule_respawn},
    {RULE_CHANGE, rule_change},
    {RULE_LIMIT, rule_limit},
    {RULE_LOG, verdict_log},
    {RULE_OK, rule_ok},
};

bool verdict_rule_at(unsigned place, enum verdict_rule *rule)
{
    if (place >= sizeof rules / sizeof *rules)
        return false;
    *rule = rules[place].rule;
    return true;
}

void verdict_of(const struct model *m, struct verdict *v)
{
    verdict_rule_fn *first = NULL;

    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        memset(v, 0, sizeof *v);
        if (!rules[i].holds(m, v))
            continue;
        if (first == NULL)
            first = rules[i].holds;
        if (first == rule_ok || v->level >= VERDICT_BAD)
            return;
    }
    memset(v, 0, sizeof *v);
    first(m, v);
}
