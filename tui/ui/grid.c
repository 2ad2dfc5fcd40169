/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The screen as data. The one rule to keep: the cell right of a wide character holds
 * GRID_RIGHT_HALF, so whoever overwrites one half blanks the other.
 */
#include "tui/ui/grid.h"

#include <stdlib.h>

#include "tui/ui/text.h"

bool grid_resize(struct grid *g, int rows, int cols)
{
    if (rows < 0)
        rows = 0;
    if (cols < 0)
        cols = 0;
    if (rows != g->rows || cols != g->cols || g->cell == NULL) {
        free(g->cell);
        g->cell = calloc((size_t)rows * (size_t)cols + 1, sizeof *g->cell);
        g->rows = g->cell ? rows : 0;
        g->cols = g->cell ? cols : 0;
        if (g->cell == NULL)
            return false;
    }
    grid_clear(g);
    return true;
}

void grid_clear(struct grid *g)
{
    for (int i = 0; i < g->rows * g->cols; i++)
        g->cell[i] = (struct cell){.ch = L' ', .role = ROLE_NORMAL};
}

void grid_free(struct grid *g)
{
    free(g->cell);
    *g = (struct grid){0};
}

struct cell *grid_at(const struct grid *g, int row, int col)
{
    if (row < 0 || row >= g->rows || col < 0 || col >= g->cols)
        return NULL;
    return &g->cell[row * g->cols + col];
}

/* What is in the way becomes blank, both halves of it. */
static void grid_blank(struct grid *g, int row, int col)
{
    struct cell *c = grid_at(g, row, col), *next = grid_at(g, row, col + 1);
    struct cell *before = grid_at(g, row, col - 1);

    if (c->ch == GRID_RIGHT_HALF && before)
        before->ch = L' ';
    if (next && next->ch == GRID_RIGHT_HALF)
        next->ch = L' ';
    *c = (struct cell){.ch = L' ', .role = c->role};
}

void grid_put(struct grid *g, int row, int col, enum role role, wchar_t ch)
{
    struct cell *c = grid_at(g, row, col);

    if (c == NULL)
        return;
    grid_blank(g, row, col);
    c->ch = ch;
    c->role = (uint8_t)role;
}

int grid_text(struct grid *g, int row, int col, int cells, enum role role, const char *s)
{
    struct span rest = span_str(s);
    wchar_t ch;
    int w, used = 0;

    if (col + cells > g->cols)
        cells = g->cols - col;
    while (text_next(&rest, &ch, &w)) {
        if (w == 0) {
            struct cell *under = used > 0 ? grid_at(g, row, col + used - 1) : NULL;
            if (under && under->ch == GRID_RIGHT_HALF)
                under--;
            if (under && under->mark == 0)
                under->mark = ch;
            continue;
        }
        if (used + w > cells)
            break;
        grid_put(g, row, col + used, role, ch);
        if (w == 2) {
            grid_put(g, row, col + used + 1, role, L' ');
            struct cell *right = grid_at(g, row, col + used + 1);
            if (right)
                right->ch = GRID_RIGHT_HALF;
        }
        used += w;
    }
    return used;
}

void grid_text_right(struct grid *g, int row, int col, int cells, enum role role, const char *s)
{
    int w = text_width(s);

    grid_text(g, row, w < cells ? col + cells - w : col, w < cells ? w : cells, role, s);
}

void grid_fill(struct grid *g, int row, int col, int cells, enum role role, wchar_t ch)
{
    for (int i = 0; i < cells; i++)
        grid_put(g, row, col + i, role, ch);
}

void grid_role(struct grid *g, int row, int col, int cells, enum role role)
{
    for (int i = 0; i < cells; i++) {
        struct cell *c = grid_at(g, row, col + i);
        if (c)
            c->role = (uint8_t)role;
    }
}
