/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Putting a configuration in force: the first one, and each reload. Everything that can fail
 * (the file, the roots, the user, the access log, the listening sockets) is done first, with
 * all errors told at once; then the new workers start; when they serve, the old ones
 * retire and what only they needed is closed. Until then nothing that runs has changed.
 * Master only.
 */
#include "proc/supervisor.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/must.h"
#include "board/slot.h"
#include "net/address_table.h"
#include "proc/channel.h"
#include "proc/notify.h"
#include "weir/control.h"

#define PUT(field, value) atomic_store_explicit(&(field), (value), memory_order_relaxed)
#define GET(field)        atomic_load_explicit(&(field), memory_order_relaxed)

static struct span without_newline(const struct buf *b)
{
    struct span s = buf_span(b);

    while (s.n > 0 && s.p[s.n - 1] == '\n')
        s.n--;
    return s;
}

static void log_lines(struct span text)
{
    while (text.p) {
        struct span line = span_cut(&text, '\n');
        if (line.n > 0)
            log_error("%.*s", (int)line.n, line.p);
    }
}

/* ---- the configuration ---- */

static bool replace(char **at, const char *with)
{
    char *copy = span_dup(span_str(with));

    if (!copy)
        return false;
    free(*at);
    *at = copy;
    return true;
}

/* -T: the terminal is the dashboard's, so nothing may be written to it. */
static bool leave_terminal(struct conf *c, struct buf *errors)
{
    struct runtime r;
    char path[RUNTIME_PATH_BYTES + 16];
    bool good = true;

    if (!c->log.error || strcmp(c->log.error, "stderr") == 0) {
        if (!runtime_choose(&r, c->server.runtime_dir, errors))
            return false;
        snprintf(path, sizeof path, "%s/weir.log", r.dir);
        good = replace(&c->log.error, path);
    }
    if (c->log.access && strcmp(c->log.access, "stdout") == 0)
        good = replace(&c->log.access, "off") && good;
    if (!good)
        buf_addf(errors, "out of memory\n");
    return good;
}

struct conf *master_load(const struct master_options *o, struct buf *errors)
{
    struct conf *c = NULL;
    int failed = o->config
                     ? conf_load(o->config, o->overrides, o->override_count, &c, errors)
                     : conf_load_default(o->root, o->overrides, o->override_count, &c, errors);

    if (failed)
        return NULL;
    if (o->dashboard && !leave_terminal(c, errors))
        conf_free(&c);
    return c;
}

/* What a running server cannot change. */
static bool fits_board(const struct supervisor *s, const struct conf *c, struct buf *errors)
{
    bool good = true;

    if (c->server.listen_count > s->board.listener_count) {
        buf_addf(errors, "listen: at most %u addresses\n", s->board.listener_count);
        good = false;
    }
    if (2 * c->server.workers_max > s->table.capacity) {
        buf_addf(errors,
                 "workers_max = %u: a running server can go up to %u; more needs a restart of "
                 "the server\n",
                 c->server.workers_max, s->table.capacity / 2);
        good = false;
    }
    return good;
}

static void warn_unchangeable(const struct supervisor *s, const struct conf *c)
{
    const struct conf *old = s->running->conf;
    struct runtime r;
    struct buf ignored = {0};

    if (runtime_choose(&r, c->server.runtime_dir, &ignored) && strcmp(r.dir, s->runtime.dir) != 0)
        log_warn("runtime_dir stays %s until the server is started again", s->runtime.dir);
    buf_free(&ignored);
    if (strcmp(old->server.name, c->server.name) != 0)
        log_warn("name stays %s until the server is started again", old->server.name);
}

/* ---- beginning ---- */

static bool make_address_table(struct supervisor *s, const struct conf *c, struct buf *errors)
{
    if (c->limits.connections_per_address == 0 || s->addresses)
        return true;
    s->addresses = address_table_new(s->table.capacity);
    s->crew.addresses = s->addresses;
    if (!s->addresses)
        buf_addf(errors, "connections_per_address: no memory for the table: %s\n", strerror(errno));
    return s->addresses != NULL;
}

