/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is made from the settings table: the printed configuration reads back to the same,
 * etc/weir.ini and man/weir.ini.5 are what the table says. With WEIR_UPDATE=1 in the
 * environment these two files are written anew (in WEIR_SRC) before they are compared.
 */
#include "tests/unit/test_conf.h"

#include "conf/settings.h"

#define ROOT "[location /]\nfiles = /\n"

typedef void write_fn(FILE *to, const void *arg);

/* What a function writes, as bytes. */
static struct buf written(write_fn *write, const void *arg)
{
    char *p = NULL;
    size_t n = 0;
    struct buf b = {0};
    FILE *f = open_memstream(&p, &n);

    ck_assert_ptr_nonnull(f);
    write(f, arg);
    ck_assert_int_eq(fclose(f), 0);
    ck_assert(buf_add(&b, p, n));
    free(p);
    return b;
}

static void write_conf(FILE *to, const void *conf)
{
    conf_print(conf, to);
}

static void write_sample(FILE *to, const void *arg)
{
    (void)arg;
    conf_print_sample(to);
}

static void write_manual(FILE *to, const void *arg)
{
    (void)arg;
    conf_print_manual(to);
}

static void check_lines_fit(struct span text)
{
    while (text.p)
        ck_assert_uint_le(span_cut(&text, '\n').n, 199);
}

/* Prints c, loads that, prints again: the same text, and in its first location the same values. */
static void check_round_trip(const struct conf *c)
{
    struct conf *again = NULL;
    struct buf errors = {0}, first = written(write_conf, c);

    check_lines_fit(buf_span(&first));
    write_file("again.ini", first.p, first.n);
    ck_assert_msg(conf_load("again.ini", NULL, 0, &again, &errors) == 0, "%.*s\nin:\n%.*s",
                  (int)errors.n, errors.p, (int)first.n, first.p);
    struct buf second = written(write_conf, again);
    ck_assert_msg(span_eq(buf_span(&first), buf_span(&second)), "first:\n%.*s\nsecond:\n%.*s",
                  (int)first.n, first.p, (int)second.n, second.p);
    ck_assert_str_eq(again->server.name, c->server.name);
    ck_assert_str_eq(again->log.access, c->log.access);
    ck_assert(again->server.drain_timeout_ns == c->server.drain_timeout_ns);
    ck_assert(again->limits.body_size_bytes == c->limits.body_size_bytes);
    ck_assert_uint_eq(again->fault_count, c->fault_count);
    for (size_t i = 0; i < c->fault_count; i++) {
        const struct conf_fault *was = &c->faults[i], *is = &again->faults[i];
        ck_assert_str_eq(is->prefix, was->prefix);
        ck_assert(is->operations == was->operations && is->delay_ns == was->delay_ns);
        ck_assert(is->rate_bytes == was->rate_bytes && is->hang == was->hang);
        ck_assert_int_eq(is->error, was->error);
    }
    ck_assert_uint_eq(again->site_count, c->site_count);
    ck_assert_uint_eq(again->location_count, c->location_count);
    for (size_t i = 0; i < c->location_count; i++) {
        ck_assert_str_eq(again->locations[i]->prefix, c->locations[i]->prefix);
        ck_assert_int_eq(again->locations[i]->handler, c->locations[i]->handler);
        ck_assert_pstr_eq(again->locations[i]->files, c->locations[i]->files);
        ck_assert_pstr_eq(again->locations[i]->redirect_to, c->locations[i]->redirect_to);
        ck_assert_pstr_eq(again->locations[i]->cache_control, c->locations[i]->cache_control);
    }
    buf_free(&first);
    buf_free(&second);
    conf_free(&again);
}

