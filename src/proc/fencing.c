/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The verbs fence and unfence, and what becomes of a fence when its mount goes. Workers know
 * mounts by device number, which the kernel gives to the next mount once one is gone: so a fence
 * ends with the mount that it was put around. Master only.
 */
#include "proc/supervisor.h"

#include <sys/sysmacros.h>

#include "base/log.h"
#include "proc/channel.h"

#define ROOTS_EVERY_NS (10 * NS_PER_S)

static bool is_refused_row(const struct board_mount *m)
{
    return atomic_load_explicit(&m->used, memory_order_acquire) &&
           atomic_load_explicit(&m->state, memory_order_relaxed) != MOUNT_OK;
}

/* Some worker refuses requests for it. */
static bool is_refused(const struct board *b, uint64_t device)
{
    for (size_t i = 0; i < (size_t)b->slot_count * BOARD_MOUNTS_PER_SLOT; i++)
        if (is_refused_row(&b->mount[i]) &&
            atomic_load_explicit(&b->mount[i].device, memory_order_relaxed) == device)
            return true;
    return false;
}

/* The mount that a command means; tells the path with why not. */
static bool find_mount(struct span path, struct fence_mount *m, struct buf *message)
{
    buf_addf(message, "%.*s: ", (int)path.n, path.p);
    if (!fence_find_here(path, m, message))
        return false;
    message->n = 0;
    return true;
}

static void add_mount(const struct fence_mount *m, struct buf *message)
{
    buf_addf(message, "mount %.*s (%.*s, %u:%u)", (int)m->name.n, m->name.p, (int)m->type.n,
             m->type.p, major(m->device), minor(m->device));
}

static struct span without_end_slashes(struct span path)
{
    while (path.n > 1 && path.p[path.n - 1] == '/')
        path.n--;
    return path;
}

/*
 * Every path lies on some mount, a mistyped one on "/": what is to be fenced must be a mount
 * point by name, or lie in a folder that is served. Names are compared; nothing is asked of the
 * file system, for it may be the one that does not answer.
 */
static bool is_meant(const struct supervisor *s, struct span path, const struct fence_mount *m)
{
    const struct conf *c = s->running ? s->running->conf : NULL;

    path = without_end_slashes(path);
    if (span_eq(path, buf_span(&m->name)))
        return true;
    for (size_t i = 0; c && i < c->location_count; i++) {
        struct span root = span_str(c->locations[i]->files);
        if (root.n > 0 && span_starts(path, root) &&
            (path.n == root.n || path.p[root.n] == '/' || root.p[root.n - 1] == '/'))
            return true;
    }
    return false;
}

bool verb_fence(struct supervisor *s, struct span path, struct buf *message)
{
    struct fence_mount m;

    if (!find_mount(path, &m, message))
        return false;
    if (!is_meant(s, path, &m)) {
        buf_addf(message,
                 "%.*s: neither a mount point nor in a folder that is served; weirctl mounts lists "
                 "them",
                 (int)path.n, path.p);
        fence_mount_free(&m);
        return false;
    }
    uint64_t device = m.device;
    add_mount(&m, message);
    bool good = fences_add(&s->crew.fences, &m);
    if (good) {
        crew_broadcast(&s->crew, 0, CHANNEL_FENCE, device, -1);
        board_event(&s->board, EVENT_FENCED, 0, "%.*s was fenced", (int)message->n, message->p);
        buf_addf(message, " is fenced: requests for it are refused");
    } else {
        buf_addf(message, " cannot be fenced: %d others are", FENCES_MAX);
    }
    fence_mount_free(&m);
    return good;
}

/* Tells the workers, and forgets the fence. */
static void take_away(struct supervisor *s, unsigned at)
{
    crew_broadcast(&s->crew, 0, CHANNEL_UNFENCE, s->crew.fences.mount[at].device, -1);
    fences_remove(&s->crew.fences, at);
}

/*
 * The fence that a path means: that of the mount it is on, else one around a mount which was
 * at this very point before it was taken away or another was put over it.
 */
