/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Requests: those in flight, the oldest first, and below them slow ones that are over, with where
 * their time went. The board has those in flight for longer than REQUEST_SHOWN_NS. The overview's
 * pane of slow requests is here too.
 */
#include "tui/app/rows.h"
#include "tui/ui/v_list.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "tui/ui/fmt.h"
#include "tui/ui/text.h"

enum {
    R_AGE,
    R_ID,
    R_WORKER,
    R_PHASE,
    R_CLIENT,
    R_STATUS,
    R_SENT,
    R_SIZE,
    R_RATE,
    R_PATH,
    R_COUNT
};
static const struct list_column request_columns[R_COUNT] = {
    [R_AGE] = {6, 6, 6, true, "AGE"},
    [R_ID] = {6, 7, 10, true, "ID"},   /* and more when one is longer */
    [R_WORKER] = {0, 0, 0, true, "W"}, /* when an ID has no room */
    [R_PHASE] = {7, 7, 7, false, "PHASE"},
    [R_CLIENT] = {0, 15, 22, false, "CLIENT"},
    [R_STATUS] = {0, 0, 6, false, "STATUS"},
    [R_SENT] = {0, 5, 5, true, "SENT"},
    [R_SIZE] = {0, 5, 5, true, "SIZE"},
    [R_RATE] = {0, 5, 5, true, "RATE"},
    [R_PATH] = {LIST_REST, LIST_REST, LIST_REST, false, "PATH"},
};

/* What leaves, in this order, so that a path has room. */
#define REQUEST_LEAVES 5
static const int request_leaves[REQUEST_LEAVES] = {R_STATUS, R_CLIENT, R_SIZE, R_RATE, R_SENT};

#define PATH_CELLS 10 /* that it has at least */

enum {
    S_AT,
    S_TOTAL,
    S_WORKER,
    S_STATUS,
    S_BYTES,
    S_WAIT,
    S_OPEN,
    S_READ,
    S_SEND,
    S_PATH,
    S_COUNT
};
static const struct list_column slow_columns[S_COUNT] = {
    [S_AT] = {5, 8, 8, false, "ENDED"},
    [S_TOTAL] = {6, 6, 6, true, "TOOK"},
    [S_WORKER] = {3, 3, 3, true, "W"},
    [S_STATUS] = {3, 3, 3, true, "ST"},
    [S_BYTES] = {0, 5, 5, true, "BYTES"},
    [S_WAIT] = {0, 5, 6, true, "WAIT"},
    [S_OPEN] = {0, 5, 6, true, "OPEN"},
    [S_READ] = {0, 5, 6, true, "READ"},
    [S_SEND] = {0, 5, 6, true, "SEND"},
    [S_PATH] = {LIST_REST, LIST_REST, LIST_REST, false, "PATH"},
};

const char *view_target(const char *request, char *out, size_t out_bytes)
{
    const char *target = strncmp(request, "GET ", 4) == 0 ? request + 4 : request;
    const char *end = strstr(target, " HTTP/");

    snprintf(out, out_bytes, "%.*s", end ? (int)(end - target) : (int)strlen(target), target);
    return out;
}

static const char *phase_word(enum board_phase phase)
{
    return (unsigned)phase < PHASE_COUNT ? board_phase_name[phase] : "?";
}

static uint64_t slow_after_ns(const struct model *m)
{
    return m->now.slow_request_ns ? m->now.slow_request_ns : NS_PER_S;
}

static uint64_t request_age_ns(const struct model *m, const struct snap_request *r)
{
    return mono_since((struct mono){m->now.taken_ns}, (struct mono){r->began_ns});
}

/* On average since it began: what a client sees. */
static double request_rate(const struct model *m, const struct snap_request *r)
{
    uint64_t age = request_age_ns(m, r);

    return age > 0 ? (double)r->sent_bytes * 1e9 / (double)age : 0;
}

