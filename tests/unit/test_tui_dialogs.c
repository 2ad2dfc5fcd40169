/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What dialogs promise, the strip, tagged workers one after another, time, lists, prompts: the
 * controller as a state machine, event by event.
 */
#include "tests/unit/unit.h"

#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "tests/tui/rig.h"
#include "tui/app/dialog.h"

static void press(struct rig *r, uint32_t key, uint64_t after_ns)
{
    r->now_ns += after_ns;
    rig_key(r, key);
}

static bool noted(const struct rig *r, const char *word, const char *text)
{
    const struct model_event *e;

    for (unsigned i = 0; (e = model_event_at(r->m, i)) != NULL; i++)
        if (strcmp(e->word, word) == 0 && strstr(e->text, text))
            return true;
    return false;
}

START_TEST(deaf_at_first)
{
    struct rig r;

    rig_open(&r, FIX_HEALTHY);
    press(&r, 'R', 0);
    press(&r, 'y', 299 * NS_PER_MS);
    ck_assert_uint_eq(r.count, 0);
    ck_assert_int_eq(r.a.dialog.kind, DIALOG_RESTART);
    press(&r, INPUT_ENTER, 0);
    ck_assert_int_eq(r.a.dialog.kind, DIALOG_RESTART);
    press(&r, INPUT_ESC, 0); /* listens from the first moment */
    ck_assert_int_eq(r.a.dialog.kind, DIALOG_NONE);
    press(&r, 'R', 0);
    press(&r, 'y', 300 * NS_PER_MS);
    ck_assert_str_eq(rig_sent(&r), "restart 1");
    rig_close(&r);
}
END_TEST

START_TEST(holds_slot_and_epoch)
{
    struct rig r;

    rig_open(&r, FIX_TWO_BLOCKED);
    rig_keys(&r, "R");
    ck_assert_uint_eq(r.a.dialog.worker, 3);
    r.m->now.worker[2].epoch = 2; /* another process in its slot */
    rig_draw(&r);
    ck_assert(rig_shows(&r, "worker 3 was replaced meanwhile"));
    rig_keys(&r, "y");
    ck_assert_uint_eq(r.count, 0);
    ck_assert_int_eq(r.a.strip.kind, STRIP_FAILED);
    ck_assert(rig_shows(&r, "worker 3 was replaced meanwhile: not sent"));
    ck_assert(noted(&r, "REFUSED", "worker 3 was replaced"));
    rig_tick(&r, 3600 * NS_PER_S);
    ck_assert_int_eq(r.a.strip.kind, STRIP_FAILED); /* until Esc */
    rig_keys(&r, "\033");
    ck_assert_int_eq(r.a.strip.kind, STRIP_NONE);
    rig_close(&r);
}
END_TEST

/* What stands under the cursor is what keys act on, when its process is replaced, too. */
START_TEST(cursor_stays_in_its_slot)
{
    struct rig r;

    rig_open(&r, FIX_HEALTHY);
    rig_keys(&r, "jjj\n"); /* the detail of w3 */
    ck_assert(rig_shows(&r, "WORKER 3"));
    r.m->now.worker[2].epoch = 2;
    rig_tick(&r, 100 * NS_PER_MS);
    ck_assert(rig_shows(&r, "WORKER 3"));
    rig_keys(&r, "\033R");
    ck_assert(rig_shows(&r, "Restart worker 3 "));
    rig_keys(&r, "\033\n");
    r.m->now.worker[2].number = 30; /* the slot is given up */
    rig_tick(&r, 100 * NS_PER_MS);
    ck_assert(rig_shows(&r, "there is no worker 3"));
    rig_keys(&r, "\033");
    ck_assert(!rig_shows(&r, " w1> ")); /* no row is under the cursor */
    rig_keys(&r, "R");
    ck_assert_int_eq(r.a.dialog.kind, DIALOG_NONE);
    ck_assert_str_eq(r.a.note, "no worker is selected");
    r.m->now.worker[2].number = 3; /* and taken again */
    rig_tick(&r, 100 * NS_PER_MS);
    rig_keys(&r, "R");
    ck_assert(rig_shows(&r, "Restart worker 3 "));
    rig_close(&r);
}
END_TEST

