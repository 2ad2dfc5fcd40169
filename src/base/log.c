/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The error log; see log.h. Control characters in a line are shown as \xNN, for a client
 * chooses the paths that end up here and must not be able to forge a line or drive a
 * terminal. Lines over 2 KiB are cut and end in "...". Runs in every process.
 */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/escape.h"
#include "base/fd.h"

const char *const log_level_name[4] = {
    [LOG_LEVEL_ERROR] = "error",
    [LOG_LEVEL_WARN] = "warn",
    [LOG_LEVEL_INFO] = "info",
    [LOG_LEVEL_DEBUG] = "debug",
};

enum { LOG_LINE_BYTES = 2048 };

static struct {
    int fd;
    bool to_syslog;
    enum log_level level;
    char tag[32];
    char path[4096];
} sink = {.fd = STDERR_FILENO, .level = LOG_LEVEL_INFO, .tag = "weir"};

static int open_file(const char *path)
{
    return open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640);
}

bool log_open(const char *target)
{
    int fd = STDERR_FILENO;
    bool to_syslog = target && strcmp(target, "syslog") == 0;
    bool to_file = target && !to_syslog && strcmp(target, "stderr") != 0;

    if (to_file) {
        if (strlen(target) >= sizeof sink.path) {
            errno = ENAMETOOLONG;
            return false;
        }
        fd = open_file(target);
        if (fd < 0)
            return false;
    }
    if (sink.fd > STDERR_FILENO)
        close_fd(&sink.fd);
    if (to_syslog)
        openlog("weir", LOG_PID | LOG_NDELAY, LOG_DAEMON);
    sink.fd = to_syslog ? -1 : fd;
    sink.to_syslog = to_syslog;
    snprintf(sink.path, sizeof sink.path, "%s", to_file ? target : "");
    return true;
}

bool log_reopen(void)
{
    if (sink.path[0] == '\0')
        return true;
    int fd = open_file(sink.path);
    if (fd < 0)
        return false;
    close_fd(&sink.fd);
    sink.fd = fd;
    return true;
}

int log_fd(void)
{
    return sink.fd;
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

static void add_time(struct out *o)
{
    struct wall now = wall_now();
    time_t seconds = (time_t)(now.ns / NS_PER_S);
    struct tm tm;
    char text[40];

    if (!localtime_r(&seconds, &tm))
        return;
    size_t n = strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &tm);
    out_add(o, text, n);
    out_fmt(o, ".%03u", (unsigned)(now.ns / NS_PER_MS % 1000));
}

void log_write(enum log_level level, const char *fmt, ...)
{
    static const int syslog_level[4] = {LOG_ERR, LOG_WARNING, LOG_INFO, LOG_DEBUG};
    char message[LOG_LINE_BYTES];
    char line[LOG_LINE_BYTES * 2];
    int saved = errno;
    va_list ap;

    if (level > sink.level)
        return;
    va_start(ap, fmt);
    int n = vsnprintf(message, sizeof message, fmt, ap);
    va_end(ap);
    if (n < 0)
        return;
    struct span text = span_of(message, (size_t)n < sizeof message ? (size_t)n : sizeof message - 1);

    struct out o = out_into(line, sizeof line - 4);
    if (!sink.to_syslog) {
        add_time(&o);
        out_fmt(&o, " %-5s %s[%d]: ", log_level_name[level], sink.tag, (int)getpid());
    }
    escape_visible(&o, text);
    size_t len = out_len(&o);
    if (o.cut || (size_t)n >= sizeof message) {
        memcpy(line + len, "...", 3);
        len += 3;
    }
    if (sink.to_syslog) {
        syslog(syslog_level[level], "%s: %.*s", sink.tag, (int)len, line);
    } else {
        line[len++] = '\n';
        if (!fd_write_all(sink.fd, line, len) && sink.fd != STDERR_FILENO)
            fd_write_all(STDERR_FILENO, line, len);
    }
    errno = saved;
}
