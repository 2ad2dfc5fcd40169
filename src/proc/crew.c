/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The crew; see crew.h. Master only, but for the lines between fork and worker_main.
 */
#include "proc/crew.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/must.h"
#include "board/slot.h"
#include "net/address_table.h"
#include "proc/aside.h"
#include "proc/channel.h"
#include "proc/last_words.h"
#include "proc/worker.h"

#define PUT(field, value) atomic_store_explicit(&(field), (value), memory_order_relaxed)
#define GET(field)        atomic_load_explicit(&(field), memory_order_relaxed)

enum { MESSAGES_A_TURN = 16, NONSENSE_MAX = 8, WORDS_BYTES = 1400 };

bool crew_init(struct crew *c, struct worker_table *table, struct board *board)
{
    must(table->capacity <= board->slot_count);
    memset(c, 0, sizeof *c);
    c->table = table;
    c->board = board;
    c->lock_fd = -1;
    oom_begin(&c->oom);
    c->member = calloc(table->capacity, sizeof *c->member);
    if (!c->member)
        return false;
    for (unsigned i = 0; i < table->capacity; i++)
        c->member[i].channel_fd = -1;
    return true;
}

void crew_free(struct crew *c)
{
    for (unsigned i = 0; c->member && i < c->table->capacity; i++)
        close_fd(&c->member[i].channel_fd);
    free(c->member);
    c->member = NULL;
    fences_free(&c->fences);
}

/* ---- starting ---- */

static _Noreturn void become_worker(struct crew *c, unsigned slot, const struct inherit *in,
                                    int channel_fd, pid_t master_pid)
{
    size_t count = in->listen.count;
    int *fds = calloc(count + 1, sizeof *fds);
    char tag[32];

    aside_signals();
    close_fd(&c->lock_fd);
    if (!fds)
        _exit(WORKER_SICK);
    for (size_t i = 0; i < count; i++)
        fds[i] = in->listen.socket[i].fd;
    snprintf(tag, sizeof tag, "worker %u", slot + 1);
    log_set_tag(tag);
    struct worker_env env = {
        .number = slot + 1,
        .generation = c->table->slot[slot].generation,
        .conf = in->conf,
        .mime = in->mime,
        .board = c->board,
        .listen_fd = fds,
        .listen_count = count,
        .channel_fd = channel_fd,
        .access_log_fd = in->access_log.send_fd,
        .address_table = in->conf->limits.connections_per_address ? c->addresses : NULL,
        .drop_privileges = in->drop_privileges,
        .uid = in->uid,
        .gid = in->gid,
        .groups = in->groups,
        .group_count = in->group_count,
        .master_pid = master_pid,
    };
    worker_main(&env);
}

static bool send_with(struct crew *c, unsigned slot, const struct channel_message *msg, int pass_fd)
{
    int fd = c->member[slot].channel_fd;

    if (fd < 0)
        return false;
    if (fd_send_with(fd, msg, sizeof *msg, pass_fd) >= 0)
        return true;
    /* EPIPE: it is gone, SIGCHLD follows. EAGAIN: it reads nothing (stopped); deadlines decide. */
    if (errno != EPIPE && errno != ECONNRESET)
        log_warn("worker %u does not take messages: %s", slot + 1, strerror(errno));
    return false;
}

static void send_message(struct crew *c, unsigned slot, uint32_t kind, uint64_t value, int pass_fd)
{
    struct channel_message msg = {.kind = kind, .value = value};

    send_with(c, slot, &msg, pass_fd);
}

bool crew_send(struct crew *c, unsigned slot, const struct channel_message *message)
{
    return send_with(c, slot, message, -1);
}

/* What operators changed since the configuration was read. */
static void send_changes(struct crew *c, unsigned slot)
{
    if (c->offload_threads)
        send_message(c, slot, CHANNEL_OFFLOAD, c->offload_threads, -1);
    for (unsigned i = 0; i < c->fences.count; i++) {
        const struct fence_mount *m = &c->fences.mount[i];
        struct channel_message msg = {
            .kind = CHANNEL_FENCE, .value = m->device, .amount = m->number};
        if (!m->gone) /* roots that lay on it are marked in the configuration */
            send_with(c, slot, &msg, -1);
    }
}

