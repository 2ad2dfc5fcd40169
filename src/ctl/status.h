/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A snapshot for people and for scripts: the readable table of `weirctl status` and the JSON
 * object of `weirctl status --json` and weirtop --json. The names in the JSON are stable and
 * listed in weirctl(1). Pure but for writing to the given stream. Runs in observers.
 */
#ifndef WEIR_CTL_STATUS_H
#define WEIR_CTL_STATUS_H

#include <jansson.h>
#include <stdio.h>

#include "ctl/requests.h"
#include "weir/snapshot.h"

/*
 * The snapshot as a JSON object, the caller's to json_decref; NULL when memory runs out.
 * With `before`, an earlier snapshot of the same server, it has rates, and the percentiles
 * are those of the time between the two; else they are since the workers started. A `before`
 * of another server is taken for NULL. Requests, slow requests and files are in it when `now`
 * wanted them.
 */
json_t *status_json(const struct snap *now, const struct snap *before);

/* The events of a snapshot after number `after`, oldest first, as a JSON array. NULL: no memory. */
json_t *status_events_json(const struct snap *s, uint64_t after);

/* The mounts (the worst first) and the worst stalls (the longest first), as JSON arrays. NULL: no
 * memory. */
json_t *status_mounts_json(const struct snap *s);
json_t *status_stalls_json(const struct snap *s);

/* The same for people. */
void status_print_mounts(FILE *to, const struct snap *s);
void status_print_stalls(FILE *to, const struct snap *s);
void status_print(FILE *to, const struct snap *s);
void status_print_events(FILE *to, const struct snap *s, uint64_t after);

/*
 * Which workers a change still waits for, as one line: "draining worker 3 (3 connections), at most
 * 30 s". Nothing (false) when none comes or goes.
 */
bool status_print_awaited(FILE *to, const struct snap *s);

/* What the server as a whole is doing, in one word: starting, serving, stopping, stopped, silent.
 */
const char *status_word(const struct snap *s);

/* Names of enumerators as the JSON has them; "blocked", "stopped" or NULL for a stuck one. */
const char *status_stuck_word(enum snap_stuck stuck);
const char *status_exit_word(enum board_exit how);
const char *status_op_word(enum board_op_state state);
const char *status_reload_word(enum board_reload state);

#endif
