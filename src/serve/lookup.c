/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Looking things up for a request without ever waiting: the cache first, then, on file systems
 * that are known to be local, the kernel's own caches; what neither knows is an errand for an
 * offload thread. Without a pool everything is asked at once. Worker's loop only.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/hash.h"
#include "board/slot.h"
#include "serve/context.h"
#include "serve/errand.h"

static void count_slot(const struct serve_ctx *ctx, enum board_counter c)
{
    if (ctx->slot)
        slot_count(ctx->slot, c, 1);
}

/* 503 with the time after which the mount is asked again. */
enum serve_result serve_refuse(struct serve_ctx *ctx, const struct serve_request *rq,
                               const struct offload_mount *m, struct serve_plan *plan)
{
    unsigned seconds = m ? offload_mount_refuses(m) : 0;

    serve_unavailable(ctx, rq, seconds, plan);
    return SERVE_DONE;
}

/* The same, when it was a look-up that the mount refused. */
static enum serve_look refuse(struct serve_ctx *ctx, const struct serve_request *rq,
                              struct offload_mount *m, struct serve_plan *plan)
{
    if (m)
        offload_mount_count(m, MOUNT_REFUSED, 1);
    serve_refuse(ctx, rq, m, plan);
    return SERVE_LOOK_ANSWERED;
}

static enum serve_look send_errand(struct serve_ctx *ctx, const struct serve_request *rq,
                                   const struct errand_ask *ask, struct serve_plan *plan)
{
    if (errand_is_endless(plan)) {
        serve_log_failure(ctx, rq->now, ask->where.p, ELOOP);
        serve_error(ctx, rq, 503, plan);
        return SERVE_LOOK_ANSWERED;
    }
    plan->cache = SERVE_CACHE_MISS;
    switch (errand_send(ctx, plan, ask)) {
    case ERRAND_WAIT:
        return SERVE_LOOK_WAIT;
    case ERRAND_REFUSED:
        return refuse(ctx, rq, ask->home.mount, plan);
    case ERRAND_NO_MEMORY:
        break;
    }
    serve_error(ctx, rq, 503, plan);
    return SERVE_LOOK_ANSWERED;
}

/* --- roots --- */

static bool try_root(struct serve_ctx *ctx, struct file_root *root, struct file_home home,
                     struct mono now, int *error)
{
    struct file_root_seen seen;

    if (!home.local || !ctx->cached_opens || (home.mount && offload_mount_is_fenced(home.mount)) ||
        offload_is_faulted(ctx->pool, WAIT_OPEN, root->path))
        return false;
    if (ctx->slot)
        slot_wait(ctx->slot, WAIT_OPEN, now);
    file_root_ask(root->path, true, &seen);
    if (seen.error == EAGAIN || seen.error == EINVAL)
        return false;
    serve_refuse_fenced_root(ctx, &seen);
    *error = file_root_take(root, &seen, now);
    return true;
}

/* 503 for all that lies on a root which was let go. */
static bool is_behind_fence(struct serve_ctx *ctx, const struct serve_request *rq, unsigned id,
                            struct serve_plan *plan)
{
    if (ctx->root[id].fence == 0)
        return false;
    count_slot(ctx, COUNTER_offload_refused);
    serve_unavailable(ctx, rq, (unsigned)(ctx->conf->offload.probe_ns / NS_PER_S), plan);
    return true;
}

/* FOUND: *place, not held, or NULL and *error. */
static enum serve_look look_up_root(struct serve_ctx *ctx, const struct serve_request *rq,
                                    unsigned id, struct serve_plan *plan, struct file_place **place,
                                    struct file_sight *sight, int *error)
{
    struct file_root *root = &ctx->root[id];
    struct errand_key key = {.kind = ERRAND_ROOT, .root_id = id};
    struct errand_answer answer;

