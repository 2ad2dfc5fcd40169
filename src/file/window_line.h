/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who gets a buffer for a window, and when: how much of the budget is used, each mount's part of
 * it, the line of those who wait for some to be given back, and who of them has to be refused. What
 * is read, and who is told, is window.c's. Worker's loop only.
 */
#ifndef WEIR_FILE_WINDOW_LINE_H
#define WEIR_FILE_WINDOW_LINE_H

#include "file/window.h"

/* What the windows of one mount take of the budget, and who of it stands in the line. */
struct mount_use {
    struct offload_mount *mount;
    uint64_t used_bytes;
    unsigned lined;
    struct mono moved; /* since when its line is, or when one of it got its buffer last */
    bool passed;       /* in one walk along the line: its first did not fit */
};

struct window_line {
    const struct file_windows_settings *settings;
    struct mount_use *use; /* use_count of them, few: one for each mount read from */
    unsigned use_count;
    uint64_t used_bytes;
    struct list waiting; /* of file_window_wait: the budget was used up when they asked */
    struct list refused; /* of file_window_wait: to be told at the next safe point */
};

void window_line_init(struct window_line *line, const struct file_windows_settings *settings);
void window_line_free(struct window_line *line);

/* Of the window of this index. */
size_t window_line_bytes(const struct window_line *line, const struct file_entry *e,
                         uint64_t index);

/* The use of this file's mount, until the next call of this; NULL on ENOMEM. */
struct mount_use *window_line_use(struct window_line *line, const struct file_entry *e);
/* Within the budget and its mount's part of it. */
bool window_line_fits(const struct window_line *line, const struct mount_use *use, size_t bytes);
/* The same, or it is all that its mount would have. */
bool window_line_has_room(const struct window_line *line, const struct mount_use *use,
                          size_t bytes);
void window_line_take(struct window_line *line, struct mount_use *use, size_t bytes);
void window_line_give_back(struct window_line *line, const struct file_entry *e, size_t bytes);

/* Stands at the end, and holds e for as long. */
void window_line_stand(struct window_line *line, struct mount_use *use,
                       struct file_window_wait *wait, struct file_entry *e, uint64_t index);
void window_line_leave(struct window_line *line, struct file_window_wait *wait);
/* The first whose mount has room for it; NULL when there is none. */
struct file_window_wait *window_line_first(struct window_line *line);
/* The first of its mount's gets its buffer now. */
void window_line_moved(struct window_line *line, const struct file_window_wait *wait);

/* To be told at the next safe point. It does not stand in the line. */
void window_line_refuse(struct window_line *line, struct offload_mount *m,
                        struct file_window_wait *wait);
void window_line_refuse_first(struct window_line *line, struct file_window_wait *wait);
/* Those in the line who would be refused if they asked now, and those who have stood for too long
 * in one that does not move. */
void window_line_refuse_old(struct window_line *line);

#endif
