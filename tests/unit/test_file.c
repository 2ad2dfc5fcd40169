/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Document roots, opening names and reading directories, against real trees.
 */
#include "tests/unit/test_file_tree.h"

#include <sched.h>
#include <signal.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "file/dir.h"
#include "file/root.h"

/* --- roots --- */

static void make_wall(void)
{
    tree_file("secret", "secret");
    tree_dir("root");
    tree_dir("root/dir");
    tree_file("root/a", "a");
    tree_file("root/dir/b", "b");
    tree_link("dir/b", "root/inside");
    tree_link("../a", "root/dir/up");
    tree_link("dir", "root/dirlink");
    tree_link("../secret", "root/outside");
    tree_link("../../secret", "root/dir/outside");
    tree_link(tree_path("root/a"), "root/absolute");
    tree_link("/etc/passwd", "root/passwd");
    tree_link("loop", "root/loop");
    tree_link("nothing", "root/dangling");
    tree_link("/proc/self/root/etc/passwd", "root/magic");
    tree_file("root/ -x", "dash");
}

START_TEST(beneath)
{
    make_wall();
    char long_name[400];
    char deep[5000];
    memset(long_name, 'x', sizeof long_name);
    long_name[sizeof long_name - 1] = '\0';
    memset(deep, '/', sizeof deep);
    for (size_t i = 0; i < sizeof deep; i += 2)
        deep[i] = 'a';
    deep[sizeof deep - 1] = '\0';
    const struct {
        const char *name;
        int error; /* 0: it opens */
    } cases[] = {
        {"a", 0},
        {"dir/b", 0},
        {"dir/../a", 0},
        {"inside", 0},
        {"dir/up", 0},
        {"dirlink/b", 0},
        {"", 0},
        {".", 0},
        {" -x", 0},
        {"..", EXDEV},
        {"../secret", EXDEV},
        {"dir/../../secret", EXDEV},
        {"/etc/passwd", EXDEV},
        {"outside", EXDEV},
        {"dir/outside", EXDEV},
        {"absolute", 0},
        {"passwd", EXDEV},
        {"magic", EXDEV},
        {"loop", ELOOP},
        {"dangling", ENOENT},
        {"none", ENOENT},
        {"a/", ENOTDIR},
        {"a/b", ENOTDIR},
        {long_name, ENAMETOOLONG},
        {deep, ENAMETOOLONG},
    };
    struct file_root root = root_of("root");

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        errno = 0;
        int fd = file_root_open(&root, cases[i].name, at(0), VALID_NS);
        int error = fd < 0 ? errno : 0;
        ck_assert_msg(error == cases[i].error, "%.40s: %s", cases[i].name, strerror(error));
        if (fd >= 0) {
            ck_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
            close(fd);
        }
    }
    file_root_close(&root);
}
END_TEST

static char first_byte(struct file_root *root, const char *name, struct mono now)
{
    char c = '!';
    int fd = file_root_open(root, name, now, VALID_NS);

    if (fd < 0)
        return '-';
    ck_assert_int_eq(read(fd, &c, 1), 1);
    close(fd);
    return c;
}

START_TEST(root_is_switched)
{
    tree_dir("one");
    tree_dir("two");
    tree_file("one/f", "1");
    tree_file("two/f", "2");
    tree_link("one", "current");
    struct file_root root = root_of("current");
    unsigned fds = tree_open_fds();

    ck_assert_int_eq(first_byte(&root, "f", at(0)), '1');
    tree_link("two", "next");
    ck_assert_int_eq(rename(tree_path("next"), tree_path("current")), 0);
    ck_assert_int_eq(first_byte(&root, "f", at(9)), '1');  /* still believed */
    ck_assert_int_eq(first_byte(&root, "f", at(10)), '2'); /* looked up again */
    ck_assert_int_eq(rename(tree_path("two"), tree_path("three")), 0);
    ck_assert_int_eq(first_byte(&root, "f", at(12)), '2');
    ck_assert_int_eq(first_byte(&root, "f", at(30)), '-');
    ck_assert_int_eq(errno, ENOENT);
    ck_assert_int_eq(rename(tree_path("three"), tree_path("two")), 0);
    ck_assert_int_eq(first_byte(&root, "f", at(30)), '2'); /* a failure is not believed */
    file_root_close(&root);
    ck_assert_uint_eq(tree_open_fds(), fds);
}
END_TEST

