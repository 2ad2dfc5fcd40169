/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Directory listings: hostile names, formats, orders, and pages longer than a buffer.
 */
#include "tests/unit/test_serve_ask.h"

#include <jansson.h>

#include "serve/listing_page.h"
#include "serve/listings.h"

/* --- listings --- */

static void make_hostile_names(void)
{
    tree_dir("www/l");
    tree_dir("www/l/sub dir");
    tree_file("www/l/<b>&\"'.txt", "12345");
    tree_file("www/l/-dash", "");
    tree_file("www/l/a:b", "");
    tree_file("www/l/100%?#x", "");
    tree_file("www/l/new\nline", "");
    tree_file("www/l/bad\xff\xc0\xaf.txt", "");
    tree_file("www/l/.dot", "");
    tree_link("../../secret", "www/l/out");
    tree_link("sub dir", "www/l/link");
}

START_TEST(listing_html)
{
    static const char *const there[] = {
        "<a href=\"sub%20dir/\">sub dir/</a>",
        "<a href=\"link/\">link/</a>",
        "<a href=\"%3Cb%3E%26%22%27.txt\">&lt;b&gt;&amp;&quot;&#39;.txt</a></td>"
        "<td title=\"5 bytes\">5 B</td><td><time datetime=\"1994-11-06T08:49:37Z\">",
        "<a href=\"-dash\">-dash</a>",
        "<a href=\"./a%3Ab\">a:b</a>",
        "<a href=\"100%25%3F%23x\">100%?#x</a>",
        "<a href=\"new%0Aline\">new\nline</a>",
        "<a href=\"bad%FF%C0%AF.txt\">bad\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd.txt</a>",
        "<td>out</td>",
        "<a href=\"../\">../</a>",
        "<h1><a href=\"../\">/</a>l/</h1>",
        "<title>/l/</title>",
        "<meta name=\"viewport\"",
        "<th aria-sort=\"ascending\"><a href=\"?sort=name&amp;order=desc\">",
        "<th><a href=\"?sort=size&amp;order=asc\">",
        "</html>\n",
    };

    make_hostile_names();
    tree_time("www/l/<b>&\"'.txt", 784111777);
    const char *body = get("/l/", NULL);
    ck_assert_int_eq(reply.plan.status, 200);
    ck_assert(!reply.plan.length_known);
    ck_assert_str_eq(reply.fields, "Content-Type: text/html; charset=utf-8\r\n"
                                   "Cache-Control: no-cache\r\nVary: Accept\r\n");
    for (size_t i = 0; i < sizeof there / sizeof *there; i++)
        ck_assert_msg(strstr(body, there[i]) != NULL, "no %s in\n%s", there[i], body);
    ck_assert_ptr_null(strstr(body, ".dot"));
    ck_assert_ptr_null(strstr(body, "<b>"));
    ck_assert(strstr(body, "\"sub%20dir/") < strstr(body, "\"-dash"));
    get("/l", NULL);
    ck_assert_int_eq(reply.plan.status, 301);
    ck_assert_ptr_nonnull(strstr(get("/dots/l/", NULL), "<a href=\".dot\">"));
}
END_TEST

START_TEST(listing_crumbs)
{
    tree_dir("www/one");
    tree_dir("www/one/<2>");
    tree_dir("www/one/<2>/three");
    ck_assert_ptr_nonnull(strstr(get("/one/%3C2%3E/three/", NULL),
                                 "<h1><a href=\"../../../\">/</a><a href=\"../../\">one/</a>"
                                 "<a href=\"../\">&lt;2&gt;/</a>three/</h1>"));
    const char *top = get("/", NULL);
    ck_assert_ptr_nonnull(strstr(top, "<h1>/</h1>"));
    ck_assert_ptr_null(strstr(top, "../"));
}
END_TEST

