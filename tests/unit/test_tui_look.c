/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Looking for things: finding in the help, its topics, the verdict's rules with the thresholds in
 * force, and long texts of lists shifted sideways; and what is told of a server that is gone, or
 * whose reload failed. On a small screen and on a large one.
 */
#include "tests/unit/unit.h"

#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "tests/tui/rig.h"
#include "tui/ui/fmt.h"

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
    for (int rule = RULE_NO_DATA; rule <= RULE_ERRORS; rule++) {
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

/* "/p00/p01/.../p49/end": too long for any screen here. */
static void long_path(char *out, size_t out_bytes, const char *before, const char *behind)
{
    size_t n = (size_t)snprintf(out, out_bytes, "%s", before);

    for (int i = 0; i < 50; i++)
        n += (size_t)snprintf(out + n, out_bytes - n, "/p%02d", i);
    snprintf(out + n, out_bytes - n, "/end%s", behind);
}

static void lengthen(struct model *m)
{
    struct snap_worker *w = &m->now.worker[0];
    char text[SNAP_TEXT_BYTES];

    long_path(w->serving, sizeof w->serving, "", "");
    long_path(m->now.request[0].request, sizeof m->now.request[0].request, "GET ", " HTTP/1.1");
    long_path(m->files.file[0].path, sizeof m->files.file[0].path, "", "");
    long_path(text, sizeof text, "slow ", "");
    model_note(m, m->wall_ns, "SLOW", text);
}

/* The event under the cursor is shown whole, so that it must not be the long one. */
static const char *const lists[] = {"1", "3", "4", "6jj"};
#define LISTS (int)(sizeof lists / sizeof *lists)

START_TEST(long_texts_are_shifted)
{
    struct rig r;
    struct cell *before;
    size_t bytes;

    open_at(&r, FIX_TWO_BLOCKED, _i / LISTS);
    lengthen(r.m);
    rig_keys(&r, lists[_i % LISTS]);
    bytes = sizeof *before * (size_t)r.g.rows * (size_t)r.g.cols;
    before = malloc(bytes);
    ck_assert(before != NULL);
    memcpy(before, r.g.cell, bytes);
    ck_assert(!rig_shows(&r, "shifted"));
    ck_assert(!rig_shows(&r, "/p25/p26"));
    rig_keys(&r, "<Right>");
    ck_assert(rig_shows(&r, "shifted 8"));
    for (int y = 0; y < r.g.rows; y++) /* what stands left of the text stays */
        for (int x = 0; x < 12; x++)
            ck_assert_int_eq(grid_at(&r.g, y, x)->ch, before[y * r.g.cols + x].ch);
    int n = 1;
    while (!rig_shows(&r, "/p25/p26") && n++ < 60)
        rig_keys(&r, "<Right>");
    ck_assert(rig_shows(&r, "/p25/p26"));
    while (!rig_shows(&r, "nothing more to the right") && n++ < 60)
        rig_keys(&r, "<Right>");
    ck_assert(rig_shows(&r, "nothing more to the right"));
    ck_assert(rig_shows(&r, "p49/end"));
    r.a.note[0] = '\0';
    while (rig_shows(&r, "shifted") && n-- > 0)
        rig_keys(&r, "<Left>");
    ck_assert_msg(memcmp(before, r.g.cell, bytes) == 0, "Left does not lead back");
    free(before);
    rig_close(&r);
}
END_TEST

START_TEST(home_and_escape_shift_back)
{
    static const char *const back[] = {"g", "<Home>", "\033"};
    struct rig r;

    for (size_t i = 0; i < sizeof back / sizeof *back; i++) {
        open_at(&r, FIX_TWO_BLOCKED, _i / LISTS);
        lengthen(r.m);
        rig_keys(&r, lists[_i % LISTS]);
        enum view_kind view = r.a.view;
        rig_keys(&r, "<Right><Right>");
        ck_assert(rig_shows(&r, "shifted 16"));
        rig_keys(&r, back[i]);
        ck_assert(!rig_shows(&r, "shifted"));
        ck_assert_int_eq(r.a.view, view);
        rig_close(&r);
    }
}
END_TEST

START_TEST(what_fits_is_not_shifted)
{
    struct rig r;

    open_at(&r, FIX_HEALTHY, SIZES - 1);
    rig_keys(&r, "4<Right>");
    ck_assert(!rig_shows(&r, "shifted"));
    ck_assert(rig_shows(&r, "nothing more to the right"));
    rig_keys(&r, "<Left>");
    ck_assert(rig_shows(&r, "nothing more to the left"));
    rig_close(&r);
}
END_TEST

/* The long text goes while it is shifted: what is left must not stay out of sight. */
START_TEST(shift_ends_with_the_text)
{
    struct rig r;

    open_at(&r, FIX_TWO_BLOCKED, _i);
    lengthen(r.m);
    rig_keys(&r, "4<Right><Right><Right>");
    ck_assert(rig_shows(&r, "shifted 24"));
    snprintf(r.m->files.file[0].path, sizeof r.m->files.file[0].path, "/x");
    for (unsigned i = 1; i < r.m->files.count; i++)
        snprintf(r.m->files.file[i].path, sizeof r.m->files.file[i].path, "/y");
    rig_draw(&r);
    rig_keys(&r, "<Right>");
    ck_assert(rig_shows(&r, "nothing more to the right"));
    rig_keys(&r, "<Left>");
    ck_assert(!rig_shows(&r, "shifted"));
    ck_assert(rig_shows(&r, "/x"));
    rig_close(&r);
}
END_TEST

/* Where the two keys mean something else already, they still do. */
START_TEST(other_views_keep_their_keys)
{
    struct rig r;

    rig_open(&r, FIX_SICK);
    lengthen(r.m);
    app_tape(&r.a, 1, 100);
    rig_keys(&r, "2<Left>");
    ck_assert_int_eq(r.a.latency_ago, 1);
    rig_keys(&r, "5<Right><Right>");
    ck_assert_uint_eq(r.a.list[VIEW_IO].key, r.m->now.mount[1].device);
    rig_keys(&r, "1\n<Right>");
    ck_assert_int_eq(r.a.view, VIEW_WORKER);
    ck_assert_uint_eq(r.a.selected, 2);
    r.a.time.paused = true;
    r.a.time.record = 50;
    rig_keys(&r, "4<Left>");
    ck_assert_uint_eq(r.a.time.record, 49);
    for (int i = 0; i < VIEW_COUNT; i++)
        ck_assert_int_eq(r.a.list[i].shift, 0);
    rig_close(&r);
}
END_TEST

/* A character of two cells that the edge cuts leaves a blank, and marks go with what they mark. */
START_TEST(wide_characters_are_shifted_whole)
{
    struct rig r;

    open_at(&r, FIX_HOSTILE, _i);
    for (const char *view = "1346"; *view; view++) {
        char keys[] = {*view, '\0'};
        rig_keys(&r, keys);
        for (int i = 0; i < 12; i++) {
            rig_keys(&r, "<Right>");
            for (int y = 0; y < r.g.rows; y++)
                for (int x = 0; x < r.g.cols; x++)
                    if (grid_at(&r.g, y, x)->ch == GRID_RIGHT_HALF)
                        ck_assert(x > 0 && wcwidth(grid_at(&r.g, y, x - 1)->ch) == 2);
        }
    }
    rig_close(&r);
}
END_TEST

/* A reason longer than the line: where it is told. */
START_TEST(why_a_reload_failed_is_pointed_at)
{
    static const int rows[] = {5, 12, 24}, cols[] = {20, 40, 80};
    static const char *const says[] = {"reload failed", "reload failed, view 6 tells why",
                                       "reload failed, view 6 tells why"};
    struct rig r;

    rig_open(&r, FIX_HEALTHY);
    ck_assert(grid_resize(&r.g, rows[_i], cols[_i]));
    r.m->now.reload_state = RELOAD_FAILED;
    snprintf(r.m->now.reload_error, sizeof r.m->now.reload_error,
             "/etc/weir/weir.ini:27: unknown key `bogus' in [fault]; weir.ini(5) lists them all");
    rig_draw(&r);
    ck_assert(rig_shows(&r, says[_i]));
    rig_close(&r);
}
END_TEST

/* What is told of a server that is gone does not go on growing, and has no rates. */
START_TEST(what_is_gone_stands_still)
{
    struct rig r;

    open_at(&r, FIX_SICK, SIZES - 1);
    rig_keys(&r, "\n");
    char since[FMT_BYTES];
    fmt_clock(since, r.m->now.taken_wall_ns - r.m->row[0].since_ns);
    ck_assert(rig_shows(&r, since));
    rig_keys(&r, "\0335");
    r.m->now.started_ns = r.m->now.taken_ns - 30 * NS_PER_S;
    rig_draw(&r);
    ck_assert(rig_shows(&r, "up 30.0s"));
    ck_assert(rig_shows(&r, " 12/s"));
    model_no_data(r.m, r.m->clock_ns + 100 * NS_PER_S, r.m->wall_ns + 100 * NS_PER_S, "gone");
    rig_draw(&r);
    ck_assert(rig_shows(&r, "up 30.0s"));
    ck_assert(!rig_shows(&r, "12/s"));
    rig_keys(&r, "1\n");
    ck_assert(rig_shows(&r, since));
    rig_close(&r);
}
END_TEST

/* Without colours too, where a > stands before the line with the text. */
START_TEST(escape_takes_the_mark_of_what_was_found)
{
    const int *size = sizes[_i];
    struct rig r;

    rig_open(&r, FIX_HEALTHY);
    ck_assert(grid_resize(&r.g, size[0], size[1]));
    rig_keys(&r, "?/tagged");
    view_draw(r.m, &r.a, &r.g, CHARSET_ASCII, false);
    ck_assert(strchr(marked(&r), '>') && strstr(marked(&r), "tagged"));
    rig_keys(&r, "\033");
    view_draw(r.m, &r.a, &r.g, CHARSET_ASCII, false);
    ck_assert_msg(r.a.help && marked(&r)[0] == '\0', "%s", marked(&r));
    rig_keys(&r, "/drain\n/tagged\033"); /* back to what was found before */
    ck_assert_str_eq(marked(&r), "drain");
    rig_close(&r);
}
END_TEST

/* "11-13 of 101" in the title. */
static void help_place(const struct rig *r, int *first, int *next)
{
    const char *of = strstr(line_of(r, 0), " of ");

    ck_assert_ptr_nonnull(of);
    while (of[-1] != ' ')
        of--;
    ck_assert_int_eq(sscanf(of, "%d-%d", first, next), 2);
}

START_TEST(pages_of_the_help_leave_nothing_out)
{
    const int *size = sizes[_i];
    int first, last, before_first, before_last, pages = 0;
    struct rig r;

    rig_open(&r, FIX_HEALTHY);
    ck_assert(grid_resize(&r.g, size[0], size[1]));
    rig_keys(&r, "?");
    help_place(&r, &first, &last);
    do {
        before_first = first;
        before_last = last;
        rig_keys(&r, "<PgDn>");
        help_place(&r, &first, &last);
        ck_assert_msg(first <= before_last, "%d-%d, then %d-%d", before_first, before_last, first,
                      last);
        pages++;
    } while (first > before_first);
    ck_assert_int_ge(pages, 2);
    ck_assert_msg(pages <= 400 / size[0], "%d pages of %d rows", pages, size[0]);
    while (first > 1) {
        before_first = first;
        rig_keys(&r, "<PgUp>");
        help_place(&r, &first, &last);
        ck_assert_msg(first < before_first && last >= before_first, "%d, then %d-%d", before_first,
                      first, last);
    }
    rig_close(&r);
}
END_TEST

/* The last lines of the screen as one text. */
static const char *foot_of(const struct rig *r, int lines)
{
    static char text[1024];
    size_t n = 0;

    for (int y = r->g.rows - lines; y < r->g.rows; y++) {
        const char *line = line_of(r, y);
        size_t end = strlen(line);
        while (end > 0 && line[end - 1] == ' ')
            end--;
        n += (size_t)snprintf(text + n, sizeof text - n, "%.*s", (int)end, line);
    }
    return text;
}

/* Remarks and what the command line offers take the lines they need. */
START_TEST(what_is_told_at_the_foot_is_whole)
{
    struct rig r;

    rig_open(&r, FIX_HEALTHY);
    ck_assert(grid_resize(&r.g, 12, 40));
    app_saved(&r.a, r.m, "x", "/a/b/log.txt: No such file or directory", r.now_ns, 1);
    for (int view = '1'; view <= '6'; view++) {
        rig_draw(&r);
        ck_assert_msg(strstr(foot_of(&r, 2), " not saved: /a/b/log.txt: No such file or directory"),
                      "view %c: %s", view, foot_of(&r, 2));
        rig_key(&r, (uint32_t)view + 1);
    }
    rig_tick(&r, 20 * NS_PER_S); /* and goes */
    rig_keys(&r, "1:save ");
    ck_assert_msg(strstr(foot_of(&r, 4), "to a new file  :  events screen"), "%s", foot_of(&r, 4));
    rig_keys(&r, "\033d");
    ck_assert(rig_shows(&r, "interval: _ s  Enter:set Esc:cancel"));
    rig_close(&r);
}
END_TEST

START_TEST(a_rate_has_its_figure)
{
    struct rig r;

    rig_open(&r, FIX_HEALTHY);
    for (int cols = 60; cols <= 120; cols++) {
        ck_assert(grid_resize(&r.g, 24, cols));
        rig_draw(&r);
        for (const char *at = line_of(&r, 2); (at = strstr(at, "xx")) != NULL; at++) {
            int n = 0;
            sscanf(at, "xx %*[0-9.k]/s%n", &n);
            ck_assert_msg(n > 0, "%d: %s", cols, line_of(&r, 2));
        }
        ck_assert(cols < 80 || strstr(line_of(&r, 2), "5xx"));
    }
    rig_close(&r);
}
END_TEST

/* An ID is typed after :abort: it stands there whole, or the worker's number does, and a path. */
START_TEST(an_id_is_whole_or_not_shown)
{
    static const uint64_t serials[] = {7, 1842, 1234567, 123456789, UINT64_C(99999999999)};
    struct rig r;

    rig_open(&r, FIX_HEALTHY);
    rig_keys(&r, "3");
    for (size_t i = 0; i < sizeof serials / sizeof *serials; i++) {
        for (int cols = 30; cols <= 200; cols += 5) {
            char whole[48], head[48];
            r.m->now.request[0].serial = serials[i];
            ck_assert(grid_resize(&r.g, 12, cols));
            rig_draw(&r);
            int row = 0;
            while (row < 11 && !strstr(line_of(&r, row), "AGE "))
                row++;
            bool id = strstr(line_of(&r, row), " ID PHASE") != NULL;
            snprintf(whole, sizeof whole, " %u-%llu send", r.m->now.request[0].worker,
                     (unsigned long long)serials[i]);
            snprintf(head, sizeof head, "   %u send", r.m->now.request[0].worker);
            ck_assert_msg(id || strstr(line_of(&r, row), "  W PHASE"), "%d: %s", cols,
                          line_of(&r, row));
            ck_assert_msg(strstr(line_of(&r, row + 1), id ? whole : head), "%d: %s", cols,
                          line_of(&r, row + 1));
            ck_assert_msg(cols < 40 || strstr(line_of(&r, row + 1), "-1.tar"), "%d: %s", cols,
                          line_of(&r, row + 1));
            ck_assert(cols < 40 || i > 3 || id);
        }
    }
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
    tcase_add_loop_test(t, escape_takes_the_mark_of_what_was_found, 0, SIZES);
    tcase_add_loop_test(t, pages_of_the_help_leave_nothing_out, 0, SIZES);
    tcase_add_loop_test(t, help_is_never_cut, 0, SIZES);
    tcase_add_loop_test(t, help_has_topics, 0, SIZES);
    tcase_add_test(t, help_tells_the_verdicts_rules);
    suite_add_tcase(s, t);
    t = tcase_create("sideways");
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, long_texts_are_shifted, 0, SIZES * LISTS);
    tcase_add_loop_test(t, home_and_escape_shift_back, 0, SIZES * LISTS);
    tcase_add_test(t, what_fits_is_not_shifted);
    tcase_add_loop_test(t, shift_ends_with_the_text, 0, SIZES);
    tcase_add_test(t, other_views_keep_their_keys);
    tcase_add_loop_test(t, wide_characters_are_shifted_whole, 0, SIZES);
    suite_add_tcase(s, t);
    t = tcase_create("told");
    tcase_add_loop_test(t, why_a_reload_failed_is_pointed_at, 0, 3);
    tcase_add_test(t, what_is_gone_stands_still);
    tcase_add_test(t, an_id_is_whole_or_not_shown);
    tcase_add_test(t, a_rate_has_its_figure);
    tcase_add_test(t, what_is_told_at_the_foot_is_whole);
    suite_add_tcase(s, t);
    return unit_run(s);
}
