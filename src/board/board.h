/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The server's end of the board: making it, finding its parts, adding events. The master
 * creates it; workers inherit the mapping by fork.
 */
#ifndef WEIR_BOARD_BOARD_H
#define WEIR_BOARD_BOARD_H

#include <stddef.h>
#include <sys/types.h>

#include "base/bytes.h"
#include "weir/board.h"

#define BOARD_EVENTS_RING 512

struct board {
    struct board_header *header;
    struct board_slot *slot; /* slot_count of them */
    unsigned slot_count;
    struct board_listener *listener;
    unsigned listener_count;
    struct board_event *event;
    unsigned event_count;
    struct board_thread *thread;   /* BOARD_THREADS_PER_SLOT for each slot */
    struct board_mount *mount;     /* BOARD_MOUNTS_PER_SLOT for each slot */
    struct board_stall *stall;     /* BOARD_STALLS_KEPT */
    struct board_request *request; /* BOARD_REQUESTS_PER_SLOT for each slot */
    struct board_file *file;       /* BOARD_FILES_PER_SLOT for each slot */
    struct board_finished *recent; /* BOARD_RECENT_PER_SLOT for each slot */
    struct board_finished *slow;   /* BOARD_SLOW_RING */
    size_t bytes;
    int fd; /* the memfd, writable; master only */
};

struct board_create {
    unsigned slots, listeners;
    const char *instance;
    const char *program_version;
};

/*
 * A new board: memfd (mode 0400, MFD_CLOEXEC), sized, mapped, filled in, sealed (SHRINK,
 * GROW, FUTURE_WRITE, SEAL; a kernel before 5.1 has no FUTURE_WRITE: then it does without,
 * and says so in the log). False with errno set. Master only.
 */
bool board_create(struct board *b, const struct board_create *how);
void board_destroy(struct board *b);

/* A new read-only descriptor of the board, to hand to an observer. -1 with errno set. */
int board_open_read_only(const struct board *b);

/*
 * The worker of a slot, first of all: from now on it can write only its own half of its slot and
 * its rows, and the rings of all. False with errno set when it can still write more.
 */
bool board_keep_own(struct board *b, unsigned slot);

/*
 * The master, after reaping: adds the counters to the slot's `past` and zeroes the worker half,
 * so that nothing of a dead process stays and the server's totals never go back.
 */
void board_clear_worker(struct board_slot *s);

/* The same, and its rows in the other sections: what the master calls. */
void board_clear_slot(struct board *b, unsigned slot);

/*
 * A change that goes on after its command was answered. begin returns its id, for the reply;
 * end says how it went, text in words. A new one takes the place of one that is under way.
 * They keep the order of stores by which an observer never takes the state of one change for
 * that of another. Master only.
 */
uint32_t board_op_begin(struct board *b, struct span text);
void board_op_end(struct board *b, bool done, struct span text);

/*
 * When a process started, in clock ticks since boot (field 22 of /proc/PID/stat): with its
 * pid, who it is. 0 when it cannot be known.
 */
uint64_t board_start_ticks(pid_t pid);

/* Adds an event; worker is its number from 1, 0 for none. Any process of the server. */
void board_event(struct board *b, enum board_event_kind kind, unsigned worker, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

#endif
