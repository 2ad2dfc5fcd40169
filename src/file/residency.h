/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whether a stretch of a file is in memory, so that sending it cannot wait for a disk:
 * preadv2(RWF_NOWAIT) of one byte at a stride tells, starts no read-ahead and never waits. A window
 * that was found in memory, or read into it, within the last second is not asked about again
 * (struct file_heat), whoever downloads it, so that hot files cost nothing to speak of. One that
 * was all in memory some seconds ago is asked for its two ends: memory is taken back from a file
 * in the order in which it was read, or all at once.
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

/* Asks about [offset, offset + length), length > 0: all along, or for its ends only. *calls is how
 * often the kernel was asked. */
enum file_residency file_residency(int fd, uint64_t offset, uint64_t length, bool ends_only,
                                   unsigned *calls);

/* A stretch of one window. */
struct file_piece {
    uint64_t index;    /* of the window */
    uint32_t from, to; /* bytes of it, from its first one on */
};

/* When a piece was last known to be in memory. */
struct file_heat_mark {
    struct file_piece piece;
    struct mono hot;   /* 0: never */
    struct mono asked; /* about all of it, or it was read; not its ends alone */
};

/* What is known of one file's windows. Zeroed: nothing. */
struct file_heat {
    struct file_heat_mark *mark; /* by index modulo count; NULL: nothing is known */
    uint64_t count;
    bool unsupported; /* asking is no use */
};

/* All of the piece was in memory within the last second. */
bool file_heat_is_hot(const struct file_heat *heat, const struct file_piece *p, struct mono now);
/*
 * All of *p was in memory a little while ago: should it not be any more, then its ends hardly are.
 * Widens *p to all that was, so that what is found out is of use to others too.
 */
bool file_heat_ends_tell(const struct file_heat *heat, struct file_piece *p, struct mono now);

enum file_heat_news {
    FILE_HEAT_COLD, /* some of it is not in memory */
    FILE_HEAT_ENDS, /* its ends are, and file_heat_ends_tell */
    FILE_HEAT_ALL   /* all of it is */
};

/*
 * What was found out at this time of a piece of a file of so many windows. Of very large files only
 * the windows noted last are remembered; without memory to do so they are asked about again.
 */
void file_heat_note(struct file_heat *heat, const struct file_piece *p, uint64_t windows,
                    enum file_heat_news news, struct mono at);
void file_heat_free(struct file_heat *heat);

/*
 * Reads [offset, offset + n) when all of it is in memory (RWF_NOWAIT). False when it is not, or
 * cannot be told: nothing then says which.
 */
bool file_read_hot(int fd, uint64_t offset, char *to, size_t n);

#endif
