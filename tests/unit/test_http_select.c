/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What of a representation is sent, and whether: ranges, preconditions, dates, entity tags.
 */
#include "tests/unit/unit.h"

#include <limits.h>
#include <stdio.h>
#include <time.h>

#include "http/conditional.h"
#include "http/parse.h"
#include "http/range.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))
#define GIB      (UINT64_C(1) << 30)

enum { NONE = HTTP_RANGE_NONE, PART = HTTP_RANGE_PARTIAL, NOT = HTTP_RANGE_UNSATISFIABLE };

static const struct {
    const char *value;
    uint64_t size;
    int result;
    unsigned count;
    struct http_range want[4];
} ranges[] = {
    {"bytes=0-0", 10, PART, 1, {{0, 1}}},
    {"bytes=0-9", 10, PART, 1, {{0, 10}}},
    {"bytes=0-99", 10, PART, 1, {{0, 10}}},
    {"bytes=9-", 10, PART, 1, {{9, 1}}},
    {"bytes=0-", 10, PART, 1, {{0, 10}}},
    {"bytes=-1", 10, PART, 1, {{9, 1}}},
    {"bytes=-10", 10, PART, 1, {{0, 10}}},
    {"bytes=-11", 10, PART, 1, {{0, 10}}},
    {"bytes=0-0,-1", 10, PART, 2, {{0, 1}, {9, 1}}},
    {"BYTES=3-4", 10, PART, 1, {{3, 2}}},
    {" bytes= 3-4 ,\t6-7 ", 10, PART, 2, {{3, 2}, {6, 2}}},
    {"bytes=,3-4,,6-7,", 10, PART, 2, {{3, 2}, {6, 2}}},
    {"bytes=6-7,3-4", 10, PART, 2, {{6, 2}, {3, 2}}}, /* the order asked for */
    {"bytes=0-1,1-2", 10, PART, 1, {{0, 3}}},
    {"bytes=0-1,2-3", 10, PART, 1, {{0, 4}}}, /* adjacent */
    {"bytes=0-1,3-4", 10, PART, 2, {{0, 2}, {3, 2}}},
    {"bytes=6-7,0-1,2-5", 10, PART, 1, {{0, 8}}}, /* one joins the others */
    {"bytes=9-9,0-1,4-5,2-3", 10, PART, 2, {{9, 1}, {0, 6}}},
    {"bytes=0-,0-,0-,0-", 10, PART, 1, {{0, 10}}},
    {"bytes=20-,0-0", 10, PART, 1, {{0, 1}}}, /* what cannot be is dropped */
    {"bytes=-0,0-0", 10, PART, 1, {{0, 1}}},
    {"bytes=4294967296-4294967297", 8 * GIB, PART, 1, {{4 * GIB, 2}}},
    {"bytes=-1", UINT64_MAX, PART, 1, {{UINT64_MAX - 1, 1}}},
    {"bytes=0-18446744073709551615", UINT64_MAX, PART, 1, {{0, UINT64_MAX}}},
    {"bytes=5-99999999999999999999999999", 10, PART, 1, {{5, 5}}},
    {"bytes=-99999999999999999999999999", 10, PART, 1, {{0, 10}}},
    {"bytes=00000000000000000000000000001-2", 10, PART, 1, {{1, 2}}},
    {"bytes=10-", 10, NOT, 0, {{0, 0}}},
    {"bytes=10-10,11-12", 10, NOT, 0, {{0, 0}}},
    {"bytes=99999999999999999999999999-", 10, NOT, 0, {{0, 0}}},
    {"bytes=-0", 10, NOT, 0, {{0, 0}}},
    {"bytes=0-0", 0, NOT, 0, {{0, 0}}},
    {"bytes=0-", 0, NOT, 0, {{0, 0}}},
    {"bytes=-5", 0, NOT, 0, {{0, 0}}},
    {"bytes=-0", 0, NOT, 0, {{0, 0}}},
    {"bytes=1-0", 10, NONE, 0, {{0, 0}}},
    {"bytes=0-0,5-4", 10, NONE, 0, {{0, 0}}},
    {"bytes=0-0,x", 10, NONE, 0, {{0, 0}}},
    {"bytes=", 10, NONE, 0, {{0, 0}}},
    {"bytes=,", 10, NONE, 0, {{0, 0}}},
    {"bytes=-", 10, NONE, 0, {{0, 0}}},
    {"bytes=--1", 10, NONE, 0, {{0, 0}}},
    {"bytes=1", 10, NONE, 0, {{0, 0}}},
    {"bytes=1 - 2", 10, NONE, 0, {{0, 0}}},
    {"bytes=1-2-3", 10, NONE, 0, {{0, 0}}},
    {"bytes=1-2;3-4", 10, NONE, 0, {{0, 0}}},
    {"bytes=+1-2", 10, NONE, 0, {{0, 0}}},
    {"bytes=0x1-2", 10, NONE, 0, {{0, 0}}},
    {"bytes =0-1", 10, NONE, 0, {{0, 0}}},
    {"bytes:0-1", 10, NONE, 0, {{0, 0}}},
    {"byte=0-1", 10, NONE, 0, {{0, 0}}},
    {"items=0-1", 10, NONE, 0, {{0, 0}}},
    {"0-1", 10, NONE, 0, {{0, 0}}},
    {"=0-1", 10, NONE, 0, {{0, 0}}},
    {"", 10, NONE, 0, {{0, 0}}},
    {NULL, 10, NONE, 0, {{0, 0}}},
};

