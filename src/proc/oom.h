/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whether a worker that was killed ran out of memory. The kernel's out-of-memory killer says
 * SIGKILL and no more, but counts its kills in the control group: oom_kill in memory.events
 * (version 2) or memory.oom_control (version 1) of the group this server is in. A kill that was
 * counted within the last seconds and not given to another death explains this one. Master only.
 */
#ifndef WEIR_PROC_OOM_H
#define WEIR_PROC_OOM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

struct oom_watch {
    char path[256];     /* of the file with the count; "" when there is none */
    uint64_t seen;      /* the count at the last look */
    uint64_t credit;    /* kills since that no death explains yet ... */
    uint64_t looked_ns; /* ... of the time since this at the earliest */
};

void oom_begin(struct oom_watch *w);
/* For every beat: forgets kills that nobody died of. */
void oom_tick(struct oom_watch *w, struct mono now);
/* A worker died by SIGKILL: whether that was the out-of-memory killer. */
bool oom_explains(struct oom_watch *w);

/* The text of /proc/self/cgroup as the path of the file with the count; false when there is none.
 */
bool oom_path(const char *cgroups, bool version_2, char *to, unsigned long to_bytes);
/* The number behind "oom_kill" in the text of such a file; false when it is not there. */
bool oom_count(const char *text, uint64_t *kills);

#endif
