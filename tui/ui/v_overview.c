/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The overview, one function to a pane: addresses, totals, scoreboard, queue, offload threads,
 * graphs, events. Title, verdict and keys are in v_frame.c, the worker table in v_table.c, the
 * strip in v_strip.c.
 */
#include "tui/ui/view.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "tui/ui/fmt.h"
#include "tui/ui/text.h"

static void draw_listen(struct view *v, struct rect r)
{
    const struct snap *s = &v->m->now;
    char conf[160], ago[FMT_BYTES];
    int col = 1;
    enum role conf_role = ROLE_NORMAL;

    if (!v->m->have)
        return;
    if (s->reload_state == RELOAD_FAILED) {
        snprintf(conf, sizeof conf, "config #%u kept, RELOAD FAILED", s->generation);
        conf_role = ROLE_BAD;
    } else if (s->reload_state == RELOAD_OK && v->m->wall_ns > s->reload_wall_ns &&
               v->layout.wide) {
        fmt_age(ago, v->m->wall_ns - s->reload_wall_ns);
        snprintf(conf, sizeof conf, "config #%u ok, %s ago", s->generation, ago);
    } else {
        snprintf(conf, sizeof conf, "config #%u ok", s->generation);
    }
    size_t used = strlen(conf);
    if (!v->layout.narrow)
        snprintf(conf + used, sizeof conf - used, "  view %d/%d", v->a->view + 1, VIEW_WORKER);
    int room = r.cols - text_width(conf) - 3;
    col += view_print(v, r.row, col, room, ROLE_NORMAL, "listen");
    for (unsigned i = 0; i < s->listener_count; i++) {
        const struct snap_listener *l = &s->listener[i];
        char one[SNAP_TEXT_BYTES + 64], queue[40] = "";
        if (l->queue_depth > 0 || v->layout.wide)
            snprintf(queue, sizeof queue, " q%u/%u", l->queue_depth, l->queue_limit);
        snprintf(one, sizeof one, "%s%s%s", i == 0 ? " " : "  ", l->address, queue);
        if (col + text_width(one) > room - (i + 1 < s->listener_count ? 9 : 0)) {
            view_print(v, r.row, col, room - col, ROLE_DIM, "  +%u more", s->listener_count - i);
            break;
        }
        col += grid_text(v->g, r.row, col, room - col, ROLE_NORMAL, one);
    }
    grid_text_right(v->g, r.row, col, r.cols - 1 - col, conf_role, conf);
}

/* A rate whose figure would be cut off is left out. */
static int draw_class(struct view *v, struct rect r, int col, bool tight, const char *name,
                      double rate, enum role role)
{
    char text[32], n[FMT_BYTES];

    snprintf(text, sizeof text, "%s%s %5s/s", tight ? "  " : "   ", name, fmt_count(n, rate));
    if (col + text_width(text) > r.col + r.cols)
        return 0;
    return grid_text(v->g, r.row, col, r.cols - col, role, text);
}

static void draw_totals(struct view *v, struct rect r)
{
    const struct model *m = v->m;
    char a[FMT_BYTES], b[FMT_BYTES], c[FMT_BYTES];
    uint64_t connections = 0, active = 0;
    bool tight = v->layout.wide || v->a->bits || r.cols < 80;
    int col = 1;

    for (unsigned i = 0; i < m->now.worker_count; i++) {
        connections += m->now.worker[i].counter[COUNTER_connections];
        active += m->now.worker[i].counter[COUNTER_requests_active];
    }
    col +=
        view_print(v, r.row, col, r.cols - col, ROLE_NORMAL,
                   tight ? "req %5s/s  out %5s%s  in %5s%s" : "req %5s/s   out %5s%s   in %5s%s",
                   fmt_count(a, m->total[RATE_REQUESTS]), view_rate(v, b, m->total[RATE_BYTES_OUT]),
                   view_rate_unit(v), view_rate(v, c, m->total[RATE_BYTES_IN]), view_rate_unit(v));
    col +=
        view_print(v, r.row, col, r.cols - col, ROLE_NORMAL, tight ? "  conn %5s" : "   conn %5s",
                   view_gone(v) ? "-" : fmt_count(a, (double)connections));
    if (v->layout.wide)
        col += view_print(v, r.row, col, r.cols - col, ROLE_NORMAL, "  in flight %5s",
                          view_gone(v) ? "-" : fmt_count(a, (double)active));
    if (r.cols >= 120) { /* with room for errors, which tell more */
        col += draw_class(v, r, col, tight, "2xx", m->total[RATE_2XX], ROLE_NORMAL);
        col += draw_class(v, r, col, tight, "3xx", m->total[RATE_3XX], ROLE_NORMAL);
    }
    col += draw_class(v, r, col, tight, "4xx", m->total[RATE_4XX], ROLE_NORMAL);
    draw_class(v, r, col, tight, "5xx", m->total[RATE_5XX],
               m->total[RATE_5XX] > 0 ? ROLE_WARN : ROLE_NORMAL);
}

