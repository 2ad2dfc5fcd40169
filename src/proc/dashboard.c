/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * weir -T; see dashboard.h. The server is a child in its own session, so that keys such as
 * Ctrl-C reach the dashboard alone; should this process die, the kernel sends the server
 * SIGTERM (PR_SET_PDEATHSIG). The server's log goes to a file while the screen is up, and the
 * dashboard shows what is added to it; when the server cannot start, what it logged is shown
 * here. When the screen is closed, a question on the terminal decides whether the server ends
 * with it. If not, a signal tells the server to give up its tie to this process, and only when
 * it has answered this process ends.
 */
#include "proc/dashboard.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "proc/check.h"
#include "proc/runtime.h"

#define RELEASE_WAIT_MS 5000 /* for the server's answer to RELEASE_SIGNAL */
#define RELEASE_SIGNAL  SIGRTMIN
#define SILENT_MS       500 /* an end that takes no longer needs no words */

struct dashboard {
    char program[PATH_MAX]; /* of weirtop; a bare name means: look in PATH */
    char log_path[PATH_MAX];
    off_t log_start; /* where this run's lines begin */
    struct runtime runtime;
    uint64_t drain_ns;
};

static volatile sig_atomic_t told_to_end;
static volatile sig_atomic_t screen_pid;
static volatile sig_atomic_t
    ending_pid; /* the server that was asked to end: once more, and at once */

/* In the server's process: whose it is, and where it answers that it is let go. */
static pid_t server_pid;
static int released_fd = -1;

static void on_end(int number)
{
    (void)number;
    told_to_end = 1;
    if (screen_pid > 0)
        kill((pid_t)screen_pid, SIGTERM);
    if (ending_pid > 0)
        kill((pid_t)ending_pid, SIGINT);
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
    struct buf errors = {0}, notes = {0};
    struct inherit in = {0};
    bool checked = check_now(options, CHECK_TEST, &in, &errors, &notes) == MASTER_FINE;
    const struct conf *conf = checked ? in.conf : NULL;
    struct stat st;
    bool good = conf && runtime_choose(&d->runtime, conf->server.runtime_dir, &errors);

    if (good) {
        snprintf(d->log_path, sizeof d->log_path, "%s", conf->log.error);
        d->drain_ns = conf->server.drain_timeout_ns;
        d->log_start = stat(d->log_path, &st) == 0 ? st.st_size : 0;
        if (strcmp(conf->log.access, "off") == 0)
            fprintf(stderr, "weir: the access log is off while the dashboard has the terminal; "
                            "set [log] access to a file to keep one\n");
    } else {
        fprintf(stderr, "%.*s", (int)errors.n, errors.n ? errors.p : "");
    }
    check_print_notes(&notes);
    if (checked)
        inherit_free(&in);
    buf_free(&errors);
    buf_free(&notes);
    return good;
}

/* Workers inherit the handler, but neither the tie nor the descriptor. */
static void on_release(int number)
{
    int saved = errno;

    (void)number;
    if (getpid() == server_pid && prctl(PR_SET_PDEATHSIG, 0) == 0 &&
        write(released_fd, "+", 1) != 1)
        prctl(PR_SET_PDEATHSIG, SIGTERM); /* nobody heard it */
    errno = saved;
}

