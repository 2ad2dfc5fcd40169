/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Absolute symbolic links beneath a root: those that lead back inside are followed, whatever way
 * the root is named, and no others.
 */
#include "tests/unit/test_file_tree.h"

#include <limits.h>
#include <sys/statvfs.h>

static void make_tree(void)
{
    tree_dir("root");
    tree_dir("root/a");
    tree_dir("root/a/deep");
    tree_dir("rootless");
    tree_file("root/f", "inside");
    tree_file("root/a/f", "inside");
    tree_file("root/a/deep/f", "inside");
    tree_file("rootless/f", "outside");
    tree_file("secret", "outside");
    tree_link("root", "current"); /* the root by another name */
    tree_link(tree_path("root/f"), "root/to-file");
    tree_link(tree_path("root/a"), "root/to-dir");
    tree_link(tree_path("root/a/"), "root/to-dir-slash");
    tree_link(tree_path("root"), "root/to-root");
    tree_link(tree_path("root/to-dir"), "root/to-link");
    tree_link(tree_path("current/a/f"), "root/by-current");
    tree_link("../to-dir/deep", "root/a/mixed");
    tree_link(tree_path("root//a/.././f"), "root/odd");
    tree_link(tree_path("root/none"), "root/dangling");
    tree_link(tree_path("root/loop"), "root/loop");
    tree_link(tree_path("root/a/../../secret"), "root/dots");
    tree_link(tree_path("rootless/f"), "root/sibling");
    tree_link(tree_path("secret"), "root/out");
    tree_link("../secret", "root/relative-out");
    tree_link(tree_path("root/relative-out"), "root/at-last-out");
    tree_link("/", "root/slash");
    tree_link("/proc/self/root/etc/passwd", "root/magic");
}

static const struct {
    const char *name;
    int error; /* 0: it opens, and holds "inside" */
} cases[] = {
    {"to-file", 0},
    {"to-dir/f", 0},
    {"to-dir/deep/f", 0},
    {"to-dir/../f", 0},
    {"to-dir-slash/f", 0},
    {"to-root/f", 0},
    {"to-root/to-root/a/f", 0},
    {"to-link/f", 0},
    {"a/mixed/f", 0},
    {"odd", 0},
    {"dangling", ENOENT},
    {"to-dir/none", ENOENT},
    {"loop", ELOOP},
    {"dots", EXDEV},
    {"sibling", EXDEV},
    {"out", EXDEV},
    {"relative-out", EXDEV},
    {"at-last-out", EXDEV},
    {"to-dir/../../secret", EXDEV},
    {"slash", EXDEV},
    {"slash/etc/passwd", EXDEV},
    {"magic", EXDEV},
    {"..", EXDEV},
};

static void check_from(const char *named)
{
    struct file_root root = root_of(named);
    char text[8];

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        errno = 0;
        int fd = file_root_open(&root, cases[i].name, at(0), VALID_NS);
        int error = fd < 0 ? errno : 0;
        ck_assert_msg(error == cases[i].error, "%s from %s: %s", cases[i].name, named,
                      strerror(error));
        if (fd < 0)
            continue;
        ck_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
        ck_assert_int_eq(read(fd, text, sizeof text), 6);
        ck_assert_mem_eq(text, "inside", 6);
        close(fd);
    }
    file_root_close(&root);
}

START_TEST(absolute_links)
{
    if (!file_root_supported())
        return; /* then no link is followed at all */
    make_tree();
    check_from("root");
    check_from("current"); /* /proc/self/fd tells its path without links */
    check_from("root/a/../");
}
END_TEST

/*
 * A link that names the root by a path with a link in it: known when the root was opened by that
 * path. Where every following of a link is written down, the kernel's cache alone cannot follow
 * it.
 */
START_TEST(by_a_name_with_a_link)
{
    struct file_root root;
    struct statvfs fs;

    if (!file_root_supported() || statvfs(tree, &fs) != 0 ||
        !(fs.f_flag & (ST_RELATIME | ST_NOATIME)))
        return;
    make_tree();
    root = root_of("current");
    int fd = file_root_open(&root, "by-current", at(0), VALID_NS);
    ck_assert_msg(fd >= 0, "%s", strerror(errno));
    close(fd);
    file_root_close(&root);
}
END_TEST

/* The file system's own root: all is inside. */
START_TEST(from_the_top)
{
    struct file_root root;
    char name[PATH_MAX];

    if (!file_root_supported())
        return;
    make_tree();
    snprintf(name, sizeof name, "%s", tree_path("root/out"));
    file_root_init(&root, "/", -1);
    int fd = file_root_open(&root, name + 1, at(0), VALID_NS);
    ck_assert_int_ge(fd, 0);
    close(fd);
    file_root_close(&root);
}
END_TEST

/* Names as long as may be, and links that make them longer. */
START_TEST(too_long)
{
    struct file_root root;
    char text[PATH_MAX] = "", part[201];

    if (!file_root_supported())
        return;
    make_tree();
    memset(part, 'x', sizeof part - 1);
    part[200] = '\0';
    strcat(text, tree_path("root"));
    while (strlen(text) + 202 < sizeof text) {
        strcat(text, "/");
        strcat(text, part);
    }
    tree_link(text, "root/long");
    tree_link(tree_path("root/long"), "root/longer");
    root = root_of("root");
    ck_assert_int_eq(file_root_open(&root, "longer", at(0), VALID_NS), -1);
    ck_assert(errno == EXDEV || errno == ENOENT);
    char name[PATH_MAX + 8];
    snprintf(name, sizeof name, "longer/%s", text);
    ck_assert_int_eq(file_root_open(&root, name, at(0), VALID_NS), -1);
    file_root_close(&root);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("file links");
    TCase *t = tcase_create("links");

    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, tree_make, tree_remove);
    tcase_add_test(t, absolute_links);
    tcase_add_test(t, by_a_name_with_a_link);
    tcase_add_test(t, from_the_top);
    tcase_add_test(t, too_long);
    suite_add_tcase(s, t);
    return unit_run(s);
}
