/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Plain output by lines: CSV, events, the list of servers. Times are local with their offset from
 * UTC, so that lines of several machines can be put in order. Runs in weirtop.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "tui/batch/batch.h"

#define LINE_BYTES 8000

/* 2026-11-22T12:04:31.081+01:00 */
static const char *stamp(uint64_t wall_ns, char out[48])
{
    time_t s = (time_t)(wall_ns / NS_PER_S);
    struct tm tm;
    char date[24], zone[8];

    if (localtime_r(&s, &tm) == NULL ||
        strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &tm) == 0 ||
        strftime(zone, sizeof zone, "%z", &tm) != 5) {
        out[0] = '\0';
        return out;
    }
    snprintf(out, 48, "%s.%03u%.3s:%.2s", date, (unsigned)(wall_ns % NS_PER_S / NS_PER_MS), zone,
             zone + 3);
    return out;
}

static const char csv_names[] =
    "time,instance,level,rule,requests_per_s,bytes_out_per_s,bytes_in_per_s,2xx_per_s,3xx_per_s,"
    "4xx_per_s,5xx_per_s,aborted_per_s,connections,requests_active,queue,queue_limit,drops,"
    "wait_p99_ms,lag_p99_ms,workers_running,workers_wanted,workers_blocked,workers_draining,"
    "offload_busy,offload_limit,offload_queued,offload_stuck,verdict\n";

bool batch_csv_head(FILE *to)
{
    return fputs(csv_names, to) != EOF;
}

static void csv_text(FILE *to, const char *text)
{
    fputc('"', to);
    for (; *text; text++) {
        if (*text == '"')
            fputc('"', to);
        fputc(*text, to);
    }
    fputc('"', to);
}

static void csv_rate(FILE *to, double rate)
{
    if (rate >= 0)
        fprintf(to, "%.1f", rate);
    fputc(',', to);
}

/* 0: nothing was measured. */
static void csv_ms(FILE *to, uint64_t ns)
{
    if (ns > 0)
        fprintf(to, "%.3f", (double)ns / 1e6);
    fputc(',', to);
}

static void csv_figures(FILE *to, const struct model *m)
{
    static const enum rate rates[] = {RATE_REQUESTS, RATE_BYTES_OUT, RATE_BYTES_IN, RATE_2XX,
                                      RATE_3XX,      RATE_4XX,       RATE_5XX,      RATE_ABORTED};
    const struct snap *s = &m->now;
    const struct snap_listener *l = model_fullest(s);
    uint64_t drops = 0;

    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++)
        csv_rate(to, m->total[rates[i]]);
    for (unsigned i = 0; i < s->listener_count; i++)
        drops += s->listener[i].drops;
    fprintf(to, "%llu,%llu,%u,%u,%llu,", (unsigned long long)snap_total(s, COUNTER_connections),
            (unsigned long long)snap_total(s, COUNTER_requests_active), l ? l->queue_depth : 0,
            l ? l->queue_limit : 0, (unsigned long long)drops);
    csv_ms(to, m->wait_now_p99_ns);
    csv_ms(to, m->lag_p99_ns);
    fprintf(to, "%u,%u,%u,%u,%llu,%llu,%llu,%llu,", s->workers_running, s->workers_wanted,
            m->in_state[ROW_BLOCKED] + m->in_state[ROW_STOPPED], m->in_state[ROW_DRAINING],
            (unsigned long long)m->offload.busy, (unsigned long long)m->offload.limit,
            (unsigned long long)m->offload.queued, (unsigned long long)m->offload.stuck);
}

/* The verdict and its line. False on ENOMEM. */
static bool verdict_text(const struct model *m, struct verdict *head, char *line, size_t line_bytes)
{
    struct verdict *v = malloc(sizeof *v);

    if (v == NULL)
        return false;
    verdict_of(m, v);
    verdict_line(v, (int)line_bytes / 2, line, line_bytes);
    head->level = v->level;
    head->rule = v->rule;
    free(v);
    return true;
}

bool batch_csv(FILE *to, const struct model *m)
{
    struct verdict v;
    char line[LINE_BYTES], when[48];
    bool there = m->have && m->link != LINK_GONE;

    if (!verdict_text(m, &v, line, sizeof line))
        return false;
    fprintf(to, "%s,", stamp(m->wall_ns, when));
    csv_text(to, m->now.instance);
    fprintf(to, ",%s,%d,", verdict_level_word[v.level], (int)v.rule);
    if (there)
        csv_figures(to, m);
    else
        for (const char *c = strstr(csv_names, "requests_per_s"); *c; c++)
            if (*c == ',')
                fputc(',', to);
    csv_text(to, line);
    fputc('\n', to);
    return fflush(to) == 0 && !ferror(to);
}

const char *batch_event(const struct model_event *e, char *out, size_t out_bytes)
{
    char when[48], who[16] = "";

    /* Many events name their worker themselves. */
    if (e->worker && strstr(e->text, "worker") == NULL)
        snprintf(who, sizeof who, "w%u ", e->worker);
    snprintf(out, out_bytes, "%s %-9s %s%s", stamp(e->wall_ns, when), e->word, who, e->text);
    return out;
}

static bool event_verdict(FILE *to, const struct model *m, struct batch_told *told, bool *changed)
{
    struct verdict v;
    char line[LINE_BYTES], when[48];

    if (!verdict_text(m, &v, line, sizeof line))
        return false;
    *changed = !told->any || v.level != told->level || v.rule != told->rule;
    if (!*changed)
        return true;
    fprintf(to, "%s %-9s %s%s%s\n", stamp(m->wall_ns, when), "VERDICT",
            v.level == VERDICT_OK ? "" : verdict_level_word[v.level],
            v.level == VERDICT_OK ? "" : ": ", line);
    told->level = v.level;
    told->rule = v.rule;
    return true;
}

int batch_events(FILE *to, const struct model *m, struct batch_told *told, unsigned long most)
{
    char line[BATCH_EVENT_BYTES];
    unsigned long lines = 0;
    bool changed = false;

    if (!told->any)
        told->event = m->event_number; /* what was before is history */
    for (unsigned i = m->event_count; i > 0 && (most == 0 || lines < most); i--) {
        const struct model_event *e = model_event_at(m, i - 1);
        if (e->number <= told->event)
            continue;
        fprintf(to, "%s\n", batch_event(e, line, sizeof line));
        told->event = e->number;
        lines++;
    }
    if (most == 0 || lines < most) {
        if (!event_verdict(to, m, told, &changed))
            return -1;
        lines += changed;
        told->any = true;
    }
    return fflush(to) == 0 && !ferror(to) ? (int)lines : -1;
}

bool batch_instances(FILE *to, const struct instance *list, unsigned count, bool numbered)
{
    unsigned number = 0;

    for (unsigned i = 0; i < count; i++) {
        const struct instance *x = &list[i];
        if (numbered && x->answers)
            fprintf(to, "%3u  ", ++number);
        if (x->answers)
            fprintf(to, "%-16s %-24s master %u  weir %s  workers %u/%u  %s\n", x->name, x->dir,
                    x->master_pid, x->version, x->workers, x->workers_wanted, x->address);
        else if (!numbered)
            fprintf(to, "%-16s %-24s %s\n", "-", x->dir, x->why);
    }
    return fflush(to) == 0 && !ferror(to);
}
