/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sources and the send queue over real sockets and files: the bytes that arrive must be those
 * that were meant, whatever the windows, buffers and kinds of chunk. The reader is in the same
 * process and reads whenever the queue says the socket is full, so nothing waits for time.
 */
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "net/sendq.h"

static struct board_slot slot;
static struct mono no_time;

/* A body of listed chunks, as multipart/byteranges makes one. */
struct listed {
    struct source source;
    const struct chunk *chunk;
    size_t count, at;
    int stops;
};

static void listed_pull(struct source *s, struct chunk *out)
{
    struct listed *l = s->owner;

    if (l->at < l->count)
        *out = l->chunk[l->at++];
}

static void listed_stop(struct source *s)
{
    struct listed *l = s->owner;

    l->stops++;
}

static const struct source_ops listed_ops = {.pull = listed_pull, .stop = listed_stop};

static void listed_start(struct listed *l, const struct chunk *chunk, size_t count)
{
    *l = (struct listed){.chunk = chunk, .count = count};
    l->source = (struct source){.ops = &listed_ops, .owner = l};
}

static struct chunk memory_chunk(const char *p, size_t n)
{
    return (struct chunk){.kind = CHUNK_MEMORY, .memory = span_of(p, n), .fd = -1};
}

static struct chunk file_chunk(int fd, uint64_t offset, uint64_t length)
{
    return (struct chunk){.kind = CHUNK_FILE, .fd = fd, .offset = offset, .length = length};
}

/* A file without a name, of bytes that tell their position. */
static char pattern_at(size_t i)
{
    return (char)((i * 2654435761U) >> 13);
}

static int pattern_file(size_t bytes)
{
    char name[] = "/tmp/weir-test-XXXXXX";
    int fd = mkstemp(name);
    char *p = malloc(bytes + 1);

    ck_assert_int_ge(fd, 0);
    ck_assert_ptr_nonnull(p);
    unlink(name);
    for (size_t i = 0; i < bytes; i++)
        p[i] = pattern_at(i);
    ck_assert(fd_write_all(fd, p, bytes));
    free(p);
    return fd;
}

enum carrier { UNIX_PAIR, TCP_LOOPBACK };

/* fd[0] sends with the smallest buffer there is, fd[1] reads. */
static void connect_pair(enum carrier carrier, int fd[2])
{
    const int tiny = 1;

    if (carrier == UNIX_PAIR) {
        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
    } else {
        struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
        socklen_t n = sizeof a;
        int listener = socket(AF_INET, SOCK_STREAM, 0);
        ck_assert_int_eq(bind(listener, (struct sockaddr *)&a, n), 0);
        ck_assert_int_eq(listen(listener, 1), 0);
        ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&a, &n), 0);
        fd[1] = socket(AF_INET, SOCK_STREAM, 0);
        setsockopt(fd[1], SOL_SOCKET, SO_RCVBUF, &tiny, sizeof tiny);
        ck_assert_int_eq(connect(fd[1], (struct sockaddr *)&a, n), 0);
        fd[0] = accept(listener, NULL, NULL);
        ck_assert_int_ge(fd[0], 0);
        close(listener);
    }
    setsockopt(fd[0], SOL_SOCKET, SO_SNDBUF, &tiny, sizeof tiny);
    ck_assert(fd_set_nonblock(fd[0], true));
    ck_assert(fd_set_nonblock(fd[1], true));
}

static void read_available(int fd, struct buf *to)
{
    for (;;) {
        ck_assert(buf_reserve(to, 65536));
        ssize_t n = read(fd, to->p + to->n, 65536);
        if (n <= 0)
            return;
        to->n += (size_t)n;
    }
}

struct outcome {
    enum sendq_result result;
    int yields, agains;
    struct buf got;
};

