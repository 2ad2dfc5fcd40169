/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rows by key. Linear searches: lists have hundreds of rows and people press keys slowly.
 */
#include "tui/app/rows.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

const struct snap_worker *rows_worker_now(const struct model *m, unsigned number)
{
    for (unsigned i = 0; i < m->now.worker_count; i++)
        if (m->now.worker[i].number == number)
            return &m->now.worker[i];
    return NULL;
}

const struct snap_worker *rows_worker(const struct model *m, unsigned number, uint32_t epoch)
{
    const struct snap_worker *w = rows_worker_now(m, number);

    return w && w->epoch == epoch ? w : NULL;
}

const struct model_row *rows_row(const struct model *m, unsigned number, uint32_t epoch)
{
    for (unsigned i = 0; i < m->row_count; i++) {
        const struct snap_worker *w = model_worker(m, &m->row[i]);
        if (w->number == number && w->epoch == epoch)
            return &m->row[i];
    }
    return NULL;
}

const struct snap_request *rows_request(const struct model *m, uint64_t key)
{
    for (unsigned i = 0; i < m->now.request_count; i++)
        if (app_request_key(&m->now.request[i]) == key)
            return &m->now.request[i];
    return NULL;
}

const struct snap_mount *rows_mount(const struct model *m, uint64_t device)
{
    for (unsigned i = 0; i < m->now.mount_count; i++)
        if (m->now.mount[i].device == device)
            return &m->now.mount[i];
    return NULL;
}

const struct model_event *rows_event(const struct model *m, uint64_t number)
{
    const struct model_event *e;

    for (unsigned ago = 0; (e = model_event_at(m, ago)) != NULL; ago++)
        if (e->number == number)
            return e;
    return NULL;
}

bool app_folds_events(const struct app *a)
{
    const struct list_state *l = &a->list[VIEW_EVENTS];

    return l->filter[0] == '\0' && l->find[0] == '\0';
}

uint64_t rows_first(const struct app_facts *seen)
{
    for (int i = 0; i < seen->row_count; i++)
        if (seen->row_key[i])
            return seen->row_key[i];
    return 0;
}

uint64_t rows_event_key(const struct app *a, const struct model *m, const struct app_facts *seen)
{
    const struct list_state *l = &a->list[VIEW_EVENTS];

    bool shown = rows_event(m, l->key) && app_row_matches(m, VIEW_EVENTS, l->key, l->filter);

    return shown ? l->key : rows_first(seen);
}

/* The event that the row under the cursor tells of: of a run, the newest. */
static const struct model_event *rows_selected_event(const struct app *a, const struct model *m)
{
    uint64_t key = rows_event_key(a, m, &a->seen);
    struct event_run run;

    for (unsigned ago = 0; model_event_run(m, ago, app_folds_events(a), &run); ago += run.count)
        if (event_run_has(&run, key))
            return run.last;
    return NULL;
}

static const struct top_file *rows_file(const struct model *m, uint64_t key)
{
    for (unsigned i = 0; i < m->files.count; i++)
        if (m->files.file[i].key == key)
            return &m->files.file[i];
    return NULL;
}

static bool rows_is_of_workers(enum view_kind view)
{
    return view == VIEW_OVERVIEW || view == VIEW_LATENCY || view == VIEW_WORKER;
}

const struct snap_worker *rows_selected_worker(const struct app *a, const struct model *m)
{
    const struct snap_request *r;
    const struct model_event *e;
    uint64_t first = rows_first(&a->seen);

    if (a->view == VIEW_REQUESTS)
        return (r = rows_selected_request(a, m)) ? rows_worker_now(m, r->worker) : NULL;
    if (a->view == VIEW_EVENTS) {
        e = rows_selected_event(a, m);
        return e && e->worker ? rows_worker_now(m, e->worker) : NULL;
    }
    if (!rows_is_of_workers(a->view))
        return NULL;
    if (a->selected)
        return rows_worker(m, a->selected, a->selected_epoch);
    if (a->view != VIEW_WORKER && first) /* the cursor stands there until it is moved */
        return rows_worker(m, (unsigned)(first >> 32), (uint32_t)first);
    return m->row_count > 0 && !a->list[a->view].filter[0] ? model_worker(m, &m->row[0]) : NULL;
}

const struct snap_request *rows_selected_request(const struct app *a, const struct model *m)
{
    const struct list_state *l = &a->list[VIEW_REQUESTS];

    if (a->view != VIEW_REQUESTS)
        return NULL;
    /* Until the cursor is moved: the one whose details stand below the list. */
    return rows_request(m, l->key ? l->key : rows_first(&a->seen));
}

const struct snap_mount *rows_selected_mount(const struct app *a, const struct model *m)
{
    const struct list_state *l = &a->list[VIEW_IO];
    const struct snap_mount *mount;

    if (a->view != VIEW_IO)
        return NULL;
    if ((mount = rows_mount(m, l->key)) || (mount = rows_mount(m, rows_first(&a->seen))))
        return mount;
    return m->now.mount_count > 0 && !l->filter[0] ? &m->now.mount[0] : NULL; /* the worst */
}

