/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bodies of files that are in memory: how often the kernel is asked, slices and when they are asked
 * for again, ranges of few bytes. Where the tree's file system cannot tell, they say nothing.
 */
#include "tests/unit/test_serve_windows.h"

#include <fcntl.h>
#include <unistd.h>

#include "file/residency.h"

enum { LARGE = 5 * 524288 + 1000 };

/* False when the tree is on a file system that cannot tell. */
static bool large_is_hot(void)
{
    static char large[LARGE];
    unsigned calls;

    memset(large, 'x', sizeof large);
    tree_write("www/large", large, sizeof large);
    fake.faulted = NULL;
    conf.offload.window_bytes = 524288;
    pool_again();
    int fd = open(tree_path("www/large"), O_RDONLY);
    bool hot = fd >= 0 && file_residency(fd, 0, LARGE, false, &calls) == FILE_HOT;
    close(fd);
    return hot;
}

static uint64_t probes(void)
{
    return slot_value(&slot, COUNTER_probes);
}

START_TEST(hot_is_probed_once)
{
    struct client c[2] = {0};

    if (!large_is_hot())
        return;
    for (int i = 0; i < 2; i++)
        client_ask(&c[i], "/large", NULL);
    client_drain(&c[0]);
    uint64_t once = probes();
    ck_assert_uint_gt(once, 0);
    ck_assert_uint_le(once, 5 * 8 + 2);
    struct mono begin = mono_now();
    client_drain(&c[1]);
    for (int i = 0; i < 2; i++) {
        ck_assert_uint_eq(c[i].body.n, LARGE);
        client_end(&c[i]);
    }
    client_ask(&c[0], "/large", "Range: bytes=600000-\r\n"); /* begins within a window */
    client_drain(&c[0]);
    if (mono_since(mono_now(), begin) < NS_PER_S / 2) /* else it is a second look */
        ck_assert_uint_eq(probes(), once);
    client_end(&c[0]);
    ck_assert_uint_eq(fake.submitted, 0);
}
END_TEST

START_TEST(hot_slices_are_large)
{
    struct client c = {0};
    struct chunk k;
    uint64_t at = 0;

    if (!large_is_hot())
        return;
    client_ask(&c, "/large", NULL);
    for (int i = 0; i < 2; i++) {
        source_pull(&c.plan.body, &k);
        ck_assert_int_eq(k.kind, CHUNK_FILE);
        ck_assert_uint_eq(k.offset, at);
        at += k.length;
    }
    ck_assert_uint_eq(at, LARGE);
    client_end(&c);
}
END_TEST

/* Many tiny parts are one piece of memory, and those that lie close together one read. */
START_TEST(tiny_parts)
{
    struct client c = {0};
    struct chunk k;
    char fields[400] = "Range: bytes=";
    size_t n = strlen(fields);

    for (int i = 0; i < 20; i++)
        n += (size_t)snprintf(fields + n, sizeof fields - n, "%s%d-%d", i ? "," : "", i * 100,
                              i * 100 + 9);
    snprintf(fields + n, sizeof fields - n, ",900000-900009\r\n");
    if (!large_is_hot())
        return;
    client_ask(&c, "/large", NULL);
    client_drain(&c); /* proven hot */
    client_end(&c);
    uint64_t before = probes();
    client_ask(&c, "/large", fields);
    ck_assert_int_eq(c.plan.status, 206);
    source_pull(&c.plan.body, &k);
    ck_assert_int_eq(k.kind, CHUNK_MEMORY);
    ck_assert_uint_eq(k.memory.n, c.plan.length);
    ck_assert(k.last);
    source_pull(&c.plan.body, &k);
    ck_assert_int_eq(k.kind, CHUNK_END);
    ck_assert_uint_le(probes(), before + 4);
    client_end(&c);
}
END_TEST