/* Order changes while the dialog is open: it is about the one it was opened for. */
START_TEST(order_may_change)
{
    struct rig r;

    rig_open(&r, FIX_TWO_BLOCKED);
    rig_keys(&r, "R");
    struct model_row t = r.m->row[0];
    r.m->row[0] = r.m->row[4];
    r.m->row[4] = t;
    rig_keys(&r, "y");
    ck_assert_str_eq(rig_sent(&r), "restart 3");
    rig_close(&r);
}
END_TEST

START_TEST(says_what_will_happen)
{
    struct rig r;
    struct dialog_text t;

    rig_open(&r, FIX_TWO_BLOCKED);
    rig_keys(&r, "X");
    dialog_describe(&r.a, r.m, &t);
    ck_assert(strstr(t.body[0], "It is BLOCKED in open for ") != NULL);
    ck_assert(strstr(t.body[0], "Its 42 connections and 1 request in flight") != NULL);
    ck_assert_str_eq(t.command, "weirctl kill 3");
    ck_assert_str_eq(t.warning, "");
    r.a.inspect = (struct app_inspect){.worker = 3, .epoch = 1, .ok = true};
    strcpy(r.a.inspect.text, "pid 4716\nstate D (disk sleep)\nwchan x");
    rig_draw(&r);
    ck_assert(rig_shows(&r, "signals, KILL included, take effect"));
    strcpy(r.a.inspect.text, "worker 3\nstate         uninterruptible sleep (D): a signal\nx");
    ck_assert(dialog_is_in_d_state(&r.a, r.m, 3));
    strcpy(r.a.inspect.text, "state Dead\nwchan (D)\n");
    ck_assert(!dialog_is_in_d_state(&r.a, r.m, 3));
    r.a.inspect.epoch = 2; /* of the process before */
    strcpy(r.a.inspect.text, "state: D\n");
    ck_assert(!dialog_is_in_d_state(&r.a, r.m, 3));
    r.m->now.stall_count = 1;
    r.m->now.stall = realloc(r.m->now.stall, sizeof *r.m->now.stall);
    r.m->now.stall_room = 1;
    r.m->now.stall[0] = (struct snap_stall){.worker = 3, .on_loop = true, .kernel = "D open x"};
    ck_assert(dialog_is_in_d_state(&r.a, r.m, 3));
    strcpy(r.m->now.stall[0].kernel, "waiting for disk (D) in openat");
    ck_assert(dialog_is_in_d_state(&r.a, r.m, 3));
    strcpy(r.m->now.stall[0].kernel, "sleeping in openat");
    ck_assert(!dialog_is_in_d_state(&r.a, r.m, 3));
    for (unsigned state = 0; state < ROW_STATE_COUNT; state++) { /* each makes a sentence */
        for (unsigned i = 0; i < r.m->row_count; i++)
            r.m->row[i].state = state;
        dialog_describe(&r.a, r.m, &t);
        ck_assert_msg(strncmp(t.body[0], "It ", 3) == 0, "%u: %s", state, t.body[0]);
        ck_assert(strstr(t.body[0], ". Its 42 connections") != NULL);
        ck_assert(strstr(t.body[0], "It is offload") == NULL);
    }
    rig_keys(&r, "\033MG\n");
    dialog_describe(&r.a, r.m, &t);
    ck_assert(strstr(t.body[0], "connections") != NULL && strstr(t.body[0], "in flight") != NULL);
    rig_close(&r);
}
END_TEST

