/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Paths, dot files, query values, and media types by name.
 */
#include "tests/unit/unit.h"

#include <stdio.h>

#include "http/mime.h"
#include "http/path.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

START_TEST(decodes_paths)
{
    static const struct {
        const char *raw, *want; /* want NULL: refused */
    } cases[] = {
        {"/", "/"},
        {"/a", "/a"},
        {"/a/", "/a/"},
        {"/a/b.c", "/a/b.c"},
        {"//", "/"},
        {"//a///b//", "/a/b/"},
        {"/.", "/"},
        {"/./", "/"},
        {"/a/.", "/a/"},
        {"/a/./b", "/a/b"},
        {"/a/..", "/"},
        {"/a/../", "/"},
        {"/a/../b", "/b"},
        {"/a/b/..", "/a/"},
        {"/a/b/../c", "/a/c"},
        {"/a/b/../../c", "/c"},
        {"/a//../b", "/b"},
        {"/...", "/..."},
        {"/.a", "/.a"},
        {"/..a/b..", "/..a/b.."},
        {"/%61", "/a"},
        {"/a%20b+c", "/a b+c"},
        {"/%C3%a9", "/\xc3\xa9"},
        {"/\xc3\xa9", "/\xc3\xa9"},
        {"/%80%ff", "/\x80\xff"},
        {"/%2561", "/%61"}, /* decoded once */
        {"/%252e%252e/a", "/%2e%2e/a"},
        {"/a\\b%5c", "/a\\b\\"},
        {"/a/%2e%2E/b", "/b"},
        {"/a/.%2e", "/"},
        {"/%2e", "/"},
        {"/a?b", "/a?b"},
        {"/..", NULL},
        {"/../", NULL},
        {"/../a", NULL},
        {"/a/../..", NULL},
        {"/a/../../b", NULL},
        {"/a//../../b", NULL},
        {"/./..", NULL},
        {"/%2e%2e", NULL},
        {"/%2e%2e/a", NULL},
        {"/a%2fb", "/a/b"},
        {"/@scope%2Fname", "/@scope/name"},
        {"/a%2f", "/a/"},
        {"/%2f%2Fa", "/a"},
        {"/a%2f.%2fb", "/a/b"},
        {"/a%2f..%2fb", "/b"},
        {"/a/..%2fb", "/b"},
        {"/a%2f%2e%2e/b", "/b"},
        {"/a%252fb", "/a%2fb"},
        {"/..%2f", NULL},
        {"/..%2f..%2fetc%2fpasswd", NULL},
        {"/a%2f..%2f..%2fb", NULL},
        {"/%2e%2e%2fa", NULL},
        {"/a%00", NULL},
        {"/%0a", "/\n"},
        {"/%1f%7f", "/\x1f\x7f"},
        {"/\x01", NULL},
        {"/\x7f", NULL},
        {"/%", NULL},
        {"/%4", NULL},
        {"/%g1", NULL},
        {"/%1g", NULL},
        {"/%%41", NULL},
        {"/% 1", NULL},
        {"", NULL},
        {"a", NULL},
        {"*", NULL},
        {"%2f", NULL},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct span out = {NULL, 0}, raw = span_str(cases[i].raw);
        char *to = malloc(raw.n + 1); /* raw.n bytes are always enough */
        enum http_path_result result = http_path_decode(raw, to, raw.n, &out);
        ck_assert_msg(result == (cases[i].want ? HTTP_PATH_OK : HTTP_PATH_BAD), "%s: %d",
                      cases[i].raw, (int)result);
        if (cases[i].want)
            ck_assert_msg(span_eq(out, span_str(cases[i].want)), "%s: %.*s", cases[i].raw,
                          (int)out.n, out.p);
        free(to);
    }
}
END_TEST

START_TEST(bounds_paths)
{
    static const char raw[] = "/0123456789";
    char to[16];
    struct span out = {NULL, 0};

    for (size_t cap = 0; cap <= sizeof to; cap++) {
        memset(to, '#', sizeof to);
        enum http_path_result result = http_path_decode(span_str(raw), to, cap, &out);
        ck_assert_int_eq(result, cap < sizeof raw - 1 ? HTTP_PATH_TOO_LONG : HTTP_PATH_OK);
        for (size_t i = cap; i < sizeof to; i++)
            ck_assert_int_eq(to[i], '#');
    }
}
END_TEST

START_TEST(finds_dot_files)
{
    static const struct {
        const char *path;
        bool has;
    } cases[] = {
        {"/", false},
        {"/a.b/c.d", false},
        {"/.git/config", true},
        {"/a/.b", true},
        {"/a/.b/c", true},
        {"/...", true},
        {"/.well-known/acme-challenge/x", false},
        {"/.well-known/", false},
        {"/.well-known", false},
        {"/.well-known/.a", true},
        {"/.well-known.bak", true},
        {"/.well-knowns/a", true},
        {"/a/.well-known/b", true},
        {"", false},
    };

    for (size_t i = 0; i < COUNT(cases); i++)
        ck_assert_msg(http_path_has_dot_file(span_str(cases[i].path)) == cases[i].has, "%s",
                      cases[i].path);
}
END_TEST

