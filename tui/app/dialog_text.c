/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What dialogs say: target and consequence, in the numbers of now.
 */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "tui/app/dialog.h"
#include "tui/app/rows.h"
#include "tui/ui/fmt.h"

__attribute__((format(printf, 2, 3))) static void say(struct dialog_text *t, const char *fmt, ...)
{
    va_list ap;

    if (t->lines == DIALOG_LINES)
        return;
    va_start(ap, fmt);
    vsnprintf(t->body[t->lines++], sizeof t->body[0], fmt, ap);
    va_end(ap);
}

static const char *plural(unsigned long long n)
{
    return n == 1 ? "" : "s";
}

/* The line "state   uninterruptible sleep (D): ..." of inspect's answer, or "state D". */
static bool inspect_says_d(const char *text)
{
    char state[128];

    while (strncmp(text, "state", 5) != 0) {
        text = strchr(text, '\n');
        if (text == NULL)
            return false;
        text++;
    }
    text += 5;
    text += strspn(text, " :\t");
    snprintf(state, sizeof state, "%.*s", (int)strcspn(text, "\n"), text);
    return strstr(state, "(D)") || (state[0] == 'D' && !isalpha((unsigned char)state[1]));
}

/* And what the master's watch saw of a stall: the state in words, or its letter. */
static bool stall_says_d(const char *kernel)
{
    return strstr(kernel, "(D)") || (kernel[0] == 'D' && !isalpha((unsigned char)kernel[1]));
}

bool dialog_is_in_d_state(const struct app *a, const struct model *m, unsigned worker)
{
    const struct snap_worker *w = rows_worker_now(m, worker);
    const struct app_inspect *i = &a->inspect;

    for (unsigned n = 0; n < m->now.stall_count; n++) {
        const struct snap_stall *s = &m->now.stall[n];
        if (s->worker == worker && s->on_loop && !s->over && stall_says_d(s->kernel))
            return true;
    }
    return w && i->ok && i->worker == worker && i->epoch == w->epoch && inspect_says_d(i->text);
}

/* "It is BLOCKED in open for 14.2s. " */
static void worker_state(const struct model *m, const struct snap_worker *w, char *out,
                         size_t out_bytes)
{
    const struct model_row *r = rows_row(m, w->number, w->epoch);
    char object[SNAP_TEXT_BYTES], age[FMT_BYTES];
    const char *verb;
    static const char *const says[ROW_STATE_COUNT] = {
        [ROW_IDLE] = "It is idle. ",
        [ROW_BUSY] = "It is busy. ",
        [ROW_OFFLOAD] = "It waits for the disk. ",
        [ROW_STARTING] = "It is starting. ",
        [ROW_DRAINING] = "It drains already. ",
        [ROW_STOPPING] = "It is ending. ",
        [ROW_BACKOFF] = "It died and waits to be started again. ",
        [ROW_DEAD] = "It is dead already. ",
    };

    out[0] = '\0';
    if (r == NULL)
        return;
    model_row_doing(m, r, &verb, object, sizeof object);
    fmt_age(age, r->since_ns);
    if (r->state == ROW_BLOCKED || r->state == ROW_SLOW)
        snprintf(out, out_bytes, "It is %s in %s for %s. ", row_state_word[r->state],
                 verb ? verb : "a call", age);
    else if (r->state == ROW_STOPPED)
        snprintf(out, out_bytes, "It is STOPPED by a signal for %s. ", age);
    else if (says[r->state])
        snprintf(out, out_bytes, "%s", says[r->state]);
}

static void worker_warn(const struct app *a, const struct model *m, unsigned worker, bool kills,
                        struct dialog_text *t)
{
    if (!dialog_is_in_d_state(a, m, worker))
        return;
    snprintf(t->warning, sizeof t->warning,
             kills ? "State D, uninterruptible sleep: signals, KILL included, take effect only "
                     "when the kernel call returns. A restart puts a replacement in its place now."
                   : "State D, uninterruptible sleep: it ends only when the kernel call returns; "
                     "its replacement does not wait for that.");
}

static void say_worker(const struct model *m, const struct snap_worker *w, const char *what,
                       struct dialog_text *t)
{
    unsigned long long c = w->counter[COUNTER_connections];
    unsigned long long r = w->counter[COUNTER_requests_active];
    char state[160];

    worker_state(m, w, state, sizeof state);
    say(t, "%sIts %llu connection%s and %llu request%s in flight %s.", state, c, plural(c), r,
        plural(r), what);
}

static const char *worker_fate(const struct dialog *d)
{
    switch (d->kind) {
    case DIALOG_DRAIN:
        return d->option == 0 ? "are finished first; nobody takes its place"
                              : "are finished first; a replacement starts now";
    case DIALOG_RESTART:
        return d->option == 0 ? "are finished while a replacement already serves"
                              : "will be cut off; it is started again at once";
    default:
        return "will be cut off; it is started again at once";
    }
}

static const char *worker_word(const struct dialog *d)
{
    return d->kind == DIALOG_DRAIN ? "Drain" : d->kind == DIALOG_RESTART ? "Restart" : "Kill";
}

