/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Looking at a thread; see thread_look.h. Numbers of system calls are this machine's: workers
 * are this very program. Master only.
 */
#include "proc/thread_look.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/escape.h"
#include "base/fd.h"

/* The calls a worker makes, and those a stall is likely to be in. */
static const struct {
    long number;
    const char *name;
} call_names[] = {
#define CALL(name)                                                                                 \
    {                                                                                              \
        SYS_##name, #name                                                                          \
    }
    CALL(openat),
    CALL(openat2),
    CALL(read),
    CALL(pread64),
    CALL(readv),
    CALL(preadv),
    CALL(preadv2),
    CALL(write),
    CALL(writev),
    CALL(pwrite64),
    CALL(sendfile),
    CALL(splice),
    CALL(getdents64),
    CALL(fstat),
    CALL(statx),
    CALL(faccessat),
    CALL(readlinkat),
    CALL(close),
    CALL(close_range),
    CALL(dup3),
    CALL(fsync),
    CALL(fdatasync),
    CALL(fadvise64),
    CALL(readahead),
    CALL(ftruncate),
    CALL(unlinkat),
    CALL(mkdirat),
    CALL(renameat2),
    CALL(fstatfs),
    CALL(statfs),
    CALL(mmap),
    CALL(munmap),
    CALL(madvise),
    CALL(mprotect),
    CALL(brk),
    CALL(mincore),
    CALL(futex),
    CALL(nanosleep),
    CALL(clock_nanosleep),
    CALL(ppoll),
    CALL(epoll_pwait),
    CALL(epoll_ctl),
    CALL(accept4),
    CALL(connect),
    CALL(sendto),
    CALL(sendmsg),
    CALL(recvfrom),
    CALL(recvmsg),
    CALL(shutdown),
    CALL(setsockopt),
    CALL(getsockopt),
    CALL(getrandom),
    CALL(clone),
    CALL(exit),
    CALL(exit_group),
    CALL(wait4),
    CALL(rt_sigtimedwait),
    CALL(restart_syscall),
    CALL(sched_yield),
    CALL(fcntl),
    CALL(ioctl),
    CALL(flock),
    CALL(eventfd2),
    CALL(socket),
#ifdef SYS_newfstatat
    CALL(newfstatat),
#endif
#ifdef SYS_faccessat2
    CALL(faccessat2),
#endif
#ifdef SYS_clone3
    CALL(clone3),
#endif
#ifdef SYS_epoll_pwait2
    CALL(epoll_pwait2),
#endif
#ifdef SYS_io_uring_enter
    CALL(io_uring_enter),
#endif
#ifdef SYS_renameat
    CALL(renameat),
#endif
/* Those below are of x86_64 and other old architectures only. */
#ifdef SYS_open
    CALL(open),
#endif
#ifdef SYS_stat
    CALL(stat),
#endif
#ifdef SYS_lstat
    CALL(lstat),
#endif
#ifdef SYS_poll
    CALL(poll),
#endif
#ifdef SYS_epoll_wait
    CALL(epoll_wait),
#endif
#ifdef SYS_unlink
    CALL(unlink),
#endif
#ifdef SYS_rename
    CALL(rename),
#endif
#ifdef SYS_readlink
    CALL(readlink),
#endif
#ifdef SYS_access
    CALL(access),
#endif
#ifdef SYS_pause
    CALL(pause),
#endif
#undef CALL
};

static const char *call_name(long number)
{
    for (size_t i = 0; i < sizeof call_names / sizeof *call_names; i++)
        if (call_names[i].number == number)
            return call_names[i].name;
    return NULL;
}

static const char *state_words(char state)
{
    switch (state) {
    case 'R':
        return "running on CPU";
    case 'S':
        return "sleeping";
    case 'D':
        return "waiting for disk";
    case 'T':
        return "stopped";
    case 't':
        return "stopped by a tracer";
    case 'I':
        return "idle";
    case 'Z':
    case 'X':
        return "dead";
    default:
        return "in a state";
    }
}

/* A number when the thread is in a call; "running" or "-1 ..." when it is in none. */
static long parse_call(const char *text)
{
    char *end;
    long number = strtol(text, &end, 10);

    return end == text || number < 0 ? THREAD_LOOK_NONE : number;
}

bool thread_look_parse(struct thread_look *look, const char *stat, const char *syscall,
                       const char *wchan)
{
    /* Field 2 is the name in parentheses, with whatever in it: the last ')' ends it. */
    const char *p = strrchr(stat, ')');
    size_t n = strcspn(wchan, "\n");

    *look = (struct thread_look){.call = parse_call(syscall)};
    if (!p || p[1] != ' ' || p[2] == '\0')
        return false;
    look->state = p[2];
    if (n > 0 && n < sizeof look->wchan && strcmp(wchan, "0") != 0)
        memcpy(look->wchan, wchan, n); /* the rest is 0 */
    return true;
}

/* At most room - 1 bytes of the file, as a string; "" when it cannot be read. */
static void read_file(const char *name, pid_t pid, pid_t tid, char *to, size_t room)
{
    char path[80];

    snprintf(path, sizeof path, "/proc/%ld/task/%ld/%s", (long)pid, (long)tid, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? fd_read_full(fd, to, room - 1) : 0;
    to[n > 0 ? n : 0] = '\0';
    close_fd(&fd);
}

bool thread_look(struct thread_look *look, pid_t pid, pid_t tid)
{
    char stat[512], syscall_text[256], wchan[80];

    read_file("stat", pid, tid, stat, sizeof stat);
    read_file("syscall", pid, tid, syscall_text, sizeof syscall_text);
    read_file("wchan", pid, tid, wchan, sizeof wchan);
    return thread_look_parse(look, stat, syscall_text, wchan);
}

void thread_look_say(struct out *o, const struct thread_look *look)
{
    const char *name = look->call != THREAD_LOOK_NONE ? call_name(look->call) : NULL;

    out_str(o, state_words(look->state));
    if (look->state != 'R') {
        out_str(o, " (");
        escape_visible(o, span_of(&look->state, 1));
        out_str(o, ")");
    }
    if (name)
        out_fmt(o, " in %s", name);
    else if (look->call != THREAD_LOOK_NONE)
        out_fmt(o, " in system call %ld", look->call);
    if (look->wchan[0] != '\0') {
        out_str(o, ", at ");
        escape_visible(o, span_str(look->wchan));
    }
}
