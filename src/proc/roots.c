/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Roots that come late; see roots.h. The child has a thread for each root that is missing, so
 * that one dead mount does not hide another; a root that cannot be opened for a reason that may
 * pass is tried again in a while. Master only, but for what the child runs.
 */
#include "proc/roots.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "conf/facts.h"
#include "proc/aside.h"
#include "proc/channel.h"
#include "proc/supervisor.h"

#define AGAIN_NS    (10 * NS_PER_S)
#define STACK_BYTES ((size_t)256 * 1024)

enum { THREADS_MAX = 64, PACKETS_A_TURN = 64 };

/* ---- the child ---- */

struct opener {
    const struct inherit *in;
    int fd;
    size_t next;
    unsigned threads;
    pthread_mutex_t lock;
    pthread_cond_t ended;
};

/* One behind a fence is not: whoever takes the fence away has it looked up again. */
static bool is_missing(const struct conf_location *l)
{
    return l->handler == CONF_FILES && l->root_fd < 0 && l->fence == 0;
}

static const struct conf_location *next_missing(struct opener *o)
{
    const struct conf *conf = o->in->conf;

    while (o->next < conf->location_count) {
        const struct conf_location *l = conf->locations[o->next++];
        if (is_missing(l))
            return l;
    }
    return NULL;
}

/* Until it is open; without the lock. */
static void open_and_send(const struct opener *o, const struct conf_location *l)
{
    const struct timespec pause = {AGAIN_NS / NS_PER_S, 0};
    struct fact f = {.kind = FACT_DIRECTORY, .name = l->files, .fd = -1, .taken_fd = -1};
    uint32_t id = l->id;

    for (fact_answer(&f); f.fd < 0; fact_answer(&f))
        nanosleep(&pause, NULL);
    if (fd_send_with(o->fd, &id, sizeof id, f.fd) < 0)
        _exit(1); /* nobody waits for it any more */
    fact_clear(&f);
}

static void *open_some(void *arg)
{
    struct opener *o = arg;
    const struct conf_location *l;

    pthread_mutex_lock(&o->lock);
    while ((l = next_missing(o)) != NULL) {
        pthread_mutex_unlock(&o->lock);
        open_and_send(o, l);
        pthread_mutex_lock(&o->lock);
    }
    o->threads--;
    pthread_cond_signal(&o->ended);
    pthread_mutex_unlock(&o->lock);
    return NULL;
}

static bool start_thread(struct opener *o)
{
    pthread_attr_t attr;
    pthread_t id;

    if (pthread_attr_init(&attr) != 0)
        return false;
    pthread_attr_setstacksize(&attr, STACK_BYTES);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    bool good = pthread_create(&id, &attr, open_some, o) == 0;
    pthread_attr_destroy(&attr);
    return good;
}

static void open_roots(const void *arg, int fd)
{
    static struct opener o = {.lock = PTHREAD_MUTEX_INITIALIZER, .ended = PTHREAD_COND_INITIALIZER};
    const struct conf *conf;
    size_t missing = 0;

    o.in = arg;
    o.fd = fd;
    conf = o.in->conf;
    for (size_t i = 0; i < conf->location_count; i++)
        missing += is_missing(conf->locations[i]);
    pthread_mutex_lock(&o.lock);
    while (o.threads < THREADS_MAX && o.threads < missing && start_thread(&o))
        o.threads++;
    while (o.threads > 0)
        pthread_cond_wait(&o.ended, &o.lock);
}

/* ---- the master ---- */

static bool any_missing(const struct conf *conf)
{
    for (size_t i = 0; i < conf->location_count; i++)
        if (is_missing(conf->locations[i]))
            return true;
    return false;
}

static void take_root(struct supervisor *s, uint32_t id, int *fd)
{
    struct conf *conf = s->running->conf;
    struct conf_location *l = id < conf->location_count ? conf->locations[id] : NULL;

    if (!l || !is_missing(l) || *fd < 0)
        return;
    l->root_fd = *fd;
    *fd = -1;
    crew_broadcast(&s->crew, s->running_generation, CHANNEL_ROOT, id, l->root_fd);
    if (l->was_fenced) /* that it is well again was said when the fence went */
        return;
    board_event(&s->board, EVENT_HEALED, 0, "files = %s is open now", l->files);
    log_info("files = %s: it answers now", l->files);
}

static void take_packets(struct supervisor *s, struct mono now)
{
    for (int i = 0; i < PACKETS_A_TURN; i++) {
        uint32_t id;
        int passed;
        ssize_t n = fd_recv_with(s->roots.fd, &id, sizeof id, &passed);
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return;
        if (n == (ssize_t)sizeof id)
            take_root(s, id, &passed);
        close_fd(&passed);
        if (n > 0)
            continue;
        roots_drop(&s->roots);
        s->roots.again_ns = now.ns + AGAIN_NS;
        return;
    }
}

void roots_look(struct supervisor *s, struct mono now)
{
    struct roots *r = &s->roots;

    if (r->pid > 0 && (s->stopping || r->generation != s->running_generation))
        roots_drop(r);
    if (r->pid > 0)
        take_packets(s, now);
    if (r->pid > 0 || s->stopping || !s->running || now.ns < r->again_ns ||
        !any_missing(s->running->conf))
        return;
    r->again_ns = now.ns + AGAIN_NS;
    r->generation = s->running_generation;
    r->pid = aside_begin("weir-roots", open_roots, s->running, false, &r->fd);
    if (r->pid < 0) {
        log_warn("no process to wait for roots that do not answer: %s; trying again",
                 strerror(errno));
        r->pid = 0;
    }
}

size_t roots_poll_fds(const struct roots *r, struct pollfd *to)
{
    if (r->pid <= 0)
        return 0;
    *to = (struct pollfd){.fd = r->fd, .events = POLLIN};
    return 1;
}

void roots_drop(struct roots *r)
{
    aside_drop(&r->pid, &r->fd);
}
