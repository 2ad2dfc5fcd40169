/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Errands; see errand.h. An errand lives while it is under way or some plan holds it. Everything a
 * thread touches (struct errand from `job` on) is its own: names are copies, the place and its
 * descriptor are held. Worker's loop; only errand_run is on a thread.
 */
#include "serve/errand.h"

#include <errno.h>
#include <stdlib.h>

#include "base/must.h"
#include "board/slot.h"
#include "serve/context.h"

enum {
    BUCKETS = 256,
    /* Each name is asked for once, and once more after descriptors ran out. */
    ROUNDS_MAX = 200
};

struct errands {
    struct list table[BUCKETS]; /* under way */
    struct list late;           /* under way, and given up */
};

struct errand {
    struct serve_ctx *ctx; /* NULL: the worker is ending */
    struct list link;      /* in the table, or among the late, while it is under way */
    struct errand_key key;
    struct list waiters; /* struct errand_use */
    unsigned uses;       /* plans that hold it, waiting or served */
    bool running;        /* the job is the pool's */
    bool finished;
    bool late; /* what it brings is old by then: it is dropped */
    struct file_closer *closer;
    struct file_entry *stale; /* held */
    struct file_home home;
    struct errand_answer answer;

    struct offload_job job;
    bool ran;
    struct file_place *place; /* held */
    struct file_sight sight;
    uint64_t sight_age_ns; /* when the errand was sent */
    int root_fd;
    struct file_open_how open;
    struct stat known;
    struct file_dir_how dir_how;
    struct file_root_seen seen;
    struct file_opened opened;
    struct file_dir dir;
    int error;
    char *where, *name;
    char path[]; /* of the key; where and name lie behind it */
};

/* One plan's hold on one errand. */
struct errand_use {
    struct list of_plan;
    struct list of_errand; /* in waiters; in none when served */
    struct errand *errand;
    struct serve_plan *plan;
    struct mono since;
};

struct serve_pending {
    struct list uses;
    unsigned rounds;
};

struct errands *errands_new(void)
{
    struct errands *all = calloc(1, sizeof *all);

    for (int i = 0; all && i < BUCKETS; i++)
        list_init(&all->table[i]);
    if (all)
        list_init(&all->late);
    return all;
}

static bool same_key(const struct errand_key *a, const struct errand_key *b)
{
    return a->kind == b->kind && a->root_id == b->root_id && span_eq(a->path, b->path);
}

static struct list *bucket_of(struct errands *all, const struct errand_key *key)
{
    uint64_t h = UINT64_C(14695981039346656037) ^ (key->root_id * 4U + (unsigned)key->kind);

    for (size_t i = 0; i < key->path.n; i++)
        h = (h ^ (unsigned char)key->path.p[i]) * UINT64_C(1099511628211);
    return &all->table[(h ^ (h >> 32)) % BUCKETS];
}

static struct errand *find_running(struct errands *all, const struct errand_key *key)
{
    struct list *head = bucket_of(all, key);

    for (struct list *at = head->next; at != head; at = at->next) {
        struct errand *e = list_entry(at, struct errand, link);
        if (same_key(&e->key, key))
            return e;
    }
    return NULL;
}

/* --- on a thread --- */

static void errand_run(struct offload_job *job)
{
    struct errand *e = list_entry(job, struct errand, job);

    switch (e->key.kind) {
    case ERRAND_ROOT:
        file_root_ask(e->where, false, &e->seen); /* two calls: no progress to note */
        break;
    case ERRAND_OPEN:
        file_open(e->root_fd, &e->open, &e->opened);
        break;
    case ERRAND_LIST:
        e->error = file_dir_read(e->root_fd, &e->dir_how, &e->dir);
        break;
    }
    e->ran = true;
}

/* --- making and freeing --- */

/* What a thread brought that was not taken over. */
static void drop_findings(struct errand *e)
{
    if (e->opened.fd >= 0 && !e->home.local && e->closer)
        file_closer_close(e->closer, e->home.mount, &e->opened.fd);
    file_opened_drop(&e->opened);
    file_root_seen_drop(&e->seen);
    file_dir_free(&e->dir);
}

