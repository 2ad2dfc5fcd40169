/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What all views share: the title, the verdict, the line of keys, and small tools.
 */
#include "tui/ui/view.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "tui/ui/box.h"
#include "tui/ui/fmt.h"
#include "tui/ui/text.h"

int view_print(struct view *v, int row, int col, int cells, enum role role, const char *fmt, ...)
{
    char text[2 * SNAP_TEXT_BYTES];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return grid_text(v->g, row, col, cells, role, text);
}

bool view_gone(const struct view *v)
{
    return v->m->link == LINK_GONE || v->m->link == LINK_NEVER;
}

const char *view_rate(const struct view *v, char out[24], double bytes_per_s)
{
    if (!v->a->bits)
        return fmt_bytes(out, bytes_per_s);
    return fmt_count(out, bytes_per_s < 0 ? bytes_per_s : bytes_per_s * 8);
}

const char *view_rate_unit(const struct view *v)
{
    return v->a->bits ? "b/s" : "/s";
}

/* "PAUSED at 12:03:49 (-42s)", "REPLAY 12:03:49". */
static enum role view_past_text(const struct view *v, char *out, size_t out_bytes)
{
    const struct app_time *t = &v->a->time;
    char clock[FMT_BYTES], ago[FMT_BYTES + 4] = "", age[FMT_BYTES];

    fmt_clock(clock, v->m->wall_ns);
    uint64_t seconds = t->newest > t->record ? t->newest - t->record : 0;
    if (seconds > 0 && seconds < 60)
        snprintf(ago, sizeof ago, " (-%us)", (unsigned)seconds);
    else if (seconds > 0)
        snprintf(ago, sizeof ago, " (-%s)", fmt_age(age, seconds * NS_PER_S));
    if (v->layout.cols < 30)
        snprintf(out, out_bytes, "%s", t->paused ? "PAUSED" : "REPLAY");
    else if (v->layout.narrow)
        snprintf(out, out_bytes, "%s %s", t->paused ? "PAUSED" : "REPLAY", clock);
    else if (t->replay)
        snprintf(out, out_bytes, "REPLAY%s %s%s", t->paused ? " PAUSED at" : "", clock, ago);
    else
        snprintf(out, out_bytes, "PAUSED at %s%s", clock, ago);
    return ROLE_WARN;
}

/* "LIVE 12:04:31", in a shorter form when there is little room. */
static enum role view_link_text(const struct view *v, char *out, size_t out_bytes)
{
    char clock[FMT_BYTES], age[FMT_BYTES];
    const struct model *m = v->m;
    uint64_t since = m->link == LINK_STALE ? m->now.heartbeat_ns : m->gone_since_ns;

    if (v->a->time.paused || v->a->time.replay)
        return view_past_text(v, out, out_bytes);
    fmt_clock(clock, m->wall_ns);
    if (v->layout.narrow)
        clock[v->layout.cols < 30 ? 0 : 5] = '\0';
    fmt_age(age, mono_since((struct mono){m->clock_ns}, (struct mono){since}));
    switch (m->link) {
    case LINK_LIVE:
        snprintf(out, out_bytes, "LIVE %s", clock);
        return ROLE_TITLE;
    case LINK_STALE:
        snprintf(out, out_bytes, "STALE %s", age);
        return ROLE_BAD;
    case LINK_GONE:
        snprintf(out, out_bytes, v->layout.cols < 30 ? "NO SERVER" : "NO SERVER for %s", age);
        return ROLE_BAD;
    default:
        snprintf(out, out_bytes, "NO SERVER");
        return ROLE_BAD;
    }
}

/* Appends `more` when the whole still fits into `room` cells. */
static void add_if_room(char *text, size_t bytes, const char *more, int room)
{
    size_t n = strlen(text);

    if (text_width(text) + text_width(more) <= room)
        snprintf(text + n, bytes - n, "%s", more);
}

/*
 * What must not be missed beside the state of the link: faults are made on purpose, and
 * whoever looks must know. Returns the cells left for the rest.
 */
static int title_badge(struct view *v, int row, int end)
{
    char text[24];

    if (v->m->now.faults == 0 || view_gone(v))
        return end;
    snprintf(text, sizeof text, v->layout.cols < 30 ? "FAULTS" : " FAULTS %u ", v->m->now.faults);
    int cells = text_width(text);
    if (end < cells)
        return end;
    grid_text(v->g, row, end - cells, cells, ROLE_BAD, text);
    return end - cells - 1;
}

