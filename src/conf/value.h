/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Types of settings: text to value and back. A type parses the text of one setting into its
 * owner (struct conf, conf_location or conf_site), replacing what was there, and prints it
 * so that parsing gives the same again. Types know nothing of files, lines or sections.
 * Those of numbers and words are in value.c, of text and paths in value_text.c, of
 * locations and sites in value_site.c, of faults in value_fault.c, of addresses in listen.c. Master
 * only.
 */
#ifndef WEIR_CONF_VALUE_H
#define WEIR_CONF_VALUE_H

#include "conf/conf.h"

struct setting;

struct value_type {
    const char *name; /* as the manual calls it: "time", "size" */
    /*
     * text is trimmed and holds no control character. On failure the owner is as it was and
     * *why says what is wrong and what would be right; empty when memory ran out.
     */
    bool (*parse)(const struct setting *s, struct span text, void *owner, struct buf *why);
    /* Appends the value; false when there is none (NULL). *text is cut when memory runs out. */
    bool (*print)(const struct setting *s, const void *owner, struct buf *text);
    /* What is asked of a value that somebody wrote, but not of the default. May be NULL. */
    bool (*check)(struct span text, struct buf *why);
};

#define VALUE_TYPE(name) extern const struct value_type value_##name
VALUE_TYPE(NAME);
VALUE_TYPE(COUNT);
VALUE_TYPE(WORKERS);
VALUE_TYPE(TIME);
VALUE_TYPE(SIZE);
VALUE_TYPE(WINDOW);
VALUE_TYPE(BOOL);
VALUE_TYPE(LOG_FORMAT);
VALUE_TYPE(LOG_LEVEL);
VALUE_TYPE(LISTING);
VALUE_TYPE(WATCH);
VALUE_TYPE(LISTEN);
VALUE_TYPE(USER);
VALUE_TYPE(GROUP);
VALUE_TYPE(PATH);
VALUE_TYPE(READABLE);
VALUE_TYPE(DIRECTORY);
VALUE_TYPE(ACCESS_LOG);
VALUE_TYPE(ERROR_LOG);
VALUE_TYPE(CACHE_CONTROL);
VALUE_TYPE(CHARSET);
VALUE_TYPE(DEFAULT_TYPE);
VALUE_TYPE(INDEX);
VALUE_TYPE(REDIRECT);
VALUE_TYPE(ERROR_PAGES);
VALUE_TYPE(MEDIA_TYPE);
VALUE_TYPE(OPERATIONS);
VALUE_TYPE(ERROR_NAME);

/* A time or a size as people write it, in the largest unit that leaves no rest. */
bool value_print_time(struct buf *text, uint64_t ns);
bool value_print_size(struct buf *text, uint64_t bytes);

/* The next word of *rest, which white space separates; empty when there is none left. */
struct span value_word(struct span *rest);

/* A growing NULL-terminated list of owned strings. False when memory runs out; takes `item` either
 * way. */
bool value_list_add(char ***list, size_t *count, char *item);
void value_list_free(char ***list);

/* Values hold no control character but the tab: they go into logs, field lines and files. */
bool value_is_plain(struct span text, struct buf *why);

/* A token of RFC 9110, 5.6.2. */
bool value_is_token(struct span s);

void value_error_pages_free(struct conf_error_page **pages, size_t *count);
void value_listen_free(struct conf_listen **listen, size_t *count);

#endif
