/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The strip: the one line in which a number is chosen, and in which what became of it is
 * followed until the board agrees. Part of the controller. Pure.
 */
#ifndef WEIR_TUI_STRIP_H
#define WEIR_TUI_STRIP_H

#include "tui/app/app.h"

void strip_open_workers(struct app *a, int change, const struct model *m, uint64_t now_ns);
void strip_open_offload(struct app *a, const struct model *m, uint64_t now_ns);
void strip_open_interval(struct app *a, uint64_t now_ns);
void strip_close(struct app *a);

/* Any other command: sent now, for Enter or y was given in a dialog; the strip follows it. */
void strip_send(struct app *a, const struct event *e, const char *command, struct app_command *out);
/* Something was not done, and why; stays until Esc, and is an event. */
void strip_fail(struct app *a, struct model *m, const struct event *e, const char *why);

static inline bool strip_is_open(const struct app *a)
{
    return a->strip.kind == STRIP_WORKERS || a->strip.kind == STRIP_OFFLOAD ||
           a->strip.kind == STRIP_INTERVAL;
}

/* A key for the open strip. False when it is none of its keys. */
bool strip_key(struct app *a, struct model *m, const struct event *e, struct app_command *out);

/* The reply to a command. */
void strip_reply(struct app *a, struct model *m, const struct event *e);

/* Follows a running operation on the board. True when something changed. */
bool strip_follow(struct app *a, struct model *m, uint64_t now_ns);

#endif
