/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where panes go, at every size; drawing at every size; charts; and what lists make of filter,
 * sort, held order, cursor and scrolling.
 */
#include "tests/unit/unit.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "tests/tui/fixture.h"
#include "tui/ui/view.h"

typedef struct layout layout_fn(int, int, const struct layout_need *);
static layout_fn *const layout_of[VIEW_COUNT] = {
    [VIEW_OVERVIEW] = layout_overview,
    [VIEW_LATENCY] = layout_latency,
    [VIEW_REQUESTS] = layout_requests,
    [VIEW_FILES] = layout_files,
    [VIEW_IO] = layout_io,
    [VIEW_EVENTS] = layout_events,
    [VIEW_WORKER] = layout_worker,
};

static bool rects_meet(const struct rect *a, const struct rect *b)
{
    return a->rows > 0 && b->rows > 0 && a->row < b->row + b->rows && b->row < a->row + a->rows &&
           a->col < b->col + b->cols && b->col < a->col + a->cols;
}

static const char *panes_fault(const struct layout *l)
{
    for (int p = 0; p < PANE_COUNT; p++) {
        const struct rect *r = &l->pane[p];
        if (r->rows == 0)
            continue;
        if (r->rows < 0 || r->cols < 0 || r->row < 0 || r->col < 0 || r->row + r->rows > l->rows ||
            r->col + r->cols > l->cols)
            return "a pane sticks out";
        for (int q = 0; q < p; q++)
            if (rects_meet(r, &l->pane[q]))
                return "panes overlap";
    }
    return NULL;
}

static const char *columns_fault(const struct layout *l, const struct layout_need *need)
{
    int end = 0;

    for (int c = 0; c < COLUMN_COUNT; c++) {
        if (l->column[c].cells == 0)
            continue;
        if (need->hidden & 1u << c)
            return "a hidden column is shown";
        if (l->column[c].col < end)
            return "columns overlap";
        end = l->column[c].col + l->column[c].cells;
        if (end > l->cols)
            return "a column sticks out";
    }
    if (l->column[COLUMN_CPU].cells && !l->column[COLUMN_IN].cells && !need->hidden)
        return "IN/s leaves before CPU%";
    if (l->column[COLUMN_PID].cells && !l->column[COLUMN_ERRORS].cells && !need->hidden)
        return "ERR leaves before PID";
    return l->cols >= 40 && l->column[COLUMN_REQUEST].cells < 12 ? "REQUEST is too narrow" : NULL;
}

/* What has to be there at this size, the most important first. */
static const char *priority_fault(enum view_kind view, const struct layout *l,
                                  const struct layout_need *need)
{
    const struct rect *pane = l->pane;

    if (view == VIEW_OVERVIEW || view == VIEW_IO || need->alarm)
        if (pane[PANE_VERDICT].rows == 0 && (view != VIEW_WORKER || l->rows >= 12))
            return "the verdict is missing";
    if (l->rows >= 6 && (pane[PANE_TITLE].rows == 0 || pane[PANE_KEYS].rows == 0))
        return "title or keys are missing";
    switch (view) {
    case VIEW_OVERVIEW:
        if (l->rows >= 2 && pane[PANE_QUEUE].rows == 0)
            return "the queue is missing";
        if (l->rows >= 36 && l->cols >= LAYOUT_NARROW_COLS && pane[PANE_FILES].rows < 4)
            return "the files are missing";
        if (pane[PANE_EVENTS].rows > 0 && l->wide != (pane[PANE_SLOW].rows > 0))
            return "slow requests do not stand beside the events";
        return l->rows >= 8 && pane[PANE_TABLE].rows < 3 && need->workers > 1
                   ? "the table is missing"
                   : NULL;
    case VIEW_IO:
        if (l->rows >= 2 && pane[PANE_OFFLOAD].rows == 0)
            return "the offload line is missing";
        return l->rows >= 9 && (pane[PANE_THREADS].rows < 3 || pane[PANE_MOUNTS].rows < 2)
                   ? "threads or mounts are missing"
                   : NULL;
    case VIEW_LATENCY:
        if (l->heat_rows != (pane[PANE_HEAT].rows ? pane[PANE_HEAT].rows - 1 : 0))
            return "the heat map has another height than its pane";
        if (l->rows >= 24 && (l->heat_rows < 12 || pane[PANE_LIST].rows < 3))
            return "heat map or table are too low";
        return l->rows >= 9 && l->heat_rows < 4 ? "the heat map is missing" : NULL;
    case VIEW_WORKER:
        return pane[PANE_DETAIL].rows == 0 ? "the detail is missing" : NULL;
    default:
        return l->rows >= 2 && pane[PANE_LIST].rows == 0  ? "the list is missing"
               : l->rows >= 9 && pane[PANE_LIST].rows < 3 ? "the list is too low"
                                                          : NULL;
    }
}

