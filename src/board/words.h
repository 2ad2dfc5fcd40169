/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bytes kept in shared memory as relaxed 64-bit atomics, eight at a time: how texts and
 * events are stored on the board. The order of stores is the caller's business (a sequence
 * counter). The last word is padded with zeroes. For board/ only.
 */
#ifndef WEIR_BOARD_WORDS_H
#define WEIR_BOARD_WORDS_H

#include "base/bytes.h"
#include "weir/board.h"

static inline void board_words_store(board_u64 *words, const char *p, size_t n)
{
    for (; n >= 8; n -= 8, p += 8, words++) {
        uint64_t v;
        memcpy(&v, p, 8);
        atomic_store_explicit(words, v, memory_order_relaxed);
    }
    if (n > 0) {
        uint64_t v = 0;
        memcpy(&v, p, n);
        atomic_store_explicit(words, v, memory_order_relaxed);
    }
}

static inline void board_words_load(const board_u64 *words, char *p, size_t n)
{
    for (; n > 0; words++) {
        uint64_t v = atomic_load_explicit(words, memory_order_relaxed);
        size_t part = n < 8 ? n : 8;
        memcpy(p, &v, part);
        p += part;
        n -= part;
    }
}

/* How much of s to keep in room bytes: all, or as much as does not split a UTF-8 sequence. */
static inline size_t board_text_fit(struct span s, size_t room)
{
    size_t n = room;

    if (s.n <= room)
        return s.n;
    for (int i = 0; i < 3 && n > 0 && ((unsigned char)s.p[n] & 0xc0) == 0x80; i++)
        n--;
    return ((unsigned char)s.p[n] & 0xc0) == 0x80 ? room : n;
}

#endif
