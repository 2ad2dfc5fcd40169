/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The server's half of the control protocol: requests by tables, hostile ones among them;
 * replies that stay valid JSON however small the room; and the manual page, which must name
 * what commands.def and counters.def name.
 */
#include "tests/unit/unit.h"

#include <jansson.h>
#include <stdio.h>

#include "ctl/server.h"
#include "weir/board.h"

START_TEST(good_requests)
{
    static const struct {
        const char *text;
        struct control_request want;
    } cases[] = {
        {"board", {.command = COMMAND_BOARD}},
        {"board\n", {.command = COMMAND_BOARD}},
        {"  workers \t 3  ", {.command = COMMAND_WORKERS, .amount = AMOUNT_SET, .number = 3}},
        {"workers 65535", {.command = COMMAND_WORKERS, .amount = AMOUNT_SET, .number = 65535}},
        {"workers +1", {.command = COMMAND_WORKERS, .amount = AMOUNT_ADD, .number = 1}},
        {"workers -12", {.command = COMMAND_WORKERS, .amount = AMOUNT_REMOVE, .number = 12}},
        {"workers auto", {.command = COMMAND_WORKERS, .amount = AMOUNT_AUTO, .number = 0}},
        {"drain 2", {.command = COMMAND_DRAIN, .amount = AMOUNT_SET, .number = 2}},
        {"restart 2", {.command = COMMAND_RESTART, .amount = AMOUNT_SET, .number = 2}},
        {"kill 10", {.command = COMMAND_KILL, .amount = AMOUNT_SET, .number = 10}},
        {"inspect 3", {.command = COMMAND_INSPECT, .number = 3}},
        {"abort 3-1842", {.command = COMMAND_ABORT, .number = 3, .serial = 1842}},
        {"abort 65535-18446744073709551615",
         {.command = COMMAND_ABORT, .number = 65535, .serial = UINT64_MAX}},
        {"throttle 1-2 off", {.command = COMMAND_THROTTLE, .number = 1, .serial = 2}},
        {"throttle 1-2 2000",
         {.command = COMMAND_THROTTLE, .number = 1, .serial = 2, .rate_bytes = 2000}},
        {"throttle 1-2 500k",
         {.command = COMMAND_THROTTLE, .number = 1, .serial = 2, .rate_bytes = 500 << 10}},
        {"throttle 1-2  1M ",
         {.command = COMMAND_THROTTLE, .number = 1, .serial = 2, .rate_bytes = 1 << 20}},
        {"throttle 1-2 1024g",
         {.command = COMMAND_THROTTLE, .number = 1, .serial = 2, .rate_bytes = UINT64_C(1) << 40}},
        {"reload", {.command = COMMAND_RELOAD}},
        {"reopen", {.command = COMMAND_REOPEN}},
        {"loglevel error", {.command = COMMAND_LOGLEVEL, .level = LOG_LEVEL_ERROR}},
        {"loglevel debug", {.command = COMMAND_LOGLEVEL, .level = LOG_LEVEL_DEBUG}},
        {"offload 1", {.command = COMMAND_OFFLOAD, .number = 1}},
        {"offload 128", {.command = COMMAND_OFFLOAD, .number = 128}},
        {"fence /srv", {.command = COMMAND_FENCE, .path = SPAN("/srv")}},
        {"fence  /srv/my  disk \n", {.command = COMMAND_FENCE, .path = SPAN("/srv/my  disk ")}},
        {"unfence /", {.command = COMMAND_UNFENCE, .path = SPAN("/")}},
        {"stop", {.command = COMMAND_STOP}},
        {"stop now\n", {.command = COMMAND_STOP, .now = true}},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct control_request r;
        char why[CONTROL_WHY_BYTES] = "";
        bool good = control_parse(span_str(cases[i].text), &r, why, sizeof why);
        ck_assert_msg(good, "%s: %s", cases[i].text, why);
        ck_assert_msg(r.command == cases[i].want.command && r.amount == cases[i].want.amount &&
                          r.number == cases[i].want.number && r.level == cases[i].want.level &&
                          r.now == cases[i].want.now && r.serial == cases[i].want.serial &&
                          r.rate_bytes == cases[i].want.rate_bytes &&
                          span_eq(r.path, cases[i].want.path),
                      "%s", cases[i].text);
    }
}
END_TEST

