/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The reader of the board: maps it, checks it, copies it into a struct snap. The board is
 * another process's memory and may change between any two instructions, so whatever bounds
 * an access was copied and checked once, at opening; later reads are single atomic loads
 * whose values are bounded again where they are used. What no weir writes (an enumerator out
 * of range) reads as the first of its kind. Runs in observers, never in a worker.
 * Offload threads, mounts and stalls are in view_offload.c, requests and files in
 * view_requests.c.
 */
#include "board/view.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/escape.h"
#include "base/log.h"
#include "board/slot.h"
#include "board/words.h"

/* More than any weir makes: a board beyond it is refused before memory is spent on it. */
#define VIEW_BYTES_MAX (512u << 20)

static const struct {
    const char *name;
    size_t stride_least, align;
    uint32_t count_most;
} section_rule[BOARD_SECTION_COUNT] = {
    [BOARD_SLOTS] = {"slots", sizeof(struct board_slot), _Alignof(struct board_slot), 4096},
    [BOARD_LISTENERS] = {"listeners", sizeof(struct board_listener),
                         _Alignof(struct board_listener), 4096},
    [BOARD_EVENTS] = {"events", sizeof(struct board_event), _Alignof(struct board_event), 65536},
    [BOARD_THREADS] = {"offload threads", sizeof(struct board_thread),
                       _Alignof(struct board_thread), 4096 * BOARD_THREADS_PER_SLOT},
    [BOARD_MOUNTS] = {"mounts", sizeof(struct board_mount), _Alignof(struct board_mount),
                      4096 * BOARD_MOUNTS_PER_SLOT},
    [BOARD_STALLS] = {"stalls", sizeof(struct board_stall), _Alignof(struct board_stall), 4096},
    [BOARD_REQUESTS] = {"requests", sizeof(struct board_request), _Alignof(struct board_request),
                        4096 * BOARD_REQUESTS_PER_SLOT},
    [BOARD_FILES] = {"files", sizeof(struct board_file), _Alignof(struct board_file),
                     4096 * BOARD_FILES_PER_SLOT},
    [BOARD_RECENT] = {"recent requests", sizeof(struct board_finished),
                      _Alignof(struct board_finished), 4096 * BOARD_RECENT_PER_SLOT},
    [BOARD_SLOW] = {"slow requests", sizeof(struct board_finished), _Alignof(struct board_finished),
                    65536},
};

__attribute__((format(printf, 3, 4))) static bool refuse(char *why, size_t why_bytes,
                                                         const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(why, why_bytes, fmt, ap);
    va_end(ap);
    return false;
}

static bool check_section(const struct board_header *h, unsigned kind, char *why, size_t why_bytes)
{
    const struct board_section *s = &h->section[kind];
    const char *name = section_rule[kind].name;
    uint64_t length = (uint64_t)s->stride_bytes * s->count;

    if (s->stride_bytes < section_rule[kind].stride_least ||
        s->stride_bytes % section_rule[kind].align != 0)
        return refuse(why, why_bytes, "the board's %s are %u bytes each, this program needs %zu",
                      name, s->stride_bytes, section_rule[kind].stride_least);
    if (s->count > section_rule[kind].count_most)
        return refuse(why, why_bytes, "the board claims %u %s", s->count, name);
    if (s->offset_bytes % 64 != 0 || s->offset_bytes < h->header_bytes ||
        s->offset_bytes > h->total_bytes || length > h->total_bytes - s->offset_bytes)
        return refuse(why, why_bytes, "the board's %s lie outside of it", name);
    return true;
}

/* Sections with a number of rows for each slot have all of them. */
static bool check_rows(const struct board_header *h, unsigned kind, unsigned each, char *why,
                       size_t why_bytes)
{
    uint64_t need = (uint64_t)h->section[BOARD_SLOTS].count * each;

    return h->section[kind].count >= need ||
           refuse(why, why_bytes, "the board has %u %s, its slots need %" PRIu64,
                  h->section[kind].count, section_rule[kind].name, need);
}

