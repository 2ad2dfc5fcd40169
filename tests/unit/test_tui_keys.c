/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Key scripts: keys to commands and to what the screen says; the promise that nothing is sent
 * without an answer to a question; and the help, which has every key that works and no other.
 */
#include "tests/unit/unit.h"

#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "tests/tui/rig.h"

/* \n is Enter; see rig.h. Workers 3 and 6 are blocked, 3 stands first. */
static const struct script {
    enum fixture which;
    const char *keys, *sent, *shows; /* shows: NULL when it does not matter */
} scripts[] = {
    /* the strip */
    {FIX_HEALTHY, "++\n", "workers +2", NULL},
    {FIX_HEALTHY, "+\033\n", "", NULL},
    {FIX_HEALTHY, "w12\n", "workers 12", NULL},
    {FIX_HEALTHY, "w1x", "", "digits only: 1 to 64 workers"},
    {FIX_HEALTHY, "O96\n", "offload 96", NULL},
    {FIX_HEALTHY, "Ox", "", "digits only: 1 to 128 threads"},
    {FIX_HEALTHY, "d0.5\n", "", NULL},
    {FIX_HEALTHY, "d99\n", "", "an interval is 0.1 to 60 seconds, not 99"},
    /* view 6: a run's row stands for its last event, and is many rows while a text is looked for */
    {FIX_POOL_FULL, "6", "", "20 times since 22:13:30, last: GET /tv/s01/e00.mkv"},
    {FIX_POOL_FULL, "6j\n", "", "WORKER 1"},
    {FIX_POOL_FULL, "6jj\n", "", "WORKER 3"},
    {FIX_POOL_FULL, "6jjj\n", "", "WORKER 5"},
    {FIX_POOL_FULL, "6\\s06/e04\nj\n", "", "WORKER 6"},
    {FIX_POOL_FULL, "6/s06/e04\n\n", "", "WORKER 6"},
    {FIX_POOL_FULL, "6/s06/e04\n\033", "", "20 times since"},
    {FIX_POOL_FULL, "6/s06/e04\n\033\n", "", "WORKER 1"},
    /* dialogs: Enter alone is Cancel, y is the verb */
    {FIX_TWO_BLOCKED, "R", "", "Restart worker 3 (pid 4716)?"},
    {FIX_TWO_BLOCKED, "R\n", "", NULL},
    {FIX_TWO_BLOCKED, "Ry", "restart 3", NULL},
    {FIX_TWO_BLOCKED, "Rn", "", NULL},
    {FIX_TWO_BLOCKED, "R\033y", "", NULL},
    {FIX_TWO_BLOCKED, "R\t\n", "restart 3", NULL},
    {FIX_TWO_BLOCKED, "R<Right>\n", "restart 3", NULL},
    {FIX_TWO_BLOCKED, "R\t\t\n", "", NULL},
    {FIX_TWO_BLOCKED, "R<Down>y", "kill 3", NULL},
    {FIX_TWO_BLOCKED, "Rjky", "restart 3", NULL},
    {FIX_TWO_BLOCKED, "Rx\n", "", NULL},
    {FIX_TWO_BLOCKED, "D\n", "", NULL},
    {FIX_TWO_BLOCKED, "Dy", "drain 3", NULL},
    {FIX_TWO_BLOCKED, "D<Down>y", "restart 3", NULL},
    {FIX_TWO_BLOCKED, "jjDy", "drain 6", NULL},
    {FIX_TWO_BLOCKED, "X\n", "", NULL},
    {FIX_TWO_BLOCKED, "Xy", "kill 3", NULL},
    {FIX_HEALTHY, "A\n", "", NULL},
    {FIX_HEALTHY, "Ay", "workers auto", NULL},
    /* the detail, and what is selected there */
    {FIX_TWO_BLOCKED, "\n", "", "WORKER 3"},
    {FIX_TWO_BLOCKED, "\n<Right>Ry", "restart 4", NULL},
    {FIX_TWO_BLOCKED, "\n<Left>Ry", "restart 2", NULL},
    {FIX_TWO_BLOCKED, "\n<Left><Left><Left>Ry", "restart 8", NULL},
    /* menus */
    {FIX_TWO_BLOCKED, "a", "", "worker 3 (pid 4716)"},
    {FIX_HEALTHY, "3a", "", "   abort"}, /* before the cursor was moved */
    {FIX_TWO_BLOCKED, "a\n\n", "", NULL},
    {FIX_TWO_BLOCKED, "a\ny", "drain 3", NULL},
    {FIX_TWO_BLOCKED, "aRy", "restart 3", NULL},
    {FIX_TWO_BLOCKED, "ajj\ny", "kill 3", NULL},
    {FIX_TWO_BLOCKED, "ajjj\n", "", "WORKER 3"},
    {FIX_TWO_BLOCKED, "aG\n", "", "not possible: a worker that drains has left"},
    {FIX_HEALTHY, "M", "", "this server cannot do it yet"},
    {FIX_HEALTHY, "M\n\n", "", NULL},
    {FIX_HEALTHY, "M\ny", "reload", NULL},
    {FIX_HEALTHY, "Mj\ny", "workers auto", NULL},
    {FIX_HEALTHY, "Mjj\njy", "loglevel warn", NULL},
    {FIX_HEALTHY, "Mjjj\n32\n", "offload 32", NULL},
    {FIX_HEALTHY, "Mjjjj\ny", "reopen", NULL},
    {FIX_HEALTHY, "Mjjjjj\n", "", "not possible: this server cannot do it yet"},
    {FIX_HEALTHY, "MG\n\n", "", NULL},
    {FIX_HEALTHY, "MG\ny", "", "Type the instance's name to confirm: y_"},
    {FIX_HEALTHY, "MG\nprod-file\n", "", NULL},
    {FIX_HEALTHY, "MG\nprod-files\n", "stop", NULL},
    {FIX_HEALTHY, "MG\nprod-files\b\n", "", NULL},
    {FIX_HEALTHY, "MG\n<Down>prod-files\n", "stop now", NULL},
    {FIX_HEALTHY, "MG\nprod-files\t\n", "", NULL},
    {FIX_HEALTHY, "M\033q", "", NULL},
    /* the command line */
    {FIX_HEALTHY, ":workers +2\n", "", "workers 8 -> 10"},
    {FIX_HEALTHY, ":workers +2\n\n", "workers +2", NULL},
    {FIX_HEALTHY, ":workers -1\n\n", "workers -1", NULL},
    {FIX_HEALTHY, ":workers 12\n\n", "workers 12", NULL},
    {FIX_HEALTHY, ":workers 12\n\033\n", "", NULL},
    {FIX_HEALTHY, ":workers auto\ny", "workers auto", NULL},
    {FIX_HEALTHY, ":workers many\n", "", "is not a number from 1 to 99999"},
    {FIX_HEALTHY, ":offload 48\n\n", "offload 48", NULL},
    {FIX_HEALTHY, ":offload 4096\n", "", "is not a number from 1 to 128"},
    {FIX_HEALTHY, ":restart 5\ny", "restart 5", NULL},
    {FIX_HEALTHY, ":restart 5\n\n", "", NULL},
    {FIX_HEALTHY, ":restart 55\n", "", "there is no worker 55"},
    {FIX_HEALTHY, ":drain 2 restart\ny", "restart 2", NULL},
    {FIX_HEALTHY, ":drain 2 retire\ny", "drain 2", NULL},
    {FIX_HEALTHY, ":drain 2 soon\n", "", "\"soon\" is not known"},
    {FIX_HEALTHY, ":kill 2\ny", "kill 2", NULL},
    {FIX_HEALTHY, ":undrain 2\n", "", "undrain: not possible"},
    {FIX_HEALTHY, ":upgrade\n", "", "this server cannot do it yet"},
    {FIX_HEALTHY, ":loglevel debug\ny", "loglevel debug", NULL},
    {FIX_HEALTHY, ":loglevel loud\n", "", "error, warn, info or debug"},
    {FIX_HEALTHY, ":reload\ny", "reload", NULL},
    {FIX_HEALTHY, ":reopen\ny", "reopen", NULL},
    {FIX_HEALTHY, ":stop now\nprod-files\n", "stop now", NULL},
    {FIX_HEALTHY, ":stop later\n", "", "stop: \"now\" or nothing"},
    {FIX_HEALTHY, ":autoscale on\ny", "workers auto", NULL},
    {FIX_HEALTHY, ":autoscale off\n", "", "it is off already"},
    {FIX_HEALTHY, ":abort 3\n", "", "is not the ID of a request"},
    {FIX_HEALTHY, ":abort 3-999999\n", "", "no request 3-999999 is in flight"},
    {FIX_HEALTHY, ":fence media\n", "", "fence: a mount point"},
    {FIX_SICK, ":fence /mnt/media\ny", "fence /mnt/media", NULL},
    {FIX_SICK, ":unfence /mnt/media\n\n", "", NULL},
    /* words that a command does not take are refused, with what it takes */
    {FIX_HEALTHY, ":quit now\n", "", "quit: \"now\" is too much; usage: quit"},
    {FIX_HEALTHY, ":q now\n", "", "q: \"now\" is too much; usage: quit"},
    {FIX_HEALTHY, ":workers 4 5 6\n\n", "", "workers: \"5 6\" is too much; usage: workers N|"},
    {FIX_HEALTHY, ":offload 4 5\n\n", "", "offload: \"5\" is too much; usage: offload N"},
    {FIX_HEALTHY, ":kill 2 now\n", "", "kill: \"now\" is too much; usage: kill N"},
    {FIX_HEALTHY, ":restart 2 3\n", "", "restart: \"3\" is too much; usage: restart N|all"},
    {FIX_HEALTHY, ":restart all 3\n", "", "restart: \"3\" is too much"},
    {FIX_HEALTHY, ":drain 2 restart 3\n", "", "usage: drain N [retire|restart]"},
    {FIX_HEALTHY, ":inspect 2 3\n", "", "inspect: \"3\" is too much; usage: inspect N"},
    {FIX_HEALTHY, ":reload all\n", "", "reload: \"all\" is too much; usage: reload"},
    {FIX_HEALTHY, ":reopen  logs  \n", "", "reopen: \"logs"},
    {FIX_HEALTHY, ":loglevel debug now\n", "", "loglevel: \"now\" is too much; usage: loglevel e"},
    {FIX_HEALTHY, ":stop now please\n", "", "stop: \"please\" is too much; usage: stop [now]"},
    {FIX_HEALTHY, ":abort 3-1 now\n", "", "abort: \"now\" is too much; usage: abort ID"},
    {FIX_HEALTHY, ":throttle 3-1 1m 2m\n", "", "\"2m\" is too much; usage: throttle ID RATE|off"},
    {FIX_HEALTHY, ":view 3 4\n", "", "view: \"4\" is too much; usage: view"},
    {FIX_HEALTHY, ":help server now\n", "", "help: \"now\" is too much; usage: help [TOPIC]"},
    {FIX_HEALTHY, ":autoscale on now\n", "", "\"now\" is too much; usage: autoscale on|off"},
    {FIX_HEALTHY, ":reload  \ny", "reload", NULL},
    {FIX_SICK, ":fence /mnt/my media\ny", "fence /mnt/my media", NULL},
    {FIX_HEALTHY, ":nonsense\n", "", "there is no command \"nonsense\""},
    {FIX_HEALTHY, ":view files\n", "", "FILES"},
    {FIX_HEALTHY, ":view 6\n", "", "EVENTS"},
    {FIX_HEALTHY, ":inspect 4\n", "", "WORKER 4"},
    /* what weirctl prints is in a view */
    {FIX_HEALTHY, "3:status\n", "", "view 1/6"},
    {FIX_HEALTHY, ":requests\n", "", "REQUESTS  in flight"},
    {FIX_HEALTHY, ":files\n", "", "FILES"},
    {FIX_SICK, ":mounts\n", "", "MOUNT"},
    {FIX_SICK, ":stalls\n", "", "STALL"},
    {FIX_HEALTHY, ":events\n", "", "EVENTS"},
    {FIX_HEALTHY, ":status --json\n", "", "status: \"--json\" is too much; usage: status"},
    {FIX_HEALTHY, ":rel\t\ny", "reload", NULL},
    {FIX_HEALTHY, ":re", "", "restart reload reopen requests"},
    {FIX_HEALTHY, ":drain\t5\ny", "drain 5", NULL},
    {FIX_HEALTHY, ":set hol\t3s\n", "", NULL},
    {FIX_HEALTHY, ":set hold 3 h\n", "", "is not 0 ms to 60000 ms"},
    {FIX_HEALTHY, ":reload\033:<Up>\n", "", NULL},
    {FIX_HEALTHY, ":reopen\n\033:<Up>\ny", "reopen", NULL},
    {FIX_HEALTHY, ":xre\001<Del>\005load\ny", "reload", NULL},
    {FIX_HEALTHY, ":stop it\027\027reload\ny", "reload", NULL},
    {FIX_HEALTHY, ":junk\025reload\ny", "reload", NULL},
    {FIX_HEALTHY, ":reload junk<Home><Right><Right><Right><Right><Right><Right>\013\ny", "reload",
     NULL},
    /* I/O: mounts */
    {FIX_SICK, "5a", "", "mount /mnt/media"},
    {FIX_SICK, "5a\n\n", "", NULL},
    {FIX_SICK, "5a\ny", "fence /mnt/media", NULL},
    {FIX_SICK, "5aj\ny", "unfence /mnt/media", NULL},
    {FIX_SICK, "5<Right><Right>aj\n", "", "it is neither fenced nor sick"},
    {FIX_FENCED, "5a\n", "", "it is fenced already"},
    /* tags: one after another, the first now */
    {FIX_HEALTHY, "  Ry", "restart 1", "restart 1/2"},
    {FIX_HEALTHY, "  R\n", "", NULL},
    {FIX_HEALTHY, "  URy", "restart 3", NULL},
    {FIX_HEALTHY, ":restart all\n", "", "Restart 8 tagged workers?"},
    {FIX_HEALTHY, ":restart all\ny", "restart 1", "restart 1/8"},
    /* looking sends nothing */
    {FIX_HEALTHY, "123456\t<STab>jkgG<PgUp><PgDn>\002\006\025\004FtvuoI<>n", "", NULL},
    {FIX_HEALTHY, "/archive-5\n\n", "", "WORKER 5"},
    {FIX_HEALTHY, "/nowhere", "", "\"nowhere\" is in no row"},
    {FIX_HEALTHY, "\\archive-5\nRy", "restart 5", NULL},
    {FIX_HEALTHY, "s", "", "order of the rows"},
    {FIX_HEALTHY, "sjjjjjj\n", "", "by REQ/s"},
    {FIX_HEALTHY, "p", "", "nothing has been recorded yet"},
    {FIX_HEALTHY, "y", "", "/srv/pub/archive-1.tar"},
    {FIX_HEALTHY, "f", "", "f is for view 2"},
    {FIX_HEALTHY, "S", "", "weirtop setup"},
    {FIX_HEALTHY, "?", "", "weirtop help"},
    {FIX_HEALTHY, "?Ry", "restart 1", NULL},
    {FIX_NO_SERVER, "R", "", "read-only: no connection to a server"},
    {FIX_NO_SERVER, "+\n", "", NULL},
    {FIX_NO_SERVER, ":reload\n", "", "read-only: no connection to a server"},
    {FIX_NO_SERVER, "M\n", "", "not possible: no connection to a server"},
    {FIX_EMPTY, "Rjk\na", "", "nothing is selected"},
};