static const char *error_target(const struct conf *c)
{
    return c->log.error ? c->log.error : "stderr";
}

/*
 * Where the lines of all processes go from now on. Its queue is there from the start, so that
 * other logs can tell of their troubles.
 */
static bool move_error_log(struct supervisor *s, const struct conf *c, struct buf *errors)
{
    struct log_out *log = &s->error_log;
    const char *target = error_target(c);

    if (log->target && strcmp(log->target, target) == 0)
        return true;
    if (!log_out_move(log, target, s->running ? LOGS_WAIT_MS : LOGS_WAIT_START_MS, errors))
        return false;
    log_to_queue(log->send_fd);
    return true;
}

/* Everything but starting workers. Takes conf. On success s->next is filled; else an exit status.
 */
static int prepare(struct supervisor *s, struct conf *conf, struct buf *errors)
{
    struct inherit *in = calloc(1, sizeof *in);

    if (!in) {
        conf_free(&conf);
        buf_addf(errors, "out of memory\n");
        return MASTER_FAILED;
    }
    if (!inherit_prepare(in, conf, errors)) {
        free(in);
        return MASTER_USAGE;
    }
    if (!make_address_table(s, conf, errors) ||
        !inherit_open(in, s->running ? &s->running->listen : NULL, s->error_log.send_fd, errors) ||
        !move_error_log(s, conf, errors)) {
        inherit_free(in);
        free(in);
        return MASTER_FAILED;
    }
    inherit_raise_descriptors(conf);
    inherit_warn_unreadable(in);
    s->next = in;
    fencing_apply(s);
    return MASTER_FINE;
}

int reload_first(struct supervisor *s, struct conf *conf)
{
    struct buf errors = {0};
    struct mono now = mono_now();

    log_set_level(conf->log.level);
    int status = prepare(s, conf, &errors);
    master_tell_start(&errors);
    buf_free(&errors);
    if (status != MASTER_FINE)
        return status;
    s->automatic = conf->server.workers_auto;
    queue_watch_adopt(&s->queues, &s->board, &s->next->listen);
    worker_table_set_drain(&s->table, conf->server.drain_timeout_ns);
    worker_table_set_target(&s->table,
                            s->automatic ? conf_auto_workers(conf) : conf->server.workers, now);
    s->next_generation = worker_table_begin_generation(&s->table, now);
    return MASTER_FINE;
}

static void note_refused(struct supervisor *s, struct span why)
{
    struct board_header *h = s->board.header;

    board_text_set(&h->reload_error, why);
    PUT(h->reload_state, RELOAD_FAILED);
    PUT(h->reload_wall_ns, wall_now().ns);
    PUT(h->reload_serial, GET(h->reload_serial) + 1);
    board_event(&s->board, EVENT_REFUSED, 0, "reload: %.*s", (int)why.n, why.p);
    log_error("reload refused, the configuration in force stays:");
    log_lines(why);
    notify_ready();
}

bool verb_reload(struct supervisor *s, struct buf *message, uint32_t *op)
{
    if (s->stopping || s->next) {
        buf_addf(message, s->stopping   ? "the server is stopping"
                          : !s->running ? "the server is starting; try again when it serves"
                                        : "a reload is under way; try again when it is done");
        log_info("reload: not now: %.*s", (int)message->n, message->n ? message->p : "");
        return false;
    }
    notify_reloading();
    if (!room_for(s, s->table.target, message)) {
        note_refused(s, buf_span(message));
        return false;
    }
    struct conf *conf = master_load(s->options, message);
    bool good = conf != NULL;
    if (good && !fits_board(s, conf, message)) {
        conf_free(&conf);
        good = false;
    }
    if (good && s->running)
        warn_unchangeable(s, conf);
    good = good && prepare(s, conf, message) == MASTER_FINE;
    if (!good) {
        message->n = without_newline(message).n;
        note_refused(s, buf_span(message));
        return false;
    }
    struct mono now = mono_now();
    s->next_generation = worker_table_begin_generation(&s->table, now);
    must(s->next_generation != 0);
    buf_addf(message, "the configuration is good; generation %u starts", s->next_generation);
    log_info("reload: the configuration is good; generation %u starts", s->next_generation);
    if (op)
        *op = operation_begin(&s->op, &s->board, OPERATION_RELOAD, 0, "reload");
    return true;
}

