/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What wrong configurations are told: every message with its line, all of them in one go and
 * in order; overrides; files that are no configuration at all.
 */
#include "tests/unit/test_conf.h"

#include <sys/stat.h>

#define NOT_A_TYPE                                                                                 \
    "not a media type; write one as in text/markdown, with no parameter but a charset, as in "     \
    "text/html;charset=utf-8"

#define ROOT "[location /]\nfiles = /\n"

static void check_errors(const char *text, const char *want)
{
    struct buf errors = {0};
    struct conf *c = load_bytes(text, strlen(text), &errors);

    ck_assert_msg(c == NULL, "no error in:\n%s", text);
    ck_assert_msg(span_eq(buf_span(&errors), span_str(want)), "in:\n%s\nwant:\n%s\ngot:\n%.*s",
                  text, want, (int)errors.n, errors.p);
    buf_free(&errors);
}

/* A wrong value in line 2 and what the message says behind "weir.ini:2: KEY = VALUE: ". */
struct value_case {
    const char *section, *key, *value, *why;
};

static const struct value_case value_cases[] = {
    {"server", "name", "a b", "not a name; write at most 63 letters, digits, `.', `_' and `-'"},
    {"server", "name", "", "not a name; write at most 63 letters, digits, `.', `_' and `-'"},
    {"server", "backlog", "0", "too small; from 1 to 65535"},
    {"server", "backlog", "65536", "too large; from 1 to 65535"},
    {"server", "backlog", "99999999999999999999999", "too large; from 1 to 65535"},
    {"server", "backlog", "-1", "not a number; write digits only"},
    {"server", "backlog", "", "not a number; write digits only"},
    {"server", "workers", "many", "not a number of processes; write digits only, or auto"},
    {"server", "workers", "3x", "not a number; write digits only"},
    {"server", "workers", "0", "too small; from 1 to 1024"},
    {"server", "user", "no-such-user",
     "there is no such user on this system; write the name of one"},
    {"server", "group", "no-such-group",
     "there is no such group on this system; write the name of one"},
    {"server", "runtime_dir", "run", "not an absolute path; write it from `/' on"},
    {"server", "drain_timeout", "10",
     "not a time; write a number with ms, s, m, h or d, as in 10s"},
    {"server", "drain_timeout", "s", "not a time; write a number with ms, s, m, h or d, as in 10s"},
    {"server", "drain_timeout", "1.5s",
     "not a time; write a number with ms, s, m, h or d, as in 10s"},
    {"server", "drain_timeout", "2d", "too large; from 0 to 1d"},
    {"server", "drain_timeout", "18446744073709551615d", "too large; from 0 to 1d"},
    {"server", "mime_types", "/no/such/file",
     "No such file or directory; make it, or write the path of one that exists"},
    {"server", "mime_types", "/", "a directory; write the path of a file"},
    {"limits", "header_timeout", "0", "too small; from 1ms to 1d"},
    {"limits", "header_timeout", "10x",
     "not a time; write a number with ms, s, m, h or d, as in 10s"},
    {"limits", "header_size", "16q",
     "not a size; write a number of bytes, or one with k, m, g or t, as in 16k"},
    {"limits", "header_size", "1", "too small; from 1k to 1m"},
    {"limits", "body_size", "18446744073709551616", "too large; from 0 to 1024t"},
    {"limits", "body_size", "16777216t", "too large; from 0 to 1024t"},
    {"limits", "ranges", "33", "too large; from 1 to 32"},
    {"log", "access", "access.log",
     "not a place for a log; write the absolute path of a file, stdout, syslog or off"},
    {"log", "error", "off",
     "not a place for a log; write the absolute path of a file, stderr or syslog"},
    {"log", "format", "xml", "not one of combined, json"},
    {"log", "level", "", "not one of error, warn, info, debug"},
    {"log", "access", "${NO_SUCH_NAME}",
     "the environment has no NO_SUCH_NAME; set it, or write $${NO_SUCH_NAME} for the text itself"},
    {"log", "access", "/${", "`${' without a name and `}'; write ${NAME}, or $${ for `${' itself"},
    {"log", "access", "/${1}",
     "`${' without a name and `}'; write ${NAME}, or $${ for `${' itself"},
    {"log", "access", "/${A B}",
     "`${' without a name and `}'; write ${NAME}, or $${ for `${' itself"},
    {"log", "access", "${WEIR_NEWLINE}", "holds the control character 0x0a; leave it out"},
    {"server", "offload_threads", "0", "too small; from 1 to 128"},
    {"server", "offload_threads", "129", "too large; from 1 to 128"},
    {"server", "allow_faults", "maybe",
     "neither yes nor no; on, off, true and false will do as well"},
    {"offload", "deadline", "9ms", "too small; from 10ms to 1h"},
    {"offload", "mount_share", "101", "too large; from 1 to 100"},
    {"offload", "mount_share", "75%", "not a number; write digits only"},
    {"offload", "queue", "1048577", "too large; from 0 to 1048576"},
    {"offload", "wait", "1ms", "too small; from 10ms to 1d"},
    {"offload", "window", "63k", "too small; from 64k to 4m"},
    {"offload", "window", "5m", "too large; from 64k to 4m"},
    {"offload", "window", "65k", "not a multiple of 64k; write one, as in 512k"},
    {"offload", "window", "big",
     "not a size; write a number of bytes, or one with k, m, g or t, as in 16k"},
    {"offload", "buffers", "1m", "too small; from 4m to 64g"},
    {"offload", "probe", "0", "too small; from 10ms to 1h"},
    {"types", "md", "markdown", NOT_A_TYPE},
    {"types", "md", "text/x;level=1", NOT_A_TYPE},
    {"types", "md", "text/x;charset=", NOT_A_TYPE},
    {"types", ".md", "text/x",
     "`.md' is not a file-name extension; write it without its first dot"},
    {"types", "*.log", "text/plain",
     "`*.log' is a pattern, which no file name ends in; write the extension alone, as in "
     "log = text/plain"},
    {"types", "l?g", "text/plain",
     "`l?g' is a pattern, which no file name ends in; write the extension alone, as in "
     "log = text/plain"},
    {"location /", "files", "www", "not an absolute path; write it from `/' on"},
    {"location /", "files", "/no/such",
     "no such directory; make it, or write the path of one that exists"},
    {"location /", "files", "/dev/null", "not a directory"},
    {"location /", "files", "/tmp # here",
     "no such directory; make it, or write the path of one that exists (a comment behind a value "
     "begins with ` ;', not with `#')"},
    {"location /", "redirect", "303 /",
     "`303' is not the status of a redirect; write 301, 302, 307 or 308"},
    {"location /", "redirect", "example.org",
     "not a redirect; write a URL or an absolute path without white space, after the status if it "
     "is not 301, as in 302 https://example.org/"},
    {"location /", "redirect", "301",
     "not a redirect; write a URL or an absolute path without white space, after the status if it "
     "is not 301, as in 302 https://example.org/"},
    {"location /", "redirect", "/a /b",
     "not a redirect; write a URL or an absolute path without white space, after the status if it "
     "is not 301, as in 302 https://example.org/"},
    {"site a", "error_pages", "", "no page; write STATUS=/absolute/path, or leave the line out"},
    {"site a", "error_pages", "404",
     "`404' is not an error page; write STATUS=/absolute/path, as in 404=/srv/errors/404.html"},
    {"site a", "error_pages", "404=page.html",
     "`404=page.html' is not an error page; write STATUS=/absolute/path, as in "
     "404=/srv/errors/404.html"},
    {"site a", "error_pages", "200=/x",
     "`200' is not the status of an error; write one from 400 to 599"},
    {"site a", "error_pages", "404=/no/such",
     "`/no/such' cannot be read: No such file or directory"},
    {"site a", "error_pages", "404=/dev/null", "`/dev/null' is not a regular file"},
    {"server", "listen", "", "no address; write at least one, as in 8080"},
    {"server", "listen", "http",
     "`http' is not an address; write PORT, ADDRESS:PORT, [IPV6]:PORT or unix:/path"},
    {"server", "listen", "65536", "`65536' is not a port; write a number from 0 to 65535"},
    {"server", "listen", "80x", "`80x' is not a port; write a number from 0 to 65535"},
    {"server", "listen", "127.0.0.1:", "`' is not a port; write a number from 0 to 65535"},
    {"server", "listen", "256.1.1.1:80",
     "`256.1.1.1:80' is not an address; write PORT, ADDRESS:PORT, [IPV6]:PORT or unix:/path"},
    {"server", "listen", "[::g]:80",
     "`[::g]:80' is not an address; write PORT, ADDRESS:PORT, [IPV6]:PORT or unix:/path"},
    {"server", "listen", "[]:80",
     "`[]:80' is not an address; write PORT, ADDRESS:PORT, [IPV6]:PORT or unix:/path"},
    {"server", "listen", ":80",
     "`:80' is not an address; write PORT, ADDRESS:PORT, [IPV6]:PORT or unix:/path"},
    {"server", "listen", "::1:80",
     "`::1:80' has more than one colon; write IPv6 addresses as [IPV6]:PORT"},
    {"server", "listen", "80 80", "0.0.0.0:80 is there twice; leave one out"},
    {"server", "listen", "[::1]:80 [0::1]:80", "[::1]:80 is there twice; leave one out"},
    {"server", "listen", "80 127.0.0.1:80", "127.0.0.1:80 is part of 0.0.0.0:80; leave one out"},
    {"server", "listen", "[::1]:80 *:80", "[::1]:80 is part of [::]:80; leave one out"},
    {"server", "listen", "unix:x.sock", "`unix:x.sock' is not an absolute path; write unix:/path"},
    {"server", "listen", "unix:/a unix:/a", "unix:/a is there twice; leave one out"},
};
enum { VALUE_CASES = sizeof value_cases / sizeof *value_cases };

