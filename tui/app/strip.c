/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The strip. + and - add up to one relative command; typing replaces them by an absolute
 * one. Whether a number is allowed is the server's to say: its refusal is shown in its own
 * words. "Done" is said when the board says so, not when the reply comes.
 */
#include "tui/app/strip.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "tui/ui/text.h"

#define DONE_SHOWN_NS (6 * NS_PER_S)

static void strip_become(struct app *a, enum strip_kind kind, uint64_t now_ns)
{
    a->strip.kind = kind;
    a->strip.since_ns = now_ns;
}

void strip_close(struct app *a)
{
    memset(&a->strip, 0, sizeof a->strip);
}

void strip_open_workers(struct app *a, int change, const struct model *m, uint64_t now_ns)
{
    strip_close(a);
    a->strip.change = change;
    a->strip.from = m->now.workers_wanted;
    strip_become(a, STRIP_WORKERS, now_ns);
}

void strip_open_offload(struct app *a, const struct model *m, uint64_t now_ns)
{
    strip_close(a);
    a->strip.offload = true;
    a->strip.from = m->now.offload_threads;
    strip_become(a, STRIP_OFFLOAD, now_ns);
}

void strip_open_interval(struct app *a, uint64_t now_ns)
{
    strip_close(a);
    strip_become(a, STRIP_INTERVAL, now_ns);
}

void strip_send(struct app *a, const struct event *e, const char *command, struct app_command *out)
{
    struct strip *s = &a->strip;

    strip_close(a);
    s->other = true;
    s->id = a->next_id++;
    s->sent_ns = e->now_ns;
    snprintf(s->what, sizeof s->what, "%.*s", (int)sizeof s->what - 1, command);
    out->there = true;
    out->id = s->id;
    snprintf(out->text, sizeof out->text, "%.*s", (int)sizeof out->text - 1, command);
    strip_become(a, STRIP_SENT, e->now_ns);
}

void strip_fail(struct app *a, struct model *m, const struct event *e, const char *why)
{
    strip_close(a);
    snprintf(a->strip.text, sizeof a->strip.text, "%s", why);
    model_note(m, e->wall_ns, "REFUSED", why);
    strip_become(a, STRIP_FAILED, e->now_ns);
}

uint32_t app_strip_now(const struct app *a, const struct model *m)
{
    return a->strip.offload ? m->now.offload_threads : m->now.workers_wanted;
}

uint32_t app_strip_target(const struct app *a, const struct model *m)
{
    const struct strip *s = &a->strip;
    long target = (long)app_strip_now(a, m) + s->change;

    if (s->typed[0])
        return (uint32_t)strtoul(s->typed, NULL, 10);
    return target < 1 ? 1 : (uint32_t)target;
}

static void strip_change(struct app *a, const struct model *m, int by)
{
    struct strip *s = &a->strip;

    if (s->typed[0]) { /* from the typed number on */
        unsigned v = (unsigned)strtoul(s->typed, NULL, 10) % 100000;
        if (by > 0 ? v < 99999 : v > 1)
            snprintf(s->typed, sizeof s->typed, "%u", (by > 0 ? v + 1 : v - 1) % 100000);
        return;
    }
    if ((long)app_strip_now(a, m) + s->change + by >= 1 && s->change + by < 100000)
        s->change += by;
}

static void strip_apply_number(struct app *a, const struct model *m, const struct event *e,
                               struct app_command *out)
{
    struct strip *s = &a->strip;

    if (!s->typed[0] && s->change == 0) { /* nothing was chosen */
        strip_close(a);
        return;
    }
    s->to = app_strip_target(a, m);
    s->from = app_strip_now(a, m);
    s->id = a->next_id++;
    s->sent_ns = e->now_ns;
    out->there = true;
    out->id = s->id;
    if (s->offload)
        snprintf(out->text, sizeof out->text, "offload %u", s->to);
    else if (s->typed[0])
        snprintf(out->text, sizeof out->text, "workers %u", s->to);
    else
        snprintf(out->text, sizeof out->text, "workers %+d", s->change);
    snprintf(s->what, sizeof s->what, "%.*s", (int)sizeof s->what - 1, out->text);
    strip_become(a, STRIP_SENT, e->now_ns);
}

