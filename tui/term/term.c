/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The terminal, by ncurses. newterm, because initscr would end the process on an unknown
 * TERM; no wgetch, because input.c decodes bytes itself; one doupdate per frame, and no
 * clearing of lines in it, so that nothing flickers. A copy of what is shown spares curses the
 * rows that are as they were. Once curses has set up the terminal its descriptor is a memfd, from
 * which its bytes go into the outbox: curses itself would wait for a terminal that does not read.
 * Standard error goes into a memfd while the screen is up. The string that puts the terminal right
 * again is ready before it is needed, so that a crash handler only has to write it: write and
 * tcsetattr are async-signal-safe, endwin is not. Runs in weirtop.
 */
#include "tui/term/term.h"

#include <curses.h>
#include <errno.h>
#include <fcntl.h>
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

#include "base/clock.h"
#include "base/fd.h"
#include "tui/term/outbox.h"

#define PASTE_ON   "\033[?2004h"
#define PASTE_OFF  "\033[?2004l"
#define MOUSE_ON   "\033[?1000h\033[?1006h"
#define MOUSE_OFF  "\033[?1006l\033[?1000l"
#define SYNC_BEGIN "\033[?2026h"
#define SYNC_END   "\033[?2026l"
#define COPY_BEGIN "\033]52;c;"

static struct {
    SCREEN *screen;
    FILE *in, *out; /* out's descriptor is the tty at first, then a memfd */
    int in_fd;
    struct outbox outbox;
    enum palette palette;
    struct termios saved, ours;
    bool have_saved;
    bool modern; /* knows bracketed paste, a mouse, a clipboard, or ignores being asked */
    bool mouse, may_copy, synchronized;
    bool utf8;
    attr_t attributes[ROLE_COUNT];
    short pair[ROLE_COUNT];
    struct grid shown; /* what stdscr holds; 0 x 0 when that is not known */
    char reset[256];
    size_t reset_n;
    int stderr_saved, stderr_memfd;
} term = {.in_fd = -1, .outbox.fd = -1, .stderr_saved = -1, .stderr_memfd = -1};

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

/* What libraries said while the screen was up: the last words before a crash are among it. */
static void term_copy_stderr(int to)
{
    char text[4096];
    ssize_t n;

    if (lseek(term.stderr_memfd, 0, SEEK_SET) != 0)
        return;
    while ((n = read(term.stderr_memfd, text, sizeof text)) > 0)
        if (write(to, text, (size_t)n) != n)
            break;
}

