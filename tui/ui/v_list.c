/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lists. Sorting is stable: rows that compare equal keep the natural order. A held order puts
 * the rows of the last drawing where they were and new ones behind them.
 */
#include "tui/ui/v_list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "tui/ui/text.h"

/* By number: 0 is the natural order. Each view gives its items what the number means. */
#define SORTS 18
static const char *const sort_name[VIEW_COUNT][SORTS] = {
    [VIEW_OVERVIEW] = {"severity", "#", "PID", "GEN", "STATE", "SINCE", "REQ/s", "OUT/s", "IN/s",
                       "CONN", "OFQ", "LAG50", "LAG99", "LAGMAX", "RSS", "CPU%", "ERR", "REQUEST"},
    [VIEW_LATENCY] = {"severity", "#", "p50", "p90", "p99", "max", "iter/s", "over limit"},
    [VIEW_REQUESTS] = {"age", "AGE", "ID", "PHASE", "CLIENT", "SENT", "SIZE", "RATE", "PATH"},
    [VIEW_FILES] = {"REQ/s", "REQ/s", "OUT/s", "INFL", "COLD", "p50", "p99", "ERR/s", "LAST",
                    "PATH"},
    [VIEW_IO] = {"severity"},
    [VIEW_EVENTS] = {"newest first"},
};

const char *view_sort_name(enum view_kind view, int sort)
{
    return sort >= 0 && sort < SORTS ? sort_name[view][sort] : NULL;
}

static int column_cells(const struct list_column *c, int cols)
{
    return cols < LAYOUT_NARROW_COLS ? c->narrow : cols >= LAYOUT_WIDE_COLS ? c->wide : c->usual;
}

struct list_table list_table(struct view *v, const struct list_column *column, int count, int col,
                             int cols)
{
    struct list_table t = {.v = v, .column = column, .count = count, .col = col, .cols = cols};
    int used = 1, at = col + 2, end = col + cols;

    for (int i = 0; i < count; i++) {
        int cells = column_cells(&column[i], cols);
        used += cells > 0 ? cells + 1 : cells == LIST_REST;
    }
    for (int i = 0; i < count; i++) {
        int cells = column_cells(&column[i], cols);
        if (cells == LIST_REST)
            cells = cols > used ? cols - used : 0;
        if (cells > end - at)
            cells = end > at ? end - at : 0;
        t.place[i] = (struct column_place){at, cells};
        at += cells > 0 ? cells + 1 : 0;
    }
    return t;
}

void list_shifts(struct list_table *t, enum view_kind kind)
{
    t->shifts = true;
    t->shift = t->v->a->list[kind].shift;
}

const char *list_shifted(int shift, const char *more, char *out, size_t out_bytes)
{
    if (shift == 0)
        return more;
    snprintf(out, out_bytes, "shifted %d%s%s", shift, *more ? "  " : "", more);
    return out;
}

void list_put_long(struct view *v, int row, struct column_place p, int shift, enum role role,
                   const char *words, const char *path)
{
    char text[2 * SNAP_TEXT_BYTES], cut[2 * SNAP_TEXT_BYTES];
    int used = text_width(words), beyond = used + text_width(path) - p.cells, blank;

    if (p.cells == 0)
        return;
    if (beyond > v->facts->text_beyond)
        v->facts->text_beyond = beyond;
    if (shift > 0) {
        snprintf(text, sizeof text, "%s%s", words, path);
        const char *rest = text_skip(text, shift, &blank);
        text_cut_end(cut, sizeof cut, rest, p.cells - blank);
        grid_text(v->g, row, p.col + blank, p.cells - blank, role, cut);
        return;
    }
    text_cut_end(cut, sizeof cut, words, p.cells);
    grid_text(v->g, row, p.col, p.cells, role, cut);
    if (*path == '\0' || used >= p.cells)
        return;
    text_cut_path(cut, sizeof cut, path, p.cells - used);
    grid_text(v->g, row, p.col + used, p.cells - used, role, cut);
}

/* A cell of a column that stays where it is. */
static void table_put(const struct list_table *t, int row, int column, enum role role,
                      const char *text)
{
    struct column_place p = t->place[column];
    char cut[SNAP_TEXT_BYTES + 64];

    if (p.cells == 0)
        return;
    if (t->column[column].right) {
        grid_text_right(t->v->g, row, p.col, p.cells, role, text);
        return;
    }
    if (text[0] == '/')
        text_cut_path(cut, sizeof cut, text, p.cells);
    else
        text_cut_end(cut, sizeof cut, text, p.cells);
    grid_text(t->v->g, row, p.col, p.cells, role, cut);
}

