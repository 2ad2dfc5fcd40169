/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Latency: a heat map of how long the turns of the workers' loops took, a column per second and
 * a row per doubling of the time, with a cursor that tells the counts of one second; and a table
 * of percentiles. Each cell says how often on a logarithmic scale, as a character and, with 256
 * colours, as a background.
 */
#include "tui/ui/v_list.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "tui/ui/fmt.h"
#include "tui/ui/text.h"

#define LABEL_CELLS 6 /* and the axis */

static const char *const bound_name[LAG_BUCKETS] = {
    "0.5ms", "1ms",   "2ms",   "4ms", "8ms", "16ms", "31ms", "63ms",
    "125ms", "250ms", "500ms", "1s",  "2s",  "4s",   "8s",   "> 8s",
};

static const char *const range_name[LAG_BUCKETS] = {
    "< 0.5ms",   "0.5..1ms",   "1..2ms",     "2..4ms",  "4..8ms", "8..16ms", "16..31ms", "31..63ms",
    "63..125ms", "125..250ms", "250..500ms", "0.5..1s", "1..2s",  "2..4s",   "4..8s",    "> 8s",
};

static const struct model_worker *memory_of(const struct model *m, unsigned number)
{
    for (unsigned i = 0; i < m->memory_count; i++)
        if (m->memory[i].number == number)
            return &m->memory[i];
    return NULL;
}

/* Seconds that there are columns for. */
static int heat_seconds(const struct view *v)
{
    const struct model_worker *w = memory_of(v->m, v->a->latency_worker);

    if (v->a->latency_worker != 0)
        return w ? (int)w->heat_count : 0;
    return (int)v->m->history.count;
}

/* How many turns of `ago` seconds before the newest were in the bucket. */
static uint64_t heat_count(const struct view *v, int ago, int bucket)
{
    const struct model_worker *w = memory_of(v->m, v->a->latency_worker);
    const struct history_record *r;

    if (ago >= heat_seconds(v))
        return 0;
    if (v->a->latency_worker != 0)
        return w->heat[(w->heat_next + HEAT_SECONDS - 1 - (unsigned)ago) % HEAT_SECONDS][bucket];
    r = history_at(&v->m->history, (unsigned)ago);
    return r && !r->gap ? r->lag[bucket] : 0;
}

/* The buckets of row y of `rows`, the slowest in row 0. */
static void heat_buckets(int y, int rows, int *low, int *high)
{
    int each = rows >= 12 ? 1 : LAG_BUCKETS / rows;

    *high = LAG_BUCKETS - 1 - y * each;
    *low = *high - each + 1;
    if (rows >= 12 && y == rows - 1)
        *low = 0; /* there is no room for all: the quick ones share a row */
}

static void heat_label(char out[FMT_BYTES], int low, int high)
{
    if (high == LAG_BUCKETS - 1 && low > 0)
        snprintf(out, FMT_BYTES, "> %s", bound_name[low - 1]);
    else
        snprintf(out, FMT_BYTES, "%s", bound_name[high]);
}

/* The seconds that the columns show: the rightmost is `from` before the newest. */
struct heat_span {
    int from, columns, cursor;
};

static struct heat_span heat_span(struct view *v)
{
    struct heat_span s = {.columns = v->layout.cols - LABEL_CELLS - 1};
    int last = heat_seconds(v) - 1;

    v->facts->heat_last = last > 0 ? last : 0;
    s.cursor = v->a->latency_ago < last ? v->a->latency_ago : last;
    if (s.cursor < 0)
        s.cursor = 0;
    if (s.cursor >= s.columns)
        s.from = s.cursor - s.columns + 1;
    return s;
}

/* A label that begins at col, or beside the cursor when that would stand within it; left out when
 * there is no room for it then. */
static void axis_label(struct view *v, int row, int col, int cursor, const char *text)
{
    int cells = text_width(text), left = LABEL_CELLS + 1, right = v->layout.cols - 1;

    if (cursor >= col && cursor < col + cells) /* towards the middle of the axis */
        col = col + cells / 2 < (left + right) / 2 ? cursor + 1 : cursor - cells;
    if (col >= left && col + cells - 1 <= right)
        grid_text(v->g, row, col, cells, ROLE_DIM, text);
}

static void heat_axis(struct view *v, int row, const struct heat_span *s)
{
    int right = v->layout.cols - 1, cursor = right - (s->cursor - s->from);
    char text[32];

    snprintf(text, sizeof text, "-%ds", s->from + s->columns - 1);
    axis_label(v, row, LABEL_CELLS + 1, cursor, text);
    snprintf(text, sizeof text, "-%ds", s->from + s->columns / 2);
    if (s->columns >= 30)
        axis_label(v, row, right - s->columns / 2, cursor, text);
    if (s->from > 0)
        snprintf(text, sizeof text, "-%ds", s->from);
    else
        snprintf(text, sizeof text, "now");
    axis_label(v, row, right - text_width(text) + 1, cursor, text);
    grid_put(v->g, row, cursor, ROLE_KEY, L'^');
}

