/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What workers inherit; see inherit.h. Master only.
 */
#include "proc/inherit.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"

enum {
    MIME_FILE_BYTES_MAX = 4 << 20,
    FD_RESERVE = 64, /* logs, board, channel, epoll, listening sockets, roots */
    TRY_ROOTS_MS = 2000
};

/* ---- the user ---- */

static bool take_user(struct inherit *in, const char *name)
{
    const struct passwd *pw = getpwnam(name);

    if (!pw)
        return false;
    in->uid = pw->pw_uid;
    in->gid = pw->pw_gid;
    struct out o = out_into(in->user, sizeof in->user - 1);
    out_str(&o, name);
    return true;
}

static void resolve_user(struct inherit *in, struct buf *errors)
{
    const struct conf *c = in->conf;

    if (geteuid() != 0)
        return; /* workers stay who we are */
    if (c->server.user && !take_user(in, c->server.user)) {
        buf_addf(errors, "user = %s: there is no such user; give one that exists\n",
                 c->server.user);
        return;
    }
    if (!c->server.user && !take_user(in, "www-data") && !take_user(in, "nobody")) {
        buf_addf(errors, "neither www-data nor nobody exists; name the workers' user with "
                         "user = NAME in [server]\n");
        return;
    }
    if (c->server.group) {
        const struct group *gr = getgrnam(c->server.group);
        if (!gr) {
            buf_addf(errors, "group = %s: there is no such group; give one that exists\n",
                     c->server.group);
            return;
        }
        in->gid = gr->gr_gid;
    }
    in->drop_privileges = in->uid != 0;
}

static void resolve_watchers(struct inherit *in, struct buf *errors)
{
    const char *name = in->conf->server.watch_group;
    const struct group *gr = name ? getgrnam(name) : NULL;

    if (name && !gr)
        buf_addf(errors, "watch_group = %s: there is no such group; give one that exists\n", name);
    in->has_watch_group = gr != NULL;
    in->watch_gid = gr ? gr->gr_gid : 0;
}

/* ---- roots ---- */

static void open_roots(struct inherit *in, struct buf *errors)
{
    for (size_t i = 0; i < in->conf->location_count; i++) {
        struct conf_location *l = in->conf->locations[i];
        if (l->handler != CONF_FILES || l->root_fd >= 0)
            continue;
        l->root_fd = open(l->files, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (l->root_fd >= 0)
            continue;
        if (in->conf->path)
            buf_addf(errors, "%s:%d: ", in->conf->path, l->line);
        buf_addf(errors, "files = %s: %s; give a directory that exists\n", l->files,
                 strerror(errno));
    }
}

static void close_roots(struct conf *conf)
{
    for (size_t i = 0; i < conf->location_count; i++)
        close_fd(&conf->locations[i]->root_fd);
}

/* In a short-lived child: tries each root as the workers' user; a bit of the answer for each. */
static _Noreturn void try_roots(const struct inherit *in, int answer_fd)
{
    bool became = !in->drop_privileges || (initgroups(in->user, in->gid) == 0 &&
                                           setgid(in->gid) == 0 && setuid(in->uid) == 0);

    for (size_t i = 0; became && i < in->conf->location_count; i++) {
        const struct conf_location *l = in->conf->locations[i];
        char readable = 1;
        if (l->handler == CONF_FILES) {
            int fd = openat(l->root_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
            readable = fd >= 0 || (errno != EACCES && errno != EPERM);
            if (fd < 0 && !readable && faccessat(l->root_fd, ".", X_OK, 0) == 0)
                readable = 2; /* files can be served by name, only listings cannot */
            close_fd(&fd);
        }
        if (!fd_write_all(answer_fd, &readable, 1))
            break;
    }
    _exit(0);
}

/* A root on a dead mount answers never: the master does not wait for it. */
static bool next_verdict(int fd, char *verdict)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    int ready;

    do
        ready = poll(&p, 1, TRY_ROOTS_MS);
    while (ready < 0 && errno == EINTR);
    return ready == 1 && fd_read_full(fd, verdict, 1) == 1;
}

static void warn_of_root(const struct inherit *in, const struct conf_location *l, char readable)
{
    const char *whose = in->drop_privileges ? "the workers' user " : "the user weir runs as";

    if (readable == 0)
        log_warn("%s: %s%s may not enter this folder: requests for %s will get 403; change its "
                 "mode, or %s",
                 l->files, whose, in->user, l->prefix,
                 in->drop_privileges ? "user in [server]" : "start weir as another user");
    else if (readable == 2)
        log_warn("%s: %s%s may not list this folder (files by name work)", l->files, whose,
                 in->user);
}

static void read_verdicts(const struct inherit *in, int fd)
{
    for (size_t i = 0; i < in->conf->location_count; i++) {
        const struct conf_location *l = in->conf->locations[i];
        char readable;
        if (!next_verdict(fd, &readable)) {
            log_warn("%s: whether the workers may read it could not be found out",
                     l->files ? l->files : l->prefix);
            return;
        }
        warn_of_root(in, l, readable);
    }
}

void inherit_warn_unreadable(const struct inherit *in)
{
    int pair[2];

    if (!in->drop_privileges && geteuid() == 0) /* root may read everything */
        return;
    if (pipe2(pair, O_CLOEXEC) != 0)
        return;
    pid_t pid = fork();
    if (pid == 0)
        try_roots(in, pair[1]);
    close_fd(&pair[1]);
    if (pid > 0) {
        read_verdicts(in, pair[0]);
        kill(pid, SIGKILL);
        waitpid(pid, NULL, WNOHANG); /* else the loop reaps it when it can end */
    }
    close_fd(&pair[0]);
}

/* ---- media types ---- */

static bool read_whole(const char *path, struct buf *text)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    bool good = false;

    if (fd < 0)
        return false;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size <= MIME_FILE_BYTES_MAX &&
        buf_reserve(text, (size_t)st.st_size + 1)) {
        ssize_t n = fd_read_full(fd, text->p, (size_t)st.st_size);
        good = n >= 0;
        text->n = good ? (size_t)n : 0;
    }
    close_fd(&fd);
    return good;
}

