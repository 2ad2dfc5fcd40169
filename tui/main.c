/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * weirtop: the loop. One ppoll over the terminal, the control socket and the next sample;
 * whatever comes becomes an event for the controller, and the screen is drawn when something
 * changed that must be seen at once, else once an interval. All clocks are read here. This
 * loop never waits for the server: a master that hangs costs it nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "tui/app/app.h"
#include "tui/batch/batch.h"
#include "tui/ctl/link.h"
#include "tui/ctl/messages.h"
#include "tui/opts.h"
#include "tui/term/input.h"
#include "tui/term/term.h"
#include "tui/ui/view.h"

#define SAMPLE_NS      (100 * NS_PER_MS)
#define REPAINT_NS     (60 * NS_PER_S) /* heals what wall(1) or the kernel wrote over the screen */
#define EXIT_NO_SERVER 3

struct top {
    struct opts opts;
    char dir[4096];
    struct link link;
    struct messages messages;
    struct model model;
    struct app app;
    struct grid grid;
    struct input input;
    struct snap snap; /* the arrays the next snapshot is taken into */
    enum charset charset;
    int tty; /* keys */
    uint64_t sample_ns, draw_ns, repaint_ns;
    uint64_t signature;
    bool out_of_memory;
};

/* The server's own log, if this is its terminal too: some lines at a time. */
static void top_messages(struct top *t, uint64_t now_ns)
{
    struct message m;

    for (int i = 0; i < 64 && messages_next(&t->messages, now_ns, &m); i++)
        model_note(&t->model, m.wall_ns != 0 ? m.wall_ns : wall_now().ns, m.word, m.text);
}

static bool top_sample(struct top *t, uint64_t now_ns)
{
    if (!link_up(&t->link)) {
        model_no_data(&t->model, now_ns, wall_now().ns, t->link.why);
        return true;
    }
    if (!board_view_snap(t->link.view, &t->snap) || !model_take(&t->model, &t->snap)) {
        t->out_of_memory = true;
        return false;
    }
    return true;
}

static unsigned top_event(struct top *t, struct event *e)
{
    struct app_command command;

    e->now_ns = mono_now().ns;
    e->wall_ns = wall_now().ns;
    unsigned want = app_event(&t->app, &t->model, e, &command);
    if (command.there && !link_send(&t->link, command.id, command.text, e->now_ns))
        app_not_sent(&t->app, &t->model, command.id, t->link.why, e->now_ns, e->wall_ns);
    return want;
}

static unsigned top_replies(struct top *t)
{
    struct link_answer answer;
    unsigned want = 0;

    while (link_receive(&t->link, &answer, mono_now().ns) > 0) {
        struct event e = {.kind = EV_REPLY,
                          .id = answer.id,
                          .ok = answer.ok,
                          .op = answer.op,
                          .text = answer.text};
        want |= top_event(t, &e);
    }
    return want;
}

/* Keys from the terminal. WANT_QUIT when it is gone. */
static unsigned top_keys(struct top *t)
{
    unsigned char bytes[INPUT_KEYS_MAX];
    uint32_t key[INPUT_KEYS_MAX];
    ssize_t n = read(t->tty, bytes, sizeof bytes);
    unsigned want = 0, printable = 0;

    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return 0;
    if (n <= 0)
        return WANT_QUIT;
    size_t keys = input_feed(&t->input, bytes, (size_t)n, mono_now().ns, key);
    for (size_t i = 0; i < keys; i++)
        printable += key[i] >= ' ' && key[i] < INPUT_UP;
    for (size_t i = 0; i < keys; i++) {
        struct event e = {.kind = EV_KEY, .key = key[i], .flood = printable > INPUT_FLOOD};
        want |= top_event(t, &e);
    }
    return want;
}

static void top_draw(struct top *t, uint64_t now_ns)
{
    int rows, cols;

    term_size(&rows, &cols);
    if (!grid_resize(&t->grid, rows, cols))
        return;
    struct view_facts facts =
        view_draw(&t->model, &t->app, &t->grid, t->charset, term_palette() != PALETTE_MONO);
    app_seen(&t->app, facts.table_rows, facts.help_last, facts.io_last);
    if (now_ns >= t->repaint_ns + REPAINT_NS) {
        t->repaint_ns = now_ns;
        term_repaint(false);
    }
    term_blit(&t->grid);
    t->draw_ns = now_ns;
}