#define BYTES(literal) literal, sizeof(literal) - 1

static const struct {
    const char *p;
    size_t n;
    const char *word; /* of the sentence */
} bad_requests[] = {
    {BYTES(""), "empty"},
    {BYTES("\n"), "empty"},
    {BYTES(" \t "), "empty"},
    {BYTES("status"), "there are: board, workers"},
    {BYTES("worker 3"), "did you mean 'workers'"},
    {BYTES("Reload"), "did you mean 'reload'"},
    {BYTES("workers"), "takes one argument: N|+N|-N|auto"},
    {BYTES("workers 1 2"), "not 2 arguments"},
    {BYTES("workers 1 2 3 4 5 6 7 8 9"), "not 9 arguments"},
    {BYTES("workers 0"), "auto"},
    {BYTES("workers +0"), "auto"},
    {BYTES("workers +"), "auto"},
    {BYTES("workers -"), "auto"},
    {BYTES("workers +-1"), "auto"},
    {BYTES("workers 1.5"), "auto"},
    {BYTES("workers 0x10"), "auto"},
    {BYTES("workers 65536"), "1 to 65535"},
    {BYTES("workers 18446744073709551617"), "1 to 65535"},
    {BYTES("workers Auto"), "auto"},
    {BYTES("drain"), "takes one argument: N"},
    {BYTES("drain 0"), "number of a worker"},
    {BYTES("drain +1"), "number of a worker"},
    {BYTES("kill -9"), "number of a worker"},
    {BYTES("kill all"), "number of a worker"},
    {BYTES("inspect"), "takes one argument: N"},
    {BYTES("inspect x"), "number of a worker"},
    {BYTES("abort"), "takes one argument: ID"},
    {BYTES("abort 3"), "like 3-1842"},
    {BYTES("abort 3-"), "like 3-1842"},
    {BYTES("abort -3"), "like 3-1842"},
    {BYTES("abort 0-1"), "like 3-1842"},
    {BYTES("abort 1-0"), "like 3-1842"},
    {BYTES("abort 1-2-3"), "like 3-1842"},
    {BYTES("abort 1-18446744073709551616"), "like 3-1842"},
    {BYTES("abort 1-2 3-4"), "not 2 arguments"},
    {BYTES("throttle 1-2"), "takes two arguments: ID RATE|off, not 1"},
    {BYTES("throttle 1-2 1m now"), "not 3 arguments"},
    {BYTES("throttle 1 1m"), "like 3-1842"},
    {BYTES("throttle 1-2 0"), "not a rate"},
    {BYTES("throttle 1-2 1023"), "1k to 1024g"},
    {BYTES("throttle 1-2 k"), "not a rate"},
    {BYTES("throttle 1-2 1t"), "not a rate"},
    {BYTES("throttle 1-2 -1k"), "not a rate"},
    {BYTES("throttle 1-2 1025g"), "not a rate"},
    {BYTES("throttle 1-2 18446744073709551615k"), "not a rate"},
    {BYTES("throttle 1-2 1.5m"), "not a rate"},
    {BYTES("offload"), "takes one argument: N"},
    {BYTES("offload 0"), "1 to 128"},
    {BYTES("offload 129"), "1 to 128"},
    {BYTES("offload +1"), "1 to 128"},
    {BYTES("offload 1 2"), "not 2 arguments"},
    {BYTES("fence"), "takes one argument: PATH"},
    {BYTES("fence srv"), "not an absolute path"},
    {BYTES("fence a /b c"), "not an absolute path"},
    {BYTES("unfence ../x"), "not an absolute path"},
    {BYTES("fence /a\x1b[2J"), "control characters"},
    {BYTES("reload now"), "no argument"},
    {BYTES("board x"), "no argument"},
    {BYTES("loglevel"), "takes one argument"},
    {BYTES("loglevel loud"), "error, warn, info or debug"},
    {BYTES("stop later"), "'now' or nothing"},
    {BYTES("stop now now"), "not 2 arguments"},
    {BYTES("stop\nnow"), "control characters"},
    {BYTES("stop\n\n"), "control characters"},
    {BYTES("stop\0now"), "control characters"},
    {BYTES("\x1b[2J"), "control characters"},
    {BYTES("\xff\xfe\x80"), "\\xFF\\xFE\\x80"},
    {BYTES("kill \xe2\x80\xae"), "\\xE2\\x80\\xAE"},
};