START_TEST(key_script)
{
    const struct script *s = &scripts[_i];
    struct rig r;

    rig_open(&r, s->which);
    rig_keys(&r, s->keys);
    ck_assert_msg(strcmp(rig_sent(&r), s->sent) == 0, "%s: sent \"%s\", not \"%s\"", s->keys,
                  rig_sent(&r), s->sent);
    ck_assert_msg(s->shows == NULL || rig_shows(&r, s->shows), "%s: \"%s\" is not shown", s->keys,
                  s->shows);
    rig_close(&r);
}
END_TEST

/* y copies what stands in the row of the cursor; until that is moved, what is told below the list,
 * or the first row. */
static const struct copy {
    enum fixture which;
    const char *keys, *copied, *shows;
} copies[] = {
    {FIX_TWO_BLOCKED, "y", "/mnt/media/2019/big.iso", "w3> "},
    {FIX_TWO_BLOCKED, ">y", "/srv/pub/archive-1.tar", "w1> "}, /* by # */
    {FIX_TWO_BLOCKED, ">Iy", "4721", "w8> "},
    {FIX_TWO_BLOCKED, "ty", "/mnt/media/2019/big.iso", "w3> "}, /* below the group's line */
    {FIX_TWO_BLOCKED, "\\archive-5\ny", "/srv/pub/archive-5.tar", "w5> "},
    {FIX_TWO_BLOCKED, "\\zzz\ny", NULL, "no worker matches"},
    {FIX_TWO_BLOCKED, "2>y", "/srv/pub/archive-1.tar", NULL},
    {FIX_POOL_FULL, "jjjy", "/mnt/media/tv/s03/e01.mkv", "w3> "}, /* an offload thread's */
    {FIX_POOL_FULL, "3y", "/photos.zip", "5-1842> "},
    {FIX_POOL_FULL, "3Iy", "/cgi/form", "/cgi/form"},
    {FIX_POOL_FULL, "3\\nowhere\ny", NULL, "no request matches"},
    {FIX_HEALTHY, "4>>jIgy", "/pub/archive-8.tar", "inverted"}, /* at once, though it was held */
    {FIX_SICK, "5y", "/mnt/media", NULL},
    {FIX_SICK, "5Iy", "/srv", NULL},
    {FIX_POOL_FULL, "6y", "SLOW GET /tv/s01/e00.mkv 200, 2.1 s", "SLOW> 20 times"},
    {FIX_POOL_FULL, "6jj\\START\ny", "START generation 7 up", "START> generation 7 up"},
};

