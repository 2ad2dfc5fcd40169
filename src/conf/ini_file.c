/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading INI text with inih. inih asks this file for its lines (ini_parse_stream with
 * read_line), so that the line is known when inih calls back with a key and its value. Some
 * things are kept from inih because it would get them wrong without a word: section heads
 * (it cuts them at 49 bytes; it gets "[s]" in their place, which also ends a value), lines
 * longer than its buffer, and lines with control characters (in place of these it gets an
 * empty line), and comments behind continuations. inih skips a line that has no `=': seen here by
 * the call that did not come. Master only.
 */
#include "conf/ini_file.h"

#include <ini.h>
#include <stdio.h>

#include "conf/settings.h"

struct reader {
    struct span rest;
    int line; /* the one inih has now */

    /* About the line inih has now. */
    bool wants_call; /* it should lead to a key and a value */
    bool indented;
    struct span text;

    /* The value that is being put together. */
    bool seen_key; /* since the last head: an indented line is a continuation */
    bool pending;  /* key and value hold something to be told */
    int key_line;
    struct buf key, value;

    const struct ini_file_events *events;
    struct conf_errors *errors;
};

static void report(struct reader *r, const char *what)
{
    errors_add(r->errors, (struct conf_origin){.line = r->line}, "%s", what);
}

/* Tells the value that is complete now, if there is one. */
static void flush(struct reader *r)
{
    if (r->pending)
        r->events->value(r->events->arg, r->key_line, buf_span(&r->key), buf_span(&r->value));
    r->pending = false;
}

/* The value that is being put together has a broken line: it is dropped, with what follows of it.
 */
static void drop_value(struct reader *r)
{
    if (!r->indented)
        flush(r);
    r->pending = false;
    r->seen_key = true;
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

bool ini_file_is_suspicious(struct span text)
{
    size_t n = 0;

    if (text.n > 1 && text.p[0] == '[') {
        text = span_from(text, 1);
        while (n < text.n && is_letter(text.p[n]))
            n++;
        return section_find(span_of(text.p, n)) != SECTION_COUNT;
    }
    while (n < text.n && is_letter(text.p[n]))
        n++;
    struct span word = {text.p, n}, rest = span_trim(span_from(text, n));
    if (n == 0 || rest.n == 0 || rest.p[0] != '=')
        return false;
    return rest.p > text.p + n || setting_find_anywhere(word, false);
}

/* The first control character but tab, -1 when there is none. */
static int find_control(struct span s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if ((c < ' ' && c != '\t') || c == 0x7f)
            return c;
    }
    return -1;
}

static void read_head(struct reader *r, struct span text)
{
    struct span after = span_from(text, 1), head = span_cut(&after, ']');

    flush(r);
    r->seen_key = false;
    if (!after.p) {
        report(r, "a section's head without its `]'; write [section]");
        head = SPAN("");
    } else if (span_trim(head).n == 0) {
        report(r,
               "a section's head without a name, so its keys belong to nothing; write [section]");
    }
    after = span_trim(after);
    if (after.n > 0 && after.p[0] != ';' && after.p[0] != '#')
        report(r, "text behind the `]' of a section's head; write it on a line of its own");
    r->events->section(r->events->arg, r->line, span_trim(head));
}

/* The next line of the text, without its end. */
static struct span cut_line(struct reader *r)
{
    struct span line = span_cut(&r->rest, '\n');

    r->line++;
    if (r->line == 1 && span_starts(line, SPAN("\xef\xbb\xbf")))
        line = span_from(line, 3);
    if (line.n > 0 && line.p[line.n - 1] == '\r')
        line.n--;
    return line;
}

/* Whether the line may go to inih as it is; reports why it may not. */
static bool is_readable(struct reader *r, struct span line, size_t bytes_max)
{
    int control = find_control(line);

    if (control >= 0) {
        char what[80];
        snprintf(what, sizeof what, "holds the control character 0x%02x; this must be plain text",
                 (unsigned)control);
        report(r, what);
        return false;
    }
    if (line.n > bytes_max) {
        char what[120];
        bool head = !r->indented && r->text.p[0] == '[';
        snprintf(what, sizeof what,
                 head ? "line is longer than %zu bytes; a section's head must fit on one line"
                      : "line is longer than %zu bytes; split it: continuation lines begin with "
                        "white space",
                 bytes_max);
        report(r, what);
        return false;
    }
    return true;
}

