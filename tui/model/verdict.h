/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The verdict: what is wrong, on what, since when, and what helps, in one line. Rules are
 * tried in order; the first that is critical speaks, else the first that holds. A pure function of
 * the model; --check prints it and turns its level into the exit status.
 */
#ifndef WEIR_TUI_VERDICT_H
#define WEIR_TUI_VERDICT_H

#include "base/clock.h"
#include "tui/model/model.h"

/* What is not a setting of the rules' limits. */
#define VERDICT_GROWING_SECONDS 5
#define VERDICT_DEATHS          3
#define VERDICT_DEATHS_NS       (60 * NS_PER_S)
#define VERDICT_OFFLOAD_FULL_NS (3 * NS_PER_S)
#define VERDICT_QUEUE_SECONDS   2   /* a queue that is long for so long is no burst */
#define VERDICT_CPU_BOUND       0.9 /* share of the cores: more workers would only share them */
#define VERDICT_NEARLY_FULL     0.9 /* of a limit */
#define VERDICT_LIMIT_NS        (60 * NS_PER_S)
#define VERDICT_OVERDUE_NS      NS_PER_S

enum verdict_level { VERDICT_OK, VERDICT_WARN, VERDICT_BAD, VERDICT_NO_SERVER };

/* "ok", "warning", "critical", "no server" */
extern const char *const verdict_level_word[];

enum verdict_rule {
    RULE_NO_DATA = 1,
    RULE_ALL_STUCK = 2,
    RULE_STUCK = 3,
    RULE_OFFLOAD_FULL = 4,
    RULE_QUEUE_FULL = 5,
    RULE_QUEUE_GROWING = 6,
    RULE_RESPAWN = 7,
    RULE_CHANGE = 8, /* reload failed, stopping, starting, a drain overdue, too few workers */
    RULE_LIMIT = 9,  /* descriptors or connections above 90 %, or something ran out */
    RULE_OK = 10,
    RULE_MOUNT = 11,  /* a mount is sick; comes after 3 */
    RULE_HELD = 12,   /* a disk thread is held by one call; comes after 4 */
    RULE_ERRORS = 13, /* answers fail; comes after 11 */
    RULE_LOG = 14     /* a log does not answer or cannot be written; comes after 9 */
};

#define VERDICT_GROUPS 8

/* Workers that are stuck in the same operation on the same file. */
struct verdict_group {
    char who[64]; /* "w3 w5 +2" */
    unsigned count;
    char what[16]; /* "open", or "stopped" */
    uint64_t age_ns;
    char file[SNAP_TEXT_BYTES]; /* "" when it is not about one */
};

struct verdict {
    enum verdict_level level;
    enum verdict_rule rule;
    char text[SNAP_TEXT_BYTES + 128]; /* the sentence; for stuck workers its beginning */
    char least[64];                   /* the same where even that is too long, "" for nothing */
    char brief[320];                  /* the same for narrow screens */
    char hint[64];                    /* what helps, "" when nothing does */
    struct verdict_group group[VERDICT_GROUPS];
    unsigned groups, more; /* more: workers in groups that found no room */
};

void verdict_of(const struct model *m, struct verdict *v);

/* Whether RULE_LIMIT holds because nobody accepts while clients wait; fills *v then. */
bool verdict_no_room(const struct model *m, struct verdict *v);
/* The rule RULE_LOG (verdict_log.c). */
bool verdict_log(const struct model *m, struct verdict *v);

/* The rules in the order in which they are tried; false beyond the last. */
bool verdict_rule_at(unsigned place, enum verdict_rule *rule);
/* When this rule holds, with the limits in force: "critical  ALL workers ...". */
void verdict_rule_help(const struct model *m, enum verdict_rule rule, char *out, size_t out_bytes);

/* The whole of it in at most `cells` cells, as much as fits: paths shrink, the hint goes first. */
void verdict_line(const struct verdict *v, int cells, char *out, size_t out_bytes);

#endif
