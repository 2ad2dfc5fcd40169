/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Why a request got 403 or 404, for the error log at level info: the file and the rule or the
 * error. Clients can ask for nothing a thousand times a second, so lines are bounded: a path is
 * told once a minute, and each of the two statuses has twenty lines, one more each second; how
 * many were left out is told as well. Worker's loop only.
 */
#ifndef WEIR_SERVE_REFUSAL_H
#define WEIR_SERVE_REFUSAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/clock.h"

struct serve_target;

enum { REFUSAL_403, REFUSAL_404, REFUSAL_KINDS };

struct refusals {
    struct {
        struct mono filled; /* 0: it is full */
        unsigned lines;     /* that may be written now */
        unsigned left_out;
    } kind[REFUSAL_KINDS];
    struct {
        uint64_t key;
        struct mono when;
    } told[64]; /* by key */
};

/* Whether a line about a path with this key, refused with 403 or 404 (other statuses are told
 * elsewhere), is to be written now. True takes the line; else it is counted. */
bool refusal_is_due(struct refusals *r, struct mono now, int status, uint64_t key);

/* Writes it: the request for t->path is refused, as `file` (a path in t's root; NULL: there is
 * none) and `why` say. */
void refusal_tell(const struct serve_target *t, int status, const char *file, const char *why);

/* Once a second: tells what was left out when there is room for lines again. */
void refusal_tick(struct refusals *r, struct mono now);

/* What an errno of opening says about the file. */
const char *refusal_why(int error);

#endif
