/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The chunked coding, whole and in every cut into two, and by single bytes; comma-separated
 * lists; Accept.
 */
#include "tests/unit/unit.h"

#include <stdio.h>

#include "http/parse.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

struct body {
    enum http_chunked_result result; /* END, BAD or MORE */
    size_t used;                     /* of the input */
    size_t n;
    char content[512];
};

/* Feeds input[0..n) in pieces of at most `piece` bytes, of which the first has `first`. */
static struct body decode(struct http_chunked *c, const char *input, size_t n, size_t first,
                          size_t piece)
{
    struct body b = {.result = HTTP_CHUNKED_MORE};
    size_t fed = 0;

    while (fed < n) {
        size_t left = fed == 0 && first > 0 ? first : piece;
        left = left < n - fed ? left : n - fed;
        while (left > 0) {
            struct span data;
            size_t used;
            b.result = http_chunked_step(c, input + fed, left, &used, &data);
            ck_assert_uint_le(used, left);
            b.used = fed += used;
            left -= used;
            if (b.result == HTTP_CHUNKED_DATA) {
                ck_assert(data.n > 0 && data.p + data.n == input + fed);
                ck_assert_uint_le(b.n + data.n, sizeof b.content);
                memcpy(b.content + b.n, data.p, data.n);
                b.n += data.n;
                b.result = HTTP_CHUNKED_MORE;
            } else if (b.result == HTTP_CHUNKED_MORE) {
                ck_assert_uint_eq(left, 0);
            } else {
                return b;
            }
        }
    }
    return b;
}

static const struct {
    const char *text;
    size_t n;
    enum http_chunked_result result;
    const char *content, *after; /* after END: what belongs to the next request */
} bodies[] = {
#define B(text, result, content, after)                                                            \
    {                                                                                              \
        text, sizeof(text) - 1, result, content, after                                             \
    }
    B("0\r\n\r\n", HTTP_CHUNKED_END, "", ""),
    B("0\r\n\r\nGET", HTTP_CHUNKED_END, "", "GET"),
    B("3\r\nabc\r\n0\r\n\r\n", HTTP_CHUNKED_END, "abc", ""),
    B("3\r\nabc\r\nA\r\n0123456789\r\n00\r\n\r\n\r\n", HTTP_CHUNKED_END, "abc0123456789", "\r\n"),
    B("a\r\n\r\n0\r\n\r\nabc\r\n0\r\n\r\n", HTTP_CHUNKED_END, "\r\n0\r\n\r\nabc", ""),
    B("0000000000000001\r\nx\r\n0\r\n\r\n", HTTP_CHUNKED_END, "x", ""),
    B("1;a\r\nx\r\n0;b=\"c;d\"\r\n\r\n", HTTP_CHUNKED_END, "x", ""),
    B("1 \t;a\r\nx\r\n0\r\n\r\n", HTTP_CHUNKED_END, "x", ""),
    B("0\r\nX: a\r\nY:\tb\xff\r\n\r\nz", HTTP_CHUNKED_END, "", "z"),
    B("3\r\nab", HTTP_CHUNKED_MORE, "ab", NULL),
    B("3\r\nabc\r\n0\r\n", HTTP_CHUNKED_MORE, "abc", NULL),
    B("7fffffffffffffff\r\nab", HTTP_CHUNKED_MORE, "ab", NULL),
    B("\r\n", HTTP_CHUNKED_BAD, "", NULL),
    B("\n", HTTP_CHUNKED_BAD, "", NULL),
    B(";\r\n", HTTP_CHUNKED_BAD, "", NULL),
    B(" 1\r\nx\r\n", HTTP_CHUNKED_BAD, "", NULL),
    B("1 \r\nx\r\n", HTTP_CHUNKED_BAD, "", NULL),
    B("1 1\r\nx\r\n", HTTP_CHUNKED_BAD, "", NULL),
    B("-1\r\n", HTTP_CHUNKED_BAD, "", NULL),
    B("+1\r\n", HTTP_CHUNKED_BAD, "", NULL),
    B("0x1\r\n", HTTP_CHUNKED_BAD, "", NULL),
    B("1_0\r\n", HTTP_CHUNKED_BAD, "", NULL),
    B("g\r\n", HTTP_CHUNKED_BAD, "", NULL),
    B("1\nx\r\n", HTTP_CHUNKED_BAD, "", NULL),
    B("1\rx\r\n", HTTP_CHUNKED_BAD, "", NULL),
    B("1\0\r\nx\r\n", HTTP_CHUNKED_BAD, "", NULL),
    B("1;a\nx\r\n", HTTP_CHUNKED_BAD, "", NULL),
    B("1;a\rb\r\nx\r\n", HTTP_CHUNKED_BAD, "", NULL),
    B("1;a\0\r\nx\r\n", HTTP_CHUNKED_BAD, "", NULL),
    B("1\r\nxy\r\n", HTTP_CHUNKED_BAD, "x", NULL),
    B("1\r\nx\n0\r\n", HTTP_CHUNKED_BAD, "x", NULL),
    B("1\r\nx\r0\r\n", HTTP_CHUNKED_BAD, "x", NULL),
    B("1\r\nx0\r\n", HTTP_CHUNKED_BAD, "x", NULL),
    B("8000000000000000\r\n", HTTP_CHUNKED_BAD, "", NULL),
    B("ffffffffffffffff\r\n", HTTP_CHUNKED_BAD, "", NULL),
    B("00000000000000001\r\n", HTTP_CHUNKED_BAD, "", NULL),
    B("1\r\nx\r\n7fffffffffffffff\r\n", HTTP_CHUNKED_BAD, "x", NULL), /* the sum is too large */
    B("0\r\n\n", HTTP_CHUNKED_BAD, "", NULL),
    B("0\r\n\rX", HTTP_CHUNKED_BAD, "", NULL),
    B("0\r\nX\r\n\r\n", HTTP_CHUNKED_BAD, "", NULL),
    B("0\r\n: a\r\n\r\n", HTTP_CHUNKED_BAD, "", NULL),
    B("0\r\nX : a\r\n\r\n", HTTP_CHUNKED_BAD, "", NULL),
    B("0\r\nX: a\r\n b\r\n\r\n", HTTP_CHUNKED_BAD, "", NULL),
    B("0\r\nX: a\nY: b\r\n\r\n", HTTP_CHUNKED_BAD, "", NULL),
    B("0\r\nX: a\rY: b\r\n\r\n", HTTP_CHUNKED_BAD, "", NULL),
    B("0\r\nX: \0\r\n\r\n", HTTP_CHUNKED_BAD, "", NULL),
};

