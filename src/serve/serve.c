/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From a parsed request to a plan: what every request goes through before its location's
 * handler; see serve.h. Worker's loop only.
 */
#include "serve/serve.h"

#include <errno.h>
#include <stdlib.h>

#include "base/escape.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/must.h"
#include "board/slot.h"
#include "http/path.h"
#include "serve/context.h"
#include "serve/errand.h"
#include "serve/file_body.h"

/* How often a response whose file is written to is begun anew. */
enum { RESTARTS_MAX = 3 };

enum serve_begin { BEGIN_DONE, BEGIN_WAIT, BEGIN_AGAIN };

static bool use_pool(struct serve_ctx *ctx, struct offload *pool)
{
    const struct conf *conf = ctx->conf;
    struct file_windows_settings settings = {
        .pool = pool,
        .window_bytes = conf->offload.window_bytes,
        .buffers_bytes = conf->offload.buffers_bytes,
        .mount_share = conf->offload.mount_share,
        .line_ns = conf->offload.deadline_ns,
        .slot = ctx->slot,
    };

    if (!pool)
        return true;
    ctx->pool = pool;
    ctx->cached_opens = file_cached_supported();
    if (!ctx->cached_opens)
        log_info(
            "this kernel's openat2(2) has no RESOLVE_CACHED (Linux 5.12): every file is opened "
            "by an offload thread");
    ctx->mounts = file_mounts_new(pool, NULL);
    ctx->closer = file_closer_new(pool);
    ctx->windows = file_windows_new(&settings);
    ctx->errands = errands_new();
    return ctx->mounts && ctx->closer && ctx->windows && ctx->errands;
}

/* Names remembered to have been regular files; a megabyte, used as they come. */
enum { REGULAR_MAX = 1 << 18 };

static bool make_cache(struct serve_ctx *ctx)
{
    const struct conf *conf = ctx->conf;
    struct file_cache_settings settings = {
        .entries_max = conf->cache.entries,
        .valid_ns = conf->cache.valid_ns,
        .idle_ns = conf->cache.idle_ns,
        .content_bytes_max = conf->cache.content_bytes,
        .content_file_bytes = conf->cache.content_file_bytes,
        .slot = ctx->slot,
        .closer = ctx->closer,
    };

    ctx->cache = file_cache_new(&settings, serve_describe, ctx);
    ctx->listings = listings_new(conf->limits.listing_bytes, conf->cache.valid_ns);
    if (ctx->pool && settings.entries_max > 0) {
        ctx->regular_count = 1024;
        while (ctx->regular_count < 16 * (size_t)settings.entries_max &&
               ctx->regular_count < REGULAR_MAX)
            ctx->regular_count *= 2;
        ctx->regular = calloc(ctx->regular_count, sizeof *ctx->regular);
        if (!ctx->regular)
            ctx->regular_count = 0; /* does without */
    }
    return ctx->cache && ctx->listings;
}

static bool open_roots(struct serve_ctx *ctx)
{
    const struct conf *conf = ctx->conf;

    ctx->root = calloc(conf->location_count + 1, sizeof *ctx->root);
    if (!ctx->root)
        return false;
    for (size_t i = 0; i < conf->location_count; i++) {
        const struct conf_location *l = conf->locations[i];
        must(l->id == i);
        file_root_init(&ctx->root[i], l->files, l->root_fd);
        ctx->root[i].fence = l->fence;
    }
    return true;
}

bool serve_take_root(struct serve_ctx *ctx, uint64_t location_id, int fd)
{
    if (fd < 0 || location_id >= ctx->conf->location_count ||
        ctx->root[location_id].inherited_fd >= 0)
        return false;
    ctx->root[location_id].inherited_fd = fd;
    return true;
}

struct serve_ctx *serve_ctx_new(const struct conf *conf, const struct mime_table *mime,
                                struct board_slot *slot, struct offload *pool)
{
    if (!file_root_supported())
        log_warn("openat2(2) cannot be called here (%s): names are opened part by part, and no "
                 "symbolic link is followed; Linux 5.6 and later have it, and a container's "
                 "seccomp filter must allow it",
                 strerror(errno));
    struct serve_ctx *ctx = calloc(1, sizeof *ctx);
    if (!ctx)
        return NULL;
    ctx->conf = conf;
    ctx->mime = mime;
    ctx->slot = slot;
    ctx->path_seed = hash_seed();
    serve_shorts_init(ctx);
    if (!use_pool(ctx, pool) || !make_cache(ctx) || !open_roots(ctx)) {
        serve_ctx_free(&ctx);
        errno = ENOMEM;
    }
    return ctx;
}

