/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * openat2(2), which C libraries do not have, for the files of file/ that open names beneath a
 * root. For no other file. Any thread.
 */
#ifndef WEIR_FILE_OPENAT2_H
#define WEIR_FILE_OPENAT2_H

#include <fcntl.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

static inline int file_openat2(int dir_fd, const char *name, int flags, uint64_t resolve)
{
    struct open_how how = {
        .flags = (uint64_t)(unsigned)(flags | O_CLOEXEC),
        .resolve = resolve,
    };

    return (int)syscall(SYS_openat2, dir_fd, name, &how, sizeof how);
}

/* The same, again as long as a rename or mount elsewhere got in the way, but not for ever. */
int file_openat2_again(int dir_fd, const char *name, int flags, uint64_t resolve);

#endif
