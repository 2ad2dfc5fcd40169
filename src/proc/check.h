/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Checking a configuration without waiting for it. Whatever asks a disk, a name server or the
 * user database happens in a short-lived child (checker.c), which keeps no descriptor but its end
 * of a socket pair (aside.h). It sends what is wrong, what should be said in the log, and the facts
 * it found (conf/facts.h) with the descriptors of the roots; from the same text and these facts the
 * master makes the configuration for itself. A child that does not come to an end is given up, not
 * waited for: it holds nothing, and ends when what it waits for does.
 *
 * Master only (weir -t and weir -T are masters that end soon).
 */
#ifndef WEIR_PROC_CHECK_H
#define WEIR_PROC_CHECK_H

#include <stdbool.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "proc/inherit.h"
#include "proc/master.h"

enum check_purpose {
    CHECK_TEST,  /* weir -t: what did not answer in time is no error */
    CHECK_START, /* the first of a server */
    CHECK_RELOAD
};

/* The child answers within this, whatever it asks; else it is given up. */
#define CHECK_NS (40 * NS_PER_S)
/* One that says nothing for so long is dead: with a thread in a wait that nothing ends the kernel
 * neither closes its end nor tells us. */
#define CHECK_SILENT_NS (5 * NS_PER_S)
#define CHECK_ALIVE_NS  NS_PER_S

struct check;

/* Starts the child. running: the sockets in force, which need not be made; may be NULL. NULL with a
 * line in *errors. */
struct check *check_begin(const struct master_options *options, enum check_purpose purpose,
                          const struct listen_set *running, struct buf *errors);
int check_fd(const struct check *c); /* for poll(2), POLLIN */
/* Takes what has come, without waiting; true when nothing more will. */
bool check_take(struct check *c, struct mono now);
/*
 * Ends a check that check_take said is over, as MASTER_FINE with *in prepared (all but log and
 * sockets), or as what the program would end with, with lines in *errors. What should be logged
 * either way is in *notes (inherit_note).
 */
int check_conclude(struct check **c, struct inherit *in, struct buf *errors, struct buf *notes);
/* Gives it up. */
void check_drop(struct check **c);

/* The whole, waiting for it, bounded in time. */
int check_now(const struct master_options *options, enum check_purpose purpose, struct inherit *in,
              struct buf *errors, struct buf *notes);

/* Writes notes to the log, or to standard error as a person who runs weir -t reads them. */
void check_log_notes(const struct buf *notes);
void check_print_notes(const struct buf *notes);

/* One reading of the configuration with the facts in use (check.c); both sides do it. */
int check_pass(const struct master_options *options, struct inherit *in, struct buf *errors);

/* The child's half (checker.c): checks, sends what it found over fd, ends. */
_Noreturn void checker_main(const struct master_options *options, enum check_purpose purpose,
                            const struct listen_set *running, int fd);
/* Whether this address is a unix socket that is not in force yet: its path, else NULL. */
const char *check_new_socket(const struct conf_listen *l, const struct listen_set *running);

/* What is sent: packets, each with this head in front; the child's end is the end of it. After
 * STATUS come only notes: the child is then the workers' user, whose processes could end it. */
enum check_packet {
    CHECK_HEAD,
    CHECK_ERRORS,
    CHECK_NOTES,
    CHECK_FACTS,
    CHECK_DESCRIPTOR,
    CHECK_STATUS,
    CHECK_ALIVE /* nothing new; every second at least */
};

struct check_packet_head {
    uint32_t kind;
    uint32_t number; /* HEAD: of descriptors that follow; DESCRIPTOR: of its fact; STATUS: it */
};

enum { CHECK_PACKET_BYTES = 60 * 1024 };

#endif