START_TEST(reads_queries)
{
    static const struct {
        const char *query, *key, *want; /* want NULL: not there */
    } cases[] = {
        {"a=1", "a", "1"},          {"a=1&b=2", "b", "2"},
        {"b&a=1", "b", ""},         {"a=", "a", ""},
        {"a=1&a=2", "a", "1"},      {"&&a=1", "a", "1"},
        {"a=b=c", "a", "b=c"},      {"a=%41+%2b", "a", "A +"},
        {"%61=1", "a", "1"},        {"a=%4", "a", "%4"},
        {"a=%zz%", "a", "%zz%"},    {"a=12345678", "a", "12345678"},
        {"a=123456789", "a", NULL}, /* does not fit */
        {"ab=1", "a", NULL},        {"a=1", "ab", NULL},
        {"A=1", "a", NULL},         {"", "a", NULL},
        {NULL, "a", NULL},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        char to[8];
        struct span out;
        bool found = http_query_get(span_str(cases[i].query), cases[i].key, to, sizeof to, &out);
        ck_assert_msg(found == (cases[i].want != NULL), "%s", cases[i].query);
        if (found)
            ck_assert_msg(span_eq(out, span_str(cases[i].want)), "%s", cases[i].query);
    }
}
END_TEST

START_TEST(finds_types)
{
    static const char system_file[] = "# a comment\n"
                                      "text/html\t\thtml htm SHTML\r\n"
                                      "application/x-none\n"
                                      "  application/gzip gz # tgz\n"
                                      "application/x-gtar-compressed tar.gz .mine\n"
                                      "image/system png\n"
                                      "text/vnd.trolltech.linguist ts\n"
                                      "notype ext\n"
                                      "\n"
                                      "video/last vlast";
    static const struct {
        const char *name, *type;
    } cases[] = {
        {"/index.html", "text/html"},
        {"/INDEX.HtMl", "text/html"},
        {"a.shtml", "text/html"},
        {"/a.css", "text/css"},
        {"/a.gz", "application/gzip"},
        {"/a.tar.gz", "application/x-gtar-compressed"},
        {"/a.b.c.tar.gz", "application/x-gtar-compressed"},
        {"/tar.gz", "application/gzip"},
        {"/a.conf", "application/config"},
        {"/a.png", "image/config"},
        {"/a.mine", "application/x-gtar-compressed"},
        {"/a.vlast", "video/last"},
        {"/a.tgz", "application/gzip"},
        {"/a.woff2", "font/woff2"},
        {"/a", "application/octet-stream"},
        {"/a.", "application/octet-stream"},
        {"/a.html.", "application/octet-stream"},
        {"/.html", "application/octet-stream"},
        {".html", "application/octet-stream"},
        {"/.a.html", "text/html"},
        {"/a.webmanifest", "application/manifest+json"}, /* the longest known */
        {"/.webmanifest", "application/octet-stream"},
        {"/a.html/b", "application/octet-stream"},
        {"/a.html/", "application/octet-stream"},
        {"/a.ext", "application/octet-stream"},
        {"/html", "application/octet-stream"},
        {"/a.ts", "video/mp2t"}, /* built in, whatever the system's table says */
        {"/a.shtml", "text/html"},
        {"/a/README", "text/plain"},
        {"SHA256SUMS", "text/plain"},
        {"/README/a", "application/octet-stream"},
        {"/readme", "application/octet-stream"},
        {"/LICENSE.", "application/octet-stream"},
        {"/README.md", "text/markdown"},
        {"/x.avif", "image/avif"},
        {"/x.wasm", "application/wasm"},
        {"/x.mjs", "text/javascript"},
        {"/x.opus", "audio/ogg"},
        {"/x.m4a", "audio/mp4"},
        {"/x.mkv", "video/matroska"},
        {"/x.heic", "image/heic"},
        {"/x.glb", "model/gltf-binary"},
        {"/x.parquet", "application/vnd.apache.parquet"},
        {"/x.jsonld", "application/ld+json"},
        {"/a.#", "application/octet-stream"},
        {"", "application/octet-stream"},
        {"/a.a-very-long-extension-that-nobody-ever-registered.js", "text/javascript"},
    };
    struct mime_table *t = mime_table_new();

    ck_assert_ptr_nonnull(t);
    ck_assert(mime_table_add(t, SPAN("Conf"), SPAN("application/config")));
    ck_assert(mime_table_add(t, SPAN(".png"), SPAN("image/config")));
    ck_assert(mime_table_add(t, SPAN("conf"), SPAN("application/second")));
    ck_assert(mime_table_add(t, SPAN(""), SPAN("application/empty")));
    ck_assert(mime_table_add(t, SPAN("."), SPAN("application/empty")));
    ck_assert(mime_table_add(t, SPAN("css"), SPAN("text/css\r\nSet-Cookie: a")));
    ck_assert(mime_table_add_file(t, span_str(system_file)));
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct span type = mime_table_find(t, span_str(cases[i].name), span_of(NULL, 0));
        ck_assert_msg(span_eq(type, span_str(cases[i].type)), "%s: %.*s", cases[i].name,
                      (int)type.n, type.p);
    }
    mime_table_free(&t);
    ck_assert_ptr_null(t);
    mime_table_free(&t);
}
END_TEST

