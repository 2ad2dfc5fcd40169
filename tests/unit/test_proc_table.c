/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The worker table: histories written as one line of text each, with the states that must
 * come out, and a random walk that checks what holds in every history.
 *
 * A history is a list of words: "t3" target 3, "g" begin a generation, "r2" worker 2 is ready,
 * "x2s" worker 2 exited (s signal, f fatal, k sick, r retired), "d2" drain, "R2" restart,
 * "k2" kill, "z2" worker 2 is dead and cannot be reaped, "b2" its loop turns, "h2" worker 2 closed
 * its channel, "s" stop, "S" stop at once, "+100" 100 ms pass, "c2:5" worker 2 has 5 connections.
 * Orders are carried out after every word. The result is one letter for each slot, in the letters
 * of states.def with
 * '_' for an empty one.
 */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

#include "proc/worker_table.h"

enum { SLOTS = 8, DRAIN_MS = 1000 };

struct world {
    struct worker_table t;
    struct mono now;
    char orders[512]; /* "S1 R2 ...": what was ordered, in order */
    enum table_answer answer;
    enum table_result result;
};

static char letter_of(enum board_state s)
{
    static const char letters[] = {'_', 's', '.', 'D', 'x', 'w', '+'};

    return letters[s];
}

static void take_orders(struct world *w)
{
    enum worker_order order;
    unsigned slot;
    enum table_result result = worker_table_take_result(&w->t);

    if (result != TABLE_NOTHING)
        w->result = result;
    while ((order = worker_table_next_order(&w->t, &slot)) != ORDER_NONE) {
        size_t n = strlen(w->orders);
        snprintf(w->orders + n, sizeof w->orders - n, "%s%c%u", n ? " " : "", "?SRQKA"[order],
                 slot + 1);
    }
}

static enum board_exit exit_of(char c)
{
    switch (c) {
    case 's':
        return EXIT_SIGNAL;
    case 'f':
        return EXIT_FATAL;
    case 'k':
        return EXIT_SICK;
    default:
        return EXIT_RETIRED;
    }
}

static void play_word(struct world *w, const char *word)
{
    unsigned n = 0;
    unsigned long long load = 0;
    char kind = 0;

    sscanf(word + 1, "%u", &n);
    switch (word[0]) {
    case 't':
        worker_table_set_target(&w->t, n, w->now);
        break;
    case 'g':
        worker_table_begin_generation(&w->t, w->now);
        break;
    case 'r':
        worker_table_ready(&w->t, n - 1, w->now);
        break;
    case 'x':
        sscanf(word + 1, "%u%c", &n, &kind);
        worker_table_exited(&w->t, n - 1, exit_of(kind), w->now);
        break;
    case 'd':
        w->answer = worker_table_drain(&w->t, n - 1, w->now);
        break;
    case 'R':
        w->answer = worker_table_restart(&w->t, n - 1, w->now);
        break;
    case 'k':
        w->answer = worker_table_kill(&w->t, n - 1, w->now);
        break;
    case 'b':
        worker_table_heard(&w->t, n - 1, w->now.ns);
        break;
    case 'z':
        worker_table_dead(&w->t, n - 1, w->now);
        break;
    case 'h':
        worker_table_hung_up(&w->t, n - 1, w->now);
        break;
    case 'c':
        sscanf(word + 1, "%u:%llu", &n, &load);
        worker_table_load(&w->t, n - 1, load);
        break;
    case 's':
    case 'S':
        worker_table_stop(&w->t, word[0] == 'S', w->now);
        break;
    case '+':
        w->now.ns += n * NS_PER_MS;
        worker_table_tick(&w->t, w->now);
        break;
    default:
        ck_abort_msg("no such word: %s", word);
    }
}

