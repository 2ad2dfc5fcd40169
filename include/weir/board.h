/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The board: the shared memory in which the server says what it is doing. This file is the
 * one contract between the server's processes and whoever watches them.
 *
 * It is a memfd (memfd_create(2)) sealed against resizing and against new writable
 * mappings; observers get it read-only over the control socket. It begins with a struct
 * board_header, whose section table says where everything else lies, with strides, so that
 * an older observer can read a board whose records have grown at their end.
 *
 * Who writes what: the header, the listeners, the stalls and the master's half of every slot are
 * written by the master alone; a slot's worker half and its rows in the other sections by that
 * worker alone. Events and slow requests may be written by any of them: a writer claims a sequence
 * number by an atomic add. This is held, not only agreed: parts of different writers lie on pages
 * of their own (of BOARD_PAGE bytes; with larger ones some share one), and a worker can write to
 * its own and to those of all alone (board_keep_own), so that a wild store ends it before it
 * spoils what others say. Whoever has taken a worker over can undo that; so the master reads
 * what a worker can write as somebody else's: no index, length or pid is taken from it unchecked,
 * and nothing is asserted about it. There are no locks, so a
 * process killed at any instruction leaves nothing held; the master clears the worker half
 * of a slot after reaping. Nothing here is a pointer. Numbers are C11 relaxed atomics unless
 * said otherwise; text goes through struct board_text.
 *
 * All times are CLOCK_MONOTONIC nanoseconds unless the name says wall. 0 means never.
 */
#ifndef WEIR_BOARD_H
#define WEIR_BOARD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define BOARD_MAGIC   UINT64_C(0x3164726f42726557) /* "WerBord1" little-endian */
#define BOARD_VERSION 2

#define BOARD_ALIGN _Alignas(64)
/* Parts of different writers share no page; so many rows of a slot fill whole ones. */
#define BOARD_PAGE                      4096
#define BOARD_PAGE_ALIGN                _Alignas(BOARD_PAGE)
#define BOARD_ROWS_ALIGN(rows_per_slot) _Alignas(BOARD_PAGE / (rows_per_slot))

typedef _Atomic uint64_t board_u64;
typedef _Atomic uint32_t board_u32;

enum board_wait {
#define WAIT(name, word, help) WAIT_##name,
#include "weir/waits.def"
#undef WAIT
    WAIT_COUNT
};

/* Where a request in flight is. */
enum board_phase {
#define PHASE(name, word, help) PHASE_##name,
#include "weir/phases.def"
#undef PHASE
    PHASE_COUNT
};

enum board_state {
#define STATE(name, word, letter, help) SLOT_##name,
#include "weir/states.def"
#undef STATE
    SLOT_STATE_COUNT
};

enum board_event_kind {
#define EVENT(name, word, help) EVENT_##name,
#include "weir/events.def"
#undef EVENT
    EVENT_COUNT
};

/* Counters first, then gauges, in the order of counters.def. */
enum board_counter {
#define COUNTER(name, unit, help) COUNTER_##name,
#define GAUGE(name, unit, help)   COUNTER_##name,
#include "weir/counters.def"
#undef COUNTER
#undef GAUGE
    COUNTER_COUNT
};

/*
 * Text that changes while others read it. seq is odd while it is being written; a reader
 * copies, and takes the copy if seq was even and the same before and after.
 */
#define BOARD_TEXT_BYTES 240
struct board_text {
    board_u32 seq;
    _Atomic uint16_t length;
    _Atomic uint16_t cut;                  /* 1 when the text was longer than fits */
    board_u64 words[BOARD_TEXT_BYTES / 8]; /* the bytes, eight to an atomic store */
};

/* When events of a kind that load causes were told, and how many were not (event_pace.h). */
struct board_pace {
    board_u64 told_ns, last_ns; /* the last that was told; the last of all */
    board_u32 told, held;
};

