/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The dashboard's pure parts: numbers, text, input.
 */
#include "tests/unit/unit.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "tui/app/keys.h"
#include "tui/term/input.h"
#include "tui/ui/fmt.h"
#include "tui/ui/text.h"

START_TEST(numbers)
{
    static const struct {
        double v;
        const char *count, *bytes;
    } cases[] = {
        {-1, "-", "-"},
        {0, "0", "0"},
        {0.04, "0", "0"},
        {2.1, "2.1", "2.1"},
        {9.96, "10", "10"},
        {987, "987", "987"},
        {999.6, "1.00k", "0.98k"},
        {1240, "1.24k", "1.21k"},
        {9994, "9.99k", "9.76k"},
        {99949, "99.9k", "97.6k"},
        {99951, "100k", "97.6k"},
        {412e6, "412M", "393M"},
        {1e300, "huge", "huge"},
        {(double)NAN, "-", "-"},
    };
    char t[FMT_BYTES];

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ck_assert_str_eq(fmt_count(t, cases[i].v), cases[i].count);
        ck_assert_str_eq(fmt_bytes(t, cases[i].v), cases[i].bytes);
    }
    for (double v = 0.01; v < 1e20; v *= 1.0007) {
        if (strlen(fmt_count(t, v)) > FMT_NUM_CELLS)
            ck_abort_msg("%g: %s", v, t);
        if (strlen(fmt_bytes(t, v)) > FMT_NUM_CELLS)
            ck_abort_msg("%g: %s", v, t);
    }
}
END_TEST

START_TEST(ages)
{
    static const struct {
        uint64_t ns;
        const char *text;
    } cases[] = {
        {0, "0us"},
        {512 * NS_PER_US, "512us"},
        {9100 * NS_PER_US, "9.1ms"},
        {999 * NS_PER_MS, "999ms"},
        {14249 * NS_PER_MS, "14.2s"},
        {59999 * NS_PER_MS, "59.9s"},
        {125 * NS_PER_S, "2m05s"},
        {3600 * NS_PER_S, "1h00m"},
        {76 * 3600 * NS_PER_S, "3d04h"},
        {UINT64_MAX, "ages"},
    };
    char t[FMT_BYTES];

    for (size_t i = 0; i < sizeof cases / sizeof *cases - 1; i++)
        ck_assert_str_eq(fmt_age(t, cases[i].ns), cases[i].text);
    for (uint64_t ns = 1; ns < UINT64_MAX / 2; ns += ns / 7 + 1)
        ck_assert_msg(strlen(fmt_age(t, ns)) <= FMT_AGE_CELLS, "%s", t);
    ck_assert(strlen(fmt_age(t, UINT64_MAX)) <= FMT_AGE_CELLS);
}
END_TEST

START_TEST(cutting)
{
    static const struct {
        const char *in;
        int cells;
        const char *path, *end;
    } cases[] = {
        {"/mnt/media/2019/big.iso", 40, "/mnt/media/2019/big.iso", "/mnt/media/2019/big.iso"},
        {"/mnt/media/2019/big.iso", 19, "/mnt/..2019/big.iso", "/mnt/media/2019/b.."},
        {"/mnt/media/2019/big.iso", 14, "/mnt/..big.iso", "/mnt/media/2.."},
        {"/mnt/media/2019/big.iso", 13, "..big.iso", "/mnt/media/.."},
        {"/mnt/media/2019/big.iso", 6, "...iso", "/mnt.."},
        {"/mnt/media/2019/big.iso", 2, "..", "/m"},
        {"/mnt/media/2019/big.iso", 0, "", ""},
        {"\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e", 5, "..\xe8\xaa\x9e", "\xe6\x97\xa5.."},
    };
    char t[256];

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        text_cut_path(t, sizeof t, cases[i].in, cases[i].cells);
        ck_assert_str_eq(t, cases[i].path);
        text_cut_end(t, sizeof t, cases[i].in, cases[i].cells);
        ck_assert_str_eq(t, cases[i].end);
    }
    ck_assert_int_eq(text_width("e\xcc\x81\xe6\x97\xa5"), 3);
    ck_assert_int_eq(text_width("\xff\xfe"), 2);
}
END_TEST

/* Any bytes, any room: never wider than asked. */
START_TEST(cutting_anything)
{
    static const char *const pieces[] = {"/",    "a", "\xe6\x97\xa5", "\xcc\x81",
                                         "\xff", ".", "long",         "\xf0\x9f\x98\x80"};
    unsigned seed = 1;
    char in[200], t[400];

    for (int round = 0; round < 20000; round++) {
        in[0] = '\0';
        for (int i = 0; i < 20; i++) {
            seed = seed * 1103515245u + 12345u;
            strcat(in, pieces[seed >> 16 & 7]);
        }
        int cells = (int)(seed >> 8 & 31);
        text_cut_path(t, sizeof t, in, cells);
        if (text_width(t) > cells)
            ck_abort_msg("%s in %d", in, cells);
        text_cut_end(t, sizeof t, in, cells);
        if (text_width(t) > cells)
            ck_abort_msg("%s in %d", in, cells);
    }
}
END_TEST

