/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Look-ups that wait for an offload thread: sharing, restarting, giving up at every point, mounts
 * that do not answer. The pool is a fake whose jobs are run by hand.
 */
#include "tests/unit/test_serve_pool.h"

#include "file/residency.h"

static void test_up(void)
{
    pool_up();
    fake.sound = 1U << WAIT_READ; /* small files are read as they are opened */
    tree_file("www/a.txt", "hello");
    tree_dir("www/dir");
    tree_file("www/dir/index.txt", "index");
    tree_dir("www/list");
    tree_file("www/list/x", "x");
}

START_TEST(cold_then_cached)
{
    struct client c = {0};

    client_ask(&c, "/a.txt", NULL);
    ck_assert_int_eq(c.result, SERVE_WAIT);
    ck_assert_uint_eq(c.woken, 0);
    ck_assert_uint_eq(client_finish(&c), 3); /* the root, the name */
    ck_assert_uint_eq(c.woken, 2);
    ck_assert(c.plan.cold);
    ck_assert_uint_eq(c.plan.offload_run_ns, 2 * 5000);
    ck_assert_uint_gt(c.plan.offload_wait_ns, 0);
    ck_assert_uint_eq(c.plan.open_ns, c.plan.offload_run_ns);
    ck_assert_int_eq(c.plan.cache, SERVE_CACHE_MISS);
    ck_assert_ptr_null(c.plan.pending);
    client_drain(&c);
    client_has(&c, "hello", 5);
    ck_assert_uint_eq(slot_value(&slot, COUNTER_opens_cold), 1);
    ck_assert_uint_eq(slot_value(&slot, COUNTER_cache_misses), 1);
    client_end(&c);

    client_ask(&c, "/a.txt", NULL);
    ck_assert_int_eq(c.result, SERVE_DONE);
    ck_assert(!c.plan.cold);
    ck_assert_int_eq(c.plan.cache, SERVE_CACHE_HIT);
    client_end(&c);
}
END_TEST

/* The kernel knows all names of the tree, and the pages of what was just written. */
START_TEST(hot_at_once)
{
    struct client c = {0};
    struct stat st;
    unsigned calls;

    fake.faulted = NULL;
    static char big[20 * 1000 + 1]; /* more than is copied */
    memset(big, 'b', sizeof big - 1);
    tree_file("www/big", big);
    tree_file("www/short", "0123456789012345678901234567890123456789");
    conf.cache.content_file_bytes = 10;
    pool_again();
    int fd = open(tree_path("www/a.txt"), O_RDONLY);
    bool can_tell = fd >= 0 && file_residency(fd, 0, 5, false, &calls) == FILE_HOT;
    close(fd);
    if (!can_tell || stat(tree_path("www/big"), &st) < 0)
        return; /* the tree is on a file system that cannot tell */
    client_ask(&c, "/a.txt", NULL);
    ck_assert_int_eq(c.result, SERVE_DONE);
    ck_assert_int_eq(c.plan.status, 200);
    ck_assert_uint_eq(slot_value(&slot, COUNTER_opens_hot), 1);
    ck_assert(!c.plan.cold);
    client_pull(&c);
    client_has(&c, "hello", 5);
    client_end(&c);
    client_ask(&c, "/big", NULL);
    ck_assert_int_eq(c.result, SERVE_DONE);
    client_pull(&c);
    ck_assert_int_eq(c.last, CHUNK_END);
    ck_assert_uint_eq(c.body.n, sizeof big - 1);
    ck_assert_uint_gt(slot_value(&slot, COUNTER_windows_hot), 0);
    ck_assert_uint_gt(slot_value(&slot, COUNTER_probes), 0);
    client_end(&c);
    uint64_t probes = slot_value(&slot, COUNTER_probes);
    client_ask(&c, "/big", NULL); /* known to be hot */
    client_pull(&c);
    ck_assert_uint_eq(c.body.n, sizeof big - 1);
    ck_assert_uint_eq(slot_value(&slot, COUNTER_probes), probes);
    client_end(&c);
    uint64_t windows = slot_value(&slot, COUNTER_windows_hot);
    client_ask(&c, "/short", NULL); /* read at once, by the call that would have been its probe */
    ck_assert_int_eq(c.result, SERVE_DONE);
    client_pull(&c);
    ck_assert_uint_eq(c.body.n, 40);
    ck_assert_uint_eq(slot_value(&slot, COUNTER_probes), probes + 1);
    ck_assert_uint_eq(slot_value(&slot, COUNTER_windows_hot), windows + 1);
    client_end(&c);
    ck_assert_uint_eq(fake.submitted, 0);
    client_ask(&c, "/none", NULL); /* hot when the kernel remembers that it is not there */
    client_finish(&c);
    ck_assert_int_eq(c.plan.status, 404);
    client_end(&c);
}
END_TEST

