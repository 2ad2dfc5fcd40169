/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Actions. None of them sends anything: what changes the server opens the strip or a dialog.
 */
#include "tui/app/act.h"

#include <stdio.h>
#include <string.h>

#include "tui/app/dialog.h"
#include "tui/app/help.h"
#include "tui/app/list.h"
#include "tui/app/menu.h"
#include "tui/app/past.h"
#include "tui/app/prompt.h"
#include "tui/app/roll.h"
#include "tui/app/rows.h"
#include "tui/app/setup.h"
#include "tui/app/strip.h"

#define ACT_SHIFT 8 /* cells, for one press of Left or Right */

void act_show(struct app *a, enum view_kind view)
{
    a->help = false;
    if (a->view != view && !a->note_stays)
        a->note[0] = '\0'; /* what was said of the view before is not true of this one */
    a->view = view;
    a->about = 0;
    a->io_scroll = 0;
    a->row_wanted = -1;
    a->find_pages = 0;
    a->seen.row_count = 0; /* what was on the screen are no rows of this view */
    a->seen.last_scroll = 0;
    a->seen.text_beyond = 0;
}

void act_show_worker(struct app *a, const struct snap_worker *w)
{
    if (a->view != VIEW_WORKER)
        a->back = a->view;
    act_show(a, VIEW_WORKER);
    a->list[VIEW_WORKER].scroll = 0;
    list_select_worker(a, w);
}

/* Tab goes around the views with number keys. */
static void act_next_view(struct app *a, int step)
{
    int from = a->view == VIEW_WORKER ? (int)a->back : (int)a->view;

    if (a->view == VIEW_WORKER && step < 0)
        step = 0;
    act_show(a, (enum view_kind)((from + step + VIEW_WORKER) % VIEW_WORKER));
}

static const char act_nothing[VIEW_COUNT][64] = {
    [VIEW_OVERVIEW] = "no worker is selected",
    [VIEW_LATENCY] = "no worker is selected",
    [VIEW_REQUESTS] = "no request is selected",
    [VIEW_FILES] = "no file is selected",
    [VIEW_IO] = "a has what can be done about a mount",
    [VIEW_EVENTS] = "this event is about no worker that there is",
    [VIEW_WORKER] = "this is the detail; Left and Right show other workers",
};

/* The box about a request or a file; of a request whose box is there, the worker. */
static void act_enter(struct app *a, const struct model *m, uint64_t now_ns)
{
    const struct snap_worker *w = rows_selected_worker(a, app_shown(a, m));
    bool box = a->view == VIEW_REQUESTS || a->view == VIEW_FILES;
    uint64_t key = box ? rows_cursor(a, app_shown(a, m)) : 0;

    if (box && !a->about && key) {
        a->about = key;
        return;
    }
    a->about = 0;
    if (a->view == VIEW_FILES && key)
        return;
    if (w && a->view != VIEW_WORKER)
        act_show_worker(a, w);
    else
        app_note(a, now_ns, "%s", act_nothing[a->view]);
}

/* The detail of the worker whose number is next. */
static void act_other_worker(struct app *a, const struct model *m, int step)
{
    const struct snap_worker *best = NULL, *end = NULL;

    for (unsigned i = 0; i < m->now.worker_count; i++) {
        const struct snap_worker *w = &m->now.worker[i];
        bool beyond = step > 0 ? w->number > a->selected : w->number < a->selected;
        if (beyond && (!best || (step > 0) == (w->number < best->number)))
            best = w;
        if (!end || (step > 0) == (w->number < end->number))
            end = w; /* the first one, for going around */
    }
    if (best == NULL)
        best = end;
    if (best) {
        list_select_worker(a, best);
        a->list[VIEW_WORKER].scroll = 0;
    }
}

/* The mount under the cursor of the I/O view. */
static void act_other_mount(struct app *a, const struct model *m, int step)
{
    int n = (int)m->now.mount_count, at = -1;

    for (int i = 0; i < n; i++)
        if (m->now.mount[i].device == a->list[VIEW_IO].key)
            at = i;
    at = at < 0 ? 0 : (at + step + n) % n;
    if (n > 0)
        list_select(a, m->now.mount[at].device, 0);
}

