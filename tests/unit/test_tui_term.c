/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the terminal sends: the mouse, in whole sequences, in pieces, hostile ones, and bytes at
 * random. What a terminal does with weirtop's own bytes is tested on real ptys
 * (tests/e2e/test_terminal.py).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "tests/unit/unit.h"
#include "tui/app/keys.h"
#include "tui/term/input.h"

static size_t feed(struct input *in, const char *bytes, uint32_t key[INPUT_KEYS_MAX])
{
    return input_feed(in, bytes, strlen(bytes), NS_PER_S, key);
}

START_TEST(mouse_sequences)
{
    static const struct {
        const char *bytes;
        bool good;
        struct input_mouse want;
    } cases[] = {
        {"\033[<0;1;1M", true, {0, 0, true, 0}},
        {"\033[<0;80;24m", true, {23, 79, false, 0}},
        {"\033[<64;12;7M", true, {6, 11, true, -1}},
        {"\033[<65;12;7M", true, {6, 11, true, 1}},
        {"\033[<0;99999;1M", true, {0, 99998, true, 0}},
        {"\033[<65;12;7m", false, {0}},
        {"\033[<1;12;7M", false, {0}}, /* the middle button pastes */
        {"\033[<2;12;7M", false, {0}},
        {"\033[<4;12;7M", false, {0}}, /* with Shift */
        {"\033[<35;12;7M", false, {0}},
        {"\033[<0;0;7M", false, {0}},
        {"\033[<0;7;0M", false, {0}},
        {"\033[<0;7M", false, {0}},
        {"\033[<0;7;7;7M", false, {0}},
        {"\033[<;;M", false, {0}},
        {"\033[<0;-1;1M", false, {0}},
        {"\033[<0;100000;1M", false, {0}},
        {"\033[<0;1;4294967297M", false, {0}},
        {"\033[0;1;1M", false, {0}},
        {"\033[M !!", false, {0}},
        {"\033[MRRq", false, {0}},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint32_t key[INPUT_KEYS_MAX];
        struct input_mouse got;
        struct input in;
        input_init(&in, 25 * NS_PER_MS);
        ck_assert(!input_mouse_take(&in, &got));
        ck_assert_msg(feed(&in, cases[i].bytes, key) == 0, "case %zu came while off", i);
        ck_assert(!input_mouse_take(&in, &got));
        in.mouse = true;
        ck_assert_msg(feed(&in, cases[i].bytes, key) == (cases[i].good ? 1 : 0), "case %zu", i);
        ck_assert(in.state == INPUT_PLAIN);
        if (!cases[i].good) {
            ck_assert_msg(!input_mouse_take(&in, &got), "case %zu", i);
            continue;
        }
        ck_assert_uint_eq(key[0], INPUT_MOUSE);
        ck_assert(input_mouse_take(&in, &got));
        ck_assert_msg(got.row == cases[i].want.row && got.col == cases[i].want.col &&
                          got.press == cases[i].want.press && got.wheel == cases[i].want.wheel,
                      "case %zu: %d,%d %d %d", i, got.row, got.col, got.press, got.wheel);
        ck_assert(!input_mouse_take(&in, &got));
    }
}
END_TEST

/* A read full of clicks: one event for each key, in order, and keys between them stay. */
START_TEST(mouse_queue)
{
    struct input in;
    uint32_t key[INPUT_KEYS_MAX];
    struct input_mouse got;
    char bytes[INPUT_KEYS_MAX + 1] = "";

    input_init(&in, 25 * NS_PER_MS);
    in.mouse = true;
    for (int round = 0; round < 3; round++) {
        size_t n = 0;
        for (int i = 0; i < 25; i++)
            n += (size_t)snprintf(bytes + n, sizeof bytes - n, "\033[<0;%d;1M", i % 9 + 1);
        memcpy(bytes + n, "j", 2);
        ck_assert_uint_eq(feed(&in, bytes, key), 26);
        ck_assert_uint_eq(key[25], 'j');
        for (int i = 0; i < 25; i++) {
            ck_assert_uint_eq(key[i], INPUT_MOUSE);
            ck_assert(input_mouse_take(&in, &got));
            ck_assert_int_eq(got.col, i % 9);
        }
        ck_assert(!input_mouse_take(&in, &got));
    }
    /* Nobody takes them: the oldest stay, and nothing is overrun. */
    for (int i = 0; i < 100; i++)
        feed(&in, "\033[<0;5;5M", key);
    size_t left = 0;
    while (input_mouse_take(&in, &got))
        left++;
    ck_assert_uint_eq(left, INPUT_MOUSE_MAX);
}
END_TEST

