/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The control socket: RUNTIME_DIR/control.sock, SOCK_SEQPACKET. Its mode says who may watch: the
 * server's own user (and root) alone, a group, or whoever may enter the directory. Commands that
 * change something are for root and the server's own user, by SO_PEERCRED. Descriptors that a
 * client sends along are refused by the kernel (SO_PASSRIGHTS, Linux 6.16), for closing somebody
 * else's socket can wait for as long as he likes; an older kernel hands them over, and they are
 * closed, which is one more reason not to let everybody in. A bounded number of clients, each with
 * at most one reply that waits to be taken: who does not read is not read from either. Idle clients
 * may stay while there is room; one user has some of the places at most, and when all are taken one
 * who may change things is given that of the watcher which has asked for nothing for longest, so
 * that nobody who may only watch can keep an operator out.
 *
 * What a command does is the supervisor's; what requests and replies look like is ctl/server.h.
 * Master only.
 */
#ifndef WEIR_PROC_CONTROL_H
#define WEIR_PROC_CONTROL_H

#include <poll.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/bytes.h"
#include "ctl/server.h"

#define CONTROL_CLIENTS_MAX     64
#define CONTROL_PLACES_WATCHING 16 /* of one user who may only watch */
#define CONTROL_PLACES_ACTING   48 /* of one who may change things: root leaves some to the other */

/* The outcome of a command: what the reply says. */
struct control_outcome {
    bool ok;
    struct buf message;
    uint32_t op; /* 0: done */
    int pass_fd; /* -1; else it is sent along and closed */
    bool later;  /* no reply yet: control_answer gives it */
};

typedef void control_handler(void *arg, const struct control_request *request,
                             struct control_outcome *outcome);

struct control;

/* Listens at this path (what is there is stale: the runtime directory is locked). NULL: a line in
 * *errors. */
struct control *control_listen(const char *path, control_handler *handler, void *arg,
                               struct buf *errors);
/* Who may connect from now on, besides root and the server's user (group: NULL for none). False
 * with errno: it stays as it was. At first nobody. */
bool control_admit(struct control *c, bool everybody, const gid_t *group);
/* Closes all, removes the socket unless another has taken its place. Replies that could not be sent
 * yet are lost. */
void control_close(struct control **c);

/* The reply for those whom a command promised one later; nothing when there is nobody. */
void control_answer(struct control *c, bool ok, struct span message, uint32_t op);

/* At most 1 + CONTROL_CLIENTS_MAX entries for poll(2); give them back with their revents. */
size_t control_poll_fds(const struct control *c, struct pollfd *to);
void control_serve(struct control *c, const struct pollfd *fds, size_t count);

#endif
