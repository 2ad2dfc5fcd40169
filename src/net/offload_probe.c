/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Trying a mount that is sick, or that may be: on threads of their own, because the try may hang as
 * well. PROBE_SAME asks for the mount point's attributes and then repeats what made the mount sick:
 * opens that path and, if that was a read, reads of it past the page cache (O_DIRECT), for what
 * is in memory says nothing about the disk. PROBE_OTHER does the same with something that was well
 * before, of the same kind if there is any, or with the mount point. Only whether it comes back in
 * time counts: an error is an answer too. [fault] rules apply to it as they did to the job, so that
 * a rehearsed hang stays one; a mount of which nothing was well before hangs as a whole then.
 * Worker only.
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
    enum probe_kind kind;
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
    enum board_wait op = job->op;
    bool dropped = job->cancelled;

    m->probe[p->kind].out--;
    free(p->mount_point);
    free(p);
    if (!dropped)
        offload_mount_probed(m, op, took_ns);
}

static bool is_other(const struct offload_mount *m, const char *path)
{
    return path && !(m->probe_path && strcmp(path, m->probe_path) == 0);
}

const char *offload_probe_other(const struct offload_mount *m, enum board_wait *op)
{
    const char *read = m->good_path[0], *opened = m->good_path[1];

    *op = m->probe_op;
    if (is_other(m, m->probe_op == WAIT_READ ? read : opened))
        return m->probe_op == WAIT_READ ? read : opened;
    *op = WAIT_OPEN;
    if (is_other(m, opened))
        return opened;
    if (is_other(m, read))
        return read;
    *op = WAIT_STAT;
    return m->name[0] == '/' ? m->name : NULL;
}

static struct probe *probe_new(struct offload_mount *m, enum probe_kind kind)
{
    enum board_wait op = m->probe_op;
    const char *path = m->probe_path ? m->probe_path : m->name;

    errno = 0;
    if (kind == PROBE_OTHER && !(path = offload_probe_other(m, &op)))
        return NULL;
    size_t n = strlen(path) + 1;
    struct probe *p = calloc(1, sizeof *p + n);
    if (!p)
        return NULL;
    memcpy(p->path, path, n);
    p->kind = kind;
    p->mount_point = strdup(m->name);
    if (!p->mount_point) {
        free(p);
        errno = ENOMEM;
        return NULL;
    }
    p->job = (struct offload_job){.mount = m,
                                  .op = op,
                                  .path = p->path,
                                  .bytes = op == WAIT_READ ? PROBE_BYTES : 0,
                                  .run = probe_run,
                                  .done = probe_done,
                                  .fault = offload_fault_find(m->pool, op, p->path),
                                  .state = JOB_RUNNING};
    if (path == m->name && m->probe_fault && m->probe_fault->hang)
        p->job.fault = m->probe_fault;
    p->job.queued = p->job.started = p->job.finished = mono_now();
    list_init(&p->job.link);
    return p;
}

bool offload_probe(struct offload_mount *m, enum probe_kind kind)
{
    struct offload *pool = m->pool;
    struct probe *p = probe_new(m, kind);

    if (!p)
        return false;
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
    m->probe[kind].out++;
    m->probe[kind].since = loop_now(pool->loop);
    pool->outstanding++;
    offload_tick_on(pool);
    return true;
}
