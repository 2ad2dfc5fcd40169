/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The process that checks a configuration; see check.h. It reads the configuration over and over:
 * each reading takes down what has to be asked of the system, threads ask, each question with a
 * deadline of its own, and when a reading has no new question it is the last. So one dead mount
 * or one name server that does not answer costs its own question and no other. At last it becomes
 * the workers' user, thread by thread, and tries whether that one may read the roots.
 *
 * A thread that does not come back is left behind. Descriptors are closed before the end, for the
 * kernel would let go of them with the last thread only. Writes no log: what is to be said is
 * sent. This process only.
 */
#include "proc/check.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "conf/facts.h"

#define LOOK_NS     (10 * NS_PER_MS)
#define HUNG_NS     (250 * NS_PER_MS) /* what lies beside such a path is asked last */
#define STACK_BYTES ((size_t)512 * 1024)

enum { ROUNDS_MAX = 8, THREADS_FIRST = 4, THREADS_MAX = 128 };

/* ---- sending ---- */

static void send_packet(int fd, enum check_packet kind, uint32_t number, struct span what,
                        int pass_fd)
{
    static char packet[sizeof(struct check_packet_head) + CHECK_PACKET_BYTES];
    struct check_packet_head head = {(uint32_t)kind, number};

    memcpy(packet, &head, sizeof head);
    if (what.n > 0)
        memcpy(packet + sizeof head, what.p, what.n);
    if (fd_send_with(fd, packet, sizeof head + what.n, pass_fd) < 0)
        _exit(MASTER_FAILED); /* nobody waits for it any more */
}

/* ---- asking, by threads ---- */

/* One round. Never freed: a thread may come back when it is long over. */
struct round {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct facts *facts;
    uint64_t began_ns;
    size_t first;     /* before it none is free */
    size_t left;      /* facts without an answer */
    size_t untaken;   /* of these, those no thread has */
    size_t answered;  /* by threads */
    unsigned threads; /* that run or hang */
    bool over;
    const struct fact *hung[THREADS_MAX];
    size_t hung_count;
};

static struct span folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    return span_of(path, slash ? (size_t)(slash - path) : 0);
}

static bool is_beside_hung(const struct round *r, const struct fact *f)
{
    for (size_t i = 0; i < r->hung_count; i++)
        if (r->hung[i]->kind == f->kind && span_eq(folder_of(r->hung[i]->name), folder_of(f->name)))
            return true;
    return false;
}

static bool is_free(const struct fact *f)
{
    return f->state == FACT_ASKED && f->begun_ns == 0;
}

static struct fact *next_free(struct round *r)
{
    struct fact *last = NULL;

    if (r->over || r->untaken == 0)
        return NULL;
    while (!is_free(r->facts->item[r->first]))
        r->first++;
    for (size_t i = r->first; i < r->facts->count; i++) {
        struct fact *f = r->facts->item[i];
        if (!is_free(f))
            continue;
        if (!is_beside_hung(r, f))
            return f;
        if (!last)
            last = f;
    }
    return last;
}

/* Takes one fact to its answer; the lock is held but while the system is asked. */
static void ask_one(struct round *r, struct fact *f)
{
    struct fact mine = {.kind = f->kind, .name = f->name, .fd = -1, .taken_fd = -1};
    bool lends = f->kind == FACT_ACCESS;

    f->begun_ns = mono_now().ns;
    r->untaken--;
    if (lends)
        mine.fd = f->fd;
    pthread_mutex_unlock(&r->lock);
    fact_answer(&mine);
    pthread_mutex_lock(&r->lock);
    if (r->over || f->state != FACT_ASKED) {
        if (lends)
            mine.fd = -1;
        fact_clear(&mine);
        return;
    }
    f->error = mine.error;
    f->detail = mine.detail;
    f->data = mine.data;
    f->fd = mine.fd;
    f->state = FACT_KNOWN;
    r->left--;
    r->answered++;
    pthread_cond_broadcast(&r->changed);
}

static void *ask_some(void *arg)
{
    struct round *r = arg;
    struct fact *f;

    pthread_mutex_lock(&r->lock);
    while ((f = next_free(r)) != NULL)
        ask_one(r, f);
    r->threads--;
    pthread_cond_broadcast(&r->changed);
    pthread_mutex_unlock(&r->lock);
    return NULL;
}

