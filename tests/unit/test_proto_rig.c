/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rig of the protocol's tests; see test_proto_rig.h. The site it serves:
 *   /hello 200 "hello\n" · /empty 200 "" · /chunks 200 of unknown length, three pieces ·
 *   /file 200 from a file · /big RIG_BIG_BYTES from a file · /shrunk a file that ends too
 *   early · /short a body shorter than its length · /broken a source that fails · /not-modified
 *   304 · /none 204 · /last 200, and the connection must end · /wait 200 "hello\n" after
 *   rig_wake · /early the same, woken before serve_start returns · /twice after two of them ·
 *   /late "one", "two", "three", each after a rig_wake · /late-chunks the same, of unknown
 *   length · all else 404; other methods than GET and HEAD 405.
 * It is strict about waiting: who asks again before it was woken fails the test.
 */
#include "tests/unit/test_proto_rig.h"

#include <errno.h>
#include <signal.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"

static int sources_open;
static int file_fd = -1;

static void source_released(void *owner)
{
    ck_assert_ptr_eq(owner, &sources_open);
    sources_open--;
}

static void give(struct source *s, const char *text)
{
    sources_open++;
    source_memory(s, span_str(text), &sources_open, source_released);
}

static void give_file(struct source *s, uint64_t end)
{
    sources_open++;
    source_file(s, file_fd, 0, end, &sources_open, source_released);
}

/* Pieces: "one", an empty one, 26 letters, a file slice; or, with end 1, an error after "one". */
static void pieces_pull(struct source *s, struct chunk *out)
{
    static const char *const piece[] = {"one", "", "abcdefghijklmnopqrstuvwxyz"};

    if (s->offset < 3)
        *out = (struct chunk){.kind = CHUNK_MEMORY, .memory = span_str(piece[s->offset])};
    else if (s->offset == 3)
        *out = (struct chunk){.kind = CHUNK_FILE, .fd = file_fd, .offset = 0, .length = 5};
    else
        out->kind = CHUNK_END;
    if (s->end == 1 && s->offset > 0)
        out->kind = CHUNK_ERROR;
    s->offset++;
}

static void pieces_stop(struct source *s)
{
    (void)s;
    sources_open--;
}

static void give_pieces(struct source *s, bool fails)
{
    static const struct source_ops ops = {.pull = pieces_pull, .stop = pieces_stop};

    sources_open++;
    *s = (struct source){.ops = &ops, .end = fails};
}

/* Whatever waits: a plan or a body, and how to wake it. */
struct serve_pending {
    bool used, known;
    struct serve_plan *plan;
    struct source *source;
    void (*wake)(void *arg);
    void *arg;
};

static struct serve_pending pending[RIG_CLIENTS];
static unsigned cancels;

static struct serve_pending *wait_for(struct serve_plan *plan, struct source *source)
{
    for (unsigned i = 0; i < RIG_CLIENTS; i++)
        if (!pending[i].used) {
            pending[i] = (struct serve_pending){.used = true, .plan = plan, .source = source};
            pending[i].wake = plan ? plan->wake : source->wake;
            pending[i].arg = plan ? plan->wake_arg : source->wake_arg;
            ck_assert_ptr_nonnull(pending[i].wake);
            return &pending[i];
        }
    ck_abort_msg("too many wait");
}

unsigned rig_waiting(void)
{
    unsigned n = 0;

    for (unsigned i = 0; i < RIG_CLIENTS; i++)
        n += pending[i].used && !pending[i].known;
    return n;
}

unsigned rig_cancels(void)
{
    return cancels;
}

struct rig_wakeup rig_wake(unsigned times)
{
    struct rig_wakeup last = {0};

    for (unsigned i = 0; i < RIG_CLIENTS; i++) {
        if (!pending[i].used || pending[i].known)
            continue;
        last = (struct rig_wakeup){pending[i].wake, pending[i].arg};
        pending[i].known = true;
        for (unsigned k = 0; k < times; k++)
            last.wake(last.arg);
    }
    return last;
}

