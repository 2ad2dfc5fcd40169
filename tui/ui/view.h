/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The views: they draw the model and the controller's state into a grid and change neither.
 * Runs in weirtop and its tests; knows no curses.
 */
#ifndef WEIR_TUI_VIEW_H
#define WEIR_TUI_VIEW_H

#include "tui/app/app.h"
#include "tui/model/verdict.h"
#include "tui/ui/chart.h"
#include "tui/ui/layout.h"

/* What views need beside the grid. */
struct view {
    const struct model *m;    /* of the moment that is shown */
    const struct model *live; /* of now: what keys change, whatever moment is shown */
    const struct app *a;
    struct grid *g;
    enum charset charset;
    bool colour; /* else the selection is marked with '>' too */
    struct layout layout;
    struct verdict verdict;
    enum pane strip_pane; /* where the strip is shown; the verdict's when that has no room */
    bool sweep;           /* graphs stand still, the place of the newest second moves */
    bool noted;           /* the line of keys is left to a remark */
    struct app_facts *facts;
};

/* Draws the screen of the moment that is shown, whatever is open; m is the live model. */
struct app_facts view_draw(const struct model *m, const struct app *a, struct grid *g,
                           enum charset charset, bool colour);

void view_overview(struct view *v);
void view_latency(struct view *v);
void view_requests(struct view *v);
void view_files(struct view *v);
void view_io(struct view *v); /* offload threads, mounts, stalls */
void view_events(struct view *v);
void view_worker(struct view *v);
/* Dialogs, menus, prompts, setup, help, drawn over the view. True when it covers all of it. */
bool view_overlay(struct view *v);
void view_offload(struct view *v, struct rect r); /* the line about offload threads */

/*
 * The orders a view's list can be sorted by: list_state.sort is an index from 0, the list's own
 * order. NULL beyond the last. Figures sort with the largest first, words and numbers of workers
 * with the smallest.
 */
const char *view_sort_name(enum view_kind view, int sort);

/* Parts that every view has. */
void view_title(struct view *v, struct rect r);
void view_verdict(struct view *v, struct rect r);
void view_keys(struct view *v, struct rect r);
/* All of these, for a view that has nothing of its own to say there; called last. */
void view_around(struct view *v);
/* The worker whose detail is shown; NULL when it is gone. */
const struct snap_worker *view_worker_shown(const struct view *v);
/* What is shown of a server that is gone is dimmed: it is how things were. */
void view_dim_old(struct view *v);
bool view_gone(const struct view *v);

/* Text in lines that break at blanks; the last one is cut. How many it takes, `most` at most. */
int view_paragraph_rows(const char *text, int cells, int most);
void view_paragraph(struct view *v, struct rect r, int indent, enum role role, const char *text);
/* "-- title -----" */
void view_rule(struct view *v, int row, int col, int cells, const char *title);
/* Of numbers from 0 to at least 4; the kernel lets a queue's limit be passed by one. */
void view_count_graph(struct view *v, struct rect r, history_pick *pick, double limit);
void view_lag_graph(struct view *v, struct rect r);
void view_table(struct view *v); /* the worker table and the selected request */
/* One letter per slot in brackets; returns the cells it took. */
int view_scoreboard(struct view *v, int row, int col, int cells);
void view_strip(struct view *v, struct rect r);
/* Is what the strip tells about the number of workers, or about one of them? Else it has no
 * business in their row. */
bool view_strip_is_of_workers(const struct app *a);
/* The requests that are slow, in flight or over, and the files asked for most; for wide screens. */
void view_slow_pane(struct view *v, struct rect r);
void view_files_pane(struct view *v, struct rect r);
void view_help(struct view *v);

/* The text of an event; of several: how many, since when, and the last one's. */
const char *view_event_text(const struct event_run *run, char *out, size_t out_bytes);

/* A rate of bytes in five cells, in bits when the user wants those; and its unit. */
const char *view_rate(const struct view *v, char out[24], double bytes_per_s);
const char *view_rate_unit(const struct view *v); /* "/s" or "b/s" */

/* Formatted text at a place; returns the cells it took. */
int view_print(struct view *v, int row, int col, int cells, enum role role, const char *fmt, ...)
    __attribute__((format(printf, 6, 7)));

#endif
