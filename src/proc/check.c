/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The master's half of a check; see check.h. Takes packets as they come, and when the last one is
 * there reads the configuration once more with the facts that came. What does not arrive (no
 * descriptor was free) is as if it had not answered: the workers open such a root themselves.
 */
#include "proc/check.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/un.h>

#include "base/fd.h"
#include "conf/facts.h"
#include "proc/aside.h"

enum { REAP_MS = 50, PACKETS_A_TURN = 256, DESCRIPTORS_BESIDE = 256 };

struct check {
    const struct master_options *options;
    enum check_purpose purpose;
    const struct listen_set *running;
    pid_t pid;
    int fd;
    uint64_t until_ns, heard_ns;
    bool ended, late, broken;
    bool has_status;
    int status;
    struct buf errors, notes, bytes; /* bytes: of facts, until all of them are there */
    struct facts facts;
    char packet[sizeof(struct check_packet_head) + CHECK_PACKET_BYTES];
};

static void check_free(struct check *c)
{
    close_fd(&c->fd);
    facts_free(&c->facts);
    buf_free(&c->errors);
    buf_free(&c->notes);
    buf_free(&c->bytes);
    free(c);
}

/* What is read from a descriptor of this process, as by `weir -c <(generate)`. */
static bool reads_own_descriptor(const struct check *c)
{
    const char *path = c->options->config;

    return path && c->purpose != CHECK_RELOAD &&
           (strncmp(path, "/dev/", 5) == 0 || strncmp(path, "/proc/", 6) == 0);
}

static void run_child(const void *arg, int fd)
{
    const struct check *c = arg;

    checker_main(c->options, c->purpose, c->running, fd);
}

struct check *check_begin(const struct master_options *options, enum check_purpose purpose,
                          const struct listen_set *running, struct buf *errors)
{
    struct check *c = calloc(1, sizeof *c);

    if (!c) {
        buf_addf(errors, "out of memory\n");
        return NULL;
    }
    c->options = options;
    c->purpose = purpose;
    c->running = running;
    c->fd = -1;
    c->pid = aside_begin("weir-check", run_child, c, reads_own_descriptor(c), &c->fd);
    if (c->pid < 0) {
        buf_addf(errors, "the configuration cannot be checked: no process for it: %s\n",
                 strerror(errno));
        check_free(c);
        return NULL;
    }
    c->heard_ns = mono_now().ns;
    c->until_ns = c->heard_ns + CHECK_NS;
    return c;
}

int check_fd(const struct check *c)
{
    return c->fd;
}

/* ---- what comes ---- */

/* More roots than the limit as it is has room for: up to the hard one without asking anybody. */
static void make_room(uint32_t descriptors)
{
    struct rlimit now;
    rlim_t need = DESCRIPTORS_BESIDE + 2 * (rlim_t)descriptors; /* those in force, too */

    if (getrlimit(RLIMIT_NOFILE, &now) != 0 || now.rlim_cur >= need)
        return;
    now.rlim_cur = now.rlim_max == RLIM_INFINITY || need < now.rlim_max ? need : now.rlim_max;
    setrlimit(RLIMIT_NOFILE, &now); /* refused: what does not fit is opened by the workers */
}

/* All bytes of facts are there before the first descriptor, and before the status. */
static void read_facts(struct check *c)
{
    if (c->bytes.n > 0 && !facts_read(&c->facts, buf_span(&c->bytes)))
        c->broken = true;
    c->bytes.n = 0;
}

static void take_descriptor(struct check *c, uint32_t number, int *passed)
{
    read_facts(c);
    if (number >= c->facts.count) {
        c->broken = true;
        return;
    }
    close_fd(&c->facts.item[number]->fd);
    c->facts.item[number]->fd = *passed; /* -1: no number was free */
    *passed = -1;
}

static void take_packet(struct check *c, size_t n, int *passed)
{
    struct check_packet_head head;
    const char *p = c->packet + sizeof head;
    bool good = true;

    if (n < sizeof head) {
        c->broken = true;
        return;
    }
    memcpy(&head, c->packet, sizeof head);
    n -= sizeof head;
    switch ((enum check_packet)head.kind) {
    case CHECK_HEAD:
        make_room(head.number);
        break;
    case CHECK_ERRORS:
        good = buf_add(&c->errors, p, n);
        break;
    case CHECK_NOTES:
        good = buf_add(&c->notes, p, n);
        break;
    case CHECK_FACTS:
        good = buf_add(&c->bytes, p, n);
        break;
    case CHECK_DESCRIPTOR:
        take_descriptor(c, head.number, passed);
        break;
    case CHECK_ALIVE:
        break;
    case CHECK_STATUS:
        read_facts(c);
        c->status = (int)head.number;
        c->has_status = true;
        break;
    }
    c->broken = c->broken || !good;
}