static void strip_apply_interval(struct app *a, struct model *m, const struct event *e)
{
    struct strip *s = &a->strip;
    double seconds = strtod(s->typed, NULL);

    if (s->typed[0] == '\0') {
        strip_close(a);
        return;
    }
    if (!(seconds >= 0.1 && seconds <= 60)) {
        snprintf(s->text, sizeof s->text, "an interval is 0.1 to 60 seconds, not %s", s->typed);
        strip_become(a, STRIP_FAILED, e->now_ns);
        return;
    }
    a->interval_ns = (uint64_t)(seconds * 1e9 + 0.5);
    m->interval_ns = a->interval_ns;
    strip_close(a);
}

static bool strip_takes(const struct strip *s, uint32_t key)
{
    if (key >= '0' && key <= '9')
        return strlen(s->typed) < (s->kind == STRIP_INTERVAL ? APP_TYPED_BYTES - 1u : 5u);
    return key == '.' && s->kind == STRIP_INTERVAL && strchr(s->typed, '.') == NULL &&
           strlen(s->typed) < APP_TYPED_BYTES - 1;
}

/* What may be typed. */
static void strip_explain(struct app *a, const struct model *m, uint64_t now_ns)
{
    if (a->strip.kind == STRIP_INTERVAL)
        app_note(a, now_ns, "digits and a point: 0.1 to 60 seconds");
    else if (a->strip.kind == STRIP_OFFLOAD)
        app_note(a, now_ns, "digits only: 1 to %d threads", OFFLOAD_THREADS_MAX);
    else
        app_note(a, now_ns, "digits only: %u to %u workers", m->now.workers_min,
                 m->now.workers_max);
}

bool strip_key(struct app *a, struct model *m, const struct event *e, struct app_command *out)
{
    struct strip *s = &a->strip;
    bool number = s->kind != STRIP_INTERVAL;
    size_t n = strlen(s->typed);

    if (e->key == INPUT_ENTER || e->key == '\n') {
        if (s->kind == STRIP_INTERVAL)
            strip_apply_interval(a, m, e);
        else
            strip_apply_number(a, m, e, out);
    } else if (strip_takes(s, e->key)) {
        s->typed[n] = (char)e->key;
        s->typed[n + 1] = '\0';
        s->change = 0;
    } else if (e->key == INPUT_BACKSPACE || e->key == INPUT_DELETE) {
        if (n > 0)
            s->typed[n - 1] = '\0';
    } else if (e->key == INPUT_CTRL('u')) {
        s->typed[0] = '\0';
        s->change = 0;
    } else if (number && (e->key == '+' || e->key == '=' || e->key == INPUT_UP)) {
        strip_change(a, m, 1);
    } else if (number && (e->key == '-' || e->key == INPUT_DOWN)) {
        strip_change(a, m, -1);
    } else if (e->key > ' ' && e->key < INPUT_UP) {
        /* Letters are no answer: they neither act nor close the question. */
        strip_explain(a, m, e->now_ns);
    } else {
        return false;
    }
    return true;
}

/* The server lets this user change nothing: keys say so from now on. */
static void strip_learn(struct app *a, const struct event *e)
{
    if (!e->ok && strstr(e->text, "may change it"))
        snprintf(a->denied, sizeof a->denied, "%.*s", (int)sizeof a->denied - 1, e->text);
}

