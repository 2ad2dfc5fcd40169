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

/* What the kernel reads ahead at once, and about what it takes back at once. */
static const uint64_t stride_bytes = 128 * 1024;
static const uint64_t believed_ns = NS_PER_S;
static const uint64_t ends_tell_ns = 10 * NS_PER_S;

enum { MARKS_MAX = 2048 }; /* of one file, 64 KiB: for a file of 1 GiB at the usual window */

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

enum file_residency file_residency(int fd, uint64_t offset, uint64_t length, bool ends_only,
                                   unsigned *calls)
{
    enum file_residency found = FILE_HOT;
    uint64_t last = offset + length - 1;
    uint64_t stride = ends_only ? length : stride_bytes;

    *calls = 0;
    for (uint64_t at = offset; at <= last && found == FILE_HOT; at += stride) {
        found = ask(fd, at);
        (*calls)++;
    }
    /* The last byte too, but of whole strides: the file may end before it. */
    if (found == FILE_HOT && length > 1 && (ends_only || length % stride != 0)) {
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

/* What is known of the piece, when something is that covers all of it. */
static const struct file_heat_mark *find(const struct file_heat *heat, const struct file_piece *p)
{
    if (!heat->mark)
        return NULL;
    const struct file_heat_mark *m = &heat->mark[p->index % heat->count];
    bool covers = m->piece.index == p->index && m->piece.from <= p->from && m->piece.to >= p->to;
    return covers && m->hot.ns != 0 ? m : NULL;
}

bool file_heat_is_hot(const struct file_heat *heat, const struct file_piece *p, struct mono now)
{
    const struct file_heat_mark *m = find(heat, p);

    return m && mono_since(now, m->hot) < believed_ns;
}

bool file_heat_ends_tell(const struct file_heat *heat, struct file_piece *p, struct mono now)
{
    const struct file_heat_mark *m = find(heat, p);

    if (!m || mono_since(now, m->asked) >= ends_tell_ns)
        return false;
    *p = m->piece;
    return true;
}

void file_heat_note(struct file_heat *heat, const struct file_piece *p, uint64_t windows,
                    enum file_heat_news news, struct mono at)
{
    if (!heat->mark && news != FILE_HEAT_COLD) {
        heat->count = windows < MARKS_MAX ? windows : MARKS_MAX;
        heat->mark = calloc((size_t)heat->count, sizeof *heat->mark);
    }
    if (!heat->mark)
        return;
    struct file_heat_mark *m = &heat->mark[p->index % heat->count];
    struct mono asked = news == FILE_HEAT_ENDS ? m->asked : at;
    if (news != FILE_HEAT_COLD)
        *m = (struct file_heat_mark){.piece = *p, .hot = at, .asked = asked};
    else if (m->piece.index == p->index)
        m->hot = (struct mono){0};
}

void file_heat_free(struct file_heat *heat)
{
    free(heat->mark);
    heat->mark = NULL;
}
