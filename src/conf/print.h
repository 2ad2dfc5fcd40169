/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writing one `key = value` of an INI file. Master only.
 */
#ifndef WEIR_CONF_PRINT_H
#define WEIR_CONF_PRINT_H

#include <stdio.h>

#include "base/bytes.h"

/* Writes the pair on as many lines as it takes; the value's special characters are escaped. */
void print_pair(FILE *to, struct span key, struct span value);

#endif