START_TEST(layouts_neither_overlap_nor_stick_out)
{
    static const int workers[] = {0, 1, 8, 64, 512};
    layout_fn *of = layout_of[_i];

    for (int rows = 1; rows <= 100; rows++)
        for (int cols = 1; cols <= 250; cols++)
            for (size_t w = 0; w < sizeof workers / sizeof *workers; w++) {
                const struct layout_need need = {
                    .workers = workers[w],
                    .threads = workers[w],
                    .mounts = workers[w] / 4,
                    .stalls = workers[w] % 11,
                    .slow = workers[w] / 2,
                    .alarm = (rows + cols) % 2,
                    .wide_request = cols % 3 == 0,
                    .hidden = cols % 5 ? 0 : 1u << COLUMN_PID | 1u << COLUMN_RSS,
                };
                struct layout l = of(rows, cols, &need);
                const char *fault = panes_fault(&l);
                if (fault == NULL && _i == VIEW_OVERVIEW)
                    fault = columns_fault(&l, &need);
                if (fault == NULL)
                    fault = priority_fault((enum view_kind)_i, &l, &need);
                if (fault)
                    ck_abort_msg("view %d, %d x %d, %d workers: %s", _i, cols, rows, workers[w],
                                 fault);
            }
}
END_TEST

static void check_cells(const struct grid *g, int view)
{
    int bad = 0; /* each ck_assert costs a system call */

    for (int i = 0; i < g->rows * g->cols; i++)
        bad += (g->cell[i].ch != GRID_RIGHT_HALF && g->cell[i].ch < L' ') ||
               g->cell[i].role >= ROLE_COUNT;
    ck_assert_msg(bad == 0, "view %d at %d x %d", view, g->cols, g->rows);
}

/* Every view of every situation can be drawn at every size, with every strip and the help. */
START_TEST(screens_of_every_size)
{
    struct model *m = fixture_model((enum fixture)_i);
    struct grid g = {0};
    static struct app a;

    app_init(&a, NS_PER_S, false);
    for (int rows = 1; rows <= 60; rows += rows < 12 ? 1 : 7)
        for (int cols = 1; cols <= 250; cols += cols < 45 ? 1 : 17) {
            a.strip.kind = (enum strip_kind)((rows + cols) % (STRIP_FAILED + 1));
            a.strip.offload = a.strip.kind == STRIP_OFFLOAD || cols % 3 == 0;
            a.view = (enum view_kind)((rows + cols / 2) % VIEW_COUNT);
            a.io_scroll = a.latency_ago = cols % 100;
            a.latency_worker = (unsigned)cols % 4;
            a.list[a.view].scroll = cols % 30;
            a.list[a.view].sort = rows % 18;
            a.list[a.view].invert = cols % 2;
            a.list[a.view].held_until_ns = cols % 5 ? 0 : UINT64_MAX;
            a.group = cols % 2;
            a.wide = rows % 2;
            a.time.paused = cols % 7 == 0;
            a.help = rows % 4 == 3 && cols % 2;
            ck_assert(grid_resize(&g, rows, cols));
            struct view_facts f = view_draw(m, &a, &g, (enum charset)(cols % 3), cols % 2);
            check_cells(&g, (int)a.view);
            ck_assert(f.row_count >= 0 && f.row_count <= VIEW_ROWS);
            ck_assert(f.row_count == 0 || f.first_row + f.row_count <= rows);
        }
    grid_free(&g);
    model_free(m);
    free(m);
}
END_TEST