/* What is due at this time: a connection, a sample, the screen. */
static unsigned top_tick(struct top *t)
{
    uint64_t now = mono_now().ns;
    unsigned want = 0;
    uint32_t key = input_idle(&t->input, now);

    if (key != INPUT_NONE) {
        struct event e = {.kind = EV_KEY, .key = key};
        want |= top_event(t, &e);
    }
    if (now < t->sample_ns)
        return want;
    t->sample_ns = now - t->sample_ns > SAMPLE_NS ? now + SAMPLE_NS : t->sample_ns + SAMPLE_NS;
    link_tick(&t->link, now);
    want |= top_replies(t);
    top_messages(t, now);
    if (!top_sample(t, now))
        return WANT_QUIT;
    struct event e = {.kind = EV_TICK};
    want |= top_event(t, &e);
    uint64_t signature = model_signature(&t->model);
    if (signature != t->signature || now >= t->draw_ns + t->app.interval_ns - SAMPLE_NS / 2)
        want |= WANT_DRAW;
    t->signature = signature;
    return want;
}

/* Carries out what an event asked for. False to end. */
static bool top_obey(struct top *t, unsigned want)
{
    struct term_signals s = term_take_signals();

    if (s.quit || (want & WANT_QUIT))
        return false;
    if (s.suspend || (want & WANT_SUSPEND)) {
        term_suspend();
        want |= WANT_DRAW;
    } else if (s.continued || s.resized) {
        term_restore();
        want |= WANT_DRAW;
    }
    if (want & WANT_REPAINT)
        term_repaint(true);
    if (want & WANT_DRAW)
        top_draw(t, mono_now().ns);
    return true;
}

static void top_wait(struct top *t, struct pollfd fds[2], const sigset_t *open)
{
    uint64_t now = mono_now().ns, until = t->sample_ns;
    uint64_t deadline = input_deadline_ns(&t->input);

    if (deadline && deadline < until)
        until = deadline;
    uint64_t left = until > now ? until - now : 0;
    struct timespec timeout = {(time_t)(left / NS_PER_S), (long)(left % NS_PER_S)};
    fds[0] = (struct pollfd){.fd = t->tty, .events = POLLIN};
    fds[1] = (struct pollfd){.fd = t->link.fd, .events = POLLIN};
    if (ppoll(fds, 2, &timeout, open) < 0)
        fds[0].revents = fds[1].revents = 0;
}

static void top_loop(struct top *t)
{
    sigset_t blocked, open;
    struct pollfd fds[2];
    unsigned want = WANT_DRAW;

    sigemptyset(&blocked);
    for (const int *sig =
             (const int[]){SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH, SIGTSTP, SIGCONT, 0};
         *sig; sig++)
        sigaddset(&blocked, *sig);
    sigprocmask(SIG_BLOCK, &blocked, &open);
    want |= top_tick(t);
    while (top_obey(t, want)) {
        top_wait(t, fds, &open);
        want = 0;
        if (fds[0].revents)
            want |= top_keys(t);
        if (fds[1].revents)
            want |= top_replies(t);
        want |= top_tick(t);
    }
    sigprocmask(SIG_SETMASK, &open, NULL);
}

/* The terminal keys come from: stdin, else the controlling terminal. */
static int top_tty(void)
{
    if (isatty(STDIN_FILENO))
        return dup(STDIN_FILENO);
    return open("/dev/tty", O_RDWR | O_CLOEXEC);
}

static uint64_t top_escape_delay(void)
{
    const char *own = getenv("ESCDELAY");
    long ms = own ? strtol(own, NULL, 10) : 0;

    if (ms < 1 || ms > 10000)
        ms = getenv("SSH_CONNECTION") ? 100 : 25;
    return (uint64_t)ms * NS_PER_MS;
}

