/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which bytes may stand where in HTTP: one table with a bit per class, so that a scan costs
 * one load and one test a byte. Pure. Runs in workers and tests.
 */
#ifndef WEIR_HTTP_CHARS_H
#define WEIR_HTTP_CHARS_H

#include <stdbool.h>
#include <stdint.h>

enum {
    HTTP_CHAR_TOKEN = 1,  /* RFC 9110, 5.6.2 */
    HTTP_CHAR_TARGET = 2, /* of a request target: no control, space or '#' */
    HTTP_CHAR_VALUE = 4,  /* of a field value: HTAB, SP, visible, 0x80 and up */
    HTTP_CHAR_HOST = 8,   /* of a reg-name (RFC 3986, 3.2.2), '%' included */
    HTTP_CHAR_HEX = 16
};

extern const uint8_t http_char_class[256];

static inline bool http_char_is(char c, unsigned char_class)
{
    return (http_char_class[(unsigned char)c] & char_class) != 0;
}

/* 0..15 for a hexadecimal digit, else -1. */
static inline int http_hex_value(char c)
{
    if (!http_char_is(c, HTTP_CHAR_HEX))
        return -1;
    return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
}

#endif
