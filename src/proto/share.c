/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Shares of a turn; see share.h. The queue is first in, first out, so nobody in it starves: a
 * full round takes as many turns as it needs. What begins in a turn draws on the same budget,
 * but the queue always has half of it. Worker only.
 */
#include "proto/share.h"

#include "proto/conn_record.h"
#include "proto/http1.h"

static uint64_t between(uint64_t least, uint64_t n, uint64_t most)
{
    return n < least ? least : n > most ? most : n;
}

static void note_turn(struct conns *all)
{
    struct share *s = &all->share;
    struct mono now = loop_now(all->s.loop);

    if (s->turn.ns == now.ns)
        return;
    bool alone = mono_since(now, s->short_sent) >= SHARE_ALONE_NS;
    s->turn = now;
    s->sent_bytes = 0;
    s->turn_bytes = alone ? SHARE_ALONE_TURN_BYTES : SHARE_TURN_BYTES;
    s->most_bytes = alone ? SHARE_ALONE_MOST_BYTES : SHARE_MOST_BYTES;
    s->least_bytes = alone ? SHARE_ALONE_LEAST_BYTES : SHARE_LEAST_BYTES;
}

/* Those that are queued now, as far as the budget goes. */
static void run_queue(struct loop_task *task)
{
    struct share *s = list_entry(task, struct share, run);
    struct conns *all = list_entry(s, struct conns, share);
    struct list *item;

    if (s->queued == 0)
        return;
    note_turn(all);
    uint64_t half = s->turn_bytes / 2;
    uint64_t end = s->sent_bytes > half ? s->sent_bytes + half : s->turn_bytes;
    s->each_bytes = (uint32_t)between(s->least_bytes, s->turn_bytes / s->queued, s->most_bytes);
    for (unsigned left = s->queued; left > 0 && s->sent_bytes < end; left--) {
        if ((item = list_pop_front(&s->queue)) == NULL)
            break; /* one took another with it */
        s->queued--;
        http1_resume(list_entry(item, struct conn, sending));
    }
    s->each_bytes = 0;
    if (s->queued > 0)
        loop_again(all->s.loop, &s->run);
}

void share_init(struct conns *all)
{
    all->share = (struct share){.run.run = run_queue};
    list_init(&all->share.queue);
}

void share_end(struct conns *all)
{
    loop_cancel(&all->share.run);
}

/* Whether little is left of the response: of HEAD's and of a 304 there is only the head. */
static bool is_short(const struct exchange *e)
{
    return e->sendq.body == &e->nothing ||
           (e->measured && e->content_bytes - exchange_content_sent(e) <= SHARE_SHORT_BYTES);
}

static void stand_in_line(struct conn *c, bool in_front)
{
    struct share *s = &c->all->share;

    if (!list_empty(&c->sending))
        return;
    if (in_front)
        list_push_front(&s->queue, &c->sending);
    else
        list_push_back(&s->queue, &c->sending);
    s->queued++;
}

void share_queue(struct conn *c)
{
    stand_in_line(c, is_short(c->exchange));
    loop_defer(c->all->s.loop, &c->all->share.run); /* behind what else this batch has put off */
}

void share_next_turn(struct conn *c)
{
    stand_in_line(c, false); /* what follows a short one here would be in front in every turn */
    loop_again(c->all->s.loop, &c->all->share.run);
}

bool share_is_spent(const struct conn *c)
{
    const struct share *s = &c->all->share;

    return s->each_bytes == 0 && s->sent_bytes >= s->turn_bytes && !c->all->finishing &&
           !is_short(c->exchange);
}

void share_leave(struct conn *c)
{
    if (list_empty(&c->sending))
        return;
    list_remove(&c->sending);
    c->all->share.queued--;
}

void share_begin(struct conns *all)
{
    struct share *s = &all->share;
    uint64_t left;

    note_turn(all);
    left = s->sent_bytes < s->turn_bytes ? s->turn_bytes - s->sent_bytes : 0;
    if (all->finishing)
        s->window_bytes = s->most_bytes;
    else if (s->each_bytes > 0)
        s->window_bytes = s->each_bytes;
    else
        s->window_bytes = (uint32_t)between(s->least_bytes, left, s->most_bytes);
}

void share_spend(struct conns *all, uint64_t bytes)
{
    struct share *s = &all->share;

    s->sent_bytes += bytes;
    s->window_bytes -= bytes < s->window_bytes ? (uint32_t)bytes : s->window_bytes;
}
