/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory for windows. A buffer that was put back is kept for the next window, for its pages are
 * there already: to have the kernel make new ones costs more than to read a window into them. What
 * nobody needed from one tick to the next goes back to the kernel, a bounded part of it at a tick.
 * malloc would give back nothing that something small lies above of. Worker's loop only; the memory
 * itself is anybody's.
 */
#ifndef WEIR_FILE_WINDOW_BUFFERS_H
#define WEIR_FILE_WINDOW_BUFFERS_H

#include <stddef.h>
#include <stdint.h>

#if defined __has_feature
#if __has_feature(address_sanitizer)
#define WINDOW_BUFFERS_OFF 1
#endif
#endif
#if defined __SANITIZE_ADDRESS__
#define WINDOW_BUFFERS_OFF 1
#endif
/* Where 1, each is malloc's, so that one used after it was given back is seen. */
#ifndef WINDOW_BUFFERS_OFF
#define WINDOW_BUFFERS_OFF 0
#endif

enum {
    WINDOW_BUFFERS_MIN = 16 * 1024, /* those below are malloc's */
    WINDOW_BUFFERS_SIZES = 9,       /* that one and its doubles, to the largest window there is */
};

struct window_buffers {
    struct window_buffers_size {
        struct kept_buffer *kept;
        unsigned count, least; /* kept now; at any time since the last tick */
    } size[WINDOW_BUFFERS_SIZES];
    uint64_t kept_bytes;
};

void *window_buffers_get(struct window_buffers *b, size_t bytes);            /* NULL with ENOMEM */
void window_buffers_put(struct window_buffers *b, void *data, size_t bytes); /* as asked for */
void window_buffers_keep(struct window_buffers *b, uint64_t bytes_max);      /* no more than that */
void window_buffers_tick(struct window_buffers *b);

#endif
