/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The controller: keys to state and commands, and its promise that nothing is sent without
 * Enter; the key table and the manual page that repeats it.
 */
#include "tests/unit/unit.h"

#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "tests/tui/fixture.h"
#include "tui/app/app.h"
#include "tui/ui/view.h"

static unsigned key(struct app *a, struct model *m, uint32_t k, struct app_command *c)
{
    struct event e = {.kind = EV_KEY, .key = k, .now_ns = m->clock_ns, .wall_ns = m->wall_ns};

    return app_event(a, m, &e, c);
}

START_TEST(key_scripts)
{
    static const struct {
        const char *keys; /* \n is Enter, \033 Esc */
        const char *command;
    } cases[] = {
        {"++\n", "workers +2"},
        {"+\033\n", NULL},
        {"-\n", "workers -1"},
        {"+-\n", NULL},
        {"w12\n", "workers 12"},
        {"w\n", NULL},
        {"w99\n", "workers 99"},
        {"+++-\n", "workers +2"},
        {"+5\n", "workers 5"},
        {"w1x\n", "workers 1"},
        {"\n\n\n", NULL},
        {"?+\n", "workers +1"},
        {"d5\n", NULL},
        {"jkgG\n", NULL},
        {"DRXyAa:\n", NULL},
        {"w9+\n", "workers 10"},
        {"--------------------\n", "workers -7"},
        {"O96\n", "offload 96"},
        {"O\n", NULL},
        {"O+++-\n", "offload 66"},
        {"O96\033\n", NULL},
        {"5\n", NULL},
        {"5O32\n", "offload 32"},
        {"5+\n", "workers +1"},
        {"O9w6\n", "offload 96"},
        {"\t1\t5\n", NULL},
    };
    struct model *m = fixture_model(FIX_HEALTHY);

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct app a;
        struct app_command c;
        char sent[64] = "";
        unsigned count = 0;
        app_init(&a, NS_PER_S, false);
        for (const char *k = cases[i].keys; *k; k++) {
            key(&a, m, *k == '\n' ? (uint32_t)INPUT_ENTER : (uint32_t)*k, &c);
            ck_assert_msg(!c.there || *k == '\n', "%s: sent without Enter", cases[i].keys);
            if (c.there) {
                strcpy(sent, c.text);
                count++;
            }
        }
        ck_assert_msg(count == (cases[i].command != NULL), "case %zu: %u commands", i, count);
        if (cases[i].command)
            ck_assert_str_eq(sent, cases[i].command);
    }
    model_free(m);
    free(m);
}
END_TEST

START_TEST(operation_is_followed_on_the_board)
{
    struct model *m = fixture_model(FIX_HEALTHY);
    struct app a;
    struct app_command c;
    struct event tick = {.kind = EV_TICK, .now_ns = m->clock_ns};

    app_init(&a, NS_PER_S, false);
    key(&a, m, '+', &c);
    key(&a, m, INPUT_ENTER, &c);
    ck_assert(c.there);
    ck_assert_int_eq(a.strip.kind, STRIP_SENT);
    struct event reply = {.kind = EV_REPLY, .id = c.id, .ok = true, .op = 42, .text = "8 -> 9"};
    app_event(&a, m, &reply, &c);
    ck_assert_int_eq(a.strip.kind, STRIP_GOING);
    app_event(&a, m, &tick, &c); /* the board still tells of the operation before */
    ck_assert_int_eq(a.strip.kind, STRIP_GOING);
    m->now.op_id = 42;
    m->now.op_state = OP_PENDING;
    app_event(&a, m, &tick, &c);
    ck_assert_int_eq(a.strip.kind, STRIP_GOING);
    m->now.op_state = OP_DONE;
    app_event(&a, m, &tick, &c);
    ck_assert_int_eq(a.strip.kind, STRIP_DONE);
    /* A refusal stays until Esc. */
    key(&a, m, '+', &c);
    key(&a, m, INPUT_ENTER, &c);
    reply = (struct event){.kind = EV_REPLY, .id = c.id, .text = "permission denied"};
    app_event(&a, m, &reply, &c);
    tick.now_ns += 3600 * NS_PER_S;
    app_event(&a, m, &tick, &c);
    ck_assert_int_eq(a.strip.kind, STRIP_FAILED);
    ck_assert_str_eq(a.strip.text, "permission denied");
    key(&a, m, INPUT_ESC, &c);
    ck_assert_int_eq(a.strip.kind, STRIP_NONE);
    model_free(m);
    free(m);
}
END_TEST

