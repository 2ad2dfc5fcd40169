/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The part of the verdict's rule about limits that is critical: new clients wait because no worker
 * has room for one more. Pure, like all of the verdict.
 */
#include "tui/model/verdict.h"

#include <stdio.h>

/* Every worker that runs is out of the accept set, and connections wait. */
bool verdict_no_room(const struct model *m, struct verdict *v)
{
    const struct snap_listener *l = model_fullest(&m->now);
    unsigned running = 0;

    for (unsigned i = 0; i < m->row_count; i++) {
        const struct snap_worker *w = model_worker(m, &m->row[i]);
        if (w->state != SLOT_RUNNING)
            continue;
        if (w->counter[COUNTER_accepting] != 0)
            return false;
        running++;
    }
    if (running == 0 || l == NULL || l->queue_depth == 0)
        return false;
    v->level = VERDICT_BAD;
    v->rule = RULE_LIMIT;
    snprintf(v->text, sizeof v->text,
             "new clients wait: no worker has room for another connection; %u in the accept queue",
             l->queue_depth);
    snprintf(v->brief, sizeof v->brief, "no room: %u clients wait", l->queue_depth);
    snprintf(v->hint, sizeof v->hint, "[limits] connections, ulimit -n");
    return true;
}
