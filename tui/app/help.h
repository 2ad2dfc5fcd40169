/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The help as text, made from the key table, the row states, the verdict's rules and what is set
 * now, so that it cannot tell of a key that does nothing; and finding in it. How it is laid out
 * on a screen is the view's. Pure. Part of the controller.
 */
#ifndef WEIR_TUI_HELP_H
#define WEIR_TUI_HELP_H

#include "tui/app/app.h"

#define HELP_LINES 160

enum help_kind { HELP_TITLE, HELP_TEXT, HELP_WARN, HELP_OFF };

struct help_line {
    enum help_kind kind;
    int topic;  /* that begins here, -1 for none */
    int indent; /* of what goes on in the next line of a narrow screen */
    char text[320];
};

struct help_text {
    int count;
    struct help_line line[HELP_LINES];
};

void help_write(const struct app *a, const struct model *m, struct help_text *out);

/* The word of a topic, NULL beyond the last. */
const char *help_topic(int topic);
/* Opens it at its beginning, or at a topic. False when there is no such topic. */
void help_open(struct app *a);
bool help_open_at(struct app *a, const struct model *m, const char *topic);

/* To the next line with app.help_find, or the one before. */
void help_find(struct app *a, const struct model *m, bool up, uint64_t now_ns);
/* The same while the text is typed: the line found stays while it has the text. */
void help_find_typed(struct app *a, const struct model *m, uint64_t now_ns);

#endif
