/* SPDX-License-Identifier: BSD-2-Clause */
/* The command line of weirtop. */
#ifndef WEIR_TUI_OPTS_H
#define WEIR_TUI_OPTS_H

#include "tui/term/term.h"

enum mode { MODE_SCREEN, MODE_BATCH, MODE_JSON, MODE_CSV, MODE_EVENTS, MODE_CHECK, MODE_LIST };
enum charset_choice {
    CHARSET_AUTO,
    CHARSET_FORCE_ASCII,
    CHARSET_FORCE_BLOCK,
    CHARSET_FORCE_BRAILLE
};

struct opts {
    enum mode mode;
    unsigned long count; /* of batch outputs; 0: until the end */
    double interval_s;   /* 0: as the settings say */
    const char *dir;     /* NULL: the usual one */
    enum color_choice color;
    enum charset_choice charset;
    bool read_only;
    const char *record, *replay; /* files; NULL: none */
    const char *messages;        /* "[OFFSET:]FILE"; NULL: none */
};

/* Reads the arguments. Returns -1 to go on, else the exit status (help, version, a mistake). */
int opts_read(struct opts *o, int argc, char **argv);

#endif
