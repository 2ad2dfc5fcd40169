/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Answers to the questions of facts.h: every call here may wait for a disk, a name server or a
 * daemon, for ever. So it runs in threads of a process that nobody waits for (proc/checker.c), or
 * where waiting harms nobody. Keeps no state.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <netdb.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "conf/facts.h"

enum { ENTRY_BYTES = 1024, ENTRY_BYTES_MAX = 1 << 20, GROUPS_MAX = 65536 };

/* ---- files ---- */

static int read_content(int fd, struct buf *to)
{
    ssize_t n;
    struct stat st;
    size_t room = FACT_BYTES_MAX + 1;

    /* Not for a pipe, and not believed: /proc says 0. */
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0 &&
        (size_t)st.st_size < FACT_BYTES_MAX)
        room = (size_t)st.st_size + 1;
    while (room > 0) {
        if (!buf_reserve(to, room))
            return ENOMEM;
        n = fd_read_full(fd, to->p + to->n, room);
        if (n < 0)
            return errno;
        to->n += (size_t)n;
        if ((size_t)n < room)
            break;
        room = FACT_BYTES_MAX + 1 - to->n; /* it grew meanwhile */
    }
    return 0;
}

static int open_config(struct fact *f)
{
    int fd = open(f->name, O_RDONLY | O_CLOEXEC | O_NOCTTY);

    if (fd < 0)
        return errno;
    int error = read_content(fd, &f->data);
    close_fd(&fd);
    return error;
}