START_TEST(requests)
{
    struct rig r;
    char want[64];

    rig_open(&r, FIX_HEALTHY);
    rig_keys(&r, "3j");
    uint64_t key = r.a.list[VIEW_REQUESTS].key;
    ck_assert(key != 0);
    unsigned worker = (unsigned)(key >> 48);
    unsigned long long serial = key & UINT64_C(0xffffffffffff);
    rig_keys(&r, "a\ny");
    snprintf(want, sizeof want, "abort %u-%llu", worker, serial);
    ck_assert_str_eq(r.sent[0], want);
    rig_reply(&r, true, 0, "it is ended");
    rig_keys(&r, "aj\n12q\n"); /* 12q is no rate: Enter is Cancel */
    ck_assert_uint_eq(r.count, 1);
    rig_keys(&r, "aj\n500k\n");
    snprintf(want, sizeof want, "throttle %u-%llu 500k", worker, serial);
    ck_assert_str_eq(r.sent[1], want);
    snprintf(want, sizeof want, ":throttle %u-%llu off\n", worker, serial);
    rig_keys(&r, want);
    ck_assert_int_eq(r.a.dialog.kind, DIALOG_THROTTLE);
    r.m->now.request_count = 0; /* it has ended */
    rig_keys(&r, "\t\n");
    ck_assert_uint_eq(r.count, 2);
    ck_assert(noted(&r, "REFUSED", "has ended meanwhile"));
    rig_close(&r);
}
END_TEST

START_TEST(pastes_and_floods)
{
    struct rig r;
    struct event paste = {.kind = EV_PASTE, .text = "R\ny\n\033[31mstop\xff"};

    rig_open(&r, FIX_HEALTHY);
    for (int i = 0; i < 3; i++) {
        if (i == 1)
            rig_keys(&r, "R");
        if (i == 2)
            rig_keys(&r, "M");
        rig_event(&r, &paste);
        ck_assert_str_eq(r.a.note, "paste ignored");
        ck_assert_uint_eq(r.count, 0);
        rig_keys(&r, "\033");
    }
    rig_keys(&r, ":");
    rig_event(&r, &paste);
    ck_assert_str_eq(r.a.prompt.line.text, "Ry[31mstop");
    rig_keys(&r, "\033");
    for (const char *k = "R\ry\rD\ry:reload\ryw9\r"; *k; k++) {
        struct event e = {.kind = EV_KEY, .key = (uint32_t)*k, .flood = true};
        r.now_ns += NS_PER_S;
        rig_event(&r, &e);
        ck_assert_uint_eq(r.count, 0);
    }
    rig_keys(&r, "\033\033\033R"); /* a dialog that is open hears no flood either */
    struct event y = {.kind = EV_KEY, .key = 'y', .flood = true};
    r.now_ns += NS_PER_S;
    rig_event(&r, &y);
    ck_assert_uint_eq(r.count, 0);
    rig_close(&r);
}
END_TEST

START_TEST(no_answer)
{
    struct rig r;

    rig_open(&r, FIX_HEALTHY);
    rig_keys(&r, "+\n");
    rig_tick(&r, 4900 * NS_PER_MS);
    ck_assert(!noted(&r, "ANSWER", "no answer"));
    rig_tick(&r, 100 * NS_PER_MS);
    ck_assert(noted(&r, "ANSWER", "workers +1: no answer for 5s"));
    rig_reply(&r, true, 77, "workers 8 -> 9"); /* late, and still shown */
    ck_assert_int_eq(r.a.strip.kind, STRIP_GOING);
    r.m->now.op_id = 77;
    r.m->now.op_state = OP_FAILED;
    strcpy(r.m->now.op_text, "no slot");
    rig_tick(&r, NS_PER_S);
    ck_assert_int_eq(r.a.strip.kind, STRIP_FAILED);
    ck_assert_str_eq(r.a.strip.text, "no slot");
    ck_assert(noted(&r, "FAILED", "workers +1"));
    rig_close(&r);
}
END_TEST

