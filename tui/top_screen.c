/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The screen: one ppoll over the terminal, the control socket and the next sample; whatever comes
 * becomes an event for the controller, and the screen is drawn when something changed that must
 * be seen at once, else once an interval. This loop never waits for the server: a master that
 * hangs costs it nothing. Runs in weirtop.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "tui/term/term.h"
#include "tui/top.h"
#include "tui/ui/view.h"

#define SLOW_FRAME_NS (100 * NS_PER_MS) /* two such frames: the interval is doubled */
#define SLOWEST_NS    (8 * NS_PER_S)    /* but not beyond */
#define ATTACH_NS     (50 * NS_PER_MS)
#define REPAINT_NS    (59 * NS_PER_S) /* heals within a minute what wall(1) wrote over the screen */

static unsigned top_event(struct top *t, struct event *e)
{
    struct app_command command;
    /* A recording has no live model: what it shows is what there is to work on. */
    struct model *m = t->app.time.replay && t->app.past ? &t->past : &t->model;

    e->now_ns = mono_now().ns;
    e->wall_ns = wall_now().ns;
    unsigned want = app_event(&t->app, m, e, &command);
    if (command.there && !link_send(&t->link, command.id, command.text, e->now_ns))
        app_not_sent(&t->app, m, command.id, t->link.why, e->now_ns, e->wall_ns);
    return want;
}

unsigned top_replies(struct top *t)
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

static unsigned top_mouse(struct top *t)
{
    struct input_mouse mouse;

    if (!input_mouse_take(&t->input, &mouse) || (mouse.wheel == 0 && !mouse.press))
        return 0;
    struct event e = {.kind = EV_MOUSE,
                      .mouse = mouse.wheel < 0   ? MOUSE_WHEEL_UP
                               : mouse.wheel > 0 ? MOUSE_WHEEL_DOWN
                                                 : MOUSE_CLICK,
                      .row = mouse.row,
                      .col = mouse.col};
    return top_event(t, &e);
}

static unsigned top_paste(struct top *t)
{
    char text[INPUT_PASTE_BYTES + 1];

    input_paste_take(&t->input, text, sizeof text);
    struct event e = {.kind = EV_PASTE, .text = text};
    return top_event(t, &e);
}

static unsigned top_key(struct top *t, uint32_t key, bool flood)
{
    struct event e = {.kind = EV_KEY, .key = key, .flood = flood};

    if (key == INPUT_MOUSE)
        return top_mouse(t);
    return key == INPUT_PASTE ? top_paste(t) : top_event(t, &e);
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
    for (size_t i = 0; i < keys; i++)
        want |= top_key(t, key[i], printable > INPUT_FLOOD);
    return want;
}

/*
 * A frame went out, or not (TERM_BUSY). One that had to wait counts with its waiting: on a slow
 * line fewer frames are worth more than late ones.
 */
static void top_pace(struct top *t, uint64_t took_ns, uint64_t now_ns)
{
    if (took_ns == TERM_BUSY) {
        t->busy_ns = t->busy_ns ? t->busy_ns : now_ns;
        t->draw_ns = 0; /* again with the next sample */
        return;
    }
    took_ns += t->busy_ns ? now_ns - t->busy_ns : 0;
    t->busy_ns = 0;
    t->draw_ns = now_ns;
    t->slow_frames = took_ns > SLOW_FRAME_NS ? t->slow_frames + 1 : 0;
    if (t->slow_frames < 2 || t->app.interval_ns * 2 > SLOWEST_NS)
        return;
    t->slow_frames = 0;
    t->app.interval_ns *= 2;
    t->model.interval_ns = t->app.interval_ns;
    app_note(&t->app, now_ns, "the terminal is slow: interval now %.1f s (d changes it)",
             (double)t->app.interval_ns / 1e9);
}

static void top_draw(struct top *t, uint64_t now_ns)
{
    const struct model *m = app_shown(&t->app, &t->model);
    int rows, cols;

    term_size(&rows, &cols);
    if (!grid_resize(&t->grid, rows, cols))
        return;
    struct app_facts facts;
    bool colour = term_palette() != PALETTE_MONO;
    do
        facts = view_draw(&t->model, &t->app, &t->grid, t->charset, colour);
    while (app_seen(&t->app, m, &facts));
    if (now_ns >= t->repaint_ns + REPAINT_NS) {
        t->repaint_ns = now_ns;
        term_repaint(false);
    }
    top_pace(t, term_blit(&t->grid), now_ns);
}

