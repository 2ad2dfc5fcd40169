/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whether a stretch of a file is in memory, so that sending it cannot wait for a disk:
 * preadv2(RWF_NOWAIT) of one byte at a stride tells, starts no read-ahead and never waits. A window
 * that was found in memory, or read into it, within the last second is not asked about again
 * (struct file_heat), whoever downloads it, so that hot files cost nothing to speak of.
 */
#ifndef WEIR_FILE_RESIDENCY_H
#define WEIR_FILE_RESIDENCY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"

enum file_residency {
    FILE_HOT,
    FILE_COLD,
    FILE_UNSUPPORTED /* the file system or the kernel cannot tell: to be treated as cold */
};

/* Asks about [offset, offset + length), length > 0. *calls is how often the kernel was asked. */
enum file_residency file_residency(int fd, uint64_t offset, uint64_t length, unsigned *calls);

/* When one window was last known to be in memory. */
struct file_heat_mark {
    uint64_t index;
    struct mono hot; /* 0: never */
};

/* What is known of one file's windows. Zeroed: nothing. */
struct file_heat {
    struct file_heat_mark *mark; /* by index modulo count; NULL: nothing is known */
    uint64_t count;
    bool unsupported; /* asking is no use */
};

bool file_heat_is_hot(const struct file_heat *heat, uint64_t index, struct mono now);
/*
 * Window `index` of `windows` was in memory at this time, or was not. Of very large files only
 * the windows noted last are remembered; without memory to do so they are asked about again.
 */
void file_heat_note(struct file_heat *heat, uint64_t index, uint64_t windows, bool hot,
                    struct mono at);
void file_heat_free(struct file_heat *heat);

/*
 * Reads [offset, offset + n) when all of it is in memory (RWF_NOWAIT). False when it is not, or
 * cannot be told: nothing then says which.
 */
bool file_read_hot(int fd, uint64_t offset, char *to, size_t n);

#endif
