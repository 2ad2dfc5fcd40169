/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The effective configuration as a file: every setting that has a value, defaults included,
 * in such a form that conf_load reads the same back. Values too long for a line of inih
 * go on over several; see conf/ini_file.h for what may stand where. Master only.
 */
#include "conf/print.h"

#include <stdlib.h>

#include "conf/environment.h"
#include "conf/ini_file.h"
#include "conf/settings.h"

enum {
    LINE_BYTES = 190,  /* inih takes 199 */
    PIECE_BYTES = 120, /* of a continuation: words go on a line up to here, longer ones alone */
};

/* Whether a value may be broken so that `rest` begins a line: it must not look like anything else.
 */
static bool may_begin_line(struct span rest)
{
    return rest.n > 0 && !strchr(" \t;#", rest.p[0]) && !ini_file_is_suspicious(rest);
}

/*
 * How many bytes of text go on this line; *joint says how the next one is joined: ' ' for a
 * space that is dropped here, '\\' for nothing. At least one byte goes.
 */
static size_t piece_bytes(struct span text, size_t room, char *joint)
{
    for (size_t n = room < PIECE_BYTES ? room : PIECE_BYTES; n > room / 2; n--)
        if (text.p[n] == ' ' && text.p[n - 1] != ' ' && text.p[n - 1] != '\\' &&
            text.p[n - 1] != '\t' && may_begin_line(span_from(text, n + 1))) {
            *joint = ' ';
            return n;
        }
    *joint = '\\';
    for (size_t n = room; n > 1; n--)
        if (may_begin_line(span_from(text, n)))
            return n;
    return room;
}

void print_pair(FILE *to, struct span key, struct span value)
{
    struct buf escaped = {0};
    size_t room = LINE_BYTES - (key.n < LINE_BYTES / 2 ? key.n : LINE_BYTES / 2) - 3;

    if (!environment_escape(value, &escaped)) {
        fprintf(to, "; %.*s is missing: out of memory\n", (int)key.n, key.p);
        buf_free(&escaped);
        return;
    }
    struct span rest = buf_span(&escaped);
    const char *gap = key.n > LINE_BYTES / 2 ? "\n    " : " ";
    fprintf(to, "%.*s =%s", (int)key.n, key.p, rest.n > 0 ? gap : "");
    while (rest.n > room) {
        char joint;
        size_t n = piece_bytes(rest, room, &joint);
        fwrite(rest.p, 1, n, to);
        fputs(joint == ' ' ? "\n    " : "\\\n    ", to);
        rest = span_from(rest, joint == ' ' ? n + 1 : n);
        room = LINE_BYTES - 4;
    }
    fwrite(rest.p ? rest.p : "", 1, rest.n, to);
    fputc('\n', to);
    buf_free(&escaped);
}

static void print_settings(FILE *to, enum conf_section section, const void *owner)
{
    for (int i = 0; i < SETTING_COUNT; i++) {
        const struct setting *s = &setting_table[i];
        struct buf value = {0};
        if (s->section == section && s->type->print(s, owner, &value))
            print_pair(to, span_str(s->key), buf_span(&value));
        buf_free(&value);
    }
}

static void print_types(FILE *to, const struct conf *conf)
{
    if (conf->type_count > 0)
        fprintf(to, "\n[types]\n");
    for (size_t i = 0; i < conf->type_count; i++)
        print_pair(to, span_str(conf->types[i].extension), span_str(conf->types[i].type));
}

static void print_faults(FILE *to, const struct conf *conf)
{
    for (size_t i = 0; i < conf->fault_count; i++) {
        fprintf(to, "\n[fault %s]\n", conf->faults[i].prefix);
        print_settings(to, SECTION_fault, &conf->faults[i]);
    }
}

static void print_location(FILE *to, const struct conf_location *location)
{
    struct buf value = {0};
    const struct setting *redirect = &setting_table[SETTING_location_redirect];

    fprintf(to, "\n[location %s]\n", location->prefix);
    if (location->handler == CONF_FILES)
        print_settings(to, SECTION_location, location);
    else if (redirect->type->print(redirect, location, &value))
        print_pair(to, span_str(redirect->key), buf_span(&value));
    buf_free(&value);
}

static void print_site(FILE *to, const struct conf_site *site)
{
    bool nameless = !site->names || !site->names[0];

    if (!nameless) {
        fprintf(to, "\n[site");
        for (char **name = site->names; *name; name++)
            fprintf(to, " %s", *name);
        fprintf(to, "]\n");
    } else if (site->error_page_count > 0) {
        fprintf(to, "\n[site *]\n");
    }
    print_settings(to, SECTION_site, site);
    for (size_t i = 0; i < site->location_count; i++)
        print_location(to, site->locations[i]);
}

void conf_print(const struct conf *conf, FILE *to)
{
    for (int i = 0; i < SECTION_COUNT; i++)
        if (section_is_global((enum conf_section)i)) {
            fprintf(to, "%s[%s]\n", i == 0 ? "" : "\n", section_table[i].name);
            print_settings(to, (enum conf_section)i, conf);
        }
    print_faults(to, conf);
    print_types(to, conf);
    for (size_t i = 0; i < conf->site_count; i++)
        print_site(to, &conf->sites[i]);
}