START_TEST(listing_json)
{
    make_hostile_names();
    tree_time("www/l/<b>&\"'.txt", 784111777);
    const char *body = get("/l/?format=json", NULL);
    ck_assert_str_eq(reply.fields, "Content-Type: application/json\r\n"
                                   "Cache-Control: no-cache\r\nVary: Accept\r\n");
    json_error_t error;
    json_t *j = json_loads(body, 0, &error);
    ck_assert_msg(j != NULL, "%s\n%s", error.text, body);
    ck_assert_str_eq(json_string_value(json_object_get(j, "path")), "/l/");
    static const struct {
        const char *name, *raw, *type;
        int size;
    } want[] = {
        {"link", NULL, "directory", -1},
        {"sub dir", NULL, "directory", -1},
        {"-dash", NULL, "file", 0},
        {"100%?#x", NULL, "file", 0},
        {"<b>&\"'.txt", NULL, "file", 5},
        {"a:b", NULL, "file", 0},
        {"bad\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd.txt", "bad%FF%C0%AF.txt", "file", 0},
        {"new\nline", NULL, "file", 0},
        {"out", NULL, "other", -1},
    };
    json_t *entries = json_object_get(j, "entries");
    ck_assert_uint_eq(json_array_size(entries), sizeof want / sizeof *want);
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        json_t *e = json_array_get(entries, i);
        json_t *raw = json_object_get(e, "name_raw"), *size = json_object_get(e, "size");
        ck_assert_str_eq(json_string_value(json_object_get(e, "name")), want[i].name);
        ck_assert_str_eq(json_string_value(json_object_get(e, "type")), want[i].type);
        ck_assert_int_eq(raw != NULL, want[i].raw != NULL);
        if (raw)
            ck_assert_str_eq(json_string_value(raw), want[i].raw);
        ck_assert_int_eq(size ? (int)json_integer_value(size) : -1, want[i].size);
        ck_assert_int_eq(json_object_get(e, "mtime") == NULL, i == 8);
    }
    ck_assert_str_eq(json_string_value(json_object_get(json_array_get(entries, 4), "mtime")),
                     "1994-11-06T08:49:37Z");
    json_decref(j);
    tree_dir("www/void");
    j = json_loads(get("/json/void/", NULL), 0, &error);
    ck_assert_uint_eq(json_array_size(json_object_get(j, "entries")), 0);
    ck_assert(!has_name(reply.fields, "Vary"));
    json_decref(j);
}
END_TEST

START_TEST(listing_format)
{
    static const struct {
        const char *target, *accept;
        bool json;
    } cases[] = {
        {"/d/", NULL, false},
        {"/d/", "Accept: */*\r\n", false},
        {"/d/", "Accept: application/json\r\n", true},
        {"/d/", "Accept: text/html, application/json;q=0.9\r\n", false},
        {"/d/", "Accept: text/html;q=0.5, application/json;q=0.9\r\n", true},
        {"/d/?format=html", "Accept: application/json\r\n", false},
        {"/d/?a=b&format=json", NULL, true},
        {"/d/?format=xml", NULL, false},
        {"/json/d/", NULL, true},
        {"/json/d/?format=html", NULL, false},
    };

    tree_dir("www/d");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *body = get(cases[i].target, cases[i].accept);
        ck_assert_msg((body[0] == '{') == cases[i].json, "%s %s: %s", cases[i].target,
                      cases[i].accept, body);
    }
    location[ROOT].listing = CONF_LISTING_HTML;
    ck_assert_int_eq(get("/d/", "Accept: application/json\r\n")[0], '<');
    ck_assert(!has_name(reply.fields, "Vary"));
}
END_TEST

START_TEST(listing_order)
{
    static const struct {
        const char *query;
        const char *order; /* of the first letters */
    } cases[] = {
        {"", "abc"},
        {"&sort=name&order=desc", "cba"},
        {"&sort=size", "cab"},
        {"&sort=size&order=desc", "bac"},
        {"&sort=mtime", "bca"},
        {"&sort=mtime&order=desc", "acb"},
        {"&sort=nonsense&order=sideways", "abc"},
    };

    tree_dir("www/d");
    tree_file("www/d/a", "22");
    tree_file("www/d/b", "333");
    tree_file("www/d/c", "1");
    tree_time("www/d/a", 3000);
    tree_time("www/d/b", 1000);
    tree_time("www/d/c", 2000);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char target[100], got[4] = "";
        snprintf(target, sizeof target, "/d/?format=json%s", cases[i].query);
        const char *at = get(target, NULL);
        for (int k = 0; k < 3 && (at = strstr(at, "\"name\":\"")); k++)
            got[k] = *(at += 8);
        ck_assert_msg(strcmp(got, cases[i].order) == 0, "%s: %s", cases[i].query, got);
    }
}
END_TEST

