/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How fast a client moves bytes: whether a response is being read at all, and whether either
 * direction keeps [limits] minimum_rate. What counts for a response is what the client has
 * taken, not what the kernel has buffered: a full socket buffer may hold minutes of a slow
 * client's reading, in which nothing can be written although the client is reading well.
 * Worker only.
 */
#ifndef WEIR_PROTO_PACE_H
#define WEIR_PROTO_PACE_H

#include "proto/conn_record.h"

/* How often the minimum rate is judged. */
#define PACE_WINDOW_NS (10 * NS_PER_S)

/* Opens a window at this moment; http1's exchange must be there while a response is sent. */
void pace_open_sending(struct conn *c);
void pace_open_receiving(struct conn *c);
void pace_stop(struct conn *c);

/* UNKNOWN: nothing yet to judge by; the window goes on. */
enum pace_verdict { PACE_GOOD, PACE_UNKNOWN, PACE_NOTHING_READ, PACE_TOO_SLOW };

/* Bytes of the response, its head included, that the client's kernel has taken. */
uint64_t pace_taken(const struct conn *c);

/* The send timer of a response ran out: what the client took since the window was opened. */
enum pace_verdict pace_of_sending(const struct conn *c);

/*
 * A throttled response: lowers *window to what may be sent now; false when nothing may before
 * some time has passed. A worker that ends sends what it can.
 */
bool pace_window(struct conn *c, size_t *window);

/* So many bytes of a request body came: whether the last window held too few. */
bool pace_receiving_too_slow(struct conn *c, uint64_t bytes);

/*
 * Whether a request body took too long in all, whatever the minimum rate is: it has
 * [limits] body_timeout from its head on, and one second more for each PACE_BODY_BYTES of it.
 */
#define PACE_BODY_BYTES 500
bool pace_body_is_late(const struct conn *c);

#endif
