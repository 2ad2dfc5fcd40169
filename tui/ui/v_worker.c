/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The detail of one worker: what its loop does and for whom, what the kernel says of it (asked of
 * the master, verbatim, or why there is nothing), what it uses, how its loop did lately, what its
 * offload threads do, its requests. A page of lines that scrolls; it is gone through twice, once
 * to count the lines and once to draw those that are seen.
 */
#include "tui/ui/v_list.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "tui/ui/fmt.h"
#include "tui/ui/text.h"

#define LABEL_CELLS 10 /* " state    " */

struct page {
    struct view *v;
    struct rect r;
    bool draw;
    int at, top; /* the next line; the first one that is seen */
    const struct snap_worker *w;
    const struct model_row *row;
    const struct model_worker *memory;
};

/* The line of the screen for the next line of the page; -1 when it is not seen. */
static int page_next(struct page *p)
{
    int y = p->at++ - p->top;

    return p->draw && y >= 0 && y < p->r.rows ? p->r.row + y : -1;
}

static void page_text(struct page *p, const char *label, enum role role, const char *text)
{
    char cut[SNAP_TEXT_BYTES * 2];
    int row = page_next(p), cells = p->r.cols - LABEL_CELLS;

    if (row < 0)
        return;
    grid_text(p->v->g, row, 1, LABEL_CELLS - 1, ROLE_KEY, label);
    if (text[0] == '/')
        text_cut_path(cut, sizeof cut, text, cells);
    else
        text_cut_end(cut, sizeof cut, text, cells);
    grid_text(p->v->g, row, LABEL_CELLS, cells, role, cut);
}

__attribute__((format(printf, 4, 5))) static void page_line(struct page *p, const char *label,
                                                            enum role role, const char *fmt, ...)
{
    char text[SNAP_TEXT_BYTES * 2];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    page_text(p, label, role, text);
}

static void page_rule(struct page *p, const char *title)
{
    int row = page_next(p);

    if (row >= 0)
        view_rule(p->v, row, 0, p->r.cols, title);
}

static uint64_t ago_ns(const struct page *p, uint64_t since_ns)
{
    return mono_since((struct mono){p->v->m->now.taken_ns}, (struct mono){since_ns});
}

static void page_state(struct page *p)
{
    const struct snap_worker *w = p->w;
    const struct model *m = p->v->m;
    enum row_state state = p->row->state;
    bool stuck = state == ROW_BLOCKED || state == ROW_STOPPED;
    enum role role = stuck || state >= ROW_BACKOFF                ? ROLE_BAD
                     : state == ROW_SLOW || state >= ROW_STARTING ? ROLE_WARN
                                                                  : ROLE_NORMAL;
    char since[FMT_BYTES], age[FMT_BYTES], limit[FMT_BYTES];
    const char *in = "";

    if (p->row->away_ns > 0 && (unsigned)w->wait < WAIT_COUNT)
        in = board_wait_name[w->wait];
    uint64_t wall_ns = m->now.taken_wall_ns;
    fmt_clock(since, wall_ns > p->row->since_ns ? wall_ns - p->row->since_ns : 0);
    page_line(p, "state", role, "%s%s%s for %s  (since %s)  blocked after %s",
              row_state_word[state], *in ? " in " : "", in, fmt_age(age, p->row->since_ns), since,
              m->now.blocked_after_ns ? fmt_age(limit, m->now.blocked_after_ns) : "(never)");
    page_text(p, "", ROLE_DIM,
              stuck && (unsigned)w->wait < WAIT_COUNT ? board_wait_help[w->wait]
                                                      : row_state_help[state]);
    page_text(p, "request", ROLE_NORMAL,
              w->request[0]
                  ? w->request
                  : (p->row->away_ns ? "not one of its requests" : "none at this moment"));
    if (w->serving[0])
        page_line(p, "file", ROLE_NORMAL, "%s%s", w->serving, w->serving_stale ? "~" : "");
    if (w->peer[0])
        page_text(p, "client", ROLE_NORMAL, w->peer);
}

