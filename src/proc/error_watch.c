/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The watch over failing answers; see error_watch.h. Master only.
 */
#include "proc/error_watch.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/log.h"
#include "board/event_pace.h"
#include "board/slot.h"

#define EVENTS_AT_ONCE  4
#define OVER_MANY_SHARE 3  /* per cent: below it is over */
#define OVER_ALL_SHARE  90 /* per cent: below it is no longer all */
#define ERRNO_MAX       4096

#define GET(field)        atomic_load_explicit(&(field), memory_order_relaxed)
#define PUT(field, value) atomic_store_explicit(&(field), (value), memory_order_relaxed)

bool error_watch_init(struct error_watch *w, unsigned slots)
{
    *w = (struct error_watch){0};
    w->last = calloc(slots, sizeof *w->last);
    return w->last != NULL;
}

void error_watch_free(struct error_watch *w)
{
    free(w->last);
    w->last = NULL;
}

/* ---- judging ---- */

static bool reaches(const struct error_second *s, unsigned per_cent)
{
    return (double)s->failed * 100 >= (double)s->answers * per_cent && s->failed > 0;
}

static enum board_errors judge(enum board_errors before, const struct error_second *s)
{
    bool alarm = s->failed >= ERRORS_FLOOR;

    if (reaches(s, before == ERRORS_ALL ? OVER_ALL_SHARE : ERRORS_ALL_SHARE) &&
        (alarm || before == ERRORS_ALL))
        return ERRORS_ALL;
    if (reaches(s, before == ERRORS_FEW ? ERRORS_MANY_SHARE : OVER_MANY_SHARE) &&
        (alarm || before != ERRORS_FEW))
        return ERRORS_MANY;
    return ERRORS_FEW;
}

bool error_watch_second(struct error_watch *w, struct mono now)
{
    enum board_errors before = w->state;

    w->past[w->next] = w->now;
    w->next = (w->next + 1) % ERRORS_SECONDS;
    w->count += w->count < ERRORS_SECONDS;
    w->now = w->sum = (struct error_second){0};
    for (w->seconds = 0;
         w->seconds < w->count && (w->seconds < ERRORS_LEAST || w->sum.answers < ERRORS_ENOUGH);
         w->seconds++) {
        const struct error_second *s =
            &w->past[(w->next + 2 * ERRORS_SECONDS - 1 - w->seconds) % ERRORS_SECONDS];
        w->sum.answers += s->answers;
        w->sum.failed += s->failed;
    }
    w->state = judge(before, &w->sum);
    if (w->state == ERRORS_FEW)
        w->since_ns = 0;
    else if (before == ERRORS_FEW)
        w->since_ns = now.ns;
    return w->state != before;
}

/* ---- telling ---- */

/* Which mount failed last, and in which row; NULL when none did in the time that was judged. */
static const struct board_mount *culprit(const struct error_watch *w, const struct board *b,
                                         struct mono now)
{
    const struct board_mount *worst = NULL;
    uint64_t newest = 0;

    for (size_t i = 0; i < (size_t)b->slot_count * BOARD_MOUNTS_PER_SLOT; i++) {
        const struct board_mount *m = &b->mount[i];
        if (!atomic_load_explicit(&m->used, memory_order_acquire))
            continue;
        uint64_t failed = GET(m->failed_ns);
        if (failed > newest && failed + ((uint64_t)w->seconds + 1) * NS_PER_S >= now.ns) {
            newest = failed;
            worst = m;
        }
    }
    return worst;
}

static void add_culprit(struct out *o, const struct board_mount *m)
{
    char name[BOARD_TEXT_BYTES + 1];
    uint32_t error = m ? GET(m->last_errno) : 0;
    size_t n = 0;

    if (!m)
        return;
    board_text_get(&m->name, name, &n);
    out_fmt(o, "; mount %.*s: %s", (int)n, name, error < ERRNO_MAX ? strerror((int)error) : "?");
}

static void tell(struct error_watch *w, struct board *b, enum board_errors before, struct mono now)
{
    char text[512], more[EVENT_PACE_WORDS];
    struct out o = out_into(text, sizeof text - 1);
    uint32_t held;

    if (w->state == ERRORS_FEW) {
        if (w->told) {
            board_event(b, EVENT_ERRORS, 0, "answers are good again: %llu of %llu in %us failed",
                        (unsigned long long)w->sum.failed, (unsigned long long)w->sum.answers,
                        w->seconds);
            log_warn("answers are good again: %llu of %llu in %u s were 5xx",
                     (unsigned long long)w->sum.failed, (unsigned long long)w->sum.answers,
                     w->seconds);
        }
        w->told = false;
        return;
    }
    if (w->state < before || !event_pace_tell(&w->pace, now, EVENTS_AT_ONCE, &held))
        return; /* better than it was is no news before it is over */
    out_fmt(&o, "%s: %llu of %llu answers in %us were 5xx",
            w->state == ERRORS_ALL ? "nearly all answers fail" : "many answers fail",
            (unsigned long long)w->sum.failed, (unsigned long long)w->sum.answers, w->seconds);
    add_culprit(&o, culprit(w, b, now));
    *o.p = '\0';
    board_event(b, EVENT_ERRORS, 0, "%s%s", text, event_pace_words(held, more));
    log_error("%s%s", text, more);
    w->told = true;
}

/* ---- looking ---- */

/* A counter that went back belongs to another process, which began at 0. */
static uint64_t growth(uint64_t *last, uint64_t now)
{
    uint64_t grown = now >= *last ? now - *last : now;

    *last = now;
    return grown;
}

void error_watch_look(struct error_watch *w, struct board *b, struct mono now)
{
    struct board_header *h = b->header;

    for (unsigned i = 0; i < b->slot_count; i++) {
        const struct board_slot *slot = &b->slot[i];
        if (GET(slot->state) == SLOT_EMPTY)
            continue;
        w->now.answers += growth(&w->last[i].answers, slot_value(slot, COUNTER_requests));
        w->now.failed += growth(&w->last[i].failed, slot_value(slot, COUNTER_responses_5xx));
    }
    if (w->second_ns == 0)
        w->second_ns = now.ns;
    if (now.ns - w->second_ns < NS_PER_S)
        return;
    w->second_ns = now.ns;
    enum board_errors before = w->state;
    if (error_watch_second(w, now))
        tell(w, b, before, now);
    PUT(h->errors, (uint32_t)w->state);
    PUT(h->errors_seconds, w->seconds);
    PUT(h->errors_answers, w->sum.answers);
    PUT(h->errors_failed, w->sum.failed);
    PUT(h->errors_since_ns, w->since_ns);
}
