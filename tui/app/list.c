/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The cursor of lists. The overview's natural order is the model's, so there the whole list is
 * known; elsewhere only what is on the screen.
 */
#include "tui/app/list.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "tui/app/rows.h"
#include "tui/ui/view.h"

static bool list_is_of_workers(enum view_kind view)
{
    return view == VIEW_OVERVIEW || view == VIEW_LATENCY;
}

void list_select_worker(struct app *a, const struct snap_worker *w)
{
    a->selected = w ? w->number : 0;
    a->selected_epoch = w ? w->epoch : 0;
    a->list[VIEW_OVERVIEW].key = a->list[VIEW_LATENCY].key = w ? app_worker_key(w) : 0;
}

void list_select(struct app *a, uint64_t key, uint64_t now_ns)
{
    struct list_state *l = &a->list[a->view];
    int64_t hold_ms = a->settings.value[SETTING_HOLD_MS];

    a->row_wanted = -1;
    l->key = key;
    if (l->sort != 0 && now_ns && hold_ms > 0)
        l->held_until_ns = now_ns + (uint64_t)hold_ms * NS_PER_MS;
    if (!list_is_of_workers(a->view))
        return;
    a->selected = (unsigned)(key >> 32);
    a->selected_epoch = (uint32_t)key;
    a->list[VIEW_OVERVIEW].key = a->list[VIEW_LATENCY].key = key;
}

/* Moves a list that has no cursor. */
static void list_scroll(int *scroll, int last, int by)
{
    if (*scroll > last) /* it has become shorter */
        *scroll = last;
    *scroll = by < -*scroll ? 0 : by > last - *scroll ? last : *scroll + by;
    if (*scroll < 0)
        *scroll = 0;
}

/* How far this action goes. */
static int list_step(const struct app *a, enum action action)
{
    int rows = a->view == VIEW_IO ? a->seen.table_rows : a->seen.page_rows;
    int page = rows > 1 ? rows - 1 : 1;
    if (a->help) /* its lines are of different heights */
        page = action == ACTION_PAGE_UP || action == ACTION_HALF_UP ? a->seen.help_up
                                                                    : a->seen.help_down;
    int half = page > 1 ? page / 2 : 1;

    switch (action) {
    case ACTION_UP:
        return -1;
    case ACTION_DOWN:
        return 1;
    case ACTION_PAGE_UP:
        return -page;
    case ACTION_PAGE_DOWN:
        return page;
    case ACTION_HALF_UP:
        return -half;
    case ACTION_HALF_DOWN:
        return half;
    case ACTION_FIRST:
        return -1000000;
    default:
        return 1000000;
    }
}

/* The row on the screen with this key, -1 when it is not there. */
static int list_shown(const struct app *a, uint64_t key)
{
    for (int i = 0; key && i < a->seen.row_count; i++)
        if (a->seen.row_key[i] == key)
            return i;
    return -1;
}

/* The nearest row of the screen that has a key, looking `by` ahead first; 0: there is none. */
static uint64_t list_key_near(const struct app *a, int row, int by)
{
    int step = by < 0 ? -1 : 1;

    if (row < 0)
        row = 0;
    if (row >= a->seen.row_count)
        row = a->seen.row_count - 1;
    for (int i = row; i >= 0 && i < a->seen.row_count; i += step)
        if (a->seen.row_key[i])
            return a->seen.row_key[i];
    for (int i = row; i >= 0 && i < a->seen.row_count; i -= step)
        if (a->seen.row_key[i])
            return a->seen.row_key[i];
    return 0;
}

static void list_move_shown(struct app *a, int by, uint64_t now_ns)
{
    struct list_state *l = &a->list[a->view];
    int top = a->seen.scroll, last = a->seen.last_scroll + a->seen.page_rows - 1;
    int shown = list_shown(a, l->key);
    int at = a->row_wanted >= 0 ? a->row_wanted : top + shown;

    if (a->seen.row_count == 0) {
        list_scroll(&l->scroll, a->seen.last_scroll, by);
        return;
    }
    if (a->row_wanted < 0 && shown < 0) { /* no cursor yet: it comes to the first row shown */
        list_select(a, list_key_near(a, by > 1 ? a->seen.row_count - 1 : 0, 1), now_ns);
        return;
    }
    at = by < -at ? 0 : by > last - at ? last : at + by;
    if (at >= top && at < top + a->seen.row_count && list_key_near(a, at - top, by) != l->key) {
        list_select(a, list_key_near(a, at - top, by), now_ns);
        return;
    }
    a->row_wanted = at;
    if (at < top)
        l->scroll = at;
    else if (at >= top + a->seen.page_rows)
        l->scroll = at - a->seen.page_rows + 1;
}

