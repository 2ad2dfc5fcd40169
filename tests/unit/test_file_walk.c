/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names opened component by component, without openat2: what stays inside opens, every link and
 * every way out fails with the errno that says why, and no descriptor is left behind.
 */
#include "tests/unit/unit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file/walk.h"

static char folder[] = "/tmp/weir-walk-XXXXXX";

static void make_file(const char *name)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_EXCL, 0644);

    ck_assert_int_ge(fd, 0);
    close(fd);
}

static void tree_make(void)
{
    ck_assert_ptr_nonnull(mkdtemp(folder));
    ck_assert_int_eq(chdir(folder), 0);
    ck_assert_int_eq(mkdir("root", 0755), 0);
    ck_assert_int_eq(mkdir("root/dir", 0755), 0);
    ck_assert_int_eq(mkdir("root/dir/deep", 0755), 0);
    make_file("outside");
    make_file("root/file");
    make_file("root/dir/deep/file");
    ck_assert_int_eq(symlink("file", "root/link"), 0);
    ck_assert_int_eq(symlink("dir", "root/dirlink"), 0);
    ck_assert_int_eq(symlink("../outside", "root/out"), 0);
    ck_assert_int_eq(symlink("/etc", "root/dir/abs"), 0);
}

static void tree_remove(void)
{
    static const char *const files[] = {"root/dir/deep/file", "root/file",    "outside",
                                        "root/link",          "root/dirlink", "root/out",
                                        "root/dir/abs"};

    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        unlink(files[i]);
    rmdir("root/dir/deep");
    rmdir("root/dir");
    rmdir("root");
    rmdir(folder);
}

static unsigned open_descriptors(void)
{
    DIR *d = opendir("/proc/self/fd");
    unsigned count = 0;

    ck_assert_ptr_nonnull(d);
    while (readdir(d))
        count++;
    closedir(d);
    return count;
}

START_TEST(names)
{
    static const struct {
        const char *name;
        int flags;
        int error;
    } cases[] = {
        {"file", O_RDONLY, 0},
        {"./file", O_RDONLY, 0},
        {"dir/deep/file", O_RDONLY, 0},
        {"dir//deep/file", O_RDONLY, 0},
        {"dir", O_PATH, 0},
        {"dir/", O_PATH | O_DIRECTORY, 0},
        {"", O_PATH, 0},
        {".", O_RDONLY | O_DIRECTORY, 0},
        {"missing", O_RDONLY, ENOENT},
        {"missing/file", O_RDONLY, ENOENT},
        {"file/x", O_RDONLY, ENOTDIR},
        {"file/", O_RDONLY, ENOTDIR},
        {"link", O_RDONLY, ELOOP},
        {"link", O_PATH, ELOOP},
        {"dirlink", O_PATH, ELOOP},
        {"dirlink/deep/file", O_RDONLY, ELOOP},
        {"out", O_RDONLY, ELOOP},
        {"dir/abs/passwd", O_RDONLY, ELOOP},
        {"..", O_PATH, EXDEV},
        {"../outside", O_RDONLY, EXDEV},
        {"dir/../../outside", O_RDONLY, EXDEV},
    };
    int root = open("root", O_PATH | O_DIRECTORY);
    unsigned before = open_descriptors();

    ck_assert_int_ge(root, 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        errno = 0;
        int fd = file_walk_open(root, cases[i].name, cases[i].flags);
        ck_assert_msg((fd >= 0) == (cases[i].error == 0), "%s: %s", cases[i].name, strerror(errno));
        if (fd >= 0)
            close(fd);
        else
            ck_assert_msg(errno == cases[i].error, "%s: %s", cases[i].name, strerror(errno));
    }
    char longer[400];
    memset(longer, 'a', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    ck_assert_int_eq(file_walk_open(root, longer, O_RDONLY), -1);
    ck_assert_int_eq(errno, ENAMETOOLONG);
    ck_assert_uint_eq(open_descriptors(), before);
    close(root);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("walk");
    TCase *t = tcase_create("names");

    tcase_add_checked_fixture(t, tree_make, tree_remove);
    tcase_add_test(t, names);
    suite_add_tcase(s, t);
    return unit_run(s);
}
