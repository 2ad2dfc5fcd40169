/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bytes on their way to the terminal. A terminal may stop reading at any byte (Ctrl-S, a stopped
 * tmux, a line that broke silently), and a program that waits for it in write(2) neither samples
 * nor hears a signal. So what does not fit stays here, in order, until it does. Its descriptor may
 * be shared with a shell, which is why it is not made non-blocking. Part of tui/term.
 */
#ifndef WEIR_TUI_OUTBOX_H
#define WEIR_TUI_OUTBOX_H

#include <stdbool.h>

#include "base/bytes.h"

struct outbox {
    int fd;
    struct buf bytes;
    size_t sent; /* of these */
};

/* Does the terminal take anything now? */
bool outbox_room(const struct outbox *o);
/* Adds all or nothing: false on ENOMEM. */
bool outbox_add(struct outbox *o, const void *p, size_t n);
/* Adds what was written to a file from its beginning to its offset, and winds it back. */
bool outbox_add_file(struct outbox *o, int file);
/* Sends what the terminal takes now. True when nothing is left, or the terminal is gone. */
bool outbox_send(struct outbox *o);
void outbox_free(struct outbox *o);

#endif
