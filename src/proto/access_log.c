/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The access log's buffer and its way out; see access_log.h. How a line looks is in log_line.c.
 * Worker only.
 */
#include "proto/access_log.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/log_record.h"
#include "proto/log_line.h"

#define RETRY_NS    (10 * NS_PER_MS) /* while the queue is full */
#define END_NS      NS_PER_S         /* for what is left when the worker ends */
#define END_STEP_MS 5

enum {
    BUFFER_BYTES = 64 * 1024,
    BACKLOG_BYTES = 4 * 1024 * 1024, /* what waits while the log does not take it */
    MESSAGE_BYTES = 64 * 1024,
};

struct access_log {
    struct loop *loop;
    int fd;
    bool to_syslog;
    bool json;
    size_t line_bytes;   /* at most */
    bool failing;        /* lines were dropped: warned already */
    uint64_t lost_lines; /* since it began to fail */
    struct loop_timers flush_timers, retry_timers;
    struct loop_timer flush_timer; /* in one of them while there are lines */
    struct log_line_clock clock;
    uint64_t head_second;
    char head[64]; /* of a line for syslog, in this second */
    size_t head_bytes;
    bool full;       /* the queue was, when it was tried last */
    size_t first, n; /* the lines are buffer[first..n) */
    size_t cap;
    char *buffer;
};

static void flush_due(struct loop_timers *kind, struct list *item)
{
    struct access_log *log = list_entry(item, struct access_log, flush_timer.link);

    (void)kind;
    loop_disarm(&log->flush_timer);
    access_log_flush(log);
}

/*
 * What others write to as well (a pipe) takes a line of this length whole, and so does a
 * syslog daemon; a file is ours.
 */
static size_t line_bytes(const struct conf *conf)
{
    const char *access = conf->log.access;
    bool shared = access && (strcmp(access, "stdout") == 0 || strcmp(access, "syslog") == 0);

    return shared ? PIPE_BUF : LOG_LINE_BYTES;
}

struct access_log *access_log_new(struct loop *loop, const struct conf *conf, int fd)
{
    struct access_log *log = calloc(1, sizeof *log);

    if (!log)
        return NULL;
    log->cap = BUFFER_BYTES;
    log->buffer = malloc(log->cap);
    if (!log->buffer) {
        free(log);
        return NULL;
    }
    tzset();
    log->loop = loop;
    log->fd = fd;
    log->to_syslog = conf->log.access && strcmp(conf->log.access, "syslog") == 0;
    log->json = conf->log.format == CONF_LOG_JSON;
    log->line_bytes = line_bytes(conf);
    list_init(&log->flush_timer.link);
    log->flush_timers.after_ns = conf->log.flush_ns;
    log->flush_timers.due = flush_due;
    loop_add_timers(loop, &log->flush_timers);
    log->retry_timers.after_ns = RETRY_NS;
    log->retry_timers.due = flush_due;
    loop_add_timers(loop, &log->retry_timers);
    return log;
}

static void count_lost(struct access_log *log, uint64_t lines)
{
    if (lines == 0)
        return;
    if (!log->failing)
        log_warn("the access log does not take the lines of this worker: they are dropped until it "
                 "does");
    log->failing = true;
    log->lost_lines += lines;
    slot_count(loop_slot(log->loop), COUNTER_access_log_dropped, lines);
}

static void note_success(struct access_log *log)
{
    if (log->failing)
        log_warn("the access log takes lines again; %llu lines of this worker were dropped",
                 (unsigned long long)log->lost_lines);
    log->failing = false;
    log->lost_lines = 0;
}

static void drop_waiting(struct access_log *log)
{
    uint64_t lines = 0;

    for (size_t i = log->first; i < log->n; i++)
        lines += log->buffer[i] == '\n';
    log->first = log->n = 0;
    count_lost(log, lines);
}

/* The longest run of whole lines within a message. No line is longer. */
static size_t message_bytes(const char *p, size_t n)
{
    if (n <= MESSAGE_BYTES)
        return n;
    const char *end = memrchr(p, '\n', MESSAGE_BYTES);
    return end ? (size_t)(end - p) + 1 : MESSAGE_BYTES;
}

