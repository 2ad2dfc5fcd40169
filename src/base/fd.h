/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Descriptors: closing, whole reads and writes, flags, and passing them between
 * processes (unix(7), SCM_RIGHTS). Every call handles EINTR. Runs in every process.
 */
#ifndef WEIR_BASE_FD_H
#define WEIR_BASE_FD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Closes *fd if it is not negative and sets it to -1; errno is kept. */
void close_fd(int *fd);

/* O_NONBLOCK on or off. False with errno set. */
bool fd_set_nonblock(int fd, bool on);
/* FD_CLOEXEC on or off. False with errno set. */
bool fd_set_cloexec(int fd, bool on);

/* Writes all n bytes to a blocking descriptor. False with errno set. */
bool fd_write_all(int fd, const void *p, size_t n);

/* Reads until n bytes or end of file; returns how many, -1 with errno set. */
ssize_t fd_read_full(int fd, void *p, size_t n);

/*
 * Sends n > 0 bytes and, when pass_fd >= 0, that descriptor with them, over a unix socket.
 * Returns sendmsg's result (the bytes sent), -1 with errno set. MSG_NOSIGNAL.
 */
ssize_t fd_send_with(int sock, const void *p, size_t n, int pass_fd);

/*
 * Receives up to n bytes; *passed gets a descriptor that came along (close-on-exec), else
 * -1. Surplus descriptors are closed. Returns recvmsg's result, -1 with errno set.
 */
ssize_t fd_recv_with(int sock, void *p, size_t n, int *passed);

/*
 * Nobody at the other end of this unix socket (or, of a listening one, of those it accepts) may
 * send descriptors along (SO_PASSRIGHTS of Linux 6.16). False: the kernel does not know it.
 */
bool fd_refuse_passed(int sock);

/* Closes all but 0, 1, 2 and the n of keep[], which it sorts; negative ones are not there. */
void fd_close_others(int *keep, size_t n);

/* The ID of the mount that an open file is on, by its line in /proc: the file system is not asked.
 * False when it is not told. */
bool fd_mount_id(int fd, uint64_t *id);

/* Closes every descriptor from `first` up (close_range(2), else one by one up to the limit). */
void fd_close_from(int first);

#endif
