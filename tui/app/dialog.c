/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Dialogs: opening, keys, and what is sent. What they say is in dialog_text.c.
 */
#include "tui/app/dialog.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tui/app/line.h"
#include "tui/app/roll.h"
#include "tui/app/rows.h"
#include "tui/app/strip.h"
#include "base/log.h"

void dialog_close(struct app *a)
{
    memset(&a->dialog, 0, sizeof a->dialog);
}

static struct dialog *dialog_begin(struct app *a, enum dialog_kind kind, uint64_t now_ns)
{
    dialog_close(a);
    a->dialog.kind = kind;
    a->dialog.opened_ns = now_ns;
    a->help = false;
    return &a->dialog;
}

void dialog_open_worker(struct app *a, const struct model *m, enum dialog_kind kind,
                        unsigned worker, uint64_t now_ns)
{
    const struct snap_worker *w = rows_worker_now(m, worker);

    if (w == NULL) {
        app_note(a, now_ns, "there is no worker %u", worker);
        return;
    }
    struct dialog *d = dialog_begin(a, kind, now_ns);
    d->worker = w->number;
    d->epoch = w->epoch;
}

void dialog_open_request(struct app *a, const struct model *m, enum dialog_kind kind, uint64_t key,
                         uint64_t now_ns)
{
    const struct snap_request *r = rows_request(m, key);
    const struct snap_worker *w = r ? rows_worker_now(m, r->worker) : NULL;

    if (w == NULL) {
        app_note(a, now_ns, "that request is not in flight any more");
        return;
    }
    struct dialog *d = dialog_begin(a, kind, now_ns);
    d->worker = r->worker;
    d->epoch = w->epoch;
    d->serial = r->serial;
    snprintf(d->target, sizeof d->target, "%s", r->request);
}

void dialog_open_mount(struct app *a, enum dialog_kind kind, const char *path, uint64_t now_ns)
{
    struct dialog *d = dialog_begin(a, kind, now_ns);

    snprintf(d->target, sizeof d->target, "%s", path);
}

static void dialog_open_selected_worker(struct app *a, const struct model *m, enum dialog_kind kind,
                                        uint64_t now_ns)
{
    const struct snap_worker *w = rows_selected_worker(a, app_shown(a, m));

    if (kind != DIALOG_KILL && a->tag_count > 0)
        dialog_begin(a, kind, now_ns)->tagged = true;
    else if (w == NULL)
        app_note(a, now_ns, "no worker is selected");
    else if (rows_worker(m, w->number, w->epoch) == NULL)
        app_note(a, now_ns, "w%u was replaced since: it cannot be meant", w->number);
    else
        dialog_open_worker(a, m, kind, w->number, now_ns);
}

void dialog_open(struct app *a, const struct model *m, enum dialog_kind kind, uint64_t now_ns)
{
    const struct snap_request *r;
    const struct snap_mount *mount;
    struct dialog *d;

    switch (kind) {
    case DIALOG_DRAIN:
    case DIALOG_RESTART:
    case DIALOG_KILL:
        dialog_open_selected_worker(a, m, kind, now_ns);
        break;
    case DIALOG_ABORT:
    case DIALOG_THROTTLE:
        r = rows_selected_request(a, app_shown(a, m));
        if (r == NULL)
            app_note(a, now_ns, "no request is selected: view 3 lists them");
        else
            dialog_open_request(a, m, kind, app_request_key(r), now_ns);
        break;
    case DIALOG_FENCE:
    case DIALOG_UNFENCE:
        mount = rows_selected_mount(a, app_shown(a, m));
        if (mount == NULL)
            app_note(a, now_ns, "no mount is selected: view 5 lists them");
        else
            dialog_open_mount(a, kind, mount->name, now_ns);
        break;
    default:
        d = dialog_begin(a, kind, now_ns);
        if (kind == DIALOG_LOGLEVEL && m->now.log_level < DIALOG_OPTIONS)
            d->option = (int)m->now.log_level;
        break;
    }
}

