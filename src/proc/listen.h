/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The listening sockets: opened once by the master and shared by all workers. A set belongs
 * to one configuration; at a reload the new set takes over the sockets whose address text is
 * the same, opens the others before anything else is changed, and the old set closes what
 * is left in it once the new configuration serves. Unix sockets are removed with the set that
 * owns them.
 *
 * Master only. Errors are sentences for the user, one line each, in a struct buf.
 */
#ifndef WEIR_PROC_LISTEN_H
#define WEIR_PROC_LISTEN_H

#include "base/bytes.h"
#include "conf/conf.h"

struct listen_socket {
    int fd;
    char *text;  /* as the configuration says: what a reload compares */
    char *shown; /* with the port the kernel picked */
    int family;
    uint64_t inode; /* of the socket, as sock_diag(7) names it */
    bool borrowed;  /* taken over from the set in force: not ours to close before that goes */
    bool linger;    /* lives on in the set that took it over: not closed here */
    uint64_t file_dev, file_ino; /* unix: the socket's file, so that only our own is removed */
};

struct listen_set {
    struct listen_socket *socket;
    size_t count;
};

/*
 * Opens (or takes over from `running`, which may be NULL) a socket for every address of the
 * configuration. An IPv6 wildcard that this machine cannot serve is left out, with a warning
 * in the log, and removed from conf, as long as its IPv4 sister works. False with lines in
 * *errors; nothing is then left open, and `running` is as it was.
 */
bool listen_set_open(struct listen_set *set, struct conf *conf, struct listen_set *running,
                     struct buf *errors);
/* `set` is in force from now on: it owns what it took over, and `old` no longer does. */
void listen_set_take_over(struct listen_set *set, struct listen_set *old, const struct conf *conf);
/*
 * At the end of the server: ends the sockets for every process that shares them, also for one that
 * is dead and still holds them. What waits in their queues is reset.
 */
void listen_set_shut(struct listen_set *set);
/* Closes what the set owns, removes its unix sockets' files, frees it. */
void listen_set_close(struct listen_set *set);

/* Removes a unix socket's file, if it still is this one, without waiting (listen_unix.c). */
void listen_remove_file(const char *path, uint64_t dev, uint64_t ino);
/* Gives removals that go on so many more milliseconds in all; for the end of the server. */
void listen_wait_removed(int ms);

/* "http://host:port/" (a wildcard stays one), or the unix path; false when it would be cut. */
bool listen_url(const struct listen_socket *s, char *to, size_t to_bytes);

/* Why bind or listen failed, and what would help: one line without a newline. Pure. */
bool listen_explain(struct buf *to, const char *address, int error);

/* An address as people write it: 127.0.0.1:80, [::1]:80, unix:/path. Pure. */
void listen_show_address(struct out *o, const struct sockaddr_storage *a);

#endif
