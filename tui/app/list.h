/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The cursor of lists: moving it row by row and page by page, finding text, following the worst
 * worker, tags, orders. It knows the rows on the screen by their keys (struct app_facts) and no
 * more; a move beyond them scrolls, and the key of the row is taken from the next drawing. Pure.
 * Part of the controller.
 */
#ifndef WEIR_TUI_LIST_H
#define WEIR_TUI_LIST_H

#include "tui/app/app.h"

void list_move(struct app *a, const struct model *m, enum action action, uint64_t now_ns);
void list_select(struct app *a, uint64_t key, uint64_t now_ns);
void list_select_worker(struct app *a, const struct snap_worker *w);
/* To the next row with the text, or the one before. */
void list_find(struct app *a, const struct model *m, bool up, uint64_t now_ns);
void list_follow(struct app *a, const struct model *m);
void list_tag(struct app *a, const struct model *m, uint64_t now_ns);
/* Another process in the slot under the cursor: the cursor stays. True when there is one. */
bool list_keep_cursor(struct app *a, const struct model *shown);
/* Tags of workers that are gone are taken away. True when there were any. */
bool list_check_tags(struct app *a, const struct model *m);
void list_sort(struct app *a, int sort, uint64_t now_ns);
void list_sort_step(struct app *a, int step, uint64_t now_ns);
int list_sort_count(const struct app *a);
void list_click(struct app *a, int line, uint64_t now_ns);

#endif
