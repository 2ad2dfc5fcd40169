/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The messages of a server that has given its terminal to the dashboard (weir -T): what is added
 * to its error log, line by line, as it comes. A log that was rotated or emptied is followed to
 * its new file. Only the log is read: it is the server that says what happened. Runs in weirtop.
 */
#ifndef WEIR_TUI_MESSAGES_H
#define WEIR_TUI_MESSAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MESSAGES_LINE_BYTES 4096
#define MESSAGES_LOOK_NS    UINT64_C(1000000000) /* how often it looks for a new file */

struct messages {
    const char *path; /* the caller's; NULL: none are read */
    int fd;           /* -1: the file is not there (yet) */
    uint64_t at;      /* where the next read begins */
    uint64_t look_ns; /* when to look at the file's name again */
    char line[MESSAGES_LINE_BYTES];
    size_t n;
    bool cut; /* what was left of the line was too long: its rest is left out */
};

struct message {
    uint64_t wall_ns; /* 0: the line does not say */
    char word[12];    /* ERROR, WARN, INFO, DEBUG; LOG for a line of another form */
    char text[MESSAGES_LINE_BYTES + 8];
};

/* where: "[OFFSET:]FILE"; without an offset from the end of the file. NULL: none are read. */
void messages_open(struct messages *m, const char *where);
void messages_close(struct messages *m);

/* The next whole line, if there is one. Call until false, but not for ever: a log can grow fast. */
bool messages_next(struct messages *m, uint64_t now_ns, struct message *out);

#endif
