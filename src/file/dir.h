/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading a directory whole: names, kinds, sizes and times, in all orders. Symbolic links stand for
 * what they lead to when that is beneath the root; else, and when it cannot be asked, an
 * entry is FILE_OTHER. Names gone between being read and being asked for are left out. This is
 * a blocking call that keeps no state: any thread may make it.
 */
#ifndef WEIR_FILE_DIR_H
#define WEIR_FILE_DIR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "file/budget.h"
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
    struct file_dir_item *item; /* by name, directories first */
    size_t count, directories;
    uint32_t *by_size, *by_time; /* numbers of items in the other orders; NULL: for one at most */
    struct buf names;
    struct stat st; /* of the directory itself, before its names were read */
    bool settled;   /* names that came or went since would have changed st */
    struct file_budget *budget;
    uint64_t paid_bytes;     /* taken from it */
    unsigned name_bytes_max; /* of the longest name: FUSE knows names of more than NAME_MAX */
};

enum file_dir_sort { FILE_DIR_BY_NAME, FILE_DIR_BY_SIZE, FILE_DIR_BY_TIME };

struct file_dir_how {
    const char *name; /* of the directory beneath the root, NUL-terminated; "" is the root */
    bool dot_files;   /* names that begin with a dot too; never "." and ".." */
    size_t entries_max;
    struct file_budget *budget; /* what memory is taken from; NULL: unbounded */
    struct board_slot *slot;    /* where to say what is being waited for; NULL: nowhere */
    struct offload_job *job;    /* on a thread: who gets on with each name; NULL: nobody */
};

/* 0 and *out is the directory; else errno, and *out is empty. EOVERFLOW: more than entries_max;
 * ENOBUFS: the budget is used up. */
int file_dir_read(int root_fd, const struct file_dir_how *how, struct file_dir *out);
void file_dir_free(struct file_dir *dir);

/* The item at this place; directories come first in each order, equals by name. */
static inline const struct file_dir_item *
file_dir_at(const struct file_dir *dir, enum file_dir_sort sort, bool descending, size_t i)
{
    const uint32_t *order = sort == FILE_DIR_BY_SIZE   ? dir->by_size
                            : sort == FILE_DIR_BY_TIME ? dir->by_time
                                                       : NULL;

    if (descending)
        i = i < dir->directories ? dir->directories - 1 - i
                                 : dir->directories + (dir->count - 1 - i);
    return &dir->item[order ? order[i] : i];
}

static inline struct span file_dir_name(const struct file_dir *dir, const struct file_dir_item *i)
{
    return span_of(dir->names.p + i->name_at, i->name_bytes);
}

#endif