static void page_process(struct page *p)
{
    const struct snap_worker *w = p->w;
    char age[FMT_BYTES], exit[64] = "";

    if (w->last_exit == EXIT_SIGNAL)
        snprintf(exit, sizeof exit, ", the last ended by signal %u", w->last_exit_detail);
    else if (w->last_exit != EXIT_NONE && w->restarts > 0)
        snprintf(exit, sizeof exit, ", the last ended with status %u", w->last_exit_detail);
    page_line(p, "process", ROLE_NORMAL, "pid %u, generation %u, %s for %s", w->pid, w->generation,
              (unsigned)w->state < SLOT_STATE_COUNT ? board_state_name[w->state] : "?",
              fmt_age(age, ago_ns(p, w->state_since_ns)));
    page_line(p, "so far", ROLE_NORMAL, "restarted %u times, blocked %u times%s", w->restarts,
              w->blocked_count, exit);
}

/* The lines that `inspect` gave, or the reason why there are none. */
static void page_kernel(struct page *p)
{
    const struct app_inspect *in = &p->v->a->inspect;
    bool ours = in->worker == p->w->number && in->epoch == p->w->epoch;
    const char *reason = app_read_only_reason(p->v->a, p->v->m), *line = in->text;
    char title[80] = "the kernel says", age[FMT_BYTES];

    bool past = p->v->a->time.replay || p->v->a->time.paused;

    if (ours && in->answered_ns && !past)
        snprintf(title, sizeof title, "the kernel says, %s ago",
                 fmt_age(age, mono_since((struct mono){p->v->m->clock_ns},
                                         (struct mono){in->answered_ns})));
    page_rule(p, title);
    if (past) {
        page_text(p, "nothing", ROLE_DIM, "the past is not asked: this is known live only");
        return;
    }
    if (!ours || in->answered_ns == 0) {
        if (ours && in->asked_ns)
            page_line(p, "nothing", ROLE_WARN, "asked %s ago, the master has not answered yet",
                      fmt_age(age, mono_since((struct mono){p->v->m->clock_ns},
                                              (struct mono){in->asked_ns})));
        else
            page_text(p, "nothing", ROLE_WARN, reason ? reason : "not asked yet");
        return;
    }
    if (!in->ok) {
        page_text(p, "nothing", ROLE_WARN, *line ? line : "the master gave no reason");
        return;
    }
    while (*line) {
        char text[SNAP_TEXT_BYTES], cut[SNAP_TEXT_BYTES];
        size_t n = strcspn(line, "\n");
        int row = page_next(p);
        snprintf(text, sizeof text, "%.*s", (int)(n < 1000 ? n : 1000), line);
        text_cut_end(cut, sizeof cut, text, p->r.cols - 2);
        if (row >= 0)
            grid_text(p->v->g, row, 1, p->r.cols - 1, ROLE_NORMAL, cut);
        line += n + (line[n] == '\n');
    }
}

