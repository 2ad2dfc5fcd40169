/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The mount table; see mounts.h. The text is kept and its fields are unescaped and ended in
 * place, so that reading the table is one allocation for the text and one for the rows. A line
 * that cannot be understood is left out: what is on that mount is then found on the mount around
 * it by path, or on none by its id, and is not local. Worker's loop only.
 */
#include "file/mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"

/* A table of more bytes is read so far; what stands behind is unknown, hence not local. */
enum { TABLE_BYTES_MAX = 8 * 1024 * 1024, READ_BYTES = 64 * 1024 };

static const uint64_t look_every_ns = NS_PER_S;

struct file_mounts {
    struct offload *pool;
    int fd;   /* of the table; -1 when it cannot be read */
    bool own; /* it is this process's */
    struct mono looked;
    struct buf text;
    struct file_mount *mount;
    size_t count;
    struct offload_mount *unknown;
    struct offload_mount **silent; /* silent_count rows */
    size_t silent_count;
};

bool file_mounts_is_local(struct span type)
{
    static const char *const local[] = {
        "ext2",    "ext3",     "ext4",     "xfs",      "btrfs",    "f2fs",   "tmpfs", "ramfs",
        "overlay", "squashfs", "erofs",    "vfat",     "msdos",    "exfat",  "ntfs3", "iso9660",
        "udf",     "zfs",      "bcachefs", "reiserfs", "jfs",      "nilfs2", "minix", "hfsplus",
        "romfs",   "cramfs",   "proc",     "sysfs",    "devtmpfs", "rootfs", "ubifs", "jffs2",
    };

    for (size_t i = 0; i < sizeof local / sizeof *local; i++)
        if (span_eq(type, span_str(local[i])))
            return true;
    return false;
}

/* --- reading --- */

static bool is_octal(char c)
{
    return c >= '0' && c <= '7';
}

/* The kernel writes space, tab, newline and backslash as \ooo. Ends the text with a NUL. */
static void unescape(char *text, size_t n)
{
    char *to = text;

    for (size_t i = 0; i < n; i++) {
        if (text[i] == '\\' && n - i > 3 && text[i + 1] <= '3' && is_octal(text[i + 1]) &&
            is_octal(text[i + 2]) && is_octal(text[i + 3])) {
            *to++ =
                (char)((text[i + 1] - '0') << 6 | (text[i + 2] - '0') << 3 | (text[i + 3] - '0'));
            i += 3;
        } else {
            *to++ = text[i];
        }
    }
    *to = '\0';
}

static bool parse_device(struct span text, uint64_t *device)
{
    struct span major_text = span_cut(&text, ':');
    uint64_t major_number, minor_number;

    if (!span_u64(major_text, UINT32_MAX, &major_number) ||
        !span_u64(text, UINT32_MAX, &minor_number))
        return false;
    *device = makedev((unsigned)major_number, (unsigned)minor_number);
    return true;
}

static void set_kind(struct file_mount *m)
{
    struct span type = span_str(m->type);

    m->point_bytes = strlen(m->point);
    m->local = file_mounts_is_local(type);
    m->memory = span_eq(type, SPAN("tmpfs")) || span_eq(type, SPAN("ramfs"));
}

/*
 * "36 35 98:0 /root /point options [optional...] - type source options". The line lies in
 * the table's own text and has a byte behind it, so that its fields can be ended in place.
 */
static bool parse_line(struct span line, struct file_mount *m)
{
    struct span id = span_cut(&line, ' ');
    (void)span_cut(&line, ' '); /* parent */
    struct span device = span_cut(&line, ' ');
    (void)span_cut(&line, ' '); /* root of the mount in its file system */
    struct span point = span_cut(&line, ' ');
    struct span field;

    *m = (struct file_mount){0};
    if (!span_u64(id, UINT64_MAX, &m->id) || !parse_device(device, &m->device) || point.n == 0 ||
        point.p[0] != '/')
        return false;
    do
        field = span_cut(&line, ' ');
    while (field.p && !span_eq(field, SPAN("-")));
    struct span type = span_cut(&line, ' ');
    if (!field.p || type.n == 0)
        return false;
    unescape((char *)(uintptr_t)point.p, point.n);
    unescape((char *)(uintptr_t)type.p, type.n);
    m->point = point.p;
    m->type = type.p;
    set_kind(m);
    return true;
}

