/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * HTTP/1.1; see http1.h. One request at a time: receive its head, receive and drop its body,
 * plan its response, send it, go on with what is already in the buffer (pipelining). A cached
 * small file takes one recv and one send. Planning and sending can each have to wait for
 * an offload thread; nothing is read from the client meanwhile.
 *
 * A request body has no use here yet. It is read before the response is sent, so that a
 * client which writes all of its request before it reads cannot wait for us while we wait for
 * it. One that waits for 100 (Continue), or that belongs to a method which is refused anyway, is
 * answered at once with the final status, for its body is not wanted; then, as with every error
 * in a request, the connection ends after the response, reading on for a while so that the
 * response is not lost to a reset.
 *
 * What is counted and logged is in account.c. Worker only.
 */
#include "proto/http1.h"

#include <errno.h>
#include <sys/socket.h>

#include "base/log.h"
#include "proto/account.h"
#include "proto/conn_record.h"
#include "proto/pace.h"

enum {
    REQUESTS_A_TURN = 16, /* pipelined ones of one connection, before others have their turn */
    HEAD_ROOM_BYTES = 512,
    BODY_ROOM_BYTES = 16 * 1024,
    TLS_HANDSHAKE = 0x16, /* first byte of a TLS record that opens a connection */
};

enum step {
    STEP_ON,       /* go on with the exchange's phase */
    STEP_ANSWERED, /* go on with the next request */
    STEP_STOP      /* waits, or is closed */
};

static size_t head_limit(const struct conns *all)
{
    return all->s.conf->limits.header_size_bytes;
}

/* More than the parser lets pass, so that it is the parser who refuses. */
static size_t buffer_limit(const struct conns *all)
{
    size_t n = head_limit(all) + HEAD_ROOM_BYTES;

    return n > EXCHANGE_BUFFER_BYTES ? n : EXCHANGE_BUFFER_BYTES;
}

static bool take_exchange(struct conn *c)
{
    struct exchange *e = exchange_take(&c->all->pool);

    if (!e)
        return false;
    c->exchange = e;
    e->peer = peer_text(&c->peer, e->peer_memory);
    return true;
}

static void give_exchange(struct conn *c)
{
    if (c->all->parsed == c->exchange)
        c->all->parsed = NULL;
    exchange_give(&c->all->pool, &c->exchange);
}

/* The request's head, parsed; NULL when it could not be. */
static const struct http_request *request_of(struct conn *c)
{
    struct conns *all = c->all;

    if (!c->exchange->parsed)
        return NULL;
    if (all->parsed != c->exchange) {
        exchange_parse_again(c->exchange, head_limit(all), &all->request);
        all->parsed = c->exchange;
    }
    return &all->request;
}

/* A head is complete, or is known to be none: from now on an answer is due. */
static void begin_request(struct conn *c)
{
    struct exchange *e = c->exchange;

    if (e->active)
        return;
    const struct http_request *r = request_of(c);
    e->active = true;
    e->head_done = loop_now(c->all->s.loop);
    slot_count(c->all->slot, COUNTER_requests_active, 1);
    account_show(c, r);
}

static enum response_framing choose_framing(const struct exchange *e, const struct http_request *r)
{
    if (e->plan.no_content)
        return RESPONSE_EMPTY;
    if (e->plan.length_known)
        return RESPONSE_LENGTH;
    return r && r->version_minor > 0 ? RESPONSE_CHUNKED : RESPONSE_CLOSE;
}

static struct source *choose_body(struct exchange *e, enum response_framing framing)
{
    if (e->head_only || framing == RESPONSE_EMPTY)
        return &e->nothing;
    if (framing != RESPONSE_CHUNKED)
        return &e->plan.body;
    chunk_coder_init(&e->coder, &e->plan.body);
    return &e->coder.source;
}

/* The plan is made: puts head and body into the send queue. */
static enum step begin_answer(struct conn *c)
{
    struct conns *all = c->all;
    struct exchange *e = c->exchange;
    const struct http_request *r = request_of(c);
    enum response_framing framing = choose_framing(e, r);
    struct response_head head = {.plan = &e->plan, .date = conns_date(all), .framing = framing};

