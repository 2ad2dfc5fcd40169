/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A load of HTTP/1.1 GETs on 127.0.0.1 in a closed loop, for what wrk cannot do: a new connection
 * for each request, another file for each, so many requests and no more. One thread, epoll(7);
 * each connection asks again as soon as it has its answers.
 *
 *     closedloop [-m keep|new|close] [-c CONNECTIONS] [-s SECONDS] [-n REQUESTS] [-p DEPTH]
 *                [-f FILES] [-e STATUS] [-H FIELD]... PORT PATH
 *
 * -m new: the client closes after each answer; close: it asks for Connection: close and waits
 * until the server has closed. Both, and more than 1,000 connections, take turns through 64
 * loopback addresses, so that ports last. -p: so many requests are sent at once and answered before
 * the next. -f: {} in PATH becomes 0 to FILES-1 in turn. Ends -s seconds after all
 * have connected, or after -n answers. Prints one object of JSON: answers, those of another status
 * than -e, bytes received, seconds, lost (connections that ended within an answer, or were
 * refused). Bodies are not looked at and must have a Content-Length, or with close may end with the
 * connection. Benchmarks only.
 */
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define HEAD_BYTES    4096
#define BUFFER_BYTES  (256 * 1024)
#define REQUEST_BYTES 2048
#define DEPTH_MAX     64
#define ADDRESSES     64
#define LOST_MAX      10000
#define EVENTS        256
#define UNTIL_CLOSE   INT64_MAX

enum mode { KEEP, NEW, CLOSE };

struct connection {
    int fd;               /* -1: none */
    unsigned outstanding; /* requests sent and not answered */
    bool in_body;
    int64_t body_left;
    uint32_t head_n; /* of a head that two reads share */
    char *request;   /* what is not sent of it yet */
    size_t request_n;
    char head[HEAD_BYTES];
};

static struct {
    enum mode mode;
    unsigned connections, depth;
    double seconds;
    uint64_t requests, files;
    int status, port;
    char fields[1024];
    char path[1024];
} option = {.connections = 64, .depth = 1, .seconds = 10, .status = 200};

static struct connection *all;
static int loop_fd;
static uint64_t sent, answered, other_status, bytes, lost, opened;

static double now_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void die(const char *what)
{
    fprintf(stderr, "closedloop: %s: %s\n", what, strerror(errno));
    exit(1);
}

/* --- asking --- */

static size_t compose(char *to, size_t room)
{
    const char *mark = option.files ? strstr(option.path, "{}") : NULL;
    int n;

    if (mark)
        n = snprintf(to, room, "GET %.*s%" PRIu64 "%s HTTP/1.1\r\nHost: localhost\r\n%s\r\n",
                     (int)(mark - option.path), option.path, sent % option.files, mark + 2,
                     option.fields);
    else
        n = snprintf(to, room, "GET %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n", option.path,
                     option.fields);
    if (n < 0 || (size_t)n >= room) {
        fprintf(stderr, "closedloop: the request is too long\n");
        exit(1);
    }
    sent++;
    return (size_t)n;
}

/* How many requests go out at once now; 0 when -n is exhausted. */
static unsigned batch(void)
{
    uint64_t left = option.requests ? option.requests - sent : option.depth;

    return left < option.depth ? (unsigned)left : option.depth;
}

/* False when the connection is lost. */
static bool flush(struct connection *c)
{
    ssize_t n = send(c->fd, c->request, c->request_n, MSG_NOSIGNAL);

    if (n < 0 && errno != EAGAIN && errno != EINTR && errno != ENOTCONN)
        return false;
    if (n > 0) {
        c->request_n -= (size_t)n;
        memmove(c->request, c->request + n, c->request_n);
    }
    struct epoll_event e = {.events = EPOLLIN | (c->request_n ? (uint32_t)EPOLLOUT : 0),
                            .data.ptr = c};
    if (c->request_n && epoll_ctl(loop_fd, EPOLL_CTL_MOD, c->fd, &e) < 0)
        die("epoll_ctl");
    return true;
}

static bool ask(struct connection *c)
{
    unsigned n = batch();

    for (unsigned i = 0; i < n; i++)
        c->request_n += compose(c->request + c->request_n, REQUEST_BYTES);
    c->outstanding = n;
    return n == 0 || flush(c);
}

/* --- connections --- */

static void hang_up(struct connection *c)
{
    if (c->fd >= 0)
        close(c->fd);
    sent -= c->outstanding; /* those are asked again */
    c->fd = -1;
    c->outstanding = 0;
    c->in_body = false;
    c->head_n = 0;
    c->request_n = 0;
}