/* What a view is about, beside its name: "WORKER 3  pid 4716  gen 7". */
static void title_place(const struct view *v, char *out, size_t out_bytes)
{
    static const char *const name[VIEW_COUNT] = {
        [VIEW_OVERVIEW] = "",   [VIEW_LATENCY] = "LATENCY", [VIEW_REQUESTS] = "REQUESTS",
        [VIEW_FILES] = "FILES", [VIEW_IO] = "I/O",          [VIEW_EVENTS] = "EVENTS",
        [VIEW_WORKER] = "",
    };
    char about[64] = "";
    const struct snap_worker *w = NULL;

    if (v->a->view == VIEW_LATENCY && v->a->latency_worker != 0)
        snprintf(about, sizeof about, " w%u", v->a->latency_worker);
    else if (v->a->view == VIEW_LATENCY && !v->layout.narrow)
        snprintf(about, sizeof about, "  all workers");
    else if (v->a->view == VIEW_REQUESTS && !v->layout.narrow && !view_gone(v))
        snprintf(about, sizeof about, "  in flight %" PRIu64,
                 snap_total(&v->m->now, COUNTER_requests_active));
    else if (v->a->view == VIEW_FILES && !v->layout.narrow)
        snprintf(about, sizeof about, "  last 60 s");
    else if (v->a->view == VIEW_WORKER)
        w = view_worker_shown(v);
    if (v->a->view == VIEW_WORKER && w && !v->layout.narrow)
        snprintf(about, sizeof about, "WORKER %u  pid %u  gen %u", w->number, w->pid,
                 w->generation);
    else if (v->a->view == VIEW_WORKER)
        snprintf(about, sizeof about, w ? "WORKER %u" : "WORKER", w ? w->number : 0);
    snprintf(out, out_bytes, "%s%s", name[v->a->view], about);
}

static void title_rest(const struct view *v, char *text, size_t bytes, int room)
{
    const struct snap *s = &v->m->now;
    char up[FMT_BYTES], more[200];

    snprintf(more, sizeof more, "  view %d/%d", v->a->view + 1, VIEW_WORKER);
    if (v->a->view != VIEW_WORKER && v->a->view != VIEW_OVERVIEW)
        add_if_room(text, bytes, more, room);
    if (v->m->have) {
        fmt_age(up, mono_since((struct mono){s->taken_ns}, (struct mono){s->started_ns}));
        snprintf(more, sizeof more, "  weir %s", s->program_version);
        add_if_room(text, bytes, more, room);
        snprintf(more, sizeof more, "  up %s", up);
        add_if_room(text, bytes, more, room);
        snprintf(more, sizeof more, "  master %u", s->master_pid);
        add_if_room(text, bytes, more, room);
    }
    if (v->a->read_only)
        add_if_room(text, bytes, "  [read-only]", room);
}

void view_title(struct view *v, struct rect r)
{
    const struct snap *s = &v->m->now;
    char state[96], place[96], text[1024], cut[1024];
    bool tiny = v->layout.cols < 30;

    title_place(v, place, sizeof place);
    grid_fill(v->g, r.row, 0, r.cols, ROLE_TITLE, L' ');
    enum role role = view_link_text(v, state, sizeof state);
    int room = title_badge(v, r.row, r.cols - text_width(state) - 2);
    const char *name = v->m->have ? s->instance : "weirtop";
    if (v->layout.narrow)
        snprintf(text, sizeof text, "%s%s%s%s", tiny ? "" : " ", tiny && *place ? "" : name,
                 tiny || !*place ? "" : " ", place);
    else if (!v->m->have)
        snprintf(text, sizeof text, " weirtop  %s", place);
    else
        snprintf(text, sizeof text, " weirtop  %s%s%s%s%s", name, s->host[0] ? " @" : "", s->host,
                 *place ? "  " : "", place);
    if (!v->layout.narrow)
        title_rest(v, text, sizeof text, room);
    text_cut_end(cut, sizeof cut, text, room > 0 ? room : r.cols);
    grid_text(v->g, r.row, 0, room > 0 ? room : r.cols, ROLE_TITLE, cut);
    if (room > 0 || role == ROLE_BAD)
        grid_text_right(v->g, r.row, 0, r.cols - (tiny ? 0 : 1), role, state);
}

int view_paragraph_rows(const char *text, int cells, int most)
{
    int n = 1;

    for (size_t bytes; cells > 0 && n < most && (bytes = box_break(text, cells)) < strlen(text);
         n++)
        text += bytes + (text[bytes] == ' ');
    return n;
}

void view_paragraph(struct view *v, struct rect r, int indent, enum role role, const char *text)
{
    char line[2 * SNAP_TEXT_BYTES], cut[2 * SNAP_TEXT_BYTES];
    int cells = r.cols - indent;

    for (int y = 0; y < r.rows; y++) {
        size_t n = strlen(text);
        if (y < r.rows - 1 && text_width(text) > cells)
            n = box_break(text, cells);
        snprintf(line, sizeof line, "%.*s", (int)n, text);
        text_cut_end(cut, sizeof cut, line, cells);
        grid_text(v->g, r.row + y, r.col + indent, cells, role, cut);
        text += n;
        text += *text == ' ';
    }
}

