/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The help on a screen: lines that are too long go on in the next one, what was found is marked.
 * It scrolls by lines of the text, so that where it stands does not depend on the width.
 */
#include <stdio.h>
#include <string.h>

#include "tui/app/help.h"
#include "tui/app/rows.h"
#include "tui/ui/box.h"
#include "tui/ui/text.h"

/* What a line of the screen shows of a line of the help. */
struct piece {
    const char *text; /* NULL before the first */
    size_t bytes;
    int col;
};

static bool piece_next(const struct help_line *line, int cols, struct piece *p)
{
    if (p->text == NULL) {
        p->text = line->text;
        p->col = 0;
    } else {
        p->text += p->bytes;
        p->text += strspn(p->text, " ");
        p->col = line->indent < cols / 2 ? line->indent : cols / 2;
        if (*p->text == '\0')
            return false;
    }
    p->bytes = box_break(p->text, cols - p->col);
    return true;
}

static int line_rows(const struct help_line *line, int cols)
{
    struct piece p = {0};
    int n = 0;

    while (piece_next(line, cols, &p))
        n++;
    return n;
}

static int width_between(const char *from, const char *to)
{
    char part[sizeof((struct help_line *)0)->text];

    snprintf(part, sizeof part, "%.*s", (int)(to - from), from);
    return text_width(part);
}

static void mark_found(struct view *v, int row, const struct piece *p, const char *line,
                       enum role role)
{
    const char *find = v->a->help_find, *end = p->text + p->bytes;
    size_t n = strlen(find);

    for (const char *at = line; (at = rows_match(at, find)) != NULL; at += n) {
        const char *from = at > p->text ? at : p->text, *to = at + n < end ? at + n : end;
        if (from < to)
            grid_role(v->g, row, p->col + width_between(p->text, from), width_between(from, to),
                      role);
    }
}

/* Draws a line of the help from `row` on, above `end`; returns the row below it. */
static int draw_line(struct view *v, int row, int end, const struct help_line *line, bool found)
{
    static const enum role role[] = {[HELP_TITLE] = ROLE_KEY,
                                     [HELP_TEXT] = ROLE_NORMAL,
                                     [HELP_WARN] = ROLE_WARN,
                                     [HELP_OFF] = ROLE_DIM};
    struct grid *g = v->g;
    struct piece p = {0};
    char text[sizeof line->text];

    for (int first = row; row < end && piece_next(line, g->cols, &p); row++) {
        snprintf(text, sizeof text, "%.*s", (int)p.bytes, p.text);
        grid_text(g, row, p.col, g->cols - p.col, role[line->kind], text);
        mark_found(v, row, &p, line->text, found ? ROLE_SELECT : ROLE_TITLE);
        if (found && row == first && !v->colour)
            grid_put(g, row, 0, ROLE_SELECT, L'>');
    }
    return row;
}

static void draw_foot(struct view *v, int row)
{
    static const char *const words[] = {"Esc:close", "/:find", "j k:scroll", "n N:next"};
    int col = 1, cols = v->g->cols;

    if (v->a->note[0]) {
        view_print(v, row, 1, cols - 1, ROLE_WARN, "%s", v->a->note);
        return;
    }
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (col + (int)strlen(words[i]) <= cols)
            col += 2 + grid_text(v->g, row, col, cols - col, ROLE_NORMAL, words[i]);
}

/* The first of the lines above `end` that a screen of `rows` has room for; before the last. */
static int first_fitting(const struct help_text *help, int end, int rows, int cols)
{
    int first = end;

    for (; first > 0; first--) {
        rows -= line_rows(&help->line[first - 1], cols);
        if (rows < 0)
            break;
    }
    return first < end || first == 0 ? first : first - 1; /* one may be higher than the screen */
}

void view_help(struct view *v)
{
    struct help_text help;
    struct grid *g = v->g;
    int foot = g->rows > 3, end = g->rows - foot, row = 1, last, at, next;
    char place[48];

    help_write(v->a, v->m, &help);
    last = first_fitting(&help, help.count, end - 1, g->cols);
    at = v->a->help_scroll < last ? v->a->help_scroll : last;
    grid_clear(g);
    for (next = at; next < help.count && row < end; next++)
        row = draw_line(v, row, end, &help.line[next], v->a->help_found == next + 1);
    grid_fill(g, 0, 0, g->cols, ROLE_TITLE, L' ');
    grid_text(g, 0, 0, g->cols, ROLE_TITLE, " weirtop help");
    snprintf(place, sizeof place, "%d-%d of %d ", at + 1, next, help.count);
    if (last > 0 && g->cols >= 30)
        grid_text_right(g, 0, 14, g->cols - 14, ROLE_TITLE, place);
    if (foot)
        draw_foot(v, g->rows - 1);
    /* A page has one line in common with the one before; what is cut off comes again whole. */
    int above = at - first_fitting(&help, at + 1, end - 1, g->cols), below = next - 1 - at;
    v->facts->help_last = last;
    v->facts->help_up = above > 1 ? above : 1;
    v->facts->help_down = below > 1 ? below : 1;
}
