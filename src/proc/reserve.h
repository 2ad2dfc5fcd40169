/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Descriptors that are kept back for files, threads and logs, so that connections never take the
 * last one. Worker only.
 */
#ifndef WEIR_PROC_RESERVE_H
#define WEIR_PROC_RESERVE_H

#include <stdint.h>

/* How many connections there may be with so many descriptors allowed, of which some are open. */
uint64_t reserve_leaves(uint64_t allowed, uint64_t open);

/*
 * The most connections this process may hold: `wanted`, or fewer as the limit of open files
 * (RLIMIT_NOFILE) demands, which is logged; 1 at least. To be called when everything but
 * connections and files is open.
 */
unsigned reserve_connections(unsigned wanted);

#endif
