/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Looking at a thread; see thread_look.h. Numbers of system calls are this machine's: workers
 * are this very program. Master only.
 */
#include "proc/thread_look.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/escape.h"
#include "base/fd.h"

#define PROCESS_EXITING 0x4 /* PF_EXITING of the kernel, in field 9 of stat */

enum { NONE = 0, FIRST = 1, SECOND = 2, THIRD = 4, FIFTH = 16 };

/* The calls a worker makes, and those a stall is likely to be in. */
static const struct {
    long number;
    const char *name;
    unsigned descriptors; /* which arguments are one */
} call_names[] = {
#define CALL(name, fds)                                                                            \
    {                                                                                              \
        SYS_##name, #name, (fds)                                                                   \
    }
    CALL(openat, FIRST),
    CALL(openat2, FIRST),
    CALL(read, FIRST),
    CALL(pread64, FIRST),
    CALL(readv, FIRST),
    CALL(preadv, FIRST),
    CALL(preadv2, FIRST),
    CALL(write, FIRST),
    CALL(writev, FIRST),
    CALL(pwrite64, FIRST),
    CALL(sendfile, FIRST | SECOND),
    CALL(splice, FIRST | THIRD),
    CALL(getdents64, FIRST),
    CALL(fstat, FIRST),
    CALL(statx, FIRST),
    CALL(faccessat, FIRST),
    CALL(readlinkat, FIRST),
    CALL(close, FIRST),
    CALL(close_range, NONE),
    CALL(dup3, FIRST | SECOND),
    CALL(fsync, FIRST),
    CALL(fdatasync, FIRST),
    CALL(fadvise64, FIRST),
    CALL(readahead, FIRST),
    CALL(ftruncate, FIRST),
    CALL(unlinkat, FIRST),
    CALL(mkdirat, FIRST),
    CALL(renameat2, FIRST | THIRD),
    CALL(fstatfs, FIRST),
    CALL(statfs, NONE),
    CALL(mmap, FIFTH),
    CALL(munmap, NONE),
    CALL(madvise, NONE),
    CALL(mprotect, NONE),
    CALL(brk, NONE),
    CALL(mincore, NONE),
    CALL(futex, NONE),
    CALL(nanosleep, NONE),
    CALL(clock_nanosleep, NONE),
    CALL(ppoll, NONE),
    CALL(epoll_pwait, FIRST),
    CALL(epoll_ctl, FIRST | THIRD),
    CALL(accept4, FIRST),
    CALL(connect, FIRST),
    CALL(sendto, FIRST),
    CALL(sendmsg, FIRST),
    CALL(recvfrom, FIRST),
    CALL(recvmsg, FIRST),
    CALL(shutdown, FIRST),
    CALL(setsockopt, FIRST),
    CALL(getsockopt, FIRST),
    CALL(getrandom, NONE),
    CALL(clone, NONE),
    CALL(exit, NONE),
    CALL(exit_group, NONE),
    CALL(wait4, NONE),
    CALL(rt_sigtimedwait, NONE),
    CALL(restart_syscall, NONE),
    CALL(sched_yield, NONE),
    CALL(fcntl, FIRST),
    CALL(ioctl, FIRST),
    CALL(flock, FIRST),
    CALL(eventfd2, NONE),
    CALL(socket, NONE),
#ifdef SYS_newfstatat
    CALL(newfstatat, FIRST),
#endif
#ifdef SYS_faccessat2
    CALL(faccessat2, FIRST),
#endif
#ifdef SYS_clone3
    CALL(clone3, NONE),
#endif
#ifdef SYS_epoll_pwait2
    CALL(epoll_pwait2, FIRST),
#endif
#ifdef SYS_io_uring_enter
    CALL(io_uring_enter, FIRST),
#endif
#ifdef SYS_renameat
    CALL(renameat, FIRST | THIRD),
#endif
/* Those below are of x86_64 and other old architectures only. */
#ifdef SYS_open
    CALL(open, NONE),
#endif
#ifdef SYS_stat
    CALL(stat, NONE),
#endif
#ifdef SYS_lstat
    CALL(lstat, NONE),
#endif
#ifdef SYS_poll
    CALL(poll, NONE),
#endif
#ifdef SYS_epoll_wait
    CALL(epoll_wait, FIRST),
#endif
#ifdef SYS_unlink
    CALL(unlink, NONE),
#endif
#ifdef SYS_rename
    CALL(rename, NONE),
#endif
#ifdef SYS_readlink
    CALL(readlink, NONE),
#endif
#ifdef SYS_access
    CALL(access, NONE),
#endif
#ifdef SYS_pause
    CALL(pause, NONE),
#endif
#undef CALL
};

