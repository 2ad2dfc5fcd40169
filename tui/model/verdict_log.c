/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rule about logs; see verdict.h. What its writer waits for is on the board, with what was
 * lost. Runs in weirtop.
 */
#include "tui/model/verdict.h"

#include <stdio.h>
#include <string.h>

#include "tui/ui/fmt.h"
#include "tui/ui/text.h"

/* A log costs its lines, never a request: more workers would not help. */
bool verdict_log(const struct model *m, struct verdict *v)
{
    const struct snap *s = &m->now;
    char name[SNAP_TEXT_BYTES + 32], brief[64], age[FMT_BYTES];

    for (unsigned i = 0; i < BOARD_LOG_COUNT; i++) {
        const struct snap_log *l = &s->log[i];
        uint64_t stuck_ns = snap_log_stuck_ns(s, i);
        unsigned long long dropped = l->dropped;

        if (!l->used || (stuck_ns == 0 && l->error == 0))
            continue;
        v->level = VERDICT_WARN;
        v->rule = RULE_LOG;
        snap_log_name(s, i, name, sizeof name);
        text_cut_path(brief, sizeof brief, l->target, 24);
        if (stuck_ns > 0) {
            fmt_age(age, stuck_ns);
            snprintf(v->text, sizeof v->text,
                     "%s does not answer for %s: requests are served, its lines wait, %llu dropped",
                     name, age, dropped);
            snprintf(v->brief, sizeof v->brief, "LOG %s silent %s, %llu lines dropped", brief, age,
                     dropped);
        } else {
            snprintf(v->text, sizeof v->text,
                     "%s cannot be written: %s; requests are served, %llu lines dropped", name,
                     strerror((int)l->error), dropped);
            snprintf(v->brief, sizeof v->brief, "LOG %s: %.60s, %llu lines dropped", brief,
                     strerror((int)l->error), dropped);
        }
        snprintf(v->least, sizeof v->least, "LOG %.24s", brief);
        snprintf(v->hint, sizeof v->hint, "weirctl reopen opens it anew");
        return true;
    }
    return false;
}
