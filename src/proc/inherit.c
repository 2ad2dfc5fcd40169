/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What workers inherit; see inherit.h. Master, and the process that checks for it.
 */
#include "proc/inherit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "conf/facts.h"
#include "proc/runtime.h"

enum {
    FD_RESERVE = 64, /* logs, board, channel, epoll, listening sockets, roots */
};

/* ---- the user ---- */

static bool keep_groups(struct inherit *in, const struct fact *f, uint32_t count)
{
    size_t bytes = f->data.n - sizeof(struct fact_user);

    if (count > bytes / sizeof *in->groups)
        return false;
    free(in->groups);
    in->groups = calloc((size_t)count + 1, sizeof *in->groups);
    if (!in->groups)
        return false;
    memcpy(in->groups + 1, f->data.p + sizeof(struct fact_user), count * sizeof *in->groups);
    in->group_count = (size_t)count + 1; /* the first is filled in when it is known */
    return true;
}

/* False: there is no such user, as far as is known. */
static bool take_user(struct inherit *in, const char *name, struct buf *errors)
{
    const struct fact *f = fact_ask(FACT_USER, span_str(name));
    struct fact_user user;
    struct buf why = {0};

    if (f && fact_is_missing(f, &why)) {
        buf_addf(errors, "user = %s: %.*s\n", name, (int)why.n, why.p);
        buf_free(&why);
        return true;
    }
    if (!f || f->state != FACT_KNOWN || f->error != 0 || f->data.n < sizeof user)
        return false;
    memcpy(&user, f->data.p, sizeof user);
    in->uid = user.uid;
    in->gid = user.gid;
    if (!keep_groups(in, f, user.count))
        buf_addf(errors, "user = %s: no memory for its groups\n", name);
    struct out o = out_into(in->user, sizeof in->user - 1);
    out_str(&o, name);
    return true;
}

/* key: of the setting that names the group. False: there is none, as far as is known. */
static bool find_group(const char *key, const char *name, gid_t *gid, struct buf *errors)
{
    const struct fact *f = fact_ask(FACT_GROUP, span_str(name));
    struct buf why = {0};

    if (f && fact_is_missing(f, &why)) {
        buf_addf(errors, "%s = %s: %.*s\n", key, name, (int)why.n, why.p);
        buf_free(&why);
        return true;
    }
    if (!f || f->state != FACT_KNOWN || f->error != 0 || f->data.n != sizeof *gid)
        return false;
    memcpy(gid, f->data.p, sizeof *gid);
    return true;
}

/* What is not known yet, or need not be, is no mistake. */
static bool is_unknown(enum fact_kind kind, const char *name)
{
    const struct fact *f = fact_ask(kind, span_str(name));

    return f && f->state != FACT_KNOWN;
}

static void resolve_user(struct inherit *in, struct buf *errors)
{
    const struct conf *c = in->conf;

    if (geteuid() != 0)
        return; /* workers stay who we are */
    if (c->server.user && !take_user(in, c->server.user, errors) &&
        !is_unknown(FACT_USER, c->server.user)) {
        buf_addf(errors, "user = %s: there is no such user; give one that exists\n",
                 c->server.user);
        return;
    }
    if (!c->server.user && !take_user(in, "www-data", errors) && !take_user(in, "nobody", errors) &&
        !is_unknown(FACT_USER, "www-data") && !is_unknown(FACT_USER, "nobody")) {
        buf_addf(errors, "neither www-data nor nobody exists; name the workers' user with "
                         "user = NAME in [server]\n");
        return;
    }
    if (c->server.group && !find_group("group", c->server.group, &in->gid, errors) &&
        !is_unknown(FACT_GROUP, c->server.group)) {
        buf_addf(errors, "group = %s: there is no such group; give one that exists\n",
                 c->server.group);
        return;
    }
    in->drop_privileges = in->uid != 0;
    if (in->groups)
        in->groups[0] = in->gid;
}

static void resolve_watchers(struct inherit *in, struct buf *errors)
{
    const char *name = in->conf->server.watch_group;

    in->has_watch_group = name && find_group("watch_group", name, &in->watch_gid, errors);
    if (name && !in->has_watch_group && !is_unknown(FACT_GROUP, name))
        buf_addf(errors, "watch_group = %s: there is no such group; give one that exists\n", name);
}

/* ---- roots and logs ---- */