/* In the order of the model, which is the list's. */
static void list_move_model(struct app *a, const struct model *m, int by)
{
    long row = app_selected_row(a, m);

    if (m->row_count == 0)
        return;
    if (a->selected == 0 && (by == 1 || by == -1))
        by = 0;
    row += by;
    row = row < 0 ? 0 : row >= (long)m->row_count ? (long)m->row_count - 1 : row;
    list_select_worker(a, model_worker(m, &m->row[row]));
}

static bool list_is_natural(const struct app *a)
{
    const struct list_state *l = &a->list[a->view];

    return a->view == VIEW_OVERVIEW && l->sort == 0 && !l->invert && !a->group &&
           l->filter[0] == '\0';
}

void list_move(struct app *a, const struct model *m, enum action action, uint64_t now_ns)
{
    int by = list_step(a, action);

    if (a->help) {
        list_scroll(&a->help_scroll, a->seen.help_last, by);
        return;
    }
    a->follow = false;
    a->find_pages = 0;
    if (action == ACTION_FIRST)
        a->list[a->view].shift = 0;
    if (a->view == VIEW_IO) {
        list_scroll(&a->io_scroll, a->seen.io_last, by); /* threads; mounts have the cursor */
    } else if (list_is_natural(a)) {
        list_move_model(a, app_shown(a, m), by);
    } else if (a->view == VIEW_WORKER) {
        list_scroll(&a->list[VIEW_WORKER].scroll, a->seen.last_scroll, by);
    } else {
        list_move_shown(a, by, now_ns);
    }
}

/* Looks at rows of the screen from `row` on. True when one matched: the cursor is there now. */
static bool list_find_shown(struct app *a, const struct model *m, int row, bool up, uint64_t now_ns)
{
    for (; row >= 0 && row < a->seen.row_count; row += up ? -1 : 1) {
        uint64_t key = a->seen.row_key[row];
        if (key && app_row_matches(m, a->view, key, a->list[a->view].find)) {
            list_select(a, key, now_ns);
            return true;
        }
    }
    return false;
}

static bool list_find_model(struct app *a, const struct model *m, bool up)
{
    unsigned n = m->row_count;
    unsigned at = app_selected_row(a, m) >= 0 ? (unsigned)app_selected_row(a, m) : 0;

    for (unsigned i = 1; i <= n; i++) {
        const struct snap_worker *w = model_worker(m, &m->row[(up ? at + n - i : at + i) % n]);
        if (app_row_matches(m, a->view, app_worker_key(w), a->list[a->view].find)) {
            list_select_worker(a, w);
            return true;
        }
    }
    return false;
}

void list_find(struct app *a, const struct model *m, bool up, uint64_t now_ns)
{
    const struct model *shown = app_shown(a, m);
    struct list_state *l = &a->list[a->view];
    int at = list_shown(a, l->key);

    a->follow = false;
    if (l->find[0] == '\0') {
        app_note(a, now_ns, "nothing to find: / asks for a text");
        return;
    }
    if (list_is_natural(a)) {
        if (!list_find_model(a, shown, up))
            app_note(a, now_ns, "\"%s\" is in no row", l->find);
        return;
    }
    at = at < 0 ? (up ? a->seen.row_count - 1 : 0) : at + (up ? -1 : 1);
    if (list_find_shown(a, shown, at, up, now_ns))
        return;
    /* On to the rows that are not shown, once around. */
    int page = a->seen.page_rows > 0 ? a->seen.page_rows : 1;
    a->find_pages = a->seen.last_scroll / page + 2;
    a->find_up = up;
    a->row_wanted = 0; /* the list stays where it is scrolled to, whatever the cursor is on */
    a->find_ns = now_ns;
    l->scroll = a->seen.scroll + (up ? -page : page);
}

/* A page of the search was drawn. True when another one has to be. */
static bool list_find_page(struct app *a, const struct model *shown)
{
    struct list_state *l = &a->list[a->view];
    int page = a->seen.page_rows > 0 ? a->seen.page_rows : 1;

    if (list_find_shown(a, shown, a->find_up ? a->seen.row_count - 1 : 0, a->find_up, 0)) {
        a->find_pages = 0;
        return true;
    }
    if (--a->find_pages <= 0) {
        a->row_wanted = -1;
        app_note(a, a->find_ns, "\"%s\" is in no row", l->find);
        return true;
    }
    l->scroll = a->seen.scroll + (a->find_up ? -page : page);
    if (l->scroll < 0)
        l->scroll = a->seen.scroll > 0 ? 0 : a->seen.last_scroll;
    else if (l->scroll > a->seen.last_scroll)
        l->scroll = a->seen.scroll < a->seen.last_scroll ? a->seen.last_scroll : 0;
    return true;
}

