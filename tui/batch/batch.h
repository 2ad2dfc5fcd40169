/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The dashboard without a terminal: plain text, CSV, JSON or sentences from the same model. Never
 * writes an escape byte.
 */
#ifndef WEIR_TUI_BATCH_H
#define WEIR_TUI_BATCH_H

#include <stdio.h>

#include "tui/ctl/instances.h"
#include "tui/model/verdict.h"

/* Header, verdict and the whole worker table. False when the stream fails. */
bool batch_print(FILE *to, const struct model *m);

/*
 * One line of JSON: the object of `weirctl status --json`, with rates since `before` (NULL
 * for none), and "verdict". False when memory runs out or the stream fails.
 */
bool batch_json(FILE *to, const struct model *m, const struct snap *before);

/* The names of the columns, and one line of figures (RFC 4180). What is not known is empty. */
bool batch_csv_head(FILE *to);
bool batch_csv(FILE *to, const struct model *m);

/* The verdict in one line; returns the exit status that goes with it: 0, 1, 2 or 3. */
int batch_check(FILE *to, const struct model *m);

/* An event as a line without its end: date and time, word, a sentence. Returns out. */
#define BATCH_EVENT_BYTES (SNAP_TEXT_BYTES + 96)
const char *batch_event(const struct model_event *e, char *out, size_t out_bytes);

/* What has been told by batch_events; zero before the first call. */
struct batch_told {
    bool any;
    uint64_t event; /* number of the newest */
    enum verdict_level level;
    enum verdict_rule rule;
};

/*
 * One sentence for each event and each change of the verdict since the last call; at the first
 * call only what the verdict is. At most `most` lines (0: all); returns how many, -1 when the
 * stream fails or memory ran out.
 */
int batch_events(FILE *to, const struct model *m, struct batch_told *told, unsigned long most);

/* A table of servers, numbered when somebody shall choose. */
bool batch_instances(FILE *to, const struct instance *list, unsigned count, bool numbered);

#endif