static void free_if_unused(struct errand *e)
{
    if (e->running || e->uses > 0)
        return;
    list_remove(&e->link);
    drop_findings(e);
    if (e->stale)
        file_entry_release(e->stale);
    if (e->answer.entry)
        file_entry_release(e->answer.entry);
    file_place_release(&e->answer.place);
    file_place_release(&e->place);
    listing_dir_release(&e->answer.listing);
    file_budget_release(&e->dir_how.budget);
    file_closer_release(&e->closer);
    free(e);
}

static char *copy_behind(char *to, struct span text, char **next)
{
    if (text.n > 0)
        memcpy(to, text.p, text.n);
    to[text.n] = '\0';
    *next = to + text.n + 1;
    return to;
}

static void errand_done(struct offload_job *job);
static void errand_late(struct offload_job *job);

static enum board_wait operation_of(enum errand_kind kind)
{
    return kind == ERRAND_LIST ? WAIT_READDIR : WAIT_OPEN;
}

static struct errand *errand_new(struct serve_ctx *ctx, const struct errand_ask *ask)
{
    struct span name = span_str(ask->name);
    struct span path = ask->key.path;
    struct errand *e = calloc(1, sizeof *e + path.n + ask->where.n + name.n + 3);
    char *room;

    if (!e)
        return NULL;
    e->ctx = ctx;
    e->key = ask->key;
    e->key.path = span_of(copy_behind(e->path, path, &room), path.n);
    e->where = copy_behind(room, ask->where, &room);
    e->name = copy_behind(room, name, &room);
    e->home = ask->home;
    e->closer = ctx->closer ? file_closer_hold(ctx->closer) : NULL;
    e->stale = ask->stale ? file_entry_hold(ask->stale) : NULL;
    e->place = ask->place ? file_place_hold(ask->place) : NULL;
    e->root_fd = ask->place ? ask->place->fd : -1;
    e->sight = ask->sight;
    e->sight_age_ns = mono_since(mono_now(), ask->sight.checked);
    e->open = ask->open;
    e->open.name = e->name;
    e->open.slot = NULL; /* the board's thread row says it */
    e->open.job = &e->job;
    if (ask->open.known) {
        e->known = *ask->open.known;
        e->open.known = &e->known;
    }
    e->dir_how = ask->dir;
    e->dir_how.name = e->name;
    e->dir_how.slot = NULL;
    e->dir_how.job = &e->job;
    if (e->dir_how.budget)
        file_budget_hold(e->dir_how.budget);
    e->opened.fd = e->seen.fd = -1;
    list_init(&e->link);
    list_init(&e->waiters);
    e->job = (struct offload_job){
        .mount = ask->home.mount,
        .op = operation_of(ask->key.kind),
        .path = e->where,
        .run = errand_run,
        .done = errand_done,
        .late = errand_late,
    };
    return e;
}

/* --- coming back --- */

/* The errno in the place of what run would have found, when it was not called. */
static void note_failure(struct errand *e)
{
    int error = e->job.fault_error != 0 ? e->job.fault_error : EAGAIN;

    e->opened.kind = FILE_ERROR;
    e->opened.error = error;
    e->seen.error = error;
    e->error = error;
}

static void settle_root(struct errand *e)
{
    struct file_root *root = &e->ctx->root[e->key.root_id];

    if (root->fence != 0) { /* meanwhile */
        file_root_seen_drop(&e->seen);
        e->answer.refused = true;
        return;
    }
    serve_refuse_fenced_root(e->ctx, &e->seen);
    e->answer.error = file_root_take(root, &e->seen, mono_now());
    e->answer.sight = file_root_sight(root);
    if (e->answer.error == 0)
        e->answer.place = file_place_hold(file_root_place(root));
}

struct file_home serve_home(struct serve_ctx *ctx, uint64_t mount_id, struct file_home home)
{
    if (mount_id == 0)
        return home;
    return file_mounts_home(ctx->mounts, file_mounts_find(ctx->mounts, mount_id));
}

/* Completes what the cache wants to know besides. False on ENOMEM. */
bool serve_complete(struct serve_ctx *ctx, struct file_opened *o, struct span where,
                    struct file_home home)
{
    o->home = serve_home(ctx, o->mount_id, home);
    if (o->fd < 0)
        return true;
    o->where = span_dup(where);
    return o->where && o->home.mount;
}

