/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The master's loop; see master.h. It waits in ppoll(2) for signals, workers and control
 * clients, at most until the next deadline or the next 100 ms beat. Signal handlers set a flag
 * and nothing else; signals are blocked but while it waits. Each turn takes what came in
 * (signals, exits, channels, commands) before it lets deadlines pass, so that a master
 * that was itself stopped for a while first learns what happened meanwhile.
 */
#include "proc/master.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/must.h"
#include "net/address_table.h"
#include "proc/supervisor.h"

#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#ifndef PACKAGE_VERSION
#define PACKAGE_VERSION "0"
#endif

#define PUT(field, value) atomic_store_explicit(&(field), (value), memory_order_relaxed)

#define BEAT_NS      (100 * NS_PER_MS)
#define AUTOMATIC_NS (10 * NS_PER_S)
#define LEAVE_NS     NS_PER_S /* for workers to leave the listening sockets at a stop */

enum { REMOVE_MS = 1000 }; /* for the files of unix sockets, at the end */
enum { SLOTS_EXTRA = 8 };  /* beyond twice the workers: for those that retire slowly */

/* ---- signals: the verbs ---- */

enum verb {
    VERB_TERM,
    VERB_INT,
    VERB_QUIT,
    VERB_HUP,
    VERB_USR1,
    VERB_USR2,
    VERB_TTIN,
    VERB_TTOU,
    VERB_CHLD,
    VERB_COUNT
};

static const int verb_signal[VERB_COUNT] = {
    [VERB_TERM] = SIGTERM, [VERB_INT] = SIGINT,   [VERB_QUIT] = SIGQUIT,
    [VERB_HUP] = SIGHUP,   [VERB_USR1] = SIGUSR1, [VERB_USR2] = SIGUSR2,
    [VERB_TTIN] = SIGTTIN, [VERB_TTOU] = SIGTTOU, [VERB_CHLD] = SIGCHLD,
};

static volatile sig_atomic_t verb_came[VERB_COUNT];

static void on_signal(int number)
{
    for (int v = 0; v < VERB_COUNT; v++)
        if (verb_signal[v] == number)
            verb_came[v] = 1;
}

/* Whether the terminal this server was started in, in the foreground, has gone. */
static bool terminal_is_gone(const struct supervisor *s)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        struct pollfd p = {.fd = fd};
        if ((s->terminals & 1U << fd) && poll(&p, 1, 0) == 1 && (p.revents & POLLHUP))
            return true;
    }
    return false;
}

/*
 * `weir DIR' in a terminal ends with it. A server with a configuration is a daemon, one told to
 * ignore SIGHUP (nohup) means to stay, and with -T the dashboard decides.
 */
static unsigned terminals_to_follow(const struct master_options *options)
{
    struct sigaction hup;
    unsigned terminals = 0;

    if (options->config || options->dashboard || sigaction(SIGHUP, NULL, &hup) != 0 ||
        hup.sa_handler == SIG_IGN)
        return 0;
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (isatty(fd))
            terminals |= 1U << fd;
    return terminals;
}

/* Blocks the signals outside ppoll; *while_waiting is the mask for inside. */
static bool catch_signals(sigset_t *while_waiting)
{
    struct sigaction act = {.sa_handler = on_signal};
    sigset_t ours;

    sigfillset(&act.sa_mask);
    sigemptyset(&ours);
    for (int v = 0; v < VERB_COUNT; v++) {
        if (sigaction(verb_signal[v], &act, NULL) != 0)
            return false;
        sigaddset(&ours, verb_signal[v]);
    }
    act.sa_handler = SIG_IGN;
    if (sigaction(SIGPIPE, &act, NULL) != 0 || sigprocmask(SIG_BLOCK, &ours, while_waiting) != 0)
        return false;
    for (int v = 0; v < VERB_COUNT; v++)
        sigdelset(while_waiting, verb_signal[v]);
    return true;
}

static void log_answer(const char *what, bool good, const struct buf *message)
{
    log_write(good ? LOG_LEVEL_INFO : LOG_LEVEL_WARN, "%s: %.*s", what, (int)message->n,
              message->n ? message->p : "");
}

static void reload_by_signal(struct supervisor *s)
{
    struct buf message = {0};

    if ((s->next || s->check) && !s->stopping)
        s->reload_again = true; /* the file may have changed since: read it again afterwards */
    else
        verb_reload(s, &message);
    buf_free(&message); /* errors are in the log already */
}

