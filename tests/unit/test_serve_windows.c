/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bodies of cold files: windows read by an offload thread, read ahead, shared, waited for in
 * line; files that shrink or cannot be read; giving up in the middle.
 */
#include "tests/unit/test_serve_windows.h"

#include <unistd.h>

#include "file/window_buffers.h"

START_TEST(whole)
{
    struct client c = {0};

    ready(&c, "/f", NULL);
    ck_assert_int_eq(c.result, SERVE_WAIT);
    client_pull(&c);
    ck_assert_int_eq(c.last, CHUNK_WAIT);
    ck_assert_int_eq(fake_first(&fake.queued)->op, WAIT_READ);
    ck_assert_uint_eq(fake_first(&fake.queued)->bytes, WINDOW);
    client_pull(&c); /* too early: nothing changes */
    ck_assert_int_eq(c.last, CHUNK_WAIT);
    ck_assert_uint_eq(fake_queued(), 2); /* the one behind as well */
    uint64_t waited = c.plan.offload_run_ns;
    fake_step();
    ck_assert_uint_eq(c.ready, 1);
    client_pull(&c);
    ck_assert_int_eq(c.plan.status, 200);
    ck_assert_uint_eq(c.body.n, WINDOW);
    ck_assert_uint_gt(c.plan.offload_run_ns, waited);
    ck_assert_uint_eq(fake_queued(), 2); /* which is waited for now, and the one behind it */
    client_drain(&c);
    ck_assert_int_eq(c.last, CHUNK_END);
    client_has(&c, data, sizeof data);
    ck_assert_uint_eq(slot_value(&slot, COUNTER_windows_cold), 6);
    ck_assert_uint_eq(slot_value(&slot, COUNTER_windows_shared), 0);
    client_end(&c);
}
END_TEST

/* The head waits for the first bytes: when they come from a file that was written to meanwhile,
 * both are made anew. */
START_TEST(rewritten_while_it_is_read)
{
    static char other[5000];
    struct client c = {0};
    unsigned seen = 0;

    memset(other, '#', sizeof other);
    ready(&c, "/f", NULL);
    ck_assert_uint_eq(c.plan.length, sizeof data);
    tree_write("www/f", other, sizeof other);
    client_finish(&c);
    ck_assert_int_eq(c.plan.status, 200);
    ck_assert_uint_eq(c.plan.length, sizeof other);
    client_drain(&c);
    client_has(&c, other, sizeof other);
    client_end(&c);

    /* One that is written to all the time is sent as it is, at last. */
    ready(&c, "/g", NULL);
    while (c.result == SERVE_WAIT) {
        unsigned woken = c.woken;
        while (c.woken == woken)
            fake_step();
        tree_write("www/g", other, sizeof other - ++seen);
        client_go(&c);
    }
    ck_assert_uint_lt(seen, 20);
    ck_assert_int_eq(c.plan.status, 200);
    client_end(&c);
}
END_TEST

/* What was read ahead while the client read is there at once. */
START_TEST(reads_ahead)
{
    struct client c = {0};

    ready(&c, "/f", NULL);
    client_pull(&c);
    fake_step();
    client_go(&c);
    struct chunk k;
    for (int i = 0; i < 6; i++) {
        source_pull(&c.plan.body, &k);
        ck_assert_int_eq(k.kind, CHUNK_MEMORY);
        ck_assert_uint_eq(fake_queued(), i < 5 ? 1U : 0U);
        fake_run();
    }
    source_pull(&c.plan.body, &k);
    ck_assert_int_eq(k.kind, CHUNK_END);
    ck_assert_uint_eq(c.ready, 1);
    client_end(&c);
}
END_TEST

START_TEST(ranges)
{
    static const struct {
        const char *range;
        size_t from, bytes;
    } cases[] = {
        {"0-0", 0, 1},           {"999-1000", 999, 2}, {"1000-1999", 1000, 1000},
        {"500-3499", 500, 3000}, {"5499-", 5499, 1},   {"5000-5499", 5000, 500},
        {"-5500", 0, 5500},
    };
    char field[100];

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct client c = {0};
        snprintf(field, sizeof field, "Range: bytes=%s\r\n", cases[i].range);
        ready(&c, "/f", field);
        client_drain(&c);
        ck_assert_int_eq(c.last, CHUNK_END);
        client_has(&c, data + cases[i].from, cases[i].bytes);
        client_end(&c);
    }
}
END_TEST