void list_put(const struct list_table *t, int row, int column, enum role role, const char *text)
{
    bool path = text[0] == '/';

    if (t->shifts && column == t->count - 1)
        list_put_long(t->v, row, t->place[column], t->shift, role, path ? "" : text,
                      path ? text : "");
    else
        table_put(t, row, column, role, text);
}

void list_mark(const struct list_table *t, int row, enum role role, const char *mark)
{
    if (mark[0] != '\0' && mark[0] != ' ') /* else the cursor's stays */
        grid_text(t->v->g, row, t->col, 1, role, mark);
}

void list_header(const struct list_table *t, int row, const char *more)
{
    char all[256], cut[256];

    more = list_shifted(t->shift, more, all, sizeof all);
    int cells = text_width(more), last = t->count - 1, end = t->col + t->cols;
    grid_fill(t->v->g, row, t->col, t->cols, ROLE_TITLE, L' ');
    for (int i = 0; i < t->count; i++)
        table_put(t, row, i, ROLE_TITLE, t->column[i].title);
    while (last > 0 && t->place[last].cells == 0)
        last--;
    int from = t->place[last].col + text_width(t->column[last].title) + 1;
    if (cells == 0)
        return;
    /* What it says of the rows is worth more than the title of the last column. */
    if (from > end - 1 - cells) {
        from = end - 1 - cells > t->place[last].col ? end - 1 - cells : t->place[last].col;
        grid_fill(t->v->g, row, t->place[last].col, end - t->place[last].col, ROLE_TITLE, L' ');
    }
    text_cut_end(cut, sizeof cut, more, end - 1 - from);
    grid_text_right(t->v->g, row, from, end - 1 - from, ROLE_TITLE, cut);
}

void list_nothing(const struct list_table *t, int row, const char *text)
{
    char cut[256];

    text_cut_end(cut, sizeof cut, text, t->cols - 2);
    grid_text(t->v->g, row, t->col + 2, t->cols - 2, ROLE_DIM, cut);
}

bool list_add(struct list *l, uint64_t key, unsigned index)
{
    if (l->count == l->room) {
        int room = l->room ? l->room * 2 : 64;
        struct list_item *p = realloc(l->item, (size_t)room * sizeof *p);
        if (p == NULL)
            return false;
        l->item = p;
        l->room = room;
    }
    l->item[l->count] = (struct list_item){.key = key, .index = index, .place = l->count};
    l->count++;
    return true;
}

void list_free(struct list *l)
{
    free(l->item);
    *l = (struct list){0};
}

static int item_order(const void *a, const void *b)
{
    const struct list_item *x = a, *y = b;
    int order = 0;

    if (x->text && y->text)
        order = strcmp(x->text, y->text);
    else
        order = (x->number < y->number) - (x->number > y->number);
    return order ? order : x->place - y->place;
}

/* The orders drawn last; more rows than that nobody watches. */
#define HELD_ROWS 512
static struct list_held {
    uint64_t key[HELD_ROWS];
    int count;
} held[VIEW_COUNT];

static int held_place(const struct list_held *h, uint64_t key)
{
    for (int i = 0; i < h->count; i++)
        if (h->key[i] == key)
            return i;
    return HELD_ROWS;
}

static int place_order(const void *a, const void *b)
{
    const struct list_item *x = a, *y = b;

    return x->place - y->place;
}

static void list_hold(struct list *l, struct list_held *h)
{
    for (int i = 0; i < l->count; i++) {
        int place = held_place(h, l->item[i].key);
        l->item[i].place = place < HELD_ROWS ? place : HELD_ROWS + i;
    }
    qsort(l->item, (size_t)l->count, sizeof *l->item, place_order);
}

static bool list_is_held(const struct view *v, const struct list_state *state)
{
    return state->held_until_ns > v->a->now_ns;
}

