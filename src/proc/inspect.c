/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Looking into a worker; see inspect.h. Only files of /proc are read, and of those only what
 * the kernel answers from its own tables: no target of a link is touched, cmdline and environ
 * are left alone, and smaps_rollup, which locks the process's memory, is read only when none of
 * its threads is in uninterruptible sleep, where one might hold that lock for long. Two groups
 * of threads are told one by one: the first, which runs the event loop, and those that do
 * something else than wait for work (on a futex). Master only.
 */
#include "proc/inspect.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/escape.h"
#include "base/fd.h"
#include "board/board.h"
#include "proc/fences.h"
#include "proc/thread_look.h"

enum {
    NAME_CELLS = 18,
    TEXT_BYTES = 4096,
    LINK_BYTES = 4096,
    SHOWN_BYTES = LINK_BYTES * 4 + 256,
    STACK_LINES = 24,
    THREADS_TOLD = 24, /* one by one; how many more there are is told */
    STACKS_TOLD = 4,   /* of threads other than the first */
};

struct inspection {
    pid_t pid;
    struct buf *out;
    size_t from;       /* where in *out it begins */
    struct buf mounts; /* mountinfo of the worker; empty when it may not be read */
    unsigned threads, idle, uninterruptible, told, stacks;
    uint64_t switches, forced_switches; /* of all threads */
    bool switches_known;
    bool short_of_memory;
};

/* --- lines --- */

static void put(struct inspection *in, const char *name, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* "name   value"; without a name: one more value of the name above. */
static void put(struct inspection *in, const char *name, const char *fmt, ...)
{
    char line[SHOWN_BYTES + TEXT_BYTES];
    va_list ap;

    va_start(ap, fmt);
    int n = vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    if (n < 0 || !buf_addf(in->out, "%-*s %s\n", NAME_CELLS - 1, name, line))
        in->short_of_memory = true;
}

static void put_gap(struct inspection *in)
{
    if (!buf_add(in->out, "\n", 1))
        in->short_of_memory = true;
}

/* Why something could not be read, in words. */
static const char *reason(int error)
{
    switch (error) {
    case EACCES:
    case EPERM:
        return "needs root";
    case ENOENT:
        return "this kernel does not tell it";
    case ESRCH:
        return "it is not there any more";
    default:
        return strerror(error);
    }
}

static void put_bytes(struct inspection *in, const char *name, uint64_t bytes)
{
    static const char *const unit[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
    double value = (double)bytes;
    unsigned u = 0;

    while (value >= 1024 && u + 1 < sizeof unit / sizeof *unit) {
        value /= 1024;
        u++;
    }
    put(in, name, "%.*f %s", u > 0 ? 1 : 0, value, unit[u]);
}

/* The number behind "key" at a line's start in text; false when it is not there. */
static bool number_of(const char *text, const char *key, uint64_t *value)
{
    size_t n = strlen(key);

    for (const char *line = text; line && *line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, key, n) == 0) {
            char *end;
            *value = strtoull(line + n, &end, 10);
            return end != line + n;
        }
    }
    return false;
}

/* --- descriptors --- */

/* What a descriptor is, unescaped: "/srv/a", "socket:[4711]". False with errno. */
static bool read_target(const struct inspection *in, uint64_t fd, char to[LINK_BYTES + 1])
{
    char path[96];

    snprintf(path, sizeof path, "/proc/%ld/fd/%" PRIu64, (long)in->pid, fd);
    ssize_t n = readlink(path, to, LINK_BYTES);
    to[n > 0 ? n : 0] = '\0';
    return n >= 0;
}

/* "ext4 /dev/sda1 at /srv", the mount of a descriptor; false when it is not known. */
static bool put_mount(struct out *o, const struct inspection *in, uint64_t fd)
{
    char name[64], text[TEXT_BYTES];
    struct fence_mount m;
    uint64_t id;

    snprintf(name, sizeof name, "fdinfo/%" PRIu64, fd);
    if (thread_look_read(in->pid, 0, name, text, sizeof text) < 0 ||
        !number_of(text, "mnt_id:", &id) || !fence_find_id(buf_span(&in->mounts), id, &m))
        return false;
    escape_visible(o, buf_span(&m.type));
    out_char(o, ' ');
    escape_visible(o, buf_span(&m.source));
    out_str(o, " at ");
    escape_visible(o, buf_span(&m.name));
    fence_mount_free(&m);
    return true;
}

