/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Types of settings that are text: names, users, paths, log targets, field values. What can be
 * asked of the system without changing it is asked here (does the user exist, is the folder
 * there), as a fact, so that `weir -t` finds it. Opens nothing. Master, and its checking child.
 */
#include "conf/value.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "conf/facts.h"
#include "conf/settings.h"

static bool is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool all_of(struct span s, const char *more)
{
    for (size_t i = 0; i < s.n; i++)
        if (!is_alnum(s.p[i]) && (s.p[i] == '\0' || !strchr(more, s.p[i])))
            return false;
    return s.n > 0;
}

bool value_is_token(struct span s)
{
    return all_of(s, "!#$%&'*+-.^_`|~");
}

bool value_is_plain(struct span text, struct buf *why)
{
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        if ((c < ' ' && c != '\t') || c == 0x7f) {
            buf_addf(why, "holds the control character 0x%02x; leave it out", c);
            return false;
        }
    }
    return true;
}

struct span value_word(struct span *rest)
{
    struct span word = span_trim(*rest);
    size_t n = 0;

    while (n < word.n && word.p[n] != ' ' && word.p[n] != '\t')
        n++;
    *rest = span_from(word, n);
    word.n = n;
    return word;
}

bool value_list_add(char ***list, size_t *count, char *item)
{
    char **grown = item ? realloc(*list, (*count + 2) * sizeof *grown) : NULL;

    if (!grown) {
        free(item);
        return false;
    }
    grown[(*count)++] = item;
    grown[*count] = NULL;
    *list = grown;
    return true;
}

void value_list_free(char ***list)
{
    for (char **item = *list; item && *item; item++)
        free(*item);
    free(*list);
    *list = NULL;
}

static bool text_store(const struct setting *s, struct span text, void *owner)
{
    char **field = (char **)(void *)((char *)owner + s->offset);
    char *copy = span_dup(text);

    if (!copy)
        return false;
    free(*field);
    *field = copy;
    return true;
}

static const char *text_fetch(const struct setting *s, const void *owner)
{
    return *(char *const *)(const void *)((const char *)owner + s->offset);
}

static bool text_print(const struct setting *s, const void *owner, struct buf *text)
{
    const char *value = text_fetch(s, owner);

    return value && buf_addf(text, "%s", value);
}

static bool name_parse(const struct setting *s, struct span text, void *owner, struct buf *why)
{
    enum { NAME_BYTES_MAX = 63 }; /* what the board has room for */

    if (text.n > NAME_BYTES_MAX || !all_of(text, "._-")) {
        buf_addf(why, "not a name; write at most %d letters, digits, `.', `_' and `-'",
                 NAME_BYTES_MAX);
        return false;
    }
    return text_store(s, text, owner);
}

const struct value_type value_NAME = {"name", name_parse, text_print, NULL};

/* The error of a look-up among users or groups that found nothing. */
static bool nobody(const char *what, int error, struct buf *why)
{
    if (error == 0 || error == ENOENT || error == ESRCH)
        buf_addf(why, "there is no such %s on this system; write the name of one", what);
    else
        buf_addf(why, "the %s cannot be looked up: %s", what, strerror(error));
    return false;
}

/* Asks for a user or a group; false with *why when there is none. */
static bool is_known(enum fact_kind kind, const char *what, struct span name, struct buf *why)
{
    const struct fact *f = fact_ask(kind, name);

    if (!f)
        return false;
    if (fact_is_missing(f, why))
        return false;
    return f->state != FACT_KNOWN || f->error == 0 || nobody(what, f->error, why);
}

static bool user_parse(const struct setting *s, struct span text, void *owner, struct buf *why)
{
    return is_known(FACT_USER, "user", text, why) && text_store(s, text, owner);
}

const struct value_type value_USER = {"user", user_parse, text_print, NULL};

static bool group_parse(const struct setting *s, struct span text, void *owner, struct buf *why)
{
    return is_known(FACT_GROUP, "group", text, why) && text_store(s, text, owner);
}

const struct value_type value_GROUP = {"group", group_parse, text_print, NULL};

static bool is_absolute(struct span text, struct buf *why)
{
    if (text.n == 0 || text.p[0] != '/') {
        buf_addf(why, "not an absolute path; write it from `/' on");
        return false;
    }
    if (text.n >= PATH_MAX) {
        buf_addf(why, "path too long; at most %d bytes", PATH_MAX - 1);
        return false;
    }
    return true;
}

static bool path_parse(const struct setting *s, struct span text, void *owner, struct buf *why)
{
    return is_absolute(text, why) && text_store(s, text, owner);
}

const struct value_type value_PATH = {"path", path_parse, text_print, NULL};