void list_arrange(struct list *l, const struct view *v, enum view_kind kind)
{
    const struct list_state *state = &v->a->list[kind];
    struct list_held *h = &held[kind];
    int kept = 0;

    if (l->count == 0)
        return;
    for (int i = 0; i < l->count; i++)
        if (!state->filter[0] || app_row_matches(v->m, kind, l->item[i].key, state->filter))
            l->item[kept++] = l->item[i];
    l->count = kept;
    if (state->sort != 0)
        qsort(l->item, (size_t)l->count, sizeof *l->item, item_order);
    for (int i = 0; state->invert && i < l->count / 2; i++) {
        struct list_item t = l->item[i];
        l->item[i] = l->item[l->count - 1 - i];
        l->item[l->count - 1 - i] = t;
    }
    if (list_is_held(v, state))
        list_hold(l, h);
    h->count = l->count < HELD_ROWS ? l->count : HELD_ROWS;
    for (int i = 0; i < h->count; i++)
        h->key[i] = l->item[i].key;
}

static void window_facts(struct app_facts *f, const struct list *l, const struct list_window *w,
                         int row)
{
    f->page_rows = f->table_rows = w->room;
    f->last_scroll = w->last;
    f->scroll = w->top;
    f->first_row = row;
    f->row_count = l->count - w->top < w->room ? l->count - w->top : w->room;
    if (f->row_count > APP_ROWS)
        f->row_count = APP_ROWS;
    for (int i = 0; i < f->row_count; i++)
        f->row_key[i] = l->item[w->top + i].key;
}

struct list_window list_window(struct view *v, const struct list *l, enum view_kind kind, int row,
                               int room, uint64_t follow)
{
    struct list_window w = {.room = room > 0 ? room : 0, .count = l->count};

    w.last = l->count > w.room ? l->count - w.room : 0;
    w.top = v->a->list[kind].scroll;
    /* While the controller looks for the key of a row far away, what it scrolled to is shown. */
    bool follows = follow != 0 && v->a->row_wanted < 0 && w.room > 0;
    for (int i = 0; follows && i < l->count; i++) {
        if (l->item[i].key != follow)
            continue;
        if (i >= w.top + w.room)
            w.top = i - w.room + 1;
        if (i < w.top)
            w.top = i;
        break;
    }
    if (w.top > w.last)
        w.top = w.last;
    if (w.top < 0)
        w.top = 0;
    window_facts(v->facts, l, &w, row);
    return w;
}

void list_more(const struct view *v, enum view_kind kind, const struct list_window *w, char *out,
               size_t out_bytes)
{
    const struct list_state *state = &v->a->list[kind];
    const char *sort = state->sort ? view_sort_name(kind, state->sort) : NULL;
    int below = w->count - w->top - w->room, n = 0;
    char part[5][96] = {"", "", "", "", ""};

    if (state->filter[0])
        snprintf(part[0], sizeof part[0], "only \"%s\"", state->filter);
    if (sort || state->invert)
        snprintf(part[1], sizeof part[1], "by %s%s", sort ? sort : "default",
                 state->invert ? " inverted" : "");
    if (list_is_held(v, state))
        snprintf(part[2], sizeof part[2], "held %us",
                 (unsigned)((state->held_until_ns - v->a->now_ns + NS_PER_S - 1) / NS_PER_S));
    if (w->top > 0 && below > 0)
        snprintf(part[3], sizeof part[3], "^ %d  v %d more", w->top, below);
    else if (w->top > 0 || below > 0)
        snprintf(part[3], sizeof part[3], "%c %d more", w->top > 0 ? '^' : 'v',
                 w->top > 0 ? w->top : below);
    out[0] = '\0';
    for (int i = 0; i < 4 && (size_t)n < out_bytes; i++)
        if (part[i][0])
            n += snprintf(out + n, out_bytes - (size_t)n, "%s%s", n ? "  " : "", part[i]);
}

enum role list_row_role(struct view *v, enum view_kind kind, int row, int col, int cols,
                        uint64_t key)
{
    const struct list_state *state = &v->a->list[kind];

    if (key != 0 && state->key == key) {
        grid_fill(v->g, row, col, cols, ROLE_SELECT, L' ');
        if (!v->colour)
            grid_put(v->g, row, col, ROLE_SELECT, L'>');
        return ROLE_SELECT;
    }
    if (state->find[0] && app_row_matches(v->m, kind, key, state->find))
        return ROLE_KEY;
    return ROLE_NORMAL;
}
