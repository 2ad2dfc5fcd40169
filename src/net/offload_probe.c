/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Trying a sick mount: on a thread of its own, at most one for a mount at a time, because the
 * try may hang as well. It asks for the mount point's attributes and then repeats what made the
 * mount sick: opens that path and, if that was a read, reads of it past the page cache
 * (O_DIRECT), for what is in memory says nothing about the disk. Only whether it comes back in
 * time counts: an error is an answer too. [fault] rules apply to it as they did to the job, so
 * that a rehearsed hang stays one. Worker only.
 */
#include "net/offload_pool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"

#define PROBE_BYTES ((size_t)4096)

struct probe {
    struct offload_job job;
    char *mount_point;
    char path[]; /* what it repeats */
};

/* O_DIRECT wants aligned memory; where the file system knows no O_DIRECT, cached bytes must do. */
static void read_past_cache(int fd)
{
    void *block;
    int flags = fcntl(fd, F_GETFL);

    if (posix_memalign(&block, PROBE_BYTES, PROBE_BYTES) != 0)
        return;
    if (flags >= 0 && fcntl(fd, F_SETFL, flags | O_DIRECT) < 0)
        posix_fadvise(fd, 0, (off_t)PROBE_BYTES, POSIX_FADV_DONTNEED);
    ssize_t got = pread(fd, block, PROBE_BYTES, 0);
    (void)got; /* any answer will do */
    free(block);
}

static void read_names(int fd)
{
    char names[2048];
    long got = syscall(SYS_getdents64, fd, names, sizeof names);

    (void)got;
}

static void probe_run(struct offload_job *job)
{
    struct probe *p = list_entry(job, struct probe, job);
    struct statx about;

    (void)statx(AT_FDCWD, p->mount_point, AT_STATX_FORCE_SYNC | AT_NO_AUTOMOUNT, STATX_BASIC_STATS,
                &about);
    if (p->path[0] != '/')
        return;
    int fd = open(p->path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return;
    if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_FORCE_SYNC, STATX_BASIC_STATS, &about) == 0) {
        if (S_ISDIR(about.stx_mode))
            read_names(fd);
        else if (S_ISREG(about.stx_mode) && job->op == WAIT_READ)
            read_past_cache(fd);
    }
    close_fd(&fd);
}

static void probe_done(struct offload_job *job)
{
    struct probe *p = list_entry(job, struct probe, job);
    struct offload_mount *m = job->mount;
    uint64_t took_ns = mono_since(job->finished, job->started);
    bool dropped = job->cancelled;

    free(p->mount_point);
    free(p);
    m->probing = false;
    if (!dropped)
        offload_mount_probed(m, took_ns);
}

bool offload_probe(struct offload_mount *m)
{
    struct offload *pool = m->pool;
    const char *path = m->probe_path ? m->probe_path : m->name;
    size_t n = strlen(path) + 1;
    struct probe *p = calloc(1, sizeof *p + n);

    if (!p)
        return false;
    memcpy(p->path, path, n);
    p->mount_point = strdup(m->name);
    if (!p->mount_point) {
        free(p);
        return false;
    }
    p->job = (struct offload_job){.mount = m,
                                  .op = m->probe_op,
                                  .path = p->path,
                                  .bytes = m->probe_op == WAIT_READ ? PROBE_BYTES : 0,
                                  .run = probe_run,
                                  .done = probe_done,
                                  .fault = offload_fault_find(pool, m->probe_op, p->path),
                                  .state = JOB_RUNNING};
    p->job.queued = p->job.started = p->job.finished = mono_now();
    list_init(&p->job.link);
    pthread_mutex_lock(&pool->lock);
    bool started = offload_start_only(pool, &p->job);
    int error = errno;
    pthread_mutex_unlock(&pool->lock);
    if (!started) {
        free(p->mount_point);
        free(p);
        errno = error;
        return false;
    }
    m->probing = true;
    pool->outstanding++;
    offload_tick_on(pool);
    return true;
}