static void play(struct world *w, const char *history)
{
    char text[512];
    char *save = NULL;

    memset(w, 0, sizeof *w);
    w->now.ns = 1000 * NS_PER_S;
    ck_assert(worker_table_init(&w->t, SLOTS));
    worker_table_set_drain(&w->t, DRAIN_MS * NS_PER_MS);
    snprintf(text, sizeof text, "%s", history);
    for (char *word = strtok_r(text, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
        play_word(w, word);
        take_orders(w);
    }
}

static void check_states(const struct world *w, const char *history, const char *want)
{
    char got[SLOTS + 1] = "";

    for (unsigned i = 0; i < SLOTS; i++)
        got[i] = letter_of(w->t.slot[i].state);
    for (size_t n = SLOTS; n > 0 && got[n - 1] == '_'; n--)
        got[n - 1] = '\0';
    ck_assert_msg(strcmp(got, want) == 0, "%s: states %s, want %s", history, got, want);
}

#define UP2 "t2 g r1 r2 "
#define UP4 "t4 g r1 r2 r3 r4 "

static const struct {
    const char *history, *states, *orders;
} histories[] = {
    /* growing forks at once, in the lowest free slots */
    {"t2 g", "ss", "S1 S2"},
    {UP2, "..", "S1 S2"},
    {UP2 "t4", "..ss", "S1 S2 S3 S4"},
    /* shrinking: the highest number, unless another has fewer connections */
    {UP4 "t3", "...D", "S1 S2 S3 S4 R4"},
    {UP4 "c1:9 c2:1 c3:9 c4:9 t3", ".D..", "S1 S2 S3 S4 R2"},
    {UP4 "t1", ".DDD", "S1 S2 S3 S4 R2 R3 R4"},
    {UP4 "t3 x4r", "...", "S1 S2 S3 S4 R4"},
    /* one that does not serve yet goes before one that does */
    {UP2 "t3 c1:0 c2:0 t2", "..D", "S1 S2 S3 R3"},
    /* shrinking and growing again uses a free slot, not the retiring one */
    {UP2 "t1 t2", ".Ds", "S1 S2 R2 S3"},
    /* deaths: at once, then 100 ms, then 200 ms */
    {UP2 "x1s", "s.", "S1 S2 S1"},
    {UP2 "x1s r1 x1s", "w.", "S1 S2 S1"},
    {UP2 "x1s r1 x1s +99", "w.", "S1 S2 S1"},
    {UP2 "x1s r1 x1s +100", "s.", "S1 S2 S1 S1"},
    {UP2 "x1s x1s +100 x1s +199", "w.", "S1 S2 S1 S1"},
    {UP2 "x1s x1s +100 x1s +200", "s.", "S1 S2 S1 S1 S1"},
    /* thirty good seconds, and the past is forgotten */
    {UP2 "x1s r1 x1s +100 r1 +30000 x1s", "s.", "S1 S2 S1 S1 S1"},
    {UP2 "x1s r1 x1s +100 r1 +29000 x1s", "w.", "S1 S2 S1 S1"},
    /* a kill that was asked for is no illness; a sick worker never starts again at once */
    {UP2 "x1s r1 k1 x1s", "s.", "S1 S2 S1 K1 S1"},
    {UP2 "x1k", "w.", "S1 S2"},
    /* unasked leaving (status 0) is a death too */
    {UP2 "x2r", ".s", "S1 S2 S2"},
    /* fatal: not started again, until somebody sets the number */
    {UP2 "x1f +60000", "_.", "S1 S2"},
    {UP2 "x1f t2", "s.", "S1 S2 S1"},
    /* retiring that takes too long: told to quit, then killed */
    {UP2 "t1 +2999", ".D", "S1 S2 R2"},
    {UP2 "t1 +3000", ".x", "S1 S2 R2 Q2"},
    {UP2 "t1 +3000 +2000", ".x", "S1 S2 R2 Q2 K2"},
    {UP2 "t1 +3000 +2000 x2s", ".", "S1 S2 R2 Q2 K2"},
    {UP2 "t1 +3000 +2000 +4999", ".x", "S1 S2 R2 Q2 K2"},
    /* SIGKILL does not end it: given up, once; then its slot is free */
    {UP2 "t1 +3000 +2000 +5000", ".x", "S1 S2 R2 Q2 K2 A2"},
    {UP2 "t1 +3000 +2000 +5000 +5000", ".x", "S1 S2 R2 Q2 K2 A2"},
    {UP2 "t1 +3000 +2000 +5000 x2s t2", ".s", "S1 S2 R2 Q2 K2 A2 S2"},
    {UP2 "s +3000 +2000 +5000 x1s x2s", "", "S1 S2 R1 R2 Q1 Q2 K1 K2 A1 A2"},
    {UP2 "k1 +5000 x1s", "s.", "S1 S2 K1 A1 S1"},
    {UP2 "k1 k1 +4999", "..", "S1 S2 K1"},
    {UP2 "k2 t1 +5000", ".D", "S1 S2 K2 A2"},
    /* dead and not to be reaped: another slot takes over at once, its own is free when it is */
    {UP2 "z1", "+.s", "S1 S2 S3"},
    {UP2 "z1 r3 x1s", "_..", "S1 S2 S3"},
    {UP2 "z1 r3 z3", "+.+w", "S1 S2 S3"},
    {UP2 "z1 r3 z3 +100", "+.+s", "S1 S2 S3 S4"},
    {UP2 "z1 z2 r3 r4", "++..", "S1 S2 S3 S4"},
    {UP2 "z1 r3 +60000", "+..", "S1 S2 S3"},
    /* no slot is free: that of the one that has been dead for the longest time, or its own */
    {"t8 g r1 r2 r3 r4 r5 r6 r7 r8 z1", "s.......", "S1 S2 S3 S4 S5 S6 S7 S8 S1"},
    {"t7 g r1 r2 r3 r4 r5 r6 r7 z1 r8 +1 z2", "s+......", "S1 S2 S3 S4 S5 S6 S7 S8 S1"},
    {"t7 g r1 r2 r3 r4 r5 r6 r7 z1 t8", "s......s", "S1 S2 S3 S4 S5 S6 S7 S8 S1"},
    /* who leaves, is killed, is replaced or replaces when it is found dead */
    {UP2 "t1 z2", ".+", "S1 S2 R2"},
    {UP2 "t1 +3000 +2000 z2 t2", ".+s", "S1 S2 R2 Q2 K2 S3"},
    {UP2 "k1 z1", "+.s", "S1 S2 K1 S3"},
    {UP2 "R1 z1 r3", "+..", "S1 S2 S3"},
    {UP2 "R1 z3 r4", "D.+.", "S1 S2 S3 S4 R1"},
    {UP2 "g z3 r4 r5", "DD+..", "S1 S2 S3 S4 S5 R1 R2"},
    {UP2 "s z1 x2r", "+", "S1 S2 R1 R2"},
    /* one that does not become ready is killed, and its next start waits */
    {UP2 "x1s +29999", "s.", "S1 S2 S1"},
    {UP2 "x1s +30000", "s.", "S1 S2 S1 K1"},
    {UP2 "x1s +30000 x1s", "w.", "S1 S2 S1 K1"},
    {UP2 "x1s +30000 +5000", "s.", "S1 S2 S1 K1 A1"},
    /* waiting is for those beside whom one serves: the last starts again after half a second */
    {"t1 g r1 x1s x1s +100 x1s +200 x1s +400 x1s +499", "w", "S1 S1 S1 S1 S1"},
    {"t1 g r1 x1s x1s +100 x1s +200 x1s +400 x1s +500", "s", "S1 S1 S1 S1 S1 S1"},
    {UP2 "x1s x1s +100 x1s +200 x1s +400 x1s +600", "w.", "S1 S2 S1 S1 S1 S1"},
    {UP2 "x1s x1s +100 x1s +200 x1s +400 x1s +600 x2s r2 +0", "w.", "S1 S2 S1 S1 S1 S1 S2"},
    {UP2 "x1s x1s +100 x1s +200 x1s +400 x1s +600 x2s x2s +100", "ws", "S1 S2 S1 S1 S1 S1 S2 S2"},
    /* for a change it may take as long as its loop turns (it ends what makes no progress) ... */
    {UP2 "t1 +2999 b2 +2999", ".D", "S1 S2 R2"},
    {UP2 "t1 +2999 b2 +3000", ".x", "S1 S2 R2 Q2"},
    {UP2 "g r3 r4 +2900 b1 +2900 b1 +2900", "Dx..", "S1 S2 S3 S4 R1 R2 Q2 K2"},
    /* ... but not when it was killed or left, and not at a stop, which is told to it again */
    {UP2 "t1 k2 b2 +5000", ".D", "S1 S2 R2 K2 A2"},
    {UP2 "t1 h2 b2 +2000", ".D", "S1 S2 R2 K2"},
    {UP2 "s +2999 b2 +1", "xx", "S1 S2 R1 R2 Q1 Q2"},
    {UP2 "t1 +2900 b2 +2900 s +2900 b2 +100", "xx", "S1 S2 R2 R1 R2 Q1 Q2"},
    {UP2 "t1 +2900 b2 +2900 s s", "DD", "S1 S2 R2 R1 R2"},
    /* it has closed its channel, and is still there: not waited for as long */
    {UP2 "t1 +100 h2 +1999", ".D", "S1 S2 R2"},
    {UP2 "t1 +100 h2 +2000", ".D", "S1 S2 R2 K2"},
    {UP2 "t1 +100 h2 +2000 +1000", ".D", "S1 S2 R2 K2 A2"},
    {UP2 "t1 +3000 h2 +2000 +1000 x2s", ".", "S1 S2 R2 Q2 K2 A2"},
    {UP2 "t1 +3000 +2000 h2 +1000", ".x", "S1 S2 R2 Q2 K2 A2"},
    {UP2 "h1 h1 +2000 +1000 x1s", "s.", "S1 S2 K1 A1 S1"},
    {UP2 "h1 +100 x1s r1 +60000", "..", "S1 S2 S1"},
    /* a ready that comes too late changes nothing */
    {UP2 "t3 t2 r3", "..D", "S1 S2 S3 R3"},
    /* reload: new ones first, then the old retire */
    {UP2 "g", "..ss", "S1 S2 S3 S4"},
    {UP2 "g r3", "...s", "S1 S2 S3 S4"},
    {UP2 "g r3 r4", "DD..", "S1 S2 S3 S4 R1 R2"},
    {UP2 "g r3 r4 x1r x2r", "__..", "S1 S2 S3 S4 R1 R2"},
    {UP2 "g r3 r4 x1r x2r g r1 r2", "..DD", "S1 S2 S3 S4 R1 R2 S1 S2 R3 R4"},
    /* reload that cannot start: fatal at once, or three deaths, or a minute; the old stay */
    {UP2 "g x3f", ".._D", "S1 S2 S3 S4 R4"},
    {UP2 "g r4 x3s +0 x3s +100 x3s", ".._D", "S1 S2 S3 S4 S3 S3 R4"},
    {UP2 "g r3 +60000", "..DD", "S1 S2 S3 S4 R3 K4"},
    /* an old worker that dies meanwhile is replaced by an old one; a second reload has to wait */
    {UP2 "g x1s", "s.ss", "S1 S2 S3 S4 S1"},
    {UP2 "g g", "..ss", "S1 S2 S3 S4"},
    /* a resize meanwhile is for both */
    {UP2 "g t3", "..ssss", "S1 S2 S3 S4 S5 S6"},
    {UP2 "g t1", ".DsD", "S1 S2 S3 S4 R2 R4"},
    /* restart: the replacement first */
    {UP2 "R1", "..s", "S1 S2 S3"},
    {UP2 "R1 r3", "D..", "S1 S2 S3 R1"},
    {UP2 "R1 r3 x1r", "_..", "S1 S2 S3 R1"},
    /* restart whose replacement is fatal, or keeps dying: the old one stays */
    {UP2 "R1 x3f", "..", "S1 S2 S3"},
    {UP2 "R1 x3s x3s +100 x3s", "..", "S1 S2 S3 S3 S3"},
    /* the old one dies first: the replacement stands for it */
    {UP2 "R1 x1s", "_.s", "S1 S2 S3"},
    {UP2 "R1 x1s r3", "_..", "S1 S2 S3"},
    {UP2 "R1 R2 r3 r4", "DD..", "S1 S2 S3 S4 R1 R2"},
    /* a reload takes both along */
    {UP2 "R1 g r4 r5", "DDD..", "S1 S2 S3 S4 S5 R1 R2 R3"},
    /* drain: this one, and one less is wanted */
    {UP2 "d1", "D.", "S1 S2 R1"},
    {UP2 "d1 x1r +60000", "_.", "S1 S2 R1"},
    /* stop */
    {UP2 "s", "DD", "S1 S2 R1 R2"},
    {UP2 "S", "xx", "S1 S2 Q1 Q2"},
    {UP2 "s S", "xx", "S1 S2 R1 R2 Q1 Q2"},
    {UP2 "s x1r x2s +60000", "", "S1 S2 R1 R2"},
    {UP2 "x1s r1 x1s s x2r +60000", "", "S1 S2 S1 R2"},
    {UP2 "g s x1r x2r x3r x4r", "", "S1 S2 S3 S4 R1 R2 R3 R4"},
};

START_TEST(history)
{
    struct world w;

    play(&w, histories[_i].history);
    check_states(&w, histories[_i].history, histories[_i].states);
    ck_assert_msg(strcmp(w.orders, histories[_i].orders) == 0, "%s: orders %s, want %s",
                  histories[_i].history, w.orders, histories[_i].orders);
    worker_table_free(&w.t);
}
END_TEST

static const struct {
    const char *history;
    enum table_answer answer;
} refusals[] = {
    {UP2 "d1", TABLE_DONE},
    {UP2 "d9", TABLE_NO_WORKER},
    {UP2 "d3", TABLE_NO_WORKER},
    {"t1 g r1 d1", TABLE_LAST_ONE},
    {UP2 "x2s d1", TABLE_LAST_ONE}, /* two are wanted, but one serves */
    {UP2 "x2s d2", TABLE_DONE},
    {UP2 "t1 d2", TABLE_NOT_SERVING},
    {UP2 "g d1", TABLE_BUSY},
    {UP2 "R1 d1", TABLE_BUSY},
    {UP2 "R1", TABLE_DONE},
    {UP2 "R1 R1", TABLE_BUSY},
    {UP2 "g R1", TABLE_BUSY},
    {UP2 "R5", TABLE_NO_WORKER},
    {UP2 "R99", TABLE_NO_WORKER},
    {UP2 "x1s R1", TABLE_NOT_SERVING},
    {UP4 "t8 R1", TABLE_FULL},
    {UP2 "k2", TABLE_DONE},
    {UP2 "z1 k1", TABLE_DEAD},
    {UP2 "z1 d1", TABLE_DEAD},
    {UP2 "z1 R1", TABLE_DEAD},
    {UP2 "k3", TABLE_NO_WORKER},
    {UP2 "x1s x1s k1", TABLE_NO_WORKER}, /* it waits: there is no process */
};

START_TEST(refusal)
{
    struct world w;

    play(&w, refusals[_i].history);
    ck_assert_msg(w.answer == refusals[_i].answer, "%s: answer %d, want %d", refusals[_i].history,
                  (int)w.answer, (int)refusals[_i].answer);
    worker_table_free(&w.t);
}
END_TEST

static const struct {
    const char *history;
    enum table_result result;
    bool settled, hopeless;
} outcomes[] = {
    {"t2 g r1", TABLE_NOTHING, false, false},
    {UP2, TABLE_GENERATION_UP, true, false},
    {"t2 g r1 x2f", TABLE_GENERATION_FAILED, false, false},
    {"t2 g r1 x2s x2s +100 x2s", TABLE_GENERATION_FAILED, false, false},
    {"t2 g r1 +60000", TABLE_GENERATION_FAILED, false, false},
    {UP2 "t3", TABLE_GENERATION_UP, false, false},
    {UP2 "t3 r3", TABLE_GENERATION_UP, true, false},
    {UP2 "t1", TABLE_GENERATION_UP, false, false},
    {UP2 "t1 x2r", TABLE_GENERATION_UP, true, false},
    {UP2 "t1 +999 b2", TABLE_GENERATION_UP, false, false},
    {UP2 "t1 +1000 b2", TABLE_GENERATION_UP, true, false},
    {UP2 "x1s x1s", TABLE_GENERATION_UP, false, false},
    {UP2 "z1", TABLE_GENERATION_UP, false, false},
    {UP2 "z1 r3", TABLE_GENERATION_UP, true, false},
    {UP2 "x1f", TABLE_GENERATION_UP, false, false},
    {UP2 "x1f x2f", TABLE_GENERATION_UP, false, true},
    {UP2 "x1f x2f g", TABLE_GENERATION_UP, false, false},
    {UP2 "g x3f", TABLE_GENERATION_FAILED, false, false},
    {UP2 "g x3f x4r", TABLE_GENERATION_FAILED, true, false},
};

START_TEST(outcome)
{
    struct world w;

    play(&w, outcomes[_i].history);
    ck_assert_msg(w.result == outcomes[_i].result, "%s: result %d", outcomes[_i].history,
                  (int)w.result);
    ck_assert_msg(worker_table_settled(&w.t, w.now) == outcomes[_i].settled, "%s",
                  outcomes[_i].history);
    ck_assert_msg(worker_table_hopeless(&w.t) == outcomes[_i].hopeless, "%s", outcomes[_i].history);
    worker_table_free(&w.t);
}
END_TEST

START_TEST(backoff_doubles_to_a_limit)
{
    ck_assert_uint_eq(worker_table_backoff_ns(0), 0);
    ck_assert_uint_eq(worker_table_backoff_ns(1), 100 * NS_PER_MS);
    ck_assert_uint_eq(worker_table_backoff_ns(4), 800 * NS_PER_MS);
    ck_assert_uint_eq(worker_table_backoff_ns(9), 25600 * NS_PER_MS);
    ck_assert_uint_eq(worker_table_backoff_ns(10), 30 * NS_PER_S);
    ck_assert_uint_eq(worker_table_backoff_ns(4000000000U), 30 * NS_PER_S);
}
END_TEST

START_TEST(wake_is_the_next_deadline)
{
    struct world w;

    play(&w, UP2);
    ck_assert_uint_eq(worker_table_wake_ns(&w.t), UINT64_MAX);
    play_word(&w, "t1");
    ck_assert_uint_eq(worker_table_wake_ns(&w.t), w.now.ns + 3000 * NS_PER_MS);
    play_word(&w, "g");
    ck_assert_uint_eq(worker_table_wake_ns(&w.t), w.now.ns + 3000 * NS_PER_MS);
    play_word(&w, "x2r");
    ck_assert_uint_eq(worker_table_wake_ns(&w.t), w.now.ns + TABLE_STARTING_NS);
    worker_table_free(&w.t);
}
END_TEST

/* ---- the random walk: a world of processes behind the table ---- */

enum { WALK_SLOTS = 24, WALK_STEPS = 4000, WALK_TARGET_MAX = 8, WALKS = 40 };

struct walk {
    struct worker_table t;
    struct mono now;
    bool process[WALK_SLOTS]; /* as the kernel would know */
    bool told[WALK_SLOTS];    /* to retire or quit */
    bool killed[WALK_SLOTS];
    uint64_t random;
};

static unsigned pick(struct walk *w, unsigned below)
{
    w->random = w->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)((w->random >> 33) % below);
}