/* The path cannot be searched by the worker's user: the master's descriptor serves. */
START_TEST(root_is_inherited)
{
    tree_dir("closed");
    tree_dir("closed/www");
    tree_file("closed/www/f", "f");
    struct file_root root = root_of("closed/www");
    int inherited = open(root_path, O_PATH | O_DIRECTORY | O_CLOEXEC);

    ck_assert_int_ge(inherited, 0);
    ck_assert_int_eq(chmod(tree_path("closed"), 0700), 0);
    ck_assert_int_eq(chmod(tree, 0755), 0);
    if (geteuid() == 0)
        ck_assert_int_eq(seteuid(65534), 0);
    else
        ck_assert_int_eq(chmod(tree_path("closed"), 0), 0);
    ck_assert_int_eq(first_byte(&root, "f", at(0)), '-');
    ck_assert_int_eq(errno, EACCES);
    root.inherited_fd = inherited;
    ck_assert_int_eq(first_byte(&root, "f", at(0)), 'f');
    root.path = tree_path("none"); /* not hidden but gone: that is no reason to serve the old one */
    ck_assert_int_eq(first_byte(&root, "f", at(20)), '-');
    ck_assert_int_eq(errno, ENOENT);
    root.path = root_path;
    ck_assert_int_eq(first_byte(&root, "f", at(20)), 'f');
    ck_assert_int_eq(first_byte(&root, "f", at(21)), 'f');
    if (getuid() == 0)
        ck_assert_int_eq(seteuid(0), 0);
    ck_assert_int_eq(chmod(tree_path("closed"), 0700), 0);
    file_root_close(&root);
    close(inherited);
}
END_TEST

START_TEST(root_without_descriptors)
{
    tree_dir("root");
    tree_file("root/f", "f");
    struct file_root root = root_of("root");
    struct rlimit old, none;

    ck_assert_int_eq(first_byte(&root, "f", at(0)), 'f');
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
    none = old;
    none.rlim_cur = 0;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
    ck_assert_int_eq(file_root_open(&root, "f", at(20), VALID_NS), -1);
    int error = errno;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
    ck_assert_int_eq(error, EMFILE);
    ck_assert_ptr_nonnull(root.place); /* kept: the shortage says nothing about it */
    ck_assert_int_eq(first_byte(&root, "f", at(20)), 'f');
    file_root_close(&root);
}
END_TEST

/* --- opening --- */

START_TEST(opening_tells_kinds)
{
    make_wall();
    ck_assert_int_eq(mkfifo(tree_path("root/fifo"), 0644), 0);
    struct sockaddr_un sun = {.sun_family = AF_UNIX};
    int sock = socket(AF_UNIX, SOCK_STREAM, 0);
    snprintf(sun.sun_path, sizeof sun.sun_path, "%s", tree_path("root/socket"));
    ck_assert_int_eq(bind(sock, (struct sockaddr *)&sun, sizeof sun), 0);
    tree_file("root/empty", "");
    int dir_fd = open(tree_path("root"), O_PATH);
    const struct {
        const char *name;
        enum file_kind kind;
        int error;
        const char *content;
    } cases[] = {
        {"a", FILE_REGULAR, 0, "a"},          {"empty", FILE_REGULAR, 0, ""},
        {"", FILE_DIRECTORY, 0, NULL},        {"dir", FILE_DIRECTORY, 0, NULL},
        {"dir/", FILE_DIRECTORY, 0, NULL},    {"fifo", FILE_OTHER, 0, NULL},
        {"socket", FILE_OTHER, 0, NULL},      {"none", FILE_ERROR, ENOENT, NULL},
        {"outside", FILE_ERROR, EXDEV, NULL}, {"a/", FILE_ERROR, ENOTDIR, NULL},
    };
    unsigned fds = tree_open_fds();

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (size_t limit = 0; limit <= 10; limit += 10) {
            struct file_open_how how = {.name = cases[i].name, .content_bytes = limit};
            struct file_opened o;
            file_open(dir_fd, &how, &o);
            ck_assert_msg(o.kind == cases[i].kind && o.error == cases[i].error, "%s: %d %s",
                          cases[i].name, (int)o.kind, strerror(o.error));
            bool held = limit > 0 && cases[i].content;
            ck_assert_msg((o.content != NULL) == held, "%s", cases[i].name);
            if (held)
                ck_assert_mem_eq(o.content, cases[i].content, strlen(cases[i].content));
            ck_assert_msg((o.fd >= 0) == (o.kind == FILE_REGULAR && !held), "%s", cases[i].name);
            file_opened_drop(&o);
        }
    ck_assert_uint_eq(tree_open_fds(), fds);
    close(sock);
    close(dir_fd);
}
END_TEST

