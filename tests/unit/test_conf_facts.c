/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Facts: a configuration read with a set of them asks nothing of the system, and the same facts
 * make the same configuration in another set that came as bytes; bytes that are no facts are
 * refused; who may take which descriptor.
 */
#include "tests/unit/test_conf.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "conf/facts.h"

static char *print(const struct conf *conf)
{
    char *text = NULL;
    size_t n;
    FILE *f = open_memstream(&text, &n);

    ck_assert_ptr_nonnull(f);
    conf_print(conf, f);
    fclose(f);
    return text;
}

static void write_ini(void)
{
    char text[1000];
    int n = snprintf(text, sizeof text,
                     "[server]\nlisten = localhost:8080\nuser = root\ngroup = root\n"
                     "mime_types = %s/page.html\n[site *]\nerror_pages = 404=%s/page.html\n"
                     "[location /]\nfiles = /\n[location /t/]\nfiles = /tmp\n[location /u/]\n"
                     "files = /tmp/\n",
                     scratch, scratch);

    write_file("weir.ini", text, (size_t)n);
    write_file("page.html", "page", 4);
}

static void answer_all(struct facts *facts)
{
    for (size_t i = 0; i < facts->count; i++)
        if (facts->item[i]->state == FACT_ASKED) {
            fact_answer(facts->item[i]);
            facts->item[i]->state = FACT_KNOWN;
        }
}

/* Until nothing more is asked; the configuration of the last reading. */
static struct conf *load_with(struct facts *facts, struct buf *errors)
{
    struct conf *conf = NULL;

    facts_use(facts);
    for (int i = 0; i < 10; i++) {
        conf_free(&conf);
        errors->n = 0;
        conf_load("weir.ini", NULL, 0, &conf, errors);
        if (facts_asked(facts) == 0)
            break;
        answer_all(facts);
    }
    facts_use(NULL);
    return conf;
}

START_TEST(same_facts_same_configuration)
{
    struct facts facts = {0}, copy = {.closed = true};
    struct buf errors = {0}, bytes = {0};

    write_ini();
    struct conf *conf = load_with(&facts, &errors);
    ck_assert_msg(conf != NULL, "%.*s", (int)errors.n, errors.p);
    ck_assert_uint_eq(conf->server.listen_count > 0, true);
    ck_assert_str_eq(conf->sites[0].error_pages[0].content, "page");
    ck_assert(facts_write(&facts, &bytes));
    ck_assert(facts_read(&copy, buf_span(&bytes)));
    ck_assert_uint_eq(copy.count, facts.count);

    unlink("weir.ini"); /* nothing is asked again */
    unlink("page.html");
    struct conf *again = load_with(&copy, &errors);
    ck_assert_msg(again != NULL, "%.*s", (int)errors.n, errors.p);
    char *a = print(conf), *b = print(again);
    ck_assert_str_eq(a, b);
    ck_assert_uint_eq(conf->server.listen_count, again->server.listen_count);
    free(a);
    free(b);
    conf_free(&conf);
    conf_free(&again);
    facts_free(&facts);
    facts_free(&copy);
    buf_free(&bytes);
    buf_free(&errors);
}
END_TEST

static void give_up(struct facts *facts, enum fact_kind kind)
{
    for (size_t i = 0; i < facts->count; i++)
        if (facts->item[i]->kind == kind)
            facts->item[i]->state = FACT_LATE;
}

