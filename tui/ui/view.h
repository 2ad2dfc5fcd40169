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
    const struct model *m;
    const struct app *a;
    struct grid *g;
    enum charset charset;
    bool colour; /* else the selection is marked with '>' too */
    struct layout layout;
    struct verdict verdict;
    enum pane strip_pane; /* where the strip is shown; the verdict's when that has no room */
};

/* What the controller has to know of the screen, for paging and scrolling. */
struct view_facts {
    int table_rows;
    int help_last; /* the furthest the help can scroll */
    int io_last;   /* and the threads of the I/O view */
};

/* Draws the screen of one instant, whatever is open. */
struct view_facts view_draw(const struct model *m, const struct app *a, struct grid *g,
                            enum charset charset, bool colour);

void view_overview(struct view *v);
/* Offload threads, mounts, stalls. Returns the furthest the threads can scroll. */
int view_io(struct view *v);
void view_offload(struct view *v, struct rect r); /* the line about offload threads */

/* Parts that every view has. */
void view_title(struct view *v, struct rect r);
void view_verdict(struct view *v, struct rect r);
void view_keys(struct view *v, struct rect r);
/* What is shown of a server that is gone is dimmed: it is how things were. */
void view_dim_old(struct view *v);
bool view_gone(const struct view *v);

/* "-- title -----" */
void view_rule(struct view *v, int row, int col, int cells, const char *title);
/* Of numbers from 0 to at least 4; the kernel lets a queue's limit be passed by one. */
void view_count_graph(struct view *v, struct rect r, history_pick *pick, double limit);
void view_lag_graph(struct view *v, struct rect r);
void view_table(struct view *v); /* the worker table and the selected request */
/* One letter per slot in brackets; returns the cells it took. */
int view_scoreboard(struct view *v, int row, int col, int cells);
void view_strip(struct view *v, struct rect r);
/* Returns the furthest it can scroll. */
int view_help(struct view *v);

/* Formatted text at a place; returns the cells it took. */
int view_print(struct view *v, int row, int col, int cells, enum role role, const char *fmt, ...)
    __attribute__((format(printf, 6, 7)));

#endif
