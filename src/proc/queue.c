/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Accept-queue sampling; see queue.h. Master only.
 */
#include "proc/queue.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

#include "base/fd.h"
#include "base/log.h"
#include "board/event_pace.h"
#include "board/slot.h"
#include "proc/sock_diag.h"

#define DROPS_EVERY_NS (500 * NS_PER_MS)
#define QUEUE_AT_ONCE  3 /* events of one listener that are told without waiting */

#define PUT(field, value) atomic_store_explicit(&(field), (value), memory_order_relaxed)

uint32_t queue_peak_add(struct queue_peak *p, struct mono now, uint32_t depth)
{
    uint64_t second = now.ns / NS_PER_S + 1;
    size_t at = (size_t)(second % QUEUE_PEAK_SECONDS);
    uint32_t peak = 0;

    if (p->second[at] != second) {
        p->second[at] = second;
        p->high[at] = 0;
    }
    if (depth > p->high[at])
        p->high[at] = depth;
    for (size_t i = 0; i < QUEUE_PEAK_SECONDS; i++)
        if (p->second[i] + QUEUE_PEAK_SECONDS > second && p->high[i] > peak)
            peak = p->high[i];
    return peak;
}

void queue_watch_init(struct queue_watch *w)
{
    memset(w, 0, sizeof *w);
    w->diag_fd = sock_diag_open();
}

void queue_watch_close(struct queue_watch *w)
{
    close_fd(&w->diag_fd);
}

static void keep_past(struct queue_row *to, const struct queue_watch *w, uint64_t inode)
{
    memset(to, 0, sizeof *to);
    for (size_t i = 0; i < QUEUE_ROWS_MAX; i++)
        if (w->row[i].inode == inode)
            *to = w->row[i];
    to->inode = inode;
}

void queue_watch_adopt(struct queue_watch *w, struct board *b, const struct listen_set *set)
{
    struct queue_row row[QUEUE_ROWS_MAX];

    memset(row, 0, sizeof row);
    for (unsigned i = 0; i < b->listener_count; i++) {
        struct board_listener *l = &b->listener[i];
        if (i >= set->count || i >= QUEUE_ROWS_MAX) {
            PUT(l->used, 0);
            continue;
        }
        keep_past(&row[i], w, set->socket[i].inode);
        PUT(l->queue_depth, 0);
        PUT(l->queue_limit, 0);
        PUT(l->queue_peak, 0);
        PUT(l->drops, row[i].drops);
        PUT(l->stray, row[i].stray);
        board_text_set(&l->address, span_str(set->socket[i].shown));
        PUT(l->used, 1);
    }
    memcpy(w->row, row, sizeof row);
}

static void diag_is_missing(struct queue_watch *w, const char *what)
{
    if (!w->diag_missing)
        log_info("sock_diag does not answer (%s): no figures for %s", strerror(errno), what);
    w->diag_missing = true;
}

/* Depth and limit now; false when they are not known. */
static bool measure(struct queue_watch *w, const struct listen_socket *s, unsigned backlog,
                    uint32_t *depth, uint32_t *limit)
{
    struct tcp_info info;
    socklen_t bytes = sizeof info;

    if (s->family == AF_UNIX) {
        struct sock_diag_row row = {.inode = s->inode};
        *depth = 0;
        *limit = backlog;
        if (w->diag_fd < 0 || !sock_diag_unix(w->diag_fd, &row)) {
            diag_is_missing(w, "accept queues of unix sockets");
            return true;
        }
        *depth = row.depth;
        *limit = row.limit;
        return true;
    }
    memset(&info, 0, sizeof info);
    if (getsockopt(s->fd, IPPROTO_TCP, TCP_INFO, &info, &bytes) != 0)
        return false;
    *depth = info.tcpi_unacked;
    *limit = info.tcpi_sacked;
    return true;
}

static void tell_full(struct queue_row *row, struct board *b, const char *address, uint32_t depth,
                      uint32_t limit, struct mono now)
{
    bool full = limit > 0 && depth >= limit;
    char more[EVENT_PACE_WORDS];
    uint32_t held;

    if (full && !row->full && event_pace_tell(&row->pace, now, QUEUE_AT_ONCE, &held)) {
        event_pace_words(held, more);
        board_event(b, EVENT_QUEUE, 0, "accept queue of %s is full: %u of %u%s", address, depth,
                    limit, more);
        log_warn("%s: the accept queue is full (%u of %u): the workers do not keep up%s", address,
                 depth, limit, more);
    }
    row->full = full;
}