/* The same bytes hot and cold. */
START_TEST(several_ranges)
{
    struct client c = {0};
    const char *fields = "Range: bytes=0-9,990-1010,3000-5400\r\n";

    ready(&c, "/f", fields);
    uint64_t length = c.plan.length;
    client_drain(&c);
    ck_assert_int_eq(c.last, CHUNK_END);
    ck_assert_uint_eq(c.body.n, length);
    ck_assert_ptr_nonnull(memmem(c.body.p, c.body.n, data, 10));
    ck_assert_ptr_nonnull(memmem(c.body.p, c.body.n, data + 990, 21));
    ck_assert_ptr_nonnull(memmem(c.body.p, c.body.n, data + 3000, 2401));
    client_end(&c);
    ready(&c, "/f", fields);
    client_pull(&c); /* given up while it waits */
    ck_assert_int_eq(c.last, CHUNK_WAIT);
    client_end(&c);
}
END_TEST

START_TEST(shared)
{
    struct client c[4] = {0};

    for (int i = 0; i < 4; i++)
        ready(&c[i], "/f", NULL);
    for (int i = 0; i < 4; i++)
        client_pull(&c[i]);
    ck_assert_uint_eq(fake_queued(), 2);
    ck_assert_uint_eq(slot_value(&slot, COUNTER_windows_shared), 2 * 3);
    fake_step();
    for (int i = 0; i < 4; i++) {
        ck_assert_uint_eq(c[i].ready, 1);
        client_pull(&c[i]);
    }
    ck_assert_uint_eq(fake_queued(), 2);
    client_end(&c[0]); /* the others go on */
    for (int i = 1; i < 4; i++) {
        client_drain(&c[i]);
        client_has(&c[i], data, sizeof data);
        client_end(&c[i]);
    }
}
END_TEST

/* Room for two buffers: the third and fourth client stand in line, in the order they came. */
START_TEST(line)
{
    struct client c[5] = {0};
    static const char *const field[] = {"Range: bytes=0-999\r\n", "Range: bytes=1000-1999\r\n",
                                        "Range: bytes=2000-2999\r\n", "Range: bytes=3000-3999\r\n",
                                        "Range: bytes=2000-2999\r\n"};

    conf.offload.buffers_bytes = 2 * WINDOW;
    pool_again();
    for (int i = 0; i < 5; i++) {
        ready(&c[i], "/f", field[i]);
        client_pull(&c[i]);
        ck_assert_int_eq(c[i].last, CHUNK_WAIT);
    }
    ck_assert_uint_eq(fake_queued(), 2);
    fake_run();
    ck_assert_uint_eq(fake_queued(), 0); /* both buffers are held */
    struct chunk k;
    client_go(&c[0]);
    source_pull(&c[0].plan.body, &k);
    ck_assert_int_eq(k.kind, CHUNK_MEMORY);
    ck_assert_uint_eq(fake_queued(), 0);
    client_end(&c[0]);
    ck_assert_uint_eq(fake_queued(), 1);
    fake_step();
    ck_assert_uint_eq(c[2].ready, 1);
    ck_assert_uint_eq(c[3].ready, 0);
    ck_assert_uint_eq(c[4].ready, 1); /* wants the same as the third */
    client_end(&c[3]);                /* leaves the line */
    client_end(&c[1]);
    ck_assert_uint_eq(fake_queued(), 0);
    for (int i = 2; i < 5; i += 2) {
        client_drain(&c[i]);
        client_has(&c[i], data + 2000, WINDOW);
        client_end(&c[i]);
    }
}
END_TEST

/*
 * Who holds the only buffer but waits for its client, or for an operator's throttle, lets others
 * have it, however little it has sent: nothing, a part's head, some of the window, all of it.
 */