void dialog_command(const struct app *a, const struct model *m, char *out, size_t out_bytes)
{
    const struct dialog *d = &a->dialog;
    unsigned long long serial = d->serial;

    switch (d->kind) {
    case DIALOG_DRAIN:
        snprintf(out, out_bytes, "%s %u", d->option == 0 ? "drain" : "restart", d->worker);
        break;
    case DIALOG_RESTART:
        snprintf(out, out_bytes, "%s %u", d->option == 0 ? "restart" : "kill", d->worker);
        break;
    case DIALOG_KILL:
        snprintf(out, out_bytes, "kill %u", d->worker);
        break;
    case DIALOG_AUTO:
        if (m->now.workers_auto)
            snprintf(out, out_bytes, "workers %u", m->now.workers_wanted);
        else
            snprintf(out, out_bytes, "workers auto");
        break;
    case DIALOG_RELOAD:
        snprintf(out, out_bytes, "reload");
        break;
    case DIALOG_REOPEN:
        snprintf(out, out_bytes, "reopen");
        break;
    case DIALOG_FENCE:
    case DIALOG_UNFENCE:
        snprintf(out, out_bytes, "%s %.1000s", d->kind == DIALOG_FENCE ? "fence" : "unfence",
                 d->target);
        break;
    case DIALOG_ABORT:
        snprintf(out, out_bytes, "abort %u-%llu", d->worker, serial);
        break;
    case DIALOG_THROTTLE:
        snprintf(out, out_bytes, "throttle %u-%llu %.32s", d->worker, serial, d->typed.text);
        break;
    case DIALOG_LOGLEVEL:
        snprintf(out, out_bytes, "loglevel %s", log_level_name[d->option & 3]);
        break;
    case DIALOG_STOP:
        snprintf(out, out_bytes, "stop%s", d->option == 1 ? " now" : "");
        break;
    default:
        out[0] = '\0';
        break;
    }
}

/* The answer was yes. */
static void dialog_carry_out(struct app *a, struct model *m, const struct event *e,
                             struct app_command *out)
{
    struct dialog_text t;
    char command[SNAP_TEXT_BYTES + 64];

    dialog_describe(a, m, &t);
    if (!t.ready)
        return;
    const char *reason = app_read_only_reason(a, m);
    if (reason || t.refusal[0]) {
        strip_fail(a, m, e, reason ? reason : t.refusal);
    } else if (a->dialog.tagged) {
        bool drain = a->dialog.kind == DIALOG_DRAIN && a->dialog.option == 0;
        bool kill = a->dialog.kind == DIALOG_RESTART && a->dialog.option == 1;
        roll_begin(a, drain ? "drain" : kill ? "kill" : "restart");
        roll_next(a, m, e, out);
    } else {
        dialog_command(a, m, command, sizeof command);
        strip_send(a, e, command, out);
    }
    dialog_close(a);
}

static void dialog_typed(struct app *a, const struct model *m, uint32_t key)
{
    struct dialog_text t;

    line_key(&a->dialog.typed, key);
    dialog_describe(a, m, &t);
    /* What was asked for is there: that is the confirmation. */
    a->dialog.yes = t.ready;
}

static void dialog_choose(struct app *a, const struct dialog_text *t, uint32_t key)
{
    struct dialog *d = &a->dialog;
    int step = key == INPUT_UP || key == 'k' ? -1 : 1;

    if (key == '\t' || key == INPUT_BACK_TAB || key == INPUT_LEFT || key == INPUT_RIGHT)
        d->yes = !d->yes && t->ready;
    else if (t->options > 0)
        d->option = (d->option + step + t->options) % t->options;
}

static bool dialog_is_choice(uint32_t key, bool typing)
{
    return key == '\t' || key == INPUT_BACK_TAB || key == INPUT_UP || key == INPUT_DOWN ||
           (!typing &&
            (key == 'j' || key == 'k' || key == INPUT_LEFT || key == INPUT_RIGHT || key == ' '));
}

void dialog_key(struct app *a, struct model *m, const struct event *e, struct app_command *out)
{
    struct dialog_text t;
    bool enter = e->key == INPUT_ENTER || e->key == '\n';

    if (e->key == INPUT_ESC) {
        dialog_close(a);
        return;
    }
    if (e->flood) {
        app_note(a, e->now_ns, "too many keys at once: ignored");
        return;
    }
    if (e->now_ns < a->dialog.opened_ns + DIALOG_DEAF_NS)
        return;
    dialog_describe(a, m, &t);
    bool typing = t.ask[0] != '\0';
    if (dialog_is_choice(e->key, typing))
        dialog_choose(a, &t, e->key);
    else if (enter && !a->dialog.yes)
        dialog_close(a);
    else if (enter || (!typing && e->key == 'y'))
        dialog_carry_out(a, m, e, out);
    else if (!typing && e->key == 'n')
        dialog_close(a);
    else if (typing)
        dialog_typed(a, m, e->key);
}