START_TEST(round_trips)
{
    static const char *const texts[] = {
        ROOT,
        "[server]\nname = x\nlisten = unix:/a [::1]:3 127.0.0.1:0\nworkers = 3\nuser = root\n"
        "group = root\nruntime_dir = /r\ndrain_timeout = 90s\nmime_types = /dev/null\n"
        "[limits]\nbody_size = 1536\nheader_timeout = 1500ms\nminimum_rate = 3k\n"
        "[log]\naccess = off\nformat = json\nerror = syslog\nlevel = error\n"
        "[cache]\nvalid = 0\ncontent = 1t\nentries = 0\n"
        "[types]\nmd = text/markdown\nb = c/d\n" ROOT "listing = html\nindex =\ncharset =\n"
        "cache_control = public, max-age=3\ndot_files = on\n",
        "[fault /a b/]\noperations = readdir open\ndelay = 1500ms\nerror = ESTALE\n[fault /]\n"
        "rate = 3k\n[fault /a b/]\noperations = stat\nhang = yes\n[server]\nallow_faults = on\n"
        "offload_threads = 128\n[offload]\nwindow = 128k\nmount_share = 1\n",
        "[location /a b]\nredirect = 307 https://x/?a;b#c\n[site a *.b]\n[location /c/]\n"
        "redirect = /\n" ROOT "[site *]\n[location /z]\nfiles = /tmp\n[site d]\n",
        "[log]\naccess = /$${x} $;y $$;z\\\n",
        "[log]\naccess = /a\\\n   b  \\\n c \\\\\n d\n",
    };

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char text[2000];
        snprintf(text, sizeof text, "%s%s", texts[i], strstr(texts[i], "[location") ? "" : ROOT);
        struct conf *c = load_good(text);
        check_round_trip(c);
        conf_free(&c);
    }
}
END_TEST

START_TEST(round_trip_of_error_pages)
{
    char text[400];

    write_file("page.html", "x", 1);
    snprintf(text, sizeof text,
             ROOT "[site *]\nerror_pages = 404=%s/page.html 500=%s/page.html\n"
                  "    501=%s/page.html 502=%s/page.html 503=%s/page.html\n",
             scratch, scratch, scratch, scratch, scratch);
    struct conf *c = load_good(text);
    check_round_trip(c);
    conf_free(&c);
}
END_TEST

/* Values that do not fit on a line, made of whatever makes breaking them hard. */
START_TEST(round_trip_of_long_values)
{
    static const char *const pieces[] = {"abcdefg",   "a b",      "  ",     "\\",        " \\",
                                         " ;x",       "#",        "a = b ", "listen = ", "files=x ",
                                         "[server] ", "${x} $; ", "$$;",    "\xc3\xbc"};

    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++)
        for (size_t length = 180; length < 1000; length += 97) {
            char value[1100] = "log.access=/";
            const char *override = value;
            struct conf *c = NULL;
            struct buf errors = {0};
            while (strlen(value) < length) {
                strcat(value, pieces[i]);
                strcat(value, "x");
            }
            ck_assert_int_eq(conf_load_default("/", &override, 1, &c, &errors), 0);
            ck_assert_str_eq(c->log.access, value + strlen("log.access="));
            check_round_trip(c);
            conf_free(&c);
        }
}
END_TEST

START_TEST(round_trip_of_longest_extension)
{
    char text[300], extension[192];

    memset(extension, 'e', sizeof extension);
    snprintf(text, sizeof text, "[types]\n%.*s=text/x\n" ROOT, 192, extension); /* 199 bytes */
    struct conf *c = load_good(text);
    check_round_trip(c);
    conf_free(&c);
}
END_TEST

START_TEST(keys_are_found_without_their_section)
{
    for (int i = 0; i < SETTING_COUNT; i++) {
        const struct setting *s = &setting_table[i];
        if (section_is_global(s->section))
            ck_assert_msg(setting_find_anywhere(span_str(s->key), false) == s ||
                              setting_find_namesake(s) != NULL,
                          "`%s' is not found", s->key);
    }
}
END_TEST

/* The bytes of a file under WEIR_SRC. */
static struct buf source_file(const char *name)
{
    const char *root = getenv("WEIR_SRC");
    struct buf b = {0};
    char path[4096];
    size_t n;

    ck_assert_msg(root != NULL, "WEIR_SRC must name the source folder");
    snprintf(path, sizeof path, "%s/%s", root, name);
    FILE *f = fopen(path, "r");
    ck_assert_msg(f != NULL, "%s cannot be read", path);
    do {
        ck_assert(buf_reserve(&b, 65536));
        n = fread(b.p + b.n, 1, 65536, f);
        b.n += n;
    } while (n > 0);
    ck_assert_int_eq(fclose(f), 0);
    return b;
}

static void check_source(const char *name, struct buf *want)
{
    const char *update = getenv("WEIR_UPDATE");

    if (update && strcmp(update, "1") == 0) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%s", getenv("WEIR_SRC"), name);
        write_file(path, want->p, want->n);
    }
    struct buf is = source_file(name);
    ck_assert_msg(span_eq(buf_span(&is), buf_span(want)),
                  "%s is not what src/conf/settings.def says; run tests/unit/test_conf_print with "
                  "WEIR_UPDATE=1",
                  name);
    buf_free(&is);
    buf_free(want);
}

