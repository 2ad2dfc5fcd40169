/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The part of the board's reader about requests: those in flight, the files that are asked for
 * most, and the rings of finished ones. They are copied only when the snapshot wants them. As
 * in view.c all of it is somebody else's memory: a row that changed hands while it was read is
 * left out, numbers are bounded, texts are scrubbed. Runs in observers, never in a worker.
 */
#include "board/view.h"

#include <stdlib.h>

#include "board/words.h"

/* False when the row is free, or was given to another request meanwhile. */
static bool take_request(const struct board_request *from, unsigned worker, struct snap_request *to)
{
    uint64_t serial = atomic_load_explicit(&from->serial, memory_order_acquire);

    if (serial == 0)
        return false;
    to->worker = worker;
    to->serial = serial;
    to->phase = (enum board_phase)view_bounded(view_load32(&from->phase), PHASE_COUNT);
    to->status = view_bounded(view_load32(&from->status), 1000);
    to->cold = view_load32(&from->cold) != 0;
    to->began_ns = view_load64(&from->began_ns);
    to->phase_since_ns = view_load64(&from->phase_since_ns);
    to->progress_ns = view_load64(&from->progress_ns);
    to->sent_bytes = view_load64(&from->sent_bytes);
    to->content_bytes = view_load64(&from->content_bytes);
    to->throttle_bytes_per_s = view_load64(&from->throttle_bytes_per_s);
    view_take_text(to->request, &from->request);
    view_take_text(to->peer, &from->peer);
    atomic_thread_fence(memory_order_acquire);
    return view_load64(&from->serial) == serial;
}

static int compare_requests(const void *a, const void *b)
{
    const struct snap_request *x = a, *y = b;

    if (x->began_ns != y->began_ns)
        return x->began_ns < y->began_ns ? -1 : 1;
    if (x->worker != y->worker)
        return x->worker < y->worker ? -1 : 1;
    return (x->serial > y->serial) - (x->serial < y->serial);
}

static bool take_requests(const struct board_view *view, struct snap *s)
{
    for (unsigned w = 0; w < s->worker_count; w++)
        for (unsigned i = 0; i < BOARD_REQUESTS_PER_SLOT; i++) {
            unsigned number = s->worker[w].number;
            void *array = s->request;

            if (!view_room_for_one(&array, &s->request_room, s->request_count, sizeof *s->request))
                return false;
            s->request = array;
            s->request_count += take_request(
                view_record(view, BOARD_REQUESTS, (number - 1) * BOARD_REQUESTS_PER_SLOT + i),
                number, &s->request[s->request_count]);
        }
    if (s->request_count > 0)
        qsort(s->request, s->request_count, sizeof *s->request, compare_requests);
    return true;
}

static bool take_file(const struct board_file *from, unsigned worker, struct snap_file *to)
{
    uint64_t serial = atomic_load_explicit(&from->serial, memory_order_acquire);

    if (serial == 0)
        return false;
    to->worker = worker;
    to->serial = serial;
    to->since_ns = view_load64(&from->since_ns);
    to->requests = view_load64(&from->requests);
    to->bytes = view_load64(&from->bytes);
    to->cold = view_load64(&from->cold);
    to->errors = view_load64(&from->errors);
    to->last_time_ns = view_load64(&from->last_time_ns);
    for (unsigned i = 0; i < FILE_TIME_BUCKETS; i++)
        to->time[i] = view_load32(&from->time[i]);
    view_take_text(to->path, &from->path);
    atomic_thread_fence(memory_order_acquire);
    return view_load64(&from->serial) == serial;
}

static bool take_files(const struct board_view *view, struct snap *s)
{
    for (unsigned w = 0; w < s->worker_count; w++)
        for (unsigned i = 0; i < BOARD_FILES_PER_SLOT; i++) {
            unsigned number = s->worker[w].number;
            void *array = s->file;

            if (!view_room_for_one(&array, &s->file_room, s->file_count, sizeof *s->file))
                return false;
            s->file = array;
            s->file_count +=
                take_file(view_record(view, BOARD_FILES, (number - 1) * BOARD_FILES_PER_SLOT + i),
                          number, &s->file[s->file_count]);
        }
    return true;
}

static void take_finished_text(const struct board_finished *from, struct snap_finished *to)
{
    char raw[FINISHED_TEXT_BYTES];
    size_t target = atomic_load_explicit(&from->target_bytes, memory_order_relaxed);
    size_t peer = atomic_load_explicit(&from->peer_bytes, memory_order_relaxed);

    if (target > sizeof raw)
        target = sizeof raw;
    if (peer > sizeof raw - target)
        peer = sizeof raw - target;
    board_words_load(from->words, raw, target + peer);
    view_scrub(to->request, sizeof to->request, raw, target, false);
    view_scrub(to->peer, sizeof to->peer, raw + target, peer, false);
}