START_TEST(copied_is_what_is_shown)
{
    const struct copy *c = &copies[_i];
    struct rig r;

    rig_open(&r, c->which);
    rig_keys(&r, c->keys);
    ck_assert_msg(r.a.copy_box == (c->copied != NULL), "%s: \"%s\"", c->keys, r.a.copy);
    ck_assert_msg(strcmp(r.a.copy, c->copied ? c->copied : "") == 0, "%s: \"%s\"", c->keys,
                  r.a.copy);
    if (r.a.copy_box)
        rig_keys(&r, "\033");
    ck_assert_msg(c->shows == NULL || rig_shows(&r, c->shows), "%s: \"%s\" is not shown", c->keys,
                  c->shows);
    rig_close(&r);
}
END_TEST

/* Each key of the table, alone, with nothing open: it changes what the controller knows, or asks
 * the main loop for something. */
START_TEST(every_key_of_the_help_works)
{
    const struct key_row *k = &key_table[_i];

    for (int i = 0; i < 3 && k->key[i]; i++) {
        struct rig r;
        struct app before;
        rig_open(&r, FIX_TWO_BLOCKED);
        app_tape(&r.a, 1, 100);
        rig_keys(&r, _i == ACTION_OVERVIEW ? "2" : "jj"); /* there is something to go up from */
        app_tape(&r.a, 1, 100);
        before = r.a;
        rig_key(&r, k->key[i]);
        bool acts = (r.want & ~(unsigned)WANT_DRAW) || memcmp(&before, &r.a, sizeof before) != 0;
        ck_assert_msg(acts, "%s does nothing", k->shown);
        ck_assert_msg(!r.last.there, "%s sends %s", k->shown, r.last.text);
        rig_close(&r);
    }
}
END_TEST

