/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the kernel itself charges for serving a file over TCP: the floor that weir's cost per
 * request is measured against. A single thread, one level-triggered epoll loop. It parses nothing
 * but where heads end, so as to know how many requests came, and answers each with one and the
 * same response: up to 64 KiB from memory with one send, above with the head (MSG_MORE) and
 * sendfile of a file that stays open. A new connection is read at once after accept; TCP_NODELAY
 * is set. Between two requests of a connection there is exactly epoll_wait, recv and what sends.
 *
 *     floor [-x] PORT FILE [SIZE]
 *
 * serves FILE, or its first SIZE bytes, on 127.0.0.1:PORT until SIGTERM. With -x it closes each
 * connection after its first response, which then says so. No timers, no log, no limits: it is
 * no server, only a measure. Benchmarks only.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define MEMORY_BYTES  65536 /* a body up to this is sent from memory */
#define HEAD_BYTES    256
#define RECEIVE_BYTES 65536
#define TAIL_BYTES    3 /* of an end of head that two reads share */
#define EVENTS        512

struct connection {
    uint64_t pending;   /* responses to send, the one begun included */
    int64_t sent_bytes; /* of the one begun */
    bool blocked;       /* waits for EPOLLOUT and is not read */
    uint8_t tail_n;
    char tail[TAIL_BYTES];
};

static struct {
    char bytes[HEAD_BYTES + MEMORY_BYTES]; /* the head, and the body when it is small */
    int64_t head_n, memory_n, total_n;
    int file;
} response;

static struct connection *connections; /* by descriptor */
static size_t connection_room;
static int loop_fd, listen_fd, signal_fd;
static bool accepting = true, close_after;

static void die(const char *what)
{
    fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void watch(int fd, int how, uint32_t events)
{
    struct epoll_event e = {.events = events, .data.fd = fd};

    if (epoll_ctl(loop_fd, how, fd, &e) < 0)
        die("epoll_ctl");
}

static void hang_up(int fd)
{
    close(fd);
    if (!accepting) {
        accepting = true;
        watch(listen_fd, EPOLL_CTL_MOD, EPOLLIN);
    }
}

/* One attempt at the rest of a response. -1: the connection is lost. */
static int64_t send_some(int fd, const struct connection *c)
{
    if (c->sent_bytes < response.memory_n) {
        bool more = response.total_n > response.memory_n;
        int64_t n =
            send(fd, response.bytes + c->sent_bytes, (size_t)(response.memory_n - c->sent_bytes),
                 MSG_NOSIGNAL | (more ? MSG_MORE : 0));
        return n < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : n;
    }
    off_t at = c->sent_bytes - response.head_n;
    int64_t n = sendfile(fd, response.file, &at, (size_t)(response.total_n - c->sent_bytes));
    if (n == 0)
        errno = EIO; /* the file became shorter */
    return n < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : n > 0 ? n : -1;
}

/* Sends what is pending until the socket is full. False when the connection is over. */
static bool send_pending(int fd, struct connection *c)
{
    bool was_blocked = c->blocked;

    c->blocked = false;
    while (c->pending > 0 && !c->blocked) {
        int64_t goal = c->sent_bytes < response.memory_n ? response.memory_n : response.total_n;
        int64_t n = send_some(fd, c);
        if (n < 0)
            return false;
        c->sent_bytes += n;
        c->blocked = c->sent_bytes < goal;
        if (c->sent_bytes == response.total_n) {
            if (close_after)
                return false;
            c->sent_bytes = 0;
            c->pending--;
        }
    }
    if (c->blocked != was_blocked)
        watch(fd, EPOLL_CTL_MOD, c->blocked ? EPOLLOUT : EPOLLIN);
    return true;
}

/* How many heads end in p[0..n). Keeps the beginning of an end for the next read. */
static unsigned count_heads(struct connection *c, const char *p, size_t n)
{
    const char *end = p + n, *from = p;
    unsigned count = 0;

    for (const char *at = p; end - at >= 4 && (at = memchr(at, '\r', (size_t)(end - at - 3)));) {
        if (memcmp(at, "\r\n\r\n", 4) == 0) {
            count++;
            at += 4;
            from = at;
        } else {
            at += at[2] == '\r' ? 2 : 1;
        }
    }
    c->tail_n = (uint8_t)(end - from < TAIL_BYTES ? end - from : TAIL_BYTES);
    memcpy(c->tail, end - c->tail_n, c->tail_n);
    return count;
}

/* Reads once and answers what came. False when the connection is over. */
static bool read_requests(int fd, struct connection *c)
{
    static char buffer[TAIL_BYTES + RECEIVE_BYTES];
    ssize_t n = recv(fd, buffer + TAIL_BYTES, RECEIVE_BYTES, 0);

    if (n < 0)
        return errno == EAGAIN || errno == EINTR;
    if (n == 0)
        return false;
    char *p = buffer + TAIL_BYTES - c->tail_n;
    memcpy(p, c->tail, c->tail_n);
    c->pending += count_heads(c, p, c->tail_n + (size_t)n);
    return c->pending == 0 || send_pending(fd, c);
}

/* One connection for each event: the loop comes back while there are more. */
static void accept_one(void)
{
    int one = 1, fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd < 0) {
        bool full = errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS;
        if (errno == EBADF || errno == EINVAL || errno == ENOTSOCK || errno == EFAULT)
            die("accept4");
        if (full) {
            accepting = false; /* until a connection ends */
            watch(listen_fd, EPOLL_CTL_MOD, 0);
        }
        return;
    }
    if ((size_t)fd >= connection_room) {
        hang_up(fd);
        return;
    }
    if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) < 0) {
        hang_up(fd);
        return;
    }
    struct connection *c = &connections[fd];
    *c = (struct connection){0};
    struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};
    if (epoll_ctl(loop_fd, EPOLL_CTL_ADD, fd, &e) < 0 || !read_requests(fd, c))
        hang_up(fd);
}

