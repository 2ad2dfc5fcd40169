/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Range requests (RFC 9110, 14): parsing Range against a length. Pure; workers and tests.
 */
#ifndef WEIR_HTTP_RANGE_H
#define WEIR_HTTP_RANGE_H

#include <stdint.h>

#include "base/bytes.h"

#define HTTP_RANGES_MAX 32 /* the bound of [limits] ranges too */

struct http_range {
    uint64_t offset, length; /* length > 0, offset + length <= size */
};

enum http_range_result {
    HTTP_RANGE_NONE,         /* no or another unit, bad syntax, too many: send all of it (200) */
    HTTP_RANGE_PARTIAL,      /* 206: *count ranges, in the order asked for */
    HTTP_RANGE_UNSATISFIABLE /* 416 with Content-Range: bytes (asterisk)/size */
};

/*
 * max_ranges (at most HTTP_RANGES_MAX) bounds how many are honoured. Ranges that are not
 * satisfiable are dropped when others are. Overlapping or adjacent ranges are merged when
 * there are several (RFC 9110, 14.2), keeping the order of the first of each; what is left
 * never adds up to more than size. Numbers of any length are read right. A representation of
 * no bytes satisfies no range.
 */
enum http_range_result http_range_parse(struct span value, uint64_t size, unsigned max_ranges,
                                        struct http_range *out, unsigned *count);

#endif
