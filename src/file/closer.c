/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Closing away from the loop; see closer.h. Each descriptor under way is one job of its own.
 * Worker's loop; only close_run is on a thread.
 */
#include "file/closer.h"

#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/must.h"

struct file_closer {
    struct offload *pool; /* NULL: ended */
    unsigned refs;        /* holders, and jobs under way */
    struct list kept;     /* refused jobs */
};

struct closing {
    struct offload_job job;
    struct file_closer *closer;
    struct list link; /* in closer->kept */
    int fd;
    char path[]; /* the mount's name as it was: it may be given another one while this waits */
};

struct file_closer *file_closer_new(struct offload *pool)
{
    struct file_closer *c = calloc(1, sizeof *c);

    if (!c)
        return NULL;
    c->pool = pool;
    c->refs = 1;
    list_init(&c->kept);
    return c;
}

struct file_closer *file_closer_hold(struct file_closer *c)
{
    c->refs++;
    return c;
}

void file_closer_release(struct file_closer **closer)
{
    struct file_closer *c = *closer;

    *closer = NULL;
    if (!c)
        return;
    must(c->refs > 0);
    if (--c->refs > 0)
        return;
    must(list_empty(&c->kept));
    free(c);
}

static void close_run(struct offload_job *job)
{
    close_fd(&list_entry(job, struct closing, job)->fd);
}

/* A job that was dropped, or that a rule failed, has not closed. At the pool's end the descriptor
 * stays for the end of the process, which may wait as the loop may not. */
static void close_done(struct offload_job *job)
{
    struct closing *closing = list_entry(job, struct closing, job);

    if (closing->fd >= 0 && job->refused && closing->closer->pool) {
        list_push_back(&closing->closer->kept, &closing->link);
        return;
    }
    if (closing->fd >= 0 && !job->cancelled)
        close_fd(&closing->fd);
    file_closer_release(&closing->closer);
    free(closing);
}

static bool submit(struct closing *closing)
{
    return offload_submit(closing->closer->pool, &closing->job) == OFFLOAD_QUEUED;
}

void file_closer_close(struct file_closer *c, struct offload_mount *mount, int *fd)
{
    const char *name = mount ? offload_mount_name(mount) : "";
    size_t n = strlen(name) + 1;
    struct closing *closing = c->pool && mount ? calloc(1, sizeof *closing + n) : NULL;

    if (!closing) {
        close_fd(fd);
        return;
    }
    closing->fd = *fd;
    *fd = -1;
    closing->closer = file_closer_hold(c);
    memcpy(closing->path, name, n);
    closing->job = (struct offload_job){
        .mount = mount,
        .op = WAIT_CLOSE,
        .path = closing->path,
        .run = close_run,
        .done = close_done,
    };
    list_init(&closing->link);
    if (!submit(closing))
        list_push_back(&c->kept, &closing->link);
}

void file_closer_retry(struct file_closer *c)
{
    struct list again;

    if (list_empty(&c->kept) || !c->pool)
        return;
    again = c->kept;
    again.next->prev = again.prev->next = &again;
    list_init(&c->kept);
    for (struct list *at; (at = list_pop_front(&again)) != NULL;) {
        struct closing *closing = list_entry(at, struct closing, link);
        if (!submit(closing))
            list_push_back(&c->kept, &closing->link);
    }
}

void file_closer_end(struct file_closer *c)
{
    c->pool = NULL;
    for (struct list *at; (at = list_pop_front(&c->kept)) != NULL;) {
        struct closing *closing = list_entry(at, struct closing, link);
        file_closer_release(&closing->closer);
        free(closing);
    }
}
