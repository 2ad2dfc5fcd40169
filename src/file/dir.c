/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading directories; see dir.h. Names lie behind each other in one buffer, so that an
 * entry costs 32 bytes and its name. Items are sorted by name; the other orders are numbers of
 * items. Any thread; blocks on disk.
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

enum {
    FIXED_BYTES = 1024, /* for what there is besides items and names */
    BYTES_PER_ITEM = sizeof(struct file_dir_item) + 2 * sizeof(uint32_t)
};

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

/* Takes what the memory grew by. False: there is no more. */
static bool pay(struct file_dir *dir, size_t items)
{
    uint64_t bytes = FIXED_BYTES + dir->names.cap + items * BYTES_PER_ITEM;

    if (!dir->budget || bytes <= dir->paid_bytes)
        return true;
    if (!file_budget_take(dir->budget, bytes - dir->paid_bytes))
        return false;
    dir->paid_bytes = bytes;
    return true;
}

/* Gives back what growing by doubling left over. */
static void trim(struct file_dir *dir)
{
    uint64_t before = dir->paid_bytes;
    struct file_dir_item *item =
        dir->count > 0 ? reallocarray(dir->item, dir->count, sizeof *item) : NULL;
    char *names = dir->names.n > 0 ? realloc(dir->names.p, dir->names.n) : NULL;

    if (item)
        dir->item = item;
    if (names) {
        dir->names.p = names;
        dir->names.cap = dir->names.n;
    }
    uint64_t after = FIXED_BYTES + dir->names.cap + dir->count * BYTES_PER_ITEM;
    if (!dir->budget || !item || !names || after >= before)
        return;
    file_budget_give(dir->budget, before - after);
    dir->paid_bytes = after;
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
    if (!pay(r->dir, r->item_room))
        return ENOBUFS;
    r->dir->item[r->dir->count++] = item;
    r->dir->directories += item.kind == FILE_DIRECTORY;
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

/* Every some thousand comparisons. */
static struct file_dir *compared(struct reader *r)
{
    if (++r->compared % 4096 == 0)
        gets_on(r);
    return r->dir;
}

static int compare_names(const void *a, const void *b, void *arg)
{
    const struct file_dir_item *x = a, *y = b;
    const struct file_dir *dir = compared(arg);

    if ((x->kind == FILE_DIRECTORY) != (y->kind == FILE_DIRECTORY))
        return x->kind == FILE_DIRECTORY ? -1 : 1;
    return strcmp(dir->names.p + x->name_at, dir->names.p + y->name_at);
}

/* Of items' numbers, which are in the order of names. */
static int compare_sizes(const void *a, const void *b, void *arg)
{
    const struct file_dir *dir = compared(arg);
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    int order = by_number(dir->item[x].size_bytes, dir->item[y].size_bytes);

    return order != 0 ? order : by_number(x, y);
}

static int compare_times(const void *a, const void *b, void *arg)
{
    const struct file_dir *dir = compared(arg);
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    int64_t s = dir->item[x].modified_s, t = dir->item[y].modified_s;

    return s != t ? (s > t) - (s < t) : by_number(x, y);
}

static uint32_t *order_by(struct reader *r, int (*compare)(const void *, const void *, void *))
{
    const struct file_dir *dir = r->dir;
    uint32_t *order = calloc(dir->count, sizeof *order);

    if (!order)
        return NULL;
    for (size_t i = 0; i < dir->count; i++)
        order[i] = (uint32_t)i;
    qsort_r(order, dir->directories, sizeof *order, compare, r);
    qsort_r(order + dir->directories, dir->count - dir->directories, sizeof *order, compare, r);
    return order;
}

static int sort(struct reader *r)
{
    struct file_dir *dir = r->dir;

    if (dir->count < 2)
        return 0;
    qsort_r(dir->item, dir->count, sizeof *dir->item, compare_names, r);
    dir->by_size = order_by(r, compare_sizes);
    dir->by_time = order_by(r, compare_times);
    return dir->by_size && dir->by_time ? 0 : ENOMEM;
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

/* Without its attributes it is read again for each who asks. */
static void note_itself(struct reader *r)
{
    struct file_dir *dir = r->dir;

    dir->settled = fstat(dirfd(r->stream), &dir->st) == 0 && file_is_settled(&dir->st, wall_now());
}

int file_dir_read(int root_fd, const struct file_dir_how *how, struct file_dir *out)
{
    struct reader r = {.root_fd = root_fd, .how = how, .dir = out};

    *out = (struct file_dir){.budget = how->budget ? file_budget_hold(how->budget) : NULL};
    if (how->slot)
        slot_wait(how->slot, WAIT_READDIR, mono_now());
    int error = open_stream(&r);
    if (error == 0) {
        note_itself(&r);
        error = read_all(&r);
        closedir(r.stream);
        buf_free(&r.link);
    }
    if (error == 0)
        trim(out);
    if (error == 0)
        error = sort(&r);
    if (error != 0)
        file_dir_free(out);
    return error;
}

void file_dir_free(struct file_dir *dir)
{
    free(dir->item);
    free(dir->by_size);
    free(dir->by_time);
    buf_free(&dir->names);
    if (dir->budget)
        file_budget_give(dir->budget, dir->paid_bytes);
    file_budget_release(&dir->budget);
    *dir = (struct file_dir){0};
}