/* Drives the queue to its end, reading when the socket is full and after the end. */
static void drive(struct sendq *q, int fd[2], size_t window, struct outcome *o)
{
    memset(o, 0, sizeof *o);
    for (int turns = 0; turns < 100000; turns++) {
        uint64_t before = q->sent_bytes;
        uint64_t head_before = q->head.n;
        o->result = sendq_send(q, fd[0], window, false, &slot, no_time);
        ck_assert_uint_le(q->sent_bytes - before, window + head_before);
        if (o->result == SENDQ_YIELD) {
            o->yields++;
        } else if (o->result == SENDQ_AGAIN) {
            struct pollfd p = {.fd = fd[0], .events = POLLOUT};
            o->agains++;
            while (poll(&p, 1, 0) == 0) {
                struct pollfd in = {.fd = fd[1], .events = POLLIN};
                poll(&in, 1, 10);
                read_available(fd[1], &o->got);
            }
        } else {
            break;
        }
    }
    shutdown(fd[0], SHUT_WR);
    for (char byte; recv(fd[1], &byte, 1, MSG_PEEK) != 0;)
        read_available(fd[1], &o->got);
}

static void close_pair(int fd[2])
{
    close(fd[0]);
    close(fd[1]);
}

static void check_got(const struct outcome *o, const struct buf *want)
{
    ck_assert_uint_eq(o->got.n, want->n);
    ck_assert(memcmp(o->got.p, want->p, want->n) == 0);
}

static void want_pattern(struct buf *want, size_t offset, size_t n)
{
    ck_assert(buf_reserve(want, n));
    for (size_t i = 0; i < n; i++)
        want->p[want->n++] = pattern_at(offset + i);
}

START_TEST(memory_and_head)
{
    static const size_t windows[] = {1, 7, 4096, SENDQ_WINDOW_BYTES};
    size_t bytes = 300000;
    char *body = malloc(bytes);

    for (size_t i = 0; i < bytes; i++)
        body[i] = pattern_at(i);
    for (size_t w = 0; w < sizeof windows / sizeof *windows; w++)
        for (int carrier = UNIX_PAIR; carrier <= TCP_LOOPBACK; carrier++) {
            size_t n = windows[w] < 100 ? 2000 : bytes;
            struct source s;
            struct sendq q = {0};
            struct outcome o;
            struct buf want = {0};
            int fd[2];
            connect_pair((enum carrier)carrier, fd);
            source_memory(&s, span_of(body, n), NULL, NULL);
            sendq_start(&q, SPAN("HEAD\r\n\r\n"), &s);
            drive(&q, fd, windows[w], &o);
            ck_assert_int_eq((int)o.result, SENDQ_DONE);
            ck_assert_uint_eq(q.sent_bytes, n + 8);
            ck_assert_uint_eq(q.sendfile_bytes, 0);
            ck_assert(windows[w] >= n || o.yields + o.agains > 0);
            buf_add(&want, "HEAD\r\n\r\n", 8);
            want_pattern(&want, 0, n);
            check_got(&o, &want);
            source_stop(&s);
            buf_free(&want);
            buf_free(&o.got);
            close_pair(fd);
        }
    free(body);
}
END_TEST

START_TEST(file_slices)
{
    static const struct {
        size_t offset, end, window;
    } cases[] = {
        {0, 1000000, SENDQ_WINDOW_BYTES}, {0, 1000000, 4096}, {123457, 654321, 65536},
        {999999, 1000000, 4096},          {0, 0, 4096},       {10, 13, 1},
    };
    int file = pattern_file(1000000);

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int carrier = UNIX_PAIR; carrier <= TCP_LOOPBACK; carrier++) {
            size_t n = cases[i].end - cases[i].offset;
            struct source s;
            struct sendq q = {0};
            struct outcome o;
            struct buf want = {0};
            int fd[2];
            memset(&slot, 0, sizeof slot);
            connect_pair((enum carrier)carrier, fd);
            source_file(&s, file, cases[i].offset, cases[i].end, NULL, NULL);
            sendq_start(&q, SPAN("head"), &s);
            drive(&q, fd, cases[i].window, &o);
            ck_assert_int_eq((int)o.result, SENDQ_DONE);
            ck_assert_uint_eq(q.sendfile_bytes, n);
            ck_assert_uint_eq(slot_value(&slot, COUNTER_sendfile_bytes), n);
            ck_assert_uint_eq(slot_value(&slot, COUNTER_bytes_out), n + 4);
            if (n == 1000000)
                ck_assert_int_gt(o.agains, 0);
            buf_add(&want, "head", 4);
            want_pattern(&want, cases[i].offset, n);
            check_got(&o, &want);
            buf_free(&want);
            buf_free(&o.got);
            close_pair(fd);
        }
    close(file);
}
END_TEST

