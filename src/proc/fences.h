/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which mount a path is on, found without touching the path's file system (it may be the one
 * that does not answer): by the longest mount point in /proc/self/mountinfo; or which mount has
 * an ID. And the mounts
 * an operator has fenced, remembered for workers that start later. Master only.
 */
#ifndef WEIR_PROC_FENCES_H
#define WEIR_PROC_FENCES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/bytes.h"

#define FENCES_MAX 64

struct fence_mount {
    /*
     * As st_dev has it (makedev(3)). What stat(2) says of a file may be another number, on an
     * overlay that is not all on one file system, or in a subvolume of btrfs: so workers
     * register mounts by mountinfo's number too, and the two agree.
     */
    uint64_t device;
    struct buf name; /* mount point, without mountinfo's escapes */
    struct buf type, source;
};

void fence_mount_free(struct fence_mount *m);

/*
 * The mount that an absolute path is on, by the text of a mountinfo file (proc(5)); the
 * later of two on the same point covers the earlier. Symbolic links are taken as they stand,
 * and a mount that a later one further up has hidden is taken for visible.
 * False with a sentence in *why when the path cannot be compared (`.', `..'), or when there is
 * none; *m is then empty.
 */
bool fence_find(struct span mountinfo, struct span path, struct fence_mount *m, struct buf *why);
/* The same by /proc/self/mountinfo. */
bool fence_find_here(struct span path, struct fence_mount *m, struct buf *why);

/* The mount with this ID, as fdinfo of proc(5) names it. False when there is none, and on ENOMEM.
 */
bool fence_find_id(struct span mountinfo, uint64_t id, struct fence_mount *m);
/* Appends /proc/PID/mountinfo; pid 0: this process's. False with a sentence in *why. */
bool fence_read_mountinfo(pid_t pid, struct buf *text, struct buf *why);

struct fences {
    uint64_t device[FENCES_MAX];
    unsigned count;
};

/* False when FENCES_MAX others are fenced. */
bool fences_add(struct fences *f, uint64_t device);
/* False when it was not fenced. */
bool fences_remove(struct fences *f, uint64_t device);

#endif
