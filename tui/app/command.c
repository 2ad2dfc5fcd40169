/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The command line: words to what keys do.
 */
#include "tui/app/command.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/log.h"
#include "tui/app/act.h"
#include "tui/app/dialog.h"
#include "tui/app/help.h"
#include "tui/app/line.h"
#include "tui/app/list.h"
#include "tui/app/rows.h"
#include "tui/app/setup.h"
#include "tui/app/strip.h"
#include "weir/control.h"

const char *const command_word[WORD_COUNT] = {
#define WORD(name, word, arguments, help) [WORD_##name] = word,
#include "tui/app/words.def"
#undef WORD
};
const char *const command_arguments[WORD_COUNT] = {
#define WORD(name, word, arguments, help) [WORD_##name] = arguments,
#include "tui/app/words.def"
#undef WORD
};
const char *const command_help[WORD_COUNT] = {
#define WORD(name, word, arguments, help) [WORD_##name] = help,
#include "tui/app/words.def"
#undef WORD
};

#define COMMAND_WORDS 3

/* A command line in words; the last one takes the rest. */
struct call {
    struct app *a;
    struct model *m;
    const struct event *e;
    char *why;
    size_t why_bytes;
    unsigned want;
    int words;
    char word[COMMAND_WORDS][LINE_BYTES];
};

__attribute__((format(printf, 2, 3))) static void refuse(struct call *c, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(c->why, c->why_bytes, fmt, ap);
    va_end(ap);
}

static void call_split(struct call *c, const char *text)
{
    while (c->words < COMMAND_WORDS) {
        text += strspn(text, " ");
        size_t n = c->words == COMMAND_WORDS - 1 ? strlen(text) : strcspn(text, " ");
        while (n > 0 && text[n - 1] == ' ')
            n--;
        if (n == 0)
            return;
        memcpy(c->word[c->words++], text, n);
        text += n;
    }
}

const char *command_server_arguments(int command)
{
    switch (command) {
    case COMMAND_DRAIN:
        return "N [retire|restart]";
    case COMMAND_RESTART:
        return "N|all";
    default:
        return control_command_arguments[command];
    }
}

/* Does the last argument stand for text, which may hold blanks? */
static bool takes_rest(const char *arguments)
{
    static const char *const text[] = {"PATH", "FILE", "VALUE"};
    size_t n = strlen(arguments);

    for (size_t i = 0; i < sizeof text / sizeof *text; i++)
        if (n >= strlen(text[i]) && strcmp(arguments + n - strlen(text[i]), text[i]) == 0)
            return true;
    return false;
}

/* True when there are no more words than the command takes; else refuses what is left over. */
static bool call_fits(struct call *c, const char *text, const char *word, const char *arguments)
{
    int takes = *arguments ? 1 : 0;

    for (const char *p = arguments; (p = strchr(p, ' ')) != NULL; p++)
        takes++;
    for (int i = 0; i <= takes; i++) {
        text += strspn(text, " ");
        text += strcspn(text, " ");
    }
    text += strspn(text, " ");
    if (*text == '\0' || takes_rest(arguments))
        return true;
    refuse(c, "%s: \"%.40s\" is too much; usage: %s%s%s", c->word[0], text, word,
           *arguments ? " " : "", arguments);
    return false;
}

/* A whole number within bounds; refuses in words. */
static bool call_number(struct call *c, int word, long least, long most, long *out)
{
    const char *s = c->words > word ? c->word[word] : "";
    char *end;

    *out = strtol(s, &end, 10);
    if (*s < '0' || *s > '9' || *end || *out < least || *out > most) {
        refuse(c, "%s: \"%.40s\" is not a number from %ld to %ld", c->word[0], s, least, most);
        return false;
    }
    return true;
}

