/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who takes a connection: the balance of workers by tables, and connections per address over two
 * processes.
 */
#include "tests/unit/unit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "board/slot.h"
#include "net/address_table.h"
#include "net/balance.h"
#include "net/siphash.h"

/* --- balance --- */

#define IN(n)                                                                                      \
    {                                                                                              \
        .live = true, .accepting = true, .connections = (n)                                        \
    }
#define OUT(n)                                                                                     \
    {                                                                                              \
        .live = true, .accepting = false, .connections = (n)                                       \
    }
#define DEAD(n)                                                                                    \
    {                                                                                              \
        .live = false, .accepting = true, .connections = (n)                                       \
    }

START_TEST(balance_table)
{
    static const struct {
        const char *what;
        struct balance_worker worker[4]; /* [0] decides */
        size_t count;
        bool out_now, out;
    } cases[] = {
        {"alone", {IN(1000)}, 1, false, false},
        {"alone and out", {OUT(1000)}, 1, true, false},
        {"equal, small", {IN(0), IN(0), IN(0)}, 3, false, false},
        {"equal, large", {IN(9000), IN(9000), IN(9000), IN(9000)}, 4, false, false},
        {"equal, large, out", {OUT(9000), IN(9000), IN(9000), IN(9000)}, 4, true, false},
        {"four above a small share", {IN(8), IN(0)}, 2, false, false},
        {"five above a small share", {IN(10), IN(0)}, 2, false, true},
        {"rounded up", {IN(9), IN(0)}, 2, false, false},
        {"an eighth above", {IN(900), IN(700)}, 2, false, false},
        {"more than an eighth", {IN(902), IN(698)}, 2, false, true},
        {"stays out above the share", {OUT(801), IN(799)}, 2, true, true},
        {"comes back at the share", {OUT(800), IN(800)}, 2, true, false},
        {"the one with least", {IN(10), IN(1000), IN(1000)}, 3, false, false},
        {"the other is stopped", {IN(1000), DEAD(0)}, 2, false, false},
        {"the other is stopped, out", {OUT(1000), DEAD(0)}, 2, true, false},
        {"one of three is stopped", {IN(100), IN(0), DEAD(0)}, 3, false, true},
        {"the stopped one's load is not counted", {IN(100), IN(90), DEAD(10000)}, 3, false, false},
        {"a new worker takes over", {IN(500), IN(500), IN(0)}, 3, false, true},
        {"the new one stays", {IN(0), IN(500), IN(500)}, 3, false, false},
        {"the idle sibling cannot accept", {IN(1000), OUT(3)}, 2, false, false},
        {"a sibling that stands back counts", {IN(100), OUT(2000), IN(50)}, 3, false, false},
        {"those that are in are equal", {IN(1000), IN(1000), OUT(600), OUT(600)}, 4, false, false},
        {"nobody in to take over", {IN(3000), OUT(1600), OUT(0)}, 3, false, false},
        {"the one that is in has more", {OUT(1600), IN(3000), OUT(0)}, 3, true, false},
        {"out because of one that cannot accept", {OUT(1000), OUT(3), IN(1000)}, 3, true, false},
        {"not accepting itself, yet it counts", {OUT(0), IN(0)}, 2, true, false},
        {"very large", {IN(UINT64_MAX / 4), IN(0)}, 2, false, true},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        ck_assert_msg(balance_stand_back(cases[i].worker, cases[i].count, 0, cases[i].out_now) ==
                          cases[i].out,
                      "%s", cases[i].what);
}
END_TEST

/* Whatever the numbers, somebody stays, when each judges by the same figures. */
START_TEST(balance_never_all)
{
    unsigned seed = 12345;

    for (int round = 0; round < 20000; round++) {
        struct balance_worker w[6];
        size_t count = 1 + (size_t)(rand_r(&seed) % 6), in = 0, stay = 0;
        for (size_t i = 0; i < count; i++) {
            w[i].live = rand_r(&seed) % 4 != 0;
            w[i].accepting = rand_r(&seed) % 2 != 0;
            w[i].connections = (uint64_t)(rand_r(&seed) % (rand_r(&seed) % 2 ? 12 : 5000));
        }
        for (size_t i = 0; i < count; i++) {
            if (!w[i].live)
                continue;
            /* Of those that are in, one stays in. */
            in += w[i].accepting;
            stay += w[i].accepting && !balance_stand_back(w, count, i, false);
        }
        ck_assert(in == 0 || stay > 0);
    }
}
END_TEST

START_TEST(balance_reads_slots)
{
    struct mono now = {10 * NS_PER_S};
    static const struct {
        enum board_state state;
        uint64_t stopped_ns, turn_ns, beat_ns;
        bool live;
    } cases[] = {
        {SLOT_RUNNING, 0, 0, 0, true},
        {SLOT_RUNNING, 0, 10 * NS_PER_S - 99 * NS_PER_MS, 0, true},
        {SLOT_RUNNING, 0, 10 * NS_PER_S - 101 * NS_PER_MS, 0, false},
        {SLOT_RUNNING, 0, 11 * NS_PER_S, 0, true}, /* began after our own turn */
        {SLOT_RUNNING, 5, 0, 0, false},
        /* It waits for events, but has not been heard of: dead. */
        {SLOT_RUNNING, 0, 0, 10 * NS_PER_S - 1400 * NS_PER_MS, true},
        {SLOT_RUNNING, 0, 0, 10 * NS_PER_S - 1600 * NS_PER_MS, false},
        {SLOT_RUNNING, 0, 0, 11 * NS_PER_S, true},
        {SLOT_STARTING, 0, 0, 0, false},
        {SLOT_RETIRING, 0, 0, 0, false},
        {SLOT_EMPTY, 0, 0, 0, false},
        {SLOT_BACKOFF, 0, 0, 0, false},
        {SLOT_DEAD, 0, 0, 0, false},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct board_slot slot;
        memset(&slot, 0, sizeof slot);
        slot.state = cases[i].state;
        slot.stopped_since_ns = cases[i].stopped_ns;
        slot.turn_since_ns = cases[i].turn_ns;
        slot.heartbeat_ns = cases[i].beat_ns;
        slot_gauge(&slot, COUNTER_connections, 7);
        slot_gauge(&slot, COUNTER_accepting, 1);
        struct balance_worker w = balance_look(&slot, now);
        ck_assert_msg(w.live == cases[i].live, "case %zu", i);
        if (cases[i].state == SLOT_RUNNING) {
            ck_assert_uint_eq(w.connections, 7);
            ck_assert(w.accepting);
        }
    }
}
END_TEST

/* --- addresses --- */

START_TEST(siphash_vectors)
{
    /* From the paper's appendix and its reference vectors: key 00 01 .. 0f, message 00 01 ... */
    static const struct {
        size_t n;
        uint64_t hash;
    } cases[] = {
        {0, UINT64_C(0x726fdb47dd0e0e31)},
        {1, UINT64_C(0x74f839c593dc67fd)},
        {8, UINT64_C(0x93f5f5799a932462)},
        {15, UINT64_C(0xa129ca6149be45e5)},
    };
    uint8_t key[16], message[16];

    for (uint8_t i = 0; i < 16; i++)
        key[i] = message[i] = i;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        ck_assert_uint_eq(siphash(key, message, cases[i].n), cases[i].hash);
}
END_TEST

static struct sockaddr_storage address(const char *text)
{
    struct sockaddr_storage a;
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(1234)};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(4321)};

    memset(&a, 0, sizeof a);
    if (inet_pton(AF_INET, text, &in.sin_addr) == 1)
        memcpy(&a, &in, sizeof in);
    else if (inet_pton(AF_INET6, text, &in6.sin6_addr) == 1)
        memcpy(&a, &in6, sizeof in6);
    else
        a.ss_family = AF_UNIX;
    return a;
}

