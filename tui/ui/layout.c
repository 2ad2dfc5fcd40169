/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The layout of the views. First every pane gets its least height in the order of rank, as
 * long as rows are left; then the wishes, in the same order; events take the rest.
 */
#include "tui/ui/layout.h"

#include <string.h>

#define COUNT(array) (int)(sizeof(array) / sizeof *(array))


struct pane_plan {
    enum pane pane;
    int least, wish;
};

/* Rows for one pane if all of `least` are left. */
static void layout_least(struct layout *l, const struct pane_plan *p, int *left)
{
    if (p->least > 0 && *left >= p->least) {
        l->pane[p->pane].rows = p->least;
        *left -= p->least;
    }
}

static void layout_wish(struct layout *l, const struct pane_plan *p, int *left)
{
    int have = l->pane[p->pane].rows;
    int more = p->wish - have;

    if (have == 0 || more <= 0)
        return;
    if (more > *left)
        more = *left;
    l->pane[p->pane].rows += more;
    *left -= more;
}

static void layout_heights(struct layout *l, int workers)
{
    int left = l->rows;
    int table = workers < 1 ? 1 : workers;
    int few = table < 6 ? table : 6;
    int graph = l->wide ? 4 : 3; /* wide ones have a line of titles */
    bool spare = !l->narrow || l->rows >= 20;
    const struct pane_plan plan[] = {
        {PANE_VERDICT, 1, l->wide ? 2 : 1},
        {PANE_QUEUE, 1, 1},
        {PANE_WORKERS, 1, 1},
        {PANE_TITLE, 1, 1},
        {PANE_KEYS, 1, 1},
        {PANE_TABLE, 1, 1 + table},
        {PANE_REQUEST, spare ? 1 : 0, 1},
        {PANE_GRAPH, spare ? graph : 0, graph == 4 ? 6 : 4},
        {PANE_EVENTS, spare ? 3 : 0, l->rows},
        {PANE_OFFLOAD, spare ? 1 : 0, 1},
        {PANE_TOTALS, spare ? 1 : 0, 1},
        {PANE_LISTEN, spare ? 1 : 0, 1},
        {PANE_FILES, !l->narrow && l->rows >= LAYOUT_FILES_ROWS ? 4 : 0, l->rows / 6},
    };

    for (size_t i = 0; i < sizeof plan / sizeof *plan; i++) {
        struct pane_plan p = plan[i];
        layout_least(l, &p, &left);
        if (p.pane == PANE_TABLE) { /* a table that says something comes before the rest */
            p.wish = 1 + few;
            layout_wish(l, &p, &left);
        }
    }
    for (size_t i = 0; i < sizeof plan / sizeof *plan; i++)
        if (plan[i].pane != PANE_GRAPH && plan[i].pane != PANE_EVENTS)
            layout_wish(l, &plan[i], &left);
    layout_wish(l, &(struct pane_plan){PANE_EVENTS, 3, l->rows}, &left);
    /* The graph grows at the cost of events when there are plenty of those. */
    int spare_events = l->pane[PANE_EVENTS].rows - 8;
    int more = (l->wide ? 6 : 5) - l->pane[PANE_GRAPH].rows;
    if (l->pane[PANE_GRAPH].rows > 0 && spare_events > 0 && more > 0) {
        more = more < spare_events ? more : spare_events;
        l->pane[PANE_GRAPH].rows += more;
        l->pane[PANE_EVENTS].rows -= more;
    }
    l->table_header = l->pane[PANE_TABLE].rows >= 3;
}

/* Stacks the panes in this order. */
static void layout_stack(struct layout *l, const enum pane *order, int count)
{
    int row = 0;

    for (int i = 0; i < count; i++) {
        struct rect *r = &l->pane[order[i]];
        r->cols = l->cols;
        r->row = row;
        row += r->rows;
    }
    /* The keys stay at the bottom even when nothing wants the rows above them. */
    if (l->pane[PANE_KEYS].rows > 0)
        l->pane[PANE_KEYS].row = l->rows - 1;
}