START_TEST(values)
{
    const struct value_case *v = &value_cases[_i];
    char text[400], want[400];

    ck_assert_int_eq(setenv("WEIR_NEWLINE", "a\nb", 1), 0);
    snprintf(text, sizeof text, "[%s]\n%s = %s\n%s", v->section, v->key, v->value,
             strncmp(v->section, "location", 8) == 0 ? "" : ROOT);
    snprintf(want, sizeof want, "weir.ini:2: %s = %s: %s\n", v->key, v->value, v->why);
    check_errors(text, want);
}
END_TEST

START_TEST(unknown_names)
{
    check_errors("[server]\nlissten = 1\n" ROOT,
                 "weir.ini:2: unknown key `lissten' in [server]; did you mean `listen'?\n");
    check_errors("[server]\nLISTEN = 1\n" ROOT,
                 "weir.ini:2: unknown key `LISTEN' in [server]; did you mean `listen'?\n");
    check_errors("[location /]\ntry_files = x\nfiles = /\n",
                 "weir.ini:2: unknown key `try_files' in [location]; weir.ini(5) lists them all\n");
    check_errors("[limits]\nlisten = 1\n" ROOT,
                 "weir.ini:2: unknown key `listen' in [limits]; it belongs to [server]\n");
    check_errors("[server]\nzzz = 1\n" ROOT,
                 "weir.ini:2: unknown key `zzz' in [server]; weir.ini(5) lists them all\n");
    check_errors(ROOT "proxy = http://127.0.0.1\n",
                 "weir.ini:3: unknown key `proxy' in [location]; weir.ini(5) lists them all\n");
    check_errors("[server]\n= 1\n" ROOT, "weir.ini:2: no key before the `='; write key = value\n");
    check_errors("[sever]\nlisten = 1\nfoo = 1\n" ROOT,
                 "weir.ini:1: unknown section [sever]; did you mean [server]?\n");
    check_errors("[/a/]\n" ROOT,
                 "weir.ini:1: unknown section [/a/]; did you mean [location /a/]?\n");
    check_errors("[virtual host]\n" ROOT,
                 "weir.ini:1: unknown section [virtual]; there are [server], [limits], [log], "
                 "[cache], [offload], [fault /prefix], [types], [location /prefix/] and [site "
                 "names...]\n");
}
END_TEST

