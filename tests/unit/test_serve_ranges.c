/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Conditions and ranges, from memory and from descriptors, byte by byte.
 */
#include "tests/unit/test_serve_ask.h"

/* --- conditions and ranges --- */

START_TEST(conditions)
{
    char etag[400], line[1000];

    tree_file("plain/f.txt", "0123456789");
    tree_time("plain/f.txt", 784111777);
    get("/plain/f.txt", NULL);
    snprintf(etag, sizeof etag, "%s", field_value("ETag"));
    const struct {
        const char *format;
        int status;
    } cases[] = {
        {"If-None-Match: %s\r\n", 304},
        {"If-None-Match: W/%s\r\n", 304},
        {"If-None-Match: \"x\"\r\nIf-None-Match: %s\r\n", 304},
        {"If-None-Match: *\r\n", 304},
        {"If-None-Match: \"x\"\r\n", 200},
        {"If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n", 304},
        {"If-Modified-Since: Sun, 06 Nov 1994 08:49:36 GMT\r\n", 200},
        {"If-None-Match: \"x\"\r\nIf-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n", 200},
        {"If-Match: \"x\"\r\n", 412},
        {"If-Match: %s\r\n", 200},
        {"If-Unmodified-Since: Sun, 06 Nov 1994 08:49:36 GMT\r\n", 412},
        {"If-None-Match: %s\r\nRange: bytes=0-0\r\n", 304},
        {"If-Match: \"x\"\r\nRange: bytes=0-0\r\n", 412},
        {"If-Range: %s\r\nRange: bytes=0-0\r\n", 206},
        {"If-Range: W/%s\r\nRange: bytes=0-0\r\n", 200},
        {"If-Range: \"x\"\r\nRange: bytes=0-0\r\n", 200},
        {"If-Range: Sun, 06 Nov 1994 08:49:37 GMT\r\nRange: bytes=0-0\r\n", 206},
        {"If-Range: Sun, 06 Nov 1994 08:49:38 GMT\r\nRange: bytes=0-0\r\n", 200},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(line, sizeof line, cases[i].format, etag);
        get("/plain/f.txt", line);
        ck_assert_msg(reply.plan.status == cases[i].status, "%s: %d", line, reply.plan.status);
        ck_assert_int_eq(reply.plan.no_content, cases[i].status == 304);
        if (cases[i].status != 304)
            continue;
        ck_assert_uint_eq(reply.body.n, 0);
        ck_assert_str_eq(field_value("ETag"), etag);
        ck_assert(has_line(reply.fields, "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT"));
        ck_assert(has_line(reply.fields, "Cache-Control: public, max-age=60"));
        ck_assert(!has_name(reply.fields, "Content-Type"));
        ck_assert(!has_name(reply.fields, "Accept-Ranges"));
    }
    /* An entry that changes has another tag. */
    tree_file("plain/f.txt", "9876543210");
    now.ns += 11 * NS_PER_S;
    snprintf(line, sizeof line, "If-None-Match: %s\r\n", etag);
    ck_assert_str_eq(get("/plain/f.txt", line), "9876543210");
}
END_TEST

