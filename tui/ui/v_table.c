/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The worker table, in the order of severity unless sorted or grouped, and the whole request of
 * the selected row. Stuck workers come first and so are inside the window unless the cursor was
 * moved or another order asked for.
 */
#include "tui/app/rows.h"
#include "tui/ui/v_list.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "tui/ui/fmt.h"
#include "tui/ui/text.h"

static const char *const column_title[COLUMN_COUNT] = {
    [COLUMN_MARKER] = "",          [COLUMN_NUMBER] = "#",    [COLUMN_PID] = "PID",
    [COLUMN_GENERATION] = "GEN",   [COLUMN_STATE] = "STATE", [COLUMN_SINCE] = "SINCE",
    [COLUMN_REQUESTS] = "REQ/s",   [COLUMN_OUT] = "OUT/s",   [COLUMN_IN] = "IN/s",
    [COLUMN_CONNECTIONS] = "CONN", [COLUMN_LAG50] = "LAG50", [COLUMN_LAG99] = "LAG99",
    [COLUMN_LAGMAX] = "LAGMAX",    [COLUMN_ERRORS] = "ERR",  [COLUMN_REQUEST] = "REQUEST",
    [COLUMN_OFFLOAD] = "OFQ",      [COLUMN_RSS] = "RSS",     [COLUMN_CPU] = "CPU%",
};

static bool column_is_text(enum column c)
{
    return c == COLUMN_MARKER || c == COLUMN_STATE || c == COLUMN_REQUEST;
}

static void table_put(struct view *v, int row, enum column c, enum role role, const char *text)
{
    struct column_place p = v->layout.column[c];

    if (p.cells == 0)
        return;
    if (column_is_text(c))
        grid_text(v->g, row, p.col, p.cells, role, text);
    else
        grid_text_right(v->g, row, p.col, p.cells, role, text);
}

static const char *table_lag(char out[FMT_BYTES], const struct model_worker *w, uint64_t ns)
{
    if (!w->lag_known)
        return "-";
    return fmt_age(out, ns);
}

/* A number of jobs in three cells. */
static const char *table_jobs(char out[FMT_BYTES], uint64_t jobs)
{
    if (jobs < 1000)
        snprintf(out, FMT_BYTES, "%u", (unsigned)jobs);
    else if (jobs < 99500)
        snprintf(out, FMT_BYTES, "%uk", (unsigned)((jobs + 500) / 1000));
    else
        snprintf(out, FMT_BYTES, "99+");
    return out;
}

static double table_errors(const struct model_worker *w)
{
    return w->rate[RATE_5XX] < 0 ? MODEL_UNKNOWN : w->rate[RATE_5XX] + w->rate[RATE_ABORTED];
}

static enum role table_lag_role(const struct view *v, enum role role, const struct model_worker *w)
{
    const struct thresholds *t = &v->m->thresholds;

    if (!w->lag_known || role != ROLE_NORMAL)
        return role;
    return w->lag_p99_ns >= t->lag_bad_ns    ? ROLE_BAD
           : w->lag_p99_ns >= t->lag_warn_ns ? ROLE_WARN
                                             : role;
}

static enum role table_connections_role(const struct view *v, enum role role,
                                        const struct snap_worker *now)
{
    uint64_t n = now->counter[COUNTER_connections], most = v->m->now.connections_max;

    if (most == 0 || role != ROLE_NORMAL || n * 5 < most * 4)
        return role;
    return n * 20 >= most * 19 ? ROLE_BAD : ROLE_WARN;
}

/* The figures of a row, right of SINCE. */
static void table_figures(struct view *v, int row, enum role role, const struct model_worker *w,
                          const struct snap_worker *now)
{
    char t[FMT_BYTES];
    double errors = table_errors(w);

    table_put(v, row, COLUMN_REQUESTS, role, fmt_count(t, w->rate[RATE_REQUESTS]));
    table_put(v, row, COLUMN_OUT, role, view_rate(v, t, w->rate[RATE_BYTES_OUT]));
    table_put(v, row, COLUMN_IN, role, view_rate(v, t, w->rate[RATE_BYTES_IN]));
    table_put(v, row, COLUMN_CONNECTIONS, table_connections_role(v, role, now),
              fmt_count(t, (double)now->counter[COUNTER_connections]));
    table_put(
        v, row, COLUMN_OFFLOAD, model_pool_full(now) && role == ROLE_NORMAL ? ROLE_WARN : role,
        table_jobs(t, now->counter[COUNTER_offload_queued] + now->counter[COUNTER_offload_busy]));
    table_put(v, row, COLUMN_LAG50, role, table_lag(t, w, w->lag_p50_ns));
    table_put(v, row, COLUMN_LAG99, table_lag_role(v, role, w), table_lag(t, w, w->lag_p99_ns));
    table_put(v, row, COLUMN_LAGMAX, role, table_lag(t, w, w->lag_max_ns));
    table_put(v, row, COLUMN_RSS, role,
              fmt_bytes(t, w->rss_bytes ? (double)w->rss_bytes : MODEL_UNKNOWN));
    table_put(v, row, COLUMN_CPU, role, fmt_count(t, w->cpu < 0 ? w->cpu : floor(w->cpu * 100)));
    table_put(v, row, COLUMN_ERRORS, errors > 0 && role == ROLE_NORMAL ? ROLE_WARN : role,
              fmt_count(t, errors));
}

