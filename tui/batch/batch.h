/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The dashboard without a terminal: plain text or JSON from the same model. Never writes an
 * escape byte.
 */
#ifndef WEIR_TUI_BATCH_H
#define WEIR_TUI_BATCH_H

#include <stdio.h>

#include "tui/model/verdict.h"

/* Header, verdict and the whole worker table. False when the stream fails. */
bool batch_print(FILE *to, const struct model *m);

/*
 * One line of JSON: the object of `weirctl status --json`, with rates since `before` (NULL
 * for none), and "verdict". False when memory runs out or the stream fails.
 */
bool batch_json(FILE *to, const struct model *m, const struct snap *before);

/* The verdict in one line; returns the exit status that goes with it: 0, 1, 2 or 3. */
int batch_check(FILE *to, const struct model *m);

#endif
