/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Media types by file-name extension: a table filled once (from the configuration first, then
 * the system's mime.types text) and read-only afterwards. Types built in (mime_types.def) go before
 * those of mime.types, so that common files are the same on every machine. The text of mime.types
 * comes from the caller: no I/O here. Filled in the master before fork, read in workers.
 */
#ifndef WEIR_HTTP_MIME_H
#define WEIR_HTTP_MIME_H

#include <stdbool.h>

#include "base/bytes.h"

struct mime_table;

struct mime_table *mime_table_new(void); /* NULL on ENOMEM; holds a built-in base of common types */
void mime_table_free(struct mime_table **t);

/*
 * Later additions do not replace earlier ones, but do replace built-in ones. The extension
 * comes with or without its leading dot. Nothing is added when either is empty or holds a
 * control byte, or the extension a slash. False on ENOMEM.
 */
bool mime_table_add(struct mime_table *t, struct span extension, struct span type);
/*
 * Adds all of a mime.types file: "type ext ext ...", '#' comments; a line whose first word is
 * no type/subtype is skipped. Does not replace what is built in. False on ENOMEM.
 */
bool mime_table_add_file(struct mime_table *t, struct span text);

/*
 * By the longest known extension of the name's last segment, ASCII case folded ("tar.gz"
 * before "gz"); a leading dot begins no extension. When none is known: `otherwise` unless that is
 * empty, else text/plain for names like README, LICENSE and SHA256SUMS, else
 * application/octet-stream.
 */
struct span mime_table_find(const struct mime_table *t, struct span name, struct span otherwise);

/*
 * Whether a charset parameter is to be added to this type: text/... and JavaScript, unless it has
 * one already. Not HTML and XML: a file of these declares its own encoding, over which the
 * parameter would go (RFC 7303, 3); nor JSON, YAML and the like, which are UTF-8 by definition.
 */
bool mime_wants_charset(struct span type);

/* Whether files of this name are their type compressed by gzip: .svgz (SVG 2, appendix on media
 * types). Archives are not: a download has to stay what it is. */
bool mime_is_gzipped(struct span type, struct span name);

#endif
