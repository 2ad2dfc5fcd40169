/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sending a response on a plain socket; see sendq.h. One step sends one thing: the head with
 * the memory chunk behind it, the head alone before a file, or a window of a file. Every step
 * ends in one of the named outcomes or in STEP_ON, which means all that was asked went out.
 *
 * A short count from a socket that does not wait means its buffer is full, so it is taken for
 * SENDQ_AGAIN without asking again: the socket is level-triggered in the loop, and a wrong
 * guess costs one turn. A file whose file system has no splice (some FUSE and pseudo file
 * systems answer sendfile with EINVAL) is read into a buffer on the stack and sent from there;
 * what the socket does not take is read again.
 *
 * A source that has nothing yet is not pulled again before it said so (SENDQ_WAIT), but all it
 * gave before is sent first, and nothing of it held back.
 *
 * A file slice that was begun in an earlier call, or pulled in it, is old: between the two the
 * client stalled, a throttle ran or others had their turn, and its pages may have left memory.
 * Its source is asked again first; to ask costs it nothing while the answer is fresh. Worker only.
 */
#include "net/sendq.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    COPY_BYTES = 16 * 1024,
    JOIN_BYTES = 2048,        /* two pieces of no more than this are copied into one */
    PULLS_MAX = 64,           /* chunks of one call: a body of tiny pieces is not endless work */
    SENDFILE_MAX = 0x7ffff000 /* what the kernel moves in one call at most (sendfile(2)) */
};

enum { STEP_ON = -1 }; /* besides enum sendq_result */

/* One call of sendq_send. */
struct turn {
    struct sendq *q;
    int socket;
    size_t window; /* what is left of it */
    bool more;
    bool marked_sendfile; /* the precise clock was read in this call */
    struct board_slot *slot;
    struct mono now;
};

void sendq_start(struct sendq *q, struct span head, struct source *body)
{
    *q = (struct sendq){.head = head, .body = body, .corked = q->corked};
    q->chunk.fd = -1;
}

/* Whose fault a failed send or sendfile is: the connection's, or ours. */
static enum sendq_result failed(int error)
{
    switch (error) {
    case EAGAIN:
        return SENDQ_AGAIN;
    case EPIPE:
    case ECONNRESET:
    case ECONNABORTED:
    case ECONNREFUSED:
    case ENOTCONN:
    case ESHUTDOWN:
    case ETIMEDOUT:
    case ENETDOWN:
    case ENETUNREACH:
    case ENETRESET:
    case EHOSTDOWN:
    case EHOSTUNREACH:
        return SENDQ_GONE;
    default: /* EIO, ESTALE, EOVERFLOW, ENOMEM, EBADF, ... */
        return SENDQ_BROKEN;
    }
}

static void count_out(struct turn *t, size_t n)
{
    t->q->sent_bytes += n;
    slot_count(t->slot, COUNTER_bytes_out, n);
}

static void take_front(struct span *s, size_t n)
{
    s->p += n;
    s->n -= n;
}

/* Takes n bytes sent off the head, then off the chunk. */
static void consume(struct turn *t, size_t n)
{
    struct sendq *q = t->q;
    size_t of_head = n < q->head.n ? n : q->head.n;

    count_out(t, n);
    if (of_head > 0)
        take_front(&q->head, of_head);
    n -= of_head;
    if (n > 0) {
        take_front(&q->chunk.memory, n);
        t->window -= n;
    }
}

static ssize_t send_one(int socket, struct span one, int flags)
{
    ssize_t sent;

    do
        sent = send(socket, one.p, one.n, flags);
    while (sent < 0 && errno == EINTR);
    return sent;
}

/* Pieces that lie apart. Short ones are copied together, for sendmsg(2) costs more than that. */
static __attribute__((noinline)) ssize_t send_two(int socket, struct span head, struct span body,
                                                  int flags)
{
    char joined[JOIN_BYTES];
    ssize_t sent;

    if (head.n + body.n <= sizeof joined) {
        memcpy(joined, head.p, head.n);
        memcpy(joined + head.n, body.p, body.n);
        return send_one(socket, span_of(joined, head.n + body.n), flags);
    }
    struct iovec part[2] = {{(void *)(size_t)head.p, head.n}, {(void *)(size_t)body.p, body.n}};
    struct msghdr message = {.msg_iov = part, .msg_iovlen = 2};
    do
        sent = sendmsg(socket, &message, flags);
    while (sent < 0 && errno == EINTR);
    return sent;
}