/* Cut by a slow line: behind an Esc that was delivered the rest is swallowed with its event. */
START_TEST(mouse_late)
{
    static const char click[] = "\033[<0;5;5M";
    struct input in;
    uint32_t key[INPUT_KEYS_MAX];
    struct input_mouse got;
    size_t keys = 0;

    input_init(&in, 25 * NS_PER_MS);
    in.mouse = true;
    for (size_t i = 0; i < sizeof click - 1; i++) {
        uint64_t at = i * 200 * NS_PER_MS;
        keys += input_feed(&in, click + i, 1, at, key);
        uint32_t idle = input_idle(&in, at + 190 * NS_PER_MS);
        ck_assert(idle == INPUT_NONE || (i == 0 && idle == INPUT_ESC));
    }
    ck_assert_uint_eq(keys, 0);
    ck_assert(!input_mouse_take(&in, &got));
    ck_assert_uint_eq(feed(&in, click, key), 1);
    ck_assert(input_mouse_take(&in, &got) && !input_mouse_take(&in, &got));
}
END_TEST

/* The text is there at the end, once; a paste whose end got lost ends by itself. */
START_TEST(pastes)
{
    struct input in;
    uint32_t key[INPUT_KEYS_MAX];
    char text[INPUT_PASTE_BYTES + 8], small[4];

    input_init(&in, 25 * NS_PER_MS);
    ck_assert_uint_eq(feed(&in, "\033[200~a\rb\033[Ac\xff\033[20", key), 0);
    ck_assert_uint_eq(feed(&in, "1~j", key), 2);
    ck_assert(key[0] == INPUT_PASTE && key[1] == 'j');
    input_paste_take(&in, text, sizeof text);
    ck_assert_str_eq(text, "a\rbc\xff");
    input_paste_take(&in, text, sizeof text);
    ck_assert_str_eq(text, "");
    ck_assert_uint_eq(feed(&in, "\033[201~", key), 0); /* the end of no paste */
    ck_assert_uint_eq(feed(&in, "\033[200~abcdef\033[201~", key), 1);
    input_paste_take(&in, small, sizeof small);
    ck_assert_str_eq(small, "abc");

    feed(&in, "\033[200~", key);
    for (int i = 0; i < INPUT_PASTE_BYTES; i++)
        ck_assert_uint_eq(feed(&in, "xyz", key), 0);
    uint64_t end = input_deadline_ns(&in);
    ck_assert_uint_eq(end, NS_PER_S + INPUT_PASTE_NS);
    ck_assert_uint_eq(input_idle(&in, end - 1), INPUT_NONE);
    ck_assert_uint_eq(input_idle(&in, end), INPUT_PASTE);
    input_paste_take(&in, text, sizeof text);
    ck_assert_uint_eq(strlen(text), INPUT_PASTE_BYTES);
    ck_assert_uint_eq(input_deadline_ns(&in), 0);
    ck_assert_uint_eq(feed(&in, "q", key), 1);
}
END_TEST

/* Whatever comes: as many events as keys that announce one, and the decoder finds back. */
START_TEST(random_bytes)
{
    static const char alphabet[] =
        "\033\033\033[[[<<OPMm;;0123456789ABD~uRq+\r\n\007\\]\x80\xe2\xff";
    struct input in;
    uint32_t key[INPUT_KEYS_MAX];
    struct input_mouse got;
    uint64_t now = NS_PER_S;

    srandom(7);
    input_init(&in, 25 * NS_PER_MS);
    in.mouse = true;
    for (int round = 0; round < 20000; round++) {
        char bytes[64];
        size_t n = (size_t)random() % sizeof bytes;
        for (size_t i = 0; i < n; i++)
            bytes[i] =
                random() % 8 ? alphabet[(size_t)random() % (sizeof alphabet - 1)] : (char)random();
        now += (uint64_t)random() % (300 * NS_PER_MS);
        input_idle(&in, now);
        size_t keys = input_feed(&in, bytes, n, now, key);
        ck_assert_uint_le(keys, n);
        for (size_t i = 0; i < keys; i++)
            ck_assert(key[i] != INPUT_MOUSE || input_mouse_take(&in, &got));
        ck_assert(!input_mouse_take(&in, &got));
    }
    for (int i = 0; i < 4; i++)
        input_idle(&in, now += 3 * NS_PER_S);
    ck_assert_uint_eq(input_deadline_ns(&in), 0);
    ck_assert_uint_eq(input_feed(&in, "q", 1, now, key), 1);
    ck_assert_uint_eq(key[0], 'q');
}
END_TEST

int main(void)
{
    Suite *s = suite_create("tui/term");
    TCase *t = tcase_create("input");

    tcase_add_test(t, mouse_sequences);
    tcase_add_test(t, mouse_queue);
    tcase_add_test(t, mouse_late);
    tcase_add_test(t, pastes);
    tcase_add_test(t, random_bytes);
    suite_add_tcase(s, t);
    return unit_run(s);
}
