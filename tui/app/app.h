/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The controller: events in (keys, pastes, the mouse, time, replies), state and commands out. It
 * draws nothing, waits for nothing, reads no clock. What it promises:
 *   - a command that changes the server goes out only by Enter on the strip, or by Enter or y in
 *     a dialog, both of which say what it will do; never out of pasted or flooding input, never
 *     while app_read_only_reason has one. Ticks send the next of several tagged workers, which
 *     was asked for in one dialog, and `inspect`, which changes nothing.
 *   - a dialog that is opened and answered with Enter sends nothing: Cancel is highlighted.
 *
 * The main loop's part:
 *   app_init, app_settings (with what settings_load gave), and in a replay app.time.replay = true.
 *   Each key, paste, click, tick (10 a second) and reply goes to app_event, which may leave one
 *   command in *out: send it, or say app_not_sent. What else is to do is in the bits returned.
 *   After each drawing: app_seen. After each record of the tape: app_tape.
 *   While app.time.paused or .replay, the views get the model of tape_show(app.time.record), to
 *   which app.past then points; app_event gets the live one as ever (in a replay: the same).
 * Runs in weirtop.
 */
#ifndef WEIR_TUI_APP_H
#define WEIR_TUI_APP_H

#include "tui/app/keys.h"
#include "tui/app/overlay.h"
#include "tui/app/settings.h"
#include "tui/model/model.h"

enum event_kind {
    EV_KEY,
    EV_TICK,  /* time went on; there may be a new snapshot in the model */
    EV_REPLY, /* to a command; or how it failed */
    EV_PASTE, /* bracketed paste; goes to an open prompt, else is ignored and says so */
    EV_MOUSE
};

enum mouse_what { MOUSE_CLICK, MOUSE_WHEEL_UP, MOUSE_WHEEL_DOWN };

struct event {
    enum event_kind kind;
    uint64_t now_ns, wall_ns;
    uint32_t key; /* EV_KEY */
    bool flood;   /* EV_KEY: came in one read with many others; may be a paste */
    unsigned id;  /* EV_REPLY: of which command, and what it says */
    bool ok;
    uint32_t op;
    const char *text;      /* EV_REPLY; EV_PASTE: any bytes, NUL at the end */
    enum mouse_what mouse; /* EV_MOUSE, and where: from 0 */
    int row, col;
};

/* What the main loop has to do after an event. */
enum app_want {
    WANT_DRAW = 1,
    WANT_REPAINT = 2,
    WANT_SUSPEND = 4,
    WANT_QUIT = 8,
    WANT_COPY = 16,           /* app.copy to the terminal's clipboard (OSC 52) */
    WANT_MOUSE = 32,          /* switch the mouse to app.mouse */
    WANT_BELL = 64,           /* ring */
    WANT_SAVE_SETTINGS = 128, /* settings_save(&app.settings); tell app_saved what came of it */
    WANT_SAVE_EVENTS = 256,   /* write the event log to app.file (new, mode 0600); app_saved */
    WANT_SAVE_SCREEN = 512,   /* write the grid as last drawn, as text; the same */
    WANT_TIME = 1024,         /* app.time changed: show its record (tape_show), or live */
    WANT_SETTINGS = 2048      /* app.settings changed: thresholds, charset, colours, history */
};

