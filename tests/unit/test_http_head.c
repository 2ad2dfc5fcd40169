/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The head parser, by tables: what is taken and how it is read, what is refused and with
 * which status. Every case is also fed byte by byte and must come to the same end.
 */
#include "tests/unit/unit.h"

#include <stdio.h>

#include "http/parse.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))
#define HOST     "Host: a\r\n"

static const struct http_parse_limits limits = {16384};

/* Parses a copy of exactly n bytes, so that a sanitizer sees a read beyond them. */
static enum http_parse_result parse_copy(struct http_parser *s, const struct http_parse_limits *l,
                                         const char *p, size_t n, char **copy,
                                         struct http_request *r)
{
    *copy = malloc(n > 0 ? n : 1);
    ck_assert_ptr_nonnull(*copy);
    memcpy(*copy, p, n);
    return http_parse_head(s, l, *copy, n, r);
}

/* What growing prefixes come to, each at another address. */
static enum http_parse_result feed(struct http_parser *s, const struct http_parse_limits *l,
                                   const char *p, size_t n, struct http_request *r)
{
    enum http_parse_result result = HTTP_PARSE_MORE;
    char *copy;

    *s = (struct http_parser){0};
    for (size_t i = 0; i <= n && result == HTTP_PARSE_MORE; i++) {
        result = parse_copy(s, l, p, i, &copy, r);
        free(copy);
    }
    return result;
}

struct refused {
    const char *text;
    size_t n; /* 0: up to the NUL */
    int status;
};

#define R(text, status)                                                                            \
    {                                                                                              \
        text, sizeof(text) - 1, status                                                             \
    }

static void check_refused(const struct refused *c)
{
    static struct http_request r;
    struct http_parser whole = {0}, bytes;
    char *copy;

    enum http_parse_result result = parse_copy(&whole, &limits, c->text, c->n, &copy, &r);
    free(copy);
    ck_assert_msg(result == HTTP_PARSE_BAD, "taken (%d): %s", (int)result, c->text);
    ck_assert_msg(whole.status == c->status, "%d (%s): %s", whole.status, whole.why, c->text);
    ck_assert_ptr_nonnull(whole.why);
    ck_assert_msg(feed(&bytes, &limits, c->text, c->n, &r) == HTTP_PARSE_BAD, "%s", c->text);
    ck_assert_msg(bytes.status == c->status, "%d byte by byte: %s", bytes.status, c->text);
    ck_assert_msg(http_parse_head(&bytes, &limits, c->text, c->n, &r) == HTTP_PARSE_BAD,
                  "refused but once: %s", c->text);
}

