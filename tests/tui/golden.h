/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Screens compared with text files in tests/tui/golden. UPDATE_GOLDEN=1 writes the files anew;
 * look at them before you commit them.
 */
#ifndef WEIR_TESTS_TUI_GOLDEN_H
#define WEIR_TESTS_TUI_GOLDEN_H

#include "tests/tui/fixture.h"
#include "tui/ui/view.h"

/* Draws what `a` shows of a situation and compares it with golden/SITUATION SUFFIX-COLSxROWS. */
void golden_screen(enum fixture which, const struct app *a, const char *suffix, int cols, int rows,
                   enum charset charset);

#endif
