/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Types of settings that are numbers or one word of a few: counts, times, sizes, booleans,
 * choices. Numbers are kept within the bounds of the table and stored in the width of their
 * field. Master only.
 */
#include "conf/value.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/must.h"
#include "conf/settings.h"

static void *field_of(const struct setting *s, void *owner)
{
    return (char *)owner + s->offset;
}

static void store(const struct setting *s, void *owner, uint64_t value)
{
    unsigned narrow = (unsigned)value;

    if (s->width == sizeof value) {
        memcpy(field_of(s, owner), &value, sizeof value);
        return;
    }
    must(s->width == sizeof narrow && value <= UINT32_MAX);
    memcpy(field_of(s, owner), &narrow, sizeof narrow);
}

static uint64_t fetch(const struct setting *s, const void *owner)
{
    const char *field = (const char *)owner + s->offset;
    uint64_t value;
    unsigned narrow;

    if (s->width == sizeof value) {
        memcpy(&value, field, sizeof value);
        return value;
    }
    must(s->width == sizeof narrow);
    memcpy(&narrow, field, sizeof narrow);
    return narrow;
}

/* One unit of a time or a size; the tables below end with the smallest. */
struct unit {
    const char *suffix;
    uint64_t scale;
};

static const struct unit time_units[] = {
    {"d", 24 * 3600 * NS_PER_S}, {"h", 3600 * NS_PER_S}, {"m", 60 * NS_PER_S}, {"s", NS_PER_S},
    {"ms", NS_PER_MS},
};
enum { TIME_UNITS = sizeof time_units / sizeof *time_units };

static const struct unit size_units[] = {
    {"t", UINT64_C(1) << 40},
    {"g", UINT64_C(1) << 30},
    {"m", UINT64_C(1) << 20},
    {"k", UINT64_C(1) << 10},
    {"", 1},
};
enum { SIZE_UNITS = sizeof size_units / sizeof *size_units };

static bool print_in_units(struct buf *text, uint64_t value, const struct unit *units, int count)
{
    int i = 0;

    if (value == 0)
        return buf_addf(text, "0");
    while (i < count - 1 && value % units[i].scale != 0)
        i++;
    return buf_addf(text, "%llu%s", (unsigned long long)(value / units[i].scale), units[i].suffix);
}

bool value_print_time(struct buf *text, uint64_t ns)
{
    return print_in_units(text, ns, time_units, TIME_UNITS);
}

bool value_print_size(struct buf *text, uint64_t bytes)
{
    return print_in_units(text, bytes, size_units, SIZE_UNITS);
}

enum parsed { PARSED, PARSED_NOT, PARSED_TOO_LARGE };

/* Digits and one unit's suffix, in either case. What does not fit 64 bits is too large. */
static enum parsed parse_in_units(struct span text, const struct unit *units, int count,
                                  uint64_t *value)
{
    size_t digits = 0;

    while (digits < text.n && text.p[digits] >= '0' && text.p[digits] <= '9')
        digits++;
    if (digits == 0)
        return PARSED_NOT;
    int i = 0;
    while (i < count && !span_ieq(span_from(text, digits), span_str(units[i].suffix)))
        i++;
    if (i == count)
        return PARSED_NOT;
    if (!span_u64(span_of(text.p, digits), UINT64_MAX / units[i].scale, value))
        return PARSED_TOO_LARGE;
    *value *= units[i].scale;
    return PARSED;
}

typedef bool print_number(struct buf *text, uint64_t value);

static bool print_count(struct buf *text, uint64_t value)
{
    return buf_addf(text, "%llu", (unsigned long long)value);
}

/* Stores a number that is within the setting's bounds, or says which bound it breaks. */
static bool store_bounded(const struct setting *s, enum parsed parsed, uint64_t value, void *owner,
                          print_number *print, struct buf *why)
{
    bool large = parsed == PARSED_TOO_LARGE || value > s->max;

    if (!large && value >= s->min) {
        store(s, owner, value);
        return true;
    }
    buf_addf(why, "too %s; from ", large ? "large" : "small");
    print(why, s->min);
    buf_addf(why, " to ");
    print(why, s->max);
    return false;
}

static bool count_parse(const struct setting *s, struct span text, void *owner, struct buf *why)
{
    static const struct unit one[] = {{"", 1}};
    uint64_t value = 0;
    enum parsed parsed = parse_in_units(text, one, 1, &value);

    if (parsed == PARSED_NOT) {
        buf_addf(why, "not a number; write digits only");
        return false;
    }
    return store_bounded(s, parsed, value, owner, print_count, why);
}

static bool count_print(const struct setting *s, const void *owner, struct buf *text)
{
    print_count(text, fetch(s, owner));
    return true;
}

const struct value_type value_COUNT = {"number", count_parse, count_print, NULL};

static bool time_parse(const struct setting *s, struct span text, void *owner, struct buf *why)
{
    uint64_t value = 0;
    enum parsed parsed = parse_in_units(text, time_units, TIME_UNITS, &value);

    if (parsed == PARSED_NOT && !span_eq(text, SPAN("0"))) {
        buf_addf(why, "not a time; write a number with ms, s, m, h or d, as in 10s");
        return false;
    }
    return store_bounded(s, parsed == PARSED_NOT ? PARSED : parsed, value, owner, value_print_time,
                         why);
}

static bool time_print(const struct setting *s, const void *owner, struct buf *text)
{
    value_print_time(text, fetch(s, owner));
    return true;
}

