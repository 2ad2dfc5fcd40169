/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Facts: what a configuration has to ask of the system (the content of a file, a directory, a
 * user, the addresses of a host name), and the answers. Any of these calls can wait for a disk, a
 * server or a daemon that does not answer, so the process that reads a configuration does not have
 * to be the one that asks. A set of facts in use takes questions down and gives answers that are
 * there; whoever owns the set has them answered (fact_answer) and reads the configuration again.
 * With the same text and the same facts the same configuration comes out, in any process: facts
 * are written, sent and read like any bytes, and only their descriptors travel apart.
 *
 * Without a set in use each question is asked at once, where it comes up. Used by the master, by
 * the short-lived process that checks for it (proc/checker.c), and by tests.
 */
#ifndef WEIR_CONF_FACTS_H
#define WEIR_CONF_FACTS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "base/bytes.h"
#include "base/clock.h"

/* How long is waited for what a file system knows, and for what users and hosts are: a resolver
 * gives up by itself within ten seconds as it comes. */
#define FACT_PATH_NS (3 * NS_PER_S)
#define FACT_NAME_NS (12 * NS_PER_S)

#define FACT_BYTES_MAX ((size_t)4 * 1024 * 1024) /* of a file; one more is read to see it */

enum fact_kind {
    FACT_CONFIG,    /* the text of the configuration, whatever it is read from */
    FACT_FILE,      /* the content of a file; detail: its type (S_IFMT); only S_IFREG is read */
    FACT_DIRECTORY, /* fd: an O_PATH descriptor of it */
    FACT_SOCKET,    /* fd: a unix socket bound to this path; struct fact_socket */
    FACT_FOLDER,    /* of a directory, its path without links and dots */
    FACT_LOG,       /* whether lines can be added to this file; nothing is created */
    FACT_ACCESS, /* whether who asks may read the directory behind fd; detail: enum fact_access */
    FACT_USER,   /* struct fact_user */
    FACT_GROUP,  /* its gid_t */
    FACT_HOST,   /* struct fact_address, one after another; error: of getaddrinfo(3) */
    FACT_KIND_COUNT
};

enum fact_access { FACT_MAY_NOT_ENTER, FACT_MAY_READ, FACT_MAY_ONLY_ENTER };

enum fact_state {
    FACT_ASKED, /* no answer yet: take it for good, the configuration is read again */
    FACT_LATE,  /* it was given up */
    FACT_KNOWN
};

/* Behind it: the groups the user is in beside that of its entry, `count` of them. */
struct fact_user {
    uid_t uid;
    gid_t gid;
    uint32_t count;
};

/* The file of a unix socket. */
struct fact_socket {
    uint64_t dev, ino;
};

struct fact_address {
    struct sockaddr_storage address;
    socklen_t bytes;
};

struct fact {
    enum fact_kind kind;
    enum fact_state state;
    char *name;
    int error;       /* KNOWN: 0, or the errno (HOST: EAI_...) */
    int32_t detail;  /* see the kinds; HOST with EAI_SYSTEM: the errno */
    struct buf data; /* the content, the path, the structs */
    int fd;          /* DIRECTORY, SOCKET: -1 when there is none, or after fact_take_fd */
    int taken_fd;    /* where it was taken to first */
    uint64_t begun_ns;
};

struct facts {
    struct fact **item;
    size_t count, cap;
    uint32_t *place; /* hash table of positions in item, counted from 1; 0: free */
    size_t places;   /* a power of two, at least twice count */
    bool closed;     /* nobody will answer: a new question is LATE at once */
    bool lenient;    /* what came too late is no error (weir -t) */
    bool keeps;      /* fact_take_fd gives copies: the descriptors are to be sent */
};

/* The set in use by this process; NULL: ask at once. */
void facts_use(struct facts *facts);

/* The fact of this kind and name, which is taken down when it is new. It lives as long as its set;
 * without one, until the next question. NULL on ENOMEM. */
struct fact *fact_ask(enum fact_kind kind, struct span name);
/* Whether it came too late, and that is an error: said in *why. */
bool fact_is_missing(const struct fact *f, struct buf *why);
/* Whether its error is one of a disk, a server or want of something here, and no mistake of whoever
 * wrote the name: the same may succeed later. */
bool fact_may_pass(const struct fact *f);
/* Its descriptor, the caller's from now on; a copy when it was taken before, or the set keeps its
 * own. -1 when there is none. */
int fact_take_fd(struct fact *f);
/* How long is waited for a fact of this kind. */
uint64_t fact_patience_ns(enum fact_kind kind);

/* One that is not there yet; NULL on ENOMEM. */
struct fact *facts_add(struct facts *facts, enum fact_kind kind, struct span name);
struct fact *facts_find(const struct facts *facts, enum fact_kind kind, struct span name);
size_t facts_asked(const struct facts *facts); /* how many wait for an answer */
void facts_free(struct facts *facts);

/* All of them as bytes, and back; without descriptors. False on ENOMEM, or for bytes that are not
 * facts. */
bool facts_write(const struct facts *facts, struct buf *to);
bool facts_read(struct facts *facts, struct span bytes);

/* Asks the system for f->name: fills error, detail, data and fd, not the state. May wait for ever.
 * Any thread. (facts_answer.c) */
void fact_answer(struct fact *f);
void fact_clear(struct fact *f);

#endif
