/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writing listings; see listing_page.h. A page is a row of steps (head, one breadcrumb, the
 * column heads, one entry, the end), each of which fits in what a pull leaves free for it.
 * Links are relative, so that the page is right behind any prefix, and bare names, for many readers
 * of listings take a link for the name. A colon in one is escaped, so that it begins no scheme;
 * "./" stands before it besides. Worker's loop only.
 */
#include "serve/listing_page.h"

#include <limits.h>
#include <stdlib.h>
#include <time.h>

#include "base/escape.h"

enum {
    PAGE_BYTES = 32 * 1024,
    /* Above the longest step of fixed parts and one name of NAME_MAX (255) bytes. */
    STEP_BYTES = 6 * 1024,
    NAME_TIMES = 9, /* what a byte of a name takes at most: three in a URL, six in the text */
};

enum step { STEP_HEAD, STEP_CRUMBS, STEP_COLUMNS, STEP_ITEMS, STEP_END, STEP_DONE };

struct page {
    struct listing_settings settings;
    struct listing_dir *shared;
    struct file_dir dir; /* what it holds */
    enum step step;
    size_t at;        /* item, or byte of the path behind the last breadcrumb written */
    unsigned depth;   /* segments of path behind `at` */
    size_t step_room; /* what one step may take */
    size_t room;
    char *path;
    char *text;
};

static void add_time(struct out *o, int64_t seconds, const char *format)
{
    time_t t = (time_t)seconds;
    struct tm tm;
    char text[64];

    if (gmtime_r(&t, &tm))
        out_add(o, text, strftime(text, sizeof text, format, &tm));
}

