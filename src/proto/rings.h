/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the board keeps of requests that are over: the slow ones of all workers, and of each
 * worker a sample of the recent ones, at most one in RINGS_RECENT_NS, so that the hot path pays
 * one comparison. Worker only.
 */
#ifndef WEIR_PROTO_RINGS_H
#define WEIR_PROTO_RINGS_H

#include "proto/log_line.h"

struct conns;

#define RINGS_RECENT_NS (50 * NS_PER_MS)

void rings_add_slow(struct conns *all, const struct access_record *r);
/* all->recent_due_ns is over; sets the next one. */
void rings_add_recent(struct conns *all, const struct access_record *r, struct mono now);

#endif
