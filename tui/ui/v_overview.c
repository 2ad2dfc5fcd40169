/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The overview, one function to a pane: title, addresses, totals, scoreboard, queue, graphs,
 * verdict, events, keys. The worker table is in v_table.c, the strip in v_strip.c.
 */
#include "tui/ui/view.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "tui/ui/fmt.h"
#include "tui/ui/text.h"

int view_print(struct view *v, int row, int col, int cells, enum role role, const char *fmt, ...)
{
    char text[2 * SNAP_TEXT_BYTES];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return grid_text(v->g, row, col, cells, role, text);
}

static bool view_gone(const struct view *v)
{
    return v->m->link == LINK_GONE || v->m->link == LINK_NEVER;
}

/* "LIVE 12:04:31", in a shorter form when there is little room. */
static enum role view_link_text(const struct view *v, char *out, size_t out_bytes)
{
    char clock[FMT_BYTES], age[FMT_BYTES];
    const struct model *m = v->m;
    uint64_t since = m->link == LINK_STALE ? m->now.heartbeat_ns : m->gone_since_ns;

    fmt_clock(clock, m->wall_ns);
    if (v->layout.narrow)
        clock[v->layout.cols < 30 ? 0 : 5] = '\0';
    fmt_age(age, mono_since((struct mono){m->clock_ns}, (struct mono){since}));
    switch (m->link) {
    case LINK_LIVE:
        snprintf(out, out_bytes, "LIVE %s", clock);
        return ROLE_TITLE;
    case LINK_STALE:
        snprintf(out, out_bytes, "STALE %s", age);
        return ROLE_BAD;
    case LINK_GONE:
        snprintf(out, out_bytes, v->layout.cols < 30 ? "NO SERVER" : "NO SERVER for %s", age);
        return ROLE_BAD;
    default:
        snprintf(out, out_bytes, "NO SERVER");
        return ROLE_BAD;
    }
}

/* Appends `more` when the whole still fits into `room` cells. */
static void add_if_room(char *text, size_t bytes, const char *more, int room)
{
    size_t n = strlen(text);

    if (text_width(text) + text_width(more) <= room)
        snprintf(text + n, bytes - n, "%s", more);
}

static void draw_title(struct view *v, struct rect r)
{
    const struct snap *s = &v->m->now;
    char state[48], up[FMT_BYTES], text[1024] = "";
    int n = 0;

    grid_fill(v->g, r.row, 0, r.cols, ROLE_TITLE, L' ');
    enum role role = view_link_text(v, state, sizeof state);
    int room = r.cols - text_width(state) - 2;
    fmt_age(up, mono_since((struct mono){v->m->clock_ns}, (struct mono){s->started_ns}));
    const char *name = v->m->have ? s->instance : "weirtop";
    if (v->layout.narrow)
        snprintf(text, sizeof text, "%s%s", v->layout.cols < 30 ? "" : " ", name);
    else if (!v->m->have)
        snprintf(text, sizeof text, " weirtop");
    else
        n = snprintf(text, sizeof text, " weirtop  %s%s%s", name, s->host[0] ? " @" : "", s->host);
    if (n > 0 && (size_t)n < sizeof text - 200) {
        char more[200];
        snprintf(more, sizeof more, "  weir %s", s->program_version);
        add_if_room(text, sizeof text, more, room);
        snprintf(more, sizeof more, "  up %s  master %u", up, s->master_pid);
        add_if_room(text, sizeof text, more, room);
    }
    if (v->a->read_only)
        add_if_room(text, sizeof text, "  [read-only]", room);
    char cut[1024];
    text_cut_end(cut, sizeof cut, text, room > 0 ? room : r.cols);
    grid_text(v->g, r.row, 0, r.cols, ROLE_TITLE, cut);
    if (room > 0 || role == ROLE_BAD)
        grid_text_right(v->g, r.row, 0, r.cols - (v->layout.cols < 30 ? 0 : 1), role, state);
}