START_TEST(lines)
{
    char text[600];

    check_errors("listen = 1\n" ROOT,
                 "weir.ini:1: `listen' before any [section]; begin with [server]\n");
    check_errors("[server]\nlisten 8080\n" ROOT,
                 "weir.ini:2: no `=' behind the key; did you mean `listen = 8080'?\n");
    check_errors("[server]\nlisten\n" ROOT, "weir.ini:2: neither `key = value' nor [section]; "
                                            "comments begin with `#' or `;'\n");
    check_errors("[location /]\nredirect https://x/\n",
                 "weir.ini:1: [location /] has no handler; add files = /path or redirect = URL\n"
                 "weir.ini:2: no `=' behind the key; write `redirect = ...'\n");
    check_errors("[server\nlisten = 8080\n" ROOT,
                 "weir.ini:1: a section's head without its `]'; write [section]\n");
    check_errors("[]\nworkers = 3\n[ \t]\n" ROOT,
                 "weir.ini:1: a section's head without a name, so its keys belong to nothing; "
                 "write [section]\n"
                 "weir.ini:3: a section's head without a name, so its keys belong to nothing; "
                 "write [section]\n");
    check_errors("[server] listen = 8080\n" ROOT,
                 "weir.ini:1: text behind the `]' of a section's head; write it on a line of its "
                 "own\n");
    check_errors("[log]\nlevel = info\n  format = json\n" ROOT,
                 "weir.ini:3: begins with white space, so it continues `level' of line 2; let keys "
                 "and [sections] begin in the first column\n");
    check_errors("[log]\nlevel = info\n  [location /x/]\n" ROOT,
                 "weir.ini:3: begins with white space, so it continues `level' of line 2; let keys "
                 "and [sections] begin in the first column\n");
    check_errors("[log]\nlevel = info\n  format=json\nbogus\n" ROOT,
                 "weir.ini:3: begins with white space, so it continues `level' of line 2; let keys "
                 "and [sections] begin in the first column\n"
                 "weir.ini:4: neither `key = value' nor [section]; comments begin with `#' or "
                 "`;'\n");
    snprintf(text, sizeof text, "[log]\naccess = /%0190d\n" ROOT, 0);
    check_errors(text, "weir.ini:2: line is longer than 199 bytes; split it: continuation lines "
                       "begin with white space\n");
    snprintf(text, sizeof text, "[log]\naccess = /a\n  %0250d\n  b\nlevel = x\n" ROOT, 0);
    check_errors(text, "weir.ini:3: line is longer than 199 bytes; split it: continuation lines "
                       "begin with white space\n"
                       "weir.ini:5: level = x: not one of error, warn, info, debug\n");
    snprintf(text, sizeof text, "[site a%0250d]\n" ROOT, 0);
    check_errors(text, "weir.ini:1: line is longer than 199 bytes; a section's head must fit on "
                       "one line\n");
}
END_TEST

