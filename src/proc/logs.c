/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Logs and their writers; see logs.h. That a writer has ended is seen by the end of its leash:
 * whoever reaps children need not know them. Master only.
 */
#include "proc/logs.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/log_file.h"
#include "base/must.h"
#include "board/slot.h"
#include "proc/last_words.h"

#define PUT(field, value) atomic_store_explicit(&(field), (value), memory_order_relaxed)
#define GET(field)        atomic_load_explicit(&(field), memory_order_relaxed)

#define RETRY_NS (2 * NS_PER_S)

enum { QUEUE_BYTES = 1024 * 1024 }; /* wanted; an ordinary user gets what net.core.wmem_max says */

void log_out_name(const struct log_out *o, struct out *to)
{
    const char *target = o->target ? o->target : "off";

    out_str(to, o->kind == BOARD_LOG_ERROR ? "error log " : "access log ");
    if (!log_target_is_path(target))
        out_str(to, "on ");
    out_str(to, strcmp(target, "stderr") == 0   ? "standard error"
                : strcmp(target, "stdout") == 0 ? "standard output"
                                                : target);
}

/* The same with a NUL, for a line. */
static const char *named(const struct log_out *o, char *text, size_t bytes)
{
    struct out to = out_into(text, bytes - 1);

    log_out_name(o, &to);
    *to.p = '\0';
    return text;
}

enum { NAME_BYTES = 512 };

/* ---- writers ---- */

static void logger_forget(struct log_out *o, struct logger *l)
{
    if (l->state) {
        o->dropped += GET(l->state->dropped);
        munmap(l->state, sizeof *l->state);
    }
    close_fd(&l->leash_fd);
    *l = (struct logger){.leash_fd = -1};
}

/* One that cannot hear it now does so later. */
static void logger_tell(const struct logger *l, char word)
{
    if (l->pid)
        (void)send(l->leash_fd, &word, 1, MSG_DONTWAIT | MSG_NOSIGNAL); /* gone: all the better */
}

static bool logger_start(struct log_out *o, struct logger *l, const char *target)
{
    int leash[2];
    void *state =
        mmap(NULL, sizeof *l->state, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    *l = (struct logger){.leash_fd = -1};
    if (state == MAP_FAILED)
        return false;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, leash) != 0) {
        munmap(state, sizeof *l->state);
        return false;
    }
    l->state = state;
    l->leash_fd = leash[0];
    l->pid = fork();
    if (l->pid == 0) {
        struct logger_job job = {
            .kind = o->kind,
            .target = target,
            .queue_fd = o->take_fd,
            .leash_fd = leash[1],
            .error_fd = o->kind == BOARD_LOG_ERROR ? -1 : o->error_fd,
            .state = state,
        };
        logger_main(&job);
    }
    int error = errno;
    close_fd(&leash[1]);
    (void)madvise(state, sizeof *l->state, MADV_DONTFORK); /* no worker's to write to */
    if (l->pid < 0) {
        l->pid = 0;
        logger_forget(o, l);
        errno = error;
        return false;
    }
    return true;
}

/* The one that was opening has opened its log. */
static void take_over(struct log_out *o)
{
    logger_tell(&o->now, LOGGER_END);
    if (o->last.pid)
        logger_forget(o, &o->last);
    o->last = o->now;
    o->handed_over_ns = mono_now().ns;
    o->now = o->next;
    o->next = (struct logger){.leash_fd = -1};
    o->open_error = 0;
    o->retry_ns = 0;
}

static void take_report(struct log_out *o)
{
    int error;
    ssize_t n;

    if (!o->next.pid)
        return;
    n = recv(o->next.leash_fd, &error, sizeof error, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n == (ssize_t)sizeof error && error == 0) {
        take_over(o);
        return;
    }
    o->open_error = n == (ssize_t)sizeof error ? error : ESRCH; /* it died without a word */
    logger_forget(o, &o->next);
}

static bool has_ended(const struct logger *l)
{
    char nothing;

    if (!l->pid)
        return true;
    ssize_t n = recv(l->leash_fd, &nothing, 1, MSG_DONTWAIT | MSG_PEEK);
    return n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
}

static void take_news(struct log_out *o)
{
    take_report(o);
    if (o->last.pid && has_ended(&o->last))
        logger_forget(o, &o->last);
}

/* ---- the log ---- */