static void note_spawn(struct crew *c, unsigned slot, struct mono now)
{
    struct crew_member *m = &c->member[slot];
    struct board_slot *b = &c->board->slot[slot];
    struct board_header *h = c->board->header;

    if (m->died) {
        PUT(b->restarts, GET(b->restarts) + 1);
        PUT(h->worker_restarts, GET(h->worker_restarts) + 1);
    } else {
        PUT(b->restarts, 0);
    }
    m->died = false;
    m->started_ns = now.ns;
    PUT(b->epoch, GET(b->epoch) + 1);
    if (GET(h->slots_used) <= slot)
        PUT(h->slots_used, slot + 1);
    PUT(b->pid, (uint32_t)m->pid);
    PUT(b->pid_start_ticks, board_start_ticks(m->pid));
    PUT(b->generation, m->generation);
    PUT(b->blocked_count, 0);
    board_event(c->board, EVENT_SPAWN, slot + 1, "worker %u started (pid %d)", slot + 1,
                (int)m->pid);
    log_debug("worker %u started (pid %d, generation %u)", slot + 1, (int)m->pid, m->generation);
}

void crew_spawn(struct crew *c, unsigned slot, const struct inherit *in, struct mono now)
{
    struct crew_member *m = &c->member[slot];
    pid_t master_pid = getpid();
    int pair[2];

    crew_forget_dead(c, slot);
    must(m->pid == 0);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0) {
        log_error("starting worker %u: no channel: %s; trying again", slot + 1, strerror(errno));
        worker_table_exited(c->table, slot, EXIT_SICK, now);
        return;
    }
    fd_refuse_passed(pair[0]); /* descriptors go one way: to the worker */
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        close_fd(&pair[0]);
        become_worker(c, slot, in, pair[1], master_pid);
    }
    close_fd(&pair[1]);
    if (pid < 0) {
        log_error("starting worker %u: fork: %s; trying again", slot + 1, strerror(errno));
        close_fd(&pair[0]);
        worker_table_exited(c->table, slot, EXIT_SICK, now);
        return;
    }
    *m = (struct crew_member){.pid = pid,
                              .channel_fd = pair[0],
                              .generation = c->table->slot[slot].generation,
                              .died = m->died};
    note_spawn(c, slot, now);
    send_changes(c, slot);
}

/* ---- ending ---- */

bool crew_is_asked(const struct table_slot *t)
{
    return t->state == SLOT_RETIRING || t->state == SLOT_STOPPING;
}

void crew_clear(struct crew *c, unsigned slot, enum board_exit why, uint32_t detail,
                struct mono now)
{
    struct board_slot *b = &c->board->slot[slot];

    close_fd(&c->member[slot].channel_fd);
    PUT(b->last_exit, (uint32_t)why);
    PUT(b->last_exit_detail, detail);
    PUT(b->stopped_since_ns, 0);
    PUT(b->blocked_since_ns, 0);
    stalls_worker_gone(&c->stalls, slot + 1, now);
    board_clear_slot(c->board, slot);
    if (c->addresses)
        address_table_clear_row(c->addresses, slot);
}

/* The slot has no process any more. */
static void note_gone(struct crew *c, unsigned slot, bool asked, enum board_exit why,
                      uint32_t detail, struct mono now)
{
    struct crew_member *m = &c->member[slot];
    struct board_slot *b = &c->board->slot[slot];

    crew_clear(c, slot, why, detail, now);
    m->pid = 0;
    m->died = !asked;
    PUT(b->pid, 0);
    PUT(b->pid_start_ticks, 0);
    worker_table_exited(c->table, slot, why, now);
}

/* ---- telling ---- */

void crew_tell_off(struct crew *c, unsigned slot, enum worker_order order, struct mono now)
{
    struct crew_member *m = &c->member[slot];

    if (m->pid == 0)
        return;
    switch (order) {
    case ORDER_RETIRE:
        send_with(c, slot,
                  &(struct channel_message){.kind = CHANNEL_RETIRE,
                                            .value = c->table->drain_ns,
                                            .amount = c->table->slot[slot].patient},
                  -1);
        break;
    case ORDER_QUIT:
        send_message(c, slot, CHANNEL_QUIT, 0, -1);
        break;
    case ORDER_KILL:
        log_warn("worker %u (pid %d) %s", slot + 1, (int)m->pid,
                 c->table->slot[slot].hung_up ? "wants to end and cannot: it is killed"
                 : c->table->slot[slot].late  ? "was not ready in time: it is killed"
                                              : "is killed");
        kill(m->pid, SIGKILL);
        break;
    case ORDER_ABANDON:
        crew_give_up(c, slot, now);
        break;
    case ORDER_NONE:
    case ORDER_SPAWN:
        never("no order for a process");
    }
}

void crew_tell_all(struct crew *c, const struct channel_message *message)
{
    for (unsigned i = 0; i < c->table->capacity; i++)
        if (c->member[i].pid)
            send_with(c, i, message, -1);
}

