/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a program is started with; see inherited.h. Runs first in every program, before anything is
 * opened.
 */
#include "base/inherited.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

/* The lowest free number is the missing one, for those below it are there. */
static void open_standard(int fd)
{
    if (fcntl(fd, F_GETFD) >= 0 || errno != EBADF)
        return;
    int got = open("/dev/null", fd == STDIN_FILENO ? O_RDONLY : O_WRONLY);
    if (got < 0) /* no /dev: something that holds the place and can be neither read nor written */
        got = open("/", O_PATH);
    if (got != fd)
        _exit(1);
}

void inherited_mend(void)
{
    struct sigaction act = {.sa_handler = SIG_DFL};
    sigset_t none;

    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        open_standard(fd);
    sigemptyset(&act.sa_mask);
    sigaction(SIGCHLD, &act, NULL);
    act.sa_handler = SIG_IGN;
    sigaction(SIGXFSZ, &act, NULL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}