START_TEST(chunks_of_all_kinds)
{
    int file = pattern_file(200000);
    const struct chunk chunks[] = {
        memory_chunk("\r\n--b\r\n", 7), file_chunk(file, 5, 70000),
        memory_chunk(NULL, 0),          memory_chunk("\r\n--b\r\n", 7),
        file_chunk(file, 0, 0),         file_chunk(file, 100000, 100000),
        memory_chunk("\r\n--", 4),      memory_chunk("b--\r\n", 5),
    };
    static const size_t windows[] = {3, 1000, 4096, SENDQ_WINDOW_BYTES};
    struct buf want = {0};

    buf_add(&want, "HEAD\r\n--b\r\n", 11);
    want_pattern(&want, 5, 70000);
    buf_add(&want, "\r\n--b\r\n", 7);
    want_pattern(&want, 100000, 100000);
    buf_add(&want, "\r\n--b--\r\n", 9);
    for (size_t w = 0; w < sizeof windows / sizeof *windows; w++)
        for (int carrier = UNIX_PAIR; carrier <= TCP_LOOPBACK; carrier++) {
            struct listed l;
            struct sendq q = {0};
            struct outcome o;
            int fd[2];
            connect_pair((enum carrier)carrier, fd);
            listed_start(&l, chunks, sizeof chunks / sizeof *chunks);
            sendq_start(&q, SPAN("HEAD"), &l.source);
            drive(&q, fd, windows[w], &o);
            ck_assert_int_eq((int)o.result, SENDQ_DONE);
            ck_assert_uint_eq(q.sendfile_bytes, 170000);
            check_got(&o, &want);
            ck_assert_int_eq(l.stops, 0);
            source_stop(&l.source);
            source_stop(&l.source);
            ck_assert_int_eq(l.stops, 1);
            buf_free(&o.got);
            close_pair(fd);
        }
    buf_free(&want);
    close(file);
}
END_TEST

/* Bytes the sender's kernel has taken but not sent. */
static int held_back(int fd)
{
    int n = -1;

    ck_assert_int_eq(ioctl(fd, SIOCOUTQNSD, &n), 0);
    return n;
}

START_TEST(nothing_is_held_back_at_the_end)
{
    const struct chunk chunks[] = {memory_chunk("one", 3), memory_chunk("two", 3)};
    struct listed l;
    struct sendq q = {0};
    int fd[2];

    /* The last piece went with MSG_MORE, for nobody knew it was the last; the end lets it go, or
     * the kernel would keep it for 200 ms. */
    connect_pair(TCP_LOOPBACK, fd);
    listed_start(&l, chunks, 2);
    sendq_start(&q, SPAN("head"), &l.source);
    ck_assert_int_eq((int)sendq_send(&q, fd[0], 4096, false, &slot, no_time), SENDQ_DONE);
    ck_assert_int_eq(held_back(fd[0]), 0);
    /* With more to follow it may wait. */
    listed_start(&l, chunks, 2);
    sendq_start(&q, SPAN("head"), &l.source);
    ck_assert_int_eq((int)sendq_send(&q, fd[0], 4096, true, &slot, no_time), SENDQ_DONE);
    ck_assert_int_gt(held_back(fd[0]), 0);
    source_stop(&l.source);
    close_pair(fd);
}
END_TEST

