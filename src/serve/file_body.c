/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files as bodies; see file_body.h. Worker's loop only.
 */
#include "serve/file_body.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "board/slot.h"
#include "serve/context.h"

enum { SHORT_PIECE_BYTES = 16 * 1024 };

/* A hot slice goes on over windows that are known to be hot as well, up to this. */
static const uint64_t slice_bytes = SERVE_SLICE_BYTES;
/* What was found out at its beginning holds for all of a turn of this length. */
static const uint64_t turn_ns = 100 * NS_PER_MS;

static void count(const struct file_body *b, enum board_counter c, uint64_t n)
{
    if (b->slot)
        slot_count(b->slot, c, n);
}

static void window_ready(struct file_window_wait *w)
{
    struct file_body *b = list_entry(w, struct file_body, wait);

    b->answered = true;
    if (b->beginning)
        b->plan->wake(b->plan->wake_arg);
    else if (b->source->wake)
        b->source->wake(b->source->wake_arg);
}

void file_body_init(struct file_body *body, struct serve_ctx *ctx, struct file_entry *e,
                    struct serve_plan *plan)
{
    *body = (struct file_body){
        .windows = e->home.memory || !e->home.mount || e->fd < 0 ? NULL : ctx->windows,
        .mounts = ctx->mounts,
        .pool = ctx->pool,
        .slot = ctx->slot,
        .faulty = ctx->conf->fault_count > 0,
        .entry = e,
        .plan = plan,
        .wait.ready = window_ready,
    };
    if (ctx->pool && body->faulty && e->where && offload_is_faulted(ctx->pool, WAIT_READ, e->where))
        body->windows = ctx->windows; /* tmpfs too, in a rehearsal */
    list_init(&body->wait.link);
}

void file_body_range(struct file_body *body, uint64_t offset, uint64_t end)
{
    body->offset = offset;
    body->end = end;
    body->counted = 0;
    body->begun = false; /* what was got of the range before is of no more use */
    body->again = false;
}

/* What came while nobody could use it. */
static void drop_answer(struct file_body *b)
{
    if (b->answered && b->wait.window) {
        file_window_drop(&b->wait.window);
        b->answered = false;
    }
}

/* Others want the buffers more. Where the window is cold by then, it is read once more. */
static void reclaimed(struct file_window_rest *r)
{
    struct file_body *b = list_entry(r, struct file_body, rest);

    b->again = false;
    drop_answer(b);
    file_window_drop(&b->held);
    file_window_drop(&b->ahead);
}

/* As if the first chunk, which was got but not given, had not been got. */
static void unbegin(struct file_body *b)
{
    const struct chunk *first = &b->first;

    if (b->begun && first->kind == CHUNK_FILE)
        b->offset -= first->length;
    else if (b->begun && first->kind == CHUNK_MEMORY)
        b->offset -= first->memory.n;
    b->begun = false;
}

bool file_body_give_back(struct file_body *b, uint64_t unsent_bytes)
{
    if (!b->windows || b->failed || b->wait.waiting || b->rest.resting)
        return false;
    bool unused = unsent_bytes > 0 || b->begun;
    unbegin(b);
    b->offset -= unsent_bytes;
    if (!unused)
        file_window_drop(&b->held);
    b->again = b->held != NULL;
    if (b->held || b->ahead || (b->answered && b->wait.window)) {
        b->rest.reclaim = reclaimed;
        file_window_rest(b->windows, &b->rest, b->entry);
    }
    return true;
}

void file_body_stop(struct file_body *b)
{
    file_window_rest_end(&b->rest);
    b->again = false;
    file_window_leave(&b->wait);
    drop_answer(b);
    b->answered = false;
    file_window_drop(&b->held);
    file_window_drop(&b->ahead);
}

/* --- residency --- */

static uint64_t window_of(const struct file_body *b, uint64_t offset)
{
    return offset / file_windows_bytes(b->windows);
}

/* Where the window of this offset ends, within the range. */
static uint64_t window_end(const struct file_body *b, uint64_t offset)
{
    uint64_t end = (window_of(b, offset) + 1) * file_windows_bytes(b->windows);

    return end < b->end ? end : b->end;
}

/* Whether the bytes lie in the window that is held: a range that lies near the one before needs no
 * other read. */
static bool holds(const struct file_body *b, uint64_t offset, size_t n)
{
    const struct file_window *w = b->held;

    if (!w || w->error != 0 || offset >= b->end)
        return false;
    uint64_t begin = w->index * file_windows_bytes(b->windows);
    return offset >= begin && n <= w->bytes && offset - begin <= w->bytes - n;
}