static bool was_opened(int watch)
{
    char event[512];

    return read(watch, event, sizeof event) > 0;
}

/* Opening a FIFO for reading would let its writer go on, and then kill it. */
START_TEST(opening_touches_no_fifo)
{
    tree_dir("root");
    ck_assert_int_eq(mkfifo(tree_path("root/fifo"), 0644), 0);
    int dir_fd = open(tree_path("root"), O_PATH);
    int watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    struct file_open_how how = {.name = "fifo", .content_bytes = 10};
    struct file_opened o;

    ck_assert_int_ge(inotify_add_watch(watch, tree_path("root/fifo"), IN_OPEN), 0);
    file_open(dir_fd, &how, &o);
    ck_assert_int_eq(o.kind, FILE_OTHER);
    ck_assert(!was_opened(watch));
    close(open(tree_path("root/fifo"), O_RDONLY | O_NONBLOCK));
    ck_assert(was_opened(watch)); /* the watch does see opens */
    close(watch);
    close(dir_fd);
}
END_TEST

/* Mounts and unmounts something, in a namespace of its own, until it is killed; -1 without leave.
 */
static pid_t mount_all_the_time(const char *dir)
{
    int pipe_fd[2];
    bool told = false;
    char byte;

    ck_assert_int_eq(pipe(pipe_fd), 0);
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        if (unshare(CLONE_NEWNS) != 0 || mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
            _exit(1);
        while (mount("none", dir, "tmpfs", 0, NULL) == 0 && umount(dir) == 0)
            if (!told && !(told = write(pipe_fd[1], "", 1) == 1))
                break;
        _exit(1);
    }
    close(pipe_fd[1]);
    bool begun = read(pipe_fd[0], &byte, 1) == 1;
    close(pipe_fd[0]);
    if (begun)
        return pid;
    waitpid(pid, NULL, 0);
    return -1;
}

/* Any mount on the machine makes the kernel give up walks that are under way: these are few, and
 * each costs a thread's asking. */
START_TEST(cached_names_are_found_while_others_mount)
{
    enum { OPENS = 100000 };
    tree_dir("root");
    tree_dir("root/dir");
    tree_file("root/dir/f", "f");
    tree_dir("mount");
    int dir_fd = open(tree_path("root"), O_PATH);
    pid_t pid = file_cached_supported() ? mount_all_the_time(tree_path("mount")) : -1;
    unsigned lost = 0;

    for (int i = 0; pid > 0 && i < OPENS; i++) {
        int fd = file_open_cached(dir_fd, "dir/f", O_PATH);
        if (fd < 0) {
            ck_assert_int_eq(errno, EAGAIN);
            lost++;
        } else {
            close(fd);
        }
    }
    if (pid > 0) {
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
    }
    close(dir_fd);
    ck_assert_uint_lt(lost, OPENS / 20);
}
END_TEST

/* A file that is not as long as it says (as in procfs) is not held. */
START_TEST(opening_doubts_sizes)
{
    int dir_fd = open("/proc", O_PATH);
    struct file_open_how how = {.name = "version", .content_bytes = 1000};
    struct file_opened o;

    file_open(dir_fd, &how, &o);
    ck_assert_int_eq(o.kind, FILE_REGULAR);
    ck_assert_int_eq(o.st.st_size, 0);
    ck_assert_ptr_null(o.content);
    ck_assert_int_ge(o.fd, 0);
    ck_assert(!o.settled);
    file_opened_drop(&o);
    close(dir_fd);
}
END_TEST

