/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A file system that is as slow as a test wants, on FUSE: every answer can be delayed, held for
 * good, or be an error, and that can be changed while it runs through a Unix socket.
 *
 * Its files exist only as arithmetic: fN (of the size that `size` says) and fN-SIZE, for any N
 * below 2^22, in the root and in the folder d. Eight bytes at offset 8k of fN are the little-endian
 * number (N << 32) + k, so a test can compute what it must read. Any number of names means that a
 * load can always ask for a file that no cache has seen.
 *
 * One thread: requests are taken from the kernel as they come and answered when they are due,
 * so thousands can be outstanding at once. Reads are at most 128 KiB each. A held request ends
 * when its caller is killed, as on a hard NFS mount, unless `deaf` is set.
 *
 *     slowfs MOUNTPOINT SOCKET [COMMAND...]
 *
 * Commands, one a line on the socket or one an argument; each is answered with a line, "ok" or
 * "error: why" (OP: lookup, getattr, open, read, readdir, statfs, flush, all):
 *     delay OP MS     answer that much later; for read: for each 128 KiB begun
 *     error OP ERRNO  answer with this error number; 0: as usual
 *     hang OP         do not answer from now on, until `release`
 *     release         answer all that is held, and hang nothing any more
 *     lose            hang nothing any more, but never answer what is held
 *     set NAME N      size, files (listed names), entry_ms and attr_ms (how long the kernel may
 *                     keep names and attributes), keep (1: pages stay across opens), deaf,
 *                     only (what hangs is about fN alone), rate (bytes a second of all reads
 *                     together, one after the other as they come),
 *                     flush (1: each close of a file asks; before the first close, or never)
 *     image PATH      there is also a file `image` with the contents of that one: a slow block
 *                     device, with losetup -r; its pages are not kept
 *     stats           one line of JSON: counts of requests, outstanding, held
 * Prints "ready" when it is mounted; unmounts and ends on TERM, INT and when its parent dies.
 * Writing is not possible. Run by tests and benchmarks only.
 */
#define FUSE_USE_VERSION 312
#include <errno.h>
#include <fuse3/fuse_lowlevel.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/list.h"

enum op { OP_LOOKUP, OP_GETATTR, OP_OPEN, OP_READ, OP_READDIR, OP_STATFS, OP_FLUSH, OP_COUNT };
static const char *const op_name[OP_COUNT] = {
    [OP_LOOKUP] = "lookup",   [OP_GETATTR] = "getattr", [OP_OPEN] = "open",   [OP_READ] = "read",
    [OP_READDIR] = "readdir", [OP_STATFS] = "statfs",   [OP_FLUSH] = "flush",
};

#define READ_BYTES    (128 * 1024)
#define NEVER         UINT64_MAX
#define CLIENTS_MAX   8
#define FILE_BITS     22
#define SIZE_BITS     40
#define INODE_FOLDER  2 /* "d" */
#define INODE_IMAGE   3 /* "image" */
#define NS_PER_MS     UINT64_C(1000000)
#define REQUESTS_MAX  4096 /* that the kernel may send ahead of being asked for */
#define EPOCH_SECONDS 1600000000

/* A request that has not been answered. */
struct pending {
    struct list link; /* in `outstanding`, in order of due_ns */
    fuse_req_t req;
    enum op op;
    uint64_t due_ns; /* NEVER: held */
    fuse_ino_t ino;  /* what it is about; for a lookup what it found, 0: nothing */
    off_t offset;
    size_t bytes;
    int error;
    bool interrupted; /* its caller was killed */
    struct fuse_file_info file;
};

static struct list outstanding;
static uint64_t delay_ms[OP_COUNT], count[OP_COUNT];
static int error_of[OP_COUNT];
static bool hangs[OP_COUNT];
static struct {
    uint64_t size, files, entry_ms, attr_ms, keep, deaf, only, rate, flush;
} set = {.size = 4 * 1024 * 1024, .files = 100, .entry_ms = 1000, .attr_ms = 1000};
static const struct {
    const char *name;
    uint64_t *value;
} settings[] = {
    {"size", &set.size},       {"files", &set.files}, {"entry_ms", &set.entry_ms},
    {"attr_ms", &set.attr_ms}, {"keep", &set.keep},   {"deaf", &set.deaf},
    {"only", &set.only},       {"rate", &set.rate},   {"flush", &set.flush},
};
static unsigned outstanding_count, outstanding_peak;
static uint64_t interrupted_count;
static int image_fd = -1;
static uint64_t image_bytes;
static struct fuse_session *session;

static uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* --- names and contents --- */

/* fN or fN-SIZE as an inode number, which says both; 0 for any other name. */
static fuse_ino_t inode_of(const char *name)
{
    char *end;

    if (strcmp(name, "d") == 0)
        return INODE_FOLDER;
    if (image_fd >= 0 && strcmp(name, "image") == 0)
        return INODE_IMAGE;
    if (name[0] != 'f' || name[1] < '0' || name[1] > '9')
        return 0;
    uint64_t number = strtoull(name + 1, &end, 10), size = set.size;
    if (*end == '-' && end[1] >= '0' && end[1] <= '9')
        size = strtoull(end + 1, &end, 10);
    if (*end != '\0' || number >= UINT64_C(1) << FILE_BITS || size >= UINT64_C(1) << SIZE_BITS)
        return 0;
    return (number + 1) << SIZE_BITS | size;
}

static bool is_folder(fuse_ino_t ino)
{
    return ino == FUSE_ROOT_ID || ino == INODE_FOLDER;
}

static uint64_t size_of(fuse_ino_t ino)
{
    return ino == INODE_IMAGE ? image_bytes : ino & ((UINT64_C(1) << SIZE_BITS) - 1);
}

static struct stat attributes(fuse_ino_t ino)
{
    struct stat st = {
        .st_ino = ino, .st_nlink = 1, .st_blksize = READ_BYTES, .st_mtime = EPOCH_SECONDS};

    st.st_ctime = st.st_atime = EPOCH_SECONDS;
    if (is_folder(ino)) {
        st.st_mode = S_IFDIR | 0755;
        st.st_nlink = 2;
    } else {
        st.st_mode = S_IFREG | 0644;
        st.st_size = (off_t)size_of(ino);
        st.st_blocks = (st.st_size + 511) / 512;
    }
    return st;
}

static void fill(unsigned char *p, size_t n, uint64_t number, uint64_t offset)
{
    size_t lead = offset % 8;
    uint64_t word = (number << 32) + offset / 8;

    for (size_t done = 0; done < n; word++, lead = 0) {
        size_t step = 8 - lead < n - done ? 8 - lead : n - done;
        memcpy(p + done, (unsigned char *)&word + lead, step);
        done += step;
    }
}

/* --- answers --- */

static void answer_read(const struct pending *p)
{
    static unsigned char bytes[READ_BYTES];
    uint64_t size = size_of(p->ino), offset = (uint64_t)p->offset;
    size_t n = p->bytes < READ_BYTES ? p->bytes : READ_BYTES;

    if (offset >= size)
        n = 0;
    else if (n > size - offset)
        n = (size_t)(size - offset);
    if (p->ino == INODE_IMAGE && pread(image_fd, bytes, n, p->offset) != (ssize_t)n) {
        fuse_reply_err(p->req, EIO);
        return;
    }
    if (p->ino != INODE_IMAGE)
        fill(bytes, n, (p->ino >> SIZE_BITS) - 1, offset);
    fuse_reply_buf(p->req, (const char *)bytes, n);
}

static void answer_lookup(const struct pending *p)
{
    struct fuse_entry_param e = {
        .ino = p->ino,
        .attr_timeout = (double)set.attr_ms / 1000,
        .entry_timeout = (double)set.entry_ms / 1000,
    };

    if (p->ino != 0)
        e.attr = attributes(p->ino);
    fuse_reply_entry(p->req, &e);
}

/* Entry i of a folder: ".", "..", in the root "d", and the files that are listed. */
static bool entry_at(fuse_ino_t folder, uint64_t i, char *name, size_t cap, struct stat *st)
{
    uint64_t fixed = folder == FUSE_ROOT_ID ? 3 : 2;

    if (i >= fixed + set.files)
        return false;
    if (i < fixed)
        snprintf(name, cap, "%s", i == 0 ? "." : i == 1 ? ".." : "d");
    else
        snprintf(name, cap, "f%" PRIu64, i - fixed);
    *st = attributes(i < 2 ? FUSE_ROOT_ID : inode_of(name));
    return true;
}

