/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Document roots: opening names beneath a directory, where the kernel is the wall. Every open
 * is openat2(2) with RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS relative to the root's
 * descriptor: symbolic links that stay inside are followed, those that leave fail. The root
 * itself is looked up by its path again when its cache validity is over, so that a `current`
 * symlink that is switched takes effect; when the worker's user may not reach the path, the
 * descriptor the master opened is used. May block on disk.
 *
 * A struct file_root belongs to one thread, the worker's loop; file_open_beneath keeps no
 * state and may be called from any thread.
 */
#ifndef WEIR_FILE_ROOT_H
#define WEIR_FILE_ROOT_H

#include <fcntl.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "base/bytes.h"
#include "base/clock.h"

struct file_root {
    const char *path; /* borrowed from the configuration */
    int inherited_fd; /* O_PATH, opened by the master; -1 when it could not */
    int fd;           /* O_PATH of the path as last seen; -1 when none */
    dev_t device;
    ino_t inode;
    struct mono checked; /* 0: not looked up yet */
};

/* inherited_fd stays the caller's. No system call: the first open looks the path up. */
void file_root_init(struct file_root *root, const char *path, int inherited_fd);
void file_root_close(struct file_root *root);

/*
 * The descriptor that names are resolved from now, looked up again when valid_ns has passed.
 * It stays open until the next call with this root. -1 with errno when there is none.
 */
int file_root_descriptor(struct file_root *root, struct mono now, uint64_t valid_ns);

/* For reading, without waiting for a FIFO's writer and without becoming a terminal's owner. */
#define FILE_OPEN_READ (O_RDONLY | O_NONBLOCK | O_NOCTTY)

/*
 * Opens `name` (relative, NUL-terminated, "" or "." for the directory itself) beneath dir_fd,
 * close-on-exec; flags are FILE_OPEN_READ or O_PATH, with or without O_DIRECTORY. A
 * descriptor, or -1 with errno: ENOENT, ENOTDIR, EACCES, ELOOP, EXDEV (the link leaves the
 * root), ENAMETOOLONG, EMFILE, ENFILE, ENOMEM, EIO, EAGAIN (renames raced with it too often,
 * or a lease on the file is being broken). Keeps no state: any thread.
 */
int file_open_beneath(int dir_fd, const char *name, int flags);

/* Opens `name` for reading beneath the root: both of the above. */
int file_root_open(struct file_root *root, const char *name, struct mono now, uint64_t valid_ns);

/* Whether openat2 can be called here; false with errno: ENOSYS (Linux before 5.6) or EPERM (a seccomp
 * filter). Without it file/walk opens names, and follows no symbolic link. */
bool file_root_supported(void);

#endif