START_TEST(sections)
{
    char text[500];

    check_errors("", "weir.ini: no [location], so nothing would be served; add [location /] with "
                     "files = /path\n");
    check_errors("[server] ; empty\n[log]\n",
                 "weir.ini: no [location], so nothing would be served; add [location /] with files "
                 "= /path\n");
    check_errors("[log]\nlevel = info\nlevel = warn\n" ROOT,
                 "weir.ini:3: level = warn: first set on line 2; keep one of the two\n");
    check_errors("[log]\n[server]\n[log]\nlevel = x\n" ROOT,
                 "weir.ini:3: [log] again: first on line 1; put its keys there\n"
                 "weir.ini:4: level = x: not one of error, warn, info, debug\n");
    check_errors("[log file]\n" ROOT,
                 "weir.ini:1: [log file]: `file' has no meaning here; write [log]\n");
    check_errors("[types]\na = b/c\nA = d/e\n" ROOT,
                 "weir.ini:3: a = d/e: first set on line 2; keep one of the two\n");
    check_errors("[location /]\nfiles = /\nredirect = /x\n",
                 "weir.ini:1: [location /] has two handlers, files (line 2) and redirect (line 3); "
                 "keep one\n");
    check_errors(ROOT "[location /a/]\nindex = x\n[location /b]\n",
                 "weir.ini:3: [location /a/] has no handler; add files = /path or redirect = URL\n"
                 "weir.ini:5: [location /b] has no handler; add files = /path or redirect = URL\n");
    check_errors("[location /]\nredirect = /x\nlisting = html\n",
                 "weir.ini:3: `listing' does nothing beside redirect; leave it out\n");
    check_errors(ROOT "[location /a/]\nfiles = /\n" ROOT "[site a]\n" ROOT,
                 "weir.ini:5: [location /] again in the same site: first on line 1; keep one\n");
    check_errors("[location a]\nfiles = /\n[location]\nfiles = /\n[location /a /b]\nfiles = /\n"
                 "[location /a//b]\nfiles = /\n[location /a/../b]\nfiles = /\n",
                 "weir.ini:1: [location a]: not a prefix; write one path that begins with `/', "
                 "without `//', `.' or `..' in it\n"
                 "weir.ini:3: [location ]: not a prefix; write one path that begins with `/', "
                 "without `//', `.' or `..' in it\n"
                 "weir.ini:5: [location /a /b]: not a prefix; write one path that begins with `/', "
                 "without `//', `.' or `..' in it\n"
                 "weir.ini:7: [location /a//b]: not a prefix; write one path that begins with `/', "
                 "without `//', `.' or `..' in it\n"
                 "weir.ini:9: [location /a/../b]: not a prefix; write one path that begins with "
                 "`/', without `//', `.' or `..' in it\n");
    check_errors(
        "[location /%20x/]\nfiles = /\n[location /a%2Fb]\nfiles = /\n[location /100%/]\n"
        "files = /\n[location /%zz/]\nfiles = /\n",
        "weir.ini:1: [location /%20x/] never matches, for paths are compared without their "
        "escapes; write [location / x/]\n"
        "weir.ini:3: [location /a%2Fb] never matches, for paths are compared without their "
        "escapes; write [location /a/b]\n");
    check_errors(ROOT "[site]\n[site a b]\n[site A c]\n[site *]\n[site *]\n",
                 "weir.ini:3: [site] without a host name; write [site example.org], or [site *] "
                 "for every host\n"
                 "weir.ini:5: host name `a' is there twice: first on line 4\n"
                 "weir.ini:7: [site *] again: first on line 6\n");
    check_errors(ROOT "[site a a]\n",
                 "weir.ini:3: host name `a' is there twice: first on line 3\n");
    static const char *const hosts[] = {"a:80", "a.", ".a", "a..b", "*", "a*", "b\xc3\xbc"};
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
        char want[300];
        snprintf(text, sizeof text, ROOT "[site x %s]\n", hosts[i]);
        snprintf(want, sizeof want,
                 "weir.ini:3: `%s' is not a host name; write one as in example.org or "
                 "*.example.org, without a port and a last dot, others than ASCII in their xn-- "
                 "form\n",
                 hosts[i]);
        check_errors(text, want);
    }
}
END_TEST

