/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The balance of connections over workers; see balance.h. Pure. Worker only.
 */
#include "net/balance.h"

#include "board/slot.h"

enum { SLACK_MIN = 4, SLACK_PART = 8 };

struct balance_worker balance_look(const struct board_slot *slot, struct mono now)
{
    uint64_t turn = atomic_load_explicit(&slot->turn_since_ns, memory_order_relaxed);
    bool running = atomic_load_explicit(&slot->state, memory_order_relaxed) == SLOT_RUNNING;
    bool stopped = atomic_load_explicit(&slot->stopped_since_ns, memory_order_relaxed) != 0;
    bool away = turn != 0 && mono_since(now, (struct mono){turn}) > BALANCE_AWAY_NS;

    return (struct balance_worker){
        .live = running && !stopped && !away,
        .accepting = slot_value(slot, COUNTER_accepting) != 0,
        .connections = slot_value(slot, COUNTER_connections),
    };
}

/*
 * The share of each, with worker[self] always counted. Siblings that do not accept although
 * they hold no more than `idle_above` are left out. *others is how many siblings were counted.
 */
static uint64_t share_of(const struct balance_worker *worker, size_t count, size_t self,
                         uint64_t idle_above, size_t *others)
{
    uint64_t sum = worker[self].connections;

    *others = 0;
    for (size_t i = 0; i < count; i++) {
        const struct balance_worker *w = &worker[i];
        if (i == self || !w->live || (!w->accepting && w->connections <= idle_above))
            continue;
        sum += w->connections;
        ++*others;
    }
    return sum / (*others + 1) + (sum % (*others + 1) != 0);
}

bool balance_stand_back(const struct balance_worker *worker, size_t count, size_t self,
                        bool out_now)
{
    uint64_t mine = worker[self].connections;
    size_t others;

    /* First over all that are live, then without those that something else keeps out. */
    uint64_t share = share_of(worker, count, self, 0, &others);
    share = share_of(worker, count, self, share, &others);
    if (others == 0 || mine <= share)
        return false;
    uint64_t slack = share / SLACK_PART;
    if (slack < SLACK_MIN)
        slack = SLACK_MIN;
    return out_now || mine - share > slack;
}
