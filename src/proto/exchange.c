/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Exchanges and their pool; see exchange.h. Worker only.
 */
#include "proto/exchange.h"

#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/must.h"

enum { POOL_KEEPS = 128 };

static void put_hex(char *to, uint64_t v)
{
    static const char digit[] = "0123456789abcdef";

    for (int i = 15; i >= 0; i--, v >>= 4)
        to[i] = digit[v & 15];
}

void exchange_pool_init(struct exchange_pool *pool)
{
    uint64_t random;

    *pool = (struct exchange_pool){0};
    /* Early in boot there may be no randomness: then the clock and the process tell apart. */
    if (getrandom(&random, sizeof random, GRND_NONBLOCK) != (ssize_t)sizeof random)
        random = wall_now().ns * 0x9e3779b97f4a7c15u ^ (uint64_t)getpid() << 40;
    put_hex(pool->id_prefix, random);
}

static void exchange_free(struct exchange *e)
{
    serve_plan_free(&e->plan);
    buf_free(&e->unsent_head);
    free(e->buffer);
    free(e);
}

void exchange_pool_free(struct exchange_pool *pool)
{
    while (pool->free) {
        struct exchange *e = pool->free;
        pool->free = e->next_free;
        exchange_free(e);
    }
}

struct exchange *exchange_take(struct exchange_pool *pool)
{
    struct exchange *e = pool->free;

    if (e) {
        pool->free = e->next_free;
        pool->free_count--;
        return e;
    }
    e = calloc(1, sizeof *e);
    if (!e)
        return NULL;
    e->buffer = malloc(EXCHANGE_BUFFER_BYTES);
    if (!e->buffer) {
        free(e);
        return NULL;
    }
    e->cap = EXCHANGE_BUFFER_BYTES;
    return e;
}

void exchange_next(struct exchange *e)
{
    serve_plan_reset(&e->plan);
    e->start = e->head_end = e->next;
    if (e->start == e->n)
        e->start = e->head_end = e->next = e->n = 0;
    e->phase = EXCHANGE_HEAD;
    e->began = e->waits = e->parsed = e->active = e->head_only = e->expects = false;
    e->body_unread = e->client_closes = e->close = e->measured = e->woken = e->waited_out = false;
    e->framing = HTTP_BODY_NONE;
    e->body_left_bytes = e->body_bytes = 0;
    e->parser = (struct http_parser){0};
    e->head_bytes = 0;
    e->sendq.head.n = 0;
    e->sendq.sent_bytes = 0;
    e->coder.framing_bytes = 0;
    e->begun = e->head_done = e->first_byte = e->wait_since = (struct mono){0};
    e->waited_ns = e->client_ns = 0;
    e->client_since.ns = 0;
    e->unsent_head.n = 0;
    e->id[0] = '\0';
}

void exchange_give(struct exchange_pool *pool, struct exchange **given)
{
    struct exchange *e = *given;

    *given = NULL;
    e->next = e->n;
    exchange_next(e);
    e->sendq.corked = false;
    /* A buffer that had to grow, or was trimmed, is not what most requests need. */
    if (pool->free_count >= POOL_KEEPS || e->cap != EXCHANGE_BUFFER_BYTES) {
        exchange_free(e);
        return;
    }
    e->next_free = pool->free;
    pool->free = e;
    pool->free_count++;
}

size_t exchange_room(struct exchange *e, size_t want, size_t max_bytes)
{
    if (e->cap - e->n >= want)
        return e->cap - e->n;
    if (e->start > 0) {
        memmove(e->buffer, e->buffer + e->start, e->n - e->start);
        e->n -= e->start;
        e->head_end -= e->start;
        e->next -= e->start;
        e->start = 0;
    }
    if (e->cap - e->n < want && e->cap < max_bytes) {
        size_t cap = e->cap * 2 > e->n + want ? e->cap * 2 : e->n + want;
        cap = cap < max_bytes ? cap : max_bytes;
        char *grown = realloc(e->buffer, cap);
        if (grown) {
            e->buffer = grown;
            e->cap = cap;
        }
    }
    return e->cap - e->n;
}

void exchange_trim(struct exchange *e)
{
    enum { STEP_BYTES = 256 }; /* what is saved below this is not worth a call */
    size_t want = (e->n / STEP_BYTES + 1) * STEP_BYTES;

    if (want >= e->cap)
        return;
    char *less = realloc(e->buffer, want);
    if (!less)
        return;
    e->buffer = less;
    e->cap = want;
}

struct span exchange_input(const struct exchange *e)
{
    return span_of(e->buffer + e->start, e->n - e->start);
}

bool exchange_is_blank(const struct exchange *e)
{
    struct span in = exchange_input(e);

    for (size_t i = 0; i < in.n; i++)
        if (in.p[i] != '\r' && in.p[i] != '\n')
            return false;
    return true;
}

bool exchange_is_head(const struct exchange *e, const struct http_request *r)
{
    return r ? r->method == HTTP_HEAD : span_starts(exchange_first_line(e), SPAN("HEAD "));
}

