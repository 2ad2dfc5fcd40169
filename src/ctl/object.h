/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * JSON objects under construction, with jansson: a failed allocation is noted once and looked
 * at when all is put together. For ctl/ only. Runs in observers.
 */
#ifndef WEIR_CTL_OBJECT_H
#define WEIR_CTL_OBJECT_H

#include <jansson.h>
#include <string.h>

#include "base/escape.h"
#include "ctl/age.h"

/* An object under construction; `failed` collects what went wrong on the way. */
struct object {
    json_t *json;
    bool *failed;
};

static inline struct object object_new(bool *failed)
{
    struct object o = {json_object(), failed};

    if (!o.json)
        *failed = true;
    return o;
}

static inline void put(struct object o, const char *name, json_t *value)
{
    if (json_object_set_new(o.json, name, value) != 0)
        *o.failed = true;
}

static inline void append(json_t *array, json_t *value, bool *failed)
{
    if (json_array_append_new(array, value) != 0)
        *failed = true;
}

static inline void put_number(struct object o, const char *name, uint64_t v)
{
    put(o, name, json_integer(v > INT64_MAX ? INT64_MAX : (json_int_t)v));
}

static inline void put_bool(struct object o, const char *name, bool v)
{
    put(o, name, json_boolean(v));
}

static inline void put_seconds(struct object o, const char *name, uint64_t ns)
{
    put(o, name, json_real((double)ns / 1e9));
}

static inline void put_ms(struct object o, const char *name, uint64_t ns)
{
    put(o, name, json_real((double)ns / 1e6));
}

/* Snapshots hold valid UTF-8; a string that is not is shown with its bytes escaped. */
static inline void put_text(struct object o, const char *name, const char *text)
{
    char clean[4 * SNAP_TEXT_BYTES];
    struct out w = out_into(clean, sizeof clean);
    json_t *value = json_string(text);

    if (!value) {
        escape_visible(&w, span_of(text, strnlen(text, SNAP_TEXT_BYTES - 1)));
        value = json_stringn(clean, out_len(&w));
    }
    put(o, name, value);
}

static inline void put_text_or_null(struct object o, const char *name, const char *text)
{
    if (text && text[0] != '\0')
        put_text(o, name, text);
    else
        put(o, name, json_null());
}

/* What was put together, or NULL, with all of it freed, when something failed. */
static inline json_t *finished(json_t *json, bool failed)
{
    if (json && !failed)
        return json;
    json_decref(json);
    return NULL;
}

#endif
