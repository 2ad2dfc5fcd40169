/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The help. It is written anew for each drawing and each search: it tells what is set now.
 */
#include "tui/app/help.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "tui/app/rows.h"
#include "tui/model/verdict.h"
#include "tui/ui/fmt.h"
#include "tui/ui/view.h"

enum { TOPIC_STATES = GROUP_COUNT, TOPIC_VERDICT, TOPIC_COUNT };

#define INDENT_KEYS       18
#define INDENT_STATES     18
#define INDENT_RULES      17
#define INDENT_THRESHOLDS 30

const char *help_topic(int topic)
{
    if (topic < 0 || topic >= TOPIC_COUNT)
        return NULL;
    return topic == TOPIC_STATES    ? "states"
           : topic == TOPIC_VERDICT ? "verdict"
                                    : key_group_word[topic];
}

__attribute__((format(printf, 4, 5))) static void add(struct help_text *h, enum help_kind kind,
                                                      int indent, const char *fmt, ...)
{
    va_list ap;

    if (h->count == HELP_LINES)
        return;
    struct help_line *line = &h->line[h->count++];
    line->kind = kind;
    line->topic = -1;
    line->indent = indent;
    va_start(ap, fmt);
    vsnprintf(line->text, sizeof line->text, fmt, ap);
    va_end(ap);
}

static void add_topic(struct help_text *h, int topic, const char *title)
{
    add(h, HELP_TITLE, 1, " %s", title);
    h->line[h->count - 1].topic = topic;
}

/* What an action is set to now, "" when it is not one that sets something. */
static void help_now(const struct app *a, enum action action, char *out, size_t out_bytes)
{
    const struct list_state *l = &a->list[a->view];
    const char *sort = view_sort_name(a->view, l->sort);

    out[0] = '\0';
    switch (action) {
    case ACTION_INTERVAL:
        snprintf(out, out_bytes, " (now: %.3g s)", (double)a->interval_ns / 1e9);
        break;
    case ACTION_SORT:
        snprintf(out, out_bytes, " (now: %s%s)", sort ? sort : "one order only",
                 l->invert ? ", turned round" : "");
        break;
    case ACTION_UNITS:
        snprintf(out, out_bytes, " (now: %s)", a->bits ? "bits" : "bytes");
        break;
    case ACTION_MOUSE:
        snprintf(out, out_bytes, " (now: %s)", a->mouse ? "on" : "off");
        break;
    case ACTION_FOLLOW:
        snprintf(out, out_bytes, " (now: %s)", a->follow ? "yes" : "no");
        break;
    case ACTION_GROUP:
        snprintf(out, out_bytes, " (now: %s)", a->group ? "yes" : "no");
        break;
    case ACTION_WIDE:
        snprintf(out, out_bytes, " (now: %s)", a->wide ? "yes" : "no");
        break;
    case ACTION_PAUSE:
        snprintf(out, out_bytes, " (now: %s)",
                 a->time.replay   ? "a recording"
                 : a->time.paused ? "paused"
                                  : "live");
        break;
    case ACTION_UNTAG:
        snprintf(out, out_bytes, " (now: %u tagged)", a->tag_count);
        break;
    case ACTION_FILTER:
        if (l->filter[0])
            snprintf(out, out_bytes, " (now: %.40s)", l->filter);
        break;
    case ACTION_FIND:
        if (l->find[0])
            snprintf(out, out_bytes, " (now: %.40s)", l->find);
        break;
    default:
        break;
    }
}

static void write_topics(struct help_text *h)
{
    char text[160] = "";
    size_t n = 0;

    for (int i = 0; help_topic(i) && n < sizeof text; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, " %s", help_topic(i));
    add(h, HELP_OFF, 1, " :help TOPIC:%s", text);
}

static void write_keys(struct help_text *h, const struct app *a, const struct model *m)
{
    const char *reason = app_read_only_reason(a, m);
    char now[96];

    for (int group = 0; group < GROUP_COUNT; group++) {
        add_topic(h, group, key_group_title[group]);
        if (group == GROUP_SERVER && reason)
            add(h, HELP_WARN, 3, "   not now: %.150s", reason);
        for (int i = 0; i < ACTION_COUNT; i++) {
            const struct key_row *k = &key_table[i];
            if ((int)k->group != group)
                continue;
            help_now(a, (enum action)i, now, sizeof now);
            add(h, k->write && reason ? HELP_OFF : HELP_TEXT, INDENT_KEYS, "   %-14s %s%s",
                k->shown, k->help, now);
        }
    }
}