/* The names of file systems that weir may stand in a chroot on; "" for all others. */
static const char *type_of_magic(uint64_t magic)
{
    static const struct {
        uint64_t magic;
        const char *type;
    } known[] = {
        {0xef53, "ext4"},        {0x58465342, "xfs"},      {0x9123683e, "btrfs"},
        {0xf2f52010, "f2fs"},    {0x01021994, "tmpfs"},    {0x858458f6, "ramfs"},
        {0x794c7630, "overlay"}, {0x73717368, "squashfs"}, {0xe0f5e1e2, "erofs"},
        {0x2fc12fc1, "zfs"},     {0xca451a4e, "bcachefs"}, {0x52654973, "reiserfs"},
        {0x3153464a, "jfs"},     {0x24051905, "ubifs"},    {0x65735546, "fuse"},
        {0x6969, "nfs"},         {0xfe534d42, "smb3"},     {0x01021997, "9p"},
        {0x00c36400, "ceph"},
    };

    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (known[i].magic == magic)
            return known[i].type;
    return "unknown";
}

/*
 * The mount that the process's root is on, when the table does not show it: what lies above a
 * chroot is left out of it. Asks that file system, which this program and its libraries were read
 * from. False: it cannot be known.
 */
static bool describe_root(struct file_mount *m)
{
    struct statx x;
    struct statfs fs;

    if (statx(AT_FDCWD, "/", AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, STATX_BASIC_STATS | STATX_MNT_ID,
              &x) != 0 ||
        !(x.stx_mask & STATX_MNT_ID) || statfs("/", &fs) != 0)
        return false;
    const char *type = type_of_magic((uint64_t)(uint32_t)fs.f_type);
    *m = (struct file_mount){.id = x.stx_mnt_id,
                             .device = makedev(x.stx_dev_major, x.stx_dev_minor),
                             .point = "/",
                             .type = type};
    set_kind(m);
    return true;
}

static void add_root(struct file_mounts *mounts)
{
    bool has = false;

    for (size_t i = 0; i < mounts->count; i++)
        has |= strcmp(mounts->mount[i].point, "/") == 0;
    if (!has && mounts->own && describe_root(&mounts->mount[mounts->count]))
        mounts->count++;
}

static void parse(struct file_mounts *mounts)
{
    struct span rest = buf_span(&mounts->text);
    size_t lines = 2; /* and one for the root */

    for (size_t i = 0; i < rest.n; i++)
        lines += rest.p[i] == '\n';
    free(mounts->mount);
    mounts->count = 0;
    mounts->mount = calloc(lines, sizeof *mounts->mount);
    if (!mounts->mount) {
        log_error("no memory for the mount table: no file system counts as local until it is "
                  "read again");
        return;
    }
    while (rest.p && rest.n > 0) {
        struct span line = span_cut(&rest, '\n');
        if (parse_line(line, &mounts->mount[mounts->count]))
            mounts->count++;
    }
    add_root(mounts);
}

