/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ring of records. Each is a piece of memory of its own; the oldest are given up when all
 * together are too many bytes or reach too far back. What a record leaves out because one before
 * it had it (events, slow requests, the history) is collected from those before when it is shown.
 * Runs in weirtop.
 */
#include "tui/model/tape.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "tui/model/seconds.h"
#include "tui/model/tape_file.h"
#include "tui/model/tape_record.h"

struct entry {
    unsigned char *bytes;
    size_t n;
    uint64_t wall_ns, clock_ns;
    bool first; /* of a run of weirtop: distances to the one before are by the wall clock */
};

struct tape {
    size_t most_bytes, bytes;
    uint64_t most_seconds;
    struct entry *entry; /* a ring */
    size_t room, start, count;
    uint64_t newest; /* its number; 0 when there never was one */
    struct record_told told;
    struct tape_file file;
};

struct tape *tape_new(size_t most_bytes, uint64_t most_seconds)
{
    struct tape *t = calloc(1, sizeof *t);

    if (t == NULL)
        return NULL;
    t->most_bytes = most_bytes;
    t->most_seconds = most_seconds;
    t->file.fd = -1;
    return t;
}

void tape_keep(struct tape *t, uint64_t most_seconds)
{
    t->most_seconds = most_seconds;
}

static struct entry *tape_entry(const struct tape *t, size_t i)
{
    return &t->entry[(t->start + i) % t->room];
}

static struct entry *tape_find(const struct tape *t, uint64_t record)
{
    uint64_t oldest = tape_oldest(t);

    if (oldest == 0 || record < oldest || record > t->newest)
        return NULL;
    return tape_entry(t, (size_t)(record - oldest));
}

static void tape_drop_oldest(struct tape *t)
{
    struct entry *e = tape_entry(t, 0);

    t->bytes -= e->n;
    free(e->bytes);
    t->start = (t->start + 1) % t->room;
    t->count--;
}

void tape_free(struct tape **tape)
{
    struct tape *t = *tape;

    *tape = NULL;
    if (t == NULL)
        return;
    while (t->count > 0)
        tape_drop_oldest(t);
    tape_file_close(&t->file);
    free(t->entry);
    free(t);
}

static bool tape_reserve(struct tape *t)
{
    if (t->count < t->room)
        return true;
    size_t room = t->room ? t->room * 2 : 64;
    struct entry *p = malloc(room * sizeof *p);
    if (p == NULL)
        return false;
    for (size_t i = 0; i < t->count; i++)
        p[i] = *tape_entry(t, i);
    free(t->entry);
    t->entry = p;
    t->room = room;
    t->start = 0;
    return true;
}

/* Seconds between two neighbours. */
static uint64_t tape_distance_ns(const struct entry *before, const struct entry *e)
{
    if (e->first)
        return mono_since((struct mono){e->wall_ns}, (struct mono){before->wall_ns});
    return mono_since((struct mono){e->clock_ns}, (struct mono){before->clock_ns});
}

static void tape_limit(struct tape *t)
{
    const struct entry *newest = tape_entry(t, t->count - 1);

    while (t->count > 1) {
        const struct entry *e = tape_entry(t, 0);
        uint64_t age = mono_since((struct mono){newest->wall_ns}, (struct mono){e->wall_ns});
        if (t->bytes <= t->most_bytes && age / NS_PER_S <= t->most_seconds)
            return;
        tape_drop_oldest(t);
    }
}

/* False with EINVAL when it is no record, with ENOMEM. */
static bool tape_append(struct tape *t, unsigned char *bytes, size_t n)
{
    struct record_head h;

    errno = EINVAL;
    if (!record_open(&h, bytes, n))
        return false;
    errno = ENOMEM;
    if (!tape_reserve(t))
        return false;
    t->count++;
    *tape_entry(t, t->count - 1) = (struct entry){bytes, n, h.wall_ns, h.clock_ns, h.first};
    t->bytes += n;
    t->newest++;
    tape_limit(t);
    return true;
}

bool tape_add(struct tape *t, const struct model *m, char *why, size_t why_bytes)
{
    struct pack p = {0};
    bool good = true;

    if (!record_pack(&p, m, &t->told)) {
        buf_free(&p.bytes);
        snprintf(why, why_bytes, "out of memory");
        tape_file_close(&t->file);
        return false;
    }
    if (t->file.fd >= 0 && !tape_file_write(&t->file, p.bytes.p, p.bytes.n, why, why_bytes)) {
        tape_file_close(&t->file);
        good = false;
    }
    unsigned char *bytes = realloc(p.bytes.p, p.bytes.n); /* without the room to grow */
    if (bytes == NULL)
        bytes = (unsigned char *)p.bytes.p;
    if (!tape_append(t, bytes, p.bytes.n)) {
        free(bytes);
        snprintf(why, why_bytes, "out of memory");
        tape_file_close(&t->file);
        t->told = (struct record_told){0}; /* its news are lost: the next one has them all */
        return false;
    }
    return good;
}