static bool connect_it(struct connection *c)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)option.port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_in from = {.sin_family = AF_INET,
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK + opened % ADDRESSES)};
    int one = 1;

    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0)
        die("socket");
    opened++;
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (option.mode != KEEP || option.connections > 1000) {
        setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
        if (bind(c->fd, (struct sockaddr *)&from, sizeof from) < 0)
            die("bind");
    }
    if (connect(c->fd, (struct sockaddr *)&to, sizeof to) < 0 && errno != EINPROGRESS)
        return false;
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
    if (epoll_ctl(loop_fd, EPOLL_CTL_ADD, c->fd, &e) < 0)
        die("epoll_ctl");
    return true;
}

/* Opens a connection and asks on it, unless there is nothing left to ask. */
static void start(struct connection *c)
{
    while (batch() > 0) {
        if (connect_it(c) && ask(c))
            return;
        hang_up(c);
        if (++lost >= LOST_MAX) {
            fprintf(stderr, "closedloop: %d connections lost: %s\n", LOST_MAX, strerror(errno));
            exit(1);
        }
    }
}

/* The connection has ended by itself; a failure when it was within an answer. */
static void ended(struct connection *c)
{
    if (c->in_body && c->body_left == UNTIL_CLOSE && c->outstanding > 0) {
        c->outstanding = 0;
        answered++;
    } else if (c->head_n > 0 || c->in_body || (c->outstanding > 0 && option.depth == 1)) {
        lost++;
    }
    hang_up(c);
    if (lost >= LOST_MAX) {
        fprintf(stderr, "closedloop: %d connections lost\n", LOST_MAX);
        exit(1);
    }
    start(c);
}

/* --- answers --- */

static const char *field(const char *head, const char *name)
{
    size_t n = strlen(name);

    for (const char *p = strstr(head, "\r\n"); p; p = strstr(p + 2, "\r\n"))
        if (strncasecmp(p + 2, name, n) == 0 && p[2 + n] == ':')
            return p + 3 + n;
    return NULL;
}

/* A whole head, which ends in a NUL. False when it is none that is understood here. */
static bool take_head(struct connection *c, const char *head)
{
    if (strncmp(head, "HTTP/1.", 7) != 0)
        return false;
    int status = (int)strtol(head + 9, NULL, 10);
    const char *length = field(head, "Content-Length");
    if (status != option.status)
        other_status++;
    if (status == 304 || status == 204)
        c->body_left = 0;
    else if (length)
        c->body_left = strtoll(length, NULL, 10);
    else if (option.mode == CLOSE && !field(head, "Transfer-Encoding"))
        c->body_left = UNTIL_CLOSE;
    else
        return false;
    c->in_body = true;
    return status >= 200;
}

/* Takes a head, or more of one, from p[0..n): how many bytes, or -1. */
static int64_t take_head_bytes(struct connection *c, const char *p, size_t n)
{
    size_t room = HEAD_BYTES - 1 - c->head_n, before = c->head_n;
    size_t take = n < room ? n : room;

    memcpy(c->head + c->head_n, p, take);
    c->head_n += (uint32_t)take;
    c->head[c->head_n] = '\0';
    size_t from = before > 3 ? before - 3 : 0;
    char *end = memmem(c->head + from, c->head_n - from, "\r\n\r\n", 4);
    if (!end)
        return c->head_n < HEAD_BYTES - 1 ? (int64_t)take : -1;
    end[2] = '\0';
    c->head_n = 0;
    return take_head(c, c->head) ? end + 4 - c->head - (int64_t)before : -1;
}

/* False when the connection is lost or has been replaced. */
static bool take(struct connection *c, const char *p, int64_t n)
{
    while (n > 0 || (c->in_body && c->body_left == 0)) {
        int64_t did;
        if (!c->in_body) {
            did = take_head_bytes(c, p, (size_t)n);
            if (did < 0 || c->outstanding == 0) {
                ended(c);
                return false;
            }
        } else {
            did = c->body_left < n ? c->body_left : n;
            c->body_left -= c->body_left == UNTIL_CLOSE ? 0 : did;
        }
        p += did;
        n -= did;
        if (c->in_body && c->body_left == 0 && option.mode != CLOSE) {
            c->in_body = false;
            c->outstanding--;
            answered++;
        } else if (c->in_body && c->body_left == 0) {
            c->body_left = UNTIL_CLOSE; /* complete: nothing may come but the end */
        }
    }
    return true;
}