/* ---- ending ---- */

static void admit_watchers(const struct supervisor *s)
{
    const struct inherit *in = s->running;

    if (!control_admit(s->control, in->conf->server.watch == CONF_WATCH_EVERYBODY,
                       in->has_watch_group ? &in->watch_gid : NULL))
        log_warn("%s: who may watch cannot be set (%s): only root and the server's user may",
                 s->runtime.socket_path, strerror(errno));
}

static void publish_settings(struct supervisor *s)
{
    struct board_header *h = s->board.header;
    const struct conf *c = s->running->conf;

    PUT(h->workers_min, c->server.workers_min);
    PUT(h->workers_max, c->server.workers_max);
    PUT(h->generation, s->running_generation);
    PUT(h->blocked_after_ns, c->log.blocked_ns);
    PUT(h->drain_timeout_ns, c->server.drain_timeout_ns);
    PUT(h->slow_request_ns, c->log.slow_request_ns);
    PUT(h->connections_max, c->limits.connections);
    PUT(h->faults, (uint32_t)c->fault_count);
}

/* Said at every start and reload: whoever wonders why the disks are so bad should read it. */
static void warn_of_faults(struct supervisor *s)
{
    const struct conf *c = s->running->conf;

    if (c->fault_count == 0)
        return;
    board_event(&s->board, EVENT_FAULT, 0,
                "%zu [fault] section%s in force: disks are made bad on "
                "purpose",
                c->fault_count, c->fault_count == 1 ? " is" : "s are");
    for (size_t i = 0; i < c->fault_count; i++)
        log_warn("fault rule in force: calls on %s... are made bad on purpose (%s:%d)",
                 c->faults[i].prefix, c->path ? c->path : "", c->faults[i].line);
}

/* As with the number of workers: what was set by hand stays until the file's number changes. */
static void adopt_offload(struct supervisor *s, const struct conf *old_conf, unsigned old_number)
{
    struct board_header *h = s->board.header;
    unsigned number = s->running->conf->server.offload_threads;

    if (s->crew.offload_threads && old_conf && old_number != number) {
        s->crew.offload_threads = 0;
        /* New workers began with what was set by hand. */
        crew_broadcast(&s->crew, s->running_generation, CHANNEL_OFFLOAD, number, -1);
        board_event(&s->board, EVENT_OFFLOAD, 0,
                    "offload threads of each worker: %u -> %u (configuration)",
                    GET(h->offload_threads), number);
    }
    PUT(h->offload_by_hand, s->crew.offload_threads != 0);
    PUT(h->offload_threads, s->crew.offload_threads ? s->crew.offload_threads : number);
}

/*
 * A number of workers set by hand outlives a reload that does not change the file's; else the
 * file's holds. Bounds hold always.
 */
static void adopt_number(struct supervisor *s, const struct conf *old_conf, unsigned old_number,
                         bool old_auto, struct mono now)
{
    const struct conf *c = s->running->conf;
    unsigned want = s->table.target;

    if (old_conf && (old_number != c->server.workers || old_auto != c->server.workers_auto)) {
        s->automatic = c->server.workers_auto;
        want = c->server.workers;
    }
    if (s->automatic)
        want = conf_auto_workers(c);
    if (want < c->server.workers_min)
        want = c->server.workers_min;
    if (want > c->server.workers_max)
        want = c->server.workers_max;
    if (want != s->table.target) {
        board_event(&s->board, EVENT_RESIZE, 0, "workers %u -> %u (configuration)", s->table.target,
                    want);
        worker_table_set_target(&s->table, want, now);
    }
}

