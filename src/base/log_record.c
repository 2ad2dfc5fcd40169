/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Records of the error log; see log_record.h. A record is a fixed head and two texts, as they lie
 * in memory: both ends are the same program. Runs in every process.
 */
#include "base/log_record.h"

#include <stdio.h>
#include <syslog.h>
#include <time.h>

#include "base/escape.h"

struct head {
    uint64_t when_ns;
    uint32_t pid;
    uint16_t text_bytes;
    uint8_t tag_bytes;
    uint8_t level; /* CUT added to it */
};

enum { CUT = 0x80 };

_Static_assert(sizeof(struct head) + LOG_TAG_BYTES + LOG_TEXT_BYTES <= LOG_RECORD_BYTES,
               "a record has room for its parts");

static struct span at_most(struct span s, size_t n)
{
    return span_of(s.p, s.n < n ? s.n : n);
}

void log_record_pack(struct out *o, const struct log_record *r)
{
    struct span tag = at_most(r->tag, LOG_TAG_BYTES), text = at_most(r->text, LOG_TEXT_BYTES);
    bool cut = r->cut || text.n < r->text.n;
    struct head h = {
        .when_ns = r->when.ns,
        .pid = r->pid,
        .text_bytes = (uint16_t)text.n,
        .tag_bytes = (uint8_t)tag.n,
        .level = (uint8_t)(r->level | (cut ? CUT : 0)),
    };

    out_add(o, (const char *)&h, sizeof h);
    out_span(o, tag);
    out_span(o, text);
}

bool log_record_unpack(struct span *rest, struct log_record *r)
{
    struct head h;

    if (rest->n < sizeof h)
        return false;
    memcpy(&h, rest->p, sizeof h);
    struct span body = span_from(*rest, sizeof h);
    if (h.tag_bytes > LOG_TAG_BYTES || h.text_bytes > LOG_TEXT_BYTES ||
        (h.level & ~CUT) > LOG_LEVEL_DEBUG || body.n < (size_t)h.tag_bytes + h.text_bytes)
        return false;
    *r = (struct log_record){
        .when = {h.when_ns},
        .pid = h.pid,
        .level = (enum log_level)(h.level & ~CUT),
        .cut = (h.level & CUT) != 0,
        .tag = span_of(body.p, h.tag_bytes),
        .text = span_of(body.p + h.tag_bytes, h.text_bytes),
    };
    *rest = span_from(body, (size_t)h.tag_bytes + h.text_bytes);
    return true;
}

static void add_time(struct out *o, const char *format, struct wall when)
{
    time_t seconds = (time_t)(when.ns / NS_PER_S);
    struct tm tm;
    char text[40];

    if (!localtime_r(&seconds, &tm))
        return;
    out_add(o, text, strftime(text, sizeof text, format, &tm));
}

void log_syslog_head(struct out *o, enum log_level level, struct wall when, unsigned pid)
{
    static const int priority[] = {LOG_ERR, LOG_WARNING, LOG_INFO, LOG_DEBUG};

    out_fmt(o, "<%d>", LOG_DAEMON | priority[level]);
    add_time(o, "%b %e %T ", when); /* no locale is set: English, as RFC 3164 wants it */
    out_fmt(o, "weir[%u]: ", pid);
}

void log_record_line(struct out *o, const struct log_record *r, bool for_syslog)
{
    char line[LOG_RECORD_LINE_BYTES];
    struct out l = out_into(line, sizeof line - 4);

    if (for_syslog) {
        log_syslog_head(&l, r->level, r->when, r->pid);
        escape_visible(&l, r->tag);
        out_str(&l, ": ");
    } else {
        add_time(&l, "%Y-%m-%d %H:%M:%S", r->when);
        out_fmt(&l, ".%03u %-5s ", (unsigned)(r->when.ns / NS_PER_MS % 1000),
                log_level_name[r->level]);
        escape_visible(&l, r->tag);
        out_fmt(&l, "[%u]: ", r->pid);
    }
    escape_visible(&l, r->text);
    out_add(o, line, out_len(&l));
    if (l.cut || r->cut)
        out_str(o, "...");
    out_char(o, '\n');
}
