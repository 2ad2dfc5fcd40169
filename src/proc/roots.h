/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Roots that did not answer when their configuration was checked. Workers open such a root by its
 * path as soon as it can be opened; but the path may lead through folders that only the master may
 * enter, so a child (aside.h) opens them too and waits as long as that takes. Each descriptor goes
 * to the configuration, for workers that start later, and to those that run. Master only.
 */
#ifndef WEIR_PROC_ROOTS_H
#define WEIR_PROC_ROOTS_H

#include <poll.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/clock.h"

struct supervisor;

struct roots {
    pid_t pid; /* of the child; 0: none */
    int fd;
    unsigned generation; /* whose roots it opens */
    uint64_t again_ns;   /* not before this is another child started */
};

/* For each turn: takes what came, starts a child when one is needed. */
void roots_look(struct supervisor *s, struct mono now);
/* 0 or 1 entries for poll(2). */
size_t roots_poll_fds(const struct roots *r, struct pollfd *to);
void roots_drop(struct roots *r);

#endif