static void answer_readdir(const struct pending *p)
{
    static char bytes[READ_BYTES];
    size_t n = 0, cap = p->bytes < sizeof bytes ? p->bytes : sizeof bytes;
    struct stat st;
    char name[32];

    for (uint64_t i = (uint64_t)p->offset; entry_at(p->ino, i, name, sizeof name, &st); i++) {
        size_t need = fuse_add_direntry(p->req, bytes + n, cap - n, name, &st, (off_t)(i + 1));
        if (need > cap - n)
            break;
        n += need;
    }
    fuse_reply_buf(p->req, bytes, n);
}

static void answer_ok(struct pending *p)
{
    struct stat st;
    struct statvfs vfs = {.f_bsize = 4096, .f_frsize = 4096, .f_blocks = 1, .f_namemax = 255};

    switch (p->op) {
    case OP_LOOKUP:
        answer_lookup(p);
        return;
    case OP_GETATTR:
        st = attributes(p->ino);
        fuse_reply_attr(p->req, &st, (double)set.attr_ms / 1000);
        return;
    case OP_OPEN:
        p->file.keep_cache = set.keep != 0;
        p->file.direct_io = p->ino == INODE_IMAGE;
        fuse_reply_open(p->req, &p->file);
        return;
    case OP_READ:
        answer_read(p);
        return;
    case OP_READDIR:
        answer_readdir(p);
        return;
    case OP_FLUSH:
        fuse_reply_err(p->req, 0);
        return;
    case OP_STATFS:
    case OP_COUNT:
        fuse_reply_statfs(p->req, &vfs);
        return;
    }
}

static void answer(struct pending *p)
{
    list_remove(&p->link);
    outstanding_count--;
    fuse_req_interrupt_func(p->req, NULL, NULL);
    if (p->interrupted)
        fuse_reply_err(p->req, EINTR);
    else if (p->error != 0)
        fuse_reply_err(p->req, p->error);
    else
        answer_ok(p);
    free(p);
}

/* --- requests --- */

static struct pending *pending_of(struct list *l)
{
    return list_entry(l, struct pending, link);
}

/* The list is nearly always longest-waiting first already: look for the place from its end. */
static void insert(struct pending *p)
{
    struct list *after = outstanding.prev;

    while (after != &outstanding && pending_of(after)->due_ns > p->due_ns)
        after = after->prev;
    list_push_front(after, &p->link);
}

/* libfuse calls it from within fuse_session_process_buf, where the answer may not be given yet. */
static void on_interrupt(fuse_req_t req, void *arg)
{
    struct pending *p = arg;

    (void)req;
    if (set.deaf != 0 || p->interrupted)
        return;
    p->interrupted = true;
    interrupted_count++;
    if (list_empty(&p->link)) /* it came before the request was put into the list */
        return;
    p->due_ns = 0;
    list_remove(&p->link);
    list_push_front(&outstanding, &p->link);
}

static bool is_hung(const struct pending *p)
{
    return hangs[p->op] && (set.only == 0 || p->ino >> SIZE_BITS == set.only + 1);
}

/* When a read is answered that waits for all before it. */
static uint64_t by_rate(const struct pending *p, uint64_t due_ns)
{
    static uint64_t busy_until_ns;

    if (p->op != OP_READ || set.rate == 0)
        return due_ns;
    if (busy_until_ns < due_ns)
        busy_until_ns = due_ns;
    busy_until_ns += p->bytes * UINT64_C(1000000000) / set.rate;
    return busy_until_ns;
}

static void take(fuse_req_t req, const struct pending *what)
{
    struct pending *p = malloc(sizeof *p);

    if (!p) {
        fuse_reply_err(req, ENOMEM);
        return;
    }
    *p = *what;
    p->req = req;
    p->error = error_of[p->op];
    list_init(&p->link);
    uint64_t times = p->op == OP_READ ? (p->bytes + READ_BYTES - 1) / READ_BYTES : 1;
    count[p->op]++;
    if (++outstanding_count > outstanding_peak)
        outstanding_peak = outstanding_count;
    fuse_req_interrupt_func(req, on_interrupt, p);
    if (p->interrupted)
        p->due_ns = 0;
    else if (is_hung(p))
        p->due_ns = NEVER;
    else
        p->due_ns = by_rate(p, now_ns() + delay_ms[p->op] * NS_PER_MS * times);
    insert(p);
}