static void draw_listen(struct view *v, struct rect r)
{
    const struct snap *s = &v->m->now;
    char conf[120], ago[FMT_BYTES];
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

static void draw_totals(struct view *v, struct rect r)
{
    const struct model *m = v->m;
    char a[FMT_BYTES], b[FMT_BYTES], c[FMT_BYTES];
    uint64_t connections = 0, active = 0;
    int col = 1;

    for (unsigned i = 0; i < m->now.worker_count; i++) {
        connections += m->now.worker[i].counter[COUNTER_connections];
        active += m->now.worker[i].counter[COUNTER_requests_active];
    }
    col += view_print(v, r.row, col, r.cols - col, ROLE_NORMAL,
                      v->layout.wide ? "req %5s/s  out %5s/s  in %5s/s"
                                     : "req %5s/s   out %5s/s   in %5s/s",
                      fmt_count(a, m->total[RATE_REQUESTS]), fmt_bytes(b, m->total[RATE_BYTES_OUT]),
                      fmt_bytes(c, m->total[RATE_BYTES_IN]));
    col += view_print(v, r.row, col, r.cols - col, ROLE_NORMAL,
                      v->layout.wide ? "  conn %5s" : "   conn %5s",
                      view_gone(v) ? "-" : fmt_count(a, (double)connections));
    if (v->layout.wide)
        col += view_print(v, r.row, col, r.cols - col, ROLE_NORMAL,
                          "  in flight %5s  2xx %5s/s  3xx %5s/s",
                          view_gone(v) ? "-" : fmt_count(a, (double)active),
                          fmt_count(b, m->total[RATE_2XX]), fmt_count(c, m->total[RATE_3XX]));
    col += view_print(v, r.row, col, r.cols - col, ROLE_NORMAL,
                      v->layout.wide ? "  4xx %5s/s" : "   4xx %5s/s",
                      fmt_count(a, m->total[RATE_4XX]));
    view_print(v, r.row, col, r.cols - col, m->total[RATE_5XX] > 0 ? ROLE_WARN : ROLE_NORMAL,
               v->layout.wide ? "  5xx %5s/s" : "   5xx %5s/s", fmt_count(a, m->total[RATE_5XX]));
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
        {ROW_BLOCKED, "BLOCKED", ROLE_BAD, false},   {ROW_STOPPED, "STOPPED", ROLE_BAD, false},
        {ROW_BACKOFF, "BACKOFF", ROLE_BAD, false},   {ROW_SLOW, "slow", ROLE_WARN, false},
        {ROW_BUSY, "busy", ROLE_NORMAL, true},       {ROW_IDLE, "idle", ROLE_NORMAL, true},
        {ROW_DRAINING, "drain", ROLE_WARN, false},   {ROW_STARTING, "start", ROLE_WARN, false},
        {ROW_STOPPING, "exiting", ROLE_WARN, false},
    };
    const struct model *m = v->m;
    const struct snap *s = &m->now;
    char tail[64] = "";
    int col = v->layout.cols < 30 ? 0 : 1;

    if (v->a->strip.kind != STRIP_NONE) {
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
    if (model_drops_10s(v->m) > 0 || (uint64_t)l->queue_depth * 2 > l->queue_limit)
        return ROLE_BAD;
    return ROLE_WARN;
}

/* The right part of the queue line, as much as fits into `cells`; its parts in that order. */
static void queue_words(const struct view *v, int cells, char *out, size_t out_bytes)
{
    const struct model *m = v->m;
    uint64_t drops = model_drops_10s(m);
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
                                           narrow ? "%s %u/%u" : "%s %2u/%-3u", word,
                                           l->queue_depth, l->queue_limit)
                              : view_print(v, r.row, col, r.cols - col, ROLE_NORMAL, "%s -", word);
    if (l == NULL || view_gone(v))
        return;
    int gauge = v->layout.cols < 30 ? 0 : v->layout.narrow ? 12 : v->layout.wide ? 42 : 10;
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
    grid_text(v->g, r.row, col, r.cols - col, model_drops_10s(v->m) > 0 ? ROLE_BAD : ROLE_NORMAL,
              words);
}

