/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ring of events. The board's ring is shorter in time than ours: an event stays here after
 * its entry there was used again; those that came and went between two snapshots are counted.
 * Severity follows from the word, and for two words from the text: a worker that ends because it
 * was told to is no failure, and a resize of offload threads is no shortage.
 */
#include "tui/model/events.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *word;
    enum event_severity severity;
    const char *if_text; /* holds this; NULL: always. The word's next row says what else */
} severities[] = {
    {"EXIT", EVENT_IS_INFO, "status 0"}, {"EXIT", EVENT_IS_BAD, NULL},
    {"OFFLOAD", EVENT_IS_WARN, "full"},  {"QUEUE", EVENT_IS_BAD, "dropped"},
    {"QUEUE", EVENT_IS_WARN, NULL},      {"BLOCK", EVENT_IS_BAD, NULL},
    {"STOPPED", EVENT_IS_BAD, NULL},     {"BACKOFF", EVENT_IS_BAD, NULL},
    {"SICK", EVENT_IS_BAD, NULL},        {"GONE", EVENT_IS_BAD, NULL},
    {"FAILED", EVENT_IS_BAD, NULL},      {"LIMIT", EVENT_IS_WARN, NULL},
    {"REFUSED", EVENT_IS_WARN, NULL},    {"FAULT", EVENT_IS_WARN, NULL},
    {"FENCED", EVENT_IS_WARN, NULL},     {"SLOW", EVENT_IS_WARN, NULL},
    {"STOP", EVENT_IS_WARN, NULL},       {"WARN", EVENT_IS_WARN, NULL},
    {"ERROR", EVENT_IS_BAD, NULL},       {"ERRORS", EVENT_IS_INFO, "good again"},
    {"ERRORS", EVENT_IS_BAD, NULL},      {"LOG", EVENT_IS_WARN, "does not"},
};

enum event_severity model_severity(const char *word, const char *text)
{
    for (size_t i = 0; i < sizeof severities / sizeof *severities; i++)
        if (strcmp(severities[i].word, word) == 0 &&
            (severities[i].if_text == NULL || strstr(text, severities[i].if_text)))
            return severities[i].severity;
    return EVENT_IS_INFO;
}

struct model_event *events_new(struct model *m)
{
    struct model_event *e = &m->event[m->event_next];

    m->event_next = (m->event_next + 1) % MODEL_EVENTS;
    if (m->event_count < MODEL_EVENTS)
        m->event_count++;
    e->number = ++m->event_number;
    e->worker = 0;
    return e;
}

static struct model_event *events_add(struct model *m, uint64_t wall_ns, uint64_t when_ns,
                                      const char *word, const char *text)
{
    struct model_event *e = events_new(m);

    e->wall_ns = wall_ns;
    e->when_ns = when_ns;
    e->severity = model_severity(word, text);
    snprintf(e->word, sizeof e->word, "%s", word);
    snprintf(e->text, sizeof e->text, "%s", text);
    return e;
}

void model_note(struct model *m, uint64_t wall_ns, const char *word, const char *text)
{
    events_add(m, wall_ns, m->clock_ns, word, text);
}

const struct model_event *model_event_at(const struct model *m, unsigned ago)
{
    if (ago >= m->event_count)
        return NULL;
    return &m->event[(m->event_next + MODEL_EVENTS - 1 - ago) % MODEL_EVENTS];
}

#define RUN_LEAST 3 /* two are told one by one */

static bool event_comes_in_runs(const struct model_event *e)
{
    static const char *const words[] = {"SLOW", "LIMIT", "QUEUE", "OFFLOAD"};

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(e->word, words[i]) == 0)
            return e->severity != EVENT_IS_INFO; /* an operator's resize is one */
    return false;
}

static bool events_alike(const struct model_event *a, const struct model_event *b)
{
    return a->severity == b->severity && strcmp(a->word, b->word) == 0;
}

bool model_event_run(const struct model *m, unsigned ago, bool fold, struct event_run *run)
{
    const struct model_event *e = model_event_at(m, ago), *before;

    *run = (struct event_run){e, e, 1};
    if (e == NULL || !fold || !event_comes_in_runs(e))
        return e != NULL;
    while ((before = model_event_at(m, ago + run->count)) != NULL && events_alike(e, before)) {
        run->first = before;
        run->count++;
    }
    if (run->count < RUN_LEAST)
        *run = (struct event_run){e, e, 1};
    return true;
}

void events_take(struct model *m, const struct snap *s)
{
    for (unsigned i = 0; i < s->event_count; i++) {
        const struct snap_event *e = &s->event[i];
        if (e->seq < m->board_event_next)
            continue;
        if (m->board_event_next > 0)
            m->events_lost += e->seq - m->board_event_next;
        const char *word = (unsigned)e->kind < EVENT_COUNT ? board_event_name[e->kind] : "?";
        events_add(m, e->when_wall_ns, e->when_ns, word, e->text)->worker = e->worker;
        m->board_event_next = e->seq + 1;
    }
}