START_TEST(bad_requests_are_told_what_is_right)
{
    struct control_request r;
    char why[CONTROL_WHY_BYTES] = "";

    ck_assert(!control_parse(span_of(bad_requests[_i].p, bad_requests[_i].n), &r, why, sizeof why));
    ck_assert_msg(strstr(why, bad_requests[_i].word) != NULL, "%s: %s", bad_requests[_i].p, why);
}
END_TEST

/* Any bytes: an answer, a sentence that fits and ends, and only plain characters in it. */
START_TEST(random_requests)
{
    static const char *const word[] = {"workers", "kill", "stop", " ",  "+",
                                       "-",       "1",    "auto", "now"};
    uint64_t x = 1234567;

    for (int round = 0; round < 20000; round++) {
        char packet[64], why[CONTROL_WHY_BYTES];
        struct out o = out_into(packet, sizeof packet);
        struct control_request r;
        while (!o.cut && x % 11 != 0) {
            x = x * 6364136223846793005u + 1442695040888963407u;
            if (x >> 63)
                out_str(&o, word[(x >> 33) % (sizeof word / sizeof *word)]);
            else
                out_char(&o, (char)(x >> 40));
        }
        x = x * 6364136223846793005u + 1442695040888963407u;
        memset(why, '\x01', sizeof why);
        if (control_parse(span_of(packet, out_len(&o)), &r, why, sizeof why)) {
            ck_assert_int_lt(r.command, COMMAND_COUNT);
            continue;
        }
        size_t n = strnlen(why, sizeof why);
        ck_assert(n > 0 && n < sizeof why);
        for (size_t i = 0; i < n; i++)
            ck_assert((unsigned char)why[i] >= 0x20 && why[i] != 0x7f);
    }
}
END_TEST

START_TEST(long_requests)
{
    static char text[CONTROL_REQUEST_BYTES + 1];
    struct control_request r;
    char why[CONTROL_WHY_BYTES], small[10];

    memset(text, 'a', sizeof text);
    ck_assert(!control_parse(span_of(text, sizeof text), &r, why, sizeof why));
    ck_assert_ptr_nonnull(strstr(why, "at most 1024 bytes"));
    ck_assert(!control_parse(span_of(text, sizeof text - 1), &r, why, sizeof why));
    ck_assert_ptr_nonnull(strstr(why, "aaa...'"));
    memset(text, ' ', sizeof text);
    memcpy(text + 1000, "reload", 6);
    ck_assert(control_parse(span_of(text, sizeof text - 1), &r, why, sizeof why));
    ck_assert(!control_parse(SPAN("nonsense"), &r, small, sizeof small));
    ck_assert_str_eq(small, "there is ");
}
END_TEST

static json_t *reply(char *to, size_t room, bool ok, const char *message, uint32_t op)
{
    json_error_t error;
    size_t n = control_reply_write(to, room, ok, message, op);

    ck_assert_uint_le(n, room);
    json_t *root = json_loadb(to, n, JSON_REJECT_DUPLICATES, &error);
    ck_assert_msg(root != NULL, "%s: %.*s", error.text, (int)n, to);
    ck_assert(json_is_true(json_object_get(root, "ok")) == ok);
    ck_assert_uint_eq((uint64_t)json_integer_value(json_object_get(root, "op")), op);
    ck_assert(json_is_string(json_object_get(root, "message")));
    return root;
}

START_TEST(replies)
{
    static const struct {
        const char *message, *want;
        bool ok;
        uint32_t op;
    } cases[] = {
        {"workers 2 -> 3", "workers 2 -> 3", true, 42},
        {"", "", true, 0},
        {"no \"such\" \\ worker\n\tline two", "no \"such\" \\ worker\n\tline two", false, 0},
        {"\x01\x1b\x7f", "\x01\x1b\x7f", false, UINT32_MAX},
        {"bad \xff\xc0 bytes", "bad \xef\xbf\xbd\xef\xbf\xbd bytes", false, 0},
        {"gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f", true, 7},
    };
    char to[1024];

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *root = reply(to, sizeof to, cases[i].ok, cases[i].message, cases[i].op);
        ck_assert_str_eq(json_string_value(json_object_get(root, "message")), cases[i].want);
        json_decref(root);
    }
}
END_TEST