START_TEST(nothing_is_sent_when_it_must_not_be)
{
    struct model *m = fixture_model(FIX_HEALTHY);
    struct app a;
    struct app_command c;

    app_init(&a, NS_PER_S, true); /* --read-only */
    for (const char *k = "+w9O9"; *k; k++) {
        key(&a, m, (uint32_t)*k, &c);
        key(&a, m, INPUT_ENTER, &c);
        ck_assert(!c.there);
    }
    app_init(&a, NS_PER_S, false); /* a flood, and a paste */
    for (const char *k = "+w9\r+\rO9\r"; *k; k++) {
        struct event e = {.kind = EV_KEY, .key = (uint32_t)*k, .flood = true};
        app_event(&a, m, &e, &c);
        ck_assert(!c.there);
    }
    key(&a, m, INPUT_PASTE, &c);
    ck_assert_str_eq(a.note, "paste ignored");
    model_no_data(m, m->clock_ns, m->wall_ns, "gone");
    key(&a, m, '+', &c);
    key(&a, m, INPUT_ENTER, &c);
    ck_assert(!c.there);
    model_free(m);
    free(m);
}
END_TEST

START_TEST(random_keys)
{
    struct model *m = fixture_model(FIX_TWO_BLOCKED);
    struct grid g = {0};
    struct app a;
    unsigned seed = 7;

    app_init(&a, NS_PER_S, false);
    ck_assert(grid_resize(&g, 24, 80));
    for (int i = 0; i < 100000; i++) {
        static const uint32_t some[] = {'+',
                                        'O',
                                        '5',
                                        '\t',
                                        '1',
                                        '-',
                                        'w',
                                        '9',
                                        '.',
                                        'd',
                                        '?',
                                        'G',
                                        'j',
                                        INPUT_ENTER,
                                        INPUT_ESC,
                                        INPUT_BACKSPACE,
                                        INPUT_PAGE_DOWN,
                                        INPUT_PASTE,
                                        0x10ffff,
                                        INPUT_UP};
        struct app_command c;
        seed = seed * 1103515245u + 12345u;
        uint32_t k =
            seed >> 30 ? some[(seed >> 16 & 255) % (sizeof some / sizeof *some)] : seed >> 16 & 255;
        key(&a, m, k, &c);
        if (c.there && k != INPUT_ENTER && k != '\n')
            ck_abort_msg("key %x sent %s", k, c.text);
        if (c.there && (seed & 64)) {
            struct event e = {.kind = EV_REPLY,
                              .id = c.id,
                              .ok = seed >> 9 & 1,
                              .op = seed >> 10 & 1,
                              .text = "words"};
            app_event(&a, m, &e, &c);
        }
        if (i % 50 == 0)
            view_draw(m, &a, &g, CHARSET_BLOCK, false);
    }
    grid_free(&g);
    model_free(m);
    free(m);
}
END_TEST

START_TEST(selection_belongs_to_a_worker)
{
    struct model *m = fixture_model(FIX_HEALTHY);
    struct app a;
    struct app_command c;

    app_init(&a, NS_PER_S, false);
    key(&a, m, 'j', &c);
    key(&a, m, 'j', &c);
    key(&a, m, 'j', &c);
    ck_assert_uint_eq(a.selected, 3);
    model_free(m);
    free(m);
    m = fixture_model(FIX_TWO_BLOCKED); /* w3 is at the top now, w6 below it */
    ck_assert_int_eq(app_selected_row(&a, m), 0);
    key(&a, m, 'j', &c);
    ck_assert_uint_eq(a.selected, 6);
    a.selected_epoch = 9; /* replaced */
    ck_assert_int_eq(app_selected_row(&a, m), -1);
    model_free(m);
    free(m);
}
END_TEST

