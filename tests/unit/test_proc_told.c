/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the master concludes from counters: which packets were lost connections, and when answers
 * fail.
 */
#include "tests/unit/unit.h"

#include "proc/net_drops.h"

START_TEST(lost_connections_are_what_both_counted)
{
    static const char text[] = "TcpExt: SyncookiesSent ListenOverflows ListenDrops TCPHPHits\n"
                               "TcpExt: 7 11 13 5\n"
                               "IpExt: InNoRoutes\nIpExt: 9\n";
    static const char *const bad[] = {"",
                                      "TcpExt: ListenDrops",
                                      "TcpExt: ListenDrops\n",
                                      "TcpExt: ListenDrops\nTcpExt:\n",
                                      "TcpExt: A\nTcpExt: 1\n",
                                      "IpExt: ListenDrops\nIpExt: 1\n"};
    struct net_drops d = {0};
    uint64_t v = 0, left;

    ck_assert(net_drops_parse(span_str(text), &v));
    ck_assert_uint_eq(v, 13);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(!net_drops_parse(span_str(bad[i]), &v), "%s", bad[i]);

    /* What was there before is nobody's. */
    left = net_drops_begin(&d, true, 13);
    ck_assert_uint_eq(left, 0);
    ck_assert_uint_eq(net_drops_share(5, &left), 0); /* five stray packets */
    net_drops_end(&d, left);
    /* Four were lost: three here, and one that another socket lost or will be seen to have. */
    left = net_drops_begin(&d, true, 17);
    ck_assert_uint_eq(net_drops_share(3, &left), 3);
    net_drops_end(&d, left);
    left = net_drops_begin(&d, true, 17);
    ck_assert_uint_eq(net_drops_share(9, &left), 1);
    net_drops_end(&d, left);
    /* It counts for one more round only. */
    left = net_drops_begin(&d, true, 19);
    net_drops_end(&d, left);
    left = net_drops_begin(&d, true, 19);
    ck_assert_uint_eq(left, 2);
    net_drops_end(&d, left);
    ck_assert_uint_eq(net_drops_begin(&d, true, 19), 0);
    /* Not readable: nothing is said, and what comes then is compared with nothing. */
    ck_assert_uint_eq(net_drops_begin(&d, false, 0), 0);
    ck_assert_uint_eq(net_drops_begin(&d, true, 50), 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("proc told");
    TCase *t = tcase_create("proc told");

    tcase_add_test(t, lost_connections_are_what_both_counted);
    suite_add_tcase(s, t);
    return unit_run(s);
}