static void on_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
    fuse_ino_t ino = inode_of(name);

    if (parent != FUSE_ROOT_ID && ino == INODE_FOLDER)
        ino = 0;
    take(req, &(struct pending){.op = OP_LOOKUP, .ino = ino});
}

static void on_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *file)
{
    (void)file;
    take(req, &(struct pending){.op = OP_GETATTR, .ino = ino});
}

static void on_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *file)
{
    if ((file->flags & O_ACCMODE) != O_RDONLY)
        fuse_reply_err(req, EROFS);
    else
        take(req, &(struct pending){.op = OP_OPEN, .ino = ino, .file = *file});
}

static void on_read(fuse_req_t req, fuse_ino_t ino, size_t bytes, off_t offset,
                    struct fuse_file_info *file)
{
    (void)file;
    take(req, &(struct pending){.op = OP_READ, .ino = ino, .bytes = bytes, .offset = offset});
}

static void on_readdir(fuse_req_t req, fuse_ino_t ino, size_t bytes, off_t offset,
                       struct fuse_file_info *file)
{
    (void)file;
    take(req, &(struct pending){.op = OP_READDIR, .ino = ino, .bytes = bytes, .offset = offset});
}

static void on_statfs(fuse_req_t req, fuse_ino_t ino)
{
    take(req, &(struct pending){.op = OP_STATFS, .ino = ino});
}

/* ENOSYS: the kernel never asks again. */
static void on_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *file)
{
    (void)file;
    if (set.flush)
        take(req, &(struct pending){.op = OP_FLUSH, .ino = ino});
    else
        fuse_reply_err(req, ENOSYS);
}

static void on_init(void *arg, struct fuse_conn_info *conn)
{
    (void)arg;
    conn->max_background = REQUESTS_MAX;
    conn->congestion_threshold = REQUESTS_MAX;
    conn->max_read = READ_BYTES; /* as the mount option says */
}

static const struct fuse_lowlevel_ops operations = {
    .init = on_init,
    .lookup = on_lookup,
    .getattr = on_getattr,
    .open = on_open,
    .read = on_read,
    .opendir = on_open,
    .readdir = on_readdir,
    .flush = on_flush,
    .statfs = on_statfs,
};

static void answer_due(void)
{
    uint64_t now = now_ns();

    while (!list_empty(&outstanding) && pending_of(outstanding.next)->due_ns <= now)
        answer(pending_of(outstanding.next));
}

static void release_all(void)
{
    memset(hangs, 0, sizeof hangs);
    while (!list_empty(&outstanding) && pending_of(outstanding.prev)->due_ns == NEVER)
        answer(pending_of(outstanding.prev));
}

/* --- commands --- */

static bool number_of(const char *word, uint64_t *to)
{
    char *end;

    if (!word || word[0] < '0' || word[0] > '9')
        return false;
    errno = 0;
    *to = strtoull(word, &end, 10);
    return *end == '\0' && errno == 0;
}

/* The operations that a word means, as bits; 0 when it means none. */
static unsigned ops_of(const char *word)
{
    if (!word)
        return 0;
    if (strcmp(word, "all") == 0)
        return (1u << OP_COUNT) - 1;
    for (unsigned i = 0; i < OP_COUNT; i++)
        if (strcmp(word, op_name[i]) == 0)
            return 1u << i;
    return 0;
}

static void write_stats(char *to, size_t cap)
{
    unsigned held = 0;
    int n = 0;

    for (struct list *l = outstanding.prev; l != &outstanding; l = l->prev)
        held += pending_of(l)->due_ns == NEVER;
    for (unsigned i = 0; i < OP_COUNT; i++)
        n += snprintf(to + n, cap - (size_t)n, "%s\"%s\": %" PRIu64, i ? ", " : "{", op_name[i],
                      count[i]);
    snprintf(to + n, cap - (size_t)n,
             ", \"outstanding\": %u, \"held\": %u, \"peak\": %u, \"interrupted\": %" PRIu64 "}",
             outstanding_count, held, outstanding_peak, interrupted_count);
}

