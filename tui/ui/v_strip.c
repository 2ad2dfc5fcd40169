/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The strip: what Enter would do, and then what became of it.
 */
#include "tui/ui/view.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "tui/ui/fmt.h"
#include "tui/ui/text.h"

static void strip_question(const struct view *v, char *out, size_t out_bytes, int cells)
{
    const struct strip *s = &v->a->strip;
    const struct snap *now = &v->m->now;
    char full[256];

    if (s->kind == STRIP_INTERVAL) {
        snprintf(out, out_bytes, "interval in seconds (now %.3g): %s_  Enter:set  Esc:cancel",
                 (double)v->a->interval_ns / 1e9, s->typed);
        if (text_width(out) > cells)
            snprintf(out, out_bytes, "interval: %s_ s  Enter:set Esc:cancel", s->typed);
        if (text_width(out) > cells)
            snprintf(out, out_bytes, "interval: %s_", s->typed);
        return;
    }
    const char *what = s->offload ? "offload" : "workers";
    if (!s->typed[0] && s->change == 0)
        snprintf(full, sizeof full, "%s %u -> _", what, app_strip_now(v->a, v->m));
    else
        snprintf(full, sizeof full, "%s %u -> %u", what, app_strip_now(v->a, v->m),
                 app_strip_target(v->a, v->m));
    if (s->offload)
        snprintf(out, out_bytes, "%s  Enter:apply  Esc:cancel  threads of each worker%s", full,
                 now->offload_by_hand ? " (set by hand)" : "");
    else
        snprintf(out, out_bytes, "%s  Enter:apply  Esc:cancel  digits or +/-  (%u..%u%s)", full,
                 now->workers_min, now->workers_max, now->workers_auto ? ", ends auto" : "");
    if (text_width(out) > cells)
        snprintf(out, out_bytes, "%s  Enter:apply Esc:cancel", full);
    if (text_width(out) > cells)
        snprintf(out, out_bytes, "%s Enter?", full);
}

/* What the master is doing while it does not answer. */
static void strip_late(const struct view *v, char *out, size_t out_bytes, const char *age)
{
    const struct model *m = v->m;
    char away[FMT_BYTES];

    fmt_age(away, mono_since((struct mono){m->clock_ns}, (struct mono){m->now.heartbeat_ns}));
    if (m->link == LINK_GONE)
        snprintf(out, out_bytes, "NO ANSWER for %s: the server is gone", age);
    else if (m->link == LINK_STALE)
        snprintf(out, out_bytes, "NO ANSWER for %s; the master is away for %s", age, away);
    else
        snprintf(out, out_bytes, "NO ANSWER for %s; it stays asked", age);
}

static enum role strip_text(const struct view *v, char *out, size_t out_bytes, int cells)
{
    const struct strip *s = &v->a->strip;
    uint64_t age_ns = mono_since((struct mono){v->m->clock_ns}, (struct mono){s->sent_ns});
    char age[FMT_BYTES];

    fmt_age(age, age_ns);
    switch (s->kind) {
    case STRIP_SENT:
        if (age_ns < 5 * NS_PER_S) {
            snprintf(out, out_bytes, "sent %s ago, waiting for the master", age);
            return ROLE_WARN;
        }
        strip_late(v, out, out_bytes, age);
        return ROLE_BAD;
    case STRIP_GOING:
        if (s->foreign) {
            snprintf(out, out_bytes, "someone else, op #%u for %s: %s", s->op, age, s->text);
            return ROLE_WARN;
        }
        snprintf(out, out_bytes, "op #%u for %s: %s", s->op, age, s->text);
        return ROLE_WARN;
    case STRIP_DONE:
        fmt_age(age, mono_since((struct mono){s->since_ns}, (struct mono){s->sent_ns}));
        snprintf(out, out_bytes, "done in %s: %s", age, s->text);
        return ROLE_KEY;
    case STRIP_FAILED:
        snprintf(out, out_bytes, "%s%s  Esc:close", s->id ? "REFUSED: " : "", s->text);
        if (text_width(out) > cells)
            snprintf(out, out_bytes, "%s%s", s->id ? "REFUSED: " : "", s->text);
        return ROLE_BAD;
    default:
        strip_question(v, out, out_bytes, cells);
        return ROLE_SELECT;
    }
}

bool view_strip_is_of_workers(const struct app *a)
{
    static const char *const words[] = {"workers", "drain", "restart", "kill"};
    const struct strip *s = &a->strip;

    if (s->offload)
        return false;
    if (!s->other || s->foreign || s->what[0] == '\0')
        return true; /* a number that is chosen, a change on the board, a refusal of either */
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strncmp(s->what, words[i], strlen(words[i])) == 0)
            return true;
    return false;
}

void view_strip(struct view *shown, struct rect r)
{
    struct view now = *shown, *v = &now;
    enum strip_kind kind = v->a->strip.kind;
    char text[2048], cut[2048];
    int col = v->layout.cols < 30 ? 0 : 1;

    v->m = v->live;
    grid_fill(v->g, r.row, 0, r.cols, ROLE_NORMAL, L' ');
    if (v->a->roll.verb && v->a->roll.count > 0) {
        const struct roll *roll = &v->a->roll;
        col += view_print(v, r.row, col, r.cols - col, ROLE_KEY, "%s %u/%u%s ", roll->verb,
                          roll->at < roll->count ? roll->at + 1 : roll->count, roll->count,
                          roll->ending ? ", last" : "");
    }
    if (v->a->strip.offload && (kind == STRIP_SENT || kind == STRIP_GOING || kind == STRIP_DONE)) {
        col += view_print(v, r.row, col, r.cols - col, ROLE_NORMAL, "%s %u  ",
                          v->layout.narrow ? "O" : "offload", v->m->now.offload_threads);
    } else if (view_strip_is_of_workers(v->a) &&
               (kind == STRIP_SENT || kind == STRIP_GOING || kind == STRIP_DONE)) {
        /* What the board says stands before what was asked. */
        col += view_print(v, r.row, col, r.cols - col, ROLE_NORMAL, "%s %u/%u ",
                          v->layout.narrow ? "W" : "workers", v->m->now.workers_running,
                          v->m->now.workers_wanted);
        if (v->layout.cols >= 60)
            col += view_scoreboard(v, r.row, col, r.cols / 3) + 2;
    }
    enum role role = strip_text(v, text, sizeof text, r.cols - col);
    text_cut_end(cut, sizeof cut, text, r.cols - col);
    if (role == ROLE_SELECT || role == ROLE_BAD)
        grid_fill(v->g, r.row, col > 1 ? col : 0, r.cols, role, L' ');
    grid_text(v->g, r.row, col, r.cols - col, role, cut);
}