START_TEST(addresses_that_share_a_count)
{
    static const struct {
        const char *first, *second;
        bool same;
    } cases[] = {
        {"10.0.0.1", "10.0.0.1", true},
        {"10.0.0.1", "10.0.0.2", false},
        {"10.0.0.1", "::ffff:10.0.0.1", true},
        {"::ffff:10.0.0.1", "::ffff:10.0.0.2", false},
        {"2001:db8:1:2::1", "2001:db8:1:2:ffff::9", true},
        {"2001:db8:1:2::1", "2001:db8:1:3::1", false},
        {"::1", "::2", true},
        {"unix", "unix", false},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct address_table *t = address_table_new(2);
        struct sockaddr_storage first = address(cases[i].first), second = address(cases[i].second);
        ck_assert(address_table_enter(t, 0, &first, 1));
        ck_assert_msg(address_table_enter(t, 1, &second, 1) == !cases[i].same, "%s, %s",
                      cases[i].first, cases[i].second);
        address_table_leave(t, 0, &first);
        if (cases[i].same) {
            /* What was refused was not counted. */
            ck_assert(address_table_enter(t, 1, &second, 1));
            ck_assert(!address_table_enter(t, 0, &first, 1));
        }
        address_table_free(&t);
        ck_assert_ptr_null(t);
    }
}
END_TEST

