/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Menus: the orders of a list, what can be done with a row, what can be done with the server.
 * What is not possible is there too, with the reason. A menu sends nothing: it opens the dialog
 * or the strip. Pure. Part of the controller.
 */
#ifndef WEIR_TUI_MENU_H
#define WEIR_TUI_MENU_H

#include "tui/app/app.h"

#define MENU_ITEMS 40

struct menu_item {
    char label[96];
    char why[160]; /* why not; "" when it is possible */
    int what;      /* the dialog it opens; menu.c's own codes are negative */
    int number;
};

void menu_open(struct app *a, enum menu_kind kind);
/* Its items now; returns how many. title[] says what they are about. */
int menu_items(const struct app *a, const struct model *m, struct menu_item item[MENU_ITEMS],
               char *title, size_t title_bytes);
void menu_key(struct app *a, struct model *m, const struct event *e);

#endif
