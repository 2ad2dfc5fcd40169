/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The send queue and what it gives back: slices of files that an earlier call left, and whatever
 * was got and is unsent when a client is waited for. Over real sockets; nothing waits for time.
 */
#include "tests/unit/unit.h"

#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "net/sendq.h"

static struct board_slot slot;
static struct mono no_time;

/* fd[0] sends with the smallest buffer there is. */
static void connect_pair(int fd[2])
{
    const int tiny = 1;

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
    setsockopt(fd[0], SOL_SOCKET, SO_SNDBUF, &tiny, sizeof tiny);
}

static void close_pair(int fd[2])
{
    close(fd[0]);
    close(fd[1]);
}

/* All that is there; the last bytes of it are kept. */
static size_t read_available(int fd, char *to, size_t room)
{
    ssize_t n;
    size_t last = 0;

    while ((n = read(fd, to, room)) > 0)
        last = (size_t)n;
    return last;
}

static int file_of(off_t bytes)
{
    char name[] = "/tmp/weir-test-XXXXXX";
    int fd = mkstemp(name);

    ck_assert_int_ge(fd, 0);
    unlink(name);
    ck_assert_int_eq(ftruncate(fd, bytes), 0);
    return fd;
}

static struct chunk memory_chunk(const char *p, size_t n)
{
    return (struct chunk){.kind = CHUNK_MEMORY, .memory = span_of(p, n), .fd = -1};
}

static struct chunk file_chunk(int fd, uint64_t length)
{
    return (struct chunk){.kind = CHUNK_FILE, .fd = fd, .length = length};
}

/* A file slice or memory that its source takes back, once; then it gives what it likes. */
struct returning {
    struct source source;
    struct chunk first, second;
    unsigned pulls, returns;
    uint64_t unsent;
};

static void returning_pull(struct source *s, struct chunk *out)
{
    struct returning *r = s->owner;

    if (r->pulls < 2)
        *out = r->pulls == 0 ? r->first : r->second;
    r->pulls++;
}

static bool returning_give_back(struct source *s, uint64_t unsent_bytes)
{
    struct returning *r = s->owner;

    r->returns++;
    r->unsent = unsent_bytes;
    return true;
}

static void returning_start(struct returning *r, struct chunk first, struct chunk second)
{
    static const struct source_ops ops = {.pull = returning_pull, .give_back = returning_give_back};

    *r = (struct returning){.first = first, .second = second};
    r->source = (struct source){.ops = &ops, .owner = r};
}

/* The slice of an earlier call is not sent before its source was asked again, whyever it waited. */
START_TEST(old_slices_are_asked_for_again)
{
    enum { BYTES = 1 << 20 };
    int file = file_of(BYTES);

    for (int full = 0; full < 2; full++) {
        const struct chunk wait = {.kind = CHUNK_WAIT, .fd = -1};
        struct returning r;
        struct sendq q = {0};
        int fd[2];
        connect_pair(fd);
        returning_start(&r, file_chunk(file, BYTES), wait);
        sendq_start(&q, SPAN("head"), &r.source);
        ck_assert_int_eq((int)sendq_send(&q, fd[0], full ? BYTES : 1024, false, &slot, no_time),
                         full ? SENDQ_AGAIN : SENDQ_YIELD);
        ck_assert_uint_eq(r.returns, 0);
        uint64_t sent = q.sent_bytes;
        ck_assert_int_eq((int)sendq_send(&q, fd[0], BYTES, false, &slot, no_time), SENDQ_WAIT);
        ck_assert_uint_eq(r.returns, 1);
        ck_assert_uint_eq(r.pulls, 2);
        ck_assert_uint_eq(r.unsent, BYTES - (sent - 4));
        ck_assert_uint_eq(q.sent_bytes, sent);
        close_pair(fd);
    }
    close(file);
}
END_TEST

/* Who rests holds nothing of its source's, though its head is not out. */
START_TEST(rests_with_its_head_unsent)
{
    static char junk[4096], got[8];
    int file = file_of(1000);
    const struct chunk chunks[] = {memory_chunk(junk, sizeof junk), file_chunk(file, 1000)};

    for (size_t i = 0; i < sizeof chunks / sizeof *chunks; i++) {
        struct returning r;
        struct sendq q = {0};
        int fd[2];
        connect_pair(fd);
        while (send(fd[0], junk, sizeof junk, MSG_DONTWAIT) > 0)
            ;
        returning_start(&r, chunks[i], memory_chunk("body", 4));
        sendq_start(&q, SPAN("head"), &r.source);
        sendq_rest(&q); /* before anything: what was got in advance */
        ck_assert_uint_eq(r.returns, 1);
        ck_assert_uint_eq(r.unsent, 0);
        ck_assert_int_eq((int)sendq_send(&q, fd[0], 4096, false, &slot, no_time), SENDQ_AGAIN);
        sendq_rest(&q);
        ck_assert_uint_eq(r.returns, 2);
        ck_assert_uint_eq(r.unsent, i == 0 ? sizeof junk : 1000);
        read_available(fd[1], got, sizeof got);
        ck_assert_int_eq((int)sendq_send(&q, fd[0], 4096, false, &slot, no_time), SENDQ_DONE);
        ck_assert_uint_eq(read_available(fd[1], got, sizeof got), 8);
        ck_assert_mem_eq(got, "headbody", 8);
        close_pair(fd);
    }
    close(file);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("net-rest");
    TCase *t = tcase_create("net-rest");

    signal(SIGPIPE, SIG_IGN);
    tcase_add_test(t, old_slices_are_asked_for_again);
    tcase_add_test(t, rests_with_its_head_unsent);
    suite_add_tcase(s, t);
    return unit_run(s);
}
