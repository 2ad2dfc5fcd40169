/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rules, one function each, in the order of their numbers (9 belongs to upstreams, which
 * this server has not). A rule fills *v and returns true when it holds.
 */
#include "tui/model/verdict.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "tui/ui/fmt.h"
#include "tui/ui/text.h"

#define GROWING_SECONDS 5
#define DEATHS          3
#define DEATHS_NS       (60 * NS_PER_S)
#define OFFLOAD_FULL_NS (3 * NS_PER_S)

const char *const verdict_level_word[] = {[VERDICT_OK] = "ok",
                                          [VERDICT_WARN] = "warning",
                                          [VERDICT_BAD] = "critical",
                                          [VERDICT_NO_SERVER] = "no server"};

typedef bool rule_fn(const struct model *m, struct verdict *v);

static void verdict_set(struct verdict *v, enum verdict_level level, enum verdict_rule rule)
{
    v->level = level;
    v->rule = rule;
}

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
        snprintf(v->brief, sizeof v->brief, "NO SERVER");
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

/* A mount's name and type for a sentence, as much as is worth it. */
static void mount_named(const struct snap_mount *mount, int cells, char *out, size_t out_bytes)
{
    char type[64];
    size_t n;

    text_cut_path(out, out_bytes, mount->name, cells);
    text_cut_end(type, sizeof type, mount->type, 16);
    n = strlen(out);
    if (*type)
        snprintf(out + n, out_bytes - n, " (%s)", type);
}

/* Mounts that refuse every request in all workers that know them, and others. */
static bool all_refused(const struct snap *s)
{
    for (unsigned i = 0; i < s->mount_count; i++)
        if (s->mount[i].state == MOUNT_OK || s->mount[i].workers_sick < s->mount[i].workers)
            return false;
    return s->mount_count > 0;
}

static bool rule_mount(const struct model *m, struct verdict *v)
{
    const struct snap *s = &m->now;
    const struct snap_mount *worst = NULL;
    unsigned sick = 0;
    char name[256], brief[64], age[FMT_BYTES], threads[64], more[32] = "", part[48] = "";

    for (unsigned i = 0; i < s->mount_count; i++) {
        const struct snap_mount *mount = &s->mount[i];
        if (mount->state != MOUNT_SICK)
            continue;
        sick++;
        if (worst == NULL || mount->sick_since_ns < worst->sick_since_ns)
            worst = mount;
    }
    if (all_refused(s)) {
        verdict_set(v, VERDICT_BAD, RULE_MOUNT);
        if (worst == NULL)
            worst = &s->mount[0];
    } else if (sick > 0) {
        verdict_set(v, VERDICT_WARN, RULE_MOUNT);
    } else {
        return false;
    }
    const char *word = worst->state == MOUNT_SICK ? "sick" : "fenced";
    mount_named(worst, 60, name, sizeof name);
    text_cut_path(brief, sizeof brief, worst->name, 16);
    fmt_age(age, mono_since((struct mono){s->taken_ns}, (struct mono){worst->sick_since_ns}));
    if (worst->sick_since_ns == 0)
        snprintf(age, sizeof age, "now");
    snprintf(threads, sizeof threads, "%llu call%s held", (unsigned long long)worst->running,
             worst->running == 1 ? "" : "s");
    if (v->level == VERDICT_BAD) {
        if (s->mount_count > 1)
            snprintf(more, sizeof more, "ALL %u mounts: ", s->mount_count);
        snprintf(v->text, sizeof v->text,
                 "every request gets 503: %smount %s is %s for %s, %s; nothing is served", more,
                 name, word, age, threads);
        snprintf(v->brief, sizeof v->brief, "ALL requests get 503: %s %s %s, %s", brief, word, age,
                 threads);
        snprintf(v->least, sizeof v->least, "ALL 503: %.30s", brief);
    } else {
        if (sick > 1)
            snprintf(more, sizeof more, " (and %u more)", sick - 1);
        if (worst->workers_sick < worst->workers)
            snprintf(part, sizeof part, " in %u of %u workers", worst->workers_sick,
                     worst->workers);
        snprintf(v->text, sizeof v->text,
                 "mount %s is sick for %s%s%s: %s, requests for it get 503; others are served",
                 name, age, part, more, threads);
        snprintf(v->brief, sizeof v->brief, "SICK %s %s%s: %s, it gets 503; others served", brief,
                 age, more, threads);
        snprintf(v->least, sizeof v->least, "SICK %.24s %s, %llu held", brief, age,
                 (unsigned long long)worst->running);
    }
    snprintf(v->hint, sizeof v->hint, "weirctl unfence clears it");
    return true;
}

