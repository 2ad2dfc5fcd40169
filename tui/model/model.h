/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The model: what the dashboard knows. Snapshots go in (model_take); rates, percentiles,
 * history, the order of the rows, events and the state of the connection come out as plain
 * data. It knows no terminal, reads no clock (time comes in with each snapshot) and makes no
 * system call, so tests feed it snapshots made by hand. Runs in weirtop.
 *
 * Rates are the growth of a counter over the true time between two samples of the same
 * process (slot and epoch); where there are no two, the rate is negative: not known.
 */
#ifndef WEIR_TUI_MODEL_H
#define WEIR_TUI_MODEL_H

#include "tui/model/history.h"
#include "tui/model/topk.h"
#include "weir/snapshot.h"

#define MODEL_LAG_STEPS     7 /* baselines 10 s apart: figures over the last 60 to 70 s */
#define MODEL_WAIT_SECONDS  60
#define MODEL_EVENTS        1024
#define HEAT_SECONDS        240
#define MODEL_UNKNOWN       (-1.0)
#define MODEL_STALE_NS      (1500 * UINT64_C(1000000)) /* the master beats at least each second */
#define MODEL_HELD_NS       (1000 * UINT64_C(1000000)) /* a call of a disk thread beyond this is told */
#define MODEL_DROPS_SECONDS 10
#define MODEL_FIRST_NS      (500 * UINT64_C(1000000)) /* until the first rates, at most */
#define MODEL_SLOW_FRACTION 4 /* a worker away for a quarter of [log] blocked is slow */

/* The figures of which rates are kept. */
enum rate {
    RATE_REQUESTS,
    RATE_BYTES_OUT,
    RATE_BYTES_IN,
    RATE_2XX,
    RATE_3XX,
    RATE_4XX,
    RATE_5XX,
    RATE_ABORTED,
    RATE_JOBS,
    RATE_COUNT
};

/* What a row of the worker table says in its STATE column. */
enum row_state {
    ROW_IDLE,
    ROW_BUSY,
    ROW_OFFLOAD, /* all its requests wait for offload threads; the loop is free */
    ROW_SLOW,
    ROW_BLOCKED,
    ROW_STOPPED,
    ROW_STARTING,
    ROW_DRAINING,
    ROW_STOPPING,
    ROW_BACKOFF,
    ROW_DEAD, /* the kernel cannot end it; another one stands for it */
    ROW_STATE_COUNT
};

extern const char *const row_state_word[ROW_STATE_COUNT];
extern const char row_state_letter[ROW_STATE_COUNT]; /* in the scoreboard */
extern const char *const row_state_help[ROW_STATE_COUNT];

/* From when on something counts as bad; the user may set these. */
struct thresholds {
    uint64_t slow_ns;    /* 0: a quarter of blocked_ns */
    uint64_t blocked_ns; /* 0: the server's own [log] blocked */
    uint32_t queue_warn; /* depth */
    unsigned queue_bad_percent;
    uint64_t lag_warn_ns, lag_bad_ns;
};

/* What is remembered about one slot between snapshots. */
struct model_worker {
    unsigned number;
    uint32_t epoch;
    bool seen;         /* in the newest snapshot */
    uint64_t first_ns; /* first sample in this interval of this epoch */
    uint64_t last[RATE_COUNT];
    uint64_t grown[RATE_COUNT]; /* in this interval */
    double rate[RATE_COUNT];    /* of the last whole interval; MODEL_UNKNOWN until there is one */
    struct snap_hist accept_before;
    struct snap_hist turn_before;
    struct snap_hist job_wait_before, job_run_before;
    struct snap_hist turn_base[MODEL_LAG_STEPS]; /* oldest first */
    unsigned turn_bases;
    uint64_t turn_base_ns; /* when the newest was taken */
    uint64_t lag_p50_ns, lag_p99_ns, lag_max_ns;
    uint64_t lag_p90_ns;
    uint64_t lag_over;         /* turns longer than [log] blocked, in the same time */
    uint32_t lag[LAG_BUCKETS]; /* turns of that time */
    double turns;              /* per second; MODEL_UNKNOWN */
    bool lag_known;
    uint16_t heat[HEAT_SECONDS][LAG_BUCKETS]; /* a ring over seconds, full at 65535 */
    unsigned heat_next, heat_count;
    uint64_t rss_bytes;         /* from /proc; 0: not known */
    double cpu;                 /* share of one CPU over the last interval; MODEL_UNKNOWN */
    uint64_t cpu_ns, cpu_at_ns; /* CPU time so far, and when it was read; 0: never */
    uint64_t fds, fds_max;      /* open descriptors and their limit; 0: not known */
    uint64_t
        pool_full_since_ns; /* since when its offload pool is full with a queue; 0: it is not */
};