static bool find_fence(const struct fences *f, struct span path, unsigned *at, struct buf *message)
{
    struct fence_mount m;
    bool found = find_mount(path, &m, message) && fences_find(f, m.device, at);

    fence_mount_free(&m);
    return found || fences_find_name(f, without_end_slashes(path), at);
}

bool verb_unfence(struct supervisor *s, struct span path, struct buf *message)
{
    struct fence_mount m;
    unsigned at;

    if (find_fence(&s->crew.fences, path, &at, message)) {
        message->n = 0;
        add_mount(&s->crew.fences.mount[at], message);
        take_away(s, at);
        board_event(&s->board, EVENT_HEALED, 0, "%.*s was unfenced", (int)message->n, message->p);
        buf_addf(message, " is no longer fenced");
        return true;
    }
    message->n = 0;
    if (!find_mount(path, &m, message))
        return false;
    bool sick = is_refused(&s->board, m.device);
    add_mount(&m, message);
    crew_broadcast(&s->crew, 0, CHANNEL_UNFENCE, m.device, -1);
    if (sick)
        board_event(&s->board, EVENT_HEALED, 0, "%.*s was sick; an operator says that it is well",
                    (int)message->n, message->p);
    buf_addf(message, " was not fenced; it is taken as healthy");
    fence_mount_free(&m);
    return true;
}

/* The mount that a folder is on by name, in *device; 0 when it is not known. */
static uint64_t device_of(struct span mountinfo, const struct conf_location *l)
{
    struct fence_mount m;
    struct buf why = {0};
    uint64_t device = 0;

    if (l->handler == CONF_FILES && fence_find(mountinfo, span_str(l->files), &m, &why)) {
        device = m.device;
        fence_mount_free(&m);
    }
    buf_free(&why);
    return device;
}

static void put_roots(struct board_header *h, const struct conf *c, struct span mountinfo)
{
    uint64_t device[BOARD_ROOTS_MAX];
    unsigned count = 0;

    for (size_t i = 0; i < c->location_count && count <= BOARD_ROOTS_MAX; i++) {
        uint64_t d = device_of(mountinfo, c->locations[i]);
        unsigned at = 0;
        while (at < count && device[at] != d)
            at++;
        if (at < count)
            continue;
        if (count < BOARD_ROOTS_MAX)
            device[count] = d;
        count++;
    }
    for (unsigned i = 0; i < count && i < BOARD_ROOTS_MAX; i++)
        atomic_store_explicit(&h->root_device[i], device[i], memory_order_relaxed);
    atomic_store_explicit(&h->root_count, count, memory_order_relaxed);
}

/* The table of mounts is the kernel's memory: no file system is asked. */
void fencing_roots(struct supervisor *s, struct mono now)
{
    struct buf text = {0}, why = {0};

    if (!s->running ||
        (s->roots_generation == s->running_generation && now.ns - s->roots_ns < ROOTS_EVERY_NS))
        return;
    s->roots_ns = now.ns;
    s->roots_generation = s->running_generation;
    if (fence_read_mountinfo(0, &text, &why))
        put_roots(s->board.header, s->running->conf, buf_span(&text));
    else
        atomic_store_explicit(&s->board.header->root_count, 0, memory_order_relaxed);
    buf_free(&text);
    buf_free(&why);
}

static void mount_gone(struct supervisor *s, unsigned at)
{
    struct buf name = {0};

    add_mount(&s->crew.fences.mount[at], &name);
    log_warn("%.*s is gone, and with it the fence around it", (int)name.n, name.p);
    board_event(&s->board, EVENT_HEALED, 0, "%.*s is gone, and with it the fence around it",
                (int)name.n, name.p);
    buf_free(&name);
    take_away(s, at);
}

void fencing_check(struct supervisor *s)
{
    struct fences *f = &s->crew.fences;
    struct buf text = {0}, why = {0};

    if (!fences_changed(f))
        return;
    if (fence_read_mountinfo(0, &text, &why)) {
        for (unsigned i = f->count; i-- > 0;)
            if (!fence_is_there(buf_span(&text), &f->mount[i]))
                mount_gone(s, i);
    } else {
        log_warn("fences stay as they are: %.*s", (int)why.n, why.p);
    }
    buf_free(&text);
    buf_free(&why);
}
