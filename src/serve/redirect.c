/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Redirects: those the configuration asks for, and the one that adds a directory's slash.
 * What the client sent is percent-encoded anew, and begins with a single slash, so that no
 * path can name another host or add a field line. Worker's loop only.
 */
#include "serve/context.h"

void serve_add_slash(struct serve_ctx *ctx, const struct serve_request *rq,
                     const struct serve_target *t, struct serve_plan *plan)
{
    const struct http_request *http = rq->http;
    struct buf *b = &plan->extra;
    bool good = buf_addf(b, "Location: ") && serve_add_url_path(b, t->path) && buf_add(b, "/", 1);

    if (good && http->has_query)
        good = buf_add(b, "?", 1) && serve_add_query(b, http->query);
    if (good && buf_add(b, "\r\n", 2))
        serve_short_answer(ctx, 301, plan);
    else
        serve_error(ctx, rq, 503, plan);
}

/* redirect_to, the rest of the path, the query, and redirect_to's own fragment, in this order. */
static bool add_location(const struct serve_request *rq, const struct serve_target *t,
                         struct buf *b)
{
    struct span fragment = span_str(t->location->redirect_to);
    struct span to = span_cut(&fragment, '#');

    if (!buf_addf(b, "Location: ") || !buf_add_span(b, to))
        return false;
    if (to.n > 0 && to.p[to.n - 1] == '/' && !serve_add_url_path(b, span_from(t->path, t->name_at)))
        return false;
    if (rq->http->has_query) {
        bool has_one = to.n > 0 && memchr(to.p, '?', to.n);
        if (!buf_add(b, has_one ? "&" : "?", 1) || !serve_add_query(b, rq->http->query))
            return false;
    }
    if (fragment.p && (!buf_add(b, "#", 1) || !buf_add_span(b, fragment)))
        return false;
    return buf_add(b, "\r\n", 2);
}

void serve_redirect(struct serve_ctx *ctx, const struct serve_request *rq,
                    const struct serve_target *t, struct serve_plan *plan)
{
    if (add_location(rq, t, &plan->extra))
        serve_short_answer(ctx, t->location->redirect_status, plan);
    else
        serve_error(ctx, rq, 503, plan);
}