static void page_resources(struct page *p)
{
    const struct model_worker *w = p->memory;
    const uint64_t *c = p->w->counter;
    char a[FMT_BYTES], b[FMT_BYTES], d[FMT_BYTES], e[FMT_BYTES];

    page_rule(p, "resources");
    page_line(p, "memory", ROLE_NORMAL, "rss %5s   cpu %s%s",
              fmt_bytes(a, w->rss_bytes ? (double)w->rss_bytes : MODEL_UNKNOWN),
              fmt_count(b, w->cpu < 0 ? w->cpu : floor(w->cpu * 100)), w->cpu < 0 ? "" : "%");
    page_line(p, "work", ROLE_NORMAL, "req %5s/s  out %5s%s  in %5s%s  5xx %5s/s",
              fmt_count(a, w->rate[RATE_REQUESTS]), view_rate(p->v, b, w->rate[RATE_BYTES_OUT]),
              view_rate_unit(p->v), view_rate(p->v, d, w->rate[RATE_BYTES_IN]),
              view_rate_unit(p->v), fmt_count(e, w->rate[RATE_5XX]));
    page_line(p, "has", ROLE_NORMAL,
              "%" PRIu64 " connections, %" PRIu64 " in flight, %" PRIu64
              " of them wait for threads",
              c[COUNTER_connections], c[COUNTER_requests_active], c[COUNTER_requests_waiting]);
    page_line(p, "threads", model_pool_full(p->w) ? ROLE_WARN : ROLE_NORMAL,
              "%" PRIu64 "/%" PRIu64 " busy, %" PRIu64 " stuck, %" PRIu64 " jobs queued",
              c[COUNTER_offload_busy], c[COUNTER_offload_threads_max], c[COUNTER_offload_stuck],
              c[COUNTER_offload_queued]);
}

/* The slowest bucket of each second, and the turns of each: newest at the right. */
static void page_spark(struct page *p, const char *label, bool slowest)
{
    double value[HEAT_SECONDS], top = slowest ? LAG_BUCKETS : 1;
    const struct model_worker *w = p->memory;
    int row = page_next(p), cells = p->r.cols - LABEL_CELLS - 1;
    int samples;

    if (row < 0 || cells < 1)
        return;
    if (chart_samples(cells, p->v->charset) > HEAT_SECONDS)
        cells = HEAT_SECONDS / chart_samples(1, p->v->charset);
    samples = chart_samples(cells, p->v->charset);
    for (int x = 0; x < samples; x++) {
        unsigned ago = (unsigned)(samples - 1 - x);
        const uint16_t *heat = w->heat[(w->heat_next + HEAT_SECONDS - 1 - ago) % HEAT_SECONDS];
        value[x] = ago < w->heat_count ? 0 : NAN;
        for (int b = 0; b < LAG_BUCKETS && ago < w->heat_count; b++) {
            if (!slowest)
                value[x] += heat[b];
            else if (heat[b] > 0)
                value[x] = b + 1;
        }
        if (value[x] > top)
            top = value[x];
    }
    grid_text(p->v->g, row, 1, LABEL_CELLS - 1, ROLE_KEY, label);
    grid_put(p->v->g, row, LABEL_CELLS, ROLE_DIM, p->v->charset == CHARSET_ASCII ? L'|' : 0x2502);
    chart_graph(p->v->g, row, LABEL_CELLS + 1, 1, cells, value, top, p->v->charset);
}

static void page_lately(struct page *p)
{
    const struct model_worker *w = p->memory;
    char a[FMT_BYTES], b[FMT_BYTES], c[FMT_BYTES];

    page_rule(p, "its loop, one second per column");
    page_spark(p, "turns", false);
    page_spark(p, "slowest", true);
    if (w->lag_known)
        page_line(p, "last 60s", ROLE_NORMAL, "p50 %s  p99 %s  max %s  over limit %" PRIu64,
                  fmt_age(a, w->lag_p50_ns), fmt_age(b, w->lag_p99_ns), fmt_age(c, w->lag_max_ns),
                  w->lag_over);
}

static void page_threads(struct page *p)
{
    const struct snap *s = &p->v->m->now;
    unsigned idle = 0;
    char age[FMT_BYTES], tid[16], title[64];

    snprintf(title, sizeof title, "offload threads: %u", p->w->thread_count);
    page_rule(p, title);
    for (unsigned i = 0; i < p->w->thread_count; i++) {
        const struct snap_thread *t = &s->thread[p->w->thread_first + i];
        if (t->since_ns == 0) {
            idle++;
            continue;
        }
        snprintf(tid, sizeof tid, "%u", t->tid);
        page_line(p, tid, ROLE_NORMAL, "%6s %-8s %s", fmt_age(age, model_job_age_ns(p->v->m, t)),
                  (unsigned)t->wait < WAIT_COUNT ? board_wait_name[t->wait] : "?", t->path);
    }
    if (idle > 0 || p->w->thread_count == 0)
        page_line(p, "", ROLE_DIM, p->w->thread_count ? "%u idle" : "none is alive", idle);
}

