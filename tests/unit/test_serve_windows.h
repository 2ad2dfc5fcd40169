/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files whose windows are read by jobs that the test runs: a tree with two of them, clients whose
 * names are found and who wait for bytes.
 */
#ifndef WEIR_TESTS_SERVE_WINDOWS_H
#define WEIR_TESTS_SERVE_WINDOWS_H

#include "tests/unit/test_serve_pool.h"

static char data[5500];

static inline void test_up(void)
{
    pool_up();
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (char)('a' + i * 7 % 26);
    tree_write("www/f", data, sizeof data);
    tree_write("www/g", data, sizeof data - 1);
    conf.cache.content_file_bytes = 10;
    pool_again();
}

/* The first job that is no read begins. */
static inline struct offload_job *begin_open(void)
{
    struct list *at = fake.queued.next;

    while (at != &fake.queued && list_entry(at, struct offload_job, link)->op == WAIT_READ)
        at = at->next;
    ck_assert_msg(at != &fake.queued, "no job");
    list_remove(at);
    list_push_front(&fake.queued, at);
    return fake_begin();
}

/* Its name is found; the first bytes are waited for. */
static inline void ready(struct client *c, const char *target, const char *fields)
{
    client_ask(c, target, fields);
    while (c->result == SERVE_WAIT && !c->plan.beginning) {
        unsigned woken = c->woken;
        while (c->woken == woken)
            fake_end(begin_open());
        client_go(c);
    }
    c->begins = true;
    ck_assert_msg(c->plan.status == 200 || c->plan.status == 206, "%d", c->plan.status);
}

#endif
