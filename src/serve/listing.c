/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Directory listings: which format and order was asked for, and the plan. JSON when the
 * location says so, when the client prefers it (listing = auto), or for ?format=json;
 * ?format=html gives HTML. ?sort=name|size|mtime and ?order=asc|desc; other values are as if
 * they were not there. How it looks is listing_page.c. Worker's loop only.
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

enum serve_result serve_listing(struct serve_ctx *ctx, const struct serve_request *rq,
                                const struct serve_target *t, const struct stat *st,
                                struct serve_plan *plan)
{
    struct file_dir_how how = {
        .name = t->path.p + t->name_at,
        .dot_files = t->location->dot_files,
        .entries_max = FILE_DIR_ENTRIES_MAX,
        .budget = listings_budget(ctx->listings),
        .slot = ctx->slot,
    };
    struct listing_settings settings = {
        .format = format_of(rq->http, t->location->listing),
        .sort = sort_of(rq->http),
        .descending = query_is(rq->http, "order", "desc"),
        .path = t->path,
    };
    struct listing_dir *dir;
    int error = 0;

    switch (serve_look_at_directory(ctx, rq, t, st, &how, plan, &dir, &error)) {
    case SERVE_LOOK_WAIT:
        return SERVE_WAIT;
    case SERVE_LOOK_ANSWERED:
        return SERVE_DONE;
    case SERVE_LOOK_FOUND:
        break;
    }
    if (error == 0 && !listing_page_source(&settings, dir, &plan->body))
        error = ENOMEM;
    if (error != 0) {
        serve_open_error(ctx, rq, t, how.name, error, plan);
        return SERVE_DONE;
    }
    plan->status = 200;
    plan->length_known = false;
    plan->ready = fields_for(settings.format, t->location->listing);
    return SERVE_DONE;
}
