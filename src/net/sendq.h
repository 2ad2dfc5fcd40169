/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sending a response on a plain socket: head bytes and a body source, by the fewest calls.
 * Head and memory go out in one sendmsg; before a file slice with MSG_MORE; file slices by
 * sendfile(2) in bounded windows, so that one fast client cannot starve the rest. Every
 * outcome of the kernel's calls has a name here. Worker only; never waits for the socket, nor
 * for a file: a source gives slices only of what is in memory, and SENDQ_WAIT passes on its
 * "not yet". What was in memory when a slice was given says nothing of a later turn, so a call
 * that finds the slice of an earlier one gives it back and pulls again before it sends.
 */
#ifndef WEIR_NET_SENDQ_H
#define WEIR_NET_SENDQ_H

#include "board/slot.h"
#include "net/source.h"

enum sendq_result {
    SENDQ_DONE,   /* all handed to the kernel */
    SENDQ_AGAIN,  /* the socket's buffer is full: call again when it is writable */
    SENDQ_YIELD,  /* the window is used up and more could go: call again next turn */
    SENDQ_WAIT,   /* the source has nothing yet: call again after its wake */
    SENDQ_GONE,   /* the client is gone (EPIPE, ECONNRESET, ETIMEDOUT) */
    SENDQ_SHRUNK, /* the file ended before its promised length */
    SENDQ_BROKEN  /* the source failed, or the file cannot be read (EIO) */
};

struct sendq {
    struct span head;    /* not sent yet; borrowed, must stay until DONE */
    struct source *body; /* borrowed */
    struct chunk chunk;  /* the part under way, shortened as it goes */
    bool chunk_taken;
    bool copies;             /* sendfile cannot do this chunk's file: it is read and sent instead */
    bool corked;             /* the last bytes went with MSG_MORE, the kernel may still hold them */
    uint64_t sent_bytes;     /* since sendq_start, head included */
    uint64_t sendfile_bytes; /* of these, by sendfile */
};

/* What is worth sending at once: larger windows save no more CPU time. */
#define SENDQ_WINDOW_BYTES (2048 * 1024)

/* body may be an empty source. What the response before left held back is still known of: *q is
 * zero before the first one of a socket. */
void sendq_start(struct sendq *q, struct span head, struct source *body);

/*
 * Sends at most window bytes of body (head bytes are not counted). errno is the kernel's for
 * GONE and BROKEN. After WAIT it must be called again only when the source has called its wake.
 * `more` true: another response follows at once (pipelining), so the last
 * small piece may be held back (MSG_MORE); sendq_push when it does not. The process must ignore
 * SIGPIPE, for sendfile(2) knows no MSG_NOSIGNAL. The body is not stopped here.
 */
enum sendq_result sendq_send(struct sendq *q, int socket, size_t window, bool more,
                             struct board_slot *slot, struct mono now);

/*
 * Lets go what the kernel may still hold back, for up to 200 ms, for a piece or a response that
 * does not come at once.
 */
void sendq_push(struct sendq *q, int socket);

/*
 * The caller is about to wait for the client, or for its own time: what can be got again is given
 * back to the source, whether the head before it is out or not, so that a client that takes nothing
 * holds nothing that others want.
 */
void sendq_rest(struct sendq *q);

#endif
