/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the path of a request target to a name in a file tree: percent-decoding exactly once,
 * then "." and ".." removed (RFC 3986, 5.2.4) without ever rising above "/". An encoded slash
 * (%2F) is a slash like any other, for no file name holds one and clients write names of two
 * segments so (npm asks for /@scope%2Fname); it ends its segment before anything else looks at the
 * path. A decoded NUL is refused, for no file name can mean it, and so is a control byte that
 * came unescaped; a backslash is an ordinary byte here. The kernel's openat2 is the wall
 * (file/root.h); this only makes names. Pure. Runs in workers and tests.
 */
#ifndef WEIR_HTTP_PATH_H
#define WEIR_HTTP_PATH_H

#include <stdbool.h>

#include "base/bytes.h"

enum http_path_result {
    HTTP_PATH_OK,
    HTTP_PATH_BAD,     /* 400: bad escape, NUL, raw control byte, or ".." above the root */
    HTTP_PATH_TOO_LONG /* 414: does not fit in `to` */
};

/*
 * Decodes and normalises `raw`, which begins with '/', into to[0..cap): the result begins
 * with '/', has no empty, "." or ".." segment ("//" collapses), and keeps a trailing slash
 * (also for a path that ended in "/." or "/.."). raw.n bytes are always enough for it.
 */
enum http_path_result http_path_decode(struct span raw, char *to, size_t cap, struct span *out);

/* True when some segment begins with a dot; "/.well-known/..." at the very start does not count. */
bool http_path_has_dot_file(struct span path);

/*
 * The first value of key in a query string, percent- and plus-decoded into to[]; false when it
 * is not there or does not fit. What is no good escape stays as it is. May hold any byte.
 */
bool http_query_get(struct span query, const char *key, char *to, size_t cap, struct span *out);

#endif