static unsigned serving(const struct walk *w)
{
    unsigned n = 0;

    for (unsigned i = 0; i < WALK_SLOTS; i++)
        n += w->t.slot[i].state == SLOT_RUNNING;
    return n;
}

/* True when a process was given up. */
static bool obey(struct walk *w)
{
    enum worker_order order;
    unsigned i;
    bool death = false;

    worker_table_take_result(&w->t);
    while ((order = worker_table_next_order(&w->t, &i)) != ORDER_NONE) {
        if (order == ORDER_SPAWN) {
            ck_assert_msg(!w->process[i], "two processes in slot %u", i);
            w->process[i] = true;
            w->told[i] = w->killed[i] = false;
            continue;
        }
        ck_assert_msg(w->process[i], "an order for no process in slot %u", i);
        if (order == ORDER_KILL)
            w->killed[i] = true;
        else if (order == ORDER_ABANDON) {
            ck_assert_msg(w->killed[i], "slot %u: given up before it was killed", i);
            w->process[i] = false;
            death = true;
            worker_table_dead(&w->t, i, w->now);
        } else {
            w->told[i] = true;
        }
    }
    return death;
}

static void check_laws(const struct walk *w)
{
    unsigned of_generation = 0, of_next = 0;

    for (unsigned i = 0; i < WALK_SLOTS; i++) {
        const struct table_slot *s = &w->t.slot[i];
        bool active = s->state == SLOT_STARTING || s->state == SLOT_RUNNING;
        bool has = active || s->state == SLOT_RETIRING || s->state == SLOT_STOPPING;
        ck_assert_msg(has == w->process[i], "slot %u: state %d, process %d", i, (int)s->state,
                      w->process[i]);
        if (s->replaces)
            ck_assert_uint_eq(w->t.slot[s->replaces - 1].replaced_by, i + 1);
        if (s->replaced_by)
            ck_assert_uint_eq(w->t.slot[s->replaced_by - 1].replaces, i + 1);
        of_generation += active && s->generation == w->t.generation && !s->replaced_by;
        of_next += active && w->t.next && s->generation == w->t.next;
    }
    ck_assert_uint_le(of_generation, w->t.target);
    ck_assert_uint_le(of_next, w->t.target);
    ck_assert_uint_eq(worker_table_processes(&w->t), worker_table_count(&w->t, SLOT_STARTING) +
                                                         worker_table_count(&w->t, SLOT_RUNNING) +
                                                         worker_table_count(&w->t, SLOT_RETIRING) +
                                                         worker_table_count(&w->t, SLOT_STOPPING));
}

