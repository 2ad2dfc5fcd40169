/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The frame of a unit-test program: runs a Check suite and reports in TAP, one line for each
 * test, which make check counts. Each test runs in a process of its own (CK_FORK), so one
 * that crashes fails alone.
 */
#ifndef WEIR_TESTS_UNIT_H
#define WEIR_TESTS_UNIT_H

#include <check.h>
#include <locale.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* Times in UTC, texts in UTF-8, figures with a point. False: that locale is not here, which is the
 * whole report then. */
static inline bool unit_locale(void)
{
    setenv("TZ", "UTC", 1);
    tzset();
    if (!setlocale(LC_ALL, "C.UTF-8")) {
        printf("1..0 # SKIP there is no locale C.UTF-8\n");
        return false;
    }
    setlocale(LC_NUMERIC, "C");
    return true;
}

static inline int unit_run(Suite *suite)
{
    SRunner *runner = srunner_create(suite);

    srunner_set_tap(runner, "-");
    srunner_run_all(runner, CK_SILENT);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#endif
