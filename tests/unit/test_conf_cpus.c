/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Numbers of workers: texts of the control groups by tables, quotas read from a hierarchy of
 * the test's own, and the bounds.
 */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/conf.h"
#include "conf/cpus.h"

START_TEST(quota_texts_v2)
{
    static const struct {
        const char *text;
        unsigned cpus;
    } cases[] = {
        {"max 100000\n", 0},
        {"200000 100000\n", 2},
        {"150000 100000\n", 2},
        {"1000 100000\n", 1},
        {"100000 100000", 1},
        {"100001 100000", 2},
        {"50000", 1},
        {"300000\n", 3},
        {"", 0},
        {"0 100000\n", 0},
        {"100000 0\n", 0},
        {"-1 100000\n", 0},
        {"100000 nonsense", 0},
        {"nonsense", 0},
        {"18446744073709551615 1\n", 4294967295},
        {"99999999999999999999 1", 0},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        ck_assert_msg(cpus_parse_v2(span_str(cases[i].text)) == cases[i].cpus, "%s", cases[i].text);
}
END_TEST

START_TEST(quota_texts_v1)
{
    static const struct {
        const char *quota, *period;
        unsigned cpus;
    } cases[] = {
        {"-1\n", "100000\n", 0}, {"250000\n", "100000\n", 3}, {"100000\n", "100000\n", 1},
        {"0\n", "100000\n", 0},  {"100000\n", "0\n", 0},      {"", "", 0},
        {"100000\n", "", 0},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        ck_assert_msg(cpus_parse_v1(span_str(cases[i].quota), span_str(cases[i].period)) ==
                          cases[i].cpus,
                      "%s %s", cases[i].quota, cases[i].period);
}
END_TEST

START_TEST(groups)
{
    static const struct {
        const char *text, *v2, *v1;
    } cases[] = {
        {"0::/user.slice/a.scope\n", "/user.slice/a.scope", ""},
        {"0::/\n", "/", ""},
        {"0::/", "/", ""},
        {"5:cpu,cpuacct:/docker/1\n1:name=systemd:/x\n0::/y\n", "/y", "/docker/1"},
        {"5:cpuacct,cpu:/a:b\n", "", "/a:b"},
        {"5:cpuset,cpuacct:/a\n", "", ""},
        {"", "", ""},
        {"nonsense\n0:\n0::\n::\n", "", ""},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct span text = span_str(cases[i].text);
        ck_assert_msg(span_eq(cpus_group_v2(text), span_str(cases[i].v2)), "%s", cases[i].text);
        ck_assert_msg(span_eq(cpus_group_v1(text), span_str(cases[i].v1)), "%s", cases[i].text);
    }
}
END_TEST

static char mount[] = "/tmp/weir-test-cpus-XXXXXX";

static void put(const char *name, const char *text)
{
    FILE *f = fopen(name, "w");

    ck_assert_ptr_nonnull(f);
    ck_assert_int_ge(fputs(text, f), 0);
    ck_assert_int_eq(fclose(f), 0);
}

static void enter(void)
{
    strcpy(mount + strlen(mount) - 6, "XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(mount));
    ck_assert_int_eq(chdir(mount), 0);
    ck_assert_int_eq(mkdir("a", 0700), 0);
    ck_assert_int_eq(mkdir("a/b", 0700), 0);
}

static void leave(void)
{
    static const char *const names[] = {"a/b/cpu.max",
                                        "a/b/cpu.cfs_quota_us",
                                        "a/b/cpu.cfs_period_us",
                                        "a/b",
                                        "a/cpu.max",
                                        "a",
                                        "cpu.max",
                                        mount};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (remove(names[i]) != 0)
            ck_assert_msg(access(names[i], F_OK) != 0, "%s stays", names[i]);
    ck_assert_int_eq(chdir("/"), 0);
}

START_TEST(smallest_quota_up_to_the_root)
{
    ck_assert_uint_eq(cpus_quota_v2(mount, SPAN("/a/b")), 0);
    put("a/b/cpu.max", "max 100000\n");
    ck_assert_uint_eq(cpus_quota_v2(mount, SPAN("/a/b")), 0);
    put("a/b/cpu.max", "800000 100000\n");
    ck_assert_uint_eq(cpus_quota_v2(mount, SPAN("/a/b")), 8);
    put("a/cpu.max", "300000 100000\n");
    ck_assert_uint_eq(cpus_quota_v2(mount, SPAN("/a/b")), 3);
    ck_assert_uint_eq(cpus_quota_v2(mount, SPAN("/a/b/")), 3);
    put("cpu.max", "400000 100000\n");
    ck_assert_uint_eq(cpus_quota_v2(mount, SPAN("/a/b")), 3);
    put("cpu.max", "100000 100000\n");
    ck_assert_uint_eq(cpus_quota_v2(mount, SPAN("/a/b")), 1);
}
END_TEST

START_TEST(group_that_is_not_mounted)
{
    put("cpu.max", "200000 100000\n");
    ck_assert_uint_eq(cpus_quota_v2(mount, SPAN("/docker/0123")), 2);
    ck_assert_uint_eq(cpus_quota_v2(mount, SPAN("/../../a")), 2);
    ck_assert_uint_eq(cpus_quota_v2(mount, SPAN("/")), 2);
    ck_assert_uint_eq(cpus_quota_v2("/no/such/mount", SPAN("/a")), 0);
}
END_TEST

START_TEST(quota_of_version_1)
{
    put("a/b/cpu.cfs_quota_us", "150000\n");
    ck_assert_uint_eq(cpus_quota_v1(mount, SPAN("/a/b")), 0);
    put("a/b/cpu.cfs_period_us", "100000\n");
    ck_assert_uint_eq(cpus_quota_v1(mount, SPAN("/a/b")), 2);
    ck_assert_uint_eq(cpus_quota_v1(mount, SPAN("/a")), 0);
}
END_TEST

START_TEST(bounds)
{
    static const struct {
        unsigned allowed, quota, min, max, workers;
    } cases[] = {
        {8, 0, 1, 64, 8}, {8, 2, 1, 64, 2}, {2, 8, 1, 64, 2}, {0, 0, 1, 64, 1},
        {8, 0, 1, 4, 4},  {1, 0, 3, 64, 3}, {1, 1, 3, 3, 3},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        ck_assert_uint_eq(
            cpus_to_workers(cases[i].allowed, cases[i].quota, cases[i].min, cases[i].max),
            cases[i].workers);
}
END_TEST

START_TEST(here_and_now)
{
    struct conf conf = {.server = {.workers_min = 1, .workers_max = 1024}};

    ck_assert_uint_ge(conf_auto_workers(&conf), 1);
    ck_assert_uint_le(conf_auto_workers(&conf), (unsigned)sysconf(_SC_NPROCESSORS_CONF));
    conf.server.workers_min = conf.server.workers_max = 7;
    ck_assert_uint_eq(conf_auto_workers(&conf), 7);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("conf_cpus");
    TCase *texts = tcase_create("texts"), *folders = tcase_create("folders");

    tcase_add_test(texts, quota_texts_v2);
    tcase_add_test(texts, quota_texts_v1);
    tcase_add_test(texts, groups);
    tcase_add_test(texts, bounds);
    tcase_add_test(texts, here_and_now);
    tcase_add_checked_fixture(folders, enter, leave);
    tcase_add_test(folders, smallest_quota_up_to_the_root);
    tcase_add_test(folders, group_that_is_not_mounted);
    tcase_add_test(folders, quota_of_version_1);
    suite_add_tcase(suite, texts);
    suite_add_tcase(suite, folders);
    return unit_run(suite);
}
