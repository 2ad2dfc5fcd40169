/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Asking whether pages are in memory; see residency.h. Kernels 5.9 and 5.10 answer a read that
 * would wait with less than was asked for, or with nothing, in place of EAGAIN: every answer
 * but the byte itself means cold. Any thread.
 */
#include "file/residency.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/types.h>
#include <sys/uio.h>

static const uint64_t stride_bytes = 64 * 1024;
static const uint64_t believed_ns = NS_PER_S;

enum { MARKS_MAX = 2048 }; /* of one file, 32 KiB: for a file of 1 GiB at the usual window */

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
    /* The last byte of what is no whole number of strides: the file may end before it. */
    if (found == FILE_HOT && length > 1 && length % stride_bytes != 0 &&
        last % stride_bytes != offset % stride_bytes) {
        found = ask(fd, last);
        (*calls)++;
    }
    return found;
}

bool file_read_hot(int fd, uint64_t offset, char *to, size_t n)
{
    struct iovec part = {to, n};
    ssize_t got;

    if (offset > INT64_MAX)
        return false;
    do
        got = preadv2(fd, &part, 1, (off_t)offset, RWF_NOWAIT);
    while (got < 0 && errno == EINTR);
    return got >= 0 && (size_t)got == n; /* what comes in pieces is not worth more calls */
}

bool file_heat_is_hot(const struct file_heat *heat, uint64_t index, struct mono now)
{
    if (!heat->mark)
        return false;
    const struct file_heat_mark *m = &heat->mark[index % heat->count];
    return m->index == index && m->hot.ns != 0 && mono_since(now, m->hot) < believed_ns;
}

void file_heat_note(struct file_heat *heat, uint64_t index, uint64_t windows, bool hot,
                    struct mono at)
{
    if (!heat->mark && hot) {
        heat->count = windows < MARKS_MAX ? windows : MARKS_MAX;
        heat->mark = calloc((size_t)heat->count, sizeof *heat->mark);
    }
    if (!heat->mark)
        return;
    struct file_heat_mark *m = &heat->mark[index % heat->count];
    if (hot)
        *m = (struct file_heat_mark){.index = index, .hot = at};
    else if (m->index == index)
        m->hot = (struct mono){0};
}

void file_heat_free(struct file_heat *heat)
{
    free(heat->mark);
    heat->mark = NULL;
}