START_TEST(reads_ranges)
{
    for (size_t i = 0; i < COUNT(ranges); i++) {
        struct http_range got[HTTP_RANGES_MAX];
        unsigned count = 99;
        int result = (int)http_range_parse(span_str(ranges[i].value), ranges[i].size,
                                           HTTP_RANGES_MAX, got, &count);
        ck_assert_msg(result == ranges[i].result, "%s: %d", ranges[i].value, result);
        ck_assert_msg(count == ranges[i].count, "%s: %u", ranges[i].value, count);
        for (unsigned k = 0; k < count; k++)
            ck_assert_msg(got[k].offset == ranges[i].want[k].offset &&
                              got[k].length == ranges[i].want[k].length,
                          "%s: %u", ranges[i].value, k);
    }
}
END_TEST

START_TEST(bounds_the_number_of_ranges)
{
    struct http_range got[HTTP_RANGES_MAX];
    char value[512] = "bytes=";
    unsigned count;

    for (unsigned n = 1; n <= HTTP_RANGES_MAX + 1; n++) {
        char *end = value + strlen(value);
        snprintf(end, sizeof value - strlen(value), "%s%u-%u", n > 1 ? "," : "", 2 * n, 2 * n);
        int wanted = n <= HTTP_RANGES_MAX ? PART : NONE;
        ck_assert_int_eq((int)http_range_parse(span_str(value), 1000, 999, got, &count), wanted);
        ck_assert_uint_eq(count, n <= HTTP_RANGES_MAX ? n : 0);
        ck_assert_int_eq((int)http_range_parse(span_str(value), 1000, n - 1, got, &count), NONE);
    }
}
END_TEST

#define EPOCH_1994 INT64_C(784111777) /* Sun, 06 Nov 1994 08:49:37 GMT */
#define Y(year)    ((int64_t)((year)-1970) * 31556952 + 86400 * 30)

