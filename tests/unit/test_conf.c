/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What good configurations become: defaults, every type of value, lines and continuations,
 * sites and locations, overrides, the configuration of `weir DIR`.
 */
#include "tests/unit/test_conf.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/clock.h"
#include "weir/board.h"

#define ROOT "[location /]\nfiles = /\n"

START_TEST(defaults)
{
    struct conf *c = load_good(ROOT);

    ck_assert_str_eq(c->path, "weir.ini");
    ck_assert_str_eq(c->server.name, "weir");
    ck_assert_uint_eq(c->server.listen_count, 2);
    ck_assert_str_eq(c->server.listen[0].text, "0.0.0.0:8080");
    ck_assert_str_eq(c->server.listen[1].text, "[::]:8080");
    ck_assert_uint_eq(c->server.backlog, 4096);
    ck_assert(c->server.workers_auto);
    ck_assert_uint_eq(c->server.workers, 0);
    ck_assert_uint_eq(c->server.workers_min, 1);
    ck_assert_uint_eq(c->server.workers_max, 64);
    ck_assert_ptr_null(c->server.user);
    ck_assert_ptr_null(c->server.group);
    ck_assert_ptr_null(c->server.runtime_dir);
    ck_assert(c->server.drain_timeout_ns == 30 * NS_PER_S);
    ck_assert_str_eq(c->server.mime_types, "/etc/mime.types");
    ck_assert_uint_eq(c->limits.connections, 16384);
    ck_assert_uint_eq(c->limits.connections_per_address, 0);
    ck_assert(c->limits.header_timeout_ns == 10 * NS_PER_S);
    ck_assert(c->limits.body_timeout_ns == 60 * NS_PER_S);
    ck_assert(c->limits.idle_timeout_ns == 75 * NS_PER_S);
    ck_assert(c->limits.send_timeout_ns == 60 * NS_PER_S);
    ck_assert_uint_eq(c->limits.minimum_rate_bytes, 0);
    ck_assert_uint_eq(c->limits.header_size_bytes, 16384);
    ck_assert_uint_eq(c->limits.body_size_bytes, 1U << 30);
    ck_assert_uint_eq(c->limits.ranges, 32);
    ck_assert_uint_eq(c->limits.listing_bytes, 128U << 20);
    ck_assert_str_eq(c->log.access, "stdout");
    ck_assert_int_eq(c->log.format, CONF_LOG_COMBINED);
    ck_assert_str_eq(c->log.error, "stderr");
    ck_assert_int_eq(c->log.level, LOG_LEVEL_INFO);
    ck_assert(c->log.slow_request_ns == NS_PER_S);
    ck_assert(c->log.blocked_ns == 100 * NS_PER_MS);
    ck_assert(c->log.flush_ns == NS_PER_S);
    ck_assert_uint_eq(c->cache.entries, 4096);
    ck_assert(c->cache.valid_ns == NS_PER_S);
    ck_assert(c->cache.idle_ns == 20 * NS_PER_S);
    ck_assert_uint_eq(c->cache.content_bytes, 32U << 20);
    ck_assert_uint_eq(c->cache.content_file_bytes, 32U << 10);
    ck_assert_uint_eq(c->server.offload_threads, 64);
    ck_assert(!c->server.allow_faults);
    ck_assert(c->offload.deadline_ns == 10 * NS_PER_S);
    ck_assert_uint_eq(c->offload.mount_share, 75);
    ck_assert_uint_eq(c->offload.queue, 0);
    ck_assert(c->offload.idle_ns == 10 * NS_PER_S);
    ck_assert_uint_eq(c->offload.window_bytes, 512U << 10);
    ck_assert_uint_eq(c->offload.buffers_bytes, 64U << 20);
    ck_assert(c->offload.probe_ns == 5 * NS_PER_S);
    ck_assert_uint_eq(c->fault_count, 0);
    ck_assert_uint_eq(c->site_count, 1);
    ck_assert_ptr_null(c->sites[0].names[0]);
    const struct conf_location *l = c->sites[0].locations[0];
    ck_assert_ptr_eq(c->locations[0], l);
    ck_assert_int_eq(l->handler, CONF_FILES);
    ck_assert_int_eq(l->root_fd, -1);
    ck_assert_str_eq(l->files, "/");
    ck_assert_str_eq(l->index[0], "index.html");
    ck_assert_ptr_null(l->index[1]);
    ck_assert_int_eq(l->listing, CONF_LISTING_OFF);
    ck_assert_ptr_null(l->cache_control);
    ck_assert(!l->dot_files);
    ck_assert_str_eq(l->charset, "utf-8");
    ck_assert_int_eq(l->line, 1);
    conf_free(&c);
    ck_assert_ptr_null(c);
}
END_TEST

