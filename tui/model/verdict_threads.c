/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The part of the rule about offload threads that is critical: a worker has none and can start none
 * (a limit on tasks or memory, a seccomp filter), so that it refuses every request for what is not
 * in memory. The rest of that rule is in verdict.c. Dashboard only.
 */
#include "tui/model/verdict_threads.h"

#include <stdio.h>

bool verdict_no_thread(const struct model *m, struct verdict *v)
{
    unsigned refusing = 0, who = 0;
    char head[48];

    for (unsigned i = m->row_count; i-- > 0;) {
        const struct snap_worker *w = model_worker(m, &m->row[i]);
        if (w->counter[COUNTER_offload_refusing] == 0)
            continue;
        refusing++;
        who = w->number;
    }
    if (refusing == 0)
        return false;
    if (refusing == 1)
        snprintf(head, sizeof head, "w%u", who);
    else
        snprintf(head, sizeof head, "%u of %u workers", refusing, m->live);
    v->level = VERDICT_BAD;
    v->rule = RULE_OFFLOAD_FULL;
    snprintf(v->text, sizeof v->text,
             "%s cannot start offload threads and %s none: what is not in memory gets 503", head,
             refusing == 1 ? "has" : "have");
    snprintf(v->brief, sizeof v->brief, "%s: no offload threads, cold files get 503", head);
    snprintf(v->least, sizeof v->least, "%s: no threads", head);
    snprintf(v->hint, sizeof v->hint, "see limits on tasks and memory");
    return true;
}
