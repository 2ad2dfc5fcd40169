/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The model's part about offload threads and mounts: which jobs run, oldest first, whether a
 * pool is full and since when, how much of a mount's calls memory answered lately. Part of
 * model.c, in a file of its own. Pure.
 */
#ifndef WEIR_TUI_OFFLOAD_H
#define WEIR_TUI_OFFLOAD_H

#include "tui/model/model.h"

/* A new snapshot is in m->now and its workers are remembered. False on ENOMEM. */
bool offload_take(struct model *m);
/* The same for a moment of the tape, whose mounts are remembered already. */
bool offload_rebuild(struct model *m);
/* At the end of an interval of this length: growth becomes rate. */
void offload_close_interval(struct model *m, uint64_t elapsed_ns);
/* The server is gone: no rate is known. */
void offload_unknown(struct model *m);
/* Another server: nothing of the old one is kept. */
void offload_forget(struct model *m);

/* The oldest job of this worker's threads, an index into now.thread; -1 when none runs. */
int offload_oldest_of(const struct snap *s, const struct snap_worker *w);

#endif
