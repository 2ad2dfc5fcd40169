/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The inside of the verdict: a rule fills *v and returns true when it holds; what it leaves in *v
 * when it does not is thrown away. A new rule is a function, its row in the table of verdict.c
 * (the order in which rules are tried), its number in verdict.h and its words in verdict_help.c.
 * Pure; runs in weirtop.
 */
#ifndef WEIR_TUI_VERDICT_RULES_H
#define WEIR_TUI_VERDICT_RULES_H

#include "tui/model/verdict.h"

typedef bool verdict_rule_fn(const struct model *m, struct verdict *v);

static inline void verdict_set(struct verdict *v, enum verdict_level level, enum verdict_rule rule)
{
    v->level = level;
    v->rule = rule;
}

/* verdict_disk.c */
bool rule_mount(const struct model *m, struct verdict *v);
bool rule_errors(const struct model *m, struct verdict *v);
bool rule_offload_full(const struct model *m, struct verdict *v);
bool rule_held(const struct model *m, struct verdict *v);

#endif
