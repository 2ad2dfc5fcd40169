/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packing: numbers as varints (seven bits a byte, the lowest first), floats of four bytes, text
 * with its length in front. Reading takes the bytes for hostile: past the end, a varint too long,
 * a text with control characters or that does not fit, a number above its limit make the whole
 * record bad, and everything read after that is 0. Pure; runs in weirtop.
 */
#ifndef WEIR_TUI_PACK_H
#define WEIR_TUI_PACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

/* Writing; `bad` when memory ran out. */
struct pack {
    struct buf bytes;
    uint64_t now_ns; /* ages are before this */
    bool bad;
};

void pack_u64(struct pack *p, uint64_t v);
void pack_float(struct pack *p, double v);
void pack_text(struct pack *p, const char *text);
/* A moment as its age in microseconds; 0 stays 0. */
void pack_moment(struct pack *p, uint64_t ns);
/* Numbers of which most are 0. */
void pack_sparse(struct pack *p, const uint64_t *v, unsigned count);

struct unpack {
    const unsigned char *at, *end;
    uint64_t now_ns;
    bool bad;
};

uint64_t unpack_u64(struct unpack *u);
/* At most `most`, else the record is bad. */
uint64_t unpack_upto(struct unpack *u, uint64_t most);
double unpack_float(struct unpack *u);
void unpack_text(struct unpack *u, char *out, size_t out_bytes);
uint64_t unpack_moment(struct unpack *u);
void unpack_sparse(struct unpack *u, uint64_t *v, unsigned count);
/* A number of things that take at least `least` bytes each, so that it cannot be absurd. */
unsigned unpack_count(struct unpack *u, unsigned least);

/* CRC-32 as of IEEE 802.3 and zlib. */
uint32_t crc32_of(const void *p, size_t n);

#endif