static _Noreturn void become_server(struct master_options *options, int ready_fd, int answer_fd,
                                    pid_t parent)
{
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    struct sigaction act = {.sa_handler = on_release, .sa_flags = SA_RESTART};

    server_pid = getpid();
    released_fd = answer_fd;
    sigfillset(&act.sa_mask);
    sigaction(RELEASE_SIGNAL, &act, NULL);
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
    char messages[PATH_MAX + 32];

    snprintf(messages, sizeof messages, "%lld:%s", (long long)d->log_start, d->log_path);
    pid_t pid = fork();
    if (pid == 0) {
        execlp(d->program, "weirtop", "-r", d->runtime.dir, "--messages", messages, (char *)NULL);
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

/* The first letter of a line from the terminal; '\n' for an empty one, 0 at its end. */
static char read_answer(void)
{
    char line[256];
    ssize_t n = read(STDIN_FILENO, line, sizeof line - 1); /* a line at most: it is a terminal */

    if (n <= 0 || told_to_end)
        return 0;
    line[n] = '\0';
    return line[strspn(line, " \t")];
}

/* Whether the server is to end with the screen. Enter, or nobody there any more: yes. */
static bool ask_to_stop(void)
{
    for (;;) {
        fprintf(stderr, "weir: the dashboard is closed. Stop the server too? [Y/n] ");
        switch (read_answer()) {
        case 'n':
        case 'N':
            return false;
        case 'y':
        case 'Y':
        case '\n':
        case 0:
            return true;
        default:
            fprintf(stderr, "weir: y stops it, n leaves it running in the background\n");
        }
    }
}

/* The server goes on without this process; false when it does not answer. */
static bool release(const struct dashboard *d, pid_t server, int released)
{
    struct pollfd p = {.fd = released, .events = POLLIN};
    char byte;

    if (kill(server, RELEASE_SIGNAL) != 0 || poll(&p, 1, RELEASE_WAIT_MS) <= 0 ||
        read(released, &byte, 1) != 1) {
        fprintf(stderr, "weir: the server does not answer; it is stopped\n");
        return false;
    }
    fprintf(stderr,
            "weir: the server runs on in the background (pid %ld)\n"
            "  to look at it: weirtop -r %s\n"
            "  to stop it:    weirctl -r %s stop\n"
            "  its log:       %s\n",
            (long)server, d->runtime.dir, d->runtime.dir, d->log_path);
    return true;
}

/*
 * Asks the server to end and waits until it has. Who waits in front of a terminal is told for what,
 * and how not to wait.
 */
static int stop_server(const struct dashboard *d, pid_t server)
{
    int status;

    kill(server, SIGTERM);
    ending_pid = server;
    for (int waited_ms = 0; waited_ms < SILENT_MS; waited_ms += SILENT_MS / 10) {
        if (waitpid(server, &status, WNOHANG) == server) {
            ending_pid = 0;
            return WIFEXITED(status) ? WEXITSTATUS(status) : MASTER_FAILED;
        }
        poll(NULL, 0, SILENT_MS / 10);
    }
    fprintf(stderr,
            "weir: the server finishes the responses it has begun, for at most %llu s; Ctrl-C ends "
            "them now\n",
            (unsigned long long)(d->drain_ns / NS_PER_S));
    status = wait_for(server);
    ending_pid = 0;
    return status;
}

/* Waits for the server to end if it has, or is told to. False when it goes on. */
static bool end_server(const struct dashboard *d, pid_t server, int released, bool ask, int *status)
{
    int ended;

    if (waitpid(server, &ended, WNOHANG) == server) {
        *status = WIFEXITED(ended) ? WEXITSTATUS(ended) : MASTER_FAILED;
        return true;
    }
    if (ask && !told_to_end && isatty(STDIN_FILENO) && !ask_to_stop() &&
        release(d, server, released))
        return false;
    *status = stop_server(d, server);
    return true;
}

/* The server, a child that says on *ready when it serves, and on *released that it is let go. */
static pid_t start_server(struct master_options *options, int *ready, int *released)
{
    int ready_ends[2] = {-1, -1}, released_ends[2] = {-1, -1};
    pid_t self = getpid(), server = -1;

    if (pipe2(ready_ends, O_CLOEXEC) == 0 && pipe2(released_ends, O_CLOEXEC) == 0) {
        fflush(NULL);
        server = fork();
        if (server == 0) {
            close_fd(&ready_ends[0]);
            close_fd(&released_ends[0]);
            become_server(options, ready_ends[1], released_ends[1], self);
        }
    }
    if (server < 0)
        fprintf(stderr, "weir: starting the server: %s\n", strerror(errno));
    close_fd(&ready_ends[1]);
    close_fd(&released_ends[1]);
    *ready = ready_ends[0];
    *released = released_ends[0];
    return server;
}

int dashboard_run(struct master_options *options)
{
    struct dashboard d = {.runtime.lock_fd = -1};
    int ready, released, screen = MASTER_FINE, status = MASTER_FINE;

    options->dashboard = true;
    if (!prepare(&d, options))
        return MASTER_USAGE;
    find_weirtop(d.program, sizeof d.program);
    pid_t server = start_server(options, &ready, &released);
    bool serves = false;
    if (server > 0) {
        catch_end();
        serves = wait_until_ready(ready);
    } else {
        status = MASTER_FAILED;
    }
    if (serves)
        screen = run_screen(&d);
    bool ended =
        server <= 0 || end_server(&d, server, released, serves && screen == MASTER_FINE, &status);
    close_fd(&ready);
    close_fd(&released);
    if (ended && server > 0 && !serves && !told_to_end)
        show_log(&d);
    return status != MASTER_FINE ? status : screen;
}
