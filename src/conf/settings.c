/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of settings, made from conf/settings.def, and looking things up in it. Nearness
 * of names is the number of letters put in, left out, changed or swapped with a neighbour.
 * Master only.
 */
#include "conf/settings.h"

#include "base/clock.h"
#include "weir/board.h"

#define MS   NS_PER_MS
#define HOUR (3600 * NS_PER_S)
#define DAY  (24 * HOUR)
#define KIB  UINT64_C(1024)
#define MIB  (1024 * KIB)
#define GIB  (1024 * MIB)
#define TIB  (1024 * GIB)

typedef struct conf owner_server, owner_limits, owner_log, owner_cache, owner_types, owner_offload;
typedef struct conf_location owner_location;
typedef struct conf_fault owner_fault;
typedef struct conf_site owner_site;

const struct section section_table[SECTION_COUNT] = {
#define SECTION(name, argument, help) [SECTION_##name] = {#name, argument, "" help ""},
#define SETTING(section, key, type, field, initial, min, max, unit, example, help)
#include "conf/settings.def"
#undef SECTION
#undef SETTING
};

const struct setting setting_table[SETTING_COUNT] = {
#define SECTION(name, argument, help)
#define SETTING(section, key, type, field, initial, min, max, unit, example, help)                 \
    [SETTING_##section##_##key] = {SETTING_##section##_##key,                                      \
                                   SECTION_##section,                                              \
                                   #key,                                                           \
                                   &value_##type,                                                  \
                                   offsetof(owner_##section, field),                               \
                                   sizeof(((owner_##section *)NULL)->field),                       \
                                   initial,                                                        \
                                   min,                                                            \
                                   max,                                                            \
                                   unit,                                                           \
                                   example,                                                        \
                                   "" help ""},
#include "conf/settings.def"
#undef SECTION
#undef SETTING
};

/* Every section and every key explains itself. */
#define SECTION(name, argument, help)                                                              \
    _Static_assert(sizeof(help) > 1, "section " #name " has no help text");
#define SETTING(section, key, type, field, initial, min, max, unit, example, help)                 \
    _Static_assert(sizeof(help) > 1, #section "." #key " has no help text");
#include "conf/settings.def"
#undef SECTION
#undef SETTING

bool section_is_global(enum conf_section section)
{
    return section == SECTION_server || section == SECTION_limits || section == SECTION_log ||
           section == SECTION_cache || section == SECTION_offload;
}

enum conf_section section_find(struct span name)
{
    for (int i = 0; i < SECTION_COUNT; i++)
        if (span_eq(name, span_str(section_table[i].name)))
            return (enum conf_section)i;
    return SECTION_COUNT;
}

const struct setting *setting_find(enum conf_section section, struct span key)
{
    if (section == SECTION_types)
        return &setting_table[SETTING_types_EXTENSION];
    for (int i = 0; i < SETTING_COUNT; i++)
        if (setting_table[i].section == section && span_eq(key, span_str(setting_table[i].key)))
            return &setting_table[i];
    return NULL;
}

const struct setting *setting_find_anywhere(struct span key, bool only_global)
{
    for (int i = 0; i < SETTING_COUNT; i++) {
        const struct setting *s = &setting_table[i];
        if (s->section == SECTION_types || (only_global && !section_is_global(s->section)))
            continue;
        if (span_eq(key, span_str(s->key)))
            return s;
    }
    return NULL;
}

const struct setting *setting_find_namesake(const struct setting *s)
{
    for (int i = 0; i < SETTING_COUNT; i++) {
        const struct setting *other = &setting_table[i];
        if (other != s && section_is_global(other->section) &&
            span_eq(span_str(other->key), span_str(s->key)))
            return other;
    }
    return NULL;
}

static char fold(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

enum { NAME_BYTES_MAX = 32 }; /* no name in the table is longer */

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* Optimal string alignment distance of two names of at most NAME_BYTES_MAX bytes. */
static unsigned distance(struct span a, struct span b)
{
    unsigned row[3][NAME_BYTES_MAX + 1];
    unsigned *before = row[0], *last = row[1], *now = row[2];

    for (size_t j = 0; j <= b.n; j++)
        last[j] = (unsigned)j;
    for (size_t i = 1; i <= a.n; i++) {
        now[0] = (unsigned)i;
        for (size_t j = 1; j <= b.n; j++) {
            bool same = fold(a.p[i - 1]) == fold(b.p[j - 1]);
            now[j] = least(last[j - 1] + !same, least(last[j], now[j - 1]) + 1);
            if (i > 1 && j > 1 && fold(a.p[i - 1]) == fold(b.p[j - 2]) &&
                fold(a.p[i - 2]) == fold(b.p[j - 1]))
                now[j] = least(now[j], before[j - 2] + 1);
        }
        unsigned *spare = before;
        before = last;
        last = now;
        now = spare;
    }
    return last[b.n];
}

/*
 * Takes `name` as the nearest so far when it is; names further than a third apart are not near, nor
 * are those with more than two mistakes of which one is the first letter: they only end alike, as
 * try_files and dot_files do.
 */
static bool is_nearer(struct span word, const char *name, unsigned *best)
{
    struct span candidate = span_str(name);

    if (word.n == 0 || word.n > NAME_BYTES_MAX || candidate.n > NAME_BYTES_MAX)
        return false;
    unsigned d = distance(word, candidate);
    if (d >= *best || d > (candidate.n + 2) / 3 || d >= candidate.n)
        return false;
    if (d > 2 && (word.p[0] | 0x20) != (candidate.p[0] | 0x20))
        return false;
    *best = d;
    return true;
}

const char *section_nearest(struct span name)
{
    const char *nearest = NULL;
    unsigned best = NAME_BYTES_MAX;

    for (int i = 0; i < SECTION_COUNT; i++)
        if (is_nearer(name, section_table[i].name, &best))
            nearest = section_table[i].name;
    return nearest;
}

const char *setting_nearest(enum conf_section section, struct span key)
{
    const char *nearest = NULL;
    unsigned best = NAME_BYTES_MAX;

    for (int i = 0; i < SETTING_COUNT; i++)
        if (setting_table[i].section == section && is_nearer(key, setting_table[i].key, &best))
            nearest = setting_table[i].key;
    return nearest;
}

const struct setting *setting_nearest_global(struct span key)
{
    const struct setting *nearest = NULL;
    unsigned best = NAME_BYTES_MAX;

    for (int i = 0; i < SETTING_COUNT; i++)
        if (section_is_global(setting_table[i].section) &&
            is_nearer(key, setting_table[i].key, &best))
            nearest = &setting_table[i];
    return nearest;
}