static double pick_queue(const struct history_record *r)
{
    return r->queue;
}

/* Lag on a logarithmic scale: 1 ms is 1, each factor of ten one more, up to 10 s. */
static double pick_lag(const struct history_record *r)
{
    double ms = (double)r->lag_p99_ns / 1e6;

    if (r->lag_p99_ns == 0)
        return 0;
    return ms <= 0.1 ? 0.05 : log10(ms) + 1;
}

/* A round number at or above the highest value. */
static double graph_top(const double *value, int columns, double limit)
{
    double highest = 0, top = 4;

    for (int i = 0; i < columns; i++)
        if (value[i] > highest)
            highest = value[i];
    if (limit > 0 && highest > limit) /* the kernel lets one more in than the limit */
        highest = limit;
    while (top < highest)
        top *= 2;
    return top;
}

#define GRAPH_COLUMNS 512

static void draw_graph_title(struct view *v, int row, int col, int cells, const char *title)
{
    char text[120];

    snprintf(text, sizeof text, "-- %s ", title);
    grid_fill(v->g, row, col, cells, ROLE_DIM, v->charset == CHARSET_ASCII ? L'-' : 0x2500);
    if (v->charset == CHARSET_BLOCK)
        grid_text(v->g, row, col + 2, cells - 2, ROLE_NORMAL, text + 2);
    else
        grid_text(v->g, row, col, cells, ROLE_NORMAL, text);
}

static void draw_queue_graph(struct view *v, struct rect r)
{
    double value[GRAPH_COLUMNS];
    int columns = r.cols - 6 < GRAPH_COLUMNS ? r.cols - 6 : GRAPH_COLUMNS;
    wchar_t axis = v->charset == CHARSET_ASCII ? L'|' : 0x2502;

    if (columns < 8)
        return;
    history_columns(&v->m->history, value, columns, 1, pick_queue);
    const struct snap_listener *l = model_fullest(&v->m->now);
    double top = graph_top(value, columns, l ? l->queue_limit : 0);
    for (int y = 0; y < r.rows; y++) {
        double at = top * (r.rows - 1 - y) / (r.rows - 1 > 0 ? r.rows - 1 : 1);
        char label[FMT_BYTES];
        fmt_count(label, at);
        if (y == 0 || y == r.rows - 1 || (r.rows % 2 == 1 && y == r.rows / 2))
            grid_text_right(v->g, r.row + y, r.col, 5, ROLE_DIM, label);
        grid_put(v->g, r.row + y, r.col + 5, ROLE_DIM, axis);
    }
    chart_graph(v->g, r.row, r.col + 6, r.rows, columns, value, top, v->charset);
}

static void draw_lag_graph(struct view *v, struct rect r)
{
    static const char *const label[] = {"10s", "1s", "100ms", "10ms", "1ms"};
    double value[GRAPH_COLUMNS];
    int columns = r.cols - 7 < GRAPH_COLUMNS ? r.cols - 7 : GRAPH_COLUMNS;
    wchar_t axis = v->charset == CHARSET_ASCII ? L'|' : 0x2502;

    if (columns < 8)
        return;
    history_columns(&v->m->history, value, columns, 1, pick_lag);
    for (int y = 0; y < r.rows; y++) {
        int which = r.rows > 1 ? y * 4 / (r.rows - 1) : 4;
        if (r.rows == 5 || y == 0 || y == r.rows - 1)
            grid_text_right(v->g, r.row + y, r.col, 6, ROLE_DIM, label[which]);
        grid_put(v->g, r.row + y, r.col + 6, ROLE_DIM, axis);
    }
    chart_graph(v->g, r.row, r.col + 7, r.rows, columns, value, 5, v->charset);
}