START_TEST(addresses_over_processes)
{
    enum { EACH = 40 };
    struct address_table *t = address_table_new(3);
    struct sockaddr_storage a = address("192.0.2.7");
    int status;

    ck_assert_ptr_nonnull(t);
    pid_t child = fork();
    if (child == 0) {
        int entered = 0;
        for (int i = 0; i < EACH; i++)
            entered += address_table_enter(t, 1, &a, EACH);
        _exit(entered); /* killed, as it were: it never leaves */
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == EACH);
    ck_assert(!address_table_enter(t, 0, &a, EACH));
    ck_assert(address_table_enter(t, 0, &a, EACH + 1));
    address_table_clear_row(t, 2); /* never used: nothing happens */
    address_table_clear_row(t, 1);
    for (int i = 1; i < EACH; i++)
        ck_assert(address_table_enter(t, 2, &a, EACH));
    ck_assert(!address_table_enter(t, 1, &a, EACH));
    address_table_free(&t);
}
END_TEST

/* A worker that counts wrongly hurts the counts of its own row, and nobody's process. */
START_TEST(addresses_of_others_are_read_only)
{
    struct address_table *t = address_table_new(3);
    struct sockaddr_storage a = address("192.0.2.7");
    int status;

    ck_assert(address_table_enter(t, 0, &a, 10));
    for (unsigned row = 0; row < 3; row++) {
        pid_t child = fork();
        if (child == 0) {
            signal(SIGSEGV, SIG_DFL);
            _exit(!address_table_keep_own(t, 1) || !address_table_enter(t, row, &a, 10));
        }
        ck_assert_int_eq(waitpid(child, &status, 0), child);
        ck_assert_msg(row == 1 ? WIFEXITED(status) && WEXITSTATUS(status) == 0
                               : !WIFEXITED(status) || WEXITSTATUS(status) > 1,
                      "row %u: status %#x", row, (unsigned)status);
    }
    address_table_leave(t, 2, &a); /* it never entered there: no harm */
    address_table_clear_row(t, 1);
    ck_assert(!address_table_enter(t, 2, &a, 1));
    address_table_free(&t);
}
END_TEST

/* Two processes at once never get past the limit together. */
START_TEST(addresses_race)
{
    enum { ROUNDS = 3000, LIMIT = 1 };
    struct address_table *t = address_table_new(2);
    struct sockaddr_storage a = address("192.0.2.7");
    int up[2], status;

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, up), 0);
    pid_t child = fork();
    unsigned row = child == 0 ? 1 : 0;
    int mine = up[row];
    for (int i = 0; i < ROUNDS; i++) {
        char theirs = 0, here = (char)address_table_enter(t, row, &a, LIMIT);
        if (write(mine, &here, 1) != 1 || read(mine, &theirs, 1) != 1 || here + theirs > LIMIT) {
            if (row == 1)
                _exit(1);
            ck_abort_msg("round %d: %d here, %d there", i, here, theirs);
        }
        if (here)
            address_table_leave(t, row, &a);
        /* Nobody begins again before both have left. */
        if (write(mine, &here, 1) != 1 || read(mine, &theirs, 1) != 1) {
            if (row == 1)
                _exit(2);
            ck_abort_msg("round %d: the other is gone", i);
        }
    }
    if (row == 1)
        _exit(0);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    ck_assert(address_table_enter(t, 0, &a, LIMIT));
    address_table_free(&t);
    close(up[0]);
    close(up[1]);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("net balance");
    TCase *t = tcase_create("accept");

    tcase_set_timeout(t, 60);
    tcase_add_test(t, balance_table);
    tcase_add_test(t, balance_never_all);
    tcase_add_test(t, balance_reads_slots);
    tcase_add_test(t, siphash_vectors);
    tcase_add_test(t, addresses_that_share_a_count);
    tcase_add_test(t, addresses_over_processes);
    tcase_add_test(t, addresses_of_others_are_read_only);
    tcase_add_test(t, addresses_race);
    suite_add_tcase(s, t);
    return unit_run(s);
}
