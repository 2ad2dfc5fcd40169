/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The worker table; see worker_table.h. Every input changes the slots it is about and then
 * calls reconcile, the one place that compares what is with what is wanted: it starts workers
 * in empty slots, picks the worker that leaves, and puts a generation in force. No system
 * calls, no clock, no allocation after worker_table_init. Master only.
 */
#include "proc/worker_table.h"

#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "proc/worker_table_parts.h"

bool worker_table_init(struct worker_table *t, unsigned capacity)
{
    memset(t, 0, sizeof *t);
    t->slot = calloc(capacity, sizeof *t->slot);
    if (!t->slot)
        return false;
    t->capacity = capacity;
    return true;
}

void worker_table_free(struct worker_table *t)
{
    free(t->slot);
    memset(t, 0, sizeof *t);
}

void worker_table_set_drain(struct worker_table *t, uint64_t drain_ns)
{
    t->drain_ns = drain_ns;
}

/* ---- one slot ---- */

static void unpair(struct worker_table *t, struct table_slot *s)
{
    if (s->replaces)
        t->slot[s->replaces - 1].replaced_by = 0;
    if (s->replaced_by)
        t->slot[s->replaced_by - 1].replaces = 0;
    s->replaces = s->replaced_by = 0;
}

static void set_state(struct table_slot *s, enum board_state state, enum worker_order order,
                      struct mono now, uint64_t patience_ns)
{
    s->state = state;
    s->order = order;
    s->since_ns = now.ns;
    s->until_ns = patience_ns ? now.ns + patience_ns : 0;
}

static void make_empty(struct worker_table *t, struct table_slot *s, struct mono now)
{
    unpair(t, s);
    set_state(s, SLOT_EMPTY, ORDER_NONE, now, 0);
    s->failures = 0;
    s->connections = 0;
}

static void make_dead(struct worker_table *t, struct table_slot *s, struct mono now)
{
    make_empty(t, s, now);
    s->state = SLOT_DEAD;
}

static void start(struct table_slot *s, unsigned generation, struct mono now)
{
    set_state(s, SLOT_STARTING, ORDER_SPAWN, now, TABLE_STARTING_NS);
    s->generation = generation;
    s->connections = 0;
    s->hung_up = s->killed = s->late = false;
}

/* What is killed already, or ends by itself, keeps its deadline. */
static void leave(struct table_slot *s, enum board_state state, enum worker_order order,
                  struct mono now, uint64_t patience_ns)
{
    if (s->killed || s->hung_up) {
        s->state = state;
        s->since_ns = now.ns;
    } else {
        set_state(s, state, order, now, patience_ns);
    }
}

static void kill_process(struct table_slot *s, struct mono now)
{
    s->order = ORDER_KILL;
    s->killed = true;
    s->until_ns = now.ns + (s->hung_up ? TABLE_KILLED_ENDED_NS : TABLE_KILLED_NS);
}

static void retire(struct worker_table *t, struct table_slot *s, struct mono now)
{
    if (!has_process(s)) {
        make_empty(t, s, now);
        return;
    }
    unpair(t, s);
    s->patient = !t->stopping;
    leave(s, SLOT_RETIRING, ORDER_RETIRE, now, t->drain_ns + TABLE_GRACE_NS);
}

static void quit(struct worker_table *t, struct table_slot *s, struct mono now)
{
    if (!has_process(s)) {
        make_empty(t, s, now);
        return;
    }
    unpair(t, s);
    leave(s, SLOT_STOPPING, ORDER_QUIT, now, TABLE_GRACE_NS);
}

/* ---- the whole ---- */

/* An empty slot; without one, that of the process that has been dead for the longest time. */
static struct table_slot *find_empty(struct worker_table *t)
{
    struct table_slot *dead = NULL;

    for (unsigned i = 0; i < t->capacity; i++) {
        struct table_slot *s = &t->slot[i];
        if (s->state == SLOT_EMPTY)
            return s;
        if (s->state == SLOT_DEAD && (!dead || s->since_ns < dead->since_ns))
            dead = s;
    }
    return dead;
}

/* How gladly a worker is given up: one that does not serve yet before one that does. */
static int reluctance(const struct table_slot *s)
{
    switch (s->state) {
    case SLOT_BACKOFF:
        return 0;
    case SLOT_STARTING:
        return s->replaces ? 2 : 1;
    default:
        return 3;
    }
}

