/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A worker process; see worker.h. In order: signals, descriptors, privileges, then loop, serving
 * context, logs, connections and listener are built, and from the ready store on the loop runs.
 *
 * It ends in one of four ways. Retired: told so by the channel or by SIGTERM, it leaves the
 * listening sockets, answers what it has, and goes when the last connection is closed, or what is
 * left makes no progress (a change), or its time is over (a stop). Orphaned: the same, when the
 * channel is at its end or the kernel sends the SIGTERM of a parent's death. Quit: at once. Sick:
 * the loop itself failed. Every way passes through worker_end, which writes what the logs hold and
 * lets go of sockets; nothing else is taken down, for the kernel does that best.
 *
 * Signals of a terminal reach the whole process group; they are the master's business and are
 * ignored here. SIGTERM is read from a descriptor in the loop. Faults keep their default
 * action, so that a core is written where the system allows one; what the worker was doing
 * stays on its slot for the master to read.
 */
#include "proc/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "board/board.h"
#include "net/address_table.h"
#include "net/listener.h"
#include "net/loop.h"
#include "net/offload.h"
#include "proc/channel.h"
#include "proc/reserve.h"
#include "proc/worker_leave.h"
#include "proto/access_log.h"
#include "proto/conn.h"
#include "serve/serve.h"

enum { MESSAGES_PER_TURN = 8 };

struct worker {
    const struct worker_env *env;
    struct board_slot *slot;
    struct loop *loop;
    struct offload *pool;
    struct serve_ctx *serve;
    struct access_log *log;
    struct conns *conns;
    struct listener *listener;
    struct loop_io channel, signals;
    struct loop_timers seconds;
    struct loop_timer second;
    struct worker_leave leave;
    enum worker_exit why;
};

/*
 * The listening sockets and the channel. Not left to _exit: the kernel lets go of descriptors
 * with the last thread, and one in a dead mount may not be killable, which would keep addresses
 * taken and the master waiting for a word.
 */
static void close_sockets(struct worker *w)
{
    for (size_t i = 0; i < w->env->listen_count; i++)
        close(w->env->listen_fd[i]);
    close(w->env->channel_fd);
}

/*
 * The one way out. The offload pool and the serving context are left as they are: threads may
 * hang in a mount for good, and taking down what belongs to their jobs could hang as well.
 */
static _Noreturn void worker_end(struct worker *w, enum worker_exit why)
{
    if (w->slot)
        slot_wait(w->slot, WAIT_EXIT, mono_now());
    if (w->conns)
        conns_free(&w->conns);
    if (w->log)
        access_log_free(&w->log);
    close_sockets(w);
    _exit((int)why);
}

/*
 * Setting up failed: errno says how, the text what and what to do. For want of memory or
 * descriptors it may work later; all else will fail in the same way again.
 */
static _Noreturn void __attribute__((format(printf, 2, 3)))
setup_failed(struct worker *w, const char *fmt, ...)
{
    int error = errno;
    bool passing = error == ENOMEM || error == EMFILE || error == ENFILE || error == ENOBUFS ||
                   error == EAGAIN || error == ENOSPC;
    char text[512];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    log_error("the worker cannot start: %s (%s); %s", text, strerror(error),
              passing ? "it is tried again" : "it is not tried again");
    worker_end(w, passing ? WORKER_SICK : WORKER_FATAL);
}

/* --- signals --- */

static bool is_fault(int number)
{
    return number == SIGSEGV || number == SIGBUS || number == SIGFPE || number == SIGILL ||
           number == SIGABRT || number == SIGTRAP || number == SIGSYS;
}

/*
 * Defaults for all, except: what a terminal or an operator sends to the whole group is
 * ignored, and so is SIGPIPE; SIGTERM is blocked and read from a descriptor. Faults are left
 * as they are: the default, or what a sanitizer put there.
 */
static void set_signals(void)
{
    static const int ignored[] = {SIGINT,  SIGHUP,  SIGQUIT, SIGUSR1, SIGUSR2,
                                  SIGPIPE, SIGTTIN, SIGTTOU, SIGXFSZ};
    struct sigaction action = {.sa_handler = SIG_DFL};
    sigset_t mask;

    for (int number = 1; number < NSIG; number++)
        if (!is_fault(number))
            sigaction(number, &action, NULL); /* refused for SIGKILL, SIGSTOP and libc's own */
    action.sa_handler = SIG_IGN;
    for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
        sigaction(ignored[i], &action, NULL);
    sigemptyset(&mask);
    sigaddset(&mask, SIGTERM);
    sigprocmask(SIG_SETMASK, &mask, NULL);
}

