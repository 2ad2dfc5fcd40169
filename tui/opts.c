/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The command line. A mistake gets one line that says what would be right, and status 2.
 */
#include "tui/opts.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef HAVE_CONFIG_H
#include "config.h"
#else
#define PACKAGE_VERSION "unknown"
#endif

static const char usage[] =
    "usage: weirtop [-b | --json | --csv | --events | --check | --list] [-n N | --once]\n"
    "               [-d SECS] [-r DIR] [--record FILE | --replay FILE] [--messages FILE]\n"
    "               [--color auto|never|8|256] [--charset auto|ascii|block|braille] [--read-only]\n"
    "\n"
    "Watches a weir server and changes its number of workers. Keys: ? shows them.\n"
    "\n"
    "  -b, --batch        plain text for scripts, one table per interval\n"
    "  -n, --count N      end after N tables or lines\n"
    "  -d, --delay SECS   interval of rates, 0.1 to 60 seconds (default 1, or the settings)\n"
    "      --json         one JSON object per interval, one per line\n"
    "      --csv          a line of names, then one line of figures per interval\n"
    "      --events       what changes, one sentence a line\n"
    "      --list         the servers that answer in the usual places\n"
    "      --record FILE  append what is seen, one record a second\n"
    "      --replay FILE  show a recording instead of a server\n"
    "      --once         one table, then end (also when the output is no terminal)\n"
    "      --check        one line; exit status 0 ok, 1 warning, 2 critical, 3 no server\n"
    "  -r, --runtime-dir DIR\n"
    "                     where the server's control.sock is (default: $WEIR_RUNTIME_DIR,\n"
    "                     /run/weir, $XDG_RUNTIME_DIR/weir, /tmp/weir-UID)\n"
    "      --color WHEN   auto, never, 8, 256 (NO_COLOR is honoured)\n"
    "      --charset SET  auto, ascii, block, braille\n"
    "      --messages [OFFSET:]FILE\n"
    "                     show what is added to this log of the server as events\n"
    "      --read-only    keys that change the server do nothing\n"
    "  -h, --help\n"
    "  -V, --version\n";

enum {
    OPT_JSON = 256,
    OPT_CSV,
    OPT_EVENTS,
    OPT_LIST,
    OPT_RECORD,
    OPT_REPLAY,
    OPT_ONCE,
    OPT_CHECK,
    OPT_COLOR,
    OPT_CHARSET,
    OPT_READ_ONLY,
    OPT_MESSAGES
};

static int opts_wrong(const char *what, const char *value, const char *right)
{
    fprintf(stderr, "weirtop: %s: \"%s\" is not %s\n", what, value, right);
    return 2;
}

/* What is printed is one thing: a second one is a mistake, whichever comes first. */
static int opts_mode(struct opts *o, enum mode mode)
{
    static const char *const name[] = {
        [MODE_BATCH] = "-b",        [MODE_JSON] = "--json",   [MODE_CSV] = "--csv",
        [MODE_EVENTS] = "--events", [MODE_CHECK] = "--check", [MODE_LIST] = "--list"};

    if (o->mode != MODE_SCREEN && o->mode != mode) {
        fprintf(stderr, "weirtop: %s does not go with %s; see weirtop --help\n", name[mode],
                name[o->mode]);
        return 2;
    }
    o->mode = mode;
    return -1;
}

/* What only all options together tell. */
static int opts_together(struct opts *o, bool once)
{
    const char *why = NULL;

    if (o->replay && (o->record || o->mode != MODE_SCREEN || once))
        why = "--replay goes with a screen only, and not with --record";
    else if (o->record && o->mode == MODE_LIST)
        why = "--list asks many servers: there is nothing to --record";
    else if (once && o->count > 0)
        why = "--once and -n both say when to end";
    if (why) {
        fprintf(stderr, "weirtop: %s\n", why);
        return 2;
    }
    if (once)
        o->count = 1;
    if (once && o->mode == MODE_SCREEN)
        o->mode = MODE_BATCH;
    return -1;
}