void serve_cancel(struct serve_plan *plan)
{
    if (!plan->pending)
        return;
    cancels++;
    plan->pending->used = false;
    plan->pending = NULL;
}

enum serve_result serve_give_up(struct serve_ctx *ctx, const struct serve_request *rq,
                                struct serve_plan *plan)
{
    serve_cancel(plan);
    serve_error(ctx, rq, 503, plan);
    return SERVE_DONE;
}

/* Whether the plan is made at last: it is asked `times` times more, each time after a wake. */
static bool plan_is_known(struct serve_plan *plan, unsigned times)
{
    if (plan->pending) {
        ck_assert_msg(plan->pending->known, "asked again before it was woken");
        plan->pending->used = false;
        plan->pending = NULL;
        plan->open_ns++;
    }
    plan->cold = true;
    plan->offload_wait_ns = 2 * NS_PER_MS;
    plan->offload_run_ns = 5 * NS_PER_MS;
    if (plan->open_ns == times) /* counts the times, it is so few nanoseconds */
        return true;
    plan->pending = wait_for(plan, NULL);
    return false;
}

static void forget_source(const struct source *s, bool must_be_known)
{
    for (unsigned i = 0; i < RIG_CLIENTS; i++)
        if (pending[i].used && pending[i].source == s) {
            ck_assert_msg(!must_be_known || pending[i].known, "pulled before it was woken");
            pending[i].used = false;
        }
}

/* Waits before each piece. */
static void late_pull(struct source *s, struct chunk *out)
{
    static const char *const piece[] = {"one", "two", "three"};

    forget_source(s, true);
    if (s->offset % 2 == 0 && s->offset < 6) {
        out->kind = CHUNK_WAIT;
        wait_for(NULL, s);
    } else if (s->offset < 6) {
        *out = (struct chunk){.kind = CHUNK_MEMORY, .memory = span_str(piece[s->offset / 2])};
    }
    s->offset++;
}

static void late_stop(struct source *s)
{
    forget_source(s, false);
    sources_open--;
}

static void give_late(struct serve_plan *plan)
{
    static const struct source_ops ops = {.pull = late_pull, .stop = late_stop};

    sources_open++;
    plan->body = (struct source){.ops = &ops};
    plan->length = strlen("onetwothree");
}

void serve_plan_reset(struct serve_plan *plan)
{
    struct buf extra = plan->extra;

    serve_cancel(plan);
    source_stop(&plan->body);
    extra.n = 0;
    *plan = (struct serve_plan){.extra = extra};
}

void serve_plan_free(struct serve_plan *plan)
{
    serve_plan_reset(plan);
    buf_free(&plan->extra);
}

void serve_error(struct serve_ctx *ctx, const struct serve_request *request, int status,
                 struct serve_plan *plan)
{
    (void)ctx;
    (void)request;
    plan->status = status;
    plan->ready = SPAN("Content-Type: text/plain\r\n");
    plan->length = 6;
    plan->length_known = true;
    give(&plan->body, "error\n");
}

static bool path_is(const struct serve_request *r, const char *path)
{
    return span_eq(r->http->path, span_str(path));
}

static void serve_special(const struct serve_request *r, struct serve_plan *plan)
{
    if (path_is(r, "/chunks") || path_is(r, "/broken")) {
        plan->length_known = false;
        give_pieces(&plan->body, path_is(r, "/broken"));
    } else if (path_is(r, "/not-modified") || path_is(r, "/none")) {
        plan->status = path_is(r, "/none") ? 204 : 304;
        plan->no_content = true;
    } else if (path_is(r, "/short")) {
        plan->length = 60;
        give(&plan->body, "hello\n");
    } else if (path_is(r, "/shrunk")) {
        plan->length = RIG_BIG_BYTES + 10;
        give_file(&plan->body, RIG_BIG_BYTES + 10);
    } else if (path_is(r, "/late") || path_is(r, "/late-chunks")) {
        plan->length_known = path_is(r, "/late");
        give_late(plan);
    } else {
        serve_error(NULL, NULL, 404, plan);
    }
}

