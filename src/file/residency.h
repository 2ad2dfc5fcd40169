/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whether a stretch of a file is in memory, so that sending it cannot wait for a disk:
 * preadv2(RWF_NOWAIT) of one byte at a stride tells, starts no read-ahead and never waits. A file
 * of which every window was found in memory within the last second is not asked about again
 * (struct file_heat), so that hot files cost nothing to speak of. Keeps no state of its own.
 */
#ifndef WEIR_FILE_RESIDENCY_H
#define WEIR_FILE_RESIDENCY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

enum file_residency {
    FILE_HOT,
    FILE_COLD,
    FILE_UNSUPPORTED /* the file system or the kernel cannot tell: to be treated as cold */
};

/* Asks about [offset, offset + length), length > 0. *calls is how often the kernel was asked. */
enum file_residency file_residency(int fd, uint64_t offset, uint64_t length, unsigned *calls);

/* What one file's windows were found to be. Zeroed: nothing known. */
struct file_heat {
    struct mono pass;   /* when window 0 was found hot */
    struct mono proven; /* all windows were, in one pass that began at this time; 0: not */
    uint64_t next;      /* the windows below were, since `pass` */
    bool unsupported;   /* asking is no use */
};

bool file_heat_is_hot(const struct file_heat *heat, struct mono now);
/* Window `index` of `count` was asked about. */
void file_heat_note(struct file_heat *heat, uint64_t index, uint64_t count, bool hot,
                    struct mono now);

#endif
