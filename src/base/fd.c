/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Descriptor helpers; see fd.h. The only place that builds SCM_RIGHTS control messages.
 * Runs in every process.
 */
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/must.h"

/* Older headers lack it; these two number their options in their own way. */
#if !defined SO_PASSRIGHTS && !defined __hppa__ && !defined __sparc__
#define SO_PASSRIGHTS 83
#endif

void close_fd(int *fd)
{
    int saved = errno;

    if (*fd >= 0)
        close(*fd); /* Linux releases the descriptor even on EINTR: never repeat */
    *fd = -1;
    errno = saved;
}

bool fd_set_nonblock(int fd, bool on)
{
    int flags = fcntl(fd, F_GETFL);

    if (flags < 0)
        return false;
    return fcntl(fd, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK) == 0;
}

bool fd_set_cloexec(int fd, bool on)
{
    int flags = fcntl(fd, F_GETFD);

    if (flags < 0)
        return false;
    return fcntl(fd, F_SETFD, on ? flags | FD_CLOEXEC : flags & ~FD_CLOEXEC) == 0;
}

bool fd_write_all(int fd, const void *p, size_t n)
{
    const char *at = p;

    while (n > 0) {
        ssize_t done = write(fd, at, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return false;
        at += done;
        n -= (size_t)done;
    }
    return true;
}

ssize_t fd_read_full(int fd, void *p, size_t n)
{
    size_t got = 0;

    while (got < n) {
        ssize_t done = read(fd, (char *)p + got, n - got);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return -1;
        if (done == 0)
            break;
        got += (size_t)done;
    }
    return (ssize_t)got;
}

ssize_t fd_send_with(int sock, const void *p, size_t n, int pass_fd)
{
    struct iovec iov = {(void *)(size_t)p, n};
    union {
        struct cmsghdr head;
        char space[CMSG_SPACE(sizeof(int))];
    } control;
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    ssize_t done;

    if (pass_fd >= 0) {
        memset(&control, 0, sizeof control);
        msg.msg_control = control.space;
        msg.msg_controllen = sizeof control.space;
        struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(c), &pass_fd, sizeof pass_fd);
    }
    do
        done = sendmsg(sock, &msg, MSG_NOSIGNAL);
    while (done < 0 && errno == EINTR);
    return done;
}

static void take_passed(struct msghdr *msg, int *passed)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
            if (*passed < 0)
                *passed = fd;
            else
                close_fd(&fd);
        }
    }
}

ssize_t fd_recv_with(int sock, void *p, size_t n, int *passed)
{
    struct iovec iov = {p, n};
    union {
        struct cmsghdr head;
        char space[CMSG_SPACE(8 * sizeof(int))];
    } control;
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = control.space,
                         .msg_controllen = sizeof control.space};
    ssize_t done;

    *passed = -1;
    do
        done = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
    while (done < 0 && errno == EINTR);
    if (done >= 0)
        take_passed(&msg, passed);
    return done;
}

bool fd_refuse_passed(int sock)
{
#ifdef SO_PASSRIGHTS
    const int off = 0;

    return setsockopt(sock, SOL_SOCKET, SO_PASSRIGHTS, &off, sizeof off) == 0;
#else
    (void)sock;
    errno = ENOPROTOOPT;
    return false;
#endif
}

void fd_close_from(int first)
{
    must(first >= 0);
    if (syscall(SYS_close_range, (unsigned)first, ~0U, 0U) == 0)
        return;
    long max = sysconf(_SC_OPEN_MAX);
    for (long fd = first; fd < max; fd++)
        close((int)fd);
}

static void close_between(int first, int last)
{
    if (first > last || syscall(SYS_close_range, (unsigned)first, (unsigned)last, 0U) == 0)
        return;
    for (int fd = first; fd <= last; fd++)
        close(fd);
}

static int compare_int(const void *a, const void *b)
{
    int x = *(const int *)a, y = *(const int *)b;

    return (x > y) - (x < y);
}

void fd_close_others(int *keep, size_t n)
{
    int next = STDERR_FILENO + 1;

    qsort(keep, n, sizeof *keep, compare_int);
    for (size_t i = 0; i < n; i++) {
        if (keep[i] < next) /* not there, standard, or named twice */
            continue;
        close_between(next, keep[i] - 1);
        next = keep[i] + 1;
    }
    fd_close_from(next);
}

bool fd_mount_id(int fd, uint64_t *id)
{
    static const char key[] = "mnt_id:";
    char path[40], text[1024];

    snprintf(path, sizeof path, "/proc/self/fdinfo/%d", fd);
    int info = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = info >= 0 ? fd_read_full(info, text, sizeof text - 1) : -1;
    close_fd(&info);
    if (n < 0)
        return false;
    text[n] = '\0';
    const char *at = strstr(text, key);
    if (!at)
        return false;
    char *end;
    errno = 0;
    *id = strtoull(at + sizeof key - 1, &end, 10);
    return errno == 0 && *end == '\n';
}
