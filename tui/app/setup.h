/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The setup screen: groups on the left, their settings on the right. A change acts at once; Enter
 * keeps and saves, Esc puts everything back. Pure. Part of the controller.
 */
#ifndef WEIR_TUI_SETUP_H
#define WEIR_TUI_SETUP_H

#include "tui/app/app.h"

#define SETUP_GROUPS 12

void setup_open(struct app *a);
/* Bits of enum app_want. */
unsigned setup_key(struct app *a, struct model *m, const struct event *e);
/* Puts one setting in force. Bits of enum app_want. */
unsigned setup_apply(struct app *a, struct model *m, enum setting which);

/* The groups' names, "Reset" the last; returns how many. */
int setup_groups(const char *name[SETUP_GROUPS]);
/* The settings of a group; returns how many. */
int setup_items(int group, enum setting which[SETTING_COUNT]);
/* The value in words: "100 ms", "[x]", "auto". */
void setup_value(const struct settings *s, enum setting which, char *out, size_t out_bytes);

#endif
