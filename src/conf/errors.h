/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The errors of a configuration, collected wherever they are found and written out in the
 * order of lines, so that a person can mend all of them in one go. Master only.
 */
#ifndef WEIR_CONF_ERRORS_H
#define WEIR_CONF_ERRORS_H

#include "base/bytes.h"

/* Where something was set: a line of the file, an override, or neither (the file as a whole). */
struct conf_origin {
    int line;             /* from 1; 0: none */
    const char *override; /* the argument of -o; NULL: none */
};

struct conf_error {
    struct conf_origin where;
    size_t order; /* in which it was found */
    char *text;
};

struct conf_errors {
    const char *path; /* of the file, for the lines; NULL when there is none */
    struct conf_error *item;
    size_t count, cap;
    bool no_memory; /* an error, or a value, was lost for want of memory */
};

/* Control characters in the message are escaped: parts of it come from the file. */
void errors_add(struct conf_errors *errors, struct conf_origin where, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static inline bool errors_any(const struct conf_errors *errors)
{
    return errors->count > 0 || errors->no_memory;
}

/* Appends them to `to`, one line each: those of lines first, overrides last. */
void errors_write(struct conf_errors *errors, struct buf *to);
void errors_free(struct conf_errors *errors);

#endif
