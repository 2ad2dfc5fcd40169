/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the master can be asked to do, by signal or by command; see supervisor.h. Master only.
 */
#include "proc/supervisor.h"

#include "base/log.h"
#include "proc/channel.h"
#include "proc/notify.h"

static bool refuse_while_stopping(const struct supervisor *s, struct buf *message)
{
    if (s->stopping)
        buf_addf(message, "the server is stopping");
    return s->stopping;
}

/* The number of workers that was asked for, which may be out of bounds. */
static int64_t wanted_number(const struct supervisor *s, enum control_amount amount,
                             unsigned number)
{
    switch (amount) {
    case AMOUNT_ADD:
        return (int64_t)s->table.target + number;
    case AMOUNT_REMOVE:
        return (int64_t)s->table.target - number;
    case AMOUNT_AUTO:
        return conf_auto_workers(s->running->conf);
    case AMOUNT_SET:
        break;
    }
    return number;
}

bool verb_resize(struct supervisor *s, enum control_amount amount, unsigned number,
                 struct buf *message, uint32_t *op)
{
    if (refuse_while_stopping(s, message))
        return false;
    if (!s->running) {
        buf_addf(message, "the first workers are still starting");
        return false;
    }
    const struct conf *c = s->running->conf;
    unsigned before = s->table.target;
    int64_t want = wanted_number(s, amount, number);
    if (want < (int64_t)c->server.workers_min || want > (int64_t)c->server.workers_max) {
        buf_addf(message, "workers %lld: must be between %u and %u (workers_min, workers_max)",
                 (long long)want, c->server.workers_min, c->server.workers_max);
        return false;
    }
    struct mono now = mono_now();
    s->automatic = amount == AMOUNT_AUTO;
    buf_addf(message, "workers %u -> %lld%s", before, (long long)want,
             s->automatic ? " (auto)" : "");
    if (want > before && worker_table_room(&s->table) < (unsigned)want - before) {
        buf_addf(message, "; some start when a slot is free: ");
        say_who_has_the_slots(s, message);
    }
    if (op)
        *op = operation_begin(&s->op, &s->board, OPERATION_RESIZE, 0, "workers %u -> %lld", before,
                              (long long)want);
    board_event(&s->board, EVENT_RESIZE, 0, "workers %u -> %lld", before, (long long)want);
    worker_table_set_target(&s->table, (unsigned)want, now);
    return true;
}

static bool explain_answer(enum table_answer answer, unsigned number, struct buf *message)
{
    switch (answer) {
    case TABLE_DONE:
        return true;
    case TABLE_NO_WORKER:
        buf_addf(message, "there is no worker %u", number);
        break;
    case TABLE_NOT_SERVING:
        buf_addf(message, "worker %u is not serving: it starts or leaves already", number);
        break;
    case TABLE_LAST_ONE:
        buf_addf(message, "worker %u is the last one that serves; use restart, or stop", number);
        break;
    case TABLE_DEAD:
        buf_addf(message,
                 "worker %u is dead already; the kernel ends it when its mount answers, and "
                 "another worker has taken its place",
                 number);
        break;
    case TABLE_BUSY:
        buf_addf(message, "a reload or a restart of worker %u is under way; try again after it",
                 number);
        break;
    case TABLE_FULL:
        buf_addf(message, "no slot is free for a replacement");
        break;
    }
    return false;
}

bool verb_drain(struct supervisor *s, unsigned number, struct buf *message, uint32_t *op)
{
    struct mono now = mono_now();

    if (refuse_while_stopping(s, message))
        return false;
    if (s->running && s->table.target <= s->running->conf->server.workers_min) {
        buf_addf(message, "%u workers are wanted and workers_min is %u: restart it instead",
                 s->table.target, s->running->conf->server.workers_min);
        return false;
    }
    if (!explain_answer(worker_table_drain(&s->table, number - 1, now), number, message))
        return false;
    s->automatic = false;
    buf_addf(message, "worker %u retires; %u stay", number, s->table.target);
    *op =
        operation_begin(&s->op, &s->board, OPERATION_DRAIN, number - 1, "drain worker %u", number);
    return true;
}

bool verb_restart(struct supervisor *s, unsigned number, struct buf *message, uint32_t *op)
{
    struct mono now = mono_now();

    if (refuse_while_stopping(s, message) || !room_for(s, 1, message) ||
        !explain_answer(worker_table_restart(&s->table, number - 1, now), number, message))
        return false;
    unsigned successor = s->table.slot[number - 1].replaced_by;
    buf_addf(message, "worker %u starts in place of worker %u", successor, number);
    *op = operation_begin(&s->op, &s->board, OPERATION_RESTART, number - 1, "restart worker %u",
                          number);
    return true;
}

bool verb_kill(struct supervisor *s, unsigned number, struct buf *message)
{
    if (!explain_answer(worker_table_kill(&s->table, number - 1, mono_now()), number, message))
        return false;
    buf_addf(message, "worker %u is killed", number);
    return true;
}

bool verb_offload(struct supervisor *s, unsigned threads, struct buf *message)
{
    struct board_header *h = s->board.header;
    unsigned before = atomic_load_explicit(&h->offload_threads, memory_order_relaxed);

    if (refuse_while_stopping(s, message))
        return false;
    s->crew.offload_threads = threads;
    atomic_store_explicit(&h->offload_threads, threads, memory_order_relaxed);
    atomic_store_explicit(&h->offload_by_hand, 1, memory_order_relaxed);
    crew_broadcast(&s->crew, 0, CHANNEL_OFFLOAD, threads, -1);
    buf_addf(message, "offload threads of each worker: %u -> %u", before, threads);
    board_event(&s->board, EVENT_OFFLOAD, 0, "offload threads of each worker: %u -> %u", before,
                threads);
    return true;
}

bool verb_log_level(struct supervisor *s, enum log_level level, struct buf *message)
{
    log_set_level(level);
    crew_broadcast(&s->crew, 0, CHANNEL_LOG_LEVEL, (uint64_t)level, -1);
    buf_addf(message, "log level is %s", log_level_name[level]);
    return true;
}

void verb_stop(struct supervisor *s, bool at_once, struct buf *message)
{
    if (message)
        buf_addf(message, at_once ? "stopping now" : "stopping when all requests are answered");
    if (s->stopping && (s->at_once || !at_once))
        return;
    if (!s->stopping) {
        board_event(&s->board, EVENT_STOP, 0, at_once ? "stop" : "graceful stop");
        notify_stopping();
        s->stopping_ns = mono_now().ns;
    }
    s->stopping = true;
    s->at_once = at_once;
    atomic_store_explicit(&s->board.header->stopping, 1, memory_order_relaxed);
    worker_table_stop(&s->table, at_once, mono_now());
}
