/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The body of a 206 with several ranges: multipart/byteranges (RFC 9110, 14.6), as a source
 * that alternates between part heads in memory and slices of the file. Its length is known
 * before the first byte. It begins with CRLF before the first boundary, as RFC 2046 writes
 * it: there are clients that look for nothing else. Worker's loop only.
 */
#ifndef WEIR_SERVE_BYTERANGES_H
#define WEIR_SERVE_BYTERANGES_H

#include "file/cache.h"
#include "http/range.h"
#include "net/source.h"
#include "serve/file_body.h"

#define BYTERANGES_BOUNDARY_BYTES 32

struct byteranges;

/* For count >= 1 ranges of e's file, which it holds until it is stopped. NULL: no memory, or no
 * randomness. */
struct byteranges *byteranges_new(struct serve_ctx *ctx, struct serve_plan *plan,
                                  struct file_entry *e, const struct http_range *range,
                                  unsigned count);
const char *byteranges_boundary(const struct byteranges *b); /* NUL-terminated */
uint64_t byteranges_length(const struct byteranges *b);
/* Gives it to a source, which frees it when it stops. */
void byteranges_source(struct byteranges *b, struct source *s);
/* What the first part is read with; NULL when nothing is to be waited for. */
struct file_body *byteranges_body(struct byteranges *b);

#endif