static void check_ranges(void)
{
    static const struct request_case cases[] = {
        {"GET",
         "/f.txt",
         0,
         "Range: bytes=2-4\r\n",
         206,
         {"Content-Range: bytes 2-4/10", "Content-Type: text/plain; charset=utf-8",
          "Accept-Ranges: bytes"},
         "234"},
        {"GET", "/f.txt", 0, "Range: bytes=7-\r\n", 206, {"Content-Range: bytes 7-9/10"}, "789"},
        {"GET", "/f.txt", 0, "Range: bytes=-1\r\n", 206, {"Content-Range: bytes 9-9/10"}, "9"},
        {"GET",
         "/f.txt",
         0,
         "Range: bytes=5-99\r\n",
         206,
         {"Content-Range: bytes 5-9/10"},
         "56789"},
        {"GET",
         "/f.txt",
         0,
         "Range: bytes=0-1,2-3\r\n",
         206,
         {"Content-Range: bytes 0-3/10"},
         "0123"},
        {"GET",
         "/f.txt",
         0,
         "Range: bytes=10-\r\n",
         416,
         {"Content-Range: bytes */10", "!ETag"},
         "416 Range Not Satisfiable\n"},
        {"GET", "/f.txt", 0, "Range: bytes=4-2\r\n", 200, {"!Content-Range"}, "0123456789"},
        {"GET", "/f.txt", 0, "Range: lines=1-2\r\n", 200, {"!Content-Range"}, "0123456789"},
        {"GET",
         "/f.txt",
         0,
         "Range: bytes=0-1\r\nRange: bytes=5-6\r\n",
         200,
         {"!Content-Range"},
         "0123456789"},
        {"HEAD", "/f.txt", 0, "Range: bytes=2-4\r\n", 200, {"!Content-Range"}, NULL},
        {"GET", "/empty", 0, "Range: bytes=0-0\r\n", 416, {"Content-Range: bytes */0"}, NULL},
    };

    tree_file("www/f.txt", "0123456789");
    tree_file("www/empty", "");
    RUN(cases);

    const char *body = get("/f.txt", "Range: bytes=0-1,5-6,-1\r\n");
    ck_assert_int_eq(reply.plan.status, 206);
    ck_assert(!has_name(reply.fields, "Content-Range"));
    const char *type = field_value("Content-Type");
    const char *mark = "multipart/byteranges; boundary=";
    ck_assert_mem_eq(type, mark, strlen(mark));
    const char *b = type + strlen(mark);
    ck_assert_uint_eq(strlen(b), 32);
    char want[2000];
#define PART "\r\n--%s\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Range: bytes "
    snprintf(want, sizeof want,
             PART "0-1/10\r\n\r\n01" PART "5-6/10\r\n\r\n56" PART "9-9/10\r\n\r\n9\r\n--%s--\r\n",
             b, b, b, b);
#undef PART
    ck_assert_str_eq(body, want);
    ck_assert_uint_eq(reply.plan.length, strlen(want));
    ck_assert_ptr_null(strstr(strstr(reply.fields, "Content-Type:") + 1, "Content-Type:"));
    char first[400];
    snprintf(first, sizeof first, "%s", b);
    get("/f.txt", "Range: bytes=0-1,5-6\r\n");
    ck_assert_str_ne(first, field_value("Content-Type") + strlen(mark));
}

START_TEST(ranges_from_memory)
{
    check_ranges();
}
END_TEST

START_TEST(ranges_from_a_descriptor)
{
    serve_ctx_free(&ctx);
    conf.cache.content_file_bytes = 0;
    ctx = serve_ctx_new(&conf, mime, NULL, NULL);
    check_ranges();
}
END_TEST

START_TEST(ranges_switched_off)
{
    conf.limits.ranges = 0;
    tree_file("www/f.txt", "0123456789");
    ck_assert_str_eq(get("/f.txt", "Range: bytes=2-4\r\n"), "0123456789");
    ck_assert(has_line(reply.fields, "Accept-Ranges: none"));
    char line[500];
    snprintf(line, sizeof line, "If-None-Match: %s\r\n", field_value("ETag"));
    get("/f.txt", line);
    ck_assert_int_eq(reply.plan.status, 304);
    ck_assert(!has_name(reply.fields, "Accept-Ranges"));
    conf.limits.ranges = 1;
    ck_assert_str_eq(get("/f.txt", "Range: bytes=1-1,5-5\r\n"), "0123456789");
}
END_TEST

START_TEST(files_over_4_gib)
{
    enum { GIB = 1 << 30 };
    const uint64_t size = UINT64_C(5) * GIB;

    tree_file("www/huge", "");
    ck_assert_int_eq(truncate(tree_path("www/huge"), (off_t)size), 0);
    struct reply r;
    struct chunk c;
    start(&r, "GET", "/huge", "h", NULL);
    ck_assert_uint_eq(r.plan.length, size);
    source_pull(&r.plan.body, &c);
    ck_assert_int_eq(c.kind, CHUNK_FILE);
    ck_assert_uint_eq(c.length, size);
    reply_free(&r);

    start(&r, "GET", "/huge", "h", "Range: bytes=4294967297-4295067296,-20000\r\n");
    ck_assert_int_eq(r.plan.status, 206);
    const uint64_t offset[] = {UINT64_C(4294967297), size - 20000}, length[] = {100000, 20000};
    uint64_t total = 0;
    int slices = 0;
    for (source_pull(&r.plan.body, &c); c.kind != CHUNK_END; source_pull(&r.plan.body, &c)) {
        total += c.kind == CHUNK_FILE ? c.length : c.memory.n;
        if (c.kind != CHUNK_FILE)
            continue;
        ck_assert_int_lt(slices, 2);
        ck_assert_uint_eq(c.offset, offset[slices]);
        ck_assert_uint_eq(c.length, length[slices++]);
    }
    ck_assert_int_eq(slices, 2);
    ck_assert_uint_eq(total, r.plan.length);
    reply_free(&r);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("ranges");
    TCase *t = tcase_create("ranges");

    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, conditions);
    tcase_add_test(t, ranges_from_memory);
    tcase_add_test(t, ranges_from_a_descriptor);
    tcase_add_test(t, ranges_switched_off);
    tcase_add_test(t, files_over_4_gib);
    suite_add_tcase(s, t);
    return unit_run(s);
}
