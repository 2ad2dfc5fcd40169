/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of the head parser share: parse.c cuts the head into parts, target.c reads
 * the request target and the host, framing.c decides what the fields mean for the connection.
 * For no other file. Pure. Runs in workers and tests.
 */
#ifndef WEIR_HTTP_HEAD_H
#define WEIR_HTTP_HEAD_H

#include "http/parse.h"

/* Notes why the head is refused and with which status. Always false. */
static inline bool http_head_refuse(struct http_parser *s, int status, const char *why)
{
    s->status = status;
    s->why = why;
    return false;
}

enum http_method http_method_by_name(struct span name);

/* The name must consist of token bytes. */
enum http_field_id http_field_by_name(struct span name);

/* From r->target and r->method: form, path, query, and host unless it is an origin form. */
bool http_head_target(struct http_parser *s, struct http_request *r);

/* Host: there, once and good; sets r->host when the target had none. */
bool http_head_host(struct http_parser *s, struct http_request *r);

/* Content-Length, Transfer-Encoding, Connection, Expect, Upgrade. */
bool http_head_framing(struct http_parser *s, struct http_request *r);

#endif
