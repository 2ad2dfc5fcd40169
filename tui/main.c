/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * weirtop: reads the arguments, finds the server (asking which when there are several), and hands
 * over to the screen or to plain output.
 */
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/inherited.h"
#include "tui/batch/batch.h"
#include "tui/top.h"

/* Which of the answering servers the user wants; NULL when there is no choice to make. */
static const struct instance *pick(const struct instance *list, unsigned count)
{
    unsigned answering = 0, number = 0;
    char line[64];
    char *end;

    for (unsigned i = 0; i < count; i++)
        answering += list[i].answers;
    if (answering < 2)
        return NULL;
    fprintf(stderr, "Several servers answer (-r DIR chooses one):\n");
    batch_instances(stderr, list, count, true);
    for (;;) {
        fprintf(stderr, "Which one, 1 to %u? ", answering);
        if (fgets(line, sizeof line, stdin) == NULL)
            return NULL;
        unsigned long want = strtoul(line, &end, 10);
        if (end == line || (*end != '\n' && *end != '\0') || want < 1 || want > answering)
            continue;
        for (unsigned i = 0; i < count; i++)
            if (list[i].answers && ++number == want)
                return &list[i];
    }
}

/* The runtime directory. False with a message. */
static bool find_dir(struct top *t)
{
    const char *own = getenv("WEIR_RUNTIME_DIR");
    bool given = t->opts.dir || (own && *own);

    if (!given && t->opts.mode == MODE_SCREEN && t->opts.replay == NULL && isatty(STDIN_FILENO) &&
        isatty(STDOUT_FILENO)) {
        struct instance *list = calloc(INSTANCES_MAX, sizeof *list);
        unsigned count = list ? instances_find(list, INSTANCES_MAX, NULL) : 0;
        const struct instance *chosen = list ? pick(list, count) : NULL;
        if (chosen)
            memcpy(t->dir, chosen->dir, sizeof t->dir);
        free(list);
        if (t->dir[0])
            return true;
    }
    if (control_runtime_dir(t->opts.dir, t->dir, sizeof t->dir))
        return true;
    fprintf(stderr, "weirtop: the path of the runtime directory is too long\n");
    return false;
}

static int list_all(const char *dir)
{
    struct instance *list = calloc(INSTANCES_MAX, sizeof *list);
    unsigned answering = 0;

    if (list == NULL) {
        fprintf(stderr, "weirtop: out of memory\n");
        return 1;
    }
    unsigned count = instances_find(list, INSTANCES_MAX, dir);
    for (unsigned i = 0; i < count; i++)
        answering += list[i].answers;
    bool good = batch_instances(stdout, list, count, false);
    free(list);
    if (count == 0 && dir)
        fprintf(stderr, "weirtop: no server in %s\n", dir);
    else if (count == 0)
        fprintf(stderr, "weirtop: no server in the usual places; -r DIR looks elsewhere\n");
    return !good ? 1 : answering > 0 ? 0 : EXIT_NO_SERVER;
}

/* Settings, then what the command line says, then the tape. False with a message. */
static bool prepare(struct top *t, bool screen)
{
    char why[512] = "";
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);

    app_init(&t->app, NS_PER_S, t->opts.read_only);
    if (screen)
        top_load_settings(t);
    if (t->opts.interval_s > 0)
        t->app.interval_ns = (uint64_t)(t->opts.interval_s * 1e9 + 0.5);
    if (screen)
        top_settings(t);
    t->model.interval_ns = t->app.interval_ns;
    t->model.cpus = cpus > 0 ? (unsigned)cpus : 0;
    if (!screen)
        t->app.settings.value[SETTING_HISTORY_MIN] = 1;
    if (t->opts.replay             ? top_replay_open(t, why, sizeof why)
        : screen || t->opts.record ? top_tape_open(t, why, sizeof why)
                                   : true)
        return true;
    fprintf(stderr, "weirtop: %s\n", why);
    return false;
}

static int run(struct top *t)
{
    /* Asked once: the terminal may hang up. */
    bool screen = t->opts.mode == MODE_SCREEN && isatty(STDOUT_FILENO);
    int result = 0;

    if (t->opts.replay && !screen) {
        fprintf(stderr, "weirtop: --replay needs a terminal\n");
        return 2;
    }
    if (!find_dir(t))
        return 2;
    link_init(&t->link, t->dir);
    messages_open(&t->messages, t->opts.messages);
    if (!prepare(t, screen))
        return 1;
    if (screen)
        result = top_screen(t);
    if (t->replay_damage[0]) /* the screen's bottom line told it for some seconds only */
        fprintf(stderr, "weirtop: %s\n", t->replay_damage);
    if (!screen || result < 0) {
        bool plain = screen; /* asked for a screen, got none */
        if (plain && t->opts.replay)
            return 1;
        if (t->opts.mode == MODE_SCREEN)
            t->opts.count = 1;
        result = top_batch(t);
        if (plain && result == 0)
            result = 1;
    }
    return result;
}

/* What was asked for and could not be written is no success: the health check then knows nothing.
 */
static int written(int result, const struct opts *opts)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return result;
    fprintf(stderr, "weirtop: cannot write to standard output\n");
    return opts->mode == MODE_CHECK ? EXIT_NO_SERVER : result ? result : 1;
}

int main(int argc, char **argv)
{
    struct opts opts;

    inherited_mend();
    int result = opts_read(&opts, argc, argv);
    if (result >= 0)
        return written(result, &opts);
    setlocale(LC_ALL, "");
    setlocale(LC_NUMERIC, "C");
    if (opts.mode == MODE_LIST)
        return written(list_all(opts.dir), &opts);
    struct top *t = calloc(1, sizeof *t);
    if (t == NULL || !model_init(&t->model, NS_PER_S) || !model_init(&t->past, NS_PER_S)) {
        fprintf(stderr, "weirtop: out of memory\n");
        free(t);
        return 1;
    }
    t->opts = opts;
    t->tty = t->link.fd = t->messages.fd = -1;
    result = run(t);
    link_close(&t->link);
    messages_close(&t->messages);
    tape_free(&t->tape);
    model_free(&t->model);
    model_free(&t->past);
    grid_free(&t->grid);
    snap_free(&t->snap);
    free(t);
    return written(result, &opts);
}
