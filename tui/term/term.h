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
#include <stdint.h>

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

/* May block characters be drawn, and braille? By the locale and the terminal. */
bool term_has_blocks(void);
bool term_has_braille(void);

void term_size(int *rows, int *cols);

#define TERM_BUSY UINT64_MAX

/*
 * Copies the grid to the screen; only what changed is sent. Never waits. Returns how long it took,
 * in ns; TERM_BUSY when the terminal takes no more now (a stalled line) and this frame was left
 * out, or a part of it is still to be sent, which the next call does first.
 */
uint64_t term_blit(const struct grid *g);

/*
 * Clicks and the wheel are reported, until off; input.mouse has to say the same. Nothing is
 * sent while it stays off. False when the terminal is of a kind without a mouse.
 */
bool term_mouse(bool on);

/* Frames between the marks of synchronized output (mode 2026). Off at first. */
void term_synchronized(bool on);

/*
 * Asks the terminal to put text on its clipboard (OSC 52). False, with nothing sent, unless
 * term_allow_copy(true) was said, and when the terminal is of a kind without one or the text
 * is longer than TERM_COPY_BYTES.
 */
#define TERM_COPY_BYTES 4096
void term_allow_copy(bool allow);
bool term_copy(const char *text);

void term_bell(void);

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
