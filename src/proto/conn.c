/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The life of client connections; see conn.h. A state is a row of conn_states.def; its
 * interest and timeout follow from it, in conn_set_state alone. A connection is closed at
 * once but freed at the end of the turn, so that events of the same batch find its record.
 * How a worker's connections end when it retires is in drain.c. Worker only.
 */
#include "proto/conn.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/must.h"
#include "board/board.h"
#include "http/conditional.h"
#include "proto/conn_record.h"
#include "proto/http1.h"
#include "proto/pace.h"

enum {
    CONN_MAGIC = 0x436f6e6e,
    LINGER_WINDOWS = 15,          /* 30 s in all */
    LINGER_QUIET = 3,             /* windows, while more is to come */
    LINGER_FAIR_BYTES = 2 * 1024, /* in a window: 1 KiB/s */
    LINGER_READS_A_TURN = 4,
};

#define NO_GAUGE  COUNTER_COUNT
#define AS_IT_WAS UINT32_MAX

static const struct {
    uint32_t interest;
    enum conn_timer timer;
    enum board_counter gauge;
    enum conn_room room;
} state_row[CONN_STATE_COUNT] = {
#define CONN_STATE(name, word, interest, timer, gauge, room, help)                                 \
    [CONN_##name] = {interest, CONN_TIMER_##timer, gauge, ROOM_##room},
#include "proto/conn_states.def"
#undef CONN_STATE
};

static const char *const state_name[CONN_STATE_COUNT] = {
#define CONN_STATE(name, word, interest, timer, gauge, room, help) [CONN_##name] = word,
#include "proto/conn_states.def"
#undef CONN_STATE
};

static uint64_t timer_ns(const struct conf *conf, enum conn_timer kind)
{
    switch (kind) {
#define CONN_TIMER(name, ns, help)                                                                 \
    case CONN_TIMER_##name:                                                                        \
        return ns;
#include "proto/conn_timers.def"
#undef CONN_TIMER
    case CONN_TIMER_COUNT:
        break;
    }
    never("a timer kind that is none");
}

void conn_touch(struct conn *c)
{
    loop_arm(c->all->s.loop, &c->all->timers[state_row[c->state].timer], &c->timer);
}

static void move_gauge(struct board_slot *slot, enum board_counter from, enum board_counter to)
{
    if (from == to)
        return;
    if (from != NO_GAUGE)
        slot_gauge(slot, from, slot_value(slot, from) - 1);
    if (to != NO_GAUGE)
        slot_gauge(slot, to, slot_value(slot, to) + 1);
}

void conn_set_state(struct conn *c, enum conn_state state)
{
    struct conns *all = c->all;

    must(c->magic == CONN_MAGIC && c->state != CONN_CLOSED);
    /* The time of the first head runs from the connection's start. */
    bool goes_on = c->state == CONN_FRESH && state == CONN_HEAD;
    if (c->exchange)
        exchange_client_turn(c->exchange,
                             state == CONN_BODY || state == CONN_SEND || state == CONN_HELD);
    move_gauge(all->slot, state_row[c->state].gauge, state_row[state].gauge);
    share_leave(c);
    room_enter(c, state_row[state].room);
    c->state = (uint8_t)state;
    if (!goes_on)
        conn_touch(c);
    uint32_t interest = state_row[state].interest;
    if (interest != AS_IT_WAS && !loop_watch(all->s.loop, &c->io, interest)) {
        log_error("client connection: waiting in state %s: %s; it is closed", state_name[state],
                  strerror(errno));
        conn_reset(c);
    }
}

void conn_close(struct conn *c)
{
    struct conns *all = c->all;
    struct sockaddr_storage peer;

    if (c->state == CONN_CLOSED)
        return;
    if (c->exchange)
        http1_drop(c);
    loop_forget(all->s.loop, &c->io); /* closing it takes it out of the epoll set */
    conn_set_state(c, CONN_CLOSED);
    loop_cancel(&c->again);
    close_fd(&c->io.fd);
    list_remove(&c->link);
    list_push_back(&all->dead, &c->link);
    all->count--;
    slot_gauge(all->slot, COUNTER_connections, all->count);
    loop_defer(all->s.loop, &all->reap);
    if (all->s.closed) {
        peer_unpack(&peer, &c->peer);
        all->s.closed(all->s.arg, &peer);
    }
}

void conn_reset(struct conn *c)
{
    struct linger now = {.l_onoff = 1, .l_linger = 0};

    /* A failure leaves an ordinary close, which a client can tell by the missing bytes too. */
    if (c->state != CONN_CLOSED)
        (void)setsockopt(c->io.fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    conn_close(c);
}

void conn_linger(struct conn *c, bool unread)
{
    if (shutdown(c->io.fd, SHUT_WR) != 0) { /* the client is gone already */
        conn_close(c);
        return;
    }
    c->linger.bytes = 0;
    c->linger.windows = c->linger.quiet = 0;
    c->linger.quiet_max = unread ? LINGER_QUIET : 1;
    conn_set_state(c, CONN_LINGER);
}

static void linger_ready(struct conn *c)
{
    char dropped[16 * 1024];

    for (int i = 0; i < LINGER_READS_A_TURN; i++) {
        ssize_t got = recv(c->io.fd, dropped, sizeof dropped, 0);
        if (got < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (got <= 0) {
            conn_close(c);
            return;
        }
        slot_count(c->all->slot, COUNTER_bytes_in, (uint64_t)got);
        if (c->linger.bytes < LINGER_FAIR_BYTES)
            c->linger.bytes += (uint32_t)got;
    }
}

/* A window is over. */
static void linger_due(struct conn *c)
{
    c->linger.windows++;
    c->linger.quiet = c->linger.bytes < LINGER_FAIR_BYTES ? c->linger.quiet + 1 : 0;
    c->linger.bytes = 0;
    if (c->linger.windows >= LINGER_WINDOWS || c->linger.quiet >= c->linger.quiet_max)
        conn_close(c);
    else
        conn_touch(c);
}

/*
 * The client of a waiting request has left, or has said that it sends nothing more: a FIN alone
 * does not tell which, and who has merely finished sending is owed an answer.
 */
static void waiting_ready(struct conn *c, uint32_t events)
{
    char first;

    if (events & (EPOLLERR | EPOLLHUP)) {
        conn_close(c);
        return;
    }
    if (recv(c->io.fd, &first, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno != EAGAIN && errno != EINTR)
        conn_close(c);
}

/* Elsewhere errors and hang-ups show in the call that meets them. */
static void conn_ready(struct loop_io *io, uint32_t events)
{
    struct conn *c = list_entry(io, struct conn, io);

    must(c->magic == CONN_MAGIC);
    switch ((enum conn_state)c->state) {
    case CONN_FRESH:
    case CONN_IDLE:
    case CONN_HEAD:
    case CONN_BODY:
        http1_input(c);
        break;
    case CONN_SEND:
        share_queue(c);
        break;
    case CONN_WAIT:
    case CONN_WAIT_BODY:
    case CONN_HELD:
        waiting_ready(c, events);
        break;
    case CONN_LINGER:
        linger_ready(c);
        break;
    case CONN_NEW:
    case CONN_READY:
    case CONN_TURN:
    case CONN_CLOSED:
    case CONN_STATE_COUNT:
        break;
    }
}

static void run_again(struct loop_task *task)
{
    struct conn *c = list_entry(task, struct conn, again);

    must(c->magic == CONN_MAGIC);
    if (c->state == CONN_READY || (c->state == CONN_WAIT && c->exchange->woken))
        http1_resume(c);
    else if (c->state == CONN_WAIT_BODY && c->exchange->woken)
        share_queue(c);
}

void conn_again(struct conn *c)
{
    conn_set_state(c, CONN_READY);
    if (c->state == CONN_READY)
        loop_again(c->all->s.loop, &c->again);
}

static enum board_phase phase_of_waiting(const struct conn *c, enum conn_state state)
{
    if (state == CONN_HELD || state == CONN_TURN)
        return PHASE_SEND;
    /* The first bytes of a body are got before its head goes out. */
    return state == CONN_WAIT && !c->exchange->plan.beginning ? PHASE_OPEN : PHASE_READ;
}

void conn_wait(struct conn *c, enum conn_state state)
{
    flight_wait(c, phase_of_waiting(c, state));
    conn_set_state(c, state);
    /* It may have come already, while bytes from before it went out. */
    if (c->state == state && c->exchange->woken)
        loop_again(c->all->s.loop, &c->again);
}

void conn_wake(void *arg)
{
    struct conn *c = arg;

    must(c->magic == CONN_MAGIC);
    if (!c->exchange)
        return;
    c->exchange->woken = true;
    if (c->state == CONN_WAIT || c->state == CONN_WAIT_BODY)
        loop_defer(c->all->s.loop, &c->again);
}

/*
 * Nothing was asked, so nothing is answered; but a request that has just come is not lost.
 * That a kept connection ends is ordinary, that one never asks anything counts as a timeout.
 */
static void idle_due(struct conn *c)
{
    char first;

    if (recv(c->io.fd, &first, 1, MSG_PEEK) > 0) {
        http1_input(c);
        return;
    }
    if (c->state == CONN_FRESH)
        slot_count(c->all->slot, COUNTER_timeouts, 1);
    conn_close(c);
}

/*
 * The offload threads judge their jobs and mounts, and tell whoever waits; this is for what they
 * call well: a line that is too long, a disk that is too slow. A client that left without our
 * knowing is found out by the answer.
 */
static void wait_due(struct conn *c)
{
    if (c->exchange->woken) { /* it came just now */
        conn_touch(c);
        return;
    }
    slot_count(c->all->slot, COUNTER_timeouts, 1);
    if (c->state == CONN_WAIT_BODY) {
        conn_note(c, "response cut", "a disk gave no more of it for [offload] wait");
        conn_reset(c);
        return;
    }
    conn_note(c, "request answered 503", "a disk gave no answer for [offload] wait");
    c->exchange->waited_out = true;
    http1_resume(c);
}

static void timer_due(struct loop_timers *kind, struct list *item)
{
    struct conn *c = list_entry(item, struct conn, timer.link);

    (void)kind;
    must(c->magic == CONN_MAGIC);
    loop_disarm(&c->timer);
    switch ((enum conn_state)c->state) {
    case CONN_IDLE:
    case CONN_FRESH:
        idle_due(c);
        break;
    case CONN_HEAD:
    case CONN_BODY:
    case CONN_SEND:
        http1_timeout(c);
        break;
    case CONN_WAIT:
    case CONN_WAIT_BODY:
        wait_due(c);
        break;
    case CONN_LINGER:
        linger_due(c);
        break;
    case CONN_NEW:
    case CONN_READY:
    case CONN_TURN:
    case CONN_HELD:
    case CONN_CLOSED:
    case CONN_STATE_COUNT:
        break;
    }
}

void conn_note(struct conn *c, const char *what, const char *why)
{
    char text[PEER_TEXT_BYTES];
    struct span peer = peer_text(&c->peer, text);

    if (note_allowed(&c->all->notes, NOTE_MISTAKE, loop_now(c->all->s.loop)))
        log_info("client %.*s: %s: %s", (int)peer.n, peer.p, what, why);
}

void conns_tick(struct conns *all)
{
    notes_tick(&all->notes, loop_now(all->s.loop));
}

struct span conns_date(struct conns *all)
{
    uint64_t second = loop_wall(all->s.loop).ns / NS_PER_S;

    if (second != all->date_second || all->date_bytes == 0) {
        char text[HTTP_DATE_BYTES];
        struct out o = out_into(all->date, sizeof all->date);

        http_date_format((int64_t)second, text);
        out_str(&o, "Server: weir\r\nDate: ");
        out_add(&o, text, sizeof text);
        out_str(&o, "\r\n");
        all->date_second = second;
        all->date_bytes = out_len(&o);
    }
    return span_of(all->date, all->date_bytes);
}

static void free_dead(struct conns *all)
{
    struct list *item;

    while ((item = list_pop_front(&all->dead)) != NULL) {
        struct conn *c = list_entry(item, struct conn, link);
        c->magic = 0;
        free(c);
    }
}

static void reap_run(struct loop_task *task)
{
    struct conns *all = list_entry(task, struct conns, reap);

    free_dead(all);
    if (all->retiring && all->count == 0 && !all->told_empty) {
        all->told_empty = true;
        if (all->s.empty)
            all->s.empty(all->s.arg); /* may free all: the last thing done */
    }
}

static struct board_file *top_rows(const struct conns_settings *s)
{
    return &s->board->file[(size_t)(s->worker_number - 1) * BOARD_FILES_PER_SLOT];
}

struct conns *conns_new(const struct conns_settings *s)
{
    struct conns *all = calloc(1, sizeof *all);

    if (!all)
        return NULL;
    if (s->board && !(all->top = top_new(top_rows(s)))) {
        free(all);
        return NULL;
    }
    all->s = *s;
    all->slot = loop_slot(s->loop);
    room_init(&all->room);
    list_init(&all->dead);
    all->reap.run = reap_run;
    exchange_pool_init(&all->pool);
    share_init(all);
    flights_init(all);
    all->recent_due_ns = s->board ? 0 : UINT64_MAX;
    for (int i = 0; i < CONN_TIMER_COUNT; i++) {
        all->timers[i].after_ns = timer_ns(s->conf, (enum conn_timer)i);
        all->timers[i].due = timer_due;
        loop_add_timers(s->loop, &all->timers[i]);
    }
    return all;
}

void conns_free(struct conns **conns)
{
    struct conns *all = *conns;
    struct conn *c;

    if (!all)
        return;
    all->told_empty = true;
    while ((c = room_any(&all->room)) != NULL)
        conn_close(c);
    free_dead(all);
    loop_cancel(&all->reap);
    share_end(all);
    flights_end(all);
    for (int i = 0; i < CONN_TIMER_COUNT; i++)
        list_remove(&all->timers[i].link);
    exchange_pool_free(&all->pool);
    top_free(&all->top);
    buf_free(&all->head);
    free(all);
    *conns = NULL;
}

void conns_accept(struct conns *all, const struct accepted *a)
{
    struct conn *c = calloc(1, sizeof *c);

    if (!c) {
        int fd = a->fd;
        log_error("client connection: out of memory; it is closed");
        close_fd(&fd);
        if (all->s.closed)
            all->s.closed(all->s.arg, &a->peer);
        return;
    }
    c->magic = CONN_MAGIC;
    c->state = CONN_NEW;
    c->all = all;
    c->io.fd = a->fd;
    c->io.ready = conn_ready;
    c->again.run = run_again;
    c->queue_wait_ns = a->queue_wait_ns;
    list_init(&c->again.link);
    list_init(&c->timer.link);
    list_init(&c->sending);
    peer_pack(&c->peer, &a->peer);
    list_init(&c->link);
    room_enter(c, ROOM_NONE);
    slot_gauge(all->slot, COUNTER_connections, ++all->count);
    http1_input(c);
}

unsigned conns_count(const struct conns *all)
{
    return all->count;
}
