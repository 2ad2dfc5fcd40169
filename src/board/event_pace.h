/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How often an event that load can cause by the hundred may be told, so that such events do not
 * push what happened once out of the ring: the first few at once, then one a minute, then one in
 * two minutes and so on up to one an hour; the next one that is told says how many were not.
 * After ten quiet minutes it begins again. Works in memory that processes share, too: of several
 * that ask at once, one tells. Makes no system call and reads no clock; any process of the server.
 */
#ifndef WEIR_BOARD_EVENT_PACE_H
#define WEIR_BOARD_EVENT_PACE_H

#include "base/clock.h"
#include "weir/board.h"

/* True: tell it; *held is how many were not told since the last one that was. */
bool event_pace_tell(struct board_pace *p, struct mono now, unsigned burst, uint32_t *held);

/* " (and 12 more since the last)", "" for none. Returns out. */
#define EVENT_PACE_WORDS 64
const char *event_pace_words(uint32_t held, char out[EVENT_PACE_WORDS]);

#endif
