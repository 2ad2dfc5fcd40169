/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * GET and HEAD of files: from a path beneath a location to a plan. Names are opened by the
 * cache (file/cache); here is only decided: dot-files, slashes, index files, conditions,
 * ranges. Conditions come before ranges (RFC 9110, 13.2.2), and ranges are for GET alone.
 *
 * The field lines of a file are made once for its cache entry, in an order that lets an
 * answer use a beginning of them: ETag, Last-Modified and Cache-Control go into a 304 as
 * well, Accept-Ranges into every answer with a body, Content-Type (and Content-Encoding behind it)
 * into all of these that have a single part. Nothing here says nosniff: the types are the
 * operator's. Worker's loop only.
 */
#include <errno.h>
#include <stdlib.h>

#include "http/conditional.h"
#include "http/mime.h"
#include "http/path.h"
#include "http/range.h"
#include "serve/byteranges.h"
#include "serve/context.h"
#include "serve/file_body.h"

#define ACCEPT_RANGES "Accept-Ranges: bytes\r\n"
#define REFUSE_RANGES "Accept-Ranges: none\r\n"
#define TYPE_FIELD    "Content-Type: "

/* --- field lines --- */

/* Seconds of Last-Modified, -1 for none. */
static int64_t modified_of(const struct file_entry *e, struct wall now)
{
    int64_t s = e->st.st_mtim.tv_sec;

    return http_time_means_change(s, (int64_t)(now.ns / NS_PER_S)) ? s : -1;
}

/*
 * How far apart two changes must be to bear different times. The kernel's clock for files ticks
 * every 10 ms or faster; times without a fraction are those of FAT, which count every second one;
 * and whose clock it is on a file system that asks a server, nobody knows.
 */
static uint64_t step_of(const struct file_entry *e)
{
    bool whole = e->st.st_mtim.tv_nsec == 0 && e->st.st_ctim.tv_nsec == 0;
    bool away = e->home.mount && !e->home.local;

    return whole || away ? 2 * NS_PER_S : 20 * NS_PER_MS;
}

static void make_etag(struct file_entry *e, struct wall now)
{
    struct http_file f = {
        .device = e->st.st_dev,
        .inode = e->st.st_ino,
        .size = (uint64_t)e->st.st_size,
        .modified_s = e->st.st_mtim.tv_sec,
        .changed_s = e->st.st_ctim.tv_sec,
        .modified_ns = (uint32_t)e->st.st_mtim.tv_nsec,
        .changed_ns = (uint32_t)e->st.st_ctim.tv_nsec,
        .step_ns = step_of(e),
    };

    e->etag_bytes = (uint8_t)http_etag_make(&f, now.ns, e->etag);
    if (e->etag[0] == 'W') { /* it gets its lasting tag when it is looked up again, soon */
        e->settled = false;
        e->passing = true;
    }
}

static struct span charset_for(const struct conf_location *l, struct span type)
{
    struct span charset = span_str(l->charset);

    if (charset.n == 0 || !mime_wants_charset(type))
        return span_of(NULL, 0);
    return charset;
}

static struct span type_of(const struct serve_ctx *ctx, const struct file_entry *e)
{
    return mime_table_find(ctx->mime, span_of(e->path, e->path_bytes),
                           span_str(ctx->conf->locations[e->root_id]->default_type));
}

static void write_fields(struct out *o, const struct serve_ctx *ctx, const struct file_entry *e,
                         size_t *type_at, size_t *type_end)
{
    const struct conf_location *l = ctx->conf->locations[e->root_id];
    struct span type = type_of(ctx, e);
    struct span charset = charset_for(l, type);
    int64_t modified_s = modified_of(e, wall_now());
    char date[HTTP_DATE_BYTES];

    out_str(o, "ETag: ");
    out_add(o, e->etag, e->etag_bytes);
    if (modified_s >= 0) {
        http_date_format(modified_s, date);
        out_str(o, "\r\nLast-Modified: ");
        out_add(o, date, sizeof date);
    }
    if (l->cache_control) {
        out_str(o, "\r\nCache-Control: ");
        out_str(o, l->cache_control);
    }
    out_str(o, ctx->conf->limits.ranges > 0 ? "\r\n" ACCEPT_RANGES : "\r\n" REFUSE_RANGES);
    out_str(o, TYPE_FIELD);
    *type_at = out_len(o);
    out_span(o, type);
    if (charset.n > 0) {
        out_str(o, "; charset=");
        out_span(o, charset);
    }
    *type_end = out_len(o);
    out_str(o, "\r\n");
    if (mime_is_gzipped(type, span_of(e->path, e->path_bytes)))
        out_str(o, "Content-Encoding: gzip\r\n");
}