static int open_signals(void)
{
    sigset_t mask;

    sigemptyset(&mask);
    sigaddset(&mask, SIGTERM);
    return signalfd(-1, &mask, SFD_NONBLOCK | SFD_CLOEXEC);
}

/* --- descriptors --- */

/* Closes all but standard input, output and error and the descriptors the environment names. */
static void close_others(struct worker *w)
{
    const struct worker_env *env = w->env;
    size_t n = 0;
    int *keep = calloc(env->listen_count + env->conf->location_count + 3, sizeof *keep);

    if (!keep)
        setup_failed(w, "no memory");
    for (size_t i = 0; i < env->listen_count; i++)
        keep[n++] = env->listen_fd[i];
    for (size_t i = 0; i < env->conf->location_count; i++)
        keep[n++] = env->conf->locations[i]->root_fd;
    keep[n++] = env->channel_fd;
    keep[n++] = env->access_log_fd;
    keep[n++] = log_fd();
    fd_close_others(keep, n);
    free(keep);
}

/* --- privileges --- */

static void drop_privileges(struct worker *w)
{
    const struct worker_env *env = w->env;

    if (env->drop_privileges) {
        if (setgroups(env->group_count, env->groups) != 0)
            setup_failed(w, "cannot set the groups of user %u: start as root, or with CAP_SETGID",
                         (unsigned)env->uid);
        if (setresgid(env->gid, env->gid, env->gid) != 0)
            setup_failed(w, "cannot become group %u: see [server] group", (unsigned)env->gid);
        if (setresuid(env->uid, env->uid, env->uid) != 0)
            setup_failed(w, "cannot become user %u: see [server] user", (unsigned)env->uid);
    }
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        setup_failed(w, "cannot set no_new_privs");
}

/* --- ending --- */

static bool master_is_gone(const struct worker *w)
{
    return getppid() != w->env->master_pid;
}

/* At a stop the master waits for this before it ends the sockets for everybody, but not for long.
 */
static void tell_left(void *arg)
{
    const struct worker *w = arg;
    struct channel_message m = {.kind = CHANNEL_LEFT};

    if (!master_is_gone(w) && fd_send_with(w->channel.fd, &m, sizeof m, -1) < 0)
        log_debug("cannot tell the master that the listening sockets are left: %s",
                  strerror(errno));
}

/* See worker_leave.h: patient for a change, to a fixed end at a stop. */
static void retire(struct worker *w, uint64_t within_ns, bool patient)
{
    worker_leave(&w->leave, within_ns, patient);
}

static void orphaned(struct worker *w, const char *sign)
{
    if (w->why == WORKER_ORPHANED)
        return;
    log_warn("the master is gone (%s): this worker answers what it has and ends", sign);
    w->why = WORKER_ORPHANED;
    retire(w, w->env->conf->server.drain_timeout_ns, false);
}

static void all_closed(void *arg)
{
    struct worker *w = arg;

    if (w->leave.draining)
        loop_stop(w->loop);
}

static void signal_ready(struct loop_io *io, uint32_t events)
{
    struct worker *w = list_entry(io, struct worker, signals);
    struct signalfd_siginfo info;

    (void)events;
    if (read(io->fd, &info, sizeof info) != (ssize_t)sizeof info)
        return;
    if (master_is_gone(w))
        orphaned(w, "signal of its death");
    else if (!w->leave.draining)
        retire(w, w->env->conf->server.drain_timeout_ns, false);
}

/* --- the channel --- */

/* A mount that this worker has not seen yet gets its name when it is. */
static void fence(struct worker *w, const struct channel_message *m, bool fenced)
{
    struct offload_mount *mount = offload_mount(w->pool, m->value, "", "");

    if (!mount) {
        log_error("no memory to %s a mount", fenced ? "fence" : "unfence");
        return;
    }
    offload_mount_fence(mount, fenced);
    if (fenced)
        serve_fence(w->serve, mount, m->amount);
}

