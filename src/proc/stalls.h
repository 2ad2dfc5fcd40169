/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The worst stalls of the last hour: times in which an event loop was away, or one job held an
 * offload thread, for long. Whoever watches tells what it sees, again and again while it
 * lasts; the longest BOARD_STALLS_KEPT of them stay, those that last with their length so
 * far, those that are over for an hour after their end. A stall is known by its worker, its
 * thread and when it began. Makes no system call and reads no clock. Master only.
 */
#ifndef WEIR_PROC_STALLS_H
#define WEIR_PROC_STALLS_H

#include <stdbool.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "weir/board.h"

#define STALLS_KEPT_NS (3600 * NS_PER_S)

struct stall {
    uint32_t id;     /* 0: free; another one for each stall */
    unsigned worker; /* from 1 */
    unsigned thread; /* 0: the event loop; else the number of the offload thread, from 1 */
    enum board_wait wait;
    uint64_t began_ns, began_wall_ns;
    uint64_t lasted_ns; /* so far, while it is not over */
    bool over;
    unsigned waiting; /* connections that waited behind it, at the most; loops only */
    unsigned looks;   /* how often the kernel was asked about it */
    uint64_t look_ns; /* when to ask again */
    bool dirty;       /* the board does not say it yet */
    char path[BOARD_TEXT_BYTES + 1];
    char kernel[BOARD_TEXT_BYTES + 1];
};

struct stalls {
    struct stall row[BOARD_STALLS_KEPT];
    uint32_t newest; /* id */
};

/*
 * It lasts. Its row, which is new when it has no path and looks is 0; or NULL when it is not
 * among the worst (yet). wall is the time of day at `now`.
 */
struct stall *stalls_see(struct stalls *s, unsigned worker, unsigned thread, uint64_t began_ns,
                         struct mono now, struct wall wall);

/* What it waited for; the longest of the texts' beginnings is kept. */
void stall_describe(struct stall *row, enum board_wait wait, struct span path, unsigned waiting);
/* What the kernel said at `now`; asks to be looked at again when it has lasted twice as long. */
void stall_looked(struct stall *row, struct span kernel, struct mono now);
bool stall_wants_look(const struct stall *row, struct mono now);

/* It ended, at the latest then. */
void stall_end(struct stall *row, struct mono end);
/* The process is gone, and with it all that lasted there. */
void stalls_worker_gone(struct stalls *s, unsigned worker, struct mono now);
/* Forgets those that ended an hour ago. */
void stalls_age(struct stalls *s, struct mono now);

/* Brings the board's BOARD_STALLS_KEPT rows up to date. */
void stalls_publish(struct stalls *s, struct board_stall *rows);

#endif