/* Many long names: the page comes in bounded pieces and nothing is lost between them. */
START_TEST(listing_in_pieces)
{
    struct file_dir dir = {0};
    struct source s = {0};
    struct chunk c;
    struct buf all_of_it = {0};
    enum { COUNT = 20000, NAME = 200 };

    dir.item = calloc(COUNT, sizeof *dir.item);
    dir.count = COUNT;
    for (uint32_t i = 0; i < COUNT; i++) {
        dir.item[i] = (struct file_dir_item){
            .name_at = i * (NAME + 1), .name_bytes = NAME, .kind = FILE_REGULAR, .size_bytes = i};
        char name[NAME + 1];
        memset(name, '"', sizeof name); /* the longest when escaped */
        snprintf(name, sizeof name, "%07u", i);
        name[7] = '"';
        ck_assert(buf_add(&dir.names, name, sizeof name));
    }
    struct listing_settings settings = {.format = LISTING_JSON, .path = SPAN("/many/")};
    ck_assert(listing_page_source(&settings, listing_dir_new(&dir), &s));
    for (;;) {
        source_pull(&s, &c);
        if (c.kind != CHUNK_MEMORY)
            break;
        ck_assert_uint_le(c.memory.n, 32 * 1024);
        ck_assert(buf_add_span(&all_of_it, c.memory));
    }
    ck_assert_int_eq(c.kind, CHUNK_END);
    source_stop(&s);
    json_t *j = json_loadb(all_of_it.p, all_of_it.n, 0, NULL);
    ck_assert_ptr_nonnull(j);
    json_t *entries = json_object_get(j, "entries");
    ck_assert_uint_eq(json_array_size(entries), COUNT);
    for (size_t i = 0; i < COUNT; i++)
        ck_assert_int_eq(json_integer_value(json_object_get(json_array_get(entries, i), "size")),
                         (int)i);
    json_decref(j);
    buf_free(&all_of_it);
}
END_TEST

/* The deepest path there can be, of bytes that escape to six each. */
START_TEST(listing_of_long_paths)
{
    for (int format = LISTING_HTML; format <= LISTING_JSON; format++)
        for (int stride = 2; stride <= 200; stride += 198) {
            char path[8192];
            struct file_dir dir = {0};
            struct source s = {0};
            struct chunk c;
            size_t total = 0;

            for (size_t i = 0; i < sizeof path; i++)
                path[i] = i % (size_t)stride == 0 || i == sizeof path - 1 ? '/' : '"';
            struct listing_settings settings = {.format = (enum listing_format)format,
                                                .path = span_of(path, sizeof path)};
            ck_assert(listing_page_source(&settings, listing_dir_new(&dir), &s));
            for (source_pull(&s, &c); c.kind == CHUNK_MEMORY; source_pull(&s, &c))
                total += c.memory.n;
            ck_assert_int_eq(c.kind, CHUNK_END);
            ck_assert_uint_gt(total, sizeof path);
            source_stop(&s);
        }
}
END_TEST

/* FUSE lets names be 1024 bytes long; what is left of a page may be any number when one comes. */
START_TEST(listing_of_long_names)
{
    enum { COUNT = 2000, NAME_MAX_BYTES = 1024 };

    for (int format = LISTING_HTML; format <= LISTING_JSON; format++) {
        struct file_dir dir = {.name_bytes_max = NAME_MAX_BYTES};
        struct source s = {0};
        struct chunk c;
        char name[NAME_MAX_BYTES + 1];

        dir.item = calloc(COUNT, sizeof *dir.item);
        dir.count = COUNT;
        for (uint32_t i = 0; i < COUNT; i++) {
            uint16_t n = (uint16_t)(1 + i * 7919 % NAME_MAX_BYTES);
            memset(name, i % 2 ? '"' : '\xff', n);
            name[n] = '\0';
            dir.item[i] = (struct file_dir_item){
                .name_at = (uint32_t)dir.names.n, .name_bytes = n, .kind = FILE_REGULAR};
            ck_assert(buf_add(&dir.names, name, n + 1U));
        }
        struct listing_settings settings = {.format = (enum listing_format)format,
                                            .path = SPAN("/")};
        ck_assert(listing_page_source(&settings, listing_dir_new(&dir), &s));
        do
            source_pull(&s, &c);
        while (c.kind == CHUNK_MEMORY);
        ck_assert_int_eq(c.kind, CHUNK_END);
        source_stop(&s);
    }
}
END_TEST

static struct mono second(uint64_t s)
{
    return (struct mono){(1000 + s) * NS_PER_S};
}

static struct listing_dir *kept_at(struct listings *kept, const char *path, unsigned epoch,
                                   const struct stat *st, uint64_t s)
{
    struct listings_key key = {.root_id = 1, .epoch = epoch, .path = span_str(path)};

    return listings_find(kept, &key, st, second(s));
}

static void want_kept(struct listings *kept, const char *path, unsigned epoch,
                      const struct stat *st, uint64_t s, bool want)
{
    struct listing_dir *d = kept_at(kept, path, epoch, st, s);

    ck_assert_msg((d != NULL) == want, "%s at %u", path, (unsigned)s);
    listing_dir_release(&d);
}

