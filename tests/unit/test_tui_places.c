/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Things in their place: what Enter shows in each view, remarks that go with their view, results
 * that leave the workers' line alone, labels beside the cursor, a cursor when its worker is gone,
 * threads that nobody waits for, a screen without a server.
 */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "tests/tui/rig.h"
#include "tui/app/app.h"

/* The line of the screen, without blanks at its end. */
static const char *line_of(const struct rig *r, int row)
{
    static char text[1024];
    size_t n = 0;

    for (int c = 0; c < r->g.cols && n + 1 < sizeof text; c++) {
        wchar_t ch = r->g.cell[row * r->g.cols + c].ch;
        text[n++] = ch > 0 && ch < 128 ? (char)ch : '?';
    }
    while (n > 0 && text[n - 1] == ' ')
        n--;
    text[n] = '\0';
    return text;
}

START_TEST(enter_shows_what_is_in_the_row)
{
    struct rig r;

    rig_open(&r, FIX_HEALTHY);
    rig_keys(&r, "3\n");
    ck_assert_int_eq(r.a.view, VIEW_REQUESTS);
    ck_assert(rig_shows(&r, "Enter: its worker"));
    ck_assert(rig_shows(&r, "since it began"));
    rig_keys(&r, "\033");
    ck_assert(!rig_shows(&r, "Enter: its worker"));
    ck_assert_int_eq(r.a.view, VIEW_REQUESTS);
    rig_keys(&r, "\n\n");
    ck_assert_int_eq(r.a.view, VIEW_WORKER);
    rig_keys(&r, "4j\n");
    ck_assert_int_eq(r.a.view, VIEW_FILES);
    ck_assert(rig_shows(&r, "requests/s"));
    ck_assert(rig_shows(&r, "worker "));
    rig_keys(&r, "\n");
    ck_assert(!rig_shows(&r, "copy the path"));
    /* A key closes the box and does what it does. */
    rig_keys(&r, "\n3");
    ck_assert_int_eq(r.a.view, VIEW_REQUESTS);
    ck_assert_uint_eq(r.a.about, 0);
    /* A request that ends while its box is open. */
    rig_keys(&r, "\n");
    r.m->now.request_count = 0;
    rig_draw(&r);
    ck_assert(rig_shows(&r, "It has ended."));
    ck_assert_uint_eq(r.count, 0);
    rig_close(&r);
}
END_TEST

START_TEST(remarks_go_with_their_view)
{
    struct rig r;

    rig_open(&r, FIX_HEALTHY);
    rig_keys(&r, "\n\n");
    ck_assert(rig_shows(&r, "this is the detail"));
    rig_keys(&r, "\033");
    ck_assert(!rig_shows(&r, "this is the detail"));
    rig_keys(&r, "5\n");
    ck_assert(rig_shows(&r, "a has what can be done"));
    rig_keys(&r, "2");
    ck_assert(!rig_shows(&r, "a has what can be done"));
    ck_assert(rig_shows(&r, "q:quit"));
    rig_close(&r);
}
END_TEST

/* busy and idle stay where they are while it is said what came of an abort. */
START_TEST(results_leave_the_workers_alone)
{
    struct rig r;

    rig_open(&r, FIX_HEALTHY);
    ck_assert(rig_shows(&r, "idle "));
    rig_keys(&r, "3a\ny1");
    ck_assert_uint_eq(r.count, 1);
    rig_reply(&r, true, 0, "request 3-1651 (GET /iso/disk-2.iso) is ended");
    rig_draw(&r);
    ck_assert(strstr(line_of(&r, 23), "is ended") != NULL);
    ck_assert(rig_shows(&r, "idle "));
    rig_keys(&r, "\033+\n");
    rig_draw(&r);
    ck_assert(strstr(line_of(&r, 23), "q:quit") != NULL); /* a number of workers is their line's */
    rig_close(&r);
}
END_TEST

START_TEST(labels_make_room_for_the_cursor)
{
    struct rig r;

    rig_open(&r, FIX_HEALTHY);
    rig_keys(&r, "2");
    for (int ago = 0; ago < 70; ago++) {
        bool found = false;
        r.a.latency_ago = ago;
        rig_draw(&r);
        for (int row = 0; row < 24; row++) {
            const char *line = line_of(&r, row);
            const char *at = strchr(line, '^');
            if (!at || strstr(line, "now") == NULL)
                continue;
            found = true;
            ck_assert_msg(strstr(line, "^ow") == NULL && strstr(line, "n^w") == NULL, "%s", line);
        }
        ck_assert_msg(found, "%d: no axis with both", ago);
    }
    rig_close(&r);
}
END_TEST

START_TEST(a_cursor_outlives_its_worker)
{
    struct rig r;

    rig_open(&r, FIX_HEALTHY);
    rig_keys(&r, "jjj");
    ck_assert_uint_eq(r.a.selected, 3);
    r.m->now.worker[2].number = 30; /* the slot is given up */
    rig_tick(&r, 100 * NS_PER_MS);
    ck_assert_uint_eq(r.a.selected, 4);
    rig_draw(&r);
    ck_assert(rig_shows(&r, " w4> "));
    r.m->row_count = 0;
    rig_tick(&r, 100 * NS_PER_MS);
    rig_draw(&r);
    rig_close(&r);
}
END_TEST

/* A probe is no held call, and a job of a sick mount decides no worker's state. */
START_TEST(threads_that_nobody_waits_for)
{
    struct rig r;
    unsigned held = 0, tries = 0;

    rig_open(&r, FIX_SICK);
    struct snap *s = &r.m->now;
    for (unsigned i = 0; i < s->thread_count; i++) {
        struct snap_thread *t = &s->thread[i];
        if (t->since_ns && t->mount < s->mount_count && s->mount[t->mount].state == MOUNT_SICK) {
            if (held++ == 0)
                t->probe = true;
        }
    }
    ck_assert_uint_ge(held, 2);
    rig_keys(&r, "5");
    for (int row = 0; row < 24; row++)
        tries += strstr(line_of(&r, row), " try ") != NULL;
    ck_assert_uint_eq(tries, 1);
    for (unsigned i = 0; i < r.m->row_count; i++) {
        int job = r.m->row[i].job;
        if (job >= 0)
            ck_assert_int_eq(s->mount[s->thread[job].mount].state, MOUNT_OK);
    }
    rig_close(&r);
}
END_TEST

START_TEST(without_a_server)
{
    struct rig r;

    rig_open(&r, FIX_EMPTY);
    model_free(r.m);
    ck_assert(model_init(r.m, NS_PER_S));
    model_no_data(r.m, r.now_ns, 1,
                  "no weir answers at /run/weir/control.sock: No such file or directory");
    rig_draw(&r);
    ck_assert(rig_shows(&r, "NO SERVER: no weir answers at /run/weir/control.sock"));
    ck_assert(rig_shows(&r, "weirtop -r DIR"));
    ck_assert(rig_shows(&r, "starts a server"));
    rig_close(&r);
}
END_TEST

int main(void)
{
    if (!unit_locale())
        return EXIT_SUCCESS;
    Suite *s = suite_create("tui places");
    TCase *t = tcase_create("places");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, enter_shows_what_is_in_the_row);
    tcase_add_test(t, remarks_go_with_their_view);
    tcase_add_test(t, results_leave_the_workers_alone);
    tcase_add_test(t, labels_make_room_for_the_cursor);
    tcase_add_test(t, a_cursor_outlives_its_worker);
    tcase_add_test(t, threads_that_nobody_waits_for);
    tcase_add_test(t, without_a_server);
    suite_add_tcase(s, t);
    return unit_run(s);
}
