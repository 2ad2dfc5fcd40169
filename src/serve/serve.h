/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Serving: from a parsed request to a plan of its response. serve_start finds site and
 * location (serve/route), lets the location's handler fill the plan, and turns failures into
 * error responses (serve/errors). It never touches a socket and knows no protocol version:
 * the plan holds a status, field lines and a body source, and whoever speaks the protocol
 * adds Date, Connection, framing, and drops the body of a HEAD. Worker only.
 */
#ifndef WEIR_SERVE_SERVE_H
#define WEIR_SERVE_SERVE_H

#include "base/bytes.h"
#include "base/clock.h"
#include "conf/conf.h"
#include "http/mime.h"
#include "http/request.h"
#include "net/source.h"

struct board_slot;
struct offload;
struct offload_mount;
struct serve_ctx; /* of one worker: roots, open-file cache, media types */

/*
 * mime and conf are borrowed and must outlive it. slot may be NULL (tests). NULL with errno:
 * ENOMEM; or ENOSYS, EPERM when openat2(2) cannot be used here, which is logged.
 */
/* The pool outlives it. pool NULL: everything is done in the calling thread, and nothing ever waits
 * (tests). */
struct serve_ctx *serve_ctx_new(const struct conf *conf, const struct mime_table *mime,
                                struct board_slot *slot, struct offload *pool);
void serve_ctx_free(struct serve_ctx **ctx);

struct serve_request {
    const struct http_request *http;
    struct mono now;
    struct wall now_wall;
};

enum serve_outcome { SERVE_CACHE_NONE, SERVE_CACHE_HIT, SERVE_CACHE_MISS };

#define SERVE_HEADROOM_BYTES 640

/*
 * The response. Zero it once; serve_plan_reset makes it ready for the next request and keeps
 * the memory of `extra`. Field lines are "Name: value\r\n"; the plan has no Date, Connection,
 * Content-Length or Transfer-Encoding among them: these are the protocol's.
 */
struct serve_plan {
    int status;
    struct span ready; /* field lines that live as long as the body source (a cached file's) */
    struct buf extra;  /* field lines made for this response */
    /*
     * Not NULL: SERVE_HEADROOM_BYTES of memory directly in front of the body's bytes, which all
     * are one piece of memory. Zero when the file is fresh; what the protocol puts there stays
     * with the file, and is seen again with `ready` the same and `extra` empty.
     */
    char *headroom;
    uint64_t length;   /* of the content GET would have */
    bool length_known; /* false: the protocol must frame it (chunked, or close) */
    bool no_content;   /* 204, 304: no content and no Content-Length of this length */
    bool close;        /* the connection must not be used again */
    struct source body;
    /* For the logs. */
    enum serve_outcome cache;
    const struct conf_location *location; /* NULL when none matched */
    uint64_t path_key; /* hash of the decoded request path, equal in one worker; 0: none is known */
    struct span file;  /* request path of the file sent, for the board; lives as long as body */
    void (*wake)(void *arg); /* set by the protocol; see SERVE_WAIT */
    void *wake_arg;
    struct serve_pending *pending; /* what is waited for; serve/ only */
    struct file_body *beginning;   /* body whose first bytes are still to be got; serve/ makes it */
    bool cold;                     /* something had to be asked of a disk by an offload thread */
    uint8_t restarts;              /* its file was written to while its first bytes were got */
    uint64_t offload_wait_ns;      /* time such jobs lay in the queue */
    uint64_t offload_run_ns;       /* and took */
    uint64_t open_ns;              /* time spent opening and asking for attributes */
};

void serve_plan_reset(struct serve_plan *plan); /* stops the body source */
void serve_plan_free(struct serve_plan *plan);

enum serve_result {
    SERVE_DONE, /* the plan is made; what went wrong became a status */
    SERVE_WAIT  /* something must be asked of a disk first: plan->wake is called on the loop when it
                   is  known, and then serve_start must be called again with the same plan (not
                   reset)  and an equal request */
};

/* Fills a reset plan whose wake and wake_arg are set. */
enum serve_result serve_start(struct serve_ctx *ctx, const struct serve_request *request,
                              struct serve_plan *plan);

/* The request is given up while serve_start waits: wake will not be called. serve_plan_reset does
 * it too. */
void serve_cancel(struct serve_plan *plan);
/* The same, and the answer is 503: SERVE_DONE. */
enum serve_result serve_give_up(struct serve_ctx *ctx, const struct serve_request *rq,
                                struct serve_plan *plan);

/*
 * A small plain error body with this status, or the site's own page. Also for errors the
 * protocol finds itself (400, 408, 431, ...): request may then be NULL.
 */
void serve_error(struct serve_ctx *ctx, const struct serve_request *request, int status,
                 struct serve_plan *plan);

/* Now and then (once a second), from the loop itself: closes files that nobody asks for any more,
 * tries closes again that were refused, and ends bodies that wait in line for a mount which was
 * fenced or became sick meanwhile. */
void serve_tick(struct serve_ctx *ctx, struct mono now);

/*
 * The mount was fenced (offload_mount_fence), by the fence with this number, not 0: everything that
 * is kept of it is let go, so that it can be unmounted: entries, and the roots that lie on it.
 * Requests for these get 503 until serve_unfence, even when the mount is gone by then; responses
 * that are being sent are left to end. Files that many are closed in steps, by serve_tick.
 */
void serve_fence(struct serve_ctx *ctx, struct offload_mount *mount, uint64_t fence);
/* Roots that were behind this fence are looked up again when they are asked for. */
void serve_unfence(struct serve_ctx *ctx, uint64_t fence);

/* The root of a location that had none when the worker started. True: fd is the context's now. */
bool serve_take_root(struct serve_ctx *ctx, uint64_t location_id, int fd);

/* When descriptors ran out: closes unused cached files; how many were closed. */
unsigned serve_shed(struct serve_ctx *ctx, unsigned count);

#endif
