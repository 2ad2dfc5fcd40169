/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Events: all that are remembered, the newest first, runs in one line, and below them the whole
 * text of the one under the cursor (of the newest when there is none).
 */
#include "tui/app/rows.h"
#include "tui/ui/v_list.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tui/ui/fmt.h"
#include "tui/ui/text.h"

enum { E_TIME, E_SEVERITY, E_WORKER, E_WORD, E_TEXT, E_COUNT };
static const struct list_column event_columns[E_COUNT] = {
    [E_TIME] = {5, 8, 8, false, "TIME"},
    [E_SEVERITY] = {0, 4, 4, false, "SEV"},
    [E_WORKER] = {0, 3, 3, true, "W"},
    [E_WORD] = {7, 9, 9, false, "EVENT"},
    [E_TEXT] = {LIST_REST, LIST_REST, LIST_REST, false, "TEXT"},
};

static const char *const severity_word[] = {
    [EVENT_IS_INFO] = "info",
    [EVENT_IS_WARN] = "warn",
    [EVENT_IS_BAD] = "BAD",
};

static enum role severity_role(enum event_severity severity, enum role usual)
{
    return severity == EVENT_IS_BAD                            ? ROLE_BAD
           : severity == EVENT_IS_WARN && usual != ROLE_SELECT ? ROLE_WARN
                                                               : usual;
}

const char *view_event_text(const struct event_run *run, char *out, size_t out_bytes)
{
    char since[FMT_BYTES];

    if (run->count == 1)
        snprintf(out, out_bytes, "%s", run->last->text);
    else
        snprintf(out, out_bytes, "%u times since %s, last: %s", run->count,
                 fmt_clock(since, run->first->wall_ns), run->last->text);
    return out;
}

/* The cursor stays on a run that grows, and that it came to by one of its events. */
static uint64_t event_key(const struct view *v, const struct event_run *run)
{
    uint64_t cursor = v->a->list[VIEW_EVENTS].key;

    return event_run_has(run, cursor) ? cursor : run->first->number;
}

static void event_row(const struct list_table *t, int row, const struct event_run *run)
{
    const struct model_event *e = run->last;
    enum role role =
        list_row_role(t->v, VIEW_EVENTS, row, 0, t->v->layout.cols, event_key(t->v, run));
    enum role loud = severity_role(e->severity, role);
    char n[FMT_BYTES], text[SNAP_TEXT_BYTES + 64];

    list_mark(t, row, loud, e->severity == EVENT_IS_BAD ? "!" : " ");
    fmt_clock(n, e->wall_ns);
    n[t->place[E_TIME].cells < 8 ? 5 : 8] = '\0';
    list_put(t, row, E_TIME, role, n);
    list_put(t, row, E_SEVERITY, loud, severity_word[e->severity]);
    snprintf(n, sizeof n, e->worker ? "%u" : "", e->worker);
    list_put(t, row, E_WORKER, role, n);
    list_put(t, row, E_WORD, loud, e->word);
    view_event_text(run, text, sizeof text);
    list_put_long(t->v, row, t->place[E_TEXT], t->shift, role, text, "");
}

static void draw_events(struct view *v, struct rect r, const struct list *l)
{
    struct list_table t = list_table(v, event_columns, E_COUNT, 0, v->layout.cols);
    const struct model *m = v->m;
    int head = v->layout.table_header ? 1 : 0;
    struct list_window w =
        list_window(v, l, VIEW_EVENTS, r.row + head, r.rows - head, v->a->list[VIEW_EVENTS].key);
    char more[256], lost[48] = "";

    list_shifts(&t, VIEW_EVENTS);
    list_more(v, VIEW_EVENTS, &w, more, sizeof more);
    if (m->events_lost > 0)
        snprintf(lost, sizeof lost, "%s%" PRIu64 " lost", *more ? "  " : "", m->events_lost);
    strncat(more, lost, sizeof more - strlen(more) - 1);
    if (head)
        list_header(&t, r.row, more);
    for (int i = 0; i < w.room && w.top + i < w.count; i++) {
        struct event_run run;
        if (model_event_run(m, l->item[w.top + i].index, app_folds_events(v->a), &run))
            event_row(&t, r.row + head + i, &run);
    }
    if (l->count == 0)
        list_nothing(&t, r.row + head,
                     m->event_count ? "no event matches the filter" : "nothing has happened yet");
}

static void draw_selected(struct view *v, struct rect r, const struct list *l)
{
    char told[SNAP_TEXT_BYTES + 64], text[SNAP_TEXT_BYTES + 128], clock[FMT_BYTES];
    struct event_run run;
    uint64_t key = rows_event_key(v->a, v->m, v->facts);
    int shown = 0;

    while (shown < l->count && l->item[shown].key != key)
        shown++;
    if (shown == l->count ||
        !model_event_run(v->m, l->item[shown].index, app_folds_events(v->a), &run))
        return;
    snprintf(text, sizeof text, "%s %s> %s", fmt_clock(clock, run.last->wall_ns), run.last->word,
             view_event_text(&run, told, sizeof told));
    view_paragraph(v, r, 1, ROLE_NORMAL, text);
}

void view_events(struct view *v)
{
    const struct rect *pane = v->layout.pane;
    struct list l = {0};
    bool ok = true;
    struct event_run run;

    for (unsigned i = 0; ok && model_event_run(v->m, i, app_folds_events(v->a), &run);
         i += run.count)
        ok = list_add(&l, event_key(v, &run), i);
    list_arrange(&l, v, VIEW_EVENTS);
    if (pane[PANE_LIST].rows > 0)
        draw_events(v, pane[PANE_LIST], &l);
    if (pane[PANE_REQUEST].rows > 0)
        draw_selected(v, pane[PANE_REQUEST], &l);
    list_free(&l);
    view_around(v);
}