START_TEST(somebody_else)
{
    struct rig r;

    rig_open(&r, FIX_HEALTHY);
    r.m->now.op_id = 5;
    r.m->now.op_state = OP_PENDING;
    rig_tick(&r, NS_PER_S); /* begun before we looked */
    ck_assert_int_eq(r.a.strip.kind, STRIP_NONE);
    r.m->now.op_id = 6;
    strcpy(r.m->now.op_text, "workers 8 -> 12");
    rig_tick(&r, NS_PER_S);
    ck_assert_int_eq(r.a.strip.kind, STRIP_GOING);
    ck_assert(r.a.strip.foreign);
    ck_assert(rig_shows(&r, "someone else, op #6"));
    r.m->now.op_state = OP_DONE;
    rig_tick(&r, NS_PER_S);
    ck_assert_int_eq(r.a.strip.kind, STRIP_DONE);
    rig_tick(&r, 10 * NS_PER_S);
    ck_assert_int_eq(r.a.strip.kind, STRIP_NONE);
    rig_close(&r);
}
END_TEST

static void done(struct rig *r, uint32_t op)
{
    rig_reply(r, true, op, "it starts");
    r->m->now.op_id = op;
    r->m->now.op_state = OP_DONE;
    rig_tick(r, 100 * NS_PER_MS);
    rig_tick(r, 100 * NS_PER_MS);
}

START_TEST(one_after_another)
{
    struct rig r;

    rig_open(&r, FIX_HEALTHY);
    rig_keys(&r, "   Ry"); /* three tagged */
    ck_assert_str_eq(rig_sent(&r), "restart 1");
    rig_tick(&r, NS_PER_S);
    ck_assert_uint_eq(r.count, 1); /* not before the first is back */
    done(&r, 10);
    ck_assert_str_eq(rig_sent(&r), "restart 1, restart 2");
    ck_assert(rig_shows(&r, "restart 2/3"));
    r.m->now.workers_running = 7;
    done(&r, 11);
    ck_assert_uint_eq(r.count, 2);
    r.m->now.workers_running = 8;
    r.m->now.worker[2].epoch = 9; /* replaced meanwhile: left out */
    rig_tick(&r, 100 * NS_PER_MS);
    ck_assert_uint_eq(r.count, 2);
    ck_assert(r.a.roll.verb == NULL);
    ck_assert(noted(&r, "ROLL", "w3 was replaced meanwhile"));
    rig_close(&r);
}
END_TEST

START_TEST(esc_ends_it)
{
    struct rig r;

    rig_open(&r, FIX_HEALTHY);
    rig_keys(&r, "   Dy");
    rig_keys(&r, "\033");
    ck_assert(r.a.roll.ending);
    done(&r, 10);
    ck_assert_str_eq(rig_sent(&r), "drain 1");
    ck_assert(noted(&r, "ROLL", "ended by Esc after 1 of 3"));
    rig_close(&r);
    rig_open(&r, FIX_HEALTHY);
    rig_keys(&r, "   Ry");
    rig_reply(&r, false, 0, "a reload is under way");
    rig_tick(&r, NS_PER_S);
    ck_assert_uint_eq(r.count, 1);
    ck_assert(noted(&r, "ROLL", "stopped after 0 of 3"));
    ck_assert_int_eq(r.a.strip.kind, STRIP_FAILED);
    rig_close(&r);
}
END_TEST

