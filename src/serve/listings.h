/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Directories that were read for listings, kept for some seconds: whoever asks for the same one,
 * in whatever order and format, gets the same reading. It is believed for [cache] valid, and as
 * long as the directory's own times stand for up to LISTINGS_KEPT_NS: sizes and times of the files
 * in it may be as old. All readings of a worker, kept or being sent or read, share [limits]
 * listing_bytes. Inside serve/ only. Worker's loop only, but for the budget.
 */
#ifndef WEIR_SERVE_LISTINGS_H
#define WEIR_SERVE_LISTINGS_H

#include <sys/stat.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "file/budget.h"
#include "serve/listing_page.h"

#define LISTINGS_KEPT_NS (5 * NS_PER_S)

struct listings; /* of one worker */

/* valid_ns 0: nothing is kept. NULL on ENOMEM. */
struct listings *listings_new(uint64_t bytes_max, uint64_t valid_ns);
void listings_free(struct listings **listings);

/* What file_dir_read is to allocate from. */
struct file_budget *listings_budget(const struct listings *all);

/* Which directory: its request path beneath a root, and which of the root's directories that is. */
struct listings_key {
    unsigned root_id, epoch;
    struct span path;
};

/* The reading of this directory, held for the caller; NULL: it is to be read. st: what is known of
 * the directory, believed now. */
struct listing_dir *listings_find(struct listings *all, const struct listings_key *key,
                                  const struct stat *st, struct mono now);
/* Takes a hold of its own; in the place of an older one. */
void listings_keep(struct listings *all, const struct listings_key *key, struct listing_dir *dir,
                   struct mono now);
/* Gives up what is merely kept; false: there was nothing. */
bool listings_shed(struct listings *all);
/* To be called about once a second. */
void listings_tick(struct listings *all, struct mono now);

#endif
