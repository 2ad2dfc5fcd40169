/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What every fuzz driver has: the entry point that both libFuzzer and replay.c call, and a
 * check that a span lies within the bytes that were parsed. A broken promise aborts.
 */
#ifndef WEIR_TESTS_FUZZ_H
#define WEIR_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline bool span_within(struct span inner, struct span outer)
{
    return inner.n == 0 || (inner.p >= outer.p && inner.n <= outer.n &&
                            (size_t)(inner.p - outer.p) <= outer.n - inner.n);
}

#endif
