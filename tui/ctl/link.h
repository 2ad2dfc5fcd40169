/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The link to the server: one control connection, the board that came over it, and the
 * commands that wait for their replies. Nothing here ever waits: a master that hangs leaves
 * replies outstanding, no more. When the connection ends the link tries again twice a second,
 * for ever; the board of the server that is gone stays mapped until there is a new one. Runs
 * in weirtop; uses include/weir/control.h and snapshot.h.
 */
#ifndef WEIR_TUI_LINK_H
#define WEIR_TUI_LINK_H

#include "weir/control.h"
#include "weir/snapshot.h"

#define LINK_PENDING   16
#define LINK_RETRY_NS  (500 * UINT64_C(1000000))
#define LINK_ANSWER_NS (5 * UINT64_C(1000000000))

struct link_request {
    unsigned id; /* 0: the link's own request for the board */
    uint64_t sent_ns;
};

struct link {
    const char *dir; /* runtime directory, the caller's */
    int fd;          /* -1: no connection */
    struct board_view *view;
    bool board_asked;
    bool board_fresh; /* the view belongs to this connection */
    uint64_t retry_ns;
    bool silent;     /* somebody listens there, and has not answered */
    bool unreadable; /* it answered, and its board cannot be read: another version */
    struct link_request pending[LINK_PENDING]; /* oldest first: replies come in order */
    unsigned pending_count;
    char why[256]; /* why there is no board, a sentence */
};

/* A reply to a request of ours, or its failure. */
struct link_answer {
    unsigned id;
    bool ok;
    uint32_t op;
    char text[16384]; /* `inspect` has many lines */
};

void link_init(struct link *l, const char *dir);
void link_close(struct link *l);

/* Connects when it is time to. */
void link_tick(struct link *l, uint64_t now_ns);

/* Sends a command. False with a sentence in l->why when it could not go out. */
bool link_send(struct link *l, unsigned id, const char *command, uint64_t now_ns);

/* Takes what arrived: 1 an answer is in *a, 0 nothing more. Call until 0. */
int link_receive(struct link *l, struct link_answer *a, uint64_t now_ns);

/* Is the board up to date, that is, is its server there? */
static inline bool link_up(const struct link *l)
{
    return l->fd >= 0 && l->view != NULL && l->board_fresh;
}

#endif
