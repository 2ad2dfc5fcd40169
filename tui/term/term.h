/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The terminal: the only part that knows curses. Takes it over, copies grids to it, and gives
 * it back as it was, however the program ends: by quitting, by a signal, by a crash. One
 * terminal per process (signal handlers know it by a static).
 */
#ifndef WEIR_TUI_TERM_H
#define WEIR_TUI_TERM_H

#include <stdbool.h>
#include <stddef.h>

#include "tui/ui/grid.h"
#include "tui/ui/theme.h"

enum color_choice { COLOR_AUTO, COLOR_NEVER, COLOR_8, COLOR_256 };

/* Signals that came since the last call of term_signals. */
struct term_signals {
    bool quit, resized, suspend, continued;
};

/*
 * Takes over the terminal: in_fd for keys, out_fd for the screen. False with a sentence in
 * why[] when it cannot draw (no terminal, unknown TERM, no cursor addressing); nothing has
 * then been sent to it.
 */
bool term_open(int in_fd, int out_fd, enum color_choice color, char *why, size_t why_bytes);

/* Gives it back and prints what was written to standard error meanwhile. */
void term_close(void);

enum palette term_palette(void);

/* May block characters be drawn? By the locale and the terminal. */
bool term_has_blocks(void);

void term_size(int *rows, int *cols);

/* Copies the grid to the screen; only what changed is sent. */
void term_blit(const struct grid *g);

/* The next blit sends everything again, with `clear` onto a blank screen (which flashes). */
void term_repaint(bool clear);

/* Back to the shell until SIGCONT; the terminal is ours again on return. */
void term_suspend(void);

/* After SIGCONT or SIGWINCH: modes on, size read again, all repainted. */
void term_restore(void);

struct term_signals term_take_signals(void);

/* Handlers that only set flags: before term_open, so that curses installs none of its own. */
bool term_catch_signals(void);

#endif
