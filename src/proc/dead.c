/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Workers that are dead and cannot be reaped. A process whose thread sits in a wait that only a
 * file system can end (a hung NFS or FUSE mount) stays when it is killed: its leader a zombie, or
 * its exit stuck in closing a file. Nobody is told of that: waitpid(2) says nothing, no signal
 * comes, and its channel stays open. So a worker that gave no sign of life for a while (each has
 * a timer of a second) is looked up in /proc/PID/stat. What is found dead there twice in a row
 * runs no instruction of ours any more: it is given up, its place on the board is cleared, and
 * the table puts another worker in its place. Its slot says dead until it is reaped at last.
 *
 * A worker that is stopped or blocked is not dead, and nothing happens to it here.
 *
 * Part of crew.h. Master only.
 */
#include "proc/crew.h"

#include <signal.h>
#include <sys/wait.h>

#include "base/log.h"
#include "board/slot.h"
#include "proc/last_words.h"
#include "proc/thread_look.h"

#define PUT(field, value) atomic_store_explicit(&(field), (value), memory_order_relaxed)
#define GET(field)        atomic_load_explicit(&(field), memory_order_relaxed)

#define SILENT_NS (1300 * NS_PER_MS) /* no turn of the loop for so long: /proc is asked */
#define LOOK_NS   (200 * NS_PER_MS)  /* between two looks */

enum { WORDS_BYTES = 1400, STAT_BYTES = 1024 };

/* ---- what /proc says ---- */

/* Dead, and no exit to reap: what can be reaped is, in this turn or the next. */
static bool cannot_be_ended(pid_t pid)
{
    char stat[STAT_BYTES];
    siginfo_t info = {0};

    if (thread_look_read(pid, 0, "stat", stat, sizeof stat) <= 0 || !thread_look_is_dead(stat))
        return false;
    return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == 0;
}

/* ---- giving up ---- */

/* "; offload thread 3 is in open of /mnt/x for 12.3 s": the call it is longest in, if one is. */
static void say_longest_call(struct out *o, const struct crew *c, unsigned slot, struct mono now)
{
    const struct board_thread *row = &c->board->thread[(size_t)slot * BOARD_THREADS_PER_SLOT];
    const struct board_thread *worst = NULL;
    char path[BOARD_TEXT_BYTES + 1];
    size_t n = 0;

    for (unsigned i = 0; i < BOARD_THREADS_PER_SLOT; i++) {
        uint64_t since = GET(row[i].since_ns);
        if (GET(row[i].used) && since && (!worst || since < GET(worst->since_ns)))
            worst = &row[i];
    }
    if (!worst)
        return;
    uint32_t wait = GET(worst->wait);
    uint64_t since = GET(worst->since_ns);
    board_text_get(&worst->path, path, &n);
    out_fmt(o, "; offload thread %u is in %s of ", (unsigned)(worst - row) + 1,
            wait < WAIT_COUNT ? board_wait_name[wait] : "something unknown");
    out_add(o, path, n);
    out_str(o, " for ");
    last_words_age(o, since < now.ns ? now.ns - since : 0);
}

static void tell_dead(struct crew *c, unsigned slot, struct mono now)
{
    uint64_t lost = slot_value(&c->board->slot[slot], COUNTER_connections);
    int pid = (int)c->member[slot].pid;
    char words[WORDS_BYTES], longest[WORDS_BYTES];
    struct out o = out_into(words, sizeof words - 1);
    struct out l = out_into(longest, sizeof longest - 1);

    if (lost > 0)
        out_fmt(&o, "; its %llu connection%s lost", (unsigned long long)lost,
                lost == 1 ? " is" : "s are");
    *o.p = '\0';
    say_longest_call(&l, c, slot, now);
    *l.p = '\0';
    board_event(c->board, EVENT_EXIT, slot + 1,
                "worker %u (pid %d) is dead but cannot be ended, and is given up%s%s", slot + 1,
                pid, words, longest);
    log_error("worker %u (pid %d) is dead but cannot be ended, and is given up%s; the kernel ends "
              "it when the mount it waits for answers%s",
              slot + 1, pid, words, longest);
}

void crew_forget_dead(struct crew *c, unsigned slot)
{
    struct crew_member *m = &c->member[slot];

    if (!m->dead_since_ns)
        return;
    log_info("worker %u (pid %d) is dead and not looked after any more: its slot is needed",
             slot + 1, (int)m->pid);
    *m = (struct crew_member){.channel_fd = -1};
    PUT(c->board->slot[slot].pid, 0);
    PUT(c->board->slot[slot].pid_start_ticks, 0);
}

void crew_give_up(struct crew *c, unsigned slot, struct mono now)
{
    struct crew_member *m = &c->member[slot];
    bool asked = crew_is_asked(&c->table->slot[slot]);

    tell_dead(c, slot, now);
    crew_clear(c, slot, EXIT_SIGNAL, SIGKILL, now);
    m->dead_since_ns = now.ns;
    unsigned heir = worker_table_dead(c->table, slot, now);
    if (c->table->slot[slot].state != SLOT_DEAD) /* no slot is free but this one */
        crew_forget_dead(c, slot);
    if (heir != slot)
        crew_forget_dead(c, heir);
    c->member[heir].died = !asked;
}

void crew_reap_dead(struct crew *c, unsigned slot, struct mono now)
{
    struct crew_member *m = &c->member[slot];
    char text[40];
    struct out o = out_into(text, sizeof text - 1);

    last_words_age(&o, now.ns > m->dead_since_ns ? now.ns - m->dead_since_ns : 0);
    *o.p = '\0';
    log_info("worker %u (pid %d), dead for %s, could be ended at last", slot + 1, (int)m->pid,
             text);
    board_event(c->board, EVENT_DEAD, slot + 1, "worker %u (pid %d), dead for %s, is gone at last",
                slot + 1, (int)m->pid, text);
    *m = (struct crew_member){.channel_fd = -1};
    PUT(c->board->slot[slot].pid, 0);
    PUT(c->board->slot[slot].pid_start_ticks, 0);
    worker_table_exited(c->table, slot, EXIT_SIGNAL, now);
}

/* ---- looking ---- */

/* When the worker last showed that it lives. What it says itself cannot lie in the future. */
static uint64_t heard_of_ns(const struct crew_member *m, const struct board_slot *b,
                            struct mono now)
{
    uint64_t heard = GET(b->heartbeat_ns);

    if (heard > now.ns)
        heard = 0;
    if (heard < m->started_ns)
        heard = m->started_ns;
    return heard < m->resumed_ns ? m->resumed_ns : heard;
}

void crew_find_dead(struct crew *c, struct mono now)
{
    for (unsigned i = 0; i < c->table->capacity; i++) {
        struct crew_member *m = &c->member[i];
        if (!m->pid || m->dead_since_ns)
            continue;
        uint64_t heard = heard_of_ns(m, &c->board->slot[i], now);
        if (now.ns < heard + SILENT_NS) {
            m->dead_looks = 0;
            continue;
        }
        if (now.ns < m->looked_ns + LOOK_NS)
            continue;
        m->looked_ns = now.ns;
        m->dead_looks = cannot_be_ended(m->pid) ? m->dead_looks + 1 : 0;
        if (m->dead_looks >= 2)
            crew_give_up(c, i, now);
    }
}
