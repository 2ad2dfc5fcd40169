/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Serving files, redirects and errors: status, field lines and every byte of the body.
 */
#include "tests/unit/test_serve_ask.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

/* --- files --- */

static void make_files(void)
{
    tree_file("www/a.txt", "hello");
    tree_file("www/a.html", "<p>");
    tree_file("www/pic.png", "png");
    tree_file("www/data", "data");
    tree_file("www/empty.txt", "");
    tree_file("www/sp ace&%.txt", "odd");
    tree_file("www/.hidden", "hidden");
    tree_dir("www/.git");
    tree_file("www/.git/config", "config");
    tree_dir("www/.well-known");
    tree_file("www/.well-known/x", "known");
    tree_dir("www/dir");
    tree_file("www/dir/index.txt", "second");
    tree_dir("www/both");
    tree_file("www/both/index.html", "first");
    tree_file("www/both/index.txt", "second");
    tree_dir("www/trap");
    tree_dir("www/trap/index.html");
    tree_file("www/trap/index.txt", "not the directory");
    tree_dir("www/list");
    tree_dir("www/odd \"dir?#");
    tree_file("plain/a.txt", "plain");
    tree_dir("plain/dir");
    tree_file("plain/.x", "x");
    tree_file("site/s.txt", "site");
    tree_file("secret", "secret");
    tree_link("../../secret", "www/dir/out");
    tree_link("loop", "www/loop");
    tree_link("a.txt", "www/in");
    ck_assert_int_eq(mkfifo(tree_path("www/fifo"), 0644), 0);
    tree_time("www/a.txt", 784111777);
    tree_time("www/data", 0);
    tree_time("www/pic.png", NOW_S + 100000000);
}

