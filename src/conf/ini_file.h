/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An INI file as a sequence of section heads and whole values, each with its line. inih does
 * the parsing; this adds what it leaves out: line numbers for values, heads as events, values
 * that go on over several lines, and an error for everything inih would cut or skip in
 * silence. Knows the keys only to see that a continuation line was meant as a key. Master only.
 */
#ifndef WEIR_CONF_INI_FILE_H
#define WEIR_CONF_INI_FILE_H

#include "conf/errors.h"

struct ini_file_events {
    /* "[name argument]": head is what stands between the brackets, trimmed. */
    void (*section)(void *arg, int line, struct span head);
    /* A value, all its lines joined; line is where it began. Not called after an error in it. */
    void (*value)(void *arg, int line, struct span key, struct span value);
    void *arg;
};

/*
 * Runs the events of a file's text in order; what is wrong with its lines goes to errors.
 *
 * A line that begins with white space continues the value before it; the pieces are joined by
 * a space, or by nothing when the line before ends in a backslash.
 */
void ini_file_parse(struct span text, const struct ini_file_events *events,
                    struct conf_errors *errors);

/* Whether a continuation line with this text would be taken for a key or a section's head. */
bool ini_file_is_suspicious(struct span text);

#endif
