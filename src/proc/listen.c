/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The listening sockets; see listen.h. TCP sockets get SO_REUSEADDR (a restart need not wait
 * for TIME_WAIT; two listeners on one port are still refused by Linux) and IPv6 ones
 * IPV6_V6ONLY, so that 0.0.0.0 and [::] stand side by side. Unix sockets come bound from the check
 * of the configuration: their paths may wait for a file system (listen_unix.c for their end).
 *
 * A reload may make an address wider or narrower (127.0.0.1:80 to 0.0.0.0:80). Linux refuses the
 * second of two such listeners, so for the moment of binding both are allowed to share the port
 * (SO_REUSEPORT); until the old one is closed the kernel gives each connection to the narrower
 * address. Master only.
 */
#include "proc/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/fd.h"
#include "base/log.h"
#include "conf/facts.h"
#include "proc/port_owner.h"

static bool is_v6_wildcard(const struct sockaddr_storage *a)
{
    const struct sockaddr_in6 *in6 = (const void *)a;

    return a->ss_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&in6->sin6_addr);
}

static bool is_v4_wildcard(const struct sockaddr_storage *a)
{
    const struct sockaddr_in *in = (const void *)a;

    return a->ss_family == AF_INET && in->sin_addr.s_addr == htonl(INADDR_ANY);
}

/* sin_port and sin6_port lie at the same place. */
static in_port_t port_of(const struct sockaddr_storage *a)
{
    return ((const struct sockaddr_in *)(const void *)a)->sin_port;
}

void listen_show_address(struct out *o, const struct sockaddr_storage *a)
{
    char text[INET6_ADDRSTRLEN] = "?";

    if (a->ss_family == AF_INET) {
        inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)a)->sin_addr, text,
                  sizeof text);
        out_fmt(o, "%s:%u", text, (unsigned)ntohs(port_of(a)));
    } else if (a->ss_family == AF_INET6) {
        inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)(const void *)a)->sin6_addr, text,
                  sizeof text);
        out_fmt(o, "[%s]:%u", text, (unsigned)ntohs(port_of(a)));
    } else if (a->ss_family == AF_UNIX) {
        const struct sockaddr_un *un = (const void *)a;
        out_str(o, "unix:");
        out_add(o, un->sun_path, strnlen(un->sun_path, sizeof un->sun_path));
    } else {
        out_str(o, "?");
    }
}

bool listen_explain(struct buf *to, const char *address, int error)
{
    switch (error) {
    case EADDRINUSE:
        return buf_addf(to,
                        "%s: address already in use (taken by another program); choose another "
                        "with -o listen=PORT",
                        address);
    case EACCES:
    case EPERM:
        return buf_addf(
            to,
            "%s: permission denied (ports below 1024 need root or CAP_NET_BIND_SERVICE, "
            "a unix socket a writable folder); choose another with -o listen=PORT",
            address);
    case EADDRNOTAVAIL:
        return buf_addf(to, "%s: this machine has no such address; see ip addr, or use 0.0.0.0",
                        address);
    case EAFNOSUPPORT:
        return buf_addf(to, "%s: this machine does not speak this protocol (is IPv6 disabled?)",
                        address);
    case EEXIST:
        return buf_addf(to, "%s: a file that is not a socket is in the way; remove it", address);
    default:
        return buf_addf(to, "%s: cannot listen: %s", address, strerror(error));
    }
}

bool listen_url(const struct listen_socket *s, char *to, size_t to_bytes)
{
    int n = snprintf(to, to_bytes, s->family == AF_UNIX ? "%s" : "http://%s/", s->shown);

    return n >= 0 && (size_t)n < to_bytes;
}

static bool set_options(int fd, const struct conf_listen *l)
{
    static const int one = 1;

    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0)
        return false;
    return l->address.ss_family != AF_INET6 ||
           setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one) == 0;
}

/*
 * Port 0 lets the kernel choose. For an IPv6 wildcard the port its IPv4 sister got is tried
 * first, so that `listen = 0` means one port.
 */
static bool bind_with_sister(int fd, const struct conf_listen *l, in_port_t sister)
{
    struct sockaddr_storage a = l->address;

    if (sister && is_v6_wildcard(&a) && port_of(&a) == 0) {
        ((struct sockaddr_in6 *)(void *)&a)->sin6_port = sister;
        if (bind(fd, (const void *)&a, l->address_bytes) == 0)
            return true;
    }
    return bind(fd, (const void *)&l->address, l->address_bytes) == 0;
}