/*
 * A log-linear histogram of nanoseconds: 16 buckets to each doubling from 1.024 us (2^10) to
 * 137 s (2^37), so a bucket's middle is within 3.2 % of every value in it. Bucket 0 is all
 * below, the last all above. Histograms of equal shape add up bucket by bucket.
 */
#define HIST_SUB_BITS 4
#define HIST_MIN_BITS 10
#define HIST_MAX_BITS 37
#define HIST_BUCKETS  (((HIST_MAX_BITS - HIST_MIN_BITS) << HIST_SUB_BITS) + 2)

struct board_hist {
    board_u64 count;
    board_u64 sum_ns;
    board_u64 bucket[HIST_BUCKETS];
};

/* Kinds of a mount's own counters. */
enum board_mount_counter {
    MOUNT_HOT,         /* calls answered from memory on the loop */
    MOUNT_COLD,        /* calls that went to an offload thread */
    MOUNT_UNSUPPORTED, /* calls whose residency the file system cannot tell: treated as cold */
    MOUNT_REFUSED,     /* requests answered 503 because it was sick, fenced or its queue full */
    MOUNT_FAILED,      /* opens, reads and listings that its file system failed, EIO for one */
    MOUNT_COUNTER_COUNT
};
/* In the order of badness. */
enum board_mount_state { MOUNT_OK, MOUNT_SICK, MOUNT_FENCED, MOUNT_STATE_COUNT };

enum board_hist_kind {
    HIST_ACCEPT_WAIT, /* how long a new connection's first bytes lay in the accept queue; sampled */
    HIST_REQUEST_TIME, /* first byte of the request to last byte of the answer */
    HIST_LOOP_TURN,    /* time between two epoll_waits: the event-loop lag */
    HIST_OFFLOAD_WAIT, /* how long offload jobs lay in their queue */
    HIST_OFFLOAD_RUN,  /* how long they took */
    HIST_COUNT
};

enum board_section_kind {
    BOARD_SLOTS,     /* struct board_slot, one per worker slot */
    BOARD_LISTENERS, /* struct board_listener */
    BOARD_EVENTS,    /* struct board_event, a ring */
    BOARD_THREADS,   /* struct board_thread, BOARD_THREADS_PER_SLOT for each slot */
    BOARD_MOUNTS,    /* struct board_mount, BOARD_MOUNTS_PER_SLOT for each slot */
    BOARD_STALLS,    /* struct board_stall, the worst of the last hour; written by the master */
    BOARD_REQUESTS,  /* struct board_request, BOARD_REQUESTS_PER_SLOT for each slot */
    BOARD_FILES,     /* struct board_file, BOARD_FILES_PER_SLOT for each slot */
    BOARD_RECENT,    /* struct board_finished, BOARD_RECENT_PER_SLOT for each slot, a ring */
    BOARD_SLOW,      /* struct board_finished, one ring for all workers */
    BOARD_SECTION_COUNT
};

struct board_section {
    uint64_t offset_bytes; /* from the start of the map; a multiple of 64 */
    uint32_t stride_bytes;
    uint32_t count;
};

#define BOARD_SECTIONS_MAX 16
#define BOARD_NAME_BYTES   64

enum board_reload { RELOAD_NONE, RELOAD_OK, RELOAD_FAILED };
enum board_op_state { OP_NONE, OP_PENDING, OP_DONE, OP_FAILED };

/* A log of the server, as its writer process has it. */
enum board_log_kind { BOARD_LOG_ERROR, BOARD_LOG_ACCESS, BOARD_LOG_COUNT };
/* A writer that waits for its log longer than this gets no answer. */
#define BOARD_LOG_STUCK_NS UINT64_C(1000000000)
struct board_log {
    board_u64 busy_since_ns; /* since when it waits for an open or a write; 0: it does not */
    board_u64 dropped; /* lines that the writer and the master had to drop; workers count theirs */
    board_u32 used;    /* 0: the log is off */
    board_u32 error;   /* errno of the last write or open, 0 when that worked */
    struct board_text target; /* as in the configuration */
};