/* "7 is /srv/a, on ext4 /dev/sda1 at /srv" */
static void put_descriptor(struct inspection *in, const char *name, uint64_t fd)
{
    char target[LINK_BYTES + 1], shown[SHOWN_BYTES];
    struct out o = out_into(shown, sizeof shown - 1);

    if (!read_target(in, fd, target)) {
        int error = errno;
        out_str(&o, error == ENOENT ? "is closed by now" : reason(error));
    } else {
        out_str(&o, "is ");
        escape_visible(&o, span_str(target));
    }
    *o.p = '\0';
    put(in, name, "%" PRIu64 " %s", fd, shown);
    o = out_into(shown, sizeof shown - 1);
    if (target[0] != '/' || !put_mount(&o, in, fd))
        return;
    *o.p = '\0';
    put(in, *name ? "mount" : "", "%s%s", *name ? "" : "on ", shown);
}

/* The descriptors among the arguments of the call, and what they are. */
static void put_descriptors_of(struct inspection *in, const struct thread_look *look,
                               const char *name)
{
    unsigned which = look->call == THREAD_LOOK_NONE ? 0 : thread_look_descriptors(look->call);

    for (int i = 0; i < THREAD_LOOK_ARGUMENTS; i++) {
        int32_t fd = (int32_t)look->argument[i]; /* a negative one stands for something else */
        if ((which & (1U << i)) && fd >= 0)
            put_descriptor(in, name, (uint64_t)fd);
    }
}

static const char *kind_of(const char *target)
{
    static const struct {
        const char *start, *kind;
    } kinds[] = {
        {"socket:", "socket"},
        {"pipe:", "pipe"},
        {"anon_inode:[eventpoll]", "epoll"},
        {"anon_inode:[eventfd]", "eventfd"},
        {"anon_inode:[timerfd]", "timerfd"},
        {"anon_inode:[signalfd]", "signalfd"},
        {"/memfd:", "memory"},
        {"/dev/", "device"},
        {"/", "file"},
    };

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strncmp(target, kinds[i].start, strlen(kinds[i].start)) == 0)
            return kinds[i].kind;
    return "other";
}

struct tally {
    const char *kind[12];
    unsigned count[12];
    unsigned kinds, all;
};

static void tally_add(struct tally *t, const char *kind)
{
    unsigned i = 0;

    while (i < t->kinds && strcmp(t->kind[i], kind) != 0)
        i++;
    if (i == t->kinds)
        t->kind[t->kinds++] = kind; /* there are ten */
    t->count[i]++;
    t->all++;
}

/* "1024", or the reason why it is not known. */
static const char *descriptor_limit(const struct inspection *in, char text[TEXT_BYTES])
{
    static const char key[] = "Max open files";

    if (thread_look_read(in->pid, 0, "limits", text, TEXT_BYTES) < 0)
        return reason(errno);
    char *line = strstr(text, key);
    if (!line)
        return "an unknown limit";
    line += sizeof key - 1;
    line += strspn(line, " ");
    line[strcspn(line, " \n")] = '\0';
    return line;
}

static void put_descriptors(struct inspection *in)
{
    char path[64], target[LINK_BYTES + 1], text[TEXT_BYTES], kinds[512];
    struct tally t = {0};
    struct out o = out_into(kinds, sizeof kinds - 1);

    snprintf(path, sizeof path, "/proc/%ld/fd", (long)in->pid);
    DIR *dir = opendir(path);
    if (!dir) {
        put(in, "descriptors", "%s", reason(errno));
        return;
    }
    for (struct dirent *d; (d = readdir(dir)) != NULL;)
        if (d->d_name[0] != '.' && read_target(in, strtoull(d->d_name, NULL, 10), target))
            tally_add(&t, kind_of(target));
    closedir(dir);
    for (unsigned i = 0; i < t.kinds; i++)
        out_fmt(&o, "%s%s %u", i > 0 ? ", " : ": ", t.kind[i], t.count[i]);
    *o.p = '\0';
    put(in, "descriptors", "%u of %s%s", t.all, descriptor_limit(in, text), kinds);
}

/* --- threads --- */

static void put_stack(struct inspection *in, pid_t tid, char state)
{
    char text[TEXT_BYTES];
    struct span rest;
    unsigned lines = 0;

    if (thread_look_read(in->pid, tid, "stack", text, sizeof text) < 0) {
        put(in, "stack", "%s", reason(errno));
        return;
    }
    rest = span_str(text);
    while (rest.p && rest.n > 0 && lines < STACK_LINES) {
        struct span line = span_cut(&rest, '\n'); /* "[<0>] do_epoll_wait+0x6f/0x80" */
        const char *name = memchr(line.p, ']', line.n);
        struct span frame = span_trim(name ? span_from(line, (size_t)(name - line.p) + 1) : line);
        frame = span_cut(&frame, '+');
        if (frame.n > 0)
            put(in, lines++ == 0 ? "stack" : "", "%.*s", (int)frame.n, frame.p);
    }
    if (lines == 0)
        put(in, "stack", state == 'R' ? "none: it runs" : "none");
    else if (rest.p && rest.n > 0)
        put(in, "", "(and more)");
}

