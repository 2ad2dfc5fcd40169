/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Comma-separated lists (RFC 9110, 5.6.1), with quoted strings in them, in one value or
 * spread over several fields of the same name. Empty elements are passed over. A quoted
 * string that does not end reaches to the end of the value. Pure. Runs in workers and tests.
 */
#include "http/parse.h"

struct span http_list_cut(struct span *rest, char sep)
{
    bool quoted = false;

    for (size_t i = 0; i < rest->n; i++) {
        char c = rest->p[i];
        if (quoted && c == '\\') {
            i++;
        } else if (c == '"') {
            quoted = !quoted;
        } else if (c == sep && !quoted) {
            struct span head = {rest->p, i};
            *rest = span_from(*rest, i + 1);
            return span_trim(head);
        }
    }
    struct span last = span_trim(*rest);
    *rest = (struct span){NULL, 0};
    return last;
}

struct span http_list_next(struct span *rest)
{
    while (rest->p) {
        struct span element = http_list_cut(rest, ',');
        if (element.n > 0)
            return element;
    }
    return (struct span){NULL, 0};
}

bool http_list_has(struct span list, const char *token)
{
    struct span wanted = span_str(token);

    /* Most lists are one token. (A value has no white space at its ends, but a list may.) */
    if (list.n <= wanted.n || (!memchr(list.p, ',', list.n) && !memchr(list.p, '"', list.n)))
        return wanted.n > 0 && span_ieq(span_trim(list), wanted);
    for (struct span e = http_list_next(&list); e.p; e = http_list_next(&list))
        if (span_ieq(e, wanted))
            return true;
    return false;
}

bool http_field_next(const struct http_request *r, enum http_field_id id, unsigned *at,
                     struct span *value)
{
    while (*at < r->field_count) {
        const struct http_field *f = &r->field[(*at)++];
        if (f->id == id) {
            *value = f->value;
            return true;
        }
    }
    return false;
}

bool http_field_has(const struct http_request *r, enum http_field_id id, const char *token)
{
    struct span value;

    if (!(r->repeated & UINT32_C(1) << id))
        return r->known[id].p && http_list_has(r->known[id], token);
    for (unsigned at = 0; http_field_next(r, id, &at, &value);)
        if (http_list_has(value, token))
            return true;
    return false;
}
