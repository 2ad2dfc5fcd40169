/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Menus. Their items are made anew for each key and each drawing, for what is possible changes.
 */
#include "tui/app/menu.h"

#include <stdio.h>
#include <string.h>

#include "tui/app/act.h"
#include "tui/app/dialog.h"
#include "tui/app/list.h"
#include "tui/app/rows.h"
#include "tui/app/strip.h"
#include "tui/ui/view.h"

enum { MENU_DO_SORT = -1, MENU_DO_INSPECT = -2, MENU_DO_OFFLOAD = -3, MENU_DO_NOTHING = -4 };

struct items {
    struct menu_item *item;
    int count;
    const char *reason; /* why nothing can be changed */
};

static void add(struct items *l, int what, int number, const char *label, const char *why)
{
    if (l->count == MENU_ITEMS)
        return;
    struct menu_item *i = &l->item[l->count++];
    if (why == NULL && what > 0)
        why = l->reason;
    snprintf(i->label, sizeof i->label, "%s", label);
    snprintf(i->why, sizeof i->why, "%s", why ? why : "");
    i->what = what;
    i->number = number;
}

void menu_open(struct app *a, enum menu_kind kind)
{
    a->help = false;
    a->menu = (struct menu){.kind = kind};
    if (kind == MENU_SORT)
        a->menu.at = a->list[a->view].sort;
}

static void add_orders(const struct app *a, struct items *l)
{
    char label[64];

    for (int i = 0; i < list_sort_count(a); i++) {
        snprintf(label, sizeof label, "%s%s", view_sort_name(a->view, i),
                 i == a->list[a->view].sort ? "  (now)" : "");
        add(l, MENU_DO_SORT, i, label, NULL);
    }
    if (l->count == 0)
        add(l, MENU_DO_NOTHING, 0, "the rows of this view", "have one order only");
}

static void add_worker_actions(const struct app *a, const struct model *m,
                               const struct snap_worker *w, struct items *l)
{
    bool tagged = a->tag_count > 0;
    bool serves = tagged || w->state == SLOT_RUNNING;
    const char *why = serves ? NULL : "it does not serve: it starts or leaves already";

    (void)m;
    add(l, DIALOG_DRAIN, 0, "D  drain", why);
    add(l, DIALOG_RESTART, 0, "R  restart", why);
    add(l, DIALOG_KILL, 0, "X  kill", tagged ? "one worker at a time: U untags" : NULL);
    add(l, MENU_DO_INSPECT, 0, "   inspect: state, system call, stack",
        tagged ? "one worker at a time: U untags" : NULL);
    add(l, MENU_DO_NOTHING, 0, "   undrain", "a worker that drains has left the listening sockets");
}

static void add_actions(const struct app *a, const struct model *m, struct items *l, char *title,
                        size_t title_bytes)
{
    const struct model *shown = app_shown(a, m);
    const struct snap_request *r = rows_selected_request(a, shown);
    const struct snap_mount *mount = rows_selected_mount(a, shown);
    const struct snap_worker *w = rows_selected_worker(a, shown);

    if (r) {
        snprintf(title, title_bytes, "request %u-%llu", r->worker, (unsigned long long)r->serial);
        add(l, DIALOG_ABORT, 0, "   abort", NULL);
        add(l, DIALOG_THROTTLE, 0, "   throttle", NULL);
        add(l, MENU_DO_INSPECT, 0, "   its worker", NULL);
    } else if (mount) {
        snprintf(title, title_bytes, "mount %.80s", mount->name);
        add(l, DIALOG_FENCE, 0, "   fence: refuse every request for it",
            mount->state == MOUNT_FENCED ? "it is fenced already" : NULL);
        add(l, DIALOG_UNFENCE, 0, "   unfence",
            mount->state == MOUNT_OK ? "it is neither fenced nor sick" : NULL);
    } else if (w) {
        if (a->tag_count > 0)
            snprintf(title, title_bytes, "%u tagged workers", a->tag_count);
        else
            snprintf(title, title_bytes, "worker %u (pid %u)", w->number, w->pid);
        add_worker_actions(a, m, w, l);
    } else {
        snprintf(title, title_bytes, "actions");
        add(l, MENU_DO_NOTHING, 0, "nothing is selected",
            "workers, requests and mounts have actions");
    }
}