bool app_seen(struct app *a, const struct model *shown, const struct app_facts *facts)
{
    struct list_state *l = &a->list[a->view];

    a->seen = *facts;
    if (a->seen.row_count > APP_ROWS)
        a->seen.row_count = APP_ROWS;
    if (!a->help && l->scroll > facts->last_scroll)
        l->scroll = facts->last_scroll;
    if (l->scroll < 0)
        l->scroll = 0;
    if (facts->heat_last > 0 && a->latency_ago > facts->heat_last)
        a->latency_ago = facts->heat_last;
    if (a->find_pages > 0)
        return list_find_page(a, shown);
    if (a->row_wanted < 0)
        return false;
    uint64_t key = list_key_near(a, a->row_wanted - a->seen.scroll, 1);
    a->row_wanted = -1;
    if (key == 0 || key == l->key)
        return false;
    list_select(a, key, 0);
    return true;
}

void list_follow(struct app *a, const struct model *m)
{
    if (a->follow && m->row_count > 0)
        list_select_worker(a, model_worker(m, &m->row[0]));
}

bool app_tagged(const struct app *a, uint64_t worker_key)
{
    for (unsigned i = 0; i < a->tag_count; i++)
        if (a->tag[i] == worker_key)
            return true;
    return false;
}

static void list_untag(struct app *a, unsigned i)
{
    memmove(&a->tag[i], &a->tag[i + 1], (a->tag_count - i - 1) * sizeof a->tag[0]);
    a->tag_count--;
}

void list_tag(struct app *a, const struct model *m, uint64_t now_ns)
{
    const struct snap_worker *w = rows_selected_worker(a, m);

    if (!list_is_of_workers(a->view) || w == NULL) {
        app_note(a, now_ns, "only workers can be tagged: views 1 and 2");
        return;
    }
    uint64_t key = app_worker_key(w);
    if (app_tagged(a, key)) {
        for (unsigned i = 0; i < a->tag_count; i++)
            if (a->tag[i] == key)
                list_untag(a, i);
    } else if (a->tag_count == APP_TAGS) {
        app_note(a, now_ns, "%d workers are tagged: there is room for no more", APP_TAGS);
        return;
    } else {
        a->tag[a->tag_count++] = key;
    }
    if (a->selected == 0) /* the cursor was on the first row without having been put there */
        list_select_worker(a, w);
    list_move(a, m, ACTION_DOWN, now_ns);
}

/* The worker that stands where one was that is gone: of the next higher number, else the last. */
static const struct snap_worker *list_next_worker(const struct model *m, unsigned gone)
{
    const struct snap_worker *next = NULL, *last = NULL;

    for (unsigned i = 0; i < m->row_count; i++) {
        const struct snap_worker *w = model_worker(m, &m->row[i]);
        if (w->number > gone && (!next || w->number < next->number))
            next = w;
        if (!last || w->number > last->number)
            last = w;
    }
    return next ? next : last;
}

bool list_keep_cursor(struct app *a, const struct model *shown)
{
    const struct snap_worker *w = rows_worker_now(shown, a->selected);

    /* The detail of a worker that is gone stays, and says so; a list without a cursor helps nobody.
     */
    if (w == NULL && a->selected != 0 && a->view != VIEW_WORKER)
        w = list_next_worker(shown, a->selected);
    if (w == NULL || (w->number == a->selected && w->epoch == a->selected_epoch))
        return false;
    list_select_worker(a, w);
    return true;
}

bool list_check_tags(struct app *a, const struct model *m)
{
    unsigned before = a->tag_count;

    for (unsigned i = 0; m->have && i < a->tag_count;) {
        if (rows_worker(m, (unsigned)(a->tag[i] >> 32), (uint32_t)a->tag[i]))
            i++;
        else
            list_untag(a, i);
    }
    return a->tag_count != before;
}

int list_sort_count(const struct app *a)
{
    int n = 0;

    while (n < 32 && view_sort_name(a->view, n))
        n++;
    return n;
}

void list_sort(struct app *a, int sort, uint64_t now_ns)
{
    struct list_state *l = &a->list[a->view];
    int n = list_sort_count(a);

    if (n < 2) {
        app_note(a, now_ns, "this view has one order only");
        return;
    }
    l->sort = sort < 0 ? n - 1 : sort >= n ? 0 : sort;
    l->held_until_ns = 0;
    app_note(a, now_ns, "order: %s%s", view_sort_name(a->view, l->sort),
             l->invert ? ", turned round" : "");
}

void list_sort_step(struct app *a, int step, uint64_t now_ns)
{
    list_sort(a, a->list[a->view].sort + step, now_ns);
}

void list_click(struct app *a, int line, uint64_t now_ns)
{
    int row = line - a->seen.first_row;

    if (row < 0 || row >= a->seen.row_count || a->seen.row_key[row] == 0 || a->help)
        return;
    a->follow = false;
    list_select(a, a->seen.row_key[row], now_ns);
}
