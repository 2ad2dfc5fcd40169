/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How a line of the access log looks, combined or JSON. Pure but for the time zone; worker
 * and tests.
 */
#ifndef WEIR_PROTO_LOG_LINE_H
#define WEIR_PROTO_LOG_LINE_H

#include "proto/access_log.h"

/* The longest line there is: a field that would make it longer is cut, and ends in "...". */
#define LOG_LINE_BYTES (48 * 1024)

/* The time as text, made anew when the second changes. Zero it once. */
struct log_line_clock {
    uint64_t second;
    char combined[32]; /* 10/Oct/2000:13:55:36 -0700 */
    char json[32];     /* 2000-10-10T13:55:36-07:00 */
};

/* Appends one line, its newline included, of at most max_bytes (at least 4096). */
void log_line_add(struct out *o, const struct access_record *r, struct log_line_clock *clock,
                  bool json, size_t max_bytes);

#endif
