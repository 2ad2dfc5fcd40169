/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What Enter shows of a request or a file: a box with all that the board says of it, drawn anew as
 * it changes. Any key but Enter closes it and does what it does elsewhere. Runs in weirtop.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "tui/app/rows.h"
#include "tui/ui/box.h"
#include "tui/ui/fmt.h"

#define WISH 76

__attribute__((format(printf, 4, 5))) static void say(struct box *b, enum role role, int rank,
                                                      const char *fmt, ...)
{
    char text[2 * SNAP_TEXT_BYTES];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    box_text(b, role, rank, text);
}

static void finish(struct view *v, struct box *b, const char *title)
{
    int row, col;

    box_shrink(v, b);
    box_draw(v, b, title, &row, &col);
}

static uint64_t since(const struct model *m, uint64_t ns)
{
    return mono_since((struct mono){m->now.taken_ns}, (struct mono){ns});
}

/* ---- a request ---- */

/* "612M of 986M (62 %), 15.0M/s", or as much of it as is known. */
static void say_sent(struct box *b, const struct model *m, const struct snap_request *r)
{
    char sent[FMT_BYTES], size[FMT_BYTES], rate[FMT_BYTES], of[64] = "";
    uint64_t age = since(m, r->began_ns);

    if (r->content_bytes != REQUEST_LENGTH_UNKNOWN)
        snprintf(of, sizeof of, " of %s (%d %%)", fmt_bytes(size, (double)r->content_bytes),
                 r->content_bytes == 0 ? 100
                 : r->sent_bytes > r->content_bytes
                     ? 100
                     : (int)((double)r->sent_bytes * 100 / (double)r->content_bytes));
    say(b, ROLE_NORMAL, 1, "sent %s%s, %s/s since it began", fmt_bytes(sent, (double)r->sent_bytes),
        of, fmt_bytes(rate, age > 0 ? (double)r->sent_bytes * 1e9 / (double)age : 0));
    if (r->throttle_bytes_per_s)
        say(b, ROLE_WARN, 1, "throttled to %s/s", fmt_bytes(rate, (double)r->throttle_bytes_per_s));
}

static void say_request(struct box *b, const struct model *m, const struct snap_request *r)
{
    const struct snap_worker *w = rows_worker_now(m, r->worker);
    char age[FMT_BYTES], phase[FMT_BYTES], progress[FMT_BYTES];
    const char *help = r->phase < PHASE_COUNT ? board_phase_help[r->phase] : "?";

    say(b, ROLE_SELECT, 0, "%s", r->request);
    say(b, ROLE_NORMAL, 1, "from %s to worker %u (pid %u)", r->peer[0] ? r->peer : "?", r->worker,
        w ? w->pid : 0);
    say(b, ROLE_NORMAL, 0, "%s for %s: %s",
        r->phase < PHASE_COUNT ? board_phase_name[r->phase] : "?",
        fmt_age(phase, since(m, r->phase_since_ns)), help);
    say(b, ROLE_NORMAL, 1, "began %s ago; bytes moved %s ago", fmt_age(age, since(m, r->began_ns)),
        r->progress_ns ? fmt_age(progress, since(m, r->progress_ns)) : "-");
    if (r->status)
        say(b, ROLE_NORMAL, 1, "status %u, %s", r->status,
            r->cold ? "a disk thread was asked" : "from memory so far");
    else
        say(b, ROLE_NORMAL, 1, "no answer yet%s", r->cold ? "; a disk thread was asked" : "");
    say_sent(b, m, r);
}

void view_about_request(struct view *v)
{
    const struct model *m = app_shown(v->a, v->live);
    const struct snap_request *r = rows_request(m, v->a->about);
    struct box b;
    char title[64];

    box_begin(v, &b, WISH);
    snprintf(title, sizeof title, "request %u-%" PRIu64, (unsigned)(v->a->about >> 48),
             v->a->about & UINT64_C(0xffffffffffff));
    if (r)
        say_request(&b, m, r);
    else
        box_text(&b, ROLE_NORMAL, 0, "It has ended.");
    box_text(&b, ROLE_NORMAL, 3, "");
    box_text(&b, ROLE_DIM, 2, "Enter: its worker   a: abort, throttle   y: copy   Esc: close");
    finish(v, &b, title);
}

/* ---- a file ---- */

static const struct top_file *file_of(const struct model *m, uint64_t key)
{
    for (unsigned i = 0; i < m->files.count; i++)
        if (m->files.file[i].key == key)
            return &m->files.file[i];
    return NULL;
}

static void say_file(struct box *b, const struct model *m, const struct top_file *f)
{
    char requests[FMT_BYTES], out[FMT_BYTES], p50[FMT_BYTES] = "-", p99[FMT_BYTES] = "-",
                                              last[FMT_BYTES], errors[FMT_BYTES];

    if (f->p50_ns)
        fmt_age(p50, f->p50_ns);
    if (f->p99_ns)
        fmt_age(p99, f->p99_ns);
    say(b, ROLE_SELECT, 0, "%s", f->path);
    say(b, ROLE_NORMAL, 1, "%s requests/s, %s/s, %s failed/s", fmt_count(requests, f->requests),
        fmt_bytes(out, f->bytes), fmt_count(errors, f->errors));
    say(b, ROLE_NORMAL, 2, "took p50 %s, p99 %s; the last one %s", p50, p99,
        f->last_time_ns ? fmt_age(last, f->last_time_ns) : "-");
    say(b, ROLE_NORMAL, 0, "%u in flight for longer than 100 ms", f->in_flight);
    for (unsigned i = 0; i < m->now.file_count; i++) {
        const struct snap_file *row = &m->now.file[i];
        char age[FMT_BYTES];
        if (strcmp(row->path, f->path) == 0)
            say(b, ROLE_NORMAL, 1,
                "worker %u: asked for %" PRIu64 " times in %s, %" PRIu64 " of them from the disk",
                row->worker, row->requests, fmt_age(age, since(m, row->since_ns)), row->cold);
    }
}

void view_about_file(struct view *v)
{
    const struct model *m = app_shown(v->a, v->live);
    const struct top_file *f = file_of(m, v->a->about);
    struct box b;

    box_begin(v, &b, WISH);
    if (f)
        say_file(&b, m, f);
    else
        box_text(&b, ROLE_NORMAL, 0, "It is no longer among the files that are asked for most.");
    box_text(&b, ROLE_NORMAL, 3, "");
    box_text(&b, ROLE_DIM, 2, "y: copy the path   3: requests in flight   Esc: close");
    finish(v, &b, "file");
}
