/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Opening a name and asking what it is; see open.h. Any thread; may block on disk.
 */
#include "file/open.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "board/slot.h"
#include "file/root.h"

/*
 * A change within the same tick of a file system's clock as the one before leaves no trace
 * in its times; the coarsest in use (FAT) tick every two seconds.
 */
static const uint64_t settle_ns = 2 * NS_PER_S;

static void mark(struct board_slot *slot, enum board_wait what)
{
    if (slot)
        slot_wait(slot, what, mono_now());
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

bool file_is_same(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           (a->st_mode & S_IFMT) == (b->st_mode & S_IFMT) && same_time(&a->st_mtim, &b->st_mtim) &&
           same_time(&a->st_ctim, &b->st_ctim);
}

static enum file_kind kind_of(const struct stat *st)
{
    if (S_ISREG(st->st_mode))
        return FILE_REGULAR;
    return S_ISDIR(st->st_mode) ? FILE_DIRECTORY : FILE_OTHER;
}

/* True when the last change lies far enough back. A change time ahead of the clock never does. */
static bool is_settled(const struct stat *st, struct wall now)
{
    uint64_t seconds = now.ns / NS_PER_S;

    return st->st_ctim.tv_sec < 0 || (uint64_t)st->st_ctim.tv_sec + settle_ns / NS_PER_S < seconds;
}

static void fail(struct file_opened *o, int error)
{
    close_fd(&o->fd);
    o->kind = FILE_ERROR;
    o->error = error;
}

/* How many bytes of [0, n) could be read; -1 with errno. */
static ssize_t read_at_start(int fd, char *to, size_t n)
{
    size_t got = 0;

    while (got < n) {
        ssize_t done = pread(fd, to + got, n - got, (off_t)got);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return -1;
        if (done == 0)
            break;
        got += (size_t)done;
    }
    return (ssize_t)got;
}

/*
 * Holds the contents when they are the whole file and it did not change while they were
 * read; else the attributes are those after the read, and the file is sent from its
 * descriptor. Not having the memory for it is no failure either.
 */
static void read_content(struct file_opened *o, struct board_slot *slot)
{
    struct stat after;
    size_t size = (size_t)o->st.st_size;
    char *content = malloc(size + 1); /* one more: would the file go on? */

    if (!content)
        return;
    mark(slot, WAIT_READ);
    ssize_t got = read_at_start(o->fd, content, size + 1);
    if (got < 0 || fstat(o->fd, &after) < 0) {
        fail(o, errno);
        free(content);
        return;
    }
    if ((size_t)got == size && file_is_same(&o->st, &after)) {
        o->content = content;
        close_fd(&o->fd);
        return;
    }
    free(content);
    o->st = after;
    o->settled = false;
}

static void open_regular(int root_fd, const struct file_open_how *how, struct file_opened *o)
{
    mark(how->slot, WAIT_OPEN);
    o->fd = file_open_beneath(root_fd, how->name, FILE_OPEN_READ);
    if (o->fd < 0) {
        fail(o, errno);
        return;
    }
    mark(how->slot, WAIT_STAT);
    if (fstat(o->fd, &o->st) < 0) {
        fail(o, errno);
        return;
    }
    o->kind = kind_of(&o->st);
    if (o->kind != FILE_REGULAR) {
        close_fd(&o->fd);
        return;
    }
    o->settled = is_settled(&o->st, wall_now());
    if (how->content_bytes > 0 && (uint64_t)o->st.st_size <= how->content_bytes)
        read_content(o, how->slot);
}

void file_open(int root_fd, const struct file_open_how *how, struct file_opened *out)
{
    *out = (struct file_opened){.fd = -1, .kind = FILE_ERROR};
    mark(how->slot, WAIT_OPEN);
    int fd = file_open_beneath(root_fd, how->name, O_PATH);
    if (fd < 0) {
        out->error = errno;
        return;
    }
    mark(how->slot, WAIT_STAT);
    if (fstat(fd, &out->st) < 0)
        out->error = errno;
    else
        out->kind = kind_of(&out->st);
    close_fd(&fd);
    if (out->kind == FILE_ERROR)
        return;
    out->settled = true;
    out->same = how->known && file_is_same(how->known, &out->st);
    if (out->kind == FILE_REGULAR && !out->same)
        open_regular(root_fd, how, out);
}

void file_opened_drop(struct file_opened *o)
{
    close_fd(&o->fd);
    free(o->content);
    o->content = NULL;
}
