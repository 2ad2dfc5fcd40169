/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which site and which location a request belongs to. Pure: only the configuration and the
 * request. A prefix matches whole segments: "/a" matches "/a" and "/a/b", not "/ab"; "/a/"
 * matches "/a/" and all beneath, and "/a" as well, which then lacks its slash.
 */
#ifndef WEIR_SERVE_ROUTE_H
#define WEIR_SERVE_ROUTE_H

#include "conf/conf.h"

struct route {
    const struct conf_site *site;         /* never NULL; sites[0] when no name matches */
    const struct conf_location *location; /* NULL: none matches */
    bool slash_missing;                   /* path is the location's prefix without its last slash */
};

/* The site of a Host value: port, case and a trailing dot do not count; an exact name before
 * "*.name", a longer one before a shorter. */
const struct conf_site *route_site(const struct conf *conf, struct span host);

/* path is decoded and normalised. The longest prefix wins; of equals, the site's own. */
struct route route_find(const struct conf *conf, struct span host, struct span path);

#endif