static void draw_heat(struct view *v, struct rect r)
{
    const struct heat_span s = heat_span(v);
    wchar_t axis = v->charset == CHARSET_ASCII ? L'|' : 0x2502;
    int rows = v->layout.heat_rows;
    char label[FMT_BYTES];

    if (s.columns < 1 || rows < 1)
        return;
    for (int y = 0; y < rows; y++) {
        int low, high;
        heat_buckets(y, rows, &low, &high);
        heat_label(label, low, high);
        grid_text_right(v->g, r.row + y, 0, LABEL_CELLS - 1, ROLE_DIM, label);
        grid_put(v->g, r.row + y, LABEL_CELLS, ROLE_DIM, axis);
        for (int x = 0; x < s.columns; x++) {
            uint64_t n = 0;
            for (int b = low; b <= high; b++)
                n += heat_count(v, s.from + s.columns - 1 - x, b);
            chart_heat(v->g, r.row + y, LABEL_CELLS + 1 + x, n);
        }
    }
    heat_axis(v, r.row + rows, &s);
}

/* What the cursor points at: the slowest turns first, each with a worker that had one. */
static void draw_cursor(struct view *v, struct rect r)
{
    static const char scale[] = "scale: . 1  @ 1000+";
    const struct heat_span s = heat_span(v);
    const struct history_record *h = history_at(&v->m->history, (unsigned)s.cursor);
    int scale_cells = r.cols >= 70 ? (int)sizeof scale + 1 : 0, end = r.cols - scale_cells;
    int col = r.cols < 30 ? 0 : 1, said = 0;
    char one[64], who[16];

    col += view_print(v, r.row, col, end - col, ROLE_NORMAL, "at -%ds:", s.cursor);
    for (int b = LAG_BUCKETS - 1; b >= 0; b--) {
        uint64_t n = heat_count(v, s.cursor, b);
        if (n == 0)
            continue;
        who[0] = '\0';
        if (v->a->latency_worker == 0 && h && h->lag_worker[b] && n < 100)
            snprintf(who, sizeof who, " (w%u)", h->lag_worker[b]);
        snprintf(one, sizeof one, "%s %llu%s", range_name[b], (unsigned long long)n, who);
        if (col + 2 + text_width(one) > end)
            break;
        grid_text(v->g, r.row, col + (said ? 2 : 1), end, ROLE_NORMAL, one);
        col += (said ? 2 : 1) + text_width(one);
        said++;
    }
    if (said == 0)
        view_print(v, r.row, col + 1, end - col - 1, ROLE_DIM, "no turn ended");
    if (scale_cells)
        grid_text_right(v->g, r.row, 0, r.cols - 1, ROLE_DIM, scale);
}

static void draw_info(struct view *v, struct rect r)
{
    const struct model_worker *w = memory_of(v->m, v->a->latency_worker);
    char a[FMT_BYTES] = "-", b[FMT_BYTES] = "-", c[FMT_BYTES] = "-", text[120];

    grid_text(v->g, r.row, 1, r.cols - 1, ROLE_NORMAL,
              v->layout.narrow ? "time of loop turns"
                               : "event-loop iteration time, one column per second");
    if (w && w->lag_known) {
        fmt_age(a, w->lag_p50_ns);
        fmt_age(b, w->lag_p99_ns);
        fmt_age(c, w->lag_max_ns);
        snprintf(text, sizeof text, "p50 %s  p99 %s  max %s", a, b, c);
    } else {
        if (v->a->latency_worker == 0 && v->m->history.count > 0)
            fmt_age(b, v->m->lag_p99_ns);
        snprintf(text, sizeof text, "p99 %s", b);
    }
    if (v->layout.cols >= 52 + text_width(text))
        grid_text_right(v->g, r.row, 50, r.cols - 51, ROLE_NORMAL, text);
}

enum { L_NUMBER, L_P50, L_P90, L_P99, L_MAX, L_TURNS, L_OVER, L_HIST, L_COUNT };
static const struct list_column lag_columns[L_COUNT] = {
    [L_NUMBER] = {3, 3, 3, true, "#"},
    [L_P50] = {0, 6, 6, true, "p50"},
    [L_P90] = {0, 6, 6, true, "p90"},
    [L_P99] = {6, 6, 6, true, "p99"},
    [L_MAX] = {6, 6, 6, true, "max"},
    [L_TURNS] = {0, 6, 6, true, "iter/s"},
    [L_OVER] = {0, 7, 7, true, "over"},
    [L_HIST] = {LIST_REST, LIST_REST, LIST_REST, false, "0.5ms - 8s+"},
};