/* How answers were of late (5xx are failures); the limits are the master's. */
enum board_errors { ERRORS_FEW, ERRORS_MANY, ERRORS_ALL };
#define ERRORS_FLOOR      5  /* failures; fewer are no alarm, whatever their share */
#define ERRORS_MANY_SHARE 5  /* per cent of the answers */
#define ERRORS_ALL_SHARE  95 /* per cent */
#define ERRORS_SECONDS    60 /* that are looked back, */
#define ERRORS_LEAST      10 /* at least, and no further than there were */
#define ERRORS_ENOUGH     20 /* answers */

#define BOARD_ROOTS_MAX 16

struct board_header {
    /* Written before the board is shown to anybody, then constant. */
    uint64_t magic;
    uint32_t version;
    uint32_t header_bytes;
    uint64_t total_bytes;
    uint32_t section_count;
    uint32_t master_pid;
    uint64_t master_start_ticks; /* field 22 of /proc/pid/stat */
    uint64_t started_ns;
    uint64_t started_wall_ns;
    uint8_t uuid[16];
    char boot_id[40];
    char instance[BOARD_NAME_BYTES]; /* [server] name */
    char host[BOARD_NAME_BYTES];
    char program_version[32];
    struct board_section section[BOARD_SECTIONS_MAX];
    uint64_t tables; /* board_tables_hash() of whoever made it: both must mean the same names */

    /* Written by the master as things change. */
    BOARD_ALIGN board_u64 heartbeat_ns; /* at least once a second, every 100 ms while all is well */
    board_u32 ready;                    /* store-release 1 when the first workers serve */
    board_u32 clean_stop;               /* 1 when the server ended by intention */
    board_u32 stopping;                 /* 1 while the whole server drains */
    board_u32 workers_wanted;
    board_u32 workers_min;
    board_u32 workers_max;
    board_u32 workers_auto; /* 1: the number follows CPUs and cgroup quota */
    board_u32 generation;   /* +1 at each reload in force */
    board_u32 reload_state; /* enum board_reload */
    board_u32 reload_serial;
    board_u64 reload_wall_ns;
    board_u64 blocked_after_ns; /* [log] blocked */
    board_u64 slow_request_ns;  /* [log] slow_request */
    board_u64 connections_max;  /* [limits] connections, per worker */
    board_u32 op_id;            /* the last change asked for, counted from 1 */
    board_u32 op_state;         /* enum board_op_state */
    board_u64 op_since_ns;
    board_u64 worker_restarts; /* workers that died and were started again */
    board_u32 offload_threads; /* each worker may have so many */
    board_u32 offload_by_hand; /* 1: an operator set that, not the configuration */
    board_u32 faults;          /* [fault] sections in force */
    struct board_text op_text;
    struct board_text reload_error;
    board_u64 drain_timeout_ns; /* [server] drain_timeout */
    board_u32 log_level;        /* enum log_level in force */
    struct board_log log[BOARD_LOG_COUNT];
    board_u32 errors;          /* enum board_errors; the master's judgement, once a second */
    board_u32 errors_seconds;  /* what it looked at: so long, */
    board_u64 errors_answers;  /* so many answers, */
    board_u64 errors_failed;   /* so many of them 5xx */
    board_u64 errors_since_ns; /* 0 while they are few */
    /* Device numbers of the mounts that the locations' folders are on, by name; each once. More
     * than there is room for: BOARD_ROOTS_MAX + 1. A location without a folder counts as device 0.
     */
    board_u32 root_count;
    board_u64 root_device[BOARD_ROOTS_MAX];
    board_u32 slots_used; /* slots beyond these have never been used; 0: not known */

