/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of byte classes. In a request target more is allowed than RFC 3986 does: browsers
 * send quotes, braces, bars and bytes from 0x80 up as they are, and no parser reads those
 * two ways. Pure data.
 */
#include "http/chars.h"

#define T HTTP_CHAR_TOKEN
#define G HTTP_CHAR_TARGET
#define V HTTP_CHAR_VALUE
#define H HTTP_CHAR_HOST
#define X HTTP_CHAR_HEX

const uint8_t http_char_class[256] = {
    ['\t'] = V,
    [' '] = V,
    ['!'] = T | G | V | H,
    ['"'] = G | V,
    ['#'] = T | V,
    ['$' ... '\''] = T | G | V | H, /* $ % & ' */
    ['(' ... ')'] = G | V | H,
    ['*' ... '+'] = T | G | V | H,
    [','] = G | V | H,
    ['-' ... '.'] = T | G | V | H,
    ['/'] = G | V,
    ['0' ... '9'] = T | G | V | H | X,
    [':'] = G | V,
    [';'] = G | V | H,
    ['<'] = G | V,
    ['='] = G | V | H,
    ['>' ... '@'] = G | V, /* > ? @ */
    ['A' ... 'F'] = T | G | V | H | X,
    ['G' ... 'Z'] = T | G | V | H,
    ['[' ... ']'] = G | V, /* [ \ ] */
    ['^'] = T | G | V,
    ['_'] = T | G | V | H,
    ['`'] = T | G | V,
    ['a' ... 'f'] = T | G | V | H | X,
    ['g' ... 'z'] = T | G | V | H,
    ['{'] = G | V,
    ['|'] = T | G | V,
    ['}'] = G | V,
    ['~'] = T | G | V | H,
    [0x80 ... 0xff] = G | V,
};