static int find_call(long number)
{
    for (size_t i = 0; i < sizeof call_names / sizeof *call_names; i++)
        if (call_names[i].number == number)
            return (int)i;
    return -1;
}

const char *thread_look_call(long number)
{
    int i = find_call(number);

    return i >= 0 ? call_names[i].name : NULL;
}

unsigned thread_look_descriptors(long number)
{
    int i = find_call(number);

    return i >= 0 ? call_names[i].descriptors : 0;
}

const char *thread_look_state(char state)
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
static void parse_call(struct thread_look *look, const char *text)
{
    char *end;
    long number = strtol(text, &end, 10);

    if (end == text || number < 0)
        return;
    look->call = number;
    for (int i = 0; i < THREAD_LOOK_ARGUMENTS && *end == ' '; i++)
        look->argument[i] = strtoull(end, &end, 16);
}

bool thread_look_parse(struct thread_look *look, const char *stat, const char *syscall,
                       const char *wchan)
{
    /* Field 2 is the name in parentheses, with whatever in it: the last ')' ends it. */
    const char *p = strrchr(stat, ')');
    size_t n = strcspn(wchan, "\n");

    *look = (struct thread_look){.call = THREAD_LOOK_NONE};
    parse_call(look, syscall);
    if (!p || p[1] != ' ' || p[2] == '\0')
        return false;
    look->state = p[2];
    if (n > 0 && n < sizeof look->wchan && strcmp(wchan, "0") != 0)
        memcpy(look->wchan, wchan, n); /* the rest is 0 */
    return true;
}

/* Field `number` of the line, from 4 on; 0 when it is not there. p lies at field 3. */
static uint64_t field_of(const char *p, int number)
{
    for (int field = 3; p && field < number; field++) {
        p = strchr(p, ' ');
        if (p)
            p++;
    }
    return p ? strtoull(p, NULL, 10) : 0;
}

bool thread_look_is_dead(const char *stat)
{
    const char *p = strrchr(stat, ')'); /* the name in parentheses may hold anything */

    if (!p || p[1] != ' ' || p[2] == '\0')
        return false;
    p += 2;
    return *p == 'Z' || *p == 'X' || (field_of(p, 9) & PROCESS_EXITING) != 0 ||
           (field_of(p, 31) & (UINT64_C(1) << (SIGKILL - 1))) != 0;
}

ssize_t thread_look_read(pid_t pid, pid_t tid, const char *name, char *to, size_t room)
{
    char path[96];

    if (tid > 0)
        snprintf(path, sizeof path, "/proc/%ld/task/%ld/%s", (long)pid, (long)tid, name);
    else
        snprintf(path, sizeof path, "/proc/%ld/%s", (long)pid, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? fd_read_full(fd, to, room - 1) : -1;
    to[n > 0 ? n : 0] = '\0';
    close_fd(&fd);
    return n;
}

bool thread_look(struct thread_look *look, pid_t pid, pid_t tid)
{
    char stat[512], syscall_text[256], wchan[80];

    if (tid <= 0)
        return false;
    thread_look_read(pid, tid, "stat", stat, sizeof stat);
    thread_look_read(pid, tid, "syscall", syscall_text, sizeof syscall_text);
    thread_look_read(pid, tid, "wchan", wchan, sizeof wchan);
    return thread_look_parse(look, stat, syscall_text, wchan);
}

void thread_look_say(struct out *o, const struct thread_look *look)
{
    const char *name = look->call != THREAD_LOOK_NONE ? thread_look_call(look->call) : NULL;

    out_str(o, thread_look_state(look->state));
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
