/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The pace of clients; see pace.h. What is still in the socket's send buffer is asked for by
 * SIOCOUTQ (tcp(7), unix(7)). One window at a time, in the connection's own record. Worker only.
 */
#include "proto/pace.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>

/* A window shorter than this (the server itself paused in it) judges no rate. */
#define PACE_LEAST_NS NS_PER_S

static struct mono now_of(const struct conn *c)
{
    return loop_now(c->all->s.loop);
}

uint64_t pace_taken(const struct conn *c)
{
    int unsent = 0;
    uint64_t sent = c->exchange->sendq.sent_bytes;

    if (ioctl(c->io.fd, SIOCOUTQ, &unsent) != 0 || unsent < 0)
        unsent = 0;
    return sent > (uint64_t)unsent ? sent - (uint64_t)unsent : 0;
}

static bool below_minimum(const struct conn *c, uint64_t bytes, uint64_t elapsed_ns)
{
    uint64_t least = c->all->s.conf->limits.minimum_rate_bytes;

    return least > 0 && elapsed_ns >= PACE_LEAST_NS &&
           bytes < least * (elapsed_ns / NS_PER_MS) / 1000;
}

void pace_open_sending(struct conn *c)
{
    c->rate_since = now_of(c);
    c->rate_bytes = pace_taken(c);
}

void pace_open_receiving(struct conn *c)
{
    c->rate_since = now_of(c);
    c->rate_bytes = 0;
}

void pace_stop(struct conn *c)
{
    c->rate_since.ns = 0;
}

/* A throttled response is slow at an operator's wish: only send_timeout may end it. */
static enum pace_verdict pace_of_nothing(const struct conn *c, bool throttled)
{
    const struct conf *conf = c->all->s.conf;
    bool judged = conf->limits.minimum_rate_bytes > 0 &&
                  conf->limits.send_timeout_ns > PACE_WINDOW_NS; /* the timer ran for a window */

    if (!judged)
        return PACE_NOTHING_READ;
    if (!throttled)
        return PACE_TOO_SLOW;
    return mono_since(now_of(c), c->rate_since) < conf->limits.send_timeout_ns ? PACE_UNKNOWN
                                                                               : PACE_NOTHING_READ;
}

enum pace_verdict pace_of_sending(const struct conn *c)
{
    bool throttled = c->exchange->flight.throttle.bytes_per_s > 0;
    uint64_t taken = pace_taken(c);
    uint64_t moved = taken > c->rate_bytes ? taken - c->rate_bytes : 0;

    if (moved == 0)
        return pace_of_nothing(c, throttled);
    if (!throttled && below_minimum(c, moved, mono_since(now_of(c), c->rate_since)))
        return PACE_TOO_SLOW;
    return PACE_GOOD;
}

bool pace_receiving_too_slow(struct conn *c, uint64_t bytes)
{
    uint64_t elapsed_ns = mono_since(now_of(c), c->rate_since);

    if (c->rate_since.ns == 0) {
        pace_open_receiving(c);
        return false;
    }
    c->rate_bytes += bytes;
    if (elapsed_ns < PACE_WINDOW_NS)
        return false;
    bool slow = below_minimum(c, c->rate_bytes, elapsed_ns);
    pace_open_receiving(c);
    return slow;
}

bool pace_body_is_late(const struct conn *c)
{
    uint64_t elapsed_ns = mono_since(now_of(c), c->exchange->head_done);
    uint64_t timeout_ns = c->all->s.conf->limits.body_timeout_ns;

    return elapsed_ns > timeout_ns &&
           (elapsed_ns - timeout_ns) / (NS_PER_S / PACE_BODY_BYTES) > c->exchange->body_bytes;
}

bool pace_window(struct conn *c, size_t *window)
{
    uint64_t room;

    if (c->all->finishing)
        return true;
    room = throttle_room(&c->exchange->flight.throttle, now_of(c));
    if (room < *window)
        *window = (size_t)room;
    return room > 0;
}
