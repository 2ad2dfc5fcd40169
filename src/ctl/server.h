/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The server's half of the control protocol, without its sockets: a request packet becomes a
 * struct, an outcome becomes a reply packet. Pure; every byte of a request is somebody
 * else's. Who may ask what is decided by the caller, from control_command_access and the
 * peer's credentials; whether it can be done (worker 9 does not exist) too. Runs in the master;
 * weirctl parses a command before it sends it.
 */
#ifndef WEIR_CTL_SERVER_H
#define WEIR_CTL_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/log.h"
#include "weir/control.h"

#define CONTROL_NUMBER_MAX 65535
#define CONTROL_WHY_BYTES  512
/* The most that THROTTLE takes; less than the least would be an abort in disguise. */
#define CONTROL_RATE_LEAST 1024
#define CONTROL_RATE_MOST  (UINT64_C(1) << 40)

/* workers N, workers +N, workers -N, workers auto */
enum control_amount { AMOUNT_SET, AMOUNT_ADD, AMOUNT_REMOVE, AMOUNT_AUTO };

struct control_request {
    enum control_command command;
    enum control_amount amount; /* WORKERS */
    unsigned number;  /* WORKERS: N, from 1, 0 with AMOUNT_AUTO; DRAIN, RESTART, KILL, INSPECT,
                         ABORT, THROTTLE: the worker; OFFLOAD: threads */
    struct span path; /* FENCE, UNFENCE: absolute, the rest of the line; it lies in the packet */
    enum log_level level; /* LOGLEVEL */
    bool now;             /* STOP */
    uint64_t serial;      /* ABORT, THROTTLE: of the request in that worker */
    uint64_t rate_bytes;  /* THROTTLE: a second; 0: off */
};

/*
 * Reads a request packet: a command word and its arguments, separated by blanks; one newline
 * at the end is allowed. False with a printable sentence in why[], which says what would be right.
 */
bool control_parse(struct span packet, struct control_request *request, char *why,
                   size_t why_bytes);

/* Says in why[] that the word is none of these, and which one is nearest, or all of them. */
void control_no_command(struct span word, const char *const *known, size_t count, char *why,
                        size_t why_bytes);

/*
 * Writes the reply packet, at most room bytes (at least 256; CONTROL_REPLY_BYTES holds all),
 * and returns its length. A message that does not fit ends in "...". op 0: the change is done.
 */
size_t control_reply_write(char *to, size_t room, bool ok, const char *message, uint32_t op);

#endif
