/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Putting a configuration in force: the first one, and each reload. Everything that can fail is
 * done first: a child checks the file, the roots, the user and the logs (check.h), while the master
 * goes on; then logs and listening sockets are opened, the new workers start, and when they serve
 * the old ones retire and what only they needed is closed. Until then nothing that runs has
 * changed. Master only.
 */
#include "proc/supervisor.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/must.h"
#include "board/slot.h"
#include "conf/facts.h"
#include "net/address_table.h"
#include "proc/channel.h"
#include "proc/notify.h"
#include "weir/control.h"

#define PUT(field, value) atomic_store_explicit(&(field), (value), memory_order_relaxed)
#define GET(field)        atomic_load_explicit(&(field), memory_order_relaxed)

#define REPLY_NS NS_PER_S /* a check that takes longer is followed on the board */

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

/* The folder of `weir ROOT`: its path without links; as it was given when it does not answer.
 * Empty when it is not known yet, or with a line in *errors. */
static struct span find_root(const char *given, struct buf *errors)
{
    const struct fact *f = fact_ask(FACT_FOLDER, span_str(given));

    if (!f)
        buf_addf(errors, "out of memory\n");
    else if (f->state == FACT_LATE)
        return span_str(given);
    else if (f->state == FACT_KNOWN && f->error == 0)
        return buf_span(&f->data);
    else if (f->state == FACT_KNOWN && f->error == ENOTDIR)
        buf_addf(errors, "%s: not a folder; give the folder it is in, or a configuration with -c\n",
                 given);
    else if (f->state == FACT_KNOWN)
        buf_addf(errors, "%s: %s\n", given,
                 f->error == ENOENT ? "no such folder" : "cannot be entered");
    return span_of(NULL, 0);
}

/* As `weir ROOT` has it. */
static int load_root(const struct master_options *o, struct conf **out, struct buf *errors)
{
    struct span root = find_root(o->root, errors);
    char *copy = root.n > 0 ? span_dup(root) : NULL;
    int failed =
        !copy || conf_load_default(copy, o->overrides, o->override_count, out, errors) != 0;

    free(copy);
    return failed;
}

struct conf *master_load(const struct master_options *o, struct buf *errors)
{
    struct conf *c = NULL;
    int failed = o->config ? conf_load(o->config, o->overrides, o->override_count, &c, errors)
                           : load_root(o, &c, errors);

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

/* Everything but starting workers, from what was checked. Takes in. On success s->next is filled.
 */
static bool prepare(struct supervisor *s, struct inherit *in, const struct buf *notes,
                    struct buf *errors)
{
    if (!make_address_table(s, in->conf, errors) ||
        !inherit_open(in, s->running ? &s->running->listen : NULL, s->error_log.send_fd, errors) ||
        !move_error_log(s, in->conf, errors)) {
        inherit_free(in);
        free(in);
        return false;
    }
    inherit_raise_descriptors(in->conf);
    check_log_notes(notes);
    s->next = in;
    fencing_apply(s);
    return true;
}

int reload_first(struct supervisor *s, struct inherit *in, const struct buf *notes)
{
    const struct conf *conf = in->conf;
    struct buf errors = {0};
    struct mono now = mono_now();

    log_set_level(conf->log.level);
    bool good = prepare(s, in, notes, &errors);
    master_tell_start(&errors);
    buf_free(&errors);
    if (!good)
        return MASTER_FAILED;
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

bool verb_reload(struct supervisor *s, struct buf *message)
{
    if (s->stopping || s->next || s->check) {
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
    s->check = check_begin(s->options, CHECK_RELOAD, &s->running->listen, message);
    s->check_ns = mono_now().ns;
    s->check_op = 0;
    if (!s->check) {
        message->n = without_newline(message).n;
        note_refused(s, buf_span(message));
    }
    return s->check != NULL;
}

/* What was checked becomes the next generation, unless something is wrong. */
static bool take_checked(struct supervisor *s, struct buf *message)
{
    struct inherit *in = calloc(1, sizeof *in);
    struct buf notes = {0};
    bool good = in && check_conclude(&s->check, in, message, &notes) == MASTER_FINE;

    if (!in) {
        check_drop(&s->check);
        buf_addf(message, "out of memory");
    } else if (!good) {
        free(in);
    } else if (!fits_board(s, in->conf, message)) {
        inherit_free(in);
        free(in);
        good = false;
    } else {
        warn_unchangeable(s, in->conf);
        good = prepare(s, in, &notes, message);
    }
    buf_free(&notes);
    return good;
}

/* The change on the board has room for one line. */
static void fail_change(struct supervisor *s, struct span why)
{
    char text[BOARD_TEXT_BYTES];
    struct span rest = why, line = span_cut(&rest, '\n');

    snprintf(text, sizeof text, "%.*s%s", (int)line.n, line.n > 0 ? line.p : "",
             rest.p ? " (and more, see the log)" : "");
    if (s->check_op != 0 && s->check_op == GET(s->board.header->op_id))
        operation_fail(&s->op, &s->board, OPERATION_RELOAD, text);
}

/* Who asked gets a change to follow, as of a resize, rather than to wait on for the reply. */
static void tell_it_takes_long(struct supervisor *s)
{
    s->check_op = operation_begin(&s->op, &s->board, OPERATION_RELOAD, 0, "reload");
    control_answer(s->control, true,
                   SPAN("the configuration is being checked: a disk, a name server or the user "
                        "database takes long to answer"),
                   s->check_op);
}

static void start_checked(struct supervisor *s, struct mono now)
{
    struct buf message = {0};
    uint32_t op = 0;
    bool good = take_checked(s, &message);

    if (good) {
        s->next_generation = worker_table_begin_generation(&s->table, now);
        must(s->next_generation != 0);
        buf_addf(&message, "the configuration is good; generation %u starts", s->next_generation);
        log_info("reload: the configuration is good; generation %u starts", s->next_generation);
        op = s->check_op;
        if (op == 0 || op != GET(s->board.header->op_id)) /* something else was asked meanwhile */
            op = operation_begin(&s->op, &s->board, OPERATION_RELOAD, 0, "reload");
    } else {
        message.n = without_newline(&message).n;
        note_refused(s, buf_span(&message));
        fail_change(s, buf_span(&message));
    }
    control_answer(s->control, good, buf_span(&message), op);
    buf_free(&message);
}

void reload_look(struct supervisor *s, struct mono now)
{
    if (s->check && s->stopping) {
        check_drop(&s->check);
        fail_change(s, SPAN("the server is stopping"));
        control_answer(s->control, false, SPAN("the server is stopping"), 0);
    } else if (s->check && check_take(s->check, now)) {
        start_checked(s, now);
    } else if (s->check && s->check_op == 0 && now.ns - s->check_ns >= REPLY_NS) {
        tell_it_takes_long(s);
    }
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

/* Each costs its location until it answers (roots.h); why is in the log already. */
static void tell_missing_roots(struct supervisor *s)
{
    const struct conf *c = s->running->conf;

    for (size_t i = 0; i < c->location_count; i++) {
        const struct conf_location *l = c->locations[i];
        if (l->handler == CONF_FILES && l->root_fd < 0)
            board_event(&s->board, EVENT_SICK, 0, "files = %s could not be opened yet", l->files);
    }
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
    const char *what =
        s->options->root ? s->running->conf->locations[0]->files : s->options->config;
    log_info("serving %s on %.*s with %u worker%s; dashboard: weirtop%s%s; stop with Ctrl-C", what,
             (int)where.n, where.n ? where.p : "", s->table.target, s->table.target == 1 ? "" : "s",
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
    tell_missing_roots(s);
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
