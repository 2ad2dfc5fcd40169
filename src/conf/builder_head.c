/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Section heads: [server], [location /prefix/], [site names...]; [fault /prefix] is in
 * builder_fault.c. Master only.
 */
#include "conf/builder.h"

#include <stdlib.h>

static void forget(struct builder *b, enum conf_section section)
{
    for (int i = 0; i < SETTING_COUNT; i++)
        if (setting_table[i].section == section)
            b->origin[i] = (struct conf_origin){0};
}

/* files and redirect exclude each other; what belongs to files does nothing beside redirect. */
static void check_handlers(struct builder *b)
{
    struct conf_origin head = {.line = b->location->line};
    const struct conf_origin *files = &b->origin[SETTING_location_files];
    const struct conf_origin *redirect = &b->origin[SETTING_location_redirect];

    if (files->line > 0 && redirect->line > 0)
        errors_add(b->errors, head,
                   "[location %s] has two handlers, files (line %d) and redirect (line %d); keep "
                   "one",
                   b->location->prefix, files->line, redirect->line);
    else if (files->line == 0 && redirect->line == 0)
        errors_add(b->errors, head,
                   "[location %s] has no handler; add files = /path or redirect = URL",
                   b->location->prefix);
    else if (redirect->line > 0)
        for (int i = 0; i < SETTING_COUNT; i++)
            if (setting_table[i].section == SECTION_location && b->origin[i].line > 0 &&
                i != SETTING_location_redirect)
                errors_add(b->errors, b->origin[i],
                           "`%s' does nothing beside redirect; leave it out", setting_table[i].key);
}

void builder_close(struct builder *b)
{
    fault_close(b);
    if (b->location) {
        check_handlers(b);
        b->location->handler = b->location->files ? CONF_FILES : CONF_REDIRECT;
    }
    b->location = NULL;
    forget(b, SECTION_location);
    forget(b, SECTION_fault);
}

bool builder_is_plain_path(struct span path)
{
    struct span rest = span_from(path, 1);

    if (path.n == 0 || path.p[0] != '/')
        return false;
    while (rest.p) {
        struct span segment = span_cut(&rest, '/');
        bool last = rest.p == NULL;
        if ((segment.n == 0 && !last) || span_eq(segment, SPAN(".")) ||
            span_eq(segment, SPAN("..")))
            return false;
    }
    return true;
}

/* A blank before a slash: somebody wrote two prefixes. */
static bool is_prefix(struct span prefix)
{
    return builder_is_plain_path(prefix) && !memmem(prefix.p, prefix.n, " /", 2) &&
           !memmem(prefix.p, prefix.n, "\t/", 2);
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte that an escape at s.p[at] stands for; -1 when there is none that a path can hold. */
static int escape_at(struct span s, size_t at)
{
    if (s.p[at] != '%' || s.n - at < 3)
        return -1;
    int high = hex_value(s.p[at + 1]), low = hex_value(s.p[at + 2]);
    return high < 0 || low < 0 || (high << 4 | low) == 0 ? -1 : high << 4 | low;
}

/* A prefix is compared with decoded paths, so an escape in it matches nothing. */
static void check_escapes(struct builder *b, int line, struct span prefix)
{
    struct buf decoded = {0};
    bool any = false;

    for (size_t i = 0; i < prefix.n; i++) {
        int value = escape_at(prefix, i);
        char c = value < 0 ? prefix.p[i] : (char)value;
        any |= value >= 0;
        i += value >= 0 ? 2 : 0;
        if (!buf_add(&decoded, &c, 1))
            b->errors->no_memory = true;
    }
    if (any)
        errors_add(b->errors, (struct conf_origin){.line = line},
                   "[location %.*s] never matches, for paths are compared without their escapes; "
                   "write [location %.*s]",
                   (int)prefix.n, prefix.p, (int)decoded.n, decoded.n > 0 ? decoded.p : "");
    buf_free(&decoded);
}

static void open_location(struct builder *b, int line, struct span prefix)
{
    check_escapes(b, line, prefix);
    if (!is_prefix(prefix))
        errors_add(b->errors, (struct conf_origin){.line = line},
                   "[location %.*s]: not a prefix; write one path that begins with `/', without "
                   "`//', `.' or `..' in it",
                   (int)prefix.n, prefix.p);
    b->location = builder_add_location(b, prefix, line);
    if (!b->location)
        b->errors->no_memory = true;
}

static bool is_label(struct span label)
{
    for (size_t i = 0; i < label.n; i++) {
        char c = label.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '-' || c == '_'))
            return false;
    }
    return label.n > 0 && label.n <= 63;
}