static void resize_by_signal(struct supervisor *s, enum control_amount amount, const char *name)
{
    struct buf message = {0};
    bool good = verb_resize(s, amount, 1, &message, NULL);

    log_answer(name, good, &message);
    buf_free(&message);
}

static void reopen_by_signal(struct supervisor *s)
{
    struct buf message = {0};
    bool good = verb_reopen(s, &message, NULL);

    log_answer("SIGUSR1", good, &message);
    buf_free(&message);
}

static void stop_by_signal(struct supervisor *s, bool at_once, const char *name)
{
    log_info("%s: stopping %s", name, at_once ? "now" : "when all requests are answered");
    verb_stop(s, at_once, NULL);
}

static bool take_verb(enum verb v)
{
    bool came = verb_came[v];

    verb_came[v] = 0;
    return came;
}

static void take_signals(struct supervisor *s, struct mono now)
{
    if (take_verb(VERB_CHLD))
        crew_reap(&s->crew, now);
    if (take_verb(VERB_TERM))
        stop_by_signal(s, false, "SIGTERM");
    if (take_verb(VERB_QUIT))
        stop_by_signal(s, false, "SIGQUIT");
    if (take_verb(VERB_INT))
        stop_by_signal(s, true, "SIGINT");
    if (take_verb(VERB_HUP)) {
        if (terminal_is_gone(s))
            stop_by_signal(s, false, "SIGHUP of a closed terminal");
        else
            reload_by_signal(s);
    }
    if (take_verb(VERB_USR1))
        reopen_by_signal(s);
    if (take_verb(VERB_USR2))
        log_info("SIGUSR2: this version cannot upgrade in place; nothing changes");
    if (take_verb(VERB_TTIN))
        resize_by_signal(s, AMOUNT_ADD, "SIGTTIN");
    if (take_verb(VERB_TTOU))
        resize_by_signal(s, AMOUNT_REMOVE, "SIGTTOU");
}

/* ---- one turn ---- */

static struct timespec patience(const struct supervisor *s, struct mono now)
{
    uint64_t until = s->beat_ns + BEAT_NS;
    uint64_t wake = worker_table_wake_ns(&s->table);

    if (wake < until)
        until = wake;
    uint64_t left = until > now.ns ? until - now.ns : 0;
    return (struct timespec){(time_t)(left / NS_PER_S), (long)(left % NS_PER_S)};
}

/* The check that goes on, if one does: its packets are taken by reload_look, as those of roots by
 * roots_look. */
static size_t check_poll_fds(const struct supervisor *s, struct pollfd *to)
{
    if (!s->check)
        return 0;
    *to = (struct pollfd){.fd = check_fd(s->check), .events = POLLIN};
    return 1;
}

/* Waits, then serves channels and control clients. */
static void wait_and_take(struct supervisor *s, struct pollfd *fds, unsigned *slot_of,
                          const sigset_t *while_waiting)
{
    size_t channels = crew_poll_fds(&s->crew, fds, slot_of);
    size_t clients = control_poll_fds(s->control, fds + channels);
    size_t checks = check_poll_fds(s, fds + channels + clients);
    checks += roots_poll_fds(&s->roots, fds + channels + clients + checks);
    struct timespec left = patience(s, mono_now());

    int ready = ppoll(fds, channels + clients + checks, &left, while_waiting);
    if (ready < 0 && errno != EINTR)
        log_error("ppoll: %s", strerror(errno));
    struct mono now = mono_now();
    for (size_t i = 0; ready > 0 && i < channels; i++)
        if (fds[i].revents)
            crew_read_channel(&s->crew, slot_of[i], now);
    take_signals(s, now);
    if (ready > 0)
        control_serve(s->control, fds + channels, clients);
    else
        control_serve(s->control, NULL, 0);
}

static void give_orders(struct supervisor *s, struct mono now)
{
    enum worker_order order;
    unsigned slot;

    while ((order = worker_table_next_order(&s->table, &slot)) != ORDER_NONE) {
        unsigned generation = s->table.slot[slot].generation;
        const struct inherit *in =
            s->next && generation == s->next_generation ? s->next : s->running;
        if (order == ORDER_SPAWN)
            crew_spawn(&s->crew, slot, in, now);
        else
            crew_tell_off(&s->crew, slot, order, now);
    }
}

