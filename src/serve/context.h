/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the handlers of one worker share, and what they are asked: inside serve/ only. Each
 * handler fills in a plan that serve_start has made ready. Worker's loop only.
 */
#ifndef WEIR_SERVE_CONTEXT_H
#define WEIR_SERVE_CONTEXT_H

#include <errno.h>

#include "file/cache.h"
#include "file/dir.h"
#include "file/window.h"
#include "net/offload.h"
#include "serve/listing_page.h"
#include "serve/listings.h"
#include "serve/refusal.h"
#include "serve/route.h"
#include "serve/serve.h"

/* A longer decoded path is answered 414; the file system's own limit is PATH_MAX. */
#define SERVE_PATH_BYTES 8192

/* Bodies of errors and redirects: "404 Not Found\n". */
#define SERVE_STATUS_FIRST 300
#define SERVE_STATUS_LAST  599
#define SERVE_SHORT_BYTES  48

struct serve_short {
    uint8_t bytes;
    char text[SERVE_SHORT_BYTES];
};

struct serve_ctx {
    const struct conf *conf;
    const struct mime_table *mime;
    struct board_slot *slot; /* may be NULL */
    struct file_cache *cache;
    struct listings *listings;
    struct file_root *root; /* by location id */
    struct offload *pool;   /* NULL: everything is done at once; then what follows is NULL too */
    struct file_mounts *mounts;
    struct file_closer *closer;
    struct file_windows *windows;
    struct errands *errands;
    bool cached_opens;      /* the kernel has RESOLVE_CACHED */
    bool dropping;          /* entries on fenced mounts are still to be given up */
    uint64_t path_seed;     /* of plans' path_key */
    uint32_t *regular;      /* by hash: names that were regular files when they were opened last */
    size_t regular_count;   /* a power of two; 0: none is remembered */
    struct mono logged;     /* the last line about a failing file, see serve_log_failure */
    unsigned log_held_back; /* lines not written since */
    struct refusals refusals;
    char path[SERVE_PATH_BYTES + 1];
    char index_path[SERVE_PATH_BYTES + 256 + 1];
    char where[SERVE_PATH_BYTES + 4096 + 1]; /* a path in the file system, until the next is made */
    struct serve_short shorts[SERVE_STATUS_LAST - SERVE_STATUS_FIRST + 1];
};

/* Where a request leads. */
struct serve_target {
    const struct conf_site *site;
    const struct conf_location *location;
    struct span path; /* decoded, normalised, NUL-terminated, in ctx->path */
    size_t name_at; /* the part of path behind the location's prefix begins here, without a slash */
};

/* --- handlers --- */
enum serve_result serve_files(struct serve_ctx *ctx, const struct serve_request *rq,
                              const struct serve_target *t, struct serve_plan *plan);
/* The directory is there, and st is what is known of it: path ends in '/'. */
enum serve_result serve_listing(struct serve_ctx *ctx, const struct serve_request *rq,
                                const struct serve_target *t, const struct stat *st,
                                struct serve_plan *plan);
void serve_redirect(struct serve_ctx *ctx, const struct serve_request *rq,
                    const struct serve_target *t, struct serve_plan *plan);
/* 301 to the same path with a slash behind it, query kept. */
void serve_add_slash(struct serve_ctx *ctx, const struct serve_request *rq,
                     const struct serve_target *t, struct serve_plan *plan);

/* --- lookup.c --- */
enum serve_look {
    SERVE_LOOK_FOUND,
    SERVE_LOOK_WAIT,    /* SERVE_WAIT */
    SERVE_LOOK_ANSWERED /* it could not be asked, and the plan says so */
};

/* FOUND: *e, held, is what path (beneath t's root from t->name_at on) is; NULL on ENOMEM. */
enum serve_look serve_look_up(struct serve_ctx *ctx, const struct serve_request *rq,
                              const struct serve_target *t, struct span path,
                              struct serve_plan *plan, struct file_entry **e);
/* FOUND: *listing, held, or NULL and *error. */
enum serve_look serve_look_at_directory(struct serve_ctx *ctx, const struct serve_request *rq,
                                        const struct serve_target *t, const struct stat *st,
                                        const struct file_dir_how *how, struct serve_plan *plan,
                                        struct listing_dir **listing, int *error);
/* 503 with Retry-After, for a mount that does not answer; SERVE_DONE. */
enum serve_result serve_refuse(struct serve_ctx *ctx, const struct serve_request *rq,
                               const struct offload_mount *m, struct serve_plan *plan);
/* The home of what is on the mount with this ID: an unknown one's when the table does not have it,
 * for a path may lead to a mount that it does not show; `home` when the kernel tells no ID. */
struct file_home serve_home(struct serve_ctx *ctx, uint64_t mount_id, struct file_home home);
/* Says where what was opened is, for the cache; where is its path, home that of its name, for when
 * it cannot be told from itself. False on ENOMEM. */
bool serve_complete(struct serve_ctx *ctx, struct file_opened *o, struct span where,
                    struct file_home home);
/* Adds a job's times to the plan's, as far as it waited for it: since `since`. */
void serve_account(struct serve_plan *plan, const struct offload_job *job, struct mono since);

/* A slice of a file that is hot goes up to this far at once. */
#define SERVE_SLICE_BYTES (UINT64_C(2) << 20)

/* file_cache_describe for conf's locations; arg is the serve_ctx. */
bool serve_describe(void *arg, struct file_entry *e);

/* --- fence.c --- */
/* Goes on with what serve_fence began. */
void serve_drop_fenced(struct serve_ctx *ctx);
/* A root that a link led to a fenced mount is not taken: *seen fails with EAGAIN then. */
void serve_refuse_fenced_root(const struct serve_ctx *ctx, struct file_root_seen *seen);

/* --- errors.c --- */
void serve_shorts_init(struct serve_ctx *ctx);
/* This status with its short body; field lines already in plan->extra stay. */
void serve_short_answer(struct serve_ctx *ctx, int status, struct serve_plan *plan);
/* An error answer for the errno of opening or reading `what`. */
void serve_errno(struct serve_ctx *ctx, const struct serve_request *rq, int error, const char *what,
                 struct serve_plan *plan);
/* 403 or 404 for a reason that the error log tells: `file` beneath t's root, or NULL for none. */
void serve_refusal(struct serve_ctx *ctx, const struct serve_request *rq,
                   const struct serve_target *t, int status, const char *file, const char *why,
                   struct serve_plan *plan);
/* An error answer for the errno of opening the file `name` beneath t's root. */
void serve_open_error(struct serve_ctx *ctx, const struct serve_request *rq,
                      const struct serve_target *t, const char *name, int error,
                      struct serve_plan *plan);
/* 503, to be tried again after this many seconds; 0: after a moment. */
void serve_unavailable(struct serve_ctx *ctx, const struct serve_request *rq, unsigned seconds,
                       struct serve_plan *plan);
/* Forgets the response made so far, but not what is known for the logs. */
void serve_plan_clear(struct serve_plan *plan);

/* One line a second at most, for what every client can make happen again. */
void serve_log_failure(struct serve_ctx *ctx, struct mono now, const char *what, int error);

static inline bool serve_is_shortage(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOMEM;
}

/* How many unused cached files are closed when descriptors run out. */
enum { SERVE_SHED_COUNT = 32 };

/* `path` percent-encoded; false on ENOMEM. */
bool serve_add_url_path(struct buf *b, struct span path);
/* A query as it came, with what may not stand in a field value percent-encoded; false on ENOMEM. */
bool serve_add_query(struct buf *b, struct span query);

#endif
