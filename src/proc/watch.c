/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Blocked workers: a worker whose loop has been away from epoll_wait for longer than [log]
 * blocked is marked on its slot while it lasts, told in the event ring and in the log.
 * Nothing is killed for it. A worker that is stopped by a signal is not counted here: its
 * slot says stopped already. The test is the worker's own turn_since_ns against the clock,
 * so a master that was itself stopped for a while sees nothing that is not so.
 *
 * Stalls: such times, and jobs that hold an offload thread for longer than a second, are kept
 * in the list of the worst (stalls.h), with what the kernel says of the thread. /proc is asked
 * only about those in the list, and more seldom the longer they last, so that any number of
 * threads stuck in a dead mount cost the master next to nothing.
 *
 * Part of crew.h. Master only.
 */
#include "proc/crew.h"

#include "base/log.h"
#include "board/event_pace.h"
#include "board/slot.h"
#include "proc/last_words.h"
#include "proc/thread_look.h"

#define PUT(field, value) atomic_store_explicit(&(field), (value), memory_order_relaxed)
#define GET(field)        atomic_load_explicit(&(field), memory_order_relaxed)

#define REMIND_FIRST_NS NS_PER_S /* "still blocked", then at doubling distances */
#define TELL_EVERY_NS   NS_PER_S /* of one worker, that it was blocked again */
#define BLOCKS_AT_ONCE  5        /* events of one worker that are told without waiting */
#define LONG_JOB_NS     NS_PER_S /* an offload thread in one job for longer has stalled */

enum { WORDS_BYTES = 1400 };

static struct span path_of(const struct board_text *t, char to[BOARD_TEXT_BYTES + 1])
{
    size_t n = 0;

    board_text_get(t, to, &n);
    return span_of(to, n);
}

/* What the kernel says of a thread; the text lies in words. */
static struct span ask_kernel(pid_t pid, pid_t tid, char words[BOARD_TEXT_BYTES])
{
    struct out o = out_into(words, BOARD_TEXT_BYTES);
    struct thread_look look;

    if (thread_look(&look, pid, tid))
        thread_look_say(&o, &look);
    return span_of(words, out_len(&o));
}

/* ---- loops ---- */

static enum board_wait wait_of(const board_u32 *wait)
{
    uint32_t v = GET(*wait);

    return v < WAIT_COUNT ? (enum board_wait)v : WAIT_POLL;
}

/* Connections that wait while the loop is away: all but the one it works for. */
static unsigned waiting_behind(const struct board_slot *b)
{
    uint64_t all = slot_value(b, COUNTER_connections);

    switch (wait_of(&b->wait)) {
    case WAIT_PARSE:
    case WAIT_RESOLVE:
    case WAIT_OPEN:
    case WAIT_STAT:
    case WAIT_READ:
    case WAIT_READDIR:
    case WAIT_SENDFILE:
    case WAIT_SEND:
    case WAIT_PROBE:
        all -= all > 0;
        break;
    default:
        break;
    }
    return all < UINT32_MAX ? (unsigned)all : UINT32_MAX;
}

/* The loop's stall, seen again; NULL when it is not among the worst. */
static struct stall *see_loop(struct crew *c, unsigned slot, uint64_t began_ns, struct mono now)
{
    struct stall *row = stalls_see(&c->stalls, slot + 1, 0, began_ns, now, wall_now());
    const struct board_slot *b = &c->board->slot[slot];
    char path[BOARD_TEXT_BYTES + 1];

    if (row && row->looks == 0)
        stall_describe(row, wait_of(&b->wait), path_of(&b->serving, path), waiting_behind(b));
    return row;
}