static struct chunk wait_chunk(void)
{
    return (struct chunk){.kind = CHUNK_WAIT, .fd = -1};
}

/* Each WAIT is told once, and pulls nothing; what came before it is on its way to the client. */
START_TEST(sources_that_wait)
{
    int file = pattern_file(50000);
    const struct chunk chunks[] = {
        wait_chunk(), memory_chunk("one", 3), wait_chunk(),           file_chunk(file, 0, 50000),
        wait_chunk(), wait_chunk(),           memory_chunk("two", 3), memory_chunk("three", 5),
        wait_chunk()};
    static const size_t pulled[] = {1, 3, 5, 6, 9, 9}, sent[] = {4, 7, 50007, 50007, 50015, 50015};

    for (int more = 0; more < 2; more++)
        for (int carrier = UNIX_PAIR; carrier <= TCP_LOOPBACK; carrier++) {
            struct listed l;
            struct sendq q = {0};
            struct buf got = {0}, want = {0};
            int fd[2];
            connect_pair((enum carrier)carrier, fd);
            listed_start(&l, chunks, sizeof chunks / sizeof *chunks);
            sendq_start(&q, SPAN("head"), &l.source);
            for (size_t i = 0; i < 6; i++) {
                enum sendq_result r;
                while ((r = sendq_send(&q, fd[0], 4096, more, &slot, no_time)) == SENDQ_AGAIN ||
                       r == SENDQ_YIELD)
                    read_available(fd[1], &got);
                ck_assert_int_eq((int)r, i < 5 ? SENDQ_WAIT : SENDQ_DONE);
                ck_assert_uint_eq(l.at, pulled[i]);
                ck_assert_uint_eq(q.sent_bytes, sent[i]);
                while (carrier == TCP_LOOPBACK && got.n < sent[i]) {
                    struct pollfd in = {.fd = fd[1], .events = POLLIN};
                    ck_assert_int_eq(poll(&in, 1, 10000), 1);
                    read_available(fd[1], &got);
                }
                if (carrier == TCP_LOOPBACK && i < 5)
                    ck_assert_int_eq(held_back(fd[0]), 0);
            }
            read_available(fd[1], &got);
            buf_add(&want, "headone", 7);
            want_pattern(&want, 0, 50000);
            buf_add(&want, "twothree", 8);
            ck_assert_uint_eq(got.n, want.n);
            ck_assert_mem_eq(got.p, want.p, want.n);
            buf_free(&got);
            buf_free(&want);
            close_pair(fd);
        }
    close(file);
}
END_TEST

/* Nothing that was given before a wait is kept back for it (which TCP would do for 200 ms). */
START_TEST(nothing_is_held_back_for_a_wait)
{
    const struct chunk at_once[] = {wait_chunk()};
    const struct chunk after[] = {memory_chunk("one", 3), wait_chunk()};
    struct listed l;
    struct sendq q = {0};
    int fd[2];

    for (int more = 0; more < 2; more++) {
        connect_pair(TCP_LOOPBACK, fd);
        listed_start(&l, at_once, 1);
        sendq_start(&q, SPAN("head"), &l.source);
        ck_assert_int_eq((int)sendq_send(&q, fd[0], 4096, more, &slot, no_time), SENDQ_WAIT);
        ck_assert_uint_eq(q.sent_bytes, 4);
        ck_assert_int_eq(held_back(fd[0]), 0);
        listed_start(&l, after, 2);
        sendq_start(&q, SPAN("head"), &l.source);
        ck_assert_int_eq((int)sendq_send(&q, fd[0], 4096, more, &slot, no_time), SENDQ_WAIT);
        ck_assert_uint_eq(q.sent_bytes, 7);
        ck_assert_int_eq(held_back(fd[0]), 0);
        close_pair(fd);
    }
}
END_TEST