void view_verdict(struct view *v, struct rect r)
{
    static const char *const mark[] = {[VERDICT_OK] = "  ",
                                       [VERDICT_WARN] = "! ",
                                       [VERDICT_BAD] = "!!",
                                       [VERDICT_NO_SERVER] = "!!"};
    static const enum role role[] = {[VERDICT_OK] = ROLE_NORMAL,
                                     [VERDICT_WARN] = ROLE_WARN,
                                     [VERDICT_BAD] = ROLE_BAD,
                                     [VERDICT_NO_SERVER] = ROLE_BAD};
    enum role as = role[v->verdict.level];
    char text[2 * SNAP_TEXT_BYTES];
    int indent = v->layout.cols < 30 ? 2 : 3;

    /* A line that ends at a blank is not full. */
    verdict_line(&v->verdict, (r.cols - indent) * r.rows - 16 * (r.rows - 1), text, sizeof text);
    grid_text(v->g, r.row, 0, 2, as,
              v->layout.cols < 30 && v->verdict.level == VERDICT_OK ? "" : mark[v->verdict.level]);
    if (v->layout.cols < 30 && v->verdict.level == VERDICT_OK)
        indent = 0;
    view_paragraph(v, r, indent, as, text);
}

/* One key and its word at *col, when there is room for it and for quit behind it. */
static void key_word(struct view *v, int row, int *col, enum action action)
{
    const struct key_row *k = &key_table[action];
    bool dim = k->write && app_read_only_reason(v->a, v->live) != NULL;
    int gap = v->layout.cols < 30 ? 1 : 2, quit = 6, cols = v->layout.cols;
    char key[16];

    snprintf(key, sizeof key, "%.*s", (int)strcspn(k->shown, " "), k->shown);
    int cells = (int)(strlen(key) + 1 + strlen(k->foot));
    if (k->foot[0] == '\0' || *col + cells + (action == ACTION_QUIT ? 0 : gap + quit) > cols)
        return;
    *col += grid_text(v->g, row, *col, cols - *col, dim ? ROLE_DIM : ROLE_KEY, key);
    *col += view_print(v, row, *col, cols - *col, dim ? ROLE_DIM : ROLE_NORMAL, ":%s", k->foot);
    *col += gap;
}

/* Keys that act on the worker under the cursor, or on how many there are: elsewhere they work as
 * well, and are not what one looks for. */
static bool key_is_of_workers(enum action action)
{
    return action == ACTION_MORE || action == ACTION_FEWER || action == ACTION_SET ||
           action == ACTION_DRAIN || action == ACTION_RESTART;
}

void view_keys(struct view *v, struct rect r)
{
    enum view_kind view = v->a->view;
    bool away = view != VIEW_OVERVIEW;
    bool of_workers = view == VIEW_OVERVIEW || view == VIEW_LATENCY || view == VIEW_WORKER;
    int col = v->layout.cols < 30 ? 0 : 1;

    if (v->a->note[0]) {
        v->noted = true;
        return;
    }
    /* Help and the way back come first, then keys.def's order, in which quit is the last. */
    key_word(v, r.row, &col, ACTION_HELP);
    if (away)
        key_word(v, r.row, &col, ACTION_OVERVIEW);
    for (int i = 0; i < ACTION_COUNT; i++)
        if (i != ACTION_HELP && i != ACTION_OVERVIEW && (i != ACTION_IO || !away) &&
            (i != ACTION_OFFLOAD || of_workers || view == VIEW_IO) &&
            (of_workers || !key_is_of_workers((enum action)i)))
            key_word(v, r.row, &col, (enum action)i);
}

/* What is shown of a server that is gone is dim: it is how things were. */
void view_dim_old(struct view *v)
{
    for (int p = 0; p < PANE_COUNT; p++) {
        const struct rect *r = &v->layout.pane[p];
        if (p == PANE_TITLE || p == PANE_VERDICT || p == PANE_KEYS || p == PANE_EVENTS)
            continue;
        if (v->a->view == VIEW_EVENTS) /* events stay true */
            continue;
        if (p == (int)v->strip_pane && v->a->strip.kind != STRIP_NONE)
            continue;
        for (int y = 0; y < r->rows; y++)
            grid_role(v->g, r->row + y, r->col, r->cols, ROLE_DIM);
    }
}