static void describe_tagged(const struct app *a, const struct model *m, struct dialog_text *t)
{
    unsigned long long c = 0, r = 0, there = 0;
    char who[512] = "";
    size_t n = 0;

    for (unsigned i = 0; i < a->tag_count; i++) {
        const struct snap_worker *w =
            rows_worker(m, (unsigned)(a->tag[i] >> 32), (uint32_t)a->tag[i]);
        if (w == NULL)
            continue;
        c += w->counter[COUNTER_connections];
        r += w->counter[COUNTER_requests_active];
        there++;
        if (n < sizeof who - 16)
            n += (size_t)snprintf(who + n, sizeof who - n, "%sw%u", n ? " " : "", w->number);
    }
    snprintf(t->title, sizeof t->title, "%s %llu tagged worker%s?", t->verb, there, plural(there));
    say(t,
        "%s: one after another, the next when the one before is done. Esc ends that after the "
        "current one.",
        who);
    say(t, "Their %llu connection%s and %llu request%s in flight %s.", c, plural(c), r, plural(r),
        worker_fate(&a->dialog));
    if (there == 0)
        snprintf(t->refusal, sizeof t->refusal, "none of the tagged workers is there any more");
    snprintf(t->command, sizeof t->command, "weirctl %s N, for each",
             a->dialog.option == 0 ? (a->dialog.kind == DIALOG_DRAIN ? "drain" : "restart")
             : a->dialog.kind == DIALOG_DRAIN ? "restart"
                                              : "kill");
}

static void describe_worker(const struct app *a, const struct model *m, struct dialog_text *t)
{
    static const char *const drain[] = {"retire it: one worker fewer", "replace it: restart"};
    static const char *const restart[] = {"replace it now; the old one finishes, then ends",
                                          "kill it; what it does is cut off"};
    const struct dialog *d = &a->dialog;
    const struct snap_worker *now = rows_worker_now(m, d->worker);
    bool kills = d->kind == DIALOG_KILL || (d->kind == DIALOG_RESTART && d->option == 1);

    t->verb = worker_word(d);
    if (d->kind != DIALOG_KILL) {
        memcpy(t->option, d->kind == DIALOG_DRAIN ? drain : restart, sizeof drain);
        t->options = 2;
    }
    if (d->tagged) {
        describe_tagged(a, m, t);
        return;
    }
    snprintf(t->title, sizeof t->title, "%s worker %u (pid %u)?", t->verb, d->worker,
             now ? now->pid : 0);
    if (now == NULL || now->epoch != d->epoch) {
        snprintf(t->refusal, sizeof t->refusal,
                 "worker %u was replaced meanwhile: not sent, nothing was changed", d->worker);
        return;
    }
    worker_warn(a, m, d->worker, kills, t);
    say_worker(m, now, worker_fate(d), t);
}

static void describe_request(const struct app *a, const struct model *m, struct dialog_text *t)
{
    const struct dialog *d = &a->dialog;
    const struct snap_request *r = rows_request(m, (uint64_t)d->worker << 48 | d->serial);
    const struct snap_worker *w = rows_worker(m, d->worker, d->epoch);
    char sent[FMT_BYTES], size[FMT_BYTES];

    t->verb = d->kind == DIALOG_ABORT ? "Abort" : "Throttle";
    snprintf(t->title, sizeof t->title, "%s request %u-%llu?", t->verb, d->worker,
             (unsigned long long)d->serial);
    say(t, "%s", d->target);
    if (r == NULL || w == NULL) {
        snprintf(t->refusal, sizeof t->refusal,
                 "request %u-%llu has ended meanwhile: not sent, nothing was changed", d->worker,
                 (unsigned long long)d->serial);
        return;
    }
    fmt_bytes(sent, (double)r->sent_bytes);
    fmt_bytes(size, r->content_bytes == REQUEST_LENGTH_UNKNOWN ? -1.0 : (double)r->content_bytes);
    if (d->kind == DIALOG_ABORT)
        say(t, "%s of %s sent to %s. Its connection is closed.", sent, size, r->peer);
    else
        say(t, "%s of %s sent to %s. The rest goes out at that rate at most.", sent, size, r->peer);
    if (d->kind == DIALOG_THROTTLE)
        snprintf(t->ask, sizeof t->ask, "Bytes per second (k, m, g), or off:");
}

/* "500k", "2m", "off". */
static bool is_rate(const char *s)
{
    size_t digits = strspn(s, "0123456789");

    if (strcmp(s, "off") == 0)
        return true;
    return digits > 0 && digits < 12 && strspn(s, "0") < digits &&
           (s[digits] == '\0' || (strchr("kKmMgG", s[digits]) && s[digits + 1] == '\0'));
}