/* One call for both, either of which may be empty. */
static ssize_t send_pieces(int socket, struct span head, struct span body, int flags)
{
    if (head.n == 0)
        return send_one(socket, body, flags);
    if (body.n > 0 && head.p + head.n != body.p)
        return send_two(socket, head, body, flags);
    return send_one(socket, span_of(head.p, head.n + body.n), flags);
}

/*
 * Sends the head and, when there is one, the memory chunk, as far as the window goes. They
 * may be held back when more follows: a file slice, or whatever a source of several chunks
 * gives next, which can only be known when this chunk's bytes are no longer needed.
 */
static int send_memory(struct turn *t)
{
    struct sendq *q = t->q;
    struct span body = {0};
    bool last = q->chunk.kind == CHUNK_END;

    if (q->chunk.kind == CHUNK_MEMORY) {
        body = q->chunk.memory;
        if (body.n > t->window)
            body.n = t->window;
        last = body.n == q->chunk.memory.n && (q->chunk.last || source_is_used_up(q->body));
    }
    /* Before a wait nothing is held back: what comes next may be long in coming. */
    bool hold = q->chunk.kind != CHUNK_WAIT && (!last || t->more);
    slot_wait(t->slot, WAIT_SEND, t->now);
    ssize_t sent =
        send_pieces(t->socket, q->head, body, MSG_NOSIGNAL | MSG_DONTWAIT | (hold ? MSG_MORE : 0));
    if (sent < 0)
        return (int)failed(errno);
    size_t want = q->head.n + body.n;
    consume(t, (size_t)sent);
    q->corked = hold;
    return (size_t)sent < want ? (int)SENDQ_AGAIN : STEP_ON;
}

static void consume_file(struct turn *t, size_t n)
{
    t->q->chunk.offset += n;
    t->q->chunk.length -= n;
    t->window -= n;
    t->q->corked = false;
    count_out(t, n);
}

/* How much of the file chunk one call may move. */
static size_t file_share(const struct turn *t)
{
    uint64_t n = t->q->chunk.length;

    if (n > t->window)
        n = t->window;
    return n > SENDFILE_MAX ? SENDFILE_MAX : (size_t)n;
}

/* A file without splice: read a piece, send it. */
static int copy_file(struct turn *t)
{
    char piece[COPY_BYTES];
    size_t want = file_share(t);
    ssize_t got, sent;

    if (want > sizeof piece)
        want = sizeof piece;
    do
        got = pread(t->q->chunk.fd, piece, want, (off_t)t->q->chunk.offset);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return SENDQ_BROKEN;
    if (got == 0)
        return SENDQ_SHRUNK;
    bool hold = (uint64_t)got < t->q->chunk.length;
    do
        sent = send(t->socket, piece, (size_t)got,
                    MSG_NOSIGNAL | MSG_DONTWAIT | (hold ? MSG_MORE : 0));
    while (sent < 0 && errno == EINTR);
    if (sent < 0)
        return (int)failed(errno);
    consume_file(t, (size_t)sent);
    t->q->corked = hold;
    return sent < got ? (int)SENDQ_AGAIN : STEP_ON;
}

