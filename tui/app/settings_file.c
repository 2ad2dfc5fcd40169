/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The settings file: lines of "key = value", comments from # on. Saving reads it again, changes
 * the values that differ, and puts the whole in its place by rename, under a lock on the folder,
 * so that two dashboards do not lose each other's lines. It is small; it is read whole.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/fd.h"
#include "tui/app/settings.h"

#define FILE_BYTES   65536 /* more is no settings file */
#define LOCK_TRIES   20    /* of LOCK_WAIT_MS each: somebody else is writing */
#define LOCK_WAIT_MS 10

__attribute__((format(printf, 3, 4))) static bool refuse(char *why, size_t why_bytes,
                                                         const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(why, why_bytes, fmt, ap);
    va_end(ap);
    return false;
}

bool settings_path(char *out, size_t out_bytes)
{
    const char *own = getenv("WEIRTOP_CONFIG"), *home = getenv("HOME");
    const char *xdg = getenv("XDG_CONFIG_HOME");
    int n;

    if (own && own[0] == '/') {
        n = snprintf(out, out_bytes, "%s", own);
        return n > 0 && (size_t)n < out_bytes;
    }
    if (getenv("SUDO_UID")) /* HOME may be the invoking user's, whose file it is not */
        return false;
    if (xdg && xdg[0] == '/')
        n = snprintf(out, out_bytes, "%s/weirtop/config", xdg);
    else if (home && home[0] == '/')
        n = snprintf(out, out_bytes, "%s/.config/weirtop/config", home);
    else
        return false;
    return n > 0 && (size_t)n < out_bytes;
}

/* A line's key and value; where the value stands. False for comments, blanks and no assignment. */
static bool line_parts(struct span line, struct span *key, struct span *value)
{
    const char *hash = line.n ? memchr(line.p, '#', line.n) : NULL;

    if (hash)
        line.n = (size_t)(hash - line.p);
    const char *equals = line.n ? memchr(line.p, '=', line.n) : NULL;
    if (equals == NULL)
        return false;
    *key = span_trim(span_of(line.p, (size_t)(equals - line.p)));
    *value = span_trim(span_from(line, (size_t)(equals - line.p) + 1));
    return true;
}

static int setting_named(struct span key)
{
    for (int i = 0; i < SETTING_COUNT; i++)
        if (span_eq(key, span_str(setting_table[i].key)))
            return i;
    return -1;
}

static struct span next_line(struct span *rest)
{
    const char *end = rest->n ? memchr(rest->p, '\n', rest->n) : NULL;
    size_t n = end ? (size_t)(end - rest->p) : rest->n;
    struct span line = span_of(rest->p, n);

    *rest = span_from(*rest, end ? n + 1 : n);
    return line;
}

/* All of fd into b. False with errno. */
static bool read_all(int fd, struct buf *b)
{
    char part[4096];
    ssize_t n;

    while ((n = read(fd, part, sizeof part)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        errno = EFBIG;
        if (b->n + (size_t)n > FILE_BYTES)
            return false;
        errno = ENOMEM;
        if (!buf_add(b, part, (size_t)n))
            return false;
    }
    return true;
}

static bool parse_value(int which, struct span value, int64_t *out, char *why, size_t why_bytes)
{
    char text[128];

    if (value.n >= sizeof text || memchr(value.p ? value.p : "", '\0', value.n))
        return refuse(why, why_bytes, "%s: the value is too long", setting_table[which].key);
    memcpy(text, value.p ? value.p : "", value.n);
    text[value.n] = '\0';
    return settings_parse((enum setting)which, text, out, why, why_bytes);
}

static bool take_lines(struct settings *s, struct span text, const char *path, char *why,
                       size_t why_bytes)
{
    struct span key, value;
    bool good = true;
    char mistake[256];

    for (unsigned number = 1; text.n > 0; number++) {
        if (!line_parts(next_line(&text), &key, &value))
            continue;
        int which = setting_named(key); /* others are somebody else's: a newer weirtop's */
        if (which < 0 || parse_value(which, value, &s->value[which], mistake, sizeof mistake))
            continue;
        if (good)
            refuse(why, why_bytes, "%.300s:%u: %s", path, number, mistake);
        good = false;
    }
    return good;
}

bool settings_load(struct settings *s, const char *path, char *why, size_t why_bytes)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct buf text = {0};
    struct stat st;
    bool good;

    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return true;
    if (fd < 0)
        return refuse(why, why_bytes, "%.300s: %s", path, strerror(errno));
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        good = refuse(why, why_bytes, "%.300s: it is not a file", path);
    else if (!read_all(fd, &text))
        good = refuse(why, why_bytes, "%.300s: %s", path, strerror(errno));
    else
        good = take_lines(s, buf_span(&text), path, why, why_bytes);
    buf_free(&text);
    close_fd(&fd);
    return good;
}