static void layout_stack_overview(struct layout *l)
{
    static const enum pane usual[] = {
        PANE_TITLE,   PANE_LISTEN, PANE_TOTALS,  PANE_WORKERS, PANE_QUEUE, PANE_GRAPH, PANE_OFFLOAD,
        PANE_VERDICT, PANE_TABLE,  PANE_REQUEST, PANE_EVENTS,  PANE_FILES, PANE_KEYS};
    static const enum pane small[] = {PANE_TITLE,   PANE_LISTEN,  PANE_TOTALS,  PANE_QUEUE,
                                      PANE_WORKERS, PANE_GRAPH,   PANE_OFFLOAD, PANE_VERDICT,
                                      PANE_TABLE,   PANE_REQUEST, PANE_EVENTS,  PANE_KEYS};

    if (l->narrow)
        layout_stack(l, small, COUNT(small));
    else
        layout_stack(l, usual, COUNT(usual));
    /* On wide screens the left half of the events' place is the slow requests'. */
    struct rect *events = &l->pane[PANE_EVENTS];
    if (l->wide && events->rows > 0) {
        struct rect *slow = &l->pane[PANE_SLOW];
        *slow = *events;
        slow->cols = (l->cols - 2) / 2;
        events->col = slow->cols + 2;
        events->cols = l->cols - events->col;
    }
}

/* Cells of each column with the blank before it. */
static const int column_cells[COLUMN_COUNT] = {
    [COLUMN_MARKER] = 1, [COLUMN_NUMBER] = 3,      [COLUMN_PID] = 8,      [COLUMN_GENERATION] = 4,
    [COLUMN_STATE] = 8,  [COLUMN_SINCE] = 7,       [COLUMN_REQUESTS] = 6, [COLUMN_OUT] = 6,
    [COLUMN_IN] = 6,     [COLUMN_CONNECTIONS] = 6, [COLUMN_OFFLOAD] = 4,  [COLUMN_LAG50] = 7,
    [COLUMN_LAG99] = 7,  [COLUMN_LAGMAX] = 7,      [COLUMN_RSS] = 6,      [COLUMN_CPU] = 5,
    [COLUMN_ERRORS] = 5,
};

/*
 * In the order in which they come as the screen gets wider; REQUEST keeps at least `keep`
 * cells beside them.
 */
static const struct {
    enum column column;
    int keep;
} column_order[] = {
    {COLUMN_REQUESTS, 16}, {COLUMN_CONNECTIONS, 16}, {COLUMN_LAG99, 16}, {COLUMN_OUT, 16},
    {COLUMN_OFFLOAD, 16},  {COLUMN_ERRORS, 16},      {COLUMN_PID, 16},   {COLUMN_LAG50, 24},
    {COLUMN_LAGMAX, 24},   {COLUMN_GENERATION, 24},  {COLUMN_RSS, 22},   {COLUMN_IN, 22},
    {COLUMN_CPU, 22},
};

static void layout_columns(struct layout *l, const struct layout_need *need)
{
    bool shown[COLUMN_COUNT] = {0};
    int half = need->wide_request ? l->cols / 2 : 0;
    int number = need->workers > 999 ? 5 : column_cells[COLUMN_NUMBER];
    int used = column_cells[COLUMN_MARKER] + number + column_cells[COLUMN_STATE] + 1 +
               column_cells[COLUMN_SINCE] - 1 + 1;
    int col = 0;

    shown[COLUMN_MARKER] = shown[COLUMN_NUMBER] = shown[COLUMN_STATE] = true;
    shown[COLUMN_SINCE] = shown[COLUMN_REQUEST] = true;
    for (size_t i = 0; i < sizeof column_order / sizeof *column_order; i++) {
        int cells = column_cells[column_order[i].column];
        int keep = half > column_order[i].keep ? half : column_order[i].keep;
        if (need->hidden & 1u << column_order[i].column)
            continue;
        if (l->cols - used - cells < keep)
            break;
        shown[column_order[i].column] = true;
        used += cells;
    }
    for (int c = 0; c < COLUMN_COUNT; c++) {
        int cells = c == COLUMN_NUMBER ? number : column_cells[c];
        if (!shown[c])
            continue;
        if (c == COLUMN_STATE || c == COLUMN_REQUEST)
            col++; /* text: the blank stands before it, not within */
        if (c == COLUMN_SINCE)
            cells--; /* STATE is padded on its right already */
        if (c == COLUMN_REQUEST)
            cells = l->cols - col;
        if (cells > l->cols - col)
            cells = l->cols - col;
        l->column[c] = (struct column_place){col, cells > 0 ? cells : 0};
        col += cells > 0 ? cells : 0;
    }
}

