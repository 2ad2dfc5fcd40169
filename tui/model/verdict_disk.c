/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The verdict's rules about mounts and offload threads: mounts that refuse, pools that are full,
 * threads that one call holds. Runs in weirtop.
 */
#include "tui/model/verdict_rules.h"

#include <stdio.h>

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

/* Mounts that refuse every request in all workers that know them, and others. */
static bool all_refused(const struct snap *s)
{
    for (unsigned i = 0; i < s->mount_count; i++)
        if (s->mount[i].state == MOUNT_OK || s->mount[i].workers_sick < s->mount[i].workers)
            return false;
    return s->mount_count > 0;
}

bool rule_mount(const struct model *m, struct verdict *v)
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

bool rule_offload_full(const struct model *m, struct verdict *v)
{
    uint64_t busy = 0, limit = 0, queued = 0;
    unsigned full = 0, who = 0;
    char oldest[400] = "", head[64] = "offload", path[256], age[FMT_BYTES];

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
