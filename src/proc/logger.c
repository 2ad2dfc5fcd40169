/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A log's writer; see logger.h. Lines are gathered while messages are there, then written in one
 * call where the log is a regular file, and in pieces that a pipe takes whole (PIPE_BUF) elsewhere.
 * What cannot be written (a full disk, a reader that has gone) is dropped and counted, said once
 * when it begins and once when it is over; but the rest of a line that was written in part stays
 * in front, so that none is left split. A process of its own, forked by the master.
 */
#include "proc/logger.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/log_file.h"
#include "base/log_record.h"

/* Room for the rest of a line, for one whole message, and for what comes along meanwhile. */
enum { LINES_BYTES = 4 * LOG_MESSAGE_BYTES };

#define END_WITHIN_MS   1000 /* once told to end, for a reader that does not take the last lines */
#define LOOK_AGAIN_MS   1000 /* for a syslog daemon that has started anew */
#define RECONNECT_EVERY NS_PER_S

struct writer {
    const struct logger_job *job;
    int fd, queue, leash;
    bool regular; /* a write waits for the disk, not for a reader */
    bool to_syslog;
    bool ended;         /* nothing more comes */
    uint64_t end_by_ns; /* told to end; 0: not */
    bool failing;
    uint64_t lost_lines; /* since it began to fail */
    uint64_t reconnect_ns;
    size_t n, torn_bytes; /* of lines[]: in all, and the rest of a torn line at its beginning */
    char lines[LINES_BYTES];
};

#define PUT(field, value) atomic_store_explicit(&(field), (value), memory_order_relaxed)
#define GET(field)        atomic_load_explicit(&(field), memory_order_relaxed)

static void busy(struct writer *w, bool yes)
{
    PUT(w->job->state->busy_since_ns, yes ? mono_now().ns : 0);
}

static const char *log_name(const struct writer *w)
{
    return w->job->kind == BOARD_LOG_ERROR ? "error log" : "access log";
}

/* ---- the leash ---- */

static void hear(struct writer *w)
{
    char word;
    ssize_t n = recv(w->leash, &word, 1, MSG_DONTWAIT);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0)
        close_fd(&w->leash); /* the master is gone: the queue will end */
    else if (word == LOGGER_END)
        w->end_by_ns = mono_now().ns + END_WITHIN_MS * NS_PER_MS;
    else if (word == LOGGER_FINISH && !w->regular)
        w->end_by_ns = mono_now().ns;
}

/* Until fd is ready or, in vain, `ms` are over (-1: never); false: not, or it is time to end. */
static bool wait_for(struct writer *w, int fd, short events, int ms)
{
    struct pollfd p[2] = {{.fd = fd, .events = events}, {.fd = w->leash, .events = POLLIN}};

    if (w->end_by_ns > 0) {
        uint64_t now = mono_now().ns;
        int left = now < w->end_by_ns ? (int)((w->end_by_ns - now) / NS_PER_MS) + 1 : 0;
        ms = ms < 0 || left < ms ? left : ms;
        p[1].fd = -1;
    }
    if (poll(p, 2, ms) <= 0)
        return false;
    if (p[1].revents)
        hear(w);
    return p[0].revents != 0;
}

/* Who would read the log is waited for no longer: the time is over, or there is no server. */
static bool must_end(const struct writer *w)
{
    return w->leash < 0 || (w->end_by_ns > 0 && mono_now().ns >= w->end_by_ns);
}

/* ---- news of the log itself ---- */

/* The error log's own troubles go to standard error, when that takes a line at once. */
static void say(struct writer *w, const char *what, const char *more)
{
    struct pollfd p = {.fd = STDERR_FILENO, .events = POLLOUT};

    if (w->job->kind == BOARD_LOG_ERROR &&
        (strcmp(w->job->target, "stderr") == 0 || poll(&p, 1, 0) != 1))
        return;
    log_warn("%s %s: %s; %s", log_name(w), w->job->target, what, more);
}

/* Where the gap was, in the error log itself. */
static void note_gap(struct writer *w)
{
    char text[160];
    struct out t = out_into(text, sizeof text);
    struct out o = out_into(w->lines + w->n, sizeof w->lines - w->n);
    struct log_record r = {
        .when = wall_now(), .pid = (uint32_t)getpid(), .level = LOG_LEVEL_WARN, .tag = SPAN("log")};

    out_fmt(&t, "this log works again; %llu line%s were dropped here",
            (unsigned long long)w->lost_lines, w->lost_lines == 1 ? "" : "s");
    r.text = span_of(text, out_len(&t));
    log_record_line(&o, &r, w->to_syslog);
    if (!o.cut)
        w->n += out_len(&o);
}

