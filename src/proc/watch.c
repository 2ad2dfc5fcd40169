/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Blocked workers: a worker whose loop has been away from epoll_wait for longer than [log]
 * blocked is marked on its slot while it lasts, told in the event ring and in the log.
 * Nothing is killed for it. A worker that is stopped by a signal is not counted here: its
 * slot says stopped already. The test is the worker's own turn_since_ns against the clock,
 * so a master that was itself stopped for a while sees nothing that is not so.
 *
 * Part of crew.h. Master only.
 */
#include "proc/crew.h"

#include "base/log.h"
#include "proc/last_words.h"

#define PUT(field, value) atomic_store_explicit(&(field), (value), memory_order_relaxed)
#define GET(field)        atomic_load_explicit(&(field), memory_order_relaxed)

#define REMIND_FIRST_NS NS_PER_S /* "still blocked", then at doubling distances */
#define TELL_EVERY_NS   NS_PER_S /* of one worker, that it was blocked again */

static void block(struct crew *c, unsigned slot, uint64_t turn, struct mono now)
{
    struct crew_member *m = &c->member[slot];
    struct board_slot *b = &c->board->slot[slot];
    char text[1400];
    struct out o = out_into(text, sizeof text - 1);

    last_words_doing(&o, b, now);
    *o.p = '\0';
    m->blocked_turn = turn;
    m->reminders = 0;
    m->remind_ns = now.ns + REMIND_FIRST_NS;
    PUT(b->blocked_since_ns, turn);
    PUT(b->blocked_count, GET(b->blocked_count) + 1);
    board_event(c->board, EVENT_BLOCK, slot + 1, "worker %u: %s", slot + 1, text);
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
    char text[1400];
    struct out o = out_into(text, sizeof text - 1);

    if (now.ns < m->remind_ns)
        return;
    last_words_doing(&o, &c->board->slot[slot], now);
    *o.p = '\0';
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
    board_event(c->board, EVENT_UNBLOCK, slot + 1, "worker %u is back after at most %s", slot + 1,
                text);
    if (m->reminders > 0 || m->untold > 0)
        log_info("worker %u is back after at most %s (%u shorter blocks not told)", slot + 1, text,
                 m->untold);
    m->untold = 0;
}

static void watch_one(struct crew *c, unsigned slot, uint64_t patience_ns, struct mono now)
{
    struct crew_member *m = &c->member[slot];
    const struct board_slot *b = &c->board->slot[slot];
    uint64_t turn = GET(b->turn_since_ns);
    uint64_t from = turn > m->resumed_ns ? turn : m->resumed_ns;

    if (GET(b->stopped_since_ns))
        return;
    if (m->blocked_turn && turn != m->blocked_turn)
        unblock(c, slot, now);
    if (m->blocked_turn)
        remind(c, slot, now);
    else if (turn && now.ns > from && now.ns - from > patience_ns)
        block(c, slot, turn, now);
}

void crew_watch(struct crew *c, struct mono now)
{
    uint64_t patience_ns = GET(c->board->header->blocked_after_ns);

    for (unsigned i = 0; patience_ns && i < c->table->capacity; i++)
        if (c->member[i].pid)
            watch_one(c, i, patience_ns, now);
}
