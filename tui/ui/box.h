/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Boxes over a view: a frame with a title and lines of text, wrapped at blanks and measured in
 * cells. What does not fit is left out from the top of what matters least. Pure; runs in weirtop
 * and its tests.
 */
#ifndef WEIR_TUI_BOX_H
#define WEIR_TUI_BOX_H

#include "tui/ui/view.h"

#define BOX_LINES 64
#define BOX_TEXT  512

struct box_line {
    enum role role;
    int rank;     /* 0 stays; of the others the highest goes first when there is no room */
    bool goes_on; /* of the same text as the line before; they go together */
    char text[BOX_TEXT];
};

struct box {
    int cells; /* for text */
    int count;
    struct box_line line[BOX_LINES];
};

/* A box as wide as `wish` cells of text, or as the screen lets it be. */
void box_begin(const struct view *v, struct box *b, int wish);
/* Adds text, in as many lines as it takes. */
void box_text(struct box *b, enum role role, int rank, const char *text);
/*
 * The bytes of the first line of so many cells: up to the last blank that fits, else as many
 * characters as fit, at least one.
 */
size_t box_break(const char *text, int cells);
/* Leaves lines out until the rest fits. */
void box_shrink(const struct view *v, struct box *b);
/* Draws it in the middle of the screen; *row and *col are where its first line of text is. */
void box_draw(struct view *v, const struct box *b, const char *title, int *row, int *col);

/* Overlays: each draws itself. */
void view_dialog(struct view *v);
void view_menu(struct view *v);
void view_prompt(struct view *v);
void view_setup(struct view *v);
/* What is known of the request, or the file, with the key app.about. */
void view_about_request(struct view *v);
void view_about_file(struct view *v);

#endif
