/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The wall without openat2(2): for kernels before 5.6 and for containers whose seccomp filter does
 * not know the call. A name is opened one component at a time, each beneath the directory opened
 * before it, and no symbolic link is followed at all: stricter than openat2 with RESOLVE_BENEATH,
 * which follows those that stay inside, and as tight. Keeps no state: any thread may call it; may block on
 * disk.
 */
#ifndef WEIR_FILE_WALK_H
#define WEIR_FILE_WALK_H

/*
 * Opens `name` (relative, "" or "." for the directory itself) beneath dir_fd with these open(2)
 * flags. A descriptor, close-on-exec, or -1 with errno: as open(2), ELOOP for a symbolic link in any
 * place, EXDEV for a component "..", ENAMETOOLONG for a component over NAME_MAX.
 */
int file_walk_open(int dir_fd, const char *name, int flags);

#endif
