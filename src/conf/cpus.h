/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How many CPUs a control group lets a process use: cgroups(7), cpu.max of version 2 and
 * cpu.cfs_quota_us of version 1. Parsing is apart from reading, so that both can be tested.
 * Master only.
 */
#ifndef WEIR_CONF_CPUS_H
#define WEIR_CONF_CPUS_H

#include "base/bytes.h"

/* CPUs of a quota per period, rounded up; 0 when there is no quota ("max", -1, not understood). */
unsigned cpus_parse_v2(struct span cpu_max);
unsigned cpus_parse_v1(struct span quota_us, struct span period_us);

/*
 * The path of the process's group in the text of /proc/self/cgroup: of version 2 (the line
 * that begins with "0::"), or of version 1's cpu controller. An empty span when there is none.
 */
struct span cpus_group_v2(struct span proc_cgroup);
struct span cpus_group_v1(struct span proc_cgroup);

/*
 * The smallest quota of a group and its parents up to the root, with the hierarchy mounted
 * at `mount`; 0 when none has one.
 */
unsigned cpus_quota_v2(const char *mount, struct span group);
unsigned cpus_quota_v1(const char *mount, struct span group);

/* From CPUs that may be used and a quota (0: none) to a number of workers. */
unsigned cpus_to_workers(unsigned allowed, unsigned quota, unsigned min, unsigned max);

#endif