enum serve_result serve_start(struct serve_ctx *ctx, const struct serve_request *r,
                              struct serve_plan *plan)
{
    bool waits = path_is(r, "/wait") || path_is(r, "/early") || path_is(r, "/twice");

    ck_assert_ptr_nonnull(plan->wake);
    if (waits && !plan_is_known(plan, path_is(r, "/twice") ? 2 : 1)) {
        if (path_is(r, "/early"))
            rig_wake(1);
        return SERVE_WAIT;
    }
    plan->status = 200;
    plan->length_known = true;
    plan->cache = SERVE_CACHE_HIT;
    if (r->http->method != HTTP_GET && r->http->method != HTTP_HEAD) {
        serve_error(ctx, r, 405, plan);
        buf_add_span(&plan->extra, SPAN("Allow: GET, HEAD\r\n"));
    } else if (waits || path_is(r, "/hello") || path_is(r, "/last")) {
        plan->close = path_is(r, "/last");
        plan->length = 6;
        give(&plan->body, "hello\n");
    } else if (path_is(r, "/file") || path_is(r, "/big")) {
        plan->length = path_is(r, "/big") ? RIG_BIG_BYTES : 5;
        give_file(&plan->body, plan->length);
    } else if (!path_is(r, "/empty")) {
        serve_special(r, plan);
    }
    return SERVE_DONE;
}

static void client_ready(struct loop_io *io, uint32_t events)
{
    struct rig_client *c = list_entry(io, struct rig_client, io);
    char piece[65536];
    ssize_t got = recv(io->fd, piece, sizeof piece, MSG_DONTWAIT);

    (void)events;
    if (got > 0) {
        ck_assert(buf_add(&c->got, piece, (size_t)got));
    } else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
        c->eof = true;
        c->broken = got < 0;
        ck_assert(loop_watch(c->rig->loop, io, 0));
    }
}

static void on_closed(void *arg, const struct sockaddr_storage *peer)
{
    ck_assert_int_eq(peer->ss_family, AF_INET);
    ((struct rig *)arg)->closed_count++;
}

static void on_empty(void *arg)
{
    ((struct rig *)arg)->empty_count++;
}

static void look_run(struct loop_task *task)
{
    struct rig *rig = list_entry(task, struct rig, look);

    if (rig->until(rig->until_arg)) {
        loop_stop(rig->loop);
        return;
    }
    ck_assert_msg(mono_now().ns < rig->deadline.ns, "what was waited for did not come");
    loop_again(rig->loop, task);
}

void rig_until(struct rig *rig, bool (*until)(void *), void *arg)
{
    rig->until = until;
    rig->until_arg = arg;
    rig->deadline = mono_after(mono_now(), 20 * NS_PER_S);
    loop_again(rig->loop, &rig->look);
    ck_assert(loop_run(rig->loop));
}

static bool counted_down(void *arg)
{
    int *left = arg;

    return (*left)-- <= 0;
}

void rig_turns(struct rig *rig, int turns)
{
    rig_until(rig, counted_down, &turns);
}

static bool is_eof(void *arg)
{
    return ((struct rig_client *)arg)->eof;
}

void rig_until_eof(struct rig_client *c)
{
    rig_until(c->rig, is_eof, c);
}

struct wanted {
    struct rig_client *client;
    size_t bytes;
};

static bool has_got(void *arg)
{
    const struct wanted *w = arg;

    return w->client->got.n >= w->bytes || w->client->eof;
}

void rig_until_got(struct rig_client *c, size_t bytes)
{
    struct wanted w = {c, bytes};

    rig_until(c->rig, has_got, &w);
}