/* What the last drawing told, of two workers blocked out of eight, at 80 by 24. */
static struct view_facts facts_of(const struct app *a, enum fixture which)
{
    struct model *m = fixture_model(which);
    struct grid g = {0};
    struct view_facts f;

    ck_assert(grid_resize(&g, 24, 80));
    f = view_draw(m, a, &g, CHARSET_ASCII, true);
    grid_free(&g);
    model_free(m);
    free(m);
    return f;
}

static unsigned number_at(const struct view_facts *f, int row)
{
    return (unsigned)(f->row_key[row] >> 32);
}

START_TEST(workers_are_sorted_filtered_and_held)
{
    static struct app a;

    app_init(&a, NS_PER_S, false);
    struct view_facts f = facts_of(&a, FIX_TWO_BLOCKED);
    ck_assert_int_eq(f.row_count, 8);
    ck_assert_uint_eq(number_at(&f, 0), 3); /* the one that is stuck for longest */
    ck_assert_uint_eq(number_at(&f, 1), 6);
    ck_assert_uint_eq(number_at(&f, 2), 1);
    a.list[VIEW_OVERVIEW].sort = 6; /* REQ/s: the higher the number, the more */
    f = facts_of(&a, FIX_TWO_BLOCKED);
    ck_assert_uint_eq(number_at(&f, 0), 8);
    ck_assert_uint_eq(number_at(&f, 7), 1);
    a.list[VIEW_OVERVIEW].sort = 1;
    f = facts_of(&a, FIX_TWO_BLOCKED);
    ck_assert_uint_eq(number_at(&f, 0), 1); /* numbers with the smallest first */
    a.list[VIEW_OVERVIEW].sort = 0;
    a.list[VIEW_OVERVIEW].held_until_ns = UINT64_MAX; /* as it was drawn last */
    f = facts_of(&a, FIX_TWO_BLOCKED);
    ck_assert_uint_eq(number_at(&f, 0), 1);
    ck_assert_uint_eq(number_at(&f, 7), 8);
    a.list[VIEW_OVERVIEW].held_until_ns = 0;
    a.list[VIEW_OVERVIEW].invert = true;
    f = facts_of(&a, FIX_TWO_BLOCKED);
    ck_assert_uint_eq(number_at(&f, 7), 3);
    strcpy(a.list[VIEW_OVERVIEW].filter, "BIG.ISO");
    f = facts_of(&a, FIX_TWO_BLOCKED);
    ck_assert_int_eq(f.row_count, 1);
    ck_assert_uint_eq(number_at(&f, 0), 3);
}
END_TEST

START_TEST(groups_stand_by_generation)
{
    static struct app a;

    app_init(&a, NS_PER_S, false);
    a.group = true;
    struct view_facts f = facts_of(&a, FIX_DRAINING);
    ck_assert_uint_eq(f.row_key[0], 0); /* generation 8 */
    ck_assert_uint_eq(number_at(&f, 1), 5);
    ck_assert_uint_eq(number_at(&f, 2), 8);
    ck_assert_uint_eq(f.row_key[3], 0); /* generation 7 */
    ck_assert_uint_eq(number_at(&f, 4), 7);
}
END_TEST

START_TEST(scrolling_ends_where_the_rows_do)
{
    static struct app a;

    app_init(&a, NS_PER_S, false);
    a.view = VIEW_REQUESTS;
    struct view_facts f = facts_of(&a, FIX_MANY);
    ck_assert_int_eq(f.scroll, 0);
    ck_assert_int_gt(f.page_rows, 5);
    ck_assert_int_eq(f.row_count, f.page_rows);
    ck_assert_int_eq(f.last_scroll, 66 - f.page_rows);
    uint64_t second = f.row_key[1];
    a.list[VIEW_REQUESTS].scroll = 1;
    f = facts_of(&a, FIX_MANY);
    ck_assert_uint_eq(f.row_key[0], second);
    a.list[VIEW_REQUESTS].scroll = 100000;
    f = facts_of(&a, FIX_MANY);
    ck_assert_int_eq(f.scroll, f.last_scroll);
    a.list[VIEW_REQUESTS].scroll = 0; /* the cursor is kept in sight */
    a.list[VIEW_REQUESTS].key = f.row_key[f.row_count - 1];
    struct view_facts g = facts_of(&a, FIX_MANY);
    ck_assert_uint_eq(g.row_key[g.row_count - 1], a.list[VIEW_REQUESTS].key);
}
END_TEST

