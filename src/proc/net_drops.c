/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Drops of the network namespace; see net_drops.h. The file has pairs of lines, one with names and
 * one with figures, each beginning with the same word. Master only.
 */
#include "proc/net_drops.h"

#include <errno.h>
#include <fcntl.h>

#include "base/fd.h"

#define NETSTAT_BYTES 16384 /* it has some 4 KiB */

static uint64_t number_of(struct span word)
{
    uint64_t v = 0;

    for (size_t i = 0; i < word.n && word.p[i] >= '0' && word.p[i] <= '9'; i++)
        v = v * 10 + (uint64_t)(word.p[i] - '0');
    return v;
}

/* The figure below this name. */
static bool figure_below(struct span names, struct span figures, const char *name, uint64_t *v)
{
    while (names.p && figures.p) {
        struct span word = span_cut(&names, ' '), figure = span_cut(&figures, ' ');
        if (span_eq(word, span_str(name))) {
            *v = number_of(figure);
            return figure.n > 0;
        }
    }
    return false;
}

bool net_drops_parse(struct span text, uint64_t *drops)
{
    static const struct span head = {"TcpExt:", 7};
    uint64_t overflows = 0, lost = 0;

    while (text.p && text.n > 0) {
        struct span names = span_cut(&text, '\n');
        if (!span_starts(names, head) || !text.p)
            continue;
        struct span figures = span_cut(&text, '\n');
        if (!span_starts(figures, head))
            return false;
        bool have = figure_below(names, figures, "ListenOverflows", &overflows);
        have |= figure_below(names, figures, "ListenDrops", &lost);
        *drops = overflows > lost ? overflows : lost;
        return have;
    }
    return false;
}

bool net_drops_read(uint64_t *drops)
{
    char text[NETSTAT_BYTES];
    int fd = open("/proc/self/net/netstat", O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return false;
    ssize_t n = fd_read_full(fd, text, sizeof text);
    close_fd(&fd);
    errno = n < 0 ? errno : ENODATA;
    return n > 0 && net_drops_parse(span_of(text, (size_t)n), drops);
}

uint64_t net_drops_begin(struct net_drops *d, bool read, uint64_t drops)
{
    d->fresh = read && d->known && drops > d->last ? drops - d->last : 0;
    d->known = read;
    d->last = drops;
    return d->fresh + d->spare;
}

uint64_t net_drops_share(uint64_t grown, uint64_t *left)
{
    uint64_t mine = grown < *left ? grown : *left;

    *left -= mine;
    return mine;
}

void net_drops_end(struct net_drops *d, uint64_t left)
{
    d->spare = left < d->fresh ? left : d->fresh;
}