/* And the other way round: a key that is in no row of the table changes nothing. */
START_TEST(every_working_key_is_in_the_help)
{
    for (uint32_t key = 1; key < 0x180; key++) {
        struct rig r;
        struct app before;
        if (key_action(key) != ACTION_NONE)
            continue;
        rig_open(&r, FIX_TWO_BLOCKED);
        before = r.a;
        rig_key(&r, key);
        before.now_ns = r.a.now_ns;
        ck_assert_msg(memcmp(&before, &r.a, sizeof before) == 0 && !(r.want & ~1u),
                      "key %#x works and is not in the help", key);
        rig_close(&r);
    }
}
END_TEST

START_TEST(help_is_whole_and_tells_what_is_set)
{
    struct rig r;

    rig_open(&r, FIX_HEALTHY);
    ck_assert(grid_resize(&r.g, 120, 120));
    rig_keys(&r, "tu?");
    for (int a = 0; a < ACTION_COUNT; a++) {
        char want[256];
        snprintf(want, sizeof want, "   %-14s %s", key_table[a].shown, key_table[a].help);
        ck_assert_msg(rig_shows(&r, want), "the help lacks: %s", want);
        ck_assert_msg(strlen(want) <= 80, "too long for 80 columns: %s", want);
    }
    ck_assert(rig_shows(&r, "bytes or bits per second (now: bits)"));
    ck_assert(rig_shows(&r, "workers by generation (now: yes)"));
    ck_assert(rig_shows(&r, "interval of rates and redraws (now: 1 s)"));
    ck_assert(!rig_shows(&r, "not now:"));
    r.a.read_only = true;
    rig_draw(&r);
    ck_assert(rig_shows(&r, "not now: started with --read-only"));
    rig_close(&r);
}
END_TEST

