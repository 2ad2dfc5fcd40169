/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A menu: its items, the impossible ones dim with their reason.
 */
#include <stdio.h>

#include "tui/app/menu.h"
#include "tui/ui/box.h"
#include "tui/ui/text.h"

void view_menu(struct view *v)
{
    struct menu_item item[MENU_ITEMS];
    char title[128], text[BOX_TEXT], cut[BOX_TEXT];
    int n = menu_items(v->a, v->m, item, title, sizeof title), widest = 20, row, col;
    int at = v->a->menu.at < n ? v->a->menu.at : n - 1, room = v->g->rows - 3;
    struct box b;

    for (int i = 0; i < n; i++) {
        snprintf(text, sizeof text, "%.95s  (%.159s)", item[i].label, item[i].why);
        int cells = item[i].why[0] ? text_width(text) : text_width(item[i].label);
        widest = cells > widest ? cells : widest;
    }
    box_begin(v, &b, widest + 2 < 72 ? widest + 2 : 72);
    room = room < 1 ? 1 : room;
    int first = at >= room ? at - room + 1 : 0;
    for (int i = first; i < n && i < first + room; i++) {
        snprintf(text, sizeof text, "%c %.95s%s%.159s%s", i == at ? '>' : ' ', item[i].label,
                 item[i].why[0] ? "  (" : "", item[i].why, item[i].why[0] ? ")" : "");
        text_cut_end(cut, sizeof cut, text, b.cells);
        box_text(&b, i == at ? ROLE_SELECT : item[i].why[0] ? ROLE_DIM : ROLE_NORMAL, 0, cut);
        if (b.count > i - first + 1) /* never more than one line each */
            b.count = i - first + 1;
    }
    box_text(&b, ROLE_DIM, 1, b.cells >= 34 ? "j k choose  Enter takes  Esc closes" : "Enter  Esc");
    box_shrink(v, &b);
    box_draw(v, &b, title, &row, &col);
}