static void tell_drops(struct queue_row *row, struct board *b, const char *address, struct mono now)
{
    unsigned long long lost = row->drops - row->drops_told;
    char more[EVENT_PACE_WORDS];
    uint32_t held;

    if (!event_pace_tell(&row->pace, now, QUEUE_AT_ONCE, &held))
        return; /* told with the next ones */
    event_pace_words(held, more);
    board_event(b, EVENT_QUEUE, 0,
                "the kernel dropped %llu connection%s to %s: accept queue full%s", lost,
                lost == 1 ? "" : "s", address, more);
    log_warn("%s: the kernel dropped %llu connections (accept queue full)%s", address, lost, more);
    row->drops_told = row->drops;
}

static bool has_family(const struct listen_set *set, int family)
{
    for (size_t i = 0; i < set->count; i++)
        if (set->socket[i].family == family)
            return true;
    return false;
}

/* What the counter of one socket grew by: connections, as many as *left allows, and strays. */
static void count_drops(struct queue_row *row, uint32_t packets, uint64_t *left)
{
    uint32_t grown = row->counted ? packets - row->packets : 0; /* it may run over */
    uint64_t lost = net_drops_share(grown, left);

    row->counted = true;
    row->packets = packets;
    row->drops += lost;
    row->stray += grown - lost;
}

/* After the sockets' own counters, so that each connection they counted is in it. */
static uint64_t drops_of_namespace(struct queue_watch *w)
{
    uint64_t drops = 0;
    bool read = net_drops_read(&drops);

    if (!read && !w->netstat_missing)
        log_info("/proc/net/netstat cannot be read (%s): no figures for dropped connections",
                 strerror(errno));
    w->netstat_missing = !read;
    return net_drops_begin(&w->lost, read, drops);
}

static void sample_drops(struct queue_watch *w, struct board *b, const struct listen_set *set,
                         struct mono now)
{
    struct sock_diag_row row[QUEUE_ROWS_MAX];
    size_t count = set->count < QUEUE_ROWS_MAX ? set->count : QUEUE_ROWS_MAX;

    w->drops_sampled_ns = now.ns;
    memset(row, 0, sizeof row);
    for (size_t i = 0; i < count; i++)
        row[i].inode = set->socket[i].inode;
    static const int families[] = {AF_INET, AF_INET6};
    for (size_t f = 0; f < 2; f++)
        if (has_family(set, families[f]) &&
            (w->diag_fd < 0 || !sock_diag_tcp(w->diag_fd, families[f], row, count)))
            diag_is_missing(w, "dropped connections");
    uint64_t left = drops_of_namespace(w);
    for (size_t i = 0; i < count; i++) {
        uint64_t before = w->row[i].drops;
        if (!row[i].known)
            continue;
        count_drops(&w->row[i], row[i].drops, &left);
        PUT(b->listener[i].drops, w->row[i].drops);
        PUT(b->listener[i].stray, w->row[i].stray);
        if (w->row[i].drops > before)
            tell_drops(&w->row[i], b, set->socket[i].shown, now);
    }
    net_drops_end(&w->lost, left);
}

void queue_watch_sample(struct queue_watch *w, struct board *b, const struct listen_set *set,
                        unsigned backlog, struct mono now)
{
    for (size_t i = 0; i < set->count && i < b->listener_count && i < QUEUE_ROWS_MAX; i++) {
        struct board_listener *l = &b->listener[i];
        uint32_t depth, limit;
        if (!measure(w, &set->socket[i], backlog, &depth, &limit))
            continue;
        PUT(l->queue_depth, depth);
        PUT(l->queue_limit, limit);
        PUT(l->queue_peak, queue_peak_add(&w->row[i].peak, now, depth));
        PUT(l->sampled_ns, now.ns);
        tell_full(&w->row[i], b, set->socket[i].shown, depth, limit, now);
    }
    if (now.ns - w->drops_sampled_ns >= DROPS_EVERY_NS)
        sample_drops(w, b, set, now);
}