bool exchange_another_follows(const struct exchange *e)
{
    struct span rest = span_of(e->buffer + e->next, e->n - e->next);

    return rest.n > 0 && !e->close && span_starts(rest, SPAN("GET ")) &&
           memmem(rest.p, rest.n, "\r\n\r\n", 4);
}

bool exchange_needs_no_body(const struct exchange *e, const struct http_request *r)
{
    enum { SHORT_BYTES = 64 * 1024 };

    if (r->method == HTTP_GET || r->method == HTTP_HEAD || r->method == HTTP_OPTIONS)
        return false;
    uint64_t known = e->framing == HTTP_BODY_LENGTH ? r->content_length : e->chunked.total;
    return known > SHORT_BYTES;
}

bool exchange_keep_head(struct exchange *e)
{
    if (e->sendq.head.n == 0 || e->unsent_head.n > 0)
        return true;
    if (!buf_add_span(&e->unsent_head, e->sendq.head))
        return false;
    e->sendq.head = buf_span(&e->unsent_head);
    return true;
}

struct span exchange_first_line(const struct exchange *e)
{
    struct span in = exchange_input(e);

    while (in.n > 0 && (*in.p == '\r' || *in.p == '\n'))
        in = span_from(in, 1);
    in = span_cut(&in, '\n');
    if (in.n > 0 && in.p[in.n - 1] == '\r')
        in.n--;
    return in;
}

void exchange_parse_again(const struct exchange *e, size_t head_bytes, struct http_request *out)
{
    struct http_parser parser = {0};
    const struct http_parse_limits limits = {.head_bytes = head_bytes};
    enum http_parse_result r =
        http_parse_head(&parser, &limits, e->buffer + e->start, e->head_end - e->start, out);

    must(e->parsed && r == HTTP_PARSE_DONE);
}

static bool is_id(struct span s)
{
    static const char others[] = "-_.:+/=@";

    if (s.n == 0 || s.n > EXCHANGE_ID_BYTES)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool good = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                    memchr(others, c, sizeof others - 1);
        if (!good)
            return false;
    }
    return true;
}

const char *exchange_id(struct exchange_pool *pool, struct exchange *e,
                        const struct http_request *r)
{
    struct span given = r ? r->known[HTTP_FIELD_X_REQUEST_ID] : (struct span){0};

    if (e->id[0] != '\0')
        return e->id;
    if (is_id(given)) {
        memcpy(e->id, given.p, given.n);
        e->id[given.n] = '\0';
        return e->id;
    }
    memcpy(e->id, pool->id_prefix, 16);
    put_hex(e->id + 16, ++pool->id_next);
    e->id[32] = '\0';
    return e->id;
}

static enum exchange_body take_length(struct exchange *e)
{
    uint64_t here = e->n - e->next;

    here = here < e->body_left_bytes ? here : e->body_left_bytes;
    e->next += (size_t)here;
    e->body_left_bytes -= here;
    return e->body_left_bytes == 0 ? EXCHANGE_BODY_DONE : EXCHANGE_BODY_MORE;
}

static enum exchange_body take_chunks(struct exchange *e, uint64_t max_bytes)
{
    for (;;) {
        size_t used = 0;
        struct span data;
        enum http_chunked_result r =
            http_chunked_step(&e->chunked, e->buffer + e->next, e->n - e->next, &used, &data);

        e->next += used;
        if (r == HTTP_CHUNKED_END)
            return EXCHANGE_BODY_DONE;
        if (r == HTTP_CHUNKED_BAD)
            return EXCHANGE_BODY_BAD;
        /* The size line alone says it: what is announced counts, not only what has come. */
        if (e->chunked.total > max_bytes || e->chunked.left > max_bytes - e->chunked.total)
            return EXCHANGE_BODY_LARGE;
        if (r == HTTP_CHUNKED_MORE || used == 0)
            return EXCHANGE_BODY_MORE;
    }
}

enum exchange_body exchange_take_body(struct exchange *e, uint64_t max_bytes)
{
    enum exchange_body r = EXCHANGE_BODY_DONE;

    if (e->framing == HTTP_BODY_LENGTH)
        r = take_length(e);
    else if (e->framing == HTTP_BODY_CHUNKED)
        r = take_chunks(e, max_bytes);
    if (r == EXCHANGE_BODY_MORE && e->next == e->n)
        e->next = e->n = e->head_end; /* dropped: the room is used again */
    return r;
}

void exchange_client_turn(struct exchange *e, bool begins)
{
    if (!begins && e->client_since.ns == 0)
        return;
    struct mono now = mono_now();
    if (e->client_since.ns != 0)
        e->client_ns += mono_since(now, e->client_since);
    e->client_since.ns = begins ? now.ns : 0;
}

uint64_t exchange_content_sent(const struct exchange *e)
{
    uint64_t around = e->head_bytes + e->coder.framing_bytes;

    return e->sendq.sent_bytes > around ? e->sendq.sent_bytes - around : 0;
}