static void run_workers(struct call *c)
{
    const char *s = c->words > 1 ? c->word[1] : "";
    long n;

    if (strcmp(s, "auto") == 0) {
        if (c->m->now.workers_auto)
            refuse(c, "the server chooses the number already");
        else
            dialog_open(c->a, c->m, DIALOG_AUTO, c->e->now_ns);
        return;
    }
    if (*s == '+' || *s == '-') {
        bool fewer = *s == '-';
        memmove(c->word[1], c->word[1] + 1, strlen(c->word[1]));
        if (call_number(c, 1, 1, 99999, &n))
            strip_open_workers(c->a, (int)(fewer ? -n : n), c->m, c->e->now_ns);
        return;
    }
    if (!call_number(c, 1, 1, 99999, &n))
        return;
    strip_open_workers(c->a, 0, c->m, c->e->now_ns);
    snprintf(c->a->strip.typed, sizeof c->a->strip.typed, "%u", (unsigned)n % 100000);
}

static void run_offload(struct call *c)
{
    long n;

    if (!call_number(c, 1, 1, OFFLOAD_THREADS_MAX, &n))
        return;
    strip_open_offload(c->a, c->m, c->e->now_ns);
    snprintf(c->a->strip.typed, sizeof c->a->strip.typed, "%u", (unsigned)n % 100000);
}

static void run_worker(struct call *c, enum dialog_kind kind)
{
    const char *option = c->words > 2 ? c->word[2] : "";
    long n;

    if (kind == DIALOG_RESTART && c->words == 2 && strcmp(c->word[1], "all") == 0) {
        c->a->tag_count = 0;
        for (unsigned i = 0; i < c->m->now.worker_count && c->a->tag_count < APP_TAGS; i++)
            if (c->m->now.worker[i].state == SLOT_RUNNING)
                c->a->tag[c->a->tag_count++] = app_worker_key(&c->m->now.worker[i]);
        if (c->a->tag_count == 0)
            refuse(c, "no worker serves");
        else
            dialog_open(c->a, c->m, kind, c->e->now_ns);
        return;
    }
    if (*option && (kind != DIALOG_DRAIN ||
                    (strcmp(option, "retire") != 0 && strcmp(option, "restart") != 0))) {
        refuse(c, "%s: \"%.40s\" is not known", c->word[0], option);
        return;
    }
    if (!call_number(c, 1, 1, 65535, &n))
        return;
    if (rows_worker_now(c->m, (unsigned)n) == NULL) {
        refuse(c, "there is no worker %ld", n);
        return;
    }
    dialog_open_worker(c->a, c->m, kind, (unsigned)n, c->e->now_ns);
    c->a->dialog.option = strcmp(option, "restart") == 0;
}

static void run_inspect(struct call *c)
{
    long n;

    if (!call_number(c, 1, 1, 65535, &n))
        return;
    const struct snap_worker *w = rows_worker_now(c->m, (unsigned)n);
    if (w == NULL)
        refuse(c, "there is no worker %ld", n);
    else
        act_show_worker(c->a, w);
}

static void run_request(struct call *c, enum dialog_kind kind)
{
    const char *s = c->words > 1 ? c->word[1] : "";
    char *end;
    unsigned long worker = strtoul(s, &end, 10);
    unsigned long long serial = *end == '-' ? strtoull(end + 1, &end, 10) : 0;

    if (*s < '0' || *s > '9' || *end || worker == 0 || worker > 65535 || serial == 0) {
        refuse(c, "%s: \"%.40s\" is not the ID of a request, such as 3-1842", c->word[0], s);
        return;
    }
    uint64_t key = (uint64_t)worker << 48 | serial;
    if (serial >> 48 || rows_request(c->m, key) == NULL) {
        refuse(c, "no request %lu-%llu is in flight (view 3 lists those that last)", worker,
               serial);
        return;
    }
    dialog_open_request(c->a, c->m, kind, key, c->e->now_ns);
    if (kind == DIALOG_THROTTLE && c->words > 2)
        line_set(&c->a->dialog.typed, c->word[2]);
}