static bool check_header(const struct board_header *h, size_t bytes, char *why, size_t why_bytes)
{
    if (h->magic != BOARD_MAGIC)
        return refuse(why, why_bytes, "this is not a board of weir");
    if (h->version != BOARD_VERSION)
        return refuse(why, why_bytes, "the board has layout %u, this program reads layout %d",
                      h->version, BOARD_VERSION);
    if (h->total_bytes != bytes)
        return refuse(why, why_bytes, "the board says it has %" PRIu64 " bytes, but has %zu",
                      h->total_bytes, bytes);
    if (h->header_bytes < sizeof *h || h->header_bytes > bytes)
        return refuse(why, why_bytes, "the board's header has %u bytes, this program needs %zu",
                      h->header_bytes, sizeof *h);
    if (h->section_count < BOARD_SECTION_COUNT || h->section_count > BOARD_SECTIONS_MAX)
        return refuse(why, why_bytes, "the board has %u sections, this program needs %d",
                      h->section_count, BOARD_SECTION_COUNT);
    if (h->tables != board_tables_hash())
        return refuse(why, why_bytes,
                      "the server is of another version of weir, whose board differs");
    for (unsigned i = 0; i < BOARD_SECTION_COUNT; i++)
        if (!check_section(h, i, why, why_bytes))
            return false;
    return check_rows(h, BOARD_THREADS, BOARD_THREADS_PER_SLOT, why, why_bytes) &&
           check_rows(h, BOARD_MOUNTS, BOARD_MOUNTS_PER_SLOT, why, why_bytes) &&
           check_rows(h, BOARD_REQUESTS, BOARD_REQUESTS_PER_SLOT, why, why_bytes) &&
           check_rows(h, BOARD_FILES, BOARD_FILES_PER_SLOT, why, why_bytes) &&
           check_rows(h, BOARD_RECENT, BOARD_RECENT_PER_SLOT, why, why_bytes);
}

/* The size of what lies behind fd, which can no longer shrink. */
static bool check_file(int fd, size_t *bytes, char *why, size_t why_bytes)
{
    struct stat st;
    int seals = fcntl(fd, F_GET_SEALS);

    if (seals < 0)
        return refuse(why, why_bytes, "this is not a board of weir: %s", strerror(errno));
    if (!(seals & F_SEAL_SHRINK))
        return refuse(why, why_bytes, "the board is not sealed against shrinking");
    if (fstat(fd, &st) != 0)
        return refuse(why, why_bytes, "the board cannot be read: %s", strerror(errno));
    if (st.st_size < (off_t)sizeof(struct board_header))
        return refuse(why, why_bytes, "the board is cut short: %lld bytes", (long long)st.st_size);
    if (st.st_size > (off_t)VIEW_BYTES_MAX)
        return refuse(why, why_bytes, "the board is too large: %lld bytes", (long long)st.st_size);
    *bytes = (size_t)st.st_size;
    return true;
}

static bool view_map(struct board_view *view, int fd, char *why, size_t why_bytes)
{
    void *map;

    if (!check_file(fd, &view->bytes, why, why_bytes))
        return false;
    map = mmap(NULL, view->bytes, PROT_READ, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED)
        return refuse(why, why_bytes, "the board cannot be mapped: %s", strerror(errno));
    view->map = map;
    memcpy(&view->fixed, map, offsetof(struct board_header, heartbeat_ns));
    return check_header(&view->fixed, view->bytes, why, why_bytes);
}

struct board_view *board_view_open(int fd, char *why, size_t why_bytes)
{
    /* It holds a header, whose parts are aligned to pages. */
    struct board_view *view = aligned_alloc(_Alignof(struct board_view), sizeof *view);

    if (view)
        *view = (struct board_view){0};
    if (!view)
        refuse(why, why_bytes, "out of memory");
    else if (!view_map(view, fd, why, why_bytes))
        board_view_close(&view);
    return view;
}

void board_view_close(struct board_view **view)
{
    if (*view && (*view)->map)
        munmap((void *)(uintptr_t)(*view)->map, (*view)->bytes);
    free(*view);
    *view = NULL;
}

void view_scrub(char *to, size_t room, const char *p, size_t n, bool cut)
{
    struct out o = out_into(to, room - 1);
    size_t plain = 0;

    while (plain < n && p[plain] >= 0x20 && p[plain] < 0x7f && p[plain] != '\\')
        plain++;
    out_add(&o, p, plain);
    escape_visible(&o, span_of(p + plain, n - plain));
    if (cut)
        out_str(&o, "...");
    *o.p = '\0';
}

