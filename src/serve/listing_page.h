/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A directory as a page: HTML for people, JSON for programs, written piece by piece as it is
 * pulled, so that a page costs its directory and one buffer, however long it gets.
 *
 * JSON: {"path": "/a/", "entries": [{"name": "b.txt", "type": "file", "size": 12, "mtime":
 * "2025-01-31T12:00:00Z"}, ...]}. type is file, directory or other (not a thing to fetch:
 * a device, or a link that leads nowhere); only files have a size; mtime is missing when it
 * could not be asked for. A name that is not UTF-8 is shown with U+FFFD and given exactly,
 * percent-encoded, as "name_raw". Worker's loop only.
 */
#ifndef WEIR_SERVE_LISTING_PAGE_H
#define WEIR_SERVE_LISTING_PAGE_H

#include "file/dir.h"
#include "net/source.h"

enum listing_format { LISTING_HTML, LISTING_JSON };

struct listing_settings {
    enum listing_format format;
    enum file_dir_sort sort;
    bool descending;
    struct span path; /* decoded, ends in '/'; copied */
};

/* A directory that was read, shared by the pages made of it. */
struct listing_dir {
    struct file_dir dir;
    unsigned refs;
};

/* Takes *dir over, also when it fails. NULL on ENOMEM. */
struct listing_dir *listing_dir_new(struct file_dir *dir);
struct listing_dir *listing_dir_hold(struct listing_dir *d);
void listing_dir_release(struct listing_dir **d);

/* Takes the reference to dir, also when it fails. False on ENOMEM. */
bool listing_page_source(const struct listing_settings *settings, struct listing_dir *dir,
                         struct source *s);

/* "0 B", "1023 B", "1.0 KiB", "12 MiB". */
void listing_human_size(struct out *o, uint64_t bytes);

#endif