void crew_broadcast(struct crew *c, unsigned generation, uint32_t kind, uint64_t value, int pass_fd)
{
    for (unsigned i = 0; i < c->table->capacity; i++)
        if (c->member[i].pid && (generation == 0 || c->member[i].generation == generation))
            send_message(c, i, kind, value, pass_fd);
}

size_t crew_poll_fds(const struct crew *c, struct pollfd *to, unsigned *slot_of)
{
    size_t n = 0;

    for (unsigned i = 0; i < c->table->capacity; i++) {
        if (c->member[i].channel_fd < 0)
            continue;
        slot_of[n] = i;
        to[n++] = (struct pollfd){.fd = c->member[i].channel_fd, .events = POLLIN};
    }
    return n;
}

bool crew_has_left(const struct crew *c)
{
    for (unsigned i = 0; i < c->table->capacity; i++) {
        const struct crew_member *m = &c->member[i];
        if (m->pid && !m->dead_since_ns && !m->left && !m->hung_up)
            return false;
    }
    return true;
}

/*
 * A worker says two things, each once. One that says anything else has been taken over, or its
 * memory is broken: it is not listened to for long.
 */
static void take_nonsense(struct crew *c, unsigned slot, ssize_t bytes, struct mono now)
{
    struct crew_member *m = &c->member[slot];

    m->nonsense++;
    if (m->nonsense == 1)
        log_warn("worker %u (pid %d) sent a message nobody knows (%zd bytes)", slot + 1,
                 (int)m->pid, bytes);
    if (m->nonsense < NONSENSE_MAX)
        return;
    board_event(c->board, EVENT_LIMIT, slot + 1,
                "worker %u (pid %d) sends messages nobody knows and is ended", slot + 1,
                (int)m->pid);
    log_error("worker %u (pid %d) sent %u messages nobody knows: it is ended", slot + 1,
              (int)m->pid, m->nonsense);
    close_fd(&m->channel_fd);
    worker_table_condemn(c->table, slot, now);
}

static void take_message(struct crew *c, unsigned slot, const struct channel_message *msg,
                         ssize_t bytes, struct mono now)
{
    struct crew_member *m = &c->member[slot];

    if (bytes == (ssize_t)sizeof *msg && msg->kind == CHANNEL_READY && !m->ready) {
        m->ready = true;
        worker_table_ready(c->table, slot, now);
    } else if (bytes == (ssize_t)sizeof *msg && msg->kind == CHANNEL_LEFT && !m->left) {
        m->left = true;
    } else {
        take_nonsense(c, slot, bytes, now);
    }
}

void crew_read_channel(struct crew *c, unsigned slot, struct mono now)
{
    struct crew_member *m = &c->member[slot];

    for (int i = 0; i < MESSAGES_A_TURN && m->channel_fd >= 0; i++) {
        struct channel_message msg;
        int passed;
        ssize_t n = fd_recv_with(m->channel_fd, &msg, sizeof msg, &passed);
        close_fd(&passed);
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return;
        if (n <= 0) { /* it closed its end: it is ending, SIGCHLD tells how, or a deadline */
            close_fd(&m->channel_fd);
            m->hung_up = true;
            worker_table_hung_up(c->table, slot, now);
            return;
        }
        take_message(c, slot, &msg, n, now);
    }
}

/* ---- reaping ---- */

static void tell_exit(struct crew *c, unsigned slot, int status, bool asked, struct mono now)
{
    struct crew_member *m = &c->member[slot];
    const struct board_slot *b = &c->board->slot[slot];
    char words[WORDS_BYTES], doing[WORDS_BYTES];
    struct out how = out_into(words, sizeof words - 1);
    struct out what = out_into(doing, sizeof doing - 1);

    last_words_how(&how, status);
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL && !c->table->slot[slot].killed &&
        oom_explains(&c->oom))
        out_str(&how, ", out of memory (a limit of its control group, or the machine's)");
    *how.p = '\0';
    bool violent = WIFSIGNALED(status) || !asked;
    if (violent)
        last_words_doing(&what, b, now);
    *what.p = '\0';
    const char *during = what.p > what.start ? "; it was doing: " : "";
    /* On the dashboard the end of a line may be cut off: the reason comes first. */
    board_event(c->board, EVENT_EXIT, slot + 1, "worker %u %s (pid %d)%s%s", slot + 1, words,
                (int)m->pid, during, doing);
    log_write(asked ? LOG_LEVEL_DEBUG : LOG_LEVEL_ERROR, "worker %u (pid %d) %s%s%s", slot + 1,
              (int)m->pid, words, during, doing);
}

