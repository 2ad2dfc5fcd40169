/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where everything goes on each view: pure functions of the screen's size and of how much there
 * is to list. Panes have a least height, a wish and a rank; what does
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
    PANE_SLOW, /* requests in flight for long, or slow ones that are over */
    PANE_EVENTS,
    PANE_FILES,
    PANE_THREADS, /* this and the next two: I/O view */
    PANE_MOUNTS,
    PANE_STALLS,
    PANE_INFO,   /* a line of figures below the title */
    PANE_HEAT,   /* the heat map and its axis */
    PANE_CURSOR, /* what the heat map's cursor points at */
    PANE_LIST,   /* the rows of a view that is one list */
    PANE_MORE,   /* a line below them */
    PANE_DETAIL,
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
    COLUMN_RSS,
    COLUMN_CPU,
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
    int heat_rows; /* of the heat map, without its axis: 16 to 12, 8, 4 or none */
    struct rect pane[PANE_COUNT];
    struct column_place column[COLUMN_COUNT];
};

#define LAYOUT_NARROW_COLS 60
#define LAYOUT_WIDE_COLS   110
#define LAYOUT_FILES_ROWS 36 /* lower screens show no files on the overview */

/* What there is to show, and what the user wants. */
struct layout_need {
    int workers; /* lines of the worker table */
    int threads, mounts, stalls;
    int slow;          /* slow requests that are over */
    bool alarm;        /* the verdict is worth a line on every view */
    bool wide_request; /* REQUEST gets more than half of the screen */
    unsigned hidden;   /* columns not wanted: bits 1 << enum column */
};

struct layout layout_overview(int rows, int cols, const struct layout_need *need);
struct layout layout_io(int rows, int cols, const struct layout_need *need);
struct layout layout_latency(int rows, int cols, const struct layout_need *need);
struct layout layout_requests(int rows, int cols, const struct layout_need *need);
struct layout layout_files(int rows, int cols, const struct layout_need *need);
struct layout layout_events(int rows, int cols, const struct layout_need *need);
struct layout layout_worker(int rows, int cols, const struct layout_need *need);

#endif
