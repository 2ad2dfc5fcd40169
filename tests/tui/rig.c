/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rig.
 */
#include "tests/tui/rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/must.h"

void rig_open(struct rig *r, enum fixture which)
{
    memset(r, 0, sizeof *r);
    r->m = fixture_model(which);
    r->now_ns = r->m->clock_ns;
    app_init(&r->a, NS_PER_S, false);
    must(grid_resize(&r->g, 24, 80));
    rig_draw(r);
}

void rig_close(struct rig *r)
{
    grid_free(&r->g);
    model_free(r->m);
    free(r->m);
}

void rig_draw(struct rig *r)
{
    struct app_facts facts;
    int drawings = 0;

    do {
        facts = view_draw(r->m, &r->a, &r->g, CHARSET_ASCII, true);
        must(drawings++ < 2000);
    } while (app_seen(&r->a, app_shown(&r->a, r->m), &facts));
}

void rig_event(struct rig *r, struct event *e)
{
    e->now_ns = r->now_ns;
    e->wall_ns = r->m->wall_ns;
    r->want = app_event(&r->a, r->m, e, &r->last);
    r->wanted |= r->want;
    if (r->last.there) {
        must(r->count < RIG_SENT);
        memcpy(r->sent[r->count], r->last.text, sizeof r->sent[0]);
        r->sent_id[r->count++] = r->last.id;
    }
    rig_draw(r);
}

void rig_key(struct rig *r, uint32_t key)
{
    struct event e = {.kind = EV_KEY, .key = key};

    rig_event(r, &e);
}

void rig_keys(struct rig *r, const char *keys)
{
    static const struct {
        const char *name;
        uint32_t key;
    } names[] = {{"<Up>", INPUT_UP},        {"<Down>", INPUT_DOWN},    {"<Left>", INPUT_LEFT},
                 {"<Right>", INPUT_RIGHT},  {"<Del>", INPUT_DELETE},   {"<Home>", INPUT_HOME},
                 {"<End>", INPUT_END},      {"<PgUp>", INPUT_PAGE_UP}, {"<PgDn>", INPUT_PAGE_DOWN},
                 {"<STab>", INPUT_BACK_TAB}};

    while (*keys) {
        uint32_t key = (unsigned char)*keys;
        size_t n = 1;
        for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
            if (strncmp(keys, names[i].name, strlen(names[i].name)) != 0)
                continue;
            key = names[i].key;
            n = strlen(names[i].name);
        }
        if (key == '\n')
            key = INPUT_ENTER;
        if (key == '\b')
            key = INPUT_BACKSPACE;
        keys += n;
        r->now_ns += 400 * NS_PER_MS;
        rig_key(r, key);
    }
}

void rig_tick(struct rig *r, uint64_t after_ns)
{
    struct event e = {.kind = EV_TICK};

    r->now_ns += after_ns;
    rig_event(r, &e);
}

void rig_reply(struct rig *r, bool ok, uint32_t op, const char *text)
{
    must(r->count > 0);
    struct event e = {
        .kind = EV_REPLY, .id = r->sent_id[r->count - 1], .ok = ok, .op = op, .text = text};

    rig_event(r, &e);
}

bool rig_shows(const struct rig *r, const char *text)
{
    char line[1024];

    for (int y = 0; y < r->g.rows; y++) {
        int n = 0;
        for (int x = 0; x < r->g.cols && n < 1000; x++) {
            const struct cell *c = grid_at(&r->g, y, x);
            if (c->ch != GRID_RIGHT_HALF)
                line[n++] = c->ch < 128 ? (char)c->ch : '?';
        }
        line[n] = '\0';
        if (strstr(line, text))
            return true;
    }
    return false;
}

const char *rig_sent(const struct rig *r)
{
    static char text[4096];
    size_t n = 0;

    text[0] = '\0';
    for (unsigned i = 0; i < r->count && n < sizeof text - 1100; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "%s%s", i ? ", " : "", r->sent[i]);
    return text;
}