START_TEST(files)
{
    static const struct request_case cases[] = {
        {"GET",
         "/a.txt",
         0,
         0,
         200,
         {"Content-Type: text/plain; charset=utf-8", "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT",
          "Accept-Ranges: bytes", "!Cache-Control"},
         "hello"},
        {"HEAD", "/a.txt", 0, 0, 200, {"Content-Type: text/plain; charset=utf-8"}, NULL},
        {"GET", "/a.html", 0, 0, 200, {"Content-Type: text/html"}, "<p>"},
        {"GET", "/pic.png", 0, 0, 200, {"Content-Type: image/png", "!Last-Modified"}, "png"},
        {"GET",
         "/data",
         0,
         0,
         200,
         {"Content-Type: application/octet-stream", "!Last-Modified"},
         "data"},
        {"GET", "/empty.txt", 0, 0, 200, {"Accept-Ranges: bytes"}, ""},
        {"GET", "/sp%20ace&%25.txt", 0, 0, 200, {0}, "odd"},
        {"GET", "//a.txt", 0, 0, 200, {0}, "hello"},
        {"GET", "/dir/../a.txt?x=/../..", 0, 0, 200, {0}, "hello"},
        {"GET", "/in", 0, 0, 200, {0}, "hello"},
        {"GET",
         "/plain/a.txt",
         0,
         0,
         200,
         {"Content-Type: text/plain", "Cache-Control: public, max-age=60"},
         "plain"},
        {"GET", "/noslash/a.txt", 0, 0, 200, {0}, "plain"},
        {"GET", "/s.txt", "example.org", 0, 200, {0}, "site"},
        {"GET", "/s.txt", "A.B.Example.ORG.:8080", 0, 200, {0}, "site"},
        {"GET", "/plain/a.txt", "example.org", 0, 200, {0}, "plain"},
        {"GET", "http://example.org/s.txt", "other", 0, 200, {0}, "site"},
        /* index files */
        {"GET", "/dir/", 0, 0, 200, {"Content-Type: text/plain; charset=utf-8"}, "second"},
        {"GET", "/both/", 0, 0, 200, {"Content-Type: text/html"}, "first"},
        {"GET", "/trap/", 0, 0, 200, {0}, "not the directory"},
        /* slashes */
        {"GET", "/dir", 0, 0, 301, {"Location: /dir/"}, "301 Moved Permanently\n"},
        {"GET", "/dir?a=b&c=%20", 0, 0, 301, {"Location: /dir/?a=b&c=%20"}, NULL},
        {"GET", "/dir?", 0, 0, 301, {"Location: /dir/?"}, NULL},
        {"GET", "//dir", 0, 0, 301, {"Location: /dir/"}, NULL},
        {"GET", "//evil.example/..//dir", 0, 0, 301, {"Location: /dir/"}, NULL},
        {"GET", "/odd%20%22dir%3F%23", 0, 0, 301, {"Location: /odd%20%22dir%3F%23/"}, NULL},
        {"GET", "/plain", 0, 0, 301, {"Location: /plain/"}, NULL},
        {"GET", "/plain?q", 0, 0, 301, {"Location: /plain/?q"}, NULL},
        {"GET", "/noslash", 0, 0, 301, {"Location: /noslash/"}, NULL},
        {"GET", "/a.txt/", 0, 0, 404, {0}, "404 Not Found\n"},
        /* what is not to be had */
        {"GET", "/none", 0, 0, 404, {"Content-Type: text/plain; charset=utf-8"}, "404 Not Found\n"},
        {"GET", "/a.txt/b", 0, 0, 404, {0}, NULL},
        {"GET", "/.hidden", 0, 0, 404, {0}, NULL},
        {"GET", "/.git/config", 0, 0, 404, {0}, NULL},
        {"GET", "/%2egit/config", 0, 0, 404, {0}, NULL},
        {"GET", "/.well-known/x", 0, 0, 200, {0}, "known"},
        {"GET", "/dots/.well-known/x", 0, 0, 200, {0}, "known"},
        {"GET", "/dots/.hidden", 0, 0, 200, {0}, "hidden"},
        {"GET", "/dots/.git/config", 0, 0, 200, {0}, "config"},
        {"GET", "/plain/.x", 0, 0, 404, {0}, NULL},
        {"GET", "/noslash/.x", 0, 0, 404, {0}, NULL},
        {"GET", "/noslash.x", 0, 0, 404, {0}, NULL},
        {"GET", "/json/.well-known/x", 0, 0, 404, {0}, NULL},
        {"GET", "/plain/dir/", 0, 0, 403, {0}, "403 Forbidden\n"},
        {"GET", "/plain/dir", 0, 0, 301, {0}, NULL},
        {"GET", "/dir/out", 0, 0, 403, {0}, NULL},
        {"GET", "/loop", 0, 0, 403, {0}, NULL},
        {"GET", "/fifo", 0, 0, 403, {0}, NULL},
        {"GET", "/../secret", 0, 0, 400, {0}, "400 Bad Request\n"},
        {"GET", "/%00", 0, 0, 400, {0}, NULL},
        {"GET", "/a%2ftxt", 0, 0, 404, {0}, NULL},
        {"GET", "/s.txt", 0, 0, 404, {0}, NULL},
        {"GET", "/none", "example.org", 0, 404, {"Content-Type: text/html"}, "<p>Nothing here"},
        /* methods */
        {"POST",
         "/a.txt",
         0,
         "Content-Length: 0\r\n",
         405,
         {"Allow: GET, HEAD, OPTIONS"},
         "405 Method Not Allowed\n"},
        {"PUT",
         "/s.txt",
         "example.org",
         "Content-Length: 0\r\n",
         405,
         {"Allow: GET, HEAD, OPTIONS", "Content-Type: text/plain; charset=utf-8"},
         "No."},
        {"DELETE", "/a.txt", 0, 0, 405, {"Allow: GET, HEAD, OPTIONS"}, NULL},
        {"TRACE", "/a.txt", 0, 0, 405, {"Allow: GET, HEAD, OPTIONS"}, NULL},
        {"BREW", "/a.txt", 0, 0, 501, {0}, "501 Not Implemented\n"},
        {"OPTIONS", "/a.txt", 0, 0, 204, {"Allow: GET, HEAD, OPTIONS"}, ""},
        {"OPTIONS", "*", 0, 0, 204, {"Allow: GET, HEAD, OPTIONS"}, ""},
        /* redirects */
        {"GET", "/old/", 0, 0, 301, {"Location: /new/"}, NULL},
        {"GET", "/old/a%20b/c?q=1", 0, 0, 301, {"Location: /new/a%20b/c?q=1"}, NULL},
        {"GET", "/old/%00", 0, 0, 400, {"!Location"}, NULL},
        {"GET", "/old//evil.example", 0, 0, 301, {"Location: /new/evil.example"}, NULL},
        {"GET", "/old", 0, 0, 301, {"Location: /old/"}, NULL},
        {"GET", "/go", 0, 0, 302, {"Location: https://example.org/x?a=1#top"}, "302 Found\n"},
        {"GET", "/go/on?b=2", 0, 0, 302, {"Location: https://example.org/x?a=1&b=2#top"}, NULL},
        {"POST", "/go", 0, "Content-Length: 0\r\n", 302, {0}, NULL},
    };

    make_files();
    RUN(cases);
    RUN(cases); /* from the cache */
}
END_TEST

