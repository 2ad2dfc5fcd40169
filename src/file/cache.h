/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The open-file cache: (location, path) to an open descriptor, its attributes, the field lines
 * of its response ready made, and for small files the contents; failures are entries too. An
 * entry is believed for [cache] valid, then the name is opened again: when it still is
 * the same file (device, inode, size, mtime, ctime) the entry goes on. Entries are reference
 * counted: a response in flight keeps its descriptor although the entry was replaced.
 * The least recently used leave when entries or bytes run over. Worker only, no threads.
 */
#ifndef WEIR_FILE_CACHE_H
#define WEIR_FILE_CACHE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/list.h"
#include "file/root.h"

enum file_kind { FILE_REGULAR, FILE_DIRECTORY, FILE_OTHER, FILE_ERROR };

struct file_entry {
    enum file_kind kind;
    int error;          /* FILE_ERROR: errno of the open */
    int fd;             /* FILE_REGULAR: open for reading; FILE_DIRECTORY: -1 */
    struct stat st;
    struct span fields; /* FILE_REGULAR: made by the cache's owner, see file_cache_fields */
    char *content;      /* whole contents of a small regular file; NULL when not held */
    /* Derived by whoever makes `fields` so that it is not made twice. */
    char etag[64];
    uint8_t etag_bytes;
    struct span type; /* media type with its charset; lives in fields_memory */

    /* The cache's own. */
    char *fields_memory;
    struct list lru;
    struct file_entry *chain;
    uint64_t hash;
    unsigned refs;
    bool cached; /* false: replaced or evicted, lives on only for its references */
    unsigned root_id;
    size_t path_bytes;
    struct mono checked;
    char path[]; /* decoded request path, NUL-terminated */
};

struct file_cache;

struct file_cache_settings {
    unsigned entries_max;       /* 0: nothing is kept, every look-up opens */
    uint64_t valid_ns;
    size_t content_bytes_max;
    size_t content_file_bytes; /* contents of files up to this size are held */
};

/*
 * Makes the response field lines of a fresh regular file: sets e->fields, e->fields_memory,
 * e->etag, e->type. False on ENOMEM. Called once per entry, never for a hit.
 */
typedef bool file_cache_describe(void *arg, struct file_entry *e);

struct file_cache *file_cache_new(const struct file_cache_settings *settings,
                                  file_cache_describe *describe, void *arg);
void file_cache_free(struct file_cache **cache); /* entries still referenced live on */

/*
 * The entry of `path` (decoded, begins with '/') whose file name beneath `root` is `name`
 * (NUL-terminated, no leading slash). Never NULL but on ENOMEM. The caller gives it back
 * with file_entry_release. *hit says whether the file system was asked.
 */
struct file_entry *file_cache_get(struct file_cache *cache, struct file_root *root,
                                  unsigned root_id, struct span path, const char *name,
                                  struct mono now, bool *hit);

struct file_entry *file_entry_hold(struct file_entry *e);
void file_entry_release(void *entry); /* of type void (*)(void *), for source owners */

/* Gives up descriptors of entries nobody uses, the oldest first: when EMFILE was met. Returns how many. */
unsigned file_cache_shed(struct file_cache *cache, unsigned count);

void file_cache_usage(const struct file_cache *cache, uint64_t *entries, uint64_t *content_bytes);

#endif
