/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Media types by file-name extension: a table filled once (from the configuration first, then
 * the system's mime.types text) and read-only afterwards. The text of mime.types comes from
 * the caller: no I/O here. Filled in the master before fork, read in workers.
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
 * no type/subtype is skipped. False on ENOMEM.
 */
bool mime_table_add_file(struct mime_table *t, struct span text);

/*
 * By the longest known extension of the name's last segment, ASCII case folded ("tar.gz"
 * before "gz"); "application/octet-stream" when none is. A leading dot begins no extension.
 */
struct span mime_table_find(const struct mime_table *t, struct span name);

/*
 * Whether a charset parameter is to be added to this type: text/..., and the JSON, XML and
 * JavaScript types, unless it has one already.
 */
bool mime_is_text(struct span type);

#endif
