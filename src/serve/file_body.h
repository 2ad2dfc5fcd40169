/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The body of a response that is a stretch of an open file. Before each window the file's
 * residency is asked for: a hot window is given as a slice for sendfile, a cold one is read by
 * an offload thread while the source waits, and the one behind it is read ahead meanwhile
 * (file/window). On tmpfs, and without a pool, it is one plain slice.
 *
 * The first bytes are got before the response begins (file_body_begin), so that a file that
 * cannot be read is an error answer and not a connection that breaks off. Worker's loop only.
 */
#ifndef WEIR_SERVE_FILE_BODY_H
#define WEIR_SERVE_FILE_BODY_H

#include "file/window.h"
#include "net/source.h"
#include "serve/serve.h"

/* One reader; a response with several ranges moves it from one to the next. */
struct file_body {
    struct file_windows *windows; /* NULL: nothing waits */
    struct file_mounts *mounts;
    struct offload *pool;
    struct board_slot *slot;  /* may be NULL */
    bool faulty;              /* there are [fault] rules */
    struct file_entry *entry; /* borrowed from whoever embeds this */
    struct serve_plan *plan;  /* gets the times waited; NULL: nobody asks */
    struct source *source;    /* whose wake is called */
    uint64_t offset, end;
    uint64_t counted;          /* hot windows before here are counted: a slice may come back */
    struct file_window *held;  /* the bytes given last */
    struct file_window *ahead; /* being read before it is asked for */
    struct file_window_wait wait;
    struct file_window_rest rest;
    bool several;   /* set by the owner: other ranges come behind this one */
    bool again;     /* held is to be given once more, from offset on */
    bool answered;  /* wait.window or wait.refused is to be looked at */
    bool beginning; /* until file_body_begin is done: the plan is woken, not the source */
    bool begun;     /* first is to be given next */
    struct chunk first;
    struct mono first_at; /* when the turn began in which it was got */
    bool failed, refused; /* refused: by its mount */
    int error;            /* errno of a failure */
};

struct serve_ctx;

/* Makes `body` ready to read e, for `source`. */
void file_body_init(struct file_body *body, struct serve_ctx *ctx, struct file_entry *e,
                    struct serve_plan *plan);
/* What is given next is [offset, end). */
void file_body_range(struct file_body *body, uint64_t offset, uint64_t end);
/* The next chunk; CHUNK_END when the range is used up. */
void file_body_pull(struct file_body *body, struct source *source, struct chunk *out);
/* Copies bytes of the file that are in memory, within the window held or in the kernel. False: it
 * could wait, or they are not there; nothing is changed but to[]. */
bool file_body_copy(struct file_body *body, uint64_t offset, char *to, size_t n);
/* Has the last so many bytes of what it gave last back, to give them again, and lets others have
 * the buffers it holds meanwhile; see source_give_back. */
bool file_body_give_back(struct file_body *body, uint64_t unsent_bytes);
/* Gives back what is held and waited for. */
void file_body_stop(struct file_body *body);

/* Gets the first chunk of the plan's body. SERVE_WAIT: the plan's wake is called, call again. What
 * fails becomes the plan's answer. */
enum serve_result file_body_begin(struct serve_ctx *ctx, const struct serve_request *rq,
                                  struct serve_plan *plan);

/* Makes [offset, end) of e the plan's body; takes the reference to e. False on ENOMEM. */
bool file_body_source(struct serve_ctx *ctx, const struct serve_request *rq,
                      struct serve_plan *plan, struct file_entry *e, uint64_t offset, uint64_t end);

#endif
