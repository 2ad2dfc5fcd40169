/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Types of settings of locations and sites: index names, redirects, error pages, media types.
 * The content of error pages is a fact, asked for once, so that serving one asks nothing of the
 * file system. Master, and its checking child.
 */
#include "conf/value.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "conf/facts.h"
#include "conf/settings.h"

static bool is_index_name(struct span name, struct buf *why)
{
    if (name.p[0] == '#') {
        buf_addf(why, "a comment behind a value begins with ` ;', not with `#'");
        return false;
    }
    if (memchr(name.p, '/', name.n) || span_eq(name, SPAN(".")) || span_eq(name, SPAN(".."))) {
        buf_addf(why, "`%.*s' is not the name of a file; write names without `/', as in index.html",
                 (int)name.n, name.p);
        return false;
    }
    return true;
}

static bool index_parse(const struct setting *s, struct span text, void *owner, struct buf *why)
{
    struct conf_location *location = owner;
    char **list = calloc(1, sizeof *list);
    size_t count = 0;
    bool good = list != NULL;

    (void)s;
    while (good) {
        struct span name = value_word(&text);
        if (name.n == 0)
            break;
        good = is_index_name(name, why) && value_list_add(&list, &count, span_dup(name));
    }
    if (!good) {
        value_list_free(&list);
        return false;
    }
    value_list_free(&location->index);
    location->index = list;
    return true;
}

static bool index_print(const struct setting *s, const void *owner, struct buf *text)
{
    const struct conf_location *location = owner;

    (void)s;
    for (char **name = location->index; name && *name; name++)
        buf_addf(text, "%s%s", name == location->index ? "" : " ", *name);
    return location->index != NULL;
}

const struct value_type value_INDEX = {"names", index_parse, index_print, NULL};

/* http://x..., https://x... or /...; nothing that would have to be escaped in a field line. */
static bool is_target(struct span url)
{
    for (size_t i = 0; i < url.n; i++)
        if (url.p[i] <= ' ' || url.p[i] > '~' || strchr("\"<>\\^`{|}", url.p[i]))
            return false;
    if (span_starts(url, SPAN("http://")))
        return url.n > strlen("http://");
    if (span_starts(url, SPAN("https://")))
        return url.n > strlen("https://");
    return span_starts(url, SPAN("/"));
}

static bool redirect_parse(const struct setting *s, struct span text, void *owner, struct buf *why)
{
    struct conf_location *location = owner;
    struct span rest = text, word = value_word(&rest);
    uint64_t status = 301;

    (void)s;
    if (span_u64(word, UINT64_MAX, &status)) {
        if (status != 301 && status != 302 && status != 307 && status != 308) {
            buf_addf(why, "`%.*s' is not the status of a redirect; write 301, 302, 307 or 308",
                     (int)word.n, word.p);
            return false;
        }
        word = value_word(&rest);
    }
    if (!is_target(word) || span_trim(rest).n > 0) {
        buf_addf(why, "not a redirect; write a URL or an absolute path without white space, after "
                      "the status if it is not 301, as in 302 https://example.org/");
        return false;
    }
    char *target = span_dup(word);
    if (!target)
        return false;
    free(location->redirect_to);
    location->redirect_to = target;
    location->redirect_status = (int)status;
    return true;
}

static bool redirect_print(const struct setting *s, const void *owner, struct buf *text)
{
    const struct conf_location *location = owner;

    (void)s;
    return location->redirect_to &&
           buf_addf(text, "%d %s", location->redirect_status, location->redirect_to);
}

const struct value_type value_REDIRECT = {"status and URL", redirect_parse, redirect_print, NULL};

enum { ERROR_PAGE_BYTES_MAX = 64 * 1024 };

void value_error_pages_free(struct conf_error_page **pages, size_t *count)
{
    for (size_t i = 0; i < *count; i++) {
        free((*pages)[i].path);
        free((*pages)[i].content);
    }
    free(*pages);
    *pages = NULL;
    *count = 0;
}

/* Fills page->content. A page that does not answer in time stays without, and is as if it were not
 * set. False with *why filled, but on ENOMEM. */
