/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The controller with a model and a screen, for tests: keys are pressed one by one with a
 * drawing after each, as the main loop does, and what is sent is written down.
 */
#ifndef WEIR_TESTS_TUI_RIG_H
#define WEIR_TESTS_TUI_RIG_H

#include "tests/tui/fixture.h"
#include "tui/ui/view.h"

#define RIG_SENT 64

struct rig {
    struct app a;
    struct model *m;
    struct grid g;
    uint64_t now_ns;
    unsigned want;           /* of the last event */
    unsigned wanted;         /* of all events */
    struct app_command last; /* of the last event */
    char sent[RIG_SENT][1024];
    unsigned sent_id[RIG_SENT];
    unsigned count;
};

/* At 80x24, in this situation, a second after which the dashboard was started. */
void rig_open(struct rig *r, enum fixture which);
void rig_close(struct rig *r);

void rig_draw(struct rig *r);
void rig_event(struct rig *r, struct event *e);
void rig_key(struct rig *r, uint32_t key);
/*
 * Each character is a key, 400 ms after the one before, so that dialogs listen. \n is Enter, \033
 * Esc, \b Backspace, and <Up> <Down> <Left> <Right> <Del> <Home> <End> <PgUp> <PgDn> <STab> are
 * what they say.
 */
void rig_keys(struct rig *r, const char *keys);
void rig_tick(struct rig *r, uint64_t after_ns);
/* To the last command. */
void rig_reply(struct rig *r, bool ok, uint32_t op, const char *text);

/* Does the screen say this somewhere? */
bool rig_shows(const struct rig *r, const char *text);
/* The commands sent, joined by ", ". */
const char *rig_sent(const struct rig *r);

#endif
