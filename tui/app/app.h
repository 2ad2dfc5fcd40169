/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The controller: events in (keys, time, replies), state and commands out. It draws nothing,
 * waits for nothing, reads no clock. The one promise to hold: a command goes out only by
 * Enter on the strip, which says what it will do, and never out of pasted or flooding input.
 * Runs in weirtop.
 */
#ifndef WEIR_TUI_APP_H
#define WEIR_TUI_APP_H

#include "tui/app/keys.h"
#include "tui/model/model.h"

enum event_kind { EV_KEY, EV_TICK, EV_REPLY };

struct event {
    enum event_kind kind;
    uint64_t now_ns, wall_ns;
    uint32_t key; /* EV_KEY */
    bool flood;   /* EV_KEY: came in one read with many others; may be a paste */
    unsigned id;  /* EV_REPLY: of which command, and what it says */
    bool ok;
    uint32_t op;
    const char *text;
};

/* What the main loop has to do after an event. */
enum app_want { WANT_DRAW = 1, WANT_REPAINT = 2, WANT_SUSPEND = 4, WANT_QUIT = 8 };

struct app_command {
    bool there;
    unsigned id;
    char text[64];
};

enum strip_kind {
    STRIP_NONE,
    STRIP_WORKERS,  /* a number of workers is being chosen */
    STRIP_OFFLOAD,  /* a number of offload threads for each worker */
    STRIP_INTERVAL, /* an interval is being typed */
    STRIP_SENT,     /* the command is on its way, no reply yet */
    STRIP_GOING,    /* accepted; the board follows the operation */
    STRIP_DONE,
    STRIP_FAILED /* refused or failed; stays until Esc */
};

/* In the order of their number keys; the detail of one worker is reached by Enter. */
enum view_kind {
    VIEW_OVERVIEW,
    VIEW_LATENCY,
    VIEW_REQUESTS,
    VIEW_FILES,
    VIEW_IO,
    VIEW_EVENTS,
    VIEW_WORKER,
    VIEW_COUNT
};

/*
 * What a view with a list remembers: the cursor belongs to a thing (a request, a file, an
 * event), not to a row. Key: worker << 48 | serial for requests; a hash of the path for files;
 * the model's event number for events; worker << 32 | epoch for workers; 0: none.
 */
struct list_state {
    uint64_t key;
    int scroll;            /* rows above the first one shown; the view clamps it */
    int sort;              /* a column of the view's own table; 0: its natural order */
    bool invert;
    uint64_t held_until_ns; /* the order stays as it is until then; 0: it does not */
    char filter[64];        /* rows without this text are left out; "" for none */
    char find[64];          /* what / searches */
};

/* The moment that is shown. */
struct app_time {
    bool paused;       /* `record` is shown, not the newest; sampling goes on */
    bool replay;       /* a recording is shown: there is no server to change */
    uint64_t record;   /* number of the record on the tape (tui/model/tape.h) */
    uint64_t newest;   /* and of the newest; told by app_tape */
    uint64_t oldest;
};

/* The answer to `inspect N`, asked for while the detail of a worker is shown. */
struct app_inspect {
    unsigned worker;
    uint32_t epoch;
    unsigned id;          /* of the command under way, 0 for none */
    uint64_t asked_ns, answered_ns;
    bool ok;
    char text[16384];     /* lines; or why there are none */
};

#define APP_TAGS 64

#define APP_TYPED_BYTES 8

struct strip {
    enum strip_kind kind;
    bool offload;                /* the command is about offload threads, not workers */
    char typed[APP_TYPED_BYTES]; /* "" when it came about by + and - */
    int change;                  /* by + and - */
    unsigned id;                 /* of the command sent */
    uint32_t op;
    uint32_t from, to; /* the number before and wanted; to is 0 when not known */
    uint64_t since_ns; /* of this kind */
    uint64_t sent_ns;
    char text[1024]; /* STRIP_GOING, DONE, FAILED: the server's words */
};

struct app {
    struct strip strip;
    enum view_kind view;
    enum view_kind back; /* what Esc leads to from VIEW_WORKER */
    struct list_state list[VIEW_COUNT];
    struct app_time time;
    struct app_inspect inspect;
    uint64_t tag[APP_TAGS]; /* keys of tagged workers */
    unsigned tag_count;
    bool follow; /* the cursor stays on the worst worker */
    bool group;  /* workers by generation */
    bool wide;   /* the request column takes what it can */
    bool bits;   /* rates in bits, not bytes */
    int latency_ago; /* the column under the cursor of the heat map, in seconds before the newest */
    unsigned latency_worker; /* 0: all */
    int io_scroll; /* threads above the first one shown in the I/O view */
    bool help;
    int help_scroll;
    unsigned selected; /* number of the worker under the cursor, 0 when none */
    uint32_t selected_epoch;
    int page_rows; /* of the table on the screen, for PgUp and PgDn */
    int help_last; /* the furthest the help can scroll */
    int io_last;   /* and the I/O view; all three are told by app_seen */
    uint64_t interval_ns;
    bool read_only; /* by --read-only */
    unsigned next_id;
    char note[128]; /* a passing remark in the bottom line */
    uint64_t note_until_ns;
};

void app_init(struct app *a, uint64_t interval_ns, bool read_only);

/* Handles one event. Bits of enum app_want; a command to send is in *out. */
unsigned app_event(struct app *a, struct model *m, const struct event *e, struct app_command *out);

/* A command of app_event could not be sent. */
void app_not_sent(struct app *a, struct model *m, unsigned id, const char *why, uint64_t now_ns,
                  uint64_t wall_ns);

/* Why keys that change the server do nothing now; NULL when they do. */
const char *app_read_only_reason(const struct app *a, const struct model *m);

/* What the last drawing had room for. */
void app_seen(struct app *a, int table_rows, int help_last, int io_last);

/* The number of workers or threads that Enter would ask for, and the one in force. */
uint32_t app_strip_target(const struct app *a, const struct model *m);
uint32_t app_strip_now(const struct app *a, const struct model *m);

/* The selected row, the first one when none is selected; -1 when there are no rows. */
int app_selected_row(const struct app *a, const struct model *m);

#endif
