/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Offload threads: the one line about them on the overview, and the I/O view, which lists
 * what each thread does (oldest job first), the mounts, and the worst stalls. What is bad has
 * a mark and a word, not only a colour.
 */
#include "tui/ui/v_list.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "tui/ui/fmt.h"
#include "tui/ui/text.h"

/* The tables. The mark stands in the first cell of a row, before them. */
enum { T_WORKER, T_TID, T_AGE, T_OP, T_MOUNT, T_PATH, T_COUNT };
static const struct list_column thread_columns[T_COUNT] = {
    [T_WORKER] = {3, 3, 3, true, "W"},
    [T_TID] = {0, 8, 8, true, "THREAD"},
    [T_AGE] = {6, 6, 6, true, "AGE"},
    [T_OP] = {8, 8, 8, false, "OP"},
    [T_MOUNT] = {0, 14, 24, false, "MOUNT"},
    [T_PATH] = {LIST_REST, LIST_REST, LIST_REST, false, "PATH"},
};

enum { M_STATE, M_NAME, M_TYPE, M_RUNNING, M_QUEUED, M_OLDEST, M_HOT, M_REFUSED, M_COUNT };
static const struct list_column mount_columns[M_COUNT] = {
    [M_STATE] = {13, 13, 26, false, "STATE"},
    [M_NAME] = {LIST_REST, LIST_REST, LIST_REST, false, "MOUNT"},
    [M_TYPE] = {0, 8, 12, false, "TYPE"},
    [M_RUNNING] = {4, 4, 5, true, "RUN"},
    [M_QUEUED] = {0, 5, 6, true, "QUEUE"},
    [M_OLDEST] = {0, 6, 6, true, "OLDEST"},
    [M_HOT] = {0, 4, 5, true, "HOT"},
    [M_REFUSED] = {0, 8, 8, true, "REFUSED"},
};

enum { S_AT, S_LASTED, S_WORKER, S_WHERE, S_OP, S_PATH, S_KERNEL, S_COUNT };
static const struct list_column stall_columns[S_COUNT] = {
    [S_AT] = {0, 8, 8, false, "STALL AT"},
    [S_LASTED] = {6, 6, 6, true, "LASTED"},
    [S_WORKER] = {3, 3, 3, true, "W"},
    [S_WHERE] = {0, 6, 6, false, "WHERE"},
    [S_OP] = {8, 8, 8, false, "OP"},
    [S_PATH] = {LIST_REST, LIST_REST, LIST_REST, false, "PATH"},
    [S_KERNEL] = {0, 0, 36, false, "KERNEL"},
};

static const char *wait_word(enum board_wait wait)
{
    return (unsigned)wait < WAIT_COUNT ? board_wait_name[wait] : "?";
}

static void thread_row(const struct list_table *t, int row, const struct snap_thread *thread)
{
    const struct model *m = t->v->m;
    const struct snap_mount *mount =
        thread->mount < m->now.mount_count ? &m->now.mount[thread->mount] : NULL;
    bool sick = mount && mount->state == MOUNT_SICK && !thread->probe;
    char text[FMT_BYTES];

    list_mark(t, row, sick ? ROLE_BAD : ROLE_NORMAL, sick ? "!" : " ");
    /* A probe is in no count of calls that are held: it is told apart by its word. */
    snprintf(text, sizeof text, "%u", thread->worker);
    list_put(t, row, T_WORKER, ROLE_NORMAL, text);
    snprintf(text, sizeof text, "%u", thread->tid);
    list_put(t, row, T_TID, ROLE_NORMAL, text);
    list_put(t, row, T_AGE, sick ? ROLE_BAD : ROLE_NORMAL,
             fmt_age(text, model_job_age_ns(m, thread)));
    list_put(t, row, T_OP, ROLE_NORMAL, thread->probe ? "try" : wait_word(thread->wait));
    list_put(t, row, T_MOUNT, ROLE_NORMAL, mount ? mount->name : "-");
    list_put(t, row, T_PATH, ROLE_NORMAL, thread->path);
}