static void change_ops(const char *verb, unsigned ops, uint64_t value)
{
    for (unsigned i = 0; i < OP_COUNT; i++) {
        if (!(ops & 1u << i))
            continue;
        if (verb[0] == 'd')
            delay_ms[i] = value;
        else if (verb[0] == 'e')
            error_of[i] = (int)value;
        else
            hangs[i] = true;
    }
}

static const char *change_setting(const char *name, const char *word)
{
    uint64_t value;

    if (!number_of(word, &value))
        return "error: set NAME N";
    for (size_t i = 0; name && i < sizeof settings / sizeof *settings; i++)
        if (strcmp(name, settings[i].name) == 0) {
            *settings[i].value = value;
            return "ok";
        }
    return "error: no such setting";
}

static const char *show_image(const char *path)
{
    struct stat st;

    image_fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (image_fd < 0 || fstat(image_fd, &st) != 0)
        return "error: image PATH";
    image_bytes = (uint64_t)st.st_size;
    return "ok";
}

/* Carries out a line, which it takes apart, and writes the answer into `to`. */
static void command(char *line, char *to, size_t cap)
{
    char *rest = NULL, *verb = strtok_r(line, " \n", &rest);
    char *first = strtok_r(NULL, " \n", &rest), *second = strtok_r(NULL, " \n", &rest);
    unsigned ops = ops_of(first);
    uint64_t value = 0;
    const char *said = "ok";

    if (!verb)
        said = "error: empty";
    else if (strcmp(verb, "set") == 0)
        said = change_setting(first, second);
    else if (strcmp(verb, "image") == 0)
        said = show_image(first);
    else if (strcmp(verb, "release") == 0)
        release_all();
    else if (strcmp(verb, "lose") == 0)
        memset(hangs, 0, sizeof hangs);
    else if (strcmp(verb, "stats") == 0) {
        write_stats(to, cap);
        return;
    } else if (strcmp(verb, "hang") == 0 && ops != 0)
        change_ops(verb, ops, 0);
    else if ((strcmp(verb, "delay") == 0 || strcmp(verb, "error") == 0) && ops != 0 &&
             number_of(second, &value))
        change_ops(verb, ops, value);
    else
        said = "error: not understood";
    snprintf(to, cap, "%s", said);
}

/* One line in, one line out; a client that sends none or half of one is dropped. */
static bool serve_client(int fd)
{
    char line[256], said[1024];
    ssize_t n = recv(fd, line, sizeof line - 1, 0);

    if (n <= 0 || !memchr(line, '\n', (size_t)n))
        return false;
    line[n] = '\0';
    command(line, said, sizeof said - 1);
    size_t length = strlen(said);
    said[length] = '\n';
    return send(fd, said, length + 1, MSG_NOSIGNAL) == (ssize_t)length + 1;
}

static int listen_at(const char *path)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    if (strlen(path) >= sizeof at.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(at.sun_path, path, strlen(path) + 1);
    if (bind(fd, (struct sockaddr *)&at, sizeof at) != 0 || listen(fd, CLIENTS_MAX) != 0)
        return -1;
    return fd;
}

/* --- the loop --- */

enum { POLL_FUSE, POLL_SIGNAL, POLL_LISTEN, POLL_CLIENTS };

/* False when the file system was unmounted by somebody else or the kernel ended the connection. */
static bool take_request(struct fuse_buf *buf)
{
    int n = fuse_session_receive_buf(session, buf);

    if (n == -EINTR || n == -EAGAIN)
        return true;
    if (n <= 0)
        return false;
    fuse_session_process_buf(session, buf);
    return !fuse_session_exited(session);
}

static struct timespec until_due(void)
{
    uint64_t wait = 60 * UINT64_C(1000000000), now = now_ns();

    if (!list_empty(&outstanding) && pending_of(outstanding.next)->due_ns != NEVER) {
        uint64_t due = pending_of(outstanding.next)->due_ns;
        wait = due > now ? due - now : 0;
    }
    return (struct timespec){(time_t)(wait / 1000000000), (long)(wait % 1000000000)};
}

