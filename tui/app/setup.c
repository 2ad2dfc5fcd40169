/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The setup screen.
 */
#include "tui/app/setup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

int setup_groups(const char *name[SETUP_GROUPS])
{
    int n = 0;

    for (int i = 0; i < SETTING_COUNT && n < SETUP_GROUPS - 1; i++) {
        const char *group = setting_table[i].group;
        if (*group && (n == 0 || strcmp(name[n - 1], group) != 0))
            name[n++] = group;
    }
    name[n++] = "Reset";
    return n;
}

int setup_items(int group, enum setting which[SETTING_COUNT])
{
    const char *name[SETUP_GROUPS];
    int groups = setup_groups(name), n = 0;

    for (int i = 0; group >= 0 && group < groups - 1 && i < SETTING_COUNT; i++)
        if (strcmp(setting_table[i].group, name[group]) == 0)
            which[n++] = (enum setting)i;
    return n;
}

void setup_value(const struct settings *s, enum setting which, char *out, size_t out_bytes)
{
    const struct setting_row *row = &setting_table[which];
    long long v = (long long)s->value[which];

    switch (row->kind) {
    case KIND_BOOL:
        snprintf(out, out_bytes, "%s", v ? "[x]" : "[ ]");
        break;
    case KIND_MS:
        if (v == 0 && strstr(row->help, "(0: ")) /* not a duration: what the server uses */
            snprintf(out, out_bytes, "[ the server's ]");
        else
            snprintf(out, out_bytes, "[ %lld ms ]", v);
        break;
    case KIND_PERCENT:
        snprintf(out, out_bytes, "[ %lld %% ]", v);
        break;
    case KIND_CHOICE:
        snprintf(out, out_bytes, "[ %s ]", setting_word(which, v) ? setting_word(which, v) : "?");
        break;
    default:
        snprintf(out, out_bytes, "[ %lld ]", v);
        break;
    }
}

void setup_open(struct app *a)
{
    a->help = false;
    memset(&a->setup, 0, sizeof a->setup);
    a->setup.open = true;
    a->setup.before = a->settings;
}

unsigned setup_apply(struct app *a, struct model *m, enum setting which)
{
    int64_t v = a->settings.value[which];

    switch (which) {
    case SETTING_INTERVAL_MS:
        a->interval_ns = (uint64_t)v * NS_PER_MS;
        m->interval_ns = a->interval_ns;
        return WANT_DRAW;
    case SETTING_BITS:
        a->bits = v != 0;
        return WANT_DRAW;
    case SETTING_WIDE:
        a->wide = v != 0;
        return WANT_DRAW;
    case SETTING_GROUP:
        a->group = v != 0;
        return WANT_DRAW;
    case SETTING_MOUSE:
        if (a->mouse == (v != 0))
            return WANT_DRAW;
        a->mouse = v != 0;
        return WANT_DRAW | WANT_MOUSE;
    default:
        return WANT_DRAW | WANT_SETTINGS;
    }
}

static unsigned setup_set(struct app *a, struct model *m, enum setting which, int64_t value)
{
    const struct setting_row *row = &setting_table[which];

    if (value < row->least)
        value = row->least;
    if (value > row->most)
        value = row->most;
    if (a->settings.value[which] == value)
        return WANT_DRAW;
    a->settings.value[which] = value;
    return setup_apply(a, m, which);
}

static unsigned setup_put_all(struct app *a, struct model *m, const struct settings *s)
{
    unsigned want = WANT_DRAW;

    for (int i = 0; i < SETTING_COUNT; i++)
        want |= setup_set(a, m, (enum setting)i, s->value[i]);
    return want;
}

static int64_t setup_step(enum setting which, int64_t value)
{
    const struct setting_row *row = &setting_table[which];

    if (row->kind != KIND_MS)
        return 1;
    return value >= 10000 ? 1000 : value >= 1000 ? 100 : value >= 100 ? 50 : 10;
}

static unsigned setup_change(struct app *a, struct model *m, enum setting which, int direction)
{
    const struct setting_row *row = &setting_table[which];
    int64_t v = a->settings.value[which];

    if (row->kind == KIND_BOOL || row->kind == KIND_CHOICE) {
        int64_t span = row->most - row->least + 1;
        return setup_set(a, m, which, row->least + (v - row->least + direction + span) % span);
    }
    int64_t step = setup_step(which, direction < 0 ? v - 1 : v);
    return setup_set(a, m, which, direction < 0 ? (v - 1) / step * step : v / step * step + step);
}

static unsigned setup_digit(struct app *a, struct model *m, enum setting which, uint32_t key)
{
    char *typed = a->setup.typed;
    size_t n = strlen(typed);

    if (setting_table[which].kind == KIND_BOOL || setting_table[which].kind == KIND_CHOICE)
        return 0;
    if (key == INPUT_BACKSPACE && n > 0)
        typed[n - 1] = '\0';
    else if (key != INPUT_BACKSPACE && n < 8)
        snprintf(typed + n, 2, "%c", (char)key);
    return typed[0] ? setup_set(a, m, which, strtoll(typed, NULL, 10)) : WANT_DRAW;
}

static void setup_move(struct setup *s, int count, int groups, int step)
{
    int *at = s->in_items ? &s->item : &s->group;
    int n = s->in_items ? count : groups;

    if (n > 0)
        *at = (*at + n + step) % n;
    if (!s->in_items)
        s->item = 0;
}

static unsigned setup_end(struct app *a, struct model *m, const struct event *e)
{
    unsigned want = WANT_DRAW;

    if (e->key == INPUT_ESC)
        want |= setup_put_all(a, m, &a->setup.before);
    else
        want |= WANT_SAVE_SETTINGS;
    a->setup.open = false;
    return want;
}

unsigned setup_key(struct app *a, struct model *m, const struct event *e)
{
    enum setting which[SETTING_COUNT];
    const char *name[SETUP_GROUPS];
    struct setup *s = &a->setup;
    int groups = setup_groups(name), count = setup_items(s->group, which);
    uint32_t key = e->key;
    bool reset = s->group == groups - 1;
    bool digit = (key >= '0' && key <= '9') || key == INPUT_BACKSPACE;

    if (key == INPUT_ESC || key == INPUT_ENTER || key == '\n')
        return setup_end(a, m, e);
    if (s->in_items && digit && count > 0)
        return setup_digit(a, m, which[s->item], key);
    s->typed[0] = '\0';
    if (key == INPUT_UP || key == 'k') {
        setup_move(s, count, groups, -1);
    } else if (key == INPUT_DOWN || key == 'j') {
        setup_move(s, count, groups, 1);
    } else if (reset && key == ' ') {
        struct settings standard;
        settings_standard(&standard);
        return setup_put_all(a, m, &standard);
    } else if (key == '\t' || key == INPUT_BACK_TAB || (!s->in_items && key == INPUT_RIGHT) ||
               (s->in_items && key == 'h') || (!s->in_items && key == 'l')) {
        s->in_items = !s->in_items && count > 0;
    } else if (s->in_items && (key == ' ' || key == '+' || key == '=' || key == INPUT_RIGHT)) {
        return setup_change(a, m, which[s->item], 1);
    } else if (s->in_items && (key == '-' || key == INPUT_LEFT)) {
        return setup_change(a, m, which[s->item], -1);
    }
    return WANT_DRAW;
}
