/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Opening a name and asking what it is; see open.h. One sequence of calls serves both ways: what
 * may not wait is refused step by step (struct opening), and whoever was refused starts over on
 * a thread. Any thread.
 */
#include "file/open.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/uio.h>
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

/* A change time ahead of the clock never lies far enough back. */
bool file_is_settled(const struct stat *st, struct wall now)
{
    uint64_t seconds = now.ns / NS_PER_S;

    return st->st_ctim.tv_sec < 0 || (uint64_t)st->st_ctim.tv_sec + settle_ns / NS_PER_S < seconds;
}

/* One opening under way. */
struct opening {
    int root_fd;
    const struct file_open_how *how;
    struct file_opened *out;
    const struct file_mounts *mounts; /* not NULL: nothing may wait */
    enum file_open_hot hot;           /* anything but FILE_OPEN_DONE ends it */
    struct mono begin;
};

/* What is being waited for. Where nothing may wait, it is since the beginning: one look at the
 * clock does for all. */
static void mark(const struct opening *o, enum board_wait what)
{
    if (o->how->slot)
        slot_wait(o->how->slot, what, o->mounts ? o->begin : mono_now());
}

/* The same, after a call that came back. */
static void mark_next(const struct opening *o, enum board_wait what)
{
    mark(o, what);
    if (o->how->job)
        offload_job_moved(o->how->job);
}

static void fail(struct opening *o, int error)
{
    close_fd(&o->out->fd);
    o->out->kind = FILE_ERROR;
    o->out->error = error;
}

static void give_up(struct opening *o, enum file_open_hot why)
{
    o->hot = why;
    fail(o, EAGAIN);
}

/* A descriptor; -1 and o says why. */
static int open_name(struct opening *o, int flags)
{
    const char *name = o->how->name;
    int fd = o->mounts ? file_open_cached(o->root_fd, name, flags)
                       : file_open_beneath(o->root_fd, name, flags);

    mark_next(o, WAIT_STAT);
    if (fd >= 0)
        return fd;
    if (o->mounts && (errno == EAGAIN || errno == EXDEV)) /* an absolute link, perhaps */
        give_up(o, FILE_OPEN_COLD);
    else if (o->mounts && errno == EINVAL)
        give_up(o, FILE_OPEN_UNSUPPORTED);
    else
        fail(o, errno);
    return -1;
}

static bool ask_attributes(struct opening *o, int fd)
{
    if (file_attributes(fd, o->mounts != NULL, &o->out->st, &o->out->mount_id) == 0)
        return true;
    fail(o, errno);
    return false;
}

/* Whether the kernel alone answers for the file system that was come to. */
static bool is_local(const struct opening *o)
{
    const struct file_opened *out = o->out;
    const struct file_mount *m = out->mount_id != 0
                                     ? file_mounts_by_id(o->mounts, out->mount_id)
                                     : file_mounts_by_device(o->mounts, out->st.st_dev);

    return m && m->local;
}

/* --- contents --- */

char *file_content_new(size_t size)
{
    char *memory =
        size <= SIZE_MAX - FILE_HEADROOM_BYTES ? malloc(FILE_HEADROOM_BYTES + size) : NULL;

    if (!memory)
        return NULL;
    memset(memory, 0, FILE_HEADROOM_BYTES);
    return memory + FILE_HEADROOM_BYTES;
}

void file_content_free(char *content)
{
    if (content)
        free(content - FILE_HEADROOM_BYTES);
}

/* True when the error says that pages in memory cannot be told from others. */
static bool cannot_tell(int error)
{
    return error == EOPNOTSUPP || error == ENOSYS || error == EINVAL || error == EPERM;
}

static bool is_in_memory_always(const struct opening *o)
{
    const struct file_mount *m = file_mounts_by_id(o->mounts, o->out->mount_id);

    return m && m->memory;
}

/* Whether it is no use to ask what of its contents is in memory. */
static bool is_silent(const struct opening *o)
{
    const struct file_mount *m = o->mounts ? file_mounts_by_id(o->mounts, o->out->mount_id) : NULL;

    return m && m->silent && !m->memory;
}

/*
 * How much of a file could be read that says it has size bytes, one more if it goes on; -1 with
 * errno. A short read that ends at the size is the end: asking again would cost a call.
 */
static ssize_t read_at_start(const struct opening *o, char *to, size_t size)
{
    bool may_wait = !o->mounts || is_in_memory_always(o);
    size_t n = size + 1;
    size_t got = 0;

    while (got < n) {
        struct iovec part = {to + got, n - got};
        ssize_t done = may_wait ? pread(o->out->fd, to + got, n - got, (off_t)got)
                                : preadv2(o->out->fd, &part, 1, (off_t)got, RWF_NOWAIT);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0 && !may_wait && errno == EAGAIN)
            break;
        if (done < 0)
            return -1;
        if (done == 0)
            break;
        got += (size_t)done;
        if (got == size)
            break;
    }
    return (ssize_t)got;
}