/* Columns of the worker table that the user does not want. */
static unsigned hidden_columns(const struct settings *s)
{
    static const struct {
        enum setting setting;
        enum column column;
    } shown[] = {
        {SETTING_COLUMN_PID, COLUMN_PID},       {SETTING_COLUMN_GENERATION, COLUMN_GENERATION},
        {SETTING_COLUMN_IN, COLUMN_IN},         {SETTING_COLUMN_OFFLOAD, COLUMN_OFFLOAD},
        {SETTING_COLUMN_LAG50, COLUMN_LAG50},   {SETTING_COLUMN_LAGMAX, COLUMN_LAGMAX},
        {SETTING_COLUMN_ERRORS, COLUMN_ERRORS}, {SETTING_COLUMN_RSS, COLUMN_RSS},
        {SETTING_COLUMN_CPU, COLUMN_CPU},
    };
    unsigned hidden = 0;

    for (size_t i = 0; i < sizeof shown / sizeof *shown; i++)
        if (!s->value[shown[i].setting])
            hidden |= 1u << shown[i].column;
    return hidden;
}

static unsigned count_generations(const struct model *m)
{
    unsigned n = 0;

    for (unsigned i = 0; i < m->row_count; i++) {
        unsigned j = 0;
        while (j < i &&
               model_worker(m, &m->row[j])->generation != model_worker(m, &m->row[i])->generation)
            j++;
        n += j == i;
    }
    return n;
}

static struct layout layout_for(const struct view *v)
{
    static struct layout (*const of[VIEW_COUNT])(int, int, const struct layout_need *) = {
        [VIEW_OVERVIEW] = layout_overview,
        [VIEW_LATENCY] = layout_latency,
        [VIEW_REQUESTS] = layout_requests,
        [VIEW_FILES] = layout_files,
        [VIEW_IO] = layout_io,
        [VIEW_EVENTS] = layout_events,
        [VIEW_WORKER] = layout_worker,
    };
    const struct model *m = v->m;
    struct layout_need need = {
        .workers = (int)(m->row_count + (v->a->group ? count_generations(m) : 0)),
        .threads = (int)m->offload.job_count,
        .mounts = (int)m->now.mount_count,
        .stalls = (int)m->now.stall_count,
        .slow = (int)m->now.slow_count,
        .alarm = v->verdict.level != VERDICT_OK,
        .wide_request = v->a->wide,
        .hidden = hidden_columns(&v->a->settings),
    };

    return of[v->a->view](v->g->rows, v->g->cols, &need);
}

void view_around(struct view *v)
{
    const struct rect *pane = v->layout.pane;
    bool strip = v->a->strip.kind != STRIP_NONE;

    if (pane[PANE_TITLE].rows > 0)
        view_title(v, pane[PANE_TITLE]);
    if (pane[PANE_VERDICT].rows > 0)
        view_verdict(v, pane[PANE_VERDICT]);
    if (pane[PANE_KEYS].rows > 0 && strip)
        view_strip(v, pane[PANE_KEYS]);
    else if (pane[PANE_KEYS].rows > 0)
        view_keys(v, pane[PANE_KEYS]);
    if (view_gone(v))
        view_dim_old(v);
}

/* A remark in the line of keys, and over what stands above it as far as it needs lines. */
static void draw_note(struct view *v)
{
    struct rect r = v->layout.pane[PANE_KEYS];
    const char *note = v->a->note;

    r.rows = view_paragraph_rows(note, r.cols - 1, v->g->rows / 4);
    r.row -= r.rows - 1;
    for (int y = 0; y < r.rows; y++)
        grid_fill(v->g, r.row + y, r.col, r.cols, ROLE_WARN, L' ');
    view_paragraph(v, r, 1, ROLE_WARN, note);
}

struct app_facts view_draw(const struct model *m, const struct app *a, struct grid *g,
                           enum charset charset, bool colour)
{
    static void (*const draw[VIEW_COUNT])(struct view *) = {
        [VIEW_OVERVIEW] = view_overview,
        [VIEW_LATENCY] = view_latency,
        [VIEW_REQUESTS] = view_requests,
        [VIEW_FILES] = view_files,
        [VIEW_IO] = view_io,
        [VIEW_EVENTS] = view_events,
        [VIEW_WORKER] = view_worker,
    };
    struct app_facts facts = {0};
    const struct model *shown = app_shown(a, m);
    struct view v = {.m = shown, .a = a, .g = g, .charset = charset, .colour = colour};

    v.live = a->time.replay ? shown : m;
    v.facts = &facts;
    v.sweep = a->settings.value[SETTING_SWEEP] != 0;
    v.strip_pane = a->view == VIEW_OVERVIEW && (a->strip.offload || view_strip_is_of_workers(a))
                       ? PANE_WORKERS
                   : a->view == VIEW_IO ? PANE_OFFLOAD
                                        : PANE_KEYS;
    verdict_of(shown, &v.verdict);
    v.layout = layout_for(&v);
    grid_clear(g);
    draw[a->view](&v);
    if (v.noted)
        draw_note(&v);
    v.m = v.live;
    view_overlay(&v);
    return facts;
}
