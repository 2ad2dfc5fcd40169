/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The access log: combined or JSON lines, buffered per worker and handed over at least every
 * [log] flush, when the buffer is full, and before the worker ends. They go into a queue (a
 * socket) in messages of whole lines; another process writes them to the file, standard output
 * or syslog (proc/logger.h). Every byte a client chose is escaped.
 *
 * The loop does not wait for a log: what the queue does not take stays in the buffer, which grows
 * up to a bound. Lines that find no room are dropped, counted on the slot, and told of in one
 * warning when that begins and one when it is over. Worker only.
 */
#ifndef WEIR_PROTO_ACCESS_LOG_H
#define WEIR_PROTO_ACCESS_LOG_H

#include <stdbool.h>

#include "conf/conf.h"
#include "http/request.h"
#include "net/loop.h"

struct access_log;

/* fd: the queue, borrowed; -1: the log is off. NULL on ENOMEM. */
struct access_log *access_log_new(struct loop *loop, const struct conf *conf, int fd);
/* Hands over what it has, for which it waits a second at most. */
void access_log_free(struct access_log **log);
void access_log_flush(struct access_log *log);

/* Facts of one exchange. http is NULL when no request could be parsed. */
struct access_record {
    struct span peer; /* its address as text */
    const struct http_request *http;
    struct span line;       /* the request line when http is NULL, as far as it came */
    const char *request_id; /* 32 hex digits, or the client's own */
    int status;
    uint64_t bytes_sent; /* of content */
    struct wall when;    /* when it ended */
    /*
     * Phases; 0: unknown or nothing. queue: in the accept queue; head: first to last byte of the
     * request head; open: opening the file, with the wait for an offload thread when it was
     * cold; offload_wait and offload_run: what the jobs of this request, for its open or its
     * content, lay in their queue and took; first_byte and total: from the first byte of the
     * request to the first and the last byte of the answer.
     */
    uint64_t queue_ns, head_ns, open_ns, offload_wait_ns, offload_run_ns, first_byte_ns, total_ns;
    uint64_t server_ns; /* of these what was not its client's doing */
    bool cold;          /* a disk was asked */
    bool aborted;
    const char *cache; /* "hit", "miss", "-" */
    bool reused;       /* not the first request of its connection */
    unsigned worker;
};

/* False while it is off: then nothing need be put together for it. */
bool access_log_is_on(const struct access_log *log);
void access_log_add(struct access_log *log, const struct access_record *r);

#endif