static void note_failure(struct writer *w, int error)
{
    PUT(w->job->state->error, (uint32_t)error);
    if (w->failing)
        return;
    w->failing = true;
    say(w, strerror(error), "its lines are dropped until it works again");
}

static void note_success(struct writer *w)
{
    char text[80];
    struct out o = out_into(text, sizeof text - 1);

    if (!w->failing)
        return;
    out_fmt(&o, "%llu lines were dropped", (unsigned long long)w->lost_lines);
    *o.p = '\0';
    w->failing = false;
    PUT(w->job->state->error, 0);
    if (w->job->kind == BOARD_LOG_ERROR)
        note_gap(w);
    else
        say(w, "it works again", text);
    w->lost_lines = 0;
}

static void count_lost(struct writer *w, uint64_t lines)
{
    w->lost_lines += lines;
    PUT(w->job->state->dropped, GET(w->job->state->dropped) + lines);
}

/* ---- writing ---- */

/* The longest run of whole lines within max bytes, or one line when the first is longer. */
static size_t whole_lines(const char *p, size_t n, size_t max)
{
    if (n <= max)
        return n;
    const char *end = memrchr(p, '\n', max);
    if (!end)
        end = memchr(p, '\n', n);
    return end ? (size_t)(end - p) + 1 : n;
}

/* One write. How many bytes went; -1 with errno, EAGAIN when it is time to end. */
static ssize_t write_some(struct writer *w, const char *p, size_t n)
{
    ssize_t did;

    if (!w->regular) {
        while (!wait_for(w, w->fd, POLLOUT, LOOK_AGAIN_MS))
            if (must_end(w)) {
                errno = EAGAIN;
                return -1;
            }
        n = whole_lines(p, n, PIPE_BUF);
    }
    do
        did = write(w->fd, p, n);
    while (did < 0 && errno == EINTR);
    return did;
}

/* Drops all whole lines that wait, keeping the rest of a torn one. */
static void drop_waiting(struct writer *w)
{
    uint64_t lines = 0;

    for (size_t i = w->torn_bytes; i < w->n; i++)
        lines += w->lines[i] == '\n';
    count_lost(w, lines);
    w->n = w->torn_bytes;
}

static int write_to_file(struct writer *w)
{
    size_t gone = 0;
    int error = 0;

    while (gone < w->n && error == 0) {
        busy(w, true);
        ssize_t did = write_some(w, w->lines + gone, w->n - gone);
        if (did <= 0)
            error = did < 0 ? errno : ENOSPC;
        else
            gone += (size_t)did;
    }
    if (gone > 0) {
        bool torn = w->lines[gone - 1] != '\n';
        const char *end = torn ? memchr(w->lines + gone, '\n', w->n - gone) : NULL;

        w->torn_bytes = end ? (size_t)(end - (w->lines + gone)) + 1 : 0;
        w->n -= gone;
        memmove(w->lines, w->lines + gone, w->n);
    }
    return error;
}

/* ---- the system's log ---- */

static bool is_disconnected(int error)
{
    return error == ECONNREFUSED || error == ENOTCONN || error == EDESTADDRREQ ||
           error == ECONNRESET || error == EPIPE || error == ENOENT;
}

/* A daemon that was started anew has another socket under the old name. At most every second. */
static bool reconnect(struct writer *w)
{
    uint64_t now = mono_now().ns;

    if (now < w->reconnect_ns) {
        errno = ENOTCONN;
        return false;
    }
    w->reconnect_ns = now + RECONNECT_EVERY;
    return log_syslog_connect(w->fd);
}