    e->head_only = exchange_is_head(e, r);
    e->client_closes = r && !r->keep_alive;
    e->close = !r || e->client_closes || all->retiring || e->plan.close || e->body_unread ||
               framing == RESPONSE_CLOSE || room_asks_to_leave(&all->room, conns_count(all));
    if (e->close)
        head.connection = CONNECTION_CLOSE;
    else if (r->version_minor == 0)
        head.connection = CONNECTION_KEEP_ALIVE;
    if (e->plan.status >= 400)
        head.request_id = exchange_id(&all->pool, e, r);
    struct span placed = response_head_place(&all->head, &head, all->date_second);
    if (!placed.p) {
        log_error("client %.*s: out of memory for a response head; the connection is closed",
                  (int)e->peer.n, e->peer.p);
        conn_reset(c);
        return STEP_STOP;
    }
    struct source *body = choose_body(e, framing);
    body->wake = conn_wake;
    body->wake_arg = c;
    e->head_bytes = placed.n;
    e->measured = framing == RESPONSE_LENGTH && !e->head_only;
    e->content_bytes = e->plan.length;
    sendq_start(&e->sendq, placed, body);
    e->phase = EXCHANGE_ANSWER;
    return STEP_ON;
}

static struct serve_request serve_request_of(struct conn *c)
{
    return (struct serve_request){.http = request_of(c),
                                  .now = loop_now(c->all->s.loop),
                                  .now_wall = loop_wall(c->all->s.loop)};
}

/* Answers with an error found here; the connection ends with it. */
static enum step refuse(struct conn *c, int status, const char *why)
{
    struct exchange *e = c->exchange;

    if (status != 408)
        slot_count(c->all->slot, COUNTER_bad_requests, 1);
    conn_note(c, status == 408 ? "request timed out" : "request refused", why);
    e->body_unread = true;
    begin_request(c);
    struct serve_request request = serve_request_of(c);
    serve_error(c->all->s.serve, request.http ? &request : NULL, status, &e->plan);
    return begin_answer(c);
}

/* Makes the plan, or goes on making it: the same request is asked until it is done. */
static enum step step_plan(struct conn *c)
{
    struct exchange *e = c->exchange;
    struct serve_request request = serve_request_of(c);

    e->plan.wake = conn_wake;
    e->plan.wake_arg = c;
    if (e->wait_since.ns != 0)
        e->waited_ns += mono_since(mono_now(), e->wait_since);
    e->wait_since.ns = 0;
    if ((e->waited_out ? serve_give_up : serve_start)(c->all->s.serve, &request, &e->plan) ==
        SERVE_DONE)
        return begin_answer(c);
    e->wait_since = mono_now();
    conn_wait(c, CONN_WAIT);
    return STEP_STOP;
}

static enum step answer(struct conn *c)
{
    c->exchange->phase = EXCHANGE_PLAN;
    return STEP_ON;
}

static enum step wait_head(struct conn *c)
{
    /* Once for each request: the timeout is for the whole of its head. */
    if (!c->exchange->waits) {
        flight_wait(c, PHASE_HEAD);
        conn_set_state(c, CONN_HEAD);
    }
    if (c->exchange)
        c->exchange->waits = true;
    return STEP_STOP;
}

static enum step begin_body(struct conn *c, const struct http_request *r)
{
    struct exchange *e = c->exchange;

    e->framing = r->framing;
    e->expects = r->expect_continue;
    e->body_left_bytes = r->framing == HTTP_BODY_LENGTH ? r->content_length : 0;
    e->chunked = (struct http_chunked){0};
    e->phase = EXCHANGE_BODY;
    if (e->body_left_bytes > c->all->s.conf->limits.body_size_bytes)
        return refuse(c, 413, "its body is larger than [limits] body_size");
    return STEP_ON;
}

static enum step step_head(struct conn *c)
{
    struct conns *all = c->all;
    struct exchange *e = c->exchange;
    struct span in = exchange_input(e);
    const struct http_parse_limits limits = {.head_bytes = head_limit(all)};

