/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What actions of the key table do; overlays and the command line use the same. Part of the
 * controller. Pure.
 */
#ifndef WEIR_TUI_ACT_H
#define WEIR_TUI_ACT_H

#include "tui/app/app.h"

/* Bits of enum app_want. */
unsigned act(struct app *a, struct model *m, enum action action, const struct event *e);

void act_show(struct app *a, enum view_kind view);
void act_show_worker(struct app *a, const struct snap_worker *w);

/* Views whose order is kept, and in which setting. */
#define ACT_ORDERS 5
extern const struct act_order {
    enum view_kind view;
    enum setting setting;
} act_order[ACT_ORDERS];

#endif
