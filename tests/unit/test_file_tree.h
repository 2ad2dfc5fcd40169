/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A temporary tree of files for the tests of file/ and serve/: made before each test, removed
 * after it. Every call fails the test when the system refuses it.
 */
#ifndef WEIR_TESTS_FILE_TREE_H
#define WEIR_TESTS_FILE_TREE_H

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "file/root.h"
#include "tests/unit/unit.h"

static char tree[64];

static inline const char *tree_path(const char *name)
{
    static char text[4][5000];
    static unsigned next;
    char *to = text[next++ % 4];

    snprintf(to, sizeof text[0], "%s/%s", tree, name);
    return to;
}

static inline void tree_make(void)
{
    const char *base = getenv("TMPDIR");

    snprintf(tree, sizeof tree, "%s/weir-test-XXXXXX", base && strlen(base) < 32 ? base : "/tmp");
    ck_assert_msg(mkdtemp(tree) != NULL, "mkdtemp %s: %s", tree, strerror(errno));
}

static inline int tree_remove_one(const char *path, const struct stat *st, int flag,
                                  struct FTW *ftw)
{
    (void)st;
    (void)flag;
    (void)ftw;
    return remove(path);
}

static inline void tree_remove(void)
{
    ck_assert_int_eq(nftw(tree, tree_remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

static inline void tree_dir(const char *name)
{
    ck_assert_msg(mkdir(tree_path(name), 0755) == 0, "mkdir %s: %s", name, strerror(errno));
}

static inline void tree_write(const char *name, const void *p, size_t n)
{
    int fd = open(tree_path(name), O_WRONLY | O_CREAT | O_TRUNC, 0644);

    ck_assert_msg(fd >= 0, "open %s: %s", name, strerror(errno));
    ck_assert_int_eq(write(fd, p, n), (ssize_t)n);
    close(fd);
}

static inline void tree_file(const char *name, const char *text)
{
    tree_write(name, text, strlen(text));
}

static inline void tree_link(const char *target, const char *name)
{
    ck_assert_msg(symlink(target, tree_path(name)) == 0, "symlink %s: %s", name, strerror(errno));
}

/* Modification time; the change time cannot be set and is now. */
static inline void tree_time(const char *name, time_t seconds)
{
    struct timespec times[2] = {{.tv_sec = seconds}, {.tv_sec = seconds}};

    ck_assert_int_eq(utimensat(AT_FDCWD, tree_path(name), times, 0), 0);
}

/* How many descriptors this process has open. */
static inline unsigned tree_open_fds(void)
{
    unsigned n = 0;

    for (int fd = 0; fd < 256; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

/* --- a root in it, and times to ask it at --- */

#define VALID_NS (10 * NS_PER_S)

static inline struct mono at(uint64_t seconds)
{
    return (struct mono){(1000 + seconds) * NS_PER_S};
}

static char root_path[128];

static inline struct file_root root_of(const char *name)
{
    struct file_root root;

    snprintf(root_path, sizeof root_path, "%s", tree_path(name));
    file_root_init(&root, root_path, -1);
    return root;
}

#endif
