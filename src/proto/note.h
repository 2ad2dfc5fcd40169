/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bounds on lines of the error log that clients can bring about: so many a second of each kind and
 * worker; what is left out is counted, and told a second later. Worker only.
 */
#ifndef WEIR_PROTO_NOTE_H
#define WEIR_PROTO_NOTE_H

#include <stdbool.h>

#include "base/clock.h"

#define NOTES_A_SECOND 10

enum note_kind {
    NOTE_MISTAKE, /* what a client did wrong */
    NOTE_SLOW,    /* a request was slow */
    NOTE_SENDING, /* a response could not be sent to its end */
    NOTE_KIND_COUNT
};

/* Zero it once. */
struct notes {
    struct {
        uint64_t second;
        unsigned written, left_out;
    } kind[NOTE_KIND_COUNT];
};

/* Whether one more line of this kind may be written now; it counts. */
bool note_allowed(struct notes *notes, enum note_kind kind, struct mono now);
/* Tells what was left out before this second; to be called every second. */
void notes_tick(struct notes *notes, struct mono now);

#endif