static void check_body(size_t i, size_t first, size_t piece)
{
    struct http_chunked c = {0};
    struct body b = decode(&c, bodies[i].text, bodies[i].n, first, piece);

    ck_assert_msg(b.result == bodies[i].result, "%d: %s (%zu, %zu)", (int)b.result, bodies[i].text,
                  first, piece);
    ck_assert_msg(span_eq(span_of(b.content, b.n), span_str(bodies[i].content)), "%s",
                  bodies[i].text);
    ck_assert_uint_eq(c.total, b.n);
    if (b.result == HTTP_CHUNKED_END)
        ck_assert_msg(b.used == bodies[i].n - strlen(bodies[i].after), "%s", bodies[i].text);
    ck_assert_msg((c.why != NULL) == (b.result == HTTP_CHUNKED_BAD), "%s", bodies[i].text);
}

START_TEST(decodes_chunked)
{
    for (size_t i = 0; i < COUNT(bodies); i++) {
        check_body(i, 0, bodies[i].n);
        check_body(i, 0, 1);
        for (size_t first = 1; first < bodies[i].n; first++)
            check_body(i, first, bodies[i].n);
    }
}
END_TEST

START_TEST(stays_at_its_end)
{
    struct http_chunked c = {0};
    struct span data;
    size_t used = 9;

    ck_assert_int_eq(http_chunked_step(&c, "0\r\n\r\nX", 6, &used, &data), HTTP_CHUNKED_END);
    ck_assert_uint_eq(used, 5);
    ck_assert_int_eq(http_chunked_step(&c, "X", 1, &used, &data), HTTP_CHUNKED_END);
    ck_assert_uint_eq(used, 0);
    c = (struct http_chunked){0};
    ck_assert_int_eq(http_chunked_step(&c, "x", 1, &used, &data), HTTP_CHUNKED_BAD);
    ck_assert_int_eq(http_chunked_step(&c, "1", 1, &used, &data), HTTP_CHUNKED_BAD);
    ck_assert_int_eq(http_chunked_step(&c, NULL, 0, &used, &data), HTTP_CHUNKED_BAD);
}
END_TEST

/* Feeds `unit` again and again, at most `times`; how often it was taken. */
static unsigned feed_often(struct http_chunked *c, const char *unit, unsigned times)
{
    for (unsigned i = 0; i < times; i++) {
        struct span rest = span_str(unit), data;
        size_t used;
        while (rest.n > 0) {
            if (http_chunked_step(c, rest.p, rest.n, &used, &data) == HTTP_CHUNKED_BAD)
                return i;
            rest = span_from(rest, used);
        }
    }
    return times;
}

