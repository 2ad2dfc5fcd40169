/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Requests and replies of the control socket, as text; see server.h. A request is split into
 * words, the first is looked up, and one small function for each kind of argument reads the
 * rest. No sockets, no allocation, no state. Master only.
 */
#include "ctl/server.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/escape.h"
#include "base/must.h"
#include "weir/board.h"

#define WORDS_MAX 4 /* no command has more than two; the rest is counted, not kept */

struct words {
    struct span word[WORDS_MAX];
    size_t count;
};

__attribute__((format(printf, 3, 4))) static bool refuse(char *why, size_t why_bytes,
                                                         const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(why, why_bytes, fmt, ap);
    va_end(ap);
    return false;
}

/* What a sentence quotes of somebody else's bytes: printable, and no more than 40 of them. */
struct quoted {
    char text[4 * 40 + 4];
};

static struct quoted quote(struct span s)
{
    struct quoted q;
    struct out o = out_into(q.text, sizeof q.text - 1);

    escape_visible(&o, span_of(s.p, s.n > 40 ? 40 : s.n));
    if (s.n > 40)
        out_str(&o, "...");
    *o.p = '\0';
    return q;
}

static void split(struct span text, struct words *w)
{
    w->count = 0;
    while (text.n > 0) {
        size_t n = 0;
        while (n < text.n && text.p[n] != ' ' && text.p[n] != '\t')
            n++;
        if (n > 0 && w->count++ < WORDS_MAX)
            w->word[w->count - 1] = span_of(text.p, n);
        text = span_from(text, n + 1);
    }
}

static bool has_control_bytes(struct span s)
{
    for (size_t i = 0; i < s.n; i++)
        if (((unsigned char)s.p[i] < 0x20 && s.p[i] != '\t') || s.p[i] == 0x7f)
            return true;
    return false;
}

/* How many single-byte edits lead from a to b; both are short. */
static size_t edits(struct span a, struct span b)
{
    size_t row[32];

    if (a.n >= sizeof row / sizeof *row || b.n >= sizeof row / sizeof *row)
        return SIZE_MAX;
    for (size_t j = 0; j <= b.n; j++)
        row[j] = j;
    for (size_t i = 1; i <= a.n; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.n; j++) {
            size_t change = diagonal + (a.p[i - 1] != b.p[j - 1]);
            size_t step = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            diagonal = row[j];
            row[j] = change < step ? change : step;
        }
    }
    return row[b.n];
}

void control_no_command(struct span word, const char *const *known, size_t count, char *why,
                        size_t why_bytes)
{
    size_t best = 3; /* more than two edits is another word */
    const char *nearest = NULL;
    char list[256];
    struct out o = out_into(list, sizeof list - 1);

    for (size_t i = 0; i < count; i++) {
        size_t distance = edits(word, span_str(known[i]));
        if (distance < best) {
            best = distance;
            nearest = known[i];
        }
        out_str(&o, i > 0 ? ", " : "");
        out_str(&o, known[i]);
    }
    *o.p = '\0';
    if (nearest)
        refuse(why, why_bytes, "there is no command '%s'; did you mean '%s'?", quote(word).text,
               nearest);
    else
        refuse(why, why_bytes, "there is no command '%s'; there are: %s", quote(word).text, list);
}

static bool find_command(struct span word, enum control_command *command)
{
    for (unsigned i = 0; i < COMMAND_COUNT; i++)
        if (span_eq(word, span_str(control_command_word[i]))) {
            *command = (enum control_command)i;
            return true;
        }
    return false;
}

static bool read_number(struct span s, unsigned *number)
{
    uint64_t v;

    if (!span_u64(s, CONTROL_NUMBER_MAX, &v) || v == 0)
        return false;
    *number = (unsigned)v;
    return true;
}

