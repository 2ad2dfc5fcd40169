/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Document roots; see root.h. The wall is the kernel's: no path is compared, cut or
 * normalised here. Where openat2 cannot be called, file/walk stands in for it. Nothing is
 * global, so that offload threads can use what keeps no state.
 */
#include "file/root.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/must.h"
#include "file/links.h"
#include "file/openat2.h"
#include "file/walk.h"

/* openat2 gives EAGAIN when a rename or mount somewhere raced with a "..": try again, but not for
 * ever. */
enum { RACE_REPEATS = 16 };

int file_openat2_again(int dir_fd, const char *name, int flags, uint64_t resolve)
{
    int repeats = 0;
    int fd;

    do
        fd = file_openat2(dir_fd, name, flags, resolve);
    while (fd < 0 && (errno == EAGAIN || errno == EINTR) && repeats++ < RACE_REPEATS);
    return fd;
}

int file_open_beneath(int dir_fd, const char *name, int flags)
{
    if (name[0] == '\0')
        name = ".";
    int fd = file_openat2_again(dir_fd, name, flags, RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS);
    if (fd < 0 && errno == EXDEV)
        return file_links_open(dir_fd, name, flags);
    if (fd < 0 && (errno == ENOSYS || errno == EPERM)) /* see file_root_supported */
        return file_walk_open(dir_fd, name, flags);
    return fd;
}

/*
 * EAGAIN stands for a name that is not in the cache, and for a walk that a change elsewhere got
 * in the way of: any mount or umount on the machine does that, in every namespace. Which it was is
 * not told, and to ask again would be in vain for nearly all: a thread finds out.
 */
static int openat2_cached(int dir_fd, const char *name, int flags, uint64_t resolve)
{
    int fd;

    do
        fd = file_openat2(dir_fd, name, flags, resolve | RESOLVE_CACHED);
    while (fd < 0 && errno == EINTR);
    return fd;
}

int file_open_cached(int dir_fd, const char *name, int flags)
{
    return openat2_cached(dir_fd, name[0] == '\0' ? "." : name, flags,
                          RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS);
}

int file_open_cached_here(int dir_fd, const char *name, int flags)
{
    return openat2_cached(dir_fd, name, flags,
                          RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV);
}

ssize_t file_denied_folder(int dir_fd, const char *name)
{
    char part[PATH_MAX];
    size_t folder = 0, n = strlen(name);

    if (n >= sizeof part)
        return -1;
    for (size_t end = 0; end < n;) {
        end += strspn(name + end, "/");
        end += strcspn(name + end, "/");
        memcpy(part, name, end);
        part[end] = '\0';
        int fd = file_open_cached(dir_fd, part, O_PATH);
        if (fd < 0)
            return errno == EACCES || errno == EAGAIN ? (ssize_t)folder : -1;
        close_fd(&fd);
        folder = end;
    }
    return -1;
}

bool file_root_supported(void)
{
    int fd = file_openat2(AT_FDCWD, ".", O_PATH | O_DIRECTORY, RESOLVE_BENEATH);

    if (fd < 0)
        return errno != ENOSYS && errno != EPERM;
    close_fd(&fd);
    return true;
}

bool file_cached_supported(void)
{
    int fd = file_openat2(AT_FDCWD, "/", O_PATH | O_DIRECTORY, RESOLVE_CACHED);

    if (fd < 0)
        return errno == EAGAIN;
    close_fd(&fd);
    return true;
}

static struct timespec time_of(const struct statx_timestamp *t)
{
    return (struct timespec){.tv_sec = t->tv_sec, .tv_nsec = t->tv_nsec};
}

int file_attributes(int fd, bool cached, struct stat *st, uint64_t *mount_id)
{
    struct statx x;
    int flags = AT_EMPTY_PATH | (cached ? AT_STATX_DONT_SYNC : AT_STATX_SYNC_AS_STAT);

    *mount_id = 0;
    if (statx(fd, "", flags, STATX_BASIC_STATS | STATX_MNT_ID, &x) < 0) {
        if (errno != ENOSYS && errno != EPERM && errno != EINVAL)
            return -1;
        return fstat(fd, st); /* a seccomp filter that knows no statx(2) */
    }
    *st = (struct stat){
        .st_dev = makedev(x.stx_dev_major, x.stx_dev_minor),
        .st_ino = x.stx_ino,
        .st_mode = x.stx_mode,
        .st_nlink = x.stx_nlink,
        .st_uid = x.stx_uid,
        .st_gid = x.stx_gid,
        .st_rdev = makedev(x.stx_rdev_major, x.stx_rdev_minor),
        .st_size = (off_t)x.stx_size,
        .st_blksize = (blksize_t)x.stx_blksize,
        .st_blocks = (blkcnt_t)x.stx_blocks,
        .st_atim = time_of(&x.stx_atime),
        .st_mtim = time_of(&x.stx_mtime),
        .st_ctim = time_of(&x.stx_ctime),
    };
    if (x.stx_mask & STATX_MNT_ID)
        *mount_id = x.stx_mnt_id;
    return 0;
}

/* --- places --- */

static struct file_place *place_new(int fd, bool is_own, const struct stat *st, uint64_t mount_id,
                                    char *real)
{
    struct file_place *p = calloc(1, sizeof *p);

    if (!p)
        return NULL;
    p->refs = 1;
    p->fd = fd;
    p->is_own = is_own;
    p->device = st->st_dev;
    p->inode = st->st_ino;
    p->mount_id = mount_id;
    p->real = real;
    return p;
}

