/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Mounts by path, and fences; see fences.h. Master only.
 */
#include "proc/fences.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/fd.h"

enum { MOUNTINFO_BYTES_MAX = 16 * 1024 * 1024, MOUNTINFO_STEP = 64 * 1024 };

void fence_mount_free(struct fence_mount *m)
{
    buf_free(&m->name);
    buf_free(&m->type);
    buf_free(&m->source);
    m->device = m->id = 0;
}

/* Appends a field of mountinfo, where \040 and the like stand for white space and backslashes. */
static bool unescape(struct span field, struct buf *to)
{
    for (size_t i = 0; i < field.n; i++) {
        char c = field.p[i];
        if (c == '\\' && field.n - i > 3 && field.p[i + 1] >= '0' && field.p[i + 1] <= '3' &&
            field.p[i + 2] >= '0' && field.p[i + 2] <= '7' && field.p[i + 3] >= '0' &&
            field.p[i + 3] <= '7') {
            c = (char)((field.p[i + 1] - '0') * 64 + (field.p[i + 2] - '0') * 8 +
                       (field.p[i + 3] - '0'));
            i += 3;
        }
        if (!buf_add(to, &c, 1))
            return false;
    }
    return true;
}

/* The path as segments, each with its slash in front: "/a//b/" is "/a/b", and "/" is "". */
static bool normalize(struct span path, struct buf *to, struct buf *why)
{
    struct span rest = path;

    if (path.n == 0 || path.p[0] != '/') {
        buf_addf(why, "not an absolute path");
        return false;
    }
    while (rest.p) {
        struct span segment = span_cut(&rest, '/');
        if (span_eq(segment, SPAN(".")) || span_eq(segment, SPAN(".."))) {
            buf_addf(why, "write the path without `.' and `..'");
            return false;
        }
        if (segment.n > 0 && (!buf_add(to, "/", 1) || !buf_add_span(to, segment))) {
            buf_addf(why, "out of memory");
            return false;
        }
    }
    return true;
}

/* Whether the path is the mount point or lies beneath it. The mount point "/" is "" here. */
static bool covers(struct span point, struct span path)
{
    if (span_eq(point, SPAN("/")))
        point.n = 0;
    return span_starts(path, point) && (path.n == point.n || path.p[point.n] == '/');
}

/* Fields of a line: id parent major:minor root point options [tags...] - type source super */
struct line {
    struct span id, device, point, type, source;
};

static bool parse_line(struct span text, struct line *l)
{
    struct span rest = text;

    l->id = span_cut(&rest, ' ');
    span_cut(&rest, ' ');
    l->device = span_cut(&rest, ' ');
    span_cut(&rest, ' ');
    l->point = span_cut(&rest, ' ');
    while (rest.p)
        if (span_eq(span_cut(&rest, ' '), SPAN("-"))) {
            l->type = span_cut(&rest, ' ');
            l->source = span_cut(&rest, ' ');
            return l->type.n > 0;
        }
    return false;
}

static bool parse_device(struct span text, uint64_t *device)
{
    struct span minor_text = text, major_text = span_cut(&minor_text, ':');
    uint64_t major_number, minor_number;

    if (!span_u64(major_text, UINT32_MAX, &major_number) ||
        !span_u64(minor_text, UINT32_MAX, &minor_number))
        return false;
    *device = makedev((unsigned)major_number, (unsigned)minor_number);
    return true;
}

/* False on ENOMEM; *m is then empty. */
static bool fill_mount(const struct line *l, uint64_t device, struct fence_mount *m)
{
    uint64_t id;

    *m = (struct fence_mount){.device = device};
    if (span_u64(l->id, UINT64_MAX, &id))
        m->id = id;
    if (unescape(l->point, &m->name) && unescape(l->type, &m->type) &&
        unescape(l->source, &m->source))
        return true;
    fence_mount_free(m);
    return false;
}

/* Takes the line's mount when it is nearer to the path than the one found so far. */
static bool consider(const struct line *l, struct span path, struct fence_mount *m)
{
    struct fence_mount new;
    uint64_t device;

    if (!parse_device(l->device, &device))
        return true;
    if (!fill_mount(l, device, &new))
        return false;
    if (!covers(buf_span(&new.name), path) || new.name.n < m->name.n) {
        fence_mount_free(&new);
        return true;
    }
    fence_mount_free(m);
    *m = new;
    return true;
}

/* The line of the mount with this ID, and the device number in it. */
static bool line_of(struct span mountinfo, uint64_t id, struct line *l, uint64_t *device)
{
    uint64_t own;

    while (mountinfo.p)
        if (parse_line(span_cut(&mountinfo, '\n'), l) && span_u64(l->id, UINT64_MAX, &own) &&
            own == id)
            return parse_device(l->device, device);
    return false;
}