bool serve_describe(void *arg, struct file_entry *e)
{
    const struct serve_ctx *ctx = arg;
    const struct conf_location *l = ctx->conf->locations[e->root_id];
    struct span type = type_of(ctx, e);
    size_t room = 256 + type.n + span_str(l->charset).n + span_str(l->cache_control).n;
    size_t type_at, type_end;

    make_etag(e, wall_now());
    e->fields_memory = malloc(room);
    if (!e->fields_memory)
        return false;
    struct out o = out_into(e->fields_memory, room);
    write_fields(&o, ctx, e, &type_at, &type_end);
    e->fields = span_of(e->fields_memory, out_len(&o));
    e->type = span_of(e->fields.p + type_at, type_end - type_at);
    return true;
}

static struct span fields_without_type(const struct file_entry *e)
{
    return span_of(e->fields.p, (size_t)(e->type.p - e->fields.p) - (sizeof TYPE_FIELD - 1));
}

static struct span fields_of_304(const struct serve_ctx *ctx, const struct file_entry *e)
{
    struct span fields = fields_without_type(e);

    fields.n -= ctx->conf->limits.ranges > 0 ? sizeof ACCEPT_RANGES - 1 : sizeof REFUSE_RANGES - 1;
    return fields;
}

/* --- regular files --- */

/* The reference to e goes over to the plan's body. False on ENOMEM. */
static bool send_slice(struct serve_ctx *ctx, const struct serve_request *rq,
                       struct serve_plan *plan, struct file_entry *e, uint64_t offset,
                       uint64_t length)
{
    plan->length = length;
    plan->length_known = true;
    plan->file = span_of(e->path, e->path_bytes);
    if (!e->content)
        return file_body_source(ctx, rq, plan, e, offset, offset + length);
    source_memory(&plan->body, span_of(e->content + offset, (size_t)length), e, file_entry_release);
    return true;
}

static void send_whole(struct serve_ctx *ctx, const struct serve_request *rq, struct file_entry *e,
                       struct serve_plan *plan)
{
    _Static_assert(SERVE_HEADROOM_BYTES == FILE_HEADROOM_BYTES, "one is the other's memory");
    plan->status = 200;
    plan->ready = e->fields;
    plan->headroom = e->content ? e->content - FILE_HEADROOM_BYTES : NULL;
    if (!send_slice(ctx, rq, plan, e, 0, (uint64_t)e->st.st_size))
        serve_error(ctx, rq, 503, plan);
}

/* Without printf, which would take as long as the rest of a short answer. False on ENOMEM. */
static bool add_content_range(struct buf *to, const struct http_range *r, uint64_t size)
{
    enum { LINE_BYTES = sizeof "Content-Range: bytes -/\r\n" + 3 * 20 };

    if (!buf_reserve(to, LINE_BYTES))
        return false;
    struct out o = out_into(to->p + to->n, LINE_BYTES);
    out_span(&o, SPAN("Content-Range: bytes "));
    out_u64(&o, r->offset);
    out_char(&o, '-');
    out_u64(&o, r->offset + r->length - 1);
    out_char(&o, '/');
    out_u64(&o, size);
    out_span(&o, SPAN("\r\n"));
    to->n += out_len(&o);
    return true;
}

static void send_range(struct serve_ctx *ctx, const struct serve_request *rq, struct file_entry *e,
                       const struct http_range *r, struct serve_plan *plan)
{
    if (!add_content_range(&plan->extra, r, (uint64_t)e->st.st_size)) {
        file_entry_release(e);
        serve_error(ctx, rq, 503, plan);
        return;
    }
    plan->status = 206;
    plan->ready = e->fields;
    if (!send_slice(ctx, rq, plan, e, r->offset, r->length))
        serve_error(ctx, rq, 503, plan);
}

