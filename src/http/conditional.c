/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Preconditions in the order of RFC 9110, 13.2.2. Entity tags decide where they are given;
 * dates only where they are not. Pure. Runs in workers and tests.
 */
#include "http/conditional.h"

static bool has_field(const struct http_request *r, enum http_field_id id)
{
    return r->known[id].p != NULL;
}

static bool came_twice(const struct http_request *r, enum http_field_id id)
{
    return (r->repeated & UINT32_C(1) << id) != 0;
}

/* Whether one value of If-Match (strong) or If-None-Match (weak comparison) names our tag. */
static bool value_matches(struct span value, struct span etag, bool strong)
{
    bool ours_weak = span_starts(etag, SPAN("W/")), weak;
    struct span ours = ours_weak ? span_from(etag, 2) : etag, opaque;

    if (span_eq(value, SPAN("*")))
        return true;
    if (ours.n == 0 || (strong && ours_weak))
        return false;
    while (http_etag_next(&value, &opaque, &weak))
        if (span_eq(opaque, ours) && !(strong && weak))
            return true;
    return false;
}

static bool any_matches(const struct http_request *r, enum http_field_id id, struct span etag,
                        bool strong)
{
    struct span value;

    for (unsigned at = 0; http_field_next(r, id, &at, &value);)
        if (value_matches(value, etag, strong))
            return true;
    return false;
}

/* The date of a field; -1 when it is absent, repeated or malformed: then it is ignored. */
static int64_t field_date(const struct http_request *r, enum http_field_id id, int64_t now_s)
{
    if (!has_field(r, id) || came_twice(r, id))
        return -1;
    return http_date_parse(r->known[id], now_s);
}

enum http_condition http_conditional(const struct http_request *r, const struct http_validators *v)
{
    bool reads = r->method == HTTP_GET || r->method == HTTP_HEAD;

    if (has_field(r, HTTP_FIELD_IF_MATCH)) {
        if (!any_matches(r, HTTP_FIELD_IF_MATCH, v->etag, true))
            return HTTP_COND_PRECONDITION_FAILED;
    } else if (v->modified_s >= 0) {
        int64_t date = field_date(r, HTTP_FIELD_IF_UNMODIFIED_SINCE, v->modified_s);
        if (date >= 0 && v->modified_s > date)
            return HTTP_COND_PRECONDITION_FAILED;
    }

    if (has_field(r, HTTP_FIELD_IF_NONE_MATCH)) {
        if (any_matches(r, HTTP_FIELD_IF_NONE_MATCH, v->etag, false))
            return reads ? HTTP_COND_NOT_MODIFIED : HTTP_COND_PRECONDITION_FAILED;
    } else if (reads && v->modified_s >= 0) {
        int64_t date = field_date(r, HTTP_FIELD_IF_MODIFIED_SINCE, v->modified_s);
        if (date >= 0 && v->modified_s <= date)
            return HTTP_COND_NOT_MODIFIED;
    }
    return HTTP_COND_PROCEED;
}

bool http_if_range(const struct http_request *r, const struct http_validators *v, int64_t now_s)
{
    struct span value = r->known[HTTP_FIELD_IF_RANGE];

    if (!value.p)
        return true;
    if (came_twice(r, HTTP_FIELD_IF_RANGE))
        return false;
    if (value.n > 0 && value.p[0] == '"')
        return span_eq(value, v->etag);
    if (v->modified_s < 0 || v->modified_s >= now_s) /* it may change again within its second */
        return false;
    return http_date_parse(value, now_s) == v->modified_s;
}
