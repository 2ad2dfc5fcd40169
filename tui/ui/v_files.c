/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files: what is asked for most, of all workers together, with the share that needed a disk; the
 * last line says what the tables could not hold. The overview's pane of files is here too.
 */
#include "tui/ui/v_list.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tui/ui/fmt.h"
#include "tui/ui/text.h"

/* In the order of view_sort_name, which counts them from 1, but for the last two. */
enum {
    F_REQUESTS,
    F_OUT,
    F_FLIGHT,
    F_COLD,
    F_P50,
    F_P99,
    F_ERRORS,
    F_LAST,
    F_WORKERS,
    F_PATH,
    F_COUNT
};
static const struct list_column file_columns[F_COUNT] = {
    [F_REQUESTS] = {5, 5, 5, true, "REQ/s"},
    [F_OUT] = {0, 5, 5, true, "OUT/s"},
    [F_FLIGHT] = {0, 4, 4, true, "INFL"},
    [F_COLD] = {4, 4, 4, true, "COLD"},
    [F_P50] = {0, 6, 6, true, "p50"},
    [F_P99] = {6, 6, 6, true, "p99"},
    [F_ERRORS] = {0, 5, 5, true, "ERR/s"},
    [F_LAST] = {0, 6, 6, true, "LAST"},
    [F_WORKERS] = {0, 0, 3, true, "W"},
    [F_PATH] = {LIST_REST, LIST_REST, LIST_REST, false, "PATH"},
};

static const char *time_or_dash(char out[FMT_BYTES], uint64_t ns)
{
    if (ns == 0)
        snprintf(out, FMT_BYTES, "-");
    else
        fmt_age(out, ns);
    return out;
}

static void file_row(const struct list_table *t, int row, const struct top_file *f, enum role role)
{
    char n[FMT_BYTES];

    list_put(t, row, F_REQUESTS, role, fmt_count(n, f->requests));
    list_put(t, row, F_OUT, role, view_rate(t->v, n, f->bytes));
    list_put(t, row, F_FLIGHT, role, fmt_count(n, f->in_flight));
    /* 0 % is said only when not a single one was cold. */
    if (f->cold < 0)
        snprintf(n, sizeof n, "-");
    else
        snprintf(n, sizeof n, "%d%%",
                 f->cold > 0 && f->cold < 0.01 ? 1
                 : f->cold >= 1                ? 100
                                               : (int)(f->cold * 100));
    list_put(t, row, F_COLD, role, n);
    list_put(t, row, F_P50, role, time_or_dash(n, f->p50_ns));
    list_put(t, row, F_P99, role, time_or_dash(n, f->p99_ns));
    list_put(t, row, F_ERRORS, f->errors > 0 && role == ROLE_NORMAL ? ROLE_WARN : role,
             fmt_count(n, f->errors));
    list_put(t, row, F_LAST, role, time_or_dash(n, f->last_time_ns));
    snprintf(n, sizeof n, "%u", f->workers);
    list_put(t, row, F_WORKERS, role, n);
    list_put(t, row, F_PATH, role, f->path);
}

/* What number `by` of view_sort_name sorts by. */
static void file_sort_by(const struct top_file *f, struct list_item *item, int by)
{
    const double number[] = {[F_REQUESTS] = f->requests,  [F_OUT] = f->bytes,
                             [F_FLIGHT] = f->in_flight,   [F_COLD] = f->cold,
                             [F_P50] = (double)f->p50_ns, [F_P99] = (double)f->p99_ns,
                             [F_ERRORS] = f->errors,      [F_LAST] = (double)f->last_time_ns};

    if (by >= 1 && by <= F_LAST + 1)
        item->number = number[by - 1];
    else if (by == F_LAST + 2)
        item->text = f->path;
}

static bool file_list(const struct view *v, struct list *l)
{
    const struct topk *k = &v->m->files;

    for (unsigned i = 0; i < k->count; i++) {
        if (!list_add(l, k->file[i].key, i))
            return false;
        file_sort_by(&k->file[i], &l->item[i], v->a->list[VIEW_FILES].sort);
    }
    list_arrange(l, v, VIEW_FILES);
    return true;
}

