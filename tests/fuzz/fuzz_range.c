/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ranges: all within the representation, none touching another, their sum never above its
 * size, their number never above the limit; the answer keeps its form.
 */
#include "tests/fuzz/fuzz.h"

#include "http/range.h"

static void check_ranges(const struct http_range *r, unsigned count, uint64_t size)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < count; i++) {
        must(r[i].length > 0 && r[i].offset < size && r[i].length <= size - r[i].offset);
        must(r[i].length <= size - sum);
        sum += r[i].length;
        for (unsigned k = 0; k < i; k++)
            must(r[i].offset > r[k].offset + r[k].length ||
                 r[k].offset > r[i].offset + r[i].length);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint64_t sizes[] = {0, 1, 10, 100000, UINT64_C(5000000000), UINT64_MAX};
    static const unsigned limits[] = {0, 1, 5, HTTP_RANGES_MAX, 1000000};
    struct http_range ranges[HTTP_RANGES_MAX];
    struct span value = span_of((const char *)data, size);

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        for (size_t k = 0; k < sizeof limits / sizeof *limits; k++) {
            unsigned count = 77;
            enum http_range_result result =
                http_range_parse(value, sizes[i], limits[k], ranges, &count);
            must((result == HTTP_RANGE_PARTIAL) == (count > 0));
            must(count <= limits[k] && count <= HTTP_RANGES_MAX);
            must(sizes[i] > 0 || result != HTTP_RANGE_PARTIAL);
            check_ranges(ranges, count, sizes[i]);
        }
    }
    return 0;
}
