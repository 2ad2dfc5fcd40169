/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Time. Records are numbered without gaps; the oldest ones fall off the tape while one looks.
 */
#include "tui/app/past.h"

#include "base/clock.h"

void app_tape(struct app *a, uint64_t oldest, uint64_t newest)
{
    struct app_time *t = &a->time;

    t->oldest = oldest;
    t->newest = newest;
    if (t->record < oldest)
        t->record = oldest;
    if (t->record > newest)
        t->record = newest;
    if (t->paused && !t->replay && newest == 0)
        t->paused = false;
}

static unsigned past_live(struct app *a)
{
    struct app_time *t = &a->time;

    t->paused = t->replay; /* the end of a recording is as live as it gets */
    t->record = t->newest;
    return WANT_TIME | WANT_DRAW;
}

static unsigned past_pause(struct app *a, uint64_t now_ns)
{
    struct app_time *t = &a->time;

    if (t->newest == 0) {
        app_note(a, now_ns, "nothing has been recorded yet");
        return WANT_DRAW;
    }
    if (t->paused && !t->replay)
        return past_live(a);
    t->paused = !t->paused;
    if (!t->replay)
        t->record = t->newest;
    else if (!t->paused && t->record == t->newest)
        t->record = t->oldest; /* play it again */
    t->played_ns = now_ns;
    return WANT_TIME | WANT_DRAW;
}

unsigned past_step(struct app *a, int64_t by, uint64_t now_ns)
{
    struct app_time *t = &a->time;

    if (t->newest == 0 || (by > 0 && !t->paused && !t->replay)) {
        app_note(a, now_ns, t->newest == 0 ? "nothing has been recorded yet" : "this is live");
        return WANT_DRAW;
    }
    uint64_t from = t->paused || t->replay ? t->record : t->newest;
    if (by < 0)
        from = from - t->oldest > (uint64_t)-by ? from - (uint64_t)-by : t->oldest;
    else
        from = t->newest - from > (uint64_t)by ? from + (uint64_t)by : t->newest;
    t->paused = true;
    t->record = from;
    return WANT_TIME | WANT_DRAW;
}

unsigned past_action(struct app *a, enum action action, uint64_t now_ns)
{
    switch (action) {
    case ACTION_PAUSE:
        return past_pause(a, now_ns);
    case ACTION_BACK:
        return past_step(a, -1, now_ns);
    case ACTION_ON:
        return past_step(a, 1, now_ns);
    case ACTION_BACK_TEN:
        return past_step(a, -10, now_ns);
    case ACTION_ON_TEN:
        return past_step(a, 10, now_ns);
    case ACTION_OLDEST:
        return past_step(a, INT64_MIN / 2, now_ns);
    default:
        return past_live(a);
    }
}

unsigned past_tick(struct app *a, uint64_t now_ns)
{
    struct app_time *t = &a->time;

    if (!t->replay || t->paused || t->newest == 0)
        return 0;
    if (t->played_ns == 0) { /* the beginning */
        t->played_ns = now_ns;
        t->record = t->record ? t->record : t->oldest;
        return WANT_TIME | WANT_DRAW;
    }
    if (now_ns < t->played_ns + NS_PER_S)
        return 0;
    t->played_ns = now_ns;
    if (t->record >= t->newest)
        t->paused = true;
    else
        t->record++;
    return WANT_TIME | WANT_DRAW;
}
