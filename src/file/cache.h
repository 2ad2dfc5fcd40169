/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The open-file cache: (location, path) to an open descriptor, its attributes, the field lines
 * of its response ready made, and for small files the contents (which then need no descriptor);
 * failures are entries too. An entry is believed for [cache] valid, then the name is looked up
 * again: when it still is the same file (device, inode, size, mtime, ctime) the entry goes on.
 * The time runs from when the root was last looked up, and an entry from beneath a directory that
 * the root has led to before is looked up at once: so a root that is switched is seen whole, and
 * nothing of the old one is given out for longer than valid.
 * A file that had changed less than two seconds before it was opened is opened again all the
 * same, for its times could not show one more change. Entries are reference counted: a response
 * in flight keeps its descriptor although the entry was replaced. An entry with a descriptor leaves
 * when nobody has asked for it in [cache] idle, for a file that was deleted keeps its space, and a
 * file system that was to be unmounted stays busy, as long as somebody has it open. The least
 * recently used leave when entries or bytes run over; directories and failures take at most half of
 * the entries, so that asking for names that do not exist cannot push out the files that do.
 *
 * A look-up is three steps, so that the middle one, which may wait for storage, can be done
 * elsewhere: file_cache_find, file_open, file_cache_take. file_cache_get is all three, for
 * those who may wait. Worker's loop only.
 */
#ifndef WEIR_FILE_CACHE_H
#define WEIR_FILE_CACHE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/list.h"
#include "file/closer.h"
#include "file/open.h"
#include "file/residency.h"
#include "file/root.h"

struct file_entry {
    enum file_kind kind;
    int error; /* FILE_ERROR: errno of the open */
    int fd;    /* FILE_REGULAR without content: open for reading; else -1 */
    struct stat st;
    struct span fields; /* FILE_REGULAR: made by the cache's owner, see file_cache_describe */
    char *content; /* whole contents of a small regular file, behind FILE_HEADROOM_BYTES of memory
                      for what is sent before them; NULL when not held */
    /* Derived by whoever makes `fields` so that it is not made twice. */
    char etag[64];
    uint8_t etag_bytes;
    struct span type; /* media type with its charset; lives in fields_memory */
    /* Where it is, and what is known of its pages; see residency.h. */
    struct file_home home;
    char *where; /* absolute path, for jobs; NULL when no job will be about it */
    struct file_heat heat;

    /* The cache's own. */
    struct file_closer *closer; /* NULL: closing does not wait */
    char *fields_memory;        /* from malloc; freed with the entry */
    struct list lru;
    struct file_entry *chain;
    uint64_t hash;
    unsigned refs;
    bool cached;  /* false: replaced or evicted, lives on only for its references */
    bool settled; /* st shows every later change */
    bool passing; /* set by the cache's owner: what it made of the file holds for a moment only */
    unsigned root_id;
    size_t path_bytes;
    struct file_sight sight; /* of the root, when the file was last looked up */
    struct mono used;
    char path[]; /* decoded request path, NUL-terminated */
};

struct file_cache;

struct file_cache_settings {
    unsigned entries_max; /* 0: nothing is kept, every look-up opens */
    uint64_t valid_ns;
    uint64_t idle_ns; /* 0: descriptors are kept however long nobody asks for them */
    size_t content_bytes_max;
    size_t content_file_bytes;  /* contents of files up to this size are held */
    struct board_slot *slot;    /* for waits, hits, misses and gauges; may be NULL */
    struct file_closer *closer; /* may be NULL; is held */
};

/*
 * Makes the response field lines of a fresh regular file: sets e->fields, e->fields_memory,
 * e->etag, e->type. False on ENOMEM. Called once per entry, never for a hit.
 */
typedef bool file_cache_describe(void *arg, struct file_entry *e);

/* NULL on ENOMEM. */
struct file_cache *file_cache_new(const struct file_cache_settings *settings,
                                  file_cache_describe *describe, void *arg);
void file_cache_free(struct file_cache **cache); /* entries still referenced live on */

struct file_lookup {
    bool hit;         /* the file system was not asked */
    uint64_t open_ns; /* else: how long it took to answer */
    int root_error;   /* errno when the root itself could not be opened, else 0 */
};

/*
 * The entry of `path` (decoded, begins with '/') whose file name beneath `root` is `name`
 * (NUL-terminated, no leading slash). Never NULL but on ENOMEM. The caller gives it back
 * with file_entry_release. A hit allocates nothing, and makes no system call but that of
 * file_entry_is_current.
 */
struct file_entry *file_cache_get(struct file_cache *cache, struct file_root *root,
                                  unsigned root_id, struct span path, const char *name,
                                  struct mono now, struct file_lookup *how);

/*
 * The first step: the entry of this path, held for the caller, or NULL. epoch: the root's as it is
 * known now. *fresh: the entry can be used as it is; else it goes to file_cache_take with what
 * file_open says now.
 */
struct file_entry *file_cache_find(struct file_cache *cache, unsigned root_id, struct span path,
                                   unsigned epoch, struct mono now, bool *fresh);
/* What file_open is to be asked, given what file_cache_find found (which may be NULL). */
struct file_open_how file_cache_how(const struct file_cache *cache, const struct file_entry *stale,
                                    const char *name);
/*
 * The last step: takes `opened` over (its descriptor and contents) and the reference to
 * `stale`, and returns the entry to use, held. sight: the root's, which it was opened beneath. NULL
 * on ENOMEM.
 */
struct file_entry *file_cache_take(struct file_cache *cache, unsigned root_id, struct span path,
                                   struct file_entry *stale, struct file_opened *opened,
                                   struct file_sight sight, struct mono now);

/*
 * Whether the open file still is as the entry says, so that a response can be made of both: a file
 * that is written to in place changes behind a descriptor that is believed. One call that asks the
 * kernel's memory alone; none where that says nothing (file systems that ask a server), and none
 * for contents, which are as old as their attributes.
 */
bool file_entry_is_current(const struct file_entry *e);
/* From now on it is not believed. */
void file_entry_distrust(struct file_entry *e);

struct file_entry *file_entry_hold(struct file_entry *e);
void file_entry_release(void *entry); /* of type void (*)(void *), for source owners */

/* Gives up descriptors of entries nobody uses, the oldest first: when EMFILE was met. Returns how
 * many. */
unsigned file_cache_shed(struct file_cache *cache, unsigned count);

/*
 * To be called about once a second: gives up entries whose descriptor nobody has asked for in
 * idle_ns, a bounded number at a time. Closes that wait go to the closer.
 */
void file_cache_tick(struct file_cache *cache, struct mono now);

/* Gives up entries on mounts that are fenced, at most so many; true when there are more. */
bool file_cache_drop_fenced(struct file_cache *cache, unsigned count_max);
/* Gives up this entry, which is held by the caller. */
void file_cache_forget(struct file_cache *cache, struct file_entry *e);

/* How long an entry, and the place of a root, is believed. */
uint64_t file_cache_valid_ns(const struct file_cache *cache);

void file_cache_usage(const struct file_cache *cache, uint64_t *entries, uint64_t *content_bytes);

#endif
