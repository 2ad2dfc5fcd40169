/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The type of [server] listen: words to socket addresses. Numeric addresses are tried first;
 * a host name is a fact to ask for when the configuration is loaded, and becomes every address
 * it has. Each address gets its text in one form, so that the same address
 * written in two ways is found out. Opens nothing. Master only.
 */
#include "conf/value.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/un.h>

#include "base/fd.h"
#include "conf/facts.h"
#include "conf/settings.h"

struct listen_list {
    struct conf_listen *item;
    size_t count;
};

void value_listen_free(struct conf_listen **listen, size_t *count)
{
    for (size_t i = 0; i < *count; i++) {
        if ((*listen)[i].made)
            close_fd(&(*listen)[i].made_fd);
        free((*listen)[i].text);
    }
    free(*listen);
    *listen = NULL;
    *count = 0;
}

static unsigned port_of(const struct sockaddr_storage *a)
{
    if (a->ss_family == AF_INET)
        return ntohs(((const struct sockaddr_in *)(const void *)a)->sin_port);
    return ntohs(((const struct sockaddr_in6 *)(const void *)a)->sin6_port);
}

static bool is_any(const struct sockaddr_storage *a)
{
    if (a->ss_family == AF_INET)
        return ((const struct sockaddr_in *)(const void *)a)->sin_addr.s_addr == htonl(INADDR_ANY);
    return IN6_IS_ADDR_UNSPECIFIED(&((const struct sockaddr_in6 *)(const void *)a)->sin6_addr);
}

/* Whether both cannot be bound at once because one is every address of its family. */
static bool covers(const struct conf_listen *all, const struct conf_listen *one)
{
    return all->address.ss_family == one->address.ss_family && all->address.ss_family != AF_UNIX &&
           port_of(&all->address) == port_of(&one->address) && port_of(&one->address) != 0 &&
           is_any(&all->address) && !is_any(&one->address);
}

/*
 * Appends an address. Twice the same is an error, but not among the addresses of one word
 * (those from `first` on): a name may be listed twice in /etc/hosts.
 */
static bool list_add(struct listen_list *list, size_t first, const struct sockaddr_storage *address,
                     socklen_t address_bytes, const char *text, struct buf *why)
{
    struct conf_listen new = {.address = *address, .address_bytes = address_bytes};

    for (size_t i = 0; i < list->count; i++) {
        struct conf_listen *old = &list->item[i];
        if (strcmp(old->text, text) == 0) {
            if (i >= first)
                return true;
            buf_addf(why, "%s is there twice; leave one out", text);
            return false;
        }
        if (covers(old, &new) || covers(&new, old)) {
            bool by_old = covers(old, &new);
            buf_addf(why, "%s is part of %s; leave one out", by_old ? text : old->text,
                     by_old ? old->text : text);
            return false;
        }
    }
    if (list->count == CONF_LISTEN_MAX) {
        buf_addf(why, "more than %d addresses; leave some out, or use 0.0.0.0 and [::]",
                 CONF_LISTEN_MAX);
        return false;
    }
    struct conf_listen *grown = realloc(list->item, (list->count + 1) * sizeof *grown);
    if (!grown)
        return false;
    list->item = grown;
    new.text = span_dup(span_str(text));
    if (!new.text)
        return false;
    grown[list->count++] = new;
    return true;
}

static bool add_inet(struct listen_list *list, size_t first, const struct sockaddr *address,
                     socklen_t address_bytes, unsigned port, struct buf *why)
{
    struct sockaddr_storage with_port = {0};
    char host[NI_MAXHOST], text[NI_MAXHOST + 16];

    memcpy(&with_port, address, address_bytes);
    if (address->sa_family == AF_INET)
        ((struct sockaddr_in *)(void *)&with_port)->sin_port = htons((uint16_t)port);
    else
        ((struct sockaddr_in6 *)(void *)&with_port)->sin6_port = htons((uint16_t)port);
    int error = getnameinfo(address, address_bytes, host, sizeof host, NULL, 0, NI_NUMERICHOST);
    if (error != 0) {
        buf_addf(why, "the address cannot be written: %s", gai_strerror(error));
        return false;
    }
    snprintf(text, sizeof text, address->sa_family == AF_INET ? "%s:%u" : "[%s]:%u", host, port);
    return list_add(list, first, &with_port, address_bytes, text, why);
}

static bool add_every_address(struct listen_list *list, unsigned port, struct buf *why)
{
    struct sockaddr_in any4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_ANY)};
    struct sockaddr_in6 any6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_ANY_INIT};
    size_t first = list->count;

    return add_inet(list, first, (const void *)&any4, sizeof any4, port, why) &&
           add_inet(list, first, (const void *)&any6, sizeof any6, port, why);
}

static bool add_unix(struct listen_list *list, struct span path, struct buf *why)
{
    struct sockaddr_storage address = {0};
    struct sockaddr_un *un = (struct sockaddr_un *)(void *)&address;
    char text[sizeof "unix:" + sizeof un->sun_path];

    if (path.n == 0 || path.p[0] != '/') {
        buf_addf(why, "`unix:%.*s' is not an absolute path; write unix:/path", (int)path.n, path.p);
        return false;
    }
    if (path.n >= sizeof un->sun_path) {
        buf_addf(why, "the path of a unix socket has at most %zu bytes; `%.*s' has %zu",
                 sizeof un->sun_path - 1, (int)path.n, path.p, path.n);
        return false;
    }
    un->sun_family = AF_UNIX;
    memcpy(un->sun_path, path.p, path.n);
    struct out o = out_into(text, sizeof text);
    out_str(&o, "unix:");
    out_span(&o, path);
    out_char(&o, '\0');
    return list_add(list, list->count, &address,
                    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path.n + 1), text, why);
}