START_TEST(opening_knows_the_same)
{
    tree_dir("root");
    tree_file("root/f", "f");
    int dir_fd = open(tree_path("root"), O_PATH);
    struct file_open_how how = {.name = "f", .content_bytes = 10};
    struct file_opened o;

    file_open(dir_fd, &how, &o);
    struct stat known = o.st;
    ck_assert(!o.settled); /* it was written just now */
    file_opened_drop(&o);
    how.known = &known;
    file_open(dir_fd, &how, &o);
    ck_assert(o.same);
    ck_assert_int_eq(o.fd, -1);
    ck_assert_ptr_null(o.content);
    tree_time("root/f", 12345);
    file_open(dir_fd, &how, &o);
    ck_assert(!o.same);
    ck_assert_ptr_nonnull(o.content);
    file_opened_drop(&o);
    known = o.st;
    ck_assert_int_eq(chmod(tree_path("root/f"), 0600), 0); /* only the change time tells */
    known.st_ctim.tv_sec -= 1;
    file_open(dir_fd, &how, &o);
    ck_assert(!o.same);
    file_opened_drop(&o);
    close(dir_fd);
}
END_TEST

/* --- directories --- */

static void want_order(int root_fd, enum file_dir_sort sort, bool descending, const char *want)
{
    struct file_dir_how how = {.name = "d", .entries_max = 100};
    struct file_dir dir;
    char text[200] = "";

    ck_assert_int_eq(file_dir_read(root_fd, &how, &dir), 0);
    for (size_t i = 0; i < dir.count; i++) {
        strcat(text, i ? " " : "");
        strcat(text, dir.names.p + file_dir_at(&dir, sort, descending, i)->name_at);
    }
    ck_assert_str_eq(text, want);
    file_dir_free(&dir);
}

START_TEST(directory_is_sorted)
{
    tree_dir("d");
    tree_dir("d/z");
    tree_dir("d/y");
    tree_file("d/small", "1");
    tree_file("d/large", "12345");
    tree_file("d/middle", "123");
    tree_file("d/.dot", "");
    tree_time("d/small", 3000);
    tree_time("d/large", 2000);
    tree_time("d/middle", 1000);
    tree_time("d/y", 10);
    tree_time("d/z", 20);
    int fd = open(tree, O_PATH);

    want_order(fd, FILE_DIR_BY_NAME, false, "y z large middle small");
    want_order(fd, FILE_DIR_BY_NAME, true, "z y small middle large");
    want_order(fd, FILE_DIR_BY_SIZE, false, "y z small middle large");
    want_order(fd, FILE_DIR_BY_SIZE, true, "z y large middle small");
    want_order(fd, FILE_DIR_BY_TIME, false, "y z middle large small");
    want_order(fd, FILE_DIR_BY_TIME, true, "z y small large middle");
    close(fd);
}
END_TEST

START_TEST(root_that_is_idle)
{
    make_wall();
    struct file_root root = root_of("root");
    unsigned fds = tree_open_fds();

    ck_assert_int_ge(file_root_descriptor(&root, at(0), VALID_NS), 0);
    ck_assert_uint_eq(tree_open_fds(), fds + 1);
    unsigned epoch = file_root_sight(&root).epoch;
    file_root_tick(&root, at(19), 20 * NS_PER_S);
    ck_assert_uint_eq(tree_open_fds(), fds + 1);
    file_root_tick(&root, at(20), 20 * NS_PER_S);
    ck_assert_uint_eq(tree_open_fds(), fds);
    ck_assert(!file_root_is_fresh(&root, at(20), 3600 * NS_PER_S));
    ck_assert_int_ge(file_root_descriptor(&root, at(21), VALID_NS), 0);
    ck_assert_uint_ne(file_root_sight(&root).epoch, epoch); /* it might be another one */
    file_root_close(&root);
}
END_TEST

