/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lists, entity tags, Accept, and the text of mime.types: elements are trimmed, not empty,
 * within the input and in order; every walk ends.
 */
#include "tests/fuzz/fuzz.h"

#include "http/conditional.h"
#include "http/mime.h"
#include "http/parse.h"

static void walk_list(struct span list)
{
    struct span rest = list;
    const char *behind = list.p;

    for (struct span e = http_list_next(&rest); e.p; e = http_list_next(&rest)) {
        must(e.n > 0 && span_within(e, list) && e.p >= behind);
        must(span_eq(span_trim(e), e));
        behind = e.p + e.n;
    }
    must(!rest.p);
    http_list_has(list, "close");
}

static void walk_etags(struct span list)
{
    struct span rest = list, opaque;
    const char *behind = list.p;
    bool weak;

    while (http_etag_next(&rest, &opaque, &weak)) {
        must(opaque.n >= 2 && span_within(opaque, list) && opaque.p >= behind);
        must(opaque.p[0] == '"' && opaque.p[opaque.n - 1] == '"');
        must(!memchr(opaque.p + 1, '"', opaque.n - 2));
        behind = opaque.p + opaque.n;
    }
}

static void read_types(struct span text)
{
    struct mime_table *t = mime_table_new();

    must(t && mime_table_add_file(t, text));
    struct span type = mime_table_find(t, text, span_of(NULL, 0));
    must(type.n > 0 && memchr(type.p, '/', type.n));
    for (size_t i = 0; i < type.n; i++)
        must((unsigned char)type.p[i] >= 0x20 && type.p[i] != 0x7f);
    mime_wants_charset(type);
    mime_wants_charset(text);
    mime_is_gzipped(type, text);
    mime_table_free(&t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span text = span_of((const char *)data, size);

    walk_list(text);
    walk_etags(text);
    must(http_accept_quality(text, "text/html") <= 1000);
    read_types(text);
    return 0;
}
