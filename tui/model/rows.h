/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rows of the worker table: made from the snapshot in m->now and the workers that are
 * remembered. Part of model.c, in a file of its own. Pure; runs in weirtop.
 */
#ifndef WEIR_TUI_ROWS_H
#define WEIR_TUI_ROWS_H

#include "tui/model/model.h"

/* Fills row[], in_state[] and live. False on ENOMEM. */
bool rows_order(struct model *m);

#endif