/* One thread more; false when there can be none. */
static bool start_thread(struct round *r)
{
    pthread_attr_t attr;
    pthread_t id;

    if (r->threads == THREADS_MAX || pthread_attr_init(&attr) != 0)
        return false;
    pthread_attr_setstacksize(&attr, STACK_BYTES);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    bool good = pthread_create(&id, &attr, ask_some, r) == 0;
    pthread_attr_destroy(&attr);
    r->threads += good;
    return good;
}

/* Gives up what is due, and notes what hangs. */
static void look(struct round *r)
{
    uint64_t now = mono_now().ns;

    r->hung_count = 0;
    for (size_t i = 0; i < r->facts->count; i++) {
        struct fact *f = r->facts->item[i];
        if (f->state != FACT_ASKED)
            continue;
        /* One that no thread was left for gets some time on top: its turn may have come late. */
        uint64_t since = f->begun_ns ? f->begun_ns : r->began_ns + NS_PER_S;
        if (now > since && now - since >= fact_patience_ns(f->kind)) {
            f->state = FACT_LATE;
            r->left--;
            r->untaken -= f->begun_ns == 0;
        } else if (f->begun_ns && now - f->begun_ns >= HUNG_NS && r->hung_count < THREADS_MAX) {
            r->hung[r->hung_count++] = f;
        }
    }
}

static void say_alive(int fd, uint64_t now_ns)
{
    static uint64_t said_ns;

    if (now_ns - said_ns < CHECK_ALIVE_NS)
        return;
    said_ns = now_ns;
    send_packet(fd, CHECK_ALIVE, 0, span_of(NULL, 0), -1);
}

static void answer_all(struct facts *facts, int fd)
{
    struct round *r = calloc(1, sizeof *r);
    struct timespec until;
    size_t before = 0;

    if (!r)
        return; /* the last round: what was asked stays open */
    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->changed, NULL);
    r->facts = facts;
    r->began_ns = mono_now().ns;
    r->left = r->untaken = facts_asked(facts);
    pthread_mutex_lock(&r->lock);
    for (size_t i = 0; i < THREADS_FIRST && i < r->left; i++)
        start_thread(r);
    while (r->left > 0) {
        struct fact *f;
        if (r->threads == 0 && !start_thread(r) && (f = next_free(r)) != NULL) {
            ask_one(r, f); /* without threads there is only this one; the master's patience ends */
            continue;
        }
        uint64_t next = mono_now().ns + LOOK_NS;
        until = (struct timespec){(time_t)(next / NS_PER_S), (long)(next % NS_PER_S)};
        pthread_cond_clockwait(&r->changed, &r->lock, CLOCK_MONOTONIC, &until);
        if (mono_now().ns < next)
            continue;
        look(r);
        say_alive(fd, next);
        if (r->untaken > 0 && r->answered == before)
            start_thread(r);
        before = r->answered;
    }
    r->over = true;
    pthread_mutex_unlock(&r->lock);
}

/* ---- what is said of it ---- */

static void note_late(const struct fact *f, struct buf *notes)
{
    unsigned seconds = (unsigned)(fact_patience_ns(f->kind) / NS_PER_S);

    switch (f->kind) {
    case FACT_DIRECTORY:
        inherit_note(notes, LOG_LEVEL_WARN,
                     "files = %s: could not be checked within %u s, its file system does not "
                     "answer: its requests get 503 until it does, all else is served",
                     f->name, seconds);
        break;
    case FACT_FILE:
        inherit_note(notes, LOG_LEVEL_WARN,
                     "%s: could not be read within %u s, its file system does not answer: what "
                     "stands in it is left out until the next reload",
                     f->name, seconds);
        break;
    case FACT_LOG:
        inherit_note(notes, LOG_LEVEL_WARN,
                     "%s: could not be checked within %u s, its file system does not answer",
                     f->name, seconds);
        break;
    case FACT_USER:
    case FACT_GROUP:
    case FACT_HOST:
        inherit_note(notes, LOG_LEVEL_WARN, "the %s %s could not be checked within %u s",
                     f->kind == FACT_HOST    ? "host name"
                     : f->kind == FACT_GROUP ? "group"
                                             : "user",
                     f->name, seconds);
        break;
    case FACT_CONFIG:
    case FACT_FOLDER:
    case FACT_SOCKET:
    case FACT_ACCESS:
    case FACT_KIND_COUNT:
        break; /* errors, or said elsewhere */
    }
}

