/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Document roots, the open-file cache and directory reading, against real directories.
 */
#include "tests/unit/test_file_tree.h"

#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "board/slot.h"
#include "file/cache.h"
#include "file/dir.h"
#include "file/root.h"

#define VALID_NS (10 * NS_PER_S)

static struct mono at(uint64_t seconds)
{
    return (struct mono){(1000 + seconds) * NS_PER_S};
}

static char root_path[128];

static struct file_root root_of(const char *name)
{
    struct file_root root;

    snprintf(root_path, sizeof root_path, "%s", tree_path(name));
    file_root_init(&root, root_path, -1);
    return root;
}

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
        {"absolute", EXDEV},
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
    ck_assert_int_eq(first_byte(&root, "f", at(1)), 'f');
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
    ck_assert_int_ge(root.fd, 0); /* kept: the shortage says nothing about it */
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

/* --- cache --- */

static unsigned described;

static bool describe(void *arg, struct file_entry *e)
{
    (void)arg;
    described++;
    e->fields_memory = strdup("X: y\r\n");
    e->fields = span_str(e->fields_memory);
    return e->fields_memory != NULL;
}

static struct board_slot board_slot_of_test;

static const struct file_cache_settings usual = {
    .entries_max = 100,
    .valid_ns = VALID_NS,
    .content_bytes_max = 1000,
    .content_file_bytes = 100,
    .slot = &board_slot_of_test,
};

struct bench {
    struct file_root root;
    struct file_cache *cache;
};

static struct bench bench_new(struct file_cache_settings settings)
{
    struct bench b;

    if (access(tree_path("root"), F_OK) != 0)
        tree_dir("root");
    b.root = root_of("root");
    b.cache = file_cache_new(&settings, describe, NULL);
    ck_assert_ptr_nonnull(b.cache);
    described = 0;
    return b;
}

static void bench_end(struct bench *b)
{
    file_cache_free(&b->cache);
    file_root_close(&b->root);
}

static struct file_entry *get(struct bench *b, const char *name, struct mono now, bool want_hit)
{
    char path[5000];
    struct file_lookup how;

    snprintf(path, sizeof path, "/%s", name);
    struct file_entry *e =
        file_cache_get(b->cache, &b->root, 7, span_str(path), path + 1, now, &how);
    ck_assert_ptr_nonnull(e);
    ck_assert_msg(how.hit == want_hit, "%s: hit %d", name, how.hit);
    ck_assert_str_eq(e->path, path);
    return e;
}

static void get_content(struct bench *b, const char *name, struct mono now, bool want_hit,
                        const char *content)
{
    struct file_entry *e = get(b, name, now, want_hit);

    ck_assert_int_eq(e->kind, FILE_REGULAR);
    ck_assert_int_eq(e->st.st_size, (off_t)strlen(content));
    ck_assert_ptr_nonnull(e->content);
    ck_assert_mem_eq(e->content, content, strlen(content));
    file_entry_release(e);
}

static void get_error(struct bench *b, const char *name, struct mono now, bool want_hit, int error)
{
    struct file_entry *e = get(b, name, now, want_hit);

    ck_assert_int_eq(e->kind, FILE_ERROR);
    ck_assert_int_eq(e->error, error);
    file_entry_release(e);
}

static void touch(struct bench *b, const char *name, struct mono now, bool want_hit)
{
    file_entry_release(get(b, name, now, want_hit));
}

/* The change time lies back far enough that the entry is believed. */
static void settle(struct bench *b, const char *name)
{
    bool fresh;
    char path[300];

    snprintf(path, sizeof path, "/%s", name);
    struct file_entry *e = file_cache_find(b->cache, 7, span_str(path), at(0), &fresh);
    ck_assert_ptr_nonnull(e);
    e->settled = true;
    file_entry_release(e);
}

START_TEST(cache_hits_and_changes)
{
    struct bench b = bench_new(usual);

    tree_file("root/f", "one");
    tree_time("root/f", 1000);
    get_content(&b, "f", at(0), false, "one");
    get_content(&b, "f", at(9), true, "one");
    ck_assert_uint_eq(described, 1);
    ck_assert_uint_eq(slot_value(&board_slot_of_test, COUNTER_cache_hits), 1);
    ck_assert_uint_eq(slot_value(&board_slot_of_test, COUNTER_cache_misses), 1);
    ck_assert_uint_eq(slot_value(&board_slot_of_test, COUNTER_cache_entries), 1);
    ck_assert_uint_eq(slot_value(&board_slot_of_test, COUNTER_cache_bytes), 3);
    ck_assert_uint_eq(atomic_load(&board_slot_of_test.wait), WAIT_RESOLVE);

    settle(&b, "f");
    get_content(&b, "f", at(10), false, "one"); /* asked again: the same */
    ck_assert_uint_eq(described, 1);
    get_content(&b, "f", at(19), true, "one");

    tree_file("root/f", "two"); /* same size; the times tell */
    get_content(&b, "f", at(19), true, "one");
    get_content(&b, "f", at(20), false, "two");
    ck_assert_uint_eq(described, 2);

    tree_file("root/f", "six");
    tree_time("root/f", 1000);
    get_content(&b, "f", at(30), false, "six"); /* not settled: opened again in any case */
    ck_assert_uint_eq(described, 3);
    bench_end(&b);
}
END_TEST

