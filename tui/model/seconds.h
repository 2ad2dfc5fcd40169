/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The model's part that counts by the second: history, accept wait, loop lag. Part of
 * model.c, in a file of its own. Pure.
 */
#ifndef WEIR_TUI_SECONDS_H
#define WEIR_TUI_SECONDS_H

#include "tui/model/model.h"

/* A new snapshot is in m->now and its rows are ordered. */
void seconds_sample(struct model *m);
/* Nobody looked for a while: what was begun is dropped and history gets a gap. */
void seconds_gap(struct model *m);
/* The same for one worker's heat. */
void heat_add_gap(struct model_worker *w, uint64_t seconds);

#endif
