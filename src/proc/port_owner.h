/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who listens on a port that is taken: for the sentence with which a start fails. Looks through
 * /proc, which takes a moment, so only then. Master only, before it serves.
 */
#ifndef WEIR_PROC_PORT_OWNER_H
#define WEIR_PROC_PORT_OWNER_H

#include <stdbool.h>
#include <sys/socket.h>

#include "base/bytes.h"

/* "; pid 4711 (nginx) listens there", or who it may be when that cannot be seen. False on ENOMEM.
 */
bool port_owner_add(struct buf *to, const struct sockaddr_storage *address);

#endif