START_TEST(contradictions)
{
    check_errors("[server]\nworkers_min = 5\nworkers_max = 4\n" ROOT,
                 "weir.ini:3: workers_min is 5, above workers_max, 4\n");
    check_errors("[server]\nworkers_min = 65\n" ROOT,
                 "weir.ini:2: workers_min is 65, above workers_max, 64\n");
    check_errors("[server]\nworkers = 65\n" ROOT,
                 "weir.ini:2: workers is 65, above workers_max, 64; change one of the two\n");
    check_errors("[server]\nworkers = 2\nworkers_min = 3\n" ROOT,
                 "weir.ini:3: workers is 2, below workers_min, 3; change one of the two\n");
}
END_TEST

#define ALLOW "[server]\nallow_faults = yes\n" ROOT

START_TEST(faults)
{
    static const char operations[] = "; write some of open, read, readdir and stat\n";
    char text[400], want[800];

    check_errors(ROOT "[fault /srv/]\ndelay = 1s\n",
                 "weir.ini:3: [fault /srv/] makes disks look bad on purpose; take it out, or, on a "
                 "server for rehearsals, set allow_faults = yes in [server]\n");
    check_errors(ALLOW "[fault /srv/]\n",
                 "weir.ini:5: [fault /srv/] does nothing; add delay, rate, hang = yes or error = "
                 "NAME\n");
    check_errors(ALLOW "[fault /srv/]\nhang = yes\nerror = EIO\n",
                 "weir.ini:5: [fault /srv/] has both hang and error; what hangs never fails: keep "
                 "one\n");
    check_errors(ALLOW "[fault /srv/]\noperations = open\ndelay = 1s\nrate = 1k\n",
                 "weir.ini:8: `rate' does nothing without read among the operations\n");
    check_errors(ALLOW "[fault /a]\nhang = yes\n[fault /b]\nhang = yes\n[fault /a]\n"
                       "operations = stat\nhang = on\n",
                 "weir.ini:9: [fault /a] again for the same operations: first on line 5; join the "
                 "two, or let their operations differ\n");
    check_errors(ALLOW "[fault /a]\ndelay = 1s\ndelay = 2s\n",
                 "weir.ini:7: delay = 2s: first set on line 6; keep one of the two\n");
    check_errors(ALLOW "[fault /a]\ndelay = 2h\nhang = yes\n",
                 "weir.ini:6: delay = 2h: too large; from 0 to 1h\n");
    check_errors(ALLOW "[fault /a]\ndealy = 2s\nhang = yes\n",
                 "weir.ini:6: unknown key `dealy' in [fault]; did you mean `delay'?\n");
    snprintf(want, sizeof want,
             "weir.ini:6: operations = open, read: `open,' is not an operation%s", operations);
    check_errors(ALLOW "[fault /a]\noperations = open, read\nhang = yes\n", want);
    snprintf(want, sizeof want, "weir.ini:6: operations = : no operation%s", operations);
    check_errors(ALLOW "[fault /a]\noperations =\nhang = yes\n", want);
    check_errors(ALLOW "[fault /a]\nerror = EWHAT\nhang = yes\n",
                 "weir.ini:6: error = EWHAT: not the name of an error that such calls give; write "
                 "one of EIO, ENOENT, EACCES, EPERM, ESTALE, ETIMEDOUT, ENOTDIR, ELOOP, EMFILE, "
                 "ENFILE, ENOMEM, EINTR, EBUSY, ENODEV, ENXIO, ENOTCONN, EREMOTEIO, ENOLINK, "
                 "EHOSTDOWN, EHOSTUNREACH, ECONNREFUSED, ECONNABORTED, EUCLEAN, ENAMETOOLONG\n");
    static const char *const prefixes[] = {"", "srv", "/a//b", "/a/../b", "/.", "../x"};
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        snprintf(text, sizeof text, ALLOW "[fault %s]\nhang = yes\n", prefixes[i]);
        snprintf(want, sizeof want,
                 "weir.ini:5: [fault %s]: not a prefix; write an absolute path of the file system, "
                 "without `//', `.' or `..' in it, as in [fault /srv/slow/]\n",
                 prefixes[i]);
        check_errors(text, want);
    }
}
END_TEST

