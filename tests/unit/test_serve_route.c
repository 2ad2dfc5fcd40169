/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Routes by a table: hosts to sites, paths to locations.
 */
#include "tests/unit/unit.h"

#include "serve/route.h"

START_TEST(routes)
{
    static char name_a[] = "a.example", name_v6[] = "[::1]", name_wild[] = "*.example";
    static char name_deep[] = "*.deep.example";
    static char top[] = "/", x_slash[] = "/x/", xy[] = "/x/y", xy_slash[] = "/x/y/", x[] = "/x";
    static char *no_names[] = {NULL};
    static char *names_a[] = {name_a, name_v6, NULL};
    static char *names_wild[] = {name_wild, NULL};
    static char *names_deep[] = {name_deep, NULL};
    static struct conf_location base = {.prefix = top}, base_x = {.prefix = x_slash},
                                base_xy = {.prefix = xy}, a_root = {.prefix = top},
                                a_x = {.prefix = x_slash}, wild_x = {.prefix = x},
                                deep_xy = {.prefix = xy_slash};
    static struct conf_location *in_deep[] = {&deep_xy};
    static struct conf_location *in_base[] = {&base_xy, &base_x, &base};
    static struct conf_location *in_a[] = {&a_x, &a_root};
    static struct conf_location *in_wild[] = {&wild_x};
    static struct conf_site route_sites[] = {
        {.names = no_names, .locations = in_base, .location_count = 3},
        {.names = names_a, .locations = in_a, .location_count = 2},
        {.names = names_wild, .locations = in_wild, .location_count = 1},
        {.names = names_deep, .locations = in_deep, .location_count = 1},
    };
    static const struct conf c = {.sites = route_sites, .site_count = 4};
    static const struct {
        const char *host, *path;
        int site;
        const struct conf_location *location;
        bool slash_missing;
    } cases[] = {
        {"", "/", 0, &base, false},
        {"other", "/", 0, &base, false},
        {"a.example", "/", 1, &a_root, false},
        {"A.EXAMPLE", "/", 1, &a_root, false},
        {"a.example:80", "/", 1, &a_root, false},
        {"a.example.:80", "/", 1, &a_root, false},
        {"[::1]:80", "/", 1, &a_root, false},
        {"[::1]", "/", 1, &a_root, false},
        {"[::2]", "/", 0, &base, false},
        {"b.example", "/", 2, &base, false},
        {"b.c.example", "/", 2, &base, false},
        {"example", "/", 0, &base, false},
        {".example", "/", 0, &base, false},
        {"badexample", "/", 0, &base, false},
        {"x.deep.example", "/", 3, &base, false},
        {"deep.example", "/", 2, &base, false},
        {"[", "/", 0, &base, false},
        {":", "/", 0, &base, false},
        /* prefixes */
        {"other", "/x", 0, &base_x, true},
        {"other", "/x/", 0, &base_x, false},
        {"other", "/xy", 0, &base, false},
        {"other", "/x/y", 0, &base_xy, false},
        {"other", "/x/yz", 0, &base_x, false},
        {"other", "/x/y/z", 0, &base_xy, false},
        {"a.example", "/x/f", 1, &a_x, false},     /* the site's own wins a tie */
        {"a.example", "/x/y", 1, &base_xy, false}, /* the longer one wins */
        {"b.example", "/x", 2, &wild_x, false},
        {"b.example", "/x/f", 2, &base_x, false},
        {"b.example", "/z", 2, &base, false},
        {"x.deep.example", "/x/y", 3, &base_xy, false}, /* one without its slash wins no tie */
        {"x.deep.example", "/x/y/", 3, &deep_xy, false},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct route r = route_find(&c, span_str(cases[i].host), span_str(cases[i].path));
        ck_assert_msg(r.site == &route_sites[cases[i].site], "%s", cases[i].host);
        ck_assert_msg(r.location == cases[i].location, "%s %s: %s", cases[i].host, cases[i].path,
                      r.location ? r.location->prefix : "none");
        ck_assert_msg(r.slash_missing == cases[i].slash_missing, "%s", cases[i].path);
    }
    static const struct conf_site none[] = {{.names = no_names}};
    static const struct conf empty = {.sites = (struct conf_site *)(size_t)none, .site_count = 1};
    ck_assert_ptr_null(route_find(&empty, SPAN("h"), SPAN("/")).location);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("route");
    TCase *t = tcase_create("route");

    tcase_add_test(t, routes);
    suite_add_tcase(s, t);
    return unit_run(s);
}