/* What is due at this time: a connection, a sample, the screen. */
static unsigned top_tick(struct top *t)
{
    uint64_t now = mono_now().ns;
    unsigned want = 0;
    uint32_t key = input_idle(&t->input, now);

    if (key != INPUT_NONE)
        want |= top_key(t, key, false);
    bool lacks = top_lacks_part(t);
    if (now < t->sample_ns && !lacks)
        return want;
    t->sample_ns = now - t->sample_ns > SAMPLE_NS ? now + SAMPLE_NS : t->sample_ns + SAMPLE_NS;
    link_tick(&t->link, now);
    want |= top_replies(t);
    top_messages(t, now);
    if (!top_sample(t, now))
        return WANT_QUIT;
    top_tape_add(t, now);
    struct event e = {.kind = EV_TICK};
    want |= top_event(t, &e);
    uint64_t signature = model_signature(&t->model);
    if (lacks || signature != t->signature || t->model.interval_start_ns != t->interval_start_ns ||
        now >= t->draw_ns + t->app.interval_ns - SAMPLE_NS / 2)
        want |= WANT_DRAW;
    t->signature = signature;
    t->interval_start_ns = t->model.interval_start_ns;
    return want;
}

/* Which characters: by the command line, else by the settings, else what the terminal can. */
static enum charset top_charset(const struct top *t)
{
    int64_t set = t->app.settings.value[SETTING_CHARSET];
    enum charset_choice choice =
        t->opts.charset != CHARSET_AUTO ? t->opts.charset : (enum charset_choice)set;

    if (choice == CHARSET_AUTO ||
        (t->opts.charset == CHARSET_AUTO && choice == CHARSET_FORCE_BRAILLE && !term_has_braille()))
        return term_has_blocks() ? CHARSET_BLOCK : CHARSET_ASCII;
    return choice == CHARSET_FORCE_BRAILLE ? CHARSET_BRAILLE
           : choice == CHARSET_FORCE_BLOCK ? CHARSET_BLOCK
                                           : CHARSET_ASCII;
}

/* What is neither drawing nor ending. */
static void top_want(struct top *t, unsigned want)
{
    if (want & WANT_SETTINGS) {
        top_settings(t);
        t->charset = top_charset(t);
        term_allow_copy(t->app.settings.value[SETTING_CLIPBOARD]);
    }
    if (want & WANT_TIME)
        top_show_time(t);
    if (want & WANT_MOUSE)
        t->input.mouse = term_mouse(t->app.mouse) && t->app.mouse;
    if ((want & WANT_COPY) && term_copy(t->app.copy))
        app_note(&t->app, mono_now().ns, "copied to the terminal's clipboard");
    else if (want & WANT_COPY)
        t->app.copy_box = true;
    if (want & WANT_BELL)
        term_bell();
    if (want & (WANT_SAVE_SETTINGS | WANT_SAVE_EVENTS | WANT_SAVE_SCREEN))
        top_save(t, want);
    if (want & WANT_REPAINT)
        term_repaint(true);
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
    top_want(t, want);
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

/* The first frame should show the server: a master that is there answers at once. */
static void top_attach(struct top *t)
{
    uint64_t now = mono_now().ns, until = now + ATTACH_NS;

    link_tick(&t->link, now);
    while (t->link.fd >= 0 && !link_up(&t->link) && (now = mono_now().ns) < until) {
        struct pollfd fd = {.fd = t->link.fd, .events = POLLIN};
        if (poll(&fd, 1, (int)((until - now) / NS_PER_MS) + 1) < 0 && errno != EINTR)
            return;
        top_replies(t);
    }
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
    top_attach(t);
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

static enum color_choice top_color(const struct top *t)
{
    return t->opts.color != COLOR_AUTO ? t->opts.color
                                       : (enum color_choice)t->app.settings.value[SETTING_COLOR];
}

/* The screen. -1 with a reason said when there can be none. */
int top_screen(struct top *t)
{
    char why[256] = "there is no terminal to read keys from";

    t->tty = top_tty();
    if (t->tty < 0 || !term_catch_signals() ||
        !term_open(t->tty, STDOUT_FILENO, top_color(t), why, sizeof why)) {
        fprintf(stderr, "weirtop: %s; plain output instead\n", why);
        return -1;
    }
    input_init(&t->input, top_escape_delay());
    t->model.few_histograms = true;
    top_want(t, WANT_SETTINGS | (t->app.mouse ? WANT_MOUSE : 0));
    top_loop(t);
    term_close();
    close_fd(&t->tty);
    if (t->out_of_memory)
        fprintf(stderr, "weirtop: out of memory\n");
    return t->out_of_memory ? 1 : 0;
}