/* The memory that a backlog took. */
static void shrink(struct access_log *log)
{
    char *less = log->cap > BUFFER_BYTES ? realloc(log->buffer, BUFFER_BYTES) : NULL;

    if (!less)
        return;
    log->buffer = less;
    log->cap = BUFFER_BYTES;
}

/* False when the queue is full and lines are left. */
static bool hand_over(struct access_log *log)
{
    int error = 0;

    slot_wait(loop_slot(log->loop), WAIT_LOG, loop_now(log->loop));
    while (log->first < log->n && error == 0) {
        size_t n = message_bytes(log->buffer + log->first, log->n - log->first);
        if (send(log->fd, log->buffer + log->first, n, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
            log->first += n;
        else if (errno != EINTR)
            error = errno;
    }
    log->full = error == EAGAIN || error == ENOBUFS || error == ENOMEM;
    if (log->full)
        return false;
    if (error != 0) { /* there is nobody at the other end */
        drop_waiting(log);
        return true;
    }
    log->first = log->n = 0;
    note_success(log);
    shrink(log);
    return true;
}

void access_log_flush(struct access_log *log)
{
    if (log->n == 0)
        return;
    if (hand_over(log))
        loop_disarm(&log->flush_timer);
    else
        loop_arm(log->loop, &log->retry_timers, &log->flush_timer);
}

void access_log_free(struct access_log **at)
{
    struct access_log *log = *at;
    uint64_t end = mono_now().ns + END_NS;

    if (!log)
        return;
    while (log->first < log->n && !hand_over(log) && mono_now().ns < end)
        (void)poll(NULL, 0, END_STEP_MS);
    drop_waiting(log);
    loop_disarm(&log->flush_timer);
    list_remove(&log->flush_timers.link);
    list_remove(&log->retry_timers.link);
    free(log->buffer);
    free(log);
    *at = NULL;
}

static void add_syslog_head(struct access_log *log, struct out *o, struct wall when)
{
    if (log->head_bytes == 0 || log->head_second != when.ns / NS_PER_S) {
        struct out h = out_into(log->head, sizeof log->head);

        log->head_second = when.ns / NS_PER_S;
        log_syslog_head(&h, LOG_LEVEL_INFO, when, (unsigned)getpid());
        log->head_bytes = out_len(&h);
    }
    out_add(o, log->head, log->head_bytes);
}

/* Formats into what room there is; false when the line does not fit. */
static bool try_add(struct access_log *log, const struct access_record *r)
{
    struct out o = out_into(log->buffer + log->n, log->cap - log->n);

    if (log->to_syslog)
        add_syslog_head(log, &o, r->when);
    log_line_add(&o, r, &log->clock, log->json, log->line_bytes);
    if (o.cut)
        return false;
    log->n += out_len(&o);
    return true;
}

/* Room for one more line, as long as there may be any. */
static bool grow(struct access_log *log)
{
    if (log->first > 0) {
        memmove(log->buffer, log->buffer + log->first, log->n - log->first);
        log->n -= log->first;
        log->first = 0;
        return true;
    }
    char *more = log->cap < BACKLOG_BYTES ? realloc(log->buffer, 2 * log->cap) : NULL;

    if (!more)
        return false;
    log->buffer = more;
    log->cap *= 2;
    return true;
}

bool access_log_is_on(const struct access_log *log)
{
    return log->fd >= 0;
}

void access_log_add(struct access_log *log, const struct access_record *r)
{
    if (!access_log_is_on(log))
        return;
    /* A gap has one end: nothing is added until all from before it is gone. */
    bool added = !log->failing || !log->full;
    bool was_empty = log->n == 0;
    if (added && !try_add(log, r)) {
        if (!log->full)
            access_log_flush(log);
        was_empty = log->n == 0;
        added = try_add(log, r);
        while (!added && grow(log))
            added = try_add(log, r);
    }
    if (!added) {
        count_lost(log, 1);
        return;
    }
    if (log->flush_timers.after_ns == 0 && !log->full)
        access_log_flush(log);
    else if (was_empty)
        loop_arm(log->loop, &log->flush_timers, &log->flush_timer);
}