uint64_t rows_cursor(const struct app *a, const struct model *m)
{
    const struct snap_request *r;
    const struct snap_mount *mount;
    const struct snap_worker *w;
    const struct model_event *e;

    if (a->view == VIEW_EVENTS)
        return (e = rows_selected_event(a, m)) ? e->number : 0;
    if (a->view == VIEW_REQUESTS)
        return (r = rows_selected_request(a, m)) ? app_request_key(r) : 0;
    if (a->view == VIEW_IO)
        return (mount = rows_selected_mount(a, m)) ? mount->device : 0;
    if (a->view == VIEW_FILES) { /* until the cursor is moved: the first */
        uint64_t key = a->list[VIEW_FILES].key ? a->list[VIEW_FILES].key : rows_first(&a->seen);
        return rows_file(m, key) ? key : 0;
    }
    w = rows_selected_worker(a, m);
    return w ? app_worker_key(w) : 0;
}

static bool rows_worker_text(const struct model *m, uint64_t key, char *out, size_t out_bytes)
{
    const struct model_row *r = rows_row(m, (unsigned)(key >> 32), (uint32_t)key);
    char object[SNAP_TEXT_BYTES];
    const char *verb;

    if (r == NULL)
        return false;
    const struct snap_worker *w = model_worker(m, r);
    model_row_doing(m, r, &verb, object, sizeof object);
    snprintf(out, out_bytes, "w%u %u %s %s %s %s %s", w->number, w->pid, row_state_word[r->state],
             verb ? verb : "", object, w->request, w->peer);
    return true;
}

bool rows_text(const struct model *m, enum view_kind view, uint64_t key, char *out,
               size_t out_bytes)
{
    const struct snap_request *r;
    const struct snap_mount *mount;
    const struct model_event *e;
    const struct top_file *f;

    switch (view) {
    case VIEW_REQUESTS:
        if ((r = rows_request(m, key)) == NULL)
            return false;
        snprintf(out, out_bytes, "%u-%llu %s %s %s", r->worker, (unsigned long long)r->serial,
                 r->phase < PHASE_COUNT ? board_phase_name[r->phase] : "", r->peer, r->request);
        return true;
    case VIEW_FILES:
        if ((f = rows_file(m, key)) == NULL)
            return false;
        snprintf(out, out_bytes, "%s", f->path);
        return true;
    case VIEW_EVENTS:
        if ((e = rows_event(m, key)) == NULL)
            return false;
        snprintf(out, out_bytes, "%s %s", e->word, e->text);
        return true;
    case VIEW_IO:
        if ((mount = rows_mount(m, key)) == NULL)
            return false;
        snprintf(out, out_bytes, "%s %s", mount->name, mount->type);
        return true;
    default:
        return rows_worker_text(m, key, out, out_bytes);
    }
}

/* The target of "GET /a/b HTTP/1.1". */
static void rows_target(const char *request, char *out, size_t out_bytes)
{
    const char *from = strchr(request, ' ');

    from = from ? from + 1 : request;
    const char *end = strrchr(from, ' ');
    size_t n = end && strncmp(end, " HTTP/", 6) == 0 ? (size_t)(end - from) : strlen(from);
    snprintf(out, out_bytes, "%.*s", (int)n, from);
}

/* The path that stands in the row, or in the detail; a worker without one is its process. */
static bool rows_worker_copy(const struct model *m, enum view_kind view, uint64_t key, char *out,
                             size_t out_bytes)
{
    const struct model_row *row = rows_row(m, (unsigned)(key >> 32), (uint32_t)key);
    char object[SNAP_TEXT_BYTES + 8];
    const char *verb;

    if (row == NULL)
        return false;
    const struct snap_worker *w = model_worker(m, row);
    size_t serving = strlen(w->serving);
    model_row_doing(m, row, &verb, object, sizeof object);
    /* A mark behind a path says that it may be an old one: it is no part of it. */
    bool marked = w->serving_stale && serving > 0 && strncmp(object, w->serving, serving) == 0;
    if (object[0] == '/' && !marked)
        snprintf(out, out_bytes, "%s", object);
    else if (marked || (view == VIEW_WORKER && serving > 0))
        snprintf(out, out_bytes, "%s", w->serving);
    else
        snprintf(out, out_bytes, "%u", w->pid);
    return true;
}

bool rows_copy(const struct model *m, enum view_kind view, uint64_t key, char *out,
               size_t out_bytes)
{
    const struct snap_request *r = view == VIEW_REQUESTS ? rows_request(m, key) : NULL;
    const struct snap_mount *mount = view == VIEW_IO ? rows_mount(m, key) : NULL;

    if (r) {
        rows_target(r->request, out, out_bytes);
        return true;
    }
    if (mount) {
        snprintf(out, out_bytes, "%s", mount->name);
        return true;
    }
    if (!rows_is_of_workers(view))
        return rows_text(m, view, key, out, out_bytes);
    return rows_worker_copy(m, view, key, out, out_bytes);
}

const char *rows_match(const char *in, const char *text)
{
    size_t n = strlen(text);

    for (; n > 0 && *in; in++)
        if (strncasecmp(in, text, n) == 0)
            return in;
    return NULL;
}

bool app_row_matches(const struct model *m, enum view_kind view, uint64_t key, const char *text)
{
    char row[4 * SNAP_TEXT_BYTES];

    if (text[0] == '\0')
        return true;
    return rows_text(m, view, key, row, sizeof row) && rows_match(row, text);
}
