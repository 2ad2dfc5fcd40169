/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The runtime directory; see runtime.h. The directory must belong to us or to root and be
 * closed to other writers, for whoever can write there could put a socket of their own in the
 * place of ours. The lock is a file that nobody else can open: flock(2) asks for no right to write,
 * and a stranger's lock would keep a server from starting. Master only.
 */
#include "proc/runtime.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
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
    char folder[PATH_MAX];
    bool good;

    r->lock_fd = -1;
    if (!given)
        given = variable("WEIR_RUNTIME_DIR");
    if (given && given[0] == '/')
        good = buf_addf(&dir, "%s", given);
    else if (given) /* the server leaves its working folder */
        good = getcwd(folder, sizeof folder) && buf_addf(&dir, "%s/%s", folder, given);
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
        o = out_into(r->lock_path, sizeof r->lock_path);
        out_fmt(&o, "%.*s/weir.lock%c", (int)d.n, d.p, '\0');
        o = out_into(r->socket_path, sizeof r->socket_path);
        out_fmt(&o, "%.*s/control.sock%c", (int)d.n, d.p, '\0');
    }
    buf_free(&dir);
    return good;
}

static bool make_directory(const struct runtime *r, struct buf *errors)
{
    struct stat st;

    bool made = mkdir(r->dir, 0755) == 0;
    if (!made && errno != EEXIST) {
        buf_addf(errors,
                 "%s: cannot make the runtime directory: %s; choose another with "
                 "-o runtime_dir=DIR\n",
                 r->dir, strerror(errno));
        return false;
    }
    /* Whatever the umask is: who may watch is for the control socket to say. */
    if ((made && chmod(r->dir, 0755) != 0) || stat(r->dir, &st) != 0) {
        buf_addf(errors, "%s: %s\n", r->dir, strerror(errno));
        return false;
    }
    if (!S_ISDIR(st.st_mode)) {
        buf_addf(errors, "%s: not a directory; choose another with -o runtime_dir=DIR\n", r->dir);
        return false;
    }
    if (st.st_uid != geteuid() && st.st_uid != 0) {
        buf_addf(
            errors,
            "%s: it belongs to another user (%lu), so it cannot hold the control socket; choose "
            "another with -o runtime_dir=DIR\n",
            r->dir, (unsigned long)st.st_uid);
        return false;
    }
    if (st.st_mode & (S_IWGRP | S_IWOTH)) {
        buf_addf(
            errors,
            "%s: other users can write there (mode %04o), so it cannot hold the control socket; "
            "chmod go-w it, or choose another with -o runtime_dir=DIR\n",
            r->dir, (unsigned)st.st_mode & 07777);
        return false;
    }
    return true;
}

static void say_who_runs(const struct runtime *r, struct buf *errors)
{
    char text[24];
    uint64_t pid = 0;
    int fd = open(r->pid_path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    ssize_t n = fd >= 0 ? fd_read_full(fd, text, sizeof text) : -1;
    struct span s = span_of(text, n > 0 ? (size_t)n : 0);

    close_fd(&fd);
    if (s.n > 0 && s.p[s.n - 1] == '\n')
        s.n--;
    buf_addf(errors, "another weir ");
    if (span_u64(s, 1U << 30, &pid))
        buf_addf(errors, "(pid %llu) ", (unsigned long long)pid);
    buf_addf(errors,
             "runs in %s; give this one another with -o runtime_dir=..., or stop that one\n",
             r->dir);
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
    r->lock_fd = open(r->lock_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    if (r->lock_fd < 0) {
        buf_addf(errors, "%s: cannot make the lock: %s\n", r->lock_path, strerror(errno));
        return -1;
    }
    int answer = 1;
    if (flock(r->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        answer = errno == EINTR ? 0 : -1;
        if (errno == EWOULDBLOCK)
            say_who_runs(r, errors);
        else if (answer < 0)
            buf_addf(errors, "%s: cannot lock: %s\n", r->lock_path, strerror(errno));
    } else if (!still_there(r->lock_path, r->lock_fd)) {
        answer = 0;
    }
    if (answer != 1)
        close_fd(&r->lock_fd);
    return answer;
}

/* What is there is left over: the lock is ours. */
static bool write_pid(const struct runtime *r, struct buf *errors)
{
    char text[24];
    struct out o = out_into(text, sizeof text);

    out_fmt(&o, "%d\n", (int)getpid());
    unlink(r->pid_path);
    int fd = open(r->pid_path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
    bool good = fd >= 0 && fd_write_all(fd, text, out_len(&o));
    if (!good)
        buf_addf(errors, "%s: cannot write the pid file: %s\n", r->pid_path, strerror(errno));
    close_fd(&fd);
    return good;
}

bool runtime_take(struct runtime *r, struct buf *errors)
{
    int locked = 0;

    if (!make_directory(r, errors))
        return false;
    for (int i = 0; i < 100 && locked == 0; i++)
        locked = try_lock(r, errors);
    if (locked == 0)
        buf_addf(errors, "%s: somebody keeps replacing this file\n", r->lock_path);
    if (locked != 1)
        return false;
    if (!write_pid(r, errors)) {
        runtime_release(r);
        return false;
    }
    return true;
}

void runtime_release(struct runtime *r)
{
    if (r->lock_fd < 0)
        return;
    if (still_there(r->lock_path, r->lock_fd)) {
        unlink(r->pid_path);
        unlink(r->lock_path);
    }
    close_fd(&r->lock_fd);
}