START_TEST(cache_replaces_files)
{
    struct bench b = bench_new(usual);

    tree_file("root/f", "old");
    struct file_entry *held = get(&b, "f", at(0), false);
    tree_file("root/g", "new one");
    ck_assert_int_eq(rename(tree_path("root/g"), tree_path("root/f")), 0);
    get_content(&b, "f", at(10), false, "new one");
    ck_assert_mem_eq(held->content, "old", 3); /* a response in flight keeps what it had */
    ck_assert(!held->cached);
    file_entry_release(held);

    ck_assert_int_eq(unlink(tree_path("root/f")), 0);
    get_content(&b, "f", at(11), true, "new one");
    get_error(&b, "f", at(20), false, ENOENT);
    get_error(&b, "f", at(21), true, ENOENT);
    tree_file("root/f", "back");
    get_error(&b, "f", at(29), true, ENOENT);
    get_content(&b, "f", at(30), false, "back");
    bench_end(&b);
}
END_TEST

START_TEST(cache_holds_descriptors)
{
    struct file_cache_settings settings = usual;
    struct bench b;
    char c;
    unsigned fds;

    settings.content_file_bytes = 2;
    fds = tree_open_fds();
    b = bench_new(settings);
    tree_file("root/big", "big");
    struct file_entry *e = get(&b, "big", at(0), false);
    ck_assert_ptr_null(e->content);
    ck_assert_int_eq(pread(e->fd, &c, 1, 0), 1);
    ck_assert_int_eq(c, 'b');
    bench_end(&b);
    ck_assert_int_eq(pread(e->fd, &c, 1, 1), 1); /* lives on */
    file_entry_release(e);
    ck_assert_uint_eq(tree_open_fds(), fds);
}
END_TEST

START_TEST(cache_does_without)
{
    struct file_cache_settings settings = usual;
    uint64_t entries, bytes;

    settings.entries_max = 0;
    unsigned fds = tree_open_fds();
    struct bench b = bench_new(settings);
    tree_file("root/f", "one");
    struct file_entry *e = get(&b, "f", at(0), false);
    ck_assert_int_ge(e->fd, 0);
    ck_assert_ptr_null(e->content);
    touch(&b, "f", at(0), false);
    get_error(&b, "none", at(0), false, ENOENT);
    get_error(&b, "none", at(0), false, ENOENT);
    file_cache_usage(b.cache, &entries, &bytes);
    ck_assert_uint_eq(entries, 0);
    file_entry_release(e);
    bench_end(&b);
    ck_assert_uint_eq(tree_open_fds(), fds);
}
END_TEST

START_TEST(cache_evicts_the_oldest)
{
    struct file_cache_settings settings = usual;
    char name[32];
    uint64_t entries, bytes;

    settings.entries_max = 4;
    settings.content_file_bytes = 0;
    struct bench b = bench_new(settings);
    for (int i = 0; i < 6; i++) {
        snprintf(name, sizeof name, "root/f%d", i);
        tree_file(name, name);
    }
    touch(&b, "f0", at(0), false);
    touch(&b, "f1", at(1), false);
    touch(&b, "f2", at(2), false);
    touch(&b, "f3", at(3), false);
    touch(&b, "f0", at(4), true);
    touch(&b, "f4", at(5), false); /* f1 leaves */
    file_cache_usage(b.cache, &entries, &bytes);
    ck_assert_uint_eq(entries, 4);
    touch(&b, "f0", at(5), true);
    touch(&b, "f2", at(5), true);
    touch(&b, "f3", at(5), true);
    touch(&b, "f4", at(5), true);
    touch(&b, "f1", at(5), false);
    bench_end(&b);
}
END_TEST

START_TEST(cache_evicts_by_bytes)
{
    struct file_cache_settings settings = usual;
    uint64_t entries, bytes;

    settings.content_bytes_max = 10;
    struct bench b = bench_new(settings);
    tree_file("root/a", "aaaa");
    tree_file("root/b", "bbbb");
    tree_file("root/c", "cccc");
    tree_file("root/d", "eleven byte"); /* more than all: sent from its descriptor */
    touch(&b, "a", at(0), false);
    touch(&b, "b", at(0), false);
    touch(&b, "a", at(1), true);
    get_content(&b, "c", at(1), false, "cccc"); /* b leaves */
    touch(&b, "a", at(1), true);
    file_cache_usage(b.cache, &entries, &bytes);
    ck_assert_uint_eq(entries, 2);
    ck_assert_uint_eq(bytes, 8);
    struct file_entry *e = get(&b, "d", at(1), false);
    ck_assert_ptr_null(e->content);
    ck_assert_int_ge(e->fd, 0);
    file_entry_release(e);
    touch(&b, "b", at(1), false);
    bench_end(&b);
}
END_TEST