static void draw_graphs(struct view *v, struct rect r)
{
    if (!v->layout.wide) {
        draw_queue_graph(v, r);
        return;
    }
    int left = (r.cols - 2) * 3 / 5, right = r.cols - left - 2;
    char title[120], lag[FMT_BYTES] = "-";

    draw_graph_title(v, r.row, 0, left, "accept queue, one second per column");
    if (v->m->history.count > 0 && !view_gone(v))
        fmt_age(lag, v->m->lag_p99_ns);
    snprintf(title, sizeof title, "loop lag p99, now %s", lag);
    draw_graph_title(v, r.row, left + 2, right, title);
    draw_queue_graph(v, (struct rect){r.row + 1, 0, r.rows - 1, left});
    draw_lag_graph(v, (struct rect){r.row + 1, left + 2, r.rows - 1, right});
}

static void draw_verdict(struct view *v, struct rect r)
{
    static const char *const mark[] = {[VERDICT_OK] = "  ",
                                       [VERDICT_WARN] = "! ",
                                       [VERDICT_BAD] = "!!",
                                       [VERDICT_NO_SERVER] = "!!"};
    static const enum role role[] = {[VERDICT_OK] = ROLE_NORMAL,
                                     [VERDICT_WARN] = ROLE_WARN,
                                     [VERDICT_BAD] = ROLE_BAD,
                                     [VERDICT_NO_SERVER] = ROLE_BAD};
    enum role as = role[v->verdict.level];
    char text[2 * SNAP_TEXT_BYTES], cut[2 * SNAP_TEXT_BYTES];
    int indent = v->layout.cols < 30 ? 2 : 3;

    verdict_line(&v->verdict, (r.cols - indent) * r.rows, text, sizeof text);
    grid_text(v->g, r.row, 0, 2, as,
              v->layout.cols < 30 && v->verdict.level == VERDICT_OK ? "" : mark[v->verdict.level]);
    if (v->layout.cols < 30 && v->verdict.level == VERDICT_OK)
        indent = 0;
    const char *rest = text;
    for (int y = 0; y < r.rows; y++) {
        int cells = r.cols - indent;
        size_t n = strlen(rest);
        if (y < r.rows - 1 && text_width(rest) > cells) {
            /* Break at the last blank that fits. */
            for (size_t i = 0; i < n; i++) {
                snprintf(cut, sizeof cut, "%.*s", (int)i, rest);
                if (rest[i] == ' ' && text_width(cut) <= cells)
                    n = i;
                else if (text_width(cut) > cells)
                    break;
            }
        }
        snprintf(cut, sizeof cut, "%.*s", (int)n, rest);
        char shown[2 * SNAP_TEXT_BYTES];
        text_cut_end(shown, sizeof shown, cut, cells);
        grid_text(v->g, r.row + y, indent, cells, as, shown);
        rest += n;
        rest += *rest == ' ';
    }
}

static void draw_events(struct view *v, struct rect r)
{
    const struct model *m = v->m;
    char title[80];

    if (m->events_lost > 0)
        snprintf(title, sizeof title, "events (%llu lost)", (unsigned long long)m->events_lost);
    else
        snprintf(title, sizeof title, "events");
    draw_graph_title(v, r.row, 0, r.cols, title);
    /* The newest at the bottom, where the eye rests; above it what led there. */
    int shown = r.rows - 1 < (int)m->event_count ? r.rows - 1 : (int)m->event_count;
    for (int i = 0; i < shown; i++) {
        const struct model_event *e = model_event_at(m, (unsigned)(shown - 1 - i));
        char clock[FMT_BYTES], text[SNAP_TEXT_BYTES + 64], cut[SNAP_TEXT_BYTES + 64];
        snprintf(text, sizeof text, " %s %-9s %s", fmt_clock(clock, e->wall_ns), e->word, e->text);
        text_cut_end(cut, sizeof cut, text, r.cols);
        grid_text(v->g, r.row + 1 + i, 0, r.cols, ROLE_NORMAL, cut);
    }
}