START_TEST(buffers_at_rest)
{
    static const struct {
        const char *fields;
        bool pulled;     /* the window was given */
        uint64_t unsent; /* of what was given last */
    } cases[] = {{NULL, false, 0},
                 {NULL, true, WINDOW},
                 {NULL, true, 1},
                 {NULL, true, 0},
                 {"Range: bytes=0-9,2000-2009\r\n", false, 0},
                 {"Range: bytes=0-9,2000-2009\r\n", true, 1}}; /* in the head of a part */

    conf.offload.buffers_bytes = WINDOW;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct client c[2] = {0};
        struct chunk k = {0};
        pool_again();
        ready(&c[0], "/f", cases[i].fields);
        fake_step();
        client_go(&c[0]);
        ck_assert_int_eq(c[0].result, SERVE_DONE);
        if (cases[i].pulled)
            source_pull(&c[0].plan.body, &k);
        source_give_back(&c[0].plan.body, cases[i].unsent);
        ready(&c[1], "/g", NULL);
        client_pull(&c[1]);
        ck_assert_uint_eq(fake_queued(), 1);
        client_drain(&c[1]);
        ck_assert_int_eq(c[1].last, CHUNK_END);
        client_has(&c[1], data, sizeof data - 1);
        client_end(&c[1]);
        size_t sent = k.kind == CHUNK_MEMORY ? k.memory.n - (size_t)cases[i].unsent : 0;
        client_drain(&c[0]); /* goes on where it was */
        ck_assert_int_eq(c[0].last, CHUNK_END);
        if (!cases[i].fields)
            client_has(&c[0], data + sent, sizeof data - sent);
        client_end(&c[0]);
    }
}
END_TEST

/* Nobody stands in line for ever: who does in one that does not move is refused, who came later not
 * yet; a line that moves is waited in. */
START_TEST(line_has_a_deadline)
{
    enum { LINE_MS = 400 };
    struct client c[4] = {0};
    struct chunk k;

    conf.offload.buffers_bytes = WINDOW;
    conf.offload.deadline_ns = LINE_MS * NS_PER_MS;
    pool_again();
    struct mono begin = mono_now();
    for (int i = 0; i < 3; i++) {
        ready(&c[i], i == 0 ? "/f" : "/g", i == 2 ? "Range: bytes=1000-1999\r\n" : NULL);
        client_pull(&c[i]);
    }
    struct mono asked = mono_now();
    fake_run(); /* the first holds its buffer, and does not rest */
    client_go(&c[0]);
    source_pull(&c[0].plan.body, &k);
    serve_tick(ctx, mono_now());
    if (mono_since(mono_now(), begin) < LINE_MS * NS_PER_MS)
        ck_assert_uint_eq(c[1].ready, 0);
    while (mono_since(mono_now(), asked) < (LINE_MS + 10) * NS_PER_MS)
        usleep(1000);
    begin = mono_now();
    ready(&c[3], "/g", "Range: bytes=3000-3999\r\n");
    client_pull(&c[3]);
    serve_tick(ctx, mono_now());
    for (int i = 1; i < 3; i++) {
        ck_assert_uint_eq(c[i].ready, 1);
        client_go(&c[i]);
        ck_assert_int_eq(c[i].plan.status, 503);
    }
    if (mono_since(mono_now(), begin) < LINE_MS * NS_PER_MS)
        ck_assert_uint_eq(c[3].ready, 0);
    client_end(&c[0]);
    if (c[3].ready == 0) {
        ck_assert_uint_eq(fake_queued(), 1);
        client_drain(&c[3]);
        client_has(&c[3], data + 3000, WINDOW);
    }
    for (int i = 1; i < 4; i++)
        client_end(&c[i]);
}
END_TEST

/* A window larger than all the room there is still goes, one at a time. */
START_TEST(little_room)
{
    struct client c[3] = {0};

    conf.offload.buffers_bytes = 1;
    pool_again();
    for (int i = 0; i < 3; i++)
        ready(&c[i], i == 1 ? "/g" : "/f", NULL);
    for (int i = 0; i < 3; i++)
        client_pull(&c[i]);
    ck_assert_uint_eq(fake_queued(), 1);
    for (int turn = 0; turn < 100; turn++) {
        fake_run();
        for (int i = 0; i < 3; i++)
            if (c[i].ready > 0 && c[i].last == CHUNK_WAIT)
                client_pull(&c[i]);
    }
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(c[i].last, CHUNK_END);
        client_has(&c[i], data, i == 1 ? sizeof data - 1 : sizeof data);
        client_end(&c[i]);
    }
}
END_TEST

