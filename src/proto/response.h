/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A response as HTTP/1.1 bytes: its head, and the chunked coding around a body whose length
 * is not known (RFC 9112, 7.1). Knows no connection. Worker only.
 */
#ifndef WEIR_PROTO_RESPONSE_H
#define WEIR_PROTO_RESPONSE_H

#include "base/bytes.h"
#include "net/source.h"
#include "serve/serve.h"

enum response_framing {
    RESPONSE_LENGTH,  /* Content-Length */
    RESPONSE_CHUNKED, /* Transfer-Encoding: chunked */
    RESPONSE_CLOSE,   /* the end of the connection is the end of the body */
    RESPONSE_EMPTY    /* 204, 304: no content, no length */
};

enum response_connection { CONNECTION_UNSAID, CONNECTION_KEEP_ALIVE, CONNECTION_CLOSE };

struct response_head {
    const struct serve_plan *plan;
    struct span date; /* the Server and Date lines */
    enum response_framing framing;
    enum response_connection connection;
    const char *request_id; /* NULL: not told to the client */
};

/* Puts the head into *to, replacing what was there. False on ENOMEM. */
bool response_head_put(struct buf *to, const struct response_head *r);

/*
 * The same, where the plan's headroom can be used: the head then lies in front of the body, in
 * one piece with it, and is still there when the next response of this second needs the same.
 * Else it is put into *to. The head; its p is NULL on ENOMEM.
 */
struct span response_head_place(struct buf *to, const struct response_head *r,
                                uint64_t date_second);

/*
 * A source that gives another source's chunks in the chunked coding. It borrows the inner one,
 * which must stay where it is, and stops it when it is stopped. Where the inner one waits, it
 * waits, and is woken by the inner one itself.
 */
struct chunk_coder {
    struct source source;
    struct source *inner;
    struct chunk held; /* pulled from inner, to be given after its size line */
    bool holds;
    bool begun; /* a chunk went before, its CRLF is due */
    bool ended;
    uint64_t framing_bytes; /* of the coding itself, given so far */
    char line[24];
};

void chunk_coder_init(struct chunk_coder *coder, struct source *inner);

#endif
