/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Last words: how a worker process ended and what its slot says it was doing, as a sentence
 * for the log and the event ring. The slot is read as hostile memory, for the process that
 * wrote it may have been out of its mind. Pure but for reading the slot. Master only.
 */
#ifndef WEIR_PROC_LAST_WORDS_H
#define WEIR_PROC_LAST_WORDS_H

#include "base/bytes.h"
#include "base/clock.h"
#include "weir/board.h"

/* Sorts a wait status (waitpid(2)); *detail is the signal or the exit status. */
enum board_exit last_words_sort(int wait_status, uint32_t *detail);

/* "killed by SIGSEGV (core dumped)", "ended with status 4 (sick: ...)". */
void last_words_how(struct out *o, int wait_status);

/* "sendfile since 3.2 s, GET /a HTTP/1.1 from 10.0.0.7:1234, file /srv/a"; nothing when it was
 * idle. */
void last_words_doing(struct out *o, const struct board_slot *slot, struct mono now);

/* Its parts, for a worker that does something: "sendfile for 3.2 s", and what follows of it. */
void last_words_call(struct out *o, const struct board_slot *slot, struct mono now);
void last_words_request(struct out *o, const struct board_slot *slot);

/* Seconds for people: "80 ms", "3.2 s", "4 min 10 s". */
void last_words_age(struct out *o, uint64_t ns);

#endif