/* One that has no descriptor, for it did not answer or none was left, is opened by the workers. */
static void take_roots(struct inherit *in, struct buf *errors)
{
    for (size_t i = 0; i < in->conf->location_count; i++) {
        struct conf_location *l = in->conf->locations[i];
        if (l->handler != CONF_FILES || l->root_fd >= 0)
            continue;
        struct fact *f = fact_ask(FACT_DIRECTORY, span_str(l->files));
        if (f)
            l->root_fd = fact_take_fd(f);
        else
            buf_addf(errors, "out of memory for the roots\n");
    }
}

/* The runtime directory is made when the server starts, and a log may lie in it. */
static bool is_in_runtime_dir(const struct conf *conf, const char *path)
{
    struct runtime r;
    struct buf ignored = {0};
    size_t n = runtime_choose(&r, conf->server.runtime_dir, &ignored) ? strlen(r.dir) : 0;

    buf_free(&ignored);
    return n > 0 && strncmp(path, r.dir, n) == 0 && strrchr(path, '/') == path + n;
}

static void try_log(const struct conf *conf, const char *path, const char *what,
                    const char *without, struct buf *errors)
{
    const struct fact *f;

    if (!path || path[0] != '/')
        return;
    f = fact_ask(FACT_LOG, span_str(path));
    if (f && f->state == FACT_KNOWN && f->error != 0 &&
        !(f->error == ENOENT && is_in_runtime_dir(conf, path)))
        buf_addf(errors, "%s: cannot open the %s log: %s%s%s\n", path, what, strerror(f->error),
                 f->error == ENOENT ? "; make its directory first" : "", without);
}

bool inherit_try_logs(const struct conf *conf, struct buf *errors)
{
    size_t before = errors->n;

    try_log(conf, conf->log.access, "access", " (or set access = off in [log])", errors);
    try_log(conf, conf->log.error, "error", "", errors);
    return errors->n == before;
}

/* ---- media types ---- */

void inherit_note(struct buf *notes, enum log_level level, const char *fmt, ...)
{
    char *text = NULL;
    va_list ap;

    va_start(ap, fmt);
    int n = vasprintf(&text, fmt, ap);
    va_end(ap);
    if (n < 0)
        return;
    buf_addf(notes, "%u%s\n", (unsigned)level, text);
    free(text);
}

/* The system's table; without it the built-in one does. */
static bool add_system_types(struct inherit *in, const char *path)
{
    const struct fact *f = fact_ask(FACT_FILE, span_str(path));

    if (!f)
        return false;
    if (f->state != FACT_KNOWN)
        return true;
    if (f->error == 0 && f->detail == S_IFREG && f->data.n <= FACT_BYTES_MAX)
        return mime_table_add_file(in->mime, buf_span(&f->data));
    inherit_note(&in->notes, LOG_LEVEL_INFO,
                 "%s: cannot be read (%s): only built-in media types and [types] are known", path,
                 f->error != 0 ? strerror(f->error) : "not a file of at most 4 MiB");
    return true;
}

static void fill_types(struct inherit *in, struct buf *errors)
{
    const struct conf *c = in->conf;
    bool good = true;

    in->mime = mime_table_new();
    if (!in->mime) {
        buf_addf(errors, "out of memory for the media types\n");
        return;
    }
    for (size_t i = 0; i < c->type_count && good; i++)
        good =
            mime_table_add(in->mime, span_str(c->types[i].extension), span_str(c->types[i].type));
    if (good && c->server.mime_types && c->server.mime_types[0])
        good = add_system_types(in, c->server.mime_types);
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
    take_roots(in, errors);
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

/* Sockets that were bound for a configuration that does not come into force. */
static void remove_made(const struct conf *conf)
{
    for (size_t i = 0; i < conf->server.listen_count; i++) {
        const struct conf_listen *l = &conf->server.listen[i];
        if (l->made)
            listen_remove_file(((const struct sockaddr_un *)(const void *)&l->address)->sun_path,
                               l->made_dev, l->made_ino);
    }
}

void inherit_free(struct inherit *in)
{
    if (in->conf)
        remove_made(in->conf);
    listen_set_close(&in->listen);
    log_out_close(&in->access_log);
    mime_table_free(&in->mime);
    free(in->groups);
    in->groups = NULL;
    buf_free(&in->notes);
    conf_free(&in->conf);
}