static void describe_mount(const struct app *a, const struct model *m, struct dialog_text *t)
{
    const struct dialog *d = &a->dialog;
    const struct snap_mount *mount = NULL;
    bool fence = d->kind == DIALOG_FENCE;

    for (unsigned i = 0; i < m->now.mount_count && mount == NULL; i++)
        if (strcmp(m->now.mount[i].name, d->target) == 0)
            mount = &m->now.mount[i];
    t->verb = fence ? "Fence" : "Unfence";
    snprintf(t->title, sizeof t->title, "%s mount %.100s?", t->verb, d->target);
    if (mount)
        say(t, "%s (%s), %s: %llu job%s run there, %llu wait.", mount->name, mount->type,
            board_mount_state_name[mount->state], (unsigned long long)mount->running,
            plural(mount->running), (unsigned long long)mount->queued);
    else
        say(t, "No worker has told of a mount of that name; the server looks what is meant.");
    say(t, fence ? "Every request for it is answered 503 until it is unfenced; jobs that run go on."
                 : "Requests for it are served again; if it still does not answer it becomes sick "
                   "again.");
}

static void describe_workers_auto(const struct model *m, struct dialog_text *t)
{
    if (m->now.workers_auto) {
        t->verb = "Fix";
        snprintf(t->title, sizeof t->title, "Fix the number of workers at %u?",
                 m->now.workers_wanted);
        say(t,
            "The server chooses the number now (%u..%u). It stays at %u from now on; no worker "
            "starts or ends.",
            m->now.workers_min, m->now.workers_max, m->now.workers_wanted);
        return;
    }
    t->verb = "Automatic";
    snprintf(t->title, sizeof t->title, "Let the server choose the number of workers?");
    say(t,
        "%u are wanted now, set by hand. The server takes its own number within %u..%u; workers "
        "start or are drained until it is reached.",
        m->now.workers_wanted, m->now.workers_min, m->now.workers_max);
}

static void describe_stop(const struct app *a, const struct model *m, struct dialog_text *t)
{
    static const char *const options[] = {"graceful: what is in flight is finished",
                                          "now: everything is cut off"};
    unsigned long long c = snap_total(&m->now, COUNTER_connections);
    unsigned long long r = snap_total(&m->now, COUNTER_requests_active);
    char age[FMT_BYTES];

    t->verb = "Stop";
    t->options = 2;
    memcpy(t->option, options, sizeof options);
    snprintf(t->title, sizeof t->title, "Stop the whole server?");
    fmt_age(age, m->now.drain_timeout_ns);
    say(t, "%s: %llu connection%s, %llu request%s in flight, %u workers. New clients are refused.",
        m->now.instance, c, plural(c), r, plural(r), m->now.worker_count);
    if (a->dialog.option == 0 && m->now.drain_timeout_ns)
        say(t, "It takes up to %s. This dashboard stays open.", age);
    else
        say(t, "This dashboard stays open.");
    snprintf(t->ask, sizeof t->ask, "Type the instance's name to confirm:");
    t->ready = m->now.instance[0] != '\0' && strcmp(a->dialog.typed.text, m->now.instance) == 0;
}

static void describe_server(const struct app *a, const struct model *m, struct dialog_text *t)
{
    unsigned long long c = snap_total(&m->now, COUNTER_connections);

    switch (a->dialog.kind) {
    case DIALOG_AUTO:
        describe_workers_auto(m, t);
        break;
    case DIALOG_RELOAD:
        t->verb = "Reload";
        snprintf(t->title, sizeof t->title, "Reload the configuration?");
        say(t, "The server checks it first; a mistake changes nothing and is told here with its "
               "line.");
        say(t,
            "If it is right, %u workers are replaced; their %llu connection%s are finished by "
            "the old ones.",
            m->now.workers_running, c, plural(c));
        break;
    case DIALOG_REOPEN:
        t->verb = "Reopen";
        snprintf(t->title, sizeof t->title, "Open the log files again?");
        say(t, "After they were moved away. %u workers write to new files; no connection notices.",
            m->now.workers_running);
        break;
    case DIALOG_LOGLEVEL:
        t->verb = "Set";
        snprintf(t->title, sizeof t->title, "Set the level of the error log?");
        t->options = DIALOG_OPTIONS;
        memcpy(t->option, log_level_name, sizeof t->option);
        say(t, "It is %s now; %u workers and the master follow at once.",
            m->now.log_level < DIALOG_OPTIONS ? log_level_name[m->now.log_level] : "not known",
            m->now.workers_running);
        break;
    default:
        describe_stop(a, m, t);
        break;
    }
}

void dialog_describe(const struct app *a, const struct model *m, struct dialog_text *out)
{
    char command[SNAP_TEXT_BYTES + 32];

    memset(out, 0, sizeof *out);
    out->ready = true;
    switch (a->dialog.kind) {
    case DIALOG_DRAIN:
    case DIALOG_RESTART:
    case DIALOG_KILL:
        describe_worker(a, m, out);
        break;
    case DIALOG_ABORT:
        describe_request(a, m, out);
        break;
    case DIALOG_THROTTLE:
        describe_request(a, m, out);
        out->ready = is_rate(a->dialog.typed.text);
        break;
    case DIALOG_FENCE:
    case DIALOG_UNFENCE:
        describe_mount(a, m, out);
        break;
    default:
        describe_server(a, m, out);
        break;
    }
    if (out->command[0] == '\0') {
        dialog_command(a, m, command, sizeof command);
        snprintf(out->command, sizeof out->command, "weirctl %s", command);
    }
}
