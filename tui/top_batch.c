/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Output for scripts: samples as the screen does, ten times a second, and prints once an interval;
 * events as soon as they are seen. Without a server there is nothing to print: status 3. Runs in
 * weirtop.
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>

#include "base/clock.h"
#include "tui/batch/batch.h"
#include "tui/top.h"

/* Samples until `until`, every 100 ms; at least once. False when memory ran out. */
static bool batch_sample(struct top *t, uint64_t until_ns)
{
    uint64_t now;

    do {
        now = mono_now().ns;
        link_tick(&t->link, now);
        top_replies(t);
        if (!top_sample(t, now))
            return false;
        top_messages(t, now);
        top_tape_add(t, now);
        /* Without a server there is nothing to measure, but a slow master gets its time. */
        if (t->link.fd < 0 && !t->model.have)
            return true;
        uint64_t left = until_ns > now ? until_ns - now : 0;
        left = left > SAMPLE_NS ? SAMPLE_NS : left;
        if (left > 0)
            ppoll(NULL, 0, &(struct timespec){0, (long)left}, NULL);
    } while (now < until_ns);
    return true;
}

/* The sample before the first figures: a server that is busy has an interval to answer. */
static bool batch_first(struct top *t)
{
    uint64_t end = mono_now().ns + t->model.interval_ns;

    do {
        if (!batch_sample(t, mono_now().ns + NS_PER_MS))
            return false;
    } while (!t->model.have && t->link.fd >= 0 && mono_now().ns < end);
    return true;
}

/* Row number i. */
static bool batch_one(struct top *t, unsigned long i, struct snap *before)
{
    if (t->opts.mode == MODE_CSV)
        return (i > 0 || batch_csv_head(stdout)) && batch_csv(stdout, &t->model);
    if (t->opts.mode != MODE_JSON)
        return batch_print(stdout, &t->model);
    bool good = batch_json(stdout, &t->model, before->master_pid ? before : NULL);
    snap_free(before);
    return good && snap_copy(before, &t->model.now);
}

static int batch_no_server(const struct top *t)
{
    fprintf(stderr, "weirtop: %s\n", t->link.why);
    return EXIT_NO_SERVER;
}

static int batch_table(struct top *t)
{
    struct snap before = {0};
    int result = 0;

    if (!batch_first(t) || (t->model.have && !snap_copy(&before, &t->model.now)))
        result = 1;
    for (unsigned long i = 0; result == 0 && (t->opts.count == 0 || i < t->opts.count); i++) {
        if (!batch_sample(t, mono_now().ns + t->model.interval_ns))
            result = 1;
        else if (!t->model.have)
            result = batch_no_server(t);
        else if (!batch_one(t, i, &before))
            result = 1;
    }
    snap_free(&before);
    return result;
}

/* Looks ten times a second; -n counts lines. */
static int batch_follow(struct top *t)
{
    struct batch_told told = {0};
    unsigned long lines = 0;

    while (t->opts.count == 0 || lines < t->opts.count) {
        /* Before the first line a whole interval, else the verdict would know no rates. */
        if (!batch_sample(t, mono_now().ns + (told.any ? SAMPLE_NS : t->model.interval_ns)))
            return 1;
        if (!t->model.have)
            return batch_no_server(t);
        int n = batch_events(stdout, &t->model, &told, t->opts.count ? t->opts.count - lines : 0);
        if (n < 0)
            return 1;
        lines += (unsigned long)n;
    }
    return 0;
}

/* The health check. A server that cannot be asked is not one that is not there. */
static int batch_health(struct top *t)
{
    if (!batch_sample(t, mono_now().ns + t->model.interval_ns))
        return 2;
    if (!t->model.have && t->link.unreadable) {
        printf("unknown: a server answers at %s, but %s; it may well serve\n", t->dir, t->link.why);
        return EXIT_NO_SERVER;
    }
    if (!t->model.have && t->link.silent) {
        printf("critical: the master at %s does not answer; its workers may still serve\n", t->dir);
        return 2;
    }
    return batch_check(stdout, &t->model);
}

int top_batch(struct top *t)
{
    if (t->opts.mode == MODE_CHECK)
        return batch_health(t);
    if (t->opts.mode == MODE_EVENTS)
        return batch_follow(t);
    return batch_table(t);
}
