/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packing and checked unpacking; see pack.h. Text was made visible when the snapshot was taken;
 * a file can hold anything, so that is checked again. Runs in weirtop.
 */
#include "tui/model/pack.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/escape.h"

void pack_u64(struct pack *p, uint64_t v)
{
    unsigned char b[10];
    size_t n = 0;

    do {
        b[n++] = (unsigned char)((v & 127) | (v > 127 ? 128 : 0));
        v >>= 7;
    } while (v > 0);
    p->bad |= !buf_add(&p->bytes, b, n);
}

void pack_float(struct pack *p, double v)
{
    float f = (float)v;
    uint32_t bits;
    unsigned char b[4];

    memcpy(&bits, &f, sizeof bits);
    for (int i = 0; i < 4; i++)
        b[i] = (unsigned char)(bits >> (8 * i));
    p->bad |= !buf_add(&p->bytes, b, sizeof b);
}

void pack_text(struct pack *p, const char *text)
{
    size_t n = strlen(text);

    pack_u64(p, n);
    p->bad |= !buf_add(&p->bytes, text, n);
}

void pack_moment(struct pack *p, uint64_t ns)
{
    pack_u64(p, ns == 0 ? 0 : 1 + mono_since((struct mono){p->now_ns}, (struct mono){ns}) / 1000);
}

void pack_sparse(struct pack *p, const uint64_t *v, unsigned count)
{
    for (unsigned from = 0; from < count; from += 32) {
        uint64_t mask = 0;
        for (unsigned i = from; i < count && i < from + 32; i++)
            mask |= (uint64_t)(v[i] != 0) << (i - from);
        pack_u64(p, mask);
        for (unsigned i = from; i < count && i < from + 32; i++)
            if (v[i] != 0)
                pack_u64(p, v[i]);
    }
}

uint64_t unpack_u64(struct unpack *u)
{
    uint64_t v = 0;

    for (unsigned shift = 0; !u->bad && u->at < u->end && shift < 64; shift += 7) {
        unsigned char c = *u->at++;
        if (shift == 63 && c > 1)
            break;
        v |= (uint64_t)(c & 127) << shift;
        if (c < 128)
            return v;
    }
    u->bad = true;
    return 0;
}

uint64_t unpack_upto(struct unpack *u, uint64_t most)
{
    uint64_t v = unpack_u64(u);

    if (v > most)
        u->bad = true;
    return u->bad ? 0 : v;
}

unsigned unpack_count(struct unpack *u, unsigned least)
{
    return (unsigned)unpack_upto(u, (uint64_t)(u->end - u->at) / least);
}

double unpack_float(struct unpack *u)
{
    char digits[32];
    uint32_t bits = 0;
    float f;

    if (u->bad || u->end - u->at < 4) {
        u->bad = true;
        return 0;
    }
    for (int i = 0; i < 4; i++)
        bits |= (uint32_t)*u->at++ << (8 * i);
    memcpy(&f, &bits, sizeof f);
    if (!isfinite(f))
        u->bad = true;
    /* As many digits as a float is good for: 0.11 comes back as 0.11, not as a bit less. */
    snprintf(digits, sizeof digits, "%.7g", (double)f);
    return u->bad ? 0 : strtod(digits, NULL);
}

/* Would a snapshot have let this through? */
static bool text_is_visible(struct span s)
{
    char shown[16];
    uint32_t cp;

    while (s.n > 0) {
        unsigned char c = (unsigned char)s.p[0];
        size_t n = 1;
        if (c < 0x20 || c == 0x7f)
            return false;
        if (c >= 0x80) {
            struct out o = out_into(shown, sizeof shown);
            n = utf8_next(s, &cp);
            if (n == 0)
                return false;
            escape_visible(&o, span_of(s.p, n));
            if (out_len(&o) != n)
                return false;
        }
        s = span_from(s, n);
    }
    return true;
}

void unpack_text(struct unpack *u, char *out, size_t out_bytes)
{
    size_t n = unpack_count(u, 1);

    if (n >= out_bytes || !text_is_visible(span_of((const char *)u->at, n)))
        u->bad = true;
    if (u->bad)
        n = 0;
    memcpy(out, u->at, n);
    out[n] = '\0';
    u->at += n;
}

uint64_t unpack_moment(struct unpack *u)
{
    uint64_t age_us = unpack_u64(u);

    if (age_us == 0)
        return 0;
    return (age_us - 1) >= u->now_ns / 1000 ? 1 : u->now_ns - (age_us - 1) * 1000;
}

void unpack_sparse(struct unpack *u, uint64_t *v, unsigned count)
{
    for (unsigned from = 0; from < count; from += 32) {
        uint64_t mask = unpack_upto(u, UINT32_MAX);
        for (unsigned i = from; i < count && i < from + 32; i++)
            v[i] = mask >> (i - from) & 1 ? unpack_u64(u) : 0;
    }
}

uint32_t crc32_of(const void *p, size_t n)
{
    static uint32_t table[256];
    const unsigned char *c = p;
    uint32_t crc = UINT32_MAX;

    if (table[1] == 0) {
        for (uint32_t i = 0; i < 256; i++) {
            uint32_t v = i;
            for (int k = 0; k < 8; k++)
                v = v & 1 ? v >> 1 ^ 0xedb88320u : v >> 1;
            table[i] = v;
        }
    }
    while (n-- > 0)
        crc = crc >> 8 ^ table[(crc ^ *c++) & 255];
    return ~crc;
}
