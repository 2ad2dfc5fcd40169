/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The access log: combined or JSON lines, buffered per worker and written at least every
 * [log] flush, when the buffer is full, and before the worker ends; each write holds
 * whole lines, appended (O_APPEND), so that the lines of several workers do not mix. Every byte a
 * client chose is escaped. To a file, standard output, or syslog(3).
 *
 * The loop does not wait for a log: what is not a regular file is written only while it takes
 * bytes, in pieces a pipe takes whole. Lines that cannot be written (a full disk, a reader
 * that has stopped) are dropped, and counted in one warning when it begins and one when it is
 * over. Worker only; SIGPIPE must be ignored.
 */
#ifndef WEIR_PROTO_ACCESS_LOG_H
#define WEIR_PROTO_ACCESS_LOG_H

#include <stdbool.h>

#include "conf/conf.h"
#include "http/request.h"
#include "net/loop.h"

struct access_log;

/* fd: where lines go, borrowed until access_log_reopen; -1 with to_syslog false: the log is off.
 * NULL on ENOMEM. */
struct access_log *access_log_new(struct loop *loop, const struct conf *conf, int fd,
                                  bool to_syslog);
void access_log_free(struct access_log **log); /* flushes */
void access_log_flush(struct access_log *log);
/* Lines go to fd from now on; the old descriptor is closed. */
void access_log_reopen(struct access_log *log, int fd);

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
    bool cold; /* a disk was asked */
    bool aborted;
    const char *cache; /* "hit", "miss", "-" */
    bool reused;       /* not the first request of its connection */
    unsigned worker;
};

/* False while it is off: then nothing need be put together for it. */
bool access_log_is_on(const struct access_log *log);
void access_log_add(struct access_log *log, const struct access_record *r);

#endif
