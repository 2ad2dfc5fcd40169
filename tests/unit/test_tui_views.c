/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Golden screens of the views beside overview and I/O: latency, requests, files, events, the
 * detail of a worker.
 */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/tui/golden.h"

#define NS_PER_S UINT64_C(1000000000)
#define END_NS   (FIXTURE_START_NS + FIXTURE_SECONDS * NS_PER_S)

static const struct {
    int cols, rows;
} sizes[] = {{20, 5}, {40, 12}, {80, 24}, {120, 40}};

static const struct {
    enum view_kind view;
    const char *suffix;
} views[] = {{VIEW_LATENCY, "-latency"},
             {VIEW_REQUESTS, "-requests"},
             {VIEW_FILES, "-files"},
             {VIEW_EVENTS, "-events"},
             {VIEW_WORKER, "-worker"}};

static const enum fixture situations[] = {FIX_HEALTHY, FIX_TWO_BLOCKED, FIX_POOL_FULL, FIX_MANY,
                                          FIX_EMPTY,   FIX_HOSTILE,     FIX_NO_SERVER};
#define SITUATIONS (int)(sizeof situations / sizeof *situations)

static struct app begin(enum view_kind view)
{
    struct app a;

    app_init(&a, NS_PER_S, false);
    a.view = view;
    return a;
}

START_TEST(views_of_situations)
{
    for (size_t i = 0; i < sizeof views / sizeof *views; i++)
        for (size_t j = 0; j < sizeof sizes / sizeof *sizes; j++) {
            struct app a = begin(views[i].view);
            golden_screen(situations[_i], &a, views[i].suffix, sizes[j].cols, sizes[j].rows,
                          CHARSET_ASCII);
        }
}
END_TEST

START_TEST(views_in_blocks)
{
    for (size_t i = 0; i < sizeof views / sizeof *views; i++) {
        struct app a = begin(views[i].view);
        golden_screen(FIX_TWO_BLOCKED, &a, views[i].suffix, 80, 24, CHARSET_BLOCK);
        golden_screen(FIX_TWO_BLOCKED, &a, views[i].suffix, 80, 24, CHARSET_BRAILLE);
    }
}
END_TEST

START_TEST(latency_of_one_worker)
{
    struct app a = begin(VIEW_LATENCY);

    a.latency_worker = 3;
    a.latency_ago = 14;
    a.selected = 3;
    a.selected_epoch = 1;
    golden_screen(FIX_TWO_BLOCKED, &a, "-latency-w3", 80, 24, CHARSET_ASCII);
    a.latency_worker = 0;
    a.latency_ago = 75; /* further back than there are columns */
    a.list[VIEW_LATENCY].sort = 5;
    golden_screen(FIX_HEALTHY, &a, "-latency-back", 80, 24, CHARSET_BLOCK);
}
END_TEST

START_TEST(lists_with_cursor_and_order)
{
    struct app a = begin(VIEW_REQUESTS);

    a.list[VIEW_REQUESTS].key = UINT64_C(4) << 48 | 1843;
    a.list[VIEW_REQUESTS].sort = 7;
    golden_screen(FIX_POOL_FULL, &a, "-requests-by_rate", 80, 24, CHARSET_ASCII);
    a.list[VIEW_REQUESTS].sort = 0;
    strcpy(a.list[VIEW_REQUESTS].filter, "mkv");
    a.list[VIEW_REQUESTS].scroll = 3;
    a.list[VIEW_REQUESTS].key = 0;
    golden_screen(FIX_POOL_FULL, &a, "-requests-mkv", 80, 24, CHARSET_ASCII);
    a.view = VIEW_FILES;
    a.list[VIEW_FILES].sort = 9;
    a.list[VIEW_FILES].invert = true;
    a.bits = true;
    golden_screen(FIX_HEALTHY, &a, "-files-by_path", 80, 24, CHARSET_ASCII);
    a.view = VIEW_EVENTS;
    strcpy(a.list[VIEW_EVENTS].find, "tv/s01");
    a.list[VIEW_EVENTS].key = 2;
    golden_screen(FIX_TWO_BLOCKED, &a, "-events-find", 80, 24, CHARSET_ASCII);
    a.list[VIEW_EVENTS].find[0] = '\0';
    a.list[VIEW_EVENTS].key = 16; /* a run's oldest */
    golden_screen(FIX_POOL_FULL, &a, "-events-run", 80, 24, CHARSET_ASCII);
    strcpy(a.list[VIEW_EVENTS].filter, "slow"); /* each event by itself */
    golden_screen(FIX_POOL_FULL, &a, "-events-slow", 80, 24, CHARSET_ASCII);
}
END_TEST

