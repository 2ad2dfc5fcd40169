/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Paths and queries: a decoded path begins with a slash, has no empty, "." or ".." segment
 * and no NUL, and is no longer than it came; less room gives the same or no answer.
 */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

#include "http/path.h"

static void check_path(struct span path)
{
    struct span rest = path;

    must(path.n > 0 && path.p[0] == '/');
    for (size_t i = 0; i < path.n; i++)
        must(path.p[i] != '\0');
    span_cut(&rest, '/');
    while (rest.p) {
        struct span segment = span_cut(&rest, '/');
        must(segment.n > 0 || !rest.p);
        must(!span_eq(segment, SPAN(".")) && !span_eq(segment, SPAN("..")));
    }
    http_path_has_dot_file(path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span raw = span_of((const char *)data, size), out = {NULL, 0}, less = {NULL, 0};
    char *to = malloc(size + 1), *half = malloc(size / 2 + 1);

    must(to && half);
    enum http_path_result result = http_path_decode(raw, to, size, &out);
    must(result == HTTP_PATH_OK || result == HTTP_PATH_BAD);
    if (result == HTTP_PATH_OK) {
        must(span_within(out, span_of(to, size)));
        check_path(out);
        result = http_path_decode(raw, half, size / 2, &less);
        must(result == HTTP_PATH_OK ? span_eq(less, out) : result == HTTP_PATH_TOO_LONG);
    }
    if (http_query_get(raw, "a", half, size / 2, &out))
        must(span_within(out, span_of(half, size / 2)));
    free(to);
    free(half);
    return 0;
}
