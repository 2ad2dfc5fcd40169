/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The verdict's rules about mounts and offload threads: mounts that refuse, pools that are full,
 * threads that one call holds. Runs in weirtop.
 */
#include "tui/model/verdict_rules.h"
#include "tui/model/verdict_threads.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "tui/ui/fmt.h"
#include "tui/ui/text.h"

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

/* The mount that has been sick for longest, and how many are; NULL for none. */
static const struct snap_mount *sickest(const struct snap *s, unsigned *sick)
{
    const struct snap_mount *worst = NULL;

    *sick = 0;
    for (unsigned i = 0; i < s->mount_count; i++) {
        const struct snap_mount *mount = &s->mount[i];
        if (mount->state != MOUNT_SICK)
            continue;
        (*sick)++;
        if (worst == NULL || mount->sick_since_ns < worst->sick_since_ns)
            worst = mount;
    }
    return worst;
}

/* "sick for 20s", "fenced", for a sentence: since when somebody fenced it is not on the board. */
static void mount_since(const struct snap *s, const struct snap_mount *mount, char out[48])
{
    char age[FMT_BYTES];

    if (mount->sick_since_ns == 0) {
        snprintf(out, 48, "%s", mount->state == MOUNT_SICK ? "sick" : "fenced");
        return;
    }
    fmt_age(age, mono_since((struct mono){s->taken_ns}, (struct mono){mount->sick_since_ns}));
    snprintf(out, 48, "%s for %s", mount->state == MOUNT_SICK ? "sick" : "fenced", age);
}

/* Nothing can be served, and nothing was: a cached answer, or one from a mount that no name tells
 * of, would have been a good one. */
static bool nothing_served(const struct snap *s)
{
    return s->roots_refused && s->mount_count > 0 && s->errors_answers <= s->errors_failed;
}

static bool others_served(const struct snap *s)
{
    for (unsigned i = 0; i < s->mount_count; i++)
        if (s->mount[i].state == MOUNT_OK)
            return true;
    return s->errors_answers > s->errors_failed;
}

static void say_nothing_served(const struct snap *s, const struct snap_mount *worst,
                               struct verdict *v)
{
    char name[256], brief[64], since[48], more[32] = "", held[32];

    mount_named(worst, 60, name, sizeof name);
    text_cut_path(brief, sizeof brief, worst->name, 16);
    mount_since(s, worst, since);
    snprintf(held, sizeof held, "%llu call%s held", (unsigned long long)worst->running,
             worst->running == 1 ? "" : "s");
    if (s->mount_count > 1)
        snprintf(more, sizeof more, "ALL %u mounts: ", s->mount_count);
    snprintf(v->text, sizeof v->text,
             "every request gets 503: %smount %s is %s, %s; nothing is served", more, name, since,
             held);
    snprintf(v->brief, sizeof v->brief, "ALL requests get 503: %s %s, %s", brief, since, held);
    snprintf(v->least, sizeof v->least, "ALL 503: %.30s", brief);
}

bool rule_mount(const struct model *m, struct verdict *v)
{
    const struct snap *s = &m->now;
    unsigned sick;
    const struct snap_mount *worst = sickest(s, &sick);
    char name[256], brief[64], age[FMT_BYTES], threads[64], more[32] = "", part[48] = "";
    const char *others = others_served(s) ? "; others are served" : "";

    snprintf(v->hint, sizeof v->hint, "weirctl unfence clears it");
    if (nothing_served(s)) {
        verdict_set(v, VERDICT_BAD, RULE_MOUNT);
        say_nothing_served(s, worst ? worst : &s->mount[0], v);
        return true;
    }
    if (worst == NULL)
        return false;
    verdict_set(v, VERDICT_WARN, RULE_MOUNT);
    mount_named(worst, 60, name, sizeof name);
    text_cut_path(brief, sizeof brief, worst->name, 16);
    fmt_age(age, mono_since((struct mono){s->taken_ns}, (struct mono){worst->sick_since_ns}));
    snprintf(threads, sizeof threads, "%llu call%s held", (unsigned long long)worst->running,
             worst->running == 1 ? "" : "s");
    if (sick > 1)
        snprintf(more, sizeof more, " (and %u more)", sick - 1);
    if (worst->workers_sick < worst->workers)
        snprintf(part, sizeof part, " in %u of %u workers", worst->workers_sick, worst->workers);
    snprintf(v->text, sizeof v->text, "mount %s is sick for %s%s%s: %s, requests for it get 503%s",
             name, age, part, more, threads, others);
    snprintf(v->brief, sizeof v->brief, "SICK %s %s%s: %s, it gets 503%s", brief, age, more,
             threads, *others ? "; others served" : "");
    snprintf(v->least, sizeof v->least, "SICK %.24s %s, %llu held", brief, age,
             (unsigned long long)worst->running);
    return true;
}

/* The mount that failed a call last, in the time of the answers that failed; NULL for none. */
static const struct snap_mount *failing(const struct snap *s)
{
    const struct snap_mount *worst = NULL;
    /* The judgement is a second old at most, its seconds are a little longer, and this look came
     * later still. */
    uint64_t least_ns = ((uint64_t)s->errors_seconds + 3) * NS_PER_S;

    for (unsigned i = 0; i < s->mount_count; i++) {
        const struct snap_mount *mount = &s->mount[i];
        if (mount->failed_ns == 0 || mount->failed_ns + least_ns < s->taken_ns)
            continue;
        if (worst == NULL || mount->failed_ns > worst->failed_ns)
            worst = mount;
    }
    return worst;
}

