/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where everything goes on the overview and on the I/O view: pure functions of the screen's
 * size and of how much there is to list. Panes have a least height, a wish and a rank; what does
 * not fit is left out, lowest rank first, down to a screen of one line. Panes never overlap and
 * never stick out.
 */
#ifndef WEIR_TUI_LAYOUT_H
#define WEIR_TUI_LAYOUT_H

#include <stdbool.h>

enum pane {
    PANE_TITLE,
    PANE_LISTEN,
    PANE_TOTALS,
    PANE_WORKERS,
    PANE_QUEUE,
    PANE_OFFLOAD,
    PANE_GRAPH,
    PANE_VERDICT,
    PANE_TABLE,
    PANE_REQUEST,
    PANE_EVENTS,
    PANE_THREADS, /* this and the next two: I/O view */
    PANE_MOUNTS,
    PANE_STALLS,
    PANE_KEYS,
    PANE_COUNT
};

struct rect {
    int row, col, rows, cols; /* rows 0: not shown */
};

enum column {
    COLUMN_MARKER,
    COLUMN_NUMBER,
    COLUMN_PID,
    COLUMN_GENERATION,
    COLUMN_STATE,
    COLUMN_SINCE,
    COLUMN_REQUESTS,
    COLUMN_OUT,
    COLUMN_IN,
    COLUMN_CONNECTIONS,
    COLUMN_OFFLOAD,
    COLUMN_LAG50,
    COLUMN_LAG99,
    COLUMN_LAGMAX,
    COLUMN_ERRORS,
    COLUMN_REQUEST,
    COLUMN_COUNT
};

struct column_place {
    int col, cells; /* cells 0: not shown */
};

struct layout {
    int rows, cols;
    bool narrow; /* short words */
    bool wide;   /* two panes side by side, two lines of verdict */
    bool table_header;
    struct rect pane[PANE_COUNT];
    struct column_place column[COLUMN_COUNT];
};

#define LAYOUT_NARROW_COLS 60
#define LAYOUT_WIDE_COLS   110

struct layout layout_overview(int rows, int cols, int workers);
/* The I/O view; the numbers are those of busy threads, mounts and stalls. */
struct layout layout_io(int rows, int cols, int threads, int mounts, int stalls);

#endif
