/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which servers there are: the usual runtime directories and folders beside them, and which of
 * them answer. Only sockets in folders that belong to this user, to root or to nobody else are
 * asked, for /tmp is anybody's. Waits for each answer, shortly. Runs in weirtop before its screen.
 */
#ifndef WEIR_TUI_INSTANCES_H
#define WEIR_TUI_INSTANCES_H

#include <stdbool.h>
#include <stddef.h>

#include "weir/snapshot.h"

#define INSTANCES_MAX     64
#define INSTANCES_WAIT_MS 500

struct instance {
    char dir[4096];
    bool answers;
    char why[256]; /* when it does not */
    char name[BOARD_NAME_BYTES * 4 + 1];
    char version[128 + 1];
    char address[SNAP_TEXT_BYTES]; /* of the first listener */
    unsigned master_pid, workers, workers_wanted;
};

/*
 * Fills list[] with folders that hold a control socket, and asks each; returns how many. Looks in
 * the usual places, or when `only` is not NULL, in that folder alone.
 */
unsigned instances_find(struct instance *list, unsigned room, const char *only);

#endif
