/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Accounting for requests; see account.h. One clock reading for each. Worker only.
 */
#include "proto/account.h"

#include "base/log.h"
#include "board/board.h"
#include "proto/conn_record.h"

void account_show(struct conn *c, const struct http_request *r)
{
    struct span line = r ? r->line : exchange_first_line(c->exchange);

    slot_request(c->all->slot, line, c->exchange->peer);
    slot_serving(c->all->slot, r ? r->path : (struct span){0});
}

void account_hide(struct conns *all)
{
    slot_request(all->slot, (struct span){0}, (struct span){0});
    slot_serving(all->slot, (struct span){0});
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

static void tell_slow(struct conn *c, const struct access_record *r)
{
    struct conns *all = c->all;
    struct span line = r->http ? r->http->line : r->line;
    int n = line.n > 512 ? 512 : (int)line.n;

    slot_count(all->slot, COUNTER_slow_requests, 1);
    log_info("slow request from %.*s: \"%.*s\" %d: %.1f ms (queue %.1f, head %.1f, open %.1f, "
             "first byte %.1f), %llu bytes, id %s%s",
             (int)r->peer.n, r->peer.p, n, line.p, r->status, ms(r->total_ns), ms(r->queue_ns),
             ms(r->head_ns), ms(r->open_ns), ms(r->first_byte_ns),
             (unsigned long long)r->bytes_sent, r->request_id, r->aborted ? ", aborted" : "");
    if (all->s.board)
        board_event(all->s.board, EVENT_SLOW, all->s.worker_number,
                    "%.0f ms (first byte %.0f, open %.0f): %.*s", ms(r->total_ns),
                    ms(r->first_byte_ns), ms(r->open_ns), n, line.p);
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

struct mono account_end(struct conn *c, const struct http_request *r, bool aborted)
{
    struct conns *all = c->all;
    struct exchange *e = c->exchange;
    struct mono now = mono_now();
    bool answered = e->phase == EXCHANGE_ANSWER;
    uint64_t slow_ns = all->s.conf->log.slow_request_ns;
    struct access_record record = {
        .peer = e->peer,
        .http = r,
        .line = r ? (struct span){0} : exchange_first_line(e),
        .request_id = e->id,
        .status = answered ? e->plan.status : 400, /* its body never came whole */
        .bytes_sent = exchange_content_sent(e),
        .when = loop_wall(all->s.loop),
        .queue_ns = c->queue_wait_ns,
        .head_ns = mono_since(e->head_done, e->begun),
        .open_ns = e->plan.open_ns,
        .first_byte_ns = mono_since(e->first_byte, e->begun),
        .total_ns = mono_since(now, e->begun),
        .aborted = aborted,
        .cache = cache_word(e->plan.cache),
        .reused = c->reused,
        .worker = all->s.worker_number,
    };

    slot_gauge(all->slot, COUNTER_requests_active,
               slot_value(all->slot, COUNTER_requests_active) - 1);
    e->active = false;
    if (answered)
        count_response(all->slot, record.status);
    if (answered && aborted)
        slot_count(all->slot, COUNTER_aborted, 1);
    else if (aborted)
        slot_count(all->slot, COUNTER_bad_requests, 1);
    else
        slot_hist(all->slot, HIST_REQUEST_TIME, record.total_ns);
    if (all->s.log)
        access_log_add(all->s.log, &record);
    if (slow_ns > 0 && record.total_ns >= slow_ns)
        tell_slow(c, &record);
    return now;
}
