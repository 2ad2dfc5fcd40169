/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * HTTP/1.1 on a connection: bytes to exchanges and back (RFC 9112). Each function goes on with
 * the connection as far as it can without waiting and leaves it in the state that says what
 * it waits for; it may be closed afterwards. Worker only.
 */
#ifndef WEIR_PROTO_HTTP1_H
#define WEIR_PROTO_HTTP1_H

struct conn;

/* Bytes may have come. */
void http1_input(struct conn *c);
/* The socket may take more, or it is this connection's turn again. */
void http1_resume(struct conn *c);
/* The timeout of its state is over. */
void http1_timeout(struct conn *c);
/* The connection ends: accounts for the request under way, if any, and gives its exchange back. */
void http1_drop(struct conn *c);

#endif