static void run_mount(struct call *c, enum dialog_kind kind)
{
    char path[2 * LINE_BYTES];

    if (c->words < 2 || c->word[1][0] != '/') {
        refuse(c, "%s: a mount point or a path on it is needed, from / on", c->word[0]);
        return;
    }
    snprintf(path, sizeof path, "%s%s%s", c->word[1], c->words > 2 ? " " : "",
             c->words > 2 ? c->word[2] : "");
    dialog_open_mount(c->a, kind, path, c->e->now_ns);
}

static void run_level(struct call *c)
{
    for (int i = 0; i < DIALOG_OPTIONS; i++) {
        if (c->words == 2 && strcmp(c->word[1], log_level_name[i]) == 0) {
            dialog_open(c->a, c->m, DIALOG_LOGLEVEL, c->e->now_ns);
            c->a->dialog.option = i;
            return;
        }
    }
    refuse(c, "loglevel: error, warn, info or debug");
}

static void run_stop(struct call *c)
{
    if (c->words > 1 && strcmp(c->word[1], "now") != 0) {
        refuse(c, "stop: \"now\" or nothing");
        return;
    }
    dialog_open(c->a, c->m, DIALOG_STOP, c->e->now_ns);
    c->a->dialog.option = c->words > 1;
}

/* The server's own words. */
static void run_server(struct call *c, enum control_command command)
{
    const char *reason = app_read_only_reason(c->a, c->m);

    if (command == COMMAND_INSPECT) {
        run_inspect(c);
        return;
    }
    if (reason) {
        refuse(c, "read-only: %s", reason);
        return;
    }
    switch (command) {
    case COMMAND_WORKERS:
        run_workers(c);
        break;
    case COMMAND_OFFLOAD:
        run_offload(c);
        break;
    case COMMAND_DRAIN:
        run_worker(c, DIALOG_DRAIN);
        break;
    case COMMAND_RESTART:
        run_worker(c, DIALOG_RESTART);
        break;
    case COMMAND_KILL:
        run_worker(c, DIALOG_KILL);
        break;
    case COMMAND_ABORT:
        run_request(c, DIALOG_ABORT);
        break;
    case COMMAND_THROTTLE:
        run_request(c, DIALOG_THROTTLE);
        break;
    case COMMAND_FENCE:
        run_mount(c, DIALOG_FENCE);
        break;
    case COMMAND_UNFENCE:
        run_mount(c, DIALOG_UNFENCE);
        break;
    case COMMAND_RELOAD:
        dialog_open(c->a, c->m, DIALOG_RELOAD, c->e->now_ns);
        break;
    case COMMAND_REOPEN:
        dialog_open(c->a, c->m, DIALOG_REOPEN, c->e->now_ns);
        break;
    case COMMAND_LOGLEVEL:
        run_level(c);
        break;
    case COMMAND_STOP:
        run_stop(c);
        break;
    default:
        refuse(c, "\"%s\" is what weirtop does all the time", c->word[0]);
        break;
    }
}

static void run_view(struct call *c)
{
    const char *s = c->words > 1 ? c->word[1] : "";

    for (int v = 0; v < VIEW_WORKER; v++) {
        if (strcasecmp(s, view_word[v]) == 0 || (s[0] == '1' + v && s[1] == '\0')) {
            act_show(c->a, (enum view_kind)v);
            return;
        }
    }
    refuse(c, "view: overview, latency, requests, files, io, events, or 1 to 6");
}

static void run_save(struct call *c)
{
    bool events = c->words == 3 && strcmp(c->word[1], "events") == 0;

    if (!events && (c->words < 3 || strcmp(c->word[1], "screen") != 0)) {
        refuse(c, "save: events FILE, or screen FILE");
        return;
    }
    snprintf(c->a->file, sizeof c->a->file, "%s", c->word[2]);
    c->want |= events ? WANT_SAVE_EVENTS : WANT_SAVE_SCREEN;
}