static void follow_cpus(struct supervisor *s, struct mono now)
{
    if (!s->automatic || !s->running || s->stopping || now.ns - s->automatic_ns < AUTOMATIC_NS)
        return;
    s->automatic_ns = now.ns;
    unsigned want = conf_auto_workers(s->running->conf);
    if (want == s->table.target)
        return;
    board_event(&s->board, EVENT_RESIZE, 0, "workers %u -> %u (auto)", s->table.target, want);
    log_info("workers %u -> %u: the CPUs this server may use have changed", s->table.target, want);
    worker_table_set_target(&s->table, want, now);
}

/* The work of each 100 ms. */
static void beat(struct supervisor *s, struct mono now)
{
    struct board_header *h = s->board.header;
    const struct inherit *in = s->running ? s->running : s->next;

    if (now.ns - s->beat_ns < BEAT_NS)
        return;
    s->beat_ns = now.ns;
    PUT(h->heartbeat_ns, now.ns);
    PUT(h->log_level, (uint32_t)log_get_level());
    logs_beat(s, now);
    crew_find_dead(&s->crew, now);
    oom_tick(&s->crew.oom, now);
    crew_watch(&s->crew, now);
    fencing_check(s);
    fencing_roots(s, now);
    error_watch_look(&s->errors, &s->board, now);
    if (!s->stopping)
        queue_watch_sample(&s->queues, &s->board, &in->listen, in->conf->server.backlog, now);
    follow_cpus(s, now);
}

static void publish(struct supervisor *s, struct mono now)
{
    PUT(s->board.header->workers_wanted, s->stopping ? 0 : s->table.target);
    PUT(s->board.header->workers_auto, s->automatic);
    crew_publish(&s->crew, now);
    if (!s->check || s->op.kind != OPERATION_RELOAD) /* its workers have yet to start */
        operation_check(&s->op, &s->board, &s->table, now);
}

static void end_sockets(struct inherit *in)
{
    if (!in)
        return;
    listen_set_shut(&in->listen);
    listen_set_close(&in->listen);
}

/*
 * Nobody accepts from here on. The sockets are not only closed but shut down, for a worker that is
 * dead and cannot be ended would keep them, and with them the port. Workers that leave them take
 * what is theirs first: they are waited for, but not for long.
 */
static bool leave_listening(struct supervisor *s, struct mono now)
{
    if (!s->at_once && now.ns < s->stopping_ns + LEAVE_NS && !crew_has_left(&s->crew))
        return false;
    end_sockets(s->running);
    end_sockets(s->next);
    return true;
}

static void give_up_if_hopeless(struct supervisor *s)
{
    if (s->stopping || !worker_table_hopeless(&s->table))
        return;
    log_error("no worker can work with this configuration (all said so and ended). Stopping");
    s->status = MASTER_FAILED;
    verb_stop(s, true, NULL);
}

static void serve(struct supervisor *s, struct pollfd *fds, unsigned *slot_of,
                  const sigset_t *while_waiting)
{
    bool left = false;

    while (!s->stopping || worker_table_processes(&s->table) > 0) {
        struct mono now = mono_now();
        worker_table_tick(&s->table, now);
        reload_finished(s, worker_table_take_result(&s->table));
        reload_look(s, now);
        roots_look(s, now);
        give_up_if_hopeless(s);
        give_orders(s, now);
        beat(s, now);
        publish(s, now);
        if (s->stopping && !left)
            left = leave_listening(s, now);
        if (s->reload_again && !s->next && !s->check) {
            s->reload_again = false;
            reload_by_signal(s);
        }
        wait_and_take(s, fds, slot_of, while_waiting);
    }
    if (!left) { /* the last worker ended in this turn */
        end_sockets(s->running);
        end_sockets(s->next);
    }
}

/* ---- from start to end ---- */

void master_tell_start(const struct buf *errors)
{
    struct span rest = buf_span(errors);

    while (rest.p) {
        struct span line = span_cut(&rest, '\n');
        if (line.n > 0)
            fprintf(stderr, "weir: %.*s\n", (int)line.n, line.p);
    }
}