/* The worker that leaves when there are too many; of equals the one with the highest number. */
static struct table_slot *find_leaver(struct worker_table *t, unsigned generation)
{
    struct table_slot *best = NULL;

    for (unsigned i = 0; i < t->capacity; i++) {
        struct table_slot *s = &t->slot[i];
        if (!is_active(s) || s->generation != generation || s->replaced_by)
            continue;
        if (!best || reluctance(s) < reluctance(best) ||
            (reluctance(s) == reluctance(best) && s->connections <= best->connections))
            best = s;
    }
    return best;
}

static void fit_generation(struct worker_table *t, unsigned generation, unsigned want,
                           struct mono now)
{
    struct table_slot *s;

    while (count_active(t, generation) < want && (s = find_empty(t)) != NULL) {
        s->failures = 0;
        start(s, generation, now);
    }
    while (count_active(t, generation) > want && (s = find_leaver(t, generation)) != NULL)
        retire(t, s, now);
}

static void put_in_force(struct worker_table *t, struct mono now)
{
    t->generation = t->next;
    t->next = 0;
    t->lost = 0;
    t->result = TABLE_GENERATION_UP;
    for (unsigned i = 0; i < t->capacity; i++)
        if (is_active(&t->slot[i]) && t->slot[i].generation != t->generation)
            retire(t, &t->slot[i], now);
}

static void give_up_next(struct worker_table *t, struct mono now)
{
    unsigned failed = t->next;

    t->next = 0;
    t->result = TABLE_GENERATION_FAILED;
    for (unsigned i = 0; i < t->capacity; i++)
        if (is_active(&t->slot[i]) && t->slot[i].generation == failed)
            retire(t, &t->slot[i], now);
}

/* How long one that died may wait at most while nobody serves. */
static uint64_t alone_until_ns(const struct worker_table *t, const struct table_slot *s)
{
    uint64_t delay = worker_table_backoff_ns(s->failures > 1 ? s->failures - 1 : 1);
    uint64_t until = s->since_ns + (delay < TABLE_ALONE_NS ? delay : TABLE_ALONE_NS);

    /* One after the other, however many wait. */
    if (until < t->resumed_ns + TABLE_BACKOFF_MIN_NS)
        until = t->resumed_ns + TABLE_BACKOFF_MIN_NS;
    return until;
}

/* Waiting before the next start is for those beside whom another one serves. */
static void never_all_wait(struct worker_table *t, struct mono now)
{
    struct table_slot *first = NULL;

    for (unsigned i = 0; i < t->capacity; i++) {
        struct table_slot *s = &t->slot[i];
        if (s->state == SLOT_RUNNING ||
            (s->state == SLOT_STARTING && now.ns < s->since_ns + TABLE_ALONE_NS))
            return;
        if (s->state == SLOT_BACKOFF && (!first || s->until_ns < first->until_ns))
            first = s;
    }
    if (first && first->until_ns > alone_until_ns(t, first))
        first->until_ns = alone_until_ns(t, first);
}

static void reconcile(struct worker_table *t, struct mono now)
{
    if (t->stopping)
        return;
    if (t->generation)
        fit_generation(t, t->generation, t->target > t->lost ? t->target - t->lost : 0, now);
    if (t->next)
        fit_generation(t, t->next, t->target, now);
    if (t->next && t->target > 0 && count_serving(t, t->next) >= t->target)
        put_in_force(t, now);
    never_all_wait(t, now);
}

void worker_table_set_target(struct worker_table *t, unsigned target, struct mono now)
{
    must(target >= 1);
    t->target = target;
    t->lost = 0;
    reconcile(t, now);
}

unsigned worker_table_begin_generation(struct worker_table *t, struct mono now)
{
    if (t->next || t->stopping)
        return 0;
    t->next = ++t->newest;
    t->next_deaths = 0;
    t->next_deadline_ns = now.ns + TABLE_START_NS;
    reconcile(t, now);
    return t->newest;
}

/* ---- what happened ---- */

void worker_table_ready(struct worker_table *t, unsigned slot, struct mono now)
{
    struct table_slot *s = &t->slot[slot];

    if (s->state != SLOT_STARTING || !has_process(s) || s->killed || s->hung_up)
        return; /* it was told to leave before it was ready, or leaves */
    set_state(s, SLOT_RUNNING, ORDER_NONE, now, 0);
    if (s->replaces)
        retire(t, &t->slot[s->replaces - 1], now);
    reconcile(t, now);
}