START_TEST(sample_is_current)
{
    struct buf sample = written(write_sample, NULL);

    check_lines_fit(buf_span(&sample));
    check_source("etc/weir.ini", &sample);
}
END_TEST

START_TEST(manual_is_current)
{
    static const char mark[] = "@SETTINGS@\n";
    struct buf prose = source_file("man/weir.ini.5.in"), table = written(write_manual, NULL);
    char *at = memmem(prose.p, prose.n, "\n@SETTINGS@\n", sizeof mark);
    struct buf manual = {0};

    ck_assert_ptr_nonnull(at);
    at++;
    ck_assert(buf_add(&manual, prose.p, (size_t)(at - prose.p)));
    ck_assert(buf_add_span(&manual, buf_span(&table)));
    at += sizeof mark - 1;
    ck_assert(buf_add(&manual, at, (size_t)(prose.p + prose.n - at)));
    check_source("man/weir.ini.5", &manual);
    buf_free(&prose);
    buf_free(&table);
}
END_TEST

/* The sample as it is shipped, but with a root that is there on every machine. */
START_TEST(sample_loads)
{
    static const char shipped[] = "\nfiles = /srv\n", here[] = "\nfiles = /\n";
    struct buf sample = written(write_sample, NULL), text = {0}, errors = {0};
    char *at = memmem(sample.p, sample.n, shipped, sizeof shipped - 1);

    ck_assert_ptr_nonnull(at);
    ck_assert(buf_add(&text, sample.p, (size_t)(at - sample.p)) &&
              buf_add(&text, here, sizeof here - 1));
    at += sizeof shipped - 1;
    ck_assert(buf_add(&text, at, (size_t)(sample.p + sample.n - at)));
    struct conf *c = load_bytes(text.p, text.n, &errors);
    ck_assert_msg(c != NULL, "%.*s", (int)errors.n, errors.p);
    ck_assert_str_eq(c->log.access, "/var/log/weir/access.log");
    ck_assert_uint_eq(c->location_count, 1);
    conf_free(&c);
    buf_free(&sample);
    buf_free(&text);
}
END_TEST

/* What the sample shows is the default: without its comment signs it is the same configuration. */
START_TEST(sample_shows_defaults)
{
    struct buf sample = written(write_sample, NULL), text = {0};
    struct span rest = buf_span(&sample);
    enum conf_section section = SECTION_COUNT;
    unsigned keys = 0;

    while (rest.p) {
        struct span line = span_cut(&rest, '\n');
        bool commented = span_starts(line, SPAN("#"));
        struct span value = span_from(line, commented ? 1 : 0);
        if (span_starts(value, SPAN("["))) {
            struct span head = span_from(value, 1), name = span_cut(&head, ']');
            section = section_find(span_cut(&name, ' '));
            continue;
        }
        if (!commented || line.n < 2 || line.p[1] == ' ')
            continue;
        struct span key = span_trim(span_cut(&value, '='));
        ck_assert_msg(section != SECTION_COUNT, "%.*s", (int)line.n, line.p);
        const struct setting *s = setting_find(section, key);
        if (!s || !s->initial)
            continue;
        ck_assert_msg(span_eq(span_trim(value), span_str(s->initial)), "%s", s->key);
        keys++;
    }
    ck_assert_uint_gt(keys, 20);
    buf_free(&sample);
    buf_free(&text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("conf_print");
    TCase *tcase = tcase_create("print");

    tcase_add_checked_fixture(tcase, enter_scratch, leave_scratch);
    tcase_add_test(tcase, round_trips);
    tcase_add_test(tcase, round_trip_of_error_pages);
    tcase_add_test(tcase, round_trip_of_long_values);
    tcase_add_test(tcase, round_trip_of_longest_extension);
    tcase_add_test(tcase, keys_are_found_without_their_section);
    tcase_add_test(tcase, sample_is_current);
    tcase_add_test(tcase, manual_is_current);
    tcase_add_test(tcase, sample_loads);
    tcase_add_test(tcase, sample_shows_defaults);
    suite_add_tcase(suite, tcase);
    return unit_run(suite);
}