static void run_set(struct call *c)
{
    for (int i = 0; i < SETTING_COUNT; i++) {
        if (c->words < 2 || strcmp(c->word[1], setting_table[i].key) != 0)
            continue;
        int64_t value;
        if (!settings_parse((enum setting)i, c->words > 2 ? c->word[2] : "", &value, c->why,
                            c->why_bytes))
            return;
        c->a->settings.value[i] = value;
        c->want |= setup_apply(c->a, c->m, (enum setting)i) | WANT_SAVE_SETTINGS;
        return;
    }
    refuse(c, "set: there is no setting \"%.40s\"; Tab lists them", c->words > 1 ? c->word[1] : "");
}

static void run_autoscale(struct call *c)
{
    bool on = c->words == 2 && strcmp(c->word[1], "on") == 0;
    const char *reason = app_read_only_reason(c->a, c->m);

    if (reason)
        refuse(c, "read-only: %s", reason);
    else if (!on && (c->words != 2 || strcmp(c->word[1], "off") != 0))
        refuse(c, "autoscale: on or off; its limits are workers_min and workers_max in weir.ini");
    else if (on == c->m->now.workers_auto)
        refuse(c, "it is %s already", on ? "on" : "off");
    else
        dialog_open(c->a, c->m, DIALOG_AUTO, c->e->now_ns);
}

static void run_help(struct call *c)
{
    char topics[128] = "";
    size_t n = 0;

    if (c->words < 2) {
        help_open(c->a);
        return;
    }
    if (help_open_at(c->a, c->m, c->word[1]))
        return;
    for (int i = 0; help_topic(i) && n < sizeof topics; i++)
        n += (size_t)snprintf(topics + n, sizeof topics - n, "%s %s", n ? "," : "", help_topic(i));
    refuse(c, "help: the topics are%s", topics);
}

static void run_own(struct call *c, enum command_word word)
{
    switch (word) {
    case WORD_VIEW:
        run_view(c);
        break;
    case WORD_STATUS:
        act_show(c->a, VIEW_OVERVIEW);
        break;
    case WORD_REQUESTS:
        act_show(c->a, VIEW_REQUESTS);
        break;
    case WORD_FILES:
        act_show(c->a, VIEW_FILES);
        break;
    case WORD_MOUNTS:
    case WORD_STALLS:
        act_show(c->a, VIEW_IO);
        break;
    case WORD_EVENTS:
        act_show(c->a, VIEW_EVENTS);
        break;
    case WORD_HELP:
        run_help(c);
        break;
    case WORD_SAVE:
        run_save(c);
        break;
    case WORD_SET:
        run_set(c);
        break;
    case WORD_AUTOSCALE:
        run_autoscale(c);
        break;
    case WORD_QUIT:
        c->want |= WANT_QUIT;
        break;
    default:
        refuse(c, "%s: %s", c->word[0], command_help[word]);
        break;
    }
}

unsigned command_run(struct app *a, struct model *m, const char *text, const struct event *e,
                     char *why, size_t why_bytes)
{
    struct call c = {.a = a, .m = m, .e = e, .why = why, .why_bytes = why_bytes};

    why[0] = '\0';
    call_split(&c, text);
    if (c.words == 0)
        return 0;
    const char *word = c.word[0];
    if (strcmp(word, "q") == 0 || strcmp(word, "q!") == 0)
        word = command_word[WORD_QUIT]; /* the fingers of vi */
    for (int i = 0; i < WORD_COUNT; i++) {
        if (strcmp(word, command_word[i]) == 0) {
            if (call_fits(&c, text, word, command_arguments[i]))
                run_own(&c, (enum command_word)i);
            return c.want;
        }
    }
    for (int i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(word, control_command_word[i]) == 0) {
            if (call_fits(&c, text, word, command_server_arguments(i)))
                run_server(&c, (enum control_command)i);
            return c.want;
        }
    }
    refuse(&c, "there is no command \"%.40s\"; Tab lists them", c.word[0]);
    return 0;
}
