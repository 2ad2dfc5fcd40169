/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The controller: moving, help, dispatch of actions. The strip, which is all that can change
 * the server, lives in strip.c.
 */
#include "tui/app/app.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "tui/app/strip.h"

#define NOTE_NS (4 * NS_PER_S)

void app_init(struct app *a, uint64_t interval_ns, bool read_only)
{
    memset(a, 0, sizeof *a);
    a->interval_ns = interval_ns;
    a->read_only = read_only;
    a->page_rows = 10;
    a->next_id = 1;
}

const char *app_read_only_reason(const struct app *a, const struct model *m)
{
    if (a->read_only)
        return "started with --read-only";
    if (m->link == LINK_NEVER || m->link == LINK_GONE)
        return "no connection to a server";
    return NULL;
}

int app_selected_row(const struct app *a, const struct model *m)
{
    for (unsigned i = 0; i < m->row_count && a->selected; i++) {
        const struct snap_worker *w = model_worker(m, &m->row[i]);
        if (w->number == a->selected && w->epoch == a->selected_epoch)
            return (int)i;
    }
    return m->row_count > 0 ? 0 : -1;
}

void app_seen(struct app *a, int table_rows, int help_last, int io_last)
{
    a->page_rows = table_rows > 1 ? table_rows - 1 : 1;
    a->help_last = help_last;
    a->io_last = io_last;
}

static void app_note(struct app *a, const char *text, uint64_t now_ns)
{
    snprintf(a->note, sizeof a->note, "%s", text);
    a->note_until_ns = now_ns + NOTE_NS;
}

static void app_select(struct app *a, const struct model *m, long row)
{
    if (m->row_count == 0)
        return;
    if (row < 0)
        row = 0;
    if (row >= (long)m->row_count)
        row = (long)m->row_count - 1;
    const struct snap_worker *w = model_worker(m, &m->row[row]);
    a->selected = w->number;
    a->selected_epoch = w->epoch;
}

/* Moves a list that has no cursor. */
static void app_scroll(int *scroll, int last, int page, enum action action)
{
    int step = action == ACTION_PAGE_UP || action == ACTION_PAGE_DOWN ? page : 1;

    if (*scroll > last) /* it has become shorter */
        *scroll = last;
    if (action == ACTION_FIRST)
        *scroll = 0;
    else if (action == ACTION_LAST)
        *scroll = last;
    else
        *scroll += action == ACTION_UP || action == ACTION_PAGE_UP ? -step : step;
    if (*scroll > last)
        *scroll = last;
    if (*scroll < 0)
        *scroll = 0;
}

static void app_move(struct app *a, const struct model *m, enum action action)
{
    long row = app_selected_row(a, m);
    bool none = a->selected == 0;

    if (a->help) {
        app_scroll(&a->help_scroll, a->help_last, 10, action);
        return;
    }
    if (a->view == VIEW_IO) {
        app_scroll(&a->io_scroll, a->io_last, a->page_rows, action);
        return;
    }
    switch (action) {
    case ACTION_UP:
        app_select(a, m, none ? row : row - 1);
        break;
    case ACTION_DOWN:
        app_select(a, m, none ? row : row + 1);
        break;
    case ACTION_PAGE_UP:
        app_select(a, m, row - a->page_rows);
        break;
    case ACTION_PAGE_DOWN:
        app_select(a, m, row + a->page_rows);
        break;
    case ACTION_FIRST:
        app_select(a, m, 0);
        break;
    default:
        app_select(a, m, (long)m->row_count - 1);
        break;
    }
}

static void app_show(struct app *a, enum view_kind view)
{
    a->help = false;
    a->view = view;
    a->io_scroll = 0;
}

static void app_escape(struct app *a)
{
    if (a->help)
        a->help = false;
    else if (a->strip.kind != STRIP_NONE && a->strip.kind != STRIP_SENT)
        strip_close(a);
    else if (a->view != VIEW_OVERVIEW)
        a->view = VIEW_OVERVIEW;
    else
        a->selected = 0;
}

/* An action that leads to a change: refused with the reason when it cannot. */
static unsigned app_write(struct app *a, struct model *m, enum action action, const struct event *e)
{
    const char *reason = app_read_only_reason(a, m);
    char text[128];

    if (e->flood) {
        app_note(a, "too many keys at once: ignored", e->now_ns);
        return WANT_DRAW;
    }
    if (reason) {
        snprintf(text, sizeof text, "read-only: %s", reason);
        app_note(a, text, e->now_ns);
        return WANT_DRAW;
    }
    a->help = false;
    if (action == ACTION_OFFLOAD)
        strip_open_offload(a, m, e->now_ns);
    else
        strip_open_workers(a,
                           action == ACTION_MORE    ? 1
                           : action == ACTION_FEWER ? -1
                                                    : 0,
                           m, e->now_ns);
    return WANT_DRAW;
}

static unsigned app_action(struct app *a, struct model *m, enum action action,
                           const struct event *e)
{
    if (action < ACTION_COUNT && key_table[action].write)
        return app_write(a, m, action, e);
    switch (action) {
    case ACTION_HELP:
        a->help = !a->help;
        a->help_scroll = 0;
        return WANT_DRAW;
    case ACTION_OVERVIEW:
    case ACTION_IO:
        app_show(a, action == ACTION_IO ? VIEW_IO : VIEW_OVERVIEW);
        return WANT_DRAW;
    case ACTION_NEXT_VIEW:
        app_show(a, (a->view + 1) % VIEW_COUNT);
        return WANT_DRAW;
    case ACTION_UP:
    case ACTION_DOWN:
    case ACTION_PAGE_UP:
    case ACTION_PAGE_DOWN:
    case ACTION_FIRST:
    case ACTION_LAST:
        app_move(a, m, action);
        return WANT_DRAW;
    case ACTION_ESCAPE:
        app_escape(a);
        return WANT_DRAW;
    case ACTION_INTERVAL:
        a->help = false;
        strip_open_interval(a, e->now_ns);
        return WANT_DRAW;
    case ACTION_REPAINT:
        return WANT_DRAW | WANT_REPAINT;
    case ACTION_SUSPEND:
        return WANT_SUSPEND;
    case ACTION_QUIT:
        return WANT_QUIT;
    default:
        return 0;
    }
}

static unsigned app_key(struct app *a, struct model *m, const struct event *e,
                        struct app_command *out)
{
    enum action action = key_action(e->key);

    if (e->key == INPUT_PASTE) {
        app_note(a, "paste ignored", e->now_ns);
        return WANT_DRAW;
    }
    if (strip_is_open(a) && !a->help && action != ACTION_QUIT && action != ACTION_SUSPEND &&
        action != ACTION_REPAINT && action != ACTION_ESCAPE && action != ACTION_HELP) {
        if (e->flood) {
            app_note(a, "too many keys at once: ignored", e->now_ns);
            return WANT_DRAW;
        }
        if (strip_key(a, m, e, out))
            return WANT_DRAW;
    }
    return app_action(a, m, action, e);
}

unsigned app_event(struct app *a, struct model *m, const struct event *e, struct app_command *out)
{
    unsigned want = 0;

    out->there = false;
    switch (e->kind) {
    case EV_KEY:
        want = app_key(a, m, e, out);
        break;
    case EV_REPLY:
        strip_reply(a, m, e);
        want = WANT_DRAW;
        break;
    case EV_TICK:
        if (a->note[0] && e->now_ns >= a->note_until_ns) {
            a->note[0] = '\0';
            want |= WANT_DRAW;
        }
        if (strip_follow(a, m, e->now_ns))
            want |= WANT_DRAW;
        break;
    }
    return want;
}