    *error = 0;
    if (errand_find(plan, &key, &answer)) {
        *place = answer.place;
        *sight = answer.sight;
        *error = answer.error;
        return answer.refused ? refuse(ctx, rq, answer.mount, plan) : SERVE_LOOK_FOUND;
    }
    if (file_root_is_fresh(root, rq->now, file_cache_valid_ns(ctx->cache))) {
        *place = file_root_place(root);
        *sight = file_root_sight(root);
        return SERVE_LOOK_FOUND;
    }
    struct span where = span_str(root->path);
    struct file_home home = file_mounts_home(ctx->mounts, file_mounts_by_path(ctx->mounts, where));
    if (try_root(ctx, root, home, rq->now, error)) {
        *place = *error == 0 ? file_root_place(root) : NULL;
        *sight = file_root_sight(root);
        return SERVE_LOOK_FOUND;
    }
    struct errand_ask ask = {.key = key, .where = where, .home = home, .name = ""};
    return send_errand(ctx, rq, &ask, plan);
}

/* --- names --- */

/* "PLACE/NAME" in ctx->where; an empty span when it does not fit (no name is that long). */
static struct span where_of(struct serve_ctx *ctx, const char *place, const char *name)
{
    struct out o = out_into(ctx->where, sizeof ctx->where - 1);

    out_str(&o, place);
    if (out_len(&o) > 0 && o.p[-1] != '/')
        out_char(&o, '/');
    out_str(&o, name);
    *o.p = '\0';
    return o.cut ? span_of("/", 1) : span_of(ctx->where, out_len(&o));
}

/* One name that is asked for. */
struct look {
    struct serve_ctx *ctx;
    const struct serve_request *rq;
    struct serve_plan *plan;
    unsigned id;
    struct span path;
    const char *name;
    struct file_entry *stale; /* held */
    struct file_place *place;
    struct file_sight sight;
    struct file_home home; /* by path */
};

/*
 * Names that have left the cache, but are known to have been regular files: one place for each
 * hash, which the next of the same takes over. What is wrongly taken for one costs a call.
 */
static uint32_t *regular_place(const struct look *l, uint32_t *mark)
{
    const struct serve_ctx *ctx = l->ctx;
    uint64_t h = hash_span(ctx->path_seed + l->id, l->path);

    *mark = (uint32_t)(h >> 32) | 1;
    return ctx->regular_count > 0 ? &ctx->regular[h & (ctx->regular_count - 1)] : NULL;
}

static bool was_regular(const struct look *l)
{
    uint32_t mark;
    const uint32_t *place = regular_place(l, &mark);

    return place && *place == mark;
}

static void note_regular(const struct look *l, bool regular)
{
    uint32_t mark;
    uint32_t *place = regular_place(l, &mark);

    if (place && regular)
        *place = mark;
    else if (place && *place == mark)
        *place = 0;
}

/* Takes what was found into the cache. */
static struct file_entry *take(struct look *l, struct file_opened *opened)
{
    struct file_entry *stale = l->stale;
    struct span where = where_of(l->ctx, l->ctx->root[l->id].path, l->name);

    note_regular(l, opened->kind == FILE_REGULAR);
    l->stale = NULL;
    if (!serve_complete(l->ctx, opened, where, l->home)) {
        file_opened_drop(opened);
        *opened = (struct file_opened){.kind = FILE_ERROR, .error = ENOMEM, .fd = -1};
    }
    return file_cache_take(l->ctx->cache, l->id, l->path, stale, opened, l->sight, l->rq->now);
}