/* When the parts cannot be made, the whole file is an answer too. */
static void send_ranges(struct serve_ctx *ctx, const struct serve_request *rq, struct file_entry *e,
                        const struct http_range *r, unsigned count, struct serve_plan *plan)
{
    struct byteranges *b = byteranges_new(ctx, plan, e, r, count);

    if (!b || !buf_addf(&plan->extra, TYPE_FIELD "multipart/byteranges; boundary=%s\r\n",
                        byteranges_boundary(b))) {
        struct source unused = {0};
        if (b) {
            byteranges_source(b, &unused);
            source_stop(&unused);
        }
        send_whole(ctx, rq, e, plan);
        return;
    }
    plan->status = 206;
    plan->ready = fields_without_type(e);
    plan->length = byteranges_length(b);
    plan->length_known = true;
    plan->file = span_of(e->path, e->path_bytes);
    byteranges_source(b, &plan->body);
    plan->beginning = byteranges_body(b);
    file_entry_release(e); /* the parts hold it */
}

static void refuse_range(struct serve_ctx *ctx, const struct serve_request *rq,
                         struct file_entry *e, struct serve_plan *plan)
{
    uintmax_t size = (uintmax_t)e->st.st_size;

    file_entry_release(e);
    serve_error(ctx, rq, 416, plan);
    if (!buf_addf(&plan->extra, "Content-Range: bytes */%ju\r\n", size))
        serve_error(ctx, rq, 503, plan);
}

static bool wants_range(const struct serve_ctx *ctx, const struct serve_request *rq,
                        const struct http_validators *v)
{
    const struct http_request *http = rq->http;

    if (!http->known[HTTP_FIELD_RANGE].p || http->method != HTTP_GET ||
        ctx->conf->limits.ranges == 0 || (http->repeated & (1U << HTTP_FIELD_RANGE)))
        return false;
    return http_if_range(http, v, (int64_t)(rq->now_wall.ns / NS_PER_S));
}

static void answer_range(struct serve_ctx *ctx, const struct serve_request *rq,
                         struct file_entry *e, struct serve_plan *plan)
{
    struct http_range range[HTTP_RANGES_MAX];
    unsigned max = ctx->conf->limits.ranges;
    unsigned count = 0;

    switch (http_range_parse(rq->http->known[HTTP_FIELD_RANGE], (uint64_t)e->st.st_size,
                             max < HTTP_RANGES_MAX ? max : HTTP_RANGES_MAX, range, &count)) {
    case HTTP_RANGE_UNSATISFIABLE:
        refuse_range(ctx, rq, e, plan);
        return;
    case HTTP_RANGE_PARTIAL:
        if (count == 1)
            send_range(ctx, rq, e, &range[0], plan);
        else
            send_ranges(ctx, rq, e, range, count, plan);
        return;
    case HTTP_RANGE_NONE:
        break;
    }
    send_whole(ctx, rq, e, plan);
}

static void answer_not_modified(struct serve_ctx *ctx, const struct serve_request *rq,
                                struct file_entry *e, struct serve_plan *plan)
{
    /* Copied, for there is no body that could keep the entry. */
    bool good = buf_add_span(&plan->extra, fields_of_304(ctx, e));

    file_entry_release(e);
    if (!good) {
        serve_error(ctx, rq, 503, plan);
        return;
    }
    plan->status = 304;
    plan->no_content = true;
}

/* Takes the reference to e. */
static void answer_file(struct serve_ctx *ctx, const struct serve_request *rq, struct file_entry *e,
                        struct serve_plan *plan)
{
    struct http_validators v = {
        .etag = span_of(e->etag, e->etag_bytes),
        .modified_s = modified_of(e, rq->now_wall),
    };

    switch (http_conditional(rq->http, &v)) {
    case HTTP_COND_NOT_MODIFIED:
        answer_not_modified(ctx, rq, e, plan);
        return;
    case HTTP_COND_PRECONDITION_FAILED:
        file_entry_release(e);
        serve_error(ctx, rq, 412, plan);
        return;
    case HTTP_COND_PROCEED:
        break;
    }
    if (wants_range(ctx, rq, &v))
        answer_range(ctx, rq, e, plan);
    else
        send_whole(ctx, rq, e, plan);
}

/* --- names --- */

static const char *kind_of_other(mode_t mode)
{
    if (S_ISFIFO(mode))
        return "it is a FIFO, no regular file";
    if (S_ISSOCK(mode))
        return "it is a socket, no regular file";
    return "it is a device, no regular file";
}

/* Answers for what is no regular file; path is its name, which is t's or that of an index file.
 * Takes the reference to e, which may be NULL. */