static const struct refused bad_lines[] = {
    R("GET /\r\n", 400), /* HTTP/0.9; answered at once */
    R("GET\r\n", 400),
    R("GET \r\n", 400),
    R("GET  / HTTP/1.1\r\n", 400),
    R("GET / HTTP/1.1 \r\n", 400),
    R("GET /  HTTP/1.1\r\n", 400),
    R("GET\t/ HTTP/1.1\r\n", 400),
    R("GET /a b HTTP/1.1\r\n", 400),
    R(" GET / HTTP/1.1\r\n", 400),
    R("\t", 400),
    R("\x16\x03\x01", 400), /* a TLS hello */
    R("\n", 400),
    R("G\nGET / HTTP/1.1\r\n", 400),
    R("\r\n\r\n", 400),
    R("\r\n\n", 400),
    R("\r\r\n", 400),
    R("\rGET / HTTP/1.1\r\n", 400),
    R("GET / HTTP/1.1\n", 400),
    R("GET / HTTP/1.1\r\r\n", 400),
    R("GET /\r HTTP/1.1\r\n", 400),
    R("GET /\0 HTTP/1.1\r\n", 400),
    R("GET /\x7f HTTP/1.1\r\n", 400),
    R("GET /#top HTTP/1.1\r\n", 400),
    R("GE(T / HTTP/1.1\r\n", 400),
    R("G\xc3\x89T / HTTP/1.1\r\n", 400),
    R("GET: / HTTP/1.1\r\n", 400),
    R("GET a HTTP/1.1\r\n", 400),
    R("GET * HTTP/1.1\r\n", 400),
    R("OPTIONS ** HTTP/1.1\r\n", 400),
    R("GET ftp://a/ HTTP/1.1\r\n", 400),
    R("GET http:/a HTTP/1.1\r\n", 400),
    R("GET http:///a HTTP/1.1\r\n", 400),
    R("GET http:// HTTP/1.1\r\n", 400),
    R("GET http://u@a/ HTTP/1.1\r\n", 400),
    R("GET http://u:p@a/ HTTP/1.1\r\n", 400),
    R("GET http://a:99999/ HTTP/1.1\r\n", 400),
    R("GET http://a:b/ HTTP/1.1\r\n", 400),
    R("GET http://[::1/ HTTP/1.1\r\n", 400),
    R("GET http://[::1]x/ HTTP/1.1\r\n", 400),
    R("GET http://:80/ HTTP/1.1\r\n", 400),
    R("GET example.org:80 HTTP/1.1\r\n", 400),
    R("CONNECT / HTTP/1.1\r\n", 400),
    R("CONNECT a HTTP/1.1\r\n", 400),
    R("CONNECT a: HTTP/1.1\r\n", 400),
    R("CONNECT http://a:80/ HTTP/1.1\r\n", 400),
    R("GET / http/1.1\r\n", 400),
    R("GET / HTTP/1\r\n", 400),
    R("GET / HTTP/1.\r\n", 400),
    R("GET / HTTP/1.10\r\n", 400),
    R("GET / HTTP/1.a\r\n", 400),
    R("GET / HTTP/01.1\r\n", 400),
    R("GET / HTTPS/1.1\r\n", 400),
    R("GET / HTTP/-1.1\r\n", 400),
    R("GET / HTTP/0.9\r\n", 505),
    R("GET / HTTP/2.0\r\n", 505),
    R("GET / HTTP/3.1\r\n", 505),
    R("PRI * HTTP/2.0\r\n", 505),
};