/* The index of `value` in a list that ends with NULL; -1 when it is not there. */
static int opts_word(const char *value, const char *const *words)
{
    for (int i = 0; words[i]; i++)
        if (strcmp(words[i], value) == 0)
            return i;
    return -1;
}

static int opts_one(struct opts *o, int c, const char *value, bool *once)
{
    static const char *const colors[] = {"auto", "never", "8", "256", NULL};
    static const char *const charsets[] = {"auto", "ascii", "block", "braille", NULL};
    char *end = NULL;
    int word;

    switch (c) {
    case 'b':
        return opts_mode(o, MODE_BATCH);
    case 'n':
        o->count = strtoul(value, &end, 10);
        if (*value < '0' || *value > '9' || *end || o->count == 0 || o->count > 1000000000)
            return opts_wrong("-n", value, "a number from 1 to 1000000000");
        return -1;
    case 'd':
        o->interval_s = strtod(value, &end);
        if (*end || end == value || !(o->interval_s >= 0.1 && o->interval_s <= 60))
            return opts_wrong("-d", value, "a number of seconds from 0.1 to 60");
        return -1;
    case 'r':
        o->dir = value;
        return -1;
    case OPT_JSON:
        return opts_mode(o, MODE_JSON);
    case OPT_ONCE:
        *once = true;
        return -1;
    case OPT_CSV:
        return opts_mode(o, MODE_CSV);
    case OPT_EVENTS:
        return opts_mode(o, MODE_EVENTS);
    case OPT_LIST:
        return opts_mode(o, MODE_LIST);
    case OPT_RECORD:
        o->record = value;
        return -1;
    case OPT_REPLAY:
        o->replay = value;
        return -1;
    case OPT_CHECK:
        return opts_mode(o, MODE_CHECK);
    case OPT_COLOR:
        if ((word = opts_word(value, colors)) < 0)
            return opts_wrong("--color", value, "auto, never, 8 or 256");
        o->color = (enum color_choice)word;
        return -1;
    case OPT_CHARSET:
        if ((word = opts_word(value, charsets)) < 0)
            return opts_wrong("--charset", value, "auto, ascii, block or braille");
        o->charset = (enum charset_choice)word;
        return -1;
    case OPT_READ_ONLY:
        o->read_only = true;
        return -1;
    case OPT_MESSAGES:
        o->messages = value;
        return -1;
    case 'h':
        fputs(usage, stdout);
        return 0;
    case 'V':
        puts("weirtop " PACKAGE_VERSION);
        return 0;
    default:
        fputs("weirtop: see weirtop --help\n", stderr);
        return 2;
    }
}

int opts_read(struct opts *o, int argc, char **argv)
{
    static const struct option names[] = {
        {"batch", no_argument, NULL, 'b'},
        {"count", required_argument, NULL, 'n'},
        {"delay", required_argument, NULL, 'd'},
        {"runtime-dir", required_argument, NULL, 'r'},
        {"json", no_argument, NULL, OPT_JSON},
        {"csv", no_argument, NULL, OPT_CSV},
        {"events", no_argument, NULL, OPT_EVENTS},
        {"list", no_argument, NULL, OPT_LIST},
        {"record", required_argument, NULL, OPT_RECORD},
        {"replay", required_argument, NULL, OPT_REPLAY},
        {"once", no_argument, NULL, OPT_ONCE},
        {"check", no_argument, NULL, OPT_CHECK},
        {"color", required_argument, NULL, OPT_COLOR},
        {"charset", required_argument, NULL, OPT_CHARSET},
        {"read-only", no_argument, NULL, OPT_READ_ONLY},
        {"messages", required_argument, NULL, OPT_MESSAGES},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},
        {NULL, 0, NULL, 0},
    };
    bool once = false;
    int c, result = -1;

    memset(o, 0, sizeof *o);
    while (result < 0 && (c = getopt_long(argc, argv, "bn:d:r:hV", names, NULL)) != -1)
        result = opts_one(o, c, optarg, &once);
    if (result < 0 && optind < argc)
        return opts_wrong("argument", argv[optind], "known; see weirtop --help");
    return result < 0 ? opts_together(o, once) : result;
}
