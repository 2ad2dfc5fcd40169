/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Histograms: their buckets meet without gaps, percentiles are right within 5 %, and adding
 * and subtracting do what the counters of processes that come and go need.
 */
#include "tests/unit/unit.h"

#include "base/clock.h"
#include "weir/snapshot.h"

static const uint64_t lowest = UINT64_C(1) << HIST_MIN_BITS;
static const uint64_t highest = UINT64_C(1) << HIST_MAX_BITS;

static bool within(uint64_t got, uint64_t want, double share)
{
    double difference = got > want ? (double)(got - want) : (double)(want - got);

    return difference <= share * (double)want;
}

START_TEST(buckets_meet)
{
    ck_assert_uint_eq(hist_bucket_of(0), 0);
    ck_assert_uint_eq(hist_bucket_of(lowest - 1), 0);
    ck_assert_uint_eq(hist_bucket_of(lowest), 1);
    ck_assert_uint_eq(hist_bucket_of(highest - 1), HIST_BUCKETS - 2);
    ck_assert_uint_eq(hist_bucket_of(highest), HIST_BUCKETS - 1);
    ck_assert_uint_eq(hist_bucket_of(UINT64_MAX), HIST_BUCKETS - 1);
    for (unsigned i = 1; i < HIST_BUCKETS; i++) {
        uint64_t low = hist_bucket_low_ns(i);
        ck_assert_uint_gt(low, hist_bucket_low_ns(i - 1));
        ck_assert_uint_eq(hist_bucket_of(low), i);
        ck_assert_uint_eq(hist_bucket_of(low - 1), i - 1);
        ck_assert_uint_eq(hist_bucket_of(hist_bucket_mid_ns(i)), i);
    }
}
END_TEST

/* Values 1.7 % apart, so that each bucket gets some, from the lowest to the highest. */
START_TEST(every_value_is_within_five_percent)
{
    for (uint64_t ns = lowest; ns < highest; ns += ns / 59 + 1) {
        static struct snap_hist h;
        h = (struct snap_hist){.count = 1, .sum_ns = ns};
        h.bucket[hist_bucket_of(ns)] = 1;
        for (int q = 0; q <= 4; q++)
            ck_assert_msg(within(snap_hist_quantile(&h, q / 4.0), ns, 0.05), "%lu",
                          (unsigned long)ns);
    }
}
END_TEST

/* 1000 values spread over the whole range, of which the percentiles are known exactly. */
START_TEST(percentiles_of_many)
{
    static struct snap_hist h;
    static uint64_t value[1000];
    double v = (double)lowest;

    for (int i = 0; i < 1000; i++) {
        value[i] = (uint64_t)v;
        v *= 1.0188;
        h.bucket[hist_bucket_of(value[i])]++;
    }
    ck_assert_uint_lt(value[999], highest);
    for (int percent = 1; percent <= 100; percent++) {
        uint64_t want = value[percent * 10 - 1];
        uint64_t got = snap_hist_quantile(&h, percent / 100.0);
        ck_assert_msg(within(got, want, 0.05), "p%d: %lu, not %lu", percent, (unsigned long)got,
                      (unsigned long)want);
    }
}
END_TEST

START_TEST(edges)
{
    static struct snap_hist h;

    ck_assert_uint_eq(snap_hist_quantile(&h, 0.5), 0);
    h.bucket[0] = 1;
    ck_assert_uint_lt(snap_hist_quantile(&h, 0.5), lowest);
    h.bucket[HIST_BUCKETS - 1] = 99;
    ck_assert_uint_lt(snap_hist_quantile(&h, 0.01), lowest);
    ck_assert_uint_eq(snap_hist_quantile(&h, 0.02), highest);
    ck_assert_uint_eq(snap_hist_quantile(&h, -1), hist_bucket_mid_ns(0));
    ck_assert_uint_eq(snap_hist_quantile(&h, 7), highest);
    ck_assert_uint_eq(snap_hist_quantile(&h, 0.0 / 1.0), hist_bucket_mid_ns(0));
    ck_assert_uint_eq(snap_hist_quantile(&h, __builtin_nan("")), hist_bucket_mid_ns(0));
    for (unsigned i = 0; i < HIST_BUCKETS; i++)
        h.bucket[i] = UINT64_MAX;
    ck_assert_uint_le(snap_hist_quantile(&h, 0.99), highest);
    h = (struct snap_hist){0};
    h.bucket[5] = UINT64_MAX;
    ck_assert_uint_eq(snap_hist_quantile(&h, 1), hist_bucket_mid_ns(5));
}
END_TEST

START_TEST(sums_and_differences)
{
    static struct snap_hist a, b, sum, back, difference;

    a.bucket[3] = 5;
    a.bucket[100] = 7;
    a.count = 12;
    a.sum_ns = 1200;
    b.bucket[3] = 1;
    b.bucket[200] = 2;
    b.count = 3;
    b.sum_ns = 300;
    sum = a;
    snap_hist_add(&sum, &b);
    ck_assert_uint_eq(sum.bucket[3], 6);
    ck_assert_uint_eq(sum.bucket[200], 2);
    ck_assert_uint_eq(sum.count, 15);
    ck_assert_uint_eq(sum.sum_ns, 1500);
    snap_hist_diff(&difference, &sum, &b);
    ck_assert_mem_eq(&difference, &a, sizeof a);
    snap_hist_diff(&difference, &a, &a);
    ck_assert_uint_eq(difference.count + difference.sum_ns + difference.bucket[100], 0);
    /* One bucket went back although the count grew: another process. */
    back = sum;
    back.bucket[100] = 1;
    back.count = 100;
    snap_hist_diff(&difference, &back, &a);
    ck_assert_mem_eq(&difference, &back, sizeof back);
    /* The result may be one of the two. */
    snap_hist_diff(&sum, &sum, &a);
    ck_assert_mem_eq(&sum, &b, sizeof b);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("histograms");
    TCase *t = tcase_create("histograms");

    tcase_add_test(t, buckets_meet);
    tcase_add_test(t, every_value_is_within_five_percent);
    tcase_add_test(t, percentiles_of_many);
    tcase_add_test(t, edges);
    tcase_add_test(t, sums_and_differences);
    suite_add_tcase(s, t);
    return unit_run(s);
}