START_TEST(answers_that_close)
{
    static const struct {
        int status;
        bool close;
        const char *body;
    } cases[] = {
        {400, true, "400 Bad Request\n"},
        {404, false, "404 Not Found\n"},
        {408, true, "408 Request Timeout\n"},
        {413, true, NULL},
        {414, true, NULL},
        {431, true, NULL},
        {501, true, NULL},
        {505, true, NULL},
        {503, false, "503 Service Unavailable\n"},
        {500, false, NULL},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct reply r = {0};
        serve_error(ctx, NULL, cases[i].status, &r.plan);
        drain(&r);
        ck_assert_int_eq(r.plan.status, cases[i].status);
        ck_assert_int_eq(r.plan.close, cases[i].close);
        if (cases[i].body)
            ck_assert_mem_eq(r.body.p, cases[i].body, r.body.n);
        ck_assert_int_eq(has_name(r.fields, "Retry-After"), cases[i].status == 503);
        reply_free(&r);
    }
}
END_TEST

START_TEST(long_paths)
{
    static char target[12000];

    make_files();
    target[0] = '/';
    memset(target + 1, 'a', 300);
    target[301] = '\0';
    get(target, NULL);
    ck_assert_int_eq(reply.plan.status, 404);
    for (size_t i = 0; i < 9000; i++)
        target[i] = i % 2 ? 'a' : '/';
    target[5000] = '\0'; /* above PATH_MAX */
    get(target, NULL);
    ck_assert_int_eq(reply.plan.status, 404);
    target[5000] = '/';
    target[9000] = '\0';
    get(target, NULL);
    ck_assert_int_eq(reply.plan.status, 414);
    ck_assert(reply.plan.close);
}
END_TEST

START_TEST(no_permission)
{
    make_files();
    ck_assert_int_eq(chmod(tree_path("www/a.txt"), 0), 0);
    ck_assert_int_eq(chmod(tree, 0755), 0);
    if (geteuid() == 0)
        ck_assert_int_eq(seteuid(65534), 0);
    get("/a.txt", NULL);
    ck_assert_int_eq(reply.plan.status, 403);
    get("/in", NULL);
    ck_assert_int_eq(reply.plan.status, 403);
    if (getuid() == 0)
        ck_assert_int_eq(seteuid(0), 0);
}
END_TEST