START_TEST(inspect_is_asked_for)
{
    struct rig r;

    rig_open(&r, FIX_TWO_BLOCKED);
    rig_tick(&r, NS_PER_S);
    ck_assert_uint_eq(r.count, 0);
    rig_keys(&r, "\n");
    ck_assert_uint_eq(r.count, 0); /* a key that looks sends nothing */
    rig_tick(&r, 0);
    ck_assert_str_eq(rig_sent(&r), "inspect 3");
    rig_tick(&r, 2 * NS_PER_S);
    ck_assert_uint_eq(r.count, 1); /* one at a time */
    rig_reply(&r, true, 0, "state S\nwchan ep_poll");
    ck_assert_str_eq(r.a.inspect.text, "state S\nwchan ep_poll");
    ck_assert_int_eq(r.a.strip.kind, STRIP_NONE);
    rig_tick(&r, 100 * NS_PER_MS);
    ck_assert_uint_eq(r.count, 2);
    rig_reply(&r, false, 0, "only root and the server's own user may change it");
    ck_assert(!r.a.inspect.ok);
    ck_assert_str_eq(app_read_only_reason(&r.a, r.m),
                     "only root and the server's own user may change it");
    r.m->now.uuid[0] ^= 1; /* another server may know us */
    rig_tick(&r, 0);
    ck_assert(app_read_only_reason(&r.a, r.m) == NULL);
    rig_close(&r);
}
END_TEST

START_TEST(time_travel)
{
    struct rig r;

    rig_open(&r, FIX_HEALTHY);
    app_tape(&r.a, 1, 100);
    rig_keys(&r, "[");
    ck_assert(r.a.time.paused && r.a.time.record == 99 && (r.want & WANT_TIME));
    rig_keys(&r, "{{]");
    ck_assert_uint_eq(r.a.time.record, 80);
    rig_keys(&r, "}<Left>");
    ck_assert_uint_eq(r.a.time.record, 89);
    rig_keys(&r, "0");
    ck_assert_uint_eq(r.a.time.record, 1);
    app_tape(&r.a, 20, 120); /* the oldest fell off while we looked */
    ck_assert_uint_eq(r.a.time.record, 20);
    rig_keys(&r, "$");
    ck_assert(!r.a.time.paused && r.a.time.record == 120);
    rig_keys(&r, "]");
    ck_assert(!r.a.time.paused);
    rig_keys(&r, "p");
    ck_assert(r.a.time.paused && r.a.time.record == 120);
    rig_keys(&r, "\033");
    ck_assert(!r.a.time.paused && (r.want & WANT_TIME));
    r.a.time = (struct app_time){.replay = true};
    app_tape(&r.a, 1, 3);
    for (unsigned i = 0; i < 10; i++)
        rig_tick(&r, NS_PER_S);
    ck_assert(r.a.time.record == 3 && r.a.time.paused); /* played to its end */
    rig_keys(&r, "p");
    ck_assert(r.a.time.record == 1 && !r.a.time.paused); /* and again */
    rig_close(&r);
}
END_TEST

/* Paused; the moment that is shown, which the caller frees. */
static struct model *open_paused(struct rig *r)
{
    struct model *past = fixture_model(FIX_HEALTHY);

    rig_open(r, FIX_HEALTHY);
    app_tape(&r->a, 1, 100);
    rig_keys(r, "p");
    r->a.past = past;
    return past;
}

/* Whatever moment is shown: what Enter and y do is told in the numbers of now. */
START_TEST(questions_are_of_now)
{
    struct rig r;
    struct model *past = open_paused(&r);

    past->now.workers_wanted = 3;
    past->now.workers_auto = true;
    past->clock_ns -= 100 * NS_PER_S;
    rig_keys(&r, "+");
    ck_assert(rig_shows(&r, "workers 8 -> 9"));
    ck_assert(!rig_shows(&r, "ends auto"));
    rig_keys(&r, "\033A");
    ck_assert(rig_shows(&r, "weirctl workers auto"));
    rig_keys(&r, "y");
    ck_assert_str_eq(rig_sent(&r), "workers auto");
    r.m->clock_ns = r.now_ns + 2 * NS_PER_S;
    rig_draw(&r);
    ck_assert(rig_shows(&r, "sent 2.0s ago"));
    rig_keys(&r, "M");
    ck_assert(rig_shows(&r, "autoscale on"));
    rig_keys(&r, "\033");
    r.m->link = LINK_GONE;
    rig_keys(&r, "?/not now\n");
    ck_assert(rig_shows(&r, "not now: no connection to a server"));
    model_free(past);
    free(past);
    rig_close(&r);
}
END_TEST

