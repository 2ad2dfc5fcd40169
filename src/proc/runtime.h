/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The runtime directory: where the control socket, the pid file and the lock are. One server to a
 * directory: weir.lock is locked (flock(2)) as long as the server lives, so a lock that can be had
 * means that whatever lies there is left over and may be removed.
 *
 * Master only; workers close the lock's descriptor right after fork.
 */
#ifndef WEIR_PROC_RUNTIME_H
#define WEIR_PROC_RUNTIME_H

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"

#define RUNTIME_PATH_BYTES 108 /* of a unix socket's path (sun_path), its NUL included */

struct runtime {
    char dir[RUNTIME_PATH_BYTES];
    char pid_path[RUNTIME_PATH_BYTES];
    char lock_path[RUNTIME_PATH_BYTES];
    char socket_path[RUNTIME_PATH_BYTES];
    int lock_fd;
};

/*
 * The server's runtime directory: `given`, else $WEIR_RUNTIME_DIR, else /run/weir for root,
 * else $XDG_RUNTIME_DIR/weir, else /tmp/weir-UID. Only names; nothing is made. False with a
 * line in *errors when it is too long for the control socket.
 */
bool runtime_choose(struct runtime *r, const char *given, struct buf *errors);

/* Makes the directory if it is missing, takes the lock, writes the pid. False with a line in
 * *errors. */
bool runtime_take(struct runtime *r, struct buf *errors);

/* Removes the pid file and the lock. */
void runtime_release(struct runtime *r);

#endif
