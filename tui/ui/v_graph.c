/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Graphs of the last minutes with their axes: queues by number, lag on a logarithmic scale.
 */
#include "tui/ui/view.h"

#include <math.h>
#include <stdio.h>

#include "tui/ui/fmt.h"

/* Lag on a logarithmic scale: 1 ms is 1, each factor of ten one more, up to 10 s. */
static double pick_lag(const struct history_record *r)
{
    double ms = (double)r->lag_p99_ns / 1e6;

    if (r->lag_p99_ns == 0)
        return 0;
    return ms <= 0.1 ? 0.05 : log10(ms) + 1;
}

/* A round number at or above the highest value. */
static double graph_top(const double *value, int columns, double limit)
{
    double highest = 0, top = 4;

    for (int i = 0; i < columns; i++)
        if (value[i] > highest)
            highest = value[i];
    if (limit > 0 && highest > limit) /* the kernel lets one more in than the limit */
        highest = limit;
    while (top < highest)
        top *= 2;
    return top;
}

#define GRAPH_SAMPLES 1024

/* The newest samples that so many cells show, in the places where they are drawn. */
static int graph_values(const struct view *v, double *value, int cells, history_pick *pick)
{
    int samples = chart_samples(cells, v->charset);

    if (samples > GRAPH_SAMPLES)
        samples = GRAPH_SAMPLES;
    history_columns(&v->m->history, value, samples, 1, pick);
    if (v->sweep)
        chart_sweep(value, samples, v->m->seconds);
    return samples;
}

void view_rule(struct view *v, int row, int col, int cells, const char *title)
{
    char text[120];

    snprintf(text, sizeof text, "-- %s ", title);
    grid_fill(v->g, row, col, cells, ROLE_DIM, v->charset == CHARSET_ASCII ? L'-' : 0x2500);
    if (v->charset != CHARSET_ASCII)
        grid_text(v->g, row, col + 2, cells - 2, ROLE_NORMAL, text + 2);
    else
        grid_text(v->g, row, col, cells, ROLE_NORMAL, text);
}

void view_count_graph(struct view *v, struct rect r, history_pick *pick, double limit)
{
    double value[GRAPH_SAMPLES];
    int columns = r.cols - 6 < GRAPH_SAMPLES / 2 ? r.cols - 6 : GRAPH_SAMPLES / 2;
    wchar_t axis = v->charset == CHARSET_ASCII ? L'|' : 0x2502;

    if (columns < 8)
        return;
    int samples = graph_values(v, value, columns, pick);
    double top = graph_top(value, samples, limit);
    for (int y = 0; y < r.rows; y++) {
        double at = top * (r.rows - 1 - y) / (r.rows - 1 > 0 ? r.rows - 1 : 1);
        char label[FMT_BYTES];
        fmt_count(label, at);
        if (y == 0 || y == r.rows - 1 || (r.rows % 2 == 1 && y == r.rows / 2))
            grid_text_right(v->g, r.row + y, r.col, 5, ROLE_DIM, label);
        grid_put(v->g, r.row + y, r.col + 5, ROLE_DIM, axis);
    }
    chart_graph(v->g, r.row, r.col + 6, r.rows, columns, value, top, v->charset);
}

void view_lag_graph(struct view *v, struct rect r)
{
    static const char *const label[] = {"10s", "1s", "100ms", "10ms", "1ms"};
    double value[GRAPH_SAMPLES];
    int columns = r.cols - 7 < GRAPH_SAMPLES / 2 ? r.cols - 7 : GRAPH_SAMPLES / 2;
    wchar_t axis = v->charset == CHARSET_ASCII ? L'|' : 0x2502;

    if (columns < 8)
        return;
    graph_values(v, value, columns, pick_lag);
    for (int y = 0; y < r.rows; y++) {
        int which = r.rows > 1 ? y * 4 / (r.rows - 1) : 4;
        if (r.rows == 5 || y == 0 || y == r.rows - 1)
            grid_text_right(v->g, r.row + y, r.col, 6, ROLE_DIM, label[which]);
        grid_put(v->g, r.row + y, r.col + 6, ROLE_DIM, axis);
    }
    chart_graph(v->g, r.row, r.col + 7, r.rows, columns, value, 5, v->charset);
}