const struct value_type value_TIME = {"time", time_parse, time_print, NULL};

static bool size_parse(const struct setting *s, struct span text, void *owner, struct buf *why)
{
    uint64_t value = 0;
    enum parsed parsed = parse_in_units(text, size_units, SIZE_UNITS, &value);

    if (parsed == PARSED_NOT) {
        buf_addf(why, "not a size; write a number of bytes, or one with k, m, g or t, as in 16k");
        return false;
    }
    if (parsed == PARSED && s->width < sizeof value && value > SIZE_MAX)
        parsed = PARSED_TOO_LARGE; /* a size_t of 32 bits */
    return store_bounded(s, parsed, value, owner, value_print_size, why);
}

static bool size_print(const struct setting *s, const void *owner, struct buf *text)
{
    value_print_size(text, fetch(s, owner));
    return true;
}

const struct value_type value_SIZE = {"size", size_parse, size_print, NULL};

enum { WINDOW_STEP = 64 * 1024 };

static bool window_parse(const struct setting *s, struct span text, void *owner, struct buf *why)
{
    uint64_t value = 0;

    if (parse_in_units(text, size_units, SIZE_UNITS, &value) == PARSED &&
        value % WINDOW_STEP != 0 && value >= s->min && value <= s->max) {
        buf_addf(why, "not a multiple of 64k; write one, as in 512k");
        return false;
    }
    return size_parse(s, text, owner, why);
}

const struct value_type value_WINDOW = {"size", window_parse, size_print, NULL};

static bool workers_parse(const struct setting *s, struct span text, void *owner, struct buf *why)
{
    struct conf *conf = owner;

    if (span_eq(text, SPAN("auto"))) {
        conf->server.workers_auto = true;
        conf->server.workers = 0;
        return true;
    }
    if (text.n == 0 || text.p[0] < '0' || text.p[0] > '9') {
        buf_addf(why, "not a number of processes; write digits only, or auto");
        return false;
    }
    if (!count_parse(s, text, owner, why))
        return false;
    conf->server.workers_auto = false;
    return true;
}

static bool workers_print(const struct setting *s, const void *owner, struct buf *text)
{
    const struct conf *conf = owner;

    if (!conf->server.workers_auto)
        return count_print(s, owner, text);
    buf_addf(text, "auto");
    return true;
}

const struct value_type value_WORKERS = {"number or auto", workers_parse, workers_print, NULL};

static bool bool_parse(const struct setting *s, struct span text, void *owner, struct buf *why)
{
    static const char *const words[2][3] = {{"no", "off", "false"}, {"yes", "on", "true"}};

    for (int value = 0; value < 2; value++)
        for (int i = 0; i < 3; i++)
            if (span_ieq(text, span_str(words[value][i]))) {
                *(bool *)field_of(s, owner) = value == 1;
                return true;
            }
    buf_addf(why, "neither yes nor no; on, off, true and false will do as well");
    return false;
}

static bool bool_print(const struct setting *s, const void *owner, struct buf *text)
{
    bool value = *(const bool *)((const char *)owner + s->offset);

    buf_addf(text, value ? "yes" : "no");
    return true;
}

const struct value_type value_BOOL = {"yes or no", bool_parse, bool_print, NULL};

static bool choice_parse(const struct setting *s, struct span text, void *owner, struct buf *why,
                         const char *const *names, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (span_ieq(text, span_str(names[i]))) {
            store(s, owner, i);
            return true;
        }
    buf_addf(why, "not one of ");
    for (unsigned i = 0; i < count; i++)
        buf_addf(why, "%s%s", i == 0 ? "" : ", ", names[i]);
    return false;
}

static bool choice_print(const struct setting *s, const void *owner, struct buf *text,
                         const char *const *names, unsigned count)
{
    uint64_t i = fetch(s, owner);

    must(i < count);
    buf_addf(text, "%s", names[i]);
    return true;
}

/* A type whose values are the members of an enum, from 0 up, and their names. */
#define CHOICE(TYPE, function, description, names)                                                 \
    static bool function##_parse(const struct setting *s, struct span text, void *owner,           \
                                 struct buf *why)                                                  \
    {                                                                                              \
        return choice_parse(s, text, owner, why, names, sizeof(names) / sizeof *(names));          \
    }                                                                                              \
    static bool function##_print(const struct setting *s, const void *owner, struct buf *text)     \
    {                                                                                              \
        return choice_print(s, owner, text, names, sizeof(names) / sizeof *(names));               \
    }                                                                                              \
    const struct value_type value_##TYPE = {description, function##_parse, function##_print, NULL}

static const char *const log_format_name[] = {
    [CONF_LOG_COMBINED] = "combined",
    [CONF_LOG_JSON] = "json",
};
CHOICE(LOG_FORMAT, log_format, "word", log_format_name);

CHOICE(LOG_LEVEL, level, "word", log_level_name);

static const char *const listing_name[] = {
    [CONF_LISTING_OFF] = "off",
    [CONF_LISTING_HTML] = "html",
    [CONF_LISTING_JSON] = "json",
    [CONF_LISTING_AUTO] = "auto",
};
CHOICE(LISTING, listing, "word", listing_name);

static const char *const watch_name[] = {
    [CONF_WATCH_RESTRICTED] = "restricted",
    [CONF_WATCH_EVERYBODY] = "everybody",
};
CHOICE(WATCH, watch, "word", watch_name);
