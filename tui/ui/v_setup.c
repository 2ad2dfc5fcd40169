/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The setup screen: groups on the left, their settings on the right, below them what the one
 * under the cursor is. Narrow screens show the list that has the cursor.
 */
#include <stdio.h>
#include <string.h>

#include "tui/app/setup.h"
#include "tui/ui/box.h"
#include "tui/ui/text.h"

static void setup_row(struct view *v, int row, int col, int cells, bool here, const char *text)
{
    if (cells <= 0)
        return;
    grid_fill(v->g, row, col, cells, here ? ROLE_SELECT : ROLE_NORMAL, L' ');
    view_print(v, row, col, cells, here ? ROLE_SELECT : ROLE_NORMAL, "%c %s", here ? '>' : ' ',
               text);
}

static void draw_groups(struct view *v, int room, int cells)
{
    const char *name[SETUP_GROUPS];
    const struct setup *s = &v->a->setup;
    int n = setup_groups(name), first = s->group >= room ? s->group - room + 1 : 0;

    for (int i = first; i < n && i < first + room; i++)
        setup_row(v, 1 + i - first, 0, cells, i == s->group && !s->in_items, name[i]);
}

static void draw_items(struct view *v, int room, int col, int cells)
{
    const struct setup *s = &v->a->setup;
    enum setting which[SETTING_COUNT];
    int n = setup_items(s->group, which), first = s->item >= room ? s->item - room + 1 : 0;
    char value[64], text[160];

    for (int i = first; i < n && i < first + room; i++) {
        setup_value(&v->a->settings, which[i], value, sizeof value);
        snprintf(text, sizeof text, "%-20s %s", setting_table[which[i]].label, value);
        setup_row(v, 1 + i - first, col, cells, i == s->item && s->in_items, text);
    }
    if (n == 0)
        setup_row(v, 1, col, cells, false, "Space: all settings as they come");
}

static void draw_help(struct view *v, int row)
{
    const struct setup *s = &v->a->setup;
    enum setting which[SETTING_COUNT];
    int n = setup_items(s->group, which);
    char text[512], cut[512];

    if (n == 0 || !s->in_items)
        snprintf(text, sizeof text, "changes act at once; Enter saves them, Esc undoes them");
    else
        snprintf(text, sizeof text, "%s: %s", setting_table[which[s->item]].label,
                 setting_table[which[s->item]].help);
    text_cut_end(cut, sizeof cut, text, v->g->cols - 1);
    grid_text(v->g, row, 1, v->g->cols - 1, ROLE_DIM, cut);
}

void view_setup(struct view *v)
{
    struct grid *g = v->g;
    bool both = g->cols >= 50;
    int room = g->rows > 3 ? g->rows - 3 : g->rows - 1;

    grid_clear(g);
    grid_fill(g, 0, 0, g->cols, ROLE_TITLE, L' ');
    grid_text(g, 0, 0, g->cols, ROLE_TITLE, " weirtop setup");
    if (g->cols >= 76)
        grid_text_right(g, 0, 16, g->cols - 16, ROLE_TITLE,
                        "Enter:keep  Esc:undo  Space:toggle  Tab:list  digits + -: number ");
    else if (g->cols >= 40)
        grid_text_right(g, 0, 15, g->cols - 15, ROLE_TITLE, "Enter:keep Esc:undo ");
    if (both || !v->a->setup.in_items)
        draw_groups(v, room, both ? 18 : g->cols);
    if (both || v->a->setup.in_items)
        draw_items(v, room, both ? 19 : 0, both ? g->cols - 19 : g->cols);
    for (int y = 1; both && y <= room; y++)
        grid_put(g, y, 18, ROLE_NORMAL, L'|');
    if (g->rows > 3)
        draw_help(v, g->rows - 1);
}
