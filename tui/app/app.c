/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The controller: who gets an event (a dialog before a prompt before a menu before the strip
 * before the view), what ticks do, and why nothing can be changed.
 */
#include "tui/app/app.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "tui/app/act.h"
#include "tui/app/dialog.h"
#include "tui/app/list.h"
#include "tui/app/menu.h"
#include "tui/app/past.h"
#include "tui/app/prompt.h"
#include "tui/app/roll.h"
#include "tui/app/rows.h"
#include "tui/app/setup.h"
#include "tui/app/strip.h"

#define NOTE_NS (4 * NS_PER_S)
#define BELL_NS (5 * NS_PER_S) /* a worker blocked for so long rings, once */

const char *const view_word[VIEW_COUNT] = {
    [VIEW_OVERVIEW] = "overview", [VIEW_LATENCY] = "latency", [VIEW_REQUESTS] = "requests",
    [VIEW_FILES] = "files",       [VIEW_IO] = "io",           [VIEW_EVENTS] = "events",
    [VIEW_WORKER] = "worker",
};

void app_init(struct app *a, uint64_t interval_ns, bool read_only)
{
    memset(a, 0, sizeof *a);
    settings_standard(&a->settings);
    a->interval_ns = interval_ns;
    a->read_only = read_only;
    a->seen.page_rows = 10;
    a->row_wanted = -1;
    a->next_id = 1;
}

void app_settings(struct app *a, const struct settings *s)
{
    a->settings = *s;
    a->interval_ns = (uint64_t)s->value[SETTING_INTERVAL_MS] * NS_PER_MS;
    a->bits = s->value[SETTING_BITS] != 0;
    a->wide = s->value[SETTING_WIDE] != 0;
    a->group = s->value[SETTING_GROUP] != 0;
    a->mouse = s->value[SETTING_MOUSE] != 0;
    a->view = (enum view_kind)(s->value[SETTING_VIEW] - 1);
    for (size_t i = 0; i < ACT_ORDERS; i++) {
        int64_t v = s->value[act_order[i].setting];
        a->list[act_order[i].view].invert = v < 0;
        a->list[act_order[i].view].sort = (int)(v == -32 ? 0 : v < 0 ? -v : v);
    }
}

const char *app_read_only_reason(const struct app *a, const struct model *m)
{
    if (a->read_only)
        return "started with --read-only";
    if (a->time.replay)
        return "this is a recording";
    if (a->denied[0])
        return a->denied;
    if (m->link == LINK_NEVER && strstr(m->link_why, "version"))
        return m->link_why; /* a board or a protocol of another layout */
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
    return a->selected == 0 && m->row_count > 0 ? 0 : -1;
}

void app_note(struct app *a, uint64_t now_ns, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(a->note, sizeof a->note, fmt, ap);
    va_end(ap);
    a->note_until_ns = now_ns + NOTE_NS;
    a->note_stays = false;
}

void app_saved(struct app *a, struct model *m, const char *file, const char *why, uint64_t now_ns,
               uint64_t wall_ns)
{
    char text[SNAP_TEXT_BYTES];

    if (*why == '\0') {
        app_note(a, now_ns, "saved: %.150s", file);
        a->note_stays = true;
        return;
    }
    app_note(a, now_ns, "not saved: %.150s", why);
    a->note_stays = true;
    snprintf(text, sizeof text, "not saved: %.900s", why);
    model_note(m, wall_ns, "SAVE", text);
}

/* Keys that act whatever is open; letters are text there. */
static bool app_is_above_all(uint32_t key)
{
    return key == INPUT_CTRL('c') || key == INPUT_CTRL('z') || key == INPUT_CTRL('l') ||
           key == INPUT_F10;
}

static unsigned app_key(struct app *a, struct model *m, const struct event *e,
                        struct app_command *out)
{
    enum action action = key_action(e->key);

    if (e->key == INPUT_PASTE || e->key == INPUT_MOUSE || e->key == INPUT_NONE) {
        if (e->key == INPUT_PASTE && a->prompt.kind == PROMPT_NONE)
            app_note(a, e->now_ns, "paste ignored");
        return WANT_DRAW;
    }
    if (app_is_above_all(e->key))
        return act(a, m, action, e);
    if (a->copy_box) {
        a->copy_box = false;
        return WANT_DRAW;
    }
    if (a->about && action != ACTION_ENTER) { /* the key may well be about what the box shows */
        a->about = 0;
        if (action == ACTION_ESCAPE || action == ACTION_NONE)
            return WANT_DRAW;
    }
    if (a->dialog.kind != DIALOG_NONE) {
        dialog_key(a, m, e, out);
        return WANT_DRAW;
    }
    if (a->prompt.kind != PROMPT_NONE)
        return prompt_key(a, m, e);
    if (a->menu.kind != MENU_NONE) {
        menu_key(a, m, e);
        return WANT_DRAW;
    }
    if (a->setup.open)
        return setup_key(a, m, e);
    if (strip_is_open(a) && !a->help && action != ACTION_QUIT && action != ACTION_ESCAPE &&
        action != ACTION_HELP) {
        if (e->flood) {
            app_note(a, e->now_ns, "too many keys at once: ignored");
            return WANT_DRAW;
        }
        const char *reason = a->strip.kind == STRIP_INTERVAL ? NULL : app_read_only_reason(a, m);
        if (reason) { /* the server has gone meanwhile, or says that it does not listen to us */
            strip_fail(a, m, e, reason);
            return WANT_DRAW;
        }
        if (strip_key(a, m, e, out))
            return WANT_DRAW;
    }
    return act(a, m, action, e);
}

