/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Requests in flight; see flight.h. A request enters at the back of `young` when it first
 * waits, moves to `waiting` when it is old enough, and from its front to a row. Whoever enters
 * later began later, but for some that began in the same turn, so the fronts are the oldest.
 * Texts of a row are written when it changes hands (and once more when a head that was still
 * coming in is whole), numbers at every tick. Worker only.
 */
#include "proto/flight.h"

#include "base/log.h"
#include "board/slot.h"
#include "proto/conn_record.h"
#include "proto/pace.h"
#include "proto/shown.h"

enum { LOOKED_AT_A_TICK = 4096 };
#define TICK_NS (100 * NS_PER_MS)

#define PUT(field, value) atomic_store_explicit(&(field), (value), memory_order_relaxed)

static struct exchange *exchange_of(struct list *link)
{
    return list_entry(link, struct exchange, flight.link);
}

/* A number that changes when the client takes or gives bytes. */
static uint64_t moved_bytes(const struct exchange *e)
{
    switch (e->phase) {
    case EXCHANGE_HEAD:
        return e->n - e->start;
    case EXCHANGE_BODY:
        return e->chunked.total - e->body_left_bytes;
    case EXCHANGE_PLAN:
        break;
    case EXCHANGE_ANSWER:
        return pace_taken(e->flight.conn);
    }
    return 0;
}

/* What has gone to the kernel is there for the client to take, and it takes nothing of it. */
static bool is_stalled(const struct exchange *e, struct mono now)
{
    const struct flight *f = &e->flight;
    bool offered = f->conn->state == CONN_SEND ||
                   (f->conn->state == CONN_HELD && f->moved < e->sendq.sent_bytes);

    return offered && mono_since(now, f->progress) >= REQUEST_STALLED_NS;
}

static void show_progress(struct board_request *row, struct exchange *e, struct mono now)
{
    struct flight *f = &e->flight;
    uint64_t moved = moved_bytes(e);

    if (moved != f->moved)
        f->progress = now;
    f->moved = moved;
    bool stalled = is_stalled(e, now);
    PUT(row->phase, stalled ? PHASE_STALLED : f->phase);
    PUT(row->phase_since_ns, stalled ? f->progress.ns : f->phase_since.ns);
    PUT(row->progress_ns, f->progress.ns);
}

static void show(struct flights *all, struct exchange *e, struct mono now)
{
    struct flight *f = &e->flight;
    struct board_request *row = &all->board[f->row - 1];
    bool answers = e->phase == EXCHANGE_ANSWER;

    show_progress(row, e, now);
    PUT(row->status, answers ? (uint32_t)e->plan.status : 0);
    PUT(row->cold, e->plan.cold || e->phase == EXCHANGE_PLAN);
    PUT(row->sent_bytes, answers ? exchange_content_sent(e) : 0);
    PUT(row->content_bytes, answers && e->measured ? e->content_bytes : REQUEST_LENGTH_UNKNOWN);
    PUT(row->throttle_bytes_per_s, f->throttle.bytes_per_s);
    if (f->named)
        return;
    board_text_set(&row->request, shown_on_board(f->conn->all->s.conf, exchange_first_line(e)));
    f->named = e->phase != EXCHANGE_HEAD;
}

static void take_row(struct flights *all, struct exchange *e, unsigned i, struct mono now)
{
    struct board_request *row = &all->board[i];

    all->row[i] = e;
    e->flight.row = (uint8_t)(i + 1);
    e->flight.named = false;
    /* serial is 0 since the row was given back: whoever sees any of this sees that too. */
    atomic_thread_fence(memory_order_release);
    PUT(row->began_ns, e->begun.ns);
    board_text_set(&row->peer, e->peer);
    show(all, e, now);
    atomic_store_explicit(&row->serial, e->flight.serial, memory_order_release);
}

/* Those that are old enough now come to stand in line for a row. */
static void grow_old(struct flights *all, struct mono now)
{
    for (int left = LOOKED_AT_A_TICK; left > 0 && !list_empty(&all->young); left--) {
        struct exchange *e = exchange_of(all->young.next);

        if (mono_since(now, e->begun) < REQUEST_SHOWN_NS)
            return;
        list_remove(&e->flight.link);
        list_push_back(&all->waiting, &e->flight.link);
        e->flight.old = true;
        all->old++;
    }
}

/* A throttled response that waits for its time goes on, when there is room for some of it. */
static void go_on(struct exchange *e, struct mono now)
{
    struct flight *f = &e->flight;

    if (f->conn->state == CONN_HELD &&
        (f->throttle.bytes_per_s == 0 || throttle_room(&f->throttle, now) > 0))
        share_queue(f->conn);
}