void worker_table_hung_up(struct worker_table *t, unsigned slot, struct mono now)
{
    struct table_slot *s = &t->slot[slot];
    uint64_t patience_ns = s->killed ? TABLE_KILLED_ENDED_NS : TABLE_GRACE_NS;

    if (!has_process(s) || s->hung_up)
        return;
    s->hung_up = true;
    if (s->until_ns == 0 || s->until_ns > now.ns + patience_ns)
        s->until_ns = now.ns + patience_ns;
}

void worker_table_heard(struct worker_table *t, unsigned slot, uint64_t when_ns)
{
    struct table_slot *s = &t->slot[slot];
    uint64_t until = when_ns + t->drain_ns + TABLE_GRACE_NS;

    if (s->state == SLOT_RETIRING && s->patient && !s->hung_up && !s->killed && s->until_ns < until)
        s->until_ns = until;
}

void worker_table_load(struct worker_table *t, unsigned slot, uint64_t connections)
{
    t->slot[slot].connections = connections;
}

static void start_again(struct worker_table *t, struct table_slot *s, enum board_exit why,
                        struct mono now)
{
    if (why == EXIT_SICK && s->failures == 0)
        s->failures = 1; /* it knows that something is wrong: no immediate second try */
    uint64_t delay = worker_table_backoff_ns(s->failures);
    unpair(t, s);
    s->failures++;
    s->connections = 0;
    if (delay == 0)
        start(s, s->generation, now);
    else
        set_state(s, SLOT_BACKOFF, ORDER_NONE, now, delay);
}

/* The process of an active slot ended without being told to. */
static void died(struct worker_table *t, struct table_slot *s, enum board_exit why, struct mono now)
{
    bool served = s->state == SLOT_RUNNING;
    unsigned restarting = s->replaces;

    if (served && now.ns - s->since_ns >= TABLE_HEALTHY_NS)
        s->failures = 0;
    if (s->generation == t->next && (why == EXIT_FATAL || ++t->next_deaths >= TABLE_START_DEATHS)) {
        make_empty(t, s, now);
        give_up_next(t, now);
        return;
    }
    if (s->replaced_by) { /* it was about to go; the replacement already stands for it */
        make_empty(t, s, now);
        return;
    }
    if (restarting && (why == EXIT_FATAL || s->failures + 1 >= TABLE_START_DEATHS)) {
        make_empty(t, s, now); /* the restart failed: the old worker stays */
        return;
    }
    if (why == EXIT_FATAL) {
        make_empty(t, s, now);
        t->lost++;
        return;
    }
    start_again(t, s, why, now);
    if (restarting) {
        s->replaces = restarting;
        t->slot[restarting - 1].replaced_by = (unsigned)(s - t->slot) + 1;
    }
}

void worker_table_exited(struct worker_table *t, unsigned slot, enum board_exit why,
                         struct mono now)
{
    struct table_slot *s = &t->slot[slot];

    if (!has_process(s) && s->state != SLOT_DEAD)
        return;
    if (t->stopping || !is_active(s))
        make_empty(t, s, now);
    else
        died(t, s, why, now);
    reconcile(t, now);
}

/* What the slot stands for goes to another one. */
static void move_place(struct worker_table *t, struct table_slot *from, struct table_slot *to)
{
    unsigned number = (unsigned)(to - t->slot) + 1;

    *to = *from;
    if (to->replaces)
        t->slot[to->replaces - 1].replaced_by = number;
    if (to->replaced_by)
        t->slot[to->replaced_by - 1].replaces = number;
    from->replaces = from->replaced_by = 0;
}

unsigned worker_table_dead(struct worker_table *t, unsigned slot, struct mono now)
{
    struct table_slot *s = &t->slot[slot], *heir = s;

    if (!has_process(s))
        return slot;
    if (t->stopping || !is_active(s)) {
        make_dead(t, s, now);
    } else {
        struct table_slot *free = find_empty(t);
        if (free) {
            heir = free;
            move_place(t, s, heir);
            make_dead(t, s, now);
        }
        died(t, heir, EXIT_SIGNAL, now);
    }
    reconcile(t, now);
    return (unsigned)(heir - t->slot);
}

/* ---- what somebody asks ---- */

enum table_answer worker_table_drain(struct worker_table *t, unsigned slot, struct mono now)
{
    struct table_slot *s = slot < t->capacity ? &t->slot[slot] : NULL;

