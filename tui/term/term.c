/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The terminal, by ncurses. newterm, because initscr would end the process on an unknown
 * TERM; no wgetch, because input.c decodes bytes itself; erase and one doupdate per frame, so
 * that nothing flickers. Standard error goes into a memfd while the screen is up. The string
 * that puts the terminal right again is made at the start, so that a crash handler only has
 * to write it: write and tcsetattr are async-signal-safe, endwin is not.
 */
#include "tui/term/term.h"

#include <curses.h>
#include <errno.h>
#include <langinfo.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <term.h>
#include <termios.h>
#include <unistd.h>

#include "base/fd.h"

#define PASTE_ON  "\033[?2004h"
#define PASTE_OFF "\033[?2004l"

static struct {
    SCREEN *screen;
    FILE *in, *out;
    int in_fd, out_fd;
    enum palette palette;
    struct termios saved;
    bool have_saved, paste;
    char reset[256];
    size_t reset_n;
    int stderr_saved, stderr_memfd;
} term = {.in_fd = -1, .out_fd = -1, .stderr_saved = -1, .stderr_memfd = -1};

static volatile sig_atomic_t got_quit, got_winch, got_tstp, got_cont;

static void on_signal(int sig)
{
    switch (sig) {
    case SIGWINCH:
        got_winch = 1;
        break;
    case SIGTSTP:
        got_tstp = 1;
        break;
    case SIGCONT:
        got_cont = 1;
        break;
    default:
        got_quit = 1;
        break;
    }
}

static void on_crash(int sig)
{
    if (term.screen) {
        ssize_t n = write(term.out_fd, term.reset, term.reset_n);
        (void)n;
        if (term.have_saved)
            tcsetattr(term.in_fd, TCSANOW, &term.saved);
    }
    signal(sig, SIG_DFL);
    raise(sig);
}

bool term_catch_signals(void)
{
    static const int flags[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH, SIGTSTP, SIGCONT};
    static const int crashes[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL};
    static char stack[1 << 16];
    struct sigaction sa;
    stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack};

    memset(&sa, 0, sizeof sa);
    sigemptyset(&sa.sa_mask);
    sa.sa_handler = on_signal;
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
        if (sigaction(flags[i], &sa, NULL) != 0)
            return false;
    signal(SIGPIPE, SIG_IGN);
    sa.sa_handler = on_crash;
    sa.sa_flags = (int)(SA_ONSTACK | SA_RESETHAND | SA_NODEFER);
    if (sigaltstack(&alternate, NULL) != 0)
        return false;
    for (size_t i = 0; i < sizeof crashes / sizeof *crashes; i++)
        if (sigaction(crashes[i], &sa, NULL) != 0)
            return false;
    return true;
}

struct term_signals term_take_signals(void)
{
    struct term_signals s = {got_quit != 0, got_winch != 0, got_tstp != 0, got_cont != 0};

    got_quit = got_winch = got_tstp = got_cont = 0;
    return s;
}

static void term_reset_add(const char *capability)
{
    const char *s = tigetstr(capability);
    size_t n = s && s != (char *)-1 ? strlen(s) : 0; /* NOLINT: terminfo's word for "no string" */

    if (n > 0 && term.reset_n + n < sizeof term.reset) {
        memcpy(term.reset + term.reset_n, s, n);
        term.reset_n += n;
    }
}

static void term_make_reset(void)
{
    term.reset_n = 0;
    if (term.paste) {
        memcpy(term.reset, PASTE_OFF, sizeof PASTE_OFF - 1);
        term.reset_n = sizeof PASTE_OFF - 1;
    }
    term_reset_add("sgr0");
    term_reset_add("op");
    term_reset_add("cnorm");
    term_reset_add("rmkx");
    term_reset_add("rmcup");
}