START_TEST(reads_dates)
{
    static const struct {
        const char *text;
        int64_t now, want;
    } cases[] = {
        {"Sun, 06 Nov 1994 08:49:37 GMT", 0, EPOCH_1994},
        {"Sunday, 06-Nov-94 08:49:37 GMT", Y(2026), EPOCH_1994},
        {"Sun Nov  6 08:49:37 1994", 0, EPOCH_1994},
        {"Sun Nov 06 08:49:37 1994", 0, EPOCH_1994},
        {"Sun Nov 16 08:49:37 1994", 0, EPOCH_1994 + 864000},
        {"Thu, 01 Jan 1970 00:00:00 GMT", 0, 0},
        {"Wed, 31 Dec 1969 23:59:59 GMT", 0, 0},
        {"Mon, 01 Jan 0001 00:00:00 GMT", 0, 0},
        {"Tue, 29 Feb 2000 00:00:00 GMT", 0, 951782400},
        {"Thu, 29 Feb 2024 23:59:60 GMT", 0, 1709251200},
        {"Fri, 31 Dec 9999 23:59:59 GMT", 0, 253402300799},
        {"Tue, 19 Jan 2038 03:14:08 GMT", 0, 2147483648},
        /* Two digits: the latest year that is at most 50 years ahead. */
        {"Friday, 01-Jan-71 00:00:00 GMT", 1609459200 /* 2021 */, 3187296000 /* 2071 */},
        {"Friday, 01-Jan-71 00:00:01 GMT", 1609459200, 31536001 /* 1971 */},
        {"Friday, 01-Jan-71 00:00:01 GMT", 1609459201, 3187296001},
        {"Friday, 01-Jan-21 00:00:00 GMT", 1609459200, 1609459200},
        {"Monday, 01-Jan-00 00:00:00 GMT", Y(2099), 4102444800 /* 2100 */},
        {"Tuesday, 29-Feb-00 00:00:00 GMT", Y(2026), 951782400},
        {"Tuesday, 01-Jan-80 00:00:00 GMT", INT64_MIN, 315532800},
        {"Tuesday, 01-Jan-80 00:00:00 GMT", INT64_MAX, INT64_C(253370764800) - 599616000},
        {"Mon, 29 Feb 1900 00:00:00 GMT", 0, -1},
        {"Wed, 29 Feb 2023 00:00:00 GMT", 0, -1},
        {"Sun, 00 Nov 1994 08:49:37 GMT", 0, -1},
        {"Sun, 31 Nov 1994 08:49:37 GMT", 0, -1},
        {"Sun, 32 Jan 1994 08:49:37 GMT", 0, -1},
        {"Sun, 06 Nov 1994 24:00:00 GMT", 0, -1},
        {"Sun, 06 Nov 1994 08:60:37 GMT", 0, -1},
        {"Sun, 06 Nov 1994 08:49:61 GMT", 0, -1},
        {"Sun, 06 nov 1994 08:49:37 GMT", 0, -1},
        {"Sun, 06 Foo 1994 08:49:37 GMT", 0, -1},
        {"Foo, 06 Nov 1994 08:49:37 GMT", 0, -1},
        {"sun, 06 Nov 1994 08:49:37 GMT", 0, -1},
        {"Sun, 06 Nov 1994 08:49:37 UTC", 0, -1},
        {"Sun, 06 Nov 1994 08:49:37 gmt", 0, -1},
        {"Sun, 06 Nov 1994 08:49:37", 0, -1},
        {"Sun, 06 Nov 1994 08:49:37 GMT ", 0, -1},
        {"Sun,  6 Nov 1994 08:49:37 GMT", 0, -1},
        {"Sun, 06-Nov-1994 08:49:37 GMT", 0, -1},
        {"Sunday, 06 Nov 94 08:49:37 GMT", 0, -1},
        {"Sun, 06-Nov-94 08:49:37 GMT", 0, -1},
        {"Sunday, 31-Jun-94 08:49:37 GMT", 0, -1},
        {"Sun Nov 6  08:49:37 1994", 0, -1},
        {"Sun Nov  0 08:49:37 1994", 0, -1},
        {"Sun Nov    08:49:37 1994", 0, -1},
        {"784111777", 0, -1},
        {"0", 0, -1},
        {"", 0, -1},
        {NULL, 0, -1},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t got = http_date_parse(span_str(cases[i].text), cases[i].now);
        ck_assert_msg(got == cases[i].want, "%s: %lld", cases[i].text, (long long)got);
    }
}
END_TEST