/* Its client takes nothing, or a call for it lasts. */
static bool request_is_bad(const struct model *m, const struct snap_request *r)
{
    uint64_t in_phase =
        mono_since((struct mono){m->now.taken_ns}, (struct mono){r->phase_since_ns});

    return r->phase == PHASE_STALLED ||
           ((r->phase == PHASE_OPEN || r->phase == PHASE_READ) && in_phase >= slow_after_ns(m));
}

static double size_of(const struct snap_request *r)
{
    return r->content_bytes == REQUEST_LENGTH_UNKNOWN ? MODEL_UNKNOWN : (double)r->content_bytes;
}

static int request_id(const struct snap_request *r, char *out, size_t out_bytes)
{
    return snprintf(out, out_bytes, "%u-%" PRIu64, r->worker, r->serial);
}

/*
 * The columns for this width. An ID is typed after :abort and :throttle: it is shown whole, or the
 * number of the worker in its place.
 */
static void request_fit(const struct view *v, struct list_column column[R_COUNT])
{
    int cells[R_COUNT], used = 1, leaves = 0;
    char id[48];

    for (int c = 0; c < R_COUNT; c++) {
        const struct list_column *k = &request_columns[c];
        cells[c] = v->layout.narrow ? k->narrow : v->layout.wide ? k->wide : k->usual;
    }
    for (unsigned i = 0; i < v->m->now.request_count; i++) {
        int n = request_id(&v->m->now.request[i], id, sizeof id);
        cells[R_ID] = n > cells[R_ID] ? n : cells[R_ID];
    }
    for (int c = 0; c < R_COUNT; c++)
        used += cells[c] > 0 ? cells[c] + 1 : cells[c] == LIST_REST;
    while (used + PATH_CELLS > v->layout.cols && leaves < REQUEST_LEAVES) {
        int c = request_leaves[leaves++];
        used -= cells[c] > 0 ? cells[c] + 1 : 0;
        cells[c] = 0;
    }
    if (used + PATH_CELLS > v->layout.cols) {
        cells[R_ID] = 0;
        cells[R_WORKER] = 3;
    }
    for (int c = 0; c < R_COUNT; c++)
        column[c] = (struct list_column){cells[c], cells[c], cells[c], request_columns[c].right,
                                         request_columns[c].title};
}

static void request_row(const struct list_table *t, int row, const struct snap_request *r)
{
    struct view *v = t->v;
    const struct model *m = v->m;
    bool bad = request_is_bad(m, r);
    enum role role = list_row_role(v, VIEW_REQUESTS, row, 0, v->layout.cols, app_request_key(r));
    enum role loud = bad ? ROLE_BAD : role;
    char n[FMT_BYTES], text[2 * SNAP_TEXT_BYTES], target[SNAP_TEXT_BYTES];

    list_mark(t, row, loud, bad ? "!" : " ");
    list_put(t, row, R_AGE, loud, fmt_age(n, request_age_ns(m, r)));
    request_id(r, text, sizeof text);
    list_put(t, row, R_ID, role, text);
    snprintf(text, sizeof text, "%u", r->worker);
    list_put(t, row, R_WORKER, role, text);
    list_put(t, row, R_PHASE, loud, phase_word(r->phase));
    list_put(t, row, R_CLIENT, role, r->peer);
    snprintf(text, sizeof text, r->status ? "%u%s" : "-", r->status, r->cold ? " c" : "");
    list_put(t, row, R_STATUS, role, text);
    list_put(t, row, R_SENT, role, fmt_bytes(n, (double)r->sent_bytes));
    list_put(t, row, R_SIZE, role, fmt_bytes(n, size_of(r)));
    list_put(t, row, R_RATE, role, view_rate(v, n, request_rate(m, r)));
    view_target(r->request, target, sizeof target);
    if (r->throttle_bytes_per_s) {
        int room = t->place[R_PATH].cells;
        snprintf(text, sizeof text, "(at most %s%s) ",
                 view_rate(v, n, (double)r->throttle_bytes_per_s), view_rate_unit(v));
        if (text_width(text) + 12 > room)
            snprintf(text, sizeof text, "(<%s) ", n);
        list_put_long(v, row, t->place[R_PATH], t->shift, role, text, target);
    } else {
        list_put(t, row, R_PATH, role, target);
    }
}

