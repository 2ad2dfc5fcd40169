/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SipHash-2-4 (Aumasson and Bernstein, 2012): a short keyed hash for table positions that
 * somebody without the key cannot aim at. Not for signatures. Pure; any process.
 */
#ifndef WEIR_NET_SIPHASH_H
#define WEIR_NET_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t siphash(const uint8_t key[16], const void *p, size_t n);

#endif