START_TEST(bounds_overhead)
{
    struct http_chunked c = {0};

    ck_assert_uint_eq(feed_often(&c, "1;", 1), 1);
    ck_assert_uint_eq(feed_often(&c, "e", 10000), 8192); /* one endless extension */
    c = (struct http_chunked){0};
    ck_assert_uint_eq(feed_often(&c, "1;12345\r\nx\r\n", 10000), 2047); /* many short ones */
    c = (struct http_chunked){0};
    ck_assert_uint_eq(feed_often(&c, "5;12345\r\nabcde\r\n", 10000), 10000); /* worth their size */
    c = (struct http_chunked){0};
    ck_assert_uint_eq(feed_often(&c, "0\r\n", 1), 1);
    ck_assert_uint_eq(feed_often(&c, "X: 56\r\n", 10000), 8192 / 7);
    c = (struct http_chunked){0};
    ck_assert_uint_eq(feed_often(&c, "0 ", 1), 1);
    ck_assert_uint_eq(feed_often(&c, " ", 10000), 8191);
}
END_TEST

START_TEST(walks_lists)
{
    static const struct {
        const char *list;
        const char *elements[4];
    } cases[] = {
        {"", {NULL}},
        {" , ,\t,", {NULL}},
        {"a", {"a"}},
        {" a ,, b\t,c,", {"a", "b", "c"}},
        {"\"a,b\", c", {"\"a,b\"", "c"}},
        {"\"a\\\",b\",c", {"\"a\\\",b\"", "c"}},
        {"a;q=\"1,2\" , b", {"a;q=\"1,2\"", "b"}},
        {"\"open, a", {"\"open, a"}},
        {"\"\\", {"\"\\"}},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct span rest = span_str(cases[i].list);
        for (const char *const *e = cases[i].elements; *e; e++) {
            struct span got = http_list_next(&rest);
            ck_assert_msg(span_eq(got, span_str(*e)), "%s: %.*s", cases[i].list, (int)got.n, got.p);
        }
        ck_assert_msg(!http_list_next(&rest).p, "%s", cases[i].list);
        ck_assert_ptr_null(http_list_next(&rest).p);
    }
    struct span none = {NULL, 0};
    ck_assert_ptr_null(http_list_next(&none).p);
    ck_assert(http_list_has(SPAN("a, Keep-ALIVE"), "keep-alive"));
    ck_assert(!http_list_has(SPAN("keep-alives, xkeep-alive"), "keep-alive"));
    ck_assert(!http_list_has(SPAN("\"a, close\""), "close"));
    ck_assert(!http_list_has(SPAN(""), ""));
}
END_TEST

START_TEST(weighs_accept)
{
    static const struct {
        const char *accept, *type;
        unsigned quality;
    } cases[] = {
        {NULL, "text/html", 1000},
        {"", "text/html", 1000},
        {"*/*", "text/html", 1000},
        {"text/*;q=0.5", "text/html", 500},
        {"TEXT/HTML", "text/html", 1000},
        {"text/plain", "text/html", 0},
        {"textx/*", "text/html", 0},
        {"*/html", "text/html", 0},
        {"text", "text/html", 0},
        {"text/html;q=0", "text/html", 0},
        {"text/html;q=0, */*", "text/html", 0},
        {"*/*, text/*;q=0.2, text/html;q=0.1", "text/html", 100},
        {"*/*;q=0.3, text/*;q=0.2", "text/html", 200},
        {"text/html;level=1;q=0.4", "text/html", 400},
        {"text/html;level=1, text/html;q=0.7", "text/html", 700},
        {"application/json;charset=\"a,b;c\";q=0.8", "application/json", 800},
        {"text/html ; Q=0.333 , a/b", "text/html", 333},
        {"text/html;q=0.3, text/html;q=0.6", "text/html", 600},
        {"text/html;q=1.000", "text/html", 1000},
        {"text/html;q=1.", "text/html", 1000},
        {"text/html;q=1.001", "text/html", 0},
        {"text/html;q=2", "text/html", 0},
        {"text/html;q=-1", "text/html", 0},
        {"text/html;q=0.1234", "text/html", 0},
        {"text/html;q=", "text/html", 0},
        {"text/html;q=x, text/*;q=0.5", "text/html", 500},
        {"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "application/json",
         800},
    };

    for (size_t i = 0; i < COUNT(cases); i++)
        ck_assert_msg(http_accept_quality(span_str(cases[i].accept), cases[i].type) ==
                          cases[i].quality,
                      "%s: %u", cases[i].accept,
                      http_accept_quality(span_str(cases[i].accept), cases[i].type));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("http body");
    TCase *t = tcase_create("chunked");

    tcase_add_test(t, decodes_chunked);
    tcase_add_test(t, stays_at_its_end);
    tcase_add_test(t, bounds_overhead);
    suite_add_tcase(s, t);
    t = tcase_create("lists");
    tcase_add_test(t, walks_lists);
    tcase_add_test(t, weighs_accept);
    suite_add_tcase(s, t);
    return unit_run(s);
}
