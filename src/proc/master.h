/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The master process, from a checked configuration to the exit status. Runs in the
 * foreground; it never touches a client's bytes.
 */
#ifndef WEIR_PROC_MASTER_H
#define WEIR_PROC_MASTER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"
#include "conf/conf.h"

/* What the command line says. Constant while the server runs: a reload reads it again. */
struct master_options {
    const char *config;          /* path of the file, or NULL: */
    const char *config_absolute; /* the same from / on: for when the working folder was left */
    const char *root;            /* the folder of `weir ROOT` */
    const char *const *overrides;
    size_t override_count;
    bool dashboard; /* -T: the terminal belongs to weirtop, logs go to files */
    int ready_fd;   /* -1, or where one byte is written when the server serves */
};

enum { MASTER_FINE = 0, MASTER_FAILED = 1, MASTER_USAGE = 2 };

/* Reads and checks the configuration the options name, with the facts in use (conf/facts.h); see
 * check.h for who may wait for that. NULL with lines in *errors, or when not enough is known yet.
 */
struct conf *master_load(const struct master_options *options, struct buf *errors);

/* Runs the server; the exit status. Errors are in the log already. */
int master_run(const struct master_options *options);

#endif
