/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The prompt: editing, history, completion.
 */
#include "tui/app/prompt.h"

#include <stdio.h>
#include <string.h>

#include "tui/app/command.h"
#include "tui/app/help.h"
#include "tui/app/line.h"
#include "tui/app/list.h"

static char *prompt_target(struct app *a)
{
    struct list_state *l = &a->list[a->view];

    if (a->prompt.kind == PROMPT_FIND)
        return a->help ? a->help_find : l->find;
    return l->filter;
}

void prompt_open(struct app *a, enum prompt_kind kind)
{
    struct prompt *p = &a->prompt;

    a->help = a->help && kind == PROMPT_FIND;
    p->kind = kind;
    p->history_at = 0;
    p->why[0] = '\0';
    line_set(&p->line, "");
    p->before[0] = '\0';
    if (kind == PROMPT_COMMAND)
        return;
    snprintf(p->before, sizeof p->before, "%s", prompt_target(a));
    if (kind == PROMPT_FILTER)
        line_set(&p->line, p->before);
}

static void prompt_close(struct app *a)
{
    a->prompt.kind = PROMPT_NONE;
    a->prompt.why[0] = '\0';
}

static void prompt_remember(struct prompt *p)
{
    char(*text)[LINE_BYTES] = p->history[p->kind].text;
    int *count = &p->history[p->kind].count;

    if (p->line.text[0] == '\0' || (*count > 0 && strcmp(text[0], p->line.text) == 0))
        return;
    if (*count < PROMPT_HISTORY)
        ++*count;
    memmove(text[1], text[0], (size_t)(*count - 1) * LINE_BYTES);
    memcpy(text[0], p->line.text, LINE_BYTES);
}

static void prompt_step_history(struct prompt *p, int step)
{
    int to = p->history_at + step;

    if (to < 0 || to > p->history[p->kind].count)
        return;
    if (p->history_at == 0)
        p->draft = p->line;
    p->history_at = to;
    if (to == 0)
        p->line = p->draft;
    else
        line_set(&p->line, p->history[p->kind].text[to - 1]);
}

/* Find and filter act on what is typed so far, as much of it as they can hold. */
static void prompt_act(struct app *a, struct model *m, uint64_t now_ns)
{
    if (a->prompt.kind == PROMPT_COMMAND)
        return;
    char *to = prompt_target(a);
    size_t n = strlen(a->prompt.line.text), room = sizeof a->list[0].find;
    if (n >= room) {
        n = room - 1;
        while (n > 0 && ((unsigned char)a->prompt.line.text[n] & 0xc0) == 0x80)
            n--;
        snprintf(a->prompt.why, sizeof a->prompt.why, "only the first %zu bytes count", n);
    }
    memcpy(to, a->prompt.line.text, n);
    to[n] = '\0';
    if (a->help) {
        help_find_typed(a, m, now_ns);
    } else if (a->prompt.kind == PROMPT_FILTER) {
        a->list[a->view].scroll = 0;
        a->row_wanted = -1;
    } else if (to[0] && !app_row_matches(app_shown(a, m), a->view, a->list[a->view].key, to)) {
        list_find(a, m, false, now_ns);
    }
}

static unsigned prompt_enter(struct app *a, struct model *m, const struct event *e)
{
    struct prompt *p = &a->prompt;
    enum prompt_kind kind = p->kind;
    char text[LINE_BYTES];

    memcpy(text, p->line.text, sizeof text);
    if (kind != PROMPT_COMMAND) {
        prompt_remember(p);
        prompt_close(a);
        return WANT_DRAW;
    }
    unsigned want = command_run(a, m, text, e, p->why, sizeof p->why);
    if (p->why[0] == '\0') {
        prompt_remember(p);
        prompt_close(a);
    }
    return want | WANT_DRAW;
}

static void prompt_escape(struct app *a, const struct model *m, uint64_t now_ns)
{
    if (a->prompt.kind != PROMPT_COMMAND)
        snprintf(prompt_target(a), sizeof a->list[0].find, "%s", a->prompt.before);
    if (a->help)
        help_find_typed(a, m, now_ns); /* its mark is that of the text before */
    prompt_close(a);
}

unsigned prompt_key(struct app *a, struct model *m, const struct event *e)
{
    struct prompt *p = &a->prompt;

    p->why[0] = '\0';
    switch (e->key) {
    case INPUT_ESC:
        prompt_escape(a, m, e->now_ns);
        return WANT_DRAW;
    case INPUT_ENTER:
    case '\n':
        if (e->flood) {
            snprintf(p->why, sizeof p->why, "too many keys at once: press Enter again");
            return WANT_DRAW;
        }
        return prompt_enter(a, m, e);
    case INPUT_UP:
        prompt_step_history(p, 1);
        break;
    case INPUT_DOWN:
        prompt_step_history(p, -1);
        break;
    case '\t':
        if (p->kind == PROMPT_COMMAND)
            command_complete(m, &p->line);
        return WANT_DRAW;
    case INPUT_BACKSPACE:
        if (p->line.text[0] == '\0') { /* nothing left to take away: as in vi, it closes */
            prompt_escape(a, m, e->now_ns);
            return WANT_DRAW;
        }
        line_key(&p->line, e->key);
        break;
    default:
        line_key(&p->line, e->key);
        break;
    }
    prompt_act(a, m, e->now_ns);
    return WANT_DRAW;
}

unsigned prompt_paste(struct app *a, struct model *m, const struct event *e)
{
    line_paste(&a->prompt.line, e->text ? e->text : "");
    prompt_act(a, m, e->now_ns);
    return WANT_DRAW;
}
