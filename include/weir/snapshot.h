/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Snapshots: the board of one instant as plain data, and the reader that takes them. What
 * weirctl status, weirtop and scripts see comes from here. Every string in a snapshot has
 * been scrubbed (base/escape.h, escape_visible), for clients choose paths: it can be printed
 * to a terminal as it is. The board is read as hostile memory: counts, offsets, lengths and
 * enumerators are checked, and a board that does not add up is refused with a reason.
 *
 * Runs in observers (weirtop, weirctl) and tests; never blocks; single-threaded.
 */
#ifndef WEIR_SNAPSHOT_H
#define WEIR_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "weir/board.h"

/* Room for a board_text in which every byte became \xNN, "..." and a NUL. */
#define SNAP_TEXT_BYTES 1024

struct snap_hist {
    uint64_t count;
    uint64_t sum_ns;
    uint64_t bucket[HIST_BUCKETS];
};

struct snap_worker {
    unsigned number; /* from 1 */
    enum board_state state;
    uint32_t pid;
    uint32_t epoch;
    uint32_t generation;
    uint64_t pid_start_ticks;
    uint64_t state_since_ns;
    uint64_t stopped_since_ns;
    uint64_t blocked_since_ns;
    enum board_exit last_exit;
    uint32_t last_exit_detail;
    uint32_t restarts;
    uint32_t blocked_count;
    uint64_t turn_since_ns;
    uint64_t wait_since_ns;
    enum board_wait wait;
    bool ready;
    uint64_t heartbeat_ns;
    uint64_t counter[COUNTER_COUNT];
    char serving[SNAP_TEXT_BYTES];
    char request[SNAP_TEXT_BYTES];
    char peer[SNAP_TEXT_BYTES];
    bool serving_stale; /* the worker was interrupted in the middle of writing it */
    struct snap_hist hist[HIST_COUNT];
    unsigned thread_first, thread_count; /* its offload threads in struct snap's thread[] */
};

/* One living offload thread. */
struct snap_thread {
    unsigned worker; /* from 1 */
    unsigned number; /* from 1, within the worker */
    uint32_t tid;
    enum board_wait wait; /* WAIT_POLL when idle */
    uint64_t since_ns;    /* of its job; 0 when idle */
    bool probe;           /* the job tries whether a sick mount answers */
    unsigned mount;       /* index in struct snap's mount[]; mount_count or more: none */
    char path[SNAP_TEXT_BYTES];
};

/* One mount, of all workers that know it: the worst state, the oldest job, numbers added up. */
struct snap_mount {
    uint64_t device;
    enum board_mount_state state;
    unsigned workers;      /* how many know it */
    unsigned workers_sick; /* for how many of them it is sick or fenced */
    uint64_t running, queued;
    uint64_t late;      /* of those that run: given up */
    uint64_t oldest_ns; /* when the oldest running job began, 0 when none */
    uint64_t sick_since_ns;
    uint64_t failed_ns;  /* when a call last failed, 0 for never; */
    uint32_t last_errno; /* why */
    uint64_t counter[MOUNT_COUNTER_COUNT];
    char name[SNAP_TEXT_BYTES];
    char type[SNAP_TEXT_BYTES];
};

struct snap_stall {
    unsigned worker; /* from 1 */
    bool on_loop;    /* else an offload thread */
    bool over;
    enum board_wait wait;
    uint64_t began_ns, began_wall_ns;
    uint64_t lasted_ns; /* so far, while it is not over */
    uint32_t waiting;   /* connections that waited behind it; on_loop only */
    char path[SNAP_TEXT_BYTES];
    char kernel[SNAP_TEXT_BYTES];
};

/* One request in flight. */
struct snap_request {
    unsigned worker; /* from 1 */
    uint64_t serial;
    enum board_phase phase;
    unsigned status;
    bool cold;
    uint64_t began_ns, phase_since_ns, progress_ns;
    uint64_t sent_bytes, content_bytes; /* REQUEST_LENGTH_UNKNOWN */
    uint64_t throttle_bytes_per_s;
    char request[SNAP_TEXT_BYTES];
    char peer[SNAP_TEXT_BYTES];
};