static bool all_idle(void *arg)
{
    const struct rig *rig = arg;

    return slot_value(rig->slot, COUNTER_connections_idle) == conns_count(rig->conns);
}

void rig_until_idle(struct rig *rig)
{
    rig_until(rig, all_idle, rig);
}

void rig_init(struct rig *rig)
{
    memset(rig, 0, sizeof *rig);
    rig->conf.limits.header_timeout_ns = 30 * NS_PER_S;
    rig->conf.limits.body_timeout_ns = 30 * NS_PER_S;
    rig->conf.limits.idle_timeout_ns = 30 * NS_PER_S;
    rig->conf.limits.send_timeout_ns = 30 * NS_PER_S;
    rig->conf.limits.header_size_bytes = 16 * 1024;
    rig->conf.limits.body_size_bytes = 100 * 1000;
    rig->conf.log.flush_ns = 30 * NS_PER_S;
}

static void make_slot(struct rig *rig)
{
    size_t bytes = sizeof *rig->slot;

    if (rig->with_board) {
        ck_assert(board_create(&rig->board, &(struct board_create){8, 1, "rig", "1"}));
        rig->slot = &rig->board.slot[RIG_WORKER - 1];
        return;
    }
    rig->slot = aligned_alloc(BOARD_PAGE, bytes);
    ck_assert_ptr_nonnull(rig->slot);
    memset(rig->slot, 0, bytes);
}

void rig_start(struct rig *rig)
{
    make_slot(rig);
    rig->loop = loop_new(rig->slot);
    ck_assert_ptr_nonnull(rig->loop);
    rig->look.run = look_run;
    signal(SIGPIPE, SIG_IGN); /* as in a worker: sendfile(2) has no MSG_NOSIGNAL */
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, rig->log_fd), 0);
    rig->log = access_log_new(rig->loop, &rig->conf, rig->log_fd[1]);
    ck_assert_ptr_nonnull(rig->log);
    file_fd = memfd_create("file", MFD_CLOEXEC);
    ck_assert_int_eq(ftruncate(file_fd, RIG_BIG_BYTES), 0);
    ck_assert_int_eq(pwrite(file_fd, "file!", 5, 0), 5);
    const struct conns_settings s = {.loop = rig->loop,
                                     .conf = &rig->conf,
                                     .log = rig->log,
                                     .board = rig->with_board ? &rig->board : NULL,
                                     .worker_number = RIG_WORKER,
                                     .closed = on_closed,
                                     .empty = on_empty,
                                     .arg = rig};
    rig->conns = conns_new(&s);
    ck_assert_ptr_nonnull(rig->conns);
}

void rig_end(struct rig *rig)
{
    conns_free(&rig->conns);
    ck_assert_int_eq(sources_open, 0);
    for (unsigned i = 0; i < RIG_CLIENTS; i++)
        ck_assert(!pending[i].used);
    ck_assert_uint_eq(slot_value(rig->slot, COUNTER_requests_waiting), 0);
    ck_assert_uint_eq(rig->closed_count, rig->client_count);
    ck_assert_uint_eq(slot_value(rig->slot, COUNTER_connections), 0);
    ck_assert_uint_eq(slot_value(rig->slot, COUNTER_connections_idle), 0);
    ck_assert_uint_eq(slot_value(rig->slot, COUNTER_requests_active), 0);
    for (unsigned i = 0; i < rig->client_count; i++) {
        rig_close(&rig->client[i]);
        buf_free(&rig->client[i].got);
    }
    access_log_free(&rig->log);
    loop_free(&rig->loop);
    close_fd(&rig->log_fd[0]);
    close_fd(&rig->log_fd[1]);
    buf_free(&rig->logged);
    close_fd(&file_fd);
    if (rig->with_board)
        board_destroy(&rig->board);
    else
        free(rig->slot);
}