/* Returns the furthest it can scroll. */
static int draw_threads(struct view *v, struct rect r)
{
    const struct list_table t = list_table(v, thread_columns, T_COUNT, 0, v->layout.cols);
    const struct model_offload *o = &v->m->offload;
    int head = v->layout.table_header ? 1 : 0;
    int room = r.rows - head, count = (int)o->job_count;
    int last = count > room ? count - room : 0;
    int top = v->a->io_scroll < last ? v->a->io_scroll : last;
    char more[80] = "", text[80];

    if (room < 1)
        return 0;
    if (top > 0 && last > top)
        snprintf(more, sizeof more, "^ %d  v %d more", top, last - top);
    else if (last > 0)
        snprintf(more, sizeof more, "%c %d more", top > 0 ? '^' : 'v', last);
    if (head)
        list_header(&t, r.row, more);
    for (int i = 0; i < room && top + i < count; i++)
        thread_row(&t, r.row + head + i, &v->m->now.thread[o->job[top + i].thread]);
    if (count == 0) {
        snprintf(text, sizeof text, "no job runs; %llu idle thread%s",
                 (unsigned long long)o->threads, o->threads == 1 ? "" : "s");
        grid_text(v->g, r.row + head, 2, r.cols - 2, ROLE_DIM, text);
    }
    return last;
}

/* A call failed not long ago, which is no state: the next one may work. */
static bool mount_fails(const struct model *m, const struct snap_mount *mount)
{
    return mount->state == MOUNT_OK && mount->failed_ns != 0 &&
           mount->failed_ns + ERRORS_SECONDS * NS_PER_S > m->now.taken_ns;
}

/* "SICK 14.2s", on wide screens "SICK 14.2s in 2 of 8 workers". */
static void mount_state(const struct view *v, const struct snap_mount *mount, char *out,
                        size_t out_bytes)
{
    char age[FMT_BYTES] = "", part[40] = "";

    if (mount_fails(v->m, mount)) {
        fmt_age(age,
                mono_since((struct mono){v->m->now.taken_ns}, (struct mono){mount->failed_ns}));
        snprintf(out, out_bytes, "FAILS %s%s%s", age, v->layout.wide ? ": " : "",
                 v->layout.wide ? strerror((int)mount->last_errno) : "");
        return;
    }
    if (mount->state == MOUNT_OK) {
        snprintf(out, out_bytes, "ok");
        return;
    }
    if (mount->sick_since_ns)
        fmt_age(age,
                mono_since((struct mono){v->m->now.taken_ns}, (struct mono){mount->sick_since_ns}));
    if (v->layout.wide && mount->workers_sick < mount->workers)
        snprintf(part, sizeof part, " in %u of %u", mount->workers_sick, mount->workers);
    snprintf(out, out_bytes, "%s%s%s%s", mount->state == MOUNT_SICK ? "SICK" : "FENCED",
             *age ? " " : "", age, part);
}

static void mount_row(const struct list_table *t, int row, const struct snap_mount *mount)
{
    enum role rest = list_row_role(t->v, VIEW_IO, row, 0, t->v->layout.cols, mount->device);
    const struct model *m = t->v->m;
    const struct model_mount *memory = model_mount_memory(m, mount);
    double hot = model_mount_hot(m, mount), refused = memory ? memory->refused : MODEL_UNKNOWN;
    enum role role = mount->state == MOUNT_SICK                              ? ROLE_BAD
                     : mount->state == MOUNT_FENCED || mount_fails(m, mount) ? ROLE_WARN
                                                                             : rest;
    char text[80], number[FMT_BYTES];

    list_mark(t, row, role,
              mount->state == MOUNT_SICK     ? "!"
              : mount->state == MOUNT_FENCED ? "~"
                                             : " ");
    mount_state(t->v, mount, text, sizeof text);
    list_put(t, row, M_STATE, role, text);
    list_put(t, row, M_NAME, rest, mount->name);
    list_put(t, row, M_TYPE, rest, mount->type);
    list_put(t, row, M_RUNNING, rest, fmt_count(number, (double)mount->running));
    list_put(t, row, M_QUEUED, rest, fmt_count(number, (double)mount->queued));
    list_put(t, row, M_OLDEST, mount->state == MOUNT_SICK ? role : rest,
             mount->oldest_ns ? fmt_age(number, mono_since((struct mono){m->now.taken_ns},
                                                           (struct mono){mount->oldest_ns}))
                              : "-");
    /* 100 % is said only when not a single call was cold. */
    snprintf(text, sizeof text, hot < 0 ? "-" : "%d%%", (int)(hot * 100));
    list_put(t, row, M_HOT, rest, text);
    snprintf(text, sizeof text, refused < 0 ? "%s" : "%s/s", fmt_count(number, refused));
    list_put(t, row, M_REFUSED, refused > 0 ? ROLE_WARN : rest, text);
}