START_TEST(pages)
{
    static char large[64 * 1024 + 1];
    char text[300], want[300];

    write_file("large.html", large, sizeof large);
    snprintf(text, sizeof text, ROOT "[site a]\nerror_pages = 404=%s/large.html\n", scratch);
    snprintf(want, sizeof want,
             "weir.ini:4: error_pages = 404=%s/large.html: `%s/large.html' is larger than 64 KiB; "
             "write a smaller page\n",
             scratch, scratch);
    check_errors(text, want);

    write_file("page.html", large, sizeof large - 1);
    snprintf(text, sizeof text, ROOT "[site a]\nerror_pages = 404=%s/page.html 404=%s/page.html\n",
             scratch, scratch);
    snprintf(want, sizeof want,
             "weir.ini:4: error_pages = 404=%s/page.html 404=%s/page.html: status 404 is there "
             "twice; leave one out\n",
             scratch, scratch);
    check_errors(text, want);
}
END_TEST

START_TEST(unix_path_length)
{
    char text[300], want[400], path[109];

    memset(path, 'p', sizeof path - 1);
    path[0] = '/';
    path[108] = '\0';
    snprintf(text, sizeof text, "[server]\nlisten = unix:%s\n" ROOT, path);
    snprintf(want, sizeof want,
             "weir.ini:2: listen = unix:%s: the path of a unix socket has at most 107 bytes; `%s' "
             "has 108\n",
             path, path);
    check_errors(text, want);
    path[107] = '\0';
    snprintf(text, sizeof text, "[server]\nlisten = unix:%s\n" ROOT, path);
    struct conf *c = load_good(text);
    conf_free(&c);
}
END_TEST

