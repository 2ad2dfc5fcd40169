/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names of methods and fields, and how they are found: by length first, then by at most two
 * or three comparisons. Pure. Runs in workers and tests.
 */
#include "http/head.h"

static const struct span method_name[] = {
    [HTTP_GET] = {"GET", 3},         [HTTP_HEAD] = {"HEAD", 4},
    [HTTP_OPTIONS] = {"OPTIONS", 7}, [HTTP_POST] = {"POST", 4},
    [HTTP_PUT] = {"PUT", 3},         [HTTP_DELETE] = {"DELETE", 6},
    [HTTP_PATCH] = {"PATCH", 5},     [HTTP_TRACE] = {"TRACE", 5},
    [HTTP_CONNECT] = {"CONNECT", 7}, [HTTP_METHOD_OTHER] = {"OTHER", 5},
};

const char *http_method_name(enum http_method m)
{
    return method_name[m].p;
}

enum http_method http_method_by_name(struct span name)
{
    for (enum http_method m = HTTP_GET; m < HTTP_METHOD_OTHER; m++)
        if (name.n == method_name[m].n && memcmp(name.p, method_name[m].p, name.n) == 0)
            return m;
    return HTTP_METHOD_OTHER;
}

/* In lower case: letters and hyphens only, on which is_name depends. */
static const char *const field_name[HTTP_FIELD_COUNT] = {
    [HTTP_FIELD_OTHER] = "",
    [HTTP_FIELD_HOST] = "host",
    [HTTP_FIELD_CONNECTION] = "connection",
    [HTTP_FIELD_CONTENT_LENGTH] = "content-length",
    [HTTP_FIELD_TRANSFER_ENCODING] = "transfer-encoding",
    [HTTP_FIELD_EXPECT] = "expect",
    [HTTP_FIELD_ACCEPT] = "accept",
    [HTTP_FIELD_ACCEPT_ENCODING] = "accept-encoding",
    [HTTP_FIELD_RANGE] = "range",
    [HTTP_FIELD_IF_RANGE] = "if-range",
    [HTTP_FIELD_IF_MATCH] = "if-match",
    [HTTP_FIELD_IF_NONE_MATCH] = "if-none-match",
    [HTTP_FIELD_IF_MODIFIED_SINCE] = "if-modified-since",
    [HTTP_FIELD_IF_UNMODIFIED_SINCE] = "if-unmodified-since",
    [HTTP_FIELD_USER_AGENT] = "user-agent",
    [HTTP_FIELD_REFERER] = "referer",
    [HTTP_FIELD_UPGRADE] = "upgrade",
    [HTTP_FIELD_CONTENT_TYPE] = "content-type",
    [HTTP_FIELD_AUTHORIZATION] = "authorization",
    [HTTP_FIELD_X_FORWARDED_FOR] = "x-forwarded-for",
    [HTTP_FIELD_X_REQUEST_ID] = "x-request-id",
};

/* The names of each length; unused places hold HTTP_FIELD_OTHER. */
static const uint8_t field_of_length[][2] = {
    [4] = {HTTP_FIELD_HOST},
    [5] = {HTTP_FIELD_RANGE},
    [6] = {HTTP_FIELD_ACCEPT, HTTP_FIELD_EXPECT},
    [7] = {HTTP_FIELD_REFERER, HTTP_FIELD_UPGRADE},
    [8] = {HTTP_FIELD_IF_RANGE, HTTP_FIELD_IF_MATCH},
    [10] = {HTTP_FIELD_USER_AGENT, HTTP_FIELD_CONNECTION},
    [12] = {HTTP_FIELD_CONTENT_TYPE, HTTP_FIELD_X_REQUEST_ID},
    [13] = {HTTP_FIELD_IF_NONE_MATCH, HTTP_FIELD_AUTHORIZATION},
    [14] = {HTTP_FIELD_CONTENT_LENGTH},
    [15] = {HTTP_FIELD_ACCEPT_ENCODING, HTTP_FIELD_X_FORWARDED_FOR},
    [17] = {HTTP_FIELD_IF_MODIFIED_SINCE, HTTP_FIELD_TRANSFER_ENCODING},
    [19] = {HTTP_FIELD_IF_UNMODIFIED_SINCE},
};

static bool is_part(const char *name, const char *lower)
{
    uint32_t a, b;

    memcpy(&a, name, sizeof a);
    memcpy(&b, lower, sizeof b);
    return (a | UINT32_C(0x20202020)) == b;
}

/*
 * Setting bit 5 folds letters, and makes no other token byte equal to a letter or hyphen. Four
 * bytes at a time; the last four may have been looked at in part. No name is shorter.
 */
static bool is_name(struct span name, const char *lower)
{
    for (size_t i = 0; i + 4 < name.n; i += 4)
        if (!is_part(name.p + i, lower + i))
            return false;
    return is_part(name.p + name.n - 4, lower + name.n - 4);
}

enum http_field_id http_field_by_name(struct span name)
{
    if (name.n >= sizeof field_of_length / sizeof *field_of_length)
        return HTTP_FIELD_OTHER;
    const uint8_t *ids = field_of_length[name.n];
    for (int i = 0; i < 2 && ids[i] != HTTP_FIELD_OTHER; i++)
        if (is_name(name, field_name[ids[i]]))
            return (enum http_field_id)ids[i];
    return HTTP_FIELD_OTHER;
}
