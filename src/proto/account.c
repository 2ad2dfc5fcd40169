/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Accounting for requests; see account.h. One clock reading for each. Worker only.
 */
#include "proto/account.h"

#include "base/log.h"
#include "board/finished.h"
#include "http/path.h"
#include "proto/conn_record.h"
#include "proto/rings.h"
#include "proto/shown.h"

void account_show(struct conn *c, const struct http_request *r)
{
    struct span line = r ? r->line : exchange_first_line(c->exchange);

    slot_request(c->all->slot, shown_on_board(c->all->s.conf, line), c->exchange->peer);
    slot_serving(c->all->slot, r ? r->path : (struct span){0});
}

bool account_show_file(struct conn *c)
{
    if (c->exchange->phase != EXCHANGE_ANSWER || c->exchange->plan.file.n == 0)
        return false;
    slot_request(c->all->slot, exchange_first_line(c->exchange), c->exchange->peer);
    slot_serving(c->all->slot, c->exchange->plan.file);
    return true;
}

void account_hide(struct conns *all)
{
    board_text_clear(&all->slot->request);
    board_text_clear(&all->slot->peer);
    board_text_clear(&all->slot->serving);
}

static void count_response(struct board_slot *slot, int status)
{
    static const enum board_counter by_class[] = {
        [1] = COUNTER_responses_1xx, [2] = COUNTER_responses_2xx, [3] = COUNTER_responses_3xx,
        [4] = COUNTER_responses_4xx, [5] = COUNTER_responses_5xx,
    };

    slot_count(slot, COUNTER_requests, 1);
    if (status >= 100 && status < 600)
        slot_count(slot, by_class[status / 100], 1);
}

static double ms(uint64_t ns)
{
    return (double)ns / (double)NS_PER_MS;
}

static void put_cut(struct out *o, struct span s, size_t max_bytes)
{
    out_add(o, s.p, s.n < max_bytes ? s.n : max_bytes);
    if (s.n > max_bytes)
        out_str(o, "...");
}

static struct span asked_of(const struct access_record *r)
{
    return r->http ? r->http->target : r->line;
}

/* "GET /x", or the line that was no request, in at most so many bytes of `asked`. */
static void put_asked(struct out *o, const struct access_record *r, struct span asked,
                      size_t max_bytes)
{
    enum { METHOD_BYTES = 16 };

    if (r->http) {
        put_cut(o, r->http->method_text, METHOD_BYTES);
        out_char(o, ' ');
    }
    put_cut(o, asked, max_bytes);
}

/* The phases of a request, in milliseconds and in the order in which they come. */
static void put_phases(struct out *o, const struct access_record *r)
{
    out_fmt(o, " %d %s %.0f ms: queue %.0f, head %.0f, open %.0f (%s)", r->status,
            r->aborted ? "ended early after" : "in", ms(r->total_ns), ms(r->queue_ns),
            ms(r->head_ns), ms(r->open_ns), r->cold ? "cold" : "hot");
    if (r->cold)
        out_fmt(o, ", offload wait %.0f, offload run %.0f", ms(r->offload_wait_ns),
                ms(r->offload_run_ns));
    if (r->first_byte_ns > 0)
        out_fmt(o, ", first byte %.0f", ms(r->first_byte_ns));
    else
        out_str(o, ", no byte sent");
    out_fmt(o, ", server %.0f", ms(r->server_ns));
}

static void tell_slow(struct conn *c, const struct access_record *r)
{
    enum { EVENT_TARGET_BYTES = 64, LOG_TARGET_BYTES = 512 }; /* an event is short */
    struct conns *all = c->all;
    char text[LOG_TARGET_BYTES + 512];
    struct out o = out_into(text, sizeof text);

    slot_count(all->slot, COUNTER_slow_requests, 1);
    if (all->s.board)
        rings_add_slow(all, r);
    if (!note_allowed(&all->notes, NOTE_SLOW, loop_now(all->s.loop)))
        return;
    put_asked(&o, r, asked_of(r), LOG_TARGET_BYTES);
    put_phases(&o, r);
    log_info("slow request from %.*s: %.*s, %llu bytes, id %s", (int)r->peer.n, r->peer.p,
             (int)out_len(&o), text, (unsigned long long)r->bytes_sent, r->request_id);
    if (!all->s.board)
        return;
    o = out_into(text, sizeof text);
    put_asked(&o, r, shown_on_board(all->s.conf, asked_of(r)), EVENT_TARGET_BYTES);
    put_phases(&o, r);
    board_slow_event(all->s.board, all->s.worker_number - 1, span_of(text, out_len(&o)),
                     loop_now(all->s.loop));
}

static const char *cache_word(enum serve_outcome outcome)
{
    switch (outcome) {
    case SERVE_CACHE_HIT:
        return "hit";
    case SERVE_CACHE_MISS:
        return "miss";
    case SERVE_CACHE_NONE:
        break;
    }
    return "-";
}

/* What the plan says, or how long it was waited for when it does not count that. */
static uint64_t open_ns_of(const struct exchange *e, struct mono now)
{
    uint64_t waited_ns =
        e->waited_ns + (e->wait_since.ns != 0 ? mono_since(now, e->wait_since) : 0);

    return e->plan.open_ns > waited_ns ? e->plan.open_ns : waited_ns;
}

static int status_of(const struct exchange *e)
{
    switch (e->phase) {
    case EXCHANGE_HEAD:
    case EXCHANGE_BODY:
        break;
    case EXCHANGE_PLAN:
        return 499; /* what nginx writes for a client that left before its answer was known */
    case EXCHANGE_ANSWER:
        return e->plan.status;
    }
    return 400; /* its body never came whole */
}