static void reap_one(struct crew *c, unsigned slot, int status, struct mono now)
{
    const struct table_slot *t = &c->table->slot[slot];
    bool asked = crew_is_asked(t);
    uint32_t detail;
    enum board_exit why = last_words_sort(status, &detail);

    crew_read_channel(c, slot, now); /* a READY that was not read yet */
    tell_exit(c, slot, status, asked, now);
    note_gone(c, slot, asked, why, detail, now);
}

static void note_stopped(struct crew *c, unsigned slot, int signal_number, struct mono now)
{
    struct board_slot *b = &c->board->slot[slot];
    const char *name = sigabbrev_np(signal_number);

    PUT(b->stopped_since_ns, now.ns);
    board_event(c->board, EVENT_STOPPED, slot + 1, "worker %u was stopped by SIG%s", slot + 1,
                name ? name : "?");
    log_warn("worker %u (pid %d) was stopped by SIG%s: its connections wait until SIGCONT",
             slot + 1, (int)c->member[slot].pid, name ? name : "?");
}

static void note_continued(struct crew *c, unsigned slot, struct mono now)
{
    struct board_slot *b = &c->board->slot[slot];
    uint64_t since = GET(b->stopped_since_ns);
    char text[40];
    struct out o = out_into(text, sizeof text - 1);

    last_words_age(&o, since && since < now.ns ? now.ns - since : 0);
    *o.p = '\0';
    PUT(b->stopped_since_ns, 0);
    c->member[slot].resumed_ns = now.ns;
    board_event(c->board, EVENT_CONTINUED, slot + 1, "worker %u goes on after %s", slot + 1, text);
    log_info("worker %u (pid %d) goes on after %s", slot + 1, (int)c->member[slot].pid, text);
}

static bool find_member(const struct crew *c, pid_t pid, unsigned *slot)
{
    for (unsigned i = 0; i < c->table->capacity; i++)
        if (c->member[i].pid == pid) {
            *slot = i;
            return true;
        }
    return false;
}

void crew_reap(struct crew *c, struct mono now)
{
    for (;;) {
        int status;
        unsigned slot;
        pid_t pid = waitpid(-1, &status, WNOHANG | WUNTRACED | WCONTINUED);
        if (pid < 0 && errno == EINTR)
            continue;
        if (pid <= 0)
            return;
        if (!find_member(c, pid, &slot))
            continue;
        if (c->member[slot].dead_since_ns) {
            if (WIFEXITED(status) || WIFSIGNALED(status))
                crew_reap_dead(c, slot, now);
            continue;
        }
        if (WIFSTOPPED(status))
            note_stopped(c, slot, WSTOPSIG(status), now);
        else if (WIFCONTINUED(status))
            note_continued(c, slot, now);
        else
            reap_one(c, slot, status, now);
    }
}

/* ---- the board ---- */

static void tell_change(struct crew *c, unsigned slot, enum board_state from,
                        const struct table_slot *t)
{
    switch (t->state) {
    case SLOT_BACKOFF: {
        char text[40];
        struct out o = out_into(text, sizeof text - 1);
        last_words_age(&o, t->until_ns - t->since_ns);
        *o.p = '\0';
        board_event(c->board, EVENT_BACKOFF, slot + 1, "worker %u waits %s before it starts again",
                    slot + 1, text);
        log_warn("worker %u died %u times in a row; it starts again in %s", slot + 1, t->failures,
                 text);
        break;
    }
    case SLOT_RETIRING:
        board_event(c->board, EVENT_DRAIN, slot + 1, "worker %u retires", slot + 1);
        log_debug("worker %u retires", slot + 1);
        break;
    case SLOT_STOPPING:
        if (from == SLOT_RETIRING && !t->hung_up)
            log_warn("worker %u %s within drain_timeout: it is told to end now", slot + 1,
                     t->patient ? "retires and was not heard of" : "did not finish");
        break;
    default:
        break;
    }
}

void crew_publish(struct crew *c, struct mono now)
{
    for (unsigned i = 0; i < c->table->capacity; i++) {
        struct board_slot *b = &c->board->slot[i];
        const struct table_slot *t = &c->table->slot[i];
        enum board_state shown = (enum board_state)GET(b->state);

        if (c->member[i].pid) {
            uint64_t heard = GET(b->heartbeat_ns);
            worker_table_load(c->table, i, slot_value(b, COUNTER_connections));
            if (heard <= now.ns) /* else it says what cannot be */
                worker_table_heard(c->table, i, heard);
        }
        if (t->state == shown && t->since_ns == GET(b->state_since_ns))
            continue;
        if (t->state != shown)
            tell_change(c, i, shown, t);
        PUT(b->state_since_ns, t->since_ns ? t->since_ns : now.ns);
        PUT(b->state, (uint32_t)t->state);
    }
}