/* The mount to blame, in words: one that fails calls, else one that refuses them. */
static void blame(const struct snap *s, char *out, size_t out_bytes, char *brief,
                  size_t brief_bytes)
{
    const struct snap_mount *bad = failing(s);
    char name[256], since[48];

    out[0] = brief[0] = '\0';
    if (bad) {
        mount_named(bad, 40, name, sizeof name);
        snprintf(out, out_bytes, "; mount %s: %s", name, strerror((int)bad->last_errno));
        text_cut_path(name, sizeof name, bad->name, 16);
        snprintf(brief, brief_bytes, ", %.60s: %s", name, strerror((int)bad->last_errno));
    } else if (s->mount_count > 0 && s->mount[0].state != MOUNT_OK) { /* the worst comes first */
        mount_named(&s->mount[0], 40, name, sizeof name);
        mount_since(s, &s->mount[0], since);
        snprintf(out, out_bytes, "; mount %s is %s", name, since);
        text_cut_path(name, sizeof name, s->mount[0].name, 16);
        snprintf(brief, brief_bytes, ", %.60s %s", name, since);
    }
}

bool rule_errors(const struct model *m, struct verdict *v)
{
    const struct snap *s = &m->now;
    bool all = s->errors == ERRORS_ALL;
    char why[512], brief[200];
    unsigned long long failed = s->errors_failed, answers = s->errors_answers;

    if (s->errors == ERRORS_FEW)
        return false;
    verdict_set(v, all ? VERDICT_BAD : VERDICT_WARN, RULE_ERRORS);
    blame(s, why, sizeof why, brief, sizeof brief);
    int share = answers > 0 ? (int)((double)failed * 100 / (double)answers) : 0;
    const char *who = !all                ? ""
                      : failed == answers ? "ALL answers fail: "
                                          : "nearly ALL answers fail: ";
    if (all)
        snprintf(v->text, sizeof v->text, "%s%llu of %llu in %us were 5xx%s", who, failed, answers,
                 s->errors_seconds, why);
    else
        snprintf(v->text, sizeof v->text,
                 "%d %% of the answers fail: %llu of %llu in %us were 5xx%s", share, failed,
                 answers, s->errors_seconds, why);
    snprintf(v->brief, sizeof v->brief, "%s%llu/%llu answers 5xx%s", all ? "FAILING: " : "", failed,
             answers, brief);
    snprintf(v->least, sizeof v->least, "%llu/%llu are 5xx", failed, answers);
    snprintf(v->hint, sizeof v->hint, "the error log tells the files");
    return true;
}

bool rule_offload_full(const struct model *m, struct verdict *v)
{
    uint64_t busy = 0, limit = 0, queued = 0;
    unsigned full = 0, who = 0;
    char oldest[400] = "", head[64] = "offload", path[256], age[FMT_BYTES];

    if (verdict_no_thread(m, v))
        return true;
    for (unsigned i = 0; i < m->row_count; i++) {
        const struct snap_worker *w = model_worker(m, &m->row[i]);
        uint64_t since = m->memory[m->row[i].memory].pool_full_since_ns;
        if (since == 0 || m->now.taken_ns < since + VERDICT_OFFLOAD_FULL_NS)
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

/* Disk threads that are held by one call, in mounts that are not sick (yet). */
bool rule_held(const struct model *m, struct verdict *v)
{
    const struct snap *s = &m->now;
    const struct snap_thread *oldest = NULL;
    unsigned held = 0;
    char path[256], age[FMT_BYTES], name[300] = "no mount", more[32] = "";

    for (unsigned i = 0; i < m->offload.job_count; i++) {
        const struct snap_thread *t = &s->thread[m->offload.job[i].thread];
        if (model_job_age_ns(m, t) < MODEL_HELD_NS)
            break; /* the oldest come first */
        if (t->mount < s->mount_count && s->mount[t->mount].state != MOUNT_OK)
            continue;
        if (held++ == 0)
            oldest = t;
    }
    if (oldest == NULL)
        return false;
    verdict_set(v, VERDICT_WARN, RULE_HELD);
    if (oldest->mount < s->mount_count)
        mount_named(&s->mount[oldest->mount], 40, name, sizeof name);
    if (held > 1)
        snprintf(more, sizeof more, " (and %u more)", held - 1);
    fmt_age(age, model_job_age_ns(m, oldest));
    const char *call = (unsigned)oldest->wait < WAIT_COUNT ? board_wait_name[oldest->wait] : "?";
    text_cut_path(path, sizeof path, oldest->path, 60);
    snprintf(v->text, sizeof v->text, "w%u %s held for %s on %s%s: %s; others are served",
             oldest->worker, call, age, name, more, path);
    text_cut_path(path, sizeof path, oldest->path, 24);
    snprintf(v->brief, sizeof v->brief, "w%u %s held %s%s: %.200s", oldest->worker, call, age, more,
             path);
    snprintf(v->least, sizeof v->least, "w%u %s held %s", oldest->worker, call, age);
    snprintf(v->hint, sizeof v->hint, "view 5: a fences");
    return true;
}