void serve_ctx_free(struct serve_ctx **ctx)
{
    struct serve_ctx *c = *ctx;

    if (!c)
        return;
    errands_free(c);
    listings_free(&c->listings);
    file_cache_free(&c->cache);
    file_windows_free(&c->windows);
    if (c->closer)
        file_closer_end(c->closer);
    file_closer_release(&c->closer);
    free(c->regular);
    file_mounts_free(&c->mounts);
    for (size_t i = 0; c->root && i < c->conf->location_count; i++)
        file_root_close(&c->root[i]);
    free(c->root);
    free(c);
    *ctx = NULL;
}

void serve_tick(struct serve_ctx *ctx, struct mono now)
{
    /* A root that is believed is not asked for, and what was found beneath it is worth what it is.
     */
    uint64_t valid_ns = ctx->conf->cache.valid_ns, idle_ns = ctx->conf->cache.idle_ns;

    if (idle_ns < valid_ns)
        idle_ns = valid_ns;
    file_cache_tick(ctx->cache, now);
    serve_drop_fenced(ctx);
    listings_tick(ctx->listings, now);
    for (size_t i = 0; i < ctx->conf->location_count; i++)
        file_root_tick(&ctx->root[i], now, idle_ns);
    refusal_tick(&ctx->refusals, now);
    if (!ctx->pool)
        return;
    file_windows_tick(ctx->windows);
    file_closer_retry(ctx->closer);
}

void serve_cancel(struct serve_plan *plan)
{
    errand_drop_all(plan);
    if (plan->beginning)
        serve_plan_clear(plan);
}

enum serve_result serve_give_up(struct serve_ctx *ctx, const struct serve_request *rq,
                                struct serve_plan *plan)
{
    serve_cancel(plan);
    serve_error(ctx, rq, 503, plan);
    return SERVE_DONE;
}

unsigned serve_shed(struct serve_ctx *ctx, unsigned count)
{
    return file_cache_shed(ctx->cache, count);
}

void serve_plan_reset(struct serve_plan *plan)
{
    errand_drop_all(plan);
    serve_plan_clear(plan);
    plan->cold = false;
    plan->restarts = 0;
    plan->offload_wait_ns = 0;
    plan->offload_run_ns = 0;
    plan->close = false;
    plan->cache = SERVE_CACHE_NONE;
    plan->location = NULL;
    plan->path_key = 0;
    plan->open_ns = 0;
}

void serve_plan_free(struct serve_plan *plan)
{
    errand_drop_all(plan);
    serve_plan_clear(plan);
    buf_free(&plan->extra);
}

bool serve_add_url_path(struct buf *b, struct span path)
{
    if (!buf_reserve(b, path.n * 3))
        return false;
    struct out o = out_into(b->p + b->n, path.n * 3);
    escape_url_path(&o, path, true);
    b->n += out_len(&o);
    return true;
}

bool serve_add_query(struct buf *b, struct span query)
{
    if (!buf_reserve(b, query.n * 3))
        return false;
    struct out o = out_into(b->p + b->n, query.n * 3);
    for (size_t i = 0; i < query.n; i++) {
        unsigned char c = (unsigned char)query.p[i];
        if (c > 0x20 && c < 0x7f)
            out_char(&o, query.p[i]);
        else
            out_fmt(&o, "%%%02X", c);
    }
    b->n += out_len(&o);
    return true;
}

/* --- the way of a request --- */

static void answer_options(struct serve_plan *plan)
{
    plan->status = 204;
    plan->no_content = true;
    plan->ready = SPAN("Allow: GET, HEAD, OPTIONS\r\n");
}

/* The status that refuses the request whatever its path is; 0: none. */
static int refuse_early(const struct http_request *http)
{
    if (http->method == HTTP_METHOD_OTHER || http->method == HTTP_CONNECT)
        return 501;
    if (http->method == HTTP_TRACE) /* it would tell a script what its cookies are */
        return 405;
    if (http->form == HTTP_ASTERISK_FORM)
        return http->method == HTTP_OPTIONS ? 0 : 400;
    return http->form == HTTP_AUTHORITY_FORM ? 400 : 0;
}