/* One letter for each slot in the order of numbers, cut in the middle with a count. */
int view_scoreboard(struct view *v, int row, int col, int cells)
{
    const struct model *m = v->m;
    unsigned last = m->now.worker_count ? m->now.worker[m->now.worker_count - 1].number : 0;
    char letters[1024], text[1100];
    size_t n = last < sizeof letters - 1 ? last : sizeof letters - 1;

    memset(letters, ' ', n);
    letters[n] = '\0';
    for (unsigned i = 0; i < m->row_count; i++) {
        unsigned number = model_worker(m, &m->row[i])->number;
        if (number >= 1 && number <= n)
            letters[number - 1] = row_state_letter[m->row[i].state];
    }
    int inner = cells - 2, part = (inner - 7) / 2;
    if ((int)n <= inner)
        snprintf(text, sizeof text, "[%s]", letters);
    else if (inner >= 12)
        snprintf(text, sizeof text, "[%.*s +%d %s]", part, letters, (int)n - 2 * part,
                 letters + n - (size_t)part);
    else
        return 0;
    return grid_text(v->g, row, col, cells, ROLE_NORMAL, text);
}

struct count_word {
    enum row_state state;
    const char *word;
    enum role role;
    bool always;
};

static void draw_workers(struct view *v, struct rect r)
{
    static const struct count_word words[] = {
        {ROW_BLOCKED, "BLOCKED", ROLE_BAD, false},    {ROW_STOPPED, "STOPPED", ROLE_BAD, false},
        {ROW_BACKOFF, "BACKOFF", ROLE_BAD, false},    {ROW_SLOW, "slow", ROLE_WARN, false},
        {ROW_OFFLOAD, "offload", ROLE_NORMAL, false}, {ROW_BUSY, "busy", ROLE_NORMAL, true},
        {ROW_IDLE, "idle", ROLE_NORMAL, true},        {ROW_DRAINING, "drain", ROLE_WARN, false},
        {ROW_STARTING, "start", ROLE_WARN, false},    {ROW_STOPPING, "exiting", ROLE_WARN, false},
        {ROW_DEAD, "DEAD", ROLE_BAD, false},
    };
    const struct model *m = v->m;
    const struct snap *s = &m->now;
    char tail[64] = "";
    int col = v->layout.cols < 30 ? 0 : 1;

    if (v->a->strip.kind != STRIP_NONE && v->strip_pane == PANE_WORKERS) {
        view_strip(v, r);
        return;
    }
    col += view_print(v, r.row, col, r.cols - col, ROLE_NORMAL, "%s %u/%u ",
                      v->layout.narrow ? "W" : "workers", s->workers_running, s->workers_wanted);
    if (!v->layout.narrow)
        snprintf(tail, sizeof tail, "%s (%u..%u)", s->workers_auto ? "auto" : "fixed",
                 s->workers_min, s->workers_max);
    int tail_cells = text_width(tail);
    int room = r.cols - 1 - tail_cells;
    if (v->layout.cols >= 30)
        col += view_scoreboard(v, r.row, col, v->layout.narrow ? 18 : (room - col) / 2) + 1;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        char one[32];
        unsigned n = m->in_state[words[i].state];
        if (n == 0 && (!words[i].always || v->layout.narrow))
            continue;
        snprintf(one, sizeof one, "%s%s %u", v->layout.cols < 30 ? "" : " ", words[i].word, n);
        if (col + text_width(one) > room)
            break;
        if (one[0] == ' ')
            col++;
        col += grid_text(v->g, r.row, col, room - col, n > 0 ? words[i].role : ROLE_NORMAL,
                         one[0] == ' ' ? one + 1 : one) +
               1;
    }
    if (tail_cells && room >= col)
        grid_text(v->g, r.row, room, tail_cells, ROLE_DIM, tail);
}