    if (in.p[0] == TLS_HANDSHAKE)
        return refuse(c, 400, "this looks like TLS, spoken to a port that is not");
    all->parsed = NULL;
    switch (http_parse_head(&e->parser, &limits, in.p, in.n, &all->request)) {
    case HTTP_PARSE_MORE:
        if (in.n >= buffer_limit(all))
            return refuse(c, 431, "its head is larger than [limits] header_size");
        return wait_head(c);
    case HTTP_PARSE_BAD:
        return refuse(c, e->parser.status, e->parser.why ? e->parser.why : "malformed");
    case HTTP_PARSE_DONE:
        break;
    }
    e->head_end = e->next = e->start + e->parser.consumed;
    e->parsed = true;
    all->parsed = e;
    begin_request(c);
    return begin_body(c, &all->request);
}

static enum step step_body(struct conn *c)
{
    struct exchange *e = c->exchange;

    switch (exchange_take_body(e, c->all->s.conf->limits.body_size_bytes)) {
    case EXCHANGE_BODY_DONE:
        pace_stop(c);
        return answer(c);
    case EXCHANGE_BODY_BAD:
        return refuse(c, 400, e->chunked.why ? e->chunked.why : "malformed chunked body");
    case EXCHANGE_BODY_LARGE:
        return refuse(c, 413, "its body is larger than [limits] body_size");
    case EXCHANGE_BODY_MORE:
        break;
    }
    if (e->expects || exchange_needs_no_body(e, request_of(c))) {
        e->body_unread = true;
        pace_stop(c);
        return answer(c);
    }
    if (c->state != CONN_BODY) {
        pace_open_receiving(c);
        flight_wait(c, PHASE_BODY);
        conn_set_state(c, CONN_BODY);
    }
    return STEP_STOP;
}

static enum step end_answer(struct conn *c)
{
    struct exchange *e = c->exchange;
    uint64_t sent = exchange_content_sent(e);

    if (e->measured && sent != e->content_bytes) {
        log_error("client %.*s: a response of %llu bytes came to %llu; the connection is closed",
                  (int)e->peer.n, e->peer.p, (unsigned long long)e->content_bytes,
                  (unsigned long long)sent);
        conn_reset(c);
        return STEP_STOP;
    }
    pace_stop(c);
    if (sent <= SHARE_SHORT_BYTES)
        share_note_short(&c->all->share, loop_now(c->all->s.loop));
    struct mono now = account_end(c, request_of(c), false);
    if (e->flight.conn)
        flight_leave(e);
    c->reused = true;
    c->queue_wait_ns = 0;
    if (e->close) {
        /* A client that said it would close sends nothing more; others may be just sending. */
        bool unread = e->body_unread;
        bool linger = unread || e->next < e->n || !e->client_closes;
        give_exchange(c);
        if (linger)
            conn_linger(c, unread);
        else
            conn_close(c);
        return STEP_STOP;
    }
    exchange_next(e);
    c->all->parsed = NULL;
    if (e->n == 0) {
        give_exchange(c);
        conn_set_state(c, CONN_IDLE);
        return STEP_STOP;
    }
    e->began = true;
    e->begun = now;
    /* The next one enters its own wait, though it be of the same kind, with its own time. */
    if (c->state == CONN_SEND || c->state == CONN_BODY)
        conn_set_state(c, CONN_TURN);
    return STEP_ANSWERED;
}

/* A wait that may be long begins. */
static void trim(struct conn *c)
{
    c->all->parsed = NULL; /* its bytes may move */
    exchange_trim(c->exchange);
}

/* The response is not all with the kernel: waits until the socket takes more. */
static enum step wait_send(struct conn *c, uint64_t progress_bytes)
{
    struct exchange *e = c->exchange;

    if (!exchange_keep_head(e)) {
        conn_reset(c);
        return STEP_STOP;
    }
    sendq_rest(&e->sendq);
    bool enters = c->state != CONN_SEND;
    if (enters)
        trim(c);
    bool judged = c->all->s.conf->limits.minimum_rate_bytes > 0;

