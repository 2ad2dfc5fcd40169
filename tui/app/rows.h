/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the rows of lists are about, by their keys: for finding, copying and acting on them.
 * Everything is looked up anew each time, for between two keys the thing may be gone. Pure.
 * Part of the controller.
 */
#ifndef WEIR_TUI_ROWS_H
#define WEIR_TUI_ROWS_H

#include "tui/app/app.h"

/* NULL when it is not there (any more). */
const struct snap_worker *rows_worker(const struct model *m, unsigned number, uint32_t epoch);
const struct snap_worker *rows_worker_now(const struct model *m, unsigned number);
const struct model_row *rows_row(const struct model *m, unsigned number, uint32_t epoch);
const struct snap_request *rows_request(const struct model *m, uint64_t key);
const struct snap_mount *rows_mount(const struct model *m, uint64_t device);
const struct model_event *rows_event(const struct model *m, uint64_t number);

/* The worker, request or mount under the cursor of the view; NULL when there is none. */
const struct snap_worker *rows_selected_worker(const struct app *a, const struct model *m);
const struct snap_request *rows_selected_request(const struct app *a, const struct model *m);
const struct snap_mount *rows_selected_mount(const struct app *a, const struct model *m);

/* The key of the first row on the screen: what is selected until the cursor is moved; 0: none. */
uint64_t rows_first(const struct app_facts *seen);
/* The key of the event that view 6 tells in full: the cursor's unless the filter hides it. */
uint64_t rows_event_key(const struct app *a, const struct model *m, const struct app_facts *seen);

/* The key under the cursor; 0 when there is none. */
uint64_t rows_cursor(const struct app *a, const struct model *m);

/* What the row says, in one line. False when there is no such row. */
bool rows_text(const struct model *m, enum view_kind view, uint64_t key, char *out,
               size_t out_bytes);
/* Where the text begins in it, in any case of ASCII letters; NULL when it is not there, or "". */
const char *rows_match(const char *in, const char *text);
/* What y copies of it: a path, or a process id. */
bool rows_copy(const struct model *m, enum view_kind view, uint64_t key, char *out,
               size_t out_bytes);

#endif
