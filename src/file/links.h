/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Absolute symbolic links that lead back beneath the root. The kernel refuses every absolute link
 * beneath a root, for it cannot tell where the root is in the names of the file system; here it is
 * told, and the rest of the link is resolved beneath the root like any other name. Any thread; may
 * wait for storage.
 */
#ifndef WEIR_FILE_LINKS_H
#define WEIR_FILE_LINKS_H

/*
 * For a name that openat2(2) refused with EXDEV: opens it when only such links were in the way.
 * A descriptor, or -1 with errno: EXDEV when it does leave the root.
 */
int file_links_open(int dir_fd, const char *name, int flags);

#endif