static void table_request(struct view *v, int row, enum role role, const struct model_row *r)
{
    char object[SNAP_TEXT_BYTES + 8], words[SNAP_TEXT_BYTES + 32];
    const char *verb;

    model_row_doing(v->m, r, &verb, object, sizeof object);
    bool path = object[0] == '/';
    snprintf(words, sizeof words, "%s%s%s", verb, *verb && *object ? " " : "", path ? "" : object);
    list_put_long(v, row, v->layout.column[COLUMN_REQUEST], v->a->list[VIEW_OVERVIEW].shift, role,
                  words, path ? object : "");
}

/* In the marker's cell, or in the next when both are needed and a number leaves it. */
static void table_tag(struct view *v, int row, enum role role, unsigned number, const char *marker)
{
    int col = v->layout.column[COLUMN_MARKER].col;

    if (marker[0] && marker[0] != '>' && number < 100)
        col = v->layout.column[COLUMN_NUMBER].col;
    else if (marker[0] && marker[0] != '>')
        return;
    grid_put(v->g, row, col, role, L'*');
}

/* An idle loop still turns for its timers: when it did so last is no news, and new each time. */
static const char *table_since(char out[FMT_BYTES], const struct model_row *r)
{
    return r->state == ROW_IDLE && r->since_ns < NS_PER_S ? "<1s" : fmt_age(out, r->since_ns);
}

static void table_row(struct view *v, int row, const struct model_row *r, bool selected)
{
    const struct snap_worker *now = model_worker(v->m, r);
    const struct model_worker *w = &v->m->memory[r->memory];
    bool stuck = r->state == ROW_BLOCKED || r->state == ROW_STOPPED;
    bool slow = r->state == ROW_SLOW || (r->state == ROW_OFFLOAD && r->since_ns >= MODEL_HELD_NS);
    enum role state = stuck || r->state >= ROW_BACKOFF   ? ROLE_BAD
                      : slow || r->state >= ROW_STARTING ? ROLE_WARN
                                                         : ROLE_NORMAL;
    enum role rest = selected ? ROLE_SELECT : ROLE_NORMAL;
    const char *marker = stuck                      ? "!"
                         : slow                     ? ":"
                         : r->state >= ROW_STARTING ? "~"
                         : selected && !v->colour   ? ">"
                                                    : "";
    char t[FMT_BYTES];

    if (state == ROLE_NORMAL || (selected && state == ROLE_WARN))
        state = rest;
    if (selected)
        grid_fill(v->g, row, 0, v->layout.cols, rest, L' ');
    if (stuck) {
        struct column_place p = v->layout.column[COLUMN_SINCE];
        grid_fill(v->g, row, 0, p.col + p.cells, state, L' ');
    }
    table_put(v, row, COLUMN_MARKER, state, marker);
    if (app_tagged(v->a, app_worker_key(now)))
        table_tag(v, row, stuck ? state : rest, now->number, marker);
    snprintf(t, sizeof t, "%u", now->number);
    table_put(v, row, COLUMN_NUMBER, stuck ? state : rest, t);
    snprintf(t, sizeof t, now->pid ? "%u" : "-", now->pid);
    table_put(v, row, COLUMN_PID, stuck ? state : rest, t);
    snprintf(t, sizeof t, "%u", now->generation);
    table_put(v, row, COLUMN_GENERATION, stuck ? state : rest, t);
    table_put(v, row, COLUMN_STATE, state, row_state_word[r->state]);
    table_put(v, row, COLUMN_SINCE, stuck ? state : rest, table_since(t, r));
    table_figures(v, row, rest, w, now);
    table_request(v, row, rest, r);
}