/*
 * The path is decoded once more when its file may get a row: what serve made of it is gone. Not
 * inlined, for every request would pay for the room on the stack.
 */
static __attribute__((noinline)) void admit_file(struct top *top, const struct top_request *rq,
                                                 struct span raw, struct mono now)
{
    char path[8192]; /* a longer one is answered 414 and has no key */
    struct span decoded;

    if (http_path_decode(raw, path, sizeof path, &decoded) == HTTP_PATH_OK)
        top_admit(top, rq, decoded, now);
}

static void count_file(const struct conn *c, const struct http_request *r, bool aborted,
                       uint64_t total_ns, struct mono now)
{
    const struct exchange *e = c->exchange;
    struct top *top = c->all->top;
    const struct top_request rq = {
        .key = e->plan.path_key,
        .bytes = exchange_content_sent(e),
        .time_ns = total_ns,
        .cold = e->plan.cold || e->phase == EXCHANGE_PLAN,
        .failed = aborted || status_of(e) >= 400,
    };

    if (top && rq.key != 0 && r && top_count(top, &rq, now))
        admit_file(top, &rq, r->path, now);
}

/*
 * What the server took: in the accept queue, and from the end of the head to the last byte, without
 * the time in which the client gave no body or took no answer. A slow line makes no slow request.
 */
static uint64_t server_ns_of(const struct conn *c, struct mono now)
{
    const struct exchange *e = c->exchange;
    uint64_t client_ns = e->client_ns;
    uint64_t since_head_ns = mono_since(now, e->head_done);

    if (e->client_since.ns != 0)
        client_ns += mono_since(now, e->client_since);
    return c->queue_wait_ns + (since_head_ns > client_ns ? since_head_ns - client_ns : 0);
}

/* Who never said all of it, or did not wait for the answer, was not kept waiting. */
static bool is_slow(const struct conn *c, struct mono now)
{
    uint64_t slow_ns = c->all->s.conf->log.slow_request_ns;
    int status = status_of(c->exchange);

    return slow_ns > 0 && status != 408 && status != 499 && server_ns_of(c, now) >= slow_ns;
}

/* For those who want to know all of it; now is its end. */
static struct access_record record_of(struct conn *c, const struct http_request *r, bool aborted,
                                      struct mono now)
{
    struct conns *all = c->all;
    struct exchange *e = c->exchange;

    return (struct access_record){
        .peer = e->peer,
        .http = r,
        .line = r ? (struct span){0} : exchange_first_line(e),
        .request_id = exchange_id(&all->pool, e, r),
        .status = status_of(e),
        .bytes_sent = exchange_content_sent(e),
        .when = loop_wall(all->s.loop),
        .queue_ns = c->queue_wait_ns,
        .head_ns = mono_since(e->head_done, e->begun),
        .open_ns = open_ns_of(e, now),
        .offload_wait_ns = e->plan.offload_wait_ns,
        .offload_run_ns = e->plan.offload_run_ns,
        .first_byte_ns = mono_since(e->first_byte, e->begun),
        .total_ns = mono_since(now, e->begun),
        .server_ns = server_ns_of(c, now),
        .cold = e->plan.cold || e->phase == EXCHANGE_PLAN,
        .aborted = aborted,
        .cache = cache_word(e->plan.cache),
        .reused = c->reused,
        .worker = all->s.worker_number,
    };
}

struct mono account_end(struct conn *c, const struct http_request *r, bool aborted)
{
    struct conns *all = c->all;
    struct exchange *e = c->exchange;
    struct mono now = mono_now();
    uint64_t total_ns = mono_since(now, e->begun);
    bool slow = is_slow(c, now);

    if (e->first_byte.ns == 0 && e->sendq.sent_bytes > 0)
        e->first_byte = now;
    slot_gauge(all->slot, COUNTER_requests_active,
               slot_value(all->slot, COUNTER_requests_active) - 1);
    e->active = false;
    if (e->phase == EXCHANGE_ANSWER)
        count_response(all->slot, e->plan.status);
    if (aborted && (e->phase >= EXCHANGE_PLAN || e->flight.aborted))
        slot_count(all->slot, COUNTER_aborted, 1);
    else if (aborted)
        slot_count(all->slot, COUNTER_bad_requests, 1);
    else
        slot_hist(all->slot, HIST_REQUEST_TIME, total_ns);
    count_file(c, r, aborted, total_ns, now);
    bool logged = all->s.log && access_log_is_on(all->s.log);
    bool sampled = now.ns >= all->recent_due_ns;

    if (logged || slow || sampled) {
        struct access_record record = record_of(c, r, aborted, now);
        if (logged)
            access_log_add(all->s.log, &record);
        if (slow)
            tell_slow(c, &record);
        if (sampled)
            rings_add_recent(all, &record, now);
    }
    return now;
}

void account_unsent(struct conn *c, const struct http_request *r, int error)
{
    struct span target = r ? r->target : (struct span){0};
    int n = target.n > 512 ? 512 : (int)target.n;

    if (!note_allowed(&c->all->notes, NOTE_SENDING, loop_now(c->all->s.loop)))
        return;
    if (error == 0)
        log_warn("%.*s: the file became shorter while it was sent; the connection is closed", n,
                 target.p);
    else
        log_error("%.*s: sending: %s; the connection is closed", n, target.p, strerror(error));
}