/* Cold, they share the windows they lie in, though nobody else holds them. */
START_TEST(tiny_parts_of_a_cold_window)
{
    struct client c = {0};

    ready(&c, "/f", "Range: bytes=0-9,100-109,200-209,300-309,500-509,4000-4009,4100-4109\r\n");
    client_drain(&c);
    ck_assert_int_eq(c.last, CHUNK_END);
    ck_assert_uint_eq(c.body.n, c.plan.length);
    for (size_t at = 0; at <= 500; at += 100)
        if (at != 400)
            ck_assert_ptr_nonnull(memmem(c.body.p, c.body.n, data + at, 10));
    ck_assert_ptr_nonnull(memmem(c.body.p, c.body.n, data + 4100, 10));
    ck_assert_uint_le(slot_value(&slot, COUNTER_windows_cold), 2);
    client_end(&c);
}
END_TEST

/* A slice that could not be sent in its turn is asked for again: it may have to be read by then. */
START_TEST(slices_given_back)
{
    struct client c = {0};
    struct chunk k;

    if (!large_is_hot())
        return;
    client_ask(&c, "/large", NULL);
    source_pull(&c.plan.body, &k);
    ck_assert_int_eq(k.kind, CHUNK_FILE);
    uint64_t length = k.length, hot = slot_value(&slot, COUNTER_windows_hot);
    ck_assert(source_give_back(&c.plan.body, length - 700000));
    source_pull(&c.plan.body, &k);
    ck_assert_int_eq(k.kind, CHUNK_FILE);
    ck_assert_uint_eq(k.offset, 700000);
    ck_assert_uint_ge(k.length, length - 700000);
    ck_assert_uint_le(slot_value(&slot, COUNTER_windows_hot), hot + 2); /* each counts once */
    ck_assert(source_give_back(&c.plan.body, k.length));
    fake.faulted = tree;
    source_pull(&c.plan.body, &k);
    ck_assert_int_eq(k.kind, CHUNK_WAIT);
    ck_assert_uint_ge(fake_queued(), 1);
    c.begins = true;
    client_drain(&c);
    ck_assert_int_eq(c.last, CHUNK_END);
    ck_assert_uint_eq(c.body.n, LARGE - 700000);
    client_end(&c);
}
END_TEST

/* Got before the response began, and its turn comes later. */
START_TEST(first_slice_waits_for_its_turn)
{
    static const char *const fields[] = {NULL, "Range: bytes=0-999999\r\n",
                                         "Range: bytes=0-999999,1500000-2500000\r\n"};

    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        struct client c = {0};
        struct chunk k = {0};
        if (!large_is_hot())
            return;
        now.ns -= NS_PER_S; /* the turn it begins in is over */
        client_ask(&c, "/large", fields[i]);
        ck_assert_int_eq(c.result, SERVE_DONE);
        fake.faulted = tree;
        do
            source_pull(&c.plan.body, &k);
        while (k.kind == CHUNK_MEMORY); /* a part's head */
        ck_assert_int_eq(k.kind, CHUNK_WAIT);
        client_end(&c);
        fake_run();
    }
}
END_TEST

/* What a thread has read is in memory now: the next client need not ask. */
START_TEST(what_was_read_is_hot)
{
    struct client c = {0};

    if (!large_is_hot())
        return;
    fake.faulted = tree;
    client_get(&c, "/large", 200, NULL);
    ck_assert_uint_eq(c.body.n, LARGE);
    client_end(&c);
    struct mono begin = mono_now();
    fake.faulted = NULL;
    client_get(&c, "/large", 200, NULL);
    ck_assert_uint_eq(c.body.n, LARGE);
    if (mono_since(mono_now(), begin) < NS_PER_S / 2)
        ck_assert_uint_eq(probes(), 0);
    client_end(&c);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("serve-hot");
    TCase *t = tcase_create("serve-hot");

    tcase_add_checked_fixture(t, test_up, pool_down);
    tcase_add_test(t, hot_is_probed_once);
    tcase_add_test(t, hot_slices_are_large);
    tcase_add_test(t, slices_given_back);
    tcase_add_test(t, first_slice_waits_for_its_turn);
    tcase_add_test(t, what_was_read_is_hot);
    tcase_add_test(t, tiny_parts);
    tcase_add_test(t, tiny_parts_of_a_cold_window);
    suite_add_tcase(s, t);
    return unit_run(s);
}