static void write_states(struct help_text *h)
{
    add_topic(h, TOPIC_STATES, "States, and their letters in [...]");
    for (int s = 0; s < ROW_STATE_COUNT; s++)
        add(h, HELP_TEXT, INDENT_STATES, "   %c  %-11s %s", row_state_letter[s], row_state_word[s],
            row_state_help[s]);
}

/* A limit in force, whether it is the user's or the server's. */
static const char *threshold_now(const struct model *m, enum setting which, char out[FMT_BYTES])
{
    const struct thresholds *t = &m->thresholds;

    switch (which) {
    case SETTING_SLOW_MS:
        return fmt_age(out, model_slow_after_ns(m));
    case SETTING_BLOCKED_MS:
        return fmt_age(out, m->now.blocked_after_ns);
    case SETTING_QUEUE_WARN:
        snprintf(out, FMT_BYTES, "%u", t->queue_warn);
        return out;
    case SETTING_QUEUE_BAD:
        snprintf(out, FMT_BYTES, "%u %%", t->queue_bad_percent);
        return out;
    case SETTING_LAG_WARN_MS:
        return fmt_age(out, t->lag_warn_ns);
    case SETTING_LAG_BAD_MS:
        return fmt_age(out, t->lag_bad_ns);
    default:
        return NULL;
    }
}

static void write_verdict(struct help_text *h, const struct model *m)
{
    enum verdict_rule rule;
    char text[256], now[FMT_BYTES];

    add_topic(h, TOPIC_VERDICT,
              "Verdict: the first rule that is critical, else the first that holds");
    for (unsigned i = 0; verdict_rule_at(i, &rule); i++) {
        verdict_rule_help(m, rule, text, sizeof text);
        add(h, HELP_TEXT, INDENT_RULES, "   %2d  %s", (int)rule, text);
    }
    add(h, HELP_TITLE, 1, " Thresholds in force; S or :set changes them");
    for (int i = 0; i < SETTING_COUNT; i++)
        if (threshold_now(m, (enum setting)i, now))
            add(h, HELP_TEXT, INDENT_THRESHOLDS, "   %-18s %-7s %s", setting_table[i].label, now,
                setting_table[i].help);
    add(h, HELP_TEXT, INDENT_THRESHOLDS, "   %-18s %-7s %s", "slow request",
        fmt_age(now, m->now.slow_request_ns), "the server's own [log] slow_request");
}

void help_write(const struct app *a, const struct model *m, struct help_text *out)
{
    out->count = 0;
    write_topics(out);
    write_keys(out, a, m);
    write_states(out);
    write_verdict(out, m);
}

void help_open(struct app *a)
{
    a->help = true;
    a->help_scroll = 0;
    a->help_found = 0;
    a->help_find[0] = '\0';
}

bool help_open_at(struct app *a, const struct model *m, const char *topic)
{
    struct help_text h;

    help_write(a, m, &h);
    for (int i = 0; i < h.count; i++) {
        if (h.line[i].topic < 0 || strcasecmp(help_topic(h.line[i].topic), topic) != 0)
            continue;
        help_open(a);
        a->help_scroll = i;
        return true;
    }
    return false;
}

/* The first line with the text from `at` on, once around. */
static void help_seek(struct app *a, const struct model *m, int at, int step, uint64_t now_ns)
{
    struct help_text h;

    help_write(a, m, &h);
    for (int i = 0; i < h.count; i++) {
        int line = ((at + i * step) % h.count + h.count) % h.count;
        if (rows_match(h.line[line].text, a->help_find) == NULL)
            continue;
        a->help_found = line + 1;
        a->help_scroll = line;
        return;
    }
    a->help_found = 0;
    app_note(a, now_ns, "\"%s\" is not in the help", a->help_find);
}

void help_find(struct app *a, const struct model *m, bool up, uint64_t now_ns)
{
    int at = a->help_found - 1;

    if (a->help_find[0] == '\0') {
        app_note(a, now_ns, "nothing to find: / asks for a text");
        return;
    }
    if (a->help_found == 0)
        at = up ? a->help_scroll : a->help_scroll - 1;
    help_seek(a, m, up ? at - 1 : at + 1, up ? -1 : 1, now_ns);
}

void help_find_typed(struct app *a, const struct model *m, uint64_t now_ns)
{
    a->note[0] = '\0'; /* of what was typed before */
    if (a->help_find[0])
        help_seek(a, m, a->help_found ? a->help_found - 1 : a->help_scroll, 1, now_ns);
    else
        a->help_found = 0;
}