    /* Written by all, by atomic adds. */
    BOARD_PAGE_ALIGN board_u64 event_next; /* number of the next event; the first is 1 */
    board_u64 slow_next;         /* number the next entry of BOARD_SLOW gets; the first is 1 */
    struct board_pace slow_pace; /* of EVENT_SLOW; written by workers */
};

/* One listening socket. Rows beyond the ones in use have used == 0. */
struct board_listener {
    BOARD_ALIGN board_u32 used;
    board_u32 queue_depth; /* tcpi_unacked: connections waiting to be accepted */
    board_u32 queue_limit; /* tcpi_sacked: the backlog in force; the kernel lets in one more */
    board_u32 queue_peak;  /* highest depth since the last clear, at most 60 s ago */
    board_u64 drops;       /* connections that the kernel dropped because the queue was full */
    board_u64 stray;       /* other packets it threw away here: resets, scans */
    board_u64 sampled_ns;
    struct board_text address; /* as people write it: 0.0.0.0:8080, [::]:8080, unix:/path */
};

/* Threads a worker may have; those stuck in a sick mount do not count, so rows are more. */
#define OFFLOAD_THREADS_MAX    128
#define BOARD_THREADS_PER_SLOT 192
#define BOARD_MOUNTS_PER_SLOT  16
#define BOARD_STALLS_KEPT      10

/* One offload thread of a worker, written by it (text and numbers) while it runs a job. */
struct board_thread {
    BOARD_ALIGN board_u32 used; /* 1 while the thread lives */
    board_u32 tid;
    board_u32 wait;     /* enum board_wait of its job; WAIT_POLL when idle */
    board_u32 mount;    /* index of the worker's board_mount row */
    board_u32 probe;    /* 1: its job tries whether a sick mount answers; no request waits for it */
    board_u64 since_ns; /* of the job; 0 when idle */
    struct board_text path;
};

/* One mount as one worker knows it; written by its loop. used is stored last. */
struct board_mount {
    BOARD_ROWS_ALIGN(BOARD_MOUNTS_PER_SLOT) board_u32 used;
    board_u32 state;     /* enum board_mount_state */
    board_u32 running;   /* jobs in threads */
    board_u32 late;      /* of these: given up */
    board_u32 queued;    /* jobs waiting */
    board_u64 oldest_ns; /* when the oldest running job began, 0 when none */
    board_u64 sick_since_ns;
    board_u64 failed_ns;  /* when a call last failed, 0 for never; */
    board_u32 last_errno; /* why */
    board_u64 device;
    board_u64 back_ns;    /* when anything last came back */
    board_u64 slowest_ns; /* the slowest call that lately came back */
    board_u64 counter[MOUNT_COUNTER_COUNT];
    struct board_text name; /* mount point */
    struct board_text type;
};

/*
 * One stall: a loop that was away, or an offload thread that waited, for long. used is not 0
 * while the row holds one, and another number for each; it is 0 while the row is changed from
 * one to the next, so that a reader that finds the same before and after has no mixture.
 */
struct board_stall {
    BOARD_ALIGN board_u32 used;
    board_u32 worker;  /* from 1 */
    board_u32 on_loop; /* 1: the event loop itself; 0: an offload thread */
    board_u32 wait;    /* enum board_wait */
    board_u64 began_ns;
    board_u64 began_wall_ns;
    board_u64 lasted_ns; /* so far, while `over` is 0 */
    board_u32 over;
    board_u32 waiting; /* connections of that worker when it was seen (on_loop) */
    struct board_text path;
    struct board_text kernel; /* what /proc said: state, syscall, wchan */
};

/*
 * Requests in flight of a worker: those that have lasted longer than REQUEST_SHOWN_NS, the
 * oldest first to get a row, so that what is answered at once costs nothing here. A row stays
 * with its request. serial is 0 while the row is free or changes from one to the next, and
 * stored last. People write worker and serial as "3-1842".
 */