/* The line up to a `;' behind white space: releases of inih before 56 keep it in continuations. */
static struct span without_comment(struct span line)
{
    for (size_t i = 1; i < line.n; i++)
        if (line.p[i] == ';' && (line.p[i - 1] == ' ' || line.p[i - 1] == '\t'))
            return span_of(line.p, i);
    return line;
}

/* What inih gets of a line. */
static struct span prepare_line(struct reader *r, struct span line, size_t bytes_max)
{
    r->text = span_trim(line);
    r->wants_call = false;
    r->indented = line.n > 0 && (line.p[0] == ' ' || line.p[0] == '\t');
    if (r->text.n == 0 || r->text.p[0] == ';' || r->text.p[0] == '#')
        return SPAN("");
    bool continues = r->indented && r->seen_key;
    if (!is_readable(r, line, bytes_max)) {
        drop_value(r);
        return SPAN("");
    }
    if (r->text.p[0] == '[' && !continues) {
        read_head(r, r->text);
        return SPAN("[s]");
    }
    r->wants_call = true;
    return continues ? without_comment(line) : line;
}

static void report_missing_call(struct reader *r)
{
    struct span rest = r->text, word = value_word(&rest);
    const struct setting *s = setting_find_anywhere(word, false);
    struct conf_origin where = {.line = r->line};

    rest = span_trim(rest);
    if (s && rest.n > 0)
        errors_add(r->errors, where, "no `=' behind the key; did you mean `%s = %.*s'?", s->key,
                   (int)rest.n, rest.p);
    else
        errors_add(r->errors, where,
                   "neither `key = value' nor [section]; comments begin with "
                   "`#' or `;'");
    drop_value(r);
}

/* inih's way to read: one line into str, of num bytes with its NUL; NULL at the end. */
static char *read_line(char *str, int num, void *stream)
{
    struct reader *r = stream;

    if (r->wants_call)
        report_missing_call(r);
    r->wants_call = false;
    if (!r->rest.p || num < 8)
        return NULL;
    struct span line = prepare_line(r, cut_line(r), (size_t)num - 1);
    memcpy(str, line.p, line.n);
    str[line.n] = '\0';
    return str;
}

static void continue_value(struct reader *r, struct span more)
{
    if (!r->pending)
        return;
    if (ini_file_is_suspicious(r->text)) {
        errors_add(r->errors, (struct conf_origin){.line = r->line},
                   "begins with white space, so it continues `%.*s' of line %d; let keys and "
                   "[sections] begin in the first column",
                   (int)r->key.n, r->key.p, r->key_line);
        r->pending = false;
        return;
    }
    if (r->value.n > 0 && r->value.p[r->value.n - 1] == '\\')
        r->value.n--;
    else if (r->value.n > 0 && more.n > 0 && !buf_add(&r->value, " ", 1))
        r->errors->no_memory = true;
    if (!buf_add_span(&r->value, more))
        r->errors->no_memory = true;
}

/* inih's call for a key and a value, or for a further line of the value. */
static int take_value(void *user, const char *section, const char *name, const char *value)
{
    struct reader *r = user;

    (void)section;
    r->wants_call = false;
    if (r->indented && r->seen_key) {
        continue_value(r, span_str(value));
        return 1;
    }
    flush(r);
    r->seen_key = *name != '\0'; /* as inih does: nothing continues a nameless value */
    r->pending = true;
    r->key_line = r->line;
    r->key.n = r->value.n = 0;
    if (!buf_add_span(&r->key, span_str(name)) || !buf_add_span(&r->value, span_str(value)))
        r->errors->no_memory = true;
    return 1;
}

void ini_file_parse(struct span text, const struct ini_file_events *events,
                    struct conf_errors *errors)
{
    struct reader r = {.rest = text, .events = events, .errors = errors};

    if (!r.rest.p)
        r.rest = SPAN("");
    if (ini_parse_stream(read_line, &r, take_value, &r) == -2)
        errors->no_memory = true;
    flush(&r);
    buf_free(&r.key);
    buf_free(&r.value);
}
