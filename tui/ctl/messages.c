/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading the server's error log as it grows; see messages.h. A line is taken when its newline
 * is there. A line longer than the buffer is given out cut, and its rest skipped. Runs in
 * weirtop.
 */
#include "tui/ctl/messages.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"

enum { STAMP_BYTES = 24 }; /* "2026-01-31 23:59:59.999 " */

void messages_open(struct messages *m, const char *where)
{
    struct stat st;
    char *end = NULL;

    *m = (struct messages){.fd = -1, .path = where};
    if (!where)
        return;
    uint64_t from = strtoull(where, &end, 10);
    bool given = *where >= '0' && *where <= '9' && *end == ':';
    if (given)
        m->path = end + 1;
    m->fd = open(m->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (given)
        m->at = from;
    else if (m->fd >= 0 && fstat(m->fd, &st) == 0)
        m->at = (uint64_t)st.st_size;
}

void messages_close(struct messages *m)
{
    close_fd(&m->fd);
    m->path = NULL;
    m->n = 0;
}

/*
 * The file of that name, when it is another than the open one or was emptied: from its start.
 * An empty new one waits, for until the server has reopened its log it writes to the old one.
 */
static void look_again(struct messages *m)
{
    struct stat named, open_one;

    if (stat(m->path, &named) != 0)
        return;
    bool same = m->fd >= 0 && fstat(m->fd, &open_one) == 0 && open_one.st_ino == named.st_ino &&
                open_one.st_dev == named.st_dev;
    if (same ? (uint64_t)named.st_size >= m->at : named.st_size == 0)
        return;
    close_fd(&m->fd);
    m->fd = open(m->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    m->at = 0;
    m->n = 0;
    m->cut = false;
}

/* More bytes behind those in line[]. False when there are none now. */
static bool read_more(struct messages *m, uint64_t now_ns)
{
    ssize_t got = -1;

    if (m->fd >= 0)
        got = pread(m->fd, m->line + m->n, sizeof m->line - m->n, (off_t)m->at);
    if (got > 0) {
        m->n += (size_t)got;
        m->at += (uint64_t)got;
        return true;
    }
    if (now_ns >= m->look_ns) {
        m->look_ns = now_ns + MESSAGES_LOOK_NS;
        look_again(m);
    }
    return false;
}

/* The time of "2026-01-31 23:59:59.999 ", local time; 0 when it is none. */
static uint64_t time_of(const char *line)
{
    struct tm tm = {.tm_isdst = -1};
    unsigned ms = 0;
    int used = 0;

    if (sscanf(line, "%4d-%2d-%2d %2d:%2d:%2d.%3u %n", &tm.tm_year, &tm.tm_mon, &tm.tm_mday,
               &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &ms, &used) != 7 ||
        used < STAMP_BYTES)
        return 0;
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    time_t seconds = mktime(&tm);
    return seconds <= 0 ? 0 : (uint64_t)seconds * NS_PER_S + ms * (uint64_t)NS_PER_MS;
}

/* Takes the level's word off *rest. False when there is none. */
static bool take_level(const char **rest, char word[12])
{
    for (int level = 0; level < 4; level++) {
        size_t n = strlen(log_level_name[level]);
        if (strncmp(*rest, log_level_name[level], n) != 0 || (*rest)[n] != ' ')
            continue;
        for (size_t i = 0; i <= n; i++)
            word[i] = (char)(i == n ? '\0' : (*rest)[i] - 'a' + 'A');
        *rest += n + strspn(*rest + n, " ");
        return true;
    }
    return false;
}

/* "worker 3[4711]: text" is "worker 3: text", and the master's own is the text alone. */
static void put_text(struct message *out, const char *rest)
{
    const char *open_bracket = strchr(rest, '['), *text = strstr(rest, "]: ");
    int who = 0;

    if (open_bracket && text && open_bracket < text) {
        who = (int)(open_bracket - rest);
        if (strncmp(rest, "master", (size_t)who) == 0 || strncmp(rest, "weir", (size_t)who) == 0)
            who = 0;
        text += 3;
    } else {
        text = rest;
    }
    snprintf(out->text, sizeof out->text, "%.*s%s%s", who, rest, who > 0 ? ": " : "", text);
    /* The server escapes what it writes; others may write to the file too. */
    for (char *p = out->text; *p; p++)
        if ((unsigned char)*p < ' ' || *p == 0x7f)
            *p = '?';
}

static void parse(struct message *out, const char *line)
{
    const char *rest = line;

    snprintf(out->word, sizeof out->word, "LOG");
    out->wall_ns = time_of(line);
    if (out->wall_ns != 0)
        rest += STAMP_BYTES;
    if (out->wall_ns != 0 && take_level(&rest, out->word))
        put_text(out, rest);
    else
        put_text(out, line);
}

/* Gives out line[0..n) and drops these bytes and `more` behind them. */
static void give(struct messages *m, size_t n, size_t more, struct message *out)
{
    char line[MESSAGES_LINE_BYTES + 4];

    memcpy(line, m->line, n);
    memcpy(line + n, more > 0 ? "" : "...", more > 0 ? 1 : 4);
    m->n -= n + more;
    memmove(m->line, m->line + n + more, m->n);
    parse(out, line);
}

bool messages_next(struct messages *m, uint64_t now_ns, struct message *out)
{
    if (!m->path)
        return false;
    for (;;) {
        char *end = memchr(m->line, '\n', m->n);
        size_t n = end ? (size_t)(end - m->line) : m->n;
        if (end && m->cut) { /* the rest of a line that was given out */
            m->cut = false;
            m->n -= n + 1;
            memmove(m->line, end + 1, m->n);
        } else if (end) {
            give(m, n, 1, out);
            return true;
        } else if (m->cut) {
            m->n = 0;
            if (!read_more(m, now_ns))
                return false;
        } else if (m->n == sizeof m->line) {
            m->cut = true;
            give(m, n, 0, out);
            return true;
        } else if (!read_more(m, now_ns)) {
            return false;
        }
    }
}
