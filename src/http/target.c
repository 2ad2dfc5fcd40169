/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The request target in its four forms (RFC 9112, 3.2) and the host a request is for. User
 * information in an authority is refused, and so is every scheme but http and https.
 * Escapes in the path are not looked at here (path.h does). Pure. Runs in workers and tests.
 */
#include "http/chars.h"
#include "http/head.h"

/* The bytes between the brackets of an IPv6 address; whether it is one, nobody asks. */
static bool is_ip_literal(struct span s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!http_char_is(s.p[i], HTTP_CHAR_HEX) && s.p[i] != ':' && s.p[i] != '.')
            return false;
    return s.n >= 2;
}

static bool is_reg_name(struct span s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (!http_char_is(s.p[i], HTTP_CHAR_HOST))
            return false;
        if (s.p[i] == '%' && (s.n - i < 3 || !http_char_is(s.p[i + 1], HTTP_CHAR_HEX) ||
                              !http_char_is(s.p[i + 2], HTTP_CHAR_HEX)))
            return false;
    }
    return s.n > 0;
}

/* uri-host [ ":" port ], not empty; *port is behind the colon, p NULL without one. */
static bool parse_authority(struct span a, struct span *port)
{
    uint64_t number;
    bool good;

    *port = a;
    if (a.n > 0 && a.p[0] == '[') {
        *port = span_from(a, 1);
        good = is_ip_literal(span_cut(port, ']'));
        if (!port->p) /* no closing bracket */
            return false;
        if (port->n == 0)
            *port = (struct span){NULL, 0};
        else if (port->p[0] == ':')
            *port = span_from(*port, 1);
        else
            return false;
    } else {
        good = is_reg_name(span_cut(port, ':'));
    }
    return good && (port->n == 0 || span_u64(*port, 65535, &number));
}

static void split_path(struct http_request *r, struct span rest)
{
    r->path = span_cut(&rest, '?');
    r->has_query = rest.p != NULL;
    r->query = rest;
    if (r->path.n == 0)
        r->path = SPAN("/");
}

static bool absolute_form(struct http_parser *s, struct http_request *r)
{
    struct span rest = r->target, port;
    struct span scheme = span_cut(&rest, ':');

    if (!rest.p || (!span_ieq(scheme, SPAN("http")) && !span_ieq(scheme, SPAN("https"))) ||
        !span_starts(rest, SPAN("//")))
        return http_head_refuse(s, 400, "request target is neither a path nor an http URI");
    rest = span_from(rest, 2);
    size_t n = 0;
    while (n < rest.n && rest.p[n] != '/' && rest.p[n] != '?')
        n++;
    r->host = span_of(rest.p, n);
    if (!parse_authority(r->host, &port))
        return http_head_refuse(s, 400, "malformed authority in the request target");
    r->form = HTTP_ABSOLUTE_FORM;
    split_path(r, span_from(rest, n));
    return true;
}

static bool authority_form(struct http_parser *s, struct http_request *r)
{
    struct span port;

    if (!parse_authority(r->target, &port) || port.n == 0)
        return http_head_refuse(s, 400, "CONNECT target is not host:port");
    r->form = HTTP_AUTHORITY_FORM;
    r->host = r->target;
    r->path = SPAN("/");
    return true;
}

bool http_head_target(struct http_parser *s, struct http_request *r)
{
    if (r->method == HTTP_CONNECT)
        return authority_form(s, r);
    if (r->target.p[0] == '/') {
        r->form = HTTP_ORIGIN_FORM;
        split_path(r, r->target);
        return true;
    }
    if (!span_eq(r->target, SPAN("*")))
        return absolute_form(s, r);
    if (r->method != HTTP_OPTIONS)
        return http_head_refuse(s, 400, "asterisk target for another method than OPTIONS");
    r->form = HTTP_ASTERISK_FORM;
    r->path = r->target;
    return true;
}

bool http_head_host(struct http_parser *s, struct http_request *r)
{
    struct span host = r->known[HTTP_FIELD_HOST], port;

    if (!host.p) {
        if (r->version_minor > 0)
            return http_head_refuse(s, 400, "no Host");
        return true;
    }
    if (r->repeated & UINT32_C(1) << HTTP_FIELD_HOST)
        return http_head_refuse(s, 400, "more than one Host");
    /* Empty is how a client says that the target URI has no authority (RFC 9112, 3.2). */
    if (host.n > 0 && !parse_authority(host, &port))
        return http_head_refuse(s, 400, "malformed Host");
    if (r->form == HTTP_ORIGIN_FORM || r->form == HTTP_ASTERISK_FORM)
        r->host = host;
    return true;
}
