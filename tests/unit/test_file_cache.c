/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The open-file cache against real files: hits, changes, eviction, failures, descriptors.
 */
#include "tests/unit/test_file_tree.h"

#include <sys/resource.h>

#include "board/slot.h"
#include "file/cache.h"

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

/* Whether the change time lies back far enough that an unchanged one is believed. */
static void settle(struct bench *b, const char *name, bool settled)
{
    bool fresh;
    char path[300];

    snprintf(path, sizeof path, "/%s", name);
    struct file_entry *e =
        file_cache_find(b->cache, 7, span_str(path), b->root.epoch, at(0), &fresh);
    ck_assert_ptr_nonnull(e);
    e->settled = settled;
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

    settle(&b, "f", true);
    get_content(&b, "f", at(10), false, "one"); /* asked again: the same */
    ck_assert_uint_eq(described, 1);
    get_content(&b, "f", at(19), true, "one");
    settle(&b, "f", false);
    get_content(&b, "f", at(20), false, "one"); /* it may have changed unseen: opened again */
    ck_assert_uint_eq(described, 2);
    settle(&b, "f", true);

    tree_file("root/f", "two"); /* same size; the times tell */
    get_content(&b, "f", at(29), true, "one");
    get_content(&b, "f", at(30), false, "two");
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

/* What nobody asks for is closed; contents, failures and what is being sent stay as they are. */
START_TEST(cache_closes_the_idle)
{
    struct file_cache_settings settings = usual;
    char c;

    settings.content_file_bytes = 2;
    settings.valid_ns = 3600 * NS_PER_S;
    settings.idle_ns = 20 * NS_PER_S;
    struct bench b = bench_new(settings);
    tree_file("root/a", "aaaa");
    tree_file("root/b", "bbbb");
    tree_file("root/c", "cccc");
    tree_file("root/s", "s");
    touch(&b, "s", at(0), false);
    get_error(&b, "none", at(0), false, ENOENT);
    touch(&b, "a", at(0), false);
    touch(&b, "b", at(0), false);
    struct file_entry *sent = get(&b, "c", at(0), false);
    touch(&b, "b", at(10), true);
    unsigned fds = tree_open_fds();
    file_cache_tick(b.cache, at(19));
    ck_assert_uint_eq(tree_open_fds(), fds);
    file_cache_tick(b.cache, at(20)); /* a; c when it has been sent */
    ck_assert_uint_eq(tree_open_fds(), fds - 1);
    ck_assert(!sent->cached);
    ck_assert_int_eq(pread(sent->fd, &c, 1, 0), 1);
    file_entry_release(sent);
    ck_assert_uint_eq(tree_open_fds(), fds - 2);
    touch(&b, "s", at(21), true);
    get_error(&b, "none", at(21), true, ENOENT);
    touch(&b, "b", at(21), true);
    touch(&b, "a", at(21), false);
    file_cache_tick(b.cache, at(100));
    ck_assert_uint_eq(tree_open_fds(), fds - 3);
    bench_end(&b);
}
END_TEST

/* What its owner made of it will not do for long. */
START_TEST(cache_looks_again_at_what_passes)
{
    struct bench b = bench_new(usual);

    tree_file("root/f", "one");
    struct file_entry *e = get(&b, "f", at(0), false);
    e->passing = true;
    e->settled = false;
    file_entry_release(e);
    touch(&b, "f", at(1), true);
    touch(&b, "f", at(2), false);
    ck_assert_uint_eq(described, 2);
    touch(&b, "f", at(9), true);
    bench_end(&b);
}
END_TEST

static void switch_root(const char *to)
{
    const char *link = tree_path("next");

    ck_assert_int_eq(symlink(tree_path(to), link), 0);
    ck_assert_int_eq(rename(link, tree_path("root")), 0);
}

/* A root that is switched: nothing of the old one is given out once one file of the new one was,
 * and nothing for longer than the validity. */
START_TEST(cache_sees_a_switched_root_whole)
{
    tree_dir("v1");
    tree_dir("v2");
    tree_file("v1/a", "one");
    tree_file("v1/b", "one");
    tree_file("v1/c", "one");
    tree_file("v2/a", "two");
    tree_file("v2/b", "two");
    tree_file("v2/c", "two");
    switch_root("v1");
    struct bench b = bench_new(usual);
    get_content(&b, "a", at(0), false, "one");
    get_content(&b, "b", at(9), false, "one"); /* the root was looked up nine seconds ago */
    switch_root("v2");
    get_content(&b, "b", at(9), true, "one");
    get_content(&b, "b", at(10), false, "two");
    get_content(&b, "a", at(10), false, "two");
    switch_root("v1");
    get_content(&b, "a", at(19), true, "two");
    get_content(&b, "c", at(20), false, "one"); /* the switch is seen */
    get_content(&b, "a", at(20), false, "one");
    get_content(&b, "b", at(20), false, "one");
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
    char name[64];

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

int main(void)
{
    Suite *s = suite_create("cache");
    TCase *t = tcase_create("cache");

    tcase_add_checked_fixture(t, tree_make, tree_remove);
    tcase_add_test(t, cache_hits_and_changes);
    tcase_add_test(t, cache_replaces_files);
    tcase_add_test(t, cache_holds_descriptors);
    tcase_add_test(t, cache_does_without);
    tcase_add_test(t, cache_evicts_the_oldest);
    tcase_add_test(t, cache_evicts_by_bytes);
    tcase_add_test(t, cache_bounds_failures);
    tcase_add_test(t, cache_sheds);
    tcase_add_test(t, cache_closes_the_idle);
    tcase_add_test(t, cache_looks_again_at_what_passes);
    tcase_add_test(t, cache_sees_a_switched_root_whole);
    tcase_add_test(t, cache_forgets_shortages);
    tcase_add_test(t, cache_grows);
    tcase_add_test(t, cache_tells_roots_apart);
    suite_add_tcase(s, t);
    return unit_run(s);
}
