/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Directory listings: which format and order was asked for, and the plan. JSON when the
 * location says so, when the client prefers it (listing = auto), or for ?format=json;
 * ?format=html gives HTML. ?sort=name|size|mtime and ?order=asc|desc; other values are as if
 * they were not there. How it looks is listing_page.c. Worker's loop only; reading the
 * directory may block.
 */
#include <errno.h>

#include "board/slot.h"
#include "http/parse.h"
#include "http/path.h"
#include "serve/context.h"
#include "serve/listing_page.h"

static bool query_is(const struct http_request *http, const char *key, const char *value)
{
    char text[16];
    struct span found;

    return http->has_query && http_query_get(http->query, key, text, sizeof text, &found) &&
           span_eq(found, span_str(value));
}

static enum listing_format format_of(const struct http_request *http, enum conf_listing listing)
{
    struct span accept = http->known[HTTP_FIELD_ACCEPT];

    if (query_is(http, "format", "json"))
        return LISTING_JSON;
    if (query_is(http, "format", "html"))
        return LISTING_HTML;
    if (listing == CONF_LISTING_JSON)
        return LISTING_JSON;
    if (listing == CONF_LISTING_AUTO &&
        http_accept_quality(accept, "application/json") > http_accept_quality(accept, "text/html"))
        return LISTING_JSON;
    return LISTING_HTML;
}

static enum file_dir_sort sort_of(const struct http_request *http)
{
    if (query_is(http, "sort", "size"))
        return FILE_DIR_BY_SIZE;
    return query_is(http, "sort", "mtime") ? FILE_DIR_BY_TIME : FILE_DIR_BY_NAME;
}

/* 0 or errno. */
static int read_directory(struct serve_ctx *ctx, const struct serve_request *rq,
                          const struct file_dir_how *how, unsigned root_id, struct file_dir *dir)
{
    int root_fd =
        file_root_descriptor(&ctx->root[root_id], rq->now, file_cache_valid_ns(ctx->cache));

    *dir = (struct file_dir){0};
    if (root_fd < 0)
        return errno;
    return file_dir_read(root_fd, how, dir);
}

static int read_with_shed(struct serve_ctx *ctx, const struct serve_request *rq,
                          const struct serve_target *t, const struct file_dir_how *how,
                          struct serve_plan *plan, struct file_dir *dir)
{
    struct mono begin = mono_now();

    if (ctx->slot)
        slot_serving(ctx->slot, t->path);
    int error = read_directory(ctx, rq, how, t->location->id, dir);
    if (serve_is_shortage(error) && file_cache_shed(ctx->cache, SERVE_SHED_COUNT) > 0)
        error = read_directory(ctx, rq, how, t->location->id, dir);
    if (ctx->slot) {
        slot_wait(ctx->slot, WAIT_RESOLVE, mono_now());
        slot_serving(ctx->slot, span_of(NULL, 0));
    }
    plan->open_ns += mono_since(mono_now(), begin);
    plan->cache = SERVE_CACHE_MISS;
    return error;
}

static struct span fields_for(enum listing_format format, enum conf_listing listing)
{
    static const char html[] = "Content-Type: text/html; charset=utf-8\r\n"
                               "Cache-Control: no-cache\r\nVary: Accept\r\n";
    static const char json[] = "Content-Type: application/json\r\n"
                               "Cache-Control: no-cache\r\nVary: Accept\r\n";
    struct span fields = span_str(format == LISTING_HTML ? html : json);

    if (listing != CONF_LISTING_AUTO)
        fields.n -= sizeof "Vary: Accept\r\n" - 1;
    return fields;
}

void serve_listing(struct serve_ctx *ctx, const struct serve_request *rq,
                   const struct serve_target *t, struct serve_plan *plan)
{
    struct file_dir_how how = {
        .name = t->path.p + t->name_at,
        .dot_files = t->location->dot_files,
        .entries_max = FILE_DIR_ENTRIES_MAX,
        .sort = sort_of(rq->http),
        .descending = query_is(rq->http, "order", "desc"),
        .slot = ctx->slot,
    };
    struct listing_settings settings = {
        .format = format_of(rq->http, t->location->listing),
        .sort = how.sort,
        .descending = how.descending,
        .path = t->path,
    };
    struct file_dir dir;
    int error = read_with_shed(ctx, rq, t, &how, plan, &dir);

    if (error == 0 && !listing_page_source(&settings, &dir, &plan->body))
        error = ENOMEM;
    if (error != 0) {
        serve_errno(ctx, rq, error, t->path.p, plan);
        return;
    }
    plan->status = 200;
    plan->length_known = false;
    plan->ready = fields_for(settings.format, t->location->listing);
}