/* A disk or a server that fails now may work later. */
static void note_failing(const struct fact *f, struct buf *notes)
{
    if (f->kind == FACT_DIRECTORY)
        inherit_note(notes, LOG_LEVEL_WARN,
                     "files = %s: cannot be opened now: %s: its requests fail until it can, all "
                     "else is served",
                     f->name, strerror(f->error));
    else if (f->kind == FACT_FILE)
        inherit_note(notes, LOG_LEVEL_WARN,
                     "%s: cannot be read now: %s: what stands in it is left out until the next "
                     "reload",
                     f->name, strerror(f->error));
}

static void note_all(const struct facts *facts, struct buf *notes)
{
    for (size_t i = 0; i < facts->count; i++)
        if (facts->item[i]->state == FACT_LATE)
            note_late(facts->item[i], notes);
        else if (fact_may_pass(facts->item[i]))
            note_failing(facts->item[i], notes);
}

/* ---- whether the workers may read the roots ---- */

/*
 * This thread alone, and those it starts: setuid(2) of the C library would wait for every thread,
 * and one may hang. The kernel's own call changes the one that makes it.
 */
static bool become_user(const struct inherit *in)
{
    if (in->drop_privileges && (syscall(SYS_setgroups, in->group_count, in->groups) != 0 ||
                                syscall(SYS_setresgid, in->gid, in->gid, in->gid) != 0 ||
                                syscall(SYS_setresuid, in->uid, in->uid, in->uid) != 0))
        return false;
    return prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0; /* a change of user takes it away */
}

static struct fact *find_try(const struct facts *tries, const char *path)
{
    return facts_find(tries, FACT_ACCESS, span_str(path));
}

static void note_access(const struct inherit *in, const struct conf_location *l,
                        const struct fact *f, struct buf *notes)
{
    const char *whose = in->drop_privileges ? "the workers' user " : "the user weir runs as";

    if (f->state != FACT_KNOWN)
        inherit_note(notes, LOG_LEVEL_WARN,
                     "%s: whether the workers may read it could not be found out", l->files);
    else if (f->detail == FACT_MAY_NOT_ENTER)
        inherit_note(notes, LOG_LEVEL_WARN,
                     "%s: %s%s may not enter this folder: requests for %s will get 403; change its "
                     "mode, or %s",
                     l->files, whose, in->user, l->prefix,
                     in->drop_privileges ? "user in [server]" : "start weir as another user");
    else if (f->detail == FACT_MAY_ONLY_ENTER)
        inherit_note(notes, LOG_LEVEL_WARN,
                     "%s: %s%s may not list this folder (files by name work)", l->files, whose,
                     in->user);
}

static void try_roots(const struct inherit *in, int fd, struct buf *notes)
{
    struct facts tries = {0};

    if (!in->drop_privileges && geteuid() == 0) /* root may read everything */
        return;
    if (!become_user(in))
        return;
    for (size_t i = 0; i < in->conf->location_count; i++) {
        const struct conf_location *l = in->conf->locations[i];
        if (l->handler != CONF_FILES || l->root_fd < 0 || find_try(&tries, l->files))
            continue;
        struct fact *f = facts_add(&tries, FACT_ACCESS, span_str(l->files));
        if (f)
            f->fd = l->root_fd;
    }
    answer_all(&tries, fd);
    for (size_t i = 0; i < in->conf->location_count; i++) {
        const struct conf_location *l = in->conf->locations[i];
        const struct fact *f = l->handler == CONF_FILES ? find_try(&tries, l->files) : NULL;
        if (f)
            note_access(in, l, f, notes);
    }
}

/* ---- unix sockets ---- */

static void remove_sockets(const struct facts *facts)
{
    for (size_t i = 0; i < facts->count; i++)
        if (facts->item[i]->kind == FACT_SOCKET && facts->item[i]->fd >= 0)
            unlink(facts->item[i]->name);
}