    /* A window for the rate runs to its end whatever is written in it; without a rate to keep
     * any progress starts the timeout anew. */
    if (enters || (progress_bytes > 0 && !judged))
        pace_open_sending(c);
    if (enters) {
        flight_wait(c, PHASE_SEND);
        conn_set_state(c, CONN_SEND);
    } else if (progress_bytes > 0 && !judged) {
        conn_touch(c);
    }
    return STEP_STOP;
}

/* It is the body that is late, or an operator's throttle, not the client: no timeout runs, and no
 * rate is judged. */
static enum step wait_in(struct conn *c, enum conn_state state)
{
    pace_stop(c);
    if (state == CONN_HELD)
        sendq_rest(&c->exchange->sendq);
    if (exchange_keep_head(c->exchange))
        conn_wait(c, state);
    else
        conn_reset(c);
    return STEP_STOP;
}

/* The socket takes more, but others have their turn first. No time of this is the client's. */
static enum step wait_turn(struct conn *c)
{
    wait_in(c, CONN_TURN);
    if (c->state == CONN_TURN)
        share_next_turn(c);
    return STEP_STOP;
}

static enum step send_failed(struct conn *c, enum sendq_result result, int error)
{
    if (result == SENDQ_GONE) {
        conn_close(c);
        return STEP_STOP;
    }
    account_unsent(c, request_of(c), result == SENDQ_SHRUNK ? 0 : error);
    conn_reset(c);
    return STEP_STOP;
}

static enum step step_answer(struct conn *c)
{
    struct exchange *e = c->exchange;
    uint64_t before = e->sendq.sent_bytes;
    size_t window = c->all->share.window_bytes;

    if (share_is_spent(c))
        return wait_turn(c);
    if (e->flight.throttle.bytes_per_s > 0 && !pace_window(c, &window))
        return wait_in(c, CONN_HELD);
    enum sendq_result result = sendq_send(&e->sendq, c->io.fd, window, exchange_another_follows(e),
                                          c->all->slot, loop_now(c->all->s.loop));
    int error = errno;
    uint64_t progress_bytes = e->sendq.sent_bytes - before;

    share_spend(c->all, progress_bytes);
    if (e->flight.throttle.bytes_per_s > 0)
        throttle_spend(&e->flight.throttle, progress_bytes);
    /* A response that is over now is so at the time of its end, which account_end asks for. */
    if (result != SENDQ_DONE && e->first_byte.ns == 0 && e->sendq.sent_bytes > 0)
        e->first_byte = mono_now();
    switch (result) {
    case SENDQ_DONE:
        return end_answer(c);
    case SENDQ_AGAIN:
        return wait_send(c, progress_bytes);
    case SENDQ_YIELD:
        return wait_turn(c);
    case SENDQ_WAIT:
        return wait_in(c, CONN_WAIT_BODY);
    case SENDQ_GONE:
    case SENDQ_SHRUNK:
    case SENDQ_BROKEN:
        break;
    }
    return send_failed(c, result, error);
}

/* As far as it goes without waiting, and without keeping others waiting. */
static void advance(struct conn *c)
{
    struct board_slot *slot = c->all->slot;
    int left = REQUESTS_A_TURN;
    enum step step = STEP_ON;

    slot_wait(slot, WAIT_PARSE, loop_now(c->all->s.loop));
    share_begin(c->all);
    while (step != STEP_STOP && left > 0) {
        switch (c->exchange->phase) {
        case EXCHANGE_HEAD:
            step = step_head(c);
            break;
        case EXCHANGE_BODY:
            step = step_body(c);
            break;
        case EXCHANGE_PLAN:
            step = step_plan(c);
            break;
        case EXCHANGE_ANSWER:
            step = step_answer(c);
            break;
        }
        if (step == STEP_ANSWERED)
            left--;
    }
    /* The response before may have gone as if another followed at once. When this one waits for its
     * body, for a disk, or for its turn, that one shall not wait with it. */
    if (step != STEP_STOP)
        conn_again(c);
    else if (c->exchange && c->exchange->sendq.sent_bytes == 0)
        sendq_push(&c->exchange->sendq, c->io.fd);
    /* A response that waits for its client stays shown: last words shall name it. */
    if (!c->exchange || c->exchange->phase != EXCHANGE_ANSWER)
        account_hide(c->all);
}

