/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A dialog: the sentences of dialog_describe, its options, what is typed, two buttons. On a low
 * screen blank lines go first, then the shell command, then sentences; options and buttons stay.
 */
#include <stdio.h>
#include <string.h>

#include "tui/app/dialog.h"
#include "tui/ui/box.h"
#include "tui/ui/text.h"

enum { RANK_STAYS, RANK_WARNING, RANK_BODY, RANK_KEYS, RANK_COMMAND, RANK_BLANK };

static void add_options(const struct view *v, struct box *b, const struct dialog_text *t)
{
    char text[BOX_TEXT];

    for (int i = 0; i < t->options; i++) {
        snprintf(text, sizeof text, "(%c) %s", i == v->a->dialog.option ? '*' : ' ', t->option[i]);
        box_text(b, i == v->a->dialog.option ? ROLE_KEY : ROLE_NORMAL, RANK_STAYS, text);
    }
}

static void add_typed(const struct view *v, struct box *b, const struct dialog_text *t)
{
    char text[LINE_BYTES + 160];

    if (t->ask[0] == '\0')
        return;
    snprintf(text, sizeof text, "%s %s_", t->ask, v->a->dialog.typed.text);
    box_text(b, ROLE_KEY, RANK_STAYS, text);
}

static void add_keys(struct box *b, const struct dialog_text *t)
{
    char text[BOX_TEXT];

    if (t->refusal[0])
        snprintf(text, sizeof text, "Esc = close");
    else if (t->ask[0])
        snprintf(text, sizeof text, "Tab chooses  Enter = highlighted  Esc = no");
    else if (b->cells >= 60)
        snprintf(text, sizeof text, "Tab/arrows choose  Enter = highlighted  y = %s  n/Esc = no",
                 t->verb);
    else
        snprintf(text, sizeof text, "y %s  n/Esc no  Enter = [ ]", t->verb);
    box_text(b, ROLE_DIM, RANK_KEYS, text);
}

static void draw_buttons(struct view *v, const struct dialog_text *t, int row, int col, int cells)
{
    bool yes = v->a->dialog.yes;
    char cancel[32], verb[64];

    snprintf(cancel, sizeof cancel, yes ? "  Cancel  " : "[ Cancel ]");
    snprintf(verb, sizeof verb, yes ? "[ %s ]" : "  %s%s  ", t->verb,
             t->ready || yes ? "" : " (not yet)");
    int gap = cells >= 40 ? 4 : 1;
    int used = text_width(cancel) + gap + text_width(verb);
    int at = col + (cells > used ? (cells - used) / 2 : 0);
    at += grid_text(v->g, row, at, col + cells - at, yes ? ROLE_NORMAL : ROLE_SELECT, cancel) + gap;
    grid_text(v->g, row, at, col + cells - at,
              yes             ? ROLE_SELECT
              : t->refusal[0] ? ROLE_DIM
                              : ROLE_NORMAL,
              verb);
}

void view_dialog(struct view *v)
{
    struct dialog_text t;
    struct box b;
    char command[SNAP_TEXT_BYTES + 80];
    int row, col;

    dialog_describe(v->a, v->m, &t);
    box_begin(v, &b, 70);
    box_text(&b, ROLE_NORMAL, RANK_BLANK, "");
    if (t.refusal[0])
        box_text(&b, ROLE_BAD, RANK_WARNING, t.refusal);
    if (t.warning[0])
        box_text(&b, ROLE_WARN, RANK_WARNING, t.warning);
    for (int i = 0; i < t.lines; i++)
        box_text(&b, ROLE_NORMAL, RANK_BODY, t.body[i]);
    box_text(&b, ROLE_NORMAL, RANK_BLANK, "");
    add_options(v, &b, &t);
    add_typed(v, &b, &t);
    snprintf(command, sizeof command, "as a command: %s", t.command);
    box_text(&b, ROLE_DIM, RANK_COMMAND, command);
    box_text(&b, ROLE_NORMAL, RANK_BLANK, "");
    box_text(&b, ROLE_NORMAL, RANK_STAYS, "\x01"); /* the buttons' line */
    add_keys(&b, &t);
    box_shrink(v, &b);
    int buttons = -1;
    for (int i = 0; i < b.count; i++) {
        if (b.line[i].text[0] != '\x01')
            continue;
        b.line[i].text[0] = '\0';
        buttons = i;
    }
    box_draw(v, &b, t.title, &row, &col);
    if (buttons >= 0 && v->g->rows >= 3 && v->g->cols >= 8)
        draw_buttons(v, &t, row + buttons, col, b.cells);
}