START_TEST(times)
{
    static const struct {
        const char *text;
        uint64_t ns;
    } cases[] = {
        {"0", 0},
        {"1ms", NS_PER_MS},
        {"10s", 10 * NS_PER_S},
        {"90S", 90 * NS_PER_S},
        {"2m", 120 * NS_PER_S},
        {"3h", 10800 * NS_PER_S},
        {"1d", 86400 * NS_PER_S},
        {"86400s", 86400 * NS_PER_S},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[100];
        snprintf(text, sizeof text, "[server]\ndrain_timeout = %s\n" ROOT, cases[i].text);
        struct conf *c = load_good(text);
        ck_assert_msg(c->server.drain_timeout_ns == cases[i].ns, "%s", cases[i].text);
        conf_free(&c);
    }
}
END_TEST

START_TEST(sizes)
{
    static const struct {
        const char *text;
        uint64_t bytes;
    } cases[] = {
        {"0", 0},
        {"1", 1},
        {"2k", 2048},
        {"2K", 2048},
        {"3m", UINT64_C(3) << 20},
        {"4g", UINT64_C(4) << 30},
        {"1t", UINT64_C(1) << 40},
        {"1125899906842624", UINT64_C(1) << 50},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[100];
        snprintf(text, sizeof text, "[limits]\nbody_size = %s\n" ROOT, cases[i].text);
        struct conf *c = load_good(text);
        ck_assert_msg(c->limits.body_size_bytes == cases[i].bytes, "%s", cases[i].text);
        conf_free(&c);
    }
}
END_TEST

START_TEST(booleans)
{
    static const struct {
        const char *text;
        bool value;
    } cases[] = {{"yes", true}, {"on", true},   {"TRUE", true},
                 {"no", false}, {"Off", false}, {"false", false}};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[100];
        snprintf(text, sizeof text, ROOT "dot_files = %s\n", cases[i].text);
        struct conf *c = load_good(text);
        ck_assert_msg(c->locations[0]->dot_files == cases[i].value, "%s", cases[i].text);
        conf_free(&c);
    }
}
END_TEST

START_TEST(words_and_numbers)
{
    struct conf *c = load_good("[server]\nname = a.B_c-1\nworkers = 7\nworkers_min = 2\n"
                               "workers_max = 7\nuser = root\ngroup = root\n"
                               "runtime_dir = /run/x\nmime_types = /dev/null\n"
                               "[log]\naccess = syslog\nformat = JSON\nerror = /var/log/e.log\n"
                               "level = debug\n" ROOT "listing = json\nindex = a.html b.html\n"
                               "cache_control = private=\"x\", max-age=3\ncharset =\n");

    ck_assert_str_eq(c->server.name, "a.B_c-1");
    ck_assert(!c->server.workers_auto);
    ck_assert_uint_eq(c->server.workers, 7);
    ck_assert_str_eq(c->server.user, "root");
    ck_assert_str_eq(c->server.group, "root");
    ck_assert_str_eq(c->server.runtime_dir, "/run/x");
    ck_assert_str_eq(c->server.mime_types, "/dev/null");
    ck_assert_str_eq(c->log.access, "syslog");
    ck_assert_int_eq(c->log.format, CONF_LOG_JSON);
    ck_assert_str_eq(c->log.error, "/var/log/e.log");
    ck_assert_int_eq(c->log.level, LOG_LEVEL_DEBUG);
    const struct conf_location *l = c->locations[0];
    ck_assert_int_eq(l->listing, CONF_LISTING_JSON);
    ck_assert_str_eq(l->index[0], "a.html");
    ck_assert_str_eq(l->index[1], "b.html");
    ck_assert_ptr_null(l->index[2]);
    ck_assert_str_eq(l->cache_control, "private=\"x\", max-age=3");
    ck_assert_str_eq(l->charset, "");
    conf_free(&c);
}
END_TEST