START_TEST(worker_with_kernel_words)
{
    struct app a = begin(VIEW_WORKER);

    a.selected = 3;
    a.selected_epoch = 1;
    a.inspect = (struct app_inspect){.worker = 3, .epoch = 1, .asked_ns = END_NS - NS_PER_S / 2};
    golden_screen(FIX_TWO_BLOCKED, &a, "-worker-asked", 80, 24, CHARSET_ASCII);
    a.inspect.answered_ns = END_NS - NS_PER_S / 4;
    strcpy(a.inspect.text, "the master may not read /proc/4716/stack: Operation not permitted");
    golden_screen(FIX_TWO_BLOCKED, &a, "-worker-refused", 80, 24, CHARSET_ASCII);
    a.inspect.ok = true;
    strcpy(a.inspect.text, "state    D (disk sleep), for 14 s\n"
                           "wchan    rpc_wait_bit_killable\n"
                           "syscall  257 openat\n"
                           "stack    rpc_wait_bit_killable\n"
                           "         __rpc_execute\n"
                           "         nfs4_call_sync_sequence\n"
                           "mount    nfs4 filer:/export on /mnt/media\n"
                           "fds      58 of 1024: 44 sockets, 9 files, 2 pipes, 1 epoll\n"
                           "memory   rss 27.1M, pss 6.2M, 0 major faults\n");
    golden_screen(FIX_TWO_BLOCKED, &a, "-worker-told", 80, 24, CHARSET_ASCII);
    golden_screen(FIX_TWO_BLOCKED, &a, "-worker-told", 120, 40, CHARSET_ASCII);
    a.list[VIEW_WORKER].scroll = 1000;
    golden_screen(FIX_TWO_BLOCKED, &a, "-worker-end", 80, 24, CHARSET_BLOCK);
    a.time.paused = true;
    a.list[VIEW_WORKER].scroll = 0;
    golden_screen(FIX_TWO_BLOCKED, &a, "-worker-past", 40, 12, CHARSET_ASCII);
}
END_TEST

START_TEST(worker_with_threads)
{
    struct app a = begin(VIEW_WORKER);

    a.selected = 4;
    a.selected_epoch = 1;
    golden_screen(FIX_POOL_FULL, &a, "-worker-w4", 120, 40, CHARSET_ASCII);
    a.strip = (struct strip){.kind = STRIP_WORKERS, .change = 2};
    golden_screen(FIX_POOL_FULL, &a, "-worker-strip", 80, 24, CHARSET_ASCII);
}
END_TEST

int main(void)
{
    if (!unit_locale())
        return EXIT_SUCCESS;
    Suite *s = suite_create("tui views");
    TCase *t = tcase_create("golden");
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, views_of_situations, 0, SITUATIONS);
    tcase_add_test(t, views_in_blocks);
    tcase_add_test(t, latency_of_one_worker);
    tcase_add_test(t, lists_with_cursor_and_order);
    tcase_add_test(t, worker_with_kernel_words);
    tcase_add_test(t, worker_with_threads);
    suite_add_tcase(s, t);
    return unit_run(s);
}
