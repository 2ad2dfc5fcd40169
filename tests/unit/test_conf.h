/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the tests of the configuration share: a folder of their own that is the working
 * directory, and loading a text from the file weir.ini in it.
 */
#ifndef WEIR_TESTS_TEST_CONF_H
#define WEIR_TESTS_TEST_CONF_H

#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "conf/conf.h"

static char scratch[] = "/tmp/weir-test-conf-XXXXXX";

static inline void write_file(const char *path, const void *bytes, size_t n)
{
    FILE *f = fopen(path, "w");

    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(bytes, 1, n, f), n);
    ck_assert_int_eq(fclose(f), 0);
}

static inline void enter_scratch(void)
{
    strcpy(scratch + strlen(scratch) - 6, "XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(scratch));
    ck_assert_int_eq(chdir(scratch), 0);
}

static inline void leave_scratch(void)
{
    static const char *const files[] = {"weir.ini", "page.html", "large.html", "again.ini"};

    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        unlink(files[i]);
    ck_assert_int_eq(chdir("/"), 0);
    ck_assert_int_eq(rmdir(scratch), 0);
}

/* The configuration of n bytes of text; NULL with the errors in `errors`, which must be zeroed. */
static inline struct conf *load_bytes(const void *text, size_t n, struct buf *errors)
{
    struct conf *conf = NULL;

    write_file("weir.ini", text, n);
    int result = conf_load("weir.ini", NULL, 0, &conf, errors);
    ck_assert_int_eq(result, conf ? 0 : -1);
    ck_assert_msg(conf ? errors->n == 0 : errors->n > 0, "errors and result disagree");
    return conf;
}

/* The configuration of a text that must be right. */
static inline struct conf *load_good(const char *text)
{
    struct buf errors = {0};
    struct conf *conf = load_bytes(text, strlen(text), &errors);

    ck_assert_msg(conf != NULL, "%.*s\nin:\n%s", (int)errors.n, errors.p, text);
    return conf;
}

#endif
