/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Completion of the command line: of the first word commands, of the others what the command
 * takes: workers, requests, mounts, levels, views, settings.
 */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "tui/app/command.h"
#include "tui/app/help.h"
#include "tui/app/line.h"
#include "weir/control.h"

struct candidates {
    char (*out)[COMMAND_CANDIDATE_BYTES];
    int count;
    const char *part; /* what is there of the word */
    size_t part_bytes;
};

static void offer(struct candidates *c, const char *word)
{
    size_t n = strlen(word);

    if (c->count < COMMAND_CANDIDATES && n < COMMAND_CANDIDATE_BYTES && n >= c->part_bytes &&
        strncmp(word, c->part, c->part_bytes) == 0)
        memcpy(c->out[c->count++], word, n + 1);
}

static void offer_list(struct candidates *c, const char *const *words, int count)
{
    for (int i = 0; i < count; i++)
        offer(c, words[i]);
}

static void offer_commands(struct candidates *c)
{
    for (int i = 0; i < COMMAND_COUNT; i++)
        if (i != COMMAND_BOARD) /* asked for all the time, and shows nothing */
            offer(c, control_command_word[i]);
    offer_list(c, command_word, WORD_COUNT);
}

static void offer_requests(struct candidates *c, const struct model *m)
{
    char text[48];

    for (unsigned i = 0; i < m->now.request_count; i++) {
        snprintf(text, sizeof text, "%u-%llu", m->now.request[i].worker,
                 (unsigned long long)m->now.request[i].serial);
        offer(c, text);
    }
}

static void offer_workers(struct candidates *c, const struct model *m)
{
    char text[16];

    for (unsigned i = 0; i < m->now.worker_count; i++) {
        snprintf(text, sizeof text, "%u", m->now.worker[i].number);
        offer(c, text);
    }
}

static void offer_server_arguments(struct candidates *c, const struct model *m, int command)
{
    switch (command) {
    case COMMAND_WORKERS:
        offer(c, "auto");
        break;
    case COMMAND_RESTART:
        offer(c, "all");
        offer_workers(c, m);
        break;
    case COMMAND_DRAIN:
    case COMMAND_KILL:
    case COMMAND_INSPECT:
        offer_workers(c, m);
        break;
    case COMMAND_ABORT:
    case COMMAND_THROTTLE:
        offer_requests(c, m);
        break;
    case COMMAND_FENCE:
    case COMMAND_UNFENCE:
        for (unsigned i = 0; i < m->now.mount_count; i++)
            offer(c, m->now.mount[i].name);
        break;
    case COMMAND_LOGLEVEL:
        offer_list(c, log_level_name, 4);
        break;
    case COMMAND_STOP:
        offer(c, "now");
        break;
    default:
        break;
    }
}

static void offer_own_arguments(struct candidates *c, int word)
{
    switch (word) {
    case WORD_VIEW:
        offer_list(c, view_word, VIEW_WORKER);
        break;
    case WORD_HELP:
        for (int i = 0; help_topic(i); i++)
            offer(c, help_topic(i));
        break;
    case WORD_SAVE:
        offer(c, "events");
        offer(c, "screen");
        break;
    case WORD_SET:
        for (int i = 0; i < SETTING_COUNT; i++)
            offer(c, setting_table[i].key);
        break;
    case WORD_AUTOSCALE:
        offer(c, "on");
        offer(c, "off");
        break;
    default:
        break;
    }
}

/* What the first word is: an index into control_command_word, or WORD_ + COMMAND_COUNT; or -1. */
static int known_command(const char *text, size_t n)
{
    for (int i = 0; i < COMMAND_COUNT; i++)
        if (strlen(control_command_word[i]) == n && memcmp(control_command_word[i], text, n) == 0)
            return i;
    for (int i = 0; i < WORD_COUNT; i++)
        if (strlen(command_word[i]) == n && memcmp(command_word[i], text, n) == 0)
            return COMMAND_COUNT + i;
    return -1;
}

int command_candidates(const struct model *m, const struct line *line,
                       char out[COMMAND_CANDIDATES][COMMAND_CANDIDATE_BYTES], size_t *from,
                       char *usage, size_t usage_bytes)
{
    const char *text = line->text;
    size_t lead = strspn(text, " "), at = line->at;

    usage[0] = '\0';
    while (at > 0 && text[at - 1] != ' ')
        at--;
    *from = at;
    struct candidates c = {.out = out, .part = text + at, .part_bytes = line->at - at};
    size_t first = strcspn(text + lead, " ");
    int command = known_command(text + lead, first);
    if (command >= COMMAND_COUNT)
        snprintf(usage, usage_bytes, "%s %s  %s", command_word[command - COMMAND_COUNT],
                 command_arguments[command - COMMAND_COUNT], command_help[command - COMMAND_COUNT]);
    else if (command >= 0)
        snprintf(usage, usage_bytes, "%s %s  %s", control_command_word[command],
                 command_server_arguments(command), control_command_help[command]);
    if (at <= lead) {
        offer_commands(&c);
        return c.count;
    }
    /* Only the second word is something that can be listed, but for drain. */
    size_t second = lead + first + strspn(text + lead + first, " ");
    if (command == COMMAND_DRAIN && at > second) {
        offer(&c, "retire");
        offer(&c, "restart");
    } else if (at == second && command >= COMMAND_COUNT) {
        offer_own_arguments(&c, command - COMMAND_COUNT);
    } else if (at == second && command >= 0) {
        offer_server_arguments(&c, m, command);
    }
    return c.count;
}

void command_complete(const struct model *m, struct line *line)
{
    char out[COMMAND_CANDIDATES][COMMAND_CANDIDATE_BYTES], usage[512];
    size_t from, same;
    int n = command_candidates(m, line, out, &from, usage, sizeof usage);

    if (n == 0)
        return;
    same = strlen(out[0]);
    for (int i = 1; i < n; i++) {
        size_t k = 0;
        while (k < same && out[i][k] == out[0][k])
            k++;
        same = k;
    }
    while (same > 0 && ((unsigned char)out[0][same] & 0xc0) == 0x80)
        same--;
    size_t have = line->at - from;
    if (same > have) {
        out[0][same] = '\0';
        line_paste(line, out[0] + have);
    }
    if (n == 1 && line->text[line->at] == '\0')
        line_insert(line, ' ');
}