/* One row of the table, in the order of severity. */
struct model_row {
    unsigned worker; /* index into now.worker */
    unsigned memory; /* index into memory */
    enum row_state state;
    uint64_t since_ns; /* how long in this state */
    uint64_t away_ns;  /* how long the loop has been away from epoll_wait, 0 when it is not */
    int job;           /* the oldest job of its offload threads, index into now.thread, or -1 */
};

/* An offload thread at work. */
struct model_job {
    uint64_t since_ns;
    unsigned thread; /* index into now.thread */
};

/* What is remembered about one mount between snapshots. */
struct model_mount {
    uint64_t device;
    char name[SNAP_TEXT_BYTES];
    uint64_t last[MOUNT_COUNTER_COUNT];
    uint64_t grown[MOUNT_COUNTER_COUNT];     /* in this interval */
    uint64_t window[2][MOUNT_COUNTER_COUNT]; /* in these 30 s, and in those before */
    double refused;                          /* per second, over the last interval */
};

/* Offload threads of all workers together, and mounts. */
struct model_offload {
    uint64_t threads, limit, queued, waiting;
    uint64_t busy, stuck;  /* busy: of those that count against the limit; the others are stuck */
    struct model_job *job; /* oldest first */
    unsigned job_count, job_room;
    struct model_mount *mount;
    unsigned mount_count, mount_room;
    uint64_t wait_p99_ns, run_p99_ns; /* of jobs that ended in the last whole second; or 0 */
    uint64_t window_ns;               /* when the running 30 s began */
};

enum event_severity { EVENT_IS_INFO, EVENT_IS_WARN, EVENT_IS_BAD };

enum link_state { LINK_NEVER, LINK_LIVE, LINK_STALE, LINK_GONE };

struct model_event {
    uint64_t number; /* from 1, in the order in which they came here */
    uint64_t wall_ns;
    uint64_t when_ns; /* CLOCK_MONOTONIC */
    enum event_severity severity;
    unsigned worker;
    char word[12];
    char text[SNAP_TEXT_BYTES];
};

struct model {
    struct snap now; /* the newest snapshot; all zero before the first */
    bool have;
    uint64_t clock_ns, wall_ns; /* of the newest event, snapshot or not */
    enum link_state link;
    uint64_t gone_since_ns; /* LINK_GONE, LINK_NEVER: since when */
    char link_why[256];     /* why there is no connection, in a sentence */
    bool reattached;        /* to another instance than before */

    uint64_t interval_ns;
    uint64_t interval_start_ns;
    double total[RATE_COUNT]; /* per second over the last interval */

    struct model_worker *memory;
    unsigned memory_count, memory_room;
    struct model_row *row;
    unsigned row_count, row_room;
    unsigned in_state[ROW_STATE_COUNT];
    unsigned live; /* rows with a process */
    struct model_offload offload;
    struct topk files;
    struct thresholds thresholds;
    unsigned cpus; /* of this machine; 0: not known */
    /* What views look at beside the overview: copied from the board when asked for. */
    unsigned wants;      /* bits of enum snap_want */
    bool few_histograms; /* set by the screen: now.worker[].hist is read once a second only */
    unsigned watched;    /* number of the worker whose detail is shown, 0 for none */

    /* The running second, and those that ended. */
    uint64_t seconds; /* how many ended, gaps aside */
    uint64_t second_start_ns;
    struct history_record second;
    uint64_t second_grown[RATE_COUNT];
    struct history history;
    uint64_t drops_before;
    bool drops_known;
    struct snap_hist wait[MODEL_WAIT_SECONDS];
    unsigned wait_next;
    struct snap_hist wait_minute;
    uint64_t wait_now_p99_ns, wait_minute_p99_ns; /* 0: nothing was measured */
    uint64_t lag_p99_ns;                          /* of all workers, last whole second */