void log_out_init(struct log_out *o)
{
    *o = (struct log_out){.send_fd = -1,
                          .take_fd = -1,
                          .error_fd = -1,
                          .now.leash_fd = -1,
                          .next.leash_fd = -1,
                          .last.leash_fd = -1};
}

bool log_out_make_queue(struct log_out *o, enum board_log_kind kind, int error_fd)
{
    int bytes = QUEUE_BYTES, pair[2];

    log_out_init(o);
    o->kind = kind;
    o->error_fd = error_fd;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        return false;
    o->take_fd = pair[0];
    o->send_fd = pair[1];
    /* As much as one may have: the queue holds less then, and all else is the same. */
    if (setsockopt(o->send_fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes) != 0)
        (void)setsockopt(o->send_fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
    return true;
}

/* Lines are wanted in the new file alone when that has been said; but not at any price. */
static bool waits_for_last(const struct log_out *o)
{
    return o->last.pid && mono_now().ns < o->handed_over_ns + LOGS_HAND_OVER_NS;
}

bool logs_settle(struct log_out *const *all, size_t count, int wait_ms)
{
    uint64_t end = mono_now().ns + (uint64_t)wait_ms * NS_PER_MS;

    for (;;) {
        struct pollfd p[8];
        size_t n = 0;

        must(2 * count <= sizeof p / sizeof *p);
        for (size_t i = 0; i < count; i++) {
            take_news(all[i]);
            if (all[i]->next.pid)
                p[n++] = (struct pollfd){.fd = all[i]->next.leash_fd, .events = POLLIN};
            if (waits_for_last(all[i]))
                p[n++] = (struct pollfd){.fd = all[i]->last.leash_fd, .events = POLLIN};
        }
        uint64_t now = mono_now().ns;
        if (n == 0 || now >= end)
            return n == 0;
        if (poll(p, n, (int)((end - now) / NS_PER_MS) + 1) < 0 && errno != EINTR)
            return false;
    }
}

bool log_out_is_settled(const struct log_out *o)
{
    return !o->next.pid && !waits_for_last(o);
}

static void say_not_open(const struct log_out *o, const char *target, struct buf *errors)
{
    buf_addf(errors, "%s: cannot open the %s log: %s%s%s\n", target,
             o->kind == BOARD_LOG_ERROR ? "error" : "access", strerror(o->open_error),
             log_target_help(o->open_error),
             o->kind == BOARD_LOG_ERROR ? "" : " (or set access = off in [log])");
}

/* Starts one that takes over when it has opened target. */
static bool start_next(struct log_out *o, const char *target)
{
    logger_tell(&o->next, LOGGER_END); /* it hangs in an opening that nobody wants any more */
    logger_forget(o, &o->next);
    o->open_error = 0;
    return logger_start(o, &o->next, target);
}

bool log_out_move(struct log_out *o, const char *target, int wait_ms, struct buf *errors)
{
    struct log_out *one[] = {o};
    char *copy = span_dup(span_str(target)), text[NAME_BYTES];

    if (!copy || !start_next(o, copy)) {
        buf_addf(errors, "%s: cannot start the writer of this log: %s\n", target, strerror(errno));
        free(copy);
        return false;
    }
    logs_settle(one, 1, wait_ms);
    if (o->open_error != 0) {
        say_not_open(o, target, errors);
        o->open_error = 0;
        free(copy);
        return false;
    }
    free(o->target);
    o->target = copy;
    if (o->next.pid)
        log_warn("%s does not answer: its lines wait until it does, and are dropped when they are "
                 "too many",
                 named(o, text, sizeof text));
    return true;
}

bool log_out_reopen(struct log_out *o)
{
    if (!o->target || !log_target_is_path(o->target))
        return true;
    return start_next(o, o->target);
}

/* ---- watching ---- */

/* Since when the log keeps its lines waiting. */
static uint64_t busy_since(const struct log_out *o)
{
    const struct logger *l = o->now.pid ? &o->now : &o->next;

    return l->state ? GET(l->state->busy_since_ns) : 0;
}

static uint32_t error_of(const struct log_out *o)
{
    if (o->now.pid && o->now.state)
        return GET(o->now.state->error);
    return (uint32_t)o->open_error;
}

static uint64_t dropped_by(const struct logger *l)
{
    return l->state ? GET(l->state->dropped) : 0;
}

static void tell_stuck(struct log_out *o, struct board *board, struct mono now)
{
    uint64_t since = busy_since(o);
    bool stuck = since != 0 && now.ns >= since + BOARD_LOG_STUCK_NS;
    char text[NAME_BYTES], age[40];
    struct out a = out_into(age, sizeof age - 1);

    if (stuck == (o->stuck_since_ns != 0))
        return;
    named(o, text, sizeof text);
    last_words_age(&a, now.ns - (stuck ? since : o->stuck_since_ns));
    *a.p = '\0';
    if (stuck) {
        board_event(board, EVENT_LOG, 0, "%s does not answer for %s", text, age);
        log_warn(
            "%s does not answer for %s: its lines wait, and are dropped when they are too many",
            text, age);
    } else {
        board_event(board, EVENT_LOG, 0, "%s answers again after %s", text, age);
        log_warn("%s answers again after %s", text, age);
    }
    o->stuck_since_ns = stuck ? since : 0;
}

/* Somebody killed it, or it could not open its file any more. The queue keeps what comes. */
static void replace_dead(struct log_out *o, struct mono now)
{
    char text[NAME_BYTES];

    if (o->now.pid && has_ended(&o->now)) {
        log_warn("the writer of the %s has ended; another one is started",
                 named(o, text, sizeof text));
        logger_forget(o, &o->now);
        o->retry_ns = now.ns + RETRY_NS / 4;
    }
    if (o->now.pid || o->next.pid || !o->target)
        return;
    if (o->retry_ns == 0) {
        log_error("%s cannot be opened: %s%s; its lines are dropped until it can",
                  named(o, text, sizeof text), strerror(o->open_error),
                  log_target_help(o->open_error));
        o->retry_ns = now.ns + RETRY_NS;
    }
    if (now.ns < o->retry_ns)
        return;
    int error = o->open_error;
    o->retry_ns = now.ns + RETRY_NS;
    if (!start_next(o, o->target))
        log_error("%s: no process to write it: %s; trying again", named(o, text, sizeof text),
                  strerror(errno));
    o->open_error = error; /* shown until it is open */
}

void log_out_check(struct log_out *o, struct board *board, struct mono now)
{
    if (!o->target)
        return;
    take_news(o);
    replace_dead(o, now);
    tell_stuck(o, board, now);
}

/* Written when it changes, so that readers are not disturbed. */
static void publish_target(struct board_log *row, struct span target)
{
    char text[BOARD_TEXT_BYTES + 1];
    size_t n = 0;

    target.n = target.n < BOARD_TEXT_BYTES ? target.n : BOARD_TEXT_BYTES;
    if (!board_text_get(&row->target, text, &n) || !span_eq(span_of(text, n), target))
        board_text_set(&row->target, target);
}

void log_out_publish(const struct log_out *o, struct board *board)
{
    struct board_log *row = &board->header->log[o->kind];
    uint64_t dropped =
        o->dropped + dropped_by(&o->now) + dropped_by(&o->next) + dropped_by(&o->last);

    if (o->kind == BOARD_LOG_ERROR)
        dropped += log_lines_dropped(); /* the master's own; workers have a counter */
    PUT(row->busy_since_ns, o->target ? busy_since(o) : 0);
    PUT(row->error, o->target ? error_of(o) : 0);
    PUT(row->dropped, dropped);
    publish_target(row, span_str(o->target));
    PUT(row->used, o->target != NULL);
}

/* ---- ending ---- */

void log_out_close(struct log_out *o)
{
    close_fd(&o->send_fd);
    close_fd(&o->take_fd);
    logger_forget(o, &o->now);
    logger_forget(o, &o->next);
    logger_forget(o, &o->last);
    free(o->target);
    o->target = NULL;
}

void log_out_end(struct log_out *o, int wait_ms)
{
    uint64_t end = mono_now().ns + (uint64_t)wait_ms * NS_PER_MS;

    /* Who was forked from us may hold the queue open: an empty message is its end. */
    if (o->send_fd >= 0)
        (void)send(o->send_fd, "", 0, MSG_DONTWAIT | MSG_NOSIGNAL);
    close_fd(&o->send_fd);
    close_fd(&o->take_fd);
    while (!has_ended(&o->now)) {
        struct pollfd p = {.fd = o->now.leash_fd, .events = POLLIN};
        uint64_t now = mono_now().ns;

        if (now >= end) {
            logger_tell(&o->now, LOGGER_FINISH);
            break;
        }
        if (poll(&p, 1, (int)((end - now) / NS_PER_MS) + 1) < 0 && errno != EINTR)
            break;
    }
    log_out_close(o);
}
