/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading directories; see dir.h. Names lie behind each other in one buffer, so that an
 * entry costs 32 bytes and its name. Any thread; blocks on disk.
 */
#include "file/dir.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "board/slot.h"
#include "file/root.h"
#include "net/offload.h"

struct reader {
    int root_fd;
    DIR *stream;
    const struct file_dir_how *how;
    struct file_dir *dir;
    size_t item_room;
    struct buf link; /* "DIRECTORY/NAME", for links */
    unsigned compared;
};

/* With each name, and now and then while they are sorted: that takes no disk, but its time. */
static void gets_on(const struct reader *r)
{
    if (r->how->job)
        offload_job_moved(r->how->job);
}

/* What the link leads to, if that is beneath the root. */
static bool follow(struct reader *r, const char *name, struct stat *st)
{
    const char *dir_name = r->how->name;
    size_t n = strlen(dir_name);

    r->link.n = 0;
    if (!buf_add(&r->link, dir_name, n) ||
        (n > 0 && dir_name[n - 1] != '/' && !buf_add(&r->link, "/", 1)) ||
        !buf_add(&r->link, name, strlen(name) + 1))
        return false;
    int fd = file_open_beneath(r->root_fd, r->link.p, O_PATH);
    if (fd < 0)
        return false;
    bool good = fstat(fd, st) == 0;
    close_fd(&fd);
    return good;
}

/* False: the name is gone. */
static bool describe(struct reader *r, const char *name, struct file_dir_item *item)
{
    struct stat st;

    item->kind = FILE_OTHER;
    if (fstatat(dirfd(r->stream), name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno != ENOENT;
    if (S_ISLNK(st.st_mode) && !follow(r, name, &st))
        return true;
    item->known = true;
    item->modified_s = st.st_mtim.tv_sec;
    if (S_ISREG(st.st_mode)) {
        item->kind = FILE_REGULAR;
        item->size_bytes = (uint64_t)st.st_size;
    } else if (S_ISDIR(st.st_mode)) {
        item->kind = FILE_DIRECTORY;
    }
    return true;
}

static bool room_for_item(struct reader *r)
{
    if (r->dir->count < r->item_room)
        return true;
    size_t room = r->item_room ? r->item_room * 2 : 64;
    struct file_dir_item *p = reallocarray(r->dir->item, room, sizeof *p);
    if (!p)
        return false;
    r->dir->item = p;
    r->item_room = room;
    return true;
}

static int add(struct reader *r, const char *name)
{
    size_t n = strlen(name);
    struct file_dir_item item = {.name_bytes = (uint16_t)n};

    if (r->dir->count >= r->how->entries_max || n > UINT16_MAX ||
        r->dir->names.n > UINT32_MAX - n - 1)
        return EOVERFLOW;
    if (!describe(r, name, &item))
        return 0;
    item.name_at = (uint32_t)r->dir->names.n;
    if (!room_for_item(r) || !buf_add(&r->dir->names, name, n + 1))
        return ENOMEM;
    r->dir->item[r->dir->count++] = item;
    if (n > r->dir->name_bytes_max)
        r->dir->name_bytes_max = (unsigned)n;
    return 0;
}

static bool is_wanted(const struct file_dir_how *how, const char *name)
{
    if (name[0] != '.')
        return true;
    return how->dot_files && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

static int read_all(struct reader *r)
{
    int error = 0;

    while (error == 0) {
        errno = 0;
        const struct dirent *d = readdir(r->stream);
        if (!d)
            return errno;
        gets_on(r);
        if (is_wanted(r->how, d->d_name))
            error = add(r, d->d_name);
    }
    return error;
}

/* --- sorting --- */

static int by_number(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

static int compare(const void *a, const void *b, void *arg)
{
    const struct file_dir_item *x = a, *y = b;
    struct reader *r = arg;
    int order = 0;

    if (++r->compared % 4096 == 0)
        gets_on(r);
    if ((x->kind == FILE_DIRECTORY) != (y->kind == FILE_DIRECTORY))
        return x->kind == FILE_DIRECTORY ? -1 : 1;
    if (r->how->sort == FILE_DIR_BY_SIZE)
        order = by_number(x->size_bytes, y->size_bytes);
    else if (r->how->sort == FILE_DIR_BY_TIME)
        order = (x->modified_s > y->modified_s) - (x->modified_s < y->modified_s);
    if (order == 0)
        order = strcmp(r->dir->names.p + x->name_at, r->dir->names.p + y->name_at);
    return r->how->descending ? -order : order;
}

/* --- the whole --- */

static int open_stream(struct reader *r)
{
    int fd = file_open_beneath(r->root_fd, r->how->name, FILE_OPEN_READ | O_DIRECTORY);

    if (fd < 0)
        return errno;
    r->stream = fdopendir(fd);
    if (r->stream)
        return 0;
    int error = errno;
    close_fd(&fd);
    return error;
}

int file_dir_read(int root_fd, const struct file_dir_how *how, struct file_dir *out)
{
    struct reader r = {.root_fd = root_fd, .how = how, .dir = out};

    *out = (struct file_dir){0};
    if (how->slot)
        slot_wait(how->slot, WAIT_READDIR, mono_now());
    int error = open_stream(&r);
    if (error != 0)
        return error;
    error = read_all(&r);
    closedir(r.stream);
    buf_free(&r.link);
    if (error != 0)
        file_dir_free(out);
    else if (out->count > 1)
        qsort_r(out->item, out->count, sizeof *out->item, compare, &r);
    return error;
}

void file_dir_free(struct file_dir *dir)
{
    free(dir->item);
    buf_free(&dir->names);
    *dir = (struct file_dir){0};
}