START_TEST(all_in_one_go_and_in_order)
{
    check_errors("[location /]\n[log]\nlevel = x\n[site a]\n[site a]\n[log]\nfoo\nflush = 1\n",
                 "weir.ini:1: [location /] has no handler; add files = /path or redirect = URL\n"
                 "weir.ini:3: level = x: not one of error, warn, info, debug\n"
                 "weir.ini:5: host name `a' is there twice: first on line 4\n"
                 "weir.ini:6: [log] again: first on line 2; put its keys there\n"
                 "weir.ini:7: neither `key = value' nor [section]; comments begin with `#' or `;'\n"
                 "weir.ini:8: flush = 1: not a time; write a number with ms, s, m, h or d, as in "
                 "10s\n");
}
END_TEST

#define ONLY "only keys of [server], [limits], [log], [cache] and [offload] can be set here"

START_TEST(overrides)
{
    static const struct {
        const char *override, *why;
    } cases[] = {
        {"workers", "write KEY=VALUE"},
        {"=1", "write KEY=VALUE"},
        {"listn=1", "unknown key; did you mean `listen'?"},
        {"idle=1s", "a key of [cache] and of [offload]; write cache.idle=... or offload.idle=..."},
        {"server.listn=1", "unknown key; did you mean `listen'?"},
        {"log.listen=1", "unknown key; " ONLY},
        {"files=/", "unknown key; " ONLY},
        {"location.files=/", ONLY},
        {"fault.delay=1s", ONLY},
        {"nope.files=/", ONLY},
        {"offload_threads=0", "too small; from 1 to 128"},
        {"offload.window=1", "too small; from 64k to 4m"},
        {"window=100k", "not a multiple of 64k; write one, as in 512k"},
        {"workers=x", "not a number of processes; write digits only, or auto"},
        {"log.access=/a\nb", "holds the control character 0x0a; leave it out"},
        {"workers=65", "workers is 65, above workers_max, 64; change one of the two"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct conf *c = NULL;
        struct buf errors = {0};
        char want[300];
        snprintf(want, sizeof want, "-o %s: %s\n", cases[i].override, cases[i].why);
        ck_assert_int_eq(conf_load_default("/", &cases[i].override, 1, &c, &errors), -1);
        ck_assert_ptr_null(c);
        ck_assert_msg(span_eq(buf_span(&errors), span_str(want)), "want: %s\ngot: %.*s", want,
                      (int)errors.n, errors.p);
        buf_free(&errors);
    }
}
END_TEST

START_TEST(roots)
{
    static const struct {
        const char *root, *want;
    } cases[] = {
        {"/no/such",
         "/no/such: no such directory; make it, or write the path of one that exists\n"},
        {"/dev/null", "/dev/null: not a directory\n"},
        {"/a\nb", "/a\\x0Ab: holds the control character 0x0a; leave it out\n"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct conf *c = NULL;
        struct buf errors = {0};
        ck_assert_int_eq(conf_load_default(cases[i].root, NULL, 0, &c, &errors), -1);
        ck_assert_msg(span_ieq(buf_span(&errors), span_str(cases[i].want)), "%.*s", (int)errors.n,
                      errors.p);
        buf_free(&errors);
    }
}
END_TEST

START_TEST(unreadable_files)
{
    static const struct {
        const char *path, *want;
    } cases[] = {
        {"/no/such.ini", "/no/such.ini: cannot be read: No such file or directory\n"},
        {"/", "/: cannot be read: Is a directory\n"},
        {"/dev/zero", "/dev/zero: larger than 4 MiB: this is not a configuration\n"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct conf *c = NULL;
        struct buf errors = {0};
        ck_assert_int_eq(conf_load(cases[i].path, NULL, 0, &c, &errors), -1);
        ck_assert_msg(span_eq(buf_span(&errors), span_str(cases[i].want)), "%.*s", (int)errors.n,
                      errors.p);
        buf_free(&errors);
    }
}
END_TEST

START_TEST(hostile_bytes)
{
    static const char nul[] = "[log]\nlevel = in\0fo\n" ROOT;
    static const char escape[] = "[log]\nlevel = \x1b[2J\n\xff\xfe\n" ROOT;
    static const char old_mac[] = "[log]\rlevel = info\r" ROOT;
    struct buf errors = {0};

    ck_assert_ptr_null(load_bytes(nul, sizeof nul - 1, &errors));
    ck_assert(span_eq(buf_span(&errors), SPAN("weir.ini:2: holds the control character 0x00; this "
                                              "must be plain text\n")));
    buf_free(&errors);
    ck_assert_ptr_null(load_bytes(escape, sizeof escape - 1, &errors));
    ck_assert(span_starts(buf_span(&errors), SPAN("weir.ini:2: holds the control character 0x1b")));
    ck_assert_ptr_null(memchr(errors.p, '\x1b', errors.n));
    buf_free(&errors);
    ck_assert_ptr_null(load_bytes(old_mac, sizeof old_mac - 1, &errors));
    ck_assert(span_starts(buf_span(&errors), SPAN("weir.ini:1: holds the control character 0x0d")));
    buf_free(&errors);
}
END_TEST

START_TEST(line_of_a_megabyte)
{
    size_t n = 1 << 20;
    char *text = malloc(n);
    struct buf errors = {0};

    ck_assert_ptr_nonnull(text);
    memset(text, 'x', n);
    memcpy(text, "[log]\n", 6);
    ck_assert_ptr_null(load_bytes(text, n, &errors));
    ck_assert(span_starts(buf_span(&errors), SPAN("weir.ini:2: line is longer than 199 bytes")));
    buf_free(&errors);
    memset(text, 0, n);
    ck_assert_ptr_null(load_bytes(text, n, &errors));
    ck_assert(span_starts(buf_span(&errors), SPAN("weir.ini:1: holds the control character 0x00")));
    buf_free(&errors);
    free(text);
}
END_TEST

/* Every prefix of a file, and every byte of it replaced, is either good or has errors; none
 * crashes. */
START_TEST(mangled_files)
{
    static const char text[] = "[log]\naccess = /a ; b\n  c\\\n d\n[types]\nx = a/b\n" ROOT
                               "[site a *.b]\n[location /]\nredirect = 301 /x\n";
    static const char bytes[] = "\0\n\r =[]\\$;#\xff";
    size_t good = 0;

    for (size_t n = 0; n < sizeof text; n++) {
        struct buf errors = {0};
        struct conf *c = load_bytes(text, n, &errors);
        good += c != NULL;
        conf_free(&c);
        buf_free(&errors);
    }
    ck_assert_uint_gt(good, 0);
    for (size_t i = 0; i + 1 < sizeof text; i++)
        for (size_t j = 0; j + 1 < sizeof bytes; j++) {
            char mangled[sizeof text];
            struct buf errors = {0};
            memcpy(mangled, text, sizeof text);
            mangled[i] = bytes[j];
            struct conf *c = load_bytes(mangled, sizeof text - 1, &errors);
            conf_free(&c);
            buf_free(&errors);
        }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("conf_errors");
    TCase *tcase = tcase_create("bad");

    tcase_add_checked_fixture(tcase, enter_scratch, leave_scratch);
    tcase_add_loop_test(tcase, values, 0, VALUE_CASES);
    tcase_add_test(tcase, unknown_names);
    tcase_add_test(tcase, lines);
    tcase_add_test(tcase, sections);
    tcase_add_test(tcase, contradictions);
    tcase_add_test(tcase, faults);
    tcase_add_test(tcase, pages);
    tcase_add_test(tcase, unix_path_length);
    tcase_add_test(tcase, all_in_one_go_and_in_order);
    tcase_add_test(tcase, overrides);
    tcase_add_test(tcase, roots);
    tcase_add_test(tcase, unreadable_files);
    tcase_add_test(tcase, hostile_bytes);
    tcase_add_test(tcase, line_of_a_megabyte);
    tcase_add_test(tcase, mangled_files);
    suite_add_tcase(suite, tcase);
    return unit_run(suite);
}