static bool read_amount(struct span s, struct control_request *r, char *why, size_t why_bytes)
{
    struct span digits = s;

    if (span_eq(s, SPAN("auto"))) {
        r->amount = AMOUNT_AUTO;
        return true;
    }
    r->amount = AMOUNT_SET;
    if (s.p[0] == '+' || s.p[0] == '-') {
        r->amount = s.p[0] == '+' ? AMOUNT_ADD : AMOUNT_REMOVE;
        digits = span_from(s, 1);
    }
    if (read_number(digits, &r->number))
        return true;
    return refuse(why, why_bytes,
                  "'%s' is not a number of workers: N, +N, -N (N from 1 to %d) or auto",
                  quote(s).text, CONTROL_NUMBER_MAX);
}

static bool read_worker(struct span s, struct control_request *r, char *why, size_t why_bytes)
{
    if (read_number(s, &r->number))
        return true;
    return refuse(why, why_bytes, "'%s' is not the number of a worker (1 to %d); status lists them",
                  quote(s).text, CONTROL_NUMBER_MAX);
}

static bool read_threads(struct span s, struct control_request *r, char *why, size_t why_bytes)
{
    if (read_number(s, &r->number) && r->number <= OFFLOAD_THREADS_MAX)
        return true;
    return refuse(why, why_bytes, "'%s' is not a number of threads: 1 to %d", quote(s).text,
                  OFFLOAD_THREADS_MAX);
}

static bool read_path(struct span s, struct control_request *r, char *why, size_t why_bytes)
{
    r->path = s;
    return s.p[0] == '/' || refuse(why, why_bytes, "'%s' is not an absolute path", quote(s).text);
}

static bool read_level(struct span s, struct control_request *r, char *why, size_t why_bytes)
{
    for (unsigned i = 0; i < sizeof log_level_name / sizeof *log_level_name; i++)
        if (span_eq(s, span_str(log_level_name[i]))) {
            r->level = (enum log_level)i;
            return true;
        }
    return refuse(why, why_bytes, "'%s' is not a level: error, warn, info or debug", quote(s).text);
}

/* "3-1842": the worker and the serial number of its request. */
static bool read_request_id(struct span s, struct control_request *r, char *why, size_t why_bytes)
{
    struct span rest = s, worker = span_cut(&rest, '-');

    if (rest.p && read_number(worker, &r->number) && span_u64(rest, UINT64_MAX, &r->serial) &&
        r->serial > 0)
        return true;
    return refuse(why, why_bytes,
                  "'%s' is not the ID of a request, like 3-1842; weirctl requests lists them",
                  quote(s).text);
}

/* "1m", "500k", "2000": bytes a second, k, m and g by 1024 as in the configuration. */
static bool read_rate(struct span s, struct control_request *r, char *why, size_t why_bytes)
{
    static const char unit[] = "kmg";
    const char *u = s.n > 1 ? memchr(unit, s.p[s.n - 1] | 0x20, sizeof unit - 1) : NULL;
    unsigned shift = u ? 10 * (unsigned)(u - unit + 1) : 0;
    uint64_t v;

    if (span_eq(s, SPAN("off"))) {
        r->rate_bytes = 0;
        return true;
    }
    if (span_u64(span_of(s.p, s.n - (u != NULL)), CONTROL_RATE_MOST >> shift, &v) &&
        v << shift >= CONTROL_RATE_LEAST) {
        r->rate_bytes = v << shift;
        return true;
    }
    return refuse(why, why_bytes,
                  "'%s' is not a rate: bytes a second with k, m or g, 1k to 1024g, or off",
                  quote(s).text);
}

static bool read_now(struct span s, struct control_request *r, char *why, size_t why_bytes)
{
    r->now = span_eq(s, SPAN("now"));
    return r->now ||
           refuse(why, why_bytes, "'%s' after stop: it takes 'now' or nothing", quote(s).text);
}

