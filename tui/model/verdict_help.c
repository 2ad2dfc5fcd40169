/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rules in words, for the help: each from the same limits that the rule itself uses, which
 * are constants of verdict.h and model.h, the user's thresholds, or the server's own settings.
 */
#include "tui/model/verdict.h"

#include <stdarg.h>
#include <stdio.h>

#include "tui/ui/fmt.h"

struct words {
    char *out;
    size_t out_bytes;
};

__attribute__((format(printf, 3, 4))) static void
say(const struct words *w, enum verdict_level level, const char *fmt, ...)
{
    int n = snprintf(w->out, w->out_bytes, "%-9s ", verdict_level_word[level]);
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(w->out + n, w->out_bytes - (size_t)n, fmt, ap);
    va_end(ap);
}

/* A limit that only the server knows. */
static const char *server_limit(char out[FMT_BYTES], uint64_t ns, const char *setting)
{
    if (ns == 0)
        return setting;
    return fmt_age(out, ns);
}

static int percent(double share)
{
    return (int)(share * 100 + 0.5);
}

static void say_queue(const struct words *w, const struct model *m)
{
    say(w, VERDICT_BAD,
        "accept queue full, or connections dropped in the last %d s; warning: at least %u in it "
        "and above %u %% of its limit for %d s. Above %d %% of the CPUs more workers do not help",
        MODEL_DROPS_SECONDS, m->thresholds.queue_warn, m->thresholds.queue_bad_percent,
        VERDICT_QUEUE_SECONDS, percent(VERDICT_CPU_BOUND));
}

void verdict_rule_help(const struct model *m, enum verdict_rule rule, char *out, size_t out_bytes)
{
    const struct words w = {out, out_bytes};
    char age[FMT_BYTES], more[FMT_BYTES];
    const char *blocked = server_limit(age, m->now.blocked_after_ns, "[log] blocked");

    switch (rule) {
    case RULE_NO_DATA:
        say(&w, VERDICT_BAD, "no server, or its master is silent for more than %s",
            fmt_age(age, MODEL_STALE_NS));
        break;
    case RULE_ALL_STUCK:
        say(&w, VERDICT_BAD, "ALL workers stopped, or blocked: in one call for more than %s",
            blocked);
        break;
    case RULE_STUCK:
        say(&w, VERDICT_BAD, "a worker stopped, or blocked: in one call for more than %s", blocked);
        break;
    case RULE_MOUNT:
        say(&w, VERDICT_WARN,
            "a mount is sick; critical: all that locations have are sick or fenced, in all "
            "workers, and no answer was a good one lately");
        break;
    case RULE_ERRORS:
        say(&w, VERDICT_WARN,
            "at least %d answers in the last %d s were 5xx, and %d %% of them (of the last %d s "
            "when there were %d answers); critical: %d %%",
            ERRORS_FLOOR, ERRORS_SECONDS, ERRORS_MANY_SHARE, ERRORS_LEAST, ERRORS_ENOUGH,
            ERRORS_ALL_SHARE);
        break;
    case RULE_OFFLOAD_FULL:
        say(&w, VERDICT_WARN,
            "all offload threads of a worker busy, and jobs queued, for %s; critical: none can be "
            "started",
            fmt_age(age, VERDICT_OFFLOAD_FULL_NS));
        break;
    case RULE_HELD:
        say(&w, VERDICT_WARN, "an offload thread held by one call for %s",
            fmt_age(age, MODEL_HELD_NS));
        break;
    case RULE_QUEUE_FULL:
        say_queue(&w, m);
        break;
    case RULE_QUEUE_GROWING:
        say(&w, VERDICT_WARN, "accept queue longer with every second for %d s",
            VERDICT_GROWING_SECONDS);
        break;
    case RULE_RESPAWN:
        say(&w, VERDICT_BAD, "a worker died %d times in %s", VERDICT_DEATHS,
            fmt_age(age, VERDICT_DEATHS_NS));
        break;
    case RULE_CHANGE:
        say(&w, VERDICT_WARN,
            "starting, stopping, a failed reload, a worker that died and waits, or one that "
            "drains without progress for %s longer than drain_timeout (%s); critical: no worker "
            "runs",
            fmt_age(age, VERDICT_OVERDUE_NS),
            server_limit(more, m->now.drain_timeout_ns, "not known"));
        break;
    case RULE_LIMIT:
        say(&w, VERDICT_WARN,
            "connections or descriptors of a worker above %d %% of their limit, or something ran "
            "out in the last %s; critical: no worker accepts and clients wait",
            percent(VERDICT_NEARLY_FULL), fmt_age(age, VERDICT_LIMIT_NS));
        break;
    case RULE_LOG:
        say(&w, VERDICT_WARN,
            "a log that waits for its disk or reader for more than %s, or cannot be written; "
            "requests are served, lines are dropped",
            fmt_age(age, BOARD_LOG_STUCK_NS));
        break;
    case RULE_OK:
        say(&w, VERDICT_OK, "none of these");
        break;
    }
}
