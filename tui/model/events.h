/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ring of events: those of the board, as they appear there, and the dashboard's own. Part
 * of model.c, in a file of its own. Pure; runs in weirtop.
 */
#ifndef WEIR_TUI_EVENTS_H
#define WEIR_TUI_EVENTS_H

#include "tui/model/model.h"

/* Takes the events of a snapshot that were not taken before. */
void events_take(struct model *m, const struct snap *s);

/* A new entry of the ring, numbered; the oldest one falls out when it is full. */
struct model_event *events_new(struct model *m);

#endif
