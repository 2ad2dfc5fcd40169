/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Descriptors kept back; see reserve.h. A quarter of those that are free is, 64 at least, but never
 * more than half: with few descriptors every connection can then have its file. Worker only.
 */
#include "proc/reserve.h"

#include <fcntl.h>
#include <sys/resource.h>

#include "base/log.h"

enum {
    KEPT_MIN = 64,
    LOOKED_AT = 4096, /* the lowest numbers are those that are open */
};

static uint64_t count_open(uint64_t allowed)
{
    uint64_t open = 0;

    for (int fd = 0; fd < LOOKED_AT && (uint64_t)fd < allowed; fd++)
        open += fcntl(fd, F_GETFD) >= 0;
    return open;
}

uint64_t reserve_leaves(uint64_t allowed, uint64_t open)
{
    uint64_t left = allowed > open ? allowed - open : 0;
    uint64_t kept = left / 4 > KEPT_MIN ? left / 4 : KEPT_MIN;

    return left - (kept < left / 2 ? kept : left / 2);
}

unsigned reserve_connections(unsigned wanted)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
        return wanted;
    uint64_t most = reserve_leaves(limit.rlim_cur, count_open(limit.rlim_cur));
    if (most >= wanted)
        return wanted;
    log_info(
        "%llu descriptors are allowed: this worker holds up to %llu connections, not the %u of "
        "[limits] connections",
        (unsigned long long)limit.rlim_cur, (unsigned long long)most, wanted);
    return most > 0 ? (unsigned)most : 1;
}
