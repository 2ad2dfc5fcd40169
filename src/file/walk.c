/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Opening a name component by component; see walk.h. O_PATH | O_NOFOLLOW opens a symbolic link
 * itself, so each directory on the way is asked to be one (O_DIRECTORY gives ENOTDIR for a link,
 * which is then told apart). Any thread.
 */
#include "file/walk.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/fd.h"

static int open_at(int dir_fd, const char *name, int flags)
{
    int fd;

    do
        fd = openat(dir_fd, name, flags | O_NOFOLLOW | O_CLOEXEC);
    while (fd < 0 && errno == EINTR);
    return fd;
}

/* ENOTDIR of a symbolic link is ELOOP: the caller tells a missing file from a forbidden link. */
static int step_down(int dir_fd, const char *name)
{
    int fd = open_at(dir_fd, name, O_PATH | O_DIRECTORY);
    struct stat st;

    if (fd < 0 && errno == ENOTDIR) {
        bool link =
            fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode);
        errno = link ? ELOOP : ENOTDIR;
    }
    return fd;
}

/* The last component: O_PATH would open a link itself, which nobody asked for. */
static int open_last(int dir_fd, const char *name, int flags)
{
    int fd = open_at(dir_fd, name, flags);
    struct stat st;

    if (fd >= 0 && (flags & O_PATH) && (fstat(fd, &st) != 0 || S_ISLNK(st.st_mode))) {
        close_fd(&fd);
        errno = ELOOP;
    }
    return fd;
}

int file_walk_open(int dir_fd, const char *name, int flags)
{
    struct span rest = span_str(name);
    char component[NAME_MAX + 1];
    int at = -1; /* the directory reached so far, when it is not dir_fd */

    if (rest.n > 0 && rest.p[rest.n - 1] == '/')
        flags |= O_DIRECTORY;
    while (rest.n > 0) {
        struct span one = span_cut(&rest, '/');
        if (one.n == 0 || span_eq(one, SPAN(".")))
            continue;
        if (one.n > NAME_MAX || span_eq(one, SPAN(".."))) {
            close_fd(&at);
            errno = one.n > NAME_MAX ? ENAMETOOLONG : EXDEV;
            return -1;
        }
        memcpy(component, one.p, one.n);
        component[one.n] = '\0';
        bool last = rest.n == 0;
        int next = last ? open_last(at >= 0 ? at : dir_fd, component, flags)
                        : step_down(at >= 0 ? at : dir_fd, component);
        close_fd(&at); /* keeps errno */
        if (last || next < 0)
            return next;
        at = next;
    }
    /* A trailing "." or nothing at all: the directory itself. */
    int self = openat(at >= 0 ? at : dir_fd, ".", flags | O_CLOEXEC);
    close_fd(&at);
    return self;
}