START_TEST(listen_addresses)
{
    static const struct {
        const char *value, *text[4];
    } cases[] = {
        {"80", {"0.0.0.0:80", "[::]:80"}},
        {"*:81", {"0.0.0.0:81", "[::]:81"}},
        {"0", {"0.0.0.0:0", "[::]:0"}},
        {"127.0.0.1:0", {"127.0.0.1:0"}},
        {"127.0.0.1:8080 [::1]:8080", {"127.0.0.1:8080", "[::1]:8080"}},
        {"[0:0:0::1]:9", {"[::1]:9"}},
        {"127.0.0.1:80 0.0.0.0:81", {"127.0.0.1:80", "0.0.0.0:81"}},
        {"127.0.0.1:0 0.0.0.0:0", {"127.0.0.1:0", "0.0.0.0:0"}},
        {"unix:/run/x.sock  127.0.0.1:1", {"unix:/run/x.sock", "127.0.0.1:1"}},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[200];
        size_t n = 0;
        snprintf(text, sizeof text, "[server]\nlisten = %s\n" ROOT, cases[i].value);
        struct conf *c = load_good(text);
        while (n < 4 && cases[i].text[n])
            n++;
        ck_assert_msg(c->server.listen_count == n, "%s: %zu", cases[i].value,
                      c->server.listen_count);
        for (size_t j = 0; j < n; j++)
            ck_assert_str_eq(c->server.listen[j].text, cases[i].text[j]);
        conf_free(&c);
    }
}
END_TEST

START_TEST(listen_sockaddrs)
{
    struct conf *c = load_good("[server]\nlisten = 127.0.0.2:258 [::1]:3 unix:/run/x\n" ROOT);
    const struct conf_listen *l = c->server.listen;
    const struct sockaddr_in *v4 = (const void *)&l[0].address;
    const struct sockaddr_in6 *v6 = (const void *)&l[1].address;
    const struct sockaddr_un *un = (const void *)&l[2].address;

    ck_assert_int_eq(v4->sin_family, AF_INET);
    ck_assert_uint_eq(ntohs(v4->sin_port), 258);
    ck_assert_uint_eq(ntohl(v4->sin_addr.s_addr), 0x7f000002);
    ck_assert_uint_eq(l[0].address_bytes, sizeof *v4);
    ck_assert_int_eq(v6->sin6_family, AF_INET6);
    ck_assert_uint_eq(ntohs(v6->sin6_port), 3);
    ck_assert(IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr));
    ck_assert_uint_eq(l[1].address_bytes, sizeof *v6);
    ck_assert_int_eq(un->sun_family, AF_UNIX);
    ck_assert_str_eq(un->sun_path, "/run/x");
    ck_assert_uint_eq(l[2].address_bytes, offsetof(struct sockaddr_un, sun_path) + 7);
    conf_free(&c);
}
END_TEST

START_TEST(listen_localhost)
{
    struct conf *c = load_good("[server]\nlisten = localhost:8080\n" ROOT);

    ck_assert_uint_ge(c->server.listen_count, 1);
    for (size_t i = 0; i < c->server.listen_count; i++) {
        const char *text = c->server.listen[i].text;
        ck_assert_msg(strcmp(text, "127.0.0.1:8080") == 0 || strcmp(text, "[::1]:8080") == 0, "%s",
                      text);
    }
    conf_free(&c);
}
END_TEST

