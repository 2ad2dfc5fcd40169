/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Collecting and ordering the errors of a configuration. When memory runs out the fact is
 * remembered and written as the last line. Master only.
 */
#include "conf/errors.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/escape.h"

/* A copy of text that is safe to show; at most four bytes stand for one. */
static char *make_visible(const char *text)
{
    size_t n = strlen(text);
    char *visible = n < SIZE_MAX / 4 ? malloc(4 * n + 1) : NULL;

    if (!visible)
        return NULL;
    struct out o = out_into(visible, 4 * n);
    escape_visible(&o, span_of(text, n));
    *o.p = '\0';
    return visible;
}

static bool make_room(struct conf_errors *errors)
{
    if (errors->count < errors->cap)
        return true;
    size_t cap = errors->cap ? 2 * errors->cap : 16;
    struct conf_error *grown = realloc(errors->item, cap * sizeof *grown);
    if (!grown)
        return false;
    errors->item = grown;
    errors->cap = cap;
    return true;
}

void errors_add(struct conf_errors *errors, struct conf_origin where, const char *fmt, ...)
{
    char *text = NULL;
    va_list ap;

    va_start(ap, fmt);
    int n = vasprintf(&text, fmt, ap);
    va_end(ap);
    char *visible = n >= 0 ? make_visible(text) : NULL;
    if (n >= 0)
        free(text);
    if (!visible || !make_room(errors)) {
        free(visible);
        errors->no_memory = true;
        return;
    }
    errors->item[errors->count] = (struct conf_error){where, errors->count, visible};
    errors->count++;
}

/* Lines in their order, then what concerns the file as a whole, then overrides. */
static int rank(const struct conf_error *e)
{
    if (e->where.override)
        return INT_MAX;
    return e->where.line > 0 ? e->where.line : INT_MAX - 1;
}

static int compare(const void *a, const void *b)
{
    const struct conf_error *x = a, *y = b;

    if (rank(x) != rank(y))
        return rank(x) < rank(y) ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

static bool write_one(const char *path, const struct conf_error *e, struct buf *to)
{
    if (e->where.override)
        return buf_addf(to, "-o %s: %s\n", e->where.override, e->text);
    if (path && e->where.line > 0)
        return buf_addf(to, "%s:%d: %s\n", path, e->where.line, e->text);
    return buf_addf(to, "%s%s%s\n", path ? path : "", path ? ": " : "", e->text);
}

void errors_write(struct conf_errors *errors, struct buf *to)
{
    if (errors->count > 0)
        qsort(errors->item, errors->count, sizeof *errors->item, compare);
    for (size_t i = 0; i < errors->count; i++)
        if (!write_one(errors->path, &errors->item[i], to))
            errors->no_memory = true;
    if (errors->no_memory)
        buf_addf(to, "the configuration could not be read in full: out of memory\n");
}

void errors_free(struct conf_errors *errors)
{
    for (size_t i = 0; i < errors->count; i++)
        free(errors->item[i].text);
    free(errors->item);
    *errors = (struct conf_errors){0};
}