static void draw_files(struct view *v, struct rect r)
{
    struct list_table t = list_table(v, file_columns, F_COUNT, 0, v->layout.cols);
    const struct topk *k = &v->m->files;
    int head = v->layout.table_header ? 1 : 0;
    struct list l = {0};
    char more[200];

    list_shifts(&t, VIEW_FILES);
    if (!file_list(v, &l)) {
        list_nothing(&t, r.row, "no memory for the list");
        list_free(&l);
        return;
    }
    struct list_window w =
        list_window(v, &l, VIEW_FILES, r.row + head, r.rows - head, v->a->list[VIEW_FILES].key);
    list_more(v, VIEW_FILES, &w, more, sizeof more);
    if (head)
        list_header(&t, r.row, more);
    for (int i = 0; i < w.room && w.top + i < w.count; i++) {
        const struct list_item *item = &l.item[w.top + i];
        int row = r.row + head + i;
        file_row(&t, row, &k->file[item->index],
                 list_row_role(v, VIEW_FILES, row, 0, v->layout.cols, item->key));
    }
    if (l.count == 0)
        list_nothing(&t, r.row + head,
                     k->count ? "no file matches the filter" : "no file was asked for yet");
    list_free(&l);
}

static void draw_others(struct view *v, struct rect r)
{
    const struct topk *k = &v->m->files;
    char n[FMT_BYTES];

    view_print(v, r.row, 1, r.cols - 1, ROLE_DIM,
               v->layout.narrow ? "others %s/s" : "others %5s/s     %u files in %u of %u rows",
               fmt_count(n, k->others), k->count, k->rows, k->rows_max);
}

/* Which workers answer for the file under the cursor, and how often. */
static void draw_selected(struct view *v, struct rect r)
{
    const struct snap *s = &v->m->now;
    const struct top_file *f = NULL;
    char text[2 * SNAP_TEXT_BYTES], cut[2 * SNAP_TEXT_BYTES], n[FMT_BYTES];
    size_t used;

    for (unsigned i = 0; i < v->m->files.count; i++)
        if (v->m->files.file[i].key == v->a->list[VIEW_FILES].key)
            f = &v->m->files.file[i];
    if (f == NULL || v->a->list[VIEW_FILES].key == 0)
        return;
    used = (size_t)snprintf(text, sizeof text, "requests of each worker:");
    for (unsigned i = 0; i < s->file_count && used < sizeof text - 64; i++)
        if (strcmp(s->file[i].path, f->path) == 0)
            used += (size_t)snprintf(text + used, sizeof text - used, "  w%u %s", s->file[i].worker,
                                     fmt_count(n, (double)s->file[i].requests));
    text_cut_end(cut, sizeof cut, text, r.cols - 2);
    grid_text(v->g, r.row, 1, r.cols - 1, ROLE_NORMAL, cut);
}

void view_files(struct view *v)
{
    const struct rect *pane = v->layout.pane;

    if (v->m->have && pane[PANE_LIST].rows > 0)
        draw_files(v, pane[PANE_LIST]);
    if (v->m->have && pane[PANE_MORE].rows > 0)
        draw_others(v, pane[PANE_MORE]);
    if (v->m->have && pane[PANE_REQUEST].rows > 0)
        draw_selected(v, pane[PANE_REQUEST]);
    view_around(v);
}

void view_files_pane(struct view *v, struct rect r)
{
    const struct list_table t = list_table(v, file_columns, F_COUNT, r.col, r.cols);
    const struct topk *k = &v->m->files;

    list_header(&t, r.row, "files asked for most, last 60 s");
    for (int i = 0; i < r.rows - 1 && i < (int)k->count; i++)
        file_row(&t, r.row + 1 + i, &k->file[i], ROLE_NORMAL);
    if (k->count == 0 && v->m->have && r.rows > 1)
        list_nothing(&t, r.row + 1, "no file was asked for yet");
}