static void show_all(struct flights *all, struct mono now)
{
    for (unsigned i = 0; i < BOARD_REQUESTS_PER_SLOT; i++) {
        if (all->row[i]) {
            show(all, all->row[i], now);
            go_on(all->row[i], now);
        } else if (!list_empty(&all->waiting)) {
            take_row(all, exchange_of(list_pop_front(&all->waiting)), i, now);
        }
    }
}

static void tick_due(struct loop_timers *kind, struct list *item)
{
    struct conns *all = list_entry(kind, struct conns, flights.ticks);
    struct flights *f = &all->flights;
    struct mono now = loop_now(all->s.loop);

    (void)item;
    loop_disarm(&f->tick);
    grow_old(f, now);
    show_all(f, now);
    PUT(all->slot->requests_in_flight, f->old);
    if (f->old > 0 || !list_empty(&f->young))
        loop_arm(all->s.loop, &f->ticks, &f->tick);
}

void flights_init(struct conns *all)
{
    struct flights *f = &all->flights;

    if (all->s.board)
        f->board =
            &all->s.board->request[(size_t)(all->s.worker_number - 1) * BOARD_REQUESTS_PER_SLOT];
    list_init(&f->young);
    list_init(&f->waiting);
    list_init(&f->tick.link);
    f->ticks = (struct loop_timers){.after_ns = TICK_NS, .due = tick_due};
    loop_add_timers(all->s.loop, &f->ticks);
}

void flights_end(struct conns *all)
{
    loop_disarm(&all->flights.tick);
    list_remove(&all->flights.ticks.link);
}

void flight_wait(struct conn *c, enum board_phase phase)
{
    struct flights *all = &c->all->flights;
    struct flight *f = &c->exchange->flight;

    if (!all->board)
        return;
    if (!f->conn) {
        f->conn = c;
        f->serial = ++all->serial;
        f->phase = PHASE_COUNT;
        f->progress = loop_now(c->all->s.loop);
        list_push_back(&all->young, &f->link);
        if (list_empty(&all->tick.link))
            loop_arm(c->all->s.loop, &all->ticks, &all->tick);
    }
    if (f->phase != phase)
        f->phase_since = loop_now(c->all->s.loop);
    f->phase = (uint8_t)phase;
}

void flight_leave(struct exchange *e)
{
    struct conns *conns = e->flight.conn->all;
    struct flights *all = &conns->flights;
    struct flight *f = &e->flight;

    if (f->row > 0) {
        atomic_store_explicit(&all->board[f->row - 1].serial, 0, memory_order_release);
        all->row[f->row - 1] = NULL;
    } else {
        list_remove(&f->link);
    }
    if (f->old) {
        all->old--;
        PUT(conns->slot->requests_in_flight, all->old);
    }
    *f = (struct flight){0};
}

/* The request with this serial number, if it has a row. */
static struct exchange *find(const struct flights *all, uint64_t serial)
{
    for (unsigned i = 0; i < BOARD_REQUESTS_PER_SLOT; i++)
        if (all->row[i] && all->row[i]->flight.serial == serial)
            return all->row[i];
    return NULL;
}

bool conns_abort(struct conns *all, uint64_t serial)
{
    struct exchange *e = find(&all->flights, serial);

    if (!e)
        return false;
    log_info("request %u-%llu from %.*s: ended by an operator; its connection is reset",
             all->s.worker_number, (unsigned long long)serial, (int)e->peer.n, e->peer.p);
    e->flight.aborted = true;
    if (!e->active) /* else it is counted with the rest of its account */
        slot_count(all->slot, COUNTER_aborted, 1);
    conn_reset(e->flight.conn);
    return true;
}

bool conns_throttle(struct conns *all, uint64_t serial, uint64_t bytes_per_s)
{
    struct exchange *e = find(&all->flights, serial);
    struct mono now = loop_now(all->s.loop);

    if (!e)
        return false;
    throttle_set(&e->flight.throttle, bytes_per_s, now);
    PUT(all->flights.board[e->flight.row - 1].throttle_bytes_per_s, bytes_per_s);
    /* The rate of the client was ours: it is judged from here on, if at all, and by a whole window.
     */
    if (e->flight.conn->state == CONN_SEND) {
        pace_open_sending(e->flight.conn);
        conn_touch(e->flight.conn);
    }
    go_on(e, now);
    log_info("request %u-%llu from %.*s: throttled by an operator to %llu bytes/s (0: no more)",
             all->s.worker_number, (unsigned long long)serial, (int)e->peer.n, e->peer.p,
             (unsigned long long)bytes_per_s);
    return true;
}
