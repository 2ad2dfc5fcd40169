/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Escaping for terminals, JSON, HTML and URLs; see escape.h. Works byte by byte on spans,
 * keeps no state, and treats invalid UTF-8 as bytes to be shown, never as text.
 * Runs in every process.
 */
#include "base/escape.h"

static const char hex_upper[] = "0123456789ABCDEF";

static size_t utf8_length(unsigned char c)
{
    if (c < 0x80)
        return 1;
    if (c >= 0xc2 && c <= 0xdf)
        return 2;
    if (c >= 0xe0 && c <= 0xef)
        return 3;
    if (c >= 0xf0 && c <= 0xf4)
        return 4;
    return 0;
}

size_t utf8_next(struct span s, uint32_t *cp)
{
    static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    static const unsigned char head_bits[5] = {0, 0x7f, 0x1f, 0x0f, 0x07};

    if (s.n == 0)
        return 0;
    size_t len = utf8_length((unsigned char)s.p[0]);
    if (len == 0 || len > s.n)
        return 0;
    uint32_t v = (unsigned char)s.p[0] & head_bits[len];
    for (size_t i = 1; i < len; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if ((c & 0xc0) != 0x80)
            return 0;
        v = v << 6 | (c & 0x3f);
    }
    if (v < least[len] || v > 0x10ffff || (v >= 0xd800 && v <= 0xdfff))
        return 0;
    *cp = v;
    return len;
}

/* Characters that take no cell or reorder the line: a reader must see that they are there. */
static bool is_invisible(uint32_t cp)
{
    return cp < 0x20 || (cp >= 0x7f && cp <= 0x9f) || cp == 0xad || cp == 0x61c ||
           (cp >= 0x200b && cp <= 0x200f) || (cp >= 0x2028 && cp <= 0x202e) ||
           (cp >= 0x2060 && cp <= 0x206f) || cp == 0xfeff || (cp >= 0xfff9 && cp <= 0xfffb) ||
           (cp >= 0xe0000 && cp <= 0xe007f);
}

static void add_hex_bytes(struct out *o, struct span s, const char *mark)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        out_str(o, mark);
        out_char(o, hex_upper[c >> 4]);
        out_char(o, hex_upper[c & 15]);
    }
}

void escape_visible(struct out *o, struct span s)
{
    while (s.n > 0) {
        uint32_t cp;
        size_t len = utf8_next(s, &cp);
        struct span one = span_of(s.p, len ? len : 1);

        if (len == 0 || is_invisible(cp))
            add_hex_bytes(o, one, "\\x");
        else if (cp == '\\')
            out_str(o, "\\\\");
        else
            out_span(o, one);
        s = span_from(s, one.n);
    }
}

static void json_char(struct out *o, struct span one, uint32_t cp)
{
    switch (cp) {
    case '"':
        out_str(o, "\\\"");
        break;
    case '\\':
        out_str(o, "\\\\");
        break;
    case '\n':
        out_str(o, "\\n");
        break;
    case '\r':
        out_str(o, "\\r");
        break;
    case '\t':
        out_str(o, "\\t");
        break;
    default:
        if (cp > 0xffff && is_invisible(cp))
            out_fmt(o, "\\u%04x\\u%04x", (unsigned)(0xd7c0 + (cp >> 10)),
                    (unsigned)(0xdc00 + (cp & 0x3ff)));
        else if (is_invisible(cp))
            out_fmt(o, "\\u%04x", (unsigned)cp);
        else
            out_span(o, one);
    }
}

void escape_json(struct out *o, struct span s)
{
    while (s.n > 0) {
        uint32_t cp;
        size_t len = utf8_next(s, &cp);

        if (len == 0)
            out_str(o, "\xef\xbf\xbd");
        else
            json_char(o, span_of(s.p, len), cp);
        s = span_from(s, len ? len : 1);
    }
}

void escape_html(struct out *o, struct span s)
{
    while (s.n > 0) {
        uint32_t cp;
        size_t len = utf8_next(s, &cp);
        struct span one = span_of(s.p, len ? len : 1);

        if (len == 0 || (cp < 0x20 && cp != '\t' && cp != '\n') || cp == 0x7f)
            out_str(o, "\xef\xbf\xbd");
        else if (cp == '&')
            out_str(o, "&amp;");
        else if (cp == '<')
            out_str(o, "&lt;");
        else if (cp == '>')
            out_str(o, "&gt;");
        else if (cp == '"')
            out_str(o, "&quot;");
        else if (cp == '\'')
            out_str(o, "&#39;");
        else
            out_span(o, one);
        s = span_from(s, one.n);
    }
}

static bool is_path_char(char c)
{
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
        return true;
    return c != '\0' && strchr("-._~!$()*+,=@", c) != NULL;
}

void escape_url_path(struct out *o, struct span s, bool keep_slash)
{
    for (size_t i = 0; i < s.n; i++) {
        if (is_path_char(s.p[i]) || (keep_slash && s.p[i] == '/'))
            out_char(o, s.p[i]);
        else
            add_hex_bytes(o, span_of(s.p + i, 1), "%");
    }
}