static void add_server(const struct model *m, struct items *l)
{
    add(l, DIALOG_RELOAD, 0, "reload the configuration", NULL);
    add(l, DIALOG_AUTO, 0,
        m->now.workers_auto ? "autoscale off: fix the number of workers"
                            : "autoscale on: the server chooses the number of workers",
        NULL);
    add(l, DIALOG_LOGLEVEL, 0, "level of the error log", NULL);
    add(l, MENU_DO_OFFLOAD, 0, "offload threads of each worker", l->reason);
    add(l, DIALOG_REOPEN, 0, "open the log files again", NULL);
    add(l, MENU_DO_NOTHING, 0, "upgrade the program", "this server cannot do it yet");
    add(l, DIALOG_STOP, 0, "stop the server", NULL);
}

int menu_items(const struct app *a, const struct model *m, struct menu_item item[MENU_ITEMS],
               char *title, size_t title_bytes)
{
    struct items l = {.item = item, .reason = app_read_only_reason(a, m)};

    switch (a->menu.kind) {
    case MENU_SORT:
        snprintf(title, title_bytes, "order of the rows");
        add_orders(a, &l);
        break;
    case MENU_ACTIONS:
        add_actions(a, m, &l, title, title_bytes);
        break;
    case MENU_SERVER:
        snprintf(title, title_bytes, "the server");
        add_server(m, &l);
        break;
    default:
        title[0] = '\0';
        break;
    }
    return l.count;
}

static void menu_choose(struct app *a, struct model *m, const struct event *e,
                        const struct menu_item *i)
{
    const struct snap_worker *w;

    if (i->why[0]) {
        app_note(a, e->now_ns, "not possible: %s", i->why);
        return;
    }
    a->menu.kind = MENU_NONE;
    switch (i->what) {
    case MENU_DO_SORT:
        list_sort(a, i->number, e->now_ns);
        break;
    case MENU_DO_INSPECT:
        w = rows_selected_worker(a, app_shown(a, m));
        if (w)
            act_show_worker(a, w);
        break;
    case MENU_DO_OFFLOAD:
        strip_open_offload(a, m, e->now_ns);
        break;
    default:
        dialog_open(a, m, (enum dialog_kind)i->what, e->now_ns);
        break;
    }
}

/* The item whose label begins with this letter. */
static int menu_letter(const struct menu_item *item, int n, uint32_t key)
{
    for (int i = 0; i < n; i++)
        if (item[i].what >= DIALOG_NONE && key > ' ' && (uint32_t)item[i].label[0] == key &&
            item[i].label[1] == ' ')
            return i;
    return -1;
}

void menu_key(struct app *a, struct model *m, const struct event *e)
{
    struct menu_item item[MENU_ITEMS];
    char title[128];
    int n = menu_items(a, m, item, title, sizeof title);
    int *at = &a->menu.at, letter = menu_letter(item, n, e->key);

    if (*at >= n)
        *at = n > 0 ? n - 1 : 0;
    if (e->key == INPUT_ESC || e->key == 'q' || n == 0) {
        a->menu.kind = MENU_NONE;
    } else if (e->flood) {
        app_note(a, e->now_ns, "too many keys at once: ignored");
    } else if (e->key == INPUT_UP || e->key == 'k' || e->key == INPUT_BACK_TAB) {
        *at = (*at + n - 1) % n;
    } else if (e->key == INPUT_DOWN || e->key == 'j' || e->key == '\t') {
        *at = (*at + 1) % n;
    } else if (e->key == INPUT_HOME || e->key == INPUT_PAGE_UP || e->key == 'g') {
        *at = 0;
    } else if (e->key == INPUT_END || e->key == INPUT_PAGE_DOWN || e->key == 'G') {
        *at = n - 1;
    } else if (e->key == INPUT_ENTER || e->key == '\n') {
        menu_choose(a, m, e, &item[*at]);
    } else if (letter >= 0) {
        *at = letter;
        menu_choose(a, m, e, &item[letter]);
    }
}
