/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * weirctl: asks a running weir for its state or for a change, from a shell. Commands are those
 * of commands.def, sent as they are typed; `status`, `requests`, `files`, `mounts`, `stalls` and
 * `events` are made here from the board.
 * A change that goes on after the answer is followed on the board until it is done. Knows
 * nothing of the server but the control socket and the board.
 *
 * Exit status: 0 done, 1 refused, failed or no server, 2 bad usage.
 */
#include "config.h"

#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/inherited.h"
#include "ctl/server.h"
#include "ctl/status.h"
#include "weir/control.h"
#include "weir/snapshot.h"

enum { EXIT_DONE = 0, EXIT_REFUSED = 1, EXIT_USAGE = 2 };

#define WAIT_DEFAULT_S 60
#define WAIT_MOST_S    86400
#define BOARD_WAIT_S   5 /* the board is there or it is not: nothing to compute */
#define LOOK_EVERY_MS  50

struct options {
    char dir[PATH_MAX];
    bool json, no_wait;
    int wait_s;
};

static json_t *json_of_status(const struct snap *s)
{
    return status_json(s, NULL);
}

static json_t *json_of_events(const struct snap *s)
{
    return status_events_json(s, 0);
}

static bool print_status(FILE *to, const struct snap *s)
{
    status_print(to, s);
    return true;
}

static bool print_requests(FILE *to, const struct snap *s)
{
    status_print_traffic(to, s);
    return true;
}

static bool print_mounts(FILE *to, const struct snap *s)
{
    status_print_mounts(to, s);
    return true;
}

static bool print_stalls(FILE *to, const struct snap *s)
{
    status_print_stalls(to, s);
    return true;
}

static bool print_events(FILE *to, const struct snap *s)
{
    status_print_events(to, s, 0);
    return true;
}

/* What is made of the board, in two forms. */
static const struct show {
    const char *word, *help;
    json_t *(*json)(const struct snap *s);
    bool (*print)(FILE *to, const struct snap *s); /* false: no memory */
    unsigned wants;                                /* bits of enum snap_want */
} shows[] = {
    {"status", "show what the server and its workers do", json_of_status, print_status, 0},
    {"requests", "show the requests in flight, and the slow ones of late", status_traffic_json,
     print_requests, SNAP_REQUESTS | SNAP_SLOW},
    {"files", "show the files that are asked for most", status_files_json, status_print_files,
     SNAP_FILES},
    {"mounts", "show the mounts that are served from, and which are sick", status_mounts_json,
     print_mounts, 0},
    {"stalls", "show the worst waits of the last hour, and on what", status_stalls_json,
     print_stalls, 0},
    {"events", "show what happened lately", json_of_events, print_events, 0},
};
enum { SHOWS = sizeof shows / sizeof *shows };

static const struct show *find_show(const char *word)
{
    for (size_t i = 0; i < SHOWS; i++)
        if (strcmp(word, shows[i].word) == 0)
            return &shows[i];
    return NULL;
}

static void usage(FILE *to)
{
    fputs("usage: weirctl [-r DIR] [--wait SECONDS | --no-wait] COMMAND\n\n", to);
    for (size_t i = 0; i < SHOWS; i++)
        fprintf(to, "  %-8s %-22s %s\n", shows[i].word, "[--json]", shows[i].help);
    for (unsigned i = 0; i < COMMAND_COUNT; i++) {
        char text[64];
        if (i == COMMAND_BOARD) /* for programs */
            continue;
        snprintf(text, sizeof text, "%s %s", control_command_word[i], control_command_arguments[i]);
        fprintf(to, "  %-31s %s\n", text, control_command_help[i]);
    }
    fputs("\n  -r, --runtime-dir DIR           where control.sock is (else $WEIR_RUNTIME_DIR,\n"
          "                                  /run/weir, $XDG_RUNTIME_DIR/weir, /tmp/weir-UID)\n"
          "  --wait SECONDS                  how long to wait for a change to be done (60)\n"
          "  --no-wait                       do not wait for it\n"
          "  --json                          print JSON (of what is shown)\n"
          "  -h, --help    -V, --version\n",
          to);
}