static void settle_open(struct errand *e)
{
    struct serve_ctx *ctx = e->ctx;
    struct file_entry *stale = e->stale;

    if (ctx->slot)
        slot_count(ctx->slot, COUNTER_opens_cold, 1);
    if (!serve_complete(ctx, &e->opened, span_str(e->where), e->home)) {
        drop_findings(e);
        e->opened = (struct file_opened){.kind = FILE_ERROR, .error = ENOMEM, .fd = -1};
    }
    if (e->opened.home.mount && offload_mount_is_fenced(e->opened.home.mount)) {
        e->answer.mount = e->opened.home.mount;
        e->answer.refused = true;
        drop_findings(e);
        return;
    }
    e->stale = NULL;
    /* The time that the disk took counts for nothing: what it says is as new as it gets. */
    e->sight.checked = mono_before(mono_now(), e->sight_age_ns);
    e->answer.entry = file_cache_take(ctx->cache, e->key.root_id, e->key.path, stale, &e->opened,
                                      e->sight, mono_now());
}

static void settle_list(struct errand *e)
{
    e->answer.error = e->error;
    if (e->error != 0)
        return;
    e->answer.listing = listing_dir_new(&e->dir);
    if (!e->answer.listing) {
        e->answer.error = ENOMEM;
        return;
    }
    struct listings_key key = {
        .root_id = e->key.root_id, .epoch = e->sight.epoch, .path = e->key.path};
    listings_keep(e->ctx->listings, &key, e->answer.listing, mono_now());
}

static void settle(struct errand *e)
{
    if (!e->ran)
        note_failure(e);
    e->answer.mount = e->home.mount;
    e->answer.refused = e->job.refused;
    if (e->job.refused)
        return;
    switch (e->key.kind) {
    case ERRAND_ROOT:
        offload_mount_failed(e->home.mount, e->seen.error);
        settle_root(e);
        break;
    case ERRAND_OPEN:
        offload_mount_failed(e->home.mount, e->opened.kind == FILE_ERROR ? e->opened.error : 0);
        settle_open(e);
        break;
    case ERRAND_LIST:
        offload_mount_failed(e->home.mount, e->error);
        settle_list(e);
        break;
    }
}

/* The job's time in the queue and in a thread, as far as the plan waited for it. */
void serve_account(struct serve_plan *plan, const struct offload_job *job, struct mono since)
{
    uint64_t began = job->started.ns != 0 ? job->started.ns : job->finished.ns;

    plan->cold = true;
    if (began > since.ns)
        plan->offload_wait_ns += began - since.ns;
    plan->offload_run_ns +=
        mono_since(job->finished, (struct mono){began > since.ns ? began : since.ns});
}

/* Wakes everybody. A wake may make its plan ask and hold anything, but e is held here. */
static void wake_all(struct errand *e)
{
    e->uses++;
    for (struct list *at; (at = list_pop_front(&e->waiters)) != NULL;) {
        struct errand_use *use = list_entry(at, struct errand_use, of_errand);
        struct serve_plan *plan = use->plan;
        if (e->finished) {
            uint64_t before = plan->offload_run_ns;
            serve_account(plan, &e->job, use->since);
            plan->open_ns += plan->offload_run_ns - before;
        }
        plan->wake(plan->wake_arg);
    }
    e->uses--;
}

static void errand_done(struct offload_job *job)
{
    struct errand *e = list_entry(job, struct errand, job);

    list_remove(&e->link);
    e->running = false;
    /* Even when nobody waits any more the cache is glad of what was found. */
    if (e->ctx && !e->late && (e->uses > 0 || e->ran))
        settle(e);
    e->finished = !e->late;
    wake_all(e);
    free_if_unused(e);
}

/* It does not get on: who waits is told so now, and nobody joins it; the call itself goes on. */
static void errand_late(struct offload_job *job)
{
    struct errand *e = list_entry(job, struct errand, job);

    list_remove(&e->link);
    if (e->ctx)
        list_push_back(&e->ctx->errands->late, &e->link);
    e->late = true;
    e->answer.refused = true;
    e->answer.mount = e->home.mount;
    wake_all(e);
}

/* --- plans --- */

static void drop_use(struct errand_use *use)
{
    struct errand *e = use->errand;

    list_remove(&use->of_plan);
    list_remove(&use->of_errand);
    free(use);
    must(e->uses > 0);
    if (--e->uses == 0 && e->running && !e->job.cancelled && offload_cancel(e->ctx->pool, &e->job))
        e->running = false;
    free_if_unused(e);
}

