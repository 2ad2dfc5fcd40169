/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * weirtop's main program in parts: main.c reads the arguments and chooses; top_screen.c is the
 * loop behind the screen; top_time.c samples and keeps the tape; top_save.c writes what the user
 * asks for; top_batch.c prints for scripts. These are all that read clocks or make system calls;
 * what they share is here.
 */
#ifndef WEIR_TUI_TOP_H
#define WEIR_TUI_TOP_H

#include "tui/app/app.h"
#include "tui/ctl/link.h"
#include "tui/ctl/messages.h"
#include "tui/model/tape.h"
#include "tui/opts.h"
#include "tui/term/input.h"
#include "tui/ui/chart.h"

#define SAMPLE_NS      (100 * NS_PER_MS)
#define EXIT_NO_SERVER 3

struct top {
    struct opts opts;
    char dir[4096];
    struct link link;
    struct model model;
    struct messages messages;
    struct app app;
    struct grid grid;
    struct input input;
    struct snap snap; /* the arrays the next snapshot is taken into */
    enum charset charset;
    int tty; /* keys */
    struct tape *tape;
    struct model past; /* the record that is shown while app.past is not NULL */
    uint64_t past_record;
    uint64_t tape_seconds, tape_ns; /* model.seconds and the time when it got its last record */
    uint64_t proc_ns;               /* when /proc was read last */
    uint64_t sample_ns, draw_ns, repaint_ns;
    uint64_t busy_ns;     /* since when the terminal takes no bytes; 0: it does */
    unsigned slow_frames; /* the last ones that took too long */
    uint64_t signature;
    uint64_t interval_start_ns; /* of the model's at the sample before: new rates are drawn */
    char settings_file[4096];   /* "": there is none */
    bool out_of_memory;
    char replay_damage[512]; /* what of the recording cannot be shown, "" for nothing */
};

/* ---- top_time.c ---- */

/* Takes a snapshot, or tells the model why there is none. False when memory ran out. */
bool top_sample(struct top *t, uint64_t now_ns);
/* The view shows a part of the board that the last snapshot has not: another is due at once. */
bool top_lacks_part(struct top *t);
/* What the server wrote to its log, as events. */
void top_messages(struct top *t, uint64_t now_ns);
/* The tape of this run, and with --record its file. False with a sentence. */
bool top_tape_open(struct top *t, char *why, size_t why_bytes);
/* Reads the recording of --replay. False with a sentence. */
bool top_replay_open(struct top *t, char *why, size_t why_bytes);
/* Adds a record when a second is over. */
void top_tape_add(struct top *t, uint64_t now_ns);
/* Shows the record that app.time says, or what is live. */
void top_show_time(struct top *t);
/* Puts app.settings into the model and the screen. */
void top_settings(struct top *t);

/* ---- top_save.c ---- */

/* Loads the settings file; what is wrong with it is said in the bottom line. */
void top_load_settings(struct top *t);
/* Carries out WANT_SAVE_... and WANT_COPY. */
void top_save(struct top *t, unsigned want);

/* ---- top_screen.c ---- */

/* The screen until the user quits. The exit status; -1 with a reason said when there can be none.
 */
int top_screen(struct top *t);
unsigned top_replies(struct top *t);

/* ---- top_batch.c ---- */

/* Plain output by the mode of the options. The exit status. */
int top_batch(struct top *t);

#endif
