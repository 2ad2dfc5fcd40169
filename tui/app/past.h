/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Time: pausing the picture, stepping through the tape, playing a recording. What is shown is a
 * number of a record; the main loop shows it. Pure. Part of the controller.
 */
#ifndef WEIR_TUI_PAST_H
#define WEIR_TUI_PAST_H

#include "tui/app/app.h"

/* Bits of enum app_want. */
unsigned past_action(struct app *a, enum action action, uint64_t now_ns);
unsigned past_step(struct app *a, int64_t by, uint64_t now_ns);
/* A recording goes on by itself while it is not paused. */
unsigned past_tick(struct app *a, uint64_t now_ns);

#endif
