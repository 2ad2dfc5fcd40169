/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Absolute links that stay inside; see links.h. The first link of the name is read and put in its
 * place, the part that names the root is cut off an absolute one, and the name that results
 * is opened beneath the root: the wall is the kernel's at each attempt, so what changes meanwhile
 * can lead to a wrong name but never outside. Any thread.
 */
#include "file/links.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/fd.h"
#include "file/openat2.h"
#include "file/root.h"

enum { LINKS_MAX = 40 }; /* as the kernel's own limit, path_resolution(7) */

/* The part of an absolute path behind the directory `dir`, "" for itself; NULL: not beneath it. */
static const char *behind(const char *path, struct span dir)
{
    while (dir.n > 0 && dir.p[dir.n - 1] == '/')
        dir.n--;
    if (strncmp(path, dir.p, dir.n) != 0 || (path[dir.n] != '/' && path[dir.n] != '\0'))
        return NULL;
    path += dir.n;
    while (*path == '/')
        path++;
    return path;
}

static bool is_root(int root_fd, const char *path)
{
    struct stat root, here;
    uint64_t mount;
    int fd = file_openat2(AT_FDCWD, path, O_PATH | O_DIRECTORY, RESOLVE_CACHED);

    if (fd < 0)
        return false;
    bool same = file_attributes(fd, true, &here, &mount) == 0 &&
                file_attributes(root_fd, true, &root, &mount) == 0 && here.st_dev == root.st_dev &&
                here.st_ino == root.st_ino;
    close_fd(&fd);
    return same;
}

/*
 * What of an absolute link's text lies beneath the root; NULL: nothing. The root is known by its
 * path without links, or, when its path has some (/srv/current), by being the same directory:
 * that is asked of the kernel's name cache alone, where the path is by which the root was opened,
 * so that a link to a mount that does not answer costs nothing.
 */
static const char *inside(int root_fd, char *text)
{
    char link[32], real[PATH_MAX];

    snprintf(link, sizeof link, "/proc/self/fd/%d", root_fd);
    ssize_t n = readlink(link, real, sizeof real);
    if (n > 0 && (size_t)n < sizeof real && real[0] == '/') {
        const char *rest = behind(text, span_of(real, (size_t)n));
        if (rest)
            return rest;
    }
    for (char *at = text + 1;; at++) {
        char c = *at;
        if (c != '/' && c != '\0')
            continue;
        *at = '\0';
        bool found = is_root(root_fd, text);
        *at = c;
        if (found)
            return behind(text, span_of(text, (size_t)(at - text)));
        if (c == '\0')
            return NULL;
    }
}

/* Bytes of the link that name[0..end) is, into text; -1: it is no link, or cannot be read. */
static ssize_t read_link(int dir_fd, char *name, size_t end, char *text, size_t room)
{
    char c = name[end];

    name[end] = '\0';
    int fd = file_openat2_again(dir_fd, name, O_PATH | O_NOFOLLOW,
                                RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
    name[end] = c;
    if (fd < 0)
        return -1;
    ssize_t n = readlinkat(fd, "", text, room - 1);
    close_fd(&fd);
    if (n < 0 || (size_t)n == room - 1)
        return -1;
    text[n] = '\0';
    return n;
}

/* Puts the first link of the name in its place; false when there is none, or it leads out. */
static bool expand(int dir_fd, char *name, size_t room)
{
    char text[PATH_MAX], whole[PATH_MAX];
    size_t begin = 0, end;

    for (;; begin = end) {
        begin += strspn(name + begin, "/");
        end = begin + strcspn(name + begin, "/");
        if (end == begin)
            return false;
        if (read_link(dir_fd, name, end, text, sizeof text) >= 0)
            break;
    }
    struct out o = out_into(whole, sizeof whole - 1);
    if (text[0] != '/') {
        out_add(&o, name, begin);
        out_str(&o, text);
    } else {
        const char *rest = inside(dir_fd, text);
        if (!rest)
            return false;
        out_str(&o, rest[0] != '\0' ? rest : ".");
    }
    out_str(&o, name + end);
    *o.p = '\0';
    if (o.cut || out_len(&o) >= room)
        return false;
    memcpy(name, whole, out_len(&o) + 1);
    return true;
}

int file_links_open(int dir_fd, const char *name, int flags)
{
    char path[PATH_MAX];
    size_t n = strlen(name);

    if (n >= sizeof path || name[0] == '/') {
        errno = EXDEV;
        return -1;
    }
    memcpy(path, name, n + 1);
    for (int links = 0; links < LINKS_MAX; links++) {
        if (!expand(dir_fd, path, sizeof path)) {
            errno = EXDEV;
            return -1;
        }
        int fd = file_openat2_again(dir_fd, path, flags, RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS);
        if (fd >= 0 || errno != EXDEV)
            return fd;
    }
    errno = ELOOP;
    return -1;
}
