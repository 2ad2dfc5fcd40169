/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Closing descriptors whose close may wait: on a file system that asks a server (FUSE sends a
 * flush and waits for its answer), and of files that have no name any more, whose blocks the
 * last close gives back. An offload thread does it and nobody waits for it. While the pool
 * refuses, descriptors are kept and tried again: a dead mount must not reach the loop by this
 * way either. Reference counted, for entries of the cache outlive it. Worker's loop only.
 */
#ifndef WEIR_FILE_CLOSER_H
#define WEIR_FILE_CLOSER_H

#include "net/offload.h"

struct file_closer;

struct file_closer *file_closer_new(struct offload *pool); /* NULL on ENOMEM */
struct file_closer *file_closer_hold(struct file_closer *c);
void file_closer_release(struct file_closer **c);

/* The pool goes away: from now on descriptors are closed at once. Those kept stay open until the
 * process ends, for their mounts do not answer. */
void file_closer_end(struct file_closer *c);

/* Takes *fd over and sets it to -1. */
void file_closer_close(struct file_closer *c, struct offload_mount *mount, int *fd);

/* Tries again what was refused. */
void file_closer_retry(struct file_closer *c);

#endif
