/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Windows: aligned stretches of files that are not in memory, read by offload threads into
 * buffers. There is at most one read for each file and window; whoever wants it while it runs
 * waits for the same, whoever comes later shares the buffer as long as somebody holds it, unless
 * its read failed: then it is read once more. The buffers of a worker have a budget; when it is
 * used up, askers wait in line for a buffer to be given back; those that merely wait for a slow
 * client are taken back then. Who has stood for line_ns in a line in which nobody got a buffer for
 * as long is refused. What was read is not kept here: that is the kernel's page cache.
 *
 * Nobody is called back from within file_window_ask, file_window_drop or file_window_leave: ready
 * comes only when a job ends, or from file_windows_tick. Worker's loop only.
 */
#ifndef WEIR_FILE_WINDOW_H
#define WEIR_FILE_WINDOW_H

#include "file/cache.h"
#include "net/offload.h"

struct file_windows; /* of one worker */

struct file_window {
    struct file_entry *entry; /* held */
    uint64_t index;           /* begins at index * window_bytes */
    size_t want_bytes;
    size_t bytes; /* read; less than wanted: the file has shrunk */
    int error;    /* errno of the read; 0 */
    bool finished;
    char *data;

    /* The store's own. */
    struct file_windows *all;
    unsigned refs; /* holders; the job under way is none */
    bool running;
    bool ran;
    bool late; /* given up, and no longer in the table */
    int fd;    /* of entry, for the job */
    uint64_t offset;
    struct list link;    /* in all->table */
    struct list waiters; /* struct file_window_wait */
    struct offload_job job;
};

/* Someone who waits for a window; embed it, zeroed. */
struct file_window_wait {
    void (*ready)(struct file_window_wait *w); /* the answer is in window, or refused is set */
    struct file_window *window;                /* held for the waiter once ready was called */
    bool refused;                              /* its mount does not answer, or takes no more */
    bool ahead; /* set by the asker: what is asked for is what it read ahead itself */

    /* The store's own. */
    struct list link; /* in a window's waiters, or in the line */
    bool waiting;
    struct mono since;        /* when it was asked for */
    struct file_entry *entry; /* held, while in the line */
    uint64_t index;
    struct file_windows *all; /* while in the line */
};

/*
 * Someone who holds windows but waits for a client; embed it, zeroed. While it rests, reclaim may
 * be called at any time, from within file_window_ask too, when others stand in the line: it has to
 * drop what it holds, and rests no more.
 */
struct file_window_rest {
    void (*reclaim)(struct file_window_rest *r);

    /* The store's own. */
    struct list link;
    bool resting;
    const struct offload_mount *mount;
};

struct file_windows_settings {
    struct offload *pool;
    size_t window_bytes, buffers_bytes;
    unsigned mount_share;    /* percent of buffers_bytes that one mount may take; 0: all */
    uint64_t line_ns;        /* how long to stand in a line that does not move; 0: for ever */
    struct board_slot *slot; /* may be NULL */
};

struct file_windows *file_windows_new(const struct file_windows_settings *s); /* NULL on ENOMEM */
/* Nobody holds a window or waits any more. Reads still running end in their own time. */
void file_windows_free(struct file_windows **windows);

size_t file_windows_bytes(const struct file_windows *windows); /* of one window */

enum file_window_ask {
    FILE_WINDOW_READY,   /* *out is held for the caller and finished */
    FILE_WINDOW_WAIT,    /* w->ready will be called */
    FILE_WINDOW_REFUSED, /* the mount does not answer, or takes no more */
};

enum file_window_ask file_window_ask(struct file_windows *windows, struct file_entry *e,
                                     uint64_t index, struct file_window_wait *w,
                                     struct file_window **out);

/* Begins to read without anybody waiting; NULL when there is no room for it now, or it was refused.
 * The window is held for the caller, finished or not. */
struct file_window *file_window_prefetch(struct file_windows *windows, struct file_entry *e,
                                         uint64_t index);

void file_window_drop(struct file_window **window); /* gives back; NULL is fine */
void file_window_leave(struct file_window_wait *w); /* waits no more; harmless when it did not */

void file_window_rest(struct file_windows *windows, struct file_window_rest *r,
                      const struct file_entry *e);
void file_window_rest_end(struct file_window_rest *r); /* harmless when it did not rest */

/* To be called every second from the loop itself: answers those in the line whose mount has become
 * sick or was fenced, and those who stood in it for too long; gives back memory that no window
 * needed since the last time. */
void file_windows_tick(struct file_windows *windows);

#endif