START_TEST(shrinks)
{
    struct client c = {0};
    struct chunk k;

    ready(&c, "/f", NULL);
    client_pull(&c);
    fake_step();
    client_pull(&c);
    ck_assert_int_eq(truncate(tree_path("www/f"), 1500), 0);
    fake_step();
    source_pull(&c.plan.body, &k);
    ck_assert_int_eq(k.kind, CHUNK_MEMORY);
    ck_assert_uint_eq(k.memory.n, 500);
    source_pull(&c.plan.body, &k);
    if (k.kind == CHUNK_WAIT) {
        fake_run();
        source_pull(&c.plan.body, &k);
    }
    /* A slice that ends before what it promises (the sender sees it), or a failure. */
    ck_assert(k.kind == CHUNK_ERROR || (k.kind == CHUNK_FILE && k.offset == 1500));
    client_end(&c);
}
END_TEST

/* Known before the response begins, it is an error answer. */
START_TEST(cannot_be_read)
{
    static const struct {
        int error, status;
    } cases[] = {{EIO, 500}, {ESTALE, 500}, {ENOMEM, 503}};
    static const char *const fields[] = {NULL, "Range: bytes=2000-\r\n",
                                         "Range: bytes=0-9,2000-2009\r\n"};

    for (size_t n = 0; n < sizeof cases / sizeof *cases; n++)
        for (size_t f = 0; f < sizeof fields / sizeof *fields; f++) {
            struct client c[2] = {0};
            for (int i = 0; i < 2; i++)
                ready(&c[i], "/f", fields[f]);
            fake_fail(cases[n].error, false);
            for (int i = 0; i < 2; i++) {
                ck_assert_uint_eq(c[i].ready, 1);
                client_go(&c[i]);
                ck_assert_int_eq(c[i].result, SERVE_DONE);
                ck_assert_int_eq(c[i].plan.status, cases[n].status);
                client_drain(&c[i]);
                ck_assert_int_eq(c[i].last, CHUNK_END);
                ck_assert_uint_eq(c[i].body.n, c[i].plan.length);
                client_end(&c[i]);
            }
        }
}
END_TEST

/* Later it is the end of the connection. */
START_TEST(cannot_be_read_on)
{
    struct client c[2] = {0};

    for (int i = 0; i < 2; i++)
        ready(&c[i], "/f", NULL);
    fake_step();
    for (int i = 0; i < 2; i++) {
        client_pull(&c[i]);
        ck_assert_int_eq(c[i].plan.status, 200);
        ck_assert_uint_eq(c[i].body.n, WINDOW);
    }
    fake_fail(EIO, false);
    for (int i = 0; i < 2; i++) {
        ck_assert_uint_eq(c[i].ready, 2);
        client_pull(&c[i]);
        ck_assert_int_eq(c[i].last, CHUNK_ERROR);
        client_pull(&c[i]);
        ck_assert_int_eq(c[i].last, CHUNK_ERROR);
        client_end(&c[i]);
    }
}
END_TEST

START_TEST(cancelled_at_every_point)
{
    for (int point = 0; point < 4; point++) {
        struct client c = {0};
        pool_again();
        ready(&c, "/f", NULL);
        client_pull(&c);
        struct offload_job *job = point > 0 ? fake_begin() : NULL;
        if (point >= 2)
            fake_end(job);
        if (point == 3) {
            client_pull(&c);
            ck_assert_int_eq(c.result, SERVE_DONE); /* waits for one, and another is read ahead */
            ck_assert_uint_eq(fake_queued(), 2);
        }
        unsigned woken = c.ready;
        client_end(&c);
        ck_assert_uint_eq(fake_queued(), 0);
        if (point == 1)
            fake_end(job);
        ck_assert_uint_eq(woken, point >= 2 ? 1U : 0U);
    }
}
END_TEST

/* --- mounts that do not answer --- */

START_TEST(sick_before)
{
    struct client c = {0};

    ready(&c, "/f", NULL);
    client_end(&c);
    fake_refuse(9);
    uint64_t refused = slot_value(&slot, COUNTER_offload_refused);
    client_ask(&c, "/f", NULL); /* its name is known, its bytes are not to be had */
    ck_assert_int_eq(c.plan.status, 503);
    ck_assert(plan_has_line(&c, "Retry-After: 9"));
    client_end(&c);
    client_ask(&c, "/f", "Range: bytes=1-2,5-6\r\n");
    ck_assert_int_eq(c.plan.status, 503);
    client_end(&c);
    ck_assert_uint_eq(slot_value(&slot, COUNTER_offload_refused), refused + 2);
}
END_TEST

