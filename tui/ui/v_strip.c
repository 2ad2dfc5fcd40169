/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The strip: what Enter would do, and then what became of it.
 */
#include "tui/ui/view.h"

#include <stdio.h>

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
            snprintf(out, out_bytes, "interval: %s_", s->typed);
        return;
    }
    if (!s->typed[0] && s->change == 0)
        snprintf(full, sizeof full, "workers %u -> _", now->workers_wanted);
    else
        snprintf(full, sizeof full, "workers %u -> %u", now->workers_wanted,
                 app_strip_target(v->a, v->m));
    snprintf(out, out_bytes, "%s  Enter:apply  Esc:cancel  digits or +/-  (%u..%u%s)", full,
             now->workers_min, now->workers_max, now->workers_auto ? ", ends auto" : "");
    if (text_width(out) > cells)
        snprintf(out, out_bytes, "%s  Enter:apply Esc:cancel", full);
    if (text_width(out) > cells)
        snprintf(out, out_bytes, "%s Enter?", full);
}

static enum role strip_text(const struct view *v, char *out, size_t out_bytes, int cells)
{
    const struct strip *s = &v->a->strip;
    uint64_t age_ns = mono_since((struct mono){v->m->clock_ns}, (struct mono){s->sent_ns});
    char age[FMT_BYTES], head[64];

    fmt_age(age, age_ns);
    snprintf(head, sizeof head, "workers %u/%u", v->m->now.workers_running,
             s->to ? s->to : v->m->now.workers_wanted);
    switch (s->kind) {
    case STRIP_SENT:
        if (age_ns < 5 * NS_PER_S) {
            snprintf(out, out_bytes, "%s  sent %s ago, waiting for the master", head, age);
            return ROLE_WARN;
        }
        snprintf(out, out_bytes, "%s  NO ANSWER for %s; it stays asked", head, age);
        return ROLE_BAD;
    case STRIP_GOING:
        snprintf(out, out_bytes, "%s  %s (%s)", head, s->text, age);
        return ROLE_WARN;
    case STRIP_DONE:
        fmt_age(age, mono_since((struct mono){s->since_ns}, (struct mono){s->sent_ns}));
        snprintf(out, out_bytes, "%s  done in %s: %s", head, age, s->text);
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

void view_strip(struct view *v, struct rect r)
{
    char text[2048], cut[2048];
    int margin = v->layout.cols < 30 ? 0 : 1;
    enum role role = strip_text(v, text, sizeof text, r.cols - 2 * margin);

    text_cut_end(cut, sizeof cut, text, r.cols - 2 * margin);
    grid_fill(v->g, r.row, 0, r.cols, role, L' ');
    grid_text(v->g, r.row, margin, r.cols - margin, role, cut);
}