static void term_paste(bool on)
{
    if (term.paste) {
        ssize_t n = write(term.out_fd, on ? PASTE_ON : PASTE_OFF, sizeof PASTE_ON - 1);
        (void)n; /* a terminal that is gone is noticed by poll */
    }
}

static void term_capture_stderr(void)
{
    fflush(stderr);
    term.stderr_memfd = memfd_create("weirtop-stderr", MFD_CLOEXEC);
    if (term.stderr_memfd < 0)
        return;
    term.stderr_saved = dup(STDERR_FILENO);
    if (term.stderr_saved < 0 || dup2(term.stderr_memfd, STDERR_FILENO) < 0)
        close_fd(&term.stderr_memfd);
    else
        fd_set_cloexec(term.stderr_saved, true);
}

static void term_release_stderr(void)
{
    char text[4096];
    ssize_t n;

    if (term.stderr_memfd < 0)
        return;
    fflush(stderr);
    dup2(term.stderr_saved, STDERR_FILENO);
    close_fd(&term.stderr_saved);
    lseek(term.stderr_memfd, 0, SEEK_SET);
    while ((n = fd_read_full(term.stderr_memfd, text, sizeof text)) > 0)
        if (!fd_write_all(STDERR_FILENO, text, (size_t)n))
            break;
    close_fd(&term.stderr_memfd);
}

static void term_colors(enum color_choice choice)
{
    const char *no_color = getenv("NO_COLOR");

    term.palette = PALETTE_MONO;
    if (choice == COLOR_NEVER || (choice == COLOR_AUTO && no_color && *no_color))
        return;
    if (!has_colors() || start_color() == ERR || use_default_colors() == ERR)
        return;
    term.palette = COLORS >= 256 && choice != COLOR_8 ? PALETTE_256 : PALETTE_8;
    if (COLORS < 8 || COLOR_PAIRS <= ROLE_COUNT)
        term.palette = PALETTE_MONO;
    for (int r = 0; r < ROLE_COUNT && term.palette != PALETTE_MONO; r++) {
        struct look look = theme_look(term.palette, (enum role)r);
        init_pair((short)(r + 1), look.fg, look.bg);
    }
}

static bool term_start(enum color_choice color, char *why, size_t why_bytes)
{
    term.screen = newterm(NULL, term.out, term.in);
    if (term.screen == NULL) {
        snprintf(why, why_bytes, "the screen could not be set up");
        return false;
    }
    raw();
    noecho();
    nonl();
    typeahead(-1);
    curs_set(0);
    term_colors(color);
    term_make_reset();
    term_paste(true);
    return true;
}

bool term_open(int in_fd, int out_fd, enum color_choice color, char *why, size_t why_bytes)
{
    const char *name = getenv("TERM");
    int error = 0;

    unsetenv("LINES"); /* or curses would keep that size for ever */
    unsetenv("COLUMNS");
    if (setupterm(NULL, out_fd, &error) == ERR) {
        snprintf(why, why_bytes,
                 name && *name ? "the terminal type TERM=%s is not known" : "TERM is not set%s",
                 name ? name : "");
        return false;
    }
    char *cup = tigetstr("cup");
    bool can_place = cup != NULL && cup != (char *)-1;
    del_curterm(cur_term); /* newterm makes its own */
    if (!can_place) {
        snprintf(why, why_bytes, "a terminal of type TERM=%s cannot place its cursor", name);
        return false;
    }
    term.in_fd = in_fd;
    term.out_fd = out_fd;
    term.paste = name && strncmp(name, "vt", 2) != 0 && strcmp(name, "linux") != 0;
    term.have_saved = tcgetattr(in_fd, &term.saved) == 0;
    int in_copy = dup(in_fd), out_copy = dup(out_fd);
    term.in = in_copy >= 0 ? fdopen(in_copy, "r") : NULL;
    term.out = out_copy >= 0 ? fdopen(out_copy, "w") : NULL;
    if (term.in == NULL || term.out == NULL) {
        snprintf(why, why_bytes, "the terminal could not be opened: %s", strerror(errno));
        return false;
    }
    if (!term_start(color, why, why_bytes))
        return false;
    term_capture_stderr();
    return true;
}

