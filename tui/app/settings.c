/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Settings: the table, values as text, and the lines of the file. Reading and writing the file
 * itself is in settings_file.c.
 */
#include "tui/app/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

const struct setting_row setting_table[SETTING_COUNT] = {
#define SETTING(name, key, group, kind, standard, least, most, label, help)                        \
    [SETTING_##name] = {key, group, label, help, KIND_##kind, standard, least, most},
#include "tui/app/settings.def"
#undef SETTING
};

void settings_standard(struct settings *s)
{
    for (int i = 0; i < SETTING_COUNT; i++)
        s->value[i] = setting_table[i].standard;
}

const char *setting_word(enum setting which, int64_t value)
{
    static const char *const charset[] = {"auto", "ascii", "block", "braille"};
    static const char *const color[] = {"auto", "never", "8", "256"};

    if (value < 0 || value > 3)
        return NULL;
    return which == SETTING_CHARSET ? charset[value] : which == SETTING_COLOR ? color[value] : NULL;
}

static bool parse_word(enum setting which, const char *text, int64_t *value)
{
    static const char *const yes[] = {"yes", "on", "true", "1"};
    static const char *const no[] = {"no", "off", "false", "0"};
    const char *word;

    if (setting_table[which].kind == KIND_CHOICE) {
        for (*value = 0; (word = setting_word(which, *value)) != NULL; ++*value)
            if (strcasecmp(word, text) == 0)
                return true;
        return false;
    }
    for (int i = 0; i < 4; i++) {
        if (strcasecmp(text, yes[i]) != 0 && strcasecmp(text, no[i]) != 0)
            continue;
        *value = strcasecmp(text, yes[i]) == 0;
        return true;
    }
    return false;
}

/* Digits, with a point in milliseconds, and the unit, if any. */
static bool parse_number(const struct setting_row *row, const char *text, int64_t *value)
{
    char *end;

    if (strspn(text, "-0123456789.") == 0 || (row->kind != KIND_MS && strchr(text, '.')))
        return false;
    double n = strtod(text, &end);
    if (end == text || strspn(text, "-0123456789.") < (size_t)(end - text) ||
        !(n > -1e9 && n < 1e9))
        return false;
    end += strspn(end, " ");
    if (row->kind == KIND_MS && strcmp(end, "s") == 0)
        n *= 1000;
    else if (*end && !(row->kind == KIND_MS && strcmp(end, "ms") == 0) &&
             !(row->kind == KIND_PERCENT && strcmp(end, "%") == 0))
        return false;
    *value = (int64_t)(n < 0 ? n - 0.5 : n + 0.5);
    return *value >= row->least && *value <= row->most;
}

static void say_right(enum setting which, char *out, size_t out_bytes)
{
    const struct setting_row *row = &setting_table[which];
    char least[32], most[32];

    if (row->kind == KIND_BOOL) {
        snprintf(out, out_bytes, "yes or no");
    } else if (row->kind == KIND_CHOICE) {
        snprintf(out, out_bytes, "%s, %s, %s or %s", setting_word(which, 0), setting_word(which, 1),
                 setting_word(which, 2), setting_word(which, 3));
    } else {
        settings_format(which, row->least, least, sizeof least);
        settings_format(which, row->most, most, sizeof most);
        snprintf(out, out_bytes, "%s to %s", least, most);
    }
}

bool settings_parse(enum setting which, const char *text, int64_t *value, char *why,
                    size_t why_bytes)
{
    const struct setting_row *row = &setting_table[which];
    char right[96];
    int64_t v;
    bool word = row->kind == KIND_BOOL || row->kind == KIND_CHOICE;

    if (word ? parse_word(which, text, &v) : parse_number(row, text, &v)) {
        *value = v;
        return true;
    }
    say_right(which, right, sizeof right);
    snprintf(why, why_bytes, "%s: \"%.40s\" is not %s", row->key, text, right);
    return false;
}

void settings_format(enum setting which, int64_t value, char *out, size_t out_bytes)
{
    static const char *const unit[] = {[KIND_BOOL] = "",
                                       [KIND_NUMBER] = "",
                                       [KIND_MS] = " ms",
                                       [KIND_PERCENT] = " %",
                                       [KIND_CHOICE] = ""};
    const struct setting_row *row = &setting_table[which];

    if (row->kind == KIND_BOOL)
        snprintf(out, out_bytes, "%s", value ? "yes" : "no");
    else if (row->kind == KIND_CHOICE && setting_word(which, value))
        snprintf(out, out_bytes, "%s", setting_word(which, value));
    else
        snprintf(out, out_bytes, "%lld%s", (long long)value, unit[row->kind]);
}
