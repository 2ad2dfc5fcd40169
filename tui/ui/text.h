/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Text measured in terminal cells, not bytes: width, and cutting at the end or in the middle
 * of a path. Text is UTF-8 that was scrubbed of controls when it entered (snapshot.h); a
 * character that the locale cannot print counts and shows as '?'. Pure apart from wcwidth(3),
 * which knows the locale. Runs in weirtop and its tests.
 */
#ifndef WEIR_TUI_TEXT_H
#define WEIR_TUI_TEXT_H

#include <stddef.h>
#include <wchar.h>

#include "base/bytes.h"

/* Takes one character off *rest: its code in *ch, its width 0 to 2. False at the end. */
bool text_next(struct span *rest, wchar_t *ch, int *width);

int text_width(const char *s);

/* Both copy s into out in at most `cells` cells, with ".." where something is missing. */
void text_cut_end(char *out, size_t out_bytes, const char *s, int cells);
/* Keeps the last component, then the first, then what fits: /mnt/..2019/big.iso */
void text_cut_path(char *out, size_t out_bytes, const char *s, int cells);
/* s without its first `cells` cells; *blank is 1 when half of a wide character is cut off. */
const char *text_skip(const char *s, int cells, int *blank);

#endif
