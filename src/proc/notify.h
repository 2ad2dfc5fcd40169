/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a service manager is told: sd_notify(3)'s protocol, a datagram of NAME=value lines to the
 * socket that $NOTIFY_SOCKET names. Without that variable nothing is told. Never waits: a manager
 * that does not read misses it. Master only.
 */
#ifndef WEIR_PROC_NOTIFY_H
#define WEIR_PROC_NOTIFY_H

/* The server serves; also after a reload, whichever way that ended. */
void notify_ready(void);
void notify_reloading(void);
void notify_stopping(void);

#endif
