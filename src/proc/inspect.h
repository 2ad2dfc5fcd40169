/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the kernel says of a worker, read from /proc by the master, which may when an observer
 * may not: its state, where it waits, its system call and stack, the mount of the descriptor
 * that call is about, its descriptors by kind, its memory and its work so far. Lines of text
 * for people; what cannot be read is said with the reason. Never waits for the worker. Master
 * only.
 */
#ifndef WEIR_PROC_INSPECT_H
#define WEIR_PROC_INSPECT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/bytes.h"

/*
 * Adds the lines to *out. False when the process is not there any more, or pid is another's
 * by now (it did not start at start_ticks), with a sentence in *out.
 */
bool inspect_worker(pid_t pid, uint64_t start_ticks, struct buf *out);

#endif