/* What number `by` of view_sort_name sorts by. */
static void request_sort_by(const struct model *m, struct list_item *item, int by)
{
    const struct snap_request *r = &m->now.request[item->index];

    switch (by) {
    case 1:
        item->number = (double)request_age_ns(m, r);
        break;
    case 2:
        item->number = -(double)r->worker;
        break;
    case 3:
        item->text = phase_word(r->phase);
        break;
    case 4:
        item->text = r->peer;
        break;
    case 5:
        item->number = (double)r->sent_bytes;
        break;
    case 6:
        item->number = size_of(r);
        break;
    case 7:
        item->number = request_rate(m, r);
        break;
    case 8:
        item->text = strncmp(r->request, "GET ", 4) == 0 ? r->request + 4 : r->request;
        break;
    default:
        break;
    }
}

static bool request_list(const struct view *v, struct list *l)
{
    const struct snap *s = &v->m->now;

    for (unsigned i = 0; i < s->request_count; i++) {
        if (!list_add(l, app_request_key(&s->request[i]), i))
            return false;
        request_sort_by(v->m, &l->item[i], v->a->list[VIEW_REQUESTS].sort);
    }
    list_arrange(l, v, VIEW_REQUESTS);
    return true;
}

static void draw_in_flight(struct view *v, struct rect r)
{
    struct list_column column[R_COUNT];
    request_fit(v, column);
    struct list_table t = list_table(v, column, R_COUNT, 0, v->layout.cols);
    const struct snap *s = &v->m->now;
    int head = v->layout.table_header ? 1 : 0;
    struct list l = {0};
    char more[256], without[64] = "";

    list_shifts(&t, VIEW_REQUESTS);
    if (!request_list(v, &l)) {
        list_nothing(&t, r.row, "no memory for the list");
        list_free(&l);
        return;
    }
    struct list_window w = list_window(v, &l, VIEW_REQUESTS, r.row + head, r.rows - head,
                                       v->a->list[VIEW_REQUESTS].key);
    list_more(v, VIEW_REQUESTS, &w, more, sizeof more);
    if (s->requests_in_flight > s->request_count)
        snprintf(without, sizeof without, "%s%" PRIu64 " without a row", *more ? "  " : "",
                 s->requests_in_flight - s->request_count);
    strncat(more, without, sizeof more - strlen(more) - 1);
    if (head)
        list_header(&t, r.row, more);
    for (int i = 0; i < w.room && w.top + i < w.count; i++)
        request_row(&t, r.row + head + i, &s->request[l.item[w.top + i].index]);
    if (l.count == 0)
        list_nothing(&t, r.row + head,
                     s->request_count ? "no request matches the filter"
                                      : "no request has been in flight for longer than 100 ms");
    list_free(&l);
}

/* The parts of a finished request's time. */
struct split {
    uint64_t wait_ns, open_ns, read_ns, send_ns;
};

/*
 * open is told as such; what the offload threads took beyond it was reading; the time that is
 * then left of the whole, without the wait for its head, went into sending.
 */
static struct split split_of(const struct snap_finished *f)
{
    uint64_t threads_ns = f->offload_wait_ns + f->offload_run_ns;
    struct split s = {.wait_ns = f->queue_ns, .open_ns = f->open_ns};

    s.read_ns = threads_ns > f->open_ns ? threads_ns - f->open_ns : 0;
    uint64_t before_ns = f->head_ns + s.open_ns + s.read_ns;
    s.send_ns = f->total_ns > before_ns ? f->total_ns - before_ns : 0;
    return s;
}

static const char *short_age(char out[FMT_BYTES], uint64_t ns)
{
    if (ns < NS_PER_MS)
        snprintf(out, FMT_BYTES, "-");
    else
        fmt_age(out, ns);
    return out;
}

