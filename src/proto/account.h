/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is told about a request: on the worker's slot while it is worked on, and at its end in
 * counters, histogram, access log and, when it took long, the error log and an event. Worker
 * only.
 */
#ifndef WEIR_PROTO_ACCOUNT_H
#define WEIR_PROTO_ACCOUNT_H

#include "base/clock.h"
#include "http/request.h"

struct conn;
struct conns;

/* The slot says which request the loop works on (r NULL: one that was refused), or none. */
void account_show(struct conn *c, const struct http_request *r);
/* The same while a file is being sent, without its head, which need not be parsed again for each
 * piece. False: no file is. */
bool account_show_file(struct conn *c);
void account_hide(struct conns *all);

/* The request of c->exchange is over; aborted: its response did not go out whole. The time it is.
 */
struct mono account_end(struct conn *c, const struct http_request *r, bool aborted);

/* Its response cannot be sent to the end, and its connection is closed: error 0: the file became
 * shorter. */
void account_unsent(struct conn *c, const struct http_request *r, int error);

#endif