static bool is_host(struct span name)
{
    struct span rest = span_starts(name, SPAN("*.")) ? span_from(name, 2) : name;

    if (name.n > 253)
        return false;
    while (rest.p)
        if (!is_label(span_cut(&rest, '.')))
            return false;
    return true;
}

/* The site's head that has this name already; NULL when it is new. */
static const struct conf_site *find_name(const struct conf *conf, const char *name)
{
    for (size_t i = 0; i < conf->site_count; i++)
        for (char **n = conf->sites[i].names; n && *n; n++)
            if (strcmp(*n, name) == 0)
                return &conf->sites[i];
    return NULL;
}

static bool add_name(struct builder *b, struct conf_site *site, size_t *count, struct span word)
{
    struct conf_origin where = {.line = site->line};
    char *name = span_dup(word);

    if (!name)
        return false;
    for (char *c = name; *c; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c + ('a' - 'A'));
    const struct conf_site *other = find_name(b->conf, name);
    if (!is_host(word))
        errors_add(b->errors, where,
                   "`%s' is not a host name; write one as in example.org or *.example.org, without "
                   "a port and a last dot, others than ASCII in their xn-- form",
                   name);
    else if (other)
        errors_add(b->errors, where, "host name `%s' is there twice: first on line %d", name,
                   other->line);
    return value_list_add(&site->names, count, name);
}

static struct conf_site *append_site(struct builder *b, int line)
{
    struct conf *conf = b->conf;
    struct conf_site *grown = realloc(conf->sites, (conf->site_count + 1) * sizeof *grown);

    if (!grown)
        return NULL;
    conf->sites = grown;
    b->site = conf->site_count++;
    grown[b->site] = (struct conf_site){.line = line};
    return &grown[b->site];
}

static void open_site(struct builder *b, int line, struct span names)
{
    struct conf_origin where = {.line = line};
    size_t count = 0;

    forget(b, SECTION_site);
    if (span_eq(names, SPAN("*"))) {
        if (b->conf->sites[0].line > 0)
            errors_add(b->errors, where, "[site *] again: first on line %d",
                       b->conf->sites[0].line);
        b->site = 0;
        b->conf->sites[0].line = line;
        return;
    }
    struct conf_site *site = append_site(b, line);
    if (!site) {
        b->errors->no_memory = true;
        return;
    }
    struct span word = value_word(&names);
    if (word.n == 0)
        errors_add(b->errors, where,
                   "[site] without a host name; write [site example.org], or "
                   "[site *] for every host");
    for (; word.n > 0; word = value_word(&names))
        if (!add_name(b, site, &count, word)) {
            b->errors->no_memory = true;
            return;
        }
}

static void unknown_section(struct builder *b, struct conf_origin where, struct span name)
{
    const char *nearest = section_nearest(name);

    if (name.n > 0 && name.p[0] == '/')
        errors_add(b->errors, where, "unknown section [%.*s]; did you mean [location %.*s]?",
                   (int)name.n, name.p, (int)name.n, name.p);
    else if (nearest)
        errors_add(b->errors, where, "unknown section [%.*s]; did you mean [%s]?", (int)name.n,
                   name.p, nearest);
    else
        errors_add(
            b->errors, where,
            "unknown section [%.*s]; there are [server], [limits], [log], [cache], [offload], "
            "[fault /prefix], [types], [location /prefix/] and [site names...]",
            (int)name.n, name.p);
}

void builder_section(void *arg, int line, struct span head)
{
    struct builder *b = arg;
    struct conf_origin where = {.line = line};
    struct span argument = head, name = value_word(&argument);

    builder_close(b);
    argument = span_trim(argument);
    b->any_head = true;
    b->section = section_find(name);
    if (b->section == SECTION_COUNT) {
        if (name.n > 0) /* a head that could not be read was reported by whoever read it */
            unknown_section(b, where, name);
    } else if (b->section == SECTION_location) {
        open_location(b, line, argument);
    } else if (b->section == SECTION_site) {
        open_site(b, line, argument);
    } else if (b->section == SECTION_fault) {
        fault_open(b, line, argument);
    } else {
        int *first = &b->first_line[b->section];
        if (argument.n > 0)
            errors_add(b->errors, where, "[%.*s]: `%.*s' has no meaning here; write [%.*s]",
                       (int)head.n, head.p, (int)argument.n, argument.p, (int)name.n, name.p);
        if (*first > 0)
            errors_add(b->errors, where, "[%.*s] again: first on line %d; put its keys there",
                       (int)name.n, name.p, *first);
        else
            *first = line;
    }
}