static int bad_usage(const char *what, const char *which)
{
    fprintf(stderr, "weirctl: %s%s\nTry: weirctl --help\n", what, which);
    return EXIT_USAGE;
}

static int fail(const char *why)
{
    fprintf(stderr, "weirctl: %s\n", why);
    return EXIT_REFUSED;
}

/* Connects; says why not. */
static int connect_to(const struct options *opt)
{
    char why[CONTROL_WHY_BYTES];
    int fd = control_open(opt->dir, BOARD_WAIT_S * 1000, why, sizeof why);

    if (fd < 0)
        fprintf(stderr, "weirctl: %s%s\n", why,
                errno == ENOENT || errno == ECONNREFUSED
                    ? "; is it running? another directory: -r DIR"
                    : "");
    return fd;
}

/* One request, one reply. False when none came; the sentence is in why. */
static bool ask(int fd, const char *request, int wait_s, struct control_reply *reply, char *why,
                size_t why_bytes)
{
    *reply = (struct control_reply){.passed_fd = -1};
    return control_send(fd, request, why, why_bytes) &&
           control_receive(fd, wait_s * 1000, reply, why, why_bytes) == 1;
}

/* The board of the server behind fd; NULL with a sentence in why[]. */
static struct board_view *open_board(int fd, char *why, size_t why_bytes)
{
    struct control_reply reply;
    struct board_view *view = NULL;

    if (!ask(fd, control_command_word[COMMAND_BOARD], BOARD_WAIT_S, &reply, why, why_bytes))
        return NULL;
    if (!reply.ok)
        snprintf(why, why_bytes, "%s", reply.message);
    else if (reply.passed_fd < 0)
        snprintf(why, why_bytes, "weir answered without its board");
    else
        view = board_view_open(reply.passed_fd, why, why_bytes);
    control_reply_free(&reply);
    return view;
}

static bool print_json(json_t *json)
{
    bool good = json && json_dumpf(json, stdout, JSON_INDENT(2)) == 0;

    putchar('\n');
    json_decref(json);
    return good || (json && ferror(stdout)); /* what could not be written is told at the end */
}

static bool print_snap(const struct snap *s, const struct show *what, bool json)
{
    return json ? print_json(what->json(s)) : what->print(stdout, s);
}

/* Any of the shows. */
static int show(const struct options *opt, const struct show *what)
{
    char why[CONTROL_WHY_BYTES];
    struct snap s = {.wants = what->wants};
    int fd = connect_to(opt);
    struct board_view *view;
    bool good;

    if (fd < 0)
        return EXIT_REFUSED;
    view = open_board(fd, why, sizeof why);
    close_fd(&fd);
    if (!view)
        return fail(why);
    good = board_view_snap(view, &s) && print_snap(&s, what, opt->json);
    snap_free(&s);
    board_view_close(&view);
    return good ? EXIT_DONE : fail("out of memory");
}

/* What the board says of change `op`: true when there is nothing more to wait for. */
static bool settled(const struct snap *s, uint32_t op, int *status)
{
    if (s->op_id != op) {
        if ((int32_t)(s->op_id - op) < 0)
            return false;
        fputs("weirctl: a later change took the place of this one; see weirctl status\n", stderr);
        *status = EXIT_DONE;
        return true;
    }
    if (s->op_state == OP_DONE) {
        *status = EXIT_DONE;
        return true;
    }
    if (s->op_state != OP_FAILED)
        return false;
    *status = fail(s->op_text);
    return true;
}

/* The server closed the connection: was that what was asked for? */
static int ended(const struct snap *s, bool stopping)
{
    if (stopping && s->clean_stop) {
        puts("stopped");
        return EXIT_DONE;
    }
    return fail(s->clean_stop ? "weir ended before the change was done"
                              : "weir is gone; its log may say why");
}

/* For whoever looks at the terminal and wonders. */
static void tell_awaited(const struct snap *s)
{
    if (!status_print_awaited(stderr, s))
        fputs("still under way", stderr);
    fputs("; Ctrl-C leaves it going on\n", stderr);
}