/* The last column of a list, as far as its longest text needs it. */
static void act_shift(struct app *a, int step, uint64_t now_ns)
{
    int *shift = &a->list[a->view].shift;
    int last = (a->seen.text_beyond + ACT_SHIFT - 1) / ACT_SHIFT * ACT_SHIFT;
    /* Texts that were longer may be gone; what is shifted beyond the others comes back. */
    int from = *shift < last ? *shift : last, to = from + step * ACT_SHIFT;

    if (step < 0 && *shift == 0)
        app_note(a, now_ns, "nothing more to the left");
    else if (to > last)
        app_note(a, now_ns, "nothing more to the right");
    else
        *shift = to > 0 ? to : 0;
}

static unsigned act_sideways(struct app *a, const struct model *m, int step, uint64_t now_ns)
{
    if (a->view == VIEW_WORKER) {
        act_other_worker(a, app_shown(a, m), step);
    } else if (a->view == VIEW_LATENCY) {
        int last = a->seen.heat_last > 0 ? a->seen.heat_last : HEAT_SECONDS - 1;
        a->latency_ago -= step;
        if (a->latency_ago < 0)
            a->latency_ago = 0;
        if (a->latency_ago > last)
            a->latency_ago = last;
    } else if (a->time.paused || a->time.replay) {
        return past_step(a, step, now_ns);
    } else if (a->view == VIEW_IO) {
        act_other_mount(a, app_shown(a, m), step);
    } else {
        act_shift(a, step, now_ns);
    }
    return WANT_DRAW;
}

static bool act_escape_time(struct app *a)
{
    if (!a->time.paused || a->time.replay)
        return false;
    a->time.paused = false;
    a->time.record = a->time.newest;
    return true;
}

static unsigned act_escape(struct app *a)
{
    struct list_state *l = &a->list[a->view];

    a->note[0] = '\0';
    if (a->help) {
        a->help = false;
    } else if (roll_is_on(a) && !a->roll.ending) {
        a->roll.ending = true;
    } else if (a->strip.kind != STRIP_NONE && a->strip.kind != STRIP_SENT) {
        strip_close(a);
    } else if (l->shift > 0) {
        l->shift = 0;
    } else if (l->filter[0]) {
        l->filter[0] = '\0';
    } else if (l->find[0]) {
        l->find[0] = '\0';
        a->find_pages = 0;
    } else if (a->view == VIEW_WORKER) {
        act_show(a, a->back);
    } else if (act_escape_time(a)) {
        return WANT_DRAW | WANT_TIME;
    } else if (a->view != VIEW_OVERVIEW) {
        act_show(a, VIEW_OVERVIEW);
    } else {
        a->follow = false;
        list_select_worker(a, NULL);
    }
    return WANT_DRAW;
}

/* An action that leads to a change: refused with the reason when it cannot. */
static unsigned act_write(struct app *a, struct model *m, enum action action, const struct event *e)
{
    static const enum dialog_kind dialog[ACTION_COUNT] = {[ACTION_DRAIN] = DIALOG_DRAIN,
                                                          [ACTION_RESTART] = DIALOG_RESTART,
                                                          [ACTION_KILL] = DIALOG_KILL,
                                                          [ACTION_AUTO] = DIALOG_AUTO};
    const char *reason = app_read_only_reason(a, m);

    if (reason) {
        app_note(a, e->now_ns, "read-only: %s", reason);
        return WANT_DRAW;
    }
    a->help = false;
    if (dialog[action])
        dialog_open(a, m, dialog[action], e->now_ns);
    else if (action == ACTION_OFFLOAD)
        strip_open_offload(a, m, e->now_ns);
    else
        strip_open_workers(a,
                           action == ACTION_MORE    ? 1
                           : action == ACTION_FEWER ? -1
                                                    : 0,
                           m, e->now_ns);
    return WANT_DRAW;
}

static unsigned act_copy(struct app *a, const struct model *m, uint64_t now_ns)
{
    const struct model *shown = app_shown(a, m);

    if (!rows_copy(shown, a->view, rows_cursor(a, shown), a->copy, sizeof a->copy)) {
        app_note(a, now_ns, "nothing is selected to copy");
        return WANT_DRAW;
    }
    if (!a->settings.value[SETTING_CLIPBOARD]) {
        a->copy_box = true;
        return WANT_DRAW;
    }
    app_note(a, now_ns, "copied: %.120s", a->copy);
    return WANT_DRAW | WANT_COPY;
}

static void act_switch(struct app *a, bool *what, const char *on, const char *off, uint64_t now_ns)
{
    *what = !*what;
    app_note(a, now_ns, "%s", *what ? on : off);
}

