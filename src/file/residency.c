/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Asking whether pages are in memory; see residency.h. Kernels 5.9 and 5.10 answer a read that
 * would wait with less than was asked for, or with nothing, in place of EAGAIN: every answer
 * but the byte itself means cold. Any thread.
 */
#include "file/residency.h"

#include <errno.h>
#include <sys/types.h>
#include <sys/uio.h>

static const uint64_t stride_bytes = 64 * 1024;
static const uint64_t believed_ns = NS_PER_S;

static enum file_residency ask(int fd, uint64_t offset)
{
    char byte;
    struct iovec part = {&byte, 1};
    ssize_t got;

    if (offset > INT64_MAX)
        return FILE_COLD;
    do
        got = preadv2(fd, &part, 1, (off_t)offset, RWF_NOWAIT);
    while (got < 0 && errno == EINTR);
    if (got == 1)
        return FILE_HOT;
    if (got < 0 && (errno == EOPNOTSUPP || errno == ENOSYS || errno == EINVAL || errno == EPERM))
        return FILE_UNSUPPORTED;
    return FILE_COLD;
}

enum file_residency file_residency(int fd, uint64_t offset, uint64_t length, unsigned *calls)
{
    enum file_residency found = FILE_HOT;
    uint64_t last = offset + length - 1;

    *calls = 0;
    for (uint64_t at = offset; at <= last && found == FILE_HOT; at += stride_bytes) {
        found = ask(fd, at);
        (*calls)++;
    }
    if (found == FILE_HOT && length > 1 && last % stride_bytes != offset % stride_bytes) {
        found = ask(fd, last);
        (*calls)++;
    }
    return found;
}

bool file_heat_is_hot(const struct file_heat *heat, struct mono now)
{
    return heat->proven.ns != 0 && mono_since(now, heat->proven) < believed_ns;
}

void file_heat_note(struct file_heat *heat, uint64_t index, uint64_t count, bool hot,
                    struct mono now)
{
    if (!hot) {
        heat->next = 0;
        heat->proven = (struct mono){0};
        return;
    }
    if (index == 0) {
        heat->pass = now;
        heat->next = 0;
    }
    if (index != heat->next)
        return;
    heat->next++;
    if (heat->next == count) {
        heat->proven = heat->pass;
        heat->next = 0;
    }
}