static void table_header(struct view *v, int row, const char *more)
{
    struct column_place p = v->layout.column[COLUMN_REQUEST];
    char cut[256], all[256];

    more = list_shifted(v->a->list[VIEW_OVERVIEW].shift, more, all, sizeof all);
    grid_fill(v->g, row, 0, v->layout.cols, ROLE_TITLE, L' ');
    for (int c = 0; c < COLUMN_COUNT; c++) {
        bool bits = v->a->bits && (c == COLUMN_OUT || c == COLUMN_IN);
        table_put(v, row, (enum column)c, ROLE_TITLE,
                  bits ? (c == COLUMN_OUT ? "OUTb" : "INb") : column_title[c]);
    }
    if (*more == '\0')
        return;
    /* What it says of the rows is worth more than the word REQUEST. */
    int cells = text_width(more) + 1, from = p.col + 7;
    if (cells > p.cells - 8)
        from = p.col + p.cells - cells - 1 > p.col ? p.col + p.cells - cells - 1 : p.col;
    grid_fill(v->g, row, from, v->layout.cols - from, ROLE_TITLE, L' ');
    text_cut_end(cut, sizeof cut, more, v->layout.cols - from - 1);
    grid_text_right(v->g, row, from, v->layout.cols - from - 1, ROLE_TITLE, cut);
}

static void table_selected_request(struct view *v, struct rect r, int at)
{
    if (at < 0 || r.rows == 0)
        return;
    const struct model_row *row = &v->m->row[at];
    const struct snap_worker *w = model_worker(v->m, row);
    char text[3 * SNAP_TEXT_BYTES], cut[3 * SNAP_TEXT_BYTES], age[FMT_BYTES] = "";
    const char *what = (unsigned)w->wait < WAIT_COUNT ? board_wait_name[w->wait] : "?";

    /* What is being waited for stands first: it must not be what is cut off. */
    if (row->state == ROW_OFFLOAD && row->job >= 0) {
        const struct snap_thread *t = &v->m->now.thread[row->job];
        unsigned long long waiting = w->counter[COUNTER_requests_waiting];
        snprintf(text, sizeof text, "w%u> a thread in %s %s  %s  (%llu request%s)", w->number,
                 (unsigned)t->wait < WAIT_COUNT ? board_wait_name[t->wait] : "?",
                 fmt_age(age, model_job_age_ns(v->m, t)), t->path, waiting,
                 waiting == 1 ? " waits" : "s wait");
    } else if (row->away_ns == 0 || row->state >= ROW_BACKOFF) {
        snprintf(text, sizeof text, "w%u> %s: %s", w->number, row_state_word[row->state],
                 row_state_help[row->state]);
    } else if (w->request[0]) {
        snprintf(text, sizeof text, "w%u> %s %s  %s%s%s", w->number, what,
                 fmt_age(age, row->away_ns), w->request, w->peer[0] ? "  from " : "", w->peer);
    } else {
        snprintf(text, sizeof text, "w%u> %s %s  %s", w->number, what, fmt_age(age, row->away_ns),
                 w->serving);
    }
    text_cut_end(cut, sizeof cut, text, r.cols - 2);
    grid_text(v->g, r.row, 1, r.cols - 1, ROLE_NORMAL, cut);
}

/* What worker rows are sorted by. */
static void table_sort_by(const struct view *v, struct list_item *item, enum column by)
{
    const struct model_row *r = &v->m->row[item->index];
    const struct snap_worker *now = model_worker(v->m, r);
    const struct model_worker *w = &v->m->memory[r->memory];
    const double number[COLUMN_COUNT] = {
        [COLUMN_NUMBER] = -(double)now->number,
        [COLUMN_PID] = now->pid,
        [COLUMN_GENERATION] = now->generation,
        [COLUMN_SINCE] = (double)r->since_ns,
        [COLUMN_REQUESTS] = w->rate[RATE_REQUESTS],
        [COLUMN_OUT] = w->rate[RATE_BYTES_OUT],
        [COLUMN_IN] = w->rate[RATE_BYTES_IN],
        [COLUMN_CONNECTIONS] = (double)now->counter[COUNTER_connections],
        [COLUMN_OFFLOAD] =
            (double)(now->counter[COUNTER_offload_queued] + now->counter[COUNTER_offload_busy]),
        [COLUMN_LAG50] = w->lag_known ? (double)w->lag_p50_ns : MODEL_UNKNOWN,
        [COLUMN_LAG99] = w->lag_known ? (double)w->lag_p99_ns : MODEL_UNKNOWN,
        [COLUMN_LAGMAX] = w->lag_known ? (double)w->lag_max_ns : MODEL_UNKNOWN,
        [COLUMN_RSS] = (double)w->rss_bytes,
        [COLUMN_CPU] = w->cpu,
        [COLUMN_ERRORS] = table_errors(w),
    };

    item->number = by < COLUMN_COUNT ? number[by] : 0;
    if (by == COLUMN_STATE)
        item->text = row_state_word[r->state];
    if (by == COLUMN_REQUEST)
        item->text = now->serving;
}

