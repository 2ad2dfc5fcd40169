/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The control client; see control.h. The socket never blocks: whoever wants to wait waits in
 * poll(2) with a deadline. What comes back is another process's bytes: it is bounded, parsed
 * by jansson, checked field by field, and scrubbed before anybody prints it. Runs in
 * observers.
 */
#include "weir/control.h"

#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/escape.h"
#include "base/fd.h"

__attribute__((format(printf, 3, 4))) static bool say(char *why, size_t why_bytes, const char *fmt,
                                                      ...)
{
    int saved = errno;
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(why, why_bytes, fmt, ap);
    va_end(ap);
    errno = saved;
    return false;
}

void control_reply_free(struct control_reply *r)
{
    free(r->message);
    r->message = NULL;
    close_fd(&r->passed_fd);
}

static bool put_dir(char *out, size_t out_bytes, const char *dir, const char *rest)
{
    int n = snprintf(out, out_bytes, "%s%s", dir, rest);

    return n >= 0 && (size_t)n < out_bytes;
}

static const char *environment(const char *name)
{
    const char *value = getenv(name);

    return value && value[0] != '\0' ? value : NULL;
}

bool control_runtime_dir(const char *given, char *out, size_t out_bytes)
{
    const char *own = environment("XDG_RUNTIME_DIR");
    char name[64];

    if (!given)
        given = environment("WEIR_RUNTIME_DIR");
    if (given)
        return put_dir(out, out_bytes, given, "");
    if (geteuid() == 0 || access("/run/weir/control.sock", R_OK | W_OK) == 0)
        return put_dir(out, out_bytes, "/run/weir", "");
    if (own)
        return put_dir(out, out_bytes, own, "/weir");
    snprintf(name, sizeof name, "/tmp/weir-%lu", (unsigned long)geteuid());
    return put_dir(out, out_bytes, name, "");
}

static bool socket_address(const char *dir, struct sockaddr_un *address, char *why,
                           size_t why_bytes)
{
    address->sun_family = AF_UNIX;
    if (put_dir(address->sun_path, sizeof address->sun_path, dir, "/control.sock"))
        return true;
    errno = ENAMETOOLONG;
    return say(why, why_bytes, "%s/control.sock is too long for the name of a socket (%zu bytes)",
               dir, sizeof address->sun_path - 1);
}

/* One attempt of control_open. */
static int open_once(const char *dir, char *why, size_t why_bytes)
{
    struct sockaddr_un address = {0};
    int fd, failed;

    if (!socket_address(dir, &address, why, why_bytes))
        return -1;
    fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        say(why, why_bytes, "cannot make a socket: %s", strerror(errno));
        return -1;
    }
    do
        failed = connect(fd, (const struct sockaddr *)&address, sizeof address);
    while (failed != 0 && errno == EINTR);
    if (failed == 0)
        return fd;
    if (errno == EACCES || errno == EPERM)
        say(why, why_bytes, "you may not open %s: %s", address.sun_path, strerror(errno));
    else if (errno == EAGAIN)
        say(why, why_bytes, "weir is too busy to answer at %s", address.sun_path);
    else
        say(why, why_bytes, "no weir answers at %s: %s", address.sun_path, strerror(errno));
    close_fd(&fd);
    return -1;
}

/*
 * The place of a user's own server when there is no better one is in /tmp, where anybody can be
 * first. Whoever listens there is this user, or root.
 */
static bool is_trusted(int fd, const char *dir, char *why, size_t why_bytes)
{
    struct ucred who = {.uid = (uid_t)-1};
    socklen_t bytes = sizeof who;
    char own[64];

    snprintf(own, sizeof own, "/tmp/weir-%lu", (unsigned long)geteuid());
    if (strcmp(dir, own) != 0)
        return true;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &bytes) == 0 &&
        (who.uid == 0 || who.uid == geteuid()))
        return true;
    errno = EACCES;
    return say(why, why_bytes, "the server at %s is not yours but of user %lu: it is not asked",
               dir, (unsigned long)who.uid);
}

int control_open(const char *dir, int wait_ms, char *why, size_t why_bytes)
{
    uint64_t deadline = mono_now().ns + (wait_ms > 0 ? (uint64_t)wait_ms * NS_PER_MS : 0);

    for (;;) {
        int fd = open_once(dir, why, why_bytes);
        if (fd >= 0 && !is_trusted(fd, dir, why, why_bytes))
            close_fd(&fd);
        if (fd >= 0 || errno != EAGAIN || mono_now().ns >= deadline)
            return fd;
        poll(NULL, 0, 10);
    }
}

/* Printable, its lines kept; NULL when memory runs out. */
static char *scrub_lines(struct span text)
{
    size_t room = text.n * 4 + 1;
    char *clean = malloc(room);
    struct out o = out_into(clean, clean ? room - 1 : 0);

    if (!clean)
        return NULL;
    while (text.p) {
        escape_visible(&o, span_cut(&text, '\n'));
        if (text.p)
            out_char(&o, '\n');
    }
    *o.p = '\0';
    return clean;
}