    struct model_event event[MODEL_EVENTS];
    unsigned event_count, event_next;
    uint64_t event_number;     /* of the newest */
    uint64_t board_event_next; /* sequence number of the next event to take */
    uint64_t events_lost;
};

/* False on ENOMEM. */
bool model_init(struct model *m, uint64_t interval_ns);
void model_free(struct model *m);

/*
 * Which parts the next snapshot should have (struct snap's `wants`): those that are wanted when
 * the sample ends an interval or lacks them, else none, for they are large. What a snapshot
 * has not is kept from the one before.
 */
unsigned model_wants(const struct model *m, uint64_t now_ns);

/*
 * Takes over the contents of *s (by swapping, so that *s gets arrays to be used again).
 * False on ENOMEM; the model then still shows the snapshot before.
 */
bool model_take(struct model *m, struct snap *s);

/* What /proc says of the process of worker `number`; not taken when it is another epoch's. */
struct model_proc {
    uint64_t cpu_ns, rss_bytes;
    uint64_t fds, fds_max; /* 0: not known */
};
void model_take_proc(struct model *m, unsigned number, uint32_t epoch, const struct model_proc *p,
                     uint64_t now_ns);

/*
 * The board of a server that has gone: what it told last, and whether it was stopped. The rest stays
 * as it was. Before model_no_data.
 */
void model_take_last(struct model *m, const struct snap *s);

/* Time goes on without a snapshot. `why` says why there is none. */
void model_no_data(struct model *m, uint64_t now_ns, uint64_t wall_ns, const char *why);

/* Events of the dashboard itself, beside those of the board; the word gives the severity. */
void model_note(struct model *m, uint64_t wall_ns, const char *word, const char *text);
enum event_severity model_severity(const char *word, const char *text);
/* The event of `ago` before the newest; NULL when there is none. */
const struct model_event *model_event_at(const struct model *m, unsigned ago);

/*
 * Events of a kind that requests cause, and so by the hundred, as long as no other event came
 * between them: views tell of a run in one line.
 */
struct event_run {
    const struct model_event *last, *first; /* the newest and the oldest that is remembered */
    unsigned count;                         /* 1: an event by itself */
};
static inline bool event_run_has(const struct event_run *run, uint64_t number)
{
    return run->first->number <= number && number <= run->last->number;
}

/* The run that ends `ago` before the newest event of all; without `fold`, that event alone. */
bool model_event_run(const struct model *m, unsigned ago, bool fold, struct event_run *run);

/* The listener whose queue is fullest; NULL when there is none. */
const struct snap_listener *model_fullest(const struct snap *s);
uint32_t model_queue_peak(const struct model *m);
uint64_t model_drops_lately(const struct model *m); /* in the last MODEL_DROPS_SECONDS */

/* Away for longer than this: slow. Longer than now.blocked_after_ns: blocked. */
static inline uint64_t model_slow_after_ns(const struct model *m)
{
    return m->thresholds.slow_ns ? m->thresholds.slow_ns
                                 : m->now.blocked_after_ns / MODEL_SLOW_FRACTION;
}

static inline const struct snap_worker *model_worker(const struct model *m,
                                                     const struct model_row *r)
{
    return &m->now.worker[r->worker];
}

/* Whether a client of this worker took or gave bytes of a request lately. */
bool model_worker_sends(const struct model *m, const struct snap_worker *w, uint64_t within_ns);
/* What row r does, in words: "open /srv/a", "draining, 3 left". */
void model_row_doing(const struct model *m, const struct model_row *r, const char **verb,
                     char *object, size_t object_bytes);

/* Are all offload threads a worker may have busy, with jobs in the queue? */
bool model_pool_full(const struct snap_worker *w);
/* What is remembered of a mount, and the other way; NULL when there is nothing. */
const struct model_mount *model_mount_memory(const struct model *m, const struct snap_mount *now);
const struct snap_mount *model_mount_of(const struct model *m, const struct model_mount *memory);
/* The share of calls for this mount that memory answered, of the last 30 to 60 s; or unknown. */
double model_mount_hot(const struct model *m, const struct snap_mount *now);
uint64_t model_job_age_ns(const struct model *m, const struct snap_thread *t);
uint64_t model_oldest_job_ns(const struct model *m); /* 0 when no thread runs one */

/* A number that changes when something happened that must be seen at once. */
uint64_t model_signature(const struct model *m);

#endif