static enum role queue_role(const struct view *v, const struct snap_listener *l)
{
    if (l == NULL || l->queue_depth == 0)
        return ROLE_NORMAL;
    if (model_drops_lately(v->m) > 0 || (uint64_t)l->queue_depth * 2 > l->queue_limit)
        return ROLE_BAD;
    return ROLE_WARN;
}

/* The right part of the queue line, as much as fits into `cells`; its parts in that order. */
static void queue_words(const struct view *v, int cells, char *out, size_t out_bytes)
{
    const struct model *m = v->m;
    uint64_t drops = model_drops_lately(m);
    char now[FMT_BYTES] = "-", minute[FMT_BYTES] = "-", part[4][80];
    struct out o = out_into(out, out_bytes - 1);
    bool narrow = v->layout.narrow;

    if (m->wait_now_p99_ns > 0)
        fmt_age(now, m->wait_now_p99_ns);
    if (m->wait_minute_p99_ns > 0)
        fmt_age(minute, m->wait_minute_p99_ns);
    memset(part, 0, sizeof part);
    if (drops > 0)
        snprintf(part[0], sizeof part[0], narrow ? " DROP+%llu" : "  DROPPED +%llu in 10s",
                 (unsigned long long)drops);
    snprintf(part[1], sizeof part[1], narrow ? " pk %u" : "  peak %2u in 1m", model_queue_peak(m));
    snprintf(part[2], sizeof part[2], narrow ? " wait %s" : "  wait p99 %6s", now);
    snprintf(part[3], sizeof part[3], ", %6s in 1m", minute);
    bool show[4] = {0};
    int used = 0;
    for (int i = 0; i < 4; i++) {
        int w = text_width(part[i]);
        if (used + w > cells)
            break;
        show[i] = true;
        used += w;
    }
    for (int i = 1; i < 4; i++)
        if (show[i])
            out_str(&o, part[i]);
    if (show[0])
        out_str(&o, part[0]);
    *o.p = '\0';
}

static void draw_queue(struct view *v, struct rect r)
{
    const struct snap_listener *l = model_fullest(&v->m->now);
    bool narrow = v->layout.narrow;
    const char *word = narrow ? "Q" : "queue  ";
    char words[256];
    int col = v->layout.cols < 30 ? 0 : 1;

    col += l && !view_gone(v) ? view_print(v, r.row, col, r.cols - col, queue_role(v, l),
                                           narrow ? "%s %u/%u" : "%s %4u/%-4u", word,
                                           l->queue_depth, l->queue_limit)
                              : view_print(v, r.row, col, r.cols - col, ROLE_NORMAL, "%s -", word);
    if (l == NULL || view_gone(v))
        return;
    int gauge = v->layout.cols < 30 ? 0 : v->layout.narrow ? 12 : v->layout.wide ? 42 : 7;
    queue_words(v, r.cols - col - gauge - 2, words, sizeof words);
    /* The gauge takes what the words leave, up to 42 cells. */
    int left = r.cols - col - 2 - text_width(words);
    if (gauge > 0 && left > 4)
        gauge = left < 42 ? left : 42;
    if (gauge > 4 && col + 1 + gauge <= r.cols) {
        chart_gauge(v->g, r.row, col + 1, gauge, l->queue_depth ? queue_role(v, l) : ROLE_GRAPH,
                    l->queue_depth, l->queue_limit, v->charset);
        col += 1 + gauge;
    }
    grid_text(v->g, r.row, col, r.cols - col, model_drops_lately(v->m) > 0 ? ROLE_BAD : ROLE_NORMAL,
              words);
}

static double pick_queue(const struct history_record *r)
{
    return r->queue;
}

