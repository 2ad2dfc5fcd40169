/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The accept queues on the board: samples every listening socket, keeps its depth, limit,
 * 60-second peak and drops in its row, and tells when a queue is full or lost connections.
 * Depth and limit come from TCP_INFO (tcpi_unacked and tcpi_sacked of a listening socket), for
 * unix sockets from sock_diag(7). Drops come from sock_diag and /proc/net/netstat together
 * (net_drops.h): only what both counted was a connection; the other packets are counted and not
 * told. Without sock_diag or /proc a row's drops stay 0, a unix row's depth stays 0 and its limit
 * is the configured backlog; the log says so once.
 *
 * Master only; one call each 100 ms, no waiting.
 */
#ifndef WEIR_PROC_QUEUE_H
#define WEIR_PROC_QUEUE_H

#include "base/clock.h"
#include "board/board.h"
#include "proc/listen.h"
#include "proc/net_drops.h"

#define QUEUE_ROWS_MAX     64 /* listening addresses of one configuration, at most */
#define QUEUE_PEAK_SECONDS 60

/* The highest value of the last 60 s, kept by the second. */
struct queue_peak {
    uint64_t second[QUEUE_PEAK_SECONDS]; /* which second since boot the value belongs to, plus 1 */
    uint32_t high[QUEUE_PEAK_SECONDS];
};

/* Adds a sample, returns the peak. Pure. */
uint32_t queue_peak_add(struct queue_peak *p, struct mono now, uint32_t depth);

struct queue_row {
    struct queue_peak peak;
    uint64_t inode;
    bool counted;     /* packets holds a figure */
    uint32_t packets; /* that the kernel threw away at this socket, as it last said */
    uint64_t drops;   /* connections among them, */
    uint64_t stray;   /* and the others */
    uint64_t drops_told;
    struct board_pace pace; /* of the event QUEUE */
    bool full;
};

struct queue_watch {
    struct queue_row row[QUEUE_ROWS_MAX];
    int diag_fd;
    bool diag_missing, netstat_missing;
    struct net_drops lost;
    uint64_t drops_sampled_ns;
};

void queue_watch_init(struct queue_watch *w);
void queue_watch_close(struct queue_watch *w);
/* The board's listener rows become those of this set; rows of sockets that stay keep their past. */
void queue_watch_adopt(struct queue_watch *w, struct board *b, const struct listen_set *set);
void queue_watch_sample(struct queue_watch *w, struct board *b, const struct listen_set *set,
                        unsigned backlog, struct mono now);

#endif