/* The head does not fit: the wait that was told meanwhile is not asked for again. */
START_TEST(full_socket_before_a_wait)
{
    static char junk[4096];
    const struct chunk chunks[] = {wait_chunk(), memory_chunk("one", 3)};
    struct buf got = {0};
    struct listed l;
    struct sendq q = {0};
    int fd[2];

    connect_pair(UNIX_PAIR, fd);
    while (send(fd[0], junk, sizeof junk, MSG_DONTWAIT) > 0)
        ;
    listed_start(&l, chunks, 2);
    sendq_start(&q, SPAN("head"), &l.source);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq((int)sendq_send(&q, fd[0], 4096, false, &slot, no_time), SENDQ_AGAIN);
    ck_assert_uint_eq(l.at, 1);
    read_available(fd[1], &got);
    ck_assert_int_eq((int)sendq_send(&q, fd[0], 4096, false, &slot, no_time), SENDQ_WAIT);
    ck_assert_uint_eq(l.at, 1);
    ck_assert_int_eq((int)sendq_send(&q, fd[0], 4096, false, &slot, no_time), SENDQ_DONE);
    got.n = 0;
    read_available(fd[1], &got);
    ck_assert_uint_eq(got.n, 7);
    ck_assert_mem_eq(got.p, "headone", 7);
    buf_free(&got);
    close_pair(fd);
}
END_TEST

START_TEST(empty_bodies)
{
    struct source none = {0};
    struct sendq q = {0};
    struct outcome o;
    int fd[2];

    connect_pair(TCP_LOOPBACK, fd);
    sendq_start(&q, SPAN("HTTP/1.1 304 Not Modified\r\n\r\n"), &none);
    drive(&q, fd, 4096, &o);
    ck_assert_int_eq((int)o.result, SENDQ_DONE);
    ck_assert_uint_eq(o.got.n, 29);
    ck_assert_int_eq((int)sendq_send(&q, fd[0], 4096, false, &slot, no_time), SENDQ_DONE);
    buf_free(&o.got);
    source_stop(&none);
    close_pair(fd);
}
END_TEST

START_TEST(file_shrinks)
{
    static const bool before_the_first_byte[] = {false, true};

    for (size_t i = 0; i < 2; i++) {
        int file = pattern_file(1000000);
        struct source s;
        struct sendq q = {0};
        struct outcome o;
        int fd[2];
        connect_pair(TCP_LOOPBACK, fd);
        source_file(&s, file, 0, 1000000, NULL, NULL);
        sendq_start(&q, SPAN("head"), &s);
        if (!before_the_first_byte[i]) {
            enum sendq_result r = sendq_send(&q, fd[0], 4096, false, &slot, no_time);
            ck_assert(r == SENDQ_YIELD || r == SENDQ_AGAIN);
        }
        ck_assert_int_eq(ftruncate(file, before_the_first_byte[i] ? 0 : 500001), 0);
        drive(&q, fd, 65536, &o);
        ck_assert_int_eq((int)o.result, SENDQ_SHRUNK);
        ck_assert_uint_eq(q.sent_bytes, 4 + (before_the_first_byte[i] ? 0 : 500001));
        buf_free(&o.got);
        close(file);
        close_pair(fd);
    }
}
END_TEST

