/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The worst stalls; see stalls.h. Master only.
 */
#include "proc/stalls.h"

#include "board/slot.h"

#define LOOK_MIN_NS NS_PER_S
#define LOOK_MAX_NS (60 * NS_PER_S)

#define PUT(field, value) atomic_store_explicit(&(field), (value), memory_order_relaxed)

static uint64_t length_at(const struct stall *row, struct mono now)
{
    return row->over ? row->lasted_ns : mono_since(now, (struct mono){row->began_ns});
}

/*
 * A free row, or else that of the shortest stall if this one is longer. All are compared at
 * the same instant: else those that last would push each other out in turn.
 */
static struct stall *find_place(struct stalls *s, uint64_t length_ns, struct mono now)
{
    struct stall *shortest = &s->row[0];

    for (unsigned i = 0; i < BOARD_STALLS_KEPT; i++) {
        if (s->row[i].id == 0)
            return &s->row[i];
        if (length_at(&s->row[i], now) < length_at(shortest, now))
            shortest = &s->row[i];
    }
    return length_ns > length_at(shortest, now) ? shortest : NULL;
}

static struct stall *find(struct stalls *s, unsigned worker, unsigned thread, uint64_t began_ns)
{
    for (unsigned i = 0; i < BOARD_STALLS_KEPT; i++) {
        struct stall *row = &s->row[i];
        if (row->id != 0 && !row->over && row->worker == worker && row->thread == thread &&
            row->began_ns == began_ns)
            return row;
    }
    return NULL;
}

struct stall *stalls_see(struct stalls *s, unsigned worker, unsigned thread, uint64_t began_ns,
                         struct mono now, struct wall wall)
{
    uint64_t length_ns = mono_since(now, (struct mono){began_ns});
    struct stall *row = find(s, worker, thread, began_ns);

    if (!row) {
        row = find_place(s, length_ns, now);
        if (!row)
            return NULL;
        if (++s->newest == 0)
            s->newest = 1;
        *row = (struct stall){.id = s->newest,
                              .worker = worker,
                              .thread = thread,
                              .began_ns = began_ns,
                              .began_wall_ns = wall.ns > length_ns ? wall.ns - length_ns : 0};
    }
    row->lasted_ns = length_ns;
    row->dirty = true;
    return row;
}

static void set_text(char to[BOARD_TEXT_BYTES + 1], struct span text)
{
    size_t n = text.n < BOARD_TEXT_BYTES ? text.n : BOARD_TEXT_BYTES;

    if (n > 0)
        memcpy(to, text.p, n);
    to[n] = '\0';
}

void stall_describe(struct stall *row, enum board_wait wait, struct span path, unsigned waiting)
{
    row->wait = wait;
    set_text(row->path, path);
    if (waiting > row->waiting)
        row->waiting = waiting;
    row->dirty = true;
}

void stall_looked(struct stall *row, struct span kernel, struct mono now)
{
    uint64_t pause_ns = length_at(row, now);

    if (pause_ns < LOOK_MIN_NS)
        pause_ns = LOOK_MIN_NS;
    if (pause_ns > LOOK_MAX_NS)
        pause_ns = LOOK_MAX_NS;
    set_text(row->kernel, kernel);
    row->looks++;
    row->look_ns = now.ns + pause_ns;
    row->dirty = true;
}

bool stall_wants_look(const struct stall *row, struct mono now)
{
    return row->id != 0 && !row->over && (row->looks == 0 || now.ns >= row->look_ns);
}

void stall_end(struct stall *row, struct mono end)
{
    row->lasted_ns = mono_since(end, (struct mono){row->began_ns});
    row->over = true;
    row->dirty = true;
}

void stalls_worker_gone(struct stalls *s, unsigned worker, struct mono now)
{
    for (unsigned i = 0; i < BOARD_STALLS_KEPT; i++)
        if (s->row[i].id != 0 && !s->row[i].over && s->row[i].worker == worker)
            stall_end(&s->row[i], now);
}

void stalls_age(struct stalls *s, struct mono now)
{
    for (unsigned i = 0; i < BOARD_STALLS_KEPT; i++) {
        struct stall *row = &s->row[i];
        uint64_t end_ns = row->began_ns + row->lasted_ns;
        if (row->id != 0 && row->over && mono_since(now, (struct mono){end_ns}) > STALLS_KEPT_NS)
            *row = (struct stall){.dirty = true};
    }
}

static void publish_row(struct stall *row, struct board_stall *b)
{
    uint32_t shown = atomic_load_explicit(&b->used, memory_order_relaxed);

    if (shown != row->id) {
        PUT(b->used, 0);
        atomic_thread_fence(memory_order_release);
    }
    PUT(b->worker, row->worker);
    PUT(b->on_loop, row->thread == 0);
    PUT(b->wait, (uint32_t)row->wait);
    PUT(b->began_ns, row->began_ns);
    PUT(b->began_wall_ns, row->began_wall_ns);
    PUT(b->lasted_ns, row->lasted_ns);
    PUT(b->over, row->over);
    PUT(b->waiting, row->waiting);
    board_text_set(&b->path, span_str(row->path));
    board_text_set(&b->kernel, span_str(row->kernel));
    atomic_store_explicit(&b->used, row->id, memory_order_release);
    row->dirty = false;
}

void stalls_publish(struct stalls *s, struct board_stall *rows)
{
    for (unsigned i = 0; i < BOARD_STALLS_KEPT; i++)
        if (s->row[i].dirty)
            publish_row(&s->row[i], &rows[i]);
}