START_TEST(shared)
{
    struct client c[5] = {0};

    for (int i = 0; i < 5; i++)
        client_ask(&c[i], "/a.txt", NULL);
    ck_assert_uint_eq(fake_queued(), 1); /* one look at the root */
    fake_step();
    for (int i = 0; i < 5; i++) {
        ck_assert_uint_eq(c[i].woken, 1);
        client_go(&c[i]);
        ck_assert_int_eq(c[i].result, SERVE_WAIT);
    }
    ck_assert_uint_eq(fake_queued(), 1); /* one open */
    fake_step();
    for (int i = 0; i < 5; i++) {
        ck_assert_uint_eq(c[i].woken, 2);
        client_go(&c[i]);
        ck_assert_int_eq(c[i].result, SERVE_DONE);
        client_drain(&c[i]);
        client_has(&c[i], "hello", 5);
        client_end(&c[i]);
    }
    ck_assert_uint_eq(fake.submitted, 2);
}
END_TEST

/* The cache keeps nothing, and believes nothing: what came back is of use all the same. */
START_TEST(without_cache)
{
    struct client c[3] = {0};
    unsigned step = 0;

    conf.cache.entries = 0;
    conf.cache.valid_ns = 0;
    pool_again();
    for (int i = 0; i < 3; i++)
        client_ask(&c[i], "/dir/", NULL);
    for (; c[0].result == SERVE_WAIT; step++) {
        ck_assert_uint_lt(step, 10);
        fake_step();
        for (int i = 0; i < 3; i++)
            client_go(&c[i]);
    }
    ck_assert_uint_ge(step, 3); /* root, index.html, index.txt */
    ck_assert_uint_le(step, 4); /* and its bytes, where nobody can tell that they are in memory */
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(c[i].plan.status, 200);
        client_drain(&c[i]);
        client_has(&c[i], "index", 5);
        client_end(&c[i]);
    }
    client_get(&c[0], "/list/", 200, NULL);
    client_end(&c[0]);
    client_get(&c[0], "/none", 404, NULL);
    client_end(&c[0]);
}
END_TEST

START_TEST(revalidates)
{
    struct client c = {0};

    client_get(&c, "/a.txt", 200, "hello");
    client_end(&c);
    now.ns += 11 * NS_PER_S;
    client_get(&c, "/a.txt", 200, "hello");
    ck_assert(c.plan.cold);
    client_end(&c);
    tree_file("www/new", "other!");
    ck_assert_int_eq(rename(tree_path("www/new"), tree_path("www/a.txt")), 0);
    now.ns += 11 * NS_PER_S;
    client_get(&c, "/a.txt", 200, "other!");
    client_end(&c);
    ck_assert_int_eq(unlink(tree_path("www/a.txt")), 0);
    now.ns += 11 * NS_PER_S;
    client_get(&c, "/a.txt", 404, NULL);
    client_end(&c);
}
END_TEST

