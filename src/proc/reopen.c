/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The logs of the server as the master keeps them going: opened anew on demand, watched at each
 * beat, and ended with it. Opening is the business of each log's writer (logs.h); the command that
 * asks for it is answered at once when that is quick, and else goes on as a change that can be
 * waited for. Master only.
 */
#include "proc/supervisor.h"

#include <errno.h>

#include "base/log.h"
#include "base/log_file.h"

enum { LAST_MS = 200 };
enum { LOGS_MAX = 3 }; /* of errors, and the access logs of the generations in force and to come */

static size_t logs_of(struct supervisor *s, struct log_out *all[LOGS_MAX])
{
    size_t n = 0;

    if (s->error_log.target)
        all[n++] = &s->error_log;
    if (s->running && s->running->access_log.target)
        all[n++] = &s->running->access_log;
    if (s->next && s->next->access_log.target)
        all[n++] = &s->next->access_log;
    return n;
}

static void add_name(struct buf *to, const struct log_out *o)
{
    char text[512];
    struct out name = out_into(text, sizeof text);

    log_out_name(o, &name);
    buf_add(to, text, out_len(&name));
}

/* A line for each that could not be opened; false when there is one. */
static bool all_opened(struct log_out *const *all, size_t n, struct buf *message)
{
    bool good = true;

    for (size_t i = 0; i < n; i++) {
        int error = all[i]->open_error;
        if (error == 0)
            continue;
        buf_addf(message, good ? "" : "\n");
        add_name(message, all[i]);
        buf_addf(message, ": cannot be opened: %s%s; it stays as it was", strerror(error),
                 log_target_help(error));
        all[i]->open_error = 0; /* who asked is told; the one from before writes on */
        good = false;
    }
    return good;
}

bool verb_reopen(struct supervisor *s, struct buf *message, uint32_t *op)
{
    struct log_out *all[LOGS_MAX];
    size_t n = logs_of(s, all);
    bool good = true;

    for (size_t i = 0; i < n; i++)
        if (!log_out_reopen(all[i])) {
            buf_addf(message, "no process to open a log: %s\n", strerror(errno));
            good = false;
        }
    s->reopening = !logs_settle(all, n, LOGS_WAIT_MS);
    good = all_opened(all, n, message) && good;
    if (!good)
        return false;
    if (!s->reopening) {
        buf_addf(message, "log files are open anew");
        return true;
    }
    buf_addf(message, "log files are being opened anew; no answer yet from ");
    for (size_t i = 0, told = 0; i < n; i++)
        if (!log_out_is_settled(all[i])) {
            buf_addf(message, told++ ? ", " : "");
            add_name(message, all[i]);
        }
    if (op)
        *op = operation_begin(&s->op, &s->board, OPERATION_REOPEN, 0, "reopen");
    return true;
}

/* A reopening that took longer than its command waited for. */
static void check_reopening(struct supervisor *s, struct log_out *const *all, size_t n)
{
    struct buf why = {0};

    for (size_t i = 0; i < n; i++)
        if (!log_out_is_settled(all[i]))
            return;
    s->reopening = false;
    if (all_opened(all, n, &why)) {
        operation_done(&s->op, &s->board, OPERATION_REOPEN);
        log_info("reopen: log files are open anew");
    } else {
        buf_add(&why, "", 1);
        operation_fail(&s->op, &s->board, OPERATION_REOPEN, why.p ? why.p : "out of memory");
        log_error("reopen: %s", why.p ? why.p : "out of memory");
    }
    buf_free(&why);
}

void logs_beat(struct supervisor *s, struct mono now)
{
    struct log_out *all[LOGS_MAX];
    size_t n = logs_of(s, all);

    for (size_t i = 0; i < n; i++)
        log_out_check(all[i], &s->board, now);
    if (s->reopening)
        check_reopening(s, all, n);
    log_out_publish(&s->error_log, &s->board);
    if (s->running)
        log_out_publish(&s->running->access_log, &s->board);
    log_tick();
}

static int left_ms(uint64_t end_ns)
{
    uint64_t now = mono_now().ns;

    return now < end_ns ? (int)((end_ns - now) / NS_PER_MS) + 1 : 0;
}

void logs_end(struct supervisor *s)
{
    uint64_t end_ns = mono_now().ns + LOGS_END_MS * NS_PER_MS;

    if (s->next)
        log_out_end(&s->next->access_log, left_ms(end_ns));
    if (s->running)
        log_out_end(&s->running->access_log, left_ms(end_ns));
    /* It is well, perhaps, though the others are not. */
    log_out_end(&s->error_log, left_ms(end_ns) + LAST_MS);
    log_to_queue(-1);
}