uint64_t tape_oldest(const struct tape *t)
{
    return t->count > 0 ? t->newest - t->count + 1 : 0;
}

uint64_t tape_newest(const struct tape *t)
{
    return t->count > 0 ? t->newest : 0;
}

uint64_t tape_wall_ns(const struct tape *t, uint64_t record)
{
    const struct entry *e = tape_find(t, record);

    return e ? e->wall_ns : 0;
}

size_t tape_bytes(const struct tape *t)
{
    return t->bytes;
}

/* ---- showing ---- */

/* History up to entry `last`, and the heat of its workers. */
static bool show_seconds(const struct tape *t, size_t last, struct model *past)
{
    size_t from = last + 1 > HISTORY_SECONDS ? last + 1 - HISTORY_SECONDS : 0;
    struct record_head h;

    for (size_t i = from; i <= last; i++) {
        const struct entry *e = tape_entry(t, i);
        bool heat = last - i < HEAT_SECONDS;
        if (i > from) {
            uint64_t gap = tape_distance_ns(tape_entry(t, i - 1), e) / NS_PER_S;
            if (gap > 1) {
                history_add_gap(&past->history, gap - 1);
                for (unsigned w = 0; heat && w < past->memory_count; w++)
                    heat_add_gap(&past->memory[w], gap - 1);
            }
        }
        if (!record_open(&h, e->bytes, e->n) || !record_second(h.second, past, heat))
            return false;
    }
    past->seconds = last + 1;
    return true;
}

/* Events and slow requests of entry `last` and as many before it as the rings have room for. */
static bool show_news(const struct tape *t, size_t last, struct model *past, bool *enomem)
{
    struct snap *s = &past->now;
    struct record_news sum = {0}, n;
    struct record_head h;
    size_t from = last + 1;

    do {
        const struct entry *e = tape_entry(t, --from);
        if (!record_open(&h, e->bytes, e->n) || !record_count_news(h.news, &n))
            return false;
        sum.events += n.events;
        sum.slow += n.slow;
    } while (from > 0 && !h.first && (sum.events < MODEL_EVENTS || sum.slow < BOARD_SLOW_RING));
    s->slow_room = sum.slow < BOARD_SLOW_RING ? sum.slow : BOARD_SLOW_RING;
    s->slow = s->slow_room ? calloc(s->slow_room, sizeof *s->slow) : NULL;
    *enomem = s->slow_room > 0 && s->slow == NULL;
    if (*enomem)
        return false;
    /* The rings take the newest: what comes before is skipped. */
    unsigned skip_slow = sum.slow - s->slow_room;
    for (size_t i = from; i <= last; i++) {
        const struct entry *e = tape_entry(t, i);
        if (!record_open(&h, e->bytes, e->n) || !record_count_news(h.news, &n) ||
            !record_news(h.news, past, skip_slow))
            return false;
        skip_slow = skip_slow > n.slow ? skip_slow - n.slow : 0;
    }
    return true;
}

bool tape_show(const struct tape *t, uint64_t record, struct model *past)
{
    const struct entry *e = tape_find(t, record);
    struct model *m = e ? malloc(sizeof *m) : NULL;
    struct record_head h;
    bool enomem;

    if (m == NULL || !model_init(m, past->interval_ns)) {
        free(m);
        return false;
    }
    size_t last = (size_t)(record - tape_oldest(t));
    bool good = record_open(&h, e->bytes, e->n) && record_moment(&h, m, &enomem) &&
                show_seconds(t, last, m) && show_news(t, last, m, &enomem);
    if (good) {
        struct thresholds own = past->thresholds;
        model_free(past);
        *past = *m;
        past->thresholds = own;
    } else {
        model_free(m);
    }
    free(m);
    return good;
}

/* ---- files ---- */

bool tape_record(struct tape *t, const char *file, char *why, size_t why_bytes)
{
    tape_file_close(&t->file);
    t->told = (struct record_told){0}; /* the file's first record refers to none before */
    return tape_file_append(&t->file, file, why, why_bytes);
}

static bool tape_load_one(void *context, unsigned char *bytes, size_t n)
{
    return tape_append(context, bytes, n);
}

bool tape_load(struct tape *t, const char *file, char *why, size_t why_bytes)
{
    return tape_file_read(file, tape_load_one, t, why, why_bytes);
}
