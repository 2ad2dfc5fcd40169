/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Gauges, graphs, sparklines and heat maps drawn into a grid: in ASCII, with block characters,
 * or in braille (two samples to a cell). A value above 0 is always visible, however small, and a
 * missing one (NAN) is a gap. Pure.
 */
#ifndef WEIR_TUI_CHART_H
#define WEIR_TUI_CHART_H

#include "tui/ui/grid.h"

enum charset { CHARSET_ASCII, CHARSET_BLOCK, CHARSET_BRAILLE };

/* "[###---]" of `cells` cells in all (at least 3); a value above the limit fills it. */
void chart_gauge(struct grid *g, int row, int col, int cells, enum role role, double value,
                 double limit, enum charset charset);

/* How many samples a graph of so many cells shows. */
static inline int chart_samples(int cells, enum charset charset)
{
    return charset == CHARSET_BRAILLE ? 2 * cells : cells;
}

/*
 * Columns from left to right, value[0] first, heights from 0 to `top` over `rows` rows whose
 * uppermost is `row`; chart_samples(cols) values. With one row it is a sparkline.
 */
void chart_graph(struct grid *g, int row, int col, int rows, int cols, const double *value,
                 double top, enum charset charset);

/*
 * Sweep: puts values that end with the newest, of second `second`, where they stay: each in the
 * place of its second, so that from one second to the next only the newest and the gap before
 * the oldest are drawn anew.
 */
void chart_sweep(double *value, int samples, uint64_t second);

/* A cell of a heat map: how often, on a logarithmic scale from ' ' for 0 to '@' for 1000 and up. */
#define HEAT_STEPS 9
unsigned chart_heat_step(uint64_t count);
void chart_heat(struct grid *g, int row, int col, uint64_t count);

#endif
