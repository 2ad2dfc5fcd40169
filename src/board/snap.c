/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What can be said about a snapshot once it is taken: totals, who is stuck, copies. Plain
 * data in, plain data out; taking one from the board is view.c. Runs in observers.
 */
#include "weir/snapshot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void snap_free(struct snap *s)
{
    free(s->listener);
    free(s->worker);
    free(s->event);
    free(s->thread);
    free(s->mount);
    free(s->stall);
    free(s->request);
    free(s->file);
    free(s->recent);
    free(s->slow);
    *s = (struct snap){0};
}

/* A copy of count records; NULL for none, and *failed set when memory ran out. */
static void *copy_array(const void *from, size_t count, size_t size, bool *failed)
{
    void *to;

    if (count == 0)
        return NULL;
    to = malloc(count * size);
    if (to)
        memcpy(to, from, count * size);
    else
        *failed = true;
    return to;
}

bool snap_copy(struct snap *to, const struct snap *from)
{
    bool failed = false;

    *to = *from;
    to->listener = copy_array(from->listener, from->listener_count, sizeof *to->listener, &failed);
    to->worker = copy_array(from->worker, from->worker_count, sizeof *to->worker, &failed);
    to->event = copy_array(from->event, from->event_count, sizeof *to->event, &failed);
    to->thread = copy_array(from->thread, from->thread_count, sizeof *to->thread, &failed);
    to->mount = copy_array(from->mount, from->mount_count, sizeof *to->mount, &failed);
    to->stall = copy_array(from->stall, from->stall_count, sizeof *to->stall, &failed);
    to->request = copy_array(from->request, from->request_count, sizeof *to->request, &failed);
    to->file = copy_array(from->file, from->file_count, sizeof *to->file, &failed);
    to->recent = copy_array(from->recent, from->recent_count, sizeof *to->recent, &failed);
    to->slow = copy_array(from->slow, from->slow_count, sizeof *to->slow, &failed);
    to->listener_room = from->listener_count;
    to->worker_room = from->worker_count;
    to->event_room = from->event_count;
    to->thread_room = from->thread_count;
    to->mount_room = from->mount_count;
    to->stall_room = from->stall_count;
    to->request_room = from->request_count;
    to->file_room = from->file_count;
    to->recent_room = from->recent_count;
    to->slow_room = from->slow_count;
    if (failed)
        snap_free(to);
    return !failed;
}

static uint64_t age(const struct snap *s, uint64_t since_ns)
{
    return s->taken_ns > since_ns ? s->taken_ns - since_ns : 0;
}

uint64_t snap_worker_away_ns(const struct snap *s, const struct snap_worker *w)
{
    return w->turn_since_ns != 0 ? age(s, w->turn_since_ns) : 0;
}

enum snap_stuck snap_worker_stuck(const struct snap *s, const struct snap_worker *w,
                                  uint64_t *age_ns)
{
    uint64_t away = snap_worker_away_ns(s, w);

    *age_ns = 0;
    if (w->state == SLOT_DEAD) {
        *age_ns = age(s, w->state_since_ns);
        return STUCK_DEAD;
    }
    if (w->stopped_since_ns != 0) {
        *age_ns = age(s, w->stopped_since_ns);
        return STUCK_STOPPED;
    }
    if (w->state != SLOT_RUNNING && w->state != SLOT_RETIRING)
        return STUCK_NO;
    if (s->blocked_after_ns == 0 || away <= s->blocked_after_ns)
        return STUCK_NO;
    *age_ns = away;
    return STUCK_BLOCKED;
}

uint64_t snap_total(const struct snap *s, enum board_counter which)
{
    uint64_t sum = s->past[which];

    for (unsigned i = 0; i < s->worker_count; i++)
        sum += s->worker[i].counter[which];
    return sum;
}

const char *snap_thread_mount(const struct snap *s, const struct snap_thread *t)
{
    return t->mount < s->mount_count ? s->mount[t->mount].name : "";
}

uint64_t snap_events_lost(const struct snap *s, uint64_t seen_up_to)
{
    uint64_t there = 0;

    if (s->event_next == 0 || s->event_next - 1 <= seen_up_to)
        return 0;
    for (unsigned i = 0; i < s->event_count; i++)
        there += s->event[i].seq > seen_up_to;
    return s->event_next - 1 - seen_up_to - there;
}

uint64_t snap_log_stuck_ns(const struct snap *s, enum board_log_kind kind)
{
    uint64_t since = s->log[kind].busy_since_ns;
    uint64_t waits = since != 0 && since < s->taken_ns ? s->taken_ns - since : 0;

    return s->log[kind].used && waits >= BOARD_LOG_STUCK_NS ? waits : 0;
}

void snap_log_name(const struct snap *s, enum board_log_kind kind, char *to, size_t to_bytes)
{
    static const char *const word[][2] = {
        {"stderr", "on standard error"}, {"stdout", "on standard output"}, {"syslog", "on syslog"}};
    const char *target = s->log[kind].target;

    for (size_t i = 0; i < sizeof word / sizeof *word; i++)
        if (strcmp(target, word[i][0]) == 0)
            target = word[i][1];
    snprintf(to, to_bytes, "%s log %s", kind == BOARD_LOG_ERROR ? "error" : "access", target);
}
