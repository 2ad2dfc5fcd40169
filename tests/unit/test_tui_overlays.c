/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What lies over views, as golden screens: dialogs, menus, prompts, setup, help, strip.
 */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "tests/tui/golden.h"
#include "tests/tui/rig.h"

static const struct {
    enum fixture which;
    const char *keys, *name;
} overlays[] = {
    {FIX_TWO_BLOCKED, "R", "restart"},
    {FIX_TWO_BLOCKED, "R\t", "restart_yes"},
    {FIX_HEALTHY, "D", "drain"},
    {FIX_TWO_BLOCKED, "X", "kill"},
    {FIX_HEALTHY, "   R", "restart_tagged"},
    {FIX_HEALTHY, "A", "auto"},
    {FIX_HEALTHY, "M\n", "reload"},
    {FIX_HEALTHY, "Mjj\n", "loglevel"},
    {FIX_HEALTHY, "MG\nprod-fi", "stop"},
    {FIX_HEALTHY, "MG\nprod-files", "stop_ready"},
    {FIX_SICK, "5a\n", "fence"},
    {FIX_SICK, "5aj\n", "unfence"},
    {FIX_HEALTHY, "3ja\n", "abort"},
    {FIX_HEALTHY, "3jaj\n2m", "throttle"},
    {FIX_TWO_BLOCKED, "a", "actions"},
    {FIX_HEALTHY, "M", "server"},
    {FIX_NO_SERVER, "M", "server_gone"},
    {FIX_HEALTHY, "s", "sort"},
    {FIX_HEALTHY, ":re", "command"},
    {FIX_HEALTHY, ":drain ", "command_usage"},
    {FIX_HEALTHY, ":nonsense\n", "command_wrong"},
    {FIX_HEALTHY, "/archive", "find"},
    {FIX_HEALTHY, "\\archive-5", "filter"},
    {FIX_HEALTHY, "S\tj", "setup"},
    {FIX_TWO_BLOCKED, "y", "copy"},
    {FIX_HEALTHY, "   Ry", "roll"},
    {FIX_HEALTHY, "?/tagged", "help_find"},
    {FIX_HEALTHY, ":help verdict\n", "help_verdict"},
    {FIX_HEALTHY, ":help nonsense\n", "help_wrong"},
};

START_TEST(overlay)
{
    static const int sizes[][2] = {{80, 24}, {40, 12}};
    struct rig r;
    char suffix[64];

    rig_open(&r, overlays[_i].which);
    rig_keys(&r, overlays[_i].keys);
    if (r.a.strip.sent_ns) /* the drawing's clock stands still */
        r.a.strip.sent_ns = r.m->clock_ns - 100 * NS_PER_MS;
    snprintf(suffix, sizeof suffix, "-over-%s", overlays[_i].name);
    for (int i = 0; i < 2; i++)
        golden_screen(overlays[_i].which, &r.a, suffix, sizes[i][0], sizes[i][1], CHARSET_ASCII);
    rig_close(&r);
}
END_TEST

/* Every overlay at every small size and some large ones: nothing breaks, the frame is whole. */
START_TEST(any_size)
{
    struct rig r;

    rig_open(&r, overlays[_i].which);
    rig_keys(&r, overlays[_i].keys);
    for (int rows = 1; rows <= 30; rows++) {
        for (int cols = 1; cols <= 100; cols += cols < 44 ? 1 : 7) {
            ck_assert(grid_resize(&r.g, rows, cols));
            rig_draw(&r);
        }
    }
    rig_close(&r);
}
END_TEST

/* At 40x12 the two buttons and the options are there. */
START_TEST(buttons_stay)
{
    struct rig r;

    rig_open(&r, overlays[_i].which);
    ck_assert(grid_resize(&r.g, 12, 40));
    rig_keys(&r, overlays[_i].keys);
    if (r.a.dialog.kind != DIALOG_NONE) {
        ck_assert(rig_shows(&r, "Cancel"));
        ck_assert(r.a.dialog.kind != DIALOG_RESTART || rig_shows(&r, "(*) replace it now"));
        ck_assert(r.a.dialog.kind != DIALOG_STOP || rig_shows(&r, "( ) now: everything"));
    }
    rig_close(&r);
}
END_TEST

int main(void)
{
    int n = (int)(sizeof overlays / sizeof *overlays);

    if (!unit_locale())
        return EXIT_SUCCESS;
    Suite *s = suite_create("tui overlays");
    TCase *t = tcase_create("golden");
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, overlay, 0, n);
    tcase_add_loop_test(t, any_size, 0, n);
    tcase_add_loop_test(t, buttons_stay, 0, n);
    suite_add_tcase(s, t);
    return unit_run(s);
}
