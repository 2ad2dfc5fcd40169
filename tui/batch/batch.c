/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Plain output. The table has fixed columns and whole paths: it is for grep and for reading
 * later, not for a narrow screen. The JSON is the one of weirctl, so that a script need not
 * care whom it asks; only the verdict is added.
 */
#include "tui/batch/batch.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "ctl/status.h"
#include "tui/ui/fmt.h"

#define WHOLE_LINE 4000

static void batch_head(FILE *to, const struct model *m)
{
    const struct snap *s = &m->now;
    const struct snap_listener *l = model_fullest(s);
    char a[FMT_BYTES], b[FMT_BYTES], c[FMT_BYTES], d[FMT_BYTES];

    fprintf(to, "%s  %s@%s  weir %s  up %s  master %u\n", fmt_clock(a, m->wall_ns), s->instance,
            s->host, s->program_version, fmt_age(b, m->clock_ns - s->started_ns), s->master_pid);
    fprintf(to, "listen");
    for (unsigned i = 0; i < s->listener_count; i++)
        fprintf(to, "  %s %u/%u", s->listener[i].address, s->listener[i].queue_depth,
                s->listener[i].queue_limit);
    fprintf(to, "\nreq %s/s  out %s/s  in %s/s  4xx %s/s", fmt_count(a, m->total[RATE_REQUESTS]),
            fmt_bytes(b, m->total[RATE_BYTES_OUT]), fmt_bytes(c, m->total[RATE_BYTES_IN]),
            fmt_count(d, m->total[RATE_4XX]));
    fprintf(to, "  5xx %s/s\n", fmt_count(a, m->total[RATE_5XX]));
    fprintf(to, "queue %u/%u  peak %u  wait p99 %s  workers %u/%u\n", l ? l->queue_depth : 0,
            l ? l->queue_limit : 0, model_queue_peak(m),
            m->wait_minute_p99_ns ? fmt_age(a, m->wait_minute_p99_ns) : "-", s->workers_running,
            s->workers_wanted);
    fprintf(to, "offload %llu/%llu  queued %llu  oldest %s  stuck %llu  wait %llu%s\n",
            (unsigned long long)m->offload.busy, (unsigned long long)m->offload.limit,
            (unsigned long long)m->offload.queued,
            m->offload.job_count ? fmt_age(a, model_oldest_job_ns(m)) : "-",
            (unsigned long long)m->offload.stuck, (unsigned long long)m->offload.waiting,
            s->faults ? "  FAULT rules in force" : "");
}

static void batch_mounts(FILE *to, const struct model *m)
{
    for (unsigned i = 0; i < m->now.mount_count; i++) {
        const struct snap_mount *mount = &m->now.mount[i];
        const struct model_mount *memory = model_mount_memory(m, mount);
        double hot = model_mount_hot(m, mount);
        char refused[FMT_BYTES], share[16] = "-";
        if (hot >= 0)
            snprintf(share, sizeof share, "%d%%", (int)(hot * 100));
        fprintf(to,
                "mount %s %s %s  running %llu  queued %llu  hot %s  refused %s/s  failed %llu\n",
                mount->state == MOUNT_SICK     ? "SICK"
                : mount->state == MOUNT_FENCED ? "FENCED"
                                               : "ok",
                mount->name, mount->type, (unsigned long long)mount->running,
                (unsigned long long)mount->queued, share,
                fmt_count(refused, memory ? memory->refused : MODEL_UNKNOWN),
                (unsigned long long)mount->counter[MOUNT_FAILED]);
    }
}

static void batch_row(FILE *to, const struct model *m, const struct model_row *r)
{
    const struct snap_worker *w = model_worker(m, r);
    const struct model_worker *memory = &m->memory[r->memory];
    char since[FMT_BYTES], req[FMT_BYTES], out[FMT_BYTES], conn[FMT_BYTES], lag[FMT_BYTES] = "-";
    char object[SNAP_TEXT_BYTES + 8];
    const char *verb;

    model_row_doing(m, r, &verb, object, sizeof object);
    if (memory->lag_known)
        fmt_age(lag, memory->lag_p99_ns);
    fprintf(
        to, "%4u %8u %-8s %6s %5s %5s %5s %5llu %6s  %s%s%s\n", w->number, w->pid,
        row_state_word[r->state], fmt_age(since, r->since_ns),
        fmt_count(req, memory->rate[RATE_REQUESTS]), fmt_bytes(out, memory->rate[RATE_BYTES_OUT]),
        fmt_count(conn, (double)w->counter[COUNTER_connections]),
        (unsigned long long)(w->counter[COUNTER_offload_queued] + w->counter[COUNTER_offload_busy]),
        lag, verb, *verb && *object ? " " : "", object);
}

/* "warning: ...": many a sentence begins with its level itself. */
static void put_verdict(FILE *to, const struct verdict *v, const char *line)
{
    const char *word = verdict_level_word[v->level];
    size_t n = strlen(word);

    if (strncasecmp(line, word, n) == 0 && (line[n] == ':' || line[n] == ' ' || !line[n]))
        fprintf(to, "%s%s\n", word, line + n);
    else
        fprintf(to, "%s: %s\n", word, line);
}

bool batch_print(FILE *to, const struct model *m)
{
    struct verdict *v = malloc(sizeof *v);
    char line[WHOLE_LINE * 2];

    if (v == NULL)
        return false;
    verdict_of(m, v);
    verdict_line(v, WHOLE_LINE, line, sizeof line);
    if (m->have && m->link != LINK_GONE)
        batch_head(to, m);
    put_verdict(to, v, line);
    if (m->have && m->link != LINK_GONE) {
        fprintf(to, "%4s %8s %-8s %6s %5s %5s %5s %5s %6s  %s\n", "#", "PID", "STATE", "SINCE",
                "REQ/s", "OUT/s", "CONN", "OFQ", "LAG99", "REQUEST");
        for (unsigned i = 0; i < m->row_count; i++)
            batch_row(to, m, &m->row[i]);
        batch_mounts(to, m);
    }
    fprintf(to, "\n");
    free(v);
    return fflush(to) == 0 && !ferror(to);
}

bool batch_json(FILE *to, const struct model *m, const struct snap *before)
{
    struct verdict *v = malloc(sizeof *v);
    char line[WHOLE_LINE * 2];
    json_t *object = m->have && m->link != LINK_GONE ? status_json(&m->now, before) : json_object();
    bool good = v != NULL && object != NULL;

    if (good) {
        verdict_of(m, v);
        verdict_line(v, WHOLE_LINE, line, sizeof line);
        json_t *verdict = json_pack("{s:s, s:i, s:s}", "level", verdict_level_word[v->level],
                                    "rule", (int)v->rule, "text", line);
        good = verdict != NULL && json_object_set_new(object, "verdict", verdict) == 0 &&
               json_dumpf(object, to, JSON_COMPACT) == 0 && fputc('\n', to) != EOF &&
               fflush(to) == 0;
    }
    json_decref(object);
    free(v);
    return good;
}

int batch_check(FILE *to, const struct model *m)
{
    static const int status[] = {
        [VERDICT_OK] = 0, [VERDICT_WARN] = 1, [VERDICT_BAD] = 2, [VERDICT_NO_SERVER] = 3};
    struct verdict *v = malloc(sizeof *v);
    char line[WHOLE_LINE * 2];

    if (v == NULL)
        return 2;
    verdict_of(m, v);
    verdict_line(v, WHOLE_LINE, line, sizeof line);
    put_verdict(to, v, line);
    int result = status[v->level];
    free(v);
    return result;
}
