/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CPUs of this process: sched_getaffinity(2) and the quota of its control group. In a
 * container the group's path may be one of the host's that is not mounted here; then the
 * files at the mount's root are the container's own, and the walk up to the root finds them.
 * Master only.
 */
#include "conf/cpus.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>

#include "base/fd.h"
#include "conf/conf.h"

static struct span without_newline(struct span s)
{
    while (s.n > 0 && s.p[s.n - 1] == '\n')
        s.n--;
    return span_trim(s);
}

static unsigned divide_up(uint64_t quota, uint64_t period)
{
    uint64_t cpus = quota / period + (quota % period != 0);

    return cpus > UINT_MAX ? UINT_MAX : (unsigned)cpus;
}

unsigned cpus_parse_v2(struct span cpu_max)
{
    struct span period = without_newline(cpu_max), quota = span_cut(&period, ' ');
    uint64_t quota_us, period_us = 100000; /* the kernel's default */

    if (!span_u64(quota, UINT64_MAX, &quota_us) || quota_us == 0)
        return 0;
    if (period.p && (!span_u64(span_trim(period), UINT64_MAX, &period_us) || period_us == 0))
        return 0;
    return divide_up(quota_us, period_us);
}

unsigned cpus_parse_v1(struct span quota_us, struct span period_us)
{
    uint64_t quota, period;

    if (!span_u64(without_newline(quota_us), UINT64_MAX, &quota) || quota == 0 ||
        !span_u64(without_newline(period_us), UINT64_MAX, &period) || period == 0)
        return 0;
    return divide_up(quota, period);
}

static bool names_cpu(struct span controllers)
{
    while (controllers.p)
        if (span_eq(span_cut(&controllers, ','), SPAN("cpu")))
            return true;
    return false;
}

/* Lines are "ID:CONTROLLERS:PATH"; version 2 has ID 0 and no controllers. */
static struct span find_group(struct span text, bool v2)
{
    while (text.p) {
        struct span path = span_cut(&text, '\n');
        struct span id = span_cut(&path, ':'), controllers = span_cut(&path, ':');
        if (!path.p || path.n == 0 || path.p[0] != '/')
            continue;
        if (v2 ? span_eq(id, SPAN("0")) && controllers.n == 0 : names_cpu(controllers))
            return path;
    }
    return SPAN("");
}

struct span cpus_group_v2(struct span proc_cgroup)
{
    return find_group(proc_cgroup, true);
}

struct span cpus_group_v1(struct span proc_cgroup)
{
    return find_group(proc_cgroup, false);
}

/* Reads a small file whole into text; an empty span when it cannot be read. */
static struct span read_small(const char *path, char *text, size_t text_bytes)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? fd_read_full(fd, text, text_bytes) : -1;

    close_fd(&fd);
    return span_of(text, n > 0 ? (size_t)n : 0);
}

static struct span read_in_group(const char *mount, struct span group, const char *name, char *text,
                                 size_t text_bytes)
{
    char path[PATH_MAX];
    int n = snprintf(path, sizeof path, "%s%.*s/%s", mount, (int)group.n, group.p, name);

    return n > 0 && (size_t)n < sizeof path ? read_small(path, text, text_bytes) : SPAN("");
}

static unsigned group_quota_v2(const char *mount, struct span group)
{
    char text[128];

    return cpus_parse_v2(read_in_group(mount, group, "cpu.max", text, sizeof text));
}

static unsigned group_quota_v1(const char *mount, struct span group)
{
    char quota[64], period[64];

    return cpus_parse_v1(read_in_group(mount, group, "cpu.cfs_quota_us", quota, sizeof quota),
                         read_in_group(mount, group, "cpu.cfs_period_us", period, sizeof period));
}

static unsigned least_quota(const char *mount, struct span group,
                            unsigned (*quota_of)(const char *, struct span))
{
    unsigned least = 0;

    if (group.n >= PATH_MAX || memmem(group.p, group.n, "/..", 3))
        group.n = 0; /* outside of what is mounted here: only the root is left */
    while (true) {
        while (group.n > 0 && group.p[group.n - 1] == '/')
            group.n--;
        unsigned quota = quota_of(mount, group);
        if (quota > 0 && (least == 0 || quota < least))
            least = quota;
        if (group.n == 0)
            return least;
        while (group.n > 0 && group.p[group.n - 1] != '/')
            group.n--;
    }
}

unsigned cpus_quota_v2(const char *mount, struct span group)
{
    return least_quota(mount, group, group_quota_v2);
}

unsigned cpus_quota_v1(const char *mount, struct span group)
{
    return least_quota(mount, group, group_quota_v1);
}

unsigned cpus_to_workers(unsigned allowed, unsigned quota, unsigned min, unsigned max)
{
    unsigned n = quota > 0 && quota < allowed ? quota : allowed;

    if (n < 1)
        n = 1;
    if (n < min)
        n = min;
    return n > max ? max : n;
}

/* CPUs the scheduler may put this process on; the set is made larger until the kernel's fits. */
static unsigned count_affinity(void)
{
    int count = 0;

    for (int cpus = 1024; cpus <= 1 << 20 && count == 0; cpus *= 4) {
        cpu_set_t *set = CPU_ALLOC((size_t)cpus);
        size_t bytes = CPU_ALLOC_SIZE((size_t)cpus);
        if (!set)
            break;
        int result = sched_getaffinity(0, bytes, set);
        bool larger = result != 0 && errno == EINVAL;
        if (result == 0)
            count = CPU_COUNT_S(bytes, set);
        CPU_FREE(set);
        if (!larger)
            break;
    }
    return count > 0 ? (unsigned)count : 1;
}

static unsigned smaller_quota(unsigned a, unsigned b)
{
    return a == 0 || (b > 0 && b < a) ? b : a;
}

unsigned conf_auto_workers(const struct conf *conf)
{
    static const char *const v1_mounts[] = {"/sys/fs/cgroup/cpu", "/sys/fs/cgroup/cpu,cpuacct"};
    static const char *const v2_mounts[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"};
    char text[16384];
    struct span groups = read_small("/proc/self/cgroup", text, sizeof text);
    struct span v1 = cpus_group_v1(groups), v2 = cpus_group_v2(groups);
    unsigned quota = 0;

    for (int i = 0; i < 2; i++) {
        if (v2.n > 0)
            quota = smaller_quota(quota, cpus_quota_v2(v2_mounts[i], v2));
        if (v1.n > 0)
            quota = smaller_quota(quota, cpus_quota_v1(v1_mounts[i], v1));
    }
    return cpus_to_workers(count_affinity(), quota, conf->server.workers_min,
                           conf->server.workers_max);
}