/* The screen. -1 with a reason said when there can be none. */
static int top_screen(struct top *t)
{
    char why[256] = "there is no terminal to read keys from";

    t->tty = top_tty();
    if (t->tty < 0 || !term_catch_signals() ||
        !term_open(t->tty, STDOUT_FILENO, t->opts.color, why, sizeof why)) {
        fprintf(stderr, "weirtop: %s; plain output instead\n", why);
        return -1;
    }
    t->charset = t->opts.charset == CHARSET_FORCE_BLOCK ||
                         (t->opts.charset == CHARSET_AUTO && term_has_blocks())
                     ? CHARSET_BLOCK
                     : CHARSET_ASCII;
    input_init(&t->input, top_escape_delay());
    top_loop(t);
    term_close();
    close_fd(&t->tty);
    if (t->out_of_memory)
        fprintf(stderr, "weirtop: out of memory\n");
    return t->out_of_memory ? 1 : 0;
}

/* Samples for one interval, every 100 ms. False when memory ran out. */
static bool batch_interval(struct top *t, uint64_t interval_ns)
{
    uint64_t end = mono_now().ns + interval_ns, now;

    do {
        now = mono_now().ns;
        link_tick(&t->link, now);
        top_replies(t);
        if (!top_sample(t, now))
            return false;
        /* Without a server there is nothing to measure, but a slow master gets its time. */
        if (t->link.fd < 0 && !t->model.have)
            return true;
        struct timespec pause = {0, (long)SAMPLE_NS};
        if (now + SAMPLE_NS <= end)
            ppoll(NULL, 0, &pause, NULL);
        else if (now < end)
            ppoll(NULL, 0, &(struct timespec){0, (long)(end - now)}, NULL);
    } while (now < end);
    return true;
}

static bool batch_one(struct top *t, struct snap *before)
{
    if (t->opts.mode != MODE_JSON)
        return batch_print(stdout, &t->model);
    bool good = batch_json(stdout, &t->model, before->master_pid ? before : NULL);
    snap_free(before);
    return good && snap_copy(before, &t->model.now);
}

static int top_batch(struct top *t)
{
    uint64_t interval_ns = t->model.interval_ns;
    struct snap before = {0};
    int result = 0;

    if (t->opts.mode == MODE_CHECK) {
        if (!batch_interval(t, interval_ns))
            return 2;
        return batch_check(stdout, &t->model);
    }
    for (unsigned long i = 0; result == 0 && (t->opts.count == 0 || i < t->opts.count); i++) {
        /* The first figures need a sample before them. */
        if (i == 0 && !batch_interval(t, NS_PER_MS))
            return 1;
        if (i == 0 && t->model.have && !snap_copy(&before, &t->model.now))
            return 1;
        if (!batch_interval(t, interval_ns))
            result = 1;
        else if (!t->model.have) {
            fprintf(stderr, "weirtop: %s\n", t->link.why);
            result = EXIT_NO_SERVER;
        } else if (!batch_one(t, &before))
            result = 1;
    }
    snap_free(&before);
    return result;
}

int main(int argc, char **argv)
{
    struct opts opts;
    int result = opts_read(&opts, argc, argv);
    bool screen = false, plain = false;

    if (result >= 0)
        return result;
    setlocale(LC_ALL, "");
    setlocale(LC_NUMERIC, "C");
    struct top *t = calloc(1, sizeof *t);
    if (t == NULL || !model_init(&t->model, (uint64_t)(opts.interval_s * 1e9 + 0.5))) {
        fprintf(stderr, "weirtop: out of memory\n");
        free(t);
        return 1;
    }
    t->opts = opts;
    t->tty = -1;
    if (!control_runtime_dir(opts.dir, t->dir, sizeof t->dir)) {
        fprintf(stderr, "weirtop: the path of the runtime directory is too long\n");
        free(t);
        return 2;
    }
    link_init(&t->link, t->dir);
    messages_open(&t->messages, opts.messages);
    app_init(&t->app, t->model.interval_ns, opts.read_only);
    screen = opts.mode == MODE_SCREEN && isatty(STDOUT_FILENO); /* asked once: it may hang up */
    if (screen) {
        result = top_screen(t);
        plain = result < 0;
    }
    if (!screen || plain) {
        if (opts.mode == MODE_SCREEN)
            t->opts.count = 1;
        result = top_batch(t);
        if (plain && result == 0)
            result = 1; /* asked for a screen, got none */
    }
    link_close(&t->link);
    messages_close(&t->messages);
    model_free(&t->model);
    grid_free(&t->grid);
    snap_free(&t->snap);
    free(t);
    return result;
}
