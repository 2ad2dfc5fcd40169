/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Text measured in cells. Cutting never splits a character: a wide one that would stick out
 * is left out and the text is a cell shorter. Combining characters stay with what they
 * follow.
 */
#include "tui/ui/text.h"

#include "base/escape.h"

#define DOTS "..", 2

bool text_next(struct span *rest, wchar_t *ch, int *width)
{
    uint32_t cp;

    if (rest->n == 0)
        return false;
    size_t n = utf8_next(*rest, &cp);
    if (n == 0) {
        n = 1;
        cp = '?';
    }
    *rest = span_from(*rest, n);
    int w = wcwidth((wchar_t)cp);
    if (w < 0) {
        cp = '?';
        w = 1;
    }
    *ch = (wchar_t)cp;
    *width = w;
    return true;
}

static int span_width(struct span s)
{
    wchar_t ch;
    int w, total = 0;

    while (text_next(&s, &ch, &w))
        total += w;
    return total;
}

int text_width(const char *s)
{
    return span_width(span_str(s));
}

/* The longest beginning of s of at most `cells` cells, with the marks that belong to it. */
static struct span text_head(struct span s, int cells)
{
    struct span rest = s, taken = s;
    wchar_t ch;
    int w, used = 0;

    taken.n = 0;
    while (text_next(&rest, &ch, &w) && used + w <= cells) {
        used += w;
        taken.n = s.n - rest.n;
    }
    return taken;
}

/* The longest end of s of at most `cells` cells; never begins with a combining mark. */
static struct span text_tail(struct span s, int cells)
{
    int excess = span_width(s) - cells;
    wchar_t ch;
    int w;

    while (excess > 0) {
        struct span before = s;
        if (!text_next(&s, &ch, &w))
            return before;
        excess -= w;
    }
    for (struct span after = s; text_next(&after, &ch, &w) && w == 0; s = after)
        ;
    return s;
}

static void text_finish(struct out *o, char *out, size_t out_bytes)
{
    size_t n = out_len(o);
    out[n < out_bytes ? n : out_bytes - 1] = '\0';
}

void text_cut_end(char *out, size_t out_bytes, const char *text, int cells)
{
    struct out o = out_into(out, out_bytes - 1);
    struct span s = span_str(text);

    if (span_width(s) <= cells) {
        out_span(&o, s);
    } else if (cells <= 2) {
        out_span(&o, text_head(s, cells));
    } else {
        out_span(&o, text_head(s, cells - 2));
        out_add(&o, DOTS);
    }
    text_finish(&o, out, out_bytes);
}

const char *text_skip(const char *s, int cells, int *blank)
{
    struct span rest = span_str(s), before = rest;
    wchar_t ch;
    int w, used = 0;

    /* Marks without a cell of their own go with the character before them. */
    while (text_next(&rest, &ch, &w) && (used < cells || (w == 0 && cells > 0))) {
        used += w;
        before = rest;
    }
    *blank = used > cells;
    return before.p;
}

/* The offset of the component before `from` (of its first byte after a slash); 0 at the start. */
static size_t previous_component(struct span s, size_t from)
{
    if (from <= 1)
        return 0;
    for (size_t i = from - 1; i > 0; i--)
        if (s.p[i - 1] == '/')
            return i;
    return 0;
}

void text_cut_path(char *out, size_t out_bytes, const char *text, int cells)
{
    struct out o = out_into(out, out_bytes - 1);
    struct span s = span_str(text);

    if (span_width(s) <= cells) {
        out_span(&o, s);
        text_finish(&o, out, out_bytes);
        return;
    }
    size_t last = previous_component(s, s.n);
    const char *slash = s.n > 1 ? memchr(s.p + 1, '/', s.n - 1) : NULL;
    struct span head = span_of(s.p, slash ? (size_t)(slash - s.p) + 1 : 0);
    int room = cells - 2;

    if (span_width(span_from(s, last)) > room - span_width(head))
        head.n = 0;
    room -= span_width(head);
    /* As many whole components from the end as fit; of the last one whatever fits. */
    for (size_t at = previous_component(s, last); at > head.n; at = previous_component(s, at)) {
        if (span_width(span_from(s, at)) > room)
            break;
        last = at;
    }
    out_span(&o, head);
    if (cells >= 2)
        out_add(&o, DOTS);
    out_span(&o, text_tail(span_from(s, last), room > 0 ? room : 0));
    text_finish(&o, out, out_bytes);
}
