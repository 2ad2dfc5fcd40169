/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the master holds, and the verbs it knows: one function for each thing that a signal or
 * a control command can ask for (verbs.c). The loop that calls them is master.c; what the
 * control socket makes of them is command.c. Master only.
 */
#ifndef WEIR_PROC_SUPERVISOR_H
#define WEIR_PROC_SUPERVISOR_H

#include "board/board.h"
#include "ctl/server.h"
#include "proc/check.h"
#include "proc/control.h"
#include "proc/crew.h"
#include "proc/error_watch.h"
#include "proc/inherit.h"
#include "proc/master.h"
#include "proc/operation.h"
#include "proc/queue.h"
#include "proc/roots.h"
#include "proc/runtime.h"
#include "proc/worker_table.h"

struct supervisor {
    const struct master_options *options;
    struct runtime runtime;
    struct board board;
    struct worker_table table;
    struct crew crew;
    struct control *control;
    struct queue_watch queues;
    struct error_watch errors;
    uint64_t roots_ns; /* when the locations' mounts were last looked up, and for which */
    unsigned roots_generation;
    struct operation op;
    struct address_table *addresses;
    struct inherit *running; /* of the generation in force; NULL before the first serves */
    struct log_out error_log;
    struct inherit *next; /* of the generation that starts; NULL when none does */
    struct roots roots;   /* those that did not answer yet */
    struct check *check;  /* of the configuration that a reload is about; NULL: none */
    uint64_t check_ns;    /* when it began */
    uint32_t check_op;    /* the change it has become; 0: who asked still waits for the reply */
    unsigned running_generation, next_generation;
    bool automatic;    /* the number of workers follows the CPUs */
    bool reopening;    /* logs are being opened anew, and that takes its time */
    bool reload_again; /* SIGHUP came while a reload was under way */
    bool stopping, at_once;
    uint64_t stopping_ns; /* since when */
    bool ready_told;
    unsigned terminals; /* bits of the standard descriptors whose hang-up is the end */
    int status;
    uint64_t beat_ns;      /* when the 100 ms work was last done */
    uint64_t automatic_ns; /* when the CPUs were last counted */
};

/* Each verb answers with a sentence in *message (a buf, no newline at its end) and says if it was
 * done. */

bool verb_resize(struct supervisor *s, enum control_amount amount, unsigned number,
                 struct buf *message, uint32_t *op);
bool verb_drain(struct supervisor *s, unsigned number, struct buf *message, uint32_t *op);
bool verb_restart(struct supervisor *s, unsigned number, struct buf *message, uint32_t *op);
bool verb_kill(struct supervisor *s, unsigned number, struct buf *message);
/* What the kernel says of a worker, in lines. */
bool verb_inspect(const struct supervisor *s, unsigned number, struct buf *message);
/* A request that is on the board, by its ID: worker and serial number (transfers.c). */
bool verb_abort(struct supervisor *s, unsigned number, uint64_t serial, struct buf *message);
bool verb_throttle(struct supervisor *s, unsigned number, uint64_t serial, uint64_t rate_bytes,
                   struct buf *message);
bool verb_offload(struct supervisor *s, unsigned threads, struct buf *message);
/* Mounts (fencing.c). */
bool verb_fence(struct supervisor *s, struct span path, struct buf *message);
bool verb_unfence(struct supervisor *s, struct span path, struct buf *message);
/* Takes fences away whose mounts are gone; for each beat. */
void fencing_check(struct supervisor *s);
/* Lets go of roots that are behind fences: of a configuration that was read meanwhile. */
void fencing_apply(struct supervisor *s);
/* Tells on the board what mounts the locations' folders are on; for each beat. */
void fencing_roots(struct supervisor *s, struct mono now);
bool verb_log_level(struct supervisor *s, enum log_level level, struct buf *message);
bool verb_reopen(struct supervisor *s, struct buf *message, uint32_t *op);
/* Keeps the logs going, and shows them; for each beat (reopen.c). */
void logs_beat(struct supervisor *s, struct mono now);
/* The last lines of all logs; what comes later goes to standard error. */
void logs_end(struct supervisor *s);
void verb_stop(struct supervisor *s, bool at_once, struct buf *message); /* message may be NULL */

/* Whether there are slots for so many new workers; else the message says who has them (room.c). */
bool room_for(const struct supervisor *s, unsigned workers, struct buf *message);
void say_who_has_the_slots(const struct supervisor *s, struct buf *message);

/* Has the configuration checked in full (reload.c); true: that goes on, and reload_look ends it. */
bool verb_reload(struct supervisor *s, struct buf *message);
/* For each turn: a check that is done starts its workers, or is told as refused; both answer the
 * control client that asked. A server that stops gives it up. */
void reload_look(struct supervisor *s, struct mono now);
/* The first generation, already checked: the exit status, 0 for fine. Takes `in`. */
int reload_first(struct supervisor *s, struct inherit *in, const struct buf *notes);
/* The generation that was starting is in force, or was given up. */
void reload_finished(struct supervisor *s, enum table_result result);

/* Why the server cannot start, for whoever started it: plain lines on standard error (master.c). */
void master_tell_start(const struct buf *errors);

/* The handler of the control socket (command.c). arg is the struct supervisor. */
void command_carry_out(void *arg, const struct control_request *request,
                       struct control_outcome *outcome);

#endif
