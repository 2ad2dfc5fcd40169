/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Last words; see last_words.h. Master only.
 */
#include "proc/last_words.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "board/slot.h"
#include "proc/worker.h"

enum board_exit last_words_sort(int wait_status, uint32_t *detail)
{
    if (WIFSIGNALED(wait_status)) {
        *detail = (uint32_t)WTERMSIG(wait_status);
        return EXIT_SIGNAL;
    }
    *detail = (uint32_t)WEXITSTATUS(wait_status);
    switch (*detail) {
    case WORKER_RETIRED:
        return EXIT_RETIRED;
    case WORKER_SICK:
        return EXIT_SICK;
    case WORKER_FATAL:
        return EXIT_FATAL;
    default:
        return EXIT_OTHER;
    }
}

static const char *exit_meaning(uint32_t status)
{
    switch (status) {
    case WORKER_RETIRED:
        return "fine";
    case WORKER_ORPHANED:
        return "it lost the master";
    case WORKER_SICK:
        return "sick: something it needs failed";
    case WORKER_FATAL:
        return "fatal: it cannot work with this configuration";
    default:
        return "unexpected";
    }
}

void last_words_how(struct out *o, int wait_status)
{
    uint32_t detail;

    if (last_words_sort(wait_status, &detail) != EXIT_SIGNAL) {
        out_fmt(o, "ended with status %u (%s)", detail, exit_meaning(detail));
        return;
    }
    const char *name = sigabbrev_np((int)detail);
    if (name)
        out_fmt(o, "was killed by SIG%s", name);
    else
        out_fmt(o, "was killed by signal %u", detail);
    if (WCOREDUMP(wait_status))
        out_str(o, " (core dumped)");
}

void last_words_age(struct out *o, uint64_t ns)
{
    if (ns < NS_PER_S)
        out_fmt(o, "%llu ms", (unsigned long long)(ns / NS_PER_MS));
    else if (ns < 60 * NS_PER_S)
        out_fmt(o, "%llu.%llu s", (unsigned long long)(ns / NS_PER_S),
                (unsigned long long)(ns % NS_PER_S / (NS_PER_S / 10)));
    else
        out_fmt(o, "%llu min %llu s", (unsigned long long)(ns / NS_PER_S / 60),
                (unsigned long long)(ns / NS_PER_S % 60));
}

static void add_text(struct out *o, const char *before, const struct board_text *t)
{
    char text[BOARD_TEXT_BYTES + 1];
    size_t n = 0;

    bool whole = board_text_get(t, text, &n);
    if (n == 0 || n > BOARD_TEXT_BYTES)
        return;
    out_str(o, before);
    out_add(o, text, n);
    if (!whole)
        out_str(o, "~");
}

void last_words_call(struct out *o, const struct board_slot *slot, struct mono now)
{
    uint32_t wait = atomic_load_explicit(&slot->wait, memory_order_relaxed);
    uint64_t since = atomic_load_explicit(&slot->wait_since_ns, memory_order_relaxed);

    out_str(o, wait < WAIT_COUNT ? board_wait_name[wait] : "something unknown");
    if (since && since <= now.ns) {
        out_str(o, " for ");
        last_words_age(o, now.ns - since);
    }
}

void last_words_request(struct out *o, const struct board_slot *slot)
{
    add_text(o, ", ", &slot->request);
    add_text(o, " from ", &slot->peer);
    add_text(o, ", file ", &slot->serving);
}

void last_words_doing(struct out *o, const struct board_slot *slot, struct mono now)
{
    if (atomic_load_explicit(&slot->wait, memory_order_relaxed) == WAIT_POLL) {
        uint64_t active = slot_value(slot, COUNTER_requests_active);
        if (active == 0)
            return;
        out_fmt(o, "poll with %llu requests under way", (unsigned long long)active);
        add_text(o, ", the last one ", &slot->request);
        add_text(o, " from ", &slot->peer);
        return;
    }
    last_words_call(o, slot, now);
    last_words_request(o, slot);
}