/* One line as it has to be: its own text, with the value replaced when it differs. */
static bool add_line(struct buf *out, struct span line, const struct settings *s,
                     bool there[SETTING_COUNT], bool *changed)
{
    struct span key, value;
    char why[256], text[64];
    int64_t have;

    if (!line_parts(line, &key, &value))
        return buf_add(out, line.p, line.n) && buf_add(out, "\n", 1);
    int which = setting_named(key);
    if (which < 0)
        return buf_add(out, line.p, line.n) && buf_add(out, "\n", 1);
    there[which] = true;
    if (parse_value(which, value, &have, why, sizeof why) && have == s->value[which])
        return buf_add(out, line.p, line.n) && buf_add(out, "\n", 1);
    *changed = true;
    settings_format((enum setting)which, s->value[which], text, sizeof text);
    size_t before = value.n ? (size_t)(value.p - line.p) : 0, after = before + value.n;
    if (value.n == 0) { /* "key =", perhaps with a comment */
        const char *equals = memchr(line.p, '=', line.n);
        before = after = (size_t)(equals - line.p) + 1;
    }
    return buf_add(out, line.p, before) && (value.n || buf_add(out, " ", 1)) &&
           buf_add(out, text, strlen(text)) && buf_add(out, line.p + after, line.n - after) &&
           buf_add(out, "\n", 1);
}

/* The file's new text. False on ENOMEM. */
static bool compose(struct buf *out, struct span old, const struct settings *s, bool *changed)
{
    bool there[SETTING_COUNT] = {false};
    char line[160], text[64];

    *changed = false;
    while (old.n > 0)
        if (!add_line(out, next_line(&old), s, there, changed))
            return false;
    for (int i = 0; i < SETTING_COUNT; i++) {
        if (there[i] || s->value[i] == setting_table[i].standard)
            continue;
        *changed = true;
        settings_format((enum setting)i, s->value[i], text, sizeof text);
        int n = snprintf(line, sizeof line, "%s = %s\n", setting_table[i].key, text);
        if (!buf_add(out, line, (size_t)n))
            return false;
    }
    return true;
}

/* The folder of the file, made when it is not there (and the one above it). -1 with errno. */
static int open_folder(const char *path, const char **name)
{
    char folder[4096];
    const char *slash = strrchr(path, '/');

    errno = ENAMETOOLONG;
    if (slash == NULL || (size_t)(slash - path) >= sizeof folder || slash[1] == '\0')
        return -1;
    *name = slash + 1;
    snprintf(folder, sizeof folder, "%.*s", slash == path ? 1 : (int)(slash - path), path);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0 || errno != ENOENT)
        return fd;
    char *above = strrchr(folder, '/');
    if (above && above != folder) {
        *above = '\0';
        if (mkdir(folder, 0700) != 0 && errno != EEXIST)
            return -1;
        *above = '/';
    }
    if (mkdir(folder, 0700) != 0 && errno != EEXIST)
        return -1;
    return open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static bool lock_folder(int folder)
{
    for (int i = 0; i < LOCK_TRIES; i++) {
        if (flock(folder, LOCK_EX | LOCK_NB) == 0)
            return true;
        if (errno != EWOULDBLOCK && errno != EINTR)
            return false;
        poll(NULL, 0, LOCK_WAIT_MS);
    }
    errno = EWOULDBLOCK;
    return false;
}

