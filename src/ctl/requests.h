/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The requests and files of a snapshot, for people and as JSON: those in flight, the slow ones
 * that are over, and the files that are asked for most, of all workers together. Each needs a
 * snapshot that wants it. Runs in observers.
 */
#ifndef WEIR_CTL_REQUESTS_H
#define WEIR_CTL_REQUESTS_H

#include <jansson.h>
#include <stdio.h>

#include "weir/snapshot.h"

/* JSON arrays; NULL: no memory. */
json_t *status_requests_json(const struct snap *s);
json_t *status_slow_json(const struct snap *s);
json_t *status_files_json(const struct snap *s);
/* An object of the first two. */
json_t *status_traffic_json(const struct snap *s);

/* The requests in flight, and the slow ones of late. */
void status_print_traffic(FILE *to, const struct snap *s);
/* False: no memory. */
bool status_print_files(FILE *to, const struct snap *s);

#endif
