/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The out-of-memory killer; see oom.h. Files of cgroupfs never wait for storage. Master only.
 */
#include "proc/oom.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/fd.h"

#define FORGET_NS NS_PER_S

enum { TEXT_BYTES = 4096 };

static bool read_file(const char *path, char *to, size_t room)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? fd_read_full(fd, to, room - 1) : -1;

    to[n > 0 ? n : 0] = '\0';
    close_fd(&fd);
    return n >= 0;
}

bool oom_count(const char *text, uint64_t *kills)
{
    struct span rest = span_str(text);

    while (rest.p && rest.n > 0) {
        struct span line = span_cut(&rest, '\n');
        if (line.n > 9 && memcmp(line.p, "oom_kill ", 9) == 0) {
            *kills = strtoull(line.p + 9, NULL, 10);
            return true;
        }
    }
    return false;
}

/* "4:memory:/a" of version 1, "0::/a" of version 2. */
bool oom_path(const char *cgroups, bool version_2, char *to, unsigned long to_bytes)
{
    struct span rest = span_str(cgroups);

    while (rest.p && rest.n > 0) {
        struct span path = span_cut(&rest, '\n');
        span_cut(&path, ':');
        struct span which = span_cut(&path, ':');
        if (!path.p || !span_eq(which, version_2 ? SPAN("") : SPAN("memory")))
            continue;
        if (path.n == 1) /* the root, which is written as "/" */
            path.n = 0;
        int n = snprintf(to, to_bytes, "/sys/fs/cgroup%s%.*s/%s", version_2 ? "" : "/memory",
                         (int)path.n, path.p, version_2 ? "memory.events" : "memory.oom_control");
        return n > 0 && (unsigned long)n < to_bytes;
    }
    return false;
}

static bool look(const struct oom_watch *w, uint64_t *kills)
{
    char text[TEXT_BYTES];

    return w->path[0] != '\0' && read_file(w->path, text, sizeof text) && oom_count(text, kills);
}

void oom_begin(struct oom_watch *w)
{
    char cgroups[TEXT_BYTES];

    *w = (struct oom_watch){0};
    if (!read_file("/proc/self/cgroup", cgroups, sizeof cgroups))
        return;
    for (int version = 2; version >= 1; version--) {
        if (oom_path(cgroups, version == 2, w->path, sizeof w->path) && look(w, &w->seen))
            return;
        w->path[0] = '\0';
    }
}

void oom_tick(struct oom_watch *w, struct mono now)
{
    uint64_t kills;

    if (now.ns < w->looked_ns + FORGET_NS || !look(w, &kills))
        return;
    /* What came in the last period is kept for the next: its death may not be reaped yet. */
    w->credit = kills > w->seen ? kills - w->seen : 0;
    w->seen = kills;
    w->looked_ns = now.ns;
}

bool oom_explains(struct oom_watch *w)
{
    uint64_t kills;

    if (look(w, &kills)) {
        w->credit += kills > w->seen ? kills - w->seen : 0;
        w->seen = kills;
    }
    if (w->credit == 0)
        return false;
    w->credit--;
    return true;
}