static bool is_faulted(const struct file_body *b)
{
    return b->faulty && offload_is_faulted(b->pool, WAIT_READ, b->entry->where);
}

/* Whether anybody can tell what of the file is in memory. */
static bool can_tell(const struct file_body *b)
{
    return b->entry->home.local && !b->entry->heat.unsupported;
}

static enum file_residency ask(struct file_body *b, const struct file_piece *p, bool ends_only,
                               struct mono now)
{
    struct file_entry *e = b->entry;
    uint64_t bytes = file_windows_bytes(b->windows);
    uint64_t windows = ((uint64_t)e->st.st_size + bytes - 1) / bytes;
    unsigned calls;
    enum file_residency found =
        file_residency(e->fd, p->index * bytes + p->from, p->to - p->from, ends_only, &calls);

    count(b, COUNTER_probes, calls);
    enum file_heat_news news = found != FILE_HOT ? FILE_HEAT_COLD
                               : ends_only       ? FILE_HEAT_ENDS
                                                 : FILE_HEAT_ALL;
    if (found != FILE_UNSUPPORTED)
        file_heat_note(&e->heat, p, windows, news, now);
    return found;
}

/* Whether the kernel says that the piece is in memory. */
static bool ask_residency(struct file_body *b, const struct file_piece *p, struct mono now)
{
    struct file_entry *e = b->entry;
    struct file_piece wide = *p;

    if (b->slot)
        slot_wait(b->slot, WAIT_PROBE, now);
    if (file_heat_ends_tell(&e->heat, &wide, now) && ask(b, &wide, true, now) == FILE_HOT)
        return true;
    enum file_residency found = ask(b, p, false, now);
    if (found == FILE_UNSUPPORTED) {
        e->heat.unsupported = true;
        count(b, COUNTER_probes_unsupported, 1);
        file_mounts_note_silent(b->mounts, e->home.mount);
    }
    return found == FILE_HOT;
}

/*
 * Whether [offset, end), within one window, is in memory. Where nobody can tell, what a thread read
 * a moment ago is.
 */
static bool is_hot(struct file_body *b, uint64_t offset, uint64_t end, struct mono now)
{
    struct file_entry *e = b->entry;
    uint64_t bytes = file_windows_bytes(b->windows);
    uint64_t begin = offset / bytes * bytes;
    struct file_piece p = {offset / bytes, (uint32_t)(offset - begin), (uint32_t)(end - begin)};

    if (!e->home.local)
        return false;
    return file_heat_is_hot(&e->heat, &p, now) || (can_tell(b) && ask_residency(b, &p, now));
}

/* --- giving --- */

static void give_slice(struct file_body *b, uint64_t end, struct chunk *out)
{
    *out = (struct chunk){
        .kind = CHUNK_FILE, .fd = b->entry->fd, .offset = b->offset, .length = end - b->offset};
    b->offset = end;
}

/* The window of b->offset is hot. */
static void give_hot(struct file_body *b, struct mono now, struct chunk *out)
{
    uint64_t end = window_end(b, b->offset);
    uint64_t windows = end > b->counted;

    while (end < b->end && end - b->offset < slice_bytes &&
           is_hot(b, end, window_end(b, end), now)) {
        end = window_end(b, end);
        windows += end > b->counted;
    }
    if (windows > 0) {
        b->counted = end;
        count(b, COUNTER_windows_hot, windows);
        offload_mount_count(b->entry->home.mount, MOUNT_HOT, windows);
    }
    give_slice(b, end, out);
}

static void give_error(const struct file_body *b, struct chunk *out)
{
    *out = (struct chunk){.kind = CHUNK_ERROR, .fd = -1, .error = b->error};
}

static void fail(struct file_body *b, int error, struct chunk *out)
{
    b->failed = true;
    b->error = error;
    give_error(b, out);
}

static void refuse(struct file_body *b, struct chunk *out)
{
    b->refused = true;
    fail(b, ETIMEDOUT, out);
}

/*
 * The window behind `index`, unless it is in memory anyway. Begun when `index` is asked for, so
 * that two reads are under way as long as the client takes what it is given.
 */
static void read_ahead(struct file_body *b, uint64_t index)
{
    uint64_t next = (index + 1) * file_windows_bytes(b->windows);

    if (b->ahead || next >= b->end)
        return;
    if (b->entry->home.local && !is_faulted(b) && is_hot(b, next, window_end(b, next), mono_now()))
        return;
    b->ahead = file_window_prefetch(b->windows, b->entry, index + 1);
}

