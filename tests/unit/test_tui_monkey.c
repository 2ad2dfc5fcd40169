/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A monkey at the keyboard: random keys, pastes, floods, clicks, ticks, replies, sizes of the
 * screen and servers, drawn after each. What must hold whatever it does:
 *   - a command that changes the server leaves only by Enter or y with a question open, or by a
 *     tick that goes on with the tagged workers;
 *   - with nothing to change it by (read-only, a recording, no server) none leaves at all;
 *   - never out of a flood or a paste; and nothing crashes, which the sanitizers judge.
 * WEIR_MONKEY sets the number of events, WEIR_MONKEY_SEED where it begins.
 */
#include "tests/unit/unit.h"

#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "tests/tui/rig.h"

#define EVENTS 50000

static uint64_t state;

static uint32_t roll(uint32_t below) /* splitmix64 */
{
    uint64_t z = (state += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (uint32_t)((z ^ (z >> 31)) >> 33) % below;
}

static uint32_t random_key(void)
{
    static const uint32_t often[] = {
        INPUT_ENTER, INPUT_ENTER, 'y',        'y',         INPUT_ESC,       '\t',
        INPUT_UP,    INPUT_DOWN,  INPUT_LEFT, INPUT_RIGHT, INPUT_BACKSPACE, ':'};

    switch (roll(8)) {
    case 0:
        return roll(0x80);
    case 1:
        return INPUT_UP + roll(INPUT_BACK_TAB - INPUT_UP + 1);
    case 2:
        return roll(0x110000);
    case 3:
    case 4: {
        const struct key_row *k = &key_table[roll(ACTION_COUNT)];
        return k->key[0] ? k->key[0] : 'j';
    }
    default:
        return often[roll(sizeof often / sizeof *often)];
    }
}

/* Words that get somewhere: a monkey alone would never type them. */
static const char *const words[] = {
    ":restart 3",    ":drain 2 restart", ":kill 1",       ":reload",       ":stop now",
    "prod-files",    ":fence /srv",      ":unfence /srv", ":workers +2",   ":workers auto",
    ":offload 99",   ":loglevel debug",  ":restart all",  ":view files",   "/archive",
    "\\srv",         ":set hold 1 s",    ":throttle 1-9", ":autoscale on", "500k",
    ":save screen x"};

struct monkey {
    struct rig rig;
    struct model *model[FIX_COUNT];
    const char *word; /* being typed */
    unsigned replies;
    unsigned events, commands;
};

static void pick_event(struct monkey *k, struct event *e)
{
    static const char *const answers[] = {"words",
                                          "only root and the server's own user may change it", "",
                                          "state D (disk sleep)\nwchan x", "\x1b[31m\xff"};
    static const char *const pastes[] = {"R\ny\n", "", "\x1b[A\xff\xfe", "prod-files\n"};

    *e = (struct event){.kind = EV_KEY};
    uint32_t dice = roll(100);
    if (k->word && *k->word) {
        e->key = (unsigned char)*k->word++;
    } else if (dice < 70) {
        e->key = random_key();
        e->flood = roll(50) == 0;
    } else if (dice < 72) {
        k->word = words[roll(sizeof words / sizeof *words)];
    } else if (dice < 88) {
        e->kind = EV_TICK;
    } else if (dice < 95) {
        e->kind = EV_REPLY;
        e->id = roll(4) ? k->rig.a.next_id - 1 : roll(64);
        e->ok = roll(3) != 0;
        e->op = roll(2) ? k->rig.m->now.op_id + roll(3) : 0;
        e->text = answers[roll(20) ? 0 : roll(5)];
    } else if (dice < 97) {
        e->kind = EV_PASTE;
        e->text = pastes[roll(4)];
    } else {
        e->kind = EV_MOUSE;
        e->mouse = (enum mouse_what)roll(3);
        e->row = (int)roll(120) - 10;
        e->col = (int)roll(300) - 10;
    }
}

/* The world changes without being asked. */
static void change_world(struct monkey *k)
{
    struct snap *now = &k->rig.m->now;

    switch (roll(12)) {
    case 0:
        k->rig.m = k->model[roll(FIX_COUNT)];
        break;
    case 1:
        now->op_id += roll(2);
        now->op_state = (enum board_op_state)roll(4);
        break;
    case 2:
        if (now->worker_count)
            now->worker[roll(now->worker_count)].epoch = 1 + roll(3);
        break;
    case 3:
        now->workers_auto = roll(2);
        now->workers_running = roll(10);
        break;
    case 4:
        k->rig.a.read_only = roll(4) == 0;
        break;
    case 5:
        k->rig.a.time.replay = roll(8) == 0;
        break;
    case 6:
        app_tape(&k->rig.a, roll(50), 50 + roll(100));
        break;
    case 7:
        app_tape(&k->rig.a, 0, 0);
        break;
    case 8:
        now->uuid[0] = (uint8_t)roll(3);
        break;
    case 9:
        k->rig.a.past = roll(3) ? NULL : k->model[roll(FIX_COUNT)];
        break;
    default:
        ck_assert(grid_resize(&k->rig.g, 1 + (int)roll(100), 1 + (int)roll(250)));
        break;
    }
}

static bool is_question_open(const struct app *a)
{
    return a->dialog.kind != DIALOG_NONE || a->strip.kind == STRIP_WORKERS ||
           a->strip.kind == STRIP_OFFLOAD;
}

static void one(struct monkey *k)
{
    struct rig *r = &k->rig;
    struct event e;

    if (roll(20) == 0)
        change_world(k);
    pick_event(k, &e);
    r->now_ns += roll(4) ? roll(400) * NS_PER_MS : roll(10) * NS_PER_S;
    bool asked = is_question_open(&r->a), rolls = r->a.roll.verb != NULL;
    const char *reason = app_read_only_reason(&r->a, r->m);
    char why[256];
    snprintf(why, sizeof why, "%s", reason ? reason : "");
    bool highlighted = r->a.dialog.kind == DIALOG_NONE || r->a.dialog.yes;
    r->count = 0;
    rig_event(r, &e);
    k->events++;
    if (!r->last.there)
        return;
    k->commands++;
    const char *text = r->last.text;
    bool looks = strncmp(text, "inspect ", 8) == 0;
    ck_assert_msg(!looks || e.kind == EV_TICK, "event %u: %s by a key", k->events, text);
    ck_assert_msg(looks || why[0] == '\0', "event %u: %s in spite of: %s", k->events, text, why);
    if (looks || (e.kind == EV_TICK && rolls))
        return;
    bool enter = e.key == INPUT_ENTER || e.key == '\n';
    ck_assert_msg(e.kind == EV_KEY && asked && !e.flood && (enter ? highlighted : e.key == 'y'),
                  "event %u: %s by key %#x", k->events, text, e.key);
}

START_TEST(monkey)
{
    struct monkey *k = calloc(1, sizeof *k);
    const char *count = getenv("WEIR_MONKEY"), *seed = getenv("WEIR_MONKEY_SEED");
    unsigned long events = count ? strtoul(count, NULL, 10) : EVENTS;

    ck_assert(k != NULL);
    state = seed ? strtoull(seed, NULL, 10) : 20261122;
    for (int i = 0; i < FIX_COUNT; i++)
        k->model[i] = fixture_model((enum fixture)i);
    rig_open(&k->rig, FIX_TWO_BLOCKED);
    struct model *own = k->rig.m;
    k->rig.a.mouse = true;
    for (unsigned long i = 0; i < events; i++)
        one(k);
    ck_assert_uint_gt(k->commands, 0); /* it got somewhere */
    printf("# %u events, %u commands\n", k->events, k->commands);
    fflush(stdout);
    k->rig.m = own;
    rig_close(&k->rig);
    for (int i = 0; i < FIX_COUNT; i++) {
        model_free(k->model[i]);
        free(k->model[i]);
    }
    free(k);
}
END_TEST

int main(void)
{
    setenv("TZ", "UTC", 1);
    setlocale(LC_ALL, "C.UTF-8");
    Suite *s = suite_create("tui monkey");
    TCase *t = tcase_create("monkey");
    tcase_set_timeout(t, 3600);
    tcase_add_test(t, monkey);
    suite_add_tcase(s, t);
    return unit_run(s);
}