/*
 * Holds the contents of out->fd when they are all of the file whose attributes were asked for
 * by its name: those after the read tell that it still is that file, and that it did not change
 * since. True: *out is complete, or o says why not. False: it is not to be held (not having the
 * memory for it is no failure either), and the attributes of the descriptor are to be asked for.
 */
static bool read_content(struct opening *o)
{
    struct file_opened *out = o->out;
    struct stat named = out->st;
    size_t size = (size_t)named.st_size;
    char *content = file_content_new(size + 1);

    if (!content)
        return false;
    mark_next(o, WAIT_READ);
    ssize_t got = read_at_start(o, content, size);
    int error = got < 0 ? errno : 0;
    bool known = ask_attributes(o, out->fd);
    if (known && (size_t)got == size && file_is_same(&named, &out->st)) {
        out->content = content;
        close_fd(&out->fd);
        return true;
    }
    file_content_free(content);
    if (!known)
        return true;
    out->settled = false;
    if (kind_of(&out->st) != FILE_REGULAR)
        return false;
    if (error && o->mounts && cannot_tell(error))
        give_up(o, FILE_OPEN_UNSUPPORTED);
    else if (error)
        fail(o, error);
    else if (o->mounts && (size_t)got < size)
        give_up(o, FILE_OPEN_COLD); /* or it shrank: a thread finds out */
    else
        return false;
    return true;
}

/* --- the whole --- */

/* What its name told is in out->st; it may be another file by now, or none. */
static void open_regular(struct opening *o)
{
    struct file_opened *out = o->out;
    bool small = o->how->content_bytes > 0 && (uint64_t)out->st.st_size <= o->how->content_bytes;

    if (small && is_silent(o)) {
        give_up(o, FILE_OPEN_UNSUPPORTED);
        return;
    }
    mark_next(o, WAIT_OPEN);
    out->settled = file_is_settled(&out->st, wall_now());
    out->fd = open_name(o, FILE_OPEN_READ);
    if (out->fd < 0 || (small && read_content(o)) || !ask_attributes(o, out->fd))
        return;
    out->kind = kind_of(&out->st);
    if (out->kind != FILE_REGULAR)
        close_fd(&out->fd);
    else
        out->settled = out->settled && file_is_settled(&out->st, wall_now());
}

static void close_as(struct opening *o, enum file_open_hot why)
{
    close_fd(&o->out->fd);
    give_up(o, why);
}

/*
 * A name that was a regular file, by two calls less than open_all. False: it is to be looked at as
 * if nothing were known of it.
 */
static bool open_as_before(struct opening *o)
{
    struct file_opened *out = o->out;

    mark(o, WAIT_OPEN);
    out->fd = file_open_cached_here(o->root_fd, o->how->name, FILE_OPEN_READ);
    if (out->fd < 0 && errno == EAGAIN)
        give_up(o, FILE_OPEN_COLD);
    if (out->fd < 0)
        return o->hot == FILE_OPEN_COLD;
    if (!ask_attributes(o, out->fd))
        return true;
    out->kind = kind_of(&out->st);
    out->settled = file_is_settled(&out->st, wall_now());
    if (out->kind != FILE_REGULAR) {
        close_fd(&out->fd);
        return false;
    }
    bool small = o->how->content_bytes > 0 && (uint64_t)out->st.st_size <= o->how->content_bytes;
    if (small && is_silent(o))
        close_as(o, FILE_OPEN_UNSUPPORTED);
    else if (small && !read_content(o) && !ask_attributes(o, out->fd))
        return true;
    return true;
}

static void open_all(struct opening *o)
{
    struct file_opened *out = o->out;
    const struct stat *known = o->how->known;

    *out = (struct file_opened){.fd = -1, .kind = FILE_ERROR};
    if (o->mounts && o->how->was_regular && !known && open_as_before(o))
        return;
    *out = (struct file_opened){.fd = -1, .kind = FILE_ERROR};
    mark(o, WAIT_OPEN);
    int fd = open_name(o, O_PATH);
    if (fd < 0)
        return;
    bool good = ask_attributes(o, fd);
    close_fd(&fd);
    if (!good)
        return;
    if (o->mounts && !is_local(o)) {
        give_up(o, FILE_OPEN_COLD);
        return;
    }
    out->kind = kind_of(&out->st);
    out->settled = true;
    out->same = known && file_is_same(known, &out->st);
    if (out->kind == FILE_REGULAR && !out->same)
        open_regular(o);
}

void file_open(int root_fd, const struct file_open_how *how, struct file_opened *out)
{
    struct opening o = {.root_fd = root_fd, .how = how, .out = out};

    open_all(&o);
}

enum file_open_hot file_open_hot(int root_fd, const struct file_open_how *how,
                                 const struct file_mounts *mounts, struct file_opened *out)
{
    struct opening o = {
        .root_fd = root_fd, .how = how, .out = out, .mounts = mounts, .begin = mono_now()};

    open_all(&o);
    return o.hot;
}

void file_opened_drop(struct file_opened *o)
{
    close_fd(&o->fd);
    file_content_free(o->content);
    free(o->where);
    o->content = NULL;
    o->where = NULL;
}