static void resize_pool(struct worker *w, uint64_t threads)
{
    if (threads == 0 || threads > UINT32_MAX)
        return;
    offload_resize(w->pool, (unsigned)threads);
    log_info("this worker may have %u offload threads now", (unsigned)threads);
}

/* *passed: -1, or a descriptor that came along; -1 afterwards if it was taken. */
static void obey(struct worker *w, const struct channel_message *m, int *passed)
{
    switch ((enum channel_kind)m->kind) {
    case CHANNEL_RETIRE:
        retire(w, m->value, m->amount != 0);
        break;
    case CHANNEL_QUIT:
        loop_stop(w->loop);
        break;
    case CHANNEL_LOG_LEVEL:
        if (m->value <= LOG_LEVEL_DEBUG)
            log_set_level((enum log_level)m->value);
        break;
    case CHANNEL_OFFLOAD:
        resize_pool(w, m->value);
        break;
    case CHANNEL_FENCE:
    case CHANNEL_UNFENCE:
        fence(w, m, m->kind == CHANNEL_FENCE);
        break;
    case CHANNEL_UNFENCE_ROOTS:
        serve_unfence(w->serve, m->value);
        break;
    case CHANNEL_ROOT:
        if (serve_take_root(w->serve, m->value, *passed))
            *passed = -1;
        break;
    case CHANNEL_ABORT:
        if (!conns_abort(w->conns, m->value))
            log_debug("request %u-%llu was over before it could be aborted", w->env->number,
                      (unsigned long long)m->value);
        break;
    case CHANNEL_THROTTLE:
        if (!conns_throttle(w->conns, m->value, m->amount))
            log_debug("request %u-%llu was over before it could be throttled", w->env->number,
                      (unsigned long long)m->value);
        break;
    case CHANNEL_READY:
    case CHANNEL_LEFT:
        break;
    }
}

static void channel_ready(struct loop_io *io, uint32_t events)
{
    struct worker *w = list_entry(io, struct worker, channel);

    (void)events;
    for (int i = 0; i < MESSAGES_PER_TURN; i++) {
        struct channel_message m;
        int passed;
        ssize_t got = fd_recv_with(io->fd, &m, sizeof m, &passed);
        if (got < 0 && errno == EAGAIN)
            return;
        if (got <= 0) {
            loop_watch(w->loop, io, 0);
            orphaned(w, got == 0 ? "its channel closed" : strerror(errno));
            return;
        }
        if (got == (ssize_t)sizeof m)
            obey(w, &m, &passed);
        close_fd(&passed);
    }
}

/* --- wiring --- */

static void accepted(void *arg, const struct accepted *a)
{
    struct worker *w = arg;

    conns_accept(w->conns, a);
}

static void closed(void *arg, const struct sockaddr_storage *peer)
{
    struct worker *w = arg;

    listener_closed(w->listener, peer);
}

static unsigned make_room(void *arg, unsigned count)
{
    struct worker *w = arg;

    return conns_make_room(w->conns, count);
}

/* Descriptors ran out: those of files nobody uses go first, then idle connections. */
static unsigned shed(void *arg, unsigned count)
{
    struct worker *w = arg;
    unsigned closed = serve_shed(w->serve, count);

    return closed > 0 ? closed : make_room(w, count);
}

static void build_serving(struct worker *w)
{
    const struct worker_env *env = w->env;

    w->loop = loop_new(w->slot);
    if (!w->loop)
        setup_failed(w, "no event loop");
    w->pool =
        offload_new(&(struct offload_settings){.loop = w->loop,
                                               .board = env->board,
                                               .worker_number = env->number,
                                               .threads_max = env->conf->server.offload_threads,
                                               .conf = env->conf});
    if (!w->pool)
        setup_failed(w, "no offload pool");
    w->serve = serve_ctx_new(env->conf, env->mime, w->slot, w->pool);
    if (!w->serve)
        setup_failed(w, "no memory for the serving context");
    w->log = access_log_new(w->loop, env->conf, env->access_log_fd);
    if (!w->log)
        setup_failed(w, "no memory for the access log");
    w->conns = conns_new(&(struct conns_settings){.loop = w->loop,
                                                  .conf = env->conf,
                                                  .serve = w->serve,
                                                  .log = w->log,
                                                  .board = env->board,
                                                  .worker_number = env->number,
                                                  .closed = closed,
                                                  .empty = all_closed,
                                                  .arg = w});
    if (!w->conns)
        setup_failed(w, "no memory for connections");
}