/* A root or a page that does not answer is no mistake; a user or a host that is needed is. */
START_TEST(what_came_too_late)
{
    static const struct {
        enum fact_kind kind;
        bool lenient;
        const char *error; /* NULL: none */
    } cases[] = {
        {FACT_DIRECTORY, false, NULL},
        {FACT_FILE, false, NULL},
        {FACT_USER, false, "weir.ini:3: user = root: no answer within 12 s"},
        {FACT_USER, true, NULL},
        {FACT_GROUP, false, "weir.ini:4: group = root: no answer within 12 s"},
        {FACT_HOST, false,
         "weir.ini:2: listen = localhost:8080: the host name `localhost' cannot be looked up: no "
         "answer within 12 s"},
        {FACT_HOST, true, NULL},
        {FACT_CONFIG, true, "weir.ini: cannot be read: its file system does not answer"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct facts facts = {.lenient = cases[i].lenient};
        struct buf errors = {0};
        write_ini();
        struct conf *conf = load_with(&facts, &errors);
        ck_assert_ptr_nonnull(conf);
        conf_free(&conf);
        give_up(&facts, cases[i].kind);
        conf = load_with(&facts, &errors);
        if (cases[i].error) {
            ck_assert_ptr_null(conf);
            ck_assert_msg(span_starts(buf_span(&errors), span_str(cases[i].error)), "%.*s",
                          (int)errors.n, errors.p);
        } else {
            ck_assert_msg(conf != NULL, "%.*s", (int)errors.n, errors.p);
        }
        if (conf && cases[i].kind == FACT_FILE)
            ck_assert_ptr_null(conf->sites[0].error_pages[0].content);
        conf_free(&conf);
        facts_free(&facts);
        buf_free(&errors);
    }
}
END_TEST

START_TEST(a_closed_set_asks_nothing)
{
    struct facts facts = {.closed = true};

    facts_use(&facts);
    ck_assert_int_eq(fact_ask(FACT_DIRECTORY, SPAN("/"))->state, FACT_LATE);
    ck_assert_uint_eq(facts_asked(&facts), 0);
    facts_use(NULL);
    facts_free(&facts);
}
END_TEST

START_TEST(bytes_that_are_no_facts)
{
    struct facts facts = {0};
    struct buf bytes = {0};

    facts_add(&facts, FACT_FILE, SPAN("/some/name"));
    ck_assert(facts_write(&facts, &bytes));
    size_t first = bytes.n;
    bytes.n = 0;
    facts_add(&facts, FACT_USER, SPAN("somebody"));
    ck_assert(buf_add(&facts.item[1]->data, "data", 4));
    ck_assert(facts_write(&facts, &bytes));
    for (size_t n = 0; n <= bytes.n; n++) {
        struct facts got = {0};
        char *cut = malloc(n ? n : 1); /* of this size, for a sanitizer to see the end */
        memcpy(cut, bytes.p, n);
        bool whole = facts_read(&got, span_of(cut, n));
        ck_assert_int_eq(whole, n == 0 || n == first || n == bytes.n);
        if (n == bytes.n) {
            ck_assert(whole);
            ck_assert_str_eq(got.item[0]->name, "/some/name");
            ck_assert_uint_eq(got.item[1]->data.n, 4);
        }
        free(cut);
        facts_free(&got);
    }
    for (size_t i = 0; i < bytes.n; i++) {
        struct facts got = {0};
        bytes.p[i] = (char)~bytes.p[i];
        facts_read(&got, buf_span(&bytes)); /* good or not: within the bytes */
        bytes.p[i] = (char)~bytes.p[i];
        facts_free(&got);
    }
    facts_free(&facts);
    buf_free(&bytes);
}
END_TEST

START_TEST(descriptors)
{
    struct facts facts = {0};

    facts_use(&facts);
    struct fact *f = fact_ask(FACT_DIRECTORY, SPAN("/"));
    fact_answer(f);
    f->state = FACT_KNOWN;
    facts.keeps = true; /* copies, for its own is to be sent */
    int copy = fact_take_fd(f);
    ck_assert_int_ge(copy, 0);
    ck_assert_int_ne(copy, f->fd);
    facts.keeps = false;
    int own = f->fd, first = fact_take_fd(f), second = fact_take_fd(f);
    ck_assert_int_eq(first, own);
    ck_assert_int_ne(second, own);
    ck_assert_int_ge(second, 0);
    ck_assert_int_eq(f->fd, -1);
    facts_use(NULL);
    facts_free(&facts);
    ck_assert_int_eq(fcntl(first, F_GETFD), FD_CLOEXEC); /* not the set's any more */
    close(first);
    close(second);
    close(copy);
    ck_assert_int_eq(fact_take_fd(fact_ask(FACT_DIRECTORY, SPAN("/no/such"))), -1);
}
END_TEST

START_TEST(answers)
{
    struct fact_user user;

    ck_assert_int_eq(fact_ask(FACT_USER, SPAN("no-such-user"))->error, ENOENT);
    struct fact *f = fact_ask(FACT_USER, SPAN("root"));
    ck_assert_int_eq(f->error, 0);
    memcpy(&user, f->data.p, sizeof user);
    ck_assert_uint_eq(user.uid, 0);
    ck_assert_uint_eq(f->data.n, sizeof user + user.count * sizeof(gid_t));
    ck_assert_int_eq(fact_ask(FACT_DIRECTORY, SPAN("/dev/null"))->error, ENOTDIR);
    ck_assert_int_eq(fact_ask(FACT_FILE, SPAN("/"))->detail, S_IFDIR);
    ck_assert_int_eq(fact_ask(FACT_FILE, SPAN("/dev/zero"))->detail, S_IFCHR);
    ck_assert_uint_eq(fact_ask(FACT_FILE, SPAN("/dev/zero"))->data.n, 0);
    ck_assert_uint_eq(fact_ask(FACT_CONFIG, SPAN("/dev/zero"))->data.n, FACT_BYTES_MAX + 1);
    ck_assert_int_ne(fact_ask(FACT_HOST, SPAN("no such host"))->error, 0);
    f = fact_ask(FACT_FOLDER, SPAN("/proc/../tmp/./"));
    ck_assert(span_eq(buf_span(&f->data), SPAN("/tmp")));
    ck_assert_int_eq(fact_ask(FACT_LOG, SPAN("/no/such/log"))->error, ENOENT);
    ck_assert_int_eq(fact_ask(FACT_LOG, SPAN("/tmp/no-such-log"))->error, 0);
    ck_assert_int_eq(fact_ask(FACT_LOG, SPAN("/tmp"))->error, EISDIR);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("conf_facts");
    TCase *texts = tcase_create("texts"), *alone = tcase_create("alone");

    tcase_add_checked_fixture(texts, enter_scratch, leave_scratch);
    tcase_add_test(texts, same_facts_same_configuration);
    tcase_add_test(texts, what_came_too_late);
    tcase_add_test(alone, a_closed_set_asks_nothing);
    tcase_add_test(alone, bytes_that_are_no_facts);
    tcase_add_test(alone, descriptors);
    tcase_add_test(alone, answers);
    suite_add_tcase(suite, texts);
    suite_add_tcase(suite, alone);
    return unit_run(suite);
}