/* Fills reply from a parsed packet. NULL, or what is wrong with it. */
static const char *take_fields(const json_t *root, struct control_reply *reply)
{
    const json_t *ok = json_object_get(root, "ok");
    const json_t *message = json_object_get(root, "message");
    const json_t *op = json_object_get(root, "op");

    if (!json_is_boolean(ok))
        return "it has no \"ok\"";
    if (!json_is_string(message))
        return "it has no \"message\"";
    if (op &&
        (!json_is_integer(op) || json_integer_value(op) < 0 || json_integer_value(op) > UINT32_MAX))
        return "its \"op\" is not a number";
    reply->ok = json_is_true(ok);
    reply->op = op ? (uint32_t)json_integer_value(op) : 0;
    reply->message = scrub_lines(span_of(json_string_value(message), json_string_length(message)));
    return reply->message ? NULL : "out of memory";
}

static bool take_reply(const char *packet, size_t n, struct control_reply *reply, char *why,
                       size_t why_bytes)
{
    json_error_t error;
    json_t *root = json_loadb(packet, n, 0, &error);
    const char *wrong = root ? take_fields(root, reply) : "it is not JSON";

    json_decref(root);
    return !wrong || say(why, why_bytes, "the answer makes no sense: %s", wrong);
}

/* 1: there is something to receive (or the end); 0: not within the time; -1 with errno. */
static int wait_readable(int fd, int wait_ms)
{
    uint64_t deadline = mono_now().ns + (uint64_t)wait_ms * NS_PER_MS;
    struct pollfd p = {.fd = fd, .events = POLLIN};

    for (;;) {
        uint64_t now = mono_now().ns;
        int left = now < deadline ? (int)((deadline - now + NS_PER_MS - 1) / NS_PER_MS) : 0;
        int n = poll(&p, 1, left);
        if (n >= 0 || errno != EINTR)
            return n;
    }
}

/*
 * A server that closes the connection before it has read a request makes the next call fail
 * with ECONNRESET, once; what it sent before it closed is still there.
 */
static ssize_t receive_bytes(int fd, char *packet, int *passed_fd)
{
    ssize_t n = fd_recv_with(fd, packet, CONTROL_REPLY_BYTES + 1, passed_fd);

    return n < 0 && errno == ECONNRESET
               ? fd_recv_with(fd, packet, CONTROL_REPLY_BYTES + 1, passed_fd)
               : n;
}

/* Receives into packet, which has room for one byte more than a reply may have. */
static int receive_packet(int fd, char *packet, struct control_reply *reply, char *why,
                          size_t why_bytes)
{
    ssize_t n = receive_bytes(fd, packet, &reply->passed_fd);

    if (n < 0 && errno == EAGAIN)
        return 0;
    if (n < 0)
        say(why, why_bytes, "the control connection broke: %s", strerror(errno));
    else if (n == 0)
        say(why, why_bytes, "weir closed the control connection");
    else if (n > CONTROL_REPLY_BYTES)
        say(why, why_bytes, "the answer is longer than %d bytes", CONTROL_REPLY_BYTES);
    else if (take_reply(packet, (size_t)n, reply, why, why_bytes))
        return 1;
    return -1;
}

int control_receive(int fd, int wait_ms, struct control_reply *reply, char *why, size_t why_bytes)
{
    char *packet;
    int got;

    *reply = (struct control_reply){.passed_fd = -1};
    if (wait_ms > 0) {
        int n = wait_readable(fd, wait_ms);
        if (n == 0)
            say(why, why_bytes, "weir did not answer within %d ms", wait_ms);
        else if (n < 0)
            say(why, why_bytes, "cannot wait for an answer: %s", strerror(errno));
        if (n <= 0)
            return -1;
    }
    packet = malloc(CONTROL_REPLY_BYTES + 1);
    if (!packet) {
        say(why, why_bytes, "out of memory");
        return -1;
    }
    got = receive_packet(fd, packet, reply, why, why_bytes);
    free(packet);
    if (got < 0)
        control_reply_free(reply);
    return got;
}

/* The server closed the connection: true when it had said why, which is then in why[]. */
static bool refused_with(int fd, char *why, size_t why_bytes)
{
    struct control_reply reply;
    char ignored[1];
    int saved = errno;
    bool refused = control_receive(fd, 0, &reply, ignored, sizeof ignored) == 1 && !reply.ok;

    if (refused)
        say(why, why_bytes, "%s", reply.message);
    control_reply_free(&reply);
    errno = saved;
    return refused;
}

bool control_send(int fd, const char *request, char *why, size_t why_bytes)
{
    size_t n = strlen(request);

    if (n == 0)
        return say(why, why_bytes, "the request is empty");
    if (n > CONTROL_REQUEST_BYTES)
        return say(why, why_bytes, "a request is at most %d bytes", CONTROL_REQUEST_BYTES);
    if (fd_send_with(fd, request, n, -1) >= 0)
        return true;
    if (errno == EAGAIN)
        return say(why, why_bytes, "weir has not taken the requests before this one");
    if (errno == EPIPE && refused_with(fd, why, why_bytes))
        return false;
    return say(why, why_bytes, "weir closed the control connection: %s", strerror(errno));
}

bool control_ask(const char *dir, const char *request, int wait_ms, struct control_reply *reply,
                 char *why, size_t why_bytes)
{
    int fd = control_open(dir, wait_ms, why, why_bytes);
    int got = -1;

    *reply = (struct control_reply){.passed_fd = -1};
    if (fd < 0)
        return false;
    if (control_send(fd, request, why, why_bytes))
        got = control_receive(fd, wait_ms > 0 ? wait_ms : 1, reply, why, why_bytes);
    close_fd(&fd);
    return got == 1;
}