static void slow_row(const struct list_table *t, int row, const struct snap_finished *f)
{
    const struct split s = split_of(f);
    enum role role = f->status >= 500 ? ROLE_BAD : f->aborted ? ROLE_WARN : ROLE_NORMAL;
    char n[FMT_BYTES], text[sizeof f->request + 16], target[sizeof f->request];

    list_mark(t, row, role, f->aborted ? "~" : " ");
    fmt_clock(n, f->when_wall_ns);
    n[t->place[S_AT].cells < 8 ? 5 : 8] = '\0';
    list_put(t, row, S_AT, ROLE_NORMAL, n);
    list_put(t, row, S_TOTAL, ROLE_NORMAL, fmt_age(n, f->total_ns));
    snprintf(text, sizeof text, "%u", f->worker);
    list_put(t, row, S_WORKER, ROLE_NORMAL, text);
    snprintf(text, sizeof text, "%u", f->status);
    list_put(t, row, S_STATUS, role, text);
    list_put(t, row, S_BYTES, ROLE_NORMAL, fmt_bytes(n, (double)f->bytes));
    list_put(t, row, S_WAIT, ROLE_NORMAL, short_age(n, s.wait_ns));
    list_put(t, row, S_OPEN, ROLE_NORMAL, short_age(n, s.open_ns));
    list_put(t, row, S_READ, ROLE_NORMAL, short_age(n, s.read_ns));
    list_put(t, row, S_SEND, ROLE_NORMAL, short_age(n, s.send_ns));
    view_target(f->request, target, sizeof target);
    if (f->aborted && t->place[S_PATH].cells > 40) {
        snprintf(text, sizeof text, "(ended early) %s", target);
        list_put(t, row, S_PATH, ROLE_NORMAL, text);
    } else {
        list_put(t, row, S_PATH, ROLE_NORMAL, target);
    }
}

static void draw_slow(struct view *v, struct rect r)
{
    struct list_table t = list_table(v, slow_columns, S_COUNT, 0, v->layout.cols);
    const struct snap *s = &v->m->now;
    unsigned lately = 0;
    char more[64] = "", text[96], age[FMT_BYTES];

    for (unsigned i = 0; i < s->slow_count; i++)
        lately += s->slow[i].when_wall_ns + 600 * NS_PER_S >= v->m->wall_ns;
    list_shifts(&t, VIEW_REQUESTS);
    if (s->slow_count > 0)
        snprintf(more, sizeof more, v->layout.narrow ? "slow" : "slow: %u in 10 min", lately);
    list_header(&t, r.row, more);
    for (int i = 0; i < r.rows - 1 && i < (int)s->slow_count; i++)
        slow_row(&t, r.row + 1 + i, &s->slow[s->slow_count - 1 - (unsigned)i]);
    if (s->slow_count == 0 && r.rows > 1) {
        snprintf(text, sizeof text, "no request that is over took longer than %s",
                 fmt_age(age, slow_after_ns(v->m)));
        list_nothing(&t, r.row + 1,
                     s->slow_request_ns ? text : "slow requests are not kept ([log] slow_request)");
    }
}

/* All of the request that `a` would act on. */
static void draw_selected(struct view *v, struct rect r)
{
    const struct snap *s = &v->m->now;
    uint64_t cursor = v->a->list[VIEW_REQUESTS].key;
    const struct snap_request *q = rows_request(v->m, cursor ? cursor : rows_first(v->facts));
    char text[3 * SNAP_TEXT_BYTES], cut[3 * SNAP_TEXT_BYTES], age[FMT_BYTES], sent[FMT_BYTES],
        size[FMT_BYTES];

    if (q == NULL)
        return;
    fmt_age(age, mono_since((struct mono){s->taken_ns}, (struct mono){q->phase_since_ns}));
    snprintf(text, sizeof text, "%u-%" PRIu64 "> %s %s, sent %s of %s  %s  from %s", q->worker,
             q->serial, phase_word(q->phase), age, fmt_bytes(sent, (double)q->sent_bytes),
             fmt_bytes(size, size_of(q)), q->request, q->peer[0] ? q->peer : "?");
    text_cut_end(cut, sizeof cut, text, r.cols - 2);
    grid_text(v->g, r.row, 1, r.cols - 1, ROLE_NORMAL, cut);
}

