/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The balance of connections over workers; see balance.h. Pure. Worker only.
 */
#include "net/balance.h"

#include "board/slot.h"

enum { SLACK_MIN = 4, SLACK_PART = 8 };

struct balance_worker balance_look(const struct board_slot *slot, struct mono now)
{
    /* Most slots are empty: the worker's half of theirs, on other pages, is left alone. */
    if (atomic_load_explicit(&slot->state, memory_order_relaxed) != SLOT_RUNNING)
        return (struct balance_worker){0};
    uint64_t turn = atomic_load_explicit(&slot->turn_since_ns, memory_order_relaxed);
    uint64_t beat = atomic_load_explicit(&slot->heartbeat_ns, memory_order_relaxed);
    bool stopped = atomic_load_explicit(&slot->stopped_since_ns, memory_order_relaxed) != 0;
    bool away = turn != 0 && mono_since(now, (struct mono){turn}) > BALANCE_AWAY_NS;
    bool silent = beat != 0 && mono_since(now, (struct mono){beat}) > BALANCE_SILENT_NS;

    return (struct balance_worker){
        .live = !stopped && !away && !silent,
        .accepting = slot_value(slot, COUNTER_accepting) != 0,
        .connections = slot_value(slot, COUNTER_connections),
    };
}

struct share {
    uint64_t connections; /* of each, rounded up */
    bool taken_over;      /* one with fewer connections is in the accept set */
};

/*
 * The share of each, with worker[self] always counted. Siblings that do not accept although
 * they hold no more than `idle_up_to` are left out.
 */
static struct share share_of(const struct balance_worker *worker, size_t count, size_t self,
                             uint64_t idle_up_to)
{
    uint64_t sum = worker[self].connections;
    uint64_t counted = 1;
    struct share share = {0};

    for (size_t i = 0; i < count; i++) {
        const struct balance_worker *w = &worker[i];
        if (i == self || !w->live || (!w->accepting && w->connections <= idle_up_to))
            continue;
        sum += w->connections;
        counted++;
        share.taken_over |= w->accepting && w->connections < worker[self].connections;
    }
    share.connections = sum / counted + (sum % counted != 0);
    return share;
}

bool balance_stand_back(const struct balance_worker *worker, size_t count, size_t self,
                        bool out_now)
{
    uint64_t mine = worker[self].connections;

    /* First over all that are live, then without those that something else keeps out. */
    struct share share = share_of(worker, count, self, 0);
    share = share_of(worker, count, self, share.connections);
    if (!share.taken_over || mine <= share.connections)
        return false;
    uint64_t slack = share.connections / SLACK_PART;
    if (slack < SLACK_MIN)
        slack = SLACK_MIN;
    return out_now || mine - share.connections > slack;
}