static bool not_an_address(struct span word, struct buf *why)
{
    buf_addf(why, "`%.*s' is not an address; write PORT, ADDRESS:PORT, [IPV6]:PORT or unix:/path",
             (int)word.n, word.p);
    return false;
}

/* A name that is worth asking for: letters, digits, dots and hyphens, and not digits and dots
 * alone. */
static bool is_host_name(const char *host)
{
    size_t n = strlen(host);

    return n > 0 && n <= 253 &&
           strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_") == n &&
           strspn(host, "0123456789.") < n;
}

/* Every address the name has. One that came too late has none, where that is no error. */
static bool add_name(struct listen_list *list, const char *host, unsigned port, struct buf *why)
{
    const struct fact *f = fact_ask(FACT_HOST, span_str(host));
    size_t first = list->count;
    struct buf late = {0};

    if (!f)
        return false;
    if (fact_is_missing(f, &late)) {
        buf_addf(why, "the host name `%s' cannot be looked up: %.*s", host, (int)late.n, late.p);
        buf_free(&late);
        return false;
    }
    if (f->error != 0) {
        buf_addf(why, "the host name `%s' cannot be looked up: %s", host,
                 f->error == EAI_SYSTEM ? strerror(f->detail) : gai_strerror(f->error));
        return false;
    }
    for (size_t at = 0; at + sizeof(struct fact_address) <= f->data.n;
         at += sizeof(struct fact_address)) {
        struct fact_address a;
        memcpy(&a, f->data.p + at, sizeof a);
        if (a.bytes > sizeof a.address)
            return false;
        if (!add_inet(list, first, (const void *)&a.address, a.bytes, port, why))
            return false;
    }
    return true;
}

static bool add_host(struct listen_list *list, const char *host, bool bracketed, unsigned port,
                     struct span word, struct buf *why)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                             .ai_family = bracketed ? AF_INET6 : AF_UNSPEC,
                             .ai_flags = AI_PASSIVE | AI_NUMERICHOST};
    struct addrinfo *found = NULL;
    size_t first = list->count;
    bool good = true;

    if (getaddrinfo(host, NULL, &hints, &found) != 0) {
        if (bracketed || !is_host_name(host))
            return not_an_address(word, why);
        return add_name(list, host, port, why);
    }
    for (struct addrinfo *a = found; a && good; a = a->ai_next)
        if (a->ai_family == AF_INET || a->ai_family == AF_INET6)
            good = add_inet(list, first, a->ai_addr, a->ai_addrlen, port, why);
    freeaddrinfo(found);
    return good;
}

static bool parse_port(struct span digits, unsigned *port, struct buf *why)
{
    uint64_t value;

    if (!span_u64(digits, 65535, &value)) {
        buf_addf(why, "`%.*s' is not a port; write a number from 0 to 65535", (int)digits.n,
                 digits.p);
        return false;
    }
    *port = (unsigned)value;
    return true;
}

static bool add_word(struct listen_list *list, struct span word, struct buf *why)
{
    const char *colon = memrchr(word.p, ':', word.n);
    struct span host = {word.p, colon ? (size_t)(colon - word.p) : 0};
    struct span digits = colon ? span_from(word, host.n + 1) : word;
    unsigned port;

    if (span_starts(word, SPAN("unix:")))
        return add_unix(list, span_from(word, strlen("unix:")), why);
    if (!colon && (word.p[0] < '0' || word.p[0] > '9'))
        return not_an_address(word, why);
    bool bracketed = host.n > 2 && host.p[0] == '[' && host.p[host.n - 1] == ']';
    if (!bracketed && memchr(host.p, ':', host.n)) {
        buf_addf(why, "`%.*s' has more than one colon; write IPv6 addresses as [IPV6]:PORT",
                 (int)word.n, word.p);
        return false;
    }
    if (!parse_port(digits, &port, why))
        return false;
    if (!colon || span_eq(host, SPAN("*")))
        return add_every_address(list, port, why);
    char *name = span_dup(bracketed ? span_of(host.p + 1, host.n - 2) : host);
    bool good = name && add_host(list, name, bracketed, port, word, why);
    free(name);
    return good;
}

static bool listen_parse(const struct setting *s, struct span text, void *owner, struct buf *why)
{
    struct conf *conf = owner;
    struct listen_list list = {0};
    struct span word = value_word(&text);

    (void)s;
    if (word.n == 0) {
        buf_addf(why, "no address; write at least one, as in 8080");
        return false;
    }
    for (; word.n > 0; word = value_word(&text))
        if (!add_word(&list, word, why)) {
            value_listen_free(&list.item, &list.count);
            return false;
        }
    value_listen_free(&conf->server.listen, &conf->server.listen_count);
    conf->server.listen = list.item;
    conf->server.listen_count = list.count;
    return true;
}

static bool listen_print(const struct setting *s, const void *owner, struct buf *text)
{
    const struct conf *conf = owner;

    (void)s;
    for (size_t i = 0; i < conf->server.listen_count; i++)
        buf_addf(text, "%s%s", i == 0 ? "" : " ", conf->server.listen[i].text);
    return conf->server.listen_count > 0;
}

const struct value_type value_LISTEN = {"addresses", listen_parse, listen_print, NULL};