void view_requests(struct view *v)
{
    const struct rect *pane = v->layout.pane;

    if (v->m->have && pane[PANE_LIST].rows > 0)
        draw_in_flight(v, pane[PANE_LIST]);
    if (v->m->have && pane[PANE_SLOW].rows > 0)
        draw_slow(v, pane[PANE_SLOW]);
    if (v->m->have && pane[PANE_REQUEST].rows > 0)
        draw_selected(v, pane[PANE_REQUEST]);
    view_around(v);
}

enum { P_WHEN, P_TIME, P_WORKER, P_WHAT, P_BYTES, P_PATH, P_COUNT };
static const struct list_column pane_columns[P_COUNT] = {
    [P_WHEN] = {8, 8, 8, false, ""},  [P_TIME] = {6, 6, 6, true, ""},
    [P_WORKER] = {4, 4, 4, true, ""}, [P_WHAT] = {7, 7, 7, false, ""},
    [P_BYTES] = {5, 5, 5, true, ""},  [P_PATH] = {LIST_REST, LIST_REST, LIST_REST, false, ""},
};

static void pane_row(const struct list_table *t, int row, bool bad, const char *when,
                     uint64_t time_ns, unsigned worker, const char *what, uint64_t bytes,
                     const char *request)
{
    enum role role = bad ? ROLE_BAD : ROLE_NORMAL;
    char n[FMT_BYTES], target[SNAP_TEXT_BYTES];

    list_mark(t, row, role, bad ? "!" : " ");
    list_put(t, row, P_WHEN, ROLE_NORMAL, when);
    list_put(t, row, P_TIME, role, fmt_age(n, time_ns));
    snprintf(n, sizeof n, "w%u", worker);
    list_put(t, row, P_WORKER, ROLE_NORMAL, n);
    list_put(t, row, P_WHAT, role, what);
    list_put(t, row, P_BYTES, ROLE_NORMAL, fmt_bytes(n, (double)bytes));
    list_put(t, row, P_PATH, ROLE_NORMAL, view_target(request, target, sizeof target));
}

void view_slow_pane(struct view *v, struct rect r)
{
    const struct list_table t = list_table(v, pane_columns, P_COUNT, r.col, r.cols);
    const struct snap *s = &v->m->now;
    char title[80], age[FMT_BYTES], n[FMT_BYTES];
    int row = r.row + 1, end = r.row + r.rows;

    snprintf(title, sizeof title, "in flight > %s, and slow requests",
             fmt_age(age, slow_after_ns(v->m)));
    view_rule(v, r.row, r.col, r.cols, title);
    for (unsigned i = 0; i < s->request_count && row < end; i++) {
        const struct snap_request *q = &s->request[i];
        if (request_age_ns(v->m, q) >= slow_after_ns(v->m))
            pane_row(&t, row++, request_is_bad(v->m, q), "now", request_age_ns(v->m, q), q->worker,
                     phase_word(q->phase), q->sent_bytes, q->request);
    }
    for (unsigned i = s->slow_count; i > 0 && row < end; i--) {
        const struct snap_finished *f = &s->slow[i - 1];
        char status[16];
        snprintf(status, sizeof status, f->aborted ? "%u~" : "%u", f->status);
        pane_row(&t, row++, false, fmt_clock(n, f->when_wall_ns), f->total_ns, f->worker, status,
                 f->bytes, f->request);
    }
    if (row == r.row + 1 && row < end && v->m->have)
        list_nothing(&t, row, "none");
}
