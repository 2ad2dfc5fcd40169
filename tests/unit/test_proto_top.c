/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of files a worker is asked for most: who gets a row under streams of different
 * shape, how often rows change hands, and that the figures of a row are exact.
 */
#include "proto/top.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "board/slot.h"
#include "unit.h"

#define FILES      10000
#define PAUSE_NS   UINT64_C(100000) /* 10,000 requests a second */
#define SEED_FIXED UINT64_C(0x1234567890abcdef)

static struct board_file row[BOARD_FILES_PER_SLOT];
static struct top *top;
static struct mono now;
static uint64_t random_state;
static uint64_t asked[FILES]; /* since the start, by file */
static unsigned takeovers; /* seen by run_checked */

/* Who had each row last, and how often that file had been asked for when it took it. */
static uint64_t asked_before[BOARD_FILES_PER_SLOT];
static unsigned file_of[BOARD_FILES_PER_SLOT];
static uint64_t serial[BOARD_FILES_PER_SLOT];

static uint64_t next_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static void setup(void)
{
    memset(row, 0, sizeof row);
    memset(asked, 0, sizeof asked);
    memset(serial, 0, sizeof serial);
    takeovers = 0;
    random_state = SEED_FIXED;
    now = (struct mono){1000 * NS_PER_S};
    top = top_new(row);
    ck_assert_ptr_nonnull(top);
}

static void teardown(void)
{
    top_free(&top);
    ck_assert_ptr_null(top);
}

static uint64_t serials(void)
{
    uint64_t most = 0;

    for (unsigned i = 0; i < BOARD_FILES_PER_SLOT; i++)
        if (row[i].serial > most)
            most = row[i].serial;
    return most;
}

static void ask_path(const char *path, uint64_t bytes, uint64_t time_ns, bool cold, bool failed)
{
    struct top_request rq = {hash_span(SEED_FIXED, span_str(path)), bytes, time_ns, cold, failed};

    if (top_count(top, &rq, now))
        top_admit(top, &rq, span_str(path), now);
}

static void ask_file(unsigned file)
{
    char path[32];

    snprintf(path, sizeof path, "/file-%u", file);
    ask_path(path, file, 1000, false, false);
    asked[file]++;
    now.ns += PAUSE_NS;
}

static const struct board_file *row_of(const char *path)
{
    char text[BOARD_TEXT_BYTES + 1];
    size_t n;
    const struct board_file *found = NULL;

    for (unsigned i = 0; i < BOARD_FILES_PER_SLOT; i++) {
        if (row[i].serial == 0)
            continue;
        ck_assert(board_text_get(&row[i].path, text, &n));
        if (strcmp(text, path) == 0) {
            ck_assert_ptr_null(found); /* a file has one row */
            found = &row[i];
        }
    }
    return found;
}

static const struct board_file *row_of_file(unsigned file)
{
    char path[32];

    snprintf(path, sizeof path, "/file-%u", file);
    return row_of(path);
}

static uint64_t times_of(const struct board_file *f)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < FILE_TIME_BUCKETS; i++)
        sum += f->time[i];
    return sum;
}

START_TEST(first_files_get_rows_and_figures)
{
    uint64_t began = now.ns;

    ask_path("/a", 100, 5000, false, false);
    now.ns += 10;
    ask_path("/b", 7, 20000, true, false);
    ask_path("/a", 50, 16000, true, true);
    const struct board_file *a = row_of("/a"), *b = row_of("/b");
    ck_assert(a && b && a != b);
    ck_assert_uint_eq(a->requests, 2);
    ck_assert_uint_eq(a->bytes, 150);
    ck_assert_uint_eq(a->cold, 1);
    ck_assert_uint_eq(a->errors, 1);
    ck_assert_uint_eq(a->last_time_ns, 16000);
    ck_assert_uint_eq(a->since_ns, began);
    ck_assert_uint_eq(b->since_ns, began + 10);
    ck_assert_uint_eq(b->errors, 0);
    ck_assert_uint_eq(b->cold, 1);
    ck_assert(a->serial != 0 && b->serial != 0 && a->serial != b->serial);
}
END_TEST