static void act_one_worker(struct app *a, const struct model *m, uint64_t now_ns)
{
    const struct snap_worker *w = rows_selected_worker(a, app_shown(a, m));

    if (a->view != VIEW_LATENCY)
        app_note(a, now_ns, "f is for view 2: one worker, or all of them");
    else if (a->latency_worker)
        a->latency_worker = 0;
    else if (w)
        a->latency_worker = w->number;
}

const struct act_order act_order[ACT_ORDERS] = {{VIEW_OVERVIEW, SETTING_SORT_OVERVIEW},
                                                {VIEW_LATENCY, SETTING_SORT_LATENCY},
                                                {VIEW_REQUESTS, SETTING_SORT_REQUESTS},
                                                {VIEW_FILES, SETTING_SORT_FILES},
                                                {VIEW_EVENTS, SETTING_SORT_EVENTS}};

static unsigned act_save(struct app *a)
{
    int64_t *value = a->settings.value;

    for (size_t i = 0; i < ACT_ORDERS; i++) {
        const struct list_state *l = &a->list[act_order[i].view];
        /* Natural order turned round has no number of its own: -32. */
        value[act_order[i].setting] = !l->invert ? l->sort : l->sort ? -l->sort : -32;
    }
    value[SETTING_VIEW] = 1 + (int)(a->view == VIEW_WORKER ? a->back : a->view);
    value[SETTING_BITS] = a->bits;
    value[SETTING_WIDE] = a->wide;
    value[SETTING_GROUP] = a->group;
    return WANT_DRAW | WANT_SAVE_SETTINGS;
}

static unsigned act_toggle(struct app *a, struct model *m, enum action action, uint64_t now)
{
    switch (action) {
    case ACTION_FOLLOW:
        act_switch(a, &a->follow, "following the worst worker", "following nothing", now);
        list_follow(a, m);
        break;
    case ACTION_GROUP:
        act_switch(a, &a->group, "workers by generation", "workers in one list", now);
        break;
    case ACTION_WIDE:
        act_switch(a, &a->wide, "wide request column", "all columns", now);
        break;
    case ACTION_UNITS:
        act_switch(a, &a->bits, "bits per second", "bytes per second", now);
        break;
    case ACTION_INVERT:
        a->list[a->view].held_until_ns = 0; /* a held order would stay as it is */
        act_switch(a, &a->list[a->view].invert, "order turned round", "order as usual", now);
        break;
    default:
        act_switch(a, &a->mouse, "mouse on: select text with Shift", "mouse off", now);
        a->settings.value[SETTING_MOUSE] = a->mouse;
        return WANT_DRAW | WANT_MOUSE;
    }
    return WANT_DRAW;
}

static void act_look(struct app *a, struct model *m, enum action action, uint64_t now)
{
    switch (action) {
    case ACTION_FIND:
        prompt_open(a, PROMPT_FIND);
        break;
    case ACTION_FILTER:
        prompt_open(a, PROMPT_FILTER);
        break;
    case ACTION_COMMAND:
        prompt_open(a, PROMPT_COMMAND);
        break;
    case ACTION_FIND_NEXT:
    case ACTION_FIND_LAST:
        if (a->help)
            help_find(a, m, action == ACTION_FIND_LAST, now);
        else
            list_find(a, m, action == ACTION_FIND_LAST, now);
        break;
    case ACTION_SORT:
        menu_open(a, MENU_SORT);
        break;
    case ACTION_SORT_LEFT:
    case ACTION_SORT_RIGHT:
        list_sort_step(a, action == ACTION_SORT_LEFT ? -1 : 1, now);
        break;
    case ACTION_SEVERITY:
        a->list[a->view].sort = 0;
        a->list[a->view].invert = false;
        a->list[a->view].held_until_ns = 0;
        app_note(a, now, "natural order");
        break;
    case ACTION_ACTIONS:
        menu_open(a, MENU_ACTIONS);
        break;
    case ACTION_SERVER:
        menu_open(a, MENU_SERVER);
        break;
    case ACTION_TAG:
        list_tag(a, m, now);
        break;
    case ACTION_UNTAG:
        app_note(a, now, "%u untagged", a->tag_count);
        a->tag_count = 0;
        break;
    case ACTION_SETUP:
        setup_open(a);
        break;
    case ACTION_ONE_WORKER:
        act_one_worker(a, m, now);
        break;
    default:
        strip_open_interval(a, now);
        break;
    }
}