START_TEST(views_and_the_way_back)
{
    struct model *m = fixture_model(FIX_POOL_FULL);
    struct app a;
    struct app_command c;

    app_init(&a, NS_PER_S, false);
    key(&a, m, '5', &c);
    ck_assert_int_eq(a.view, VIEW_IO);
    app_seen(&a, m,
             &(struct app_facts){.table_rows = 10,
                                 .io_last = 54}); /* 64 threads, 10 of them on the screen */
    key(&a, m, 'j', &c);
    key(&a, m, INPUT_PAGE_DOWN, &c);
    ck_assert_int_eq(a.io_scroll, 10);
    ck_assert_uint_eq(a.selected, 0);
    key(&a, m, 'G', &c);
    ck_assert_int_eq(a.io_scroll, 54);
    app_seen(&a, m, &(struct app_facts){.table_rows = 10, .io_last = 3}); /* most have ended */
    key(&a, m, 'k', &c);
    ck_assert_int_eq(a.io_scroll, 2);
    key(&a, m, INPUT_ESC, &c);
    ck_assert_int_eq(a.view, VIEW_OVERVIEW);
    for (int view = VIEW_LATENCY; view < VIEW_WORKER; view++) {
        key(&a, m, '\t', &c);
        ck_assert_int_eq((int)a.view, view);
    }
    key(&a, m, '\t', &c);
    ck_assert_int_eq(a.view, VIEW_OVERVIEW);
    key(&a, m, INPUT_BACK_TAB, &c);
    ck_assert_int_eq(a.view, VIEW_EVENTS);
    key(&a, m, '5', &c);
    key(&a, m, '?', &c);
    key(&a, m, '1', &c);
    ck_assert_int_eq(a.view, VIEW_OVERVIEW);
    ck_assert(!a.help);
    /* The operation is followed as one about threads. */
    for (const char *k = "5O12\r"; *k; k++)
        key(&a, m, (uint32_t)*k, &c);
    ck_assert(c.there);
    ck_assert_int_eq(a.strip.kind, STRIP_SENT);
    ck_assert(a.strip.offload);
    ck_assert_uint_eq(a.strip.from, 8);
    ck_assert_uint_eq(a.strip.to, 12);
    model_free(m);
    free(m);
}
END_TEST

START_TEST(keys_are_unique)
{
    for (int a = 0; a < ACTION_COUNT; a++) {
        ck_assert(key_table[a].help[0] != '\0');
        for (int k = 0; k < 3; k++)
            if (key_table[a].key[k])
                ck_assert_int_eq(key_action(key_table[a].key[k]), a);
    }
}
END_TEST

/* The key table of the manual page is keys.def, row by row. */
START_TEST(manual_has_every_key)
{
    const char *src = getenv("WEIR_SRC");
    char path[512], *page = calloc(1, 65536);
    FILE *f;

    snprintf(path, sizeof path, "%s/man/weirtop.1", src ? src : ".");
    ck_assert(page != NULL);
    f = fopen(path, "r");
    ck_assert_msg(f != NULL, "%s", path);
    ck_assert(fread(page, 1, 65535, f) > 0);
    fclose(f);
    int items = 0;
    for (char *p = page; (p = strstr(p, ".It Ic ")) != NULL; p++)
        items++;
    ck_assert_int_eq(items, ACTION_COUNT);
    for (int a = 0; a < ACTION_COUNT; a++) {
        char want[256];
        const char *shown = key_table[a].shown;
        snprintf(want, sizeof want, ".It Ic %s%s\n%s\n", shown[0] == '\\' ? "\\e" : "",
                 shown[0] == '\\' ? shown + 1 : shown, key_table[a].help);
        ck_assert_msg(strstr(page, want) != NULL, "missing in %s:\n%s", path, want);
    }
    free(page);
}
END_TEST

int main(void)
{
    setenv("TZ", "UTC", 1);
    setlocale(LC_ALL, "C.UTF-8"); /* only widths depend on it, and none is asserted here */
    Suite *s = suite_create("tui app");
    TCase *t = tcase_create("controller");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, key_scripts);
    tcase_add_test(t, operation_is_followed_on_the_board);
    tcase_add_test(t, nothing_is_sent_when_it_must_not_be);
    tcase_add_test(t, random_keys);
    tcase_add_test(t, selection_belongs_to_a_worker);
    tcase_add_test(t, views_and_the_way_back);
    tcase_add_test(t, keys_are_unique);
    tcase_add_test(t, manual_has_every_key);
    suite_add_tcase(s, t);
    return unit_run(s);
}