bool fence_find_id(struct span mountinfo, uint64_t id, struct fence_mount *m)
{
    struct line l;
    uint64_t device;

    *m = (struct fence_mount){0};
    return line_of(mountinfo, id, &l, &device) && fill_mount(&l, device, m);
}

bool fence_find(struct span mountinfo, struct span path, struct fence_mount *m, struct buf *why)
{
    struct buf clean = {0};
    bool good = normalize(path, &clean, why);

    *m = (struct fence_mount){0};
    while (good && mountinfo.p) {
        struct span text = span_cut(&mountinfo, '\n');
        struct line l;
        if (parse_line(text, &l) && !consider(&l, buf_span(&clean), m)) {
            buf_addf(why, "out of memory");
            good = false;
        }
    }
    buf_free(&clean);
    if (good && m->name.n == 0) {
        buf_addf(why, "no mount is known to hold it");
        good = false;
    }
    if (!good)
        fence_mount_free(m);
    return good;
}

bool fence_read_mountinfo(pid_t pid, struct buf *text, struct buf *why)
{
    char path[64] = "/proc/self/mountinfo";

    if (pid != 0)
        snprintf(path, sizeof path, "/proc/%ld/mountinfo", (long)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? 1 : -1;

    while (n > 0 && text->n < MOUNTINFO_BYTES_MAX) {
        if (!buf_reserve(text, MOUNTINFO_STEP)) {
            errno = ENOMEM;
            n = -1;
            break;
        }
        n = fd_read_full(fd, text->p + text->n, MOUNTINFO_STEP);
        text->n += n > 0 ? (size_t)n : 0;
    }
    if (n < 0)
        buf_addf(why, "%s cannot be read: %s", path, strerror(errno));
    else if (n > 0)
        buf_addf(why, "%s is too long", path);
    close_fd(&fd);
    return n == 0;
}

bool fence_find_here(struct span path, struct fence_mount *m, struct buf *why)
{
    struct buf text = {0};

    *m = (struct fence_mount){0};
    bool good = fence_read_mountinfo(0, &text, why) && fence_find(buf_span(&text), path, m, why);
    buf_free(&text);
    return good;
}

static bool same(const struct buf *a, const struct buf *b)
{
    return span_eq(buf_span(a), buf_span(b));
}

bool fence_is_there(struct span mountinfo, const struct fence_mount *m)
{
    struct fence_mount now;
    struct line l;
    uint64_t device;

    if (!line_of(mountinfo, m->id, &l, &device) || device != m->device)
        return false;
    if (!fill_mount(&l, device, &now))
        return true; /* out of memory: no fence falls for that */
    bool there =
        same(&now.name, &m->name) && same(&now.type, &m->type) && same(&now.source, &m->source);
    fence_mount_free(&now);
    return there;
}

void fences_free(struct fences *f)
{
    while (f->count > 0)
        fences_remove(f, f->count - 1);
    if (f->table_fd > 0)
        close_fd(&f->table_fd);
    f->table_fd = 0;
}

bool fences_find(const struct fences *f, uint64_t device, unsigned *at)
{
    for (*at = 0; *at < f->count; ++*at)
        if (f->mount[*at].device == device && !f->mount[*at].gone)
            return true;
    return false;
}

bool fences_find_gone(const struct fences *f, struct span path, unsigned *at)
{
    bool found = false;

    for (unsigned i = 0; i < f->count; i++) {
        const struct fence_mount *m = &f->mount[i];
        if (!m->gone || !covers(buf_span(&m->name), path) ||
            (found && m->name.n < f->mount[*at].name.n))
            continue;
        *at = i;
        found = true;
    }
    return found;
}

bool fences_find_name(const struct fences *f, struct span name, unsigned *at)
{
    for (*at = 0; *at < f->count; ++*at)
        if (span_eq(buf_span(&f->mount[*at].name), name))
            return true;
    return false;
}

bool fences_add(struct fences *f, struct fence_mount *m)
{
    unsigned at;

    if (fences_find(f, m->device, &at)) {
        m->number = f->mount[at].number; /* by which roots know it */
        fence_mount_free(&f->mount[at]);
    } else if (f->count == FENCES_MAX) {
        return false;
    } else {
        at = f->count++;
        m->number = ++f->numbers;
    }
    f->mount[at] = *m;
    *m = (struct fence_mount){0};
    return true;
}

void fences_remove(struct fences *f, unsigned at)
{
    fence_mount_free(&f->mount[at]);
    f->mount[at] = f->mount[--f->count];
    f->mount[f->count] = (struct fence_mount){0};
}

/* What changed before the table was opened is not told: the first answer is therefore yes. */
bool fences_changed(struct fences *f)
{
    struct pollfd p = {.events = POLLPRI};

    if (f->count == 0)
        return false;
    if (f->table_fd <= 0) {
        f->table_fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
        return f->table_fd > 0;
    }
    p.fd = f->table_fd;
    return poll(&p, 1, 0) > 0;
}
