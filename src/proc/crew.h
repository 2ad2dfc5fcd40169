/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The crew: the processes behind the worker table. Carries out the table's orders (fork,
 * messages over the channels, SIGKILL), reaps, and keeps the master's half of every slot of
 * the board what the table and the kernel say. Decides nothing: that is the table's.
 *
 * Master only.
 */
#ifndef WEIR_PROC_CREW_H
#define WEIR_PROC_CREW_H

#include <poll.h>

#include "board/board.h"
#include "proc/fences.h"
#include "proc/inherit.h"
#include "proc/oom.h"
#include "proc/stalls.h"
#include "proc/worker_table.h"

struct address_table;
struct channel_message;

struct crew_member {
    pid_t pid; /* 0: no process */
    int channel_fd;
    bool hung_up;      /* it closed the channel: its loop has ended */
    bool ready;        /* it said that it serves ... */
    bool left;         /* ... and that it has left the listening sockets */
    unsigned nonsense; /* messages that make no sense */
    unsigned generation;
    bool died; /* the last process here ended unasked: the next one is a restart */
    uint64_t started_ns;
    uint64_t resumed_ns;   /* SIGCONT: turns count from here at the earliest */
    uint64_t blocked_turn; /* turn_since_ns of the turn counted as blocked */
    uint64_t remind_ns;    /* when to log again about a worker that stays blocked */
    unsigned reminders;
    uint64_t told_ns;             /* when a block was last logged */
    unsigned untold;              /* blocks since then that were not logged */
    struct board_pace block_pace; /* of the events BLOCK and UNBLOCK */
    bool block_told;              /* of the block that lasts */
    uint64_t looked_ns;           /* when /proc was last asked whether it is dead */
    unsigned dead_looks;          /* how often in a row it said so */
    uint64_t dead_since_ns;       /* not 0: given up, and to be reaped some day */
};

struct crew {
    struct crew_member *member; /* one for each slot of the table */
    struct worker_table *table;
    struct board *board;
    struct address_table *addresses; /* NULL without a limit per address */
    int lock_fd;                     /* of the runtime directory: workers must not keep it */
    unsigned offload_threads;        /* set by hand for all workers; 0: the configuration's */
    struct fences fences;            /* what a new worker is told, too */
    struct stalls stalls;
    struct oom_watch oom;
};

bool crew_init(struct crew *c, struct worker_table *table, struct board *board); /* false: ENOMEM */
void crew_free(struct crew *c);

/* Forks the worker of a slot; tells the table when that fails. Returns in the master only. */
void crew_spawn(struct crew *c, unsigned slot, const struct inherit *in, struct mono now);
/* RETIRE, QUIT, KILL or ABANDON. */
void crew_tell_off(struct crew *c, unsigned slot, enum worker_order order, struct mono now);

/* Sends one message to every process (of this generation, if not 0), with a descriptor if >= 0. */
void crew_broadcast(struct crew *c, unsigned generation, uint32_t kind, uint64_t value,
                    int pass_fd);

/* Sends one message to every process. */
void crew_tell_all(struct crew *c, const struct channel_message *message);

/* Sends one message to the process of a slot. False when it did not get it. */
bool crew_send(struct crew *c, unsigned slot, const struct channel_message *message);

/* After SIGCHLD: exits, stops and continues of all workers. */
void crew_reap(struct crew *c, struct mono now);

/* Every worker has left the listening sockets, or its loop has ended. */
bool crew_has_left(const struct crew *c);

/* The channels, for poll(2): fills at most capacity entries, returns how many. */
size_t crew_poll_fds(const struct crew *c, struct pollfd *to, unsigned *slot_of);
void crew_read_channel(struct crew *c, unsigned slot, struct mono now);

/* Brings the master's half of the slots up to date; tells changes people want to know. */
void crew_publish(struct crew *c, struct mono now);

/* Every 100 ms: which workers are dead and cannot be reaped (dead.c). */
void crew_find_dead(struct crew *c, struct mono now);
/* Gives the process of a slot up: it runs nothing any more, but does not end. */
void crew_give_up(struct crew *c, unsigned slot, struct mono now);
/* One that was given up has ended after all. */
void crew_reap_dead(struct crew *c, unsigned slot, struct mono now);
/* A dead process that is in this slot, if one is, is not waited for any more. */
void crew_forget_dead(struct crew *c, unsigned slot);

/* Told to leave: its end is no surprise. */
bool crew_is_asked(const struct table_slot *t);
/* Empties what the board and the tables say of a slot whose process is gone or dead. */
void crew_clear(struct crew *c, unsigned slot, enum board_exit why, uint32_t detail,
                struct mono now);

/* Every 100 ms: which workers' loops have been away, or offload threads waited, for too long
 * (watch.c). */
void crew_watch(struct crew *c, struct mono now);

#endif
