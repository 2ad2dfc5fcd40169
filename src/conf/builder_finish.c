/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What only shows when the whole configuration is there: locations sorted and numbered,
 * prefixes and extensions that stand twice, numbers that contradict each other, the
 * instance's name. Master only.
 */
#include "conf/builder.h"

#include <stdlib.h>

/* Longest prefix first; equal ones side by side in the order of the file. */
static int compare_locations(const void *a, const void *b)
{
    const struct conf_location *x = *(struct conf_location *const *)a;
    const struct conf_location *y = *(struct conf_location *const *)b;
    size_t m = strlen(x->prefix), n = strlen(y->prefix);

    if (m != n)
        return m > n ? -1 : 1;
    int order = strcmp(x->prefix, y->prefix);
    return order != 0 ? order : (x->line > y->line) - (x->line < y->line);
}

static void sort_locations(struct builder *b, struct conf_site *site)
{
    if (site->location_count == 0)
        return;
    qsort(site->locations, site->location_count, sizeof *site->locations, compare_locations);
    for (size_t i = 1; i < site->location_count; i++) {
        const struct conf_location *first = site->locations[i - 1], *again = site->locations[i];
        if (strcmp(first->prefix, again->prefix) == 0)
            errors_add(b->errors, (struct conf_origin){.line = again->line},
                       "[location %s] again in the same site: first on line %d; keep one",
                       again->prefix, first->line);
    }
}

static void number_locations(struct conf *conf)
{
    unsigned id = 0;

    for (size_t i = 0; i < conf->site_count; i++)
        for (size_t j = 0; j < conf->sites[i].location_count; j++) {
            conf->sites[i].locations[j]->id = id;
            conf->locations[id++] = conf->sites[i].locations[j];
        }
}

static int compare_types(const void *a, const void *b)
{
    const struct conf_type *x = a, *y = b;
    int order = strcmp(x->extension, y->extension);

    return order != 0 ? order : (x->line > y->line) - (x->line < y->line);
}

static void sort_types(struct builder *b)
{
    struct conf *conf = b->conf;

    if (conf->type_count == 0)
        return;
    qsort(conf->types, conf->type_count, sizeof *conf->types, compare_types);
    for (size_t i = 1; i < conf->type_count; i++) {
        const struct conf_type *first = &conf->types[i - 1], *again = &conf->types[i];
        if (strcmp(first->extension, again->extension) == 0)
            errors_add(b->errors, (struct conf_origin){.line = again->line},
                       "%s = %s: first set on line %d; keep one of the two", again->extension,
                       again->type, first->line);
    }
}

/* Of settings that contradict each other, the one a person should look at: the last that was set.
 */
static struct conf_origin latest(const struct builder *b, const enum setting_id *ids, int count)
{
    struct conf_origin found = {0};

    for (int i = 0; i < count; i++) {
        struct conf_origin o = b->origin[ids[i]];
        if (o.override || (!found.override && o.line > found.line))
            found = o;
    }
    return found;
}

static void check_workers(struct builder *b)
{
    static const enum setting_id ids[] = {SETTING_server_workers, SETTING_server_workers_min,
                                          SETTING_server_workers_max};
    unsigned n = b->conf->server.workers;
    unsigned min = b->conf->server.workers_min, max = b->conf->server.workers_max;

    if (min > max)
        errors_add(b->errors, latest(b, ids + 1, 2), "workers_min is %u, above workers_max, %u",
                   min, max);
    else if (!b->conf->server.workers_auto && (n < min || n > max))
        errors_add(b->errors, latest(b, ids, 3), "workers is %u, %s, %u; change one of the two", n,
                   n < min ? "below workers_min" : "above workers_max", n < min ? min : max);
}

/* "/etc/weir/my site.ini" makes "my_site"; what cannot stand in a name becomes `_'. */
static bool name_by_file(struct conf *conf)
{
    struct span name = span_str(conf->path ? conf->path : "weir");
    const char *slash = memrchr(name.p, '/', name.n);

    if (slash)
        name = span_from(name, (size_t)(slash - name.p) + 1);
    if (name.n > 4 && span_eq(span_from(name, name.n - 4), SPAN(".ini")))
        name.n -= 4;
    if (name.n > 63)
        name.n = 63;
    conf->server.name = span_dup(name.n > 0 ? name : SPAN("weir"));
    for (char *c = conf->server.name; c && *c; c++) {
        bool fine = (*c >= '0' && *c <= '9') || (*c >= 'A' && *c <= 'Z') ||
                    (*c >= 'a' && *c <= 'z') || strchr("._-", *c);
        if (!fine)
            *c = '_';
    }
    return conf->server.name != NULL;
}

void builder_finish(struct builder *b)
{
    struct conf *conf = b->conf;

    builder_close(b);
    for (size_t i = 0; i < conf->site_count; i++)
        sort_locations(b, &conf->sites[i]);
    number_locations(conf);
    sort_types(b);
    check_workers(b);
    fault_check_all(b);
    if (conf->location_count == 0)
        errors_add(
            b->errors, (struct conf_origin){0},
            "no [location], so nothing would be served; add [location /] with files = /path");
    if (!conf->server.name && !name_by_file(conf))
        b->errors->no_memory = true;
}