START_TEST(redirects)
{
    static const struct {
        const char *value, *to;
        int status;
    } cases[] = {
        {"https://example.org/a#b", "https://example.org/a#b", 301},
        {"http://x", "http://x", 301},
        {"/new/", "/new/", 301},
        {"301 /a", "/a", 301},
        {"302   https://x/?a=b;c", "https://x/?a=b;c", 302},
        {"307 /", "/", 307},
        {"308 /", "/", 308},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[200];
        snprintf(text, sizeof text, "[location /old/]\nredirect = %s\n", cases[i].value);
        struct conf *c = load_good(text);
        ck_assert_int_eq(c->locations[0]->handler, CONF_REDIRECT);
        ck_assert_str_eq(c->locations[0]->redirect_to, cases[i].to);
        ck_assert_int_eq(c->locations[0]->redirect_status, cases[i].status);
        conf_free(&c);
    }
}
END_TEST

/* Texts of one setting in all the ways of writing it, and the access log's path they mean. */
START_TEST(lines)
{
    static const struct {
        const char *text, *access;
    } cases[] = {
        {"access = /a", "/a"},
        {"access=/a", "/a"},
        {"access : /a", "/a"},
        {"  access = /a", "/a"},
        {"access = /a ; comment", "/a"},
        {"access = /a;b", "/a;b"},
        {"access = /a#b", "/a#b"},
        {"access = /a $;b", "/a ;b"},
        {"access = /a $$;b", "/a $;b"},
        {"access = /a=b:c", "/a=b:c"},
        {"access = /a\n  b", "/a b"},
        {"access = /a\n\tb\n  c ; comment\n  d", "/a b c d"},
        {"access = /a\n\n; comment\n  # comment\n  b", "/a b"},
        {"access =\n  /a", "/a"},
        {"access = /a\\\n  b", "/ab"},
        {"access = /a\\", "/a\\"},
        {"access = /a\\ b", "/a\\ b"},
        {"access = /a\tb", "/a\tb"},
        {"access = ${WEIR_TEST}", "/from/environment"},
        {"access = ${WEIR_TEST}${WEIR_TEST}x", "/from/environment/from/environmentx"},
        {"access = /$${WEIR_TEST}", "/${WEIR_TEST}"},
        {"access = /$$${WEIR_TEST}", "/$${WEIR_TEST}"},
        {"access = /$x$", "/$x$"},
        {"access = /a\r\nlevel = info\r", "/a"},
    };

    ck_assert_int_eq(setenv("WEIR_TEST", "/from/environment", 1), 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[300];
        snprintf(text, sizeof text, "%s[log] ; head\n%s\n" ROOT, i % 2 ? "\xef\xbb\xbf" : "",
                 cases[i].text);
        struct conf *c = load_good(text);
        ck_assert_msg(strcmp(c->log.access, cases[i].access) == 0, "%s: %s", cases[i].text,
                      c->log.access);
        conf_free(&c);
    }
}
END_TEST

START_TEST(no_newline_at_the_end)
{
    struct conf *c = load_good("[location /]\nfiles = /\nlisting = html");

    ck_assert_int_eq(c->locations[0]->listing, CONF_LISTING_HTML);
    conf_free(&c);
}
END_TEST

START_TEST(longest_line)
{
    char path[190], text[300];

    memset(path, 'p', sizeof path);
    path[0] = '/';
    snprintf(text, sizeof text, "[log]\naccess = %.*s\n" ROOT, 190, path); /* 199 bytes */
    struct conf *c = load_good(text);
    ck_assert_uint_eq(strlen(c->log.access), 190);
    conf_free(&c);
    snprintf(text, sizeof text, "#%0250d\n" ROOT, 0);
    c = load_good(text);
    conf_free(&c);
}
END_TEST

