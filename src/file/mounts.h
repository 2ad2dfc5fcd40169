/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The mount table of this process, from /proc/self/mountinfo: which mount a path or an open file
 * is on, and whether its file system is known to be local, that is, to open files and tell
 * their attributes without asking anybody. Only such file systems are touched by the event
 * loop. A type that is not in the list is not local. In a chroot whose root is no mount point
 * the table does not show what the root is on: its line is made up from statx and statfs.
 *
 * The table is read again when the kernel says that it changed, which is asked at most once a
 * second. Reading it waits for no storage (procfs). Worker's loop only.
 */
#ifndef WEIR_FILE_MOUNTS_H
#define WEIR_FILE_MOUNTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "net/offload.h"

struct file_mount {
    uint64_t id; /* mount ID, as statx(2) gives it */
    uint64_t device;
    bool local;
    bool memory;              /* tmpfs, ramfs: contents are never away */
    bool silent;              /* nobody can say what of a file is in memory */
    const char *point, *type; /* NUL-terminated; live until the table is read again */
    size_t point_bytes;
    struct offload_mount *row; /* NULL until file_mounts_row asked for it */
};

/* Where a file is; may be copied and kept as long as the pool lives. */
struct file_home {
    struct offload_mount *mount; /* NULL: there is no pool, everything is done at once */
    bool local, memory;
};

struct file_mounts;

/* path NULL: /proc/self/mountinfo. A table that cannot be read has no mounts. NULL on ENOMEM. */
struct file_mounts *file_mounts_new(struct offload *pool, const char *path);
void file_mounts_free(struct file_mounts **mounts);

/* Reads the table again when it changed, looking at most once a second. */
void file_mounts_refresh(struct file_mounts *mounts, struct mono now);

/*
 * The mount with this ID; before it says NULL, a table that changed is read again at once: a file
 * was found on a mount that is younger than the last look.
 */
const struct file_mount *file_mounts_find(struct file_mounts *mounts, uint64_t id);

/* NULL: not in the table. They live until it is read again. */
const struct file_mount *file_mounts_by_id(const struct file_mounts *mounts, uint64_t id);
const struct file_mount *file_mounts_by_device(const struct file_mounts *mounts, uint64_t device);
/* The mount with the longest mount point that path (absolute) is at or beneath. */
const struct file_mount *file_mounts_by_path(const struct file_mounts *mounts, struct span path);

/*
 * The home of files on this mount. m NULL, a mount nobody knows: not local, in a row of its
 * own. mount is NULL without a pool, and on ENOMEM.
 */
struct file_home file_mounts_home(struct file_mounts *mounts, const struct file_mount *m);

/*
 * The file system of this local mount was asked what of a file is in memory, and cannot say
 * (overlayfs, vfat and others have no RWF_NOWAIT). Told once in the log, by the first worker that
 * finds it out.
 */
void file_mounts_note_silent(struct file_mounts *mounts, struct offload_mount *row);

/* Whether a file system of this type is known to be local. */
bool file_mounts_is_local(struct span type);

#endif
