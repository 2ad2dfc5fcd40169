/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What lies over a view, and boxes to put it in.
 */
#include <stdio.h>
#include <string.h>

#include "tui/ui/box.h"
#include "tui/ui/text.h"

void box_begin(const struct view *v, struct box *b, int wish)
{
    int room = v->g->cols - 4;

    b->count = 0;
    b->cells = wish < room ? wish : room;
    if (b->cells < 1)
        b->cells = 1;
}

size_t box_break(const char *text, int cells)
{
    struct span rest = span_str(text);
    const char *blank = NULL, *before = text;
    int used = 0, width;
    wchar_t ch;

    while (text_next(&rest, &ch, &width)) {
        if (used + width > cells) {
            if (ch == L' ' && before > text)
                return (size_t)(before - text);
            if (blank && blank > text)
                return (size_t)(blank - text);
            return before > text ? (size_t)(before - text) : (size_t)(rest.p - text);
        }
        if (ch == L' ')
            blank = before;
        used += width;
        before = rest.p;
    }
    return strlen(text);
}

void box_text(struct box *b, enum role role, int rank, const char *text)
{
    bool goes_on = false;

    do {
        size_t n = box_break(text, b->cells);
        if (b->count == BOX_LINES)
            return;
        struct box_line *l = &b->line[b->count++];
        l->role = role;
        l->rank = rank;
        l->goes_on = goes_on;
        goes_on = true;
        snprintf(l->text, sizeof l->text, "%.*s", (int)n, text);
        text += n;
        text += *text == ' ';
    } while (*text);
}

void box_shrink(const struct view *v, struct box *b)
{
    int room = v->g->rows - 2;

    while (b->count > room && b->count > 1) {
        int worst = -1;
        for (int i = 0; i < b->count; i++) /* of equals the last goes first */
            if (b->line[i].rank > 0 && (worst < 0 || b->line[i].rank >= b->line[worst].rank))
                worst = i;
        if (worst < 0)
            worst = 0;
        int n = 1;
        while (worst > 0 && b->line[worst].goes_on)
            worst--, n++;
        memmove(&b->line[worst], &b->line[worst + n],
                (size_t)(b->count - worst - n) * sizeof b->line[0]);
        b->count -= n;
    }
}

static void box_frame(struct view *v, int row, int col, int rows, int cols)
{
    for (int y = 0; y < rows; y++) {
        bool edge = y == 0 || y == rows - 1;
        grid_fill(v->g, row + y, col, cols, ROLE_NORMAL, edge ? L'-' : L' ');
        grid_put(v->g, row + y, col, ROLE_NORMAL, edge ? L'+' : L'|');
        grid_put(v->g, row + y, col + cols - 1, ROLE_NORMAL, edge ? L'+' : L'|');
    }
}

/* A character of two cells that begins left of the box, or ends right of it, would stick out. */
static void box_clear_edges(struct view *v, int row, int col, int rows, int cols)
{
    for (int y = row; y < row + rows; y++) {
        struct cell *left = grid_at(v->g, y, col), *right = grid_at(v->g, y, col + cols);
        if (left && left->ch == GRID_RIGHT_HALF)
            grid_put(v->g, y, col - 1, ROLE_NORMAL, L' ');
        if (right && right->ch == GRID_RIGHT_HALF)
            grid_put(v->g, y, col + cols, ROLE_NORMAL, L' ');
    }
}

void box_draw(struct view *v, const struct box *b, const char *title, int *row, int *col)
{
    int cols = b->cells + 4, rows = b->count + 2;
    int top = (v->g->rows - rows) / 2, left = (v->g->cols - cols) / 2;
    char cut[256];

    top = top < 0 ? 0 : top;
    left = left < 0 ? 0 : left;
    *row = top + 1;
    *col = left + 2;
    if (v->g->rows < 3 || v->g->cols < 8) { /* a frame leaves no room for text */
        grid_fill(v->g, 0, 0, v->g->cols, ROLE_SELECT, L' ');
        grid_text(v->g, 0, 0, v->g->cols, ROLE_SELECT, title);
        return;
    }
    box_clear_edges(v, top, left, rows, cols);
    box_frame(v, top, left, rows, cols);
    text_cut_end(cut, sizeof cut, title, cols - 6);
    grid_text(v->g, top, left + 3, cols - 6, ROLE_KEY, cut);
    grid_put(v->g, top, left + 2, ROLE_NORMAL, L' ');
    grid_put(v->g, top, left + 3 + text_width(cut), ROLE_NORMAL, L' ');
    for (int y = 0; y < b->count; y++)
        grid_text(v->g, top + 1 + y, left + 2, b->cells, b->line[y].role, b->line[y].text);
}

/* The text to copy, alone, so that it can be selected with the mouse. */
static void view_copy(struct view *v)
{
    struct box b;
    int row, col;

    box_begin(v, &b, 72);
    box_text(&b, ROLE_NORMAL, 1,
             "Select this with the mouse; any key closes it. :set clipboard yes "
             "lets y copy it by the terminal.");
    box_text(&b, ROLE_NORMAL, 2, "");
    box_text(&b, ROLE_SELECT, 0, v->a->copy);
    box_shrink(v, &b);
    box_draw(v, &b, "copy", &row, &col);
}

bool view_overlay(struct view *v)
{
    const struct app *a = v->a;

    if (a->help)
        view_help(v);
    if (a->setup.open)
        view_setup(v);
    else if (a->copy_box)
        view_copy(v);
    else if (a->about && a->view == VIEW_REQUESTS)
        view_about_request(v);
    else if (a->about && a->view == VIEW_FILES)
        view_about_file(v);
    else if (a->dialog.kind != DIALOG_NONE)
        view_dialog(v);
    else if (a->menu.kind != MENU_NONE)
        view_menu(v);
    else if (a->prompt.kind != PROMPT_NONE)
        view_prompt(v);
    return a->help || a->setup.open;
}
