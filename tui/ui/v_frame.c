/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What all views share: the title, the verdict, the line of keys, and small tools.
 */
#include "tui/ui/view.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
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

/* "LIVE 12:04:31", in a shorter form when there is little room. */
static enum role view_link_text(const struct view *v, char *out, size_t out_bytes)
{
    char clock[FMT_BYTES], age[FMT_BYTES];
    const struct model *m = v->m;
    uint64_t since = m->link == LINK_STALE ? m->now.heartbeat_ns : m->gone_since_ns;

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

void view_title(struct view *v, struct rect r)
{
    const struct snap *s = &v->m->now;
    const char *place = v->a->view == VIEW_IO ? "I/O" : "";
    char state[48], up[FMT_BYTES], text[1024] = "", cut[1024];
    bool tiny = v->layout.cols < 30;
    int n = 0;

    grid_fill(v->g, r.row, 0, r.cols, ROLE_TITLE, L' ');
    enum role role = view_link_text(v, state, sizeof state);
    int room = title_badge(v, r.row, r.cols - text_width(state) - 2);
    fmt_age(up, mono_since((struct mono){v->m->clock_ns}, (struct mono){s->started_ns}));
    const char *name = v->m->have ? s->instance : "weirtop";
    if (v->layout.narrow)
        snprintf(text, sizeof text, "%s%s%s%s", tiny ? "" : " ", tiny && *place ? "" : name,
                 tiny || !*place ? "" : " ", place);
    else if (!v->m->have)
        snprintf(text, sizeof text, " weirtop  %s", place);
    else
        n = snprintf(text, sizeof text, " weirtop  %s%s%s%s%s", name, s->host[0] ? " @" : "",
                     s->host, *place ? "  " : "", place);
    if (n > 0 && (size_t)n < sizeof text - 200) {
        char more[200];
        snprintf(more, sizeof more, "  weir %s", s->program_version);
        add_if_room(text, sizeof text, more, room);
        snprintf(more, sizeof more, "  up %s  master %u", up, s->master_pid);
        add_if_room(text, sizeof text, more, room);
    }
    if (v->a->read_only)
        add_if_room(text, sizeof text, "  [read-only]", room);
    text_cut_end(cut, sizeof cut, text, room > 0 ? room : r.cols);
    grid_text(v->g, r.row, 0, room > 0 ? room : r.cols, ROLE_TITLE, cut);
    if (room > 0 || role == ROLE_BAD)
        grid_text_right(v->g, r.row, 0, r.cols - (tiny ? 0 : 1), role, state);
}

/* The bytes of text to put on a line of so many cells: up to the last blank that fits. */
static size_t line_break(const char *text, int cells)
{
    size_t n = strlen(text), best = n;
    char head[2 * SNAP_TEXT_BYTES];

    for (size_t i = 1; i < n; i++) {
        if (text[i] != ' ')
            continue;
        snprintf(head, sizeof head, "%.*s", (int)i, text);
        if (text_width(head) > cells)
            break;
        best = i;
    }
    return best;
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
    char text[2 * SNAP_TEXT_BYTES], cut[2 * SNAP_TEXT_BYTES];
    int indent = v->layout.cols < 30 ? 2 : 3;

    /* A line that ends at a blank is not full. */
    verdict_line(&v->verdict, (r.cols - indent) * r.rows - 16 * (r.rows - 1), text, sizeof text);
    grid_text(v->g, r.row, 0, 2, as,
              v->layout.cols < 30 && v->verdict.level == VERDICT_OK ? "" : mark[v->verdict.level]);
    if (v->layout.cols < 30 && v->verdict.level == VERDICT_OK)
        indent = 0;
    const char *rest = text;
    for (int y = 0; y < r.rows; y++) {
        int cells = r.cols - indent;
        size_t n = strlen(rest);
        if (y < r.rows - 1 && text_width(rest) > cells)
            n = line_break(rest, cells);
        snprintf(cut, sizeof cut, "%.*s", (int)n, rest);
        char shown[2 * SNAP_TEXT_BYTES];
        text_cut_end(shown, sizeof shown, cut, cells);
        grid_text(v->g, r.row + y, indent, cells, as, shown);
        rest += n;
        rest += *rest == ' ';
    }
}

/* One key and its word at *col, when there is room for it and for quit behind it. */
static void key_word(struct view *v, int row, int *col, enum action action)
{
    const struct key_row *k = &key_table[action];
    bool dim = k->write && app_read_only_reason(v->a, v->m) != NULL;
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

void view_keys(struct view *v, struct rect r)
{
    bool away = v->a->view != VIEW_OVERVIEW;
    int col = v->layout.cols < 30 ? 0 : 1;

    if (v->a->note[0]) {
        view_print(v, r.row, 1, r.cols - 1, ROLE_WARN, "%s", v->a->note);
        return;
    }
    /* Help and the way back come first, then keys.def's order, in which quit is the last. */
    key_word(v, r.row, &col, ACTION_HELP);
    if (away)
        key_word(v, r.row, &col, ACTION_OVERVIEW);
    for (int i = 0; i < ACTION_COUNT; i++)
        if (i != ACTION_HELP && i != ACTION_OVERVIEW && (i != ACTION_IO || !away))
            key_word(v, r.row, &col, (enum action)i);
}

/* What is shown of a server that is gone is dim: it is how things were. */
void view_dim_old(struct view *v)
{
    for (int p = 0; p < PANE_COUNT; p++) {
        const struct rect *r = &v->layout.pane[p];
        if (p == PANE_TITLE || p == PANE_VERDICT || p == PANE_KEYS || p == PANE_EVENTS)
            continue;
        if (p == (int)v->strip_pane && v->a->strip.kind != STRIP_NONE)
            continue;
        for (int y = 0; y < r->rows; y++)
            grid_role(v->g, r->row + y, 0, r->cols, ROLE_DIM);
    }
}

struct view_facts view_draw(const struct model *m, const struct app *a, struct grid *g,
                            enum charset charset, bool colour)
{
    struct view v = {.m = m, .a = a, .g = g, .charset = charset, .colour = colour};
    struct view_facts facts = {0};

    if (a->view == VIEW_IO)
        v.layout = layout_io(g->rows, g->cols, (int)m->offload.job_count, (int)m->now.mount_count,
                             (int)m->now.stall_count);
    else
        v.layout = layout_overview(g->rows, g->cols, (int)m->row_count);
    v.strip_pane = a->view == VIEW_IO ? PANE_OFFLOAD : PANE_WORKERS;
    verdict_of(m, &v.verdict);
    grid_clear(g);
    if (a->help)
        facts.help_last = view_help(&v);
    else if (a->view == VIEW_IO)
        facts.io_last = view_io(&v);
    else
        view_overview(&v);
    facts.table_rows = v.layout.pane[a->view == VIEW_IO ? PANE_THREADS : PANE_TABLE].rows -
                       (v.layout.table_header ? 1 : 0);
    return facts;
}
