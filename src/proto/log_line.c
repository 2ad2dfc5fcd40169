/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lines of the access log; see log_line.h. Combined is byte for byte what Apache and nginx
 * write, with nginx's escapes: a control byte, a byte above 126, a quote and a backslash
 * become \xNN. JSON is one object (RFC 8259) a line. Worker and tests.
 */
#include "proto/log_line.h"

#include <stdio.h>
#include <time.h>

#include "base/escape.h"
#include "http/parse.h"

typedef void escape_fn(struct out *o, struct span s);

/* nginx's default escaping of variables in a log. */
static void escape_combined(struct out *o, struct span s)
{
    static const char hex[] = "0123456789ABCDEF";
    size_t from = 0;

    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c >= 0x20 && c < 0x7f && c != '"' && c != '\\')
            continue;
        out_add(o, s.p + from, i - from);
        from = i + 1;
        char x[4] = {'\\', 'x', hex[c >> 4], hex[c & 15]};
        out_add(o, x, sizeof x);
    }
    out_add(o, s.p + from, s.n - from);
}

/* Appends s escaped in at most max bytes; what is cut never leaves half an escape. */
static void add_bounded(struct out *o, escape_fn *escape, struct span s, size_t max)
{
    size_t used = 0;

    if (s.n <= max / 6) { /* no escape is longer than six bytes for one */
        escape(o, s);
        return;
    }
    while (s.n > 0) {
        char unit[32];
        uint32_t cp;
        size_t len = utf8_next(s, &cp);
        struct out one = out_into(unit, sizeof unit);

        len = len ? len : 1;
        escape(&one, span_of(s.p, len));
        if (used + out_len(&one) + 3 > max) {
            out_str(o, "...");
            return;
        }
        out_add(o, unit, out_len(&one));
        used += out_len(&one);
        s = span_from(s, len);
    }
}

static void render_clock(struct log_line_clock *clock, struct wall when)
{
    uint64_t second = when.ns / NS_PER_S;
    time_t t = (time_t)second;
    struct tm tm;
    char zone[8];

    if (clock->second == second && clock->combined[0] != '\0')
        return;
    clock->second = second;
    if (!localtime_r(&t, &tm))
        memset(&tm, 0, sizeof tm);
    /* The month by hand: strftime's is the locale's. */
    static const char *const month[12] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                          "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    strftime(zone, sizeof zone, "%z", &tm);
    struct out o = out_into(clock->combined, sizeof clock->combined - 1);
    out_fmt(&o, "%02d/%s/%04d:%02d:%02d:%02d %s", tm.tm_mday, month[tm.tm_mon % 12],
            tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec, zone);
    *o.p = '\0';
    o = out_into(clock->json, sizeof clock->json - 1);
    out_fmt(&o, "%04d-%02d-%02dT%02d:%02d:%02d%.3s:%.2s", tm.tm_year + 1900, tm.tm_mon + 1,
            tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, zone, zone + 3);
    *o.p = '\0';
}

static struct span field_of(const struct access_record *r, enum http_field_id id)
{
    return r->http ? r->http->known[id] : (struct span){0};
}

static void add_quoted(struct out *o, struct span s, size_t max)
{
    out_char(o, '"');
    if (s.n == 0)
        out_char(o, '-');
    else
        add_bounded(o, escape_combined, s, max);
    out_char(o, '"');
}

static void add_combined(struct out *o, const struct access_record *r,
                         const struct log_line_clock *clock, size_t max)
{
    out_span(o, r->peer);
    out_str(o, " - - [");
    out_str(o, clock->combined);
    out_str(o, "] ");
    add_quoted(o, r->http ? r->http->line : r->line, max / 2);
    out_char(o, ' ');
    out_u64(o, (uint64_t)r->status);
    out_char(o, ' ');
    out_u64(o, r->bytes_sent);
    out_char(o, ' ');
    add_quoted(o, field_of(r, HTTP_FIELD_REFERER), max / 5);
    out_char(o, ' ');
    add_quoted(o, field_of(r, HTTP_FIELD_USER_AGENT), max / 5);
    out_char(o, '\n');
}

static void add_text(struct out *o, const char *name, struct span s, size_t max)
{
    out_str(o, ",\"");
    out_str(o, name);
    out_str(o, "\":\"");
    add_bounded(o, escape_json, s, max);
    out_char(o, '"');
}

static void add_number(struct out *o, const char *name, uint64_t v)
{
    out_str(o, ",\"");
    out_str(o, name);
    out_str(o, "\":");
    out_u64(o, v);
}

/* Milliseconds with three digits behind the point. */
static void add_ms(struct out *o, const char *name, uint64_t ns)
{
    uint64_t us = ns / NS_PER_US;

    add_number(o, name, us / 1000);
    char digits[4] = {'.', (char)('0' + us / 100 % 10), (char)('0' + us / 10 % 10),
                      (char)('0' + us % 10)};
    out_add(o, digits, sizeof digits);
}

static void add_bool(struct out *o, const char *name, bool v)
{
    out_str(o, ",\"");
    out_str(o, name);
    out_str(o, v ? "\":true" : "\":false");
}

static void add_json(struct out *o, const struct access_record *r,
                     const struct log_line_clock *clock, size_t max)
{
    out_str(o, "{\"time\":\"");
    out_str(o, clock->json);
    out_char(o, '"');
    add_text(o, "peer", r->peer, max / 32);
    if (r->http) {
        add_text(o, "method", r->http->method_text, max / 32);
        add_text(o, "target", r->http->target, max / 3);
        add_text(o, "version", r->http->version_minor ? SPAN("HTTP/1.1") : SPAN("HTTP/1.0"), 64);
        add_text(o, "host", r->http->host, max / 16);
    } else {
        add_text(o, "line", r->line, max / 3);
    }
    add_number(o, "status", (uint64_t)r->status);
    add_number(o, "bytes", r->bytes_sent);
    add_ms(o, "duration_ms", r->total_ns);
    add_ms(o, "queue_ms", r->queue_ns);
    add_ms(o, "head_ms", r->head_ns);
    add_ms(o, "open_ms", r->open_ns);
    add_bool(o, "cold", r->cold);
    add_ms(o, "offload_wait_ms", r->offload_wait_ns);
    add_ms(o, "offload_run_ms", r->offload_run_ns);
    add_ms(o, "first_byte_ms", r->first_byte_ns);
    add_text(o, "request_id", span_str(r->request_id), 512);
    add_text(o, "referer", field_of(r, HTTP_FIELD_REFERER), max / 8);
    add_text(o, "user_agent", field_of(r, HTTP_FIELD_USER_AGENT), max / 8);
    add_text(o, "cache", span_str(r->cache), 64);
    add_number(o, "worker", r->worker);
    add_bool(o, "reused", r->reused);
    add_bool(o, "aborted", r->aborted);
    out_str(o, "}\n");
}

void log_line_add(struct out *o, const struct access_record *r, struct log_line_clock *clock,
                  bool json, size_t max_bytes)
{
    render_clock(clock, r->when);
    if (json)
        add_json(o, r, clock, max_bytes);
    else
        add_combined(o, r, clock, max_bytes);
}