static double seconds_since(uint64_t begun_ns)
{
    return (double)(mono_now().ns - begun_ns) / (double)NS_PER_S;
}

static void tell_done(const struct snap *s, double seconds)
{
    unsigned draining = 0;

    for (unsigned i = 0; i < s->worker_count; i++)
        draining += s->worker[i].state == SLOT_RETIRING;
    printf("done in %.1f s\n", seconds);
    if (draining > 0)
        printf("%u old worker%s finish%s downloads that go on\n", draining,
               draining == 1 ? "" : "s", draining == 1 ? "es" : "");
}

/* op 0: the server's end is waited for, not a change. */
static int follow(const struct options *opt, int fd, const struct board_view *view, uint32_t op)
{
    uint64_t begun = mono_now().ns, deadline = begun + (uint64_t)opt->wait_s * NS_PER_S;
    bool told = false;
    struct pollfd p = {.fd = fd, .events = POLLIN};
    struct snap s = {0};
    int status = EXIT_REFUSED;

    for (;;) {
        /* Nothing is asked any more, so that the connection can only become ready by ending. */
        bool gone = poll(&p, 1, LOOK_EVERY_MS) > 0;

        if (!board_view_snap(view, &s)) {
            status = fail("out of memory");
            break;
        }
        if (op != 0 && settled(&s, op, &status)) {
            if (status == EXIT_DONE && s.op_id == op)
                tell_done(&s, seconds_since(begun));
            break;
        }
        if (gone) {
            status = ended(&s, op == 0);
            break;
        }
        if (mono_now().ns >= deadline) {
            fprintf(stderr, "weirctl: not done after %d s; it goes on: %s\n", opt->wait_s,
                    op ? s.op_text : "stop");
            break;
        }
        if (!told && mono_now().ns - begun >= NS_PER_S) {
            tell_awaited(&s);
            told = true;
        }
    }
    snap_free(&s);
    return status;
}

static int finish(const struct options *opt, int fd, const struct board_view *view,
                  const struct control_reply *reply, bool stopping)
{
    if (!reply->ok)
        return fail(reply->message);
    if (reply->message[0] != '\0')
        puts(reply->message);
    if ((reply->op == 0 && !stopping) || opt->no_wait)
        return EXIT_DONE;
    if (!view) {
        fputs("weirctl: it goes on, and cannot be followed from here\n", stderr);
        return EXIT_DONE;
    }
    fflush(stdout);
    return follow(opt, fd, view, reply->op);
}

/* Any command of commands.def. */
static int command(const struct options *opt, const char *request, enum control_command which)
{
    char why[CONTROL_WHY_BYTES], why_no_board[CONTROL_WHY_BYTES];
    struct control_reply reply;
    struct board_view *view = NULL;
    int fd = connect_to(opt), status;

    if (fd < 0)
        return EXIT_REFUSED;
    /* Before the change, for afterwards the server may be gone. */
    if (!opt->no_wait)
        view = open_board(fd, why_no_board, sizeof why_no_board);
    if (ask(fd, request, opt->wait_s, &reply, why, sizeof why))
        status = finish(opt, fd, view, &reply, which == COMMAND_STOP);
    else /* of a connection that was refused, the first request was told why */
        status = fail(view || opt->no_wait ? why : why_no_board);
    control_reply_free(&reply);
    board_view_close(&view);
    close_fd(&fd);
    return status;
}

/* Words after the command; options may stand among them. False when one is not known. */
static bool join(struct options *opt, char **word, struct out *request)
{
    for (; *word; word++) {
        if (strcmp(*word, "--json") == 0)
            opt->json = true;
        else if (strcmp(*word, "--no-wait") == 0)
            opt->no_wait = true;
        else if (strncmp(*word, "--", 2) == 0)
            return false;
        else {
            out_str(request, out_len(request) > 0 ? " " : "");
            out_str(request, *word);
        }
    }
    return true;
}