START_TEST(sick_on_the_way)
{
    struct client c[3] = {0};

    conf.offload.buffers_bytes = WINDOW;
    pool_again();
    ready(&c[0], "/f", NULL);
    ready(&c[1], "/f", NULL);
    ready(&c[2], "/g", NULL);
    for (int i = 0; i < 3; i++)
        client_pull(&c[i]); /* the last one stands in line */
    struct offload_job *job = fake_begin();
    fake_refuse(3);
    job->late(job);
    for (int i = 0; i < 3; i++) {
        ck_assert_uint_eq(c[i].ready, 1);
        client_go(&c[i]);
        ck_assert_int_eq(c[i].plan.status, 503);
        ck_assert(plan_has_line(&c[i], "Retry-After: 3"));
        client_end(&c[i]);
    }
    fake_end(job);
}
END_TEST

/* A read that was given up holds nobody up, nor a buffer of the budget. */
START_TEST(late_alone_and_asked_again)
{
    struct client c[2] = {0};

    conf.offload.buffers_bytes = WINDOW;
    pool_again();
    ready(&c[0], "/f", NULL);
    client_pull(&c[0]);
    struct offload_job *lost = fake_begin();
    lost->late(lost);
    ck_assert_uint_eq(c[0].ready, 1);
    client_go(&c[0]);
    ck_assert_int_eq(c[0].plan.status, 503);
    client_end(&c[0]);
    ready(&c[1], "/f", NULL);
    client_pull(&c[1]);
    ck_assert_uint_eq(fake_queued(), 1);
    fake_run();
    ck_assert_uint_eq(c[1].ready, 1);
    client_end(&c[1]);
    fake_end(lost);
}
END_TEST

/* What was read ahead in vain is read once more when its turn comes: the mount may be well again.
 */
START_TEST(read_ahead_in_vain)
{
    for (int refused = 0; refused < 2; refused++) {
        struct client c = {0};
        struct chunk k;
        ready(&c, "/f", NULL);
        fake_step();
        client_go(&c);
        source_pull(&c.plan.body, &k);
        ck_assert_int_eq(k.kind, CHUNK_MEMORY);
        ck_assert(buf_add_span(&c.body, k.memory));
        ck_assert_uint_eq(fake_queued(), 1);
        fake_fail(refused ? ETIMEDOUT : EIO, refused);
        client_drain(&c);
        ck_assert_int_eq(c.last, CHUNK_END);
        client_has(&c, data, sizeof data);
        client_end(&c);
    }
}
END_TEST

START_TEST(fenced_in_the_queue)
{
    struct client c[2] = {0};

    conf.offload.buffers_bytes = WINDOW;
    pool_again();
    ready(&c[0], "/f", NULL);
    ready(&c[1], "/g", NULL);
    client_pull(&c[0]);
    client_pull(&c[1]);
    fake_refuse(3);
    serve_tick(ctx, mono_now());
    ck_assert_uint_eq(c[1].ready, 1); /* in line */
    ck_assert_uint_eq(c[0].ready, 0);
    fake_fail(ETIMEDOUT, true);
    for (int i = 0; i < 2; i++) {
        ck_assert_uint_eq(c[i].ready, 1);
        client_go(&c[i]);
        ck_assert_int_eq(c[i].plan.status, 503);
        ck_assert(plan_has_line(&c[i], "Retry-After: 3"));
        client_end(&c[i]);
    }
}
END_TEST

static void end_other(void *other)
{
    client_end(other);
}

/* Two are to be told that their read was refused; when the first is, the second is given up: the
 * window that it waited for is gone by then. */
START_TEST(gone_while_others_are_refused)
{
    struct client c[2] = {0};

    conf.offload.buffers_bytes = WINDOW;
    pool_again();
    for (int i = 0; i < 2; i++) {
        ready(&c[i], "/f", NULL);
        client_pull(&c[i]);
    }
    ck_assert_uint_eq(fake_queued(), 1);
    c[0].plan.wake = end_other;
    c[0].plan.wake_arg = &c[1];
    fake_fail(ETIMEDOUT, true);
    ck_assert_uint_eq(c[1].ready, 0);
    client_go(&c[0]);
    ck_assert_int_eq(c[0].plan.status, 503);
    client_end(&c[0]);
}
END_TEST

