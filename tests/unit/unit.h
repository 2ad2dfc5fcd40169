/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The frame of a unit-test program: runs a Check suite and reports in TAP, one line for each
 * test, which make check counts. Each test runs in a process of its own (CK_FORK), so one
 * that crashes fails alone.
 */
#ifndef WEIR_TESTS_UNIT_H
#define WEIR_TESTS_UNIT_H

#include <check.h>
#include <stdlib.h>

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