/* Against libc's calendar, over four centuries and at the ends. */
START_TEST(writes_dates)
{
    char ours[HTTP_DATE_BYTES], theirs[64];

    for (int64_t s = 0; s < INT64_C(13000000000); s += 86399 * 3 + 7) {
        time_t t = (time_t)s;
        struct tm tm;
        ck_assert_ptr_nonnull(gmtime_r(&t, &tm));
        ck_assert_uint_eq(strftime(theirs, sizeof theirs, "%a, %d %b %Y %H:%M:%S GMT", &tm),
                          HTTP_DATE_BYTES);
        http_date_format(s, ours);
        ck_assert_msg(memcmp(ours, theirs, HTTP_DATE_BYTES) == 0, "%.29s, not %s", ours, theirs);
        ck_assert(http_date_parse(span_of(ours, HTTP_DATE_BYTES), 0) == s);
    }
    http_date_format(INT64_MIN, ours);
    ck_assert_mem_eq(ours, "Thu, 01 Jan 1970 00:00:00 GMT", HTTP_DATE_BYTES);
    http_date_format(INT64_MAX, ours);
    ck_assert_mem_eq(ours, "Fri, 31 Dec 9999 23:59:59 GMT", HTTP_DATE_BYTES);
}
END_TEST

#define NOW_S INT64_C(1800000000)

static size_t tag_of(const struct http_file *f, char *to)
{
    return http_etag_make(f, (uint64_t)NOW_S * 1000000000, to);
}

START_TEST(etags_differ)
{
    /* device, inode, size, modified_s, changed_s, modified_ns, changed_ns, step_ns */
    static const struct http_file files[] = {
        {1, 2, 3, 1700000000, 6, 5, 7, 0},
        {1, 2, 3, 1700000000, 6, 6, 7, 0},
        {1, 2, 3, 1700000001, 6, 5, 7, 0},
        {1, 2, 4, 1700000000, 6, 5, 7, 0},
        {1, 2, 0, 1700000000, 6, 5, 7, 0},
        {1, 2, UINT64_C(1) << 32 | 3, 1700000000, 6, 5, 7, 0},
        /* The rest have times that mean nothing: all that is known counts. */
        {1, 2, 3, 1, 6, 5, 7, 0},
        {2, 2, 3, 1, 6, 5, 7, 0},
        {2, 1, 3, 1, 6, 5, 7, 0},
        {1, 3, 3, 1, 6, 5, 7, 0},
        {1, 2, 3, 1, 7, 5, 7, 0},
        {1, 2, 3, 1, 6, 5, 8, 0},
        {1, 2, 4, 1, 6, 5, 7, 0},
        {1, UINT64_C(1) << 32 | 2, 3, 1, 6, 5, 7, 0},
        {1, 2, 3, -1, 6, 5, 7, 0},
        {1, 2, 3, 315532801, 6, 5, 7, 0},
        {1, 2, 3, 499162500, 6, 5, 7, 0},
        {1, 2, 3, NOW_S + 1, 6, 5, 7, 0},
        {0, 0, 0, 0, 0, 0, 0, 0},
        {UINT64_MAX, UINT64_MAX, UINT64_MAX, INT64_MAX, NOW_S - 10, 999999999, 999999999, 0},
    };
    char tag[COUNT(files)][HTTP_ETAG_BYTES], again[HTTP_ETAG_BYTES];
    size_t n[COUNT(files)];

    for (size_t i = 0; i < COUNT(files); i++) {
        n[i] = tag_of(&files[i], tag[i]);
        ck_assert_uint_le(n[i], HTTP_ETAG_BYTES);
        struct span rest = span_of(tag[i], n[i]), opaque;
        bool weak;
        ck_assert(http_etag_next(&rest, &opaque, &weak) && !weak && rest.n == 0);
        ck_assert_uint_eq(opaque.n, n[i]);
        ck_assert_uint_eq(tag_of(&files[i], again), n[i]);
        ck_assert_mem_eq(again, tag[i], n[i]);
        for (size_t k = 0; k < i; k++)
            ck_assert_msg(!span_eq(span_of(tag[i], n[i]), span_of(tag[k], n[k])), "%zu %zu", i, k);
    }
}
END_TEST