static void put_state(struct inspection *in, const struct thread_look *look)
{
    switch (look->state) {
    case 'D':
        put(in, "state",
            "uninterruptible sleep (D): a signal, KILL too, takes effect when the call returns; "
            "for how long is not known");
        break;
    case 'T':
        put(in, "state", "stopped (T) by a signal; SIGCONT lets it go on");
        break;
    default:
        put(in, "state", "%s (%c)", thread_look_state(look->state), look->state);
        break;
    }
}

/* wchan is "0" for those who may not know it, and the call's file cannot be read then. */
static void put_call(struct inspection *in, const struct thread_look *look, int syscall_error)
{
    const char *name = look->call != THREAD_LOOK_NONE ? thread_look_call(look->call) : NULL;

    if (syscall_error != 0)
        put(in, "system call", "%s", reason(syscall_error));
    else if (look->call == THREAD_LOOK_NONE)
        put(in, "system call", "none");
    else if (name)
        put(in, "system call", "%ld %s", look->call, name);
    else
        put(in, "system call", "%ld", look->call);
    put_descriptors_of(in, look, "descriptor");
    if (look->wchan[0] != '\0')
        put(in, "wchan", "%s", look->wchan);
    else if (syscall_error != 0)
        put(in, "wchan", "%s", reason(syscall_error));
    else
        put(in, "wchan", "none: it waits nowhere, or the kernel does not tell");
}

/* The first thread, which runs the loop. */
static void put_loop(struct inspection *in, const struct thread_look *look)
{
    char text[256];
    int error = 0;

    if (thread_look_read(in->pid, in->pid, "syscall", text, sizeof text) < 0)
        error = errno;
    put_state(in, look);
    put_call(in, look, error);
    put_stack(in, in->pid, look->state);
}

static void add_switches(struct inspection *in, pid_t tid)
{
    char text[TEXT_BYTES];
    uint64_t own = 0, forced = 0;

    if (thread_look_read(in->pid, tid, "status", text, sizeof text) < 0 ||
        !number_of(text, "voluntary_ctxt_switches:", &own) ||
        !number_of(text, "nonvoluntary_ctxt_switches:", &forced))
        return;
    in->switches += own;
    in->forced_switches += forced;
    in->switches_known = true;
}

/* "4712 weir: waiting for disk (D) in pread64, at folio_wait_bit", what it is about, its stack. */
static void put_thread(struct inspection *in, pid_t tid, const struct thread_look *look)
{
    char name[32], shown[512];
    struct out o = out_into(shown, sizeof shown - 1);

    if (in->told++ >= THREADS_TOLD)
        return;
    if (thread_look_read(in->pid, tid, "comm", name, sizeof name) < 0)
        name[0] = '\0';
    name[strcspn(name, "\n")] = '\0';
    escape_visible(&o, span_str(name));
    out_str(&o, ": ");
    thread_look_say(&o, look);
    *o.p = '\0';
    put(in, "thread", "%ld %s", (long)tid, shown);
    if (tid == in->pid)
        return;
    put_descriptors_of(in, look, "");
    if (look->state == 'D' && in->stacks++ < STACKS_TOLD)
        put_stack(in, tid, look->state);
}

static bool is_idle(const struct thread_look *look)
{
    return look->state == 'S' && look->call == SYS_futex;
}

static void put_threads(struct inspection *in)
{
    char path[64];

    snprintf(path, sizeof path, "/proc/%ld/task", (long)in->pid);
    DIR *dir = opendir(path);
    if (!dir) {
        put(in, "threads", "%s", reason(errno));
        return;
    }
    for (struct dirent *d; (d = readdir(dir)) != NULL;) {
        struct thread_look look;
        pid_t tid = (pid_t)strtol(d->d_name, NULL, 10);
        if (tid <= 0 || !thread_look(&look, in->pid, tid))
            continue;
        in->threads++;
        in->uninterruptible += look.state == 'D';
        add_switches(in, tid);
        if (tid != in->pid && is_idle(&look))
            in->idle++;
        else
            put_thread(in, tid, &look);
    }
    closedir(dir);
    if (in->told > THREADS_TOLD)
        put(in, "", "and %u more that do something", in->told - THREADS_TOLD);
    put(in, "threads", "%u, of these %u waiting for work", in->threads, in->idle);
}

