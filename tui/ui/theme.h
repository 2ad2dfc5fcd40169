/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How a role looks on a terminal without colour, with 8 and with 256. Nothing is told by
 * colour alone: every look of a warning survives in bold and reverse. Plain data; the
 * terminal layer turns it into its library's attributes.
 */
#ifndef WEIR_TUI_THEME_H
#define WEIR_TUI_THEME_H

#include "tui/ui/grid.h"

enum palette { PALETTE_MONO, PALETTE_8, PALETTE_256, PALETTE_COUNT };

enum { LOOK_BOLD = 1, LOOK_REVERSE = 2 };

struct look {
    short fg, bg; /* -1: the terminal's own */
    unsigned attributes;
};

struct look theme_look(enum palette palette, enum role role);

#endif