/* Until SIGTERM. */
static void run(void)
{
    struct epoll_event events[EVENTS];

    for (;;) {
        int n = epoll_wait(loop_fd, events, EVENTS, -1);
        if (n < 0 && errno != EINTR)
            die("epoll_wait");
        for (int i = 0; i < n; i++) {
            int fd = events[i].data.fd;
            if (fd == signal_fd)
                return;
            if (fd == listen_fd) {
                accept_one();
                continue;
            }
            struct connection *c = &connections[fd];
            if (!(c->blocked ? send_pending(fd, c) : read_requests(fd, c)))
                hang_up(fd);
        }
    }
}

/* --- the start --- */

static void prepare_response(const char *path, const char *size)
{
    struct stat st;
    char *end = NULL;

    response.file = open(path, O_RDONLY | O_CLOEXEC);
    if (response.file < 0 || fstat(response.file, &st) < 0)
        die(path);
    int64_t body_n = size ? strtoll(size, &end, 10) : st.st_size;
    if ((end && *end) || body_n < 0 || body_n > st.st_size) {
        fprintf(stderr, "floor: %s has %" PRId64 " bytes\n", path, (int64_t)st.st_size);
        exit(1);
    }
    int n = snprintf(response.bytes, HEAD_BYTES,
                     "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n"
                     "Content-Length: %" PRId64 "\r\n%s\r\n",
                     body_n, close_after ? "Connection: close\r\n" : "");
    response.head_n = response.memory_n = n;
    response.total_n = n + body_n;
    if (body_n > MEMORY_BYTES)
        return;
    for (int64_t got = 0; got < body_n;) {
        ssize_t did = pread(response.file, response.bytes + n + got, (size_t)(body_n - got), got);
        if (did == 0)
            errno = EIO;
        if (did == 0 || (did < 0 && errno != EINTR))
            die(path);
        got += did > 0 ? did : 0;
    }
    response.memory_n = response.total_n;
}

static void prepare_connections(void)
{
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) < 0)
        die("getrlimit");
    files.rlim_cur = files.rlim_max < 1 << 20 ? files.rlim_max : 1 << 20;
    if (setrlimit(RLIMIT_NOFILE, &files) < 0)
        die("setrlimit");
    connection_room = (size_t)files.rlim_cur;
    connections = calloc(connection_room, sizeof *connections);
    if (!connections)
        die("calloc");
}

static void prepare_loop(const char *port)
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)strtoul(port, NULL, 10)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int one = 1;
    sigset_t term;

    signal(SIGPIPE, SIG_IGN); /* sendfile has no MSG_NOSIGNAL */
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    sigprocmask(SIG_BLOCK, &term, NULL);
    loop_fd = epoll_create1(EPOLL_CLOEXEC);
    if (loop_fd < 0)
        die("epoll_create1");
    signal_fd = signalfd(-1, &term, SFD_CLOEXEC | SFD_NONBLOCK);
    if (signal_fd < 0)
        die("signalfd");
    listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (listen_fd < 0 || setsockopt(listen_fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) < 0 ||
        bind(listen_fd, (struct sockaddr *)&at, sizeof at) < 0 || listen(listen_fd, 4096) < 0)
        die("listening");
    watch(signal_fd, EPOLL_CTL_ADD, EPOLLIN);
    watch(listen_fd, EPOLL_CTL_ADD, EPOLLIN);
}

int main(int argc, char **argv)
{
    int o;

    while ((o = getopt(argc, argv, "x")) == 'x')
        close_after = true;
    if (o != -1 || argc - optind < 2 || argc - optind > 3) {
        fprintf(stderr, "usage: floor [-x] PORT FILE [SIZE]\n");
        return 2;
    }
    prepare_response(argv[optind + 1], argv[optind + 2]);
    prepare_connections();
    prepare_loop(argv[optind]);
    run();
    free(connections);
    return 0;
}