/* --- memory and work --- */

/* Field `want` of stat, counted from 1 as in proc(5), from the third on. */
static uint64_t stat_field(const char *stat, int want)
{
    const char *p = strrchr(stat, ')'); /* ends the second, which may hold anything */

    for (int field = 2; p && field < want; field++) {
        p = strchr(p, ' ');
        if (p)
            p++;
    }
    return p ? strtoull(p, NULL, 10) : 0;
}

static void put_pss(struct inspection *in)
{
    char text[TEXT_BYTES];
    uint64_t kib;

    if (in->uninterruptible > 0)
        put(in, "pss",
            "not read while a thread is in uninterruptible sleep: it could wait as long");
    else if (thread_look_read(in->pid, 0, "smaps_rollup", text, sizeof text) < 0)
        put(in, "pss", "%s", reason(errno));
    else if (!number_of(text, "Pss:", &kib))
        put(in, "pss", "%s", reason(ENOENT));
    else
        put_bytes(in, "pss", kib * 1024);
}

static void put_memory(struct inspection *in, const char *stat)
{
    enum { MAJOR_FAULTS = 12, RSS_PAGES = 24 };

    put_bytes(in, "rss", stat_field(stat, RSS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE));
    put_pss(in);
    put(in, "major faults", "%" PRIu64, stat_field(stat, MAJOR_FAULTS));
}

static void put_io(struct inspection *in)
{
    static const struct {
        const char *key, *name;
    } rows[] = {
        {"rchar:", "read calls"},
        {"wchar:", "write calls"},
        {"read_bytes:", "read from disk"},
        {"write_bytes:", "written to disk"},
    };
    char text[TEXT_BYTES];
    uint64_t bytes;
    ssize_t n = thread_look_read(in->pid, 0, "io", text, sizeof text);
    int error = errno;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (n < 0)
            put(in, rows[i].name, "%s", reason(error));
        else if (number_of(text, rows[i].key, &bytes))
            put_bytes(in, rows[i].name, bytes);
        else
            put(in, rows[i].name, "%s", reason(ENOENT));
}

static void put_work(struct inspection *in, const char *stat)
{
    enum { USER_TICKS = 14, SYSTEM_TICKS = 15 };
    double ticks = (double)sysconf(_SC_CLK_TCK);

    put(in, "cpu time", "user %.2f s, system %.2f s", (double)stat_field(stat, USER_TICKS) / ticks,
        (double)stat_field(stat, SYSTEM_TICKS) / ticks);
    if (in->switches_known)
        put(in, "context switches", "%" PRIu64 " to wait, %" PRIu64 " forced", in->switches,
            in->forced_switches);
    else
        put(in, "context switches", "%s", reason(ENOENT));
    put_io(in);
}

/* --- all of it --- */

/* True, with a sentence for all that was said so far. */
static bool is_gone(const struct inspection *in, uint64_t start_ticks)
{
    uint64_t now = board_start_ticks(in->pid);

    if (now == start_ticks && now != 0)
        return false;
    in->out->n = in->from;
    if (now == 0 && board_start_ticks(getpid()) == 0)
        buf_addf(in->out, "/proc is not mounted here, and only there the kernel tells of a worker");
    else if (now == 0)
        buf_addf(in->out, "process %ld is not there any more", (long)in->pid);
    else
        buf_addf(in->out, "process %ld is another one by now", (long)in->pid);
    return true;
}

bool inspect_worker(pid_t pid, uint64_t start_ticks, struct buf *out)
{
    struct inspection in = {.pid = pid, .out = out, .from = out->n};
    struct thread_look look;
    struct buf unread = {0};
    char stat[1024];

    if (is_gone(&in, start_ticks))
        return false;
    if (!fence_read_mountinfo(pid, &in.mounts, &unread))
        in.mounts.n = 0; /* then no mount is told */
    buf_free(&unread);
    if (thread_look(&look, pid, pid))
        put_loop(&in, &look);
    put_gap(&in);
    put_threads(&in);
    put_gap(&in);
    if (thread_look_read(pid, 0, "stat", stat, sizeof stat) > 0) {
        put_memory(&in, stat);
        put_gap(&in);
        put_work(&in, stat);
        put_gap(&in);
    }
    put_descriptors(&in);
    buf_free(&in.mounts);
    if (is_gone(&in, start_ticks)) /* what was read may be of two processes */
        return false;
    if (in.short_of_memory) {
        out->n = in.from;
        buf_addf(out, "out of memory");
    }
    return !in.short_of_memory;
}
