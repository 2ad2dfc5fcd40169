/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The control socket; see control.h. One request of each client is served in a turn of the
 * master's loop, so that no client can keep the master from its work. Master only.
 */
#include "proc/control.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"

enum { BACKLOG = 64, WHY_BYTES = CONTROL_WHY_BYTES };

#define TELL_EVERY_NS (60 * NS_PER_S)

struct client {
    int fd; /* -1: free */
    uid_t uid;
    bool may_change;
    bool later;         /* it is owed a reply that takes time */
    struct mono active; /* when it came, or last asked for something */
    char *waiting;      /* a reply the socket did not take yet */
    size_t waiting_bytes;
    int waiting_fd;
};

struct control {
    int fd;
    bool paused; /* no descriptor was left for the last client: wait for the next beat */
    bool told;   /* refused_told holds */
    struct mono refused_told;
    char path[sizeof((struct sockaddr_un *)0)->sun_path];
    dev_t device; /* of the socket's name, which somebody else's may take the place of */
    ino_t inode;
    control_handler *handler;
    void *arg;
    struct client client[CONTROL_CLIENTS_MAX];
    char reply[CONTROL_REPLY_BYTES];
};

static bool listen_at(struct control *c)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    struct stat st;

    memcpy(un.sun_path, c->path, sizeof un.sun_path);
    c->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (c->fd < 0 || (unlink(c->path) != 0 && errno != ENOENT))
        return false;
    fd_refuse_passed(c->fd);
    mode_t before = umask(0177);
    bool good = bind(c->fd, (const void *)&un, sizeof un) == 0;
    umask(before);
    if (!good || lstat(c->path, &st) != 0)
        return false;
    c->device = st.st_dev;
    c->inode = st.st_ino;
    return listen(c->fd, BACKLOG) == 0;
}

/* Whether the name still stands for this socket. */
static bool is_ours(const struct control *c)
{
    struct stat st;

    return lstat(c->path, &st) == 0 && st.st_dev == c->device && st.st_ino == c->inode;
}

bool control_admit(struct control *c, bool everybody, const gid_t *group)
{
    mode_t mode = everybody ? 0666 : group ? 0660 : 0600;
    gid_t gid = group ? *group : getegid();

    if (!is_ours(c)) {
        errno = ENOENT;
        return false;
    }
    /* Closed while it changes hands. */
    return chmod(c->path, 0600) == 0 && lchown(c->path, (uid_t)-1, gid) == 0 &&
           chmod(c->path, mode) == 0;
}

struct control *control_listen(const char *path, control_handler *handler, void *arg,
                               struct buf *errors)
{
    struct control *c = calloc(1, sizeof *c);

    if (!c || strlen(path) >= sizeof c->path) {
        buf_addf(errors, "%s: %s\n", path, c ? "too long for a socket" : "out of memory");
        free(c);
        return NULL;
    }
    memcpy(c->path, path, strlen(path));
    c->handler = handler;
    c->arg = arg;
    for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++)
        c->client[i] = (struct client){.fd = -1, .waiting_fd = -1};
    if (!listen_at(c)) {
        buf_addf(errors, "%s: cannot listen for control: %s\n", path, strerror(errno));
        close_fd(&c->fd);
        free(c);
        return NULL;
    }
    return c;
}

static void client_close(struct client *k)
{
    close_fd(&k->fd);
    close_fd(&k->waiting_fd);
    free(k->waiting);
    k->waiting = NULL;
    k->later = false;
}

void control_close(struct control **cp)
{
    struct control *c = *cp;

    if (!c)
        return;
    if (is_ours(c))
        unlink(c->path);
    close_fd(&c->fd);
    for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++)
        client_close(&c->client[i]);
    free(c);
    *cp = NULL;
}

size_t control_poll_fds(const struct control *c, struct pollfd *to)
{
    size_t n = 0;

    /* A full accept queue must not make the loop spin: poll it only when it can be taken from. */
    to[n++] = (struct pollfd){.fd = c->paused ? -1 : c->fd, .events = POLLIN};
    for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++)
        if (c->client[i].fd >= 0)
            to[n++] = (struct pollfd){.fd = c->client[i].fd,
                                      .events = c->client[i].later     ? 0
                                                : c->client[i].waiting ? POLLOUT
                                                                       : POLLIN};
    return n;
}

/* ---- replies ---- */

/* Sends now, or keeps the reply until the client takes it. Owns pass_fd. */
static void send_or_keep(struct client *k, const char *p, size_t n, int pass_fd)
{
    ssize_t done = fd_send_with(k->fd, p, n, pass_fd);

    if (done >= 0) {
        close_fd(&pass_fd);
        return;
    }
    if ((errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS) &&
        (k->waiting = malloc(n)) != NULL) {
        memcpy(k->waiting, p, n);
        k->waiting_bytes = n;
        k->waiting_fd = pass_fd;
        return;
    }
    close_fd(&pass_fd);
    client_close(k);
}

static void send_waiting(struct client *k)
{
    if (fd_send_with(k->fd, k->waiting, k->waiting_bytes, k->waiting_fd) < 0) {
        if (errno != EAGAIN && errno != EWOULDBLOCK && errno != ENOBUFS)
            client_close(k);
        return;
    }
    close_fd(&k->waiting_fd);
    free(k->waiting);
    k->waiting = NULL;
}

static void refuse(struct control *c, struct client *k, const char *why)
{
    size_t n = control_reply_write(c->reply, sizeof c->reply, false, why, 0);

    send_or_keep(k, c->reply, n, -1);
}

/* ---- requests ---- */