static void graph_line(char *out, const double *value, int cols, enum charset charset)
{
    struct grid g = {0};
    size_t n = 0;

    ck_assert(grid_resize(&g, 1, cols));
    chart_graph(&g, 0, 0, 1, cols, value, 4, charset);
    for (int x = 0; x < cols; x++) {
        wchar_t ch = grid_at(&g, 0, x)->ch;
        if (ch < 0x80)
            out[n++] = (char)ch;
        else
            n += (size_t)sprintf(out + n, "%x,", (unsigned)ch);
    }
    out[n] = '\0';
    grid_free(&g);
}

START_TEST(charts)
{
    const double value[] = {0, 0.001, 1, 2, 3, 4, 99, NAN};
    const double pair[] = {0, 4, 4, 0, 1, 2, NAN, NAN};
    char got[128];

    graph_line(got, value, 8, CHARSET_ASCII);
    ck_assert_str_eq(got, " ..:=## ");
    graph_line(got, value, 8, CHARSET_BLOCK);
    ck_assert_str_eq(got, " 2581,2582,2584,2586,2588,2588, ");
    graph_line(got, pair, 4, CHARSET_BRAILLE);
    ck_assert_str_eq(got, "28b8,2847,28e0, ");
    ck_assert_int_eq(chart_samples(10, CHARSET_BRAILLE), 20);
}
END_TEST

/* From one second to the next only the newest and the gap behind it change. */
START_TEST(a_sweep_stands_still)
{
    enum { SAMPLES = 10 };
    double before[SAMPLES], after[SAMPLES];

    for (uint64_t second = 100; second < 125; second++) {
        int changed = 0;
        for (int i = 0; i < SAMPLES; i++) { /* the value of a second is its number */
            before[i] = (double)(second - SAMPLES + 1 + (uint64_t)i);
            after[i] = before[i] + 1;
        }
        chart_sweep(before, SAMPLES, second);
        chart_sweep(after, SAMPLES, second + 1);
        for (int i = 0; i < SAMPLES; i++)
            changed += !(before[i] == after[i]);
        ck_assert_int_eq(changed, 2);
        ck_assert(before[second % SAMPLES] == (double)second);
        ck_assert(isnan(before[(second + 1) % SAMPLES]));
    }
}
END_TEST

START_TEST(heat_is_logarithmic)
{
    ck_assert_uint_eq(chart_heat_step(0), 0);
    ck_assert_uint_eq(chart_heat_step(1), 1);
    ck_assert_uint_eq(chart_heat_step(999), 7);
    ck_assert_uint_eq(chart_heat_step(1000), 8);
    ck_assert_uint_eq(chart_heat_step(UINT64_MAX), 8);
    for (uint64_t n = 1; n < 2000; n++)
        ck_assert(chart_heat_step(n) <= chart_heat_step(n + 1));
}
END_TEST

int main(void)
{
    setlocale(LC_ALL, "C.UTF-8");
    Suite *s = suite_create("tui layout");
    TCase *t = tcase_create("layout");
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, layouts_neither_overlap_nor_stick_out, 0, VIEW_COUNT);
    tcase_add_loop_test(t, screens_of_every_size, 0, FIX_COUNT);
    tcase_add_test(t, workers_are_sorted_filtered_and_held);
    tcase_add_test(t, groups_stand_by_generation);
    tcase_add_test(t, scrolling_ends_where_the_rows_do);
    tcase_add_test(t, charts);
    tcase_add_test(t, a_sweep_stands_still);
    tcase_add_test(t, heat_is_logarithmic);
    suite_add_tcase(s, t);
    return unit_run(s);
}