void strip_reply(struct app *a, struct model *m, const struct event *e)
{
    struct strip *s = &a->strip;
    bool ours = s->id == e->id && s->id != 0;
    bool named = ours && strncmp(e->text, s->what, strlen(s->what)) != 0;
    char text[2048];

    /* What was asked, unless the server's words begin with it. */
    snprintf(text, sizeof text, "%s%s%s%s", named ? s->what : "", named ? ": " : "",
             e->ok ? "accepted: " : "refused: ", e->text);
    /* A change that goes on is told by the server, and by DONE: "accepted" would be a third time.
     */
    if (!e->ok || e->op == 0)
        model_note(m, e->wall_ns, "ANSWER", text);
    strip_learn(a, e);
    if (s->kind != STRIP_SENT || !ours)
        return;
    snprintf(s->text, sizeof s->text, "%s", e->text);
    s->op = e->op;
    strip_become(a, !e->ok ? STRIP_FAILED : e->op ? STRIP_GOING : STRIP_DONE, e->now_ns);
}

void app_not_sent(struct app *a, struct model *m, unsigned id, const char *why, uint64_t now_ns,
                  uint64_t wall_ns)
{
    struct event e = {
        .kind = EV_REPLY, .now_ns = now_ns, .wall_ns = wall_ns, .id = id, .text = why};
    struct app_command none;

    app_event(a, m, &e, &none);
}

/* Somebody else changes something: the strip tells, when it is free to. */
static bool strip_look_around(struct app *a, const struct model *m, uint64_t now_ns)
{
    struct strip *s = &a->strip;
    bool new_op = a->op_known && m->now.op_id != a->op_seen;

    if (!m->have || (s->kind != STRIP_NONE && s->kind != STRIP_DONE))
        return false; /* ours comes first; op_seen stays, so that this is told afterwards */
    a->op_known = true;
    a->op_seen = m->now.op_id;
    if (!new_op || m->now.op_state != OP_PENDING ||
        (s->kind == STRIP_DONE && s->op == m->now.op_id))
        return false;
    strip_close(a);
    s->foreign = true;
    s->other = true;
    s->op = m->now.op_id;
    s->sent_ns = m->now.op_since_ns;
    snprintf(s->what, sizeof s->what, "someone else's change");
    snprintf(s->text, sizeof s->text, "%s", m->now.op_text);
    strip_become(a, STRIP_GOING, now_ns);
    return true;
}

/* What became of the operation, by the board. */
static bool strip_follow_board(struct app *a, const struct model *m, uint64_t now_ns)
{
    struct strip *s = &a->strip;

    if ((int32_t)(m->now.op_id - s->op) < 0) /* the board has not got there yet */
        return false;
    if (m->now.op_id != s->op) {
        char text[SNAP_TEXT_BYTES + 32];
        snprintf(text, sizeof text, "another change followed: %s", m->now.op_text);
        text_cut_end(s->text, sizeof s->text, text, 900);
        strip_become(a, STRIP_DONE, now_ns);
    } else if (m->now.op_state == OP_DONE) {
        strip_become(a, STRIP_DONE, now_ns);
    } else if (m->now.op_state == OP_FAILED) {
        snprintf(s->text, sizeof s->text, "%s", m->now.op_text);
        strip_become(a, STRIP_FAILED, now_ns);
    } else {
        return false;
    }
    return true;
}

bool strip_follow(struct app *a, struct model *m, uint64_t now_ns)
{
    struct strip *s = &a->strip;
    char text[192];

    if (s->kind == STRIP_DONE && now_ns >= s->since_ns + DONE_SHOWN_NS) {
        strip_close(a);
        return true;
    }
    if (s->kind == STRIP_SENT && !s->late && now_ns >= s->sent_ns + APP_NO_ANSWER_NS) {
        s->late = true;
        snprintf(text, sizeof text, "%s: no answer for 5s; it stays asked", s->what);
        model_note(m, m->wall_ns, "ANSWER", text);
        return true;
    }
    if (s->kind != STRIP_GOING)
        return strip_look_around(a, m, now_ns);
    if (m->link == LINK_GONE || !m->have)
        return false;
    if (!strip_follow_board(a, m, now_ns))
        return false;
    snprintf(text, sizeof text, "%s: %s", s->what, s->kind == STRIP_DONE ? "done" : "failed");
    model_note(m, m->wall_ns, s->kind == STRIP_DONE ? "DONE" : "FAILED", text);
    return true;
}
