/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A line of the error log on its way from the process that says it to the one that writes it,
 * and how it looks in the end: in a file, and as syslog(3) would have written it (RFC 3164).
 * Records come from workers and are checked as hostile memory. Pure but for the time zone; runs
 * in every process.
 */
#ifndef WEIR_BASE_LOG_RECORD_H
#define WEIR_BASE_LOG_RECORD_H

#include "base/bytes.h"
#include "base/clock.h"
#include "base/log.h"

enum {
    LOG_TAG_BYTES = 32,
    LOG_TEXT_BYTES = 2048,                                  /* longer lines are cut */
    LOG_RECORD_BYTES = 32 + LOG_TAG_BYTES + LOG_TEXT_BYTES, /* packed */
    LOG_RECORD_LINE_BYTES = 2 * LOG_TEXT_BYTES,             /* as a line: bytes become \xNN */
};

struct log_record {
    struct wall when;
    uint32_t pid;
    enum log_level level;
    bool cut; /* there was more of the text */
    struct span tag, text;
};

/* Appends it packed, at most LOG_RECORD_BYTES. */
void log_record_pack(struct out *o, const struct log_record *r);
/* Takes one off *rest; its spans point into it. False: nothing is left, or it is none. */
bool log_record_unpack(struct span *rest, struct log_record *r);

/*
 * Appends the line, of at most LOG_RECORD_LINE_BYTES, its newline included. Bytes that could forge
 * a line or drive a terminal are shown as \xNN. for_syslog: with the head of RFC 3164 instead.
 */
void log_record_line(struct out *o, const struct log_record *r, bool for_syslog);

/* "<30>Dec  1 15:34:24 weir[123]: ": what a line for the system's log begins with. */
void log_syslog_head(struct out *o, enum log_level level, struct wall when, unsigned pid);

#endif
