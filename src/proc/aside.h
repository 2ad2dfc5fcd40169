/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Work that may wait for ever, done by a child: it keeps no descriptor of the master's but its end
 * of a socket pair, and nobody waits for it. One that hangs where not even SIGKILL ends it holds
 * nothing: no listening socket, lock, log or terminal. Master only.
 */
#ifndef WEIR_PROC_ASIDE_H
#define WEIR_PROC_ASIDE_H

#include <stdbool.h>
#include <sys/types.h>

/* What the child does; it does not return. fd: its end, which blocks. */
typedef void aside_work(const void *arg, int fd);

/*
 * Forks. *fd gets this end, which does not block. keep_all: descriptors stay, for one of them is
 * what the child is to read. -1 with errno.
 */
pid_t aside_begin(const char *name, aside_work *work, const void *arg, bool keep_all, int *fd);
/* Reaps one that is about to end, if it does within this time. */
void aside_reap(pid_t *pid, int within_ms);
/* Gives it up: it is killed, and reaped whenever it can end. */
void aside_drop(pid_t *pid, int *fd);

/* In any child of the master, workers too, before anything else: signals of the terminal and of its
 * process group are the master's business, TERM and CHLD have their defaults, none is blocked. */
void aside_signals(void);

#endif
