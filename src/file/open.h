/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From a name beneath a root to what is there, as plain data. The name is first opened with
 * O_PATH, which has no effect on what it names, and its attributes are asked for; only a
 * regular file is then opened for reading, so that no request wakes a FIFO's writer or rewinds
 * a tape. (Between the two opens the name may be given to something else; the second open is
 * non-blocking and asked for its kind again, so such a race costs at most one open of it, and
 * one pread if the file was small.) What was a regular file when it was asked for last is opened
 * for reading at once; where it has become something else since, that too costs at most one open of
 * it. Small files are read whole.
 *
 * file_open makes the calls that may wait for storage: any thread. file_open_hot makes the same
 * calls as far as they cannot wait, for the loop: names from the kernel's cache alone, attributes
 * as the kernel remembers them, opening for reading on local file systems only, contents only
 * when all of their pages are in memory. Neither knows of the cache or keeps state.
 */
#ifndef WEIR_FILE_OPEN_H
#define WEIR_FILE_OPEN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "file/mounts.h"

struct board_slot;

enum file_kind { FILE_REGULAR, FILE_DIRECTORY, FILE_OTHER, FILE_ERROR };

/*
 * Contents have so many bytes of memory in front of them, zero at first, that nothing here looks
 * at: whoever sends them may put there what goes out before them.
 */
#define FILE_HEADROOM_BYTES 640

/* size bytes behind their headroom; NULL on ENOMEM. file_content_free takes NULL too. */
char *file_content_new(size_t size);
void file_content_free(char *content);

struct file_open_how {
    const char *name;         /* NUL-terminated, relative; "" is the root itself */
    size_t content_bytes;     /* regular files up to this size are read whole; 0: none */
    const struct stat *known; /* not NULL: when the name still is this file, nothing is opened */
    bool was_regular;        /* a regular file when it was asked for last, on root_fd's mount, which
                                is local: file_open_hot opens it for reading at once */
    struct board_slot *slot; /* where to say what is being waited for; NULL: nowhere */
    struct offload_job *job; /* on a thread: who gets on with each call; NULL: nobody */
};

struct file_opened {
    enum file_kind kind;
    bool same;    /* it is how->known: only st is set besides kind */
    bool settled; /* its last change is so old that a later one must show in st */
    int error;    /* FILE_ERROR: errno */
    int fd;       /* FILE_REGULAR: open for reading, -1 when content is held; else -1 */
    struct stat st;
    char *content;     /* the whole file, st.st_size bytes, by file_content_new; or NULL */
    uint64_t mount_id; /* 0: not known */

    /* For the cache; set by whoever asked. */
    struct file_home home;
    char *where; /* the file's absolute path, from malloc; NULL when not needed */
};

/* Always fills *out; the caller owns out->fd, out->content and out->where. */
void file_open(int root_fd, const struct file_open_how *how, struct file_opened *out);

enum file_open_hot {
    FILE_OPEN_DONE,       /* *out is filled */
    FILE_OPEN_COLD,       /* it would have to wait; *out is empty but for mount_id */
    FILE_OPEN_UNSUPPORTED /* the same, because the file system or the kernel cannot tell */
};

enum file_open_hot file_open_hot(int root_fd, const struct file_open_how *how,
                                 const struct file_mounts *mounts, struct file_opened *out);

void file_opened_drop(struct file_opened *o);

/* True when the last change lies far enough back that one more must show in the times. */
bool file_is_settled(const struct stat *st, struct wall now);
/* Device, inode, kind, size, modification and change time agree. */
bool file_is_same(const struct stat *a, const struct stat *b);

#endif
