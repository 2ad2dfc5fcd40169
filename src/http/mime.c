/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Media types; see mime.h. A hash table with open addressing, keyed by the extension in lower case.
 * What is built in points at constants; what is added has memory of its own, which never moves, so
 * that types found stay good for the table's life. No look-up is longer than the longest extension
 * known, whatever a file is called. Filled in the master, read in workers.
 */
#include "http/mime.h"

#include <stdlib.h>

struct entry {
    struct span extension; /* p NULL: a free place */
    struct span type;
    char *memory; /* NULL: built in */
};

struct mime_table {
    struct entry *place;
    size_t places; /* a power of two */
    size_t used;
    size_t longest; /* extension */
};

static const struct {
    const char *extension, *type;
} built_in[] = {
#define MIME_TYPE(extension, type) {extension, type},
#include "http/mime_types.def"
#undef MIME_TYPE
};

/* Names without an extension that stand for a text in every source tree, mirror and archive. */
static const char *const text_names[] = {
    "README",
    "LICENSE",
    "LICENCE",
    "COPYING",
    "COPYRIGHT",
    "NOTICE",
    "AUTHORS",
    "CHANGELOG",
    "ChangeLog",
    "CHANGES",
    "NEWS",
    "HISTORY",
    "INSTALL",
    "TO"
    "DO",
    "VERSION",
    "THANKS",
    "CREDITS",
    "KEYS",
    "CODEOWNERS",
    "Makefile",
    "GNUmakefile",
    "Dockerfile",
    "Containerfile",
    "Vagrantfile",
    "Jenkinsfile",
    "Gemfile",
    "Rakefile",
    "Procfile",
    "MD5SUMS",
    "SHA1SUMS",
    "SHA224SUMS",
    "SHA256SUMS",
    "SHA384SUMS",
    "SHA512SUMS",
    "B2SUMS",
    "MD5SUM",
    "SHA256SUM",
    "SHA512SUM",
    "CHECKSUM",
    "CHECKSUMS",
    "Release",
    "InRelease",
    "Packages",
    "Sources",
};

static char lower(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

/* FNV-1a over the bytes in lower case. */
static size_t hash(struct span s)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < s.n; i++)
        h = (h ^ (unsigned char)lower(s.p[i])) * UINT64_C(0x100000001b3);
    return (size_t)(h ^ h >> 32);
}

/* Where the extension is, or the free place where it belongs; there always is a free one. */
static struct entry *find_place(struct entry *place, size_t places, struct span extension)
{
    size_t i = hash(extension) & (places - 1);

    while (place[i].extension.p && !span_ieq(place[i].extension, extension))
        i = (i + 1) & (places - 1);
    return &place[i];
}

/* Keeps a quarter of the places free. */
static bool make_room(struct mime_table *t)
{
    if (t->used < t->places / 4 * 3)
        return true;
    size_t places = t->places ? t->places * 2 : 256;
    struct entry *place = calloc(places, sizeof *place);
    if (!place)
        return false;
    for (size_t i = 0; i < t->places; i++)
        if (t->place[i].extension.p)
            *find_place(place, places, t->place[i].extension) = t->place[i];
    free(t->place);
    t->place = place;
    t->places = places;
    return true;
}

/* There is room, and the place is free or built in. */
static void fill(struct mime_table *t, struct entry *e, struct entry with)
{
    if (!e->extension.p)
        t->used++;
    *e = with;
    if (with.extension.n > t->longest)
        t->longest = with.extension.n;
}

struct mime_table *mime_table_new(void)
{
    struct mime_table *t = calloc(1, sizeof *t);

    if (!t)
        return NULL;
    for (size_t i = 0; i < sizeof built_in / sizeof *built_in; i++) {
        struct span extension = span_str(built_in[i].extension);
        if (!make_room(t)) {
            mime_table_free(&t);
            return NULL;
        }
        fill(t, find_place(t->place, t->places, extension),
             (struct entry){extension, span_str(built_in[i].type), NULL});
    }
    return t;
}

void mime_table_free(struct mime_table **table)
{
    struct mime_table *t = *table;

    if (!t)
        return;
    for (size_t i = 0; i < t->places; i++)
        free(t->place[i].memory);
    free(t->place);
    free(t);
    *table = NULL;
}

