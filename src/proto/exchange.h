/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An exchange: one request and its response, from the first byte that comes to the last that
 * goes, with the buffer that holds the request head (and whatever came behind it). A
 * connection has one only while a request is under way; exchanges and their buffers are
 * recycled in a pool of the worker. Knows no socket. Worker only.
 */
#ifndef WEIR_PROTO_EXCHANGE_H
#define WEIR_PROTO_EXCHANGE_H

#include "base/clock.h"
#include "http/parse.h"
#include "net/sendq.h"
#include "proto/flight.h"
#include "proto/peer.h"
#include "proto/response.h"
#include "serve/serve.h"

#define EXCHANGE_BUFFER_BYTES 4096
#define EXCHANGE_ID_BYTES     64 /* of a client's own request id at most */

enum exchange_phase {
    EXCHANGE_HEAD,  /* receiving the request head */
    EXCHANGE_BODY,  /* receiving the request body */
    EXCHANGE_PLAN,  /* finding out what to answer, which may wait for an offload thread */
    EXCHANGE_ANSWER /* sending the response */
};

/*
 * Offsets into the buffer, always start <= head_end <= next <= n <= cap: [start, head_end)
 * is the head of this request (it stays until the exchange is over, for the log),
 * [next, n) has not been looked at yet.
 */
struct exchange {
    struct exchange *next_free;
    char *buffer;
    size_t cap, n, start, head_end, next;

    enum exchange_phase phase;
    bool began;         /* a byte of this request has come, `begun` holds */
    bool waits;         /* the header timeout of this request runs */
    bool parsed;        /* the head is a request (else it was refused) */
    bool active;        /* counted in requests_active */
    bool head_only;     /* the request was HEAD */
    bool expects;       /* 100-continue, and the body is not here yet */
    bool body_unread;   /* bytes of the body may still come: they are no next request */
    bool client_closes; /* the client said that this is its last request */
    bool close;         /* the connection ends with this response */
    bool woken;         /* what it waits for has come since it was asked for last */
    bool waited_out;    /* what it waits for has not come in time: 503 */
    enum http_body_framing framing;
    uint64_t body_left_bytes;
    uint64_t body_bytes; /* of it that came after the head */
    struct http_chunked chunked;
    struct http_parser parser;

    struct serve_plan plan;
    struct chunk_coder coder;
    struct source nothing;
    struct sendq sendq;
    bool measured;          /* the response has a length that must come true */
    uint64_t content_bytes; /* to be sent, when measured */
    size_t head_bytes;      /* of the response */
    struct buf unsent_head; /* what a full socket left of it */

    struct mono begun, head_done, first_byte;
    struct mono wait_since;   /* in EXCHANGE_PLAN: for an offload thread; 0: not waiting */
    uint64_t waited_ns;       /* for the plan */
    struct mono client_since; /* since when its client, or an operator's throttle, is waited for */
    uint64_t client_ns;       /* behind its head, so far; client_since 0: not */
    char id[EXCHANGE_ID_BYTES + 1];
    char peer_memory[PEER_TEXT_BYTES];
    struct span peer;
    struct flight flight;
    /* While the worker retires: what the client had taken at the last look, and since when. */
    struct mono drain_since;
    uint64_t drain_taken;
};

struct exchange_pool {
    struct exchange *free;
    unsigned free_count;
    char id_prefix[16]; /* hex digits, of this worker */
    uint64_t id_next;
};

void exchange_pool_init(struct exchange_pool *pool);
void exchange_pool_free(struct exchange_pool *pool);

/* One that is ready for a first request; NULL on ENOMEM. */
struct exchange *exchange_take(struct exchange_pool *pool);
void exchange_give(struct exchange_pool *pool, struct exchange **e);
/* The request is over: ready for the next one, whose first bytes may be in the buffer. */
void exchange_next(struct exchange *e);

/*
 * Makes room for `want` bytes behind n, at most `max_bytes` of buffer in all; takes what it
 * can get. The room there is; 0 when the buffer is full.
 */
size_t exchange_room(struct exchange *e, size_t want, size_t max_bytes);

/* Gives the buffer's unused end back, for a wait that may be long. Its bytes may move. */
void exchange_trim(struct exchange *e);

/* The unparsed rest of the buffer from this request's start. */
struct span exchange_input(const struct exchange *e);
/* No request has begun: there are but blank lines, which some clients put behind a body. */
bool exchange_is_blank(const struct exchange *e);
/* The request is HEAD; r NULL: it was refused, and tells its method if that much of it came. */
bool exchange_is_head(const struct exchange *e, const struct http_request *r);
/* Whether a response is sure to follow this one at once. */
bool exchange_another_follows(const struct exchange *e);
/*
 * Whether the answer need not wait for the rest of the body: nobody takes one yet, so a method that
 * stands for its body is refused or redirected whatever the body is. A short one is read first
 * all the same, for then the connection goes on.
 */
bool exchange_needs_no_body(const struct exchange *e, const struct http_request *r);
/* The head was put together in memory that others use too: keeps what is unsent of it. False on
 * ENOMEM. */
bool exchange_keep_head(struct exchange *e);
/* The first line of the input, for the log; without line ends. */
struct span exchange_first_line(const struct exchange *e);
/* Parses the head, known to be good, once more. */
void exchange_parse_again(const struct exchange *e, size_t head_bytes, struct http_request *out);
/* The request's id, made when it is first asked for: the client's own when it is a sensible token,
 * else a new one. r NULL: it was no request. */
const char *exchange_id(struct exchange_pool *pool, struct exchange *e,
                        const struct http_request *r);

enum exchange_body {
    EXCHANGE_BODY_DONE,
    EXCHANGE_BODY_MORE,
    EXCHANGE_BODY_BAD,
    EXCHANGE_BODY_LARGE
};

/* Takes in and drops what the buffer has of the body, up to max_bytes of content. */
enum exchange_body exchange_take_body(struct exchange *e, uint64_t max_bytes);

/* From now on its client is waited for, or not: that time is not the server's. */
void exchange_client_turn(struct exchange *e, bool begins);

/* Content bytes of the response that the kernel has taken. */
uint64_t exchange_content_sent(const struct exchange *e);

#endif
