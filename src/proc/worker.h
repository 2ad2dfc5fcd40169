/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A worker process, from fork to exit: everything it inherits is in struct worker_env, and
 * it closes all else. It wires loop, listeners, serving context and protocol together and
 * runs the event loop until it is retired. What it is told and what it tells goes over one
 * SOCK_SEQPACKET pair (proc/channel.h); what it does is on its slot.
 */
#ifndef WEIR_PROC_WORKER_H
#define WEIR_PROC_WORKER_H

#include <sys/types.h>

#include "board/board.h"
#include "conf/conf.h"
#include "http/mime.h"

/* Why a worker ended: its exit status. 64.. are sysexits(3). */
enum worker_exit {
    WORKER_RETIRED = 0,  /* it was told to go, and went */
    WORKER_ORPHANED = 3, /* the master is gone */
    WORKER_SICK = 4,     /* something it needs failed at run time: start again, slower */
    WORKER_FATAL = 5     /* it cannot work with this configuration: do not start again */
};

struct worker_env {
    unsigned number; /* from 1 */
    unsigned generation;
    const struct conf *conf;
    const struct mime_table *mime;
    struct board *board;
    const int *listen_fd; /* in the order of conf->server.listen */
    size_t listen_count;
    int channel_fd;
    int access_log_fd;    /* its queue; -1: off */
    void *address_table;  /* net/address_table.h; NULL when there is no limit per address */
    bool drop_privileges; /* the master runs as root: become uid, gid */
    uid_t uid;
    gid_t gid;
    const gid_t *groups; /* all of them, gid too */
    size_t group_count;
    pid_t master_pid;
};

/* Called in the child, after fork. Does not return. */
_Noreturn void worker_main(const struct worker_env *env);

#endif