static void serve_clients(struct pollfd *fds)
{
    for (unsigned i = POLL_CLIENTS; i < POLL_CLIENTS + CLIENTS_MAX; i++)
        if (fds[i].fd >= 0 && fds[i].revents != 0 && !serve_client(fds[i].fd)) {
            close(fds[i].fd);
            fds[i].fd = -1;
        }
    if (fds[POLL_LISTEN].revents == 0)
        return;
    int fd = accept4(fds[POLL_LISTEN].fd, NULL, NULL, SOCK_CLOEXEC);
    for (unsigned i = POLL_CLIENTS; fd >= 0 && i < POLL_CLIENTS + CLIENTS_MAX; i++)
        if (fds[i].fd < 0) {
            fds[i].fd = fd;
            return;
        }
    if (fd >= 0)
        close(fd);
}

static int run(int listen_fd, int signal_fd)
{
    struct pollfd fds[POLL_CLIENTS + CLIENTS_MAX];
    struct fuse_buf buf = {0};

    for (unsigned i = 0; i < POLL_CLIENTS + CLIENTS_MAX; i++)
        fds[i] = (struct pollfd){.fd = -1, .events = POLLIN};
    fds[POLL_FUSE].fd = fuse_session_fd(session);
    fds[POLL_SIGNAL].fd = signal_fd;
    fds[POLL_LISTEN].fd = listen_fd;
    for (;;) {
        struct timespec wait = until_due();
        if (ppoll(fds, POLL_CLIENTS + CLIENTS_MAX, &wait, NULL) < 0 && errno != EINTR) {
            perror("slowfs: ppoll");
            break;
        }
        if (fds[POLL_SIGNAL].revents != 0)
            break;
        if (fds[POLL_FUSE].revents != 0 && !take_request(&buf))
            break;
        answer_due();
        serve_clients(fds);
    }
    free(buf.mem);
    return 0;
}

/* What is still held is answered, so that nobody stays stuck in a file system that is going. */
static void answer_rest(void)
{
    while (!list_empty(&outstanding)) {
        struct pending *p = pending_of(outstanding.next);
        p->error = EIO;
        answer(p);
    }
}

static bool mount_at(const char *path, char *program)
{
    char options[128];
    snprintf(options, sizeof options, "ro,fsname=slowfs,subtype=slowfs,max_read=%d%s", READ_BYTES,
             geteuid() == 0 ? ",allow_other,default_permissions" : ",default_permissions");
    char dash[] = "-o";
    char *argv[] = {program, dash, options, NULL};
    struct fuse_args args = FUSE_ARGS_INIT(3, argv);

    session = fuse_session_new(&args, &operations, sizeof operations, NULL);
    bool good = session && fuse_session_mount(session, path) == 0;
    fuse_opt_free_args(&args);
    return good;
}

static int signals(void)
{
    sigset_t ends;

    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGHUP);
    if (sigprocmask(SIG_BLOCK, &ends, NULL) != 0)
        return -1;
    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    return signalfd(-1, &ends, SFD_CLOEXEC);
}

int main(int argc, char **argv)
{
    char said[1024];

    if (argc < 3) {
        fprintf(stderr, "usage: slowfs MOUNTPOINT SOCKET [COMMAND...]\n");
        return 2;
    }
    list_init(&outstanding);
    delay_ms[OP_READ] = 100;
    for (int i = 3; i < argc; i++) {
        command(argv[i], said, sizeof said);
        if (strcmp(said, "ok") != 0) {
            fprintf(stderr, "slowfs: argument %d: %s\n", i, said);
            return 2;
        }
    }
    int signal_fd = signals(), listen_fd = listen_at(argv[2]);
    if (signal_fd < 0 || listen_fd < 0) {
        perror("slowfs: socket");
        return 1;
    }
    if (!mount_at(argv[1], argv[0])) {
        fprintf(stderr, "slowfs: cannot mount at %s\n", argv[1]);
        return 1;
    }
    printf("ready\n");
    fflush(stdout);
    int status = run(listen_fd, signal_fd);
    answer_rest();
    fuse_session_unmount(session);
    fuse_session_destroy(session);
    unlink(argv[2]);
    return status;
}
