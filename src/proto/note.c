/* SPDX-License-Identifier: BSD-2-Clause */
/* Bounded lines; see note.h. Worker only. */
#include "proto/note.h"

#include "base/log.h"

static void begin_second(struct notes *notes, enum note_kind kind, uint64_t second)
{
    static const char *const about[NOTE_KIND_COUNT] = {
        [NOTE_MISTAKE] = "clients' mistakes",
        [NOTE_SLOW] = "slow requests",
        [NOTE_SENDING] = "responses that could not be sent",
    };

    if (notes->kind[kind].second == second)
        return;
    if (notes->kind[kind].left_out > 0)
        log_info("%u more lines about %s were left out", notes->kind[kind].left_out, about[kind]);
    notes->kind[kind].second = second;
    notes->kind[kind].written = notes->kind[kind].left_out = 0;
}

bool note_allowed(struct notes *notes, enum note_kind kind, struct mono now)
{
    begin_second(notes, kind, now.ns / NS_PER_S);
    if (++notes->kind[kind].written <= NOTES_A_SECOND)
        return true;
    notes->kind[kind].left_out++;
    return false;
}

void notes_tick(struct notes *notes, struct mono now)
{
    for (unsigned i = 0; i < NOTE_KIND_COUNT; i++)
        begin_second(notes, i, now.ns / NS_PER_S);
}
