/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The end of a process whose own invariant broke: says which one, with errno, and aborts
 * so that a core and the master's last words can tell the rest. Uses only poll(2) and write(2),
 * for it may run in a signal handler. A standard error that takes nothing now is not waited for.
 * Runs in every process.
 */
#include "base/must.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

_Noreturn void must_fail(const char *what, const char *file, int line)
{
    char text[512];
    int saved = errno;
    int n = snprintf(text, sizeof text, "weir: broken invariant at %s:%d: %s (errno %d)\n", file,
                     line, what, saved);

    struct pollfd takes = {.fd = STDERR_FILENO, .events = POLLOUT};
    if (n > 0 && poll(&takes, 1, 0) == 1 &&
        write(STDERR_FILENO, text, (size_t)n < sizeof text ? (size_t)n : sizeof text) < 0)
        _exit(70); /* EX_SOFTWARE: nowhere left to say it */
    abort();
}
