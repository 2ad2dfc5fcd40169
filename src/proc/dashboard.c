/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * weir -T; see dashboard.h. The server is a child in its own session, so that keys such as
 * Ctrl-C reach the dashboard alone; should this process die, the kernel sends the server
 * SIGTERM (PR_SET_PDEATHSIG). The server's log goes to a file while the screen is up; when it
 * cannot start, what it logged is shown here.
 */
#include "proc/dashboard.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "proc/runtime.h"

struct dashboard {
    char program[PATH_MAX]; /* of weirtop; a bare name means: look in PATH */
    char log_path[PATH_MAX];
    off_t log_start; /* where this run's lines begin */
    struct runtime runtime;
};

static volatile sig_atomic_t told_to_end;
static volatile sig_atomic_t screen_pid;

static void on_end(int number)
{
    (void)number;
    told_to_end = 1;
    if (screen_pid > 0)
        kill((pid_t)screen_pid, SIGTERM);
}

static void find_weirtop(char *to, size_t bytes)
{
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    char *slash = n > 0 ? memrchr(self, '/', (size_t)n) : NULL;

    if (slash) {
        int made = snprintf(to, bytes, "%.*s/weirtop", (int)(slash - self), self);
        if (made > 0 && (size_t)made < bytes && access(to, X_OK) == 0)
            return;
    }
    snprintf(to, bytes, "%s/weirtop", WEIR_BINDIR);
    if (access(to, X_OK) != 0)
        snprintf(to, bytes, "weirtop");
}

/* Names the log and the runtime directory, tells what -T changes. False: errors were shown. */
static bool prepare(struct dashboard *d, const struct master_options *options)
{
    struct buf errors = {0};
    struct conf *conf = master_load(options, &errors);
    struct stat st;
    bool good = conf && runtime_choose(&d->runtime, conf->server.runtime_dir, &errors);

    if (good) {
        snprintf(d->log_path, sizeof d->log_path, "%s", conf->log.error);
        d->log_start = stat(d->log_path, &st) == 0 ? st.st_size : 0;
        if (strcmp(conf->log.access, "off") == 0)
            fprintf(stderr, "weir: the access log is off while the dashboard has the terminal; "
                            "set [log] access to a file to keep one\n");
    } else {
        fprintf(stderr, "%.*s", (int)errors.n, errors.n ? errors.p : "");
    }
    conf_free(&conf);
    buf_free(&errors);
    return good;
}

static _Noreturn void become_server(struct master_options *options, int ready_fd, pid_t parent)
{
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

    setsid();
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent)
        _exit(MASTER_FAILED);
    if (null >= 0)
        dup2(null, STDIN_FILENO);
    options->ready_fd = ready_fd;
    int status = master_run(options);
    fflush(NULL);
    _exit(status);
}

/* The exit status of a child, waited for. A child killed by a signal counts as failed. */
static int wait_for(pid_t pid)
{
    int status;

    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return MASTER_FAILED;
    return WIFEXITED(status) ? WEXITSTATUS(status) : MASTER_FAILED;
}

static void show_log(const struct dashboard *d)
{
    char text[4096];
    int fd = open(d->log_path, O_RDONLY | O_CLOEXEC);
    ssize_t n;

    if (fd < 0)
        return;
    if (lseek(fd, d->log_start, SEEK_SET) >= 0)
        while ((n = fd_read_full(fd, text, sizeof text)) > 0)
            if (!fd_write_all(STDERR_FILENO, text, (size_t)n))
                break;
    close_fd(&fd);
}

/* weirtop in the foreground; its exit status. */
static int run_screen(const struct dashboard *d)
{
    pid_t pid = fork();

    if (pid == 0) {
        execlp(d->program, "weirtop", "-r", d->runtime.dir, (char *)NULL);
        fprintf(stderr,
                "weir: weirtop cannot be run: %s; it is looked for beside weir, in %s and "
                "in PATH\n",
                strerror(errno), WEIR_BINDIR);
        _exit(127);
    }
    if (pid < 0) {
        fprintf(stderr, "weir: starting weirtop: %s\n", strerror(errno));
        return MASTER_FAILED;
    }
    screen_pid = pid;
    if (told_to_end)
        kill(pid, SIGTERM);
    int status = wait_for(pid);
    screen_pid = 0;
    return status;
}

static void catch_end(void)
{
    static const int ends[] = {SIGTERM, SIGHUP, SIGINT, SIGQUIT};
    struct sigaction act = {.sa_handler = on_end};

    sigfillset(&act.sa_mask);
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        sigaction(ends[i], &act, NULL);
    signal(SIGPIPE, SIG_IGN);
}

/* True when the server said that it serves; false when it ended, or we are told to end. */
static bool wait_until_ready(int fd)
{
    char byte;
    ssize_t n;

    do
        n = read(fd, &byte, 1);
    while (n < 0 && errno == EINTR && !told_to_end);
    return n == 1;
}

int dashboard_run(struct master_options *options)
{
    struct dashboard d = {.runtime.lock_fd = -1};
    pid_t self = getpid();
    int ready[2];

    options->dashboard = true;
    if (!prepare(&d, options))
        return MASTER_USAGE;
    find_weirtop(d.program, sizeof d.program);
    if (pipe2(ready, O_CLOEXEC) != 0) {
        fprintf(stderr, "weir: %s\n", strerror(errno));
        return MASTER_FAILED;
    }
    fflush(NULL);
    pid_t server = fork();
    if (server == 0) {
        close_fd(&ready[0]);
        become_server(options, ready[1], self);
    }
    close_fd(&ready[1]);
    if (server < 0) {
        fprintf(stderr, "weir: starting the server: %s\n", strerror(errno));
        close_fd(&ready[0]);
        return MASTER_FAILED;
    }
    catch_end();
    bool serves = wait_until_ready(ready[0]);
    close_fd(&ready[0]);
    int screen = serves ? run_screen(&d) : MASTER_FINE;
    kill(server, SIGTERM);
    int status = wait_for(server);
    if (!serves && !told_to_end)
        show_log(&d);
    return status != MASTER_FINE ? status : screen;
}
