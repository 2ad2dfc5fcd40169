/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Room for new connections; see room.h. Who is just between two requests, or has only just
 * come, is passed over: its request may be under way, and a close would cross it. When nobody
 * else is there the next answers carry Connection: close instead, which loses nothing. A
 * request that is in the socket already is never lost: it is looked for first. Worker only.
 */
#include "proto/room.h"

#include <errno.h>
#include <sys/socket.h>

#include "board/slot.h"
#include "proto/conn_record.h"

enum {
    LOOKS_MAX = 64, /* at connections of one list in one go: a call each */
    LEAVES = 16,
};

/*
 * How long a connection has been in its list before it is closed for others: an answer's way to a
 * distant client, and its next request's way back, are no idleness.
 */
static const uint64_t least_age_ns[ROOM_COUNT] = {
    [ROOM_SILENT] = 200 * NS_PER_MS,
    [ROOM_KEPT] = 500 * NS_PER_MS,
    [ROOM_ANSWERED] = NS_PER_S,
    [ROOM_SLOW_HEAD] = NS_PER_S,
};

void room_init(struct room *room)
{
    for (int i = 0; i < ROOM_COUNT; i++)
        list_init(&room->open[i]);
}

void room_enter(struct conn *c, enum conn_room list)
{
    list_remove(&c->link);
    list_push_back(&c->all->room.open[list], &c->link);
    if (list != ROOM_NONE)
        c->room_since = loop_now(c->all->s.loop);
}

struct conn *room_any(const struct room *room)
{
    for (int i = 0; i < ROOM_COUNT; i++)
        if (!list_empty(&room->open[i]))
            return list_entry(room->open[i].next, struct conn, link);
    return NULL;
}

bool room_asks_to_leave(struct room *room, unsigned open)
{
    if (room->leaves == 0 || open < room->full_at)
        return false;
    room->leaves--;
    return true;
}

/*
 * Nothing of it is under way, nor waits to be read: a client that has left counts as silent. The
 * one whose request is just being answered keeps its state until it has to wait.
 */
static bool is_spare(const struct conn *c, enum conn_room list)
{
    char first;

    if (list > ROOM_KEPT)
        return !c->exchange || c->exchange->phase == EXCHANGE_HEAD;
    return !c->exchange && recv(c->io.fd, &first, 1, MSG_PEEK | MSG_DONTWAIT) <= 0;
}

unsigned conns_make_room(struct conns *all, unsigned count)
{
    struct mono now = loop_now(all->s.loop);
    unsigned closed = 0;

    for (enum conn_room list = 0; list < ROOM_NONE; list++) {
        unsigned looks = 0;
        struct list *head = &all->room.open[list], *next;
        for (struct list *at = head->next; at != head && closed < count; at = next) {
            struct conn *c = list_entry(at, struct conn, link);
            next = at->next;
            if (mono_since(now, c->room_since) < least_age_ns[list] || looks++ == LOOKS_MAX)
                break;
            if (!is_spare(c, list))
                continue;
            slot_count(all->slot, COUNTER_connections_evicted, 1);
            conn_close(c);
            closed++;
        }
    }
    all->room.leaves = closed < count ? LEAVES : 0;
    all->room.full_at = conns_count(all);
    return closed;
}
