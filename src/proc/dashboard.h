/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * weir -T: the server and its dashboard in one terminal. This process starts the server in a
 * session of its own, waits until it serves, runs weirtop in the foreground and stops the
 * server when weirtop ends, or when the terminal goes away.
 */
#ifndef WEIR_PROC_DASHBOARD_H
#define WEIR_PROC_DASHBOARD_H

#include "proc/master.h"

/* The exit status: the server's, or 1 when there is no weirtop. */
int dashboard_run(struct master_options *options);

#endif