static void page_requests(struct page *p)
{
    const struct snap *s = &p->v->m->now;
    char age[FMT_BYTES], bytes[FMT_BYTES], clock[FMT_BYTES], target[SNAP_TEXT_BYTES];
    int shown = 0;

    page_rule(p, "requests: in flight, then the last");
    for (unsigned i = 0; i < s->request_count; i++) {
        const struct snap_request *q = &s->request[i];
        if (q->worker != p->w->number)
            continue;
        page_line(p, "now", ROLE_NORMAL, "%6s+ %-7s %5s %s", fmt_age(age, ago_ns(p, q->began_ns)),
                  (unsigned)q->phase < PHASE_COUNT ? board_phase_name[q->phase] : "?",
                  fmt_bytes(bytes, (double)q->sent_bytes),
                  view_target(q->request, target, sizeof target));
        shown++;
    }
    for (unsigned i = s->recent_count; i > 0; i--) {
        const struct snap_finished *f = &s->recent[i - 1];
        if (f->worker != p->w->number)
            continue;
        page_line(p, fmt_clock(clock, f->when_wall_ns), ROLE_NORMAL, "%6s  %u%s %5s %s",
                  fmt_age(age, f->total_ns), f->status, f->aborted ? "~   " : "    ",
                  fmt_bytes(bytes, (double)f->bytes),
                  view_target(f->request, target, sizeof target));
        shown++;
    }
    if (shown == 0)
        page_text(p, "", ROLE_DIM, "none is known");
}

static void page_all(struct page *p)
{
    p->at = 0;
    page_state(p);
    page_process(p);
    page_kernel(p);
    page_resources(p);
    page_lately(p);
    page_threads(p);
    page_requests(p);
}

static const struct model_row *row_shown(const struct view *v)
{
    int at = app_selected_row(v->a, v->m);

    return at >= 0 ? &v->m->row[at] : NULL;
}

const struct snap_worker *view_worker_shown(const struct view *v)
{
    const struct model_row *row = row_shown(v);

    return row ? model_worker(v->m, row) : NULL;
}

void view_worker(struct view *v)
{
    const struct model_row *row = row_shown(v);
    struct page p = {.v = v, .r = v->layout.pane[PANE_DETAIL], .row = row};

    v->facts->page_rows = v->facts->table_rows = p.r.rows;
    if (row == NULL) {
        if (v->m->have && v->a->selected)
            view_print(v, p.r.row, 1, p.r.cols - 1, ROLE_DIM, "there is no worker %u",
                       v->a->selected);
        else if (v->m->have)
            grid_text(v->g, p.r.row, 1, p.r.cols - 1, ROLE_DIM, "there is no worker");
        view_around(v);
        return;
    }
    p.w = model_worker(v->m, row);
    p.memory = &v->m->memory[row->memory];
    page_all(&p);
    v->facts->last_scroll = p.at > p.r.rows ? p.at - p.r.rows : 0;
    p.top = v->a->list[VIEW_WORKER].scroll;
    if (p.top > v->facts->last_scroll)
        p.top = v->facts->last_scroll;
    if (p.top < 0)
        p.top = 0;
    v->facts->scroll = p.top;
    p.draw = true;
    page_all(&p);
    char more[32];
    snprintf(more, sizeof more, " v %d more ", v->facts->last_scroll - p.top);
    if (p.top < v->facts->last_scroll)
        grid_text_right(v->g, p.r.row + p.r.rows - 1, p.r.cols / 2, p.r.cols - p.r.cols / 2,
                        ROLE_TITLE, more);
    view_around(v);
}
