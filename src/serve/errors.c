/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Error answers: one line of plain text ("404 Not Found\n"), for whoever asks, in every
 * format, can read that; a site that wants more configures pages of its own, which are held
 * in memory and need no file when one cannot be opened. Worker's loop only.
 */
#include <errno.h>
#include <stdio.h>

#include "base/log.h"
#include "base/must.h"
#include "http/parse.h"
#include "serve/context.h"

/* Seconds a client is asked to wait when descriptors or memory ran out. */
#define RETRY_AFTER    "Retry-After: 2\r\n"
#define PLAIN_TYPE     "Content-Type: text/plain; charset=utf-8\r\n"
#define ALLOWED_FIELDS "Allow: GET, HEAD, OPTIONS\r\n"

void serve_shorts_init(struct serve_ctx *ctx)
{
    for (int status = SERVE_STATUS_FIRST; status <= SERVE_STATUS_LAST; status++) {
        struct serve_short *s = &ctx->shorts[status - SERVE_STATUS_FIRST];
        struct out o = out_into(s->text, sizeof s->text);
        out_fmt(&o, "%d %s\n", status, http_status_reason(status));
        s->bytes = (uint8_t)out_len(&o);
    }
}

void serve_plan_clear(struct serve_plan *plan)
{
    source_stop(&plan->body);
    plan->beginning = NULL;
    plan->extra.n = 0;
    plan->ready = span_of(NULL, 0);
    plan->headroom = NULL;
    plan->status = 0;
    plan->length = 0;
    plan->length_known = true;
    plan->no_content = false;
    plan->file = span_of(NULL, 0);
}

void serve_short_answer(struct serve_ctx *ctx, int status, struct serve_plan *plan)
{
    must(status >= SERVE_STATUS_FIRST && status <= SERVE_STATUS_LAST);
    const struct serve_short *s = &ctx->shorts[status - SERVE_STATUS_FIRST];

    source_stop(&plan->body);
    plan->status = status;
    plan->length = s->bytes;
    plan->length_known = true;
    source_memory(&plan->body, span_of(s->text, s->bytes), NULL, NULL);
    if (status == 503)
        plan->ready = SPAN(PLAIN_TYPE RETRY_AFTER);
    else if (status == 405)
        plan->ready = SPAN(PLAIN_TYPE ALLOWED_FIELDS);
    else
        plan->ready = SPAN(PLAIN_TYPE);
}

static bool ends_connection(int status)
{
    switch (status) {
    case 400:
    case 408:
    case 413:
    case 414:
    case 431:
    case 501:
    case 505:
        return true;
    default:
        return false;
    }
}

static const struct conf_error_page *page_in(const struct conf_site *site, int status)
{
    for (size_t i = 0; i < site->error_page_count; i++)
        if (site->error_pages[i].status == status && site->error_pages[i].content)
            return &site->error_pages[i];
    return NULL;
}

static const struct conf_error_page *find_page(const struct serve_ctx *ctx,
                                               const struct serve_request *rq, int status)
{
    const struct conf *conf = ctx->conf;
    const struct conf_site *site =
        rq && rq->http ? route_site(conf, rq->http->host) : &conf->sites[0];
    const struct conf_error_page *page = page_in(site, status);

    return page || site == &conf->sites[0] ? page : page_in(&conf->sites[0], status);
}

/* Takes the page in the place of the short body, unless memory is short. A page that cannot say its
 * encoding is read as UTF-8. */
static void use_page(const struct serve_ctx *ctx, const struct conf_error_page *page,
                     struct serve_plan *plan)
{
    struct span type = mime_table_find(ctx->mime, span_str(page->path), span_of(NULL, 0));
    const char *charset = mime_wants_charset(type) ? "; charset=utf-8" : "";

    if (!buf_addf(&plan->extra, "Content-Type: %.*s%s\r\n", (int)type.n, type.p, charset))
        return;
    plan->ready = span_from(plan->ready, sizeof PLAIN_TYPE - 1);
    plan->length = page->content_bytes;
    source_stop(&plan->body);
    source_memory(&plan->body, span_of(page->content, page->content_bytes), NULL, NULL);
}

