/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Looking for things: finding in the help, its topics, the verdict's rules with the thresholds in
 * force. On a small screen and on a large one.
 */
#include "tests/unit/unit.h"

#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "tests/tui/rig.h"

static const int sizes[][2] = {{12, 40}, {24, 80}, {40, 120}};
#define SIZES (int)(sizeof sizes / sizeof *sizes)

static void open_at(struct rig *r, enum fixture which, int size)
{
    rig_open(r, which);
    ck_assert(grid_resize(&r->g, sizes[size][0], sizes[size][1]));
    rig_draw(r);
}

/* The text of a line of the screen. */
static const char *line_of(const struct rig *r, int row)
{
    static char line[512];

    for (int x = 0; x < r->g.cols; x++)
        line[x] = (char)grid_at(&r->g, row, x)->ch;
    line[r->g.cols] = '\0';
    return line;
}

/* All that is marked below the title and above the last line. */
static const char *marked(const struct rig *r)
{
    static char text[4096];
    size_t n = 0;

    for (int y = 1; y < r->g.rows - 1; y++)
        for (int x = 0; x < r->g.cols; x++)
            if (grid_at(&r->g, y, x)->role == ROLE_SELECT)
                text[n++] = (char)grid_at(&r->g, y, x)->ch;
    text[n] = '\0';
    return text;
}

START_TEST(help_is_searched)
{
    struct rig r;
    int line;

    open_at(&r, FIX_HEALTHY, _i);
    rig_keys(&r, "?/TAGGED"); /* beyond the 40th column of its line */
    ck_assert_str_eq(marked(&r), "tagged");
    ck_assert(rig_shows(&r, "weirtop help"));
    rig_keys(&r, "\n");
    ck_assert_int_eq(r.a.prompt.kind, PROMPT_NONE);
    ck_assert(rig_shows(&r, "weirtop help"));
    ck_assert_str_eq(marked(&r), "tagged");
    line = r.a.help_found;
    rig_keys(&r, "n");
    ck_assert_int_gt(r.a.help_found, line);
    ck_assert_str_eq(marked(&r), "tagged");
    rig_keys(&r, "N");
    ck_assert_int_eq(r.a.help_found, line);
    rig_keys(&r, "N"); /* around */
    ck_assert_int_ne(r.a.help_found, line);
    ck_assert_str_eq(marked(&r), "tagged");
    ck_assert(rig_shows(&r, "/:find"));
    rig_keys(&r, "\033");
    ck_assert(!rig_shows(&r, "weirtop help"));
    ck_assert_str_eq(r.a.list[VIEW_OVERVIEW].find, "");
    rig_close(&r);
}
END_TEST

START_TEST(what_is_not_in_the_help_is_said)
{
    struct rig r;

    open_at(&r, FIX_HEALTHY, _i);
    rig_keys(&r, "?n");
    ck_assert(rig_shows(&r, "nothing to find"));
    rig_keys(&r, "/zebra");
    ck_assert(rig_shows(&r, "\"zebra\" is not in the help"));
    rig_keys(&r, "\n");
    ck_assert(rig_shows(&r, "weirtop help"));
    ck_assert_str_eq(marked(&r), "");
    rig_keys(&r, "/quit\033"); /* Esc in the prompt leaves the help open */
    ck_assert(rig_shows(&r, "weirtop help"));
    rig_close(&r);
}
END_TEST

/* Nothing of the help is cut off: a line that is too long goes on in the next. */
START_TEST(help_is_never_cut)
{
    struct rig r;

    open_at(&r, FIX_HEALTHY, _i);
    for (int a = 0; a < ACTION_COUNT; a++) {
        const char *end = strrchr(key_table[a].help, ' ');
        if (end == NULL)
            continue;
        rig_keys(&r, "?/");
        rig_keys(&r, key_table[a].help);
        rig_keys(&r, "\n");
        ck_assert_msg(rig_shows(&r, end + 1), "%s is cut", key_table[a].help);
        rig_keys(&r, "\033");
    }
    rig_close(&r);
}
END_TEST

START_TEST(help_has_topics)
{
    static const struct {
        const char *word, *title;
    } topics[] = {{"moving", " Moving"},   {"looking", " Looking"},      {"time", " Time"},
                  {"server", " Changing"}, {"program", " This program"}, {"states", " States"},
                  {"verdict", " Verdict"}};
    struct rig r;

    open_at(&r, FIX_HEALTHY, _i);
    for (size_t i = 0; i < sizeof topics / sizeof *topics; i++) {
        rig_keys(&r, ":help ");
        rig_keys(&r, topics[i].word);
        rig_keys(&r, "\n");
        ck_assert(rig_shows(&r, "weirtop help"));
        ck_assert_msg(rig_shows(&r, topics[i].title), "%s", topics[i].word);
        if (_i == 0) /* there is enough behind it to put it on top */
            ck_assert_msg(strncmp(line_of(&r, 1), topics[i].title, strlen(topics[i].title)) == 0,
                          "%s: %s", topics[i].word, line_of(&r, 1));
        rig_keys(&r, "\033");
        rig_keys(&r, ":help nonsense\n");
        ck_assert(!rig_shows(&r, "weirtop help"));
        ck_assert_msg(rig_shows(&r, topics[i].word), "%s is not named", topics[i].word);
        rig_keys(&r, "\033");
    }
    rig_keys(&r, ":help ver\t\n");
    ck_assert(rig_shows(&r, " Verdict"));
    rig_close(&r);
}
END_TEST

/* The rules, each by its number, with what is in force now. */
START_TEST(help_tells_the_verdicts_rules)
{
    struct rig r;
    char number[16];

    rig_open(&r, FIX_HEALTHY);
    ck_assert(grid_resize(&r.g, 200, 250));
    r.m->thresholds.queue_bad_percent = 37;
    r.m->thresholds.lag_bad_ns = 777 * NS_PER_MS;
    r.m->now.blocked_after_ns = 123 * NS_PER_MS;
    r.m->now.drain_timeout_ns = 45 * NS_PER_S;
    rig_keys(&r, ":help verdict\n");
    for (int rule = RULE_NO_DATA; rule <= RULE_HELD; rule++) {
        snprintf(number, sizeof number, "   %2d ", rule);
        ck_assert_msg(rig_shows(&r, number), "rule %d is missing", rule);
    }
    ck_assert(rig_shows(&r, "for more than 123ms"));
    ck_assert(rig_shows(&r, "above 37 % of its limit"));
    ck_assert(rig_shows(&r, "drain_timeout (45.0s)"));
    ck_assert(rig_shows(&r, "blocked after      123ms"));
    ck_assert(rig_shows(&r, "slow after         30ms"));
    ck_assert(rig_shows(&r, "loop lag bad       777ms"));
    rig_close(&r);
}
END_TEST

int main(void)
{
    setenv("TZ", "UTC", 1);
    setlocale(LC_ALL, "C.UTF-8"); /* only widths depend on it */
    Suite *s = suite_create("tui look");
    TCase *t = tcase_create("help");
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, help_is_searched, 0, SIZES);
    tcase_add_loop_test(t, what_is_not_in_the_help_is_said, 0, SIZES);
    tcase_add_loop_test(t, help_is_never_cut, 0, SIZES);
    tcase_add_loop_test(t, help_has_topics, 0, SIZES);
    tcase_add_test(t, help_tells_the_verdicts_rules);
    suite_add_tcase(s, t);
    return unit_run(s);
}
