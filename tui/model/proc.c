/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading /proc. /proc/PID/stat has it all but descriptors; its second field is the program's
 * name in brackets, which may hold anything, so parsing begins after the last bracket. How many
 * descriptors are open is the size of /proc/PID/fd since Linux 6.2; before, it is 0 and not known,
 * and for another user's process it may not be asked.
 */
#include "tui/model/proc.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"

/* Fields of /proc/PID/stat as proc(5) counts them. */
#define FIELD_STATE 3
#define FIELD_UTIME 14
#define FIELD_STIME 15
#define FIELD_START 22
#define FIELD_RSS   24

bool proc_parse_stat(const char *text, uint64_t start_ticks, struct proc_units units,
                     struct model_proc *out)
{
    const char *p = strrchr(text, ')');
    uint64_t value[FIELD_RSS + 1] = {0};

    if (p == NULL || p[1] != ' ' || p[2] == '\0')
        return false;
    p += 3; /* past the state, a letter */
    for (int field = FIELD_STATE + 1; field <= FIELD_RSS; field++) {
        char *end;
        value[field] = strtoull(p, &end, 10);
        if (end == p)
            return false;
        p = end;
    }
    if (value[FIELD_START] != start_ticks)
        return false;
    out->cpu_ns = (value[FIELD_UTIME] + value[FIELD_STIME]) * units.tick_ns;
    out->rss_bytes = value[FIELD_RSS] * units.page_bytes;
    return true;
}

/* The beginning of a small file, with a NUL behind it. False when it cannot be read. */
static bool proc_file(uint32_t pid, const char *name, char *out, size_t out_bytes)
{
    char path[64];

    snprintf(path, sizeof path, "/proc/%u/%s", pid, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t n = fd_read_full(fd, out, out_bytes - 1);
    close_fd(&fd);
    if (n < 0)
        return false;
    out[n] = '\0';
    return true;
}

static void proc_descriptors(uint32_t pid, struct model_proc *out)
{
    static const char label[] = "\nMax open files";
    char path[64], text[4096];
    struct stat st;

    snprintf(path, sizeof path, "/proc/%u/fd", pid);
    if (stat(path, &st) != 0 || st.st_size <= 0 || !proc_file(pid, "limits", text, sizeof text))
        return;
    const char *limit = strstr(text, label);
    if (limit == NULL)
        return;
    out->fds = (uint64_t)st.st_size;
    out->fds_max = strtoull(limit + sizeof label - 1, NULL, 10); /* "unlimited" gives 0 */
}

bool proc_read(uint32_t pid, uint64_t start_ticks, struct model_proc *out)
{
    char text[1024];
    long ticks = sysconf(_SC_CLK_TCK), page = sysconf(_SC_PAGESIZE);

    *out = (struct model_proc){0};
    if (pid == 0 || start_ticks == 0 || ticks <= 0 || page <= 0 ||
        !proc_file(pid, "stat", text, sizeof text))
        return false;
    struct proc_units units = {NS_PER_S / (uint64_t)ticks, (uint64_t)page};
    if (!proc_parse_stat(text, start_ticks, units, out))
        return false;
    proc_descriptors(pid, out);
    return true;
}
