/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Building a struct conf: defaults, values and overrides. Heads are in builder_head.c, the
 * checks of the whole in builder_finish.c. Master only.
 */
#include "conf/builder.h"

#include <stdlib.h>

#include "conf/environment.h"

/* Where a setting's type writes to at this point of the file. */
static void *owner_of(struct builder *b, const struct setting *s)
{
    if (s->section == SECTION_location)
        return b->location ? b->location : b->root;
    if (s->section == SECTION_fault)
        return &b->conf->faults[b->conf->fault_count - 1];
    if (s->section == SECTION_site)
        return &b->conf->sites[b->site];
    return b->conf;
}

static bool set_default(const struct setting *s, void *owner)
{
    struct buf why = {0};
    bool good = !s->initial || s->type->parse(s, span_str(s->initial), owner, &why);

    buf_free(&why);
    return good;
}

bool builder_init(struct builder *b, struct conf *conf, struct conf_errors *errors)
{
    *b = (struct builder){.conf = conf, .errors = errors, .section = SECTION_COUNT};
    conf->sites = calloc(1, sizeof *conf->sites);
    if (!conf->sites)
        return false;
    conf->site_count = 1;
    conf->sites[0].names = calloc(1, sizeof *conf->sites[0].names);
    if (!conf->sites[0].names)
        return false;
    for (int i = 0; i < SETTING_COUNT; i++)
        if (section_is_global(setting_table[i].section) && !set_default(&setting_table[i], conf))
            return false;
    return true;
}

void builder_set_defaults(struct builder *b, enum conf_section section, void *owner)
{
    for (int i = 0; i < SETTING_COUNT; i++)
        if (setting_table[i].section == section && !set_default(&setting_table[i], owner))
            b->errors->no_memory = true;
}

static bool location_append(struct conf *conf, struct conf_site *site, struct conf_location *new)
{
    struct conf_location **all =
        realloc(conf->locations, (conf->location_count + 1) * sizeof *conf->locations);

    if (!all)
        return false;
    conf->locations = all;
    struct conf_location **own =
        realloc(site->locations, (site->location_count + 1) * sizeof *site->locations);
    if (!own)
        return false;
    site->locations = own;
    all[conf->location_count++] = new;
    own[site->location_count++] = new;
    return true;
}

struct conf_location *builder_add_location(struct builder *b, struct span prefix, int line)
{
    struct conf_location *new = calloc(1, sizeof *new);

    if (!new)
        return NULL;
    new->root_fd = -1;
    new->line = line;
    new->prefix = span_dup(prefix);
    if (!new->prefix || !location_append(b->conf, &b->conf->sites[b->site], new)) {
        free(new->prefix);
        free(new);
        return NULL;
    }
    builder_set_defaults(b, SECTION_location, new);
    return new;
}

static void unknown_key(struct builder *b, struct conf_origin where, struct span key)
{
    const char *section = section_table[b->section].name;
    const char *nearest = setting_nearest(b->section, key);
    const struct setting *elsewhere = setting_find_anywhere(key, false);
    struct span rest = key, word = value_word(&rest);

    if (key.n == 0)
        errors_add(b->errors, where, "no key before the `='; write key = value");
    else if (rest.n > 0 && setting_find(b->section, word))
        errors_add(b->errors, where, "no `=' behind the key; write `%.*s = ...'", (int)word.n,
                   word.p);
    else if (elsewhere)
        errors_add(b->errors, where, "unknown key `%.*s' in [%s]; it belongs to [%s]", (int)key.n,
                   key.p, section, section_table[elsewhere->section].name);
    else if (nearest)
        errors_add(b->errors, where, "unknown key `%.*s' in [%s]; did you mean `%s'?", (int)key.n,
                   key.p, section, nearest);
    else
        errors_add(b->errors, where, "unknown key `%.*s' in [%s]; weir.ini(5) lists them all",
                   (int)key.n, key.p, section);
}

/* [types]: a key that is an extension, a value that is a type. */
static bool set_type(struct builder *b, struct conf_origin where, struct span key, struct span text,
                     struct buf *why)
{
    struct conf *conf = b->conf;

    if (key.n > 0 && (memchr(key.p, '*', key.n) || memchr(key.p, '?', key.n))) {
        struct span bare = key;
        while (bare.n > 0 && strchr("*?.", bare.p[0]))
            bare = span_from(bare, 1);
        bool plain = bare.n > 0 && !memchr(bare.p, '*', bare.n) && !memchr(bare.p, '?', bare.n);
        buf_addf(why,
                 "`%.*s' is a pattern, which no file name ends in; write the extension alone, "
                 "as in %.*s = %.*s",
                 (int)key.n, key.p, plain ? (int)bare.n : 3, plain ? bare.p : "log", (int)text.n,
                 text.p);
        return false;
    }
    if (!value_is_token(key) || key.p[0] == '.') {
        buf_addf(why, "`%.*s' is not a file-name extension; write it without its first dot",
                 (int)key.n, key.p);
        return false;
    }
    if (!value_MEDIA_TYPE.parse(&setting_table[SETTING_types_EXTENSION], text, conf, why))
        return false;
    struct conf_type *grown = realloc(conf->types, (conf->type_count + 1) * sizeof *grown);
    if (!grown)
        return false;
    conf->types = grown;
    struct conf_type new = {span_dup(key), span_dup(text), where.line};
    if (!new.extension || !new.type) {
        free(new.extension);
        free(new.type);
        return false;
    }
    for (char *c = new.extension; *c; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c + ('a' - 'A'));
    grown[conf->type_count++] = new;
    return true;
}