START_TEST(sites_and_locations)
{
    struct conf *c =
        load_good("[location /]\nfiles = /\n[location /a/]\nfiles = /tmp/\n[location /a]\n"
                  "redirect = /a/\n[site Example.ORG *.example.org]\n[location /]\nfiles = /\n"
                  "[location /a/]\nfiles = /\n[site b]\n[site *]\n[location /b c/]\nfiles = /\n");

    ck_assert_uint_eq(c->site_count, 3);
    ck_assert_uint_eq(c->sites[0].location_count, 4);
    ck_assert_str_eq(c->sites[0].locations[0]->prefix, "/b c/");
    ck_assert_str_eq(c->sites[0].locations[1]->prefix, "/a/");
    ck_assert_str_eq(c->sites[0].locations[1]->files, "/tmp");
    ck_assert_str_eq(c->sites[0].locations[2]->prefix, "/a");
    ck_assert_str_eq(c->sites[0].locations[3]->prefix, "/");
    ck_assert_str_eq(c->sites[1].names[0], "example.org");
    ck_assert_str_eq(c->sites[1].names[1], "*.example.org");
    ck_assert_ptr_null(c->sites[1].names[2]);
    ck_assert_uint_eq(c->sites[1].location_count, 2);
    ck_assert_str_eq(c->sites[2].names[0], "b");
    ck_assert_uint_eq(c->sites[2].location_count, 0);
    ck_assert_uint_eq(c->location_count, 6);
    for (unsigned i = 0; i < 6; i++)
        ck_assert_uint_eq(c->locations[i]->id, i);
    ck_assert_ptr_eq(c->locations[4], c->sites[1].locations[0]);
    conf_free(&c);
}
END_TEST

START_TEST(error_pages)
{
    char text[300];

    write_file("page.html", "gone\0so", 7);
    snprintf(text, sizeof text,
             "[site *]\nerror_pages = 404=%s/page.html\n   503=%s/page.html\n" ROOT, scratch,
             scratch);
    struct conf *c = load_good(text);
    ck_assert_uint_eq(c->sites[0].error_page_count, 2);
    ck_assert_int_eq(c->sites[0].error_pages[0].status, 404);
    ck_assert_int_eq(c->sites[0].error_pages[1].status, 503);
    ck_assert_uint_eq(c->sites[0].error_pages[1].content_bytes, 7);
    ck_assert_mem_eq(c->sites[0].error_pages[1].content, "gone\0so", 7);
    conf_free(&c);
}
END_TEST

#define BIT(wait) (UINT32_C(1) << (wait))

START_TEST(faults)
{
    struct conf *c =
        load_good("[fault /a b/]\noperations = readdir open\ndelay = 300ms\nerror = estale\n" ROOT
                  "[fault /]\nrate = 1m\n[fault /a b/]\noperations = read\nhang = yes\n[server]\n"
                  "allow_faults = yes\n");

    ck_assert_uint_eq(c->fault_count, 3);
    const struct conf_fault *f = c->faults;
    ck_assert_str_eq(f[0].prefix, "/a b/");
    ck_assert_uint_eq(f[0].operations, BIT(WAIT_OPEN) | BIT(WAIT_READDIR));
    ck_assert(f[0].delay_ns == 300 * NS_PER_MS && f[0].rate_bytes == 0 && !f[0].hang);
    ck_assert_int_eq(f[0].error, ESTALE);
    ck_assert_int_eq(f[0].line, 1);
    ck_assert_str_eq(f[1].prefix, "/");
    ck_assert_uint_eq(f[1].operations,
                      BIT(WAIT_OPEN) | BIT(WAIT_READ) | BIT(WAIT_READDIR) | BIT(WAIT_STAT));
    ck_assert(f[1].delay_ns == 0 && f[1].rate_bytes == 1 << 20 && !f[1].hang && f[1].error == 0);
    ck_assert(f[2].hang && f[2].operations == BIT(WAIT_READ));
    conf_free(&c);
}
END_TEST

START_TEST(media_types)
{
    struct conf *c = load_good("[types]\nMD = text/markdown\ntar.gz = application/gzip\n" ROOT);

    ck_assert_uint_eq(c->type_count, 2);
    ck_assert_str_eq(c->types[0].extension, "md");
    ck_assert_str_eq(c->types[0].type, "text/markdown");
    ck_assert_str_eq(c->types[1].extension, "tar.gz");
    conf_free(&c);
}
END_TEST

