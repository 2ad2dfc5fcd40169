/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Gauges and graphs: a value becomes a number of steps (4 to a cell in ASCII, 8 in blocks),
 * rounded up so that nothing above 0 disappears.
 */
#include "tui/ui/chart.h"

#include <math.h>

static const wchar_t ascii_ramp[] = L" .:=#";
static const wchar_t block_ramp[] = {L' ',   0x2581, 0x2582, 0x2583, 0x2584,
                                     0x2585, 0x2586, 0x2587, 0x2588};

static int chart_steps(double value, double top, int steps)
{
    if (!(value > 0))
        return 0;
    if (!(top > 0) || value >= top)
        return steps;
    return (int)ceil(value / top * steps);
}

void chart_gauge(struct grid *g, int row, int col, int cells, enum role role, double value,
                 double limit, enum charset charset)
{
    int inner = cells - 2;
    int full = chart_steps(value, limit, inner);

    if (inner < 1)
        return;
    grid_put(g, row, col, ROLE_NORMAL, L'[');
    grid_put(g, row, col + cells - 1, ROLE_NORMAL, L']');
    grid_fill(g, row, col + 1, full, role, charset == CHARSET_ASCII ? L'#' : 0x2588);
    grid_fill(g, row, col + 1 + full, inner - full, ROLE_DIM,
              charset == CHARSET_ASCII ? L'-' : 0x2591);
}

void chart_graph(struct grid *g, int row, int col, int rows, int cols, const double *value,
                 double top, enum charset charset)
{
    const wchar_t *ramp = charset == CHARSET_ASCII ? ascii_ramp : block_ramp;
    int per_cell = charset == CHARSET_ASCII ? 4 : 8;

    for (int x = 0; x < cols; x++) {
        int steps = isnan(value[x]) ? 0 : chart_steps(value[x], top, rows * per_cell);
        for (int y = rows - 1; y >= 0; y--) {
            int here = steps > per_cell ? per_cell : steps;
            grid_put(g, row + y, col + x, ROLE_GRAPH, ramp[here]);
            steps -= here;
        }
    }
}