/* Takes the reference to w, which is finished. */
static void give_window(struct file_body *b, struct file_window *w, struct chunk *out)
{
    uint64_t begin = w->index * file_windows_bytes(b->windows);
    uint64_t end = window_end(b, b->offset);
    uint64_t skip = b->offset - begin;

    b->held = w;
    if (w->error != 0) {
        fail(b, w->error, out);
        return;
    }
    if (w->bytes <= skip) { /* the file ends before what was promised */
        if (b->entry->home.local)
            give_slice(b, end, out); /* which the sender finds to be short */
        else
            fail(b, EIO, out);
        return;
    }
    if (end > begin + w->bytes)
        end = begin + w->bytes;
    *out = (struct chunk){.kind = CHUNK_MEMORY,
                          .fd = -1,
                          .memory = span_of(w->data + skip, (size_t)(end - b->offset))};
    b->offset = end;
}

/* What the time until now was spent on, for the log. */
static void account(struct file_body *b, const struct file_window *w)
{
    if (b->plan)
        serve_account(b->plan, &w->job, b->wait.since);
}

static void take_answer(struct file_body *b, struct chunk *out)
{
    struct file_window *w = b->wait.window;

    b->answered = false;
    b->wait.window = NULL;
    if (b->wait.refused) {
        refuse(b, out);
        return;
    }
    account(b, w);
    give_window(b, w, out);
}

static void give_cold(struct file_body *b, struct chunk *out)
{
    uint64_t index = window_of(b, b->offset);
    struct file_window *w;

    b->wait.ahead = b->ahead && b->ahead->index == index;
    enum file_window_ask asked = file_window_ask(b->windows, b->entry, index, &b->wait, &w);
    /* Held or waited for now: not before, or a read under way would be given up. */
    if (b->ahead && b->ahead->index <= index)
        file_window_drop(&b->ahead);
    switch (asked) {
    case FILE_WINDOW_READY:
        read_ahead(b, index);
        give_window(b, w, out);
        break;
    case FILE_WINDOW_WAIT:
        read_ahead(b, index);
        *out = (struct chunk){.kind = CHUNK_WAIT, .fd = -1};
        break;
    case FILE_WINDOW_REFUSED:
        refuse(b, out);
        break;
    }
}

/* Waits for nothing: a file in memory only, or one that is read where it is asked for. */
static bool read_plainly(int fd, uint64_t offset, char *to, size_t n)
{
    ssize_t got;

    do
        got = pread(fd, to, n, (off_t)offset);
    while (got < 0 && errno == EINTR);
    return got >= 0 && (size_t)got == n;
}

bool file_body_copy(struct file_body *b, uint64_t offset, char *to, size_t n)
{
    if (b->entry->fd < 0 || b->failed || b->wait.waiting || b->answered || b->rest.resting)
        return false;
    if (!b->windows)
        return read_plainly(b->entry->fd, offset, to, n);
    if (holds(b, offset, n)) {
        uint64_t begin = b->held->index * file_windows_bytes(b->windows);
        memcpy(to, b->held->data + (offset - begin), n);
        return true;
    }
    if (!can_tell(b) || is_faulted(b))
        return false;
    count(b, COUNTER_probes, 1);
    if (!file_read_hot(b->entry->fd, offset, to, n))
        return false;
    count(b, COUNTER_windows_hot, 1);
    offload_mount_count(b->entry->home.mount, MOUNT_HOT, 1);
    return true;
}

void file_body_pull(struct file_body *b, struct source *source, struct chunk *out)
{
    *out = (struct chunk){.kind = CHUNK_END, .fd = -1};
    b->source = source;
    if (b->failed) {
        give_error(b, out);
        return;
    }
    if (b->begun &&
        (b->first.kind != CHUNK_FILE || mono_since(mono_now(), b->first_at) < turn_ns)) {
        b->begun = false;
        *out = b->first;
        return;
    }
    unbegin(b); /* a slice, and others have had their turn since it was found in memory */
    if (b->wait.waiting) {
        out->kind = CHUNK_WAIT;
        return;
    }
    file_window_rest_end(&b->rest);
    if (b->again || holds(b, b->offset, 1)) {
        struct file_window *w = b->held;
        b->again = false;
        give_window(b, w, out);
        return;
    }
    if (b->several && !b->answered && b->offset >= b->end)
        return; /* the next one may lie in the same window */
    file_window_drop(&b->held);
    if (b->answered) {
        take_answer(b, out);
        return;
    }
    if (b->offset >= b->end)
        return;
    if (!b->windows) {
        give_slice(b, b->end, out);
        return;
    }
    struct mono now = mono_now();
    bool is_ahead = b->ahead && b->ahead->index == window_of(b, b->offset);
    if (!is_ahead && !is_faulted(b) && is_hot(b, b->offset, window_end(b, b->offset), now)) {
        give_hot(b, now, out);
        return;
    }
    if (!is_ahead && !can_tell(b))
        offload_mount_count(b->entry->home.mount, MOUNT_UNSUPPORTED, 1);
    give_cold(b, out);
}