/* Why nothing can be changed, and that no key then sends anything. */
START_TEST(read_only_sends_nothing)
{
    static const char *const reason[] = {"started with --read-only", "this is a recording",
                                         "only root and the server's own user may change it",
                                         "no connection to a server"};
    static const char keys[] = "+\n-\nw9\nO9\nDy\nRy\nXy\nAy\na\ny\nM\ny\nMG\nprod-files\n"
                               ":reload\ny:stop\nprod-files\n:workers 9\n\n  Ry";
    struct rig r;

    rig_open(&r, FIX_TWO_BLOCKED);
    r.a.read_only = _i == 0;
    r.a.time.replay = _i == 1;
    if (_i == 2) {
        rig_keys(&r, "+\n");
        rig_reply(&r, false, 0, reason[2]);
        rig_keys(&r, "\033");
        r.count = 0;
    }
    if (_i == 3)
        model_no_data(r.m, r.m->clock_ns, r.m->wall_ns, "gone");
    ck_assert_str_eq(app_read_only_reason(&r.a, r.m), reason[_i]);
    for (const char *k = keys; *k; k++) {
        char one[2] = {*k, '\0'};
        rig_keys(&r, one);
        ck_assert_msg(r.count == 0, "sent %s", rig_sent(&r));
    }
    rig_close(&r);
}
END_TEST