static enum serve_result answer_other(struct serve_ctx *ctx, const struct serve_request *rq,
                                      const struct serve_target *t, const char *path,
                                      struct file_entry *e, struct serve_plan *plan)
{
    enum file_kind kind = e ? e->kind : FILE_ERROR;
    int error = e ? e->error : ENOMEM;
    struct stat st = e ? e->st : (struct stat){0};
    mode_t mode = st.st_mode;
    const char *name = path + t->name_at;

    if (e)
        file_entry_release(e);
    if (kind == FILE_ERROR)
        serve_open_error(ctx, rq, t, name, error, plan);
    else if (kind == FILE_OTHER)
        serve_refusal(ctx, rq, t, 403, name, kind_of_other(mode), plan);
    else if (t->path.p[t->path.n - 1] != '/')
        serve_add_slash(ctx, rq, t, plan);
    else if (t->location->listing == CONF_LISTING_OFF)
        serve_refusal(ctx, rq, t, 403, name,
                      "it is a folder without an index file, and its location has listing = off",
                      plan);
    else
        return serve_listing(ctx, rq, t, &st, plan);
    return SERVE_DONE;
}

/* The answer for what was found at path. Takes the reference to e, which may be NULL. */
static enum serve_result answer(struct serve_ctx *ctx, const struct serve_request *rq,
                                const struct serve_target *t, const char *path,
                                struct file_entry *e, struct serve_plan *plan)
{
    if (!e || e->kind != FILE_REGULAR)
        return answer_other(ctx, rq, t, path, e, plan);
    answer_file(ctx, rq, e, plan);
    return SERVE_DONE;
}

/* An index file that is a directory, or not there, is as if it were not configured. */
static bool is_absent(const struct file_entry *e)
{
    return e->kind == FILE_DIRECTORY ||
           (e->kind == FILE_ERROR && (e->error == ENOENT || e->error == ENOTDIR));
}

/* ANSWERED or WAIT when an index file, or what went wrong with it, is the answer; else FOUND. */
static enum serve_look answer_index(struct serve_ctx *ctx, const struct serve_request *rq,
                                    const struct serve_target *t, struct serve_plan *plan)
{
    for (char **index = t->location->index; index && *index; index++) {
        struct out o = out_into(ctx->index_path, sizeof ctx->index_path - 1);
        out_span(&o, t->path);
        out_str(&o, *index);
        if (o.cut)
            continue; /* longer than any name the file system takes */
        *o.p = '\0';
        struct span path = span_of(ctx->index_path, out_len(&o));
        struct file_entry *e;
        enum serve_look found = serve_look_up(ctx, rq, t, path, plan, &e);
        if (found != SERVE_LOOK_FOUND)
            return found;
        if (e && is_absent(e)) {
            file_entry_release(e);
            continue;
        }
        return answer(ctx, rq, t, path.p, e, plan) == SERVE_WAIT ? SERVE_LOOK_WAIT
                                                                 : SERVE_LOOK_ANSWERED;
    }
    return SERVE_LOOK_FOUND;
}

/*
 * Only what lies behind the prefix counts, for a prefix is the operator's choice;
 * "/.well-known/" is allowed where it means something, at the top.
 */
static bool is_hidden(const struct serve_target *t)
{
    struct span name = span_from(t->path, t->name_at);

    if (t->location->dot_files || name.n == 0)
        return false;
    if (t->name_at > 1 && name.p[0] == '.')
        return true;
    return http_path_has_dot_file(span_from(t->path, t->name_at - 1));
}

enum serve_result serve_files(struct serve_ctx *ctx, const struct serve_request *rq,
                              const struct serve_target *t, struct serve_plan *plan)
{
    struct file_entry *e;
    enum serve_look found = SERVE_LOOK_FOUND;

    if (rq->http->method != HTTP_GET && rq->http->method != HTTP_HEAD) {
        serve_error(ctx, rq, 405, plan);
        return SERVE_DONE;
    }
    if (is_hidden(t)) {
        serve_refusal(ctx, rq, t, 404, t->path.p + t->name_at,
                      "names that begin with a dot are hidden (dot_files = no)", plan);
        return SERVE_DONE;
    }
    if (t->path.p[t->path.n - 1] == '/')
        found = answer_index(ctx, rq, t, plan);
    if (found == SERVE_LOOK_FOUND) {
        found = serve_look_up(ctx, rq, t, t->path, plan, &e);
        if (found == SERVE_LOOK_FOUND)
            return answer(ctx, rq, t, t->path.p, e, plan);
    }
    return found == SERVE_LOOK_WAIT ? SERVE_WAIT : SERVE_DONE;
}