static struct layout layout_begin(int rows, int cols)
{
    struct layout l;

    memset(&l, 0, sizeof l);
    l.rows = rows;
    l.cols = cols;
    l.narrow = cols < LAYOUT_NARROW_COLS;
    l.wide = cols >= LAYOUT_WIDE_COLS;
    return l;
}

struct layout layout_overview(int rows, int cols, const struct layout_need *need)
{
    struct layout l = layout_begin(rows, cols);

    layout_heights(&l, need->workers);
    layout_stack_overview(&l);
    layout_columns(&l, need);
    return l;
}

/* Least heights, then wishes, both in this order. Returns the rows that nobody wants. */
static int layout_plan(struct layout *l, const struct pane_plan *plan, int count)
{
    int left = l->rows;

    for (int i = 0; i < count; i++)
        layout_least(l, &plan[i], &left);
    for (int i = 0; i < count; i++)
        layout_wish(l, &plan[i], &left);
    return left;
}

static int at_least(int n, int least)
{
    return n < least ? least : n;
}

struct layout layout_io(int rows, int cols, const struct layout_need *need)
{
    static const enum pane order[] = {PANE_TITLE,   PANE_OFFLOAD, PANE_GRAPH,  PANE_VERDICT,
                                      PANE_THREADS, PANE_MOUNTS,  PANE_STALLS, PANE_KEYS};
    struct layout l = layout_begin(rows, cols);
    bool spare = !l.narrow || rows >= 20;
    int stalls = at_least(need->stalls, 1), few = stalls > 3 ? 3 : stalls;
    int share = at_least(rows / 5, 2); /* of the mounts, so that threads are seen */
    int mounts = at_least(need->mounts, 1);
    const struct pane_plan plan[] = {
        {PANE_VERDICT, 1, l.wide ? 2 : 1},
        {PANE_OFFLOAD, 1, 1},
        {PANE_TITLE, 1, 1},
        {PANE_KEYS, 1, 1},
        {PANE_MOUNTS, rows < 8 ? 0 : 2, 1 + (mounts < share ? mounts : share)},
        {PANE_THREADS, rows < 8 ? 1 : 3, 1 + at_least(need->threads, 1)},
        {PANE_GRAPH, spare ? 3 : 0, rows >= 36 ? 6 : 3},
        {PANE_STALLS, spare ? 1 + few : 0, 1 + stalls},
    };
    int left = layout_plan(&l, plan, COUNT(plan));

    if (l.pane[PANE_THREADS].rows > 0) /* it grows and shrinks; what is below it stands still */
        l.pane[PANE_THREADS].rows += left;
    l.table_header = l.pane[PANE_THREADS].rows >= 3;
    layout_stack(&l, order, COUNT(order));
    return l;
}

/* The greatest height a heat map can have: all its 16 rows, fewer at the bottom, half, quarter. */
static int heat_rows(int room)
{
    return room >= 16 ? 16 : room >= 12 ? room : room >= 8 ? 8 : room >= 4 ? 4 : 0;
}

struct layout layout_latency(int rows, int cols, const struct layout_need *need)
{
    static const enum pane order[] = {PANE_TITLE,  PANE_INFO, PANE_VERDICT, PANE_HEAT,
                                      PANE_CURSOR, PANE_LIST, PANE_KEYS};
    struct layout l = layout_begin(rows, cols);
    const struct pane_plan plan[] = {
        {PANE_VERDICT, need->alarm ? 1 : 0, 1},
        {PANE_TITLE, 1, 1},
        {PANE_KEYS, 1, 1},
        {PANE_HEAT, 5, 0},
        {PANE_CURSOR, 1, 1},
        {PANE_INFO, rows < 16 ? 0 : 1, 1},
        {PANE_LIST, rows < 16 ? 0 : 3, 0},
        {PANE_HEAT, 0, 17},
    };
    int left = layout_plan(&l, plan, COUNT(plan));

