/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What `$' means in a value of the file: ${NAME} is a variable of the environment, `$;' a
 * semicolon that begins no comment, and $${ and $$; are these two as they stand. Any other
 * `$' is itself. Master only.
 */
#ifndef WEIR_CONF_ENVIRONMENT_H
#define WEIR_CONF_ENVIRONMENT_H

#include "base/bytes.h"

/* Appends text to `to` with its references replaced; false with *why when one cannot be. */
bool environment_expand(struct span text, struct buf *to, struct buf *why);

/* Appends text so that inih and environment_expand make the same of it again. False on ENOMEM. */
bool environment_escape(struct span text, struct buf *to);

#endif