static const struct refused bad_fields[] = {
    R("GET / HTTP/1.1\r\n\r\n", 400),
    R("GET http://a/ HTTP/1.1\r\n\r\n", 400),
    R("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400),
    R("GET / HTTP/1.1\r\nHost: a\r\nhOST: b\r\n\r\n", 400),
    R("GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", 400),
    R("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
    R("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400),
    R("GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", 400),
    R("GET / HTTP/1.1\r\nHost: a\\b\r\n\r\n", 400),
    R("GET / HTTP/1.1\r\nHost: \xc3\xa9\r\n\r\n", 400),
    R("GET / HTTP/1.1\r\nHost: a%2\r\n\r\n", 400),
    R("GET / HTTP/1.1\r\nHost: a%zz\r\n\r\n", 400),
    R("GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n", 400),
    R("GET / HTTP/1.1\r\nHost: a:-1\r\n\r\n", 400),
    R("GET / HTTP/1.1\r\nHost: a:80:80\r\n\r\n", 400),
    R("GET / HTTP/1.1\r\nHost: :80\r\n\r\n", 400),
    R("GET / HTTP/1.1\r\nHost: []\r\n\r\n", 400),
    R("GET / HTTP/1.1\r\nHost: [::g]\r\n\r\n", 400),
    R("GET / HTTP/1.1\r\nHost: <b>\r\n\r\n", 400),
    R("GET http://a/ HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
    R("GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400),
    R("GET / HTTP/1.1\r\nHost\t: a\r\n\r\n", 400),
    R("GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400),
    R("GET / HTTP/1.1\r\n" HOST "X: a\r\n b\r\n\r\n", 400), /* obs-fold */
    R("GET / HTTP/1.1\r\n" HOST "X: a\r\n\tb\r\n\r\n", 400),
    R("GET / HTTP/1.1\r\n" HOST "X: a\r\n \r\n\r\n", 400),
    R("GET / HTTP/1.1\r\n" HOST ": a\r\n\r\n", 400),
    R("GET / HTTP/1.1\r\n" HOST "X\r\n\r\n", 400),
    R("GET / HTTP/1.1\r\n" HOST "X a\r\n\r\n", 400),
    R("GET / HTTP/1.1\r\n" HOST "X(: a\r\n\r\n", 400),
    R("GET / HTTP/1.1\r\n" HOST "X\0: a\r\n\r\n", 400),
    R("GET / HTTP/1.1\r\n" HOST "X\x80: a\r\n\r\n", 400),
    R("GET / HTTP/1.1\r\n" HOST "X\n", 400),
    R("GET / HTTP/1.1\r\n" HOST "X: a\nY: b\r\n\r\n", 400),
    R("GET / HTTP/1.1\r\n" HOST "X: a\rY: b\r\n\r\n", 400),
    R("GET / HTTP/1.1\r\n" HOST "X: a\r\r\n\r\n", 400),
    R("GET / HTTP/1.1\r\n" HOST "X: a\0b\r\n\r\n", 400),
    R("GET / HTTP/1.1\r\n" HOST "X: 12345678\x01"
      "2345678\r\n\r\n",
      400),
    R("GET / HTTP/1.1\r\n" HOST "X: 1234567\x7f\r\n\r\n", 400),
    R("GET / HTTP/1.1\r\n" HOST "X: \x1b[31m\r\n\r\n", 400),
    R("GET / HTTP/1.1\r\n" HOST "X: a\r\n\n", 400),
    R("GET / HTTP/1.1\r\n" HOST "\n", 400),
};

static const struct refused bad_framing[] = {
    R("POST / HTTP/1.1\r\n" HOST "Content-Length: \r\n\r\n", 400),
    R("POST / HTTP/1.1\r\n" HOST "Content-Length: -1\r\n\r\n", 400),
    R("POST / HTTP/1.1\r\n" HOST "Content-Length: +1\r\n\r\n", 400),
    R("POST / HTTP/1.1\r\n" HOST "Content-Length: 0x5\r\n\r\n", 400),
    R("POST / HTTP/1.1\r\n" HOST "Content-Length: 5 5\r\n\r\n", 400),
    R("POST / HTTP/1.1\r\n" HOST "Content-Length: 5, 5\r\n\r\n", 400),
    R("POST / HTTP/1.1\r\n" HOST "Content-Length: 5,\r\n\r\n", 400),
    R("POST / HTTP/1.1\r\n" HOST "Content-Length: 9223372036854775808\r\n\r\n", 400),
    R("POST / HTTP/1.1\r\n" HOST "Content-Length: 99999999999999999999\r\n\r\n", 400),
    R("POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\nContent-Length: 5\r\n\r\n", 400),
    R("POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\nContent-Length: 6\r\n\r\n", 400),
    R("POST / HTTP/1.0\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", 400),
    R("POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
    R("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", 400),
    R("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked, chunked\r\n\r\n", 400),
    R("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
      400),
    R("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked, gzip\r\n\r\n", 400),
    R("POST / HTTP/1.1\r\n" HOST
      "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n",
      400),
    R("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip\r\n\r\n", 400),
    R("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: identity\r\n\r\n", 400),
    R("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: xchunked\r\n\r\n", 400),
    R("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked;a=b\r\n\r\n", 400),
    R("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: \"chunked\"\r\n\r\n", 400),
    R("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked,\r\n\r\n", 400),
    R("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: ,chunked\r\n\r\n", 400),
    R("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding:\r\n\r\n", 400),
    R("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\x0b\r\n\r\n", 400),
    R("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding : chunked\r\n\r\n", 400),
    R("POST / HTTP/1.0\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n", 400),
    R("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n", 501),
    R("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: x;q=1, chunked\r\n\r\n", 501),
    R("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n",
      501),
};

START_TEST(refuses_bad_request_lines)
{
    for (size_t i = 0; i < COUNT(bad_lines); i++)
        check_refused(&bad_lines[i]);
}
END_TEST

START_TEST(refuses_bad_fields)
{
    for (size_t i = 0; i < COUNT(bad_fields); i++)
        check_refused(&bad_fields[i]);
}
END_TEST

START_TEST(refuses_bad_framing)
{
    for (size_t i = 0; i < COUNT(bad_framing); i++)
        check_refused(&bad_framing[i]);
}
END_TEST

struct taken {
    const char *text;
    enum http_method method;
    enum http_target_form form;
    const char *path, *query, *host; /* query NULL: none */
    unsigned minor;
    enum http_body_framing framing;
    uint64_t length;
    bool keep_alive, expect, upgrade;
};

/* Fields in the order of struct taken; what is not named is false, 0 or NULL. */
static const struct taken taken[] = {
    {.text = "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
     .path = "/",
     .host = "a",
     .minor = 1,
     .keep_alive = true},
    {.text = "\r\nGET /a?b=c?d HTTP/1.1\r\nhost:a:80\r\n\r\n",
     .path = "/a",
     .query = "b=c?d",
     .host = "a:80",
     .minor = 1,
     .keep_alive = true},
    {.text = "GET /? HTTP/1.1\r\nHOST:\t [::1]:8080 \t\r\n\r\n",
     .path = "/",
     .query = "",
     .host = "[::1]:8080",
     .minor = 1,
     .keep_alive = true},
    {.text = "GET //x HTTP/1.1\r\nHost:\r\n\r\n",
     .path = "//x",
     .host = "",
     .minor = 1,
     .keep_alive = true},
    {.text = "GET /\xc3\xa9\"<>|{}^`\\[] HTTP/1.1\r\nHost: [::1]\r\n\r\n",
     .path = "/\xc3\xa9\"<>|{}^`\\[]",
     .host = "[::1]",
     .minor = 1,
     .keep_alive = true},
    {.text = "GET /%zz HTTP/1.9\r\nHost: a:\r\n\r\n",
     .path = "/%zz",
     .host = "a:",
     .minor = 1,
     .keep_alive = true},
    {.text = "HEAD / HTTP/1.0\r\n\r\n", .method = HTTP_HEAD, .path = "/", .host = ""},
    {.text = "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n",
     .path = "/",
     .host = "",
     .keep_alive = true},
    {.text = "GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", .path = "/", .host = ""},
    {.text = "GET / HTTP/1.1\r\nHost: a\r\nConnection: foo , CLOSE\r\n\r\n",
     .path = "/",
     .host = "a",
     .minor = 1},
    {.text = "GET / HTTP/1.1\r\nHost: a\r\nConnection: foo\r\nConnection: close\r\n\r\n",
     .path = "/",
     .host = "a",
     .minor = 1},
    {.text = "GET / HTTP/1.1\r\nHost: a\r\nConnection: closed\r\n\r\n",
     .path = "/",
     .host = "a",
     .minor = 1,
     .keep_alive = true},
    {.text = "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
     .method = HTTP_OPTIONS,
     .form = HTTP_ASTERISK_FORM,
     .path = "*",
     .host = "a",
     .minor = 1,
     .keep_alive = true},
    {.text = "OPTIONS / HTTP/1.1\r\nHost: a\r\n\r\n",
     .method = HTTP_OPTIONS,
     .path = "/",
     .host = "a",
     .minor = 1,
     .keep_alive = true},
    {.text = "GET http://b:81/x?y HTTP/1.1\r\nHost: a\r\n\r\n",
     .form = HTTP_ABSOLUTE_FORM,
     .path = "/x",
     .query = "y",
     .host = "b:81",
     .minor = 1,
     .keep_alive = true},
    {.text = "GET HTTPS://b HTTP/1.1\r\nHost: a\r\n\r\n",
     .form = HTTP_ABSOLUTE_FORM,
     .path = "/",
     .host = "b",
     .minor = 1,
     .keep_alive = true},
    {.text = "GET http://[::1]:1?q HTTP/1.0\r\n\r\n",
     .form = HTTP_ABSOLUTE_FORM,
     .path = "/",
     .query = "q",
     .host = "[::1]:1"},
    {.text = "CONNECT b:443 HTTP/1.1\r\nHost: a\r\n\r\n",
     .method = HTTP_CONNECT,
     .form = HTTP_AUTHORITY_FORM,
     .path = "/",
     .host = "b:443",
     .minor = 1,
     .keep_alive = true},
    {.text = "PURGE /x HTTP/1.1\r\nHost: a\r\n\r\n",
     .method = HTTP_METHOD_OTHER,
     .path = "/x",
     .host = "a",
     .minor = 1,
     .keep_alive = true},
    {.text = "get / HTTP/1.1\r\nHost: a\r\n\r\n",
     .method = HTTP_METHOD_OTHER,
     .path = "/",
     .host = "a",
     .minor = 1,
     .keep_alive = true},
    {.text = "PUT /f HTTP/1.1\r\nHost: a\r\nContent-Length: 9223372036854775807\r\n"
             "Expect: 100-Continue\r\n\r\n",
     .method = HTTP_PUT,
     .path = "/f",
     .host = "a",
     .minor = 1,
     .framing = HTTP_BODY_LENGTH,
     .length = INT64_MAX,
     .keep_alive = true,
     .expect = true},
    {.text = "PUT /f HTTP/1.0\r\nContent-Length: 000\r\nExpect: 100-continue\r\n\r\n",
     .method = HTTP_PUT,
     .path = "/f",
     .host = "",
     .framing = HTTP_BODY_LENGTH},
    {.text = "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \tChunked \r\n\r\n",
     .path = "/",
     .host = "a",
     .minor = 1,
     .framing = HTTP_BODY_CHUNKED,
     .keep_alive = true},
    {.text = "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
     .path = "/",
     .host = "a",
     .minor = 1,
     .keep_alive = true,
     .upgrade = true},
    {.text = "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\n\r\n",
     .path = "/",
     .host = "a",
     .minor = 1,
     .keep_alive = true},
    {.text = "GET / HTTP/1.1\r\nHost: a\r\nX-Tab: a\tb\xff\r\nX-Empty:\r\n\r\n",
     .path = "/",
     .host = "a",
     .minor = 1,
     .keep_alive = true},
};

static void check_request(const struct taken *c, const struct http_request *r)
{
    ck_assert_msg(r->method == c->method && r->form == c->form, "%s", c->text);
    ck_assert_msg(span_eq(r->path, span_str(c->path)), "%s", c->text);
    ck_assert_msg(r->has_query == (c->query != NULL), "%s", c->text);
    ck_assert_msg(span_eq(r->query, span_str(c->query)), "%s", c->text);
    ck_assert_msg(span_eq(r->host, span_str(c->host)), "%s", c->text);
    ck_assert_msg(r->version_minor == c->minor, "%s", c->text);
    ck_assert_msg(r->framing == c->framing, "%s", c->text);
    ck_assert_msg(r->content_length == c->length, "%s", c->text);
    ck_assert_msg(r->keep_alive == c->keep_alive, "%s", c->text);
    ck_assert_msg(r->expect_continue == c->expect, "%s", c->text);
    ck_assert_msg(r->upgrade == c->upgrade, "%s", c->text);
}

START_TEST(takes_good_heads)
{
    static struct http_request r;

    for (size_t i = 0; i < COUNT(taken); i++) {
        const struct taken *c = &taken[i];
        size_t n = strlen(c->text);
        struct http_parser s = {0};
        char *copy;
        enum http_parse_result result = parse_copy(&s, &limits, c->text, n, &copy, &r);
        ck_assert_msg(result == HTTP_PARSE_DONE, "%s: %s", s.why, c->text);
        ck_assert_msg(s.consumed == n && s.status == 0, "%s", c->text);
        check_request(c, &r);
        free(copy);

        /* Growing, but in place, so that the spans of the last call can be looked at. */
        s = (struct http_parser){0};
        for (size_t k = 0; k < n; k++)
            ck_assert_msg(http_parse_head(&s, &limits, c->text, k, &r) == HTTP_PARSE_MORE,
                          "%zu bytes of %s", k, c->text);
        ck_assert_msg(http_parse_head(&s, &limits, c->text, n, &r) == HTTP_PARSE_DONE, "%s",
                      c->text);
        ck_assert_msg(s.consumed == n, "%s", c->text);
        check_request(c, &r);
    }
}
END_TEST

START_TEST(leaves_what_follows)
{
    static const char two[] =
        "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: b\r\n\r\n";
    static struct http_request r;
    struct http_parser s = {0};
    size_t half = (sizeof two - 1) / 2;

    ck_assert_int_eq(http_parse_head(&s, &limits, two, sizeof two - 1, &r), HTTP_PARSE_DONE);
    ck_assert_uint_eq(s.consumed, half);
    ck_assert(span_eq(r.line, SPAN("GET /1 HTTP/1.1")));
    ck_assert(span_eq(r.method_text, SPAN("GET")));
    ck_assert(span_eq(r.target, SPAN("/1")));
    s = (struct http_parser){0};
    ck_assert_int_eq(http_parse_head(&s, &limits, two + half, half, &r), HTTP_PARSE_DONE);
    ck_assert(span_eq(r.host, SPAN("b")));
}
END_TEST

START_TEST(knows_fields)
{
    static const char head[] =
        "GET / HTTP/1.1\r\nhost: a\r\nCONNECTION: b\r\nContent-Length: 3\r\nexpect: d\r\n"
        "Accept: e\r\nAccept-Encoding: f\r\nRange: g\r\nIf-Range: h\r\nIf-Match: i\r\n"
        "If-None-Match: j\r\nIf-Modified-Since: k\r\nIf-Unmodified-Since: l\r\n"
        "User-Agent: m\r\nReferer: n\r\nUpgrade: o\r\nContent-Type: p\r\nAuthorization: q\r\n"
        "X-Forwarded-For: r\r\nX-Request-ID: s\r\nX-Other: t\r\nAccept: u\r\nRangf: v\r\n\r\n";
    static struct http_request r;
    struct http_parser s = {0};
    struct span value = {NULL, 0};
    unsigned at = 0;

    ck_assert_int_eq(http_parse_head(&s, &limits, head, sizeof head - 1, &r), HTTP_PARSE_DONE);
    ck_assert_uint_eq(r.field_count, 22);
    ck_assert_uint_eq(r.repeated, UINT32_C(1) << HTTP_FIELD_ACCEPT);
    for (int id = HTTP_FIELD_HOST; id < HTTP_FIELD_COUNT; id++)
        ck_assert_msg((r.known[id].n == 1) == (id != HTTP_FIELD_TRANSFER_ENCODING), "%d", id);
    ck_assert(span_eq(r.known[HTTP_FIELD_ACCEPT], SPAN("e")));
    ck_assert(span_eq(r.known[HTTP_FIELD_X_REQUEST_ID], SPAN("s")));
    ck_assert(span_eq(r.known[HTTP_FIELD_IF_UNMODIFIED_SINCE], SPAN("l")));
    ck_assert(span_eq(r.field[19].name, SPAN("X-Other")));
    ck_assert_int_eq(r.field[21].id, HTTP_FIELD_OTHER);
    ck_assert(http_field_next(&r, HTTP_FIELD_ACCEPT, &at, &value) && span_eq(value, SPAN("e")));
    ck_assert(http_field_next(&r, HTTP_FIELD_ACCEPT, &at, &value) && span_eq(value, SPAN("u")));
    ck_assert(!http_field_next(&r, HTTP_FIELD_ACCEPT, &at, &value));
    ck_assert(http_field_has(&r, HTTP_FIELD_ACCEPT, "U"));
    ck_assert(!http_field_has(&r, HTTP_FIELD_TRANSFER_ENCODING, "x"));
}
END_TEST

START_TEST(bounds_the_number_of_fields)
{
    static struct http_request r;

    for (int count = HTTP_FIELDS_MAX - 1; count <= HTTP_FIELDS_MAX + 1; count++) {
        char head[4096] = "GET / HTTP/1.1\r\nHost: a\r\n";
        for (int i = 1; i < count; i++)
            strcat(head, "X: a\r\n");
        strcat(head, "\r\n");
        struct http_parser s = {0};
        enum http_parse_result result = http_parse_head(&s, &limits, head, strlen(head), &r);
        if (count <= HTTP_FIELDS_MAX) {
            ck_assert_int_eq(result, HTTP_PARSE_DONE);
            ck_assert_int_eq((int)r.field_count, count);
        } else {
            ck_assert_int_eq(result, HTTP_PARSE_BAD);
            ck_assert_int_eq(s.status, 431);
        }
    }
}
END_TEST

START_TEST(bounds_the_bytes)
{
    static const char head[] = "GET /0123456789 HTTP/1.1\r\nHost: a\r\n\r\n";
    static const size_t n = sizeof head - 1, line = 26;
    static struct http_request r;

    for (size_t limit = 0; limit < n + 3; limit++) {
        struct http_parse_limits l = {limit};
        struct http_parser whole = {0}, bytes;
        enum http_parse_result result = http_parse_head(&whole, &l, head, n, &r);
        ck_assert_int_eq(feed(&bytes, &l, head, n, &r), result);
        ck_assert_int_eq(bytes.status, whole.status);
        /* A buffer that is full at the limit must not wait for more. */
        struct http_parser full = {0};
        ck_assert_int_eq(http_parse_head(&full, &l, head, limit < n ? limit : n, &r), result);
        if (limit >= n)
            ck_assert_int_eq(result, HTTP_PARSE_DONE);
        else
            ck_assert_msg(whole.status == (limit < line ? 414 : 431), "%zu: %d", limit,
                          whole.status);
    }
}
END_TEST

START_TEST(tells_the_line_of_a_refused_head)
{
    static const struct {
        const char *text, *line;
    } cases[] = {
        {"GET / HTTP/1.1\r\nX : a\r\n\r\n", "GET / HTTP/1.1"},
        {"\r\nGET /\r\n", "GET /"},
        {"GET / HTTP/3.0\r\n", "GET / HTTP/3.0"},
        {"\x16\x03", "\x16\x03"},
    };
    static struct http_request r;

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct http_parser s = {0};
        http_parse_head(&s, &limits, cases[i].text, strlen(cases[i].text), &r);
        ck_assert_msg(span_eq(r.line, span_str(cases[i].line)), "%s", cases[i].text);
    }
}
END_TEST

START_TEST(reads_methods)
{
    for (enum http_method m = HTTP_GET; m < HTTP_METHOD_OTHER; m++) {
        static struct http_request r;
        struct http_parser s = {0};
        char head[64];
        const char *target = m == HTTP_CONNECT ? "a:1" : "/";
        int n = snprintf(head, sizeof head, "%s %s HTTP/1.0\r\n\r\n", http_method_name(m), target);
        ck_assert_int_eq(http_parse_head(&s, &limits, head, (size_t)n, &r), HTTP_PARSE_DONE);
        ck_assert_int_eq(r.method, m);
    }
    ck_assert_str_eq(http_method_name(HTTP_METHOD_OTHER), "OTHER");
    ck_assert_str_eq(http_status_reason(404), "Not Found");
    ck_assert_str_eq(http_status_reason(299), "Unknown");
    ck_assert_str_eq(http_status_reason(-1), "Unknown");
    ck_assert_str_eq(http_status_reason(100000), "Unknown");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("http head");
    TCase *t = tcase_create("head");

    tcase_add_test(t, refuses_bad_request_lines);
    tcase_add_test(t, refuses_bad_fields);
    tcase_add_test(t, refuses_bad_framing);
    tcase_add_test(t, takes_good_heads);
    tcase_add_test(t, leaves_what_follows);
    tcase_add_test(t, knows_fields);
    tcase_add_test(t, bounds_the_number_of_fields);
    tcase_add_test(t, bounds_the_bytes);
    tcase_add_test(t, tells_the_line_of_a_refused_head);
    tcase_add_test(t, reads_methods);
    suite_add_tcase(s, t);
    return unit_run(s);
}