/* The same tree on another disk, or copied. */
START_TEST(etags_agree)
{
    struct http_file one = {1, 2, 3, 1700000000, 6, 5, 7, 0},
                     other = {9, 8, 3, 1700000000, 7, 5, 9, 0};
    char tag[HTTP_ETAG_BYTES], again[HTTP_ETAG_BYTES];
    size_t n = tag_of(&one, tag);

    ck_assert_uint_eq(tag_of(&other, again), n);
    ck_assert_mem_eq(again, tag, n);
}
END_TEST

/* A change that may hide in the clock's step: a weak tag, and another one than afterwards. */
START_TEST(etags_of_young_files)
{
    static const struct {
        int64_t s;
        uint32_t ns;
        uint64_t step_ns;
        bool weak;
    } cases[] = {
        {NOW_S, 0, 20000000, true},
        {NOW_S - 1, 980000001, 20000000, true},
        {NOW_S - 1, 980000000, 20000000, false},
        {NOW_S - 2, 0, 2000000000, false},
        {NOW_S - 2, 1, 2000000000, true},
        {NOW_S - 3, 999999999, 2000000000, false},
        {NOW_S - 100, 0, 2000000000, false},
    };
    char tag[HTTP_ETAG_BYTES], later[HTTP_ETAG_BYTES];

    for (size_t i = 0; i < 2 * COUNT(cases); i++) {
        /* The time that tells: of the last change of any kind, when that of content means nothing.
         */
        bool by_change = i >= COUNT(cases);
        int64_t s = cases[i % COUNT(cases)].s;
        uint32_t ns = cases[i % COUNT(cases)].ns;
        struct http_file f = {1,
                              2,
                              3,
                              by_change ? 1 : s,
                              by_change ? s : NOW_S,
                              by_change ? 1 : ns,
                              by_change ? ns : 0,
                              cases[i % COUNT(cases)].step_ns};
        size_t n = tag_of(&f, tag);
        struct span rest = span_of(tag, n), opaque, later_rest, later_opaque;
        bool weak, later_weak;
        ck_assert(http_etag_next(&rest, &opaque, &weak) && rest.n == 0);
        ck_assert_msg(weak == cases[i % COUNT(cases)].weak, "%zu: %.*s", i, (int)n, tag);
        n = http_etag_make(&f, (uint64_t)(NOW_S + 10) * 1000000000, later);
        later_rest = span_of(later, n);
        ck_assert(http_etag_next(&later_rest, &later_opaque, &later_weak) && !later_weak);
        ck_assert(span_eq(opaque, later_opaque) == !weak);
    }
}
END_TEST

START_TEST(times_that_mean_a_change)
{
    static const int64_t nothing[] = {INT64_MIN, -1,        0,         1,
                                      86399,     315532800, 315532801, 315568800,
                                      315500400, 499162500, NOW_S + 1, INT64_MAX};
    static const int64_t change[] = {86400,     315400000, 315700000, 499100000,
                                     499300000, NOW_S - 1, NOW_S};

    for (size_t i = 0; i < COUNT(nothing); i++)
        ck_assert_msg(!http_time_means_change(nothing[i], NOW_S), "%jd", (intmax_t)nothing[i]);
    for (size_t i = 0; i < COUNT(change); i++)
        ck_assert_msg(http_time_means_change(change[i], NOW_S), "%jd", (intmax_t)change[i]);
}
END_TEST

#define LAST  "Sun, 06 Nov 1994 08:49:37 GMT"
#define LATER "Sun, 06 Nov 1994 08:49:38 GMT"
#define PRIOR "Sun, 06 Nov 1994 08:49:36 GMT"

enum {
    GO = HTTP_COND_PROCEED,
    SAME = HTTP_COND_NOT_MODIFIED,
    FAIL = HTTP_COND_PRECONDITION_FAILED
};

static void request_of(struct http_request *r, char *head, size_t cap, const char *method,
                       const char *fields)
{
    static const struct http_parse_limits limits = {8192};
    struct http_parser s = {0};
    int n = snprintf(head, cap, "%s / HTTP/1.0\r\n%s\r\n", method, fields);

    ck_assert_msg(http_parse_head(&s, &limits, head, (size_t)n, r) == HTTP_PARSE_DONE, "%s", head);
}

