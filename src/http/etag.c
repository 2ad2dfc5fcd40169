/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Entity tags (RFC 9110, 8.8.3): "MTIME-SIZE-FILE" in hexadecimal, MTIME in nanoseconds, FILE
 * a mix of device and inode. For one device the mix is a bijection of the inode, so
 * that two inodes never share a tag. The device is in it because images that are built
 * reproducibly and mounted one after the other agree in all the rest. Pure. Runs in
 * workers and tests.
 */
#include "http/conditional.h"

/* A bijection of 64 bits in which each bit of x reaches all others (as in MurmurHash3's end). */
static uint64_t mix(uint64_t x)
{
    x ^= x >> 33;
    x *= UINT64_C(0xff51afd7ed558ccd);
    x ^= x >> 33;
    x *= UINT64_C(0xc4ceb9fe1a85ec53);
    x ^= x >> 33;
    return x;
}

static char *put_hex(char *to, uint64_t value)
{
    int shift = 60;

    while (shift > 0 && value >> shift == 0)
        shift -= 4;
    for (; shift >= 0; shift -= 4)
        *to++ = "0123456789abcdef"[value >> shift & 15];
    return to;
}

size_t http_etag_make(uint64_t device, uint64_t inode, uint64_t size, int64_t modified_s,
                      uint32_t modified_ns, char *to)
{
    char *p = to;

    *p++ = '"';
    p = put_hex(p, (uint64_t)modified_s * UINT64_C(1000000000) + modified_ns);
    *p++ = '-';
    p = put_hex(p, size);
    *p++ = '-';
    p = put_hex(p, mix(inode ^ mix(device + UINT64_C(0x9e3779b97f4a7c15))));
    *p++ = '"';
    return (size_t)(p - to);
}

/* Whether the bytes between the quotes are etagc: visible but '"', or 0x80 and up. */
static bool is_etagc(char c)
{
    return (unsigned char)c > 0x20 && c != 0x7f && c != '"';
}

bool http_etag_next(struct span *rest, struct span *opaque, bool *weak)
{
    size_t i = 0;

    while (rest->n > 0 && (rest->p[0] == ',' || rest->p[0] == ' ' || rest->p[0] == '\t'))
        *rest = span_from(*rest, 1);
    *weak = span_starts(*rest, SPAN("W/"));
    if (*weak)
        *rest = span_from(*rest, 2);
    if (rest->n < 2 || rest->p[0] != '"')
        return false;
    do
        i++;
    while (i < rest->n && is_etagc(rest->p[i]));
    if (i == rest->n || rest->p[i] != '"')
        return false;
    *opaque = span_of(rest->p, i + 1);
    *rest = span_trim(span_from(*rest, i + 1));
    return rest->n == 0 || rest->p[0] == ',';
}
