/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The help, made from the key table, the row states and what is set now, so that it cannot
 * tell of a key that does nothing. It scrolls when the screen is too low.
 */
#include "tui/ui/view.h"

#include <stdio.h>
#include <string.h>

#define HELP_LINES 64

struct help_line {
    enum role role;
    char text[128];
};

static void help_add(struct help_line *line, int *n, enum role role, const char *text)
{
    if (*n < HELP_LINES) {
        line[*n].role = role;
        snprintf(line[*n].text, sizeof line[*n].text, "%s", text);
        ++*n;
    }
}

static void help_keys(const struct view *v, struct help_line *line, int *n)
{
    const char *reason = app_read_only_reason(v->a, v->m);
    char text[128];

    for (int group = 0; group < GROUP_COUNT; group++) {
        snprintf(text, sizeof text, " %s", key_group_title[group]);
        help_add(line, n, ROLE_KEY, text);
        for (int i = 0; i < ACTION_COUNT; i++) {
            const struct key_row *k = &key_table[i];
            if ((int)k->group != group)
                continue;
            snprintf(text, sizeof text, "   %-14s %s", k->shown, k->help);
            help_add(line, n, k->write && reason ? ROLE_DIM : ROLE_NORMAL, text);
        }
        if (group == GROUP_SERVER && reason) {
            snprintf(text, sizeof text, "   not now: %s", reason);
            help_add(line, n, ROLE_WARN, text);
        }
    }
}

static void help_states(const struct view *v, struct help_line *line, int *n)
{
    char text[128];

    help_add(line, n, ROLE_KEY, " States, and their letters in [...]");
    for (int s = 0; s < ROW_STATE_COUNT; s++) {
        snprintf(text, sizeof text, "   %c  %-11s %s", row_state_letter[s], row_state_word[s],
                 row_state_help[s]);
        help_add(line, n, ROLE_NORMAL, text);
    }
    help_add(line, n, ROLE_KEY, " Now");
    snprintf(text, sizeof text, "   interval %.3g s   blocked after %.0f ms   slow request %.3g s",
             (double)v->a->interval_ns / 1e9, (double)v->m->now.blocked_after_ns / 1e6,
             (double)v->m->now.slow_request_ns / 1e9);
    help_add(line, n, ROLE_NORMAL, text);
}

int view_help(struct view *v)
{
    struct help_line line[HELP_LINES];
    struct grid *g = v->g;
    int n = 0, room = g->rows - 1, scroll = v->a->help_scroll;
    char place[64];

    help_keys(v, line, &n);
    help_states(v, line, &n);
    if (scroll > n - room)
        scroll = n - room;
    if (scroll < 0)
        scroll = 0;
    grid_fill(g, 0, 0, g->cols, ROLE_TITLE, L' ');
    grid_text(g, 0, 0, g->cols, ROLE_TITLE, " weirtop help");
    if (n > room)
        snprintf(place, sizeof place, "%d-%d of %d, j k scroll  Esc:close ", scroll + 1,
                 scroll + room < n ? scroll + room : n, n);
    else
        snprintf(place, sizeof place, "Esc:close ");
    if (g->cols >= 60)
        grid_text_right(g, 0, 14, g->cols - 14, ROLE_TITLE, place);
    else if (g->cols >= 26)
        grid_text_right(g, 0, 14, g->cols - 14, ROLE_TITLE, "Esc:close ");
    for (int y = 0; y < room && scroll + y < n; y++)
        grid_text(g, 1 + y, 0, g->cols, line[scroll + y].role, line[scroll + y].text);
    return n > room ? n - room : 0;
}