START_TEST(client_is_gone)
{
    int file = pattern_file(100000);

    for (int of_file = 0; of_file < 2; of_file++)
        for (int carrier = UNIX_PAIR; carrier <= TCP_LOOPBACK; carrier++) {
            struct source s;
            struct sendq q = {0};
            int fd[2];
            connect_pair((enum carrier)carrier, fd);
            if (of_file)
                source_file(&s, file, 0, 100000, NULL, NULL);
            else
                source_memory(&s, SPAN("a body"), NULL, NULL);
            sendq_start(&q, span_of(NULL, 0), &s);
            const struct linger hard = {.l_onoff = 1};
            setsockopt(fd[1], SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
            close(fd[1]);
            ck_assert_int_eq((int)sendq_send(&q, fd[0], 4096, false, &slot, no_time), SENDQ_GONE);
            ck_assert(errno == EPIPE || errno == ECONNRESET);
            close(fd[0]);
        }
    close(file);
}
END_TEST

START_TEST(source_fails)
{
    struct chunk chunks[] = {memory_chunk("begins", 6), {.kind = CHUNK_ERROR, .fd = -1}};
    struct chunk closed[] = {file_chunk(-1, 0, 10)};
    struct chunk absurd[] = {file_chunk(0, UINT64_MAX, 10)};
    int fd[2];
    struct listed l;
    struct sendq q = {0};
    struct outcome o;

    connect_pair(UNIX_PAIR, fd);
    listed_start(&l, chunks, 2);
    sendq_start(&q, span_of(NULL, 0), &l.source);
    drive(&q, fd, 4096, &o);
    ck_assert_int_eq((int)o.result, SENDQ_BROKEN);
    ck_assert_uint_eq(o.got.n, 6);
    buf_free(&o.got);
    close_pair(fd);

    connect_pair(UNIX_PAIR, fd);
    listed_start(&l, closed, 1);
    sendq_start(&q, span_of(NULL, 0), &l.source);
    ck_assert_int_eq((int)sendq_send(&q, fd[0], 4096, false, &slot, no_time), SENDQ_BROKEN);
    ck_assert_int_eq(errno, EBADF);
    listed_start(&l, absurd, 1);
    sendq_start(&q, span_of(NULL, 0), &l.source);
    ck_assert_int_eq((int)sendq_send(&q, fd[0], 4096, false, &slot, no_time), SENDQ_BROKEN);
    ck_assert_int_eq(errno, EOVERFLOW);
    close_pair(fd);
}
END_TEST

/* With room in the socket it is the window that ends a turn, and never at the end of the body. */
START_TEST(windows_yield)
{
    static const struct {
        size_t bytes, window;
        int yields;
    } cases[] = {{20000, 4096, 4}, {8192, 4096, 1}, {4096, 4096, 0}, {100, 4096, 0}, {5, 1, 4}};
    int file = pattern_file(20000);

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int fd[2], yields = 0;
        struct source s;
        struct sendq q = {0};
        enum sendq_result r;
        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
        source_file(&s, file, 0, cases[i].bytes, NULL, NULL);
        sendq_start(&q, SPAN("head"), &s);
        while ((r = sendq_send(&q, fd[0], cases[i].window, false, &slot, no_time)) == SENDQ_YIELD) {
            yields++;
            ck_assert_uint_eq(q.sent_bytes, 4 + (size_t)yields * cases[i].window);
        }
        ck_assert_int_eq((int)r, SENDQ_DONE);
        ck_assert_int_eq(yields, cases[i].yields);
        close_pair(fd);
    }
    close(file);
}
END_TEST

/*
 * A process's own memory as a file: pread works there, splice does not. The offset, which is
 * an address, must be below the 2 GiB that procfs allows to sendfile.
 */
