/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Three spellings for what goes wrong in the program itself: must() for what cannot
 * happen, never() for a place that cannot be reached, todo_handle() for a failure that is
 * not yet handled as it should be (grep finds the debt). All end the process with one
 * line on standard error and abort(3), in every build: NDEBUG does not remove them.
 * Never for a client's input, a user's configuration or a full disk.
 */
#ifndef WEIR_BASE_MUST_H
#define WEIR_BASE_MUST_H

_Noreturn void must_fail(const char *what, const char *file, int line);

#define must(cond)       ((cond) ? (void)0 : must_fail(#cond, __FILE__, __LINE__))
#define never(why)       must_fail("never: " why, __FILE__, __LINE__)
#define todo_handle(why) must_fail("not handled: " why, __FILE__, __LINE__)

#endif
