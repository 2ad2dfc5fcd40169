/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Dialogs: the question before a change. A dialog is opened about one thing (a worker and its
 * epoch, a request, a mount) or about all tagged workers, says what will happen in numbers of
 * now, and sends only what it was opened for: when the thing has been replaced meanwhile it
 * refuses. Pure. Part of the controller.
 */
#ifndef WEIR_TUI_DIALOG_H
#define WEIR_TUI_DIALOG_H

#include "tui/app/app.h"

#define DIALOG_OPTIONS 4
#define DIALOG_LINES   5

/* What it says now; made anew for each drawing. */
struct dialog_text {
    char title[160];
    char body[DIALOG_LINES][SNAP_TEXT_BYTES + 160]; /* sentences, to be wrapped */
    int lines;
    char warning[320]; /* before the body; "" for none */
    const char *option[DIALOG_OPTIONS];
    int options;
    char ask[128];                      /* what dialog.typed is; "" when nothing is typed */
    const char *verb;                   /* of the button that is not Cancel */
    bool ready;                         /* the verb can be chosen: what has to be typed is there */
    char command[SNAP_TEXT_BYTES + 64]; /* as a shell command */
    char refusal[256];                  /* why it cannot be done any more; "" when it can */
};

void dialog_describe(const struct app *a, const struct model *m, struct dialog_text *out);

/* Opens it about what is selected (or tagged); says why not when it cannot. */
void dialog_open(struct app *a, const struct model *m, enum dialog_kind kind, uint64_t now_ns);
/* About this worker, whichever is selected; 0 for none. */
void dialog_open_worker(struct app *a, const struct model *m, enum dialog_kind kind,
                        unsigned worker, uint64_t now_ns);
void dialog_open_request(struct app *a, const struct model *m, enum dialog_kind kind, uint64_t key,
                         uint64_t now_ns);
void dialog_open_mount(struct app *a, enum dialog_kind kind, const char *path, uint64_t now_ns);
void dialog_close(struct app *a);

void dialog_key(struct app *a, struct model *m, const struct event *e, struct app_command *out);

/* The command it stands for, as it goes over the control socket. */
void dialog_command(const struct app *a, const struct model *m, char *out, size_t out_bytes);

/* Is this worker in uninterruptible sleep, as far as is known? */
bool dialog_is_in_d_state(const struct app *a, const struct model *m, unsigned worker);

#endif
