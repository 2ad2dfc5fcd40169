/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The control client: how weirctl, weirtop and scripts in C talk to the master. The socket
 * is RUNTIME_DIR/control.sock (unix, SOCK_SEQPACKET). A request is one packet of text, a
 * command of commands.def and its arguments: "workers +1". A reply is one packet of JSON,
 * {"ok":true,"message":"workers 2 -> 3","op":42} or {"ok":false,"message":"why"}, and for
 * "board" the board's descriptor with it (unix(7), SCM_RIGHTS). "op" is there when the
 * change goes on after the reply: the board's op_state follows it. Every request gets
 * exactly one reply, in order.
 *
 * Runs in observers. Two ways to use it: control_ask for scripts, which waits; and
 * open/send/receive for a program with a loop of its own, which never does.
 */
#ifndef WEIR_CONTROL_H
#define WEIR_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONTROL_REQUEST_BYTES 1024
#define CONTROL_REPLY_BYTES   65536

enum control_command {
#define COMMAND(name, word, arguments, access, help) COMMAND_##name,
#include "weir/commands.def"
#undef COMMAND
    COMMAND_COUNT
};

enum control_access { CONTROL_READ, CONTROL_WRITE };

extern const char *const control_command_word[COMMAND_COUNT];
extern const char *const control_command_arguments[COMMAND_COUNT];
extern const char *const control_command_help[COMMAND_COUNT];
extern const enum control_access control_command_access[COMMAND_COUNT];

struct control_reply {
    bool ok;
    char *message; /* malloc'ed, scrubbed for a terminal; may hold several lines */
    uint32_t op;   /* 0: done already */
    int passed_fd; /* the board, -1 when none; the caller closes it */
};

void control_reply_free(struct control_reply *r);

/*
 * The runtime directory to use: `given` if not NULL, else $WEIR_RUNTIME_DIR, else /run/weir
 * for root or when a socket is there that may be opened, else $XDG_RUNTIME_DIR/weir, else
 * /tmp/weir-UID. Returns out, cut never: false when it would not fit.
 */
bool control_runtime_dir(const char *given, char *out, size_t out_bytes);

/*
 * Connects to DIR/control.sock. The descriptor, or -1 with errno and a sentence in why[]. While
 * the master has not taken the connections before (EAGAIN) it tries again for wait_ms at most;
 * with 0 it never waits.
 */
int control_open(const char *dir, int wait_ms, char *why, size_t why_bytes);

/* Sends one request. False with a sentence in why[]. Never blocks (the socket buffer holds it). */
bool control_send(int fd, const char *request, char *why, size_t why_bytes);

/*
 * Takes one reply if it is there. 1: *reply filled; 0: nothing yet (only when !wait);
 * -1: the connection is gone or speaks nonsense, sentence in why[]. With wait_ms > 0 it
 * waits that long at most (a timeout is -1); with 0 it never waits.
 */
int control_receive(int fd, int wait_ms, struct control_reply *reply, char *why, size_t why_bytes);

/* open, send, receive, close. False when no reply came, sentence in why[]. */
bool control_ask(const char *dir, const char *request, int wait_ms, struct control_reply *reply,
                 char *why, size_t why_bytes);

#endif
