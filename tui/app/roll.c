/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The roll: it looks at the strip, which follows the current worker's operation.
 */
#include "tui/app/roll.h"

#include <stdio.h>
#include <string.h>

#include "tui/app/rows.h"
#include "tui/app/strip.h"

void roll_begin(struct app *a, const char *verb)
{
    memset(&a->roll, 0, sizeof a->roll);
    a->roll.verb = verb;
    a->roll.count = a->tag_count;
    memcpy(a->roll.key, a->tag, sizeof a->roll.key);
    a->tag_count = 0;
}

static void roll_end(struct app *a, struct model *m, const struct event *e, const char *why)
{
    char text[128];

    snprintf(text, sizeof text, "%s of tagged workers: %s after %u of %u", a->roll.verb, why,
             a->roll.at, a->roll.count);
    model_note(m, e->wall_ns, "ROLL", text);
    app_note(a, e->now_ns, "%s", text);
    a->roll.verb = NULL;
}

void roll_next(struct app *a, struct model *m, const struct event *e, struct app_command *out)
{
    struct roll *r = &a->roll;
    char text[64];

    while (r->at < r->count) {
        unsigned number = (unsigned)(r->key[r->at] >> 32);
        if (rows_worker(m, number, (uint32_t)r->key[r->at])) {
            snprintf(text, sizeof text, "%s %u", r->verb, number);
            strip_send(a, e, text, out);
            r->waiting = true;
            return;
        }
        snprintf(text, sizeof text, "w%u was replaced meanwhile: left out", number);
        model_note(m, e->wall_ns, "ROLL", text);
        r->at++;
    }
    roll_end(a, m, e, "ended");
}

bool roll_follow(struct app *a, struct model *m, const struct event *e, struct app_command *out)
{
    struct roll *r = &a->roll;

    if (r->verb == NULL)
        return false;
    const char *reason = app_read_only_reason(a, m);
    if (reason) {
        roll_end(a, m, e, reason);
        return true;
    }
    if (a->strip.kind == STRIP_SENT || a->strip.kind == STRIP_GOING)
        return false;
    if (a->strip.kind != STRIP_DONE) { /* refused, or another question took the strip */
        roll_end(a, m, e, "stopped");
        return true;
    }
    /* Not before as many serve as should: a killed worker has to be back. */
    if (m->now.workers_running < m->now.workers_wanted)
        return false;
    r->at++;
    r->waiting = false;
    if (r->ending && r->at < r->count)
        roll_end(a, m, e, "ended by Esc");
    else
        roll_next(a, m, e, out);
    return true;
}