/* Given up before the job began, while it ran, after it was done; alone, and with others. */
START_TEST(cancelled_at_every_point)
{
    for (unsigned jobs = 0; jobs < 2; jobs++)
        for (int point = 0; point < 3; point++)
            for (int others = 0; others < 2; others++) {
                struct client c = {0}, other = {0};
                pool_again();
                client_ask(&c, "/a.txt", NULL);
                if (others)
                    client_ask(&other, "/a.txt", NULL);
                for (unsigned i = 0; i < jobs; i++) {
                    fake_step();
                    client_go(&c);
                    if (others)
                        client_go(&other);
                }
                unsigned woken = c.woken;
                struct offload_job *job = point > 0 ? fake_begin() : NULL;
                if (point == 2)
                    fake_end(job);
                serve_cancel(&c.plan);
                ck_assert_ptr_null(c.plan.pending);
                if (point == 0)
                    ck_assert_uint_eq(fake_queued(), others ? 1U : 0U);
                if (point == 1)
                    fake_end(job);
                ck_assert_uint_eq(c.woken, woken + (point == 2));
                client_end(&c);
                if (others) {
                    if (point > 0)
                        client_go(&other);
                    client_finish(&other);
                    client_drain(&other);
                    client_has(&other, "hello", 5);
                    client_end(&other);
                }
            }
}
END_TEST

/* A client that comes back to a call that hangs joins it. */
START_TEST(joins_what_hangs)
{
    struct client c = {0};

    client_ask(&c, "/a.txt", NULL);
    struct offload_job *job = fake_begin();
    serve_plan_reset(&c.plan);
    ck_assert(job->cancelled);
    client_ask(&c, "/a.txt", NULL);
    ck_assert_uint_eq(fake_queued(), 0);
    fake_end(job);
    ck_assert_uint_eq(c.woken, 1);
    client_go(&c);
    client_finish(&c);
    ck_assert_int_eq(c.plan.status, 200);
    client_end(&c);
}
END_TEST

START_TEST(worker_ends)
{
    struct client c[2] = {0};

    client_ask(&c[0], "/a.txt", NULL);
    struct offload_job *job = fake_begin();
    client_ask(&c[1], "/plain/x", NULL);
    client_end(&c[0]);
    client_end(&c[1]);
    serve_ctx_free(&ctx);
    ck_assert_uint_eq(fake_queued(), 0);
    fake_end(job); /* late */
    ctx = serve_ctx_new(&conf, mime, &slot, &fake);
}
END_TEST

/* --- mounts that do not answer --- */

static void check_refused(struct client *c, const char *retry_after)
{
    ck_assert_int_eq(c->result, SERVE_DONE);
    ck_assert_int_eq(c->plan.status, 503);
    ck_assert_msg(plan_has_line(c, retry_after), "%s", retry_after);
    ck_assert_ptr_null(c->plan.pending);
    client_drain(c);
    ck_assert_int_eq(c->last, CHUNK_END);
    ck_assert_uint_eq(c->body.n, c->plan.length);
    client_end(c);
}

START_TEST(sick)
{
    struct client c = {0};

    client_get(&c, "/a.txt", 200, "hello");
    client_end(&c);
    fake_refuse(7);
    client_ask(&c, "/list/", NULL);
    check_refused(&c, "Retry-After: 7");
    client_ask(&c, "/a.txt", NULL); /* from memory: nobody need be asked */
    ck_assert_int_eq(c.plan.status, 200);
    client_end(&c);
    ck_assert_uint_gt(fake_counter(MOUNT_REFUSED), 0);
    fake_refuse(0);
    client_get(&c, "/list/", 200, NULL);
    client_end(&c);
    fake.full = true;
    client_ask(&c, "/none", NULL);
    check_refused(&c, "Retry-After: 2");
}
END_TEST

START_TEST(fenced)
{
    static const char *const known[] = {"/a.txt", "/none", "/dir/", "/dir", "/list/", "/list"};
    struct client c = {0};

    tree_write("www/large", "0123456789", 10);
    conf.cache.content_file_bytes = 5;
    pool_again();
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        client_ask(&c, known[i], NULL);
        client_finish(&c);
        client_end(&c);
    }
    client_get(&c, "/large", 200, "0123456789");
    client_end(&c);
    fake_fence(true);
    uint64_t refused = slot_value(&slot, COUNTER_offload_refused);
    for (int pass = 0; pass < 2; pass++) { /* the names the kernel knows as well */
        for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
            client_ask(&c, known[i], NULL);
            check_refused(&c, "Retry-After: 5");
        }
        client_ask(&c, "/large", NULL);
        check_refused(&c, "Retry-After: 5");
        fake.faulted = NULL;
        now.ns += 11 * NS_PER_S;
    }
    ck_assert_uint_gt(slot_value(&slot, COUNTER_offload_refused), refused);
    fake_fence(false);
    client_get(&c, "/a.txt", 200, "hello");
    client_end(&c);
}
END_TEST

