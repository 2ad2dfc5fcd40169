/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Escaping: bytes that somebody else chose, made safe for the place they go to. Each
 * function appends to an out and never allocates. Pure; runs in every process.
 */
#ifndef WEIR_BASE_ESCAPE_H
#define WEIR_BASE_ESCAPE_H

#include "base/bytes.h"

/*
 * For logs and terminals: C0, DEL, C1, invalid UTF-8, bidirectional controls and zero-width
 * characters become \xNN per byte; a backslash becomes \\; all else stays.
 */
void escape_visible(struct out *o, struct span s);

/*
 * The inside of a JSON string (RFC 8259, 7): quotes, backslash, controls escaped, and as \uXXXX
 * what escape_visible shows as bytes, for who looks at the file may have a terminal; invalid UTF-8
 * becomes U+FFFD. The quotes around it are the caller's.
 */
void escape_json(struct out *o, struct span s);

/* HTML text and attribute values: & < > " ' as character references; controls but tab and newline as U+FFFD. */
void escape_html(struct out *o, struct span s);

/*
 * One or more path segments of a URL (RFC 3986, 3.3): everything but unreserved, '/' and the
 * sub-delimiters that are safe in a path is percent-encoded. `keep_slash` false encodes '/'.
 */
void escape_url_path(struct out *o, struct span s, bool keep_slash);

/*
 * The length (1 to 4) of the well-formed UTF-8 sequence at s.p[0], its code point in *cp;
 * 0 when it is not well formed (overlong, surrogate, above U+10FFFF, cut) or s is empty.
 */
size_t utf8_next(struct span s, uint32_t *cp);

#endif