static void greet(const struct supervisor *s)
{
    struct buf where = {0};
    char url[256], dir[RUNTIME_PATH_BYTES];
    const struct listen_set *l = &s->running->listen;

    for (size_t i = 0; i < l->count; i++)
        if (listen_url(&l->socket[i], url, sizeof url))
            buf_addf(&where, "%s%s", i == 0 ? "" : i + 1 == l->count ? " and " : ", ", url);
    bool usual = control_runtime_dir(NULL, dir, sizeof dir) && strcmp(dir, s->runtime.dir) == 0;
    log_info("serving %s on %.*s with %u worker%s; dashboard: weirtop%s%s; stop with Ctrl-C",
             s->options->root ? s->options->root : s->options->config, (int)where.n,
             where.n ? where.p : "", s->table.target, s->table.target == 1 ? "" : "s",
             usual ? "" : " -r ", usual ? "" : s->runtime.dir);
    buf_free(&where);
}

static void tell_ready(struct supervisor *s)
{
    int fd = s->options->ready_fd;

    atomic_store_explicit(&s->board.header->ready, 1, memory_order_release);
    board_event(&s->board, EVENT_START, 0, "serving with %u workers", s->table.target);
    greet(s);
    if (fd >= 0 && !fd_write_all(fd, "+", 1))
        log_debug("nobody waits for the server to be ready: %s", strerror(errno));
    notify_ready();
    s->ready_told = true;
}

static void generation_up(struct supervisor *s)
{
    struct board_header *h = s->board.header;
    struct inherit *old = s->running;
    struct mono now = mono_now();
    unsigned old_number = old ? old->conf->server.workers : 0;
    bool old_auto = old && old->conf->server.workers_auto;
    unsigned old_threads = old ? old->conf->server.offload_threads : 0;

    s->running = s->next;
    s->running_generation = s->next_generation;
    s->next = NULL;
    if (old)
        listen_set_take_over(&s->running->listen, &old->listen, s->running->conf);
    worker_table_set_drain(&s->table, s->running->conf->server.drain_timeout_ns);
    publish_settings(s);
    admit_watchers(s);
    adopt_number(s, old ? old->conf : NULL, old_number, old_auto, now);
    adopt_offload(s, old ? old->conf : NULL, old_threads);
    warn_of_faults(s);
    if (!old) {
        tell_ready(s);
        return;
    }
    queue_watch_adopt(&s->queues, &s->board, &s->running->listen);
    log_set_level(s->running->conf->log.level);
    /* The new workers were forked while the level before was in force. */
    crew_broadcast(&s->crew, 0, CHANNEL_LOG_LEVEL, (uint64_t)s->running->conf->log.level, -1);
    inherit_free(old);
    free(old);
    board_text_set(&h->reload_error, SPAN(""));
    PUT(h->reload_state, RELOAD_OK);
    PUT(h->reload_wall_ns, wall_now().ns);
    PUT(h->reload_serial, GET(h->reload_serial) + 1);
    board_event(&s->board, EVENT_RELOAD, 0, "generation %u is in force", s->running_generation);
    log_info("reload: generation %u serves, the old workers retire", s->running_generation);
    notify_ready();
}

static void generation_failed(struct supervisor *s)
{
    struct inherit *failed = s->next;

    s->next = NULL;
    if (!s->running) {
        log_error("the first workers could not start; see the lines above. Stopping");
        s->status = MASTER_FAILED;
        s->running = failed; /* its workers still end: what they inherited stays until they have */
        s->running_generation = s->next_generation;
        verb_stop(s, true, NULL);
        return;
    }
    note_refused(s, SPAN("the new workers could not start; the old ones serve on"));
    operation_fail(&s->op, &s->board, OPERATION_RELOAD, "the new workers could not start");
    struct buf errors = {0};
    if (!move_error_log(s, s->running->conf, &errors))
        log_warn("the error log stays where the failed reload put it: %.*s",
                 (int)without_newline(&errors).n, errors.n ? errors.p : "");
    buf_free(&errors);
    inherit_free(failed);
    free(failed);
}

void reload_finished(struct supervisor *s, enum table_result result)
{
    if (result == TABLE_GENERATION_UP)
        generation_up(s);
    else if (result == TABLE_GENERATION_FAILED)
        generation_failed(s);
}
