/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The verdict in so many cells: shorter paths first, then a briefer head, then fewer groups; the
 * hint as long as it fits. Runs in weirtop.
 */
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "tui/model/verdict.h"
#include "tui/ui/fmt.h"
#include "tui/ui/text.h"

/* The line with paths of at most path_cells, the first `groups` groups, long or brief head. */
static void verdict_compose(const struct verdict *v, int path_cells, unsigned groups,
                            const char *head, const char *hint, struct out *o)
{
    char file[SNAP_TEXT_BYTES], age[FMT_BYTES];
    unsigned left = v->more;

    out_str(o, head);
    for (unsigned i = 0; i < v->groups; i++) {
        const struct verdict_group *g = &v->group[i];
        if (i >= groups) {
            left++;
            continue;
        }
        text_cut_path(file, sizeof file, g->file, path_cells);
        out_fmt(o, "%s%s%s%s %s%s%s", i > 0 ? ", " : "", g->who, *g->who ? " " : "", g->what,
                fmt_age(age, g->age_ns), *file ? " " : "", file);
    }
    if (left > 0)
        out_fmt(o, ", +%u more", left);
    if (*hint)
        out_fmt(o, "%s  %s", v->groups > 0 || *head ? "." : "", hint);
}

static bool verdict_try(const struct verdict *v, int cells, int path_cells, unsigned groups,
                        const char *head, const char *hint, char *to, size_t to_bytes)
{
    struct out o = out_into(to, to_bytes - 1);

    verdict_compose(v, path_cells, groups, head, hint, &o);
    *o.p = '\0';
    return !o.cut && text_width(to) <= cells;
}

void verdict_line(const struct verdict *v, int cells, char *to, size_t to_bytes)
{
    static const int paths[] = {SNAP_TEXT_BYTES, 60, 40, 30, 24, 20, 16, 12};
    static const int least[] = {24, 12, 12}; /* the long head is not worth more than a path */
    const char *head[] = {v->text, v->brief, v->least};
    unsigned all = v->groups;

    /* First shorter paths, then a briefer head, then fewer groups; the hint as long as it fits. */
    for (unsigned groups = all; groups > 0 || all == 0; groups--) {
        for (size_t h = 0; h < (all > 0 || *v->least ? 3 : 2); h++)
            for (size_t p = 0; p < sizeof paths / sizeof *paths && paths[p] >= least[h]; p++)
                if (verdict_try(v, cells, paths[p], groups, head[h], v->hint, to, to_bytes) ||
                    verdict_try(v, cells, paths[p], groups, head[h], "", to, to_bytes))
                    return;
        if (groups <= 1)
            break;
    }
    struct out o = out_into(to, to_bytes - 1);
    verdict_compose(v, 12, 1, all > 0 || *v->least ? v->least : v->brief, "", &o);
    *o.p = '\0';
    if (all > 0 && text_width(to) > cells) { /* not even one file fits: who, what, since when */
        char age[FMT_BYTES];
        snprintf(to, to_bytes, "%s%s%s%s %s", v->least, v->group[0].who,
                 v->group[0].who[0] ? " " : "", v->group[0].what, fmt_age(age, v->group[0].age_ns));
    }
}
