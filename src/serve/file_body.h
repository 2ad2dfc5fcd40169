/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The body of a response that is a stretch of an open file. Before each window the file's
 * residency is asked for: a hot window is given as a slice for sendfile, a cold one is read by
 * an offload thread while the source waits, and the one behind it is read ahead meanwhile
 * (file/window). On tmpfs, and without a pool, it is one plain slice. Worker's loop only.
 */
#ifndef WEIR_SERVE_FILE_BODY_H
#define WEIR_SERVE_FILE_BODY_H

#include "file/window.h"
#include "net/source.h"
#include "serve/serve.h"

/* One reader; a response with several ranges moves it from one to the next. */
struct file_body {
    struct file_windows *windows; /* NULL: nothing waits */
    struct offload *pool;
    struct board_slot *slot;  /* may be NULL */
    bool faulty;              /* there are [fault] rules */
    struct file_entry *entry; /* borrowed from whoever embeds this */
    struct serve_plan *plan;  /* gets the times waited; NULL: nobody asks */
    struct source *source;    /* whose wake is called */
    uint64_t offset, end;
    struct file_window *held;  /* the bytes given last */
    struct file_window *ahead; /* being read before it is asked for */
    struct file_window_wait wait;
    bool answered; /* wait.window or wait.refused is to be looked at */
    bool failed;
};

struct serve_ctx;

/* Makes `body` ready to read e, for `source`. */
void file_body_init(struct file_body *body, struct serve_ctx *ctx, struct file_entry *e,
                    struct serve_plan *plan);
/* What is given next is [offset, end). */
void file_body_range(struct file_body *body, uint64_t offset, uint64_t end);
/* The next chunk; CHUNK_END when the range is used up. */
void file_body_pull(struct file_body *body, struct source *source, struct chunk *out);
/* Gives back what is held and waited for. */
void file_body_stop(struct file_body *body);

/* Makes [offset, end) of e the plan's body; takes the reference to e. False on ENOMEM. */
bool file_body_source(struct serve_ctx *ctx, struct serve_plan *plan, struct file_entry *e,
                      uint64_t offset, uint64_t end);

/* True when the beginning of this stretch would have to be read from a mount that refuses. */
bool file_body_is_refused(struct serve_ctx *ctx, struct file_entry *e, uint64_t offset,
                          uint64_t end);

#endif