static bool rule_offload_full(const struct model *m, struct verdict *v)
{
    uint64_t busy = 0, limit = 0, queued = 0;
    unsigned full = 0, who = 0;
    char oldest[400] = "", head[64] = "offload", path[256], age[FMT_BYTES];

    for (unsigned i = 0; i < m->row_count; i++) {
        const struct snap_worker *w = model_worker(m, &m->row[i]);
        uint64_t since = m->memory[m->row[i].memory].pool_full_since_ns;
        if (since == 0 || m->now.taken_ns < since + OFFLOAD_FULL_NS)
            continue;
        full++;
        who = w->number;
        busy += w->counter[COUNTER_offload_busy] - w->counter[COUNTER_offload_stuck];
        limit += w->counter[COUNTER_offload_threads_max];
        queued += w->counter[COUNTER_offload_queued];
    }
    if (full == 0)
        return false;
    if (m->offload.job_count > 0) {
        const struct snap_thread *t = &m->now.thread[m->offload.job[0].thread];
        const char *mount = snap_thread_mount(&m->now, t);
        text_cut_path(path, sizeof path, *mount ? mount : t->path, 40);
        snprintf(oldest, sizeof oldest, ", oldest %s %s on %s",
                 (unsigned)t->wait < WAIT_COUNT ? board_wait_name[t->wait] : "?",
                 fmt_age(age, model_job_age_ns(m, t)), path);
    }
    if (full < m->live && full == 1)
        snprintf(head, sizeof head, "offload of w%u", who);
    else if (full < m->live)
        snprintf(head, sizeof head, "offload of %u of %u workers", full, m->live);
    verdict_set(v, VERDICT_WARN, RULE_OFFLOAD_FULL);
    snprintf(v->text, sizeof v->text, "%s %llu/%llu busy, %llu queued%s; cold files wait", head,
             (unsigned long long)busy, (unsigned long long)limit, (unsigned long long)queued,
             oldest);
    snprintf(v->brief, sizeof v->brief, "offload %llu/%llu busy, %llu queued%.120s",
             (unsigned long long)busy, (unsigned long long)limit, (unsigned long long)queued,
             oldest);
    snprintf(v->least, sizeof v->least, "offload %llu/%llu, %lluq", (unsigned long long)busy,
             (unsigned long long)limit, (unsigned long long)queued);
    snprintf(v->hint, sizeof v->hint, "O sets threads");
    return true;
}

static bool rule_queue_full(const struct model *m, struct verdict *v)
{
    const struct snap_listener *l = model_fullest(&m->now);
    uint64_t drops = model_drops_10s(m);
    bool full = l && l->queue_limit > 0 && l->queue_depth >= l->queue_limit;

    if (!full && drops == 0)
        return false;
    verdict_set(v, VERDICT_BAD, RULE_QUEUE_FULL);
    if (full && drops == 0)
        snprintf(v->text, sizeof v->text, "accept queue full (%u/%u) and no worker blocked",
                 l->queue_depth, l->queue_limit);
    else
        snprintf(v->text, sizeof v->text,
                 "accept queue %s: the kernel dropped %llu connection%s in 10s",
                 full ? "full" : "was full", (unsigned long long)drops, drops == 1 ? "" : "s");
    snprintf(v->brief, sizeof v->brief, full ? "queue full" : "%llu dropped in 10s",
             (unsigned long long)drops);
    snprintf(v->hint, sizeof v->hint, "+ adds workers");
    return true;
}

static bool rule_queue_growing(const struct model *m, struct verdict *v)
{
    const struct history_record *last = history_at(&m->history, 0);
    uint32_t from = 0;

    for (unsigned i = 1; i <= GROWING_SECONDS; i++) {
        const struct history_record *r = history_at(&m->history, i);
        const struct history_record *later = history_at(&m->history, i - 1);
        if (r == NULL || r->gap || later->gap || r->queue >= later->queue)
            return false;
        from = r->queue;
    }
    verdict_set(v, VERDICT_WARN, RULE_QUEUE_GROWING);
    snprintf(v->text, sizeof v->text, "accept queue growing: %u -> %u in %d s", from, last->queue,
             GROWING_SECONDS);
    snprintf(v->brief, sizeof v->brief, "queue %u -> %u", from, last->queue);
    snprintf(v->hint, sizeof v->hint, "+ adds workers");
    return true;
}