static void carry_out(struct control *c, struct client *k, const struct control_request *request)
{
    struct control_outcome outcome = {.pass_fd = -1};

    c->handler(c->arg, request, &outcome);
    if (outcome.later) {
        k->later = true;
        buf_free(&outcome.message);
        return;
    }
    if (!buf_add(&outcome.message, "", 1)) {
        buf_free(&outcome.message);
        close_fd(&outcome.pass_fd);
        refuse(c, k, "out of memory");
        return;
    }
    size_t n =
        control_reply_write(c->reply, sizeof c->reply, outcome.ok, outcome.message.p, outcome.op);
    buf_free(&outcome.message);
    send_or_keep(k, c->reply, n, outcome.pass_fd);
}

void control_answer(struct control *c, bool ok, struct span message, uint32_t op)
{
    char *text = span_dup(message);

    for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
        struct client *k = &c->client[i];
        if (k->fd < 0 || !k->later)
            continue;
        k->later = false;
        size_t n = control_reply_write(c->reply, sizeof c->reply, ok && text,
                                       text ? text : "out of memory", op);
        send_or_keep(k, c->reply, n, -1);
    }
    free(text);
}

static void serve_request(struct control *c, struct client *k)
{
    char packet[CONTROL_REQUEST_BYTES + 1];
    char why[WHY_BYTES];
    struct control_request request;
    int passed;

    ssize_t n = fd_recv_with(k->fd, packet, sizeof packet, &passed);
    close_fd(&passed);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return;
    if (n <= 0) {
        client_close(k);
        return;
    }
    k->active = mono_now();
    if (n > CONTROL_REQUEST_BYTES) {
        refuse(c, k, "the request is too long");
        return;
    }
    if (!control_parse(span_of(packet, (size_t)n), &request, why, sizeof why)) {
        refuse(c, k, why);
        return;
    }
    if (control_command_access[request.command] == CONTROL_WRITE && !k->may_change) {
        refuse(c, k, "only root and the server's own user may change it");
        return;
    }
    carry_out(c, k, &request);
}

/* ---- places ---- */

/* What cannot be told who it is may look and no more. */
static struct client client_new(int fd)
{
    struct ucred who = {.uid = (uid_t)-1};
    socklen_t bytes = sizeof who;
    bool known = getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &bytes) == 0;

    return (struct client){.fd = fd,
                           .uid = who.uid,
                           .may_change = known && (who.uid == 0 || who.uid == geteuid()),
                           .active = mono_now(),
                           .waiting_fd = -1};
}

static unsigned places_of(const struct control *c, uid_t uid)
{
    unsigned n = 0;

    for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++)
        n += c->client[i].fd >= 0 && c->client[i].uid == uid;
    return n;
}

static struct client *free_place(struct control *c)
{
    for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++)
        if (c->client[i].fd < 0)
            return &c->client[i];
    return NULL;
}

/* Of those that only watch, the one that has asked for nothing for longest; NULL: there is none. */
static struct client *idlest_watcher(struct control *c)
{
    struct client *idlest = NULL;

    for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
        struct client *k = &c->client[i];
        if (k->fd >= 0 && !k->may_change && (!idlest || k->active.ns < idlest->active.ns))
            idlest = k;
    }
    return idlest;
}

/* A place for this one, or NULL with the reason in why[]. */
static struct client *place_for(struct control *c, const struct client *k, char *why)
{
    unsigned most = k->may_change ? CONTROL_PLACES_ACTING : CONTROL_PLACES_WATCHING;
    struct client *place;

    if (places_of(c, k->uid) >= most) {
        snprintf(why, WHY_BYTES,
                 "too many control clients: user %lu has %u, as many as one may; close one and "
                 "try again",
                 (unsigned long)k->uid, most);
        return NULL;
    }
    place = free_place(c);
    if (!place && k->may_change && (place = idlest_watcher(c)) != NULL)
        client_close(place);
    if (!place)
        snprintf(why, WHY_BYTES,
                 "too many control clients: all %d places are taken; close one and try again",
                 CONTROL_CLIENTS_MAX);
    return place;
}

/* At most once a minute: whoever may connect could fill the log with it. */
static void tell_refused(struct control *c, const char *why)
{
    struct mono now = mono_now();

    if (c->told && mono_since(now, c->refused_told) < TELL_EVERY_NS)
        return;
    c->told = true;
    c->refused_told = now;
    log_warn("a control client was refused: %s", why);
}

static void take_client(struct control *c)
{
    char why[WHY_BYTES];
    int fd = accept4(c->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    if (fd < 0) {
        c->paused = errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS;
        return;
    }
    struct client new = client_new(fd);
    struct client *place = place_for(c, &new, why);
    if (place) {
        *place = new;
        return;
    }
    refuse(c, &new, why);
    client_close(&new);
    tell_refused(c, why);
}

static struct client *client_of(struct control *c, int fd)
{
    for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++)
        if (c->client[i].fd == fd)
            return &c->client[i];
    return NULL;
}

void control_serve(struct control *c, const struct pollfd *fds, size_t count)
{
    c->paused = false;
    for (size_t i = 1; i < count; i++) {
        struct client *k = fds[i].revents ? client_of(c, fds[i].fd) : NULL;
        if (!k)
            continue;
        if ((k->waiting || k->later) && (fds[i].revents & (POLLERR | POLLHUP)))
            client_close(k);
        else if (k->waiting)
            send_waiting(k);
        else
            serve_request(c, k);
    }
    if (count > 0 && fds[0].fd >= 0 &&
        fds[0].revents) /* last: a new client's descriptor is not in fds */
        take_client(c);
}
