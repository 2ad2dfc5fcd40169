/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The help, made from the key table, the row states and what is set now, so that it cannot
 * tell of a key that does nothing. It scrolls when the screen is too low.
 */
#include "tui/ui/view.h"

#include <stdio.h>
#include <string.h>

#define HELP_LINES 128

struct help_line {
    enum role role;
    char text[192];
};

static void help_add(struct help_line *line, int *n, enum role role, const char *text)
{
    if (*n < HELP_LINES) {
        line[*n].role = role;
        snprintf(line[*n].text, sizeof line[*n].text, "%s", text);
        ++*n;
    }
}

/* What an action is set to now, "" when it is not one that sets something. */
static void help_now(const struct view *v, enum action action, char *out, size_t out_bytes)
{
    const struct app *a = v->a;
    const char *sort = view_sort_name(a->view, a->list[a->view].sort);

    out[0] = '\0';
    switch (action) {
    case ACTION_INTERVAL:
        snprintf(out, out_bytes, " (now: %.3g s)", (double)a->interval_ns / 1e9);
        break;
    case ACTION_SORT:
        snprintf(out, out_bytes, " (now: %s%s)", sort ? sort : "one order only",
                 a->list[a->view].invert ? ", turned round" : "");
        break;
    case ACTION_UNITS:
        snprintf(out, out_bytes, " (now: %s)", a->bits ? "bits" : "bytes");
        break;
    case ACTION_MOUSE:
        snprintf(out, out_bytes, " (now: %s)", a->mouse ? "on" : "off");
        break;
    case ACTION_FOLLOW:
        snprintf(out, out_bytes, " (now: %s)", a->follow ? "yes" : "no");
        break;
    case ACTION_GROUP:
        snprintf(out, out_bytes, " (now: %s)", a->group ? "yes" : "no");
        break;
    case ACTION_WIDE:
        snprintf(out, out_bytes, " (now: %s)", a->wide ? "yes" : "no");
        break;
    case ACTION_PAUSE:
        snprintf(out, out_bytes, " (now: %s)",
                 a->time.replay   ? "a recording"
                 : a->time.paused ? "paused"
                                  : "live");
        break;
    case ACTION_UNTAG:
        snprintf(out, out_bytes, " (now: %u tagged)", a->tag_count);
        break;
    case ACTION_FILTER:
        if (a->list[a->view].filter[0])
            snprintf(out, out_bytes, " (now: %.40s)", a->list[a->view].filter);
        break;
    case ACTION_FIND:
        if (a->list[a->view].find[0])
            snprintf(out, out_bytes, " (now: %.40s)", a->list[a->view].find);
        break;
    default:
        break;
    }
}

static void help_keys(const struct view *v, struct help_line *line, int *n)
{
    const char *reason = app_read_only_reason(v->a, v->m);
    char text[192], now[96];

    for (int group = 0; group < GROUP_COUNT; group++) {
        snprintf(text, sizeof text, " %s", key_group_title[group]);
        help_add(line, n, ROLE_KEY, text);
        if (group == GROUP_SERVER && reason) {
            snprintf(text, sizeof text, "   not now: %.150s", reason);
            help_add(line, n, ROLE_WARN, text);
        }
        for (int i = 0; i < ACTION_COUNT; i++) {
            const struct key_row *k = &key_table[i];
            if ((int)k->group != group)
                continue;
            help_now(v, (enum action)i, now, sizeof now);
            snprintf(text, sizeof text, "   %-14s %s%s", k->shown, k->help, now);
            help_add(line, n, k->write && reason ? ROLE_DIM : ROLE_NORMAL, text);
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
    grid_clear(g);
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