struct app_command {
    bool there;
    unsigned id;
    char text[1024]; /* CONTROL_REQUEST_BYTES */
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

/* The words of :view and of titles: "overview", "latency", ... */
extern const char *const view_word[VIEW_COUNT];

/*
 * What a view with a list remembers: the cursor belongs to a thing (a request, a file, an
 * event), not to a row. Key: worker << 48 | serial for requests; a hash of the path for files;
 * the model's event number for events; the device of a mount in the I/O view; worker << 32 |
 * epoch for workers (overview, latency; the cursor there is `selected`, the key follows it); 0:
 * none.
 */
struct list_state {
    uint64_t key;
    int scroll; /* rows above the first one shown; the view clamps it */
    int sort;   /* index into view_sort_name; 0: the list's natural order */
    bool invert;
    uint64_t held_until_ns; /* the order stays as it is until then; 0: it does not */
    char filter[64];        /* rows without this text are left out (app_row_matches); "" for none */
    char find[64];          /* what / searches; the same test */
    int shift;              /* cells of the last column that are out of sight on the left */
};

/* The moment that is shown. */
struct app_time {
    bool paused;     /* `record` is shown, not the newest; sampling goes on */
    bool replay;     /* a recording is shown: there is no server to change */
    uint64_t record; /* number of the record on the tape (tui/model/tape.h) */
    uint64_t newest; /* and of the newest; told by app_tape */
    uint64_t oldest;
    uint64_t played_ns; /* replay, not paused: when `record` last went on by itself */
};

/* The answer to `inspect N`, asked for while the detail of a worker is shown. */
struct app_inspect {
    unsigned worker;
    uint32_t epoch;
    unsigned id; /* of the command under way, 0 for none */
    uint64_t asked_ns, answered_ns;
    bool ok;
    char text[16384]; /* lines; or why there are none */
};

#define APP_TAGS         64
#define APP_TYPED_BYTES  8
#define APP_INSPECT_NS   (2 * UINT64_C(1000000000))
#define APP_NO_ANSWER_NS (5 * UINT64_C(1000000000))
#define APP_ROWS         256 /* keys of rows that the controller is told */

struct strip {
    enum strip_kind kind;
    bool offload;                /* the command is about offload threads, not workers */
    bool other;                  /* neither: `what` says it */
    bool foreign;                /* a change that somebody else asked for */
    char typed[APP_TYPED_BYTES]; /* "" when it came about by + and - */
    int change;                  /* by + and - */
    unsigned id;                 /* of the command sent */
    uint32_t op;
    uint32_t from, to; /* the number before and wanted; to is 0 when not known */
    uint64_t since_ns; /* of this kind */
    uint64_t sent_ns;
    bool late;       /* there was no answer for APP_NO_ANSWER_NS; it has been noted */
    char what[128];  /* the command as sent */
    char text[1024]; /* STRIP_GOING, DONE, FAILED: the server's words */
};

/* Tagged workers, one after another: the next when the one before is done. */
struct roll {
    const char *verb; /* "drain", "restart"; NULL: none is under way */
    uint64_t key[APP_TAGS];
    unsigned count, at; /* key[at] is the current one */
    bool waiting;       /* for the current one to be done; else it is to be sent */
    bool ending;        /* Esc: none after the current one */
};

/*
 * What the controller has to know of the screen as last drawn, for cursor, paging, scrolling and
 * clicks. A row of a list is known by its key (struct list_state); in the overview and the
 * latency view rows are workers.
 */
struct app_facts {
    int page_rows;              /* rows the list has room for */
    int last_scroll;            /* the furthest list_state.scroll can be; more counts as that */
    int scroll;                 /* list_state.scroll as it was taken */
    int first_row;              /* the line of the screen where the list's first row is */
    int row_count;              /* rows on the screen */
    uint64_t row_key[APP_ROWS]; /* of each of them; 0: a line that is no row */
    int heat_last;              /* the furthest app.latency_ago can be */
    int help_last;              /* the furthest the help can scroll */
    int help_up, help_down;     /* its lines in a page above the first one shown, and below */
    int text_beyond;            /* cells of the longest text that its column has no room for */
    int table_rows, io_last;    /* page_rows; last_scroll of the I/O view */
};

struct app {
    struct strip strip;
    struct roll roll;
    enum view_kind view;
    enum view_kind back; /* what Esc leads to from VIEW_WORKER */
    struct list_state list[VIEW_COUNT];
    struct app_time time;
    struct app_inspect inspect;
    uint64_t tag[APP_TAGS]; /* keys of tagged workers */
    unsigned tag_count;
    struct dialog dialog;
    struct menu menu;
    struct prompt prompt;
    struct setup setup;
    struct settings settings;
    bool follow; /* the cursor stays on the worst worker */
    bool group;  /* workers by generation */
    bool wide;   /* the request column takes what it can */
    bool bits;   /* rates in bits, not bytes */
    bool mouse;
    char copy[SNAP_TEXT_BYTES]; /* WANT_COPY */
    bool copy_box;              /* it is shown alone in a box, for selecting by hand */
    uint64_t about;             /* key of the request or file whose box is shown, 0 for none */
    char file[LINE_BYTES];      /* WANT_SAVE_EVENTS, WANT_SAVE_SCREEN */
    int latency_ago; /* the column under the cursor of the heat map, in seconds before the newest */
    unsigned latency_worker; /* 0: all */
    int io_scroll;           /* threads above the first one shown in the I/O view */
    bool help;
    int help_scroll;
    char help_find[64]; /* what / searches there */
    int help_found;     /* the line with it, from 1; 0: none */
    unsigned selected;  /* number of the worker under the cursor, 0 when none */
    uint32_t selected_epoch;
    int row_wanted; /* the cursor goes to this row of the list once its key is known; -1 */
    int find_pages; /* a search goes on for so many pages of the list */
    bool find_up;
    uint64_t find_ns; /* when it was asked for */
    struct app_facts seen;
    const struct model *past; /* the main loop's: the record that is shown; NULL: the live model */
    uint64_t now_ns;          /* when the newest event came */
    uint64_t interval_ns;
    bool read_only;   /* by --read-only */
    char denied[128]; /* why the server lets this user change nothing; learnt from a reply */
    uint8_t uuid[16]; /* of the instance that `denied` and op_seen are about */
    uint32_t op_seen; /* the newest operation on the board that was looked at */
    bool op_known;
    unsigned rung; /* workers that were blocked when the bell was last thought about */
    unsigned next_id;
    char note[192]; /* a passing remark in the bottom line */
    uint64_t note_until_ns;
    bool note_stays; /* when the view changes: it is not about the view */
};

void app_init(struct app *a, uint64_t interval_ns, bool read_only);
/* Puts *s in force: at the start, before flags of the command line are (which are not saved:
 * set app.interval_ns and the like after this). */
void app_settings(struct app *a, const struct settings *s);

/* Handles one event. Bits of enum app_want; a command to send is in *out. */
unsigned app_event(struct app *a, struct model *m, const struct event *e, struct app_command *out);

/* A command of app_event could not be sent. */
void app_not_sent(struct app *a, struct model *m, unsigned id, const char *why, uint64_t now_ns,
                  uint64_t wall_ns);

/* What became of WANT_SAVE_...: why is "" when it worked. Told in the bottom line and in events. */
void app_saved(struct app *a, struct model *m, const char *file, const char *why, uint64_t now_ns,
               uint64_t wall_ns);

/* Why keys that change the server do nothing now; NULL when they do. */
const char *app_read_only_reason(const struct app *a, const struct model *m);

/*
 * The screen was drawn, of this model. True when it has to be drawn again at once: the cursor
 * went, or a search goes on, to rows that were not on the screen. Ends by itself: at most one
 * drawing for each page of the list.
 */
bool app_seen(struct app *a, const struct model *shown, const struct app_facts *facts);

/* The tape holds these records; both 0 when it is empty. */
void app_tape(struct app *a, uint64_t oldest, uint64_t newest);

/* The number of workers or threads that Enter would ask for, and the one in force. */
uint32_t app_strip_target(const struct app *a, const struct model *m);
uint32_t app_strip_now(const struct app *a, const struct model *m);

/* The selected row, the first one when none is selected; -1 when it is not there. */
int app_selected_row(const struct app *a, const struct model *m);

/* A passing remark in the bottom line. */
void app_note(struct app *a, uint64_t now_ns, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

bool app_tagged(const struct app *a, uint64_t worker_key);

static inline uint64_t app_worker_key(const struct snap_worker *w)
{
    return (uint64_t)w->number << 32 | w->epoch;
}

static inline uint64_t app_request_key(const struct snap_request *r)
{
    return (uint64_t)r->worker << 48 | (r->serial & UINT64_C(0xffffffffffff));
}

/*
 * Does the row with this key contain the text, in any case of ASCII letters? What / finds and \
 * keeps; views use it so that both agree. True for "".
 */
bool app_row_matches(const struct model *m, enum view_kind view, uint64_t key, const char *text);

/*
 * Does view 6 tell of runs of events in one line each? Not while a text is looked for: then each
 * event is a row. The key of a run's row is the number of any of its events.
 */
bool app_folds_events(const struct app *a);

/* The model that the views show. */
static inline const struct model *app_shown(const struct app *a, const struct model *m)
{
    return a->past ? a->past : m;
}

#endif
