/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Validators of files: which times are given as Last-Modified, and entity tags (RFC 9110, 8.8).
 * Everything that answers for a file goes by this rule:
 *
 * 1. A modification time means a change, unless tools put it there in the place of a real one (the
 *    first day of 1970, 1980-01-01 in any time zone, 1985-10-26) or it lies ahead of the clock.
 *    Only a time that means a change is sent as Last-Modified and compared with dates.
 * 2. The tag of a file is "MTIME-SIZE" in hexadecimal, MTIME in nanoseconds: so copies of a tree on
 *    several servers agree, and a server with itself when its disk got another number. Where the
 *    time does not mean a change it is "MTIME-SIZE-FILE", FILE a mix of device, inode and change
 *    time, none of which stays the same when the file is replaced or written to.
 * 3. As long as one more change could bear the same time, that is, for one step of the file
 *    system's clock, the tag is weak (no If-Range, no If-Match) and another one than later, for a
 *    cache must not find out in vain: W/"MTIME-SIZE-w".
 *
 * Pure. Runs in workers and tests.
 */
#include "http/conditional.h"

#define GOLDEN UINT64_C(0x9e3779b97f4a7c15)

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

bool http_time_means_change(int64_t seconds, int64_t now_s)
{
    static const int64_t day = 86400, hour = 3600;
    /* Archives without times, Nix, builds that are to be the same each time; FAT and zip, whose
     * times are local; npm. */
    static const struct {
        int64_t begin, end;
    } nothing[] = {
        {INT64_MIN, day},
        {315532800 - 14 * hour, 315532800 + day + 12 * hour},
        {499132800, 499132800 + day},
    };

    for (size_t i = 0; i < sizeof nothing / sizeof *nothing; i++)
        if (seconds >= nothing[i].begin && seconds < nothing[i].end)
            return false;
    return seconds <= now_s;
}

/* Whether the time is so near to now, or ahead of it, that a later change could bear it too. */
static bool is_young(int64_t seconds, uint32_t ns, uint64_t now_ns, uint64_t step_ns)
{
    static const int64_t second = 1000000000;
    int64_t now_s = (int64_t)(now_ns / (uint64_t)second);

    if (seconds > now_s)
        return true;
    if (now_s - seconds > (int64_t)(step_ns / (uint64_t)second) + 1)
        return false;
    return (uint64_t)(now_s - seconds) * (uint64_t)second + now_ns % (uint64_t)second <
           ns + step_ns;
}

size_t http_etag_make(const struct http_file *f, uint64_t now_ns, char *to)
{
    bool means = http_time_means_change(f->modified_s, (int64_t)(now_ns / 1000000000));
    bool young = means ? is_young(f->modified_s, f->modified_ns, now_ns, f->step_ns)
                       : is_young(f->changed_s, f->changed_ns, now_ns, f->step_ns);
    uint64_t changed = (uint64_t)f->changed_s * UINT64_C(1000000000) + f->changed_ns;
    char *p = to;

    if (young) {
        *p++ = 'W';
        *p++ = '/';
    }
    *p++ = '"';
    p = put_hex(p, (uint64_t)f->modified_s * UINT64_C(1000000000) + f->modified_ns);
    *p++ = '-';
    p = put_hex(p, f->size);
    if (!means) {
        *p++ = '-';
        p = put_hex(p, mix(f->inode ^ mix(f->device + mix(changed + GOLDEN))));
    }
    if (young) {
        *p++ = '-';
        *p++ = 'w';
    }
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