static bool page_read(struct conf_error_page *page, struct buf *why)
{
    const struct fact *f = fact_ask(FACT_FILE, span_str(page->path));

    if (!f)
        return false;
    if (f->state != FACT_KNOWN || fact_may_pass(f))
        return true;
    if (f->error != 0)
        buf_addf(why, "`%s' cannot be read: %s", page->path, strerror(f->error));
    else if (f->detail != S_IFREG)
        buf_addf(why, "`%s' is not a regular file", page->path);
    else if (f->data.n > ERROR_PAGE_BYTES_MAX)
        buf_addf(why, "`%s' is larger than 64 KiB; write a smaller page", page->path);
    if (why->n > 0)
        return false;
    page->content = span_dup(buf_span(&f->data));
    page->content_bytes = f->data.n;
    return page->content != NULL;
}

/* Takes "STATUS=/path" apart; the page's path is its own copy then. */
static bool page_parse(struct conf_error_page *page, struct span word, struct buf *why)
{
    struct span path = word, digits = span_cut(&path, '=');
    uint64_t status;

    if (!path.p || path.n == 0 || path.p[0] != '/') {
        buf_addf(why,
                 "`%.*s' is not an error page; write STATUS=/absolute/path, as in "
                 "404=/srv/errors/404.html",
                 (int)word.n, word.p);
        return false;
    }
    if (!span_u64(digits, 599, &status) || status < 400) {
        buf_addf(why, "`%.*s' is not the status of an error; write one from 400 to 599",
                 (int)digits.n, digits.p);
        return false;
    }
    page->status = (int)status;
    page->path = span_dup(path);
    return page->path && page_read(page, why);
}

static bool pages_add(struct conf_error_page **pages, size_t *count, struct span word,
                      struct buf *why)
{
    struct conf_error_page *grown = realloc(*pages, (*count + 1) * sizeof *grown);

    if (!grown)
        return false;
    *pages = grown;
    struct conf_error_page *page = &grown[*count];
    *page = (struct conf_error_page){0};
    ++*count; /* so that a half-made page is freed with the others */
    if (!page_parse(page, word, why))
        return false;
    for (size_t i = 0; i + 1 < *count; i++)
        if (grown[i].status == page->status) {
            buf_addf(why, "status %d is there twice; leave one out", page->status);
            return false;
        }
    return true;
}

static bool error_pages_parse(const struct setting *s, struct span text, void *owner,
                              struct buf *why)
{
    struct conf_site *site = owner;
    struct conf_error_page *pages = NULL;
    size_t count = 0;
    struct span word = value_word(&text);

    (void)s;
    if (word.n == 0) {
        buf_addf(why, "no page; write STATUS=/absolute/path, or leave the line out");
        return false;
    }
    for (; word.n > 0; word = value_word(&text))
        if (!pages_add(&pages, &count, word, why)) {
            value_error_pages_free(&pages, &count);
            return false;
        }
    value_error_pages_free(&site->error_pages, &site->error_page_count);
    site->error_pages = pages;
    site->error_page_count = count;
    return true;
}

static bool error_pages_print(const struct setting *s, const void *owner, struct buf *text)
{
    const struct conf_site *site = owner;

    (void)s;
    for (size_t i = 0; i < site->error_page_count; i++)
        buf_addf(text, "%s%d=%s", i == 0 ? "" : " ", site->error_pages[i].status,
                 site->error_pages[i].path);
    return site->error_page_count > 0;
}

const struct value_type value_ERROR_PAGES = {"STATUS=/path", error_pages_parse, error_pages_print,
                                             NULL};

/* The one parameter that means something here. */
static bool is_charset_parameter(struct span text)
{
    struct span value = text, name = span_cut(&value, '=');

    return span_ieq(name, SPAN("charset")) && value_is_token(value);
}

/* Only says whether the text is a type: whoever has the setting keeps it. */
static bool media_type_parse(const struct setting *s, struct span text, void *owner,
                             struct buf *why)
{
    struct span parameter = text, minor = span_cut(&parameter, ';'), major = span_cut(&minor, '/');

    (void)s;
    (void)owner;
    if (value_is_token(major) && value_is_token(minor) &&
        (!parameter.p || is_charset_parameter(span_trim(parameter))))
        return true;
    buf_addf(why,
             "not a media type; write one as in text/markdown, with no parameter but a charset, "
             "as in text/html;charset=utf-8");
    return false;
}

static bool media_type_print(const struct setting *s, const void *owner, struct buf *text)
{
    (void)s;
    (void)owner;
    (void)text;
    return false;
}

const struct value_type value_MEDIA_TYPE = {"media type", media_type_parse, media_type_print, NULL};
