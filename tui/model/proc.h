/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What /proc tells of a worker's process: CPU time, resident memory, open descriptors. Only when
 * pid and start time are those of the board, so that a number that was given again, or one of
 * another pid namespace, is never taken for the worker. These are system calls: the main loop
 * makes them and hands the result to the model. Runs in weirtop.
 */
#ifndef WEIR_TUI_PROC_H
#define WEIR_TUI_PROC_H

#include "tui/model/model.h"

/* Reads the process. False when it is not there, not the one, or may not be read. */
bool proc_read(uint32_t pid, uint64_t start_ticks, struct model_proc *out);

/* The text of /proc/PID/stat; ticks per second and bytes per page as sysconf(3) has them. */
struct proc_units {
    uint64_t tick_ns, page_bytes;
};
bool proc_parse_stat(const char *text, uint64_t start_ticks, struct proc_units units,
                     struct model_proc *out);

#endif
