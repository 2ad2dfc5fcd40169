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
    uint64_t id; /* mount ID; the kernel gives it to another when the mount is gone */
    /*
     * As st_dev has it (makedev(3)). What stat(2) says of a file may be another number, on an
     * overlay that is not all on one file system, or in a subvolume of btrfs: so workers
     * register mounts by mountinfo's number too, and the two agree.
     */
    uint64_t device;
    struct buf name; /* mount point, without mountinfo's escapes */
    struct buf type, source;
    uint64_t number; /* of the fence around it, from 1 */
    bool gone;       /* the mount was taken out: the fence keeps the roots that lay on it */
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

/* Whether this very mount is in the table: same ID, device, point, type and source. Without memory
 * to compare the latter three it is taken for the same. */
bool fence_is_there(struct span mountinfo, const struct fence_mount *m);

struct fences {
    struct fence_mount mount[FENCES_MAX];
    unsigned count;
    uint64_t numbers; /* given so far */
    int table_fd;     /* of mountinfo, whose changes poll(2) tells; 0: not open */
};

void fences_free(struct fences *f);
/*
 * Takes *m over, in the place of one with its device number, whose number it gets, else with a new
 * one. False when FENCES_MAX others are fenced; *m is then as before.
 */
bool fences_add(struct fences *f, struct fence_mount *m);
void fences_remove(struct fences *f, unsigned at);
/* Which one it is; false when there is none. By its device number a mount is found while it is
 * there. */
bool fences_find(const struct fences *f, uint64_t device, unsigned *at);
bool fences_find_name(const struct fences *f, struct span name, unsigned *at);
/* Of the mounts that are gone the one whose point is nearest above this absolute path. */
bool fences_find_gone(const struct fences *f, struct span path, unsigned *at);
/* Whether mounts came or went since the last call. Never without a fence. */
bool fences_changed(struct fences *f);

#endif
