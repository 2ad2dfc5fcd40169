/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What of a request's line goes on the board. Queries hold tokens and signatures of URLs that were
 * meant for one reader, while the board is read by all who may watch: they are left out, their
 * question mark stays, unless [log] queries says otherwise. Logs are not the board: they have the
 * whole line, and a file's mode. Worker only.
 */
#ifndef WEIR_PROTO_SHOWN_H
#define WEIR_PROTO_SHOWN_H

#include "base/bytes.h"
#include "conf/conf.h"

/* text, a request's target or first line, up to and with the first question mark. */
static inline struct span shown_on_board(const struct conf *conf, struct span text)
{
    const char *query = conf->log.queries || text.n == 0 ? NULL : memchr(text.p, '?', text.n);

    return query ? span_of(text.p, (size_t)(query - text.p) + 1) : text;
}

#endif
