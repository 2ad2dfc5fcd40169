/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What only sock_diag(7) knows of a listening socket: how many connections the kernel dropped
 * on it, and the accept queue of a unix socket. Any user may ask. Where the kernel lacks the
 * modules (tcp_diag, unix_diag) or a sandbox forbids the netlink family, every question
 * answers "unknown" and the server runs on without these figures.
 *
 * Master only; never waits: the kernel answers within the request's own system call.
 */
#ifndef WEIR_PROC_SOCK_DIAG_H
#define WEIR_PROC_SOCK_DIAG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sock_diag_row {
    uint64_t inode; /* asked for */
    bool known;     /* answered */
    uint32_t drops;
    uint32_t depth, limit; /* unix sockets only */
};

/* A descriptor for the questions below, -1 with errno set. */
int sock_diag_open(void);

/* Fills `drops` of the rows that are TCP listeners of this family. False when unanswered. */
bool sock_diag_tcp(int fd, int family, struct sock_diag_row *rows, size_t count);

/* Fills depth and limit of one unix listener. False when unanswered. */
bool sock_diag_unix(int fd, struct sock_diag_row *row);

#endif
