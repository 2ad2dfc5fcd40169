/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Accept (RFC 9110, 12.5.1): the quality of one media type. An element that is malformed is
 * passed over. A range with parameters counts for the type without them, for that is what
 * clients mean, but after the same range without any. Pure. Runs in workers and tests.
 */
#include "http/parse.h"

enum { QUALITY_MAX = 1000 };

/* "0", "0.5", "1.000"; false when it is no qvalue (RFC 9110, 12.4.2). */
static bool parse_quality(struct span s, unsigned *quality)
{
    unsigned scale = 100, value;

    if (s.n == 0 || s.n > 5 || (s.p[0] != '0' && s.p[0] != '1') || (s.n > 1 && s.p[1] != '.'))
        return false;
    value = (unsigned)(s.p[0] - '0') * QUALITY_MAX;
    for (size_t i = 2; i < s.n; i++, scale /= 10) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
        value += (unsigned)(s.p[i] - '0') * scale;
    }
    *quality = value;
    return value <= QUALITY_MAX;
}

/* How closely the range names the type: 0 not at all, 1 any, 2 any subtype, 4 itself. */
static unsigned match_type(struct span range, struct span type)
{
    struct span range_sub = range, type_sub = type;
    struct span range_main = span_cut(&range_sub, '/');
    struct span type_main = span_cut(&type_sub, '/');

    if (!range_sub.p)
        return 0;
    if (span_eq(range_sub, SPAN("*"))) {
        if (span_eq(range_main, SPAN("*")))
            return 1;
        return span_ieq(range_main, type_main) ? 2 : 0;
    }
    return span_ieq(range, type) ? 4 : 0;
}

unsigned http_accept_quality(struct span accept, const char *type)
{
    unsigned best_rank = 0, best = 0;

    if (accept.n == 0)
        return QUALITY_MAX;
    for (struct span e = http_list_next(&accept); e.p; e = http_list_next(&accept)) {
        unsigned rank = match_type(http_list_cut(&e, ';'), span_str(type));
        unsigned quality = QUALITY_MAX;
        bool good = rank > 0, parameters = false;
        while (good && e.p) {
            struct span parameter = http_list_cut(&e, ';');
            if (parameter.n >= 2 && (parameter.p[0] | 0x20) == 'q' && parameter.p[1] == '=')
                good = parse_quality(span_from(parameter, 2), &quality);
            else if (parameter.n > 0)
                parameters = true;
        }
        if (!good)
            continue;
        if (rank == 4 && parameters)
            rank = 3;
        if (rank > best_rank || (rank == best_rank && quality > best)) {
            best_rank = rank;
            best = quality;
        }
    }
    return best;
}