/* Both ends of a connection: [0] the server's, [1] the client's. */
static void connect_ends(bool tcp, int pair[2])
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t n = sizeof a;
    int type = SOCK_STREAM | SOCK_CLOEXEC;

    if (!tcp) {
        ck_assert_int_eq(socketpair(AF_UNIX, type | SOCK_NONBLOCK, 0, pair), 0);
        return;
    }
    int listener = socket(AF_INET, type, 0);
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&a, n), 0);
    ck_assert_int_eq(listen(listener, 1), 0);
    ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&a, &n), 0);
    pair[1] = socket(AF_INET, type, 0);
    ck_assert_int_eq(connect(pair[1], (struct sockaddr *)&a, n), 0);
    pair[0] = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    ck_assert_int_ge(pair[0], 0);
    close(listener);
}

struct rig_client *rig_connect_over(struct rig *rig, bool tcp)
{
    int pair[2];
    struct rig_client *c = &rig->client[rig->client_count++];
    struct accepted a = {.queue_wait_ns = 3 * NS_PER_MS, .peer_bytes = sizeof(struct sockaddr_in)};
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr = {htonl(0x7f000001)}};

    ck_assert_uint_le(rig->client_count, RIG_CLIENTS);
    connect_ends(tcp, pair);
    *c = (struct rig_client){.rig = rig, .io = {.fd = pair[1], .ready = client_ready}};
    ck_assert(loop_watch(rig->loop, &c->io, EPOLLIN));
    memcpy(&a.peer, &in, sizeof in);
    a.fd = pair[0];
    conns_accept(rig->conns, &a);
    return c;
}

struct rig_client *rig_connect(struct rig *rig)
{
    return rig_connect_over(rig, false);
}

struct unsent {
    struct rig_client *client;
    const char *p;
    size_t n;
};

static bool is_sent(void *arg)
{
    struct unsent *u = arg;
    ssize_t did = send(u->client->io.fd, u->p, u->n, MSG_NOSIGNAL | MSG_DONTWAIT);

    if (did < 0)
        return errno != EAGAIN; /* a server may close before it has taken all */
    u->p += did;
    u->n -= (size_t)did;
    return u->n == 0;
}

void rig_send(struct rig_client *c, const char *p, size_t n)
{
    struct unsent u = {c, p, n};

    if (!is_sent(&u))
        rig_until(c->rig, is_sent, &u);
}

void rig_close(struct rig_client *c)
{
    if (c->io.fd < 0)
        return;
    ck_assert(loop_watch(c->rig->loop, &c->io, 0));
    close_fd(&c->io.fd);
}

static size_t skip_changing(const char *p)
{
    static const char server[] = "\r\nServer: weir\r\nDate: ";
    static const char id[] = "\r\nX-Request-Id: ";

    if (strncmp(p, server, sizeof server - 1) == 0) {
        size_t n = sizeof server - 1 + 29;
        ck_assert_msg(strncmp(p + n - 4, " GMT\r\n", 6) == 0, "%.80s", p);
        return n;
    }
    if (strncmp(p, id, sizeof id - 1) == 0 && strspn(p + sizeof id - 1, "0123456789abcdef") == 32)
        return sizeof id - 1 + 32;
    return 0;
}

char *rig_plain(const struct rig_client *c)
{
    char *text = span_dup(buf_span(&c->got));
    char *to = text;

    ck_assert_ptr_nonnull(text);
    for (const char *p = text; *p;) {
        size_t skip = skip_changing(p);
        if (skip == 0)
            *to++ = *p++;
        p += skip;
    }
    *to = '\0';
    return text;
}

char *rig_log(struct rig *rig)
{
    access_log_flush(rig->log);
    char lines[64 * 1024];
    ssize_t got;

    while ((got = recv(rig->log_fd[0], lines, sizeof lines, MSG_DONTWAIT)) > 0)
        ck_assert(buf_add(&rig->logged, lines, (size_t)got));
    char *text = span_dup(buf_span(&rig->logged));
    ck_assert_ptr_nonnull(text);
    return text;
}
