/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From heads and values to a struct conf: starts from the defaults, takes section heads and
 * values in the order of the file, then overrides, and ends with the checks that need the
 * whole. Every mistake goes to the errors and building goes on, so that one run finds them
 * all; the conf is for use only when there were none. Master only.
 */
#ifndef WEIR_CONF_BUILDER_H
#define WEIR_CONF_BUILDER_H

#include "conf/conf.h"
#include "conf/errors.h"
#include "conf/settings.h"

struct builder {
    struct conf *conf;
    struct conf_errors *errors;

    /* Where values go now. */
    enum conf_section section; /* SECTION_COUNT: none yet, or an unknown one */
    bool any_head;
    size_t site;                    /* index in conf->sites */
    struct conf_location *location; /* NULL outside of one */
    struct conf_location *root;     /* the one of `weir DIR'; NULL with a file */
    bool in_fault;                  /* the last of conf->faults is the present one */

    int first_line[SECTION_COUNT]; /* of heads that may stand once; 0: not yet */
    struct conf_origin
        origin[SETTING_COUNT]; /* of settings; of a location, site or fault: the present one's */
};

/* With every default, and the nameless site. False when memory runs out. */
bool builder_init(struct builder *b, struct conf *conf, struct conf_errors *errors);

/* These two are events of ini_file_parse; arg is the builder. */
void builder_section(void *arg, int line, struct span head);
void builder_value(void *arg, int line, struct span key, struct span value);

/* One "KEY=VALUE" or "SECTION.KEY=VALUE" of -o. It must live as long as the errors. */
void builder_override(struct builder *b, const char *override);

/* A location of the present site, with its defaults; NULL when memory runs out. */
struct conf_location *builder_add_location(struct builder *b, struct span prefix, int line);

/* Gives a location or a fault the defaults of its section's settings. */
void builder_set_defaults(struct builder *b, enum conf_section section, void *owner);

/* One absolute path, without what the kernel would take out of it: it is compared by its bytes. */
bool builder_is_plain_path(struct span path);

/* A head of [fault] (builder_fault.c), the end of its section, and the checks of all of them. */
void fault_open(struct builder *b, int line, struct span prefix);
void fault_close(struct builder *b);
void fault_check_all(struct builder *b);

/* Ends the present location or fault, if there is one, with the checks of what it got. */
void builder_close(struct builder *b);

/* Sorts, numbers, and checks what only shows in the whole. */
void builder_finish(struct builder *b);

#endif
