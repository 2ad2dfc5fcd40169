/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Numbers in few cells. Every function writes ASCII text that is never wider than its limit,
 * whatever the value, so that a column never jitters; padding is the caller's. A negative
 * value means "not known" and becomes "-". Pure; runs in weirtop and its tests.
 */
#ifndef WEIR_TUI_FMT_H
#define WEIR_TUI_FMT_H

#include <stdint.h>

#define FMT_BYTES     24
#define FMT_NUM_CELLS 5
#define FMT_AGE_CELLS 6

/* 0, 2.1, 987, 9.87k, 98.7k, 987k, 9.87M ... units of 1000; at most FMT_NUM_CELLS. */
const char *fmt_count(char out[FMT_BYTES], double value);
/* The same in units of 1024, for bytes. */
const char *fmt_bytes(char out[FMT_BYTES], double value);
/* 512us, 9.1ms, 49ms, 14.2s, 2m05s, 3h12m, 3d04h; at most FMT_AGE_CELLS. */
const char *fmt_age(char out[FMT_BYTES], uint64_t ns);
/* 12:04:31, local time. */
const char *fmt_clock(char out[FMT_BYTES], uint64_t wall_ns);

#endif