/* Something happens to the process of slot i. True when a death not ordered took it. */
static bool world_acts(struct walk *w, unsigned i)
{
    static const enum board_exit deaths[] = {EXIT_SIGNAL, EXIT_SICK, EXIT_OTHER, EXIT_RETIRED};

    if (w->t.slot[i].state == SLOT_DEAD && !w->process[i] && pick(w, 4) == 0)
        worker_table_exited(&w->t, i, EXIT_SIGNAL, w->now); /* the kernel could end it */
    if (!w->process[i])
        return false;
    if (pick(w, 24) == 0) {
        w->process[i] = false;
        worker_table_dead(&w->t, i, w->now);
        return true;
    }
    if (w->killed[i] || (w->told[i] && pick(w, 3) > 0)) {
        w->process[i] = false;
        worker_table_exited(&w->t, i, w->killed[i] ? EXIT_SIGNAL : EXIT_RETIRED, w->now);
        return true;
    }
    if (pick(w, 8) == 0) {
        w->process[i] = false;
        worker_table_exited(&w->t, i, deaths[pick(w, 4)], w->now);
        return true;
    }
    if (pick(w, 16) == 0)
        worker_table_hung_up(&w->t, i, w->now);
    else
        worker_table_ready(&w->t, i, w->now);
    worker_table_load(&w->t, i, pick(w, 100));
    return false;
}