START_TEST(directory_has_a_budget)
{
    char name[64];
    struct file_dir dir, again;

    tree_dir("d");
    for (int i = 0; i < 300; i++) {
        snprintf(name, sizeof name, "d/%03d", i);
        tree_file(name, "");
    }
    tree_time("d", 1000);
    int fd = open(tree, O_PATH);
    struct file_budget *budget = file_budget_new(24000);
    struct file_dir_how how = {.name = "d", .entries_max = 1000, .budget = budget};
    ck_assert_int_eq(file_dir_read(fd, &how, &dir), 0);
    ck_assert_uint_eq(dir.count, 300);
    uint64_t used = file_budget_used(budget);
    ck_assert_uint_gt(used, 300U * (sizeof *dir.item + 4));
    ck_assert_uint_lt(used, 300U * (sizeof *dir.item + 8 + 4) + 2000);
    /* No more of it fits; what was taken on the way is given back. */
    ck_assert_int_eq(file_dir_read(fd, &how, &again), ENOBUFS);
    ck_assert_uint_eq(file_budget_used(budget), used);
    file_dir_free(&dir);
    ck_assert_uint_eq(file_budget_used(budget), 0);
    ck_assert_int_eq(file_dir_read(fd, &how, &again), 0);
    file_budget_release(&budget); /* outlived by what was taken from it */
    file_dir_free(&again);
    close(fd);
}
END_TEST

START_TEST(directory_follows_links_inside)
{
    make_wall();
    ck_assert_int_eq(mkfifo(tree_path("root/dir/fifo"), 0644), 0);
    tree_link("..", "root/dir/parent");
    const struct {
        const char *name;
        enum file_kind kind;
        bool known;
    } want[] = {
        {"parent", FILE_DIRECTORY, true}, {"b", FILE_REGULAR, true},  {"fifo", FILE_OTHER, true},
        {"outside", FILE_OTHER, false},   {"up", FILE_REGULAR, true},
    };
    int fd = open(tree_path("root"), O_PATH);

    for (int slash = 0; slash < 2; slash++) {
        struct file_dir_how how = {.name = slash ? "dir/" : "dir", .entries_max = 100};
        struct file_dir dir;
        ck_assert_int_eq(file_dir_read(fd, &how, &dir), 0);
        ck_assert_uint_eq(dir.count, 5);
        for (size_t i = 0; i < dir.count; i++) {
            ck_assert(span_eq(file_dir_name(&dir, &dir.item[i]), span_str(want[i].name)));
            ck_assert_msg(dir.item[i].kind == want[i].kind, "%s", want[i].name);
            ck_assert_msg(dir.item[i].known == want[i].known, "%s", want[i].name);
        }
        file_dir_free(&dir);
    }
    close(fd);
}
END_TEST

START_TEST(directory_fails)
{
    make_wall();
    int fd = open(tree_path("root"), O_PATH);
    static const struct {
        const char *name;
        size_t max;
        int error;
    } cases[] = {
        {"a", 10, ENOTDIR},    {"none", 10, ENOENT}, {"..", 10, EXDEV},
        {"dir", 2, EOVERFLOW}, {"dir", 3, 0},
    };
    unsigned fds = tree_open_fds();

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct file_dir_how how = {.name = cases[i].name, .entries_max = cases[i].max};
        struct file_dir dir;
        int error = file_dir_read(fd, &how, &dir);
        ck_assert_msg(error == cases[i].error, "%s: %s", cases[i].name, strerror(error));
        ck_assert_uint_eq(dir.count, error ? 0 : 3);
        file_dir_free(&dir);
    }
    ck_assert_uint_eq(tree_open_fds(), fds);
    close(fd);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("file");
    TCase *t = tcase_create("file");

    tcase_add_checked_fixture(t, tree_make, tree_remove);
    tcase_add_test(t, beneath);
    tcase_add_test(t, root_is_switched);
    tcase_add_test(t, root_is_inherited);
    tcase_add_test(t, root_without_descriptors);
    tcase_add_test(t, opening_tells_kinds);
    tcase_add_test(t, opening_touches_no_fifo);
    tcase_add_test(t, cached_names_are_found_while_others_mount);
    tcase_add_test(t, opening_doubts_sizes);
    tcase_add_test(t, opening_knows_the_same);
    tcase_add_test(t, directory_is_sorted);
    tcase_add_test(t, root_that_is_idle);
    tcase_add_test(t, directory_has_a_budget);
    tcase_add_test(t, directory_follows_links_inside);
    tcase_add_test(t, directory_fails);
    suite_add_tcase(s, t);
    return unit_run(s);
}