static int open_file(struct fact *f)
{
    int fd = open(f->name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    struct stat st;
    int error = 0;

    if (fd < 0)
        return errno;
    if (fstat(fd, &st) != 0)
        error = errno;
    else
        f->detail = (int32_t)(st.st_mode & S_IFMT);
    if (error == 0 && f->detail == S_IFREG)
        error = read_content(fd, &f->data);
    close_fd(&fd);
    return error;
}

static int open_directory(struct fact *f)
{
    struct stat st;
    int error = 0;

    f->fd = open(f->name, O_PATH | O_CLOEXEC);
    if (f->fd < 0)
        return errno;
    if (fstat(f->fd, &st) != 0)
        error = errno;
    else if (!S_ISDIR(st.st_mode))
        error = ENOTDIR;
    if (error != 0)
        close_fd(&f->fd);
    return error;
}

static int find_folder(struct fact *f)
{
    struct stat st;
    char *real = realpath(f->name, NULL);
    int error = 0;

    if (!real)
        return errno;
    if (stat(real, &st) != 0)
        error = errno;
    else if (!S_ISDIR(st.st_mode))
        error = ENOTDIR;
    else if (!buf_add(&f->data, real, strlen(real)))
        error = ENOMEM;
    free(real);
    return error;
}

/* A file that is not there can be made when its directory can be written to. A FIFO that nobody
 * reads is for whoever opens it in earnest. */
static int try_log(const char *path)
{
    char folder[PATH_MAX];
    int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

    if (fd >= 0) {
        close_fd(&fd);
        return 0;
    }
    if (errno == ENXIO)
        return 0;
    if (errno != ENOENT)
        return errno;
    const char *slash = strrchr(path, '/');
    size_t n = slash ? (size_t)(slash - path) : 0;
    if (n >= sizeof folder)
        return ENAMETOOLONG;
    memcpy(folder, path, n);
    memcpy(folder + n, "/", 2);
    return faccessat(AT_FDCWD, folder, W_OK | X_OK, AT_EACCESS) == 0 ? 0 : errno;
}

static int try_access(struct fact *f)
{
    int fd = openat(f->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    f->detail = FACT_MAY_READ;
    if (fd >= 0)
        close_fd(&fd);
    else if (errno == EACCES || errno == EPERM)
        f->detail =
            faccessat(f->fd, ".", X_OK, AT_EACCESS) == 0 ? FACT_MAY_ONLY_ENTER : FACT_MAY_NOT_ENTER;
    return 0;
}

/* ---- unix sockets ---- */

/* A dead server's file goes; 0, or the errno when something is in the way. */
static int clear_path(const struct sockaddr_un *un)
{
    struct stat st;

    if (lstat(un->sun_path, &st) != 0)
        return errno == ENOENT ? 0 : errno;
    if (!S_ISSOCK(st.st_mode))
        return EEXIST;
    int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (probe < 0)
        return errno;
    bool dead = connect(probe, (const void *)un, sizeof *un) != 0 &&
                (errno == ECONNREFUSED || errno == ENOENT);
    close_fd(&probe);
    if (!dead)
        return EADDRINUSE;
    return unlink(un->sun_path) == 0 || errno == ENOENT ? 0 : errno;
}

/* Mode 0666: whoever may reach its folder may connect. Before listen(2) nobody can. */
static int bind_socket(struct fact *f, const struct sockaddr_un *un)
{
    struct fact_socket file;
    struct stat st;
    mode_t before = umask(0111);
    bool good = bind(f->fd, (const void *)un, sizeof *un) == 0;
    int error = good ? 0 : errno;

    umask(before);
    if (!good)
        return error;
    if (lstat(un->sun_path, &st) != 0)
        return errno;
    file = (struct fact_socket){st.st_dev, st.st_ino};
    return buf_add(&f->data, &file, sizeof file) ? 0 : ENOMEM;
}

static int make_socket(struct fact *f)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    size_t n = strlen(f->name);

    if (n >= sizeof un.sun_path)
        return ENAMETOOLONG;
    memcpy(un.sun_path, f->name, n);
    int error = clear_path(&un);
    if (error != 0)
        return error;
    f->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (f->fd < 0)
        return errno;
    error = bind_socket(f, &un);
    if (error != 0)
        close_fd(&f->fd);
    return error;
}

/* ---- users and groups ---- */

static int add_groups(struct fact *f, const char *name)
{
    struct fact_user *user;
    int count = 64;

    for (;;) {
        gid_t *groups = calloc((size_t)count, sizeof *groups);
        int room = count;
        if (!groups)
            return ENOMEM;
        /* The group that is asked about comes first: one that cannot be, so that it can be left. */
        if (getgrouplist(name, (gid_t)-1, groups, &room) >= 0) {
            bool good =
                room < 1 || buf_add(&f->data, groups + 1, (size_t)(room - 1) * sizeof *groups);
            user = (void *)f->data.p;
            user->count = good && room > 0 ? (uint32_t)(room - 1) : 0;
            free(groups);
            return good ? 0 : ENOMEM;
        }
        free(groups);
        if (room <= count || room > GROUPS_MAX)
            return 0; /* as initgroups(3) does where nobody can tell: the one group */
        count = room;
    }
}

/* The user of that name; of that number, when there is none. An entry is not needed for a number.
 */
static int find_user(struct fact *f)
{
    struct passwd entry, *found = NULL;
    uint64_t number = 0;
    bool numeric = span_u64(span_str(f->name), UINT32_MAX - 1, &number);

    for (size_t bytes = ENTRY_BYTES; bytes <= ENTRY_BYTES_MAX; bytes *= 2) {
        char *text = malloc(bytes);
        if (!text)
            return ENOMEM;
        int error = getpwnam_r(f->name, &entry, text, bytes, &found);
        if (error == 0 && !found && numeric)
            error = getpwuid_r((uid_t)number, &entry, text, bytes, &found);
        if (error == ERANGE) {
            free(text);
            continue;
        }
        struct fact_user user = {(uid_t)number, (gid_t)number, 0};
        if (found)
            user = (struct fact_user){entry.pw_uid, entry.pw_gid, 0};
        if (found || (error == 0 && numeric))
            error = buf_add(&f->data, &user, sizeof user) ? 0 : ENOMEM;
        else if (error == 0)
            error = ENOENT;
        if (error == 0 && found)
            error = add_groups(f, entry.pw_name);
        free(text);
        return error;
    }
    return ERANGE;
}

static int find_group(struct fact *f)
{
    struct group entry, *found = NULL;
    uint64_t number;
    gid_t gid;

    for (size_t bytes = ENTRY_BYTES; bytes <= ENTRY_BYTES_MAX; bytes *= 2) {
        char *text = malloc(bytes);
        if (!text)
            return ENOMEM;
        int error = getgrnam_r(f->name, &entry, text, bytes, &found);
        if (found)
            gid = entry.gr_gid;
        free(text);
        if (error == ERANGE)
            continue;
        if (error == 0 && !found) {
            if (!span_u64(span_str(f->name), UINT32_MAX - 1, &number))
                return ENOENT;
            gid = (gid_t)number;
        }
        if (error == 0)
            error = buf_add(&f->data, &gid, sizeof gid) ? 0 : ENOMEM;
        return error;
    }
    return ERANGE;
}

/* ---- hosts ---- */

static int find_host(struct fact *f)
{
    struct addrinfo hints = {
        .ai_socktype = SOCK_STREAM, .ai_family = AF_UNSPEC, .ai_flags = AI_PASSIVE};
    struct addrinfo *found = NULL;
    int error = getaddrinfo(f->name, NULL, &hints, &found);

    if (error == EAI_SYSTEM)
        f->detail = errno;
    if (error != 0)
        return error;
    for (struct addrinfo *a = found; a && error == 0; a = a->ai_next) {
        struct fact_address one = {.bytes = a->ai_addrlen};
        if (a->ai_family != AF_INET && a->ai_family != AF_INET6)
            continue;
        memcpy(&one.address, a->ai_addr, a->ai_addrlen);
        if (!buf_add(&f->data, &one, sizeof one))
            error = EAI_MEMORY;
    }
    freeaddrinfo(found);
    return error;
}

void fact_answer(struct fact *f)
{
    switch (f->kind) {
    case FACT_CONFIG:
        f->error = open_config(f);
        break;
    case FACT_FILE:
        f->error = open_file(f);
        break;
    case FACT_DIRECTORY:
        f->error = open_directory(f);
        break;
    case FACT_SOCKET:
        f->error = make_socket(f);
        break;
    case FACT_FOLDER:
        f->error = find_folder(f);
        break;
    case FACT_LOG:
        f->error = try_log(f->name);
        break;
    case FACT_ACCESS:
        f->error = try_access(f);
        break;
    case FACT_USER:
        f->error = find_user(f);
        break;
    case FACT_GROUP:
        f->error = find_group(f);
        break;
    case FACT_HOST:
        f->error = find_host(f);
        break;
    case FACT_KIND_COUNT:
        break;
    }
}
