/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Spans, buffers, writers and escapes, by tables of cases.
 */
#include "tests/unit/unit.h"

#include "base/bytes.h"
#include "base/escape.h"

START_TEST(span_numbers)
{
    static const struct {
        const char *text;
        uint64_t max, value;
        bool good;
    } cases[] = {
        {"0", 10, 0, true},
        {"18446744073709551615", UINT64_MAX, UINT64_MAX, true},
        {"18446744073709551616", UINT64_MAX, 0, false},
        {"99999999999999999999", UINT64_MAX, 0, false},
        {"11", 10, 0, false},
        {"", 10, 0, false},
        {"-1", 10, 0, false},
        {"+1", 10, 0, false},
        {" 1", 10, 0, false},
        {"1a", 100, 0, false},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t v = 0;
        bool good = span_u64(span_str(cases[i].text), cases[i].max, &v);
        ck_assert_msg(good == cases[i].good, "%s", cases[i].text);
        if (good)
            ck_assert_msg(v == cases[i].value, "%s", cases[i].text);
    }
}
END_TEST

START_TEST(span_cutting)
{
    struct span rest = SPAN("a,,b");

    ck_assert(span_eq(span_cut(&rest, ','), SPAN("a")));
    ck_assert(span_eq(span_cut(&rest, ','), SPAN("")));
    ck_assert(rest.p != NULL);
    ck_assert(span_eq(span_cut(&rest, ','), SPAN("b")));
    ck_assert_ptr_null(rest.p);
    ck_assert(span_eq(span_trim(SPAN(" \t x y \t")), SPAN("x y")));
    ck_assert(span_ieq(SPAN("Content-LENGTH"), SPAN("content-length")));
    ck_assert(!span_ieq(SPAN("a"), SPAN("ab")));
    ck_assert(span_starts(SPAN("/a/b"), SPAN("/a")));
    ck_assert(span_from(SPAN("abc"), 9).n == 0);
}
END_TEST

START_TEST(writers_remember_cuts)
{
    char small[4];
    struct out o = out_into(small, sizeof small);

    out_str(&o, "ab");
    ck_assert(!o.cut);
    out_str(&o, "cde");
    ck_assert(o.cut);
    ck_assert_uint_eq(out_len(&o), 4);
    ck_assert_mem_eq(small, "abcd", 4);

    struct buf b = {0};
    for (int i = 0; i < 1000; i++)
        ck_assert(buf_addf(&b, "%d,", i));
    ck_assert(span_starts(buf_span(&b), SPAN("0,1,2,")));
    ck_assert(b.n == 10 * 2 + 90 * 3 + 900 * 4);
    buf_free(&b);
    ck_assert_ptr_null(b.p);
}
END_TEST

typedef void escape_fn(struct out *, struct span);

static void check_escape(escape_fn *escape, const char *in, size_t n, const char *want)
{
    char text[256];
    struct out o = out_into(text, sizeof text);

    escape(&o, span_of(in, n));
    ck_assert_msg(out_len(&o) == strlen(want) && memcmp(text, want, strlen(want)) == 0,
                  "got %.*s, want %s", (int)out_len(&o), text, want);
}

START_TEST(escapes)
{
    check_escape(escape_visible, "a\x1b[31m\n", 7, "a\\x1B[31m\\x0A");
    check_escape(escape_visible, "\xe2\x80\xae", 3, "\\xE2\\x80\\xAE");
    check_escape(escape_visible, "gr\xc3\xbc\xc3\x9f", 6, "gr\xc3\xbc\xc3\x9f");
    check_escape(escape_visible, "\xc0\xaf\xff", 3, "\\xC0\\xAF\\xFF");
    check_escape(escape_visible, "\xed\xa0\x80", 3, "\\xED\\xA0\\x80");
    check_escape(escape_json, "\"\\\x01\n\xff", 5, "\\\"\\\\\\u0001\\n\xef\xbf\xbd");
    /* What a terminal would obey, or would not show: C1, bidirectional, zero width, tags. */
    check_escape(escape_json,
                 "\xc2\x9b"
                 "31m\xc2\x85",
                 7, "\\u009b31m\\u0085");
    check_escape(escape_json,
                 "a\xe2\x80\xae"
                 "b\xe2\x80\x8b\xef\xbb\xbf\x7f",
                 12, "a\\u202eb\\u200b\\ufeff\\u007f");
    check_escape(escape_json, "\xf3\xa0\x80\x81", 4, "\\udb40\\udc01");
    check_escape(escape_json, "\xf0\x9f\x98\x80 \xc3\xa9", 7, "\xf0\x9f\x98\x80 \xc3\xa9");
    check_escape(escape_html, "<a href='x'>&\"", 14, "&lt;a href=&#39;x&#39;&gt;&amp;&quot;");
}
END_TEST

START_TEST(url_escapes)
{
    char text[64];
    struct out o = out_into(text, sizeof text);

    escape_url_path(&o, SPAN("a b/c?%#;:"), true);
    ck_assert_msg(out_len(&o) == strlen("a%20b/c%3F%25%23%3B%3A"), "%.*s", (int)out_len(&o), text);
    ck_assert_mem_eq(text, "a%20b/c%3F%25%23%3B%3A", out_len(&o));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("base");
    TCase *t = tcase_create("bytes");

    tcase_add_test(t, span_numbers);
    tcase_add_test(t, span_cutting);
    tcase_add_test(t, writers_remember_cuts);
    tcase_add_test(t, escapes);
    tcase_add_test(t, url_escapes);
    suite_add_tcase(s, t);
    return unit_run(s);
}