START_TEST(becomes_sick_in_the_queue)
{
    struct client c = {0};

    client_ask(&c, "/a.txt", NULL);
    fake_refuse(4);
    fake_fail(ETIMEDOUT, true);
    ck_assert_uint_eq(c.woken, 1);
    client_go(&c);
    check_refused(&c, "Retry-After: 4");
}
END_TEST

START_TEST(becomes_sick_while_it_runs)
{
    struct client c[3] = {0};

    client_ask(&c[0], "/a.txt", NULL);
    client_ask(&c[1], "/a.txt", NULL);
    struct offload_job *job = fake_begin();
    fake_refuse(4);
    job->late(job);
    for (int i = 0; i < 2; i++) {
        ck_assert_uint_eq(c[i].woken, 1);
        client_go(&c[i]);
        check_refused(&c[i], "Retry-After: 4");
    }
    uint64_t refused = fake_counter(MOUNT_REFUSED);
    client_ask(&c[2], "/a.txt", NULL); /* must not join it */
    check_refused(&c[2], "Retry-After: 4");
    ck_assert_uint_eq(fake_counter(MOUNT_REFUSED), refused + 1);
    fake_refuse(0);
    fake_end(job);
    client_get(&c[2], "/a.txt", 200, "hello");
    client_end(&c[2]);
}
END_TEST

/* Nobody waits for a call that was given up: who asks next makes one of his own. */
START_TEST(late_alone_and_asked_again)
{
    struct client c[2] = {0};

    client_ask(&c[0], "/a.txt", NULL);
    struct offload_job *lost = fake_begin();
    lost->late(lost); /* its mount is well */
    ck_assert_uint_eq(c[0].woken, 1);
    client_go(&c[0]);
    ck_assert_int_eq(c[0].plan.status, 503);
    ck_assert_uint_eq(fake_counter(MOUNT_REFUSED), 1);
    client_end(&c[0]);
    unsigned submitted = fake.submitted;
    client_ask(&c[1], "/a.txt", NULL);
    ck_assert_uint_eq(fake.submitted, submitted + 1);
    client_finish(&c[1]);
    ck_assert_int_eq(c[1].plan.status, 200);
    client_end(&c[1]);
    fake_end(lost); /* what it brings is old */
    client_get(&c[1], "/a.txt", 200, "hello");
    client_end(&c[1]);
}
END_TEST

/* What a thread asks in many calls is seen to get on: a listing with each name, an open with each
 * call that came back, and with none before the first. */
START_TEST(jobs_get_on)
{
    static const struct {
        const char *path;
        enum board_wait op;
        unsigned least;
    } cases[] = {{"/a.txt", WAIT_OPEN, 2}, {"/many/", WAIT_READDIR, 20}};
    char name[32];

    ck_assert_int_eq(mkdir(tree_path("www/many"), 0755), 0);
    for (int i = 0; i < 20; i++) {
        snprintf(name, sizeof name, "www/many/%d", i);
        tree_file(name, "x");
    }
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct client c = {0};
        uint64_t moved = 0;
        client_ask(&c, cases[i].path, NULL);
        while (c.result == SERVE_WAIT) {
            struct offload_job *job = fake_begin();
            if (job->op == cases[i].op && job->moved_ns > moved)
                moved = job->moved_ns;
            fake_end(job);
            client_go(&c);
        }
        ck_assert_int_eq(c.plan.status, 200);
        ck_assert_uint_ge(moved, cases[i].least);
        client_end(&c);
    }
}
END_TEST

START_TEST(ends_with_one_given_up)
{
    struct client c = {0};

    client_ask(&c, "/a.txt", NULL);
    struct offload_job *lost = fake_begin();
    lost->late(lost);
    client_go(&c);
    client_end(&c);
    pool_again(); /* the worker's end, and a new one's beginning */
    client_get(&c, "/a.txt", 200, "hello");
    client_end(&c);
}
END_TEST