/* "open for 105 ms: waiting for disk (D) in openat; 12 connections wait behind it, GET ..." */
static void say_blocked(struct out *o, struct crew *c, unsigned slot, struct mono now)
{
    const struct board_slot *b = &c->board->slot[slot];
    struct stall *row = see_loop(c, slot, c->member[slot].blocked_turn, now);
    char words[BOARD_TEXT_BYTES];
    struct span kernel = ask_kernel(c->member[slot].pid, c->member[slot].pid, words);

    last_words_call(o, b, now);
    if (kernel.n > 0) {
        out_str(o, ": ");
        out_span(o, kernel);
    }
    out_fmt(o, "; %u connections wait behind it", waiting_behind(b));
    last_words_request(o, b);
    *o->p = '\0';
    if (row)
        stall_looked(row, kernel, now);
}

static void block(struct crew *c, unsigned slot, uint64_t turn, struct mono now)
{
    struct crew_member *m = &c->member[slot];
    struct board_slot *b = &c->board->slot[slot];
    char text[WORDS_BYTES], more[EVENT_PACE_WORDS];
    struct out o = out_into(text, sizeof text - 1);
    uint32_t held;

    m->blocked_turn = turn;
    m->reminders = 0;
    m->remind_ns = now.ns + REMIND_FIRST_NS;
    say_blocked(&o, c, slot, now);
    PUT(b->blocked_since_ns, turn);
    PUT(b->blocked_count, GET(b->blocked_count) + 1);
    m->block_told = event_pace_tell(&m->block_pace, now, BLOCKS_AT_ONCE, &held);
    if (m->block_told)
        board_event(c->board, EVENT_BLOCK, slot + 1, "worker %u: %s%s", slot + 1, text,
                    event_pace_words(held, more));
    if (m->told_ns && now.ns - m->told_ns < TELL_EVERY_NS) {
        m->untold++;
        return;
    }
    log_warn("worker %u (pid %d) is blocked: %s", slot + 1, (int)m->pid, text);
    m->told_ns = now.ns;
}

static void remind(struct crew *c, unsigned slot, struct mono now)
{
    struct crew_member *m = &c->member[slot];
    char text[WORDS_BYTES];
    struct out o = out_into(text, sizeof text - 1);

    if (now.ns < m->remind_ns)
        return;
    say_blocked(&o, c, slot, now);
    m->reminders++;
    m->remind_ns = now.ns + (REMIND_FIRST_NS << (m->reminders < 8 ? m->reminders : 8));
    log_warn("worker %u (pid %d) is still blocked: %s", slot + 1, (int)m->pid, text);
}

static void unblock(struct crew *c, unsigned slot, struct mono now)
{
    struct crew_member *m = &c->member[slot];
    struct board_slot *b = &c->board->slot[slot];
    uint64_t away = now.ns > m->blocked_turn ? now.ns - m->blocked_turn : 0;
    char text[40];
    struct out o = out_into(text, sizeof text - 1);

    last_words_age(&o, away);
    *o.p = '\0';
    PUT(b->blocked_since_ns, 0);
    m->blocked_turn = 0;
    if (m->block_told) /* what began unsaid ends unsaid */
        board_event(c->board, EVENT_UNBLOCK, slot + 1, "worker %u is back after at most %s",
                    slot + 1, text);
    if (m->reminders > 0 || m->untold > 0)
        log_info("worker %u is back after at most %s (%u shorter blocks not told)", slot + 1, text,
                 m->untold);
    m->untold = 0;
}

static void watch_loop(struct crew *c, unsigned slot, uint64_t patience_ns, struct mono now)
{
    struct crew_member *m = &c->member[slot];
    const struct board_slot *b = &c->board->slot[slot];
    uint64_t turn = GET(b->turn_since_ns), stopped = GET(b->stopped_since_ns);
    uint64_t from = turn > m->resumed_ns ? turn : m->resumed_ns;

    if (stopped) {
        if (now.ns > stopped && now.ns - stopped > patience_ns)
            see_loop(c, slot, stopped, now);
        return;
    }
    if (m->blocked_turn && turn != m->blocked_turn)
        unblock(c, slot, now);
    if (m->blocked_turn) {
        see_loop(c, slot, turn, now);
        remind(c, slot, now);
    } else if (turn && now.ns > from && now.ns - from > patience_ns) {
        block(c, slot, turn, now);
    }
}