/* --- the source --- */

struct file_source {
    struct file_body body;
    struct file_entry *entry; /* held */
};

static void source_pull_file(struct source *s, struct chunk *out)
{
    struct file_source *f = s->owner;

    file_body_pull(&f->body, s, out);
    s->offset = f->body.offset;
}

static bool source_give_back_file(struct source *s, uint64_t unsent_bytes)
{
    struct file_source *f = s->owner;

    if (!file_body_give_back(&f->body, unsent_bytes))
        return false;
    s->offset = f->body.offset;
    return true;
}

static void source_stop_file(struct source *s)
{
    struct file_source *f = s->owner;

    file_body_stop(&f->body);
    file_entry_release(f->entry);
    free(f);
}

/* A short piece of a larger file, copied: sendfile(2) costs more than the copy. */
struct short_piece {
    struct file_entry *entry; /* held, for plan->file */
    char bytes[];
};

static void release_piece(void *owner)
{
    struct short_piece *p = owner;

    file_entry_release(p->entry);
    free(p);
}

/* Takes the reference to e when it is done: true. */
static bool copy_short(struct serve_ctx *ctx, const struct serve_request *rq,
                       struct serve_plan *plan, struct file_entry *e, uint64_t offset, size_t n)
{
    struct short_piece *p;

    if (n > SHORT_PIECE_BYTES || !ctx->pool || !e->home.mount || !e->home.local || e->home.memory ||
        e->heat.unsupported ||
        (ctx->conf->fault_count > 0 && offload_is_faulted(ctx->pool, WAIT_READ, e->where)))
        return false;
    if (ctx->slot)
        slot_wait(ctx->slot, WAIT_PROBE, rq->now);
    p = malloc(sizeof *p + n);
    if (!p || !file_read_hot(e->fd, offset, p->bytes, n)) {
        free(p);
        return false;
    }
    p->entry = e;
    source_memory(&plan->body, span_of(p->bytes, n), p, release_piece);
    if (ctx->slot) {
        slot_count(ctx->slot, COUNTER_probes, 1);
        slot_count(ctx->slot, COUNTER_windows_hot, 1);
    }
    offload_mount_count(e->home.mount, MOUNT_HOT, 1);
    return true;
}

bool file_body_source(struct serve_ctx *ctx, const struct serve_request *rq,
                      struct serve_plan *plan, struct file_entry *e, uint64_t offset, uint64_t end)
{
    static const struct source_ops ops = {source_pull_file, source_stop_file,
                                          source_give_back_file};
    struct file_source *f = NULL;

    if (end > offset && copy_short(ctx, rq, plan, e, offset, (size_t)(end - offset)))
        return true;
    if (e->home.mount && (f = calloc(1, sizeof *f)) == NULL) {
        file_entry_release(e);
        return false;
    }
    if (f)
        file_body_init(&f->body, ctx, e, plan);
    if (!f || !f->body.windows) {
        free(f);
        source_file(&plan->body, e->fd, offset, end, e, file_entry_release);
        return true;
    }
    file_body_range(&f->body, offset, end);
    f->entry = e;
    plan->beginning = &f->body;
    plan->body =
        (struct source){.ops = &ops, .fd = e->fd, .offset = offset, .end = end, .owner = f};
    return true;
}

/* --- beginning --- */

static enum serve_result answer_failure(struct serve_ctx *ctx, const struct serve_request *rq,
                                        struct file_body *b, struct serve_plan *plan)
{
    if (b->refused)
        return serve_refuse(ctx, rq, b->entry->home.mount, plan);
    serve_errno(ctx, rq, b->error, b->entry->where, plan);
    return SERVE_DONE;
}

enum serve_result file_body_begin(struct serve_ctx *ctx, const struct serve_request *rq,
                                  struct serve_plan *plan)
{
    struct file_body *b = plan->beginning;
    struct chunk first;

    b->beginning = true;
    file_body_pull(b, &plan->body, &first);
    if (first.kind == CHUNK_WAIT)
        return SERVE_WAIT;
    b->beginning = false;
    plan->beginning = NULL;
    if (first.kind == CHUNK_ERROR)
        return answer_failure(ctx, rq, b, plan);
    b->first = first;
    b->first_at = rq->now;
    b->begun = true;
    return SERVE_DONE;
}