START_TEST(fault_errors)
{
    static const struct {
        int error, status;
    } cases[] = {{EIO, 500}, {ENOENT, 404}, {EACCES, 403}, {ESTALE, 500}, {ENOMEM, 503}};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct client c = {0};
        pool_again();
        client_ask(&c, "/a.txt", NULL);
        fake_step();
        client_go(&c);
        fake_fail(cases[i].error, false);
        client_go(&c);
        client_finish(&c);
        ck_assert_int_eq(c.plan.status, cases[i].status);
        client_end(&c);
    }
}
END_TEST

/* --- directories --- */

/* Until nothing but the reading of the directory is waited for. */
static void ask_until_read(struct client *c, const char *target)
{
    client_ask(c, target, NULL);
    while (c->result == SERVE_WAIT && fake_first(&fake.queued)->op != WAIT_READDIR) {
        fake_step();
        client_go(c);
    }
    ck_assert_int_eq(c->result, SERVE_WAIT);
}

/* A directory is read once for all who want it, in whatever order; one that failed is not kept. */
START_TEST(listings)
{
    struct client c[4] = {0};

    ask_until_read(&c[0], "/list/?format=json");
    client_ask(&c[1], "/list/?format=json", NULL);
    client_ask(&c[2], "/list/?format=json&sort=name&order=desc", NULL);
    ck_assert_uint_eq(fake_queued(), 1);
    ck_assert_int_eq(fake_first(&fake.queued)->op, WAIT_READDIR);
    fake_step();
    client_ask(&c[3], "/list/?format=json", NULL); /* later */
    ck_assert_uint_eq(fake_queued(), 0);
    for (int i = 0; i < 4; i++) {
        if (i < 3)
            client_go(&c[i]);
        ck_assert_int_eq(c[i].result, SERVE_DONE);
        ck_assert_int_eq(c[i].plan.status, 200);
        client_drain(&c[i]);
        ck_assert_uint_gt(c[i].body.n, 0);
    }
    client_has(&c[1], c[0].body.p, c[0].body.n);
    client_has(&c[3], c[0].body.p, c[0].body.n);
    for (int i = 0; i < 4; i++)
        client_end(&c[i]);
    pool_again();
    ask_until_read(&c[0], "/list/?sort=size");
    client_ask(&c[1], "/list/?order=desc", NULL);
    ck_assert_uint_eq(fake_queued(), 1);
    fake_fail(EIO, false);
    for (int i = 0; i < 2; i++) {
        client_go(&c[i]);
        ck_assert_int_eq(c[i].plan.status, 500);
        client_end(&c[i]);
    }
    client_ask(&c[0], "/list/", NULL);
    ck_assert_uint_eq(fake_queued(), 1);
    fake_begin();
    client_end(&c[0]); /* its reading is kept when it comes, though nobody waits */
}
END_TEST

int main(void)
{
    Suite *s = suite_create("serve-offload");
    TCase *t = tcase_create("serve-offload");

    tcase_add_checked_fixture(t, test_up, pool_down);
    tcase_add_test(t, cold_then_cached);
    tcase_add_test(t, hot_at_once);
    tcase_add_test(t, shared);
    tcase_add_test(t, without_cache);
    tcase_add_test(t, revalidates);
    tcase_add_test(t, cancelled_at_every_point);
    tcase_add_test(t, joins_what_hangs);
    tcase_add_test(t, worker_ends);
    tcase_add_test(t, sick);
    tcase_add_test(t, fenced);
    tcase_add_test(t, becomes_sick_in_the_queue);
    tcase_add_test(t, becomes_sick_while_it_runs);
    tcase_add_test(t, late_alone_and_asked_again);
    tcase_add_test(t, ends_with_one_given_up);
    tcase_add_test(t, jobs_get_on);
    tcase_add_test(t, fault_errors);
    tcase_add_test(t, listings);
    suite_add_tcase(s, t);
    return unit_run(s);
}