void listing_human_size(struct out *o, uint64_t bytes)
{
    static const char *const unit[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    unsigned u = 0;
    uint64_t rest = 0;

    while (bytes >= 1024) {
        rest = bytes % 1024;
        bytes /= 1024;
        u++;
    }
    out_u64(o, bytes);
    if (u > 0 && bytes < 10) {
        out_char(o, '.');
        out_u64(o, rest * 10 / 1024);
    }
    out_char(o, ' ');
    out_str(o, unit[u]);
}

/* --- HTML --- */

static const char html_style[] =
    "<style>:root{color-scheme:light dark}"
    "body{font:1rem/1.5 system-ui,sans-serif;margin:1rem auto;max-width:60rem;padding:0 .75rem}"
    "h1{font-size:1.15rem;font-weight:600;overflow-wrap:anywhere}"
    "table{border-collapse:collapse;width:100%}"
    "th,td{padding:.3rem .5rem;text-align:left;border-bottom:1px solid #8884}"
    "td:first-child{overflow-wrap:anywhere;white-space:pre-wrap;width:100%}"
    "td:nth-child(2),td:nth-child(3),th{white-space:nowrap}"
    "td:nth-child(2),th:nth-child(2){text-align:right}"
    "td:nth-child(n+2){font-variant-numeric:tabular-nums}"
    "a{text-decoration:none;unicode-bidi:isolate}a:hover,a:focus{text-decoration:underline}"
    "@media(max-width:35rem){td:nth-child(3),th:nth-child(3){display:none}}</style>\n";

static void html_head(struct page *p, struct out *o)
{
    out_str(o, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
               "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<title>");
    escape_html(o, p->settings.path);
    out_str(o, "</title>\n");
    out_str(o, html_style);
    out_str(o, "</head>\n<body>\n<h1>");
}

/* A link to where the path has `depth` more segments behind it: the top is called "/". */
static void html_crumb(struct page *p, struct out *o)
{
    struct span rest = span_from(p->settings.path, p->at);
    struct span name = span_cut(&rest, '/');

    if (p->at > 0) {
        p->at += name.n + 1;
        p->depth--;
    } else {
        p->at = 1;
    }
    bool here = p->depth == 0;
    if (!here) {
        out_str(o, "<a href=\"");
        for (unsigned i = 0; i < p->depth; i++)
            out_str(o, "../");
        out_str(o, "\">");
    }
    escape_html(o, name);
    out_str(o, here ? "/" : "/</a>");
}

static void html_column(const struct page *p, struct out *o, const char *word, const char *title,
                        enum file_dir_sort sort)
{
    bool current = p->settings.sort == sort;
    bool descend = current && !p->settings.descending;

    out_fmt(o, "<th%s><a href=\"?sort=%s&amp;order=%s\">%s%s</a></th>",
            !current                 ? ""
            : p->settings.descending ? " aria-sort=\"descending\""
                                     : " aria-sort=\"ascending\"",
            word, descend ? "desc" : "asc", title,
            !current                 ? ""
            : p->settings.descending ? " &#8595;"
                                     : " &#8593;");
}

static void html_columns(struct page *p, struct out *o)
{
    out_str(o, "</h1>\n<table>\n<thead><tr>");
    html_column(p, o, "name", "Name", FILE_DIR_BY_NAME);
    html_column(p, o, "size", "Size", FILE_DIR_BY_SIZE);
    html_column(p, o, "mtime", "Modified (UTC)", FILE_DIR_BY_TIME);
    out_str(o, "</tr></thead>\n<tbody>\n");
    if (p->settings.path.n > 1)
        out_str(o, "<tr><td><a href=\"../\">../</a></td><td></td><td></td></tr>\n");
}

static void html_item(struct out *o, const struct file_dir_item *i, struct span name)
{
    const char *slash = i->kind == FILE_DIRECTORY ? "/" : "";

    out_str(o, "<tr><td>");
    if (i->kind != FILE_OTHER) {
        out_str(o, "<a href=\"");
        if (memchr(name.p, ':', name.n)) /* for those who unescape before they resolve */
            out_str(o, "./");
        escape_url_path(o, name, false);
        out_str(o, slash);
        out_str(o, "\">");
    }
    escape_html(o, name);
    out_str(o, slash);
    out_str(o, i->kind != FILE_OTHER ? "</a></td>" : "</td>");
    if (i->kind == FILE_REGULAR) {
        out_fmt(o, "<td title=\"%ju bytes\">", (uintmax_t)i->size_bytes);
        listing_human_size(o, i->size_bytes);
        out_str(o, "</td><td>");
    } else {
        out_str(o, "<td></td><td>");
    }
    if (i->known) {
        out_str(o, "<time datetime=\"");
        add_time(o, i->modified_s, "%Y-%m-%dT%H:%M:%SZ");
        out_str(o, "\">");
        add_time(o, i->modified_s, "%Y-%m-%d %H:%M:%S");
        out_str(o, "</time>");
    }
    out_str(o, "</td></tr>\n");
}

/* --- JSON --- */

static bool is_utf8(struct span s)
{
    while (s.n > 0) {
        uint32_t cp;
        size_t n = utf8_next(s, &cp);
        if (n == 0)
            return false;
        s = span_from(s, n);
    }
    return true;
}

static void json_head(struct page *p, struct out *o)
{
    out_str(o, "{\"path\":\"");
    escape_json(o, p->settings.path);
    out_str(o, "\",\"entries\":[");
}

static void json_item(struct out *o, const struct file_dir_item *i, struct span name, bool first)
{
    static const char *const type[] = {
        [FILE_REGULAR] = "file",
        [FILE_DIRECTORY] = "directory",
        [FILE_OTHER] = "other",
    };

    out_str(o, first ? "\n{\"name\":\"" : ",\n{\"name\":\"");
    escape_json(o, name);
    if (!is_utf8(name)) {
        out_str(o, "\",\"name_raw\":\"");
        escape_url_path(o, name, false);
    }
    out_fmt(o, "\",\"type\":\"%s\"", type[i->kind]);
    if (i->kind == FILE_REGULAR)
        out_fmt(o, ",\"size\":%ju", (uintmax_t)i->size_bytes);
    if (i->known) {
        out_str(o, ",\"mtime\":\"");
        add_time(o, i->modified_s, "%Y-%m-%dT%H:%M:%SZ");
        out_char(o, '"');
    }
    out_char(o, '}');
}

/* --- steps --- */

static void step_item(struct page *p, struct out *o)
{
    if (p->at == p->dir.count) {
        p->step = STEP_END;
        return;
    }
    const struct file_dir_item *i =
        file_dir_at(&p->dir, p->settings.sort, p->settings.descending, p->at);
    struct span name = file_dir_name(&p->dir, i);
    if (p->settings.format == LISTING_HTML)
        html_item(o, i, name);
    else
        json_item(o, i, name, p->at == 0);
    p->at++;
}

static void step(struct page *p, struct out *o)
{
    bool html = p->settings.format == LISTING_HTML;

    switch (p->step) {
    case STEP_HEAD:
        (html ? html_head : json_head)(p, o);
        p->step = html ? STEP_CRUMBS : STEP_ITEMS;
        break;
    case STEP_CRUMBS:
        html_crumb(p, o);
        if (p->depth == 0)
            p->step = STEP_COLUMNS;
        break;
    case STEP_COLUMNS:
        html_columns(p, o);
        p->at = 0;
        p->step = STEP_ITEMS;
        break;
    case STEP_ITEMS:
        step_item(p, o);
        break;
    case STEP_END:
        out_str(o, html ? "</tbody>\n</table>\n</body>\n</html>\n" : "\n]}\n");
        p->step = STEP_DONE;
        break;
    case STEP_DONE:
        break;
    }
}

static void pull(struct source *s, struct chunk *out)
{
    struct page *p = s->owner;
    struct out o = out_into(p->text, p->room);

    *out = (struct chunk){.kind = CHUNK_END, .fd = -1};
    while (p->step != STEP_DONE && (size_t)(o.end - o.p) >= p->step_room)
        step(p, &o);
    if (o.cut)
        out->kind = CHUNK_ERROR; /* a page with a hole must not look whole */
    else if (out_len(&o) > 0)
        *out =
            (struct chunk){.kind = CHUNK_MEMORY, .fd = -1, .memory = span_of(p->text, out_len(&o))};
}

static void page_free(struct page *p)
{
    listing_dir_release(&p->shared);
    free(p->path);
    free(p->text);
    free(p);
}

static void stop(struct source *s)
{
    page_free(s->owner);
}

struct listing_dir *listing_dir_new(struct file_dir *dir)
{
    struct listing_dir *d = calloc(1, sizeof *d);

    if (!d) {
        file_dir_free(dir);
        return NULL;
    }
    d->dir = *dir;
    *dir = (struct file_dir){0};
    d->refs = 1;
    return d;
}

struct listing_dir *listing_dir_hold(struct listing_dir *d)
{
    d->refs++;
    return d;
}

void listing_dir_release(struct listing_dir **d)
{
    struct listing_dir *gone = *d;

    *d = NULL;
    if (!gone || --gone->refs > 0)
        return;
    file_dir_free(&gone->dir);
    free(gone);
}

bool listing_page_source(const struct listing_settings *settings, struct listing_dir *dir,
                         struct source *s)
{
    static const struct source_ops ops = {.pull = pull, .stop = stop};
    struct page *p = calloc(1, sizeof *p);

    if (!p) {
        listing_dir_release(&dir);
        return false;
    }
    p->shared = dir;
    p->dir = dir->dir;
    p->settings = *settings;
    p->path = span_dup(settings->path);
    p->settings.path.p = p->path;
    /* The head has the path escaped once, a breadcrumb at most "../" for every two bytes of it. */
    p->step_room = STEP_BYTES + 6 * settings->path.n;
    if (dir->dir.name_bytes_max > NAME_MAX)
        p->step_room += (size_t)NAME_TIMES * dir->dir.name_bytes_max;
    p->room = p->step_room > PAGE_BYTES / 2 ? 2 * p->step_room : PAGE_BYTES;
    p->text = malloc(p->room);
    if (!p->path || !p->text) {
        page_free(p);
        return false;
    }
    for (size_t i = 1; i < settings->path.n; i++)
        p->depth += settings->path.p[i] == '/';
    *s = (struct source){.ops = &ops, .fd = -1, .owner = p};
    return true;
}
