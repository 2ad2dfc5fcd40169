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
};

/* What the controller has to know of the screen, for paging and scrolling. */
struct view_facts {
    int table_rows;
    int help_last; /* the furthest the help can scroll */
};

/* Draws the screen of one instant, whatever is open. */
struct view_facts view_draw(const struct model *m, const struct app *a, struct grid *g,
                            enum charset charset, bool colour);

void view_overview(struct view *v);
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
