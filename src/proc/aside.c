/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Children that nobody waits for; see aside.h. Master only, but for the lines after fork.
 */
#include "proc/aside.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"

enum { CHILD_FD = STDERR_FILENO + 1 };

/* Nothing stays open of the master's, nor of whoever waits for its output to end. */
static bool keep_only(int *fd)
{
    int null;

    if (*fd != CHILD_FD && dup2(*fd, CHILD_FD) < 0)
        return false;
    *fd = CHILD_FD;
    fd_close_from(CHILD_FD + 1);
    null = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int i = 0; i <= STDERR_FILENO; i++)
        if (null < 0 || dup2(null, i) < 0)
            close(i);
    if (null > STDERR_FILENO)
        close(null);
    return true;
}

void aside_signals(void)
{
    static const int ignored[] = {SIGINT,  SIGQUIT, SIGHUP,  SIGUSR1, SIGUSR2,
                                  SIGTTIN, SIGTTOU, SIGPIPE, SIGWINCH};
    struct sigaction act = {.sa_handler = SIG_IGN};
    sigset_t none;

    sigemptyset(&act.sa_mask);
    for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
        sigaction(ignored[i], &act, NULL);
    act.sa_handler = SIG_DFL;
    sigaction(SIGTERM, &act, NULL);
    sigaction(SIGCHLD, &act, NULL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static _Noreturn void run_child(const char *name, aside_work *work, const void *arg, bool keep_all,
                                pid_t parent, int fd)
{
    aside_signals();
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (getppid() != parent || (!keep_all && !keep_only(&fd)))
        _exit(1);
    prctl(PR_SET_NAME, name, 0, 0, 0);
    work(arg, fd);
    _exit(0);
}

pid_t aside_begin(const char *name, aside_work *work, const void *arg, bool keep_all, int *fd)
{
    pid_t parent = getpid(), pid;
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        return -1;
    *fd = pair[0];
    if (!fd_set_nonblock(*fd, true)) {
        close_fd(&pair[1]);
        close_fd(fd);
        return -1;
    }
    fflush(NULL);
    pid = fork();
    if (pid == 0)
        run_child(name, work, arg, keep_all, parent, pair[1]);
    close_fd(&pair[1]);
    if (pid < 0)
        close_fd(fd);
    return pid;
}

void aside_reap(pid_t *pid, int within_ms)
{
    for (int ms = 0; ms <= within_ms && *pid > 0; ms++) {
        if (waitpid(*pid, NULL, WNOHANG) == *pid)
            *pid = 0;
        else
            poll(NULL, 0, 1);
    }
}

void aside_drop(pid_t *pid, int *fd)
{
    close_fd(fd);
    if (*pid <= 0)
        return;
    kill(*pid, SIGKILL);
    waitpid(*pid, NULL, WNOHANG); /* else the loop reaps it when it can end */
    *pid = 0;
}