static bool app_is_covered(const struct app *a)
{
    return a->dialog.kind != DIALOG_NONE || a->prompt.kind != PROMPT_NONE ||
           a->menu.kind != MENU_NONE || a->setup.open || a->copy_box || a->about;
}

static unsigned app_mouse(struct app *a, struct model *m, const struct event *e)
{
    if (!a->mouse || app_is_covered(a))
        return 0;
    if (e->mouse == MOUSE_CLICK)
        list_click(a, e->row, e->now_ns);
    else
        for (int i = 0; i < 3; i++)
            list_move(a, m, e->mouse == MOUSE_WHEEL_UP ? ACTION_UP : ACTION_DOWN, e->now_ns);
    return WANT_DRAW;
}

/* Another server answers: what was learnt of the one before is not true of it. */
static void app_check_instance(struct app *a, const struct model *m)
{
    if (!m->have || memcmp(a->uuid, m->now.uuid, sizeof a->uuid) == 0)
        return;
    memcpy(a->uuid, m->now.uuid, sizeof a->uuid);
    a->denied[0] = '\0';
    a->op_known = false;
    a->tag_count = 0;
}

static bool app_inspect_reply(struct app *a, const struct event *e)
{
    struct app_inspect *i = &a->inspect;

    if (i->id == 0 || i->id != e->id)
        return false;
    i->id = 0;
    i->ok = e->ok;
    i->answered_ns = e->now_ns;
    snprintf(i->text, sizeof i->text, "%s", e->text);
    if (!e->ok && strstr(e->text, "may change it"))
        snprintf(a->denied, sizeof a->denied, "%.*s", (int)sizeof a->denied - 1, e->text);
    return true;
}

/* The worker whose kernel detail is on the screen, or decides what a dialog has to say. */
static const struct snap_worker *app_inspected(const struct app *a, const struct model *m)
{
    const struct dialog *d = &a->dialog;

    if (d->kind == DIALOG_RESTART || d->kind == DIALOG_KILL || d->kind == DIALOG_DRAIN)
        return d->tagged ? NULL : rows_worker(m, d->worker, d->epoch);
    if (a->view == VIEW_WORKER && !a->time.paused)
        return rows_worker(m, a->selected, a->selected_epoch);
    return NULL;
}

static void app_ask_inspect(struct app *a, const struct model *m, const struct event *e,
                            struct app_command *out)
{
    struct app_inspect *i = &a->inspect;
    const struct snap_worker *w = app_inspected(a, m);

    if (w == NULL || out->there || a->time.replay || m->link == LINK_NEVER || m->link == LINK_GONE)
        return;
    bool other = i->worker != w->number || i->epoch != w->epoch;
    if (i->id != 0 && e->now_ns < i->asked_ns + APP_NO_ANSWER_NS)
        return;
    if (!other && i->asked_ns && e->now_ns < i->asked_ns + APP_INSPECT_NS)
        return;
    if (other) {
        i->ok = false;
        i->answered_ns = 0;
        i->text[0] = '\0';
    }
    i->worker = w->number;
    i->epoch = w->epoch;
    i->asked_ns = e->now_ns;
    i->id = a->next_id++;
    out->there = true;
    out->id = i->id;
    snprintf(out->text, sizeof out->text, "inspect %u", w->number);
}

/* Rings when one more worker has been blocked for long. */
static unsigned app_bell(struct app *a, const struct model *m)
{
    unsigned blocked = 0;

    for (unsigned i = 0; i < m->row_count; i++)
        blocked += m->row[i].state == ROW_BLOCKED && m->row[i].since_ns >= BELL_NS;
    bool ring = blocked > a->rung && a->settings.value[SETTING_BELL];
    a->rung = blocked;
    return ring ? WANT_BELL : 0;
}

static unsigned app_tick(struct app *a, struct model *m, const struct event *e,
                         struct app_command *out)
{
    struct list_state *l = &a->list[a->view];
    unsigned want = past_tick(a, e->now_ns) | app_bell(a, m);

    app_check_instance(a, m);
    if (a->note[0] && e->now_ns >= a->note_until_ns) {
        a->note[0] = '\0';
        want |= WANT_DRAW;
    }
    if (l->held_until_ns && e->now_ns >= l->held_until_ns) {
        l->held_until_ns = 0;
        want |= WANT_DRAW;
    }
    if (list_check_tags(a, m))
        want |= WANT_DRAW;
    if (list_keep_cursor(a, app_shown(a, m)))
        want |= WANT_DRAW;
    list_follow(a, app_shown(a, m));
    if (roll_follow(a, m, e, out)) /* first: it looks for DONE, which the strip ends by itself */
        want |= WANT_DRAW;
    if (strip_follow(a, m, e->now_ns))
        want |= WANT_DRAW;
    app_ask_inspect(a, m, e, out);
    return want;
}

unsigned app_event(struct app *a, struct model *m, const struct event *e, struct app_command *out)
{
    out->there = false;
    a->now_ns = e->now_ns;
    switch (e->kind) {
    case EV_KEY:
        return app_key(a, m, e, out);
    case EV_PASTE:
        if (a->prompt.kind != PROMPT_NONE && a->dialog.kind == DIALOG_NONE)
            return prompt_paste(a, m, e);
        app_note(a, e->now_ns, "paste ignored");
        return WANT_DRAW;
    case EV_MOUSE:
        return app_mouse(a, m, e);
    case EV_REPLY:
        if (!app_inspect_reply(a, e))
            strip_reply(a, m, e);
        return WANT_DRAW;
    case EV_TICK:
        return app_tick(a, m, e, out);
    }
    return 0;
}