bool check_take(struct check *c, struct mono now)
{
    for (int i = 0; i < PACKETS_A_TURN && !c->ended && !c->broken; i++) {
        int passed;
        ssize_t n = fd_recv_with(c->fd, c->packet, sizeof c->packet, &passed);
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            break;
        if (n == 0 && c->has_status)
            c->ended = true;
        else if (n <= 0)
            c->broken = true;
        else
            take_packet(c, (size_t)n, &passed);
        close_fd(&passed);
        c->heard_ns = now.ns;
    }
    c->broken = c->broken || (!c->ended && now.ns > c->heard_ns + CHECK_SILENT_NS);
    if (!c->ended && !c->broken && now.ns >= c->until_ns) {
        c->ended = c->has_status; /* what is still to come are notes */
        c->late = !c->has_status;
    }
    return c->ended || c->broken || c->late;
}

/* ---- the end ---- */

int check_pass(const struct master_options *options, struct inherit *in, struct buf *errors)
{
    struct conf *conf = master_load(options, errors);

    if (!conf || !inherit_prepare(in, conf, errors))
        return MASTER_USAGE;
    if (inherit_try_logs(in->conf, errors))
        return MASTER_FINE;
    inherit_free(in);
    return MASTER_FAILED;
}

const char *check_new_socket(const struct conf_listen *l, const struct listen_set *running)
{
    if (l->address.ss_family != AF_UNIX)
        return NULL;
    for (size_t i = 0; running && i < running->count; i++)
        if (strcmp(running->socket[i].text, l->text) == 0)
            return NULL;
    return ((const struct sockaddr_un *)(const void *)&l->address)->sun_path;
}

/* Bound sockets to their addresses. */
static void take_sockets(const struct check *c, struct conf *conf)
{
    for (size_t i = 0; i < conf->server.listen_count; i++) {
        struct conf_listen *l = &conf->server.listen[i];
        const char *path = check_new_socket(l, c->running);
        struct fact *f = path ? facts_find(&c->facts, FACT_SOCKET, span_str(path)) : NULL;
        struct fact_socket file;
        if (!f || f->fd < 0 || f->data.n != sizeof file)
            continue;
        memcpy(&file, f->data.p, sizeof file);
        l->made = true;
        l->made_fd = fact_take_fd(f);
        l->made_dev = file.dev;
        l->made_ino = file.ino;
    }
}

static int take_over(struct check *c, struct inherit *in, struct buf *errors)
{
    int status;

    c->facts.closed = true;
    c->facts.lenient = c->purpose == CHECK_TEST;
    facts_use(&c->facts);
    status = check_pass(c->options, in, errors);
    facts_use(NULL);
    if (status == MASTER_FINE)
        take_sockets(c, in->conf);
    return status;
}

int check_conclude(struct check **pointer, struct inherit *in, struct buf *errors,
                   struct buf *notes)
{
    struct check *c = *pointer;
    int status = MASTER_FAILED;

    if (c->late)
        buf_addf(errors, "the configuration could not be checked within %u s; nothing is changed\n",
                 (unsigned)(CHECK_NS / NS_PER_S));
    else if (!c->ended)
        buf_addf(errors, "the process that checks the configuration ended before it was done\n");
    else
        status = c->status;
    if (!buf_add_span(notes, buf_span(&c->notes)) || !buf_add_span(errors, buf_span(&c->errors)))
        status = status == MASTER_FINE ? MASTER_FAILED : status;
    if (status == MASTER_FINE)
        status = take_over(c, in, errors);
    if (status == MASTER_FINE)
        buf_add_span(notes, buf_span(&in->notes));
    check_drop(pointer);
    return status;
}

void check_drop(struct check **pointer)
{
    struct check *c = *pointer;

    *pointer = NULL;
    if (!c)
        return;
    aside_drop(&c->pid, &c->fd);
    check_free(c);
}

int check_now(const struct master_options *options, enum check_purpose purpose, struct inherit *in,
              struct buf *errors, struct buf *notes)
{
    struct check *c = check_begin(options, purpose, NULL, errors);

    if (!c)
        return MASTER_FAILED;
    while (!check_take(c, mono_now())) {
        struct pollfd p = {.fd = c->fd, .events = POLLIN};
        poll(&p, 1, 100);
    }
    if (c->ended) /* there is no loop yet, or none at all, to reap it */
        aside_reap(&c->pid, REAP_MS);
    return check_conclude(&c, in, errors, notes);
}

/* ---- notes ---- */

static enum log_level level_of(struct span *note)
{
    unsigned level = note->n > 0 ? (unsigned char)note->p[0] - '0' : LOG_LEVEL_WARN;

    *note = span_from(*note, 1);
    return level <= LOG_LEVEL_DEBUG ? (enum log_level)level : LOG_LEVEL_WARN;
}

void check_log_notes(const struct buf *notes)
{
    struct span rest = buf_span(notes);

    while (rest.n > 0) {
        struct span line = span_cut(&rest, '\n');
        enum log_level level = level_of(&line);
        if (level <= log_get_level())
            log_write(level, "%.*s", (int)line.n, line.p);
    }
}

void check_print_notes(const struct buf *notes)
{
    struct span rest = buf_span(notes);

    while (rest.n > 0) {
        struct span line = span_cut(&rest, '\n');
        if (level_of(&line) <= LOG_LEVEL_WARN)
            fprintf(stderr, "warning: %.*s\n", (int)line.n, line.p);
    }
}