/* What number `by` of view_sort_name sorts by. */
static void lag_sort_by(const struct view *v, struct list_item *item, int by)
{
    const struct model_row *r = &v->m->row[item->index];
    const struct model_worker *w = &v->m->memory[r->memory];
    const double number[] = {[L_NUMBER] = -(double)w->number, [L_P50] = (double)w->lag_p50_ns,
                             [L_P90] = (double)w->lag_p90_ns, [L_P99] = (double)w->lag_p99_ns,
                             [L_MAX] = (double)w->lag_max_ns, [L_TURNS] = w->turns,
                             [L_OVER] = (double)w->lag_over};

    if (by >= 1 && by <= L_OVER + 1)
        item->number = number[by - 1];
    if (!w->lag_known && by > 1 && by <= L_MAX + 1)
        item->number = MODEL_UNKNOWN;
}

static void lag_histogram(struct view *v, int row, struct column_place p,
                          const struct model_worker *w)
{
    if (p.cells < LAG_BUCKETS + 2)
        return;
    grid_put(v->g, row, p.col, ROLE_DIM, L'|');
    for (int b = 0; b < LAG_BUCKETS; b++)
        chart_heat(v->g, row, p.col + 1 + b, w->lag[b]);
    grid_put(v->g, row, p.col + 1 + LAG_BUCKETS, ROLE_DIM, L'|');
}

static void lag_row(const struct list_table *t, int row, const struct model_row *r)
{
    struct view *v = t->v;
    const struct snap_worker *now = model_worker(v->m, r);
    const struct model_worker *w = &v->m->memory[r->memory];
    bool selected = v->a->selected != 0 && v->a->selected == now->number;
    bool stuck = r->state == ROW_BLOCKED || r->state == ROW_STOPPED;
    enum role role = selected ? ROLE_SELECT : ROLE_NORMAL;
    char n[FMT_BYTES];

    if (selected)
        grid_fill(v->g, row, 0, v->layout.cols, role, L' ');
    if (selected && !v->colour)
        grid_put(v->g, row, 0, role, L'>');
    list_mark(t, row, stuck ? ROLE_BAD : role,
              stuck                      ? "!"
              : r->state == ROW_SLOW     ? ":"
              : r->state >= ROW_STARTING ? "~"
                                         : " ");
    snprintf(n, sizeof n, "%u", now->number);
    list_put(t, row, L_NUMBER, stuck ? ROLE_BAD : role, n);
    const struct {
        int column;
        uint64_t ns;
    } lag[] = {{L_P50, w->lag_p50_ns},
               {L_P90, w->lag_p90_ns},
               {L_P99, w->lag_p99_ns},
               {L_MAX, w->lag_max_ns}};
    for (size_t i = 0; i < sizeof lag / sizeof *lag; i++)
        list_put(t, row, lag[i].column, role, w->lag_known ? fmt_age(n, lag[i].ns) : "-");
    list_put(t, row, L_TURNS, role, fmt_count(n, w->turns));
    list_put(t, row, L_OVER, w->lag_over > 0 && !selected ? ROLE_WARN : role,
             fmt_count(n, (double)w->lag_over));
    lag_histogram(v, row, t->place[L_HIST], w);
}

static void draw_lags(struct view *v, struct rect r)
{
    struct list_column column[L_COUNT];
    struct list l = {0};
    char over[FMT_BYTES + 2], more[200], age[FMT_BYTES];
    int head = v->layout.table_header ? 1 : 0;

    memcpy(column, lag_columns, sizeof column);
    if (v->m->now.blocked_after_ns > 0) {
        snprintf(over, sizeof over, ">%s", fmt_age(age, v->m->now.blocked_after_ns));
        column[L_OVER].title = over;
    }
    const struct list_table t = list_table(v, column, L_COUNT, 0, v->layout.cols);
    if (!view_worker_list(v, VIEW_LATENCY, &l, lag_sort_by)) {
        list_nothing(&t, r.row, "no memory for the table");
        list_free(&l);
        return;
    }
    uint64_t key = v->a->selected ? (uint64_t)v->a->selected << 32 | v->a->selected_epoch : 0;
    struct list_window w = list_window(v, &l, VIEW_LATENCY, r.row + head, r.rows - head, key);
    list_more(v, VIEW_LATENCY, &w, more, sizeof more);
    if (head)
        list_header(&t, r.row, more);
    for (int i = 0; i < w.room && w.top + i < w.count; i++)
        lag_row(&t, r.row + head + i, &v->m->row[l.item[w.top + i].index]);
    if (l.count == 0)
        list_nothing(&t, r.row + head, "no workers");
    list_free(&l);
}

void view_latency(struct view *v)
{
    const struct rect *pane = v->layout.pane;

    if (pane[PANE_INFO].rows > 0)
        draw_info(v, pane[PANE_INFO]);
    if (v->m->have && pane[PANE_HEAT].rows > 0)
        draw_heat(v, pane[PANE_HEAT]);
    if (v->m->have && pane[PANE_CURSOR].rows > 0)
        draw_cursor(v, pane[PANE_CURSOR]);
    if (v->m->have && pane[PANE_LIST].rows > 0)
        draw_lags(v, pane[PANE_LIST]);
    view_around(v);
}