static bool learn(struct listen_socket *s, const struct conf_listen *l)
{
    struct sockaddr_storage a;
    socklen_t bytes = sizeof a;
    struct stat st;
    char text[sizeof(struct sockaddr_un) + 16];
    struct out o = out_into(text, sizeof text);

    memset(&a, 0, sizeof a);
    if (getsockname(s->fd, (void *)&a, &bytes) != 0 || fstat(s->fd, &st) != 0)
        return false;
    s->inode = st.st_ino;
    s->family = a.ss_family;
    listen_show_address(&o, &a);
    s->shown = span_dup(span_of(text, out_len(&o)));
    s->text = span_dup(span_str(l->text));
    return s->shown && s->text;
}

static void socket_forget(struct listen_socket *s)
{
    free(s->text);
    free(s->shown);
    memset(s, 0, sizeof *s);
    s->fd = -1;
}

static void socket_close(struct listen_socket *s)
{
    if (s->fd >= 0 && s->file_ino && strncmp(s->shown, "unix:", 5) == 0)
        listen_remove_file(s->shown + 5, s->file_dev, s->file_ino);
    close_fd(&s->fd);
    socket_forget(s);
}

/* Whether one of the two is every address of their family, at the same port. */
static bool overlaps(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
    return a->ss_family == b->ss_family && (a->ss_family == AF_INET || a->ss_family == AF_INET6) &&
           port_of(a) == port_of(b) && port_of(a) != 0 &&
           (is_v4_wildcard(a) || is_v6_wildcard(a) || is_v4_wildcard(b) || is_v6_wildcard(b));
}

/* Lets sockets of ours share their port with one that overlaps them, or no longer; how many. */
static unsigned share_port(const struct listen_set *running, const struct sockaddr_storage *with,
                           int on)
{
    unsigned n = 0;

    for (size_t i = 0; running && i < running->count; i++) {
        struct sockaddr_storage a;
        socklen_t bytes = sizeof a;
        int fd = running->socket[i].fd;
        if (getsockname(fd, (void *)&a, &bytes) == 0 && overlaps(&a, with) &&
            setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) == 0)
            n++;
    }
    return n;
}

/* The same, where what is in the way may be an address of the set in force. */
static bool bind_beside(int fd, const struct conf_listen *l, unsigned backlog,
                        const struct listen_set *running)
{
    static const int on = 1, off = 0;

    if (share_port(running, &l->address, on) == 0) {
        errno = EADDRINUSE;
        return false;
    }
    bool good = setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) == 0 &&
                bind(fd, (const void *)&l->address, l->address_bytes) == 0 &&
                listen(fd, (int)backlog) == 0;
    int error = errno;
    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &off, sizeof off);
    share_port(running, &l->address, off);
    errno = error;
    return good;
}

static bool bind_and_listen(int fd, const struct conf_listen *l, unsigned backlog, in_port_t sister,
                            const struct listen_set *running)
{
    if (bind_with_sister(fd, l, sister) && listen(fd, (int)backlog) == 0)
        return true;
    return errno == EADDRINUSE && bind_beside(fd, l, backlog, running);
}

/* Takes a unix socket that was bound by whoever checked the configuration; else it is bound here,
 * which may wait for its file system. 0, or the error's number. */
static int take_unix(struct listen_socket *s, struct conf_listen *l)
{
    const struct sockaddr_un *un = (const void *)&l->address;
    struct fact_socket file = {l->made_dev, l->made_ino};

    if (l->made) {
        s->fd = l->made_fd;
        l->made = false;
    } else {
        struct fact *f = fact_ask(FACT_SOCKET, span_str(un->sun_path));
        if (!f || f->error != 0 || f->data.n != sizeof file)
            return f && f->error != 0 ? f->error : ENOMEM;
        memcpy(&file, f->data.p, sizeof file);
        s->fd = fact_take_fd(f);
    }
    s->file_dev = file.dev;
    s->file_ino = file.ino;
    return 0;
}