static unsigned act_go(struct app *a, struct model *m, enum action action, const struct event *e)
{
    static const enum view_kind view[ACTION_COUNT] = {
        [ACTION_LATENCY] = VIEW_LATENCY, [ACTION_REQUESTS] = VIEW_REQUESTS,
        [ACTION_FILES] = VIEW_FILES,     [ACTION_IO] = VIEW_IO,
        [ACTION_EVENTS] = VIEW_EVENTS,
    };

    switch (action) {
    case ACTION_NEXT_VIEW:
        act_next_view(a, 1);
        break;
    case ACTION_LAST_VIEW:
        act_next_view(a, -1);
        break;
    case ACTION_ENTER:
        act_enter(a, m, e->now_ns);
        break;
    case ACTION_LEFT:
        return act_sideways(a, m, -1, e->now_ns);
    case ACTION_RIGHT:
        return act_sideways(a, m, 1, e->now_ns);
    case ACTION_UP:
    case ACTION_DOWN:
    case ACTION_PAGE_UP:
    case ACTION_PAGE_DOWN:
    case ACTION_HALF_UP:
    case ACTION_HALF_DOWN:
    case ACTION_FIRST:
    case ACTION_LAST:
        list_move(a, m, action, e->now_ns);
        break;
    default:
        act_show(a, view[action]);
        break;
    }
    return WANT_DRAW;
}

static unsigned act_program(struct app *a, struct model *m, enum action action, uint64_t now)
{
    switch (action) {
    case ACTION_HELP:
        if (a->help)
            a->help = false;
        else
            help_open(a);
        return WANT_DRAW;
    case ACTION_ESCAPE:
        return act_escape(a);
    case ACTION_COPY:
        return act_copy(a, m, now);
    case ACTION_SAVE:
        return act_save(a);
    case ACTION_REPAINT:
        return WANT_DRAW | WANT_REPAINT;
    case ACTION_SUSPEND:
        return WANT_SUSPEND;
    default:
        return WANT_QUIT;
    }
}

static bool act_is_of_program(enum action action)
{
    return action == ACTION_HELP || action == ACTION_ESCAPE || action == ACTION_COPY ||
           action == ACTION_SAVE || action == ACTION_REPAINT || action == ACTION_SUSPEND ||
           action == ACTION_QUIT;
}

static bool act_is_move(enum action action)
{
    return action == ACTION_UP || action == ACTION_DOWN || action == ACTION_PAGE_UP ||
           action == ACTION_PAGE_DOWN || action == ACTION_HALF_UP || action == ACTION_HALF_DOWN ||
           action == ACTION_FIRST || action == ACTION_LAST;
}

static bool act_is_find(enum action action)
{
    return action == ACTION_FIND || action == ACTION_FIND_NEXT || action == ACTION_FIND_LAST;
}

static bool act_is_toggle(enum action action)
{
    return action == ACTION_FOLLOW || action == ACTION_GROUP || action == ACTION_WIDE ||
           action == ACTION_UNITS || action == ACTION_INVERT || action == ACTION_MOUSE;
}

static bool act_is_going(enum action action)
{
    return act_is_move(action) || action == ACTION_NEXT_VIEW || action == ACTION_LAST_VIEW ||
           action == ACTION_ENTER || action == ACTION_LEFT || action == ACTION_RIGHT ||
           action == ACTION_OVERVIEW || action == ACTION_LATENCY || action == ACTION_REQUESTS ||
           action == ACTION_FILES || action == ACTION_IO || action == ACTION_EVENTS;
}

unsigned act(struct app *a, struct model *m, enum action action, const struct event *e)
{
    if (action >= ACTION_COUNT)
        return 0;
    if (e->flood && (key_table[action].write || action == ACTION_COMMAND)) {
        app_note(a, e->now_ns, "too many keys at once: ignored");
        return WANT_DRAW;
    }
    if (key_table[action].write)
        return act_write(a, m, action, e);
    if (act_is_of_program(action))
        return act_program(a, m, action, e->now_ns);
    if (!act_is_move(action) && !act_is_find(action))
        a->help = false;
    if (act_is_going(action))
        return act_go(a, m, action, e);
    if (key_table[action].group == GROUP_TIME)
        return past_action(a, action, e->now_ns);
    if (act_is_toggle(action))
        return act_toggle(a, m, action, e->now_ns);
    act_look(a, m, action, e->now_ns);
    return WANT_DRAW;
}
