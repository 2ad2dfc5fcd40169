/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Asking serve/ in the tests: a configuration made by hand over a temporary tree, requests as
 * text, and answers with all of their body. Each test program has its own.
 */
#ifndef WEIR_TESTS_SERVE_ASK_H
#define WEIR_TESTS_SERVE_ASK_H

#include "tests/unit/test_file_tree.h"

#include "board/slot.h"
#include "http/parse.h"
#include "serve/serve.h"

/* --- a configuration made by hand --- */

enum { ROOT, PLAIN, JSON, DOTS, OLD, GO, NOSLASH, SITE, LOCATION_COUNT };

static char *index_names[] = {(char[]){"index.html"}, (char[]){"index.txt"}, NULL};
static char *no_names[] = {NULL};
static char *site_names[] = {(char[]){"example.org"}, (char[]){"*.example.org"}, NULL};
static char www_path[100], plain_path[100], site_path[100];

static struct conf_location location[LOCATION_COUNT];
static struct conf_location *all[LOCATION_COUNT];
static struct conf_location *nameless[] = {&location[NOSLASH], &location[PLAIN], &location[JSON],
                                           &location[DOTS],    &location[OLD],   &location[GO],
                                           &location[ROOT]};
static struct conf_location *named[] = {&location[SITE]};
static struct conf_error_page pages[] = {{.status = 404,
                                          .path = (char[]){"/etc/weir/404.html"},
                                          .content = (char[]){"<p>Nothing here"},
                                          .content_bytes = 15},
                                         {.status = 405,
                                          .path = (char[]){"/etc/weir/405.txt"},
                                          .content = (char[]){"No."},
                                          .content_bytes = 3}};
static struct conf_site sites[] = {
    {.names = no_names, .locations = nameless, .location_count = 7},
    {.names = site_names,
     .locations = named,
     .location_count = 1,
     .error_pages = pages,
     .error_page_count = 2},
};
static struct conf conf = {
    .limits.ranges = 32,
    .limits.listing_bytes = 1 << 20,
    .cache = {.entries = 100,
              .valid_ns = 10 * NS_PER_S,
              .content_bytes = 1 << 20,
              .content_file_bytes = 1000},
    .sites = sites,
    .site_count = 2,
    .locations = all,
    .location_count = LOCATION_COUNT,
};

static inline void set_location(int id, const char *prefix, char *files)
{
    static char utf8[] = "utf-8";
    static char prefixes[LOCATION_COUNT][32];

    snprintf(prefixes[id], sizeof prefixes[id], "%s", prefix);
    location[id] = (struct conf_location){
        .prefix = prefixes[id],
        .handler = files ? CONF_FILES : CONF_REDIRECT,
        .files = files,
        .root_fd = -1,
        .index = index_names,
        .listing = CONF_LISTING_AUTO,
        .charset = utf8,
        .id = (unsigned)id,
    };
    all[id] = &location[id];
}

static inline void make_conf(void)
{
    static char charset_none[] = "", cache_control[] = "public, max-age=60";
    static char old_to[] = "/new/", go_to[] = "https://example.org/x?a=1#top";

    snprintf(www_path, sizeof www_path, "%s/www", tree);
    snprintf(plain_path, sizeof plain_path, "%s/plain", tree);
    snprintf(site_path, sizeof site_path, "%s/site", tree);
    set_location(ROOT, "/", www_path);
    set_location(PLAIN, "/plain/", plain_path);
    set_location(JSON, "/json/", www_path);
    set_location(DOTS, "/dots/", www_path);
    set_location(OLD, "/old/", NULL);
    set_location(GO, "/go", NULL);
    set_location(NOSLASH, "/noslash", plain_path);
    set_location(SITE, "/", site_path);
    location[PLAIN].listing = CONF_LISTING_OFF;
    location[PLAIN].charset = charset_none;
    location[PLAIN].cache_control = cache_control;
    location[JSON].listing = CONF_LISTING_JSON;
    location[DOTS].dot_files = true;
    location[OLD].redirect_status = 301;
    location[OLD].redirect_to = old_to;
    location[GO].redirect_status = 302;
    location[GO].redirect_to = go_to;
}

/* --- asking --- */

#define NOW_S 1700000000

static struct serve_ctx *ctx;
static struct mime_table *mime;
static struct board_slot slot;
static struct mono now = {1000 * NS_PER_S};

struct reply {
    struct serve_plan plan;
    char fields[20000];
    struct buf body;
    bool failed; /* CHUNK_ERROR */
};

static inline void set_up(void)
{
    tree_make();
    make_conf();
    tree_dir("www");
    tree_dir("plain");
    tree_dir("site");
    mime = mime_table_new();
    ctx = serve_ctx_new(&conf, mime, &slot, NULL);
    ck_assert_ptr_nonnull(ctx);
}

static inline void tear_down(void)
{
    serve_ctx_free(&ctx);
    mime_table_free(&mime);
    tree_remove();
}