/* ---- offload threads ---- */

static struct board_thread *thread_row(const struct crew *c, unsigned slot, unsigned i)
{
    return &c->board->thread[(size_t)slot * BOARD_THREADS_PER_SLOT + i];
}

static void watch_thread(struct crew *c, unsigned slot, unsigned i, struct mono now)
{
    const struct board_thread *t = thread_row(c, slot, i);
    uint64_t since = GET(t->since_ns);
    char path[BOARD_TEXT_BYTES + 1];

    /* A probe of a sick mount holds up nobody: what made the mount sick is told. */
    if (since == 0 || GET(t->probe) || now.ns <= since || now.ns - since <= LONG_JOB_NS)
        return;
    enum board_wait wait = wait_of(&t->wait);
    struct span shown = path_of(&t->path, path);
    if (GET(t->since_ns) != since) /* it has gone on to the next job: the text may be of that */
        return;
    struct stall *row = stalls_see(&c->stalls, slot + 1, i + 1, since, now, wall_now());
    if (row && row->looks == 0)
        stall_describe(row, wait, shown, 0);
}

static void watch_threads(struct crew *c, unsigned slot, struct mono now)
{
    const struct board_slot *b = &c->board->slot[slot];

    /* Most workers have no thread most of the time: leave their rows out of the caches. */
    if (slot_value(b, COUNTER_offload_threads) == 0 && slot_value(b, COUNTER_offload_stuck) == 0)
        return;
    for (unsigned i = 0; i < BOARD_THREADS_PER_SLOT; i++)
        if (GET(thread_row(c, slot, i)->used))
            watch_thread(c, slot, i, now);
}

/* ---- what lasts, and what is over ---- */

/* False when the stall is over, at the latest at *end. */
static bool lasts(const struct crew *c, const struct stall *row, struct mono now, struct mono *end)
{
    const struct board_slot *b = &c->board->slot[row->worker - 1];
    uint64_t since;

    *end = now;
    if (row->thread > 0) {
        since = GET(thread_row(c, row->worker - 1, row->thread - 1)->since_ns);
    } else {
        since = GET(b->turn_since_ns);
        if (since == row->began_ns || GET(b->stopped_since_ns) == row->began_ns)
            return true;
        if (since == 0)
            since = GET(b->heartbeat_ns); /* a turn began since then, so the long one ended */
    }
    /* What was begun next was begun after its end. */
    if (since > row->began_ns && since < now.ns)
        *end = (struct mono){since};
    return since == row->began_ns && row->thread > 0;
}

static pid_t thread_id(const struct crew *c, const struct stall *row)
{
    if (row->thread == 0)
        return c->member[row->worker - 1].pid;
    return (pid_t)GET(thread_row(c, row->worker - 1, row->thread - 1)->tid);
}

static void follow(struct crew *c, struct stall *row, struct mono now)
{
    char words[BOARD_TEXT_BYTES];
    struct mono end;

    if (row->id == 0 || row->over)
        return;
    if (!lasts(c, row, now, &end)) {
        stall_end(row, end);
        return;
    }
    if (!stall_wants_look(row, now))
        return;
    struct span kernel = ask_kernel(c->member[row->worker - 1].pid, thread_id(c, row), words);
    if (lasts(c, row, now, &end)) /* else what was said may be of something later */
        stall_looked(row, kernel, now);
}

void crew_watch(struct crew *c, struct mono now)
{
    uint64_t patience_ns = GET(c->board->header->blocked_after_ns);

    for (unsigned i = 0; i < c->table->capacity; i++) {
        if (!c->member[i].pid)
            continue;
        if (patience_ns && !c->member[i].hung_up) /* else its loop has ended */
            watch_loop(c, i, patience_ns, now);
        watch_threads(c, i, now);
    }
    for (unsigned i = 0; i < BOARD_STALLS_KEPT; i++)
        follow(c, &c->stalls.row[i], now);
    stalls_age(&c->stalls, now);
    stalls_publish(&c->stalls, c->board->stall);
}
