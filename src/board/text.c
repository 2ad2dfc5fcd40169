/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading texts from the board: an observer reads any of them, the master those of a worker
 * that died. What is read is somebody else's memory: the length is bounded here.
 */
#include "board/slot.h"

#include "board/words.h"

static size_t text_copy(const struct board_text *t, char *to)
{
    size_t n = atomic_load_explicit(&t->length, memory_order_relaxed);

    if (n > BOARD_TEXT_BYTES)
        n = BOARD_TEXT_BYTES;
    board_words_load(t->words, to, n);
    to[n] = '\0';
    return n;
}

bool board_text_get(const struct board_text *t, char *to, size_t *length)
{
    for (int i = 0; i < 3; i++) {
        uint32_t before = atomic_load_explicit(&t->seq, memory_order_acquire);

        *length = text_copy(t, to);
        atomic_thread_fence(memory_order_acquire);
        if (before % 2 == 0 && atomic_load_explicit(&t->seq, memory_order_relaxed) == before)
            return true;
    }
    return false;
}
