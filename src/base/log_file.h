/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a log goes: its target as the configuration names it, opened. A file on a mount that
 * does not answer makes open(2) wait, so that the server opens none: its log writers do
 * (proc/logger.h), and children that check a configuration. A FIFO without a reader makes
 * nobody wait: it is an error. Runs in every process.
 */
#ifndef WEIR_BASE_LOG_FILE_H
#define WEIR_BASE_LOG_FILE_H

#include <stdbool.h>

/* "stderr", "stdout" and "syslog"; all else is a path. */
bool log_target_is_path(const char *target);
bool log_target_is_syslog(const char *target);

/*
 * Opens it for appending (a new file gets mode 0640); "stderr" and "stdout" give a duplicate,
 * "syslog" a socket that may not be connected yet. Close-on-exec, above 2. -1 with errno set.
 */
int log_target_open(const char *target);

/* What helps against that error of log_target_open: "; make its directory first", or "". */
const char *log_target_help(int error);

/* A socket for the system's log; true when it is connected to /dev/log now. errno set when not. */
int log_syslog_socket(void);
bool log_syslog_connect(int fd);

#endif
