/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A load of HTTP/1.1 GETs over keep-alive connections on 127.0.0.1, in one of two manners:
 *
 * - an open loop (-r RATE): when a request is due is fixed before the run and does not depend on
 *   answers. A connection that still waits for an answer when its next request is due sends that
 *   one later, but its latency counts from when it was due, so that a stall is charged to every
 *   request it holds up. Requests without an answer at the end count with their age then. Where it
 *   may (as root), it runs before other processes, so that its own waits for a CPU are not counted.
 * - a closed loop (without -r): each connection asks again as soon as it has the whole answer
 *   (-p MS: so much later), which is how many clients download.
 *
 *     openloop [-r RATE] [-c CONNECTIONS] [-s SECONDS] [-w SECONDS] [-p MS] [-f FIRST]
 *              [-n COUNT] PORT PATH
 *
 * {} in PATH becomes a number that counts from FIRST, another for each request; with -n one of
 * the COUNT numbers from FIRST on, at random. The first -w seconds are not measured. Prints one
 * object of JSON: requests, errors (connections that ended in an answer, or were refused),
 * unanswered, latencies, bytes, and the same by status. Answers must have a Content-Length.
 * One thread, poll(2). Benchmarks only.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S      UINT64_C(1000000000)
#define NS_PER_MS     UINT64_C(1000000)
#define HEAD_BYTES    8192
#define SLOW_MS       100.0
#define CONNECT_AGAIN (10 * NS_PER_MS) /* after a connection that could not be made or was lost */

struct connection {
    int fd;    /* -1: none */
    bool busy; /* a request is out, or is due and waits for the connection */
    bool sent;
    uint64_t due_ns; /* of the request that is out, or of the next */
    uint64_t not_before_ns;
    size_t head_n;
    uint64_t body_left;
    int status; /* 0 until the head is complete */
    bool closes;
    char head[HEAD_BYTES];
};

struct sample {
    int status; /* 0: the connection ended instead */
    double ms;
};

static struct {
    double rate;
    unsigned connections;
    double seconds, warm_seconds;
    uint64_t pause_ns, number, first, count;
    int port;
    const char *path;
} option = {.connections = 20, .seconds = 10};

static struct sample *samples;
static size_t sample_count, sample_room;
static uint64_t start_ns, measure_ns, end_ns, step_ns;
static uint64_t bytes_measured;
static unsigned errors, unanswered;

static uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

static void note(int status, uint64_t due_ns, uint64_t now)
{
    if (due_ns < measure_ns)
        return;
    if (sample_count == sample_room) {
        sample_room = sample_room ? 2 * sample_room : 4096;
        samples = realloc(samples, sample_room * sizeof *samples);
        if (!samples) {
            perror("openloop");
            exit(1);
        }
    }
    samples[sample_count++] = (struct sample){status, (double)(now - due_ns) / 1e6};
}

/* --- one connection --- */

static void hang_up(struct connection *c)
{
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
    c->sent = false;
    c->head_n = 0;
    c->status = 0;
}

/* The answer is complete or lost: when is this connection's next request due? */
static void next_request(struct connection *c, uint64_t now)
{
    c->busy = false;
    c->sent = false;
    c->head_n = 0;
    c->status = 0;
    c->due_ns = option.rate > 0 ? c->due_ns + step_ns : now + option.pause_ns;
}

static void lost(struct connection *c, uint64_t now)
{
    hang_up(c);
    if (c->due_ns >= measure_ns)
        errors++;
    note(0, c->due_ns, now);
    c->not_before_ns = now + CONNECT_AGAIN;
    next_request(c, now);
}

static bool connect_it(struct connection *c)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)option.port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int one = 1;

    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0)
        return false;
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(c->fd, (struct sockaddr *)&to, sizeof to) == 0 || errno == EINPROGRESS)
        return true;
    hang_up(c);
    return false;
}

/* Sends the request; a socket still connecting says so with EAGAIN and is tried again. */
static void send_request(struct connection *c, uint64_t now)
{
    char text[1024];
    const char *mark = strstr(option.path, "{}");
    int n;

    if (option.count > 0)
        option.number = option.first + (uint64_t)random() % option.count;
    if (c->fd < 0 && !connect_it(c)) {
        lost(c, now);
        return;
    }
    if (mark)
        n = snprintf(text, sizeof text, "GET %.*s%" PRIu64 "%s HTTP/1.1\r\nHost: localhost\r\n\r\n",
                     (int)(mark - option.path), option.path, option.number, mark + 2);
    else
        n = snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", option.path);
    ssize_t did = send(c->fd, text, (size_t)n, MSG_NOSIGNAL);
    if (did == n) {
        c->sent = true;
        option.number++;
    } else if (did >= 0 || (errno != EAGAIN && errno != ENOTCONN)) {
        lost(c, now);
    }
}