static int64_t generation_of(const struct view *v, const struct list_item *item)
{
    return model_worker(v->m, &v->m->row[item->index])->generation;
}

/* Puts workers of one generation together, newest first, a line of key 0 before each group. */
static bool table_group(const struct view *v, struct list *l)
{
    struct list grouped = {0};
    int64_t last = INT64_MAX;
    bool ok = true;

    for (;;) {
        int64_t next = -1;
        for (int i = 0; i < l->count; i++) {
            int64_t g = generation_of(v, &l->item[i]);
            if (g < last && g > next)
                next = g;
        }
        if (next < 0 || !ok)
            break;
        ok = list_add(&grouped, 0, (unsigned)next);
        for (int i = 0; i < l->count && ok; i++)
            if (generation_of(v, &l->item[i]) == next)
                ok = list_add(&grouped, l->item[i].key, l->item[i].index);
        last = next;
    }
    if (ok) {
        list_free(l);
        *l = grouped;
    } else {
        list_free(&grouped);
    }
    return ok;
}

static void table_group_line(struct view *v, int row, unsigned generation)
{
    unsigned workers = 0, stuck = 0;
    char title[96], more[32] = "";

    for (unsigned i = 0; i < v->m->row_count; i++) {
        const struct model_row *r = &v->m->row[i];
        if (model_worker(v->m, r)->generation != generation)
            continue;
        workers++;
        stuck += r->state == ROW_BLOCKED || r->state == ROW_STOPPED;
    }
    if (stuck > 0)
        snprintf(more, sizeof more, ", %u stuck", stuck);
    snprintf(title, sizeof title, "generation %u: %u worker%s%s", generation, workers,
             workers == 1 ? "" : "s", more);
    view_rule(v, row, 0, v->layout.cols, title);
}

bool view_worker_list(const struct view *v, enum view_kind kind, struct list *l,
                      void (*sort_by)(const struct view *, struct list_item *, int))
{
    for (unsigned i = 0; i < v->m->row_count; i++) {
        if (!list_add(l, app_worker_key(model_worker(v->m, &v->m->row[i])), i))
            return false;
        if (v->a->list[kind].sort)
            sort_by(v, &l->item[i], v->a->list[kind].sort);
    }
    list_arrange(l, v, kind);
    return true;
}

static void overview_sort_by(const struct view *v, struct list_item *item, int by)
{
    table_sort_by(v, item, (enum column)by);
}

static void table_rows(struct view *v, struct rect r, struct list *l, int at)
{
    int room = r.rows - (v->layout.table_header ? 1 : 0), line = r.row + r.rows - room;
    uint64_t key =
        at >= 0 && v->a->selected ? app_worker_key(model_worker(v->m, &v->m->row[at])) : 0;
    struct list_window w = list_window(v, l, VIEW_OVERVIEW, line, room, key);
    char more[200];

    list_more(v, VIEW_OVERVIEW, &w, more, sizeof more);
    if (v->layout.table_header)
        table_header(v, r.row, more);
    for (int i = 0; i < w.room && w.top + i < w.count; i++) {
        const struct list_item *item = &l->item[w.top + i];
        if (item->key == 0)
            table_group_line(v, line + i, item->index);
        else
            table_row(v, line + i, &v->m->row[item->index], item->key == key);
    }
    if (l->count == 0 && v->m->have)
        grid_text(v->g, line, 2, r.cols - 2, ROLE_DIM,
                  v->m->row_count ? "no worker matches the filter" : "no workers");
}

/* Where the worker of the first row on the screen is in the model; -1: there is none. */
static int table_first_shown(const struct view *v)
{
    uint64_t first = rows_first(v->facts);

    for (unsigned i = 0; i < v->m->row_count; i++)
        if (app_worker_key(model_worker(v->m, &v->m->row[i])) == first)
            return (int)i;
    return -1;
}

void view_table(struct view *v)
{
    struct rect r = v->layout.pane[PANE_TABLE];
    int at = app_selected_row(v->a, v->m);
    struct list l = {0};

    if (r.rows > 0) {
        bool ok = view_worker_list(v, VIEW_OVERVIEW, &l, overview_sort_by);
        if (ok && v->a->group)
            ok = table_group(v, &l);
        if (ok)
            table_rows(v, r, &l, at);
        else
            grid_text(v->g, r.row, 2, r.cols - 2, ROLE_BAD, "no memory for the table");
        list_free(&l);
    }
    table_selected_request(v, v->layout.pane[PANE_REQUEST],
                           v->a->selected ? at : table_first_shown(v));
}