START_TEST(overrides_win)
{
    static const char *const overrides[] = {"workers=3", "log.level = warn", "listen=127.0.0.1:0",
                                            "log.access=/a ;${x}", "workers=4"};
    struct conf *c = NULL;
    struct buf errors = {0};

    write_file("weir.ini", "[server]\nworkers=2\nlisten=1\n" ROOT,
               strlen("[server]\nworkers=2\nlisten=1\n" ROOT));
    ck_assert_int_eq(conf_load("weir.ini", overrides, 5, &c, &errors), 0);
    ck_assert_uint_eq(c->server.workers, 4);
    ck_assert_int_eq(c->log.level, LOG_LEVEL_WARN);
    ck_assert_uint_eq(c->server.listen_count, 1);
    ck_assert_str_eq(c->server.listen[0].text, "127.0.0.1:0");
    ck_assert_str_eq(c->log.access, "/a ;${x}");
    conf_free(&c);
}
END_TEST

START_TEST(folder_without_a_file)
{
    static const char *const overrides[] = {"listen=127.0.0.1:0"};
    struct conf *c = NULL;
    struct buf errors = {0};
    char want[100];

    ck_assert_int_eq(mkdir("sub ;x ", 0700), 0);
    snprintf(want, sizeof want, "%s/sub ;x /", scratch);
    ck_assert_int_eq(conf_load_default("./sub ;x /.", overrides, 1, &c, &errors), 0);
    ck_assert_ptr_null(c->path);
    ck_assert_str_eq(c->server.name, "weir");
    ck_assert_uint_eq(c->location_count, 1);
    ck_assert_str_eq(c->locations[0]->prefix, "/");
    ck_assert_str_eq(c->locations[0]->files, want);
    ck_assert_int_eq(c->locations[0]->listing, CONF_LISTING_AUTO);
    ck_assert_str_eq(c->locations[0]->index[0], "index.html");
    ck_assert(!c->locations[0]->dot_files);
    ck_assert_int_eq(c->locations[0]->line, 0);
    ck_assert_str_eq(c->log.access, "stdout");
    conf_free(&c);
    ck_assert_int_eq(rmdir("sub ;x "), 0);

    ck_assert_int_eq(conf_load_default(".", NULL, 0, &c, &errors), 0);
    ck_assert_str_eq(c->locations[0]->files, scratch);
    conf_free(&c);
    ck_assert_int_eq(conf_load_default("/", NULL, 0, &c, &errors), 0);
    ck_assert_str_eq(c->locations[0]->files, "/");
    conf_free(&c);
}
END_TEST

START_TEST(names_by_file)
{
    static const struct {
        const char *file, *name;
    } cases[] = {{"again.ini", "again"}, {"my site$.ini", "my_site_"}, {".ini", ".ini"}};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct conf *c = NULL;
        struct buf errors = {0};
        char path[100];
        snprintf(path, sizeof path, "%s/%s", scratch, cases[i].file);
        write_file(path, ROOT, strlen(ROOT));
        ck_assert_int_eq(conf_load(path, NULL, 0, &c, &errors), 0);
        ck_assert_str_eq(c->server.name, cases[i].name);
        conf_free(&c);
        ck_assert_int_eq(unlink(path), 0);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("conf");
    TCase *tcase = tcase_create("good");

    tcase_add_checked_fixture(tcase, enter_scratch, leave_scratch);
    tcase_add_test(tcase, defaults);
    tcase_add_test(tcase, times);
    tcase_add_test(tcase, sizes);
    tcase_add_test(tcase, booleans);
    tcase_add_test(tcase, words_and_numbers);
    tcase_add_test(tcase, listen_addresses);
    tcase_add_test(tcase, listen_sockaddrs);
    tcase_add_test(tcase, listen_localhost);
    tcase_add_test(tcase, redirects);
    tcase_add_test(tcase, lines);
    tcase_add_test(tcase, no_newline_at_the_end);
    tcase_add_test(tcase, longest_line);
    tcase_add_test(tcase, sites_and_locations);
    tcase_add_test(tcase, error_pages);
    tcase_add_test(tcase, faults);
    tcase_add_test(tcase, media_types);
    tcase_add_test(tcase, overrides_win);
    tcase_add_test(tcase, folder_without_a_file);
    tcase_add_test(tcase, names_by_file);
    suite_add_tcase(suite, tcase);
    return unit_run(suite);
}