/* How often worker `number` died in the last minute, by the events; the oldest time too. */
static unsigned deaths_of(const struct model *m, unsigned number, uint64_t *since_ns)
{
    unsigned deaths = 0;

    for (unsigned i = 0; i < m->now.event_count; i++) {
        const struct snap_event *e = &m->now.event[i];
        if (e->kind != EVENT_EXIT || e->worker != number || e->when_ns + DEATHS_NS < m->clock_ns)
            continue;
        if (deaths++ == 0)
            *since_ns = e->when_ns;
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
        if (deaths < DEATHS || w->last_exit == EXIT_RETIRED || w->last_exit == EXIT_NONE)
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
        snprintf(v->brief, sizeof v->brief, "reload failed");
    } else if (m->in_state[ROW_BACKOFF] > 0) {
        snprintf(v->text, sizeof v->text, "%u worker%s died and wait%s to be started again",
                 m->in_state[ROW_BACKOFF], m->in_state[ROW_BACKOFF] == 1 ? "" : "s",
                 m->in_state[ROW_BACKOFF] == 1 ? "s" : "");
        snprintf(v->brief, sizeof v->brief, "%u died, waiting", m->in_state[ROW_BACKOFF]);
    } else {
        return false;
    }
    return true;
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

void verdict_of(const struct model *m, struct verdict *v)
{
    static rule_fn *const rules[] = {rule_no_data,      rule_stuck,      rule_mount,
                                     rule_offload_full, rule_queue_full, rule_queue_growing,
                                     rule_respawn,      rule_change,     rule_ok};
    rule_fn *first = NULL;

    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        memset(v, 0, sizeof *v);
        if (!rules[i](m, v))
            continue;
        if (first == NULL)
            first = rules[i];
        if (first == rule_ok || v->level >= VERDICT_BAD)
            return;
    }
    memset(v, 0, sizeof *v);
    first(m, v);
}

/* The line with paths of at most path_cells, the first `groups` groups, long or brief head. */
static void verdict_compose(const struct verdict *v, int path_cells, unsigned groups,
                            const char *head, const char *hint, struct out *o)
{
    char file[SNAP_TEXT_BYTES], age[FMT_BYTES];
    unsigned left = v->more;

    out_str(o, head);
    for (unsigned i = 0; i < v->groups; i++) {
        const struct verdict_group *g = &v->group[i];
        if (i >= groups) {
            left++;
            continue;
        }
        text_cut_path(file, sizeof file, g->file, path_cells);
        out_fmt(o, "%s%s%s%s %s%s%s", i > 0 ? ", " : "", g->who, *g->who ? " " : "", g->what,
                fmt_age(age, g->age_ns), *file ? " " : "", file);
    }
    if (left > 0)
        out_fmt(o, ", +%u more", left);
    if (*hint)
        out_fmt(o, "%s  %s", v->groups > 0 || *head ? "." : "", hint);
}

static bool verdict_try(const struct verdict *v, int cells, int path_cells, unsigned groups,
                        const char *head, const char *hint, char *to, size_t to_bytes)
{
    struct out o = out_into(to, to_bytes - 1);

    verdict_compose(v, path_cells, groups, head, hint, &o);
    *o.p = '\0';
    return !o.cut && text_width(to) <= cells;
}

void verdict_line(const struct verdict *v, int cells, char *to, size_t to_bytes)
{
    static const int paths[] = {SNAP_TEXT_BYTES, 60, 40, 30, 24, 20, 16, 12};
    static const int least[] = {24, 12, 12}; /* the long head is not worth more than a path */
    const char *head[] = {v->text, v->brief, v->least};
    unsigned all = v->groups;

    /* First shorter paths, then a briefer head, then fewer groups; the hint as long as it fits. */
    for (unsigned groups = all; groups > 0 || all == 0; groups--) {
        for (size_t h = 0; h < (all > 0 || *v->least ? 3 : 2); h++)
            for (size_t p = 0; p < sizeof paths / sizeof *paths && paths[p] >= least[h]; p++)
                if (verdict_try(v, cells, paths[p], groups, head[h], v->hint, to, to_bytes) ||
                    verdict_try(v, cells, paths[p], groups, head[h], "", to, to_bytes))
                    return;
        if (groups <= 1)
            break;
    }
    struct out o = out_into(to, to_bytes - 1);
    verdict_compose(v, 12, 1, all > 0 || *v->least ? v->least : v->brief, "", &o);
    *o.p = '\0';
    if (all > 0 && text_width(to) > cells) { /* not even one file fits: who, what, since when */
        char age[FMT_BYTES];
        snprintf(to, to_bytes, "%s%s%s%s %s", v->least, v->group[0].who,
                 v->group[0].who[0] ? " " : "", v->group[0].what, fmt_age(age, v->group[0].age_ns));
    }
}
