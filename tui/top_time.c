/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sampling, the tape, and what is shown of it. The large parts of the board are copied only when
 * a view shows them, once an interval; /proc is read once an interval; a record goes onto the tape
 * when a second is over, and while there is no server one a second as well, so that the tape has
 * no hole there. Runs in weirtop.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "tui/model/proc.h"
#include "tui/top.h"
#include "tui/ui/layout.h"

#define TAPE_BYTES (256u << 20)

/* A recording has every part, whatever was looked at while it was made. */
#define RECORDED (SNAP_REQUESTS | SNAP_SLOW | SNAP_FILES)

static void top_wants(struct top *t)
{
    static const unsigned of_view[VIEW_COUNT] = {
        [VIEW_OVERVIEW] = SNAP_REQUESTS | SNAP_SLOW,
        [VIEW_REQUESTS] = SNAP_REQUESTS | SNAP_SLOW,
        [VIEW_FILES] = SNAP_FILES | SNAP_REQUESTS,
        [VIEW_WORKER] = SNAP_REQUESTS | SNAP_RECENT,
    };
    unsigned wants = of_view[t->app.view];

    if (t->app.view == VIEW_OVERVIEW && t->grid.rows >= LAYOUT_FILES_ROWS)
        wants |= SNAP_FILES;
    if (t->opts.mode != MODE_SCREEN)
        wants = 0;
    t->model.wants = wants | (t->opts.record ? RECORDED : 0);
    t->model.watched = t->app.view == VIEW_WORKER ? t->app.selected : 0;
}

#define PROC_NS (2 * NS_PER_S)

/* Memory and CPU time of all workers, once an interval, but not so often as to cost much. */
static void top_proc(struct top *t, uint64_t now_ns)
{
    struct model *m = &t->model;
    struct model_proc p;

    uint64_t every_ns = m->interval_ns > PROC_NS ? m->interval_ns : PROC_NS;

    if (now_ns < t->proc_ns + every_ns - SAMPLE_NS / 2)
        return;
    t->proc_ns = now_ns;
    for (unsigned i = 0; i < m->now.worker_count; i++) {
        const struct snap_worker *w = &m->now.worker[i];
        if (proc_read(w->pid, w->pid_start_ticks, &p))
            model_take_proc(m, w->number, w->epoch, &p, now_ns);
    }
}

bool top_lacks_part(struct top *t)
{
    top_wants(t);
    return !t->app.time.replay && t->model.link == LINK_LIVE && link_up(&t->link) &&
           (t->model.wants & ~t->model.now.wants);
}

bool top_sample(struct top *t, uint64_t now_ns)
{
    top_wants(t);
    if (t->app.time.replay)
        return true;
    if (!link_up(&t->link)) {
        if (t->model.have && t->model.link != LINK_GONE && t->link.view) {
            t->snap.wants = SNAP_NO_HISTOGRAMS;
            if (board_view_snap(t->link.view, &t->snap))
                model_take_last(&t->model, &t->snap);
        }
        model_no_data(&t->model, now_ns, wall_now().ns, t->link.why);
        return true;
    }
    t->snap.wants = model_wants(&t->model, now_ns);
    if (!board_view_snap(t->link.view, &t->snap) || !model_take(&t->model, &t->snap)) {
        t->out_of_memory = true;
        return false;
    }
    top_proc(t, now_ns);
    return true;
}

void top_messages(struct top *t, uint64_t now_ns)
{
    struct message m;

    for (int i = 0; i < 64 && messages_next(&t->messages, now_ns, &m); i++)
        model_note(&t->model, m.wall_ns != 0 ? m.wall_ns : wall_now().ns, m.word, m.text);
}

bool top_tape_open(struct top *t, char *why, size_t why_bytes)
{
    uint64_t minutes = (uint64_t)t->app.settings.value[SETTING_HISTORY_MIN];

    t->tape = tape_new(TAPE_BYTES, minutes * 60);
    if (t->tape == NULL) {
        snprintf(why, why_bytes, "out of memory");
        return false;
    }
    return t->opts.record == NULL || tape_record(t->tape, t->opts.record, why, why_bytes);
}

bool top_replay_open(struct top *t, char *why, size_t why_bytes)
{
    t->tape = tape_new(SIZE_MAX, UINT64_MAX);
    if (t->tape == NULL) {
        snprintf(why, why_bytes, "out of memory");
        return false;
    }
    if (!tape_load(t->tape, t->opts.replay, why, why_bytes))
        return false;
    if (*why) {
        snprintf(t->replay_damage, sizeof t->replay_damage, "%s", why);
        app_note(&t->app, mono_now().ns, "%s", why);
        t->app.note_stays = true;
    }
    t->app.time.replay = true;
    app_tape(&t->app, tape_oldest(t->tape), tape_newest(t->tape));
    t->app.time.record = tape_oldest(t->tape);
    top_show_time(t);
    if (t->app.past == NULL) {
        snprintf(why, why_bytes, "%s: its first record makes no sense", t->opts.replay);
        return false;
    }
    return true;
}

void top_tape_add(struct top *t, uint64_t now_ns)
{
    char why[256] = "";
    bool ended = t->model.seconds != t->tape_seconds;

    if (t->tape == NULL || t->app.time.replay || !t->model.have ||
        (!ended && now_ns < t->tape_ns + NS_PER_S + NS_PER_S / 2))
        return;
    t->tape_seconds = t->model.seconds;
    t->tape_ns = now_ns;
    if (!tape_add(t->tape, &t->model, why, sizeof why)) {
        model_note(&t->model, wall_now().ns, "FAILED", why);
        app_note(&t->app, now_ns, "%s", why);
    }
    app_tape(&t->app, tape_oldest(t->tape), tape_newest(t->tape));
    if (t->app.past && t->app.time.record != t->past_record)
        top_show_time(t); /* the one that was shown fell off the tape */
}

void top_show_time(struct top *t)
{
    struct app_time *time = &t->app.time;

    if (!time->paused && !time->replay) {
        t->app.past = NULL;
        model_free(&t->past); /* megabytes that nobody looks at */
        t->past_record = 0;
        return;
    }
    t->past.thresholds = t->model.thresholds;
    if (tape_show(t->tape, time->record, &t->past)) {
        t->app.past = &t->past;
        t->past_record = time->record;
    } else {
        app_note(&t->app, mono_now().ns, "record %llu cannot be shown",
                 (unsigned long long)time->record);
        if (t->app.past)
            time->record = t->past_record;
        else
            time->paused = false;
    }
}

void top_settings(struct top *t)
{
    const int64_t *v = t->app.settings.value;
    struct thresholds *to = &t->model.thresholds;

    to->slow_ns = (uint64_t)v[SETTING_SLOW_MS] * NS_PER_MS;
    to->blocked_ns = (uint64_t)v[SETTING_BLOCKED_MS] * NS_PER_MS;
    to->queue_warn = (uint32_t)v[SETTING_QUEUE_WARN];
    to->queue_bad_percent = (unsigned)v[SETTING_QUEUE_BAD];
    to->lag_warn_ns = (uint64_t)v[SETTING_LAG_WARN_MS] * NS_PER_MS;
    to->lag_bad_ns = (uint64_t)v[SETTING_LAG_BAD_MS] * NS_PER_MS;
    t->model.interval_ns = t->app.interval_ns;
    if (t->tape && !t->app.time.replay)
        tape_keep(t->tape, (uint64_t)v[SETTING_HISTORY_MIN] * 60);
}