    if (!s || s->state == SLOT_EMPTY)
        return TABLE_NO_WORKER;
    if (s->state == SLOT_DEAD)
        return TABLE_DEAD;
    if (!is_active(s))
        return TABLE_NOT_SERVING;
    if (t->next || s->replaced_by || s->replaces)
        return TABLE_BUSY;
    if (t->target <= 1 || (s->state == SLOT_RUNNING && count_serving(t, s->generation) <= 1))
        return TABLE_LAST_ONE;
    t->target--;
    retire(t, s, now);
    reconcile(t, now);
    return TABLE_DONE;
}

enum table_answer worker_table_restart(struct worker_table *t, unsigned slot, struct mono now)
{
    struct table_slot *s = slot < t->capacity ? &t->slot[slot] : NULL;

    if (!s || s->state == SLOT_EMPTY)
        return TABLE_NO_WORKER;
    if (s->state == SLOT_DEAD)
        return TABLE_DEAD;
    if (s->state != SLOT_RUNNING)
        return TABLE_NOT_SERVING;
    if (t->next || s->replaced_by)
        return TABLE_BUSY;
    struct table_slot *fresh = find_empty(t);
    if (!fresh)
        return TABLE_FULL;
    fresh->failures = 0;
    start(fresh, s->generation, now);
    fresh->replaces = slot + 1;
    s->replaced_by = (unsigned)(fresh - t->slot) + 1;
    reconcile(t, now);
    return TABLE_DONE;
}

enum table_answer worker_table_kill(struct worker_table *t, unsigned slot, struct mono now)
{
    struct table_slot *s = slot < t->capacity ? &t->slot[slot] : NULL;

    if (s && s->state == SLOT_DEAD)
        return TABLE_DEAD;
    if (!s || !has_process(s))
        return TABLE_NO_WORKER;
    if (!s->killed)
        kill_process(s, now);
    s->failures = 0; /* a death that was asked for is no sign of illness */
    return TABLE_DONE;
}

void worker_table_condemn(struct worker_table *t, unsigned slot, struct mono now)
{
    struct table_slot *s = &t->slot[slot];

    if (!has_process(s) || s->killed)
        return;
    if (s->failures == 0)
        s->failures = 1;
    kill_process(s, now);
}

void worker_table_stop(struct worker_table *t, bool at_once, struct mono now)
{
    t->stopping = true;
    t->next = 0;
    for (unsigned i = 0; i < t->capacity; i++) {
        struct table_slot *s = &t->slot[i];
        if (!is_active(s) && s->state != SLOT_RETIRING)
            continue;
        if (at_once)
            quit(t, s, now);
        else if (s->state != SLOT_RETIRING || s->patient)
            retire(t, s, now);
    }
}

/* ---- time ---- */

static void tick_slot(struct worker_table *t, struct table_slot *s, struct mono now)
{
    if (s->state == SLOT_RUNNING && now.ns - s->since_ns >= TABLE_HEALTHY_NS)
        s->failures = 0;
    if (s->until_ns == 0 || now.ns < s->until_ns)
        return;
    if (s->state == SLOT_BACKOFF) {
        start(s, s->generation, now);
        t->resumed_ns = now.ns;
    } else if (!has_process(s)) {
        return; /* it is still to be forked: the master was away */
    } else if (s->killed) {
        s->order = ORDER_ABANDON;
        s->until_ns = 0;
    } else if (s->state == SLOT_RETIRING && !s->hung_up) {
        quit(t, s, now);
    } else {
        s->late = s->state == SLOT_STARTING && !s->hung_up;
        if (s->late && s->failures == 0)
            s->failures = 1; /* no immediate second try */
        kill_process(s, now);
    }
}

void worker_table_tick(struct worker_table *t, struct mono now)
{
    for (unsigned i = 0; i < t->capacity; i++)
        tick_slot(t, &t->slot[i], now);
    if (t->next && now.ns >= t->next_deadline_ns)
        give_up_next(t, now);
    reconcile(t, now);
}

/* ---- what follows ---- */

enum worker_order worker_table_next_order(struct worker_table *t, unsigned *slot)
{
    for (unsigned i = 0; i < t->capacity; i++) {
        enum worker_order order = t->slot[i].order;
        if (order == ORDER_NONE)
            continue;
        t->slot[i].order = ORDER_NONE;
        *slot = i;
        return order;
    }
    return ORDER_NONE;
}

enum table_result worker_table_take_result(struct worker_table *t)
{
    enum table_result result = t->result;

    t->result = TABLE_NOTHING;
    return result;
}
