/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Document roots; see root.h. The wall is the kernel's: no path is compared, cut or
 * normalised here. Where openat2 cannot be called, file/walk stands in for it. Nothing is global, so that offload threads can use file_open_beneath.
 * Workers; may block on disk.
 */
#include "file/root.h"

#include <errno.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "file/walk.h"

/* openat2 gives EAGAIN when a rename or mount somewhere raced with a "..": try again, but not for
 * ever. */
enum { RACE_REPEATS = 16 };

static int openat2_beneath(int dir_fd, const char *name, int flags)
{
    struct open_how how = {
        .flags = (uint64_t)(unsigned)(flags | O_CLOEXEC),
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
    };

    return (int)syscall(SYS_openat2, dir_fd, name, &how, sizeof how);
}

int file_open_beneath(int dir_fd, const char *name, int flags)
{
    if (name[0] == '\0')
        name = ".";
    for (int repeats = 0;; repeats++) {
        int fd = openat2_beneath(dir_fd, name, flags);
        if (fd >= 0)
            return fd;
        if (errno == ENOSYS || errno == EPERM) /* see file_root_supported */
            return file_walk_open(dir_fd, name, flags);
        if ((errno != EAGAIN && errno != EINTR) || repeats == RACE_REPEATS)
            return -1;
    }
}

bool file_root_supported(void)
{
    int fd = openat2_beneath(AT_FDCWD, ".", O_PATH | O_DIRECTORY);

    if (fd < 0)
        return errno != ENOSYS && errno != EPERM;
    close_fd(&fd);
    return true;
}

void file_root_init(struct file_root *root, const char *path, int inherited_fd)
{
    *root = (struct file_root){.path = path, .inherited_fd = inherited_fd, .fd = -1};
}

void file_root_close(struct file_root *root)
{
    close_fd(&root->fd);
    root->checked = (struct mono){0};
}

static int open_path(const char *path)
{
    int fd;

    do
        fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    while (fd < 0 && errno == EINTR);
    return fd;
}

/* Takes fd in the place of the root's own, unless it is the same directory. False with errno: fd
 * was no use. */
static bool adopt(struct file_root *root, int fd)
{
    struct stat st;

    if (fstat(fd, &st) < 0) {
        close_fd(&fd);
        return false;
    }
    if (root->fd >= 0 && root->device == st.st_dev && root->inode == st.st_ino) {
        close_fd(&fd);
        return true;
    }
    close_fd(&root->fd);
    root->fd = fd;
    root->device = st.st_dev;
    root->inode = st.st_ino;
    return true;
}

/* What the process lacks says nothing about the directory. */
static bool is_shortage(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOMEM;
}

static int look_up(struct file_root *root, struct mono now)
{
    int fd = open_path(root->path);

    if (fd >= 0 && adopt(root, fd)) {
        root->checked = now;
        return root->fd;
    }
    int error = errno;
    if (is_shortage(error)) { /* the path is asked again at the next open */
        errno = error;
        return root->fd >= 0 ? root->fd : root->inherited_fd;
    }
    close_fd(&root->fd);
    root->checked = (struct mono){0};
    errno = error;
    if (error != EACCES || root->inherited_fd < 0)
        return -1;
    root->checked = now;
    return root->inherited_fd;
}

int file_root_descriptor(struct file_root *root, struct mono now, uint64_t valid_ns)
{
    if (root->checked.ns == 0 || mono_since(now, root->checked) >= valid_ns)
        return look_up(root, now);
    return root->fd >= 0 ? root->fd : root->inherited_fd;
}

int file_root_open(struct file_root *root, const char *name, struct mono now, uint64_t valid_ns)
{
    int dir_fd = file_root_descriptor(root, now, valid_ns);

    return dir_fd < 0 ? -1 : file_open_beneath(dir_fd, name, FILE_OPEN_READ);
}