/* True when the kernel's caches knew it: *e is its entry, NULL on ENOMEM. */
static bool try_hot(struct look *l, const struct file_open_how *how, struct file_entry **e)
{
    struct serve_ctx *ctx = l->ctx;
    struct file_opened opened;
    struct mono begin = mono_now();

    if (!l->home.local || !ctx->cached_opens ||
        (l->home.mount && offload_mount_is_fenced(l->home.mount)))
        return false;
    const char *where = where_of(ctx, ctx->root[l->id].path, l->name).p;
    if (ctx->conf->fault_count > 0 && (offload_is_faulted(ctx->pool, WAIT_OPEN, where) ||
                                       offload_is_faulted(ctx->pool, WAIT_STAT, where)))
        return false;
    if (ctx->slot)
        slot_serving(ctx->slot, span_str(where));
    enum file_open_hot hot = file_open_hot(l->place->fd, how, ctx->mounts, &opened);
    if (ctx->slot) {
        slot_wait(ctx->slot, WAIT_RESOLVE, l->rq->now);
        slot_serving(ctx->slot, span_of(NULL, 0));
    }
    l->plan->open_ns += mono_since(mono_now(), begin);
    if (hot == FILE_OPEN_DONE) {
        count_slot(ctx, COUNTER_opens_hot);
        offload_mount_count(l->home.mount, MOUNT_HOT, 1);
        *e = take(l, &opened);
        return true;
    }
    l->home = serve_home(ctx, opened.mount_id, l->home); /* a link may have led to another mount */
    if (hot == FILE_OPEN_UNSUPPORTED) {
        if (opened.mount_id != 0)
            file_mounts_note_silent(ctx->mounts, l->home.mount);
        count_slot(ctx, COUNTER_probes_unsupported);
        offload_mount_count(l->home.mount, MOUNT_UNSUPPORTED, 1);
    }
    return false;
}

/* An entry for a failure that is not the name's. */
static struct file_entry *entry_of_error(struct look *l, int error)
{
    struct file_opened opened = {.kind = FILE_ERROR, .error = error, .fd = -1};

    return take(l, &opened);
}

/* How it is asked; the contents of a file whose reads are to fail or be slow are left to jobs of
 * their own. */
static struct file_open_how how_of(const struct look *l)
{
    struct serve_ctx *ctx = l->ctx;
    struct file_open_how how = file_cache_how(ctx->cache, l->stale, l->name);

    if (ctx->conf->fault_count > 0 &&
        offload_is_faulted(ctx->pool, WAIT_READ, where_of(ctx, ctx->root[l->id].path, l->name).p))
        how.content_bytes = 0;
    return how;
}

/* The name is on its root's own mount as far as its path tells. */
static bool is_on_root_mount(const struct look *l)
{
    const struct file_mount *m = file_mounts_by_path(l->ctx->mounts, span_str(l->place->real));

    return m && m->local && m->row == l->home.mount;
}

/* The file system has to be asked. */
static enum serve_look ask_for(struct look *l, struct file_entry **e)
{
    struct serve_ctx *ctx = l->ctx;
    int error;
    enum serve_look found = look_up_root(ctx, l->rq, l->id, l->plan, &l->place, &l->sight, &error);

    if (found != SERVE_LOOK_FOUND)
        return found;
    if (!l->place) {
        serve_log_failure(ctx, l->rq->now, ctx->root[l->id].path,
                          error);      /* nobody's request is at fault */
        l->sight.checked = l->rq->now; /* that there is none is believed as long */
        *e = entry_of_error(l, error);
        return SERVE_LOOK_FOUND;
    }
    struct span real = where_of(ctx, l->place->real, l->name);
    l->home = file_mounts_home(ctx->mounts, file_mounts_by_path(ctx->mounts, real));
    struct file_open_how how = how_of(l);
    how.was_regular = was_regular(l) && is_on_root_mount(l);
    if (try_hot(l, &how, e))
        return SERVE_LOOK_FOUND;
    struct errand_ask ask = {
        .key = {.kind = ERRAND_OPEN, .root_id = l->id, .path = l->path},
        .where = where_of(ctx, ctx->root[l->id].path, l->name),
        .home = l->home,
        .place = l->place,
        .sight = l->sight,
        .name = l->name,
        .open = how,
        .stale = l->stale,
    };
    return send_errand(ctx, l->rq, &ask, l->plan);
}

static enum serve_look look_once(struct look *l, struct file_entry **e)
{
    struct serve_ctx *ctx = l->ctx;
    struct errand_key key = {.kind = ERRAND_OPEN, .root_id = l->id, .path = l->path};
    struct errand_answer answer;
    bool fresh;