static int decode_path(struct serve_ctx *ctx, const struct http_request *http, struct span *path)
{
    switch (http_path_decode(http->path, ctx->path, SERVE_PATH_BYTES, path)) {
    case HTTP_PATH_OK:
        ctx->path[path->n] = '\0';
        return 0;
    case HTTP_PATH_TOO_LONG:
        return 414;
    case HTTP_PATH_BAD:
        break;
    }
    return 400;
}

static uint64_t key_of(const struct serve_ctx *ctx, struct span path)
{
    uint64_t key = hash_span(ctx->path_seed, path);

    return key != 0 ? key : 1;
}

static enum serve_result dispatch(struct serve_ctx *ctx, const struct serve_request *rq,
                                  const struct serve_target *t, bool slash_missing,
                                  struct serve_plan *plan)
{
    if (slash_missing)
        serve_add_slash(ctx, rq, t, plan);
    else if (t->location->handler == CONF_REDIRECT)
        serve_redirect(ctx, rq, t, plan);
    else
        return serve_files(ctx, rq, t, plan);
    return SERVE_DONE;
}

static enum serve_result start(struct serve_ctx *ctx, const struct serve_request *request,
                               struct serve_plan *plan)
{
    const struct http_request *http = request->http;
    struct serve_target t = {0};
    int status = refuse_early(http);

    if (status == 0 && http->form == HTTP_ASTERISK_FORM) {
        answer_options(plan);
        return SERVE_DONE;
    }
    if (status == 0)
        status = decode_path(ctx, http, &t.path);
    if (status != 0) {
        serve_error(ctx, request, status, plan);
        return SERVE_DONE;
    }
    plan->path_key = key_of(ctx, t.path);
    struct route route = route_find(ctx->conf, http->host, t.path);
    plan->location = route.location;
    if (!route.location) {
        serve_refusal(ctx, request, &t, 404, NULL, "no location of its site holds this path", plan);
        return SERVE_DONE;
    }
    t.site = route.site;
    t.location = route.location;
    t.name_at = strlen(t.location->prefix);
    if (t.name_at > t.path.n)
        t.name_at = t.path.n; /* the slash is missing */
    while (t.name_at < t.path.n && t.path.p[t.name_at] == '/')
        t.name_at++;
    if (http->method == HTTP_OPTIONS && t.location->handler == CONF_FILES) {
        answer_options(plan);
        return SERVE_DONE;
    }
    return dispatch(ctx, request, &t, route.slash_missing, plan);
}

/*
 * Gets the first bytes of the body. AGAIN: they took their time, and the file was written to
 * meanwhile: they and the plan's head may be of two files.
 */
static enum serve_begin begin(struct serve_ctx *ctx, const struct serve_request *request,
                              struct serve_plan *plan)
{
    struct file_entry *e = file_entry_hold(plan->beginning->entry);
    enum serve_begin result = BEGIN_DONE;

    if (file_body_begin(ctx, request, plan) == SERVE_WAIT)
        result = BEGIN_WAIT;
    else if (plan->cold && plan->status < 300 && plan->restarts < RESTARTS_MAX &&
             !file_entry_is_current(e))
        result = BEGIN_AGAIN;
    if (result == BEGIN_AGAIN) {
        plan->restarts++;
        file_entry_distrust(e);
        serve_plan_clear(plan);
    }
    file_entry_release(e);
    return result;
}

enum serve_result serve_start(struct serve_ctx *ctx, const struct serve_request *request,
                              struct serve_plan *plan)
{
    enum serve_begin begun = BEGIN_AGAIN;

    if (ctx->pool)
        file_mounts_refresh(ctx->mounts, request->now);
    while (begun == BEGIN_AGAIN) {
        if (!plan->beginning) {
            if (start(ctx, request, plan) == SERVE_WAIT)
                return SERVE_WAIT;
            errand_drop_all(plan);
        }
        if (!plan->beginning || request->http->method == HTTP_HEAD)
            return SERVE_DONE;
        begun = begin(ctx, request, plan);
    }
    return begun == BEGIN_WAIT ? SERVE_WAIT : SERVE_DONE;
}