static void scrub_fixed(char *to, size_t room, const char *from, size_t most)
{
    view_scrub(to, room, from, strnlen(from, most), false);
}

bool view_take_text(char to[SNAP_TEXT_BYTES], const struct board_text *t)
{
    char raw[BOARD_TEXT_BYTES + 1];
    size_t n;
    bool whole = board_text_get(t, raw, &n);
    bool cut = atomic_load_explicit(&t->cut, memory_order_relaxed) != 0;

    view_scrub(to, SNAP_TEXT_BYTES, raw, n, cut);
    return whole;
}

static void take_fixed(const struct board_header *h, struct snap *s)
{
    memcpy(s->uuid, h->uuid, sizeof s->uuid);
    scrub_fixed(s->instance, sizeof s->instance, h->instance, sizeof h->instance);
    scrub_fixed(s->host, sizeof s->host, h->host, sizeof h->host);
    scrub_fixed(s->program_version, sizeof s->program_version, h->program_version,
                sizeof h->program_version);
    s->master_pid = h->master_pid;
    s->master_start_ticks = h->master_start_ticks;
    s->started_ns = h->started_ns;
    s->started_wall_ns = h->started_wall_ns;
}

static void take_header(const struct board_header *h, struct snap *s)
{
    s->ready = atomic_load_explicit(&h->ready, memory_order_acquire) != 0;
    s->heartbeat_ns = view_load64(&h->heartbeat_ns);
    s->clean_stop = view_load32(&h->clean_stop) != 0;
    s->stopping = view_load32(&h->stopping) != 0;
    s->workers_wanted = view_load32(&h->workers_wanted);
    s->workers_min = view_load32(&h->workers_min);
    s->workers_max = view_load32(&h->workers_max);
    s->workers_auto = view_load32(&h->workers_auto) != 0;
    s->generation = view_load32(&h->generation);
    s->reload_state =
        (enum board_reload)view_bounded(view_load32(&h->reload_state), RELOAD_FAILED + 1);
    s->reload_serial = view_load32(&h->reload_serial);
    s->reload_wall_ns = view_load64(&h->reload_wall_ns);
    view_take_text(s->reload_error, &h->reload_error);
    s->blocked_after_ns = view_load64(&h->blocked_after_ns);
    s->drain_timeout_ns = view_load64(&h->drain_timeout_ns);
    s->slow_request_ns = view_load64(&h->slow_request_ns);
    s->connections_max = view_load64(&h->connections_max);
    s->worker_restarts = view_load64(&h->worker_restarts);
    s->offload_threads = view_load32(&h->offload_threads);
    s->offload_by_hand = view_load32(&h->offload_by_hand) != 0;
    s->faults = view_load32(&h->faults);
    s->errors = (enum board_errors)view_bounded(view_load32(&h->errors), ERRORS_ALL + 1);
    s->errors_seconds = view_load32(&h->errors_seconds);
    s->errors_answers = view_load64(&h->errors_answers);
    s->errors_failed = view_load64(&h->errors_failed);
    s->errors_since_ns = view_load64(&h->errors_since_ns);
    s->log_level = view_bounded(view_load32(&h->log_level), LOG_LEVEL_DEBUG + 1);
}

/* After the workers, whose counters are part of it. */
static void take_logs(const struct board_header *h, struct snap *s)
{
    static const enum board_counter dropped[BOARD_LOG_COUNT] = {
        [BOARD_LOG_ERROR] = COUNTER_error_log_dropped,
        [BOARD_LOG_ACCESS] = COUNTER_access_log_dropped,
    };

    for (unsigned i = 0; i < BOARD_LOG_COUNT; i++) {
        const struct board_log *from = &h->log[i];
        struct snap_log *to = &s->log[i];

        to->used = view_load32(&from->used) != 0;
        to->busy_since_ns = view_load64(&from->busy_since_ns);
        to->error = view_load32(&from->error);
        to->dropped = view_load64(&from->dropped) + snap_total(s, dropped[i]);
        view_take_text(to->target, &from->target);
    }
}