START_TEST(file_without_splice)
{
    size_t bytes = 300000;
    int file = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
    char *memory = mmap((void *)(uintptr_t)0x20000000, bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct chunk chunks[] = {file_chunk(file, (uintptr_t)memory, bytes)};
    struct buf want = {0};
    int pair[2];

    ck_assert_int_ge(file, 0);
    ck_assert(memory != MAP_FAILED && (uintptr_t)memory < INT32_MAX - bytes);
    connect_pair(UNIX_PAIR, pair);
    off_t offset = (off_t)(uintptr_t)memory;
    ck_assert_int_eq((int)sendfile(pair[0], file, &offset, 1), -1);
    ck_assert_int_eq(errno, EINVAL);
    close_pair(pair);
    for (size_t i = 0; i < bytes; i++)
        memory[i] = pattern_at(i);
    want_pattern(&want, 0, bytes);
    for (int carrier = UNIX_PAIR; carrier <= TCP_LOOPBACK; carrier++) {
        struct listed l;
        struct sendq q = {0};
        struct outcome o;
        int fd[2];
        connect_pair((enum carrier)carrier, fd);
        listed_start(&l, chunks, 1);
        sendq_start(&q, span_of(NULL, 0), &l.source);
        drive(&q, fd, 50000, &o);
        ck_assert_int_eq((int)o.result, SENDQ_DONE);
        ck_assert_uint_eq(q.sendfile_bytes, 0);
        ck_assert_int_gt(o.agains, 0);
        check_got(&o, &want);
        buf_free(&o.got);
        close_pair(fd);
    }
    buf_free(&want);
    munmap(memory, bytes);
    close(file);
}
END_TEST

/* A source that never ends and never gives a byte must not hold the loop. */
static void hollow_pull(struct source *s, struct chunk *out)
{
    (void)s;
    *out = memory_chunk("", 0);
}

START_TEST(hollow_source_yields)
{
    static const struct source_ops hollow_ops = {.pull = hollow_pull};
    struct source s = {.ops = &hollow_ops};
    struct sendq q = {0};
    int fd[2];

    connect_pair(UNIX_PAIR, fd);
    sendq_start(&q, span_of(NULL, 0), &s);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq((int)sendq_send(&q, fd[0], 4096, false, &slot, no_time), SENDQ_YIELD);
    close_pair(fd);
}
END_TEST

static int released;

static void count_release(void *owner)
{
    ck_assert_ptr_eq(owner, &released);
    released++;
}

START_TEST(sources_are_released_once)
{
    struct source s;
    struct chunk c;

    released = 0;
    source_memory(&s, SPAN("abc"), &released, count_release);
    ck_assert(!source_is_used_up(&s));
    source_pull(&s, &c);
    ck_assert(c.kind == CHUNK_MEMORY && span_eq(c.memory, SPAN("abc")));
    ck_assert(source_is_used_up(&s));
    source_pull(&s, &c);
    ck_assert(c.kind == CHUNK_END);
    source_stop(&s);
    source_stop(&s);
    ck_assert_int_eq(released, 1);
    source_pull(&s, &c);
    ck_assert(c.kind == CHUNK_END);

    source_file(&s, 7, 10, 30, &released, count_release);
    source_pull(&s, &c);
    ck_assert(c.kind == CHUNK_FILE && c.fd == 7 && c.offset == 10 && c.length == 20);
    source_pull(&s, &c);
    ck_assert(c.kind == CHUNK_END);
    source_stop(&s);
    ck_assert_int_eq(released, 2);
    /* A slice turned round is empty, not endless. */
    source_file(&s, 7, 30, 10, NULL, NULL);
    source_pull(&s, &c);
    ck_assert(c.kind == CHUNK_END);
    source_stop(&s);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("net send");
    TCase *t = tcase_create("send");

    signal(SIGPIPE, SIG_IGN);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, memory_and_head);
    tcase_add_test(t, file_slices);
    tcase_add_test(t, chunks_of_all_kinds);
    tcase_add_test(t, nothing_is_held_back_at_the_end);
    tcase_add_test(t, sources_that_wait);
    tcase_add_test(t, nothing_is_held_back_for_a_wait);
    tcase_add_test(t, full_socket_before_a_wait);
    tcase_add_test(t, empty_bodies);
    tcase_add_test(t, file_shrinks);
    tcase_add_test(t, client_is_gone);
    tcase_add_test(t, source_fails);
    tcase_add_test(t, windows_yield);
    tcase_add_test(t, file_without_splice);
    tcase_add_test(t, hollow_source_yields);
    tcase_add_test(t, sources_are_released_once);
    suite_add_tcase(s, t);
    return unit_run(s);
}
