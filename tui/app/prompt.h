/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The line at the bottom: text to find or to filter by, and the command line. Find and filter act
 * while they are typed; a command acts by Enter, and what changes the server then still asks.
 * Pure. Part of the controller.
 */
#ifndef WEIR_TUI_PROMPT_H
#define WEIR_TUI_PROMPT_H

#include "tui/app/app.h"

void prompt_open(struct app *a, enum prompt_kind kind);
/* Bits of enum app_want. */
unsigned prompt_key(struct app *a, struct model *m, const struct event *e);
unsigned prompt_paste(struct app *a, struct model *m, const struct event *e);

#endif