    if (l.pane[PANE_HEAT].rows > 0) {
        l.heat_rows = heat_rows(l.pane[PANE_HEAT].rows - 1);
        left += l.pane[PANE_HEAT].rows - 1 - l.heat_rows;
        l.pane[PANE_HEAT].rows = l.heat_rows + 1;
    }
    if (l.pane[PANE_LIST].rows > 0 || left >= 2)
        l.pane[PANE_LIST].rows += left;
    l.table_header = l.pane[PANE_LIST].rows >= 2;
    layout_stack(&l, order, COUNT(order));
    return l;
}

/* A view that is one list, which takes what `plan` leaves. */
static struct layout layout_list(int rows, int cols, const struct pane_plan *plan, int count)
{
    static const enum pane order[] = {PANE_TITLE, PANE_VERDICT, PANE_LIST, PANE_SLOW,
                                      PANE_MORE,  PANE_REQUEST, PANE_KEYS};
    struct layout l = layout_begin(rows, cols);
    int left = layout_plan(&l, plan, count);

    if (l.pane[PANE_LIST].rows > 0)
        l.pane[PANE_LIST].rows += left;
    l.table_header = l.pane[PANE_LIST].rows >= 3;
    layout_stack(&l, order, COUNT(order));
    return l;
}

struct layout layout_requests(int rows, int cols, const struct layout_need *need)
{
    const struct pane_plan plan[] = {
        {PANE_VERDICT, need->alarm ? 1 : 0, 1},
        {PANE_LIST, rows < 6 ? 1 : 3, 0},
        {PANE_TITLE, 1, 1},
        {PANE_KEYS, 1, 1},
        {PANE_SLOW, rows < 12 ? 0 : 3, 0},
        {PANE_REQUEST, rows < 16 ? 0 : 1, 1},
        {PANE_LIST, 0, rows / 2},
        {PANE_SLOW, 0, 1 + need->slow},
    };
    return layout_list(rows, cols, plan, COUNT(plan));
}

struct layout layout_files(int rows, int cols, const struct layout_need *need)
{
    const struct pane_plan plan[] = {
        {PANE_VERDICT, need->alarm ? 1 : 0, 1},
        {PANE_LIST, rows < 6 ? 1 : 3, 0},
        {PANE_TITLE, 1, 1},
        {PANE_KEYS, 1, 1},
        {PANE_MORE, 1, 1},
        {PANE_REQUEST, rows < 16 ? 0 : 1, 1},
    };
    return layout_list(rows, cols, plan, COUNT(plan));
}

struct layout layout_events(int rows, int cols, const struct layout_need *need)
{
    const struct pane_plan plan[] = {
        {PANE_VERDICT, need->alarm ? 1 : 0, 1},
        {PANE_LIST, rows < 6 ? 1 : 3, 0},
        {PANE_TITLE, 1, 1},
        {PANE_KEYS, 1, 1},
        {PANE_REQUEST, rows < 10 ? 0 : 1, rows < 20 ? 2 : 3},
    };
    return layout_list(rows, cols, plan, COUNT(plan));
}

struct layout layout_worker(int rows, int cols, const struct layout_need *need)
{
    static const enum pane order[] = {PANE_TITLE, PANE_VERDICT, PANE_DETAIL, PANE_KEYS};
    struct layout l = layout_begin(rows, cols);
    const struct pane_plan plan[] = {
        {PANE_DETAIL, 1, 1},
        {PANE_TITLE, 1, 1},
        {PANE_KEYS, 1, 1},
        {PANE_VERDICT, need->alarm && rows >= 12 ? 1 : 0, 1},
    };
    int left = layout_plan(&l, plan, COUNT(plan));

    l.pane[PANE_DETAIL].rows += left;
    layout_stack(&l, order, COUNT(order));
    return l;
}