#define BOARD_REQUESTS_PER_SLOT 64
#define REQUEST_SHOWN_NS        (100 * UINT64_C(1000000))
#define REQUEST_STALLED_NS      (5 * UINT64_C(1000000000))
#define REQUEST_LENGTH_UNKNOWN  UINT64_MAX
struct board_request {
    BOARD_ALIGN board_u64 serial; /* of this worker process, from 1 */
    board_u32 phase;              /* enum board_phase */
    board_u32 status;             /* of the response, 0 while it is not known */
    board_u32 cold;               /* 1: an offload thread had to be asked */
    board_u32 reserved;
    board_u64 began_ns;
    board_u64 phase_since_ns;
    board_u64 progress_ns;          /* when the client last took or gave bytes */
    board_u64 sent_bytes;           /* content the kernel has taken */
    board_u64 content_bytes;        /* of the response; REQUEST_LENGTH_UNKNOWN */
    board_u64 throttle_bytes_per_s; /* an operator's; 0: none */
    struct board_text request;      /* its first line */
    struct board_text peer;
};

/*
 * The files a worker is asked for most. Figures are exact from since_ns on, when the file got
 * its row; a file that is asked for more often takes the row of the one that is asked least.
 * serial is 0 while the row changes hands, and stored last; another one: begin again.
 */
#define BOARD_FILES_PER_SLOT 64
#define FILE_TIME_BUCKETS    24 /* bucket i: times below 2^i * 16 us; the last: all others */
struct board_file {
    BOARD_ALIGN board_u64 serial;
    board_u64 since_ns;
    board_u64 requests;
    board_u64 bytes;        /* content sent */
    board_u64 cold;         /* requests of these that asked an offload thread */
    board_u64 errors;       /* 4xx, 5xx and those cut short */
    board_u64 last_time_ns; /* how long the last one took */
    board_u32 time[FILE_TIME_BUCKETS];
    struct board_text path; /* as the client names it, without query: after decoding */
};

/* A request that is over. seq as in board_event; for BOARD_RECENT from slot.recent_next. */
#define BOARD_RECENT_PER_SLOT 16
#define BOARD_SLOW_RING       128
#define FINISHED_TEXT_BYTES   168
struct board_finished {
    /* 0 while it is being written; store-release when whole. */
    BOARD_ROWS_ALIGN(BOARD_RECENT_PER_SLOT) board_u64 seq;
    board_u64 when_wall_ns; /* of its end */
    board_u64 total_ns, queue_ns, head_ns, open_ns, offload_wait_ns, offload_run_ns, first_byte_ns;
    board_u64 bytes;         /* content sent */
    _Atomic uint16_t worker; /* from 1 */
    _Atomic uint16_t status;
    _Atomic uint8_t aborted, cold;
    _Atomic uint8_t target_bytes, peer_bytes; /* parts of the text: "GET /x", then the peer */
    board_u64 words[FINISHED_TEXT_BYTES / 8];
};

/* How the last process of a slot ended. */
enum board_exit { EXIT_NONE, EXIT_RETIRED, EXIT_SICK, EXIT_FATAL, EXIT_SIGNAL, EXIT_OTHER };

struct board_slot {
    /* The master's half. */
    BOARD_ALIGN board_u32 state; /* enum board_state */
    board_u32 pid;
    board_u32 epoch;      /* +1 at each process in this slot: rates start again */
    board_u32 generation; /* of the configuration it runs */
    board_u64 pid_start_ticks;
    board_u64 state_since_ns;
    board_u64 stopped_since_ns; /* not 0 while stopped by a signal */
    board_u64 blocked_since_ns; /* not 0 while the master counts it as blocked */
    board_u32 last_exit;        /* enum board_exit */
    board_u32 last_exit_detail; /* signal number or exit status */
    board_u32 restarts;
    board_u32 blocked_count; /* times it was counted as blocked */
    /*
     * Counters of the earlier processes of this slot, added up, in two copies: past[i] holds
     * where i is ((past_seq + 1) / 2) % 2. past_seq is odd while counter[] below belongs to
     * a process that is counted in there already and must be taken for 0.
     */
    board_u32 past_seq;
    board_u64 past[2][COUNTER_COUNT];