static struct errand_use *find_use(const struct serve_plan *plan, const struct errand_key *key)
{
    if (!plan->pending)
        return NULL;
    for (struct list *at = plan->pending->uses.next; at != &plan->pending->uses; at = at->next) {
        struct errand_use *use = list_entry(at, struct errand_use, of_plan);
        if (same_key(&use->errand->key, key))
            return use;
    }
    return NULL;
}

bool errand_find(const struct serve_plan *plan, const struct errand_key *key,
                 struct errand_answer *out)
{
    struct errand_use *use = find_use(plan, key);

    if (!use || !list_empty(&use->of_errand)) /* still waited for */
        return false;
    *out = use->errand->answer;
    if (!use->errand->finished) { /* woken, but not served: it is late */
        out->refused = true;
        out->mount = use->errand->home.mount;
    }
    return true;
}

void errand_forget(struct serve_plan *plan, const struct errand_key *key)
{
    struct errand_use *use = find_use(plan, key);

    if (use)
        drop_use(use);
}

void errand_drop_all(struct serve_plan *plan)
{
    struct serve_pending *p = plan->pending;

    if (!p)
        return;
    while (!list_empty(&p->uses))
        drop_use(list_entry(p->uses.next, struct errand_use, of_plan));
    free(p);
    plan->pending = NULL;
}

bool errand_is_endless(const struct serve_plan *plan)
{
    return plan->pending && plan->pending->rounds >= ROUNDS_MAX;
}

static struct errand_use *use_new(struct serve_plan *plan)
{
    struct errand_use *use = calloc(1, sizeof *use);

    if (use && !plan->pending) {
        plan->pending = calloc(1, sizeof *plan->pending);
        if (plan->pending)
            list_init(&plan->pending->uses);
    }
    if (!use || !plan->pending) {
        free(use);
        return NULL;
    }
    use->plan = plan;
    use->since = mono_now();
    list_init(&use->of_plan);
    list_init(&use->of_errand);
    return use;
}

static enum errand_send submit(struct serve_ctx *ctx, struct errand *e)
{
    if (offload_submit(ctx->pool, &e->job) != OFFLOAD_QUEUED)
        return ERRAND_REFUSED;
    e->running = true;
    list_push_front(bucket_of(ctx->errands, &e->key), &e->link);
    offload_mount_count(e->home.mount, MOUNT_COLD, 1);
    return ERRAND_WAIT;
}

enum errand_send errand_send(struct serve_ctx *ctx, struct serve_plan *plan,
                             const struct errand_ask *ask)
{
    struct errand *e = find_running(ctx->errands, &ask->key);
    enum errand_send result = ERRAND_WAIT;

    must(plan->wake && !find_use(plan, &ask->key));
    if (!ask->home.mount)
        return ERRAND_NO_MEMORY;
    if (e && offload_mount_refuses(e->home.mount) > 0) {
        if (ctx->slot) /* what the pool refuses it counts itself */
            slot_count(ctx->slot, COUNTER_offload_refused, 1);
        return ERRAND_REFUSED;
    }
    struct errand_use *use = use_new(plan);
    if (!use)
        return ERRAND_NO_MEMORY;
    if (!e) {
        e = errand_new(ctx, ask);
        result = e ? submit(ctx, e) : ERRAND_NO_MEMORY;
    }
    if (result != ERRAND_WAIT) {
        free(use);
        if (e)
            free_if_unused(e);
        return result;
    }
    use->errand = e;
    e->uses++;
    list_push_back(&plan->pending->uses, &use->of_plan);
    list_push_back(&e->waiters, &use->of_errand);
    plan->pending->rounds++;
    plan->cold = true;
    return ERRAND_WAIT;
}

static void leave_all(struct serve_ctx *ctx, struct list *head)
{
    for (struct list *at; (at = list_pop_front(head)) != NULL;) {
        struct errand *e = list_entry(at, struct errand, link);
        must(e->uses == 0);
        e->ctx = NULL;
        if (!e->job.cancelled && offload_cancel(ctx->pool, &e->job))
            e->running = false;
        free_if_unused(e);
    }
}

void errands_free(struct serve_ctx *ctx)
{
    struct errands *all = ctx->errands;

    ctx->errands = NULL;
    for (int i = 0; all && i < BUCKETS; i++)
        leave_all(ctx, &all->table[i]);
    if (all)
        leave_all(ctx, &all->late);
    free(all);
}