START_TEST(replies_are_cut_whole)
{
    static const char *const unit[] = {"x", "\"", "\xc3\xbc", "\x01", "\xff", "\xf0\x9f\x98\x80"};
    char message[2000], to[400];

    for (size_t u = 0; u < sizeof unit / sizeof *unit; u++) {
        struct out o = out_into(message, sizeof message - 8);
        while (!o.cut)
            out_str(&o, unit[u]);
        *o.p = '\0';
        for (size_t room = 256; room <= sizeof to; room++) {
            json_t *root = reply(to, room, false, message, UINT32_MAX);
            const char *text = json_string_value(json_object_get(root, "message"));
            size_t n = strlen(text);
            ck_assert(n > 20 && strcmp(text + n - 3, "...") == 0);
            json_decref(root);
        }
    }
}
END_TEST

static char *read_manual(void)
{
    const char *top = getenv("WEIR_SRC");
    char path[4096];
    static char text[1 << 17];

    snprintf(path, sizeof path, "%s/man/weirctl.1", top ? top : ".");
    FILE *f = fopen(path, "r");
    ck_assert_msg(f != NULL, "%s", path);
    size_t n = fread(text, 1, sizeof text - 1, f);
    text[n] = '\0';
    fclose(f);
    ck_assert_uint_lt(n, sizeof text - 1);
    return text;
}

/* The section that begins with .Sh NAME, cut off before the next. */
static char *section(char *manual, const char *name)
{
    char head[64];

    snprintf(head, sizeof head, "\n.Sh %s\n", name);
    char *start = strstr(manual, head);
    ck_assert_msg(start != NULL, "%s", head);
    start += strlen(head) - 1;
    char *end = strstr(start, "\n.Sh ");
    if (end)
        end[1] = '\0';
    return start;
}

static unsigned count(const char *text, const char *what)
{
    unsigned n = 0;

    for (const char *p = text; (p = strstr(p, what)) != NULL; p += strlen(what))
        n++;
    return n;
}

START_TEST(the_manual_names_every_command)
{
    char *commands = section(read_manual(), "COMMANDS");

    for (unsigned i = 0; i < COMMAND_COUNT; i++) {
        const char *arguments = control_command_arguments[i];
        char item[256];
        if (i == COMMAND_BOARD)
            continue;
        snprintf(item, sizeof item, "\n.It Ic %s", control_command_word[i]);
        if (arguments[0] != '\0')
            snprintf(item + strlen(item), sizeof item - strlen(item), " Ar %s", arguments);
        strcat(item, "\n");
        ck_assert_msg(strstr(commands, item) != NULL, "man/weirctl.1 lacks: %s", item);
        ck_assert_msg(strstr(commands, control_command_help[i]) != NULL,
                      "man/weirctl.1 says something else about %s than: %s",
                      control_command_word[i], control_command_help[i]);
    }
    /* status, requests, files, mounts, stalls and events are weirctl's own; board is for programs.
     */
    ck_assert_uint_eq(count(commands, "\n.It Ic "), COMMAND_COUNT - 1 + 6);
}
END_TEST

START_TEST(the_manual_names_every_counter)
{
    char *counters = section(read_manual(), "COUNTERS");

    for (unsigned i = 0; i < COUNTER_COUNT; i++) {
        char item[512];
        snprintf(item, sizeof item, "\n.It Va %s\n%s.\n", board_counter_name[i],
                 board_counter_help[i]);
        ck_assert_msg(strstr(counters, item) != NULL, "man/weirctl.1 lacks: %s", item);
    }
    ck_assert_uint_eq(count(counters, "\n.It Va "), COUNTER_COUNT);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("control");
    TCase *t = tcase_create("control");

    tcase_set_timeout(t, 60);
    tcase_add_test(t, good_requests);
    tcase_add_loop_test(t, bad_requests_are_told_what_is_right, 0,
                        sizeof bad_requests / sizeof *bad_requests);
    tcase_add_test(t, random_requests);
    tcase_add_test(t, long_requests);
    tcase_add_test(t, replies);
    tcase_add_test(t, replies_are_cut_whole);
    tcase_add_test(t, the_manual_names_every_command);
    tcase_add_test(t, the_manual_names_every_counter);
    suite_add_tcase(s, t);
    return unit_run(s);
}
