/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the parts of the board's reader share: the checked mapping, single loads from it, and
 * growing arrays of a snapshot. For board/ only. Runs in observers.
 */
#ifndef WEIR_BOARD_VIEW_H
#define WEIR_BOARD_VIEW_H

#include "weir/snapshot.h"

struct board_view {
    const char *map;
    size_t bytes;
    struct board_header fixed; /* a copy; only what stands before heartbeat_ns is filled in */
};

static inline uint32_t view_load32(const board_u32 *p)
{
    return atomic_load_explicit(p, memory_order_relaxed);
}

static inline uint64_t view_load64(const board_u64 *p)
{
    return atomic_load_explicit(p, memory_order_relaxed);
}

/* A number that must be below count; what no weir writes becomes 0. */
static inline unsigned view_bounded(uint32_t v, unsigned count)
{
    return v < count ? v : 0;
}

/* Record i of a section; i is below the section's count. */
static inline const void *view_record(const struct board_view *view, unsigned kind, unsigned i)
{
    const struct board_section *s = &view->fixed.section[kind];

    return view->map + s->offset_bytes + (size_t)s->stride_bytes * i;
}

/* Scrubbed. False when it was caught in the middle of a change, or left there by a killed writer.
 */
bool view_take_text(char to[SNAP_TEXT_BYTES], const struct board_text *t);

/* to has room for four times n, "..." and a NUL. Most text is plain and only copied. */
void view_scrub(char *to, size_t room, const char *p, size_t n, bool cut);

/* Makes an array with `count` elements in use have room for one more. False on ENOMEM. */
bool view_room_for_one(void **array, unsigned *room, unsigned count, size_t size);

/* Offload threads, mounts and stalls; after the workers. False on ENOMEM. */
bool view_take_offload(const struct board_view *view, struct snap *s);

/* Requests in flight, files, finished requests: those of s->wants; after the workers. */
bool view_take_requests(const struct board_view *view, const struct board_header *h,
                        struct snap *s);

#endif