static void second_over(struct loop_timers *kind, struct list *item)
{
    struct worker *w = list_entry(kind, struct worker, seconds);

    (void)item;
    serve_tick(w->serve, loop_now(w->loop));
    conns_tick(w->conns);
    log_tick();
    slot_gauge(w->slot, COUNTER_error_log_dropped, log_lines_dropped());
    loop_arm(w->loop, &w->seconds, &w->second);
}

static void build_control(struct worker *w)
{
    list_init(&w->second.link);
    w->seconds = (struct loop_timers){.after_ns = NS_PER_S, .due = second_over};
    loop_add_timers(w->loop, &w->seconds);
    loop_arm(w->loop, &w->seconds, &w->second);
    w->signals = (struct loop_io){.fd = open_signals(), .ready = signal_ready};
    if (w->signals.fd < 0 || !loop_watch(w->loop, &w->signals, EPOLLIN))
        setup_failed(w, "no signal descriptor");
    w->channel = (struct loop_io){.fd = w->env->channel_fd, .ready = channel_ready};
    if (!fd_set_nonblock(w->channel.fd, true) || !loop_watch(w->loop, &w->channel, EPOLLIN))
        setup_failed(w, "no channel to the master");
}

static void build_listener(struct worker *w)
{
    const struct worker_env *env = w->env;

    w->listener = listener_new(
        w->loop, &(struct listener_settings){
                     .fd = env->listen_fd,
                     .count = env->listen_count,
                     .connections_max = reserve_connections(env->conf->limits.connections),
                     .connections_per_address = env->conf->limits.connections_per_address,
                     .addresses = env->address_table,
                     .worker_number = env->number,
                     .board = env->board,
                     .accepted = accepted,
                     .shed = shed,
                     .make_room = make_room,
                     .arg = w});
    if (!w->listener)
        setup_failed(w, "no memory for the listening sockets");
    w->leave = (struct worker_leave){
        .loop = w->loop, .conns = w->conns, .listener = w->listener, .left = tell_left, .arg = w};
    worker_leave_init(&w->leave);
}

static void tell_ready(struct worker *w)
{
    struct channel_message m = {.kind = CHANNEL_READY};

    atomic_store_explicit(&w->slot->ready, 1, memory_order_release);
    /* A full channel only delays the news, for the slot says the same; a closed one is seen by
     * the loop. */
    if (fd_send_with(w->channel.fd, &m, sizeof m, -1) < 0)
        log_warn("cannot tell the master that worker %u serves: %s", w->env->number,
                 strerror(errno));
}

/* A wild store of a bug must not spoil what the master and the other workers say. */
static void keep_own_memory(const struct worker *w)
{
    const struct worker_env *env = w->env;

    if (!board_keep_own(env->board, env->number - 1) ||
        (env->address_table && !address_table_keep_own(env->address_table, env->number - 1)))
        log_warn("cannot make the others' shared memory read-only: %s", strerror(errno));
}

static void become_worker(struct worker *w)
{
    char tag[32];

    set_signals();
    snprintf(tag, sizeof tag, "worker %u", w->env->number);
    log_set_tag(tag);
    prctl(PR_SET_NAME, "weir-worker", 0, 0, 0);
    keep_own_memory(w);
    slot_wait(w->slot, WAIT_BOOT, mono_now());
    drop_privileges(w);
    close_others(w);
    /* After the change of user, which clears it; the parent may be gone before it was set. */
    prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0);
    if (master_is_gone(w))
        worker_end(w, WORKER_ORPHANED);
}

_Noreturn void worker_main(const struct worker_env *env)
{
    struct worker w = {
        .env = env, .slot = &env->board->slot[env->number - 1], .why = WORKER_RETIRED};

    become_worker(&w);
    build_serving(&w);
    build_control(&w);
    build_listener(&w);
    tell_ready(&w);
    loop_ask_for_short_slices();
    if (!loop_run(w.loop)) {
        log_error("waiting for events failed: %s; this worker ends and is started again",
                  strerror(errno));
        w.why = WORKER_SICK;
    }
    worker_end(&w, w.why);
}
