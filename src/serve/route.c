/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Routing; see route.h. A walk over the names and prefixes, for there are few: with one site
 * the host is not even looked at. Pure; workers and tests.
 */
#include "serve/route.h"

/* "[::1]:80" gives "::1", "Example.org.:80" gives "Example.org". */
static struct span bare_host(struct span host)
{
    if (host.n > 0 && host.p[0] == '[') {
        struct span rest = span_from(host, 1);
        return span_cut(&rest, ']');
    }
    const char *colon = host.n > 0 ? memchr(host.p, ':', host.n) : NULL;
    if (colon)
        host.n = (size_t)(colon - host.p);
    if (host.n > 0 && host.p[host.n - 1] == '.')
        host.n--;
    return host;
}

/* 0: no match; else the better the longer, an exact one above every wildcard. */
static size_t match_name(struct span host, struct span name)
{
    static const size_t exact = SIZE_MAX;

    if (name.n > 1 && name.p[0] == '*' && name.p[1] == '.') {
        struct span tail = span_from(name, 1); /* ".example.org" */
        if (host.n <= tail.n)
            return 0;
        return span_ieq(span_from(host, host.n - tail.n), tail) ? tail.n : 0;
    }
    return name.n > 0 && span_ieq(host, bare_host(name)) ? exact : 0;
}

const struct conf_site *route_site(const struct conf *conf, struct span host)
{
    const struct conf_site *best = &conf->sites[0];
    size_t best_match = 0;

    if (conf->site_count == 1)
        return best;
    host = bare_host(host);
    for (size_t i = 1; i < conf->site_count && host.n > 0; i++)
        for (char **name = conf->sites[i].names; name && *name; name++) {
            size_t match = match_name(host, span_str(*name));
            if (match > best_match) {
                best = &conf->sites[i];
                best_match = match;
            }
        }
    return best;
}

/* How many bytes of path the prefix accounts for, 0 when it does not match. */
static size_t match_prefix(struct span path, struct span prefix, bool *slash_missing)
{
    *slash_missing = false;
    if (prefix.n == 0)
        return 0;
    bool slash = prefix.p[prefix.n - 1] == '/';
    if (span_starts(path, prefix)) {
        bool whole = slash || path.n == prefix.n || path.p[prefix.n] == '/';
        return whole ? prefix.n : 0;
    }
    if (slash && path.n == prefix.n - 1 && span_starts(prefix, path)) {
        *slash_missing = true;
        return path.n;
    }
    return 0;
}

/* A location of `site` takes over only when it matches more, or as much without lacking a slash. */
static void find_in(const struct conf_site *site, struct span path, struct route *r, size_t *best)
{
    for (size_t i = 0; i < site->location_count; i++) {
        const struct conf_location *l = site->locations[i];
        bool slash_missing;
        size_t match = match_prefix(path, span_str(l->prefix), &slash_missing);

        if (match > *best || (match > 0 && match == *best && r->slash_missing && !slash_missing)) {
            *best = match;
            r->location = l;
            r->slash_missing = slash_missing;
        }
    }
}

struct route route_find(const struct conf *conf, struct span host, struct span path)
{
    struct route r = {.site = route_site(conf, host)};
    size_t best = 0;

    find_in(r.site, path, &r, &best);
    if (r.site != &conf->sites[0])
        find_in(&conf->sites[0], path, &r, &best);
    return r;
}