static bool read_text(int fd, struct buf *text)
{
    off_t at = 0;

    text->n = 0;
    while (text->n < TABLE_BYTES_MAX) {
        if (!buf_reserve(text, READ_BYTES)) {
            errno = ENOMEM;
            return false;
        }
        ssize_t got = pread(fd, text->p + text->n, READ_BYTES - 1, at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return false;
        if (got == 0)
            break;
        text->n += (size_t)got;
        at += got;
    }
    return true;
}

static void read_table(struct file_mounts *mounts)
{
    struct buf text = {0};

    if (!read_text(mounts->fd, &text) || !buf_add(&text, "", 1)) {
        log_error("cannot read the mount table: %s; the one read before stays in use",
                  strerror(errno));
        buf_free(&text);
        return;
    }
    text.n--;
    buf_free(&mounts->text);
    mounts->text = text;
    parse(mounts);
}

static bool has_changed(const struct file_mounts *mounts)
{
    struct pollfd p = {.fd = mounts->fd, .events = POLLPRI};

    return mounts->fd >= 0 && poll(&p, 1, 0) > 0 && (p.revents & (POLLPRI | POLLERR));
}

void file_mounts_refresh(struct file_mounts *mounts, struct mono now)
{
    if (mono_since(now, mounts->looked) < look_every_ns)
        return;
    mounts->looked = now;
    if (has_changed(mounts))
        read_table(mounts);
}

struct file_mounts *file_mounts_new(struct offload *pool, const char *path)
{
    struct file_mounts *mounts = calloc(1, sizeof *mounts);

    if (!mounts)
        return NULL;
    mounts->own = !path;
    if (!path)
        path = "/proc/self/mountinfo";
    mounts->pool = pool;
    mounts->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (mounts->fd < 0)
        log_warn("cannot open %s: %s; no file system counts as local, so every file is opened "
                 "by an offload thread",
                 path, strerror(errno));
    else
        read_table(mounts);
    return mounts;
}

void file_mounts_free(struct file_mounts **mounts)
{
    struct file_mounts *m = *mounts;

    if (!m)
        return;
    close_fd(&m->fd);
    buf_free(&m->text);
    free(m->mount);
    free(m->silent);
    free(m);
    *mounts = NULL;
}

/* --- looking up --- */

const struct file_mount *file_mounts_by_id(const struct file_mounts *mounts, uint64_t id)
{
    for (size_t i = 0; i < mounts->count; i++)
        if (mounts->mount[i].id == id)
            return &mounts->mount[i];
    return NULL;
}

const struct file_mount *file_mounts_find(struct file_mounts *mounts, uint64_t id)
{
    const struct file_mount *m = file_mounts_by_id(mounts, id);

    if (m || !has_changed(mounts))
        return m;
    read_table(mounts);
    return file_mounts_by_id(mounts, id);
}

const struct file_mount *file_mounts_by_device(const struct file_mounts *mounts, uint64_t device)
{
    for (size_t i = 0; i < mounts->count; i++)
        if (mounts->mount[i].device == device)
            return &mounts->mount[i];
    return NULL;
}

static bool is_beneath(struct span path, struct span point)
{
    if (point.n == 1) /* "/" */
        return path.n > 0 && path.p[0] == '/';
    return span_starts(path, point) && (path.n == point.n || path.p[point.n] == '/');
}

const struct file_mount *file_mounts_by_path(const struct file_mounts *mounts, struct span path)
{
    const struct file_mount *best = NULL;
    size_t best_bytes = 0;

    for (size_t i = 0; i < mounts->count; i++) {
        struct span point = span_of(mounts->mount[i].point, mounts->mount[i].point_bytes);
        /* Of equals the last: it was mounted over the one before. */
        if (point.n >= best_bytes && is_beneath(path, point)) {
            best = &mounts->mount[i];
            best_bytes = point.n;
        }
    }
    return best;
}

static bool is_point_of(const struct file_mounts *mounts, uint64_t device, const char *point)
{
    for (size_t i = 0; i < mounts->count; i++)
        if (mounts->mount[i].device == device && strcmp(mounts->mount[i].point, point) == 0)
            return true;
    return false;
}

/*
 * The kernel gives a device number again when its mount is gone: the row then takes the name
 * of the new one. Of several mounts of one device the first that was used names it.
 */
static struct offload_mount *row_of(const struct file_mounts *mounts, const struct file_mount *m)
{
    struct offload_mount *row = offload_mount(mounts->pool, m->device, m->point, m->type);

    if (row && !is_point_of(mounts, m->device, offload_mount_name(row)))
        offload_mount_rename(row, m->point, m->type);
    return row;
}

static bool is_silent(const struct file_mounts *mounts, const struct offload_mount *row)
{
    for (size_t i = 0; i < mounts->silent_count; i++)
        if (mounts->silent[i] == row)
            return true;
    return false;
}

void file_mounts_note_silent(struct file_mounts *mounts, struct offload_mount *row)
{
    if (!row || is_silent(mounts, row))
        return;
    struct offload_mount **more =
        reallocarray(mounts->silent, mounts->silent_count + 1, sizeof(struct offload_mount *));
    if (!more)
        return; /* asked again with the next file */
    mounts->silent = more;
    more[mounts->silent_count++] = row;
    for (size_t i = 0; i < mounts->count; i++)
        mounts->mount[i].silent |= mounts->mount[i].row == row;
    if (!offload_mount_counted(row, MOUNT_UNSUPPORTED))
        log_info("mount %s cannot say what is in memory; files on it are read by threads",
                 offload_mount_name(row));
}

struct file_home file_mounts_home(struct file_mounts *mounts, const struct file_mount *m)
{
    struct file_home home = {0};

    if (!mounts->pool)
        return home;
    if (!m) {
        if (!mounts->unknown)
            mounts->unknown = offload_mount(mounts->pool, 0, "(unknown)", "unknown");
        home.mount = mounts->unknown;
        return home;
    }
    struct file_mount *own = &mounts->mount[m - mounts->mount];
    if (!own->row) {
        own->row = row_of(mounts, own);
        own->silent = is_silent(mounts, own->row);
    }
    home.mount = own->row;
    home.local = own->local;
    home.memory = own->memory;
    return home;
}
