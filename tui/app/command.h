/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The command line. A command that changes the server opens the strip or the dialog that its key
 * would open, filled in; nothing is sent from here. Pure. Part of the controller.
 */
#ifndef WEIR_TUI_COMMAND_H
#define WEIR_TUI_COMMAND_H

#include "tui/app/app.h"

enum command_word {
#define WORD(name, word, arguments, help) WORD_##name,
#include "tui/app/words.def"
#undef WORD
    WORD_COUNT
};

extern const char *const command_word[WORD_COUNT];
extern const char *const command_arguments[WORD_COUNT];
extern const char *const command_help[WORD_COUNT];

/* What one of the server's commands takes here: that is more than weirctl takes for some. */
const char *command_server_arguments(int command);

/* Carries it out. Bits of enum app_want; why[] is "" when it was taken. */
unsigned command_run(struct app *a, struct model *m, const char *text, const struct event *e,
                     char *why, size_t why_bytes);

/* Completes the word before the cursor as far as it is clear. */
void command_complete(const struct model *m, struct line *line);

#define COMMAND_CANDIDATES      64
#define COMMAND_CANDIDATE_BYTES 128

/*
 * What the word before the cursor could become; returns how many. *from is where the word begins.
 * When the command is known, *usage tells its arguments and what it does.
 */
int command_candidates(const struct model *m, const struct line *line,
                       char out[COMMAND_CANDIDATES][COMMAND_CANDIDATE_BYTES], size_t *from,
                       char *usage, size_t usage_bytes);

#endif
