/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A log as the master knows it: a queue (a pair of sockets) that workers and master send lines
 * to, and the process that writes them (logger.h). The queue stays while writers change: one is
 * started for each reopening and for each new target, and takes over when it has opened its file;
 * a writer that dies is replaced. The master itself opens and writes nothing, and waits only as
 * long as it says below. Master only.
 */
#ifndef WEIR_PROC_LOGS_H
#define WEIR_PROC_LOGS_H

#include <sys/types.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "board/board.h"
#include "proc/logger.h"

#define LOGS_WAIT_START_MS 2000 /* for a log's opening, when nobody is served yet */
#define LOGS_WAIT_MS       50   /* and while the server runs; what takes longer goes on by itself */
#define LOGS_END_MS        1000 /* for the last lines, when the server ends */
#define LOGS_HAND_OVER_NS  NS_PER_S /* for the last lines of a writer that another one replaces */

struct logger {
    pid_t pid; /* 0: none */
    int leash_fd;
    struct logger_state *state;
};

struct log_out {
    enum board_log_kind kind;
    char *target;                   /* NULL: the log is off */
    int send_fd, take_fd, error_fd; /* -1: off; error_fd is borrowed */
    struct logger now;              /* writes */
    struct logger next;             /* opens its file, to take over */
    struct logger last;             /* was told to end and still writes what it has in hand */
    uint64_t handed_over_ns;        /* since when */
    int open_error;                 /* of the last opening that failed; 0: none did */
    uint64_t dropped;               /* lines, by writers that are gone */
    uint64_t retry_ns;              /* when a writer is started again; 0: none is missing */
    uint64_t stuck_since_ns;        /* told of; 0: not stuck */
};

/* An unused one. */
void log_out_init(struct log_out *o);
/* Makes the queue; error_fd is the error log's, for news about this one. False with errno. */
bool log_out_make_queue(struct log_out *o, enum board_log_kind kind, int error_fd);

/*
 * Begins to write to that target, and waits so long for its opening. False with a line in *errors
 * when that failed; then all is as it was. An opening that takes longer goes on.
 */
bool log_out_move(struct log_out *o, const char *target, int wait_ms, struct buf *errors);

/* Opens the file anew under its name, where it is one. False: no process for it, errno says why. */
bool log_out_reopen(struct log_out *o);
/* All openings are over, and who wrote before has ended, or hangs and is no longer waited for. */
bool log_out_is_settled(const struct log_out *o);
/* Waits so long for the `count` logs to be settled. True when they are. */
bool logs_settle(struct log_out *const *all, size_t count, int wait_ms);

/* Takes news, replaces the dead, tells of a log that is stuck; for each beat. */
void log_out_check(struct log_out *o, struct board *board, struct mono now);
void log_out_publish(const struct log_out *o, struct board *board);

/* The last lines are written, or it takes too long: then the writer goes on alone, and ends when it
 * can. */
void log_out_end(struct log_out *o, int wait_ms);
/* Lets go of it: the writer ends when the last sender does. */
void log_out_close(struct log_out *o);

/* "access log /var/log/x", "error log on standard error" */
void log_out_name(const struct log_out *o, struct out *to);

#endif
