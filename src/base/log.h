/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The error log: one line per call, one write(2) per line (so that lines of several
 * processes never mix), to a file, standard error or syslog(3). A line says what was being
 * done, for whom, and what happens next; its level says whose fault it is: a client's
 * mistake is at most `info`.
 *
 * One log per process, inherited over fork. Not for threads other than the caller's main
 * thread to reconfigure; log_write itself may be called from any thread.
 */
#ifndef WEIR_BASE_LOG_H
#define WEIR_BASE_LOG_H

#include <stdbool.h>

/* Most severe first, as in syslog(3). */
enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

extern const char *const log_level_name[4];

/*
 * Where lines go: NULL or "stderr", "syslog", else the path of a file, which is opened for
 * appending (mode 0640). False with errno set; the log is then as it was.
 */
bool log_open(const char *target);

/* Opens the file again under its name, after it was moved away. False with errno set. */
bool log_reopen(void);

/* The descriptor lines go to (2 for stderr), -1 for syslog: one a worker must keep. */
int log_fd(void);

void log_set_level(enum log_level level);
enum log_level log_get_level(void);

/* A short tag in every line: "master", "worker 3". Copied; at most 31 bytes are kept. */
void log_set_tag(const char *tag);

void log_write(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...)  log_write(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...)  log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)                                                                             \
    (log_get_level() >= LOG_LEVEL_DEBUG ? log_write(LOG_LEVEL_DEBUG, __VA_ARGS__) : (void)0)

#endif