    /* The worker's half, hot: written at every turn of its loop. */
    BOARD_PAGE_ALIGN board_u64 turn_since_ns; /* when epoll_wait returned; 0 while it waits there */
    board_u64 wait_since_ns;                  /* since when it does what `wait` says */
    board_u32 wait;                           /* enum board_wait */
    board_u32 ready;                          /* store-release 1 when the worker serves */
    board_u64 heartbeat_ns;                   /* start of the latest turn */

    BOARD_ALIGN board_u64 counter[COUNTER_COUNT];

    BOARD_ALIGN struct board_text serving; /* file or target the loop works on, "" when none */
    struct board_text request;             /* request line of that work */
    struct board_text peer;

    BOARD_ALIGN struct board_hist hist[HIST_COUNT];
    board_u64 recent_next;        /* number the next entry of its BOARD_RECENT gets, from 1 */
    board_u64 requests_in_flight; /* longer than REQUEST_SHOWN_NS, with a row or without */
};

/*
 * Event number N lies at index (N - 1) modulo the section's count. A writer that was held up
 * for a whole round of the ring can leave an entry that mixes two events; nothing worse.
 */
#define BOARD_EVENT_BYTES 216
struct board_event {
    board_u64 seq; /* 0 while it is being written; store-release when whole */
    board_u64 when_ns;
    board_u64 when_wall_ns;
    _Atomic uint16_t kind;   /* enum board_event_kind */
    _Atomic uint16_t worker; /* number of the worker it is about, 0 for none */
    _Atomic uint16_t length;
    _Atomic uint16_t reserved;
    board_u64 words[BOARD_EVENT_BYTES / 8]; /* the text */
};

/* What one worker alone writes shares no page with what others write. */
#define BOARD_FILLS_PAGES(rows, record) ((rows) * sizeof(record) % BOARD_PAGE == 0)
_Static_assert(BOARD_FILLS_PAGES(1, struct board_slot), "a slot");
_Static_assert(BOARD_FILLS_PAGES(BOARD_THREADS_PER_SLOT, struct board_thread), "a slot's threads");
_Static_assert(BOARD_FILLS_PAGES(BOARD_MOUNTS_PER_SLOT, struct board_mount), "a slot's mounts");
_Static_assert(BOARD_FILLS_PAGES(BOARD_REQUESTS_PER_SLOT, struct board_request),
               "a slot's requests");
_Static_assert(BOARD_FILLS_PAGES(BOARD_FILES_PER_SLOT, struct board_file), "a slot's files");
_Static_assert(BOARD_FILLS_PAGES(BOARD_RECENT_PER_SLOT, struct board_finished),
               "a slot's recent requests");

/*
 * Workers are numbered from 1 wherever people see them: worker N lives in slot N - 1.
 */

extern const char *const board_wait_name[WAIT_COUNT];
extern const char *const board_wait_help[WAIT_COUNT];
extern const char *const board_phase_name[PHASE_COUNT];
extern const char *const board_phase_help[PHASE_COUNT];
extern const char *const board_state_name[SLOT_STATE_COUNT];
extern const char board_state_letter[SLOT_STATE_COUNT];
extern const char *const board_event_name[EVENT_COUNT];
extern const char *const board_mount_state_name[MOUNT_STATE_COUNT];
extern const char *const board_counter_name[COUNTER_COUNT];
extern const char *const board_counter_unit[COUNTER_COUNT];
extern const char *const board_counter_help[COUNTER_COUNT];
extern const bool board_counter_is_gauge[COUNTER_COUNT];

/*
 * A number that differs when two builds do not agree on the tables above or on where the
 * parts of a record lie. Records that only grew at their end keep it.
 */
uint64_t board_tables_hash(void);

#endif