/* One line as one datagram, without its newline. 0, or an errno. */
static int send_line(struct writer *w, const char *p, size_t n)
{
    bool connected_anew = false;

    for (;;) {
        if (send(w->fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
            return 0;
        int error = errno;
        if (error == EINTR)
            continue;
        if (is_disconnected(error)) {
            if (connected_anew || !reconnect(w))
                return error;
            connected_anew = true;
        } else if (error == EAGAIN || error == ENOBUFS) {
            if (must_end(w))
                return EAGAIN;
            if (!wait_for(w, w->fd, POLLOUT, LOOK_AGAIN_MS))
                (void)reconnect(w); /* who holds the old socket may read it no more */
        } else {
            return error; /* too long for it, or worse: the next one may go */
        }
    }
}

static int write_to_syslog(struct writer *w)
{
    const char *line = w->lines, *end;
    int error = 0;

    while ((end = memchr(line, '\n', w->n - (size_t)(line - w->lines))) != NULL) {
        busy(w, true);
        int one = send_line(w, line, (size_t)(end - line));
        if (one != 0) {
            count_lost(w, 1);
            error = one;
        }
        line = end + 1;
    }
    w->n = 0;
    return error;
}

/* ---- turns ---- */

static void write_out(struct writer *w)
{
    while (w->n > w->torn_bytes || (w->n > 0 && !w->failing)) {
        int error = w->to_syslog ? write_to_syslog(w) : write_to_file(w);
        busy(w, false);
        if (error != 0) {
            note_failure(w, error);
            drop_waiting(w);
            return;
        }
        note_success(w); /* may have something to add */
    }
}

static void add_records(struct writer *w, const char *p, size_t n)
{
    struct span rest = span_of(p, n);
    struct log_record r;

    while (log_record_unpack(&rest, &r)) {
        struct out o = out_into(w->lines + w->n, sizeof w->lines - w->n);
        log_record_line(&o, &r, w->to_syslog);
        w->n += out_len(&o);
    }
}

/* One message; false when there is none now. */
static bool take_message(struct writer *w)
{
    bool records = w->job->kind == BOARD_LOG_ERROR;
    char packed[LOG_RECORD_BYTES];
    char *to = records ? packed : w->lines + w->n;
    ssize_t got;

    do
        got = recv(w->queue, to, records ? sizeof packed : LOG_MESSAGE_BYTES, MSG_DONTWAIT);
    while (got < 0 && errno == EINTR);
    if (got < 0 && errno == EAGAIN)
        return false;
    if (got <= 0) {
        w->ended = true;
        return false;
    }
    if (records) {
        add_records(w, packed, (size_t)got);
        return true;
    }
    w->n += (size_t)got;
    if (w->lines[w->n - 1] != '\n')
        w->lines[w->n++] = '\n';
    return true;
}

/* There is room for one more message, and for a note behind it. */
static bool has_room(const struct writer *w)
{
    return w->n + LOG_MESSAGE_BYTES + 1 + LOG_RECORD_LINE_BYTES <= sizeof w->lines;
}

static void run(struct writer *w)
{
    while (!w->ended && w->end_by_ns == 0) {
        if (!wait_for(w, w->queue, POLLIN, -1))
            continue;
        while (has_room(w) && take_message(w))
            ;
        write_out(w);
    }
}

/* ---- beginning ---- */

static void set_signals(void)
{
    static const int ignored[] = {SIGINT,  SIGHUP,  SIGQUIT, SIGTERM, SIGUSR1,
                                  SIGUSR2, SIGPIPE, SIGTTIN, SIGTTOU, SIGXFSZ};
    struct sigaction action = {.sa_handler = SIG_IGN};
    sigset_t none;

    /* A signal for the whole group ends the server; its logs end behind it. */
    for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
        sigaction(ignored[i], &action, NULL);
    action.sa_handler = SIG_DFL;
    sigaction(SIGCHLD, &action, NULL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static void open_target(struct writer *w)
{
    struct stat st;
    int error = 0;

    busy(w, true);
    w->fd = log_target_open(w->job->target);
    if (w->fd < 0)
        error = errno;
    w->to_syslog = log_target_is_syslog(w->job->target);
    w->regular = w->fd >= 0 && fstat(w->fd, &st) == 0 && S_ISREG(st.st_mode);
    busy(w, false);
    if (send(w->leash, &error, sizeof error, MSG_NOSIGNAL) < 0)
        close_fd(&w->leash);
    if (error != 0)
        _exit(EXIT_FAILURE);
    if (w->leash >= 0)
        hear(w); /* it may have taken so long that nobody wants it any more */
}

_Noreturn void logger_main(const struct logger_job *job)
{
    struct writer *w = calloc(1, sizeof *w);
    int keep[] = {job->queue_fd, job->leash_fd, job->error_fd};

    prctl(PR_SET_NAME, "weir-log", 0, 0, 0);
    set_signals();
    fd_close_others(keep, sizeof keep / sizeof *keep);
    log_to_queue(job->kind == BOARD_LOG_ERROR ? -1 : job->error_fd);
    log_set_tag("log");
    if (!w)
        _exit(EXIT_FAILURE);
    w->job = job;
    w->queue = job->queue_fd;
    w->leash = job->leash_fd;
    open_target(w);
    run(w);
    _exit(EXIT_SUCCESS);
}