START_TEST(held_while_paused)
{
    struct rig r;
    struct model *past = open_paused(&r);

    past->clock_ns -= 100 * NS_PER_S; /* and a recording's clock is another machine's */
    rig_keys(&r, ">>j");
    ck_assert(rig_shows(&r, "held 5s"));
    past->clock_ns += 1000 * NS_PER_S;
    rig_tick(&r, 2 * NS_PER_S);
    ck_assert(rig_shows(&r, "held 3s"));
    rig_tick(&r, 3 * NS_PER_S);
    ck_assert(!rig_shows(&r, "held"));
    model_free(past);
    free(past);
    rig_close(&r);
}
END_TEST

START_TEST(long_lists)
{
    struct rig r;

    rig_open(&r, FIX_POOL_FULL);
    for (unsigned i = 0; i < r.m->now.request_count; i++)
        r.m->now.request[i].serial = 1000 + i;
    ck_assert(grid_resize(&r.g, 14, 80));
    rig_keys(&r, "3j");
    uint64_t first = r.a.list[VIEW_REQUESTS].key;
    ck_assert(first != 0 && r.a.seen.last_scroll > 0);
    rig_keys(&r, "G");
    uint64_t last = r.a.list[VIEW_REQUESTS].key;
    ck_assert(last != first);
    rig_keys(&r, "j");
    ck_assert_uint_eq(r.a.list[VIEW_REQUESTS].key, last);
    int steps = 0;
    for (; r.a.list[VIEW_REQUESTS].key != first && steps < 1000; steps++)
        rig_keys(&r, "k");
    ck_assert_int_lt(steps, 1000);
    for (int i = 0; i < steps; i++)
        rig_keys(&r, "j");
    ck_assert_uint_eq(r.a.list[VIEW_REQUESTS].key, last);
    rig_keys(&r, "g");
    ck_assert_uint_eq(r.a.list[VIEW_REQUESTS].key, first);
    /* Found on a page that is not shown; n goes around. */
    rig_keys(&r, "/w8");
    rig_keys(&r, "\033");
    strcpy(r.a.list[VIEW_REQUESTS].find, "8-");
    rig_keys(&r, "nn");
    ck_assert(app_row_matches(r.m, VIEW_REQUESTS, r.a.list[VIEW_REQUESTS].key, "8-"));
    strcpy(r.a.list[VIEW_REQUESTS].find, "no such text");
    rig_keys(&r, "N");
    ck_assert_str_eq(r.a.note, "\"no such text\" is in no row");
    rig_keys(&r, "\033");
    ck_assert_str_eq(r.a.list[VIEW_REQUESTS].find, "");
    rig_keys(&r, ">");
    ck_assert_uint_eq(r.a.list[VIEW_REQUESTS].held_until_ns, 0);
    rig_keys(&r, "j");
    ck_assert(r.a.list[VIEW_REQUESTS].held_until_ns > r.now_ns);
    rig_tick(&r, 6 * NS_PER_S);
    ck_assert_uint_eq(r.a.list[VIEW_REQUESTS].held_until_ns, 0);
    rig_keys(&r, "o");
    ck_assert_int_eq(r.a.list[VIEW_REQUESTS].sort, 0);
    rig_close(&r);
}
END_TEST

START_TEST(sorted_workers)
{
    struct rig r;
    unsigned seen[65] = {0};

    rig_open(&r, FIX_MANY);
    rig_keys(&r, ">I"); /* by number, the highest first */
    for (int i = 0; i < 64; i++) {
        rig_keys(&r, "j");
        seen[r.a.selected]++;
        ck_assert_uint_eq(r.a.selected, 64 - (unsigned)i);
    }
    for (int i = 1; i <= 64; i++)
        ck_assert_uint_eq(seen[i], 1);
    rig_keys(&r, "G");
    ck_assert_uint_eq(r.a.selected, 1);
    rig_keys(&r, "/archive-33\n");
    ck_assert_uint_eq(r.a.selected, 33);
    rig_close(&r);
}
END_TEST