/* The value of a field of the head, which ends in a NUL; NULL without it. */
static const char *field(const char *head, const char *name)
{
    size_t n = strlen(name);

    for (const char *p = strstr(head, "\r\n"); p; p = strstr(p + 2, "\r\n"))
        if (strncasecmp(p + 2, name, n) == 0 && p[2 + n] == ':') {
            p += 3 + n;
            while (*p == ' ')
                p++;
            return p;
        }
    return NULL;
}

/* Takes the head apart when it is complete. False when it is none that is understood here. */
static bool parse_head(struct connection *c)
{
    c->head[c->head_n] = '\0';
    char *end = strstr(c->head, "\r\n\r\n");
    if (!end)
        return c->head_n < HEAD_BYTES - 1;
    size_t more = c->head_n - (size_t)(end + 4 - c->head);
    end[2] = '\0';
    const char *length = field(c->head, "Content-Length");
    const char *connection = field(c->head, "Connection");
    if (strncmp(c->head, "HTTP/1.1 ", 9) != 0 || !length)
        return false;
    c->status = (int)strtol(c->head + 9, NULL, 10);
    c->closes = connection && strncasecmp(connection, "close", 5) == 0;
    uint64_t bytes = strtoull(length, NULL, 10);
    if (c->status < 200 || more > bytes)
        return false;
    c->body_left = bytes - more;
    return true;
}

static void complete(struct connection *c, uint64_t now)
{
    bool closes = c->closes;

    note(c->status, c->due_ns, now);
    next_request(c, now);
    if (closes)
        hang_up(c);
}

/* Reads what there is, the body without copying it (MSG_TRUNC). */
static void read_answer(struct connection *c)
{
    for (int turn = 0; turn < 16; turn++) {
        ssize_t n;
        if (c->status == 0)
            n = recv(c->fd, c->head + c->head_n, HEAD_BYTES - 1 - c->head_n, 0);
        else
            n = recv(c->fd, NULL, c->body_left < 1 << 20 ? (size_t)c->body_left : 1 << 20,
                     MSG_TRUNC);
        uint64_t now = now_ns();
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (n <= 0) {
            lost(c, now);
            return;
        }
        if (now >= measure_ns)
            bytes_measured += (uint64_t)n;
        if (c->status != 0) {
            c->body_left -= (uint64_t)n;
        } else {
            c->head_n += (size_t)n;
            if (!parse_head(c)) {
                lost(c, now);
                return;
            }
        }
        if (c->status != 0 && c->body_left == 0) {
            complete(c, now);
            return;
        }
    }
}

/* --- the run --- */

/* Starts what is due; returns when to look again. */
static uint64_t start_due(struct connection *all, struct pollfd *fds, uint64_t now)
{
    uint64_t next = end_ns;

    for (unsigned i = 0; i < option.connections; i++) {
        struct connection *c = &all[i];
        uint64_t when = c->due_ns > c->not_before_ns ? c->due_ns : c->not_before_ns;
        if (!c->sent && when <= now) {
            c->busy = true;
            send_request(c, now);
        } else if (!c->sent && when < next) {
            next = when;
        }
        fds[i].fd = c->fd;
        fds[i].events = (short)(c->busy && !c->sent ? POLLOUT : POLLIN);
    }
    return next;
}

static void handle(struct connection *c, short what)
{
    if (c->fd < 0 || what == 0)
        return;
    if (c->sent) {
        read_answer(c);
    } else if (c->busy) {
        send_request(c, now_ns());
    } else {
        hang_up(c); /* closed between two requests, as a server may */
    }
}

static void run(struct connection *all, struct pollfd *fds)
{
    for (uint64_t now = now_ns(); now < end_ns; now = now_ns()) {
        uint64_t next = start_due(all, fds, now);
        uint64_t wait = next > now ? next - now : 0;
        struct timespec t = {(time_t)(wait / NS_PER_S), (long)(wait % NS_PER_S)};
        if (ppoll(fds, option.connections, &t, NULL) < 0 && errno != EINTR) {
            perror("openloop: ppoll");
            exit(1);
        }
        for (unsigned i = 0; i < option.connections; i++)
            if (fds[i].fd >= 0)
                handle(&all[i], fds[i].revents);
    }
}

/* What is due and has no answer: each of a connection's requests that waits behind it, too. */
static void note_unanswered(struct connection *c)
{
    if (option.rate <= 0 && !c->sent)
        return;
    for (; c->due_ns < end_ns; c->due_ns += step_ns) {
        note(-1, c->due_ns, end_ns);
        unanswered += c->due_ns >= measure_ns;
        if (option.rate <= 0)
            return;
    }
}

/* --- the report --- */

