/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Errands: what serve_start must have asked of a disk before it can answer (where a root is,
 * what a name is, what a directory holds), made by an offload thread. Errands for the same thing
 * are one: many plans may wait for it. When it comes back every waiting plan is woken, and its
 * serve_start, called again, finds the answer with errand_find: the plan holds it until the
 * response is made, so that it is of use although the cache may keep nothing.
 *
 * An errand that nobody waits for any more is cancelled; when it runs already it can still be
 * joined, so that clients that come back to a dead mount cost no further thread. One that became
 * late is joined by nobody: who asks next sends one of his own, as often as the pool takes it.
 * Inside serve/ only. Worker's loop only.
 */
#ifndef WEIR_SERVE_ERRAND_H
#define WEIR_SERVE_ERRAND_H

#include "file/cache.h"
#include "file/dir.h"
#include "net/offload.h"
#include "serve/listing_page.h"
#include "serve/serve.h"

enum errand_kind { ERRAND_ROOT, ERRAND_OPEN, ERRAND_LIST };

/* What it is about; two with equal keys are the same. */
struct errand_key {
    enum errand_kind kind;
    unsigned root_id;
    struct span path; /* request path; empty for a root */
};

/* How it is asked. What is borrowed is copied, what is held is held on its own. */
struct errand_ask {
    struct errand_key key;
    struct span where; /* absolute path, for the board and for [fault] rules */
    struct file_home home;
    struct file_place *place; /* names are resolved from; NULL for a root */
    struct file_sight sight;  /* and what was known of it */
    const char *name;         /* beneath it */
    struct file_open_how open;
    struct file_entry *stale;
    struct file_dir_how dir;
};

struct errand;

/* What it brought. */
struct errand_answer {
    bool refused;                /* its mount does not answer: 503 */
    struct offload_mount *mount; /* which */
    int error;                   /* errno; of a root and a listing */
    struct file_place *place;    /* ERRAND_ROOT; lives as long as the plan's errands */
    struct file_sight sight;     /* ERRAND_ROOT */
    struct file_entry *entry;    /* ERRAND_OPEN; NULL on ENOMEM; lives likewise */
    struct listing_dir *listing; /* ERRAND_LIST; lives likewise */
};

/* True when this plan has the answer. */
bool errand_find(const struct serve_plan *plan, const struct errand_key *key,
                 struct errand_answer *out);

enum errand_send {
    ERRAND_WAIT,    /* the plan waits: SERVE_WAIT */
    ERRAND_REFUSED, /* the mount does not answer, or takes no more */
    ERRAND_NO_MEMORY
};

enum errand_send errand_send(struct serve_ctx *ctx, struct serve_plan *plan,
                             const struct errand_ask *ask);

/* Forgets one answer, so that it is asked for again. */
void errand_forget(struct serve_plan *plan, const struct errand_key *key);
/* Gives up what the plan waits for, and all the answers it holds. */
void errand_drop_all(struct serve_plan *plan);
/* True when the plan has waited so often that something must be wrong. */
bool errand_is_endless(const struct serve_plan *plan);

struct errands; /* all of one worker */
struct errands *errands_new(void);
/* No plan waits any more. Those that run end in their own time. */
void errands_free(struct serve_ctx *ctx);

#endif
