/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The access log's buffer and its ways out; see access_log.h. How a line looks is in
 * log_line.c. The buffer begins with the rest of a line that was written in part, if there is
 * one (`torn_bytes`): it must go out before anything else, so that a line is never left
 * split. Worker only.
 */
#include "proto/access_log.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "proto/log_line.h"

enum { BUFFER_BYTES = 64 * 1024 };

struct access_log {
    struct loop *loop;
    int fd;
    bool to_syslog;
    bool regular; /* a regular file: a write does not wait for a reader */
    bool json;
    bool failing;        /* the last write failed: warned already */
    uint64_t lost_lines; /* since it began to fail */
    struct loop_timers flush_timers;
    struct loop_timer flush_timer;
    struct log_line_clock clock;
    size_t n;
    size_t torn_bytes;
    char buffer[BUFFER_BYTES];
};

static void flush_due(struct loop_timers *kind, struct list *item)
{
    struct access_log *log = list_entry(item, struct access_log, flush_timer.link);

    (void)kind;
    loop_disarm(&log->flush_timer);
    access_log_flush(log);
}

static void take_fd(struct access_log *log, int fd)
{
    struct stat st;

    log->fd = fd;
    log->regular = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

struct access_log *access_log_new(struct loop *loop, const struct conf *conf, int fd,
                                  bool to_syslog)
{
    struct access_log *log = calloc(1, sizeof *log);

    if (!log)
        return NULL;
    tzset();
    log->loop = loop;
    log->to_syslog = to_syslog;
    log->json = conf->log.format == CONF_LOG_JSON;
    take_fd(log, fd);
    list_init(&log->flush_timer.link);
    log->flush_timers.after_ns = conf->log.flush_ns;
    log->flush_timers.due = flush_due;
    loop_add_timers(loop, &log->flush_timers);
    return log;
}

void access_log_free(struct access_log **log)
{
    if (!*log)
        return;
    access_log_flush(*log);
    loop_disarm(&(*log)->flush_timer);
    list_remove(&(*log)->flush_timers.link);
    free(*log);
    *log = NULL;
}

static void note_failure(struct access_log *log, int error)
{
    if (!log->failing)
        log_warn("writing the access log: %s; lines are dropped until it works again",
                 error == EAGAIN ? "its reader does not take them" : strerror(error));
    log->failing = true;
}

static void note_success(struct access_log *log)
{
    if (log->failing)
        log_warn("writing the access log works again; %llu lines were dropped",
                 (unsigned long long)log->lost_lines);
    log->failing = false;
    log->lost_lines = 0;
}

/* Drops all whole lines that wait, keeping the rest of a torn one. */
static void drop_waiting(struct access_log *log)
{
    for (size_t i = log->torn_bytes; i < log->n; i++)
        if (log->buffer[i] == '\n')
            log->lost_lines++;
    log->n = log->torn_bytes;
}

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

/* One write of whole lines. How many bytes went, -1 with errno (EAGAIN: not now). */
static ssize_t write_some(const struct access_log *log, const char *p, size_t n)
{
    ssize_t did;

    if (!log->regular) {
        struct pollfd ready = {.fd = log->fd, .events = POLLOUT};

        if (poll(&ready, 1, 0) <= 0 || !(ready.revents & (POLLOUT | POLLERR | POLLHUP))) {
            errno = EAGAIN;
            return -1;
        }
        n = whole_lines(p, n, PIPE_BUF);
    }
    do
        did = write(log->fd, p, n);
    while (did < 0 && errno == EINTR);
    return did;
}

static void flush_to_fd(struct access_log *log)
{
    size_t gone = 0;
    int error = 0;

    while (gone < log->n) {
        ssize_t did = write_some(log, log->buffer + gone, log->n - gone);
        if (did <= 0) {
            error = did < 0 ? errno : ENOSPC;
            break;
        }
        gone += (size_t)did;
    }
    if (gone > 0) {
        bool torn = log->buffer[gone - 1] != '\n';
        const char *end = torn ? memchr(log->buffer + gone, '\n', log->n - gone) : NULL;

        log->torn_bytes = end ? (size_t)(end - (log->buffer + gone)) + 1 : 0;
        log->n -= gone;
        memmove(log->buffer, log->buffer + gone, log->n);
    }
    if (error == 0) {
        note_success(log);
    } else if (error != EAGAIN) {
        note_failure(log, error);
        drop_waiting(log);
    }
}

static void flush_to_syslog(struct access_log *log)
{
    char *line = log->buffer, *end;

    while ((end = memchr(line, '\n', log->n - (size_t)(line - log->buffer))) != NULL) {
        *end = '\0'; /* lines hold no NUL: it is escaped */
        syslog(LOG_INFO, "%s", line);
        line = end + 1;
    }
    log->n = 0;
}

void access_log_flush(struct access_log *log)
{
    if (log->n == 0)
        return;
    slot_wait(loop_slot(log->loop), WAIT_LOG, loop_now(log->loop));
    if (log->to_syslog)
        flush_to_syslog(log);
    else if (log->fd >= 0)
        flush_to_fd(log);
    else
        log->n = 0;
    if (log->n > 0)
        loop_arm(log->loop, &log->flush_timers, &log->flush_timer);
    else
        loop_disarm(&log->flush_timer);
}

void access_log_reopen(struct access_log *log, int fd)
{
    access_log_flush(log);
    close_fd(&log->fd);
    /* The rest of a torn line belongs to the file that is gone. */
    memmove(log->buffer, log->buffer + log->torn_bytes, log->n - log->torn_bytes);
    log->n -= log->torn_bytes;
    log->torn_bytes = 0;
    take_fd(log, fd);
}

/* Formats into what room there is; false when the line does not fit. */
static bool try_add(struct access_log *log, const struct access_record *r)
{
    struct out o = out_into(log->buffer + log->n, sizeof log->buffer - log->n);

    /* A line that a pipe takes whole is not mixed with those of other workers. */
    log_line_add(&o, r, &log->clock, log->json, log->regular ? LOG_LINE_BYTES : PIPE_BUF);
    if (o.cut)
        return false;
    log->n += out_len(&o);
    return true;
}

bool access_log_is_on(const struct access_log *log)
{
    return log->fd >= 0 || log->to_syslog;
}

void access_log_add(struct access_log *log, const struct access_record *r)
{
    if (!access_log_is_on(log))
        return;
    bool was_empty = log->n == 0;
    if (!try_add(log, r)) {
        access_log_flush(log);
        was_empty = log->n == 0;
        if (!try_add(log, r)) {
            note_failure(log, EAGAIN);
            log->lost_lines++;
            return;
        }
    }
    if (log->flush_timers.after_ns == 0)
        access_log_flush(log);
    else if (was_empty)
        loop_arm(log->loop, &log->flush_timers, &log->flush_timer);
}