/* One row of one worker's table of files. */
struct snap_file {
    unsigned worker; /* from 1 */
    uint64_t serial;
    uint64_t since_ns, requests, bytes, cold, errors, last_time_ns;
    uint32_t time[FILE_TIME_BUCKETS];
    char path[SNAP_TEXT_BYTES];
};

struct snap_finished {
    uint64_t seq;
    uint64_t when_wall_ns;
    uint64_t total_ns, queue_ns, head_ns, open_ns, offload_wait_ns, offload_run_ns, first_byte_ns;
    uint64_t bytes;
    unsigned worker, status;
    bool aborted, cold;
    char request[FINISHED_TEXT_BYTES * 4 + 4];
    char peer[FINISHED_TEXT_BYTES * 4 + 4];
};

/* What is copied only when asked for: it is large, and not every view shows it. */
enum snap_want {
    SNAP_REQUESTS = 1,
    SNAP_FILES = 2,
    SNAP_RECENT = 4,
    SNAP_SLOW = 8,
    /* The one to leave out: the workers' hist are then undefined. They are most of a snapshot,
     * and who looks ten times a second needs them once. */
    SNAP_NO_HISTOGRAMS = 16
};

/* One log of the server. */
struct snap_log {
    bool used;              /* it is on */
    uint64_t busy_since_ns; /* since when its writer waits for it; 0: it does not */
    uint64_t dropped;       /* lines, by whoever; of the workers that are there now and were */
    uint32_t error;         /* errno of the last write or open, 0 when that worked */
    char target[SNAP_TEXT_BYTES];
};

struct snap_listener {
    char address[SNAP_TEXT_BYTES];
    uint32_t queue_depth, queue_limit, queue_peak;
    uint64_t drops, stray;
    uint64_t sampled_ns;
};

struct snap_event {
    uint64_t seq;
    uint64_t when_ns, when_wall_ns;
    enum board_event_kind kind;
    unsigned worker; /* 0: none */
    char text[SNAP_TEXT_BYTES];
};

struct snap {
    uint64_t taken_ns; /* CLOCK_MONOTONIC of the reader */
    uint64_t taken_wall_ns;
    uint8_t uuid[16];
    char instance[BOARD_NAME_BYTES * 4 + 1];
    char host[BOARD_NAME_BYTES * 4 + 1];
    char program_version[128 + 1];
    uint32_t master_pid;
    uint64_t master_start_ticks;
    uint64_t started_ns, started_wall_ns;
    uint64_t heartbeat_ns;
    bool ready, clean_stop, stopping, workers_auto;
    uint32_t workers_wanted, workers_min, workers_max;
    uint32_t workers_running; /* slots in SLOT_RUNNING */
    uint32_t generation;
    enum board_reload reload_state;
    uint32_t reload_serial;
    uint64_t reload_wall_ns;
    char reload_error[SNAP_TEXT_BYTES];
    uint64_t blocked_after_ns, slow_request_ns, connections_max;
    uint32_t op_id;
    enum board_op_state op_state;
    uint64_t op_since_ns;
    char op_text[SNAP_TEXT_BYTES];
    uint64_t worker_restarts;
    uint32_t offload_threads; /* each worker may have so many */
    bool offload_by_hand;     /* an operator set that */
    uint32_t faults;          /* [fault] sections in force */
    uint64_t drain_timeout_ns;
    enum board_errors errors; /* how answers were of late, as the master judges */
    uint32_t errors_seconds;
    uint64_t errors_answers, errors_failed, errors_since_ns;
    /* Every mount that a location has refuses requests, in all workers that serve, and no location
     * does without. */
    bool roots_refused;
    uint64_t past[COUNTER_COUNT]; /* counters of processes that have ended; gauges are 0 */