static void feed(struct input *in, const char *bytes, size_t n, uint64_t at_ms, uint32_t *key,
                 size_t *keys)
{
    *keys += input_feed(in, bytes, n, at_ms * NS_PER_MS, key + *keys);
}

START_TEST(input_sequences)
{
    static const struct {
        const char *bytes;
        uint32_t key; /* INPUT_NONE: swallowed */
    } cases[] = {
        {"q", 'q'},
        {"\xc3\xa9", 0xe9},
        {"\r", INPUT_ENTER},
        {"\x7f", INPUT_BACKSPACE},
        {"\033[A", INPUT_UP},
        {"\033OD", INPUT_LEFT},
        {"\033[5~", INPUT_PAGE_UP},
        {"\033[H", INPUT_HOME},
        {"\033OP", INPUT_F1},
        {"\033[11~", INPUT_F1},
        {"\033[[A", INPUT_F1},
        {"\033[21~", INPUT_F10},
        {"\033[57;5u", INPUT_NONE},
        {"\033[1;5D", INPUT_NONE},
        {"\033[?1;2c", INPUT_NONE},
        {"\033[99999999999999999999999999999999999999~", INPUT_NONE},
        {"\033O5P", INPUT_NONE},
        {"\033O5A", INPUT_NONE},
        {"\033[M R\r", INPUT_NONE},
        {"\033[<0;3;4M", INPUT_NONE},
        {"\033q", INPUT_NONE},
        {"\033]0;R\r\007", INPUT_NONE},
        {"\033P+w9\r\033\\", INPUT_NONE},
        {"\xff\xfe", INPUT_NONE},
        {"\xe6\x97", INPUT_NONE},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct input in;
        uint32_t key[INPUT_KEYS_MAX] = {0};
        size_t keys = 0;
        input_init(&in, 25 * NS_PER_MS);
        feed(&in, cases[i].bytes, strlen(cases[i].bytes), 0, key, &keys);
        if (cases[i].key == INPUT_NONE)
            ck_assert_msg(keys == 0, "case %zu gave %x", i, key[0]);
        else
            ck_assert_msg(keys == 1 && key[0] == cases[i].key, "case %zu: %zu %x", i, keys, key[0]);
        /* The same bytes 200 ms apart: at most an Esc comes out of it, never a letter. */
        input_init(&in, 25 * NS_PER_MS);
        keys = 0;
        for (size_t b = 0; b < strlen(cases[i].bytes); b++) {
            feed(&in, cases[i].bytes + b, 1, b * 200, key, &keys);
            uint32_t idle = input_idle(&in, (b * 200 + 190) * NS_PER_MS);
            ck_assert(idle == INPUT_NONE || idle == INPUT_ESC);
        }
        if (cases[i].bytes[0] == '\033' && cases[i].bytes[1] != 'q')
            for (size_t k = 0; k < keys; k++)
                ck_assert_msg(key[k] == INPUT_ESC, "case %zu, split, gave %x", i, key[k]);
    }
}
END_TEST

START_TEST(input_paste_and_esc)
{
    static const char paste[] = "\033[200~R\ny\n+\r\033[A+\r\033[201~q";
    struct input in;
    uint32_t key[INPUT_KEYS_MAX];
    size_t keys = 0;

    input_init(&in, 25 * NS_PER_MS);
    feed(&in, paste, sizeof paste - 1, 0, key, &keys);
    ck_assert_uint_eq(keys, 2);
    ck_assert_uint_eq(key[0], INPUT_PASTE);
    ck_assert_uint_eq(key[1], 'q');
    keys = 0;
    feed(&in, "\033", 1, 1000, key, &keys);
    ck_assert_uint_eq(keys, 0);
    ck_assert_uint_eq(input_idle(&in, 1010 * NS_PER_MS), INPUT_NONE);
    ck_assert_uint_eq(input_idle(&in, 1026 * NS_PER_MS), INPUT_ESC);
    ck_assert_uint_eq(input_idle(&in, 1027 * NS_PER_MS), INPUT_NONE);
    feed(&in, "q", 1, 1100, key, &keys);
    ck_assert(keys == 1 && key[0] == 'q');
}
END_TEST

int main(void)
{
    if (!unit_locale())
        return EXIT_SUCCESS;
    Suite *s = suite_create("tui");
    TCase *t = tcase_create("parts");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, numbers);
    tcase_add_test(t, ages);
    tcase_add_test(t, cutting);
    tcase_add_test(t, cutting_anything);
    tcase_add_test(t, input_sequences);
    tcase_add_test(t, input_paste_and_esc);
    suite_add_tcase(s, t);
    return unit_run(s);
}