/* A rule for reads is for small files as well, whose contents would come with the open. */
START_TEST(small_file_with_faulted_reads)
{
    struct client c = {0};

    tree_file("www/small", "hello");
    conf.cache.content_file_bytes = 100;
    pool_again();
    fake.sound = ~(1U << WAIT_READ);
    ready(&c, "/small", NULL);
    ck_assert_int_eq(c.result, SERVE_WAIT);
    ck_assert_int_eq(fake_first(&fake.queued)->op, WAIT_READ);
    client_drain(&c);
    client_has(&c, "hello", 5);
    client_end(&c);
    ready(&c, "/small", NULL); /* from the cache, read again */
    fake_fail(EIO, false);
    client_go(&c);
    ck_assert_int_eq(c.plan.status, 500);
    client_end(&c);
}
END_TEST

/* Of this process alone, as the kernel counts it. */
static size_t private_bytes(void)
{
    FILE *f = fopen("/proc/self/smaps_rollup", "re");
    size_t kib = 0, n;
    char text[200];

    ck_assert_ptr_nonnull(f);
    while (fgets(text, sizeof text, f))
        if (sscanf(text, "Private_Dirty: %zu", &n) == 1)
            kib += n;
    fclose(f);
    return kib * 1024;
}

/* What a burst of cold windows took is the kernel's again when it is over, whatever else lies
 * between them; as long as windows are asked for nothing is given back and taken anew. */
START_TEST(memory_is_given_back)
{
    enum { EACH = 512 * 1024, COUNT = 40, MIB = 1024 * 1024 };
    struct client *c = calloc(COUNT, sizeof *c);
    void *between[COUNT];
    char path[300], field[100];

    if (WINDOW_BUFFERS_OFF) {
        free(c);
        return;
    }
    conf.offload.window_bytes = EACH;
    conf.offload.buffers_bytes = 64 * MIB;
    pool_again();
    snprintf(path, sizeof path, "%s/www/large", tree);
    tree_write("www/large", "", 0);
    ck_assert_int_eq(truncate(path, (off_t)EACH * COUNT), 0);
    void *volatile one = malloc(EACH); /* after which malloc maps no such any more */
    free(one);
    size_t before = private_bytes();
    for (int turn = 0; turn < 2; turn++) {
        for (int i = 0; i < COUNT; i++) {
            snprintf(field, sizeof field, "Range: bytes=%d-%d\r\n", i * EACH, i * EACH + EACH - 1);
            ready(&c[i], "/large", field);
            between[i] = malloc(5000);
            ck_assert_ptr_nonnull(between[i]);
        }
        fake_run();
        ck_assert_uint_gt(private_bytes(), before + COUNT / 2 * EACH);
        for (int i = 0; i < COUNT; i++)
            client_end(&c[i]);
        serve_tick(ctx, mono_now()); /* they were needed a moment ago */
        ck_assert_uint_gt(private_bytes(), before + COUNT / 2 * EACH);
        for (int i = 0; i < 3; i++)
            serve_tick(ctx, mono_now());
        ck_assert_uint_lt(private_bytes(), before + 4 * MIB);
        for (int i = 0; i < COUNT; i++)
            free(between[i]);
    }
    free(c);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("serve-windows");
    TCase *t = tcase_create("serve-windows");

    tcase_add_checked_fixture(t, test_up, pool_down);
    tcase_add_test(t, whole);
    tcase_add_test(t, rewritten_while_it_is_read);
    tcase_add_test(t, reads_ahead);
    tcase_add_test(t, ranges);
    tcase_add_test(t, several_ranges);
    tcase_add_test(t, shared);
    tcase_add_test(t, line);
    tcase_add_test(t, little_room);
    tcase_add_test(t, buffers_at_rest);
    tcase_add_test(t, line_has_a_deadline);
    tcase_add_test(t, shrinks);
    tcase_add_test(t, cannot_be_read);
    tcase_add_test(t, cannot_be_read_on);
    tcase_add_test(t, small_file_with_faulted_reads);
    tcase_add_test(t, cancelled_at_every_point);
    tcase_add_test(t, sick_before);
    tcase_add_test(t, sick_on_the_way);
    tcase_add_test(t, late_alone_and_asked_again);
    tcase_add_test(t, read_ahead_in_vain);
    tcase_add_test(t, fenced_in_the_queue);
    tcase_add_test(t, gone_while_others_are_refused);
    tcase_add_test(t, memory_is_given_back);
    suite_add_tcase(s, t);
    return unit_run(s);
}
