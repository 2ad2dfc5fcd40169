/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Gauges and graphs drawn into a grid, in ASCII or with block characters. A value above 0 is
 * always visible, however small, and a missing one (NAN) is a gap. Pure.
 */
#ifndef WEIR_TUI_CHART_H
#define WEIR_TUI_CHART_H

#include "tui/ui/grid.h"

enum charset { CHARSET_ASCII, CHARSET_BLOCK };

/* "[###---]" of `cells` cells in all (at least 3); a value above the limit fills it. */
void chart_gauge(struct grid *g, int row, int col, int cells, enum role role, double value,
                 double limit, enum charset charset);

/*
 * Columns from left to right, value[0] first, heights from 0 to `top` over `rows` rows whose
 * uppermost is `row`.
 */
void chart_graph(struct grid *g, int row, int col, int rows, int cols, const double *value,
                 double top, enum charset charset);

#endif
