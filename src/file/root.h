/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Document roots: opening names beneath a directory, where the kernel is the wall. Every open
 * is openat2(2) with RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS relative to the root's
 * descriptor: symbolic links that stay inside are followed, those that leave fail; absolute ones
 * that lead back inside are followed by file/links, for the kernel does not. The root
 * itself is looked up by its path again when its cache validity is over, so that a `current`
 * symlink that is switched takes effect; when the worker's user may not reach the path, the
 * descriptor the master opened is used.
 *
 * A struct file_root belongs to one thread, the worker's loop; a job that resolves names from it
 * holds its place, so that the descriptor stays open. file_open_beneath and file_root_ask keep
 * no state and may be called from any thread; with `cached` they wait for no storage.
 */
#ifndef WEIR_FILE_ROOT_H
#define WEIR_FILE_ROOT_H

#include <fcntl.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "base/bytes.h"
#include "base/clock.h"

/* A directory that names are resolved from. Reference counted, on the loop. */
struct file_place {
    unsigned refs;
    int fd;      /* O_PATH */
    bool is_own; /* else the master's, which stays open */
    dev_t device;
    ino_t inode;
    uint64_t mount_id; /* 0: not known */
    char *real;        /* its path without links, as the kernel knows it */
};

/*
 * What is known of where a root's path leads: since when, and which of the directories it has led
 * to. What was found beneath one of them is worth nothing beneath the next.
 */
struct file_sight {
    struct mono checked; /* 0: not known */
    unsigned epoch;
};

struct file_root {
    const char *path;             /* borrowed from the configuration */
    int inherited_fd;             /* O_PATH, opened by the master; -1 when it could not */
    struct file_place *place;     /* of the path as last seen; NULL when none */
    struct file_place *inherited; /* made when it is needed */
    struct mono checked;          /* 0: not looked up yet */
    unsigned epoch;               /* another one whenever the path leads elsewhere, or nowhere */
    uint64_t fence;               /* not 0: of the fence it is behind; nothing is asked of it */
};

/* inherited_fd stays the caller's. No system call: the first open looks the path up. */
void file_root_init(struct file_root *root, const char *path, int inherited_fd);
void file_root_close(struct file_root *root);

/*
 * To be called about once a second: lets go of a directory that was not looked up in idle_ns, no
 * shorter than it is believed: its descriptor keeps a file system busy. The next open looks the
 * path up.
 */
void file_root_tick(struct file_root *root, struct mono now, uint64_t idle_ns);

/* Whoever takes the root's file system out wants nobody to hold it: lets go of all descriptors,
 * inherited_fd too, which is closed. The next look-up opens the path anew. */
void file_root_let_go(struct file_root *root);

struct file_sight file_root_sight(const struct file_root *root);

/* True while what was last seen is believed. */
bool file_root_is_fresh(const struct file_root *root, struct mono now, uint64_t valid_ns);

/* What was seen when the path was looked up. */
struct file_root_seen {
    int fd;    /* O_PATH; -1 and error */
    int error; /* EAGAIN: it would have waited, when asked for `cached` */
    struct stat st;
    uint64_t mount_id; /* 0: not known */
    char *real;
};

/* Looks the path up. Any thread. */
void file_root_ask(const char *path, bool cached, struct file_root_seen *seen);
/* Takes over what was seen. 0, or the errno when there is no place to resolve names from. */
int file_root_take(struct file_root *root, struct file_root_seen *seen, struct mono now);
void file_root_seen_drop(struct file_root_seen *seen);

/* Where names are resolved from now; NULL: nowhere. Not held. */
struct file_place *file_root_place(const struct file_root *root);
struct file_place *file_place_hold(struct file_place *place);
void file_place_release(struct file_place **place);

/*
 * The descriptor that names are resolved from now, looked up again when valid_ns has passed.
 * It stays open until the next call with this root. -1 with errno when there is none. May
 * wait for storage.
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
/* The same from the kernel's name cache alone (RESOLVE_CACHED): EAGAIN when it would have to ask a
 * file system, EXDEV also when an absolute link stays inside, EINVAL when the kernel has no such
 * flag (before 5.12). */
int file_open_cached(int dir_fd, const char *name, int flags);
/* The same on dir_fd's own mount: EXDEV when it leads to another. */
int file_open_cached_here(int dir_fd, const char *name, int flags);

/*
 * For a name on a local file system that could just now not be opened for want of a right (EACCES):
 * how many bytes of it name the folder that may not be entered, 0 for the root; -1 when it is
 * the file itself, or it cannot be told. Asks the kernel's name cache alone, which holds the name
 * as far as that folder.
 */
ssize_t file_denied_folder(int dir_fd, const char *name);

/* Opens `name` for reading beneath the root. May wait for storage. */
int file_root_open(struct file_root *root, const char *name, struct mono now, uint64_t valid_ns);

/* Whether openat2 can be called here; false with errno: ENOSYS (Linux before 5.6) or EPERM (a
 * seccomp filter). Without it file/walk opens names, and follows no symbolic link. */
bool file_root_supported(void);
/* Whether it knows RESOLVE_CACHED. */
bool file_cached_supported(void);

/*
 * Attributes of an open descriptor. `cached` true: as the kernel remembers them, without asking a
 * server. *mount_id gets the ID of its mount, 0 when the kernel does not tell. 0 or -1 with errno.
 */
int file_attributes(int fd, bool cached, struct stat *st, uint64_t *mount_id);

#endif