START_TEST(times_fall_into_their_buckets)
{
    static const struct {
        uint64_t ns;
        unsigned bucket;
    } cases[] = {
        {0, 0},
        {15999, 0},
        {16000, 1},
        {31999, 1},
        {32000, 2},
        {63999, 2},
        {64000, 3},
        {1023999, 6},
        {UINT64_MAX, 23},
        {16000ULL << 22, 23},
        {(16000ULL << 22) - 1, 22},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint32_t before = i > 0 ? row[0].time[cases[i].bucket] : 0;
        ask_path("/t", 0, cases[i].ns, false, false);
        ck_assert_msg(row[0].time[cases[i].bucket] == before + 1, "%llu ns",
                      (unsigned long long)cases[i].ns);
        ck_assert_uint_eq(times_of(&row[0]), i + 1);
    }
}
END_TEST

/* Figures of every row taken meanwhile against what was asked while the file had it. */
static void run_checked(unsigned count, unsigned (*choose)(void))
{
    for (unsigned i = 0; i < BOARD_FILES_PER_SLOT; i++)
        if (row[i].serial != serial[i]) {
            serial[i] = row[i].serial;
            file_of[i] = FILES; /* taken before */
        }
    for (unsigned n = 0; n < count; n++) {
        unsigned file = choose();
        uint64_t newest = serials();
        ask_file(file);
        if (serials() != newest) {
            takeovers++;
            for (unsigned i = 0; i < BOARD_FILES_PER_SLOT; i++)
                if (row[i].serial != serial[i]) {
                    serial[i] = row[i].serial;
                    file_of[i] = file;
                    asked_before[i] = asked[file] - 1;
                }
        }
    }
    for (unsigned i = 0; i < BOARD_FILES_PER_SLOT; i++) {
        if (serial[i] == 0 || file_of[i] == FILES)
            continue;
        ck_assert_ptr_eq(row_of_file(file_of[i]), &row[i]);
        uint64_t since = asked[file_of[i]] - asked_before[i];
        ck_assert_uint_eq(row[i].requests, since);
        ck_assert_uint_eq(row[i].bytes, since * file_of[i]);
        ck_assert_uint_eq(times_of(&row[i]), since);
    }
}

static double zipf_sum[FILES];

static void zipf_make(void)
{
    double sum = 0;

    for (unsigned i = 0; i < FILES; i++)
        zipf_sum[i] = sum += 1.0 / (i + 1);
}