/* The change under way, in the order that board_op_begin and board_op_end make safe. */
static void take_operation(const struct board_header *h, struct snap *s)
{
    for (int i = 0; i < 3; i++) {
        s->op_id = atomic_load_explicit(&h->op_id, memory_order_acquire);
        uint32_t state = atomic_load_explicit(&h->op_state, memory_order_acquire);
        s->op_state = (enum board_op_state)view_bounded(state, OP_FAILED + 1);
        s->op_since_ns = view_load64(&h->op_since_ns);
        view_take_text(s->op_text, &h->op_text);
        atomic_thread_fence(memory_order_acquire);
        if (view_load32(&h->op_id) == s->op_id && view_load32(&h->op_state) == state)
            return;
    }
}

static void take_slot_head(const struct board_slot *slot, struct snap_worker *w)
{
    w->pid = view_load32(&slot->pid);
    w->epoch = view_load32(&slot->epoch);
    w->generation = view_load32(&slot->generation);
    w->pid_start_ticks = view_load64(&slot->pid_start_ticks);
    w->state_since_ns = view_load64(&slot->state_since_ns);
    w->stopped_since_ns = view_load64(&slot->stopped_since_ns);
    w->blocked_since_ns = view_load64(&slot->blocked_since_ns);
    w->last_exit = (enum board_exit)view_bounded(view_load32(&slot->last_exit), EXIT_OTHER + 1);
    w->last_exit_detail = view_load32(&slot->last_exit_detail);
    w->restarts = view_load32(&slot->restarts);
    w->blocked_count = view_load32(&slot->blocked_count);
}

static void take_hist(const struct board_hist *h, struct snap_hist *to)
{
    to->count = view_load64(&h->count);
    to->sum_ns = view_load64(&h->sum_ns);
    for (unsigned i = 0; i < HIST_BUCKETS; i++)
        to->bucket[i] = view_load64(&h->bucket[i]);
}

static void take_slot_work(const struct board_slot *slot, struct snap_worker *w, bool histograms)
{
    w->ready = atomic_load_explicit(&slot->ready, memory_order_acquire) != 0;
    w->turn_since_ns = view_load64(&slot->turn_since_ns);
    w->wait = (enum board_wait)view_bounded(view_load32(&slot->wait), WAIT_COUNT);
    w->wait_since_ns = view_load64(&slot->wait_since_ns);
    w->heartbeat_ns = view_load64(&slot->heartbeat_ns);
    for (unsigned c = 0; c < COUNTER_COUNT; c++)
        w->counter[c] = view_load64(&slot->counter[c]);
    w->serving_stale = !view_take_text(w->serving, &slot->serving);
    view_take_text(w->request, &slot->request);
    view_take_text(w->peer, &slot->peer);
    for (unsigned i = 0; i < HIST_COUNT && histograms; i++)
        take_hist(&slot->hist[i], &w->hist[i]);
}

/* Whether a slot's counters were retired between two looks at it is rare: this many are plenty. */
#define SLOT_TRIES 16

/*
 * Reads a slot, and the counters of its earlier processes; again when the master retired its
 * counters meanwhile, so that each count is seen in one place and never in both or neither.
 */
static void take_slot(const struct board_slot *slot, struct snap_worker *w, uint64_t *past,
                      bool histograms)
{
    for (int i = 0; i < SLOT_TRIES; i++) {
        uint32_t seq = atomic_load_explicit(&slot->past_seq, memory_order_acquire);
        const board_u64 *from = slot->past[(seq + 1) / 2 % 2];

        w->state = (enum board_state)view_bounded(view_load32(&slot->state), SLOT_STATE_COUNT);
        for (unsigned c = 0; c < COUNTER_COUNT; c++)
            past[c] = view_load64(&from[c]);
        if (w->state != SLOT_EMPTY) {
            take_slot_head(slot, w);
            take_slot_work(slot, w, histograms);
        }
        if (seq % 2 != 0)
            memset(w->counter, 0, sizeof w->counter);
        atomic_thread_fence(memory_order_acquire);
        if (view_load32(&slot->past_seq) == seq)
            return;
    }
}

bool view_room_for_one(void **array, unsigned *room, unsigned count, size_t size)
{
    unsigned more = *room ? *room * 2 : 8;
    void *p;

    if (count < *room)
        return true;
    p = realloc(*array, more * size);
    if (!p)
        return false;
    *array = p;
    *room = more;
    return true;
}

