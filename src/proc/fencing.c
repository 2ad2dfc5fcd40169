/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The verbs fence and unfence, and what becomes of a fence when its mount goes. Workers know
 * mounts by device number, which the kernel gives to the next mount once one is gone: so a fence
 * ends with the mount that it was put around. But a location whose root lay on it stays behind the
 * fence until an operator takes it away: what is at the mount point meanwhile is not what clients
 * ask for. Such roots are marked in the configuration, which workers that start later inherit, and
 * running workers are told; both let go of their descriptors, or the mount would stay busy.
 * Nothing here asks the file system. Master only.
 */
#include "proc/supervisor.h"

#include <sys/sysmacros.h>

#include "base/fd.h"
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

/* --- roots --- */

static uint64_t number_at(const struct fences *f, uint64_t device)
{
    unsigned at;

    return fences_find(f, device, &at) ? f->mount[at].number : 0;
}

/* The fence around the mount that this path is on by name, there or gone; 0: none. */
static uint64_t fence_of_path(const struct fences *f, struct span mountinfo, struct span path)
{
    struct fence_mount m;
    struct buf why = {0};
    unsigned gone;
    uint64_t number = 0;
    bool found = fence_find(mountinfo, path, &m, &why);

    if (fences_find_gone(f, path, &gone) && (!found || f->mount[gone].name.n >= m.name.n))
        number = f->mount[gone].number;
    else if (found)
        number = number_at(f, m.device);
    fence_mount_free(&m);
    buf_free(&why);
    return number;
}

/* The fence that this root is behind; 0: none. */
static uint64_t fence_of_root(const struct fences *f, struct span mountinfo,
                              const struct conf_location *l)
{
    struct fence_mount m;
    uint64_t id, number = 0;

    if (l->root_fd >= 0 && fd_mount_id(l->root_fd, &id) && fence_find_id(mountinfo, id, &m)) {
        number = number_at(f, m.device);
        fence_mount_free(&m);
    }
    return number != 0 ? number : fence_of_path(f, mountinfo, span_str(l->files));
}

static bool is_in_force(const struct fences *f, uint64_t number)
{
    for (unsigned i = 0; i < f->count; i++)
        if (f->mount[i].number == number)
            return true;
    return false;
}

static void mark_roots(const struct fences *f, struct span mountinfo, struct conf *c)
{
    for (size_t i = 0; i < c->location_count; i++) {
        struct conf_location *l = c->locations[i];
        if (!l->files)
            continue;
        if (!is_in_force(f, l->fence))
            l->fence = fence_of_root(f, mountinfo, l);
        if (l->fence == 0)
            continue;
        l->was_fenced = l->was_fenced || l->root_fd >= 0;
        close_fd(&l->root_fd);
    }
}

void fencing_apply(struct supervisor *s)
{
    struct fences *f = &s->crew.fences;
    struct buf text = {0}, why = {0};

    /* Without the table roots are known by their old marks and by mounts that are gone. */
    if (f->count > 0 && !fence_read_mountinfo(0, &text, &why))
        log_warn("which roots are behind fences is not known: %.*s", (int)why.n, why.p);
    if (s->running)
        mark_roots(f, buf_span(&text), s->running->conf);
    if (s->next)
        mark_roots(f, buf_span(&text), s->next->conf);
    buf_free(&text);
    buf_free(&why);
}

static bool keeps_roots_of(const struct conf *c, uint64_t number)
{
    for (size_t i = 0; i < c->location_count; i++)
        if (c->locations[i]->fence == number)
            return true;
    return false;
}

static bool keeps_roots(const struct supervisor *s, uint64_t number)
{
    return (s->running && keeps_roots_of(s->running->conf, number)) ||
           (s->next && keeps_roots_of(s->next->conf, number));
}

/* --- the verbs --- */

/* Tells the workers, and forgets the fence. */
static void take_away(struct supervisor *s, unsigned at)
{
    struct fence_mount *m = &s->crew.fences.mount[at];

    if (!m->gone)
        crew_broadcast(&s->crew, 0, CHANNEL_UNFENCE, m->device, -1);
    crew_broadcast(&s->crew, 0, CHANNEL_UNFENCE_ROOTS, m->number, -1);
    fences_remove(&s->crew.fences, at);
    fencing_apply(s);
}

/* Fences that keep roots of a mount which was at this point before. */
static void forget_gone(struct supervisor *s, struct span name)
{
    for (unsigned i = s->crew.fences.count; i-- > 0;)
        if (s->crew.fences.mount[i].gone && span_eq(buf_span(&s->crew.fences.mount[i].name), name))
            take_away(s, i);
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
    struct channel_message fence = {.kind = CHANNEL_FENCE, .value = m.device};
    unsigned at;
    add_mount(&m, message);
    forget_gone(s, buf_span(&m.name));
    bool good = fences_add(&s->crew.fences, &m);
    if (good) {
        fences_find(&s->crew.fences, fence.value, &at);
        fence.amount = s->crew.fences.mount[at].number;
        crew_tell_all(&s->crew, &fence);
        fencing_apply(s);
        board_event(&s->board, EVENT_FENCED, 0, "%.*s was fenced", (int)message->n, message->p);
        buf_addf(message, " is fenced: requests for it are refused");
    } else {
        buf_addf(message, " cannot be fenced: %d others are", FENCES_MAX);
    }
    fence_mount_free(&m);
    return good;
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
    path = without_end_slashes(path);
    return found || fences_find_name(f, path, at) || fences_find_gone(f, path, at);
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
    struct fence_mount *m = &s->crew.fences.mount[at];
    struct buf name = {0};

    add_mount(m, &name);
    if (keeps_roots(s, m->number)) {
        log_info("%.*s is gone; locations whose files lay on it get 503 until it is unfenced",
                 (int)name.n, name.p);
        board_event(&s->board, EVENT_FENCED, 0,
                    "%.*s is gone; locations whose files lay on it get 503 until it is unfenced",
                    (int)name.n, name.p);
        crew_broadcast(&s->crew, 0, CHANNEL_UNFENCE, m->device, -1);
        m->gone = true;
        buf_free(&name);
        return;
    }
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
            if (!f->mount[i].gone && !fence_is_there(buf_span(&text), &f->mount[i]))
                mount_gone(s, i);
    } else {
        log_warn("fences stay as they are: %.*s", (int)why.n, why.p);
    }
    buf_free(&text);
    buf_free(&why);
}