/* The worst come first. */
static void draw_mounts(struct view *v, struct rect r)
{
    const struct list_table t = list_table(v, mount_columns, M_COUNT, 0, v->layout.cols);
    struct list l = {0};
    char more[200] = "";

    if (r.rows < 2)
        return;
    for (unsigned i = 0; i < v->m->now.mount_count; i++)
        if (!list_add(&l, v->m->now.mount[i].device, i))
            break;
    list_arrange(&l, v, VIEW_IO);
    struct list_window w =
        list_window(v, &l, VIEW_IO, r.row + 1, r.rows - 1, v->a->list[VIEW_IO].key);
    list_more(v, VIEW_IO, &w, more, sizeof more);
    list_header(&t, r.row, more);
    for (int i = 0; i < w.room && w.top + i < w.count; i++)
        mount_row(&t, r.row + 1 + i, &v->m->now.mount[l.item[w.top + i].index]);
    if (v->m->now.mount_count == 0)
        list_nothing(&t, r.row + 1, "no file of any mount was asked for yet");
    list_free(&l);
}

static void stall_row(const struct list_table *t, int row, const struct snap_stall *stall)
{
    char text[SNAP_TEXT_BYTES + 64];

    list_mark(t, row, stall->over ? ROLE_NORMAL : ROLE_BAD, stall->over ? " " : "!");
    list_put(t, row, S_AT, ROLE_NORMAL, fmt_clock(text, stall->began_wall_ns));
    list_put(t, row, S_LASTED, stall->over ? ROLE_NORMAL : ROLE_BAD,
             fmt_age(text, stall->lasted_ns));
    snprintf(text, sizeof text, "%u", stall->worker);
    list_put(t, row, S_WORKER, ROLE_NORMAL, text);
    list_put(t, row, S_WHERE, stall->on_loop ? ROLE_WARN : ROLE_NORMAL,
             stall->on_loop ? "LOOP" : "thread");
    list_put(t, row, S_OP, ROLE_NORMAL, wait_word(stall->wait));
    list_put(t, row, S_PATH, ROLE_NORMAL, stall->path);
    if (stall->on_loop && stall->waiting > 0)
        snprintf(text, sizeof text, "%u waited; %s", stall->waiting, stall->kernel);
    else
        snprintf(text, sizeof text, "%s", stall->kernel);
    list_put(t, row, S_KERNEL, ROLE_NORMAL, text);
}

static void draw_stalls(struct view *v, struct rect r)
{
    const struct list_table t = list_table(v, stall_columns, S_COUNT, 0, v->layout.cols);
    int count = (int)v->m->now.stall_count;

    if (r.rows < 2)
        return;
    list_header(&t, r.row, "worst of the last hour");
    for (int i = 0; i < r.rows - 1 && i < count; i++)
        stall_row(&t, r.row + 1 + i, &v->m->now.stall[i]);
    if (count == 0)
        list_nothing(&t, r.row + 1, "no stall in the last hour");
}

#define OFFLOAD_PARTS 6
#define OFFLOAD_GAUGE 10 /* cells it has at least */

struct offload_part {
    enum role role;
    char text[64];
};

/* What the line about offload threads says after its gauge, in the order of importance. */
static void offload_parts(const struct view *v, struct offload_part part[OFFLOAD_PARTS])
{
    const struct model_offload *o = &v->m->offload;
    char age[FMT_BYTES] = "-", a[FMT_BYTES], wait[FMT_BYTES] = "-", run[FMT_BYTES] = "-";
    bool full = false;

    for (unsigned i = 0; i < v->m->now.worker_count && !full; i++)
        full = model_pool_full(&v->m->now.worker[i]);
    if (o->job_count > 0)
        fmt_age(age, model_oldest_job_ns(v->m));
    if (o->wait_p99_ns)
        fmt_age(wait, o->wait_p99_ns);
    if (o->run_p99_ns)
        fmt_age(run, o->run_p99_ns);
    for (int i = 0; i < OFFLOAD_PARTS; i++)
        part[i].role = ROLE_NORMAL;
    part[0].role = full ? ROLE_WARN : ROLE_NORMAL;
    part[2].role = o->stuck > 0 ? ROLE_BAD : ROLE_NORMAL;
    snprintf(part[0].text, sizeof part[0].text, "%4s queued", fmt_count(a, (double)o->queued));
    snprintf(part[1].text, sizeof part[1].text, "oldest %6s", age);
    snprintf(part[2].text, sizeof part[2].text, "stuck %3s", fmt_count(a, (double)o->stuck));
    snprintf(part[3].text, sizeof part[3].text, "wait %4s", fmt_count(a, (double)o->waiting));
    snprintf(part[4].text, sizeof part[4].text, "jobs %5s/s", fmt_count(a, v->m->total[RATE_JOBS]));
    snprintf(part[5].text, sizeof part[5].text, "p99 wait %6s run %6s", wait, run);
}

