/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Serving with a pool whose jobs the test runs: clients that ask, wait, are woken and ask again,
 * and read bodies that wait. Everything in the temporary tree counts as cold while
 * fake.faulted is set, which is how a test begins.
 */
#ifndef WEIR_TESTS_SERVE_POOL_H
#define WEIR_TESTS_SERVE_POOL_H

#include "tests/unit/test_serve_ask.h"

#include "tests/unit/test_offload_fake.h"

struct client {
    struct serve_plan plan;
    struct http_request http;
    char head[1000];
    enum serve_result result;
    unsigned woken; /* by the plan */
    unsigned ready; /* by the body, or by the plan while it waits for the first bytes */
    bool begins;    /* nothing but the first bytes is waited for */
    struct buf body;
    enum chunk_kind last;
};

enum { WINDOW = 1000 };

static unsigned fds_before;

static inline void pool_up(void)
{
    set_up();
    serve_ctx_free(&ctx);
    fake_init();
    conf.offload.window_bytes = WINDOW;
    conf.offload.buffers_bytes = 100 * WINDOW;
    conf.fault_count = 1;
    fake.faulted = tree;
    now = mono_now(); /* what comes back is as old as the clock says */
    fds_before = tree_open_fds();
    ctx = serve_ctx_new(&conf, mime, &slot, &fake);
    ck_assert_ptr_nonnull(ctx);
}

/* What was left behind shows as a descriptor, or as a leak under the address sanitizer. */
static inline void pool_down(void)
{
    serve_ctx_free(&ctx);
    while (!list_empty(&fake.running))
        fake_end(fake_first(&fake.running));
    fake_run();
    ck_assert_uint_eq(tree_open_fds(), fds_before);
    mime_table_free(&mime);
    reply_free(&reply);
    tree_remove();
}

static inline void pool_again(void) /* with the configuration as it is now */
{
    serve_ctx_free(&ctx);
    ctx = serve_ctx_new(&conf, mime, &slot, &fake);
}

static inline void on_wake(void *arg)
{
    struct client *c = arg;

    c->woken++;
    c->ready += c->begins;
}

static inline void on_ready(void *arg)
{
    ((struct client *)arg)->ready++;
}

/* serve_start, once more or for the first time. */
static inline void client_go(struct client *c)
{
    struct serve_request rq = {
        .http = &c->http, .now = now, .now_wall = {(uint64_t)NOW_S * NS_PER_S}};

    c->result = serve_start(ctx, &rq, &c->plan);
    c->plan.body.wake = on_ready;
    c->plan.body.wake_arg = c;
}

static inline void client_ask(struct client *c, const char *target, const char *fields)
{
    struct http_parser parser = {0};
    struct http_parse_limits limits = {.head_bytes = sizeof c->head};
    int n = snprintf(c->head, sizeof c->head, "GET %s HTTP/1.1\r\nHost: h\r\n%s\r\n", target,
                     fields ? fields : "");

    ck_assert_int_eq(http_parse_head(&parser, &limits, c->head, (size_t)n, &c->http),
                     HTTP_PARSE_DONE);
    c->plan.wake = on_wake;
    c->plan.wake_arg = c;
    serve_plan_reset(&c->plan);
    client_go(c);
}

/* Runs jobs until the plan is made. How many serve_starts it took. */
static inline unsigned client_finish(struct client *c)
{
    unsigned rounds = 1;

    for (; c->result == SERVE_WAIT; rounds++) {
        unsigned woken = c->woken;
        ck_assert_uint_lt(rounds, 10);
        while (c->woken == woken)
            fake_step();
        client_go(c);
    }
    return rounds;
}

/* Pulls what is there now. A plan that fails is the end of it. */
static inline void client_pull(struct client *c)
{
    struct chunk k;

    if (c->result == SERVE_WAIT)
        client_go(c);
    c->last = CHUNK_WAIT;
    if (c->result == SERVE_WAIT)
        return;
    do {
        source_pull(&c->plan.body, &k);
        c->last = k.kind;
        if (k.kind == CHUNK_MEMORY)
            ck_assert(buf_add_span(&c->body, k.memory));
        if (k.kind == CHUNK_FILE) {
            ck_assert(buf_reserve(&c->body, k.length));
            ssize_t got = pread(k.fd, c->body.p + c->body.n, k.length, (off_t)k.offset);
            ck_assert_int_ge(got, 0);
            c->body.n += (size_t)got;
        }
    } while (k.kind == CHUNK_MEMORY || k.kind == CHUNK_FILE);
}

/* Pulls and runs jobs to the end of the body. */
static inline void client_drain(struct client *c)
{
    client_pull(c);
    while (c->last == CHUNK_WAIT) {
        unsigned ready = c->ready;
        while (c->ready == ready)
            fake_step();
        client_pull(c);
    }
}

static inline void client_end(struct client *c)
{
    serve_plan_free(&c->plan);
    buf_free(&c->body);
    memset(c, 0, sizeof *c);
}

static inline void client_has(const struct client *c, const void *bytes, size_t n)
{
    ck_assert_uint_eq(c->body.n, n);
    ck_assert(n == 0 || memcmp(c->body.p, bytes, n) == 0);
}

/* Asks, waits, reads. */
static inline void client_get(struct client *c, const char *target, int status, const char *body)
{
    client_ask(c, target, NULL);
    client_finish(c);
    ck_assert_int_eq(c->plan.status, status);
    client_drain(c);
    ck_assert_int_eq(c->last, CHUNK_END);
    if (body)
        client_has(c, body, strlen(body));
}

static inline bool plan_has_line(const struct client *c, const char *line)
{
    char text[3000];
    struct out o = out_into(text, sizeof text - 1);

    out_span(&o, c->plan.ready);
    out_span(&o, buf_span(&c->plan.extra));
    *o.p = '\0';
    return has_line(text, line);
}

#endif