static int by_time(const void *a, const void *b)
{
    double x = ((const struct sample *)a)->ms, y = ((const struct sample *)b)->ms;

    return x < y ? -1 : x > y;
}

static int by_status(const void *a, const void *b)
{
    int x = ((const struct sample *)a)->status, y = ((const struct sample *)b)->status;

    return x != y ? (x < y ? -1 : 1) : by_time(a, b);
}

static void print_times(const struct sample *s, size_t n)
{
    size_t slow = 0;

    for (size_t i = 0; i < n; i++)
        slow += s[i].ms > SLOW_MS;
    printf("\"count\": %zu, \"over_100ms\": %zu", n, slow);
    if (n > 0)
        printf(", \"p50_ms\": %.3f, \"p99_ms\": %.3f, \"p999_ms\": %.3f, \"max_ms\": %.3f",
               s[n / 2].ms, s[n * 99 / 100].ms, s[n * 999 / 1000].ms, s[n - 1].ms);
}

static void report(void)
{
    double seconds = (double)(end_ns - measure_ns) / 1e9;

    qsort(samples, sample_count, sizeof *samples, by_time);
    printf("{");
    print_times(samples, sample_count);
    printf(", \"errors\": %u, \"unanswered\": %u, \"bytes\": %" PRIu64
           ", \"mb_s\": %.3f, \"requests_s\": %.2f, \"statuses\": {",
           errors, unanswered, bytes_measured, (double)bytes_measured / 1e6 / seconds,
           (double)(sample_count - errors - unanswered) / seconds);
    qsort(samples, sample_count, sizeof *samples, by_status);
    const char *comma = "";
    for (size_t i = 0, n; i < sample_count; i += n) {
        for (n = 1; i + n < sample_count && samples[i + n].status == samples[i].status; n++)
            ;
        if (samples[i].status <= 0)
            continue;
        printf("%s\"%d\": {", comma, samples[i].status);
        print_times(samples + i, n);
        printf("}");
        comma = ", ";
    }
    printf("}}\n");
}

static bool parse_options(int argc, char **argv)
{
    int o;

    while ((o = getopt(argc, argv, "r:c:s:w:p:f:n:")) != -1) {
        switch (o) {
        case 'r':
            option.rate = strtod(optarg, NULL);
            break;
        case 'c':
            option.connections = (unsigned)strtoul(optarg, NULL, 10);
            break;
        case 's':
            option.seconds = strtod(optarg, NULL);
            break;
        case 'w':
            option.warm_seconds = strtod(optarg, NULL);
            break;
        case 'p':
            option.pause_ns = strtoull(optarg, NULL, 10) * NS_PER_MS;
            break;
        case 'f':
            option.number = option.first = strtoull(optarg, NULL, 10);
            break;
        case 'n':
            option.count = strtoull(optarg, NULL, 10);
            break;
        default:
            return false;
        }
    }
    if (argc - optind != 2 || option.connections == 0 || option.seconds <= option.warm_seconds)
        return false;
    option.port = (int)strtol(argv[optind], NULL, 10);
    option.path = argv[optind + 1];
    return true;
}

int main(int argc, char **argv)
{
    struct rlimit files;

    if (!parse_options(argc, argv)) {
        fprintf(stderr, "usage: openloop [-r RATE] [-c CONNECTIONS] [-s SECONDS] [-w SECONDS] "
                        "[-p MS] [-f FIRST] [-n COUNT] PORT PATH\n");
        return 2;
    }
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    prctl(PR_SET_TIMERSLACK, 1UL);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    /* What measures must not wait for the CPU beside those it measures; its own work is little. */
    if (option.rate > 0)
        (void)sched_setscheduler(0, SCHED_FIFO, &(struct sched_param){.sched_priority = 1});
    struct connection *all = calloc(option.connections, sizeof *all);
    struct pollfd *fds = calloc(option.connections, sizeof *fds);
    if (!all || !fds) {
        perror("openloop");
        return 1;
    }
    start_ns = now_ns() + 10 * NS_PER_MS;
    measure_ns = start_ns + (uint64_t)(option.warm_seconds * 1e9);
    end_ns = start_ns + (uint64_t)(option.seconds * 1e9);
    /* The connections take turns: with 20 of them at 500 a second, one every 40 ms each. */
    double apart = option.rate > 0 ? 1e9 / option.rate : 0;
    step_ns = option.rate > 0 ? (uint64_t)(apart * option.connections) : NS_PER_S;
    for (unsigned i = 0; i < option.connections; i++) {
        all[i].fd = -1;
        all[i].due_ns = start_ns + (uint64_t)(apart * i);
    }
    run(all, fds);
    for (unsigned i = 0; i < option.connections; i++) {
        note_unanswered(&all[i]);
        hang_up(&all[i]);
    }
    report();
    free(all);
    free(fds);
    free(samples);
    return 0;
}
