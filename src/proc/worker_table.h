/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The worker table: which worker processes there should be, as a pure state machine. It makes
 * no system call and reads no clock: the master tells it what happened and when, and carries
 * out the orders it gives. Slot numbers here count from 0; people see slot i as worker i + 1.
 *
 * Each slot goes through the states of include/weir/states.def. Every worker belongs to a
 * generation, one per configuration put in force. While a new generation starts, the one that
 * serves is kept whole; when as many new workers as are wanted serve, the old ones retire.
 * The first generation starts the same way, only with nothing to fall back to.
 *
 * A process is never waited for without an end: a thread in an unkillable wait (a dead mount)
 * can keep one that is dead. It is then given up: its place goes to a worker in another slot, and
 * its own slot says DEAD until the kernel could end it, or until no other slot is free.
 *
 * Who dies again and again waits longer and longer before the next start, but never all of them:
 * while nobody serves, one is started again after half a second at most.
 *
 * Master only.
 */
#ifndef WEIR_PROC_WORKER_TABLE_H
#define WEIR_PROC_WORKER_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "weir/board.h"

#define TABLE_BACKOFF_MIN_NS  (100 * NS_PER_MS)
#define TABLE_BACKOFF_MAX_NS  (30 * NS_PER_S)
#define TABLE_HEALTHY_NS      (30 * NS_PER_S) /* served this long: earlier deaths are forgotten */
#define TABLE_GRACE_NS        (2 * NS_PER_S)  /* beyond drain_timeout, and between QUIT and KILL */
#define TABLE_KILLED_NS       (5 * NS_PER_S)  /* from SIGKILL until the process is given up ... */
#define TABLE_KILLED_ENDED_NS NS_PER_S        /* ... and when it had closed its channel */
#define TABLE_START_NS        (60 * NS_PER_S) /* a generation must serve within this time ... */
#define TABLE_STARTING_NS     (30 * NS_PER_S) /* ... and each worker within this one, or is killed */
#define TABLE_ALONE_NS        (500 * NS_PER_MS) /* the longest wait while nobody serves */
#define TABLE_START_DEATHS    3                 /* so many deaths make a start a failure */

enum worker_order {
    ORDER_NONE,
    ORDER_SPAWN,  /* fork a worker of the slot's generation */
    ORDER_RETIRE, /* tell it to leave the listening sockets and finish */
    ORDER_QUIT,   /* tell it to end now */
    ORDER_KILL,   /* SIGKILL */
    ORDER_ABANDON /* SIGKILL did not end it: let go of it, and say worker_table_dead */
};

/* One slot. For reading; the functions below change it. */
struct table_slot {
    enum board_state state;
    enum worker_order order; /* not yet carried out */
    unsigned generation;
    unsigned failures;    /* deaths in a row, forgotten after TABLE_HEALTHY_NS of service */
    unsigned replaces;    /* restart: slot + 1 of the worker that goes when this one serves */
    unsigned replaced_by; /* restart: slot + 1 of the worker that will take over */
    uint64_t since_ns;
    uint64_t until_ns; /* BACKOFF: start again; else: patience with the process ends; 0: never */
    bool hung_up;      /* the process closed its channel: it means to be gone */
    bool killed;       /* SIGKILL was ordered */
    bool late;         /* ... because it was not ready in time */
    bool patient;      /* RETIRING: for a change, so as long as there is progress */
    uint64_t connections;
};

enum table_result {
    TABLE_NOTHING,
    TABLE_GENERATION_UP,    /* the new generation serves, the old one retires */
    TABLE_GENERATION_FAILED /* it could not start and was given up; the old one serves on */
};

/* Why a request about one worker was refused. */
enum table_answer {
    TABLE_DONE,
    TABLE_NO_WORKER,   /* no such process */
    TABLE_NOT_SERVING, /* it starts, or already leaves */
    TABLE_LAST_ONE,    /* nobody else serves, or none would be wanted */
    TABLE_DEAD,        /* it is dead, and only the kernel can end it */
    TABLE_BUSY,        /* a reload or an earlier restart of it is under way */
    TABLE_FULL         /* no free slot for a replacement */
};

