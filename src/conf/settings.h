/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of settings as data: what conf/settings.def says, found by section and key, and
 * the nearest name for one that was mistyped. Knows nothing of files or lines. Master only.
 */
#ifndef WEIR_CONF_SETTINGS_H
#define WEIR_CONF_SETTINGS_H

#include "conf/conf.h"
#include "conf/value.h"

enum conf_section {
#define SECTION(name, argument, help) SECTION_##name,
#define SETTING(section, key, type, field, initial, min, max, unit, example, help)
#include "conf/settings.def"
#undef SECTION
#undef SETTING
    SECTION_COUNT
};

enum setting_id {
#define SECTION(name, argument, help)
#define SETTING(section, key, type, field, initial, min, max, unit, example, help)                 \
    SETTING_##section##_##key,
#include "conf/settings.def"
#undef SECTION
#undef SETTING
    SETTING_COUNT
};

struct section {
    const char *name;
    const char *argument; /* "" when the head has none */
    const char *help;
};

struct setting {
    enum setting_id id;
    enum conf_section section;
    const char *key;
    const struct value_type *type;
    size_t offset, width; /* of the field in its owner */
    const char *initial;  /* NULL: none */
    uint64_t min, max;
    const char *unit;
    const char *example;
    const char *help;
};

extern const struct section section_table[SECTION_COUNT];
extern const struct setting setting_table[SETTING_COUNT];

/* Whether the section's values live in struct conf itself, once, and -o may set them. */
bool section_is_global(enum conf_section section);

/* By name; SECTION_COUNT when there is none. */
enum conf_section section_find(struct span name);
/* In this section; in [types] every key is its EXTENSION. NULL when there is none. */
const struct setting *setting_find(enum conf_section section, struct span key);
/* In whatever section comes first (only global ones when asked); NULL when there is none. */
const struct setting *setting_find_anywhere(struct span key, bool only_global);
/* The setting of another global section that has the same key; NULL: there is none. */
const struct setting *setting_find_namesake(const struct setting *s);

/* The name people most likely meant, NULL when none is near. */
const char *section_nearest(struct span name);
const char *setting_nearest(enum conf_section section, struct span key);
const struct setting *setting_nearest_global(struct span key);

#endif