/* Somebody asks for something, or time passes. */
static void people_act(struct walk *w, unsigned i)
{
    switch (pick(w, 8)) {
    case 0:
        worker_table_set_target(&w->t, 1 + pick(w, WALK_TARGET_MAX), w->now);
        break;
    case 1:
        worker_table_drain(&w->t, i, w->now);
        break;
    case 2:
        worker_table_restart(&w->t, i, w->now);
        break;
    case 3:
        worker_table_kill(&w->t, i, w->now);
        break;
    case 4:
        if (pick(w, 10) == 0)
            worker_table_begin_generation(&w->t, w->now);
        break;
    default:
        w->now.ns += pick(w, 500) * NS_PER_MS;
        worker_table_tick(&w->t, w->now);
        break;
    }
}

/* Left alone, with workers that live, it gets to where it should be. */
static void settle(struct walk *w)
{
    for (int step = 0; step < 2000 && !worker_table_settled(&w->t, w->now); step++) {
        for (unsigned i = 0; i < WALK_SLOTS; i++) {
            if (w->process[i] && (w->told[i] || w->killed[i] || w->t.slot[i].hung_up)) {
                w->process[i] = false;
                worker_table_exited(&w->t, i, EXIT_RETIRED, w->now);
            } else if (w->process[i]) {
                worker_table_ready(&w->t, i, w->now);
            }
            obey(w);
        }
        w->now.ns += 100 * NS_PER_MS;
        worker_table_tick(&w->t, w->now);
        obey(w);
    }
    ck_assert_msg(worker_table_settled(&w->t, w->now), "it does not settle: %u of %u serve",
                  serving(w), w->t.target);
}