/* Reads what there is; a long body without copying it (MSG_TRUNC). */
static void receive(struct connection *c)
{
    static char buffer[BUFFER_BYTES];
    bool skip = c->in_body && c->body_left > BUFFER_BYTES && c->body_left != UNTIL_CLOSE;
    int64_t want = skip ? (c->body_left < 4 << 20 ? c->body_left : 4 << 20) : BUFFER_BYTES;
    ssize_t n = recv(c->fd, skip ? NULL : buffer, (size_t)want, skip ? MSG_TRUNC : 0);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        ended(c);
        return;
    }
    bytes += (uint64_t)n;
    if (skip) {
        c->body_left -= n;
        if (c->body_left > 0)
            return;
        n = 0;
    }
    if (!take(c, buffer, n) || c->outstanding > 0 || option.mode == CLOSE)
        return;
    if (option.mode == KEEP && ask(c))
        return;
    hang_up(c);
    start(c);
}

static void handle(struct connection *c, uint32_t events)
{
    if (c->fd < 0)
        return;
    if (c->request_n > 0 && (events & EPOLLOUT)) {
        bool good = flush(c);
        struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
        if (good && c->request_n == 0 && epoll_ctl(loop_fd, EPOLL_CTL_MOD, c->fd, &e) < 0)
            die("epoll_ctl");
        if (!good) {
            ended(c);
            return;
        }
    }
    if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
        receive(c);
}

static void run(double end_s)
{
    struct epoll_event events[EVENTS];

    while (option.requests == 0 || answered < option.requests) {
        double left = end_s - now_s();
        if (left <= 0)
            return;
        int n = epoll_wait(loop_fd, events, EVENTS, left < 1 ? (int)(left * 1000) + 1 : 1000);
        if (n < 0 && errno != EINTR)
            die("epoll_wait");
        for (int i = 0; i < n; i++)
            handle(events[i].data.ptr, events[i].events);
    }
}

/* --- options --- */

static void add_field(const char *text)
{
    size_t n = strlen(option.fields);
    int did = snprintf(option.fields + n, sizeof option.fields - n, "%s\r\n", text);

    if (did < 0 || (size_t)did >= sizeof option.fields - n) {
        fprintf(stderr, "closedloop: too many fields\n");
        exit(2);
    }
}

static bool set_option(int o)
{
    switch (o) {
    case 'm':
        option.mode = strcmp(optarg, "new") == 0     ? NEW
                      : strcmp(optarg, "close") == 0 ? CLOSE
                                                     : KEEP;
        return option.mode != KEEP || strcmp(optarg, "keep") == 0;
    case 'c':
        option.connections = (unsigned)strtoul(optarg, NULL, 10);
        return option.connections > 0;
    case 's':
        option.seconds = strtod(optarg, NULL);
        return option.seconds > 0;
    case 'n':
        option.requests = strtoull(optarg, NULL, 10);
        return true;
    case 'p':
        option.depth = (unsigned)strtoul(optarg, NULL, 10);
        return option.depth > 0 && option.depth <= DEPTH_MAX;
    case 'f':
        option.files = strtoull(optarg, NULL, 10);
        return true;
    case 'e':
        option.status = (int)strtol(optarg, NULL, 10);
        return true;
    case 'H':
        add_field(optarg);
        return true;
    default:
        return false;
    }
}

static bool parse_options(int argc, char **argv)
{
    int o;

    while ((o = getopt(argc, argv, "m:c:s:n:p:f:e:H:")) != -1)
        if (!set_option(o))
            return false;
    if (argc - optind != 2 || (option.mode != KEEP && option.depth > 1))
        return false;
    option.port = (int)strtol(argv[optind], NULL, 10);
    snprintf(option.path, sizeof option.path, "%s", argv[optind + 1]);
    if (option.mode == CLOSE)
        add_field("Connection: close");
    return true;
}

int main(int argc, char **argv)
{
    struct rlimit files;

    if (!parse_options(argc, argv)) {
        fprintf(stderr,
                "usage: closedloop [-m keep|new|close] [-c CONNECTIONS] [-s SECONDS] "
                "[-n REQUESTS] [-p DEPTH] [-f FILES] [-e STATUS] [-H FIELD]... PORT PATH\n");
        return 2;
    }
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    loop_fd = epoll_create1(EPOLL_CLOEXEC);
    all = calloc(option.connections, sizeof *all);
    char *requests = calloc(option.connections, (size_t)option.depth * REQUEST_BYTES);
    if (loop_fd < 0 || !all || !requests)
        die("start");
    for (unsigned i = 0; i < option.connections; i++) {
        all[i].fd = -1;
        all[i].request = requests + (size_t)i * option.depth * REQUEST_BYTES;
        start(&all[i]);
    }
    double begun_s = now_s();
    run(begun_s + option.seconds);
    printf("{\"answers\": %" PRIu64 ", \"other_status\": %" PRIu64 ", \"bytes\": %" PRIu64
           ", \"seconds\": %.6f, \"lost\": %" PRIu64 "}\n",
           answered, other_status, bytes, now_s() - begun_s, lost);
    free(requests);
    free(all);
    return 0;
}
