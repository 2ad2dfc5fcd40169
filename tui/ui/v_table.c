/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The worker table, in the order of severity, and the whole request of the selected row.
 * Stuck workers come first and so are inside the window unless the cursor was moved.
 */
#include "tui/ui/view.h"

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
    [COLUMN_OFFLOAD] = "OFQ",
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

/* The figures of a row, right of SINCE. */
static void table_figures(struct view *v, int row, enum role role, const struct model_worker *w,
                          const struct snap_worker *now)
{
    char t[FMT_BYTES];
    double errors =
        w->rate[RATE_5XX] < 0 ? MODEL_UNKNOWN : w->rate[RATE_5XX] + w->rate[RATE_ABORTED];

    table_put(v, row, COLUMN_REQUESTS, role, fmt_count(t, w->rate[RATE_REQUESTS]));
    table_put(v, row, COLUMN_OUT, role, fmt_bytes(t, w->rate[RATE_BYTES_OUT]));
    table_put(v, row, COLUMN_IN, role, fmt_bytes(t, w->rate[RATE_BYTES_IN]));
    table_put(v, row, COLUMN_CONNECTIONS, role,
              fmt_count(t, (double)now->counter[COUNTER_connections]));
    table_put(
        v, row, COLUMN_OFFLOAD, model_pool_full(now) && role == ROLE_NORMAL ? ROLE_WARN : role,
        table_jobs(t, now->counter[COUNTER_offload_queued] + now->counter[COUNTER_offload_busy]));
    table_put(v, row, COLUMN_LAG50, role, table_lag(t, w, w->lag_p50_ns));
    table_put(v, row, COLUMN_LAG99, role, table_lag(t, w, w->lag_p99_ns));
    table_put(v, row, COLUMN_LAGMAX, role, table_lag(t, w, w->lag_max_ns));
    table_put(v, row, COLUMN_ERRORS, errors > 0 && role == ROLE_NORMAL ? ROLE_WARN : role,
              fmt_count(t, errors));
}

static void table_request(struct view *v, int row, enum role role, const struct model_row *r)
{
    struct column_place p = v->layout.column[COLUMN_REQUEST];
    char object[SNAP_TEXT_BYTES + 8], cut[SNAP_TEXT_BYTES + 8];
    const char *verb;
    int used = 0;

    model_row_doing(v->m, r, &verb, object, sizeof object);
    if (*verb)
        used = view_print(v, row, p.col, p.cells, role, *object ? "%s " : "%s", verb);
    if (used >= p.cells)
        return;
    if (object[0] == '/')
        text_cut_path(cut, sizeof cut, object, p.cells - used);
    else
        text_cut_end(cut, sizeof cut, object, p.cells - used);
    grid_text(v->g, row, p.col + used, p.cells - used, role, cut);
}

static void table_row(struct view *v, int row, const struct model_row *r, bool selected)
{
    const struct snap_worker *now = model_worker(v->m, r);
    const struct model_worker *w = &v->m->memory[r->memory];
    bool stuck = r->state == ROW_BLOCKED || r->state == ROW_STOPPED;
    enum role state = stuck || r->state == ROW_BACKOFF                   ? ROLE_BAD
                      : r->state == ROW_SLOW || r->state >= ROW_STARTING ? ROLE_WARN
                                                                         : ROLE_NORMAL;
    enum role rest = selected ? ROLE_SELECT : ROLE_NORMAL;
    const char *marker = stuck                      ? "!"
                         : r->state == ROW_SLOW     ? ":"
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
    snprintf(t, sizeof t, "%u", now->number);
    table_put(v, row, COLUMN_NUMBER, stuck ? state : rest, t);
    snprintf(t, sizeof t, now->pid ? "%u" : "-", now->pid);
    table_put(v, row, COLUMN_PID, stuck ? state : rest, t);
    snprintf(t, sizeof t, "%u", now->generation);
    table_put(v, row, COLUMN_GENERATION, stuck ? state : rest, t);
    table_put(v, row, COLUMN_STATE, state, row_state_word[r->state]);
    table_put(v, row, COLUMN_SINCE, stuck ? state : rest, fmt_age(t, r->since_ns));
    table_figures(v, row, rest, w, now);
    table_request(v, row, rest, r);
}

static void table_header(struct view *v, int row, int above, int below)
{
    char more[48] = "";

    grid_fill(v->g, row, 0, v->layout.cols, ROLE_TITLE, L' ');
    for (int c = 0; c < COLUMN_COUNT; c++)
        table_put(v, row, (enum column)c, ROLE_TITLE, column_title[c]);
    if (above > 0 && below > 0)
        snprintf(more, sizeof more, " ^ %d  v %d more ", above, below);
    else if (above > 0 || below > 0)
        snprintf(more, sizeof more, " %c %d more ", above > 0 ? '^' : 'v', above + below);
    grid_text_right(v->g, row, v->layout.column[COLUMN_REQUEST].col + 7,
                    v->layout.cols - v->layout.column[COLUMN_REQUEST].col - 7, ROLE_TITLE, more);
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
        snprintf(text, sizeof text, "w%u> a thread in %s %s  %s  (%llu requests wait)", w->number,
                 (unsigned)t->wait < WAIT_COUNT ? board_wait_name[t->wait] : "?",
                 fmt_age(age, model_job_age_ns(v->m, t)), t->path,
                 (unsigned long long)w->counter[COUNTER_requests_waiting]);
    } else if (row->away_ns == 0 || row->state == ROW_BACKOFF) {
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

void view_table(struct view *v)
{
    struct rect r = v->layout.pane[PANE_TABLE];
    int room = r.rows - (v->layout.table_header ? 1 : 0);
    int selected = app_selected_row(v->a, v->m), count = (int)v->m->row_count, top = 0;

    if (r.rows > 0) {
        if (selected >= room)
            top = selected - room + 1;
        if (v->layout.table_header)
            table_header(v, r.row, top, count - top > room ? count - top - room : 0);
        for (int i = 0; i < room && top + i < count; i++)
            table_row(v, r.row + r.rows - room + i, &v->m->row[top + i],
                      v->a->selected != 0 && top + i == selected);
        if (count == 0 && v->m->have)
            grid_text(v->g, r.row + r.rows - room, 2, r.cols - 2, ROLE_DIM, "no workers");
    }
    table_selected_request(v, v->layout.pane[PANE_REQUEST], selected);
}