static int send_file(struct turn *t)
{
    struct sendq *q = t->q;
    size_t want = file_share(t);
    off_t offset = (off_t)q->chunk.offset;
    ssize_t sent;

    if (q->chunk.offset > INT64_MAX || q->chunk.length > INT64_MAX - q->chunk.offset) {
        errno = EOVERFLOW;
        return SENDQ_BROKEN;
    }
    if (!t->marked_sendfile)
        slot_wait(t->slot, WAIT_SENDFILE, mono_now());
    t->marked_sendfile = true;
    if (q->copies)
        return copy_file(t);
    do
        sent = sendfile(t->socket, q->chunk.fd, &offset, want);
    while (sent < 0 && errno == EINTR);
    if (sent < 0 && (errno == EINVAL || errno == ENOSYS)) {
        q->copies = true;
        return copy_file(t);
    }
    if (sent < 0)
        return (int)failed(errno);
    if (sent == 0)
        return SENDQ_SHRUNK;
    consume_file(t, (size_t)sent);
    q->sendfile_bytes += (uint64_t)sent;
    slot_count(t->slot, COUNTER_sendfile_bytes, (uint64_t)sent);
    return (size_t)sent < want ? (int)SENDQ_AGAIN : STEP_ON;
}

static bool chunk_is_empty(const struct chunk *c)
{
    return (c->kind == CHUNK_MEMORY && c->memory.n == 0) ||
           (c->kind == CHUNK_FILE && c->length == 0);
}

void sendq_push(struct sendq *q, int socket)
{
    const int on = 1;

    if (!q->corked)
        return;
    /* Setting it, even when it is set, pushes what MSG_MORE held back (tcp(7)). Other
     * kinds of socket hold nothing back and refuse the option: nothing to do for them. */
    (void)setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    q->corked = false;
}

/* All is with the kernel. */
static enum sendq_result finish(struct turn *t)
{
    if (!t->more)
        sendq_push(t->q, t->socket);
    return SENDQ_DONE;
}

/* What came before is with the kernel, what comes next is not there: the next call pulls again. */
static enum sendq_result wait_for_source(struct turn *t)
{
    sendq_push(t->q, t->socket);
    t->q->chunk_taken = false;
    return SENDQ_WAIT;
}

/* Sends what the queue holds at its front. */
static int step(struct turn *t)
{
    struct sendq *q = t->q;

    switch (q->chunk.kind) {
    case CHUNK_ERROR:
        errno = q->chunk.error != 0 ? q->chunk.error : EIO;
        return SENDQ_BROKEN;
    case CHUNK_END:
        return q->head.n > 0 ? send_memory(t) : (int)finish(t);
    case CHUNK_MEMORY:
        return t->window == 0 ? (int)SENDQ_YIELD : send_memory(t);
    case CHUNK_FILE:
        if (q->head.n > 0)
            return send_memory(t);
        return t->window == 0 ? (int)SENDQ_YIELD : send_file(t);
    case CHUNK_WAIT:
        return q->head.n > 0 ? send_memory(t) : (int)wait_for_source(t);
    }
    errno = EINVAL;
    return SENDQ_BROKEN;
}

/* How much of the chunk under way is unsent. */
static uint64_t unsent_of(const struct sendq *q)
{
    if (!q->chunk_taken)
        return 0;
    return q->chunk.kind == CHUNK_FILE ? q->chunk.length : q->chunk.memory.n;
}

static void give_back(struct sendq *q)
{
    if (source_give_back(q->body, unsent_of(q)))
        q->chunk_taken = false;
}

enum sendq_result sendq_send(struct sendq *q, int socket, size_t window, bool more,
                             struct board_slot *slot, struct mono now)
{
    struct turn t = {q, socket, window, more, false, slot, now};
    int pulls = 0;

    if (q->chunk_taken && q->chunk.kind == CHUNK_FILE && q->chunk.length > 0)
        give_back(q);
    for (;;) {
        if (!q->chunk_taken || chunk_is_empty(&q->chunk)) {
            if (pulls++ == PULLS_MAX)
                return SENDQ_YIELD;
            source_pull(q->body, &q->chunk);
            q->chunk_taken = true;
            q->copies = false;
            continue;
        }
        int result = step(&t);
        if (result != STEP_ON)
            return (enum sendq_result)result;
    }
}

void sendq_rest(struct sendq *q)
{
    bool gives = q->chunk.kind == CHUNK_MEMORY || q->chunk.kind == CHUNK_FILE;

    if (!q->chunk_taken || (gives && unsent_of(q) > 0))
        give_back(q);
}