/* False when request number seq is not, or no longer, in its place. */
static bool take_finished(const struct board_finished *from, uint64_t seq, struct snap_finished *to)
{
    if (atomic_load_explicit(&from->seq, memory_order_acquire) != seq)
        return false;
    to->seq = seq;
    to->when_wall_ns = view_load64(&from->when_wall_ns);
    to->total_ns = view_load64(&from->total_ns);
    to->queue_ns = view_load64(&from->queue_ns);
    to->head_ns = view_load64(&from->head_ns);
    to->open_ns = view_load64(&from->open_ns);
    to->offload_wait_ns = view_load64(&from->offload_wait_ns);
    to->offload_run_ns = view_load64(&from->offload_run_ns);
    to->first_byte_ns = view_load64(&from->first_byte_ns);
    to->bytes = view_load64(&from->bytes);
    to->worker = atomic_load_explicit(&from->worker, memory_order_relaxed);
    to->status = view_bounded(atomic_load_explicit(&from->status, memory_order_relaxed), 1000);
    to->aborted = atomic_load_explicit(&from->aborted, memory_order_relaxed) != 0;
    to->cold = atomic_load_explicit(&from->cold, memory_order_relaxed) != 0;
    take_finished_text(from, to);
    atomic_thread_fence(memory_order_acquire);
    return view_load64(&from->seq) == seq;
}

/* A ring of finished requests, as it lies in a section. */
struct ring {
    enum board_section_kind kind;
    unsigned first, count; /* its records */
    uint64_t next;         /* number of the next entry; the first is 1, 0: none yet */
};

static bool take_ring(const struct board_view *view, const struct ring *ring,
                      struct snap_finished **out, unsigned *count, unsigned *room)
{
    if (ring->count == 0 || ring->next == 0)
        return true;
    for (uint64_t seq = ring->next > ring->count ? ring->next - ring->count : 1; seq < ring->next;
         seq++) {
        unsigned at = ring->first + (unsigned)((seq - 1) % ring->count);
        void *array = *out;

        if (!view_room_for_one(&array, room, *count, sizeof **out))
            return false;
        *out = array;
        *count += take_finished(view_record(view, ring->kind, at), seq, &(*out)[*count]);
    }
    return true;
}

static const struct board_slot *slot_of(const struct board_view *view, const struct snap_worker *w)
{
    return view_record(view, BOARD_SLOTS, w->number - 1);
}

static bool take_recent(const struct board_view *view, struct snap *s)
{
    for (unsigned w = 0; w < s->worker_count; w++) {
        const struct board_slot *slot = slot_of(view, &s->worker[w]);
        struct ring ring = {
            .kind = BOARD_RECENT,
            .first = (s->worker[w].number - 1) * BOARD_RECENT_PER_SLOT,
            .count = BOARD_RECENT_PER_SLOT,
            .next = atomic_load_explicit(&slot->recent_next, memory_order_acquire),
        };
        unsigned from = s->recent_count;

        if (!take_ring(view, &ring, &s->recent, &s->recent_count, &s->recent_room))
            return false;
        /* The ring is that worker's own: what its entries say of whose they are is not asked. */
        for (unsigned i = from; i < s->recent_count; i++)
            s->recent[i].worker = s->worker[w].number;
    }
    return true;
}

static bool take_slow(const struct board_view *view, const struct board_header *h, struct snap *s)
{
    struct ring ring = {
        .kind = BOARD_SLOW,
        .count = view->fixed.section[BOARD_SLOW].count,
        .next = atomic_load_explicit(&h->slow_next, memory_order_acquire),
    };

    return take_ring(view, &ring, &s->slow, &s->slow_count, &s->slow_room);
}

bool view_take_requests(const struct board_view *view, const struct board_header *h, struct snap *s)
{
    s->request_count = 0;
    s->file_count = 0;
    s->recent_count = 0;
    s->slow_count = 0;
    s->requests_in_flight = 0;
    for (unsigned w = 0; w < s->worker_count; w++)
        s->requests_in_flight += view_load64(&slot_of(view, &s->worker[w])->requests_in_flight);
    return (!(s->wants & SNAP_REQUESTS) || take_requests(view, s)) &&
           (!(s->wants & SNAP_FILES) || take_files(view, s)) &&
           (!(s->wants & SNAP_RECENT) || take_recent(view, s)) &&
           (!(s->wants & SNAP_SLOW) || take_slow(view, h, s));
}