/* What does not answer in time is taken for good: a dead mount is no mistake of the file. */
static bool is_there(enum fact_kind kind, struct span path, struct buf *why)
{
    const struct fact *f = fact_ask(kind, path);
    bool directory = kind == FACT_DIRECTORY;

    if (!f)
        return false;
    if (f->state != FACT_KNOWN || fact_may_pass(f))
        return true;
    if (directory && f->error == ENOTDIR)
        buf_addf(why, "not a directory");
    else if (f->error != 0)
        buf_addf(why, "%s%s",
                 directory && f->error == ENOENT ? "no such directory" : strerror(f->error),
                 f->error == ENOENT ? "; make it, or write the path of one that exists" : "");
    else if (!directory && f->detail == S_IFDIR)
        buf_addf(why, "a directory; write the path of a file");
    return why->n == 0;
}

static bool readable_check(struct span text, struct buf *why)
{
    return is_there(FACT_FILE, text, why);
}

const struct value_type value_READABLE = {"path", path_parse, text_print, readable_check};

/* Slashes at the end go, but not one that keeps white space before it from being trimmed off. */
static struct span without_end_slashes(struct span path)
{
    while (path.n > 1 && path.p[path.n - 1] == '/' && !strchr(" \t", path.p[path.n - 2]))
        path.n--;
    return path;
}

static bool directory_parse(const struct setting *s, struct span text, void *owner, struct buf *why)
{
    struct span path = without_end_slashes(text);

    return is_absolute(text, why) && is_there(FACT_DIRECTORY, path, why) &&
           text_store(s, path, owner);
}

const struct value_type value_DIRECTORY = {"path", directory_parse, text_print, NULL};

static bool log_parse(const struct setting *s, struct span text, void *owner, struct buf *why,
                      const char *const *words, const char *hint)
{
    bool known = false;

    for (; *words && !known; words++)
        known = span_eq(text, span_str(*words));
    if (!known && (text.n == 0 || text.p[0] != '/')) {
        buf_addf(why, "not a place for a log; write the absolute path of a file, %s", hint);
        return false;
    }
    return (known || is_absolute(text, why)) && text_store(s, text, owner);
}

static bool access_parse(const struct setting *s, struct span text, void *owner, struct buf *why)
{
    static const char *const words[] = {"stdout", "syslog", "off", NULL};

    return log_parse(s, text, owner, why, words, "stdout, syslog or off");
}

const struct value_type value_ACCESS_LOG = {"path or word", access_parse, text_print, NULL};

static bool error_parse(const struct setting *s, struct span text, void *owner, struct buf *why)
{
    static const char *const words[] = {"stderr", "syslog", NULL};

    return log_parse(s, text, owner, why, words, "stderr or syslog");
}

const struct value_type value_ERROR_LOG = {"path or word", error_parse, text_print, NULL};

/* One directive: a token, and perhaps a value that is a token or in quotes without escapes. */
static bool is_directive(struct span d)
{
    struct span rest = d, name = span_cut(&rest, '=');

    if (!rest.p)
        return value_is_token(name);
    if (rest.n < 2 || rest.p[0] != '"')
        return value_is_token(name) && value_is_token(rest);
    return value_is_token(name) && rest.p[rest.n - 1] == '"' &&
           !memchr(rest.p + 1, '"', rest.n - 2) && !memchr(rest.p, '\\', rest.n);
}

static bool cache_control_parse(const struct setting *s, struct span text, void *owner,
                                struct buf *why)
{
    struct span rest = text;

    do {
        if (!is_directive(span_trim(span_cut(&rest, ',')))) {
            buf_addf(why, "not a Cache-Control field; write directives with commas between, "
                          "as in public, max-age=3600");
            return false;
        }
    } while (rest.p);
    return text_store(s, text, owner);
}

const struct value_type value_CACHE_CONTROL = {"directives", cache_control_parse, text_print, NULL};

static bool charset_parse(const struct setting *s, struct span text, void *owner, struct buf *why)
{
    if (text.n > 0 && !value_is_token(text)) {
        buf_addf(why, "not the name of a charset; write one as in utf-8, or nothing for none");
        return false;
    }
    return text_store(s, text, owner);
}

const struct value_type value_CHARSET = {"name", charset_parse, text_print, NULL};

static bool default_type_parse(const struct setting *s, struct span text, void *owner,
                               struct buf *why)
{
    return (text.n == 0 || value_MEDIA_TYPE.parse(s, text, owner, why)) &&
           text_store(s, text, owner);
}

const struct value_type value_DEFAULT_TYPE = {"media type", default_type_parse, text_print, NULL};