void serve_error(struct serve_ctx *ctx, const struct serve_request *request, int status,
                 struct serve_plan *plan)
{
    serve_plan_clear(plan);
    serve_short_answer(ctx, status, plan);
    const struct conf_error_page *page = find_page(ctx, request, status);
    if (page)
        use_page(ctx, page, plan);
    if (ends_connection(status))
        plan->close = true;
}

void serve_unavailable(struct serve_ctx *ctx, const struct serve_request *rq, unsigned seconds,
                       struct serve_plan *plan)
{
    serve_error(ctx, rq, 503, plan);
    if (seconds > 0 && buf_addf(&plan->extra, "Retry-After: %u\r\n", seconds))
        plan->ready.n -= sizeof RETRY_AFTER - 1; /* the last of the lines that are ready made */
}

void serve_log_failure(struct serve_ctx *ctx, struct mono now, const char *what, int error)
{
    if (ctx->logged.ns != 0 && mono_since(now, ctx->logged) < NS_PER_S) {
        ctx->log_held_back++;
        return;
    }
    char more[64] = "";
    if (ctx->log_held_back > 0)
        snprintf(more, sizeof more, " (and %u failures before)", ctx->log_held_back);
    log_error("cannot serve %s: %s; answered with an error%s", what,
              error == EOVERFLOW ? "the directory has too many entries to list"
              : error == ENOBUFS ? "listings have taken all of [limits] listing_bytes"
                                 : strerror(error),
              more);
    ctx->logged = now;
    ctx->log_held_back = 0;
}

static int status_of(int error)
{
    switch (error) {
    case ENOENT:
    case ENOTDIR:
    case ENAMETOOLONG: /* no such name can be there */
        return 404;
    case EACCES:
    case EPERM:
    case ELOOP:
    case EXDEV: /* a link that leaves the root */
        return 403;
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case EAGAIN:
    case ENOBUFS:
        return 503;
    default:
        return 500;
    }
}

void serve_errno(struct serve_ctx *ctx, const struct serve_request *rq, int error, const char *what,
                 struct serve_plan *plan)
{
    int status = status_of(error);

    if (status >= 500)
        serve_log_failure(ctx, rq->now, what, error);
    serve_error(ctx, rq, status, plan);
}

void serve_refusal(struct serve_ctx *ctx, const struct serve_request *rq,
                   const struct serve_target *t, int status, const char *file, const char *why,
                   struct serve_plan *plan)
{
    if (refusal_is_due(&ctx->refusals, rq->now, status, plan->path_key))
        refusal_tell(t, status, file, why);
    serve_error(ctx, rq, status, plan);
}

static ssize_t denied_folder(struct serve_ctx *ctx, const struct serve_target *t, const char *name)
{
    const struct file_place *place = file_root_place(&ctx->root[t->location->id]);

    if (!place || !ctx->pool)
        return -1;
    const struct file_mount *m = file_mounts_by_path(ctx->mounts, span_str(place->real));
    return m && m->local ? file_denied_folder(place->fd, name) : -1;
}

/* A right that is missing is often that to enter a folder above. */
static void tell_denied(struct serve_ctx *ctx, const struct serve_target *t, const char *name)
{
    ssize_t folder = denied_folder(ctx, t, name);
    char why[256];

    if (folder < 0) {
        refusal_tell(t, 403, name, refusal_why(EACCES));
        return;
    }
    struct out o = out_into(why, sizeof why - 1);
    out_str(&o, "the workers' user may not enter the folder ");
    out_span(&o, folder > 0 ? span_of(name, (size_t)folder) : span_str(t->location->files));
    out_str(&o, " (Permission denied)");
    *o.p = '\0';
    refusal_tell(t, 403, name, why);
}

void serve_open_error(struct serve_ctx *ctx, const struct serve_request *rq,
                      const struct serve_target *t, const char *name, int error,
                      struct serve_plan *plan)
{
    int status = status_of(error);

    if (status != 403 && status != 404) {
        serve_errno(ctx, rq, error, t->path.p, plan);
        return;
    }
    if (refusal_is_due(&ctx->refusals, rq->now, status, plan->path_key)) {
        if (error == EACCES)
            tell_denied(ctx, t, name);
        else
            refusal_tell(t, status, name, refusal_why(error));
    }
    serve_error(ctx, rq, status, plan);
}
