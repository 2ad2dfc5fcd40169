/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Shared memory of the master of which each worker writes a part. A worker takes the right to write
 * the rest away from itself, page by page, so that a wild store of a bug ends it and spoils nothing
 * of the others. Whoever has taken a worker over can undo that: what the master reads from shared
 * memory it must not trust. Called by a worker, before it has threads.
 */
#ifndef WEIR_BASE_SHARED_H
#define WEIR_BASE_SHARED_H

#include <stdbool.h>
#include <stddef.h>

struct shared_part {
    size_t offset, bytes;
};

/*
 * Makes a mapping (page-aligned) read-only but for these parts, which are in ascending order. Pages
 * that a part touches stay writable whole. False with errno set: some of the rest may be writable.
 */
bool shared_keep(void *map, size_t bytes, const struct shared_part *part, size_t count);

#endif
