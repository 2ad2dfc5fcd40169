/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The outbox: each piece is written only when the terminal has room for it; see outbox.h.
 */
#include "tui/term/outbox.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

/* Where poll sees room, Linux's terminals and pseudo terminals take at least so much. */
#define PIECE_BYTES 256

bool outbox_room(const struct outbox *o)
{
    struct pollfd fd = {.fd = o->fd, .events = POLLOUT};

    return poll(&fd, 1, 0) == 1 && (fd.revents & POLLOUT);
}

bool outbox_add(struct outbox *o, const void *p, size_t n)
{
    return buf_add(&o->bytes, p, n);
}

bool outbox_add_file(struct outbox *o, int file)
{
    off_t n = lseek(file, 0, SEEK_CUR);

    if (n <= 0)
        return n == 0;
    bool good = buf_reserve(&o->bytes, (size_t)n) &&
                pread(file, o->bytes.p + o->bytes.n, (size_t)n, 0) == (ssize_t)n;
    if (good)
        o->bytes.n += (size_t)n;
    return lseek(file, 0, SEEK_SET) == 0 && good;
}

bool outbox_send(struct outbox *o)
{
    while (o->sent < o->bytes.n && outbox_room(o)) {
        size_t left = o->bytes.n - o->sent;
        ssize_t n = write(o->fd, o->bytes.p + o->sent, left < PIECE_BYTES ? left : PIECE_BYTES);
        if (n > 0)
            o->sent += (size_t)n;
        else if (errno == EAGAIN)
            break;
        else if (errno != EINTR)
            o->sent = o->bytes.n; /* it is gone, which poll tells whoever reads keys from it */
    }
    if (o->sent < o->bytes.n)
        return false;
    o->bytes.n = o->sent = 0;
    return true;
}

void outbox_free(struct outbox *o)
{
    buf_free(&o->bytes);
    o->sent = 0;
}
