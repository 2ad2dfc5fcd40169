/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The runtime directory; see runtime.h. The directory must belong to us or to root and be
 * closed to other writers, for whoever can write there could put a socket of their own in the
 * place of ours. Master only.
 */
#include "proc/runtime.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"

static const char *variable(const char *name)
{
    const char *value = getenv(name);

    return value && value[0] != '\0' ? value : NULL;
}

bool runtime_choose(struct runtime *r, const char *given, struct buf *errors)
{
    const char *xdg = variable("XDG_RUNTIME_DIR");
    struct buf dir = {0};
    bool good;

    r->lock_fd = -1;
    if (!given)
        given = variable("WEIR_RUNTIME_DIR");
    if (given)
        good = buf_addf(&dir, "%s", given);
    else if (geteuid() == 0)
        good = buf_addf(&dir, "/run/weir");
    else if (xdg)
        good = buf_addf(&dir, "%s/weir", xdg);
    else
        good = buf_addf(&dir, "/tmp/weir-%u", (unsigned)geteuid());
    if (good && dir.n + sizeof "/control.sock" > RUNTIME_PATH_BYTES) {
        buf_addf(errors, "%.*s: too long for the control socket; give a shorter runtime_dir\n",
                 (int)dir.n, dir.p);
        good = false;
    }
    if (good) {
        struct span d = buf_span(&dir);
        struct out o = out_into(r->dir, sizeof r->dir);
        out_fmt(&o, "%.*s%c", (int)d.n, d.p, '\0');
        o = out_into(r->pid_path, sizeof r->pid_path);
        out_fmt(&o, "%.*s/weir.pid%c", (int)d.n, d.p, '\0');
        o = out_into(r->socket_path, sizeof r->socket_path);
        out_fmt(&o, "%.*s/control.sock%c", (int)d.n, d.p, '\0');
    }
    buf_free(&dir);
    return good;
}

static bool make_directory(const struct runtime *r, struct buf *errors)
{
    struct stat st;

    if (mkdir(r->dir, 0755) != 0 && errno != EEXIST) {
        buf_addf(errors,
                 "%s: cannot make the runtime directory: %s; choose another with "
                 "-o runtime_dir=DIR\n",
                 r->dir, strerror(errno));
        return false;
    }
    if (stat(r->dir, &st) != 0) {
        buf_addf(errors, "%s: %s\n", r->dir, strerror(errno));
        return false;
    }
    if (!S_ISDIR(st.st_mode)) {
        buf_addf(errors, "%s: not a directory; choose another with -o runtime_dir=DIR\n", r->dir);
        return false;
    }
    if ((st.st_uid != geteuid() && st.st_uid != 0) || (st.st_mode & S_IWOTH)) {
        buf_addf(errors,
                 "%s: other users can write there, so it cannot hold the control socket; choose "
                 "another with -o runtime_dir=DIR\n",
                 r->dir);
        return false;
    }
    return true;
}

static void say_who_runs(const struct runtime *r, int fd, struct buf *errors)
{
    char text[24];
    uint64_t pid = 0;
    ssize_t n = fd_read_full(fd, text, sizeof text);
    struct span s = span_of(text, n > 0 ? (size_t)n : 0);

    if (s.n > 0 && s.p[s.n - 1] == '\n')
        s.n--;
    if (!span_u64(s, 1U << 30, &pid)) {
        buf_addf(errors,
                 "another weir runs in %s; give this one another with -o "
                 "runtime_dir=..., or stop that one\n",
                 r->dir);
        return;
    }
    buf_addf(errors,
             "another weir (pid %llu) runs in %s; give this one another with -o runtime_dir=..., "
             "or stop that one\n",
             (unsigned long long)pid, r->dir);
}

/* Whether the path still names the file behind fd: a server that ends removes it. */
static bool still_there(const char *path, int fd)
{
    struct stat a, b;

    return stat(path, &a) == 0 && fstat(fd, &b) == 0 && a.st_dev == b.st_dev &&
           a.st_ino == b.st_ino;
}

/* 1: locked; 0: try again; -1: no, with a line in *errors. */
static int try_lock(struct runtime *r, struct buf *errors)
{
    r->lock_fd = open(r->pid_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (r->lock_fd < 0) {
        buf_addf(errors, "%s: cannot write the pid file: %s\n", r->pid_path, strerror(errno));
        return -1;
    }
    int answer = 1;
    if (flock(r->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        answer = errno == EINTR ? 0 : -1;
        if (errno == EWOULDBLOCK)
            say_who_runs(r, r->lock_fd, errors);
        else if (answer < 0)
            buf_addf(errors, "%s: cannot lock: %s\n", r->pid_path, strerror(errno));
    } else if (!still_there(r->pid_path, r->lock_fd)) {
        answer = 0;
    }
    if (answer != 1)
        close_fd(&r->lock_fd);
    return answer;
}

bool runtime_take(struct runtime *r, struct buf *errors)
{
    char text[24];
    int locked = 0;

    if (!make_directory(r, errors))
        return false;
    for (int i = 0; i < 100 && locked == 0; i++)
        locked = try_lock(r, errors);
    if (locked == 0)
        buf_addf(errors, "%s: somebody keeps replacing this file\n", r->pid_path);
    if (locked != 1)
        return false;
    struct out o = out_into(text, sizeof text);
    out_fmt(&o, "%d\n", (int)getpid());
    if (ftruncate(r->lock_fd, 0) != 0 ||
        pwrite(r->lock_fd, text, out_len(&o), 0) != (ssize_t)out_len(&o)) {
        buf_addf(errors, "%s: cannot write the pid: %s\n", r->pid_path, strerror(errno));
        runtime_release(r);
        return false;
    }
    return true;
}

void runtime_release(struct runtime *r)
{
    if (r->lock_fd < 0)
        return;
    if (still_there(r->pid_path, r->lock_fd))
        unlink(r->pid_path);
    close_fd(&r->lock_fd);
}