static void fill_types(struct inherit *in, struct buf *errors)
{
    const struct conf *c = in->conf;
    struct buf text = {0};
    bool good = true;

    in->mime = mime_table_new();
    if (!in->mime) {
        buf_addf(errors, "out of memory for the media types\n");
        return;
    }
    for (size_t i = 0; i < c->type_count && good; i++)
        good =
            mime_table_add(in->mime, span_str(c->types[i].extension), span_str(c->types[i].type));
    if (good && c->server.mime_types && c->server.mime_types[0]) {
        if (read_whole(c->server.mime_types, &text))
            good = mime_table_add_file(in->mime, buf_span(&text));
        else
            log_info("%s: cannot be read (%s): only built-in media types and [types] are known",
                     c->server.mime_types, strerror(errno));
        buf_free(&text);
    }
    if (!good)
        buf_addf(errors, "out of memory for the media types\n");
}

/* ---- the whole ---- */

bool inherit_prepare(struct inherit *in, struct conf *conf, struct buf *errors)
{
    size_t before = errors->n;

    memset(in, 0, sizeof *in);
    in->conf = conf;
    log_out_init(&in->access_log);
    resolve_user(in, errors);
    resolve_watchers(in, errors);
    open_roots(in, errors);
    fill_types(in, errors);
    if (errors->n == before)
        return true;
    inherit_free(in);
    return false;
}

static bool open_access_log(struct inherit *in, int error_fd, int wait_ms, struct buf *errors)
{
    const char *access = in->conf->log.access;

    if (!access || strcmp(access, "off") == 0)
        return true;
    if (!log_out_make_queue(&in->access_log, BOARD_LOG_ACCESS, error_fd)) {
        buf_addf(errors, "%s: no queue for the access log: %s\n", access, strerror(errno));
        return false;
    }
    return log_out_move(&in->access_log, access, wait_ms, errors);
}

bool inherit_open(struct inherit *in, struct listen_set *running, int error_fd, struct buf *errors)
{
    int wait_ms = running ? LOGS_WAIT_MS : LOGS_WAIT_START_MS;
    bool log_good = open_access_log(in, error_fd, wait_ms, errors);
    bool listen_good = listen_set_open(&in->listen, in->conf, running, errors);

    return log_good && listen_good;
}

void inherit_raise_descriptors(const struct conf *conf)
{
    struct rlimit now;
    rlim_t need = FD_RESERVE + conf->server.listen_count + conf->location_count +
                  (rlim_t)conf->limits.connections + conf->cache.entries;

    if (getrlimit(RLIMIT_NOFILE, &now) != 0 || now.rlim_cur >= need)
        return;
    struct rlimit want = {need, now.rlim_max > need ? now.rlim_max : need};
    if (setrlimit(RLIMIT_NOFILE, &want) == 0) /* above the hard limit: root alone */
        return;
    want.rlim_max = now.rlim_max;
    want.rlim_cur = need < now.rlim_max ? need : now.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &want) != 0)
        want = now;
    if (want.rlim_cur < need)
        log_warn("%llu descriptors per process are allowed, %u connections and %u cached files may "
                 "need %llu: raise the limit (ulimit -Hn, LimitNOFILE=) or lower [limits] "
                 "connections",
                 (unsigned long long)want.rlim_cur, conf->limits.connections, conf->cache.entries,
                 (unsigned long long)need);
}

void inherit_free(struct inherit *in)
{
    listen_set_close(&in->listen);
    log_out_close(&in->access_log);
    mime_table_free(&in->mime);
    if (in->conf)
        close_roots(in->conf);
    conf_free(&in->conf);
}
