/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The line. The cursor is a byte offset that always stands before a whole character.
 */
#include "tui/app/line.h"

#include <stdio.h>
#include <string.h>

#include "base/escape.h"
#include "tui/app/keys.h"

static size_t line_before(const struct line *l, size_t at)
{
    if (at > 0)
        at--;
    while (at > 0 && ((unsigned char)l->text[at] & 0xc0) == 0x80)
        at--;
    return at;
}

static size_t line_after(const struct line *l, size_t at)
{
    if (l->text[at] != '\0')
        at++;
    while (((unsigned char)l->text[at] & 0xc0) == 0x80)
        at++;
    return at;
}

static void line_cut(struct line *l, size_t from, size_t to)
{
    memmove(l->text + from, l->text + to, strlen(l->text + to) + 1);
    l->at = from;
}

void line_set(struct line *l, const char *text)
{
    l->text[0] = '\0';
    l->at = 0;
    line_paste(l, text);
}

/* No control, no surrogate, nothing that turns the direction of text or has no width. */
static bool line_takes(uint32_t c)
{
    return c >= ' ' && c <= 0x10ffff && !(c >= 0x7f && c < 0xa0) && !(c >= 0xd800 && c < 0xe000) &&
           !(c >= 0x200b && c <= 0x200f) && !(c >= 0x2028 && c <= 0x202e) &&
           !(c >= 0x2060 && c <= 0x206f) && c != 0xfeff;
}

static size_t line_utf8(uint32_t c, char out[4])
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = n - 1; i > 0; i--, c >>= 6)
        out[i] = (char)(0x80 | (c & 0x3f));
    static const unsigned char first[5] = {0, 0, 0xc0, 0xe0, 0xf0};
    out[0] = (char)(first[n] | c);
    return n;
}

bool line_insert(struct line *l, uint32_t character)
{
    char bytes[4];

    if (!line_takes(character))
        return false;
    size_t n = line_utf8(character, bytes), have = strlen(l->text);
    if (have + n >= sizeof l->text)
        return false;
    memmove(l->text + l->at + n, l->text + l->at, have - l->at + 1);
    memcpy(l->text + l->at, bytes, n);
    l->at += n;
    return true;
}

void line_paste(struct line *l, const char *text)
{
    struct span rest = span_str(text);
    uint32_t c;

    while (rest.n > 0) {
        size_t n = utf8_next(rest, &c);
        if (n > 0)
            line_insert(l, c);
        rest = span_from(rest, n > 0 ? n : 1);
    }
}

static void line_cut_word(struct line *l)
{
    size_t from = l->at;

    while (from > 0 && l->text[from - 1] == ' ')
        from--;
    while (from > 0 && l->text[from - 1] != ' ')
        from--;
    line_cut(l, from, l->at);
}

bool line_key(struct line *l, uint32_t key)
{
    switch (key) {
    case INPUT_LEFT:
        l->at = line_before(l, l->at);
        return true;
    case INPUT_RIGHT:
        l->at = line_after(l, l->at);
        return true;
    case INPUT_HOME:
    case INPUT_CTRL('a'):
        l->at = 0;
        return true;
    case INPUT_END:
    case INPUT_CTRL('e'):
        l->at = strlen(l->text);
        return true;
    case INPUT_BACKSPACE:
        line_cut(l, line_before(l, l->at), l->at);
        return true;
    case INPUT_DELETE:
        line_cut(l, l->at, line_after(l, l->at));
        return true;
    case INPUT_CTRL('u'):
        line_cut(l, 0, l->at);
        return true;
    case INPUT_CTRL('k'):
        l->text[l->at] = '\0';
        return true;
    case INPUT_CTRL('w'):
        line_cut_word(l);
        return true;
    default:
        return line_insert(l, key);
    }
}