struct worker_table {
    struct table_slot *slot;
    unsigned capacity;
    unsigned target;
    unsigned generation; /* in force; 0 before the first serves */
    unsigned next;       /* starting, 0 when none */
    unsigned newest;     /* the highest number given out */
    unsigned next_deaths;
    uint64_t next_deadline_ns;
    unsigned lost;       /* places given up because their worker said WORKER_FATAL */
    uint64_t resumed_ns; /* when a worker that had waited was last started again */
    uint64_t drain_ns;
    enum table_result result;
    bool stopping;
};

bool worker_table_init(struct worker_table *t, unsigned capacity); /* false on ENOMEM */
void worker_table_free(struct worker_table *t);

/*
 * How long a retiring worker may take without progress (it sees to that itself, and is told to end
 * only when it was not heard of for so long), and at a stop in all.
 */
void worker_table_set_drain(struct worker_table *t, uint64_t drain_ns);

/* The number wanted, at least 1. Places lost to fatal workers are tried again. */
void worker_table_set_target(struct worker_table *t, unsigned target, struct mono now);

/* Starts a generation (the first, or a reload's); its number, 0 when one is starting already. */
unsigned worker_table_begin_generation(struct worker_table *t, struct mono now);

/* What happened to the process of a slot. */
void worker_table_ready(struct worker_table *t, unsigned slot, struct mono now);
void worker_table_exited(struct worker_table *t, unsigned slot, enum board_exit why,
                         struct mono now);
/*
 * It is dead and cannot be reaped. The slot that stands for it from now on: another one, where what
 * its death asks for has been done; its own when nothing stands for it, or no other was free. A
 * slot that is not DEAD afterwards has nothing to do with the process any more; that of an
 * older dead one may be the one that is taken.
 */
unsigned worker_table_dead(struct worker_table *t, unsigned slot, struct mono now);
/* It closed its channel: it has nothing left to do but exit. */
void worker_table_hung_up(struct worker_table *t, unsigned slot, struct mono now);
/* When its loop last turned: one that retires for a change has time from then on. */
void worker_table_heard(struct worker_table *t, unsigned slot, uint64_t when_ns);
/* The last known number of its connections: the emptiest worker is retired first. */
void worker_table_load(struct worker_table *t, unsigned slot, uint64_t connections);

/* What somebody asks about one worker. */
enum table_answer worker_table_drain(struct worker_table *t, unsigned slot, struct mono now);
enum table_answer worker_table_restart(struct worker_table *t, unsigned slot, struct mono now);
enum table_answer worker_table_kill(struct worker_table *t, unsigned slot, struct mono now);
/* Its process is killed for what it did: unlike the death somebody asked for, a failure. */
void worker_table_condemn(struct worker_table *t, unsigned slot, struct mono now);

/* No worker is started any more; all leave, at once or after what they have. */
void worker_table_stop(struct worker_table *t, bool at_once, struct mono now);

/* Lets deadlines pass. Call it at least when worker_table_wake_ns says. */
void worker_table_tick(struct worker_table *t, struct mono now);
uint64_t worker_table_wake_ns(const struct worker_table *t); /* UINT64_MAX: no deadline */

/* Takes the next order, ORDER_NONE when there is none. A slot has at most one. */
enum worker_order worker_table_next_order(struct worker_table *t, unsigned *slot);
/* What became of a starting generation since the last call. */
enum table_result worker_table_take_result(struct worker_table *t);

unsigned worker_table_count(const struct worker_table *t, enum board_state state);
unsigned worker_table_processes(const struct worker_table *t);
/*
 * As many serve as are wanted, and nobody is coming or going, but for workers that have been
 * retiring for longer than drain_timeout: they finish downloads, which may take hours.
 */
bool worker_table_settled(const struct worker_table *t, struct mono now);
/* Whether the worker of a slot retires for so long. */
bool worker_table_lingers(const struct worker_table *t, unsigned slot, struct mono now);
/* How many workers could be started; and which one has been retiring for longest, or capacity. */
unsigned worker_table_room(const struct worker_table *t);
unsigned worker_table_oldest_retiring(const struct worker_table *t);
/* Every worker said WORKER_FATAL, nobody serves and nothing will change that. */
bool worker_table_hopeless(const struct worker_table *t);

/* How long a worker that died `failures` times in a row waits; the first time not at all. */
uint64_t worker_table_backoff_ns(unsigned failures);

#endif