/* Binds those that are not in force. On failure none is left, and lines are in *errors. */
static bool make_sockets(struct facts *facts, const struct conf *conf,
                         const struct listen_set *running, int fd, struct buf *errors)
{
    size_t before = errors->n;

    umask(0111); /* here and not by each thread in turn */
    for (size_t i = 0; i < conf->server.listen_count; i++) {
        const char *path = check_new_socket(&conf->server.listen[i], running);
        if (path && !facts_add(facts, FACT_SOCKET, span_str(path)))
            buf_addf(errors, "out of memory for unix sockets\n");
    }
    answer_all(facts, fd);
    for (size_t i = 0; i < conf->server.listen_count; i++) {
        const struct conf_listen *l = &conf->server.listen[i];
        const char *path = check_new_socket(l, running);
        const struct fact *f = path ? facts_find(facts, FACT_SOCKET, span_str(path)) : NULL;
        if (!f || (f->state == FACT_KNOWN && f->error == 0))
            continue;
        listen_explain(errors, l->text, f->state == FACT_KNOWN ? f->error : ETIMEDOUT);
        buf_add(errors, "\n", 1);
    }
    if (errors->n == before)
        return true;
    remove_sockets(facts);
    return false;
}

/* ---- sending all ---- */

static void send_all(int fd, enum check_packet kind, struct span what)
{
    while (what.n > 0) {
        struct span part =
            span_of(what.p, what.n < CHECK_PACKET_BYTES ? what.n : CHECK_PACKET_BYTES);
        send_packet(fd, kind, 0, part, -1);
        what = span_from(what, part.n);
    }
}

static void send_facts(int fd, const struct facts *facts)
{
    struct buf bytes = {0};
    uint32_t descriptors = 0;

    if (!facts_write(facts, &bytes))
        _exit(MASTER_FAILED);
    for (size_t i = 0; i < facts->count; i++)
        descriptors += facts->item[i]->fd >= 0;
    send_packet(fd, CHECK_HEAD, descriptors, span_of(NULL, 0), -1);
    send_all(fd, CHECK_FACTS, buf_span(&bytes));
    for (size_t i = 0; i < facts->count; i++)
        if (facts->item[i]->fd >= 0)
            send_packet(fd, CHECK_DESCRIPTOR, (uint32_t)i, span_of(NULL, 0), facts->item[i]->fd);
    buf_free(&bytes);
}

/* ---- the whole ---- */

static void allow_descriptors(void)
{
    struct rlimit now;

    if (getrlimit(RLIMIT_NOFILE, &now) != 0)
        return;
    now.rlim_cur = now.rlim_max;
    setrlimit(RLIMIT_NOFILE, &now);
}

/* Reads until there is nothing new to ask. The status of the last reading. */
static int read_all(const struct master_options *options, struct facts *facts, int fd,
                    struct inherit *in, struct buf *errors)
{
    int status = MASTER_FAILED;

    for (int i = 0; i < ROUNDS_MAX; i++) {
        errors->n = 0;
        status = check_pass(options, in, errors);
        facts->closed = i + 2 == ROUNDS_MAX;
        if (facts_asked(facts) == 0)
            return status;
        if (status == MASTER_FINE)
            inherit_free(in);
        answer_all(facts, fd);
    }
    buf_addf(errors, "the configuration asks for more and more\n");
    return MASTER_USAGE;
}

_Noreturn void checker_main(const struct master_options *options, enum check_purpose purpose,
                            const struct listen_set *running, int fd)
{
    struct facts facts = {.lenient = purpose == CHECK_TEST, .keeps = true};
    struct buf errors = {0}, notes = {0};
    struct inherit in;

    allow_descriptors();
    facts_use(&facts);
    int status = read_all(options, &facts, fd, &in, &errors);
    note_all(&facts, &notes);
    if (status == MASTER_FINE && purpose != CHECK_TEST &&
        !make_sockets(&facts, in.conf, running, fd, &errors))
        status = MASTER_FAILED;
    if (status == MASTER_FINE)
        send_facts(fd, &facts);
    send_all(fd, CHECK_ERRORS, buf_span(&errors));
    send_all(fd, CHECK_NOTES, buf_span(&notes));
    send_packet(fd, CHECK_STATUS, (uint32_t)status, span_of(NULL, 0), -1);
    notes.n = 0;
    if (status == MASTER_FINE)
        try_roots(&in, fd, &notes);
    send_all(fd, CHECK_NOTES, buf_span(&notes));
    fd_close_from(0);
    _exit(MASTER_FINE);
}