static void draw_graphs(struct view *v, struct rect r)
{
    const struct snap_listener *l = model_fullest(&v->m->now);
    double limit = l ? l->queue_limit : 0;

    if (!v->layout.wide) {
        view_count_graph(v, r, pick_queue, limit);
        return;
    }
    int left = (r.cols - 2) * 3 / 5, right = r.cols - left - 2;
    char title[120], lag[FMT_BYTES] = "-";

    view_rule(v, r.row, 0, left, "accept queue, one second per column");
    if (v->m->history.count > 0 && !view_gone(v))
        fmt_age(lag, v->m->lag_p99_ns);
    snprintf(title, sizeof title, "loop lag p99, now %s", lag);
    view_rule(v, r.row, left + 2, right, title);
    view_count_graph(v, (struct rect){r.row + 1, 0, r.rows - 1, left}, pick_queue, limit);
    view_lag_graph(v, (struct rect){r.row + 1, left + 2, r.rows - 1, right});
}

static void draw_events(struct view *v, struct rect r)
{
    const struct model *m = v->m;
    char title[80];

    if (m->events_lost > 0)
        snprintf(title, sizeof title, "events (%llu lost)", (unsigned long long)m->events_lost);
    else
        snprintf(title, sizeof title, "events");
    view_rule(v, r.row, r.col, r.cols, title);
    int runs = 0;
    unsigned ago;
    struct event_run run;
    for (ago = 0; runs < r.rows - 1 && model_event_run(m, ago, true, &run); ago += run.count)
        runs++;
    /* The newest at the bottom, where the eye rests; above it what led there. */
    for (ago = 0; runs > 0 && model_event_run(m, ago, true, &run); ago += run.count, runs--) {
        char clock[FMT_BYTES], told[SNAP_TEXT_BYTES + 64];
        char text[SNAP_TEXT_BYTES + 128], cut[SNAP_TEXT_BYTES + 128];
        snprintf(text, sizeof text, " %s %-9s %s", fmt_clock(clock, run.last->wall_ns),
                 run.last->word, view_event_text(&run, told, sizeof told));
        text_cut_end(cut, sizeof cut, text, r.cols);
        grid_text(v->g, r.row + runs, r.col, r.cols, ROLE_NORMAL, cut);
    }
}

/* What came of a change that is not about workers, or the keys. */
static void draw_bottom(struct view *v, struct rect r)
{
    if (v->a->strip.kind != STRIP_NONE && v->strip_pane == PANE_KEYS)
        view_strip(v, r);
    else
        view_keys(v, r);
}

/* Where events will be: how there comes to be a server. */
static void draw_how_to_start(struct view *v, struct rect r)
{
    static const char *const line[] = {
        "weir FOLDER, or weir -c FILE, starts a server; weir -T FOLDER starts it with this screen",
        "weirtop -r DIR watches one whose runtime_dir is DIR; weirtop --list tells which answer",
        "this screen shows it as soon as it answers",
    };

    for (int i = 0; i < 3 && r.rows >= 5; i++)
        view_print(v, r.row + 2 + i, r.col + 3, r.cols - 4, ROLE_NORMAL, "%s", line[i]);
}

void view_overview(struct view *v)
{
    static void (*const draw[PANE_COUNT])(struct view *, struct rect) = {
        [PANE_TITLE] = view_title,      [PANE_LISTEN] = draw_listen,
        [PANE_TOTALS] = draw_totals,    [PANE_WORKERS] = draw_workers,
        [PANE_QUEUE] = draw_queue,      [PANE_OFFLOAD] = view_offload,
        [PANE_GRAPH] = draw_graphs,     [PANE_VERDICT] = view_verdict,
        [PANE_EVENTS] = draw_events,    [PANE_SLOW] = view_slow_pane,
        [PANE_FILES] = view_files_pane, [PANE_KEYS] = draw_bottom,
    };

    for (int p = 0; p < PANE_COUNT; p++)
        if (draw[p] && v->layout.pane[p].rows > 0)
            draw[p](v, v->layout.pane[p]);
    view_table(v);
    if (view_gone(v))
        view_dim_old(v);
    if (!v->m->have && v->m->link == LINK_NEVER)
        draw_how_to_start(v, v->layout.pane[PANE_EVENTS]);
    /* Without a line of its own the strip takes the verdict's. */
    if (v->a->strip.kind != STRIP_NONE && v->layout.pane[v->strip_pane].rows == 0)
        view_strip(v, v->layout.pane[PANE_VERDICT]);
}