static const struct {
    const char *method, *fields, *etag;
    int64_t modified;
    int want;
} conditions[] = {
#define C(method, fields, want)                                                                    \
    {                                                                                              \
        method, fields, "\"x\"", EPOCH_1994, want                                                  \
    }
    C("GET", "", GO),
    C("GET", "If-None-Match: \"x\"\r\n", SAME),
    C("HEAD", "If-None-Match: \"x\"\r\n", SAME),
    C("PUT", "If-None-Match: \"x\"\r\n", FAIL),
    C("GET", "If-None-Match: W/\"x\"\r\n", SAME),
    C("GET", "If-None-Match: \"y\"\r\n", GO),
    C("GET", "If-None-Match: \"y\", \"x\"\r\n", SAME),
    C("GET", "If-None-Match: ,\"y\" ,W/\"z\",, \"x\" ,\r\n", SAME),
    C("GET", "If-None-Match: \"y\"\r\nIf-None-Match: \"x\"\r\n", SAME),
    C("GET", "If-None-Match: \"y,\"x\"\r\n", GO),
    C("GET", "If-None-Match: \"a\\\", \"x\"\r\n", SAME), /* no escapes in entity tags */
    C("GET", "If-None-Match: \"a, \"x\"\"\r\n", GO),
    C("GET", "If-None-Match: *\r\n", SAME),
    C("PUT", "If-None-Match: *\r\n", FAIL),
    C("GET", "If-None-Match: x\r\n", GO),
    C("GET", "If-None-Match: w/\"x\"\r\n", GO),
    C("GET", "If-None-Match:\r\n", GO),
    C("GET", "If-None-Match: \"y\"\r\nIf-Modified-Since: " LAST "\r\n", GO), /* the tag decides */
    C("GET", "If-None-Match: \"x\"\r\nIf-Modified-Since: " PRIOR "\r\n", SAME),
    C("GET", "If-Modified-Since: " LAST "\r\n", SAME),
    C("GET", "If-Modified-Since: " LATER "\r\n", SAME),
    C("GET", "If-Modified-Since: " PRIOR "\r\n", GO),
    C("GET", "If-Modified-Since: Sunday, 06-Nov-94 08:49:37 GMT\r\n", SAME),
    C("GET", "If-Modified-Since: Sun Nov  6 08:49:37 1994\r\n", SAME),
    C("GET", "If-Modified-Since: 9999\r\n", GO),
    C("GET", "If-Modified-Since: " LAST "\r\nIf-Modified-Since: " LAST "\r\n", GO),
    C("PUT", "If-Modified-Since: " LAST "\r\n", GO),
    C("GET", "If-Match: \"x\"\r\n", GO),
    C("GET", "If-Match: *\r\n", GO),
    C("GET", "If-Match: \"y\", \"x\"\r\n", GO),
    C("GET", "If-Match: \"y\"\r\nIf-Match: \"x\"\r\n", GO),
    C("GET", "If-Match: W/\"x\"\r\n", FAIL),
    C("GET", "If-Match: \"y\"\r\n", FAIL),
    C("GET", "If-Match:\r\n", FAIL),
    C("PUT", "If-Match: \"y\"\r\n", FAIL),
    C("GET", "If-Match: \"x\"\r\nIf-None-Match: \"x\"\r\n", SAME),
    C("GET", "If-Match: \"y\"\r\nIf-None-Match: \"x\"\r\n", FAIL),
    C("GET", "If-Match: \"x\"\r\nIf-Unmodified-Since: " PRIOR "\r\n", GO),
    C("GET", "If-Unmodified-Since: " PRIOR "\r\n", FAIL),
    C("GET", "If-Unmodified-Since: " LAST "\r\n", GO),
    C("GET", "If-Unmodified-Since: Wed, 31 Dec 1969 23:59:59 GMT\r\n", FAIL),
    C("PUT", "If-Unmodified-Since: " PRIOR "\r\n", FAIL),
    C("GET", "If-Unmodified-Since: never\r\n", GO),
    C("GET", "If-Unmodified-Since: " LAST "\r\nIf-Modified-Since: " LAST "\r\n", SAME),
#undef C
    {"GET", "If-Match: \"x\"\r\n", "W/\"x\"", EPOCH_1994, FAIL},
    {"GET", "If-None-Match: \"x\"\r\n", "W/\"x\"", EPOCH_1994, SAME},
    {"GET", "If-None-Match: \"\"\r\n", "", EPOCH_1994, GO},
    {"GET", "If-None-Match: *\r\n", "", EPOCH_1994, SAME},
    {"GET", "If-Modified-Since: " LAST "\r\n", "\"x\"", -1, GO},
    {"GET", "If-Unmodified-Since: " PRIOR "\r\n", "\"x\"", -1, GO},
};