START_TEST(mouse)
{
    struct rig r;
    struct event click = {.kind = EV_MOUSE, .mouse = MOUSE_CLICK};

    rig_open(&r, FIX_HEALTHY);
    click.row = r.a.seen.first_row + 2;
    rig_event(&r, &click);
    ck_assert_uint_eq(r.a.selected, 0); /* off */
    rig_keys(&r, "m");
    ck_assert(r.want & WANT_MOUSE);
    rig_event(&r, &click);
    ck_assert_uint_eq(r.a.selected, 3);
    struct event wheel = {.kind = EV_MOUSE, .mouse = MOUSE_WHEEL_DOWN};
    rig_event(&r, &wheel);
    ck_assert_uint_eq(r.a.selected, 6);
    rig_keys(&r, "R"); /* a dialog is not clicked away */
    rig_event(&r, &click);
    ck_assert_uint_eq(r.a.selected, 6);
    ck_assert_int_eq(r.a.dialog.kind, DIALOG_RESTART);
    rig_close(&r);
}
END_TEST

START_TEST(wants)
{
    struct rig r;

    rig_open(&r, FIX_TWO_BLOCKED);
    rig_keys(&r, ":set clipboard yes\ny");
    ck_assert((r.wanted & WANT_SAVE_SETTINGS) && (r.want & WANT_COPY));
    ck_assert_str_eq(r.a.copy, "/mnt/media/2019/big.iso");
    rig_keys(&r, ":save events /tmp/a b.txt\n");
    ck_assert((r.want & WANT_SAVE_EVENTS) != 0);
    ck_assert_str_eq(r.a.file, "/tmp/a b.txt");
    rig_keys(&r, ":save screen x\n");
    ck_assert((r.want & WANT_SAVE_SCREEN) != 0);
    app_saved(&r.a, r.m, "x", "it is there already", r.now_ns, 1);
    ck_assert(noted(&r, "SAVE", "it is there already"));
    rig_keys(&r, ":save\n\033");
    ck_assert(!(r.want & (WANT_SAVE_SCREEN | WANT_SAVE_EVENTS)));
    rig_keys(&r, ":set bell yes\n");
    r.wanted = 0;
    rig_tick(&r, NS_PER_S); /* blocked for longer than 5 s already */
    ck_assert(r.wanted & WANT_BELL);
    r.wanted = 0;
    rig_tick(&r, NS_PER_S);
    ck_assert(!(r.wanted & WANT_BELL)); /* once for each */
    rig_keys(&r, "W");
    ck_assert(r.want & WANT_SAVE_SETTINGS);
    rig_keys(&r, ":q\n");
    ck_assert(r.want & WANT_QUIT);
    rig_close(&r);
}
END_TEST

START_TEST(setup_screen)
{
    struct rig r;
    int64_t *value = r.a.settings.value;

    rig_open(&r, FIX_HEALTHY);
    rig_keys(&r, "S\t");
    ck_assert(r.a.setup.in_items);
    rig_draw(&r);
    ck_assert(rig_shows(&r, "slow after           [ the server's ]"));
    rig_keys(&r, "250"); /* slow after */
    ck_assert_int_eq(value[SETTING_SLOW_MS], 250);
    rig_keys(&r, "j+");
    ck_assert_int_eq(value[SETTING_BLOCKED_MS], 10);
    rig_keys(&r, "-\tj\t ");
    ck_assert_int_eq(value[SETTING_BLOCKED_MS], 0);
    ck_assert_int_eq(value[SETTING_COLUMN_PID], 0);
    rig_keys(&r, "\033"); /* all of it undone */
    ck_assert(!r.a.setup.open);
    ck_assert_int_eq(value[SETTING_SLOW_MS], 0);
    ck_assert_int_eq(value[SETTING_COLUMN_PID], 1);
    ck_assert(!(r.wanted & WANT_SAVE_SETTINGS));
    rig_keys(&r, "Sjjjj\t300\n"); /* behaviour, interval: at once */
    ck_assert_uint_eq(r.a.interval_ns, 300 * NS_PER_MS);
    ck_assert_uint_eq(r.m->interval_ns, 300 * NS_PER_MS);
    ck_assert(r.want & WANT_SAVE_SETTINGS);
    rig_keys(&r, "Sk "); /* reset */
    ck_assert_uint_eq(r.a.interval_ns, NS_PER_S);
    rig_keys(&r, "\n");
    rig_close(&r);
}
END_TEST

