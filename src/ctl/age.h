/* SPDX-License-Identifier: BSD-2-Clause */
/* How long ago something was when a snapshot was taken. For ctl/ only. Runs in observers. */
#ifndef WEIR_CTL_AGE_H
#define WEIR_CTL_AGE_H

#include "weir/snapshot.h"

/* 0 for never, and for what is said to be in the future. */
static inline uint64_t age(const struct snap *s, uint64_t since_ns)
{
    return since_ns != 0 && s->taken_ns > since_ns ? s->taken_ns - since_ns : 0;
}

#endif