static bool make_parts(struct supervisor *s, const struct conf *conf, struct buf *errors)
{
    unsigned slots = 2 * conf->server.workers_max + SLOTS_EXTRA;
    struct board_create how = {
        .slots = slots,
        .listeners = QUEUE_ROWS_MAX,
        .instance = conf->server.name,
        .program_version = PACKAGE_VERSION,
    };

    if (!board_create(&s->board, &how)) {
        buf_addf(errors, "cannot make the board: %s\n", strerror(errno));
        return false;
    }
    if (!worker_table_init(&s->table, slots) || !crew_init(&s->crew, &s->table, &s->board) ||
        !error_watch_init(&s->errors, slots)) {
        buf_addf(errors, "out of memory for %u worker slots\n", slots);
        return false;
    }
    if (!log_out_make_queue(&s->error_log, BOARD_LOG_ERROR, -1)) {
        buf_addf(errors, "no queue for the error log: %s\n", strerror(errno));
        return false;
    }
    s->crew.lock_fd = s->runtime.lock_fd;
    queue_watch_init(&s->queues);
    s->control = control_listen(s->runtime.socket_path, command_carry_out, s, errors);
    return s->control != NULL;
}

static void free_inherit(struct inherit **in)
{
    if (*in)
        inherit_free(*in);
    free(*in);
    *in = NULL;
}

static void take_down(struct supervisor *s)
{
    if (s->board.header)
        PUT(s->board.header->clean_stop, s->status == MASTER_FINE);
    check_drop(&s->check);
    roots_drop(&s->roots);
    control_close(&s->control);
    queue_watch_close(&s->queues);
    error_watch_free(&s->errors);
    crew_free(&s->crew);
    worker_table_free(&s->table);
    logs_end(s);
    free_inherit(&s->next);
    free_inherit(&s->running);
    address_table_free(&s->addresses);
    if (s->board.header)
        board_destroy(&s->board);
    listen_wait_removed(REMOVE_MS);
    runtime_release(&s->runtime);
}

/* Takes in. */
static void run(struct supervisor *s, struct inherit *in, const struct buf *notes,
                const sigset_t *while_waiting)
{
    unsigned capacity = s->table.capacity;
    /* Channels, the control socket and its clients, a check, roots. */
    struct pollfd *fds = calloc(capacity + 1 + CONTROL_CLIENTS_MAX + 2, sizeof *fds);
    unsigned *slot_of = calloc(capacity, sizeof *slot_of);

    if (!fds || !slot_of) {
        log_error("out of memory for %u worker slots", capacity);
        free_inherit(&in);
        s->status = MASTER_FAILED;
    } else {
        s->status = reload_first(s, in, notes);
        if (s->status == MASTER_FINE)
            serve(s, fds, slot_of, while_waiting);
    }
    free(fds);
    free(slot_of);
}

/* The server holds no folder that it does not serve: the one it was started in can be unmounted. */
static void leave_folder(struct master_options *options)
{
    if (options->config)
        options->config = options->config_absolute;
    if (chdir("/") != 0)
        log_warn("cannot leave the working folder: %s", strerror(errno));
}

int master_run(const struct master_options *given)
{
    struct master_options options = *given;
    struct supervisor s = {.options = &options,
                           .runtime.lock_fd = -1,
                           .queues.diag_fd = -1,
                           .roots.fd = -1,
                           .terminals = terminals_to_follow(&options)};
    struct buf errors = {0}, notes = {0};
    struct inherit *in = calloc(1, sizeof *in);
    sigset_t while_waiting;

    log_out_init(&s.error_log);
    log_set_tag("master");
    umask(umask(022) | 022); /* what is made here is for us to write, whoever started us */
    s.status = in ? check_now(&options, CHECK_START, in, &errors, &notes) : MASTER_FAILED;
    if (s.status != MASTER_FINE) {
        check_print_notes(&notes);
        fprintf(stderr, "%.*s", (int)errors.n, errors.n ? errors.p : "");
        buf_free(&errors);
        buf_free(&notes);
        free(in);
        return s.status;
    }
    if (!catch_signals(&while_waiting))
        never("the signals exist");
    bool good = runtime_choose(&s.runtime, in->conf->server.runtime_dir, &errors);
    leave_folder(&options);
    good = good && runtime_take(&s.runtime, &errors) && make_parts(&s, in->conf, &errors);
    if (good) {
        run(&s, in, &notes, &while_waiting);
    } else {
        master_tell_start(&errors);
        free_inherit(&in);
        s.status = MASTER_FAILED;
    }
    buf_free(&errors);
    buf_free(&notes);
    if (s.status == MASTER_FINE)
        log_info("stopped");
    take_down(&s);
    return s.status;
}
