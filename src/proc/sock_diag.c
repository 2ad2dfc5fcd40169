/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sock_diag questions; see sock_diag.h. TCP listeners are dumped as a whole (state LISTEN
 * alone, so it costs a walk over the listeners, not over the connections) and found by inode;
 * unix sockets are asked for one by one. Netlink messages are parsed with every length
 * checked. Master only.
 */
#include "proc/sock_diag.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>

enum { ANSWER_BYTES = 32768, ANSWERS_MAX = 1024 };

struct answer {
    _Alignas(struct nlmsghdr) char bytes[ANSWER_BYTES];
    unsigned left; /* unread bytes at `at` */
    struct nlmsghdr *at;
};

int sock_diag_open(void)
{
    return socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_SOCK_DIAG);
}

static bool ask(int fd, const void *request, size_t bytes)
{
    static const struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    ssize_t done;

    do
        done = sendto(fd, request, bytes, 0, (const void *)&kernel, sizeof kernel);
    while (done < 0 && errno == EINTR);
    return done == (ssize_t)bytes;
}

static bool hear(int fd, struct answer *a)
{
    ssize_t got;

    do
        got = recv(fd, a->bytes, sizeof a->bytes, 0);
    while (got < 0 && errno == EINTR);
    if (got <= 0)
        return false;
    a->left = (unsigned)got;
    a->at = (struct nlmsghdr *)(void *)a->bytes;
    return true;
}

/* The next message of an answer, NULL behind the last whole one. */
static struct nlmsghdr *take_message(struct answer *a)
{
    struct nlmsghdr *h = a->at;

    if (a->left < sizeof *h || h->nlmsg_len < sizeof *h || h->nlmsg_len > a->left)
        return NULL;
    unsigned step = NLMSG_ALIGN(h->nlmsg_len);
    a->left -= step < a->left ? step : a->left;
    a->at = (struct nlmsghdr *)(void *)((char *)h + step);
    return h;
}

/* Throws away what an earlier question left behind, so that answers match questions. */
static void drain(int fd)
{
    struct answer a;

    for (int i = 0; i < ANSWERS_MAX && hear(fd, &a); i++)
        ;
}

/* The attribute `type` behind a fixed part of `fixed` bytes; NULL when it is not there. */
static const struct rtattr *find_attribute(const struct nlmsghdr *h, size_t fixed, int type)
{
    if (h->nlmsg_len < NLMSG_SPACE(fixed))
        return NULL;
    const char *at = (const char *)h + NLMSG_SPACE(fixed);
    size_t left = h->nlmsg_len - NLMSG_SPACE(fixed);

    while (left >= sizeof(struct rtattr)) {
        const struct rtattr *r = (const void *)at;
        if (r->rta_len < sizeof *r || r->rta_len > left)
            return NULL;
        if (r->rta_type == type)
            return r;
        size_t step = RTA_ALIGN(r->rta_len);
        if (step > left)
            return NULL;
        at += step;
        left -= step;
    }
    return NULL;
}

static void take_tcp(const struct nlmsghdr *h, struct sock_diag_row *rows, size_t count)
{
    struct inet_diag_msg msg;
    const struct rtattr *r = find_attribute(h, sizeof msg, INET_DIAG_SKMEMINFO);
    uint32_t drops;

    if (!r || RTA_PAYLOAD(r) < (SK_MEMINFO_DROPS + 1) * sizeof drops)
        return;
    memcpy(&msg, NLMSG_DATA(h), sizeof msg);
    memcpy(&drops, (const char *)RTA_DATA(r) + SK_MEMINFO_DROPS * sizeof drops, sizeof drops);
    for (size_t i = 0; i < count; i++)
        if (rows[i].inode == msg.idiag_inode) {
            rows[i].drops = drops;
            rows[i].known = true;
        }
}

bool sock_diag_tcp(int fd, int family, struct sock_diag_row *rows, size_t count)
{
    struct {
        struct nlmsghdr head;
        struct inet_diag_req_v2 body;
    } request = {
        .head = {.nlmsg_len = sizeof request,
                 .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                 .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
        .body = {.sdiag_family = (uint8_t)family,
                 .sdiag_protocol = IPPROTO_TCP,
                 .idiag_ext = 1 << (INET_DIAG_SKMEMINFO - 1),
                 .idiag_states = 1U << TCP_LISTEN},
    };
    struct answer a;

    drain(fd);
    if (!ask(fd, &request, sizeof request))
        return false;
    for (int i = 0; i < ANSWERS_MAX && hear(fd, &a); i++)
        for (struct nlmsghdr *h; (h = take_message(&a)) != NULL;) {
            if (h->nlmsg_type == NLMSG_DONE)
                return true;
            if (h->nlmsg_type == NLMSG_ERROR)
                return false;
            if (h->nlmsg_type == SOCK_DIAG_BY_FAMILY)
                take_tcp(h, rows, count);
        }
    return false;
}

bool sock_diag_unix(int fd, struct sock_diag_row *row)
{
    struct {
        struct nlmsghdr head;
        struct unix_diag_req body;
    } request = {
        .head = {.nlmsg_len = sizeof request,
                 .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                 .nlmsg_flags = NLM_F_REQUEST},
        .body = {.sdiag_family = AF_UNIX,
                 .udiag_states = 1U << TCP_LISTEN,
                 .udiag_ino = (uint32_t)row->inode,
                 .udiag_show = UDIAG_SHOW_RQLEN,
                 .udiag_cookie = {~0U, ~0U}},
    };
    struct answer a;

    drain(fd);
    if (!ask(fd, &request, sizeof request) || !hear(fd, &a))
        return false;
    const struct nlmsghdr *h = take_message(&a);
    if (!h || h->nlmsg_type != SOCK_DIAG_BY_FAMILY)
        return false;
    struct unix_diag_rqlen queue;
    const struct rtattr *r = find_attribute(h, sizeof(struct unix_diag_msg), UNIX_DIAG_RQLEN);
    if (!r || RTA_PAYLOAD(r) < sizeof queue)
        return false;
    memcpy(&queue, RTA_DATA(r), sizeof queue);
    row->depth = queue.udiag_rqueue;
    row->limit = queue.udiag_wqueue;
    row->known = true;
    return true;
}
