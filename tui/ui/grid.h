/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The screen as data: rows and columns of cells, each a character and a role (what the cell
 * means, not how it looks). Views draw into it, the terminal copies it out, and tests read
 * it. Drawing outside is clipped. Runs in weirtop and its tests; knows no curses.
 */
#ifndef WEIR_TUI_GRID_H
#define WEIR_TUI_GRID_H

#include <stdbool.h>
#include <stdint.h>
#include <wchar.h>

enum role {
    ROLE_NORMAL,
    ROLE_TITLE,
    ROLE_DIM,
    ROLE_WARN,
    ROLE_BAD,
    ROLE_SELECT,
    ROLE_KEY,
    ROLE_GRAPH,
    ROLE_HEAT1, /* cells of a heat map, from rare to often */
    ROLE_HEAT2,
    ROLE_HEAT3,
    ROLE_HEAT4,
    ROLE_COUNT
};

#define GRID_RIGHT_HALF L'\0' /* ch of the second cell of a wide character */

struct cell {
    wchar_t ch;
    wchar_t mark; /* a combining character on it, 0 for none */
    uint8_t role;
};

struct grid {
    int rows, cols;
    struct cell *cell;
};

/* Makes it rows x cols, all blank. False on ENOMEM: it is then 0 x 0. */
bool grid_resize(struct grid *g, int rows, int cols);
void grid_clear(struct grid *g);
void grid_free(struct grid *g);

/* NULL when outside. */
struct cell *grid_at(const struct grid *g, int row, int col);

void grid_put(struct grid *g, int row, int col, enum role role, wchar_t ch);

/* Draws s in at most `cells` cells; returns how many it took. */
int grid_text(struct grid *g, int row, int col, int cells, enum role role, const char *s);
/* The same with its end at col + cells. */
void grid_text_right(struct grid *g, int row, int col, int cells, enum role role, const char *s);
void grid_fill(struct grid *g, int row, int col, int cells, enum role role, wchar_t ch);
/* Gives cells another role, leaving what they show. */
void grid_role(struct grid *g, int row, int col, int cells, enum role role);

#endif
