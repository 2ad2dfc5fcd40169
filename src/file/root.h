/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Document roots: opening names beneath a directory, where the kernel is the wall. Every open
 * is openat2(2) with RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS relative to the root's
 * descriptor: symbolic links that stay inside are followed, those that leave fail. The root
 * itself is looked up by its path again when its cache validity is over, so that a `current`
 * symlink that is switched takes effect; when the worker's user may not reach the path, the
 * descriptor the master opened is used. Worker only; may block on disk.
 */
#ifndef WEIR_FILE_ROOT_H
#define WEIR_FILE_ROOT_H

#include <sys/stat.h>

#include "base/bytes.h"
#include "base/clock.h"

struct file_root {
    const char *path;  /* borrowed from the configuration */
    int inherited_fd;  /* O_PATH, opened by the master; -1 when it could not */
    int fd;            /* O_PATH of the path as last seen; -1 when none */
    dev_t device;
    ino_t inode;
    struct mono checked;
};

void file_root_init(struct file_root *root, const char *path, int inherited_fd);
void file_root_close(struct file_root *root);

/*
 * Opens `name` (relative, no leading slash, NUL-terminated, "" or "." for the root itself)
 * for reading, close-on-exec, non-blocking (so that a FIFO cannot hang it). A descriptor, or
 * -1 with errno: ENOENT, ENOTDIR, EACCES, ELOOP, EXDEV (the link leaves the root),
 * ENAMETOOLONG, EMFILE, ENFILE, ENOMEM, EIO.
 */
int file_root_open(struct file_root *root, const char *name, struct mono now, uint64_t valid_ns);

#endif