void term_close(void)
{
    if (term.screen) {
        term_paste(false);
        endwin();
        delscreen(term.screen);
        term.screen = NULL;
    }
    if (term.have_saved)
        tcsetattr(term.in_fd, TCSANOW, &term.saved);
    if (term.in)
        fclose(term.in);
    if (term.out)
        fclose(term.out);
    term.in = term.out = NULL;
    term_release_stderr();
}

enum palette term_palette(void)
{
    return term.palette;
}

bool term_has_blocks(void)
{
    return strcmp(nl_langinfo(CODESET), "UTF-8") == 0 && wcwidth(0x2581) == 1 &&
           wcwidth(0x2588) == 1 && wcwidth(0x2502) == 1;
}

void term_size(int *rows, int *cols)
{
    getmaxyx(stdscr, *rows, *cols);
}

void term_repaint(bool clear)
{
    redrawwin(stdscr);
    if (clear)
        clearok(curscr, TRUE);
}

static void term_read_size(void)
{
    struct winsize size;

    if (ioctl(term.out_fd, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 && size.ws_col > 0)
        resizeterm(size.ws_row, size.ws_col);
}

void term_restore(void)
{
    reset_prog_mode();
    raw();
    noecho();
    nonl();
    term_read_size();
    curs_set(0);
    term_paste(true);
    term_repaint(true);
}

void term_suspend(void)
{
    struct sigaction ours, deflt;
    sigset_t stop, before;

    term_paste(false);
    endwin();
    if (term.have_saved)
        tcsetattr(term.in_fd, TCSANOW, &term.saved);
    memset(&deflt, 0, sizeof deflt);
    sigemptyset(&deflt.sa_mask);
    deflt.sa_handler = SIG_DFL;
    sigaction(SIGTSTP, &deflt, &ours);
    /* The main loop holds signals back but in ppoll; this one must come through here. */
    sigemptyset(&stop);
    sigaddset(&stop, SIGTSTP);
    sigprocmask(SIG_UNBLOCK, &stop, &before);
    raise(SIGTSTP);
    sigprocmask(SIG_SETMASK, &before, NULL);
    sigaction(SIGTSTP, &ours, NULL);
    got_cont = 0;
    refresh();
    term_restore();
}

static attr_t term_attributes(enum role role, short *pair)
{
    struct look look = theme_look(term.palette, role);
    attr_t attributes = A_NORMAL;

    if (look.attributes & LOOK_BOLD)
        attributes |= A_BOLD;
    if (look.attributes & LOOK_REVERSE)
        attributes |= A_REVERSE;
    *pair = (short)(term.palette == PALETTE_MONO || (look.fg < 0 && look.bg < 0) ? 0 : role + 1);
    return attributes;
}

static void term_blit_row(const struct grid *g, int row, int cols)
{
    for (int col = 0; col < cols; col++) {
        const struct cell *c = grid_at(g, row, col);
        wchar_t text[3] = {c->ch, c->mark, 0};
        cchar_t out;
        short pair;
        attr_t attributes = term_attributes((enum role)c->role, &pair);
        if (c->ch == GRID_RIGHT_HALF)
            continue;
        if (setcchar(&out, text, attributes, pair, NULL) == ERR)
            continue;
        /* add_wchnstr neither moves the cursor nor scrolls, so the last cell is no trap. */
        mvadd_wchnstr(row, col, &out, 1);
    }
}

void term_blit(const struct grid *g)
{
    int rows, cols;

    getmaxyx(stdscr, rows, cols);
    erase();
    for (int row = 0; row < rows && row < g->rows; row++)
        term_blit_row(g, row, cols < g->cols ? cols : g->cols);
    wnoutrefresh(stdscr);
    doupdate();
}