    if (errand_find(l->plan, &key, &answer)) {
        if (answer.refused)
            return refuse(ctx, l->rq, answer.mount, l->plan);
        *e = answer.entry ? file_entry_hold(answer.entry) : NULL;
        return SERVE_LOOK_FOUND;
    }
    l->stale =
        file_cache_find(ctx->cache, l->id, l->path, ctx->root[l->id].epoch, l->rq->now, &fresh);
    if (fresh && l->stale->fd >= 0) {
        if (ctx->slot)
            slot_wait(ctx->slot, WAIT_STAT, l->rq->now);
        fresh = file_entry_is_current(l->stale);
        if (ctx->slot)
            slot_wait(ctx->slot, WAIT_RESOLVE, l->rq->now);
    }
    if (!l->plan->pending) /* not once more after waiting */
        count_slot(ctx, fresh ? COUNTER_cache_hits : COUNTER_cache_misses);
    if (fresh) {
        *e = l->stale;
        if (l->plan->cache != SERVE_CACHE_MISS)
            l->plan->cache = SERVE_CACHE_HIT;
        return SERVE_LOOK_FOUND;
    }
    l->plan->cache = SERVE_CACHE_MISS;
    enum serve_look found = ask_for(l, e);
    if (l->stale)
        file_entry_release(l->stale);
    l->stale = NULL;
    return found;
}

/* As look_once, where nothing needs to be waited for elsewhere. */
static struct file_entry *look_at_once(struct look *l)
{
    struct file_lookup how;
    struct file_entry *e = file_cache_get(l->ctx->cache, &l->ctx->root[l->id], l->id, l->path,
                                          l->name, l->rq->now, &how);

    l->plan->open_ns += how.open_ns;
    if (how.root_error != 0)
        serve_log_failure(l->ctx, l->rq->now, l->ctx->root[l->id].path, how.root_error);
    if (l->plan->cache != SERVE_CACHE_MISS)
        l->plan->cache = how.hit ? SERVE_CACHE_HIT : SERVE_CACHE_MISS;
    return e;
}

static enum serve_look look(struct look *l, struct file_entry **e)
{
    if (l->ctx->pool)
        return look_once(l, e);
    *e = look_at_once(l);
    return SERVE_LOOK_FOUND;
}

/* A fenced mount gives nothing out, not even what is in memory. Takes the reference then. */
static bool is_fenced(struct look *l, struct file_entry *e)
{
    struct offload_mount *m = e->home.mount;

    if (!m || !offload_mount_is_fenced(m))
        return false;
    count_slot(l->ctx, COUNTER_offload_refused);
    file_cache_forget(l->ctx->cache, e); /* a link may have led to it: it is not to be held */
    file_entry_release(e);
    refuse(l->ctx, l->rq, m, l->plan);
    return true;
}

enum serve_look serve_look_up(struct serve_ctx *ctx, const struct serve_request *rq,
                              const struct serve_target *t, struct span path,
                              struct serve_plan *plan, struct file_entry **e)
{
    struct look l = {.ctx = ctx,
                     .rq = rq,
                     .plan = plan,
                     .id = t->location->id,
                     .path = path,
                     .name = path.p + t->name_at};
    enum serve_look found =
        is_behind_fence(ctx, rq, l.id, plan) ? SERVE_LOOK_ANSWERED : look(&l, e);

    if (found != SERVE_LOOK_FOUND || !*e)
        return found;
    if (is_fenced(&l, *e))
        return SERVE_LOOK_ANSWERED;
    if ((*e)->kind != FILE_ERROR || !serve_is_shortage((*e)->error) ||
        file_cache_shed(ctx->cache, SERVE_SHED_COUNT) == 0)
        return found;
    file_entry_release(*e);
    errand_forget(plan, &(struct errand_key){.kind = ERRAND_OPEN, .root_id = l.id, .path = path});
    return look(&l, e);
}

