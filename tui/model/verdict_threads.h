/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The verdict when no offload thread can be started; see verdict_threads.c. Dashboard only.
 */
#ifndef WEIR_TUI_MODEL_VERDICT_THREADS_H
#define WEIR_TUI_MODEL_VERDICT_THREADS_H

#include "tui/model/verdict.h"

/* True and *v filled in when a worker has no offload thread and can start none. */
bool verdict_no_thread(const struct model *m, struct verdict *v);

#endif