/* Types go into a response's head, so no control byte may come in here. */
static bool is_clean(struct span s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f)
            return false;
    return s.n > 0;
}

static bool add(struct mime_table *t, struct span extension, struct span type, bool over_built_in)
{
    if (extension.n > 0 && extension.p[0] == '.')
        extension = span_from(extension, 1);
    if (!is_clean(extension) || !is_clean(type) || memchr(extension.p, '/', extension.n))
        return true;
    if (!make_room(t))
        return false;
    struct entry *e = find_place(t->place, t->places, extension);
    if (e->extension.p && (e->memory || !over_built_in))
        return true;
    char *memory = malloc(extension.n + type.n);
    if (!memory)
        return false;
    for (size_t i = 0; i < extension.n; i++)
        memory[i] = lower(extension.p[i]);
    memcpy(memory + extension.n, type.p, type.n);
    fill(t, e,
         (struct entry){span_of(memory, extension.n), span_of(memory + extension.n, type.n),
                        memory});
    return true;
}

bool mime_table_add(struct mime_table *t, struct span extension, struct span type)
{
    return add(t, extension, type, true);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* The next word of a line, up to white space or a comment; empty at the end. */
static struct span next_word(struct span *line)
{
    size_t start = 0;

    while (start < line->n && is_blank(line->p[start]))
        start++;
    size_t end = start;
    while (end < line->n && !is_blank(line->p[end]))
        end++;
    struct span word = {line->p + start, end - start};
    *line = span_from(*line, end);
    if (word.n > 0 && word.p[0] == '#') {
        *line = span_from(*line, line->n);
        word.n = 0;
    }
    return word;
}

bool mime_table_add_file(struct mime_table *t, struct span text)
{
    while (text.p) {
        struct span line = span_cut(&text, '\n');
        struct span type = next_word(&line);
        if (type.n == 0 || !memchr(type.p, '/', type.n))
            continue;
        for (struct span word = next_word(&line); word.n > 0; word = next_word(&line))
            if (!add(t, word, type, false))
                return false;
    }
    return true;
}

/* The last segment of a name. */
static struct span base_of(struct span name)
{
    size_t base = name.n;

    while (base > 0 && name.p[base - 1] != '/')
        base--;
    return span_from(name, base);
}

static struct span by_extension(const struct mime_table *t, struct span base)
{
    size_t from = base.n > t->longest + 1 ? base.n - t->longest - 1 : 1;

    for (size_t i = from; i < base.n; i++) {
        if (base.p[i] != '.' || i + 1 == base.n)
            continue;
        const struct entry *e = find_place(t->place, t->places, span_from(base, i + 1));
        if (e->extension.p)
            return e->type;
    }
    return (struct span){0};
}

struct span mime_table_find(const struct mime_table *t, struct span name, struct span otherwise)
{
    struct span base = base_of(name);
    struct span type = by_extension(t, base);

    if (type.p)
        return type;
    if (otherwise.n > 0)
        return otherwise;
    for (size_t i = 0; i < sizeof text_names / sizeof *text_names; i++)
        if (span_eq(base, span_str(text_names[i])))
            return SPAN("text/plain");
    return SPAN("application/octet-stream");
}

static bool ends_in(struct span s, struct span suffix)
{
    return s.n >= suffix.n && span_ieq(span_from(s, s.n - suffix.n), suffix);
}

bool mime_wants_charset(struct span type)
{
    static const struct span scripts[] = {{"application/javascript", 22},
                                          {"application/ecmascript", 22}};
    struct span parameters = type;
    struct span essence = span_trim(span_cut(&parameters, ';'));

    while (parameters.p) {
        struct span parameter = span_trim(span_cut(&parameters, ';'));
        if (parameter.n >= 8 && span_ieq(span_of(parameter.p, 8), SPAN("charset=")))
            return false;
    }
    for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++)
        if (span_ieq(essence, scripts[i]))
            return true;
    return essence.n > 5 && span_ieq(span_of(essence.p, 5), SPAN("text/")) &&
           !span_ieq(essence, SPAN("text/html")) && !span_ieq(essence, SPAN("text/xml")) &&
           !ends_in(essence, SPAN("+xml"));
}

bool mime_is_gzipped(struct span type, struct span name)
{
    return span_ieq(type, SPAN("image/svg+xml")) && ends_in(name, SPAN(".svgz"));
}