static int open_inet(struct listen_socket *s, const struct conf_listen *l, unsigned backlog,
                     in_port_t sister, const struct listen_set *running)
{
    s->fd = socket(l->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (s->fd < 0)
        return errno;
    return set_options(s->fd, l) && bind_and_listen(s->fd, l, backlog, sister, running) ? 0 : errno;
}

/* A new listening socket in *s; 0, or the error's number. */
static int socket_open(struct listen_socket *s, struct conf_listen *l, unsigned backlog,
                       in_port_t sister, const struct listen_set *running)
{
    int error;

    memset(s, 0, sizeof *s);
    s->fd = -1;
    if (l->address.ss_family == AF_UNIX)
        error = take_unix(s, l);
    else
        error = open_inet(s, l, backlog, sister, running);
    if (error == 0 && l->address.ss_family == AF_UNIX && listen(s->fd, (int)backlog) != 0)
        error = errno;
    if (error == 0 && !learn(s, l))
        error = ENOMEM;
    if (error) {
        close_fd(&s->fd);
        socket_forget(s);
    }
    return error;
}

/* The socket with this text in the set in force, as a borrowed copy. */
static bool borrow(struct listen_socket *s, const struct listen_set *running, const char *text)
{
    for (size_t i = 0; running && i < running->count; i++) {
        const struct listen_socket *old = &running->socket[i];
        if (strcmp(old->text, text) != 0)
            continue;
        *s = *old;
        s->borrowed = true;
        s->text = span_dup(span_str(old->text));
        s->shown = span_dup(span_str(old->shown));
        if (s->text && s->shown)
            return true;
        socket_forget(s);
    }
    return false;
}

static bool has_v4_sister(const struct conf *conf, const struct conf_listen *l)
{
    for (size_t i = 0; i < conf->server.listen_count; i++) {
        const struct conf_listen *other = &conf->server.listen[i];
        if (is_v4_wildcard(&other->address) && port_of(&other->address) == port_of(&l->address))
            return true;
    }
    return false;
}

static in_port_t port_in_use(const struct listen_socket *s)
{
    struct sockaddr_storage a;
    socklen_t bytes = sizeof a;

    if (getsockname(s->fd, (void *)&a, &bytes) != 0 || !is_v4_wildcard(&a))
        return 0;
    return port_of(&a);
}

/* Takes an address that cannot be served here out of the configuration. */
static void drop_address(struct conf *conf, size_t i)
{
    struct conf_listen *l = conf->server.listen;

    free(l[i].text); /* no unix socket */
    conf->server.listen_count--;
    memmove(&l[i], &l[i + 1], (conf->server.listen_count - i) * sizeof *l);
}

static bool can_do_without(const struct conf *conf, const struct conf_listen *l, int error)
{
    return (error == EAFNOSUPPORT || error == EADDRNOTAVAIL) && is_v6_wildcard(&l->address) &&
           has_v4_sister(conf, l);
}

bool listen_set_open(struct listen_set *set, struct conf *conf, struct listen_set *running,
                     struct buf *errors)
{
    in_port_t sister = 0;
    size_t errors_before = errors->n;

    set->count = 0;
    set->socket = calloc(conf->server.listen_count + 1, sizeof *set->socket);
    if (!set->socket) {
        buf_addf(errors, "cannot listen: out of memory\n");
        return false;
    }
    for (size_t i = 0; i < conf->server.listen_count;) {
        struct conf_listen *l = &conf->server.listen[i];
        struct listen_socket *s = &set->socket[set->count];
        int error = borrow(s, running, l->text)
                        ? 0
                        : socket_open(s, l, conf->server.backlog, sister, running);
        if (error == 0) {
            sister = port_in_use(s);
            set->count++;
        } else if (can_do_without(conf, l, error)) {
            log_warn("%s: IPv6 is not available here (%s); serving IPv4 alone", l->text,
                     strerror(error));
            drop_address(conf, i);
            continue;
        } else {
            listen_explain(errors, l->text, error);
            if (error == EADDRINUSE && !running)
                port_owner_add(errors, &l->address);
            buf_add(errors, "\n", 1);
        }
        i++;
    }
    if (errors->n == errors_before)
        return true;
    listen_set_close(set);
    return false;
}

void listen_set_take_over(struct listen_set *set, struct listen_set *old, const struct conf *conf)
{
    for (size_t i = 0; i < set->count; i++) {
        struct listen_socket *s = &set->socket[i];
        if (!s->borrowed)
            continue;
        s->borrowed = false;
        for (size_t k = 0; k < old->count; k++)
            if (old->socket[k].fd == s->fd)
                old->socket[k].linger = true;
        if (listen(s->fd, (int)conf->server.backlog) != 0)
            log_warn("%s: the backlog stays as it was: %s", s->shown, strerror(errno));
    }
}

void listen_set_shut(struct listen_set *set)
{
    for (size_t i = 0; i < set->count; i++)
        if (shutdown(set->socket[i].fd, SHUT_RDWR) != 0)
            log_debug("%s: shutdown: %s", set->socket[i].shown, strerror(errno));
}

void listen_set_close(struct listen_set *set)
{
    for (size_t i = 0; i < set->count; i++) {
        struct listen_socket *s = &set->socket[i];
        if (s->borrowed || s->linger)
            socket_forget(s);
        else
            socket_close(s);
    }
    free(set->socket);
    set->socket = NULL;
    set->count = 0;
}
