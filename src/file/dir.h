/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading a directory whole: names, kinds, sizes and times, sorted. Symbolic links stand for
 * what they lead to when that is beneath the root; else, and when it cannot be asked, an
 * entry is FILE_OTHER. Names gone between being read and being asked for are left out. This is
 * a blocking call that keeps no state: any thread may make it.
 */
#ifndef WEIR_FILE_DIR_H
#define WEIR_FILE_DIR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "file/open.h"

/* A directory with more entries is not listed (EOVERFLOW): it would take some 60 MB. */
#define FILE_DIR_ENTRIES_MAX 1000000

struct file_dir_item {
    uint64_t size_bytes; /* FILE_REGULAR, else 0 */
    int64_t modified_s;  /* since 1970 */
    uint32_t name_at;    /* in file_dir.names, NUL-terminated */
    uint16_t name_bytes;
    uint8_t kind; /* enum file_kind, never FILE_ERROR */
    bool known;   /* its attributes could be asked for */
};

struct file_dir {
    struct file_dir_item *item;
    size_t count;
    struct buf names;
    unsigned name_bytes_max; /* of the longest name: FUSE knows names of more than NAME_MAX */
};

enum file_dir_sort { FILE_DIR_BY_NAME, FILE_DIR_BY_SIZE, FILE_DIR_BY_TIME };

struct file_dir_how {
    const char *name; /* of the directory beneath the root, NUL-terminated; "" is the root */
    bool dot_files;   /* names that begin with a dot too; never "." and ".." */
    size_t entries_max;
    enum file_dir_sort sort; /* directories come first, equals by name */
    bool descending;
    struct board_slot *slot; /* where to say what is being waited for; NULL: nowhere */
    struct offload_job *job; /* on a thread: who gets on with each name; NULL: nobody */
};

/* 0 and *out is the directory; else errno, and *out is empty. */
int file_dir_read(int root_fd, const struct file_dir_how *how, struct file_dir *out);
void file_dir_free(struct file_dir *dir);

static inline struct span file_dir_name(const struct file_dir *dir, const struct file_dir_item *i)
{
    return span_of(dir->names.p + i->name_at, i->name_bytes);
}

#endif