/* False when the request begins with no command's word: why[] lists those of usage(). */
static bool is_command(const char *request, char *why, size_t why_bytes)
{
    const char *known[SHOWS + COMMAND_COUNT];
    const char *begin = request + strspn(request, " \t");
    struct span word = span_of(begin, strcspn(begin, " \t"));
    size_t n = 0;

    for (size_t i = 0; i < SHOWS; i++)
        known[n++] = shows[i].word;
    for (unsigned i = 0; i < COMMAND_COUNT; i++) {
        if (word.n == 0 || span_eq(word, span_str(control_command_word[i])))
            return true;
        if (i != COMMAND_BOARD)
            known[n++] = control_command_word[i];
    }
    control_no_command(word, known, n, why, why_bytes);
    return false;
}

static int dispatch(struct options *opt, char **word)
{
    char request[CONTROL_REQUEST_BYTES + 1], why[CONTROL_WHY_BYTES];
    struct control_request parsed;
    struct out o = out_into(request, sizeof request - 1);
    const struct show *what = find_show(word[0]);

    if (!join(opt, word, &o))
        return bad_usage("there is no such option after ", word[0]);
    if (o.cut)
        return bad_usage("the command is too long", "");
    *o.p = '\0';
    if (what)
        return strcmp(request, word[0]) == 0 ? show(opt, what)
                                             : bad_usage("no argument belongs to ", word[0]);
    if (opt->json)
        return bad_usage(
            "--json belongs to what is shown: status, requests, files, mounts, stalls, events", "");
    if (!is_command(request, why, sizeof why) ||
        !control_parse(span_str(request), &parsed, why, sizeof why))
        return bad_usage(why, "");
    if (parsed.command == COMMAND_BOARD)
        return bad_usage("board is for programs; what it shows: weirctl status", "");
    return command(opt, request, parsed.command);
}

static bool read_wait(const char *text, int *wait_s)
{
    uint64_t v;

    if (!span_u64(span_str(text), WAIT_MOST_S, &v) || v == 0)
        return false;
    *wait_s = (int)v;
    return true;
}

/* -1: go on with the command; else the exit status. */
static int read_options(int argc, char **argv, struct options *opt)
{
    static const struct option long_options[] = {{"runtime-dir", required_argument, NULL, 'r'},
                                                 {"wait", required_argument, NULL, 'w'},
                                                 {"no-wait", no_argument, NULL, 'n'},
                                                 {"json", no_argument, NULL, 'j'},
                                                 {"help", no_argument, NULL, 'h'},
                                                 {"version", no_argument, NULL, 'V'},
                                                 {NULL, 0, NULL, 0}};
    const char *dir = NULL;
    int c;

    while ((c = getopt_long(argc, argv, "+r:hV", long_options, NULL)) != -1) {
        switch (c) {
        case 'r':
            dir = optarg;
            break;
        case 'w':
            if (!read_wait(optarg, &opt->wait_s))
                return bad_usage("--wait takes seconds, 1 to 86400, not ", optarg);
            break;
        case 'n':
            opt->no_wait = true;
            break;
        case 'j':
            opt->json = true;
            break;
        case 'h':
            usage(stdout);
            return EXIT_DONE;
        case 'V':
            puts("weirctl " PACKAGE_VERSION);
            return EXIT_DONE;
        default:
            fputs("Try: weirctl --help\n", stderr);
            return EXIT_USAGE;
        }
    }
    if (!control_runtime_dir(dir, opt->dir, sizeof opt->dir))
        return bad_usage("the name of the runtime directory is too long", "");
    return -1;
}

int main(int argc, char **argv)
{
    struct options opt = {.wait_s = WAIT_DEFAULT_S};

    inherited_mend();
    int status = read_options(argc, argv, &opt);
    if (status < 0 && optind == argc) {
        usage(stderr);
        return EXIT_USAGE;
    }
    if (status < 0)
        status = dispatch(&opt, argv + optind);
    if (fflush(stdout) != 0 || ferror(stdout))
        return fail("cannot write to standard output");
    return status;
}