/* --- directories --- */

static int list_at_once(struct serve_ctx *ctx, const struct serve_request *rq,
                        const struct serve_target *t, const struct file_dir_how *how,
                        struct listing_dir **listing)
{
    unsigned id = t->location->id;
    int root_fd = file_root_descriptor(&ctx->root[id], rq->now, file_cache_valid_ns(ctx->cache));
    struct file_dir dir;
    int error = root_fd < 0 ? errno : file_dir_read(root_fd, how, &dir);

    if (error != 0)
        return error;
    *listing = listing_dir_new(&dir);
    if (!*listing)
        return ENOMEM;
    struct listings_key key = {.root_id = id, .epoch = ctx->root[id].epoch, .path = t->path};
    listings_keep(ctx->listings, &key, *listing, rq->now);
    return 0;
}

/* Makes room for what there was too little of; false: there is none to be made. */
static bool make_room(struct serve_ctx *ctx, int error)
{
    if (error == ENOBUFS)
        return listings_shed(ctx->listings);
    return serve_is_shortage(error) && file_cache_shed(ctx->cache, SERVE_SHED_COUNT) > 0;
}

static enum serve_look list_away(struct serve_ctx *ctx, const struct serve_request *rq,
                                 const struct serve_target *t, const struct file_dir_how *how,
                                 struct serve_plan *plan, struct listing_dir **listing, int *error)
{
    unsigned id = t->location->id;
    struct errand_ask ask = {
        .key = {.kind = ERRAND_LIST, .root_id = id, .path = t->path},
        .name = how->name,
        .dir = *how,
    };
    struct errand_answer answer;

    if (errand_find(plan, &ask.key, &answer)) {
        if (answer.refused)
            return refuse(ctx, rq, answer.mount, plan);
        *error = answer.error;
        *listing = answer.listing ? listing_dir_hold(answer.listing) : NULL;
        if (!make_room(ctx, *error))
            return SERVE_LOOK_FOUND;
        errand_forget(plan, &ask.key);
    }
    enum serve_look found = look_up_root(ctx, rq, id, plan, &ask.place, &ask.sight, error);
    if (found != SERVE_LOOK_FOUND || !ask.place)
        return found;
    struct span real = where_of(ctx, ask.place->real, how->name);
    ask.home = file_mounts_home(ctx->mounts, file_mounts_by_path(ctx->mounts, real));
    ask.where = where_of(ctx, ctx->root[id].path, how->name);
    return send_errand(ctx, rq, &ask, plan);
}

enum serve_look serve_look_at_directory(struct serve_ctx *ctx, const struct serve_request *rq,
                                        const struct serve_target *t, const struct stat *st,
                                        const struct file_dir_how *how, struct serve_plan *plan,
                                        struct listing_dir **listing, int *error)
{
    unsigned id = t->location->id;
    struct listings_key key = {.root_id = id, .epoch = ctx->root[id].epoch, .path = t->path};

    *error = 0;
    *listing = NULL;
    if (is_behind_fence(ctx, rq, id, plan))
        return SERVE_LOOK_ANSWERED;
    *listing = listings_find(ctx->listings, &key, st, rq->now);
    if (*listing)
        return SERVE_LOOK_FOUND;
    plan->cache = SERVE_CACHE_MISS;
    if (ctx->pool)
        return list_away(ctx, rq, t, how, plan, listing, error);
    struct mono begin = mono_now();
    if (ctx->slot)
        slot_serving(ctx->slot, t->path);
    *error = list_at_once(ctx, rq, t, how, listing);
    if (make_room(ctx, *error))
        *error = list_at_once(ctx, rq, t, how, listing);
    if (ctx->slot) {
        slot_wait(ctx->slot, WAIT_RESOLVE, mono_now());
        slot_serving(ctx->slot, span_of(NULL, 0));
    }
    plan->open_ns += mono_since(mono_now(), begin);
    return SERVE_LOOK_FOUND;
}