static void keep(struct listings *kept, const char *path, bool settled, const struct stat *st,
                 uint64_t s)
{
    struct file_dir dir = {.st = *st, .settled = settled};
    struct listing_dir *d = listing_dir_new(&dir);
    struct listings_key key = {.root_id = 1, .epoch = 7, .path = span_str(path)};

    listings_keep(kept, &key, d, second(s));
    listing_dir_release(&d);
}

START_TEST(readings_are_kept)
{
    struct listings *kept = listings_new(1000, 2 * NS_PER_S);
    struct stat st = {.st_ino = 5, .st_mode = S_IFDIR}, changed = {.st_ino = 6, .st_mode = S_IFDIR};

    keep(kept, "/a/", true, &st, 0);
    keep(kept, "/b/", false, &st, 0);
    want_kept(kept, "/a/", 7, &st, 0, true);
    want_kept(kept, "/a/", 8, &st, 0, false); /* beneath another root */
    want_kept(kept, "/none/", 7, &st, 0, false);
    want_kept(kept, "/a/", 7, &changed, 1, true); /* believed as any entry */
    want_kept(kept, "/a/", 7, &st, 4, true);
    want_kept(kept, "/b/", 7, &st, 1, true);
    want_kept(kept, "/b/", 7, &st, 2, false); /* its times could not tell */
    want_kept(kept, "/a/", 7, &changed, 3, false);
    keep(kept, "/a/", true, &st, 10);
    want_kept(kept, "/a/", 7, &st, 15, false);

    keep(kept, "/a/", true, &st, 20);
    keep(kept, "/a/", true, &st, 21); /* in its place */
    keep(kept, "/b/", true, &st, 22);
    struct listing_dir *sent = kept_at(kept, "/b/", 7, &st, 22);
    ck_assert_uint_eq(sent->refs, 2);
    ck_assert(listings_shed(kept)); /* a: what is being sent would not give memory back */
    ck_assert(!listings_shed(kept));
    want_kept(kept, "/a/", 7, &st, 22, false);
    want_kept(kept, "/b/", 7, &st, 22, true);
    listings_tick(kept, second(26));
    ck_assert_uint_eq(sent->refs, 2);
    listings_tick(kept, second(27));
    ck_assert_uint_eq(sent->refs, 1);
    listing_dir_release(&sent);
    for (int i = 0; i < 1000; i++) {
        char path[16];
        snprintf(path, sizeof path, "/%d/", i);
        keep(kept, path, true, &st, 30);
    }
    want_kept(kept, "/999/", 7, &st, 30, true);
    want_kept(kept, "/0/", 7, &st, 30, false);
    listings_free(&kept);

    kept = listings_new(1000, 0);
    keep(kept, "/a/", true, &st, 0);
    want_kept(kept, "/a/", 7, &st, 0, false);
    listings_free(&kept);
}
END_TEST

START_TEST(listing_stopped_early)
{
    struct reply r;
    struct chunk c;

    make_hostile_names();
    start(&r, "GET", "/l/", "h", NULL);
    source_pull(&r.plan.body, &c);
    ck_assert_int_eq(c.kind, CHUNK_MEMORY);
    reply_free(&r); /* the leak checker is the judge */
    start(&r, "HEAD", "/l/", "h", NULL);
    ck_assert_int_eq(r.plan.status, 200);
    reply_free(&r);
}
END_TEST

START_TEST(human_sizes)
{
    static const struct {
        uint64_t bytes;
        const char *text;
    } cases[] = {
        {0, "0 B"},
        {1, "1 B"},
        {1023, "1023 B"},
        {1024, "1.0 KiB"},
        {1536, "1.5 KiB"},
        {10239, "9.9 KiB"},
        {10240, "10 KiB"},
        {1048575, "1023 KiB"},
        {1048576, "1.0 MiB"},
        {UINT64_C(5) << 30, "5.0 GiB"},
        {UINT64_MAX, "15 EiB"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[32];
        struct out o = out_into(text, sizeof text - 1);
        listing_human_size(&o, cases[i].bytes);
        *o.p = '\0';
        ck_assert_str_eq(text, cases[i].text);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("listing");
    TCase *t = tcase_create("listing");

    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, readings_are_kept);
    tcase_add_test(t, listing_html);
    tcase_add_test(t, listing_crumbs);
    tcase_add_test(t, listing_json);
    tcase_add_test(t, listing_format);
    tcase_add_test(t, listing_order);
    tcase_add_test(t, listing_in_pieces);
    tcase_add_test(t, listing_of_long_paths);
    tcase_add_test(t, listing_of_long_names);
    tcase_add_test(t, listing_stopped_early);
    tcase_add_test(t, human_sizes);
    suite_add_tcase(s, t);
    return unit_run(s);
}