/* May the file be replaced, and what is in it? */
static bool read_old(int folder, const char *name, const char *path, struct buf *old, char *why,
                     size_t why_bytes)
{
    struct stat st;
    int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);

    if (fd < 0 && errno == ENOENT)
        return true;
    if (fd < 0 && errno == ELOOP)
        return refuse(why, why_bytes, "%.300s is a symbolic link: not followed", path);
    if (fd < 0)
        return refuse(why, why_bytes, "%.300s: %s", path, strerror(errno));
    bool good = true;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        good = refuse(why, why_bytes, "%.300s is not a file", path);
    else if (st.st_uid != geteuid())
        good = refuse(why, why_bytes, "%.300s belongs to another user", path);
    else if (!read_all(fd, old))
        good = refuse(why, why_bytes, "%.300s: %s", path, strerror(errno));
    close_fd(&fd);
    return good;
}

static bool write_all(int fd, struct span text)
{
    while (text.n > 0) {
        ssize_t n = write(fd, text.p, text.n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        text = span_from(text, (size_t)n);
    }
    return fsync(fd) == 0;
}

static bool replace(int folder, const char *name, struct span text, const char *path, char *why,
                    size_t why_bytes)
{
    char temporary[300];
    int flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW;

    /* Under the lock nobody else uses this name: what is there is from one that was killed. */
    int n = snprintf(temporary, sizeof temporary, ".%s.new", name);
    if (n < 0 || (size_t)n >= sizeof temporary)
        return refuse(why, why_bytes, "%.300s: the name is too long", path);
    if (unlinkat(folder, temporary, 0) != 0 && errno != ENOENT)
        return refuse(why, why_bytes, "%.300s: %s", path, strerror(errno));
    int fd = openat(folder, temporary, flags, 0600);
    if (fd < 0)
        return refuse(why, why_bytes, "%.300s: %s", path, strerror(errno));
    bool good = write_all(fd, text) && renameat(folder, temporary, folder, name) == 0;
    int error = errno;
    close_fd(&fd);
    if (!good) {
        unlinkat(folder, temporary, 0);
        return refuse(why, why_bytes, "%.300s: %s", path, strerror(error));
    }
    (void)fsync(folder); /* the rename is in force; whether it survives a power cut is no error */
    return true;
}

static bool save_in(int folder, const struct settings *s, const char *name, const char *path,
                    char *why, size_t why_bytes)
{
    struct buf old = {0}, text = {0};
    struct stat st;
    bool changed, good = false;

    if (fstat(folder, &st) != 0 || st.st_uid != geteuid())
        refuse(why, why_bytes, "the folder of %.300s belongs to another user", path);
    else if (!lock_folder(folder))
        refuse(why, why_bytes, "%.300s: another program is writing it", path);
    else if (!read_old(folder, name, path, &old, why, why_bytes))
        good = false;
    else if (!compose(&text, buf_span(&old), s, &changed))
        refuse(why, why_bytes, "out of memory");
    else
        good = !changed || replace(folder, name, buf_span(&text), path, why, why_bytes);
    buf_free(&old);
    buf_free(&text);
    return good;
}

bool settings_save(const struct settings *s, const char *path, char *why, size_t why_bytes)
{
    const char *name = NULL;
    int folder = open_folder(path, &name);

    if (folder < 0)
        return refuse(why, why_bytes, "%.300s: %s", path, strerror(errno));
    bool good = save_in(folder, s, name, path, why, why_bytes);
    close_fd(&folder); /* and with it goes the lock */
    return good;
}