START_TEST(history_and_editing)
{
    struct rig r;
    struct line *l = &r.a.prompt.line;

    rig_open(&r, FIX_HEALTHY);
    rig_keys(&r, ":view 2\n:view 3\n:view 3\n:vi");
    rig_keys(&r, "<Up>");
    ck_assert_str_eq(l->text, "view 3");
    rig_keys(&r, "<Up>");
    ck_assert_str_eq(l->text, "view 2");
    rig_keys(&r, "<Up>");
    ck_assert_str_eq(l->text, "view 2"); /* twice the same is once */
    rig_keys(&r, "<Down><Down>");
    ck_assert_str_eq(l->text, "vi");
    for (uint32_t c = 0x4e00; c < 0x4e00 + 400; c++)
        rig_key(&r, c); /* three bytes each: full, never half a character */
    ck_assert_uint_lt(strlen(l->text), LINE_BYTES);
    ck_assert_uint_eq((strlen(l->text) - 2) % 3, 0);
    rig_keys(&r, "<Left>\b");
    ck_assert_uint_eq((strlen(l->text) - 2) % 3, 0);
    rig_key(&r, 0x202e); /* turns text round: no */
    ck_assert(strstr(l->text, "\xe2\x80\xae") == NULL);
    rig_keys(&r, "\033");
    ck_assert_int_eq(r.a.prompt.kind, PROMPT_NONE);
    rig_keys(&r, ":\b");
    ck_assert_int_eq(r.a.prompt.kind, PROMPT_NONE);
    rig_keys(&r, "\\abc\n");
    ck_assert_str_eq(r.a.list[r.a.view].filter, "abc");
    rig_keys(&r, "\\xyz\033"); /* what it was */
    ck_assert_str_eq(r.a.list[r.a.view].filter, "abc");
    rig_close(&r);
}
END_TEST

int main(void)
{
    setenv("TZ", "UTC", 1);
    setlocale(LC_ALL, "C.UTF-8"); /* only widths depend on it, and none is asserted here */
    Suite *s = suite_create("tui dialogs");
    TCase *t = tcase_create("state");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, deaf_at_first);
    tcase_add_test(t, holds_slot_and_epoch);
    tcase_add_test(t, cursor_stays_in_its_slot);
    tcase_add_test(t, order_may_change);
    tcase_add_test(t, says_what_will_happen);
    tcase_add_test(t, requests);
    tcase_add_test(t, pastes_and_floods);
    tcase_add_test(t, no_answer);
    tcase_add_test(t, somebody_else);
    tcase_add_test(t, one_after_another);
    tcase_add_test(t, esc_ends_it);
    tcase_add_test(t, inspect_is_asked_for);
    tcase_add_test(t, time_travel);
    tcase_add_test(t, questions_are_of_now);
    tcase_add_test(t, held_while_paused);
    tcase_add_test(t, long_lists);
    tcase_add_test(t, sorted_workers);
    tcase_add_test(t, mouse);
    tcase_add_test(t, wants);
    tcase_add_test(t, setup_screen);
    tcase_add_test(t, history_and_editing);
    suite_add_tcase(s, t);
    return unit_run(s);
}