static bool read_argument(struct span s, struct control_request *r, char *why, size_t why_bytes)
{
    switch (r->command) {
    case COMMAND_WORKERS:
        return read_amount(s, r, why, why_bytes);
    case COMMAND_DRAIN:
    case COMMAND_RESTART:
    case COMMAND_KILL:
    case COMMAND_INSPECT:
        return read_worker(s, r, why, why_bytes);
    case COMMAND_ABORT:
    case COMMAND_THROTTLE:
        return read_request_id(s, r, why, why_bytes);
    case COMMAND_OFFLOAD:
        return read_threads(s, r, why, why_bytes);
    case COMMAND_FENCE:
    case COMMAND_UNFENCE:
        return read_path(s, r, why, why_bytes);
    case COMMAND_LOGLEVEL:
        return read_level(s, r, why, why_bytes);
    case COMMAND_STOP:
        return read_now(s, r, why, why_bytes);
    case COMMAND_BOARD:
    case COMMAND_RELOAD:
    case COMMAND_REOPEN:
    case COMMAND_COUNT:
        break;
    }
    never("an argument of a command that has none");
}

static bool takes_path(enum control_command command)
{
    return command == COMMAND_FENCE || command == COMMAND_UNFENCE;
}

/* A path may hold blanks: it is what stands behind the command, to the end of the line. */
static void join_path(struct span packet, struct words *w)
{
    w->word[1].n = (size_t)(packet.p + packet.n - w->word[1].p);
    w->count = 2;
}

/* As many as commands.def names; those in brackets may be left out. */
static bool check_count(enum control_command command, size_t given, char *why, size_t why_bytes)
{
    const char *takes = control_command_arguments[command];
    size_t most = takes[0] == '\0' ? 0 : strchr(takes, ' ') ? 2 : 1;
    size_t least = takes[0] == '[' ? 0 : most;
    static const char *const many[] = {"no argument", "one argument: ", "two arguments: "};

    if (given >= least && given <= most)
        return true;
    return refuse(why, why_bytes, "%s takes %s%s, not %zu arguments", control_command_word[command],
                  many[most], takes, given);
}

bool control_parse(struct span packet, struct control_request *request, char *why, size_t why_bytes)
{
    struct words w;

    *request = (struct control_request){.command = COMMAND_COUNT};
    if (packet.n > CONTROL_REQUEST_BYTES)
        return refuse(why, why_bytes, "a request is at most %d bytes", CONTROL_REQUEST_BYTES);
    if (packet.n > 0 && packet.p[packet.n - 1] == '\n')
        packet.n--;
    if (has_control_bytes(packet))
        return refuse(why, why_bytes, "a request is one line of text without control characters");
    split(packet, &w);
    if (w.count == 0)
        return refuse(why, why_bytes, "the request is empty; a command is wanted");
    if (!find_command(w.word[0], &request->command)) {
        control_no_command(w.word[0], control_command_word, COMMAND_COUNT, why, why_bytes);
        return false;
    }

    if (w.count > 2 && takes_path(request->command))
        join_path(packet, &w);
    if (!check_count(request->command, w.count - 1, why, why_bytes))
        return false;
    if (w.count > 1 && !read_argument(w.word[1], request, why, why_bytes))
        return false;
    return w.count < 3 || read_rate(w.word[2], request, why, why_bytes);
}

/* Adds as much of text as fits before `limit`, whole characters only; false when it was cut. */
static bool add_cut(struct out *o, struct span text, size_t limit)
{
    while (text.n > 0) {
        char piece[8];
        struct out one = out_into(piece, sizeof piece);
        uint32_t cp;
        size_t n = utf8_next(text, &cp);

        escape_json(&one, span_of(text.p, n > 0 ? n : 1));
        if (out_len(o) + out_len(&one) > limit)
            return false;
        out_add(o, piece, out_len(&one));
        text = span_from(text, n > 0 ? n : 1);
    }
    return true;
}

size_t control_reply_write(char *to, size_t room, bool ok, const char *message, uint32_t op)
{
    struct out o = out_into(to, room);

    must(room >= 256);
    out_str(&o, ok ? "{\"ok\":true,\"message\":\"" : "{\"ok\":false,\"message\":\"");
    /* 32 bytes for what follows: "...", the quote, and ,"op":4294967295} */
    if (!add_cut(&o, span_str(message), room - 32))
        out_str(&o, "...");
    out_char(&o, '"');
    if (op != 0) {
        out_str(&o, ",\"op\":");
        out_u64(&o, op);
    }
    out_char(&o, '}');
    must(!o.cut);
    return out_len(&o);
}
