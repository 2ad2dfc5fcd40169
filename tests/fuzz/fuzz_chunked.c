/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Chunked bodies: content lies within the input and adds up, and pieces of any size come to
 * the same content and the same end as the whole.
 */
#include "tests/fuzz/fuzz.h"

#include "http/parse.h"

struct summary {
    enum http_chunked_result result;
    uint64_t total, hash;
    size_t used;
};

static struct summary decode(struct span input, size_t piece)
{
    struct http_chunked c = {0};
    struct summary sum = {.result = HTTP_CHUNKED_MORE};
    struct span data;

    while (sum.used < input.n) {
        struct span rest = span_from(input, sum.used);
        size_t used, n = rest.n < piece ? rest.n : piece;
        sum.result = http_chunked_step(&c, rest.p, n, &used, &data);
        must(used <= n && span_within(data, span_of(rest.p, used)));
        sum.used += used;
        must((sum.result == HTTP_CHUNKED_DATA) == (data.n > 0));
        for (size_t i = 0; i < data.n; i++)
            sum.hash = sum.hash * 31 + (unsigned char)data.p[i];
        sum.total += data.n;
        if (sum.result == HTTP_CHUNKED_END || sum.result == HTTP_CHUNKED_BAD)
            break;
        must(sum.result == HTTP_CHUNKED_DATA || used == n);
        sum.result = HTTP_CHUNKED_MORE;
    }
    must(sum.total == c.total && (sum.result == HTTP_CHUNKED_BAD) == (c.why != NULL));
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span input = span_of((const char *)data, size);
    struct summary whole = decode(input, size);

    for (size_t piece = 1; piece < 20; piece += 6) {
        struct summary pieces = decode(input, piece);
        must(pieces.result == whole.result && pieces.total == whole.total);
        must(pieces.hash == whole.hash && pieces.used == whole.used);
    }
    return 0;
}
