/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Failing answers: how many of the last ones were 5xx, judged once a second. It looks back over
 * ERRORS_LEAST seconds, and further, up to ERRORS_SECONDS, while there were fewer than
 * ERRORS_ENOUGH answers: so a busy server is judged by what is, a quiet one at all. From
 * ERRORS_FLOOR failures on, with a share of ERRORS_MANY_SHARE per cent, answers fail; with
 * ERRORS_ALL_SHARE per cent (nearly) all do. It is over a little below, so that it does not come
 * and go at the limit. The result is on the board and, when it begins and ends, in the event ring
 * and in the log, with the mount that failed last and why. What workers say is hostile: it is added
 * up and shown, nothing more. Master only; makes no system call but what the log does.
 */
#ifndef WEIR_PROC_ERROR_WATCH_H
#define WEIR_PROC_ERROR_WATCH_H

#include "base/clock.h"
#include "board/board.h"

struct error_second {
    uint64_t answers, failed;
};

struct error_watch {
    struct error_second past[ERRORS_SECONDS]; /* a ring */
    unsigned next, count;
    struct error_second now;   /* the running second */
    struct error_second *last; /* what each slot had counted; one for each slot */
    uint64_t second_ns;        /* when it began; 0: never looked */
    struct error_second sum;   /* of what was judged, */
    unsigned seconds;          /* so long */
    enum board_errors state;
    uint64_t since_ns;
    bool told; /* that it began */
    struct board_pace pace;
};

bool error_watch_init(struct error_watch *w, unsigned slots); /* false on ENOMEM */
void error_watch_free(struct error_watch *w);

/* A second is over: what it had joins the others, and all are judged. True when the state changed.
 * Pure. */
bool error_watch_second(struct error_watch *w, struct mono now);

/* Looks at the slots' counters; for each beat. */
void error_watch_look(struct error_watch *w, struct board *b, struct mono now);

#endif