/* Every dialog, opened by its key or command, answered with Enter. */
START_TEST(enter_changes_nothing)
{
    static const char *const open[] = {"D",
                                       "R",
                                       "X",
                                       "A",
                                       "M\n",
                                       "Mj\n",
                                       "Mjj\n",
                                       "Mjjjj\n",
                                       "MG\n",
                                       ":fence /srv\n",
                                       ":unfence /srv\n",
                                       ":restart all\n",
                                       "3ja\n",
                                       "3jaj\n",
                                       "  D",
                                       "  R"};
    struct rig r;

    rig_open(&r, FIX_HEALTHY);
    rig_keys(&r, open[_i]);
    ck_assert_msg(r.a.dialog.kind != DIALOG_NONE, "%s opens no dialog", open[_i]);
    rig_keys(&r, "\n");
    ck_assert_int_eq(r.a.dialog.kind, DIALOG_NONE);
    ck_assert_uint_eq(r.count, 0);
    rig_close(&r);
}
END_TEST

int main(void)
{
    setenv("TZ", "UTC", 1);
    setlocale(LC_ALL, "C.UTF-8"); /* only widths depend on it, and none is asserted here */
    Suite *s = suite_create("tui keys");
    TCase *t = tcase_create("keys");
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, copied_is_what_is_shown, 0, sizeof copies / sizeof *copies);
    tcase_add_loop_test(t, key_script, 0, (int)(sizeof scripts / sizeof *scripts));
    tcase_add_loop_test(t, every_key_of_the_help_works, 0, ACTION_COUNT);
    tcase_add_test(t, every_working_key_is_in_the_help);
    tcase_add_test(t, help_is_whole_and_tells_what_is_set);
    tcase_add_loop_test(t, read_only_sends_nothing, 0, 4);
    tcase_add_loop_test(t, enter_changes_nothing, 0, 16);
    suite_add_tcase(s, t);
    return unit_run(s);
}
