/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a user may set: thresholds, columns, graphs, colours, behaviour, history. The rows are
 * in settings.def; the file is ~/.config/weirtop/config ($WEIRTOP_CONFIG instead), "key =
 * value" with comments, and keys that are not known are kept. Written at once, by a temporary
 * file in the same folder, fsync and rename, mode 0600; never through a symbolic link, never
 * into another user's file or home. Flags of the command line and NO_COLOR are not saved. Runs
 * in weirtop.
 */
#ifndef WEIR_TUI_SETTINGS_H
#define WEIR_TUI_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum setting {
#define SETTING(name, key, group, kind, standard, least, most, label, help) SETTING_##name,
#include "tui/app/settings.def"
#undef SETTING
    SETTING_COUNT
};

/* Kinds: BOOL 0 or 1; NUMBER; MS milliseconds; PERCENT; CHOICE, words of its own, in order. */
enum setting_kind { KIND_BOOL, KIND_NUMBER, KIND_MS, KIND_PERCENT, KIND_CHOICE };

struct settings {
    int64_t value[SETTING_COUNT];
};

struct setting_row {
    const char *key, *group, *label, *help;
    enum setting_kind kind;
    int64_t standard, least, most;
};

extern const struct setting_row setting_table[SETTING_COUNT];

void settings_standard(struct settings *s);
/* The word of a choice's value, NULL beyond the last. */
const char *setting_word(enum setting which, int64_t value);

/* The text of a value: "100 ms", "yes", "block". False with a sentence in why[]. */
bool settings_parse(enum setting which, const char *text, int64_t *value, char *why,
                    size_t why_bytes);
/* And back. */
void settings_format(enum setting which, int64_t value, char *out, size_t out_bytes);

/* Path of the file; false when there is none to use (no home, or under sudo). */
bool settings_path(char *out, size_t out_bytes);
/* A file that is not there is no error. Mistakes are told in why[] ("FILE:LINE: ..."), the rest
 * is taken. */
bool settings_load(struct settings *s, const char *path, char *why, size_t why_bytes);
/* Changes the keys that differ from what the file says, and nothing else in it. */
bool settings_save(const struct settings *s, const char *path, char *why, size_t why_bytes);

#endif