static void draw_keys(struct view *v, struct rect r)
{
    bool no_write = app_read_only_reason(v->a, v->m) != NULL;
    int gap = v->layout.cols < 30 ? 1 : 2, col = v->layout.cols < 30 ? 0 : 1;
    /* quit is the last row of the table and the one that must not go missing */
    int quit = 6;

    if (v->a->note[0]) {
        view_print(v, r.row, 1, r.cols - 1, ROLE_WARN, "%s", v->a->note);
        return;
    }
    for (int i = 0; i < ACTION_COUNT; i++) {
        const struct key_row *k = &key_table[i];
        char key[16];
        bool last = i == ACTION_QUIT;
        snprintf(key, sizeof key, "%.*s", (int)strcspn(k->shown, " "), k->shown);
        int cells = (int)(strlen(key) + 1 + strlen(k->foot));
        if (k->foot[0] == '\0' || col + cells + (last ? 0 : gap + quit) > r.cols)
            continue;
        bool dim = k->write && no_write;
        col += grid_text(v->g, r.row, col, r.cols - col, dim ? ROLE_DIM : ROLE_KEY, key);
        col +=
            view_print(v, r.row, col, r.cols - col, dim ? ROLE_DIM : ROLE_NORMAL, ":%s", k->foot);
        col += gap;
    }
}

/* What is shown of a server that is gone is dim: it is how things were. */
static void dim_old_data(struct view *v)
{
    for (int p = 0; p < PANE_COUNT; p++) {
        const struct rect *r = &v->layout.pane[p];
        if (p == PANE_TITLE || p == PANE_VERDICT || p == PANE_KEYS || p == PANE_EVENTS)
            continue;
        if (p == PANE_WORKERS && v->a->strip.kind != STRIP_NONE)
            continue;
        for (int y = 0; y < r->rows; y++)
            grid_role(v->g, r->row + y, 0, r->cols, ROLE_DIM);
    }
}

void view_overview(struct view *v)
{
    static void (*const draw[PANE_COUNT])(struct view *, struct rect) = {
        [PANE_TITLE] = draw_title,     [PANE_LISTEN] = draw_listen, [PANE_TOTALS] = draw_totals,
        [PANE_WORKERS] = draw_workers, [PANE_QUEUE] = draw_queue,   [PANE_GRAPH] = draw_graphs,
        [PANE_VERDICT] = draw_verdict, [PANE_EVENTS] = draw_events, [PANE_KEYS] = draw_keys,
    };

    for (int p = 0; p < PANE_COUNT; p++)
        if (draw[p] && v->layout.pane[p].rows > 0)
            draw[p](v, v->layout.pane[p]);
    view_table(v);
    if (view_gone(v))
        dim_old_data(v);
    /* Without a line of workers the strip takes the verdict's. */
    if (v->a->strip.kind != STRIP_NONE && v->layout.pane[PANE_WORKERS].rows == 0)
        view_strip(v, v->layout.pane[PANE_VERDICT]);
}

struct view_facts view_draw(const struct model *m, const struct app *a, struct grid *g,
                            enum charset charset, bool colour)
{
    struct view v = {.m = m, .a = a, .g = g, .charset = charset, .colour = colour};
    struct view_facts facts = {0};

    v.layout = layout_overview(g->rows, g->cols, (int)m->row_count);
    verdict_of(m, &v.verdict);
    grid_clear(g);
    if (a->help)
        facts.help_last = view_help(&v);
    else
        view_overview(&v);
    facts.table_rows = v.layout.pane[PANE_TABLE].rows - (v.layout.table_header ? 1 : 0);
    return facts;
}
