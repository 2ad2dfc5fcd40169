/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The chunked transfer coding (RFC 9112, 7.1): a state machine that takes framing byte by
 * byte and content in runs. A size has at most 16 digits, lines end in CRLF, extensions and
 * trailers hold no control bytes; trailers look like fields and are not folded. Pure: no
 * I/O, no allocation. Runs in workers and tests.
 */
#include "http/chars.h"
#include "http/parse.h"

enum {
    EXTRA_BYTES_MAX = 8192, /* of trailers, and of extensions beyond their content */
    SIZE_DIGITS_MAX = 16
};

enum state {
    SIZE_FIRST,
    SIZE,
    SIZE_SPACE, /* "bad" white space, which only an extension may follow */
    EXTENSION,
    SIZE_LF,
    DATA,
    DATA_CR,
    DATA_LF,
    TRAILER_FIRST,
    TRAILER_NAME,
    TRAILER_VALUE,
    TRAILER_LF,
    END_LF,
    END,
    BAD
};

static bool go(struct http_chunked *c, enum state to)
{
    c->state = (int)to;
    return true;
}

static bool refuse(struct http_chunked *c, const char *why)
{
    c->state = BAD;
    c->why = why;
    return false;
}

static bool size_digit(struct http_chunked *c, char byte)
{
    int digit = http_hex_value(byte);

    if (digit < 0)
        return refuse(c, "malformed chunk size");
    if (c->line_bytes == SIZE_DIGITS_MAX)
        return refuse(c, "chunk size too long");
    c->line_bytes++;
    c->left = c->left << 4 | (unsigned)digit;
    return go(c, SIZE);
}

/* The size line is over: its extensions are weighed against the content they announce. */
static bool size_line_end(struct http_chunked *c)
{
    if (c->left > INT64_MAX - c->total)
        return refuse(c, "chunk size too large");
    c->excess -= c->left < c->excess ? (size_t)c->left : c->excess;
    c->line_bytes = 0;
    return go(c, c->left > 0 ? DATA : TRAILER_FIRST);
}

static bool extension_byte(struct http_chunked *c, char byte)
{
    if (byte == '\r')
        return go(c, SIZE_LF);
    if (!http_char_is(byte, HTTP_CHAR_VALUE))
        return refuse(c, "control character in a chunk extension");
    if (++c->excess > EXTRA_BYTES_MAX)
        return refuse(c, "chunk extensions too long");
    return true;
}

static bool size_byte(struct http_chunked *c, char byte)
{
    switch ((enum state)c->state) {
    case SIZE:
    case SIZE_SPACE:
        if (byte == ';')
            return go(c, EXTENSION);
        if (byte == ' ' || byte == '\t') {
            c->state = SIZE_SPACE;
            return ++c->excess <= EXTRA_BYTES_MAX || refuse(c, "chunk extensions too long");
        }
        if (c->state == SIZE_SPACE)
            return refuse(c, "white space behind a chunk size");
        if (byte == '\r')
            return go(c, SIZE_LF);
        return size_digit(c, byte);
    case EXTENSION:
        return extension_byte(c, byte);
    case SIZE_LF:
        if (byte != '\n')
            return refuse(c, "chunk size line does not end in CRLF");
        return size_line_end(c);
    default: /* SIZE_FIRST */
        return size_digit(c, byte);
    }
}

static bool trailer_byte(struct http_chunked *c, char byte)
{
    if (++c->line_bytes > EXTRA_BYTES_MAX)
        return refuse(c, "trailers too long");
    switch ((enum state)c->state) {
    case TRAILER_NAME:
        if (byte == ':')
            return go(c, TRAILER_VALUE);
        return http_char_is(byte, HTTP_CHAR_TOKEN) || refuse(c, "malformed trailer name");
    case TRAILER_VALUE:
        if (byte == '\r')
            return go(c, TRAILER_LF);
        return http_char_is(byte, HTTP_CHAR_VALUE) || refuse(c, "control character in a trailer");
    case TRAILER_LF:
        return byte == '\n' ? go(c, TRAILER_FIRST) : refuse(c, "trailer does not end in CRLF");
    case END_LF:
        return byte == '\n' ? go(c, END) : refuse(c, "chunked body does not end in CRLF");
    default: /* TRAILER_FIRST */
        if (byte == '\r')
            return go(c, END_LF);
        if (!http_char_is(byte, HTTP_CHAR_TOKEN))
            return refuse(c, "malformed trailer name");
        return go(c, TRAILER_NAME);
    }
}

static bool framing_byte(struct http_chunked *c, char byte)
{
    if (c->state < DATA)
        return size_byte(c, byte);
    if (c->state == DATA_CR)
        return byte == '\r' ? go(c, DATA_LF) : refuse(c, "chunk is longer than its size");
    if (c->state == DATA_LF)
        return byte == '\n' ? go(c, SIZE_FIRST) : refuse(c, "chunk does not end in CRLF");
    return trailer_byte(c, byte);
}

enum http_chunked_result http_chunked_step(struct http_chunked *c, const char *p, size_t n,
                                           size_t *used, struct span *data)
{
    size_t i = 0;

    *data = (struct span){NULL, 0};
    while (i < n && c->state != END && c->state != BAD) {
        if (c->state != DATA) {
            if (framing_byte(c, p[i]))
                i++;
            continue;
        }
        *data = span_of(p + i, c->left < n - i ? (size_t)c->left : n - i);
        c->left -= data->n;
        c->total += data->n;
        if (c->left == 0)
            c->state = DATA_CR;
        *used = i + data->n;
        return HTTP_CHUNKED_DATA;
    }
    *used = i;
    if (c->state == END)
        return HTTP_CHUNKED_END;
    return c->state == BAD ? HTTP_CHUNKED_BAD : HTTP_CHUNKED_MORE;
}