static bool take_workers(const struct board_view *view, struct snap *s)
{
    s->worker_count = 0;
    s->workers_running = 0;
    memset(s->past, 0, sizeof s->past);
    for (unsigned i = 0; i < view->fixed.section[BOARD_SLOTS].count; i++) {
        uint64_t past[COUNTER_COUNT];
        void *array = s->worker;

        if (!view_room_for_one(&array, &s->worker_room, s->worker_count, sizeof *s->worker))
            return false;
        s->worker = array;
        struct snap_worker *w = &s->worker[s->worker_count];
        w->number = i + 1;
        take_slot(view_record(view, BOARD_SLOTS, i), w, past, !(s->wants & SNAP_NO_HISTOGRAMS));
        for (unsigned c = 0; c < COUNTER_COUNT; c++)
            s->past[c] += past[c];
        s->workers_running += w->state == SLOT_RUNNING;
        s->worker_count += w->state != SLOT_EMPTY;
    }
    return true;
}

static bool take_listeners(const struct board_view *view, struct snap *s)
{
    s->listener_count = 0;
    for (unsigned i = 0; i < view->fixed.section[BOARD_LISTENERS].count; i++) {
        const struct board_listener *from = view_record(view, BOARD_LISTENERS, i);
        void *array = s->listener;

        if (view_load32(&from->used) == 0)
            continue;
        if (!view_room_for_one(&array, &s->listener_room, s->listener_count, sizeof *s->listener))
            return false;
        s->listener = array;
        struct snap_listener *l = &s->listener[s->listener_count++];
        view_take_text(l->address, &from->address);
        l->queue_depth = view_load32(&from->queue_depth);
        l->queue_limit = view_load32(&from->queue_limit);
        l->queue_peak = view_load32(&from->queue_peak);
        l->drops = view_load64(&from->drops);
        l->stray = view_load64(&from->stray);
        l->sampled_ns = view_load64(&from->sampled_ns);
    }
    return true;
}

/* False when event number seq is not, or no longer, in its place. */
static bool take_event(const struct board_event *e, uint64_t seq, struct snap_event *to)
{
    char raw[BOARD_EVENT_BYTES];

    if (atomic_load_explicit(&e->seq, memory_order_acquire) != seq)
        return false;
    uint16_t length = atomic_load_explicit(&e->length, memory_order_relaxed);
    if (length > BOARD_EVENT_BYTES)
        length = BOARD_EVENT_BYTES;
    to->seq = seq;
    to->when_ns = view_load64(&e->when_ns);
    to->when_wall_ns = view_load64(&e->when_wall_ns);
    to->kind = (enum board_event_kind)view_bounded(
        atomic_load_explicit(&e->kind, memory_order_relaxed), EVENT_COUNT);
    to->worker = atomic_load_explicit(&e->worker, memory_order_relaxed);
    board_words_load(e->words, raw, length);
    atomic_thread_fence(memory_order_acquire);
    if (view_load64(&e->seq) != seq)
        return false;
    view_scrub(to->text, sizeof to->text, raw, length, false);
    return true;
}

static bool take_events(const struct board_view *view, const struct board_header *h, struct snap *s)
{
    unsigned ring = view->fixed.section[BOARD_EVENTS].count;

    s->event_next = atomic_load_explicit(&h->event_next, memory_order_acquire);
    s->event_count = 0;
    if (ring == 0 || s->event_next == 0)
        return true;
    for (uint64_t seq = s->event_next > ring ? s->event_next - ring : 1; seq < s->event_next;
         seq++) {
        void *array = s->event;

        if (!view_room_for_one(&array, &s->event_room, s->event_count, sizeof *s->event))
            return false;
        s->event = array;
        s->event_count += take_event(view_record(view, BOARD_EVENTS, (unsigned)((seq - 1) % ring)),
                                     seq, &s->event[s->event_count]);
    }
    return true;
}

bool board_view_snap(const struct board_view *view, struct snap *s)
{
    const struct board_header *h = (const struct board_header *)(const void *)view->map;

    take_fixed(&view->fixed, s);
    take_header(h, s);
    take_operation(h, s);
    if (!take_listeners(view, s) || !take_workers(view, s) || !view_take_offload(view, s) ||
        !view_take_requests(view, h, s) || !take_events(view, h, s))
        return false;
    take_logs(h, s);
    /* Last, so that nothing on the board is newer than the snapshot and no age is negative. */
    s->taken_ns = mono_now().ns;
    s->taken_wall_ns = wall_now().ns;
    return true;
}