static void offload_line(struct view *v, int row, int col)
{
    const struct model_offload *o = &v->m->offload;
    struct offload_part part[OFFLOAD_PARTS];
    int left = v->layout.cols - col - OFFLOAD_GAUGE, parts = 0;

    offload_parts(v, part);
    while (parts < OFFLOAD_PARTS && text_width(part[parts].text) + 2 <= left)
        left -= text_width(part[parts++].text) + 2;
    int gauge = OFFLOAD_GAUGE + (left > 20 ? 20 : left);
    chart_gauge(v->g, row, col, gauge, ROLE_GRAPH, (double)o->busy, (double)o->limit, v->charset);
    col += gauge;
    for (int i = 0; i < parts; i++)
        col +=
            2 + grid_text(v->g, row, col + 2, v->layout.cols - col - 2, part[i].role, part[i].text);
}

void view_offload(struct view *v, struct rect r)
{
    const struct model_offload *o = &v->m->offload;
    char text[160], age[FMT_BYTES] = "-";
    int col = v->layout.cols < 30 ? 0 : 1;

    if (v->a->strip.kind != STRIP_NONE && v->strip_pane == PANE_OFFLOAD) {
        view_strip(v, r);
        return;
    }
    if (view_gone(v)) {
        grid_text(v->g, r.row, col, r.cols - col, ROLE_NORMAL,
                  v->layout.narrow ? "O -" : "offload -");
        return;
    }
    if (v->layout.narrow) {
        if (o->job_count > 0)
            fmt_age(age, model_oldest_job_ns(v->m));
        snprintf(text, sizeof text, "O %lluq %llu/%llu %s%s", (unsigned long long)o->queued,
                 (unsigned long long)o->busy, (unsigned long long)o->limit,
                 v->layout.cols < 30 ? "" : "old ", age);
        col += grid_text(v->g, r.row, col, r.cols - col, ROLE_NORMAL, text) + 1;
        if (o->stuck > 0)
            view_print(v, r.row, col, r.cols - col, ROLE_BAD, "stuck %llu",
                       (unsigned long long)o->stuck);
        return;
    }
    snprintf(text, sizeof text, "offload %4llu/%-4llu ", (unsigned long long)o->busy,
             (unsigned long long)o->limit);
    col += grid_text(v->g, r.row, col, r.cols - col, ROLE_NORMAL, text);
    offload_line(v, r.row, col);
}

static double pick_jobs(const struct history_record *r)
{
    return (double)r->offload_queued;
}

static void draw_graph(struct view *v, struct rect r)
{
    if (r.rows >= 5) {
        view_rule(v, r.row, 0, r.cols, "jobs waiting for offload threads, one second per column");
        r.row++;
        r.rows--;
    }
    view_count_graph(v, r, pick_jobs, 0);
}

void view_io(struct view *v)
{
    const struct rect *pane = v->layout.pane;

    if (pane[PANE_TITLE].rows > 0)
        view_title(v, pane[PANE_TITLE]);
    if (pane[PANE_OFFLOAD].rows > 0)
        view_offload(v, pane[PANE_OFFLOAD]);
    if (pane[PANE_GRAPH].rows > 0)
        draw_graph(v, pane[PANE_GRAPH]);
    if (pane[PANE_VERDICT].rows > 0)
        view_verdict(v, pane[PANE_VERDICT]);
    if (v->m->have) {
        v->facts->io_last = draw_threads(v, pane[PANE_THREADS]);
        draw_mounts(v, pane[PANE_MOUNTS]);
        v->facts->table_rows = pane[PANE_THREADS].rows - (v->layout.table_header ? 1 : 0);
        draw_stalls(v, pane[PANE_STALLS]);
    }
    if (pane[PANE_KEYS].rows > 0)
        view_keys(v, pane[PANE_KEYS]);
    if (view_gone(v))
        view_dim_old(v);
    if (v->a->strip.kind != STRIP_NONE && pane[PANE_OFFLOAD].rows == 0)
        view_strip(v, pane[PANE_VERDICT]);
}