/* Checks and stores one value, whose text is final. */
static bool set_value(struct builder *b, const struct setting *s, struct conf_origin where,
                      struct span key, struct span text, struct buf *why)
{
    text = span_trim(text);
    if (!value_is_plain(text, why))
        return false;
    if (s->section == SECTION_types)
        return set_type(b, where, key, text, why);
    return (!s->type->check || s->type->check(text, why)) &&
           s->type->parse(s, text, owner_of(b, s), why);
}

static void report_value(struct builder *b, struct conf_origin where, struct span key,
                         struct span value, struct span why)
{
    bool comment = value.n > 1 && memmem(value.p, value.n, " #", 2);

    if (why.n == 0) {
        b->errors->no_memory = true;
        return;
    }
    errors_add(b->errors, where, "%.*s = %.*s: %.*s%s", (int)key.n, key.p, (int)value.n, value.p,
               (int)why.n, why.p,
               comment ? " (a comment behind a value begins with ` ;', not with `#')" : "");
}

void builder_value(void *arg, int line, struct span key, struct span value)
{
    struct builder *b = arg;
    struct conf_origin where = {.line = line};
    struct buf expanded = {0}, why = {0};

    if (b->section == SECTION_COUNT) {
        if (!b->any_head)
            errors_add(b->errors, where, "`%.*s' before any [section]; begin with [server]",
                       (int)key.n, key.p);
        return;
    }
    const struct setting *s = key.n > 0 ? setting_find(b->section, key) : NULL;
    if (!s) {
        unknown_key(b, where, key);
        return;
    }
    struct conf_origin *origin = &b->origin[s->id];
    if (s->section != SECTION_types && origin->line > 0) {
        errors_add(b->errors, where, "%.*s = %.*s: first set on line %d; keep one of the two",
                   (int)key.n, key.p, (int)value.n, value.p, origin->line);
        return;
    }
    *origin = where;
    if ((s->section == SECTION_location && !b->location) ||
        (s->section == SECTION_fault && !b->in_fault))
        return; /* memory ran out at its head */
    if (!environment_expand(value, &expanded, &why) ||
        !set_value(b, s, where, key, buf_span(&expanded), &why))
        report_value(b, where, key, value, buf_span(&why));
    buf_free(&expanded);
    buf_free(&why);
}

/* Of `weir DIR' the only location is reached by -o too, but for what DIR itself says. */
static const struct setting *find_of_root(struct builder *b, struct span key)
{
    const struct setting *s = b->root ? setting_find(SECTION_location, key) : NULL;

    return s && s->id != SETTING_location_files && s->id != SETTING_location_redirect ? s : NULL;
}

/* The setting that the part before `=' means; NULL with the error added. */
static const struct setting *find_override(struct builder *b, struct conf_origin where,
                                           struct span name)
{
    struct span key = name, section = span_cut(&key, '.');
    enum conf_section in = SECTION_COUNT;
    const struct setting *s;

    if (key.p) {
        in = section_find(section);
        if (in == SECTION_location && find_of_root(b, key))
            return find_of_root(b, key);
        if (in == SECTION_COUNT || !section_is_global(in)) {
            errors_add(b->errors, where,
                       "only keys of [server], [limits], [log], [cache] and [offload] can "
                       "be set here");
            return NULL;
        }
        s = setting_find(in, key);
    } else {
        key = name;
        s = setting_find_anywhere(key, true);
        const struct setting *other = s ? setting_find_namesake(s) : NULL;
        if (other) {
            errors_add(b->errors, where, "a key of [%s] and of [%s]; write %s.%s=... or %s.%s=...",
                       section_table[s->section].name, section_table[other->section].name,
                       section_table[s->section].name, s->key, section_table[other->section].name,
                       other->key);
            return NULL;
        }
        s = s ? s : find_of_root(b, key);
    }
    if (s)
        return s;
    const char *nearest = NULL;
    if (in != SECTION_COUNT)
        nearest = setting_nearest(in, key);
    else if (!setting_find_anywhere(key, false) && setting_nearest_global(key))
        nearest = setting_nearest_global(key)->key;
    if (nearest)
        errors_add(b->errors, where, "unknown key; did you mean `%s'?", nearest);
    else
        errors_add(b->errors, where,
                   "unknown key; only keys of [server], [limits], [log], "
                   "[cache] and [offload] can be set here");
    return NULL;
}

void builder_override(struct builder *b, const char *override)
{
    struct conf_origin where = {.override = override};
    struct span value = span_str(override), name = span_trim(span_cut(&value, '='));
    struct buf why = {0};

    if (!value.p || name.n == 0) {
        errors_add(b->errors, where, "write KEY=VALUE");
        return;
    }
    const struct setting *s = find_override(b, where, name);
    if (!s)
        return;
    b->origin[s->id] = where;
    if (!set_value(b, s, where, name, value, &why)) {
        if (why.n > 0)
            errors_add(b->errors, where, "%.*s", (int)why.n, why.p);
        else
            b->errors->no_memory = true;
    }
    buf_free(&why);
}