START_TEST(grows_and_keeps_types)
{
    struct mime_table *t = mime_table_new();
    char extension[16], name[24], type[24];

    ck_assert(mime_table_add(t, SPAN("first"), SPAN("x/first")));
    struct span early = mime_table_find(t, SPAN("a.first"), SPAN("x/y"));
    for (int i = 0; i < 3000; i++) {
        snprintf(extension, sizeof extension, "e%d", i);
        snprintf(type, sizeof type, "x/%d", i);
        ck_assert(mime_table_add(t, span_str(extension), span_str(type)));
    }
    for (int i = 0; i < 3000; i++) {
        snprintf(name, sizeof name, "a.E%d", i);
        snprintf(type, sizeof type, "x/%d", i);
        ck_assert(span_eq(mime_table_find(t, span_str(name), SPAN("x/y")), span_str(type)));
    }
    ck_assert(span_eq(early, SPAN("x/first")));
    ck_assert(span_eq(mime_table_find(t, SPAN("a.svg"), SPAN("x/y")), SPAN("image/svg+xml")));
    mime_table_free(&t);
}
END_TEST

/* A location's type for names without a known extension goes before names, not before extensions.
 */
START_TEST(types_by_location)
{
    static const struct {
        const char *name, *type;
    } cases[] = {
        {"/latest", "x/manifest"}, {"/README", "x/manifest"}, {"/a.unknown", "x/manifest"},
        {"/a.css", "text/css"},    {"/v1.2", "x/manifest"},
    };
    struct mime_table *t = mime_table_new();

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct span type = mime_table_find(t, span_str(cases[i].name), SPAN("x/manifest"));
        ck_assert_msg(span_eq(type, span_str(cases[i].type)), "%s", cases[i].name);
    }
    mime_table_free(&t);
}
END_TEST

START_TEST(charset_where_the_file_cannot_say_it)
{
    static const struct {
        const char *type;
        bool wants;
    } cases[] = {
        {"TEXT/Plain", true},
        {"text/css", true},
        {"text/csv", true},
        {"text/markdown", true},
        {"text/javascript", true},
        {"text/x-own; a=b", true},
        {"application/javascript", true},
        {"text/html", false},
        {"Text/HTML; level=1", false},
        {"text/xml", false},
        {"text/x+xml", false},
        {"application/xml", false},
        {"application/rss+xml", false},
        {"image/svg+xml", false},
        {"application/json", false},
        {"application/ld+json", false},
        {"text/plain; charset=latin1", false}, /* has one */
        {"text/css;Charset=x", false},
        {"application/octet-stream", false},
        {"application/pdf", false},
        {"xtext/plain", false},
        {"text", false},
        {"", false},
    };

    for (size_t i = 0; i < COUNT(cases); i++)
        ck_assert_msg(mime_wants_charset(span_str(cases[i].type)) == cases[i].wants, "%s",
                      cases[i].type);
}
END_TEST

START_TEST(compressed_by_their_type)
{
    ck_assert(mime_is_gzipped(SPAN("image/svg+xml"), SPAN("/a.svgz")));
    ck_assert(mime_is_gzipped(SPAN("image/svg+xml"), SPAN("/A.SVGZ")));
    ck_assert(!mime_is_gzipped(SPAN("image/svg+xml"), SPAN("/a.svg")));
    ck_assert(!mime_is_gzipped(SPAN("application/x-own"), SPAN("/a.svgz")));
    ck_assert(!mime_is_gzipped(SPAN("application/gzip"), SPAN("/a.tar.gz")));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("http path");
    TCase *t = tcase_create("path");

    tcase_add_test(t, decodes_paths);
    tcase_add_test(t, bounds_paths);
    tcase_add_test(t, finds_dot_files);
    tcase_add_test(t, reads_queries);
    suite_add_tcase(s, t);
    t = tcase_create("mime");
    tcase_add_test(t, finds_types);
    tcase_add_test(t, grows_and_keeps_types);
    tcase_add_test(t, types_by_location);
    tcase_add_test(t, charset_where_the_file_cannot_say_it);
    tcase_add_test(t, compressed_by_their_type);
    suite_add_tcase(s, t);
    return unit_run(s);
}
