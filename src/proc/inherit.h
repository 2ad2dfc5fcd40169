/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One generation's inheritance: all that the workers of one configuration get over fork. It
 * is prepared in full, and every error found is told, before anything that runs is changed;
 * thrown away it leaves no trace but an access log that may have been created.
 *
 * What is asked of the system on the way are facts (conf/facts.h), so that the process which checks
 * a configuration and the master that takes it over do the same with the same answers.
 *
 * Master, and the process that checks for it. The one place of the supervisor that includes http/:
 * for the table of media types, which it fills and does not read.
 */
#ifndef WEIR_PROC_INHERIT_H
#define WEIR_PROC_INHERIT_H

#include <sys/types.h>

#include "base/bytes.h"
#include "base/log.h"
#include "conf/conf.h"
#include "http/mime.h"
#include "proc/listen.h"
#include "proc/logs.h"

struct inherit {
    struct conf *conf;
    struct mime_table *mime;
    struct listen_set listen;
    struct log_out access_log;
    bool drop_privileges;
    uid_t uid;
    gid_t gid;
    gid_t *groups; /* gid and the user's other ones; NULL when privileges stay */
    size_t group_count;
    char user[64];
    bool has_watch_group;
    gid_t watch_gid;
    struct buf notes; /* what should be said of it in the log, see inherit_note */
};

/*
 * Takes conf over (also when it fails). Resolves the user, takes the roots' descriptors, fills the
 * media types. With a line in *errors for each thing that is wrong it returns false and frees all.
 * Opens no socket and creates no file: good for weir -t.
 */
bool inherit_prepare(struct inherit *in, struct conf *conf, struct buf *errors);

/* Whether log files can be written to: a line in *errors for each that cannot. Creates none. */
bool inherit_try_logs(const struct conf *conf, struct buf *errors);

/* Adds a line that begins with the digit of its level. */
void inherit_note(struct buf *notes, enum log_level level, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Opens the access log and the listening sockets; running is the set in force or NULL. error_fd:
 * the error log's queue. */
bool inherit_open(struct inherit *in, struct listen_set *running, int error_fd, struct buf *errors);

/* Raises RLIMIT_NOFILE to what [limits] and [cache] need; a warning when that is not allowed. */
void inherit_raise_descriptors(const struct conf *conf);

void inherit_free(struct inherit *in);

#endif