START_TEST(random_walk)
{
    struct walk w = {.now = {1000 * NS_PER_S}, .random = (uint64_t)_i * 7919 + 1};

    ck_assert(worker_table_init(&w.t, WALK_SLOTS));
    worker_table_set_drain(&w.t, NS_PER_S);
    worker_table_set_target(&w.t, 1 + pick(&w, WALK_TARGET_MAX), w.now);
    worker_table_begin_generation(&w.t, w.now);
    obey(&w);
    settle(&w);
    for (int step = 0; step < WALK_STEPS; step++) {
        unsigned i = pick(&w, WALK_SLOTS);
        unsigned before = serving(&w);
        bool death = false;
        if (pick(&w, 2))
            death = world_acts(&w, i);
        else
            people_act(&w, i);
        death = obey(&w) || death;
        if (before > 0 && !death)
            ck_assert_msg(serving(&w) > 0, "step %d: the last serving worker was retired", step);
        check_laws(&w);
    }
    settle(&w);
    ck_assert_uint_eq(serving(&w), w.t.target);
    worker_table_free(&w.t);
}
END_TEST

START_TEST(walk_to_an_end)
{
    struct walk w = {.now = {1000 * NS_PER_S}, .random = (uint64_t)_i * 104729 + 3};

    ck_assert(worker_table_init(&w.t, WALK_SLOTS));
    worker_table_set_target(&w.t, 6, w.now);
    worker_table_begin_generation(&w.t, w.now);
    obey(&w);
    for (int step = 0; step < 200; step++) {
        unsigned i = pick(&w, WALK_SLOTS);
        if (pick(&w, 2))
            world_acts(&w, i);
        else
            people_act(&w, i);
        obey(&w);
    }
    worker_table_stop(&w.t, pick(&w, 2) == 0, w.now);
    obey(&w);
    /* nobody obeys: it takes SIGKILL, and then it is over */
    for (int step = 0; step < 100; step++) {
        w.now.ns += NS_PER_S;
        worker_table_tick(&w.t, w.now);
        obey(&w);
        for (unsigned i = 0; i < WALK_SLOTS; i++)
            if (w.process[i] && w.killed[i]) {
                w.process[i] = false;
                worker_table_exited(&w.t, i, EXIT_SIGNAL, w.now);
            }
    }
    ck_assert_uint_eq(worker_table_processes(&w.t), 0);
    ck_assert_uint_eq(worker_table_count(&w.t, SLOT_EMPTY) + worker_table_count(&w.t, SLOT_DEAD),
                      WALK_SLOTS);
    worker_table_free(&w.t);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("worker table");
    TCase *t = tcase_create("histories");
    TCase *walks = tcase_create("walks");

    tcase_add_loop_test(t, history, 0, (int)(sizeof histories / sizeof *histories));
    tcase_add_loop_test(t, refusal, 0, (int)(sizeof refusals / sizeof *refusals));
    tcase_add_loop_test(t, outcome, 0, (int)(sizeof outcomes / sizeof *outcomes));
    tcase_add_test(t, backoff_doubles_to_a_limit);
    tcase_add_test(t, wake_is_the_next_deadline);
    tcase_set_timeout(walks, 60);
    tcase_add_loop_test(walks, random_walk, 0, WALKS);
    tcase_add_loop_test(walks, walk_to_an_end, 0, WALKS);
    suite_add_tcase(s, t);
    suite_add_tcase(s, walks);
    return unit_run(s);
}
