/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Golden screens of the overview and the I/O view: every situation of tests/tui/fixture.h at five
 * sizes, in ASCII and with block characters, and what the strip, tags, groups, sorting, pausing
 * and units make of them.
 */
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

#include "tests/tui/golden.h"

static const struct {
    int cols, rows;
} sizes[] = {{20, 5}, {40, 12}, {80, 24}, {120, 40}, {200, 60}};

START_TEST(overview_screens)
{
    struct app a;

    app_init(&a, UINT64_C(1000000000), false);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int charset = CHARSET_ASCII; charset <= CHARSET_BLOCK; charset++)
            golden_screen((enum fixture)_i, &a, "", sizes[i].cols, sizes[i].rows,
                          (enum charset)charset);
}
END_TEST

START_TEST(other_screens)
{
    struct app a;

    app_init(&a, UINT64_C(1000000000), true);
    golden_screen(FIX_TWO_BLOCKED, &a, "-read_only", 80, 24, CHARSET_BLOCK);
    a.help = true;
    golden_screen(FIX_HEALTHY, &a, "-help", 80, 40, CHARSET_ASCII);
    golden_screen(FIX_HEALTHY, &a, "-help", 40, 12, CHARSET_ASCII);
    app_init(&a, UINT64_C(1000000000), false);
    a.selected = 5;
    a.selected_epoch = 1;
    a.strip.kind = STRIP_WORKERS;
    a.strip.change = 2;
    golden_screen(FIX_HEALTHY, &a, "-strip", 80, 24, CHARSET_ASCII);
    a.strip = (struct strip){
        .kind = STRIP_FAILED, .id = 1, .text = "99 is above workers_max 64 (weir.ini:12)"};
    golden_screen(FIX_HEALTHY, &a, "-refused", 80, 24, CHARSET_ASCII);
    golden_screen(FIX_HEALTHY, &a, "-refused", 40, 12, CHARSET_ASCII);
    a.strip = (struct strip){.kind = STRIP_GOING,
                             .id = 1,
                             .op = 42,
                             .text = "workers 8 -> 10",
                             .sent_ns = FIXTURE_START_NS + 19 * UINT64_C(1000000000)};
    golden_screen(FIX_DRAINING, &a, "-going", 80, 24, CHARSET_ASCII);
}
END_TEST

START_TEST(io_screens)
{
    static const enum fixture situations[] = {FIX_SICK, FIX_POOL_FULL, FIX_HEALTHY, FIX_FENCED};
    struct app a;

    app_init(&a, UINT64_C(1000000000), false);
    a.view = VIEW_IO;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        golden_screen(situations[_i], &a, "-io", sizes[i].cols, sizes[i].rows, CHARSET_ASCII);
}
END_TEST

START_TEST(other_io_screens)
{
    struct app a;

    app_init(&a, UINT64_C(1000000000), false);
    a.view = VIEW_IO;
    golden_screen(FIX_NO_SERVER, &a, "-io", 80, 24, CHARSET_ASCII);
    a.io_scroll = 5;
    golden_screen(FIX_POOL_FULL, &a, "-io-scrolled", 80, 24, CHARSET_BLOCK);
    a.io_scroll = 1000;
    golden_screen(FIX_POOL_FULL, &a, "-io-end", 40, 12, CHARSET_BLOCK);
    a.io_scroll = 0;
    a.strip.kind = STRIP_OFFLOAD;
    a.strip.offload = true;
    golden_screen(FIX_POOL_FULL, &a, "-io-strip", 80, 24, CHARSET_ASCII);
    strcpy(a.strip.typed, "96");
    golden_screen(FIX_POOL_FULL, &a, "-io-strip", 40, 12, CHARSET_ASCII);
    a.view = VIEW_OVERVIEW;
    golden_screen(FIX_POOL_FULL, &a, "-strip", 80, 24, CHARSET_ASCII);
    a.strip = (struct strip){.kind = STRIP_GOING,
                             .offload = true,
                             .id = 1,
                             .op = 43,
                             .text = "offload 8 -> 96",
                             .sent_ns = FIXTURE_START_NS + 19 * UINT64_C(1000000000)};
    golden_screen(FIX_POOL_FULL, &a, "-going", 80, 24, CHARSET_ASCII);
}
END_TEST

START_TEST(table_screens)
{
    struct app a;

    app_init(&a, UINT64_C(1000000000), false);
    a.selected = 5;
    a.selected_epoch = 1;
    a.tag[0] = UINT64_C(3) << 32 | 1;
    a.tag[1] = UINT64_C(5) << 32 | 1;
    a.tag[2] = UINT64_C(8) << 32 | 1;
    a.tag_count = 3;
    golden_screen(FIX_TWO_BLOCKED, &a, "-tags", 80, 24, CHARSET_ASCII);
    a.tag_count = 0;
    a.list[VIEW_OVERVIEW].sort = 12;
    a.now_ns = FIXTURE_START_NS + FIXTURE_SECONDS * UINT64_C(1000000000);
    a.list[VIEW_OVERVIEW].held_until_ns = a.now_ns + 4 * UINT64_C(1000000000);
    golden_screen(FIX_TWO_BLOCKED, &a, "-sorted", 80, 24, CHARSET_ASCII);
    a.list[VIEW_OVERVIEW].sort = 6;
    a.list[VIEW_OVERVIEW].held_until_ns = 0;
    a.list[VIEW_OVERVIEW].invert = true;
    strcpy(a.list[VIEW_OVERVIEW].filter, "archive");
    golden_screen(FIX_TWO_BLOCKED, &a, "-filtered", 80, 24, CHARSET_ASCII);
    memset(&a.list, 0, sizeof a.list);
    a.group = true;
    a.bits = true;
    golden_screen(FIX_DRAINING, &a, "-groups", 80, 24, CHARSET_ASCII);
    golden_screen(FIX_DRAINING, &a, "-groups", 120, 40, CHARSET_BRAILLE);
    a.group = a.bits = false;
    a.wide = true;
    golden_screen(FIX_TWO_BLOCKED, &a, "-wide", 120, 40, CHARSET_BLOCK);
}
END_TEST

START_TEST(past_screens)
{
    struct app a;

    app_init(&a, UINT64_C(1000000000), false);
    a.time = (struct app_time){.paused = true, .record = 458, .newest = 500, .oldest = 1};
    golden_screen(FIX_TWO_BLOCKED, &a, "-paused", 80, 24, CHARSET_ASCII);
    golden_screen(FIX_TWO_BLOCKED, &a, "-paused", 40, 12, CHARSET_ASCII);
    a.time.paused = false;
    a.time.replay = true;
    golden_screen(FIX_TWO_BLOCKED, &a, "-replay", 80, 24, CHARSET_ASCII);
    golden_screen(FIX_TWO_BLOCKED, &a, "-replay", 20, 5, CHARSET_ASCII);
}
END_TEST

int main(void)
{
    if (!unit_locale())
        return EXIT_SUCCESS;
    Suite *s = suite_create("tui screens");
    TCase *t = tcase_create("golden");
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, overview_screens, 0, FIX_COUNT);
    tcase_add_test(t, other_screens);
    tcase_add_test(t, table_screens);
    tcase_add_test(t, past_screens);
    tcase_add_loop_test(t, io_screens, 0, 4);
    tcase_add_test(t, other_io_screens);
    suite_add_tcase(s, t);
    return unit_run(s);
}