struct file_place *file_place_hold(struct file_place *place)
{
    place->refs++;
    return place;
}

void file_place_release(struct file_place **place)
{
    struct file_place *p = *place;

    *place = NULL;
    if (!p)
        return;
    must(p->refs > 0);
    if (--p->refs > 0)
        return;
    if (p->is_own)
        close_fd(&p->fd);
    free(p->real);
    free(p);
}

void file_root_init(struct file_root *root, const char *path, int inherited_fd)
{
    *root = (struct file_root){.path = path, .inherited_fd = inherited_fd};
}

void file_root_close(struct file_root *root)
{
    file_place_release(&root->place);
    file_place_release(&root->inherited);
    root->checked = (struct mono){0};
}

/* --- looking up --- */

/* The path of an open directory without links; that of the configuration when /proc is not there.
 * Asks the kernel's name cache alone. NULL on ENOMEM. */
static char *real_path(int fd, const char *path)
{
    char link[32], to[PATH_MAX];

    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, to, sizeof to);
    if (n <= 0 || (size_t)n == sizeof to || to[0] != '/')
        return span_dup(span_str(path));
    return span_dup(span_of(to, (size_t)n));
}

void file_root_ask(const char *path, bool cached, struct file_root_seen *seen)
{
    *seen = (struct file_root_seen){.fd = -1};
    do
        seen->fd = cached ? openat2_cached(AT_FDCWD, path, O_PATH | O_DIRECTORY, 0)
                          : open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    while (seen->fd < 0 && errno == EINTR);
    if (seen->fd < 0) {
        seen->error = errno;
        return;
    }
    if (file_attributes(seen->fd, cached, &seen->st, &seen->mount_id) < 0)
        seen->error = errno;
    else if (!(seen->real = real_path(seen->fd, path)))
        seen->error = ENOMEM;
    if (seen->error != 0)
        close_fd(&seen->fd);
}

void file_root_seen_drop(struct file_root_seen *seen)
{
    close_fd(&seen->fd);
    free(seen->real);
    seen->real = NULL;
}

/* Puts what was seen in the place of the root's own, unless it is the same directory by the same
 * path. 0 or ENOMEM. */
static int adopt(struct file_root *root, struct file_root_seen *seen)
{
    const struct file_place *old = root->place;

    if (old && old->device == seen->st.st_dev && old->inode == seen->st.st_ino &&
        span_eq(span_str(old->real), span_str(seen->real)))
        return 0;
    struct file_place *place = place_new(seen->fd, true, &seen->st, seen->mount_id, seen->real);
    if (!place)
        return ENOMEM;
    seen->fd = -1;
    seen->real = NULL;
    file_place_release(&root->place);
    root->place = place;
    root->epoch++;
    return 0;
}

/* What the process lacks says nothing about the directory. */
static bool is_shortage(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOMEM;
}

static bool use_inherited(struct file_root *root)
{
    const struct stat nothing = {0};
    uint64_t mount_id = 0;
    char *real;

    if (root->inherited || root->inherited_fd < 0)
        return root->inherited != NULL;
    fd_mount_id(root->inherited_fd, &mount_id);
    real = real_path(root->inherited_fd, root->path);
    root->inherited = real ? place_new(root->inherited_fd, false, &nothing, mount_id, real) : NULL;
    if (!root->inherited)
        free(real);
    return root->inherited != NULL;
}

struct file_place *file_root_place(const struct file_root *root)
{
    return root->place ? root->place : root->inherited;
}

int file_root_take(struct file_root *root, struct file_root_seen *seen, struct mono now)
{
    int error = seen->error;

    if (error == 0)
        error = adopt(root, seen);
    file_root_seen_drop(seen);
    if (error == 0) {
        root->checked = now;
        return 0;
    }
    if (is_shortage(error)) /* the path is asked again at the next open */
        return root->place || use_inherited(root) ? 0 : error;
    if (root->place)
        root->epoch++;
    file_place_release(&root->place);
    root->checked = (struct mono){0};
    if (error != EACCES || !use_inherited(root))
        return error;
    root->checked = now;
    return 0;
}

void file_root_tick(struct file_root *root, struct mono now, uint64_t idle_ns)
{
    if (root->place && mono_since(now, root->checked) >= idle_ns) {
        file_place_release(&root->place);
        root->checked = (struct mono){0};
    }
}

void file_root_let_go(struct file_root *root)
{
    file_root_close(root);
    close_fd(&root->inherited_fd);
    root->epoch++;
}

struct file_sight file_root_sight(const struct file_root *root)
{
    return (struct file_sight){.checked = root->checked, .epoch = root->epoch};
}

bool file_root_is_fresh(const struct file_root *root, struct mono now, uint64_t valid_ns)
{
    return root->checked.ns != 0 && mono_since(now, root->checked) < valid_ns;
}

int file_root_descriptor(struct file_root *root, struct mono now, uint64_t valid_ns)
{
    struct file_root_seen seen;
    int error = 0;

    if (!file_root_is_fresh(root, now, valid_ns)) {
        file_root_ask(root->path, false, &seen);
        error = file_root_take(root, &seen, now);
    }
    if (error != 0) {
        errno = error;
        return -1;
    }
    return file_root_place(root)->fd;
}

int file_root_open(struct file_root *root, const char *name, struct mono now, uint64_t valid_ns)
{
    int dir_fd = file_root_descriptor(root, now, valid_ns);

    return dir_fd < 0 ? -1 : file_open_beneath(dir_fd, name, FILE_OPEN_READ);
}
