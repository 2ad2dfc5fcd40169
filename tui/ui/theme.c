/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of looks. No blinking, no dark grey made of bold black, and nothing that needs a
 * background of either kind: title and selection are reversed, the rest keeps the
 * terminal's own colours; a heat map's cells, where there are 256 colours, have both of their own.
 */
#include "tui/ui/theme.h"

static const struct look looks[PALETTE_COUNT][ROLE_COUNT] =
    {
        [PALETTE_MONO] =
            {
                [ROLE_NORMAL] = {-1, -1, 0},
                [ROLE_TITLE] = {-1, -1, LOOK_REVERSE},
                [ROLE_DIM] = {-1, -1, 0},
                [ROLE_WARN] = {-1, -1, LOOK_BOLD},
                [ROLE_BAD] = {-1, -1, LOOK_BOLD | LOOK_REVERSE},
                [ROLE_SELECT] = {-1, -1, LOOK_REVERSE},
                [ROLE_KEY] = {-1, -1, LOOK_BOLD},
                [ROLE_GRAPH] = {-1, -1, 0},
                [ROLE_HEAT1] = {-1, -1, 0},
                [ROLE_HEAT2] = {-1, -1, 0},
                [ROLE_HEAT3] = {-1, -1, LOOK_BOLD},
                [ROLE_HEAT4] = {-1, -1, LOOK_BOLD},
            },
        [PALETTE_8] =
            {
                [ROLE_NORMAL] = {-1, -1, 0},
                [ROLE_TITLE] = {-1, -1, LOOK_REVERSE},
                [ROLE_DIM] = {-1, -1, 0},
                [ROLE_WARN] = {3, -1, 0},
                [ROLE_BAD] = {1, -1, LOOK_REVERSE},
                [ROLE_SELECT] = {-1, -1, LOOK_REVERSE},
                [ROLE_KEY] = {-1, -1, LOOK_BOLD},
                [ROLE_GRAPH] = {6, -1, 0},
                [ROLE_HEAT1] = {6, -1, 0},
                [ROLE_HEAT2] = {6, -1, 0},
                [ROLE_HEAT3] = {6, -1, LOOK_BOLD},
                [ROLE_HEAT4] = {6, -1, LOOK_BOLD},
            },
        [PALETTE_256] =
            {
                [ROLE_NORMAL] = {-1, -1, 0},
                [ROLE_TITLE] = {-1, -1, LOOK_REVERSE},
                [ROLE_DIM] = {244, -1, 0},
                [ROLE_WARN] = {136, -1, 0}, /* a yellow that white paper shows too */
                [ROLE_BAD] = {231, 160, 0},
                [ROLE_SELECT] = {231, 24, 0},
                [ROLE_KEY] = {-1, -1, LOOK_BOLD},
                [ROLE_GRAPH] = {37, -1, 0},
                [ROLE_HEAT1] = {252, 236, 0},
                [ROLE_HEAT2] = {255, 23, 0},
                [ROLE_HEAT3] = {231, 30, 0},
                [ROLE_HEAT4] = {16, 43, 0},
            },
};

struct look theme_look(enum palette palette, enum role role)
{
    return looks[palette][role];
}