static inline void add_chunk(struct reply *r, const struct chunk *c)
{
    if (c->kind == CHUNK_MEMORY) {
        ck_assert(buf_add_span(&r->body, c->memory));
        return;
    }
    ck_assert(buf_reserve(&r->body, c->length));
    ck_assert_int_eq(pread(c->fd, r->body.p + r->body.n, c->length, (off_t)c->offset),
                     (ssize_t)c->length);
    r->body.n += c->length;
}

static inline void drain(struct reply *r)
{
    struct chunk c;

    for (;;) {
        source_pull(&r->plan.body, &c);
        if (c.kind == CHUNK_END)
            break;
        if (c.kind == CHUNK_ERROR) {
            r->failed = true;
            break;
        }
        add_chunk(r, &c);
    }
    struct out o = out_into(r->fields, sizeof r->fields - 1);
    out_span(&o, r->plan.ready);
    out_span(&o, buf_span(&r->plan.extra));
    *o.p = '\0';
    if (r->plan.length_known && !r->plan.no_content)
        ck_assert_msg(r->body.n == r->plan.length, "%zu bytes, %ju promised", r->body.n,
                      (uintmax_t)r->plan.length);
}

static inline void reply_free(struct reply *r)
{
    serve_plan_free(&r->plan);
    buf_free(&r->body);
}

/* The plan alone: the body is not read. fields: more field lines, each with its CRLF. */
static inline void start(struct reply *r, const char *method, const char *target, const char *host,
                         const char *fields)
{
    static char head[20000];
    static struct http_request http;
    struct http_parser parser = {0};
    struct http_parse_limits limits = {.head_bytes = sizeof head};
    int n = snprintf(head, sizeof head, "%s %s HTTP/1.1\r\nHost: %s\r\n%s\r\n", method, target,
                     host, fields ? fields : "");

    ck_assert_msg(http_parse_head(&parser, &limits, head, (size_t)n, &http) == HTTP_PARSE_DONE,
                  "%s: %s", head, parser.why);
    struct serve_request rq = {.http = &http, .now = now, .now_wall = {(uint64_t)NOW_S * NS_PER_S}};
    memset(r, 0, sizeof *r);
    serve_plan_reset(&r->plan);
    serve_start(ctx, &rq, &r->plan);
}

static inline void ask(struct reply *r, const char *method, const char *target, const char *host,
                       const char *fields)
{
    start(r, method, target, host, fields);
    drain(r);
}

static struct reply reply; /* of get() and the tables */

static inline const char *get(const char *target, const char *fields)
{
    reply_free(&reply);
    ask(&reply, "GET", target, "h", fields);
    ck_assert(buf_add(&reply.body, "", 1));
    reply.body.n--;
    return reply.body.p;
}

static inline bool has_line(const char *fields, const char *line)
{
    char want[400];

    snprintf(want, sizeof want, "%s\r\n", line);
    const char *hit = strstr(fields, want);
    return hit && (hit == fields || hit[-1] == '\n');
}

static inline bool has_name(const char *fields, const char *name)
{
    char want[100];

    snprintf(want, sizeof want, "%s:", name);
    for (const char *hit = fields; (hit = strstr(hit, want)) != NULL; hit++)
        if (hit == fields || hit[-1] == '\n')
            return true;
    return false;
}

struct request_case {
    const char *method, *target, *host, *fields;
    int status;
    const char *lines[4]; /* must be there; "!Name" must not */
    const char *body;     /* NULL: any */
};

static inline void run_case(const struct request_case *c)
{
    struct reply r;

    ask(&r, c->method, c->target, c->host ? c->host : "h", c->fields);
    ck_assert_msg(r.plan.status == c->status, "%s %s: %d, want %d", c->method, c->target,
                  r.plan.status, c->status);
    ck_assert(!r.failed);
    for (int i = 0; i < 4 && c->lines[i]; i++) {
        const char *line = c->lines[i];
        bool good = line[0] == '!' ? !has_name(r.fields, line + 1) : has_line(r.fields, line);
        ck_assert_msg(good, "%s %s: %s in\n%s", c->method, c->target, line, r.fields);
    }
    if (c->body)
        ck_assert_msg(r.body.n == strlen(c->body) &&
                          (r.body.n == 0 || memcmp(r.body.p, c->body, r.body.n) == 0),
                      "%s %s: got %.*s, want %s", c->method, c->target, (int)r.body.n, r.body.p,
                      c->body);
    reply_free(&r);
}

#define RUN(cases)                                                                                 \
    for (size_t case_at = 0; case_at < sizeof(cases) / sizeof *(cases); case_at++)                 \
    run_case(&(cases)[case_at])

/* Of the last answer; the value of a field, in memory that lives until the next call. */
static inline const char *field_value(const char *name)
{
    static char value[400];
    char want[100];

    snprintf(want, sizeof want, "%s: ", name);
    const char *hit = strstr(reply.fields, want);
    ck_assert_msg(hit != NULL, "no %s in\n%s", name, reply.fields);
    snprintf(value, sizeof value, "%.*s", (int)strcspn(hit + strlen(want), "\r"),
             hit + strlen(want));
    return value;
}

#endif