static void no_input(struct conn *c, ssize_t got, int error)
{
    if (got == 0 || (error != EAGAIN && error != EINTR)) {
        conn_close(c);
        return;
    }
    if (c->exchange->n == 0)
        give_exchange(c);
    if (c->state == CONN_NEW)
        conn_set_state(c, CONN_FRESH);
}

/* Bytes of a request body came: false when too few for too long, and the answer is under way. */
static bool body_in_time(struct conn *c, size_t got)
{
    bool too_slow = pace_receiving_too_slow(c, got);

    c->exchange->body_bytes += got;
    if (!too_slow && !pace_body_is_late(c)) {
        conn_touch(c);
        return true;
    }
    slot_count(c->all->slot, COUNTER_timeouts, 1);
    const char *why = too_slow ? "its body comes slower than [limits] minimum_rate"
                               : "its body took longer than [limits] body_timeout allows";
    if (refuse(c, 408, why) == STEP_ON)
        advance(c);
    return false;
}

void http1_input(struct conn *c)
{
    struct conns *all = c->all;

    if (!c->exchange && !take_exchange(c)) {
        log_error("client connection: out of memory for a request; it is closed");
        conn_close(c);
        return;
    }
    struct exchange *e = c->exchange;
    bool body = e->phase == EXCHANGE_BODY;
    all->parsed = NULL; /* making room may move its bytes */
    size_t room = exchange_room(e, body ? BODY_ROOM_BYTES : HEAD_ROOM_BYTES,
                                buffer_limit(all) + (body ? BODY_ROOM_BYTES : 0));
    if (room == 0) {
        log_error("client connection: out of memory for a request; it is closed");
        conn_close(c);
        return;
    }
    ssize_t got = recv(c->io.fd, e->buffer + e->n, room, 0);
    if (got <= 0) {
        no_input(c, got, errno);
        return;
    }
    slot_count(all->slot, COUNTER_bytes_in, (uint64_t)got);
    e->n += (size_t)got;
    if (!e->began) {
        e->began = true;
        e->begun = loop_now(all->s.loop);
    }
    if (!body || body_in_time(c, (size_t)got))
        advance(c);
}

void http1_resume(struct conn *c)
{
    if (c->exchange->phase >= EXCHANGE_PLAN && !account_show_file(c))
        account_show(c, request_of(c));
    if (c->state == CONN_WAIT || c->state == CONN_WAIT_BODY)
        c->exchange->woken = false; /* from here on it is asked for anew */
    advance(c);
}

/* The socket took nothing for a while: the client's doing only if it took nothing either. */
static void send_timeout(struct conn *c)
{
    enum pace_verdict pace = pace_of_sending(c);

    if (pace == PACE_GOOD)
        pace_open_sending(c);
    if (pace == PACE_GOOD || pace == PACE_UNKNOWN) {
        conn_touch(c);
        return;
    }
    slot_count(c->all->slot, COUNTER_timeouts, 1);
    conn_note(c, "response cut",
              pace == PACE_TOO_SLOW ? "the client reads slower than [limits] minimum_rate"
                                    : "the client read nothing for [limits] send_timeout");
    conn_reset(c);
}

void http1_timeout(struct conn *c)
{
    struct exchange *e = c->exchange;

    if (e->phase == EXCHANGE_HEAD && exchange_is_blank(e)) {
        conn_close(c);
        return;
    }
    if (e->phase == EXCHANGE_ANSWER) {
        send_timeout(c);
        return;
    }
    slot_count(c->all->slot, COUNTER_timeouts, 1);
    const char *why = e->phase == EXCHANGE_HEAD ? "its head did not come within header_timeout"
                                                : "nothing of its body came within body_timeout";
    if (refuse(c, 408, why) == STEP_ON)
        advance(c);
}

void http1_drop(struct conn *c)
{
    if (c->exchange->active)
        account_end(c, request_of(c), true);
    if (c->exchange->flight.conn)
        flight_leave(c->exchange);
    account_hide(c->all);
    give_exchange(c);
}
