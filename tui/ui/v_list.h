/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lists: columns that fit, rows in an order that can be sorted, filtered and held, a cursor that
 * belongs to a thing and not to a row, and scrolling. What every view with rows is made of. The
 * one thing it remembers between two drawings is the order it drew last, so that an order can
 * stay as it is for a while. Runs in weirtop and its tests, single-threaded.
 */
#ifndef WEIR_TUI_V_LIST_H
#define WEIR_TUI_V_LIST_H

#include "tui/ui/view.h"

#define LIST_REST    (-1) /* the column that takes what the others leave; one in each table */
#define LIST_COLUMNS 16   /* of a table, at most */

struct list_column {
    int narrow, usual, wide; /* cells in tables of that width, 0 for none */
    bool right;
    const char *title;
};

/* A table that begins at `col`; the mark of a row stands in its first cell. */
struct list_table {
    struct view *v;
    const struct list_column *column;
    int count, col, cols;
    int shift; /* list_state.shift of a table that Left and Right scroll, else 0 */
    bool shifts;
    struct column_place place[LIST_COLUMNS];
};

struct list_table list_table(struct view *v, const struct list_column *column, int count, int col,
                             int cols);
/* Makes its last column one that Left and Right scroll. */
void list_shifts(struct list_table *t, enum view_kind kind);
void list_put(const struct list_table *t, int row, int column, enum role role, const char *text);
/*
 * Words, which are cut at their end, then a path, which is cut in its middle; either may be "".
 * With a shift all of it is one text that begins so many cells further on.
 */
void list_put_long(struct view *v, int row, struct column_place place, int shift, enum role role,
                   const char *words, const char *path);
/* What a header says: "shifted 16" when it is, then `more`. */
const char *list_shifted(int shift, const char *more, char *out, size_t out_bytes);
void list_mark(const struct list_table *t, int row, enum role role, const char *mark);
/* The line of titles, with `more` at its right end. */
void list_header(const struct list_table *t, int row, const char *more);
/* "nothing to see" at the place of the first row. */
void list_nothing(const struct list_table *t, int row, const char *text);

struct list_item {
    uint64_t key;
    unsigned index;   /* the caller's */
    double number;    /* what it is sorted by: this, the largest first, or ... */
    const char *text; /* when not NULL: this, the smallest first */
    int place;        /* in the natural order */
};

struct list {
    struct list_item *item;
    int count, room;
};

/* False on ENOMEM. */
bool list_add(struct list *l, uint64_t key, unsigned index);
void list_free(struct list *l);

/* Leaves out what the view's filter does, then sorts by number and text, then holds. */
void list_arrange(struct list *l, const struct view *v, enum view_kind kind);

struct list_window {
    int top, room, count, last;
};

/*
 * Which rows to draw in `room` lines from line `row` of the screen on; told in v->facts. With
 * `follow`, the row with this key is among them.
 */
struct list_window list_window(struct view *v, const struct list *l, enum view_kind kind, int row,
                               int room, uint64_t follow);

/* What a header says of its list: filter, sort, held, rows above and below. */
void list_more(const struct view *v, enum view_kind kind, const struct list_window *w, char *out,
               size_t out_bytes);

/* Role of a row that has nothing to say for itself: selected, found by /, or normal. */
enum role list_row_role(struct view *v, enum view_kind kind, int row, int col, int cols,
                        uint64_t key);

/* The workers, in the model's order or sorted by what sort_by sets; false on ENOMEM. */
bool view_worker_list(const struct view *v, enum view_kind kind, struct list *l,
                      void (*sort_by)(const struct view *, struct list_item *, int by));

/* What a request asks for: "/x" for GET, else "HEAD /x". */
const char *view_target(const char *request, char *out, size_t out_bytes);

#endif