    unsigned listener_count;
    struct snap_listener *listener;
    unsigned worker_count; /* slots that are not SLOT_EMPTY */
    struct snap_worker *worker;
    unsigned event_count; /* the newest events still in the ring, oldest first */
    struct snap_event *event;
    uint64_t event_next;   /* sequence number the next event will have */
    unsigned thread_count; /* by worker, then number */
    struct snap_thread *thread;
    unsigned mount_count; /* the worst first, then by name */
    struct snap_mount *mount;
    unsigned stall_count; /* the longest first */
    struct snap_stall *stall;
    /* Of these the parts in `wants` only; the others are empty. */
    unsigned wants;         /* bits of enum snap_want: set by the caller before board_view_snap */
    unsigned request_count; /* the oldest first */
    struct snap_request *request;
    uint64_t
        requests_in_flight; /* longer than REQUEST_SHOWN_NS, all workers, with rows or without */
    unsigned file_count;    /* by worker; merging workers is the reader's */
    struct snap_file *file;
    unsigned recent_count; /* by worker, then oldest first */
    struct snap_finished *recent;
    unsigned slow_count; /* oldest first */
    struct snap_finished *slow;
    uint32_t log_level; /* enum log_level of base/log.h */
    struct snap_log log[BOARD_LOG_COUNT];
    /* Of the arrays; the reader's. */
    unsigned request_room, file_room, recent_room, slow_room;
    unsigned listener_room, worker_room, event_room, thread_room, mount_room, stall_room;
};

struct board_view; /* a mapped board */

/*
 * Maps the board behind fd (which stays the caller's) and checks it. NULL with a sentence
 * in why[] when it is not a board, of another layout version, or inconsistent. It must be
 * sealed against shrinking, or its server could end the reader with SIGBUS. Records that are
 * longer than ours are read up to where ours end.
 */
struct board_view *board_view_open(int fd, char *why, size_t why_bytes);
void board_view_close(struct board_view **view);

/*
 * Copies the board into *s. The arrays of *s are allocated at the first call and reused by
 * later ones; zero *s before the first, snap_free it at the end. False on ENOMEM only.
 */
bool board_view_snap(const struct board_view *view, struct snap *s);
void snap_free(struct snap *s);
/* A deep copy, for whoever keeps history. False on ENOMEM; *to is then freed. */
bool snap_copy(struct snap *to, const struct snap *from);

/*
 * How many events after number `seen_up_to` are not in s->event any more: the ring came round,
 * or whoever wrote them was killed half-way.
 */
uint64_t snap_events_lost(const struct snap *s, uint64_t seen_up_to);

/* How long this worker's loop has been away from epoll_wait; 0 when it waits for events. */
uint64_t snap_worker_away_ns(const struct snap *s, const struct snap_worker *w);

/*
 * Why a worker counts as stuck; snap_worker_stuck says since how long. Stopped: by a signal.
 * Blocked: it serves or drains, and its loop has been away for more than blocked_after_ns (0
 * turns that off). A worker that takes long to start is not blocked.
 */
enum snap_stuck { STUCK_NO, STUCK_BLOCKED, STUCK_STOPPED, STUCK_DEAD };
enum snap_stuck snap_worker_stuck(const struct snap *s, const struct snap_worker *w,
                                  uint64_t *age_ns);

/* How long this log has not answered; 0 when it does, or waits for lines. */
uint64_t snap_log_stuck_ns(const struct snap *s, enum board_log_kind kind);
/* "error log /var/log/weir.log", "access log on standard output". */
void snap_log_name(const struct snap *s, enum board_log_kind kind, char *to, size_t to_bytes);

/*
 * A counter of the whole server since it started, workers that have ended included, so that
 * it never goes back while workers come and go; of a gauge, the sum over the live workers.
 */
uint64_t snap_total(const struct snap *s, enum board_counter which);

/* The mount point a thread works on, "" when none. */
const char *snap_thread_mount(const struct snap *s, const struct snap_thread *t);

/* Histogram arithmetic. The value at quantile q (0 to 1), in ns, within 5 %; 0 when empty. */
uint64_t snap_hist_quantile(const struct snap_hist *h, double q);
void snap_hist_add(struct snap_hist *to, const struct snap_hist *from);
/* now - before, bucket by bucket; `now` itself when the counters went back (a new process). */
void snap_hist_diff(struct snap_hist *out, const struct snap_hist *now,
                    const struct snap_hist *before);
/* Bucket arithmetic, shared with the writer. */
unsigned hist_bucket_of(uint64_t ns);
uint64_t hist_bucket_low_ns(unsigned bucket);
uint64_t hist_bucket_mid_ns(unsigned bucket);

#endif
