/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Giving up the right to write; see shared.h. mprotect(2) over the gaps between the parts. Worker
 * only.
 */
#include "base/shared.h"

#include <sys/mman.h>
#include <unistd.h>

bool shared_keep(void *map, size_t bytes, const struct shared_part *part, size_t count)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t from = 0;
    bool good = true;

    for (size_t i = 0; i <= count; i++) {
        size_t to = i < count ? part[i].offset / page * page : bytes;
        if (to > bytes)
            to = bytes;
        if (to > from)
            good = mprotect((char *)map + from, to - from, PROT_READ) == 0 && good;
        if (i < count) {
            size_t end = (part[i].offset + part[i].bytes + page - 1) / page * page;
            from = end > from ? end : from;
        }
    }
    return good;
}