START_TEST(weighs_preconditions)
{
    static struct http_request r;
    char head[512];

    for (size_t i = 0; i < COUNT(conditions); i++) {
        struct http_validators v = {span_str(conditions[i].etag), conditions[i].modified};
        request_of(&r, head, sizeof head, conditions[i].method, conditions[i].fields);
        int got = (int)http_conditional(&r, &v);
        ck_assert_msg(got == conditions[i].want, "%d: %s", got, head);
    }
}
END_TEST

START_TEST(weighs_if_range)
{
    static const struct {
        const char *fields, *etag;
        int64_t modified, age;
        bool want;
    } cases[] = {
        {"", "\"x\"", EPOCH_1994, 0, true},
        {"If-Range: \"x\"\r\n", "\"x\"", EPOCH_1994, 0, true},
        {"If-Range: \"y\"\r\n", "\"x\"", EPOCH_1994, 9, false},
        {"If-Range: W/\"x\"\r\n", "\"x\"", EPOCH_1994, 9, false},
        {"If-Range: W/\"x\"\r\n", "W/\"x\"", EPOCH_1994, 9, false},
        {"If-Range: \"x\"\r\n", "W/\"x\"", EPOCH_1994, 9, false},
        {"If-Range: \"x\", \"y\"\r\n", "\"x\"", EPOCH_1994, 9, false},
        {"If-Range: *\r\n", "\"x\"", EPOCH_1994, 9, false},
        {"If-Range:\r\n", "", EPOCH_1994, 9, false},
        {"If-Range: " LAST "\r\n", "\"x\"", EPOCH_1994, 1, true},
        {"If-Range: " LAST "\r\n", "\"x\"", EPOCH_1994, 0, false},
        {"If-Range: " LATER "\r\n", "\"x\"", EPOCH_1994, 9, false},
        {"If-Range: " PRIOR "\r\n", "\"x\"", EPOCH_1994, 9, false},
        {"If-Range: bad\r\n", "\"x\"", -1, 9, false},
        {"If-Range: \"x\"\r\nIf-Range: \"x\"\r\n", "\"x\"", EPOCH_1994, 9, false},
    };
    static struct http_request r;
    char head[512];

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct http_validators v = {span_str(cases[i].etag), cases[i].modified};
        request_of(&r, head, sizeof head, "GET", cases[i].fields);
        ck_assert_msg(http_if_range(&r, &v, cases[i].modified + cases[i].age) == cases[i].want,
                      "%s", head);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("http select");
    TCase *t = tcase_create("range");

    tcase_add_test(t, reads_ranges);
    tcase_add_test(t, bounds_the_number_of_ranges);
    suite_add_tcase(s, t);
    t = tcase_create("conditional");
    tcase_add_test(t, reads_dates);
    tcase_add_test(t, writes_dates);
    tcase_add_test(t, etags_differ);
    tcase_add_test(t, etags_agree);
    tcase_add_test(t, etags_of_young_files);
    tcase_add_test(t, times_that_mean_a_change);
    tcase_add_test(t, weighs_preconditions);
    tcase_add_test(t, weighs_if_range);
    suite_add_tcase(s, t);
    return unit_run(s);
}
