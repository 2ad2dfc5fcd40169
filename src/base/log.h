/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The error log as every process sees it: one call, one line. A line says what was being
 * done, for whom, and what happens next; its level says whose fault it is: a client's
 * mistake is at most `info`.
 *
 * Nobody waits for a log: a line goes into a queue (a socket), from which a process of its own
 * writes it (proc/logger.h). Lines that find the queue full, because that one waits for a
 * disk, a terminal or a reader, are dropped, counted, and told of when the log goes on. Until
 * log_to_queue is called lines go to standard error, there and then.
 *
 * One queue for all processes of a server, inherited over fork. Any thread may log; only the first
 * one of a process sets things up.
 */
#ifndef WEIR_BASE_LOG_H
#define WEIR_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

/* Most severe first, as in syslog(3). */
enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

extern const char *const log_level_name[4];

/* Lines go to this socket from now on, as records (log_record.h); -1: to standard error again. */
void log_to_queue(int fd);

/* Where lines go while there is no queue, instead of standard error; borrowed. For tests. */
void log_to_fd(int fd);

/* The queue, -1 when there is none: a descriptor that a worker must keep. */
int log_fd(void);

/* Lines of this process that were dropped so far. */
uint64_t log_lines_dropped(void);
/* Tells of dropped lines when the log takes lines again. To be called every second or so. */
void log_tick(void);

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
