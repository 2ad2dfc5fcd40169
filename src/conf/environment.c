/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Environment references in values, and writing text so that it holds none. Master only.
 */
#include "conf/environment.h"

#include <stdlib.h>

/* The length of the variable's name at the start of s; 0 when there is none. */
static size_t name_bytes(struct span s)
{
    size_t n = 0;

    while (n < s.n && ((s.p[n] >= 'a' && s.p[n] <= 'z') || (s.p[n] >= 'A' && s.p[n] <= 'Z') ||
                       s.p[n] == '_' || (n > 0 && s.p[n] >= '0' && s.p[n] <= '9')))
        n++;
    return n;
}

/* rest begins behind "${": appends the variable's value and takes the name and `}' off rest. */
static bool expand_one(struct span *rest, struct buf *to, struct buf *why)
{
    size_t n = name_bytes(*rest);

    if (n == 0 || n == rest->n || rest->p[n] != '}') {
        buf_addf(why, "`${' without a name and `}'; write ${NAME}, or $${ for `${' itself");
        return false;
    }
    char *name = span_dup(span_of(rest->p, n));
    if (!name)
        return false;
    const char *value = getenv(name);
    bool good = value && buf_add_span(to, span_str(value));
    if (!value)
        buf_addf(why, "the environment has no %s; set it, or write $${%s} for the text itself",
                 name, name);
    free(name);
    *rest = span_from(*rest, n + 1);
    return good;
}

bool environment_expand(struct span text, struct buf *to, struct buf *why)
{
    while (text.n > 0) {
        size_t used = 1;
        if (span_starts(text, SPAN("$${")) || span_starts(text, SPAN("$$;"))) {
            if (!buf_add(to, "$", 1) || !buf_add(to, text.p + 2, 1))
                return false;
            used = 3;
        } else if (span_starts(text, SPAN("${"))) {
            text = span_from(text, 2);
            if (!expand_one(&text, to, why))
                return false;
            used = 0;
        } else if (span_starts(text, SPAN("$;"))) {
            if (!buf_add(to, ";", 1))
                return false;
            used = 2;
        } else if (!buf_add(to, text.p, 1)) {
            return false;
        }
        text = span_from(text, used);
    }
    return true;
}

bool environment_escape(struct span text, struct buf *to)
{
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i], before = i > 0 ? text.p[i - 1] : ' ';
        bool reference = c == '$' && i + 1 < text.n && strchr("{;", text.p[i + 1]);
        bool comment = c == ';' && (before == ' ' || before == '\t');
        if (((reference || comment) && !buf_add(to, "$", 1)) || !buf_add(to, &c, 1))
            return false;
    }
    return true;
}
