/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the kernel says a thread is doing: its state, the system call it is in and where that
 * waits, from /proc/PID/task/TID/{stat,syscall,wchan}. These three never wait for storage or
 * for the process looked at (cmdline and environ would: they read its memory). What may not be
 * read (syscall and wchan ask for the right to trace) is left out. Master only.
 */
#ifndef WEIR_PROC_THREAD_LOOK_H
#define WEIR_PROC_THREAD_LOOK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/bytes.h"

#define THREAD_LOOK_NONE (-1L) /* no system call, or it may not be known */

#define THREAD_LOOK_ARGUMENTS 6

struct thread_look {
    char state;     /* of proc(5): R, S, D, T, t, Z, X, I */
    long call;      /* number of the system call; THREAD_LOOK_NONE */
    char wchan[64]; /* kernel function it waits in; "" when it is not known */
    uint64_t argument[THREAD_LOOK_ARGUMENTS]; /* of the call */
};

/* False when there is no such thread (any more). tid is pid for a process's first thread. */
bool thread_look(struct thread_look *look, pid_t pid, pid_t tid);

/* The same from the text of the three files; "" for one that cannot be read. */
bool thread_look_parse(struct thread_look *look, const char *stat, const char *syscall,
                       const char *wchan);

/*
 * Whether a line of /proc/PID/stat is that of a process that runs nothing of its own any more: it
 * is a zombie, its exit is under way, or SIGKILL waits for it to come out of the kernel.
 */
bool thread_look_is_dead(const char *stat);

/* "waiting for disk (D) in pread64, at folio_wait_bit_common" */
void thread_look_say(struct out *o, const struct thread_look *look);

/* "waiting for disk" for D and so on, and a system call's name; NULL for one not in the table. */
const char *thread_look_state(char state);
const char *thread_look_call(long number);
/* Which of its arguments are descriptors: bit i for the i-th. */
unsigned thread_look_descriptors(long number);

/*
 * At most room - 1 bytes of /proc/PID/NAME, of the thread's own where tid is not 0, as a string:
 * how many, or -1 with errno and "".
 */
ssize_t thread_look_read(pid_t pid, pid_t tid, const char *name, char *to, size_t room);

#endif
