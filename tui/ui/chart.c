/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Gauges and graphs: a value becomes a number of steps (4 to a cell in ASCII and braille, 8 in
 * blocks), rounded up so that nothing above 0 disappears. Braille has two samples to a cell: its
 * dots are numbered down the left column, then the right, with the lowest pair added later.
 */
#include "tui/ui/chart.h"

#include <math.h>

static const wchar_t ascii_ramp[] = L" .:=#";
static const wchar_t block_ramp[] = {L' ',   0x2581, 0x2582, 0x2583, 0x2584,
                                     0x2585, 0x2586, 0x2587, 0x2588};
/* Dots of the left and of the right half, for heights of 0 to 4. */
static const unsigned braille_ramp[2][5] = {{0, 0x40, 0x44, 0x46, 0x47},
                                            {0, 0x80, 0xa0, 0xb0, 0xb8}};
#define BRAILLE 0x2800

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

/* How many of `steps` steps from the bottom are in row y of `rows`, counted from the top. */
static int steps_here(int steps, int y, int rows, int per_cell)
{
    int here = steps - (rows - 1 - y) * per_cell;

    return here < 0 ? 0 : here > per_cell ? per_cell : here;
}

static void graph_braille(struct grid *g, int row, int col, int rows, int cols, const double *value,
                          double top)
{
    for (int x = 0; x < cols; x++) {
        int left = chart_steps(value[2 * x], top, rows * 4);
        int right = chart_steps(value[2 * x + 1], top, rows * 4);
        for (int y = 0; y < rows; y++) {
            unsigned dots = braille_ramp[0][steps_here(left, y, rows, 4)] |
                            braille_ramp[1][steps_here(right, y, rows, 4)];
            grid_put(g, row + y, col + x, ROLE_GRAPH, dots ? (wchar_t)(BRAILLE + dots) : L' ');
        }
    }
}

void chart_graph(struct grid *g, int row, int col, int rows, int cols, const double *value,
                 double top, enum charset charset)
{
    const wchar_t *ramp = charset == CHARSET_ASCII ? ascii_ramp : block_ramp;
    int per_cell = charset == CHARSET_ASCII ? 4 : 8;

    if (charset == CHARSET_BRAILLE) {
        graph_braille(g, row, col, rows, cols, value, top);
        return;
    }
    for (int x = 0; x < cols; x++) {
        int steps = chart_steps(value[x], top, rows * per_cell);
        for (int y = 0; y < rows; y++)
            grid_put(g, row + y, col + x, ROLE_GRAPH, ramp[steps_here(steps, y, rows, per_cell)]);
    }
}

static void reverse(double *value, int n)
{
    for (int i = 0; i < n / 2; i++) {
        double t = value[i];
        value[i] = value[n - 1 - i];
        value[n - 1 - i] = t;
    }
}

void chart_sweep(double *value, int samples, uint64_t second)
{
    if (samples < 2)
        return;
    /* The newest belongs at `at`; the oldest, right of it, becomes the gap. */
    int at = (int)(second % (uint64_t)samples), by = (at + 1) % samples;
    value[0] = NAN;
    reverse(value, samples);
    reverse(value, by);
    reverse(value + by, samples - by);
}

unsigned chart_heat_step(uint64_t count)
{
    unsigned step;

    if (count == 0)
        return 0;
    step = 1 + (unsigned)floor(log10((double)count) * (HEAT_STEPS - 2) / 3 + 1e-9);
    return step < HEAT_STEPS ? step : HEAT_STEPS - 1;
}

void chart_heat(struct grid *g, int row, int col, uint64_t count)
{
    static const wchar_t ramp[HEAT_STEPS + 1] = L" .:-=+*#@";
    unsigned step = chart_heat_step(count);

    grid_put(g, row, col, step ? (enum role)(ROLE_HEAT1 + (step - 1) / 2) : ROLE_NORMAL,
             ramp[step]);
}