static unsigned zipf(void)
{
    double at = (double)(next_random() >> 11) / (double)(UINT64_C(1) << 53) * zipf_sum[FILES - 1];
    unsigned low = 0, high = FILES - 1;

    while (low < high) {
        unsigned middle = (low + high) / 2;
        if (zipf_sum[middle] < at)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static unsigned uniform(void)
{
    return (unsigned)(next_random() % FILES);
}

static unsigned shift; /* the files of a stream move on by so many */

static unsigned zipf_shifted(void)
{
    return (zipf() + shift) % FILES;
}

START_TEST(popular_files_are_in_the_table)
{
    zipf_make();
    for (unsigned i = 0; i < 2000; i++) /* rare files had all rows before */
        ask_file(FILES - 1 - i % 1000);
    run_checked(600000, zipf);
    for (unsigned file = 0; file < 32; file++)
        ck_assert_msg(row_of_file(file) != NULL, "file %u is not there", file);
    /* And they keep their rows: the most popular one has most of what it was asked. */
    ck_assert_uint_ge(row_of_file(0)->requests, asked[0] * 9 / 10);
    ck_assert_uint_lt(takeovers, 500);
}
END_TEST

START_TEST(uniform_streams_leave_rows_alone)
{
    run_checked(600000, uniform);
    /* 60 s of 10,000 requests a second. */
    ck_assert_msg(takeovers < BOARD_FILES_PER_SLOT + 300, "%u takeovers", takeovers);
    for (unsigned i = 0; i < BOARD_FILES_PER_SLOT; i++)
        ck_assert_uint_ne(row[i].serial, 0);
}
END_TEST

START_TEST(what_was_popular_once_gives_way)
{
    zipf_make();
    shift = 0;
    run_checked(400000, zipf);
    shift = 5000;
    run_checked(1200000, zipf_shifted);
    for (unsigned file = 5000; file < 5024; file++)
        ck_assert_msg(row_of_file(file) != NULL, "file %u is not there", file);
}
END_TEST

/* Few requests: each is looked at, so that a file asked for now and then is seen soon. */
START_TEST(quiet_servers_show_new_files_soon)
{
    unsigned n = 0;

    for (unsigned i = 0; i < BOARD_FILES_PER_SLOT; i++)
        ask_file(i);
    do {
        now.ns += NS_PER_S;
        ask_file(777);
        n++;
    } while (n < 200 && !row_of_file(777));
    ck_assert_uint_lt(n, 30);
    /* After a night without a request the next file gets a row at once, not that of the best. */
    for (unsigned i = 0; i < 500; i++)
        ask_file(0);
    now.ns += 3600 * 8 * NS_PER_S;
    ask_file(888);
    ck_assert_ptr_nonnull(row_of_file(888));
    ck_assert_ptr_nonnull(row_of_file(0));
    ck_assert_uint_eq(row_of_file(888)->requests, 1);
}
END_TEST

/* Long after the last look at anything the scores are still those of the last seconds. */
START_TEST(rows_in_use_outlive_a_long_time_without_others)
{
    for (unsigned i = 0; i < BOARD_FILES_PER_SLOT; i++)
        ask_file(i);
    for (unsigned minute = 0; minute < 120; minute++)
        for (unsigned i = 0; i < BOARD_FILES_PER_SLOT; i++) {
            now.ns += NS_PER_S;
            for (unsigned n = 0; n < 64; n++)
                ask_file(i);
        }
    uint64_t newest = serials();
    for (unsigned i = 1000; i < 1100; i++)
        ask_file(i);
    ck_assert_uint_eq(serials(), newest);
    ck_assert_ptr_nonnull(row_of_file(BOARD_FILES_PER_SLOT - 1));
}
END_TEST

START_TEST(a_long_path_is_cut)
{
    char path[1024], text[BOARD_TEXT_BYTES + 1];
    size_t n;

    memset(path, 'x', sizeof path - 1);
    path[0] = '/';
    path[sizeof path - 1] = '\0';
    ask_path(path, 1, 1, false, false);
    ck_assert(board_text_get(&row[0].path, text, &n));
    ck_assert_uint_eq(n, BOARD_TEXT_BYTES);
    ck_assert_uint_eq(row[0].path.cut, 1);
    /* It is still that path alone: its like with another end is another file. */
    path[1000] = 'y';
    ask_path(path, 1, 1, false, false);
    ck_assert_uint_eq(row[0].requests, 1);
    ck_assert_uint_eq(row[1].requests, 1);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("top");
    TCase *c = tcase_create("files asked for most");

    tcase_add_checked_fixture(c, setup, teardown);
    tcase_set_timeout(c, 120);
    tcase_add_test(c, first_files_get_rows_and_figures);
    tcase_add_test(c, times_fall_into_their_buckets);
    tcase_add_test(c, popular_files_are_in_the_table);
    tcase_add_test(c, uniform_streams_leave_rows_alone);
    tcase_add_test(c, what_was_popular_once_gives_way);
    tcase_add_test(c, quiet_servers_show_new_files_soon);
    tcase_add_test(c, rows_in_use_outlive_a_long_time_without_others);
    tcase_add_test(c, a_long_path_is_cut);
    suite_add_tcase(s, c);
    return unit_run(s);
}
