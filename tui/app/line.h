/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Editing one line of text by keys: cursor, word and line deletion. Controls never get into it;
 * what does not fit is refused, never cut in the middle of a character. Pure. Part of the
 * controller.
 */
#ifndef WEIR_TUI_LINE_H
#define WEIR_TUI_LINE_H

#include "tui/app/overlay.h"

void line_set(struct line *l, const char *text);
/* At the cursor. False when it is a control or does not fit. */
bool line_insert(struct line *l, uint32_t character);
/* Pasted bytes: what is no printable UTF-8 is left out. */
void line_paste(struct line *l, const char *text);
/* False when it is none of its keys. */
bool line_key(struct line *l, uint32_t key);

#endif
