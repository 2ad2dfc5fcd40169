/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The error log's senders; see log.h. A line is one message of the queue, so that lines of
 * several processes never mix and keep their order. Control characters in a line are shown as
 * \xNN where it is written, for a client chooses the paths that end up here and must not be able
 * to forge a line or drive a terminal. Lines over 2 KiB are cut and end in "...". Runs in every
 * process.
 */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log_record.h"

const char *const log_level_name[4] = {
    [LOG_LEVEL_ERROR] = "error",
    [LOG_LEVEL_WARN] = "warn",
    [LOG_LEVEL_INFO] = "info",
    [LOG_LEVEL_DEBUG] = "debug",
};

static struct {
    int queue, fd;
    enum log_level level;
    char tag[LOG_TAG_BYTES];
    _Atomic uint64_t dropped;        /* in all */
    _Atomic uint64_t dropped_untold; /* of these */
} sink = {.queue = -1, .fd = STDERR_FILENO, .level = LOG_LEVEL_INFO, .tag = "weir"};

void log_to_queue(int fd)
{
    sink.queue = fd;
}

void log_to_fd(int fd)
{
    sink.fd = fd;
}

int log_fd(void)
{
    return sink.queue;
}

uint64_t log_lines_dropped(void)
{
    return atomic_load_explicit(&sink.dropped, memory_order_relaxed);
}

void log_set_level(enum log_level level)
{
    sink.level = level;
}

enum log_level log_get_level(void)
{
    return sink.level;
}

void log_set_tag(const char *tag)
{
    snprintf(sink.tag, sizeof sink.tag, "%s", tag);
}

static bool queue_takes(const struct log_record *r)
{
    char packed[LOG_RECORD_BYTES];
    struct out o = out_into(packed, sizeof packed);
    ssize_t did;

    log_record_pack(&o, r);
    do
        did = send(sink.queue, packed, out_len(&o), MSG_DONTWAIT | MSG_NOSIGNAL);
    while (did < 0 && errno == EINTR);
    return did >= 0;
}

static struct log_record record_of(enum log_level level, struct span text, bool cut)
{
    return (struct log_record){
        .when = wall_now(),
        .pid = (uint32_t)getpid(),
        .level = level,
        .cut = cut,
        .tag = span_str(sink.tag),
        .text = text,
    };
}

/* In front of the first line after a gap. False when the queue is still full. */
static bool told_of_dropped(void)
{
    uint64_t n = atomic_exchange_explicit(&sink.dropped_untold, 0, memory_order_relaxed);
    char text[128];

    if (n == 0)
        return true;
    struct out o = out_into(text, sizeof text);
    out_fmt(&o, "%llu line%s of this process %s dropped here: the log did not take them",
            (unsigned long long)n, n == 1 ? "" : "s", n == 1 ? "was" : "were");
    struct log_record note = record_of(LOG_LEVEL_WARN, span_of(text, out_len(&o)), false);
    if (queue_takes(&note))
        return true;
    atomic_fetch_add_explicit(&sink.dropped_untold, n, memory_order_relaxed);
    return false;
}

void log_tick(void)
{
    if (sink.queue >= 0 && atomic_load_explicit(&sink.dropped_untold, memory_order_relaxed) > 0)
        (void)told_of_dropped(); /* else at the next tick */
}

static void write_at_once(const struct log_record *r)
{
    char line[LOG_RECORD_LINE_BYTES];
    struct out o = out_into(line, sizeof line);

    log_record_line(&o, r, false);
    (void)fd_write_all(sink.fd, line, out_len(&o)); /* there is nowhere else to say it */
}

void log_write(enum log_level level, const char *fmt, ...)
{
    char text[LOG_TEXT_BYTES];
    int saved = errno;
    va_list ap;

    if (level > sink.level)
        return;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (n < 0)
        return;
    bool cut = (size_t)n >= sizeof text;
    struct log_record r = record_of(level, span_of(text, cut ? sizeof text - 1 : (size_t)n), cut);
    if (sink.queue < 0) {
        write_at_once(&r);
    } else if (!told_of_dropped() || !queue_takes(&r)) {
        atomic_fetch_add_explicit(&sink.dropped, 1, memory_order_relaxed);
        atomic_fetch_add_explicit(&sink.dropped_untold, 1, memory_order_relaxed);
    }
    errno = saved;
}