START_TEST(no_descriptors)
{
    struct rlimit old, few;
    static char big[2000];
    char name[32];

    for (int i = 0; i < 4; i++) {
        snprintf(name, sizeof name, "www/big%d", i);
        tree_write(name, big, sizeof big);
    }
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    log_to_fd(null);
    get("/big0", NULL); /* opens the root */
    struct reply held;
    start(&held, "GET", "/big1", "h", NULL);
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
    few = old;
    few.rlim_cur = 0;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
    get("/big2", NULL);
    int status = reply.plan.status;
    bool retry = has_line(reply.fields, "Retry-After: 2");
    ck_assert_uint_eq(serve_shed(ctx, 10), 0); /* what was unused has been given up already */
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
    ck_assert_int_eq(status, 503);
    ck_assert(retry);
    log_to_fd(STDERR_FILENO);
    close(null);
    drain(&held); /* a response in flight goes on */
    ck_assert_uint_eq(held.body.n, sizeof big);
    reply_free(&held);
    get("/big2", NULL);
    ck_assert_int_eq(reply.plan.status, 200);
}
END_TEST

/* A root that is gone is the operator's trouble: the log says so, once a second. */
START_TEST(no_root)
{
    char line[400];

    int log = open(tree_path("log"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    log_to_fd(log);
    log_set_level(LOG_LEVEL_WARN); /* without the reason of each request */
    ck_assert_int_eq(rename(tree_path("plain"), tree_path("gone")), 0);
    for (int i = 0; i < 3; i++) {
        snprintf(line, sizeof line, "/plain/%d", i);
        get(line, NULL);
        ck_assert_int_eq(reply.plan.status, 404);
    }
    FILE *f = fopen(tree_path("log"), "re");
    ck_assert_ptr_nonnull(fgets(line, sizeof line, f));
    ck_assert_ptr_nonnull(strstr(line, plain_path));
    ck_assert_ptr_null(fgets(line, sizeof line, f));
    fclose(f);
    log_to_fd(STDERR_FILENO);
    close(log);
    log_set_level(LOG_LEVEL_INFO);
    ck_assert_int_eq(rename(tree_path("gone"), tree_path("plain")), 0);
}
END_TEST

/* The logs and the board are told what happened. */
START_TEST(facts_for_the_logs)
{
    make_files();
    get("/a.txt", NULL);
    ck_assert_int_eq(reply.plan.cache, SERVE_CACHE_MISS);
    ck_assert_uint_gt(reply.plan.open_ns, 0);
    ck_assert_ptr_eq(reply.plan.location, &location[ROOT]);
    ck_assert(span_eq(reply.plan.file, SPAN("/a.txt")));
    get("/a.txt", NULL);
    ck_assert_int_eq(reply.plan.cache, SERVE_CACHE_HIT);
    ck_assert_uint_eq(reply.plan.open_ns, 0);
    get("/none", NULL);
    get("/none", NULL);
    ck_assert_int_eq(reply.plan.cache, SERVE_CACHE_HIT);
    get("/%00", NULL);
    ck_assert_int_eq(reply.plan.cache, SERVE_CACHE_NONE);
    ck_assert_ptr_null(reply.plan.location);
    ck_assert_uint_eq(slot_value(&slot, COUNTER_cache_hits), 2);
    ck_assert_uint_eq(slot_value(&slot, COUNTER_cache_misses), 2);
}
END_TEST

START_TEST(plan_is_used_again)
{
    make_files();
    get("/dir", NULL);
    ck_assert(has_name(reply.fields, "Location"));
    serve_plan_reset(&reply.plan);
    ck_assert_uint_eq(reply.plan.extra.n, 0);
    ck_assert_ptr_nonnull(reply.plan.extra.p); /* its memory is kept */
    ck_assert_uint_eq(reply.plan.ready.n, 0);
    ck_assert(reply.plan.length_known && !reply.plan.close && !reply.plan.no_content);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("serve");
    TCase *t = tcase_create("serve");

    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, files);
    tcase_add_test(t, answers_that_close);
    tcase_add_test(t, long_paths);
    tcase_add_test(t, no_permission);
    tcase_add_test(t, no_descriptors);
    tcase_add_test(t, no_root);
    tcase_add_test(t, facts_for_the_logs);
    tcase_add_test(t, plan_is_used_again);
    suite_add_tcase(s, t);
    return unit_run(s);
}