static void on_crash(int sig)
{
    if (term.screen) {
        if (outbox_room(&term.outbox)) {
            ssize_t n = write(term.outbox.fd, term.reset, term.reset_n);
            (void)n;
        }
        if (term.have_saved)
            tcsetattr(term.in_fd, TCSANOW, &term.saved);
        if (term.stderr_memfd >= 0)
            term_copy_stderr(term.stderr_saved);
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

static void term_reset_add(const char *s, size_t n)
{
    if (term.reset_n + n <= sizeof term.reset) {
        memcpy(term.reset + term.reset_n, s, n);
        term.reset_n += n;
    }
}

static void term_reset_capability(const char *capability)
{
    const char *s = tigetstr(capability);

    if (s && s != (char *)-1) /* NOLINT: terminfo's word for "no string" */
        term_reset_add(s, strlen(s));
}

static void term_make_reset(void)
{
    term.reset_n = 0;
    if (term.synchronized)
        term_reset_add(SYNC_END, sizeof SYNC_END - 1);
    if (term.mouse)
        term_reset_add(MOUSE_OFF, sizeof MOUSE_OFF - 1);
    if (term.modern)
        term_reset_add(PASTE_OFF, sizeof PASTE_OFF - 1);
    term_reset_capability("sgr0");
    if (term.palette != PALETTE_MONO)
        term_reset_capability("op");
    term_reset_capability("rmkx");
    term_reset_capability("cnorm");
    term_reset_capability("rmcup");
}

/* Into the outbox, behind what curses wrote. */
static bool term_add(const char *s, size_t n)
{
    return outbox_add_file(&term.outbox, fileno(term.out)) && outbox_add(&term.outbox, s, n);
}

static void term_send(const char *s)
{
    term_add(s, strlen(s)); /* on ENOMEM a mode less */
    outbox_send(&term.outbox);
}

/*
 * The last bytes before somebody else has the terminal. When it does not take them, all that it
 * was sent and has not read is thrown away, which makes room for those that put it right.
 */
static void term_send_last(void)
{
    if (term_add("", 0) && outbox_send(&term.outbox))
        return;
    outbox_free(&term.outbox);
    tcflush(term.outbox.fd, TCOFLUSH);
    if (outbox_add(&term.outbox, term.reset, term.reset_n))
        outbox_send(&term.outbox);
    outbox_free(&term.outbox);
}

/* Modes that curses knows nothing of. */
static void term_modes(bool on)
{
    if (term.modern)
        term_send(on ? PASTE_ON : PASTE_OFF);
    if (term.mouse)
        term_send(on ? MOUSE_ON : MOUSE_OFF);
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
    if (term.stderr_memfd < 0)
        return;
    fflush(stderr);
    dup2(term.stderr_saved, STDERR_FILENO);
    close_fd(&term.stderr_saved);
    term_copy_stderr(STDERR_FILENO);
    close_fd(&term.stderr_memfd);
}

/* Roles to curses' attributes. */
static void term_looks(void)
{
    for (int r = 0; r < ROLE_COUNT; r++) {
        struct look look = theme_look(term.palette, (enum role)r);
        bool plain = look.fg < 0 && look.bg < 0;
        term.attributes[r] = (look.attributes & LOOK_BOLD ? A_BOLD : A_NORMAL) |
                             (look.attributes & LOOK_REVERSE ? A_REVERSE : A_NORMAL);
        term.pair[r] = (short)(term.palette == PALETTE_MONO || plain ? 0 : r + 1);
        if (term.pair[r] != 0)
            init_pair(term.pair[r], look.fg, look.bg);
    }
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
    term_looks();
    term_make_reset();
    tcgetattr(term.in_fd, &term.ours);
    /* What is already in curses' own buffer is written to the memfd, and so comes first, too. */
    int sink = memfd_create("weirtop-screen", MFD_CLOEXEC);
    if (sink < 0 || dup3(sink, fileno(term.out), O_CLOEXEC) < 0) {
        snprintf(why, why_bytes, "the screen could not be set up: %s", strerror(errno));
        close_fd(&sink);
        endwin();
        return false;
    }
    close_fd(&sink);
    term_modes(true);
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
    term.outbox.fd = out_fd;
    term.modern = name && strncmp(name, "vt", 2) != 0 && strncmp(name, "linux", 5) != 0;
    term.utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
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
        term_modes(false);
        endwin();
        term_send_last();
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
    grid_free(&term.shown);
    outbox_free(&term.outbox);
    term_release_stderr();
}

enum palette term_palette(void)
{
    return term.palette;
}

bool term_has_blocks(void)
{
    return term.utf8 && wcwidth(0x2581) == 1 && wcwidth(0x2588) == 1 && wcwidth(0x2502) == 1;
}

/* The console's fonts of 512 characters have blocks, but no braille. */
bool term_has_braille(void)
{
    const char *name = getenv("TERM");

    return term_has_blocks() && wcwidth(0x2800) == 1 && wcwidth(0x28ff) == 1 && name &&
           strncmp(name, "linux", 5) != 0;
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

    if (ioctl(term.outbox.fd, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 && size.ws_col > 0)
        resizeterm(size.ws_row, size.ws_col);
    grid_free(&term.shown);
}

void term_restore(void)
{
    tcsetattr(term.in_fd, TCSANOW, &term.ours);
    term_read_size();
    curs_set(0);
    term_modes(true);
    term_repaint(true);
}

void term_suspend(void)
{
    struct sigaction ours, deflt;
    sigset_t stop, before;

    term_modes(false);
    endwin();
    term_send_last();
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
    term_restore();
}

bool term_mouse(bool on)
{
    if (on && !term.modern)
        return false;
    if (on != term.mouse) {
        term_send(on ? MOUSE_ON : MOUSE_OFF);
        term.mouse = on;
        term_make_reset();
    }
    return true;
}

void term_synchronized(bool on)
{
    term.synchronized = on && term.modern;
    term_make_reset();
}

void term_allow_copy(bool allow)
{
    term.may_copy = allow && term.modern;
}

bool term_copy(const char *text)
{
    static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char out[sizeof COPY_BEGIN + TERM_COPY_BYTES * 4 / 3 + 8] = COPY_BEGIN;
    const unsigned char *p = (const unsigned char *)text;
    size_t n = strlen(text), at = sizeof COPY_BEGIN - 1;

    if (!term.may_copy || n == 0 || n > TERM_COPY_BYTES)
        return false;
    for (size_t i = 0; i < n; i += 3) {
        uint32_t three = (uint32_t)p[i] << 16 | (i + 1 < n ? (uint32_t)p[i + 1] << 8 : 0) |
                         (i + 2 < n ? (uint32_t)p[i + 2] : 0);
        out[at++] = digit[three >> 18];
        out[at++] = digit[three >> 12 & 63];
        out[at++] = i + 1 < n ? digit[three >> 6 & 63] : '=';
        out[at++] = i + 2 < n ? digit[three & 63] : '=';
    }
    out[at++] = '\a';
    bool good = term_add(out, at);
    outbox_send(&term.outbox);
    return good;
}

void term_bell(void)
{
    term_send("\a");
}

/*
 * Curses clears the blank ends of rows and then writes over some of it, which flashes on slow
 * terminals; it does so only when the outermost cell is a blank without attributes. So those get
 * one that no terminal shows.
 */
#define NEVER_CLEARED WA_HORIZONTAL

/* One cell for curses. Outside of UTF-8 only ASCII may reach the terminal. */
static void term_cell(const struct cell *c, bool outermost, cchar_t *out)
{
    wchar_t text[3] = {c->ch, c->mark, 0};
    attr_t attributes = term.attributes[c->role];

    if (outermost && c->ch == L' ')
        attributes |= NEVER_CLEARED;
    if (!term.utf8 && (c->ch > 0x7e || c->mark != 0)) {
        text[0] = c->ch > 0x7e ? L'?' : c->ch;
        text[1] = 0;
    }
    if (setcchar(out, text, attributes, term.pair[c->role], NULL) == ERR)
        setcchar(out, L"?", attributes, term.pair[c->role], NULL);
}

/*
 * A row, in runs that end with each wide character: where the next one begins is the grid's to
 * say, not curses'. add_wchnstr neither moves on nor scrolls, so the last cell is no trap.
 */
static void term_blit_row(const struct grid *g, int row, int cols)
{
    cchar_t run[64];
    int n = 0;

    for (int col = 0; col < cols; col++) {
        const struct cell *c = grid_at(g, row, col), *next = grid_at(g, row, col + 1);
        bool wide = next && next->ch == GRID_RIGHT_HALF && col + 1 < cols;
        if (c->ch == GRID_RIGHT_HALF)
            continue;
        if (wide)
            mvaddch(row, col + 1, ' ');
        term_cell(c, col == 0 || col + 1 == cols, &run[n++]);
        if (wide || n == (int)(sizeof run / sizeof *run) || col + 1 == cols) {
            mvadd_wchnstr(row, col - n + 1, run, n);
            n = 0;
        }
    }
}

/* The rows that differ from what stdscr has; all of them after a change of size. */
static void term_blit_rows(const struct grid *g, int rows, int cols)
{
    struct grid *shown = &term.shown;
    bool known = shown->rows == g->rows && shown->cols == g->cols;
    size_t row_bytes = (size_t)g->cols * sizeof *g->cell;

    if (!known) {
        erase();
        grid_resize(shown, g->rows, g->cols); /* on ENOMEM every row counts as new for ever */
    }
    for (int row = 0; row < rows && row < g->rows; row++) {
        const struct cell *from = g->cell + (size_t)row * (size_t)g->cols;
        struct cell *to = shown->cell ? shown->cell + (size_t)row * (size_t)g->cols : NULL;
        if (known && memcmp(to, from, row_bytes) == 0)
            continue;
        term_blit_row(g, row, cols < g->cols ? cols : g->cols);
        if (to)
            memcpy(to, from, row_bytes);
    }
}

uint64_t term_blit(const struct grid *g)
{
    int rows, cols;

    /* What is left of the frame before goes first, for curses takes it as shown. */
    if (!outbox_send(&term.outbox) || !outbox_room(&term.outbox))
        return TERM_BUSY;
    getmaxyx(stdscr, rows, cols);
    term_blit_rows(g, rows, cols);
    wnoutrefresh(stdscr);
    uint64_t before_ns = mono_now().ns;
    if (term.synchronized)
        term_add(SYNC_BEGIN, sizeof SYNC_BEGIN - 1);
    doupdate();
    const char *end = term.synchronized ? SYNC_END : "";
    if (!term_add(end, strlen(end)))
        term_repaint(true); /* on ENOMEM a part is missing */
    return outbox_send(&term.outbox) ? mono_now().ns - before_ns : TERM_BUSY;
}
