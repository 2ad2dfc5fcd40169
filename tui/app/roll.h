/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Several workers, one after another: the next when the one before is done. Begun by a dialog
 * about the tagged workers; ended by Esc, a refusal, or the last one. A worker that was replaced
 * meanwhile is left out. Pure. Part of the controller.
 */
#ifndef WEIR_TUI_ROLL_H
#define WEIR_TUI_ROLL_H

#include "tui/app/app.h"

void roll_begin(struct app *a, const char *verb);
/* Sends the next one; or ends it. */
void roll_next(struct app *a, struct model *m, const struct event *e, struct app_command *out);
/* At a tick: is the current one done? True when something changed. */
bool roll_follow(struct app *a, struct model *m, const struct event *e, struct app_command *out);

static inline bool roll_is_on(const struct app *a)
{
    return a->roll.verb != NULL;
}

#endif