/* Names that are not there cannot push out files that are. */
START_TEST(cache_bounds_failures)
{
    struct file_cache_settings settings = usual;
    char name[32];
    uint64_t entries, bytes;

    settings.entries_max = 10;
    struct bench b = bench_new(settings);
    tree_file("root/f", "f");
    tree_file("root/g", "g");
    touch(&b, "f", at(0), false);
    touch(&b, "g", at(0), false);
    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof name, "none%d", i);
        get_error(&b, name, at(1), false, ENOENT);
    }
    get_error(&b, "none99", at(1), true, ENOENT);
    get_error(&b, "none0", at(1), false, ENOENT);
    touch(&b, "f", at(1), true);
    touch(&b, "g", at(1), true);
    file_cache_usage(b.cache, &entries, &bytes);
    ck_assert_uint_eq(entries, 7);
    bench_end(&b);
}
END_TEST

START_TEST(cache_sheds)
{
    struct file_cache_settings settings = usual;

    settings.content_file_bytes = 2;
    struct bench b = bench_new(settings);
    tree_file("root/a", "aaaa");
    tree_file("root/b", "bbbb");
    tree_file("root/c", "cccc");
    tree_file("root/s", "s");
    struct file_entry *held = get(&b, "a", at(0), false);
    touch(&b, "b", at(1), false);
    touch(&b, "c", at(2), false);
    touch(&b, "s", at(0), false);
    unsigned fds = tree_open_fds();
    ck_assert_uint_eq(file_cache_shed(b.cache, 1), 1);
    ck_assert_uint_eq(tree_open_fds(), fds - 1);
    touch(&b, "c", at(2), true);
    touch(&b, "b", at(2), false);
    ck_assert_uint_eq(file_cache_shed(b.cache, 100), 2);
    touch(&b, "a", at(2), true);
    touch(&b, "s", at(2), true); /* costs no descriptor */
    ck_assert_uint_eq(file_cache_shed(b.cache, 100), 0);
    file_entry_release(held);
    bench_end(&b);
}
END_TEST

START_TEST(cache_forgets_shortages)
{
    struct bench b = bench_new(usual);
    struct rlimit old, none;

    tree_file("root/f", "f");
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
    none = old;
    none.rlim_cur = 0;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
    struct file_lookup how;
    struct file_entry *e = file_cache_get(b.cache, &b.root, 7, SPAN("/f"), "f", at(0), &how);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
    ck_assert_int_eq(e->error, EMFILE);
    file_entry_release(e);
    get_content(&b, "f", at(0), false, "f");
    bench_end(&b);
}
END_TEST

START_TEST(cache_grows)
{
    struct file_cache_settings settings = usual;
    char name[32];

    settings.entries_max = 5000;
    struct bench b = bench_new(settings);
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 2000; i++) {
            snprintf(name, sizeof name, "some/longer/name/of/number/%d", i);
            get_error(&b, name, at((uint64_t)round), round > 0, ENOENT);
        }
    bench_end(&b);
}
END_TEST

/* The same path beneath two roots is two files. */
START_TEST(cache_tells_roots_apart)
{
    struct bench b = bench_new(usual);
    struct file_lookup how;

    tree_file("root/f", "f");
    touch(&b, "f", at(0), false);
    struct file_entry *e = file_cache_get(b.cache, &b.root, 8, SPAN("/f"), "f", at(0), &how);
    ck_assert(!how.hit);
    ck_assert_uint_eq(e->root_id, 8);
    file_entry_release(e);
    bench_end(&b);
}
END_TEST

/* --- directories --- */

static void want_order(int root_fd, enum file_dir_sort sort, bool descending, const char *want)
{
    struct file_dir_how how = {
        .name = "d", .entries_max = 100, .sort = sort, .descending = descending};
    struct file_dir dir;
    char text[200] = "";

    ck_assert_int_eq(file_dir_read(root_fd, &how, &dir), 0);
    for (size_t i = 0; i < dir.count; i++) {
        strcat(text, i ? " " : "");
        strcat(text, dir.names.p + dir.item[i].name_at);
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
    tcase_add_test(t, opening_knows_the_same);
    tcase_add_test(t, cache_hits_and_changes);
    tcase_add_test(t, cache_replaces_files);
    tcase_add_test(t, cache_holds_descriptors);
    tcase_add_test(t, cache_does_without);
    tcase_add_test(t, cache_evicts_the_oldest);
    tcase_add_test(t, cache_evicts_by_bytes);
    tcase_add_test(t, cache_bounds_failures);
    tcase_add_test(t, cache_sheds);
    tcase_add_test(t, cache_forgets_shortages);
    tcase_add_test(t, cache_grows);
    tcase_add_test(t, cache_tells_roots_apart);
    tcase_add_test(t, directory_is_sorted);
    tcase_add_test(t, directory_follows_links_inside);
    tcase_add_test(t, directory_fails);
    suite_add_tcase(s, t);
    return unit_run(s);
}
