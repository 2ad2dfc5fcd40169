/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What can lie over a view, as plain data: a dialog that asks before a change, a menu, a line
 * that is typed, the setup screen, a text to copy. Each is a state machine of its own (dialog.h,
 * menu.h, prompt.h, setup.h); at most one of them takes keys. Part of the controller.
 */
#ifndef WEIR_TUI_OVERLAY_H
#define WEIR_TUI_OVERLAY_H

#include "tui/app/settings.h"
#include "weir/snapshot.h"

#define LINE_BYTES 512

/* A line being edited: UTF-8 without controls. */
struct line {
    char text[LINE_BYTES];
    size_t at; /* the cursor, in bytes, always before a character */
};

enum dialog_kind {
    DIALOG_NONE,
    DIALOG_DRAIN,
    DIALOG_RESTART,
    DIALOG_KILL,
    DIALOG_AUTO, /* the number of workers: the server's choice, or fixed */
    DIALOG_RELOAD,
    DIALOG_REOPEN,
    DIALOG_FENCE,
    DIALOG_UNFENCE,
    DIALOG_ABORT,
    DIALOG_THROTTLE,
    DIALOG_LOGLEVEL,
    DIALOG_STOP,
    DIALOG_KIND_COUNT
};

#define DIALOG_DEAF_NS (300 * UINT64_C(1000000)) /* a held key or a late paste acts on nothing */

struct dialog {
    enum dialog_kind kind;
    uint64_t opened_ns;
    unsigned worker;              /* 0: it is not about one worker */
    uint32_t epoch;               /* of that worker when the dialog was opened */
    uint64_t serial;              /* of the request */
    bool tagged;                  /* about all tagged workers, one after another */
    int option;                   /* the one chosen */
    bool yes;                     /* the highlighted button is the verb, not Cancel */
    char target[SNAP_TEXT_BYTES]; /* mount point; or the request's target, for show */
    struct line typed;            /* the instance's name, or a rate */
};

enum menu_kind { MENU_NONE, MENU_SORT, MENU_ACTIONS, MENU_SERVER };

struct menu {
    enum menu_kind kind;
    int at;
};

enum prompt_kind { PROMPT_NONE, PROMPT_FIND, PROMPT_FILTER, PROMPT_COMMAND, PROMPT_KIND_COUNT };

#define PROMPT_HISTORY 16

struct prompt {
    enum prompt_kind kind;
    struct line line;
    char before[64];   /* what find or filter were, for Esc */
    int history_at;    /* 0: the line being typed, 1: the newest of history, ... */
    struct line draft; /* the line being typed, while history is looked at */
    char why[128];     /* why the line was not taken */
    struct {
        char text[PROMPT_HISTORY][LINE_BYTES]; /* newest first */
        int count;
    } history[PROMPT_KIND_COUNT];
};

struct setup {
    bool open;
    bool in_items; /* the cursor is in the right list */
    int group, item;
    char typed[16];         /* digits of the number under the cursor */
    struct settings before; /* for Esc */
};

#endif
