/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the bytes of a response come from. A source is pulled for its next chunk, which is
 * either memory or a slice of an open file, and is stopped exactly once, when it is used up
 * or its connection is gone. The send queue does not know what a source is made of; a source
 * does not know who sends it. A plain struct, so that the two common ones (memory, one file
 * slice) cost no allocation, and so that a file download can be described by its numbers
 * (descriptor, offset, end) when it is to move to another process. Worker only.
 */
#ifndef WEIR_NET_SOURCE_H
#define WEIR_NET_SOURCE_H

#include <stdint.h>

#include "base/bytes.h"

enum chunk_kind {
    CHUNK_END,    /* nothing more */
    CHUNK_MEMORY, /* bytes; they stay valid until the next pull or stop */
    CHUNK_FILE,   /* a slice of a regular file; fd stays open until the next pull or stop */
    CHUNK_WAIT, /* nothing yet: wake(wake_arg) is called once on the loop when there is; pull again
                   then */
    CHUNK_ERROR /* it cannot go on (a read failed): the connection must end */
};

struct chunk {
    enum chunk_kind kind;
    struct span memory;
    int fd;
    int error; /* CHUNK_ERROR: errno, 0 when none is known */
    bool last; /* CHUNK_MEMORY: the source knows that nothing comes behind it */
    uint64_t offset, length;
};

struct source;

struct source_ops {
    void (*pull)(struct source *s, struct chunk *out);
    void (*stop)(struct source *s); /* gives back all the source holds; NULL: release(owner) does */
    /* See source_give_back; NULL: it takes nothing back. */
    bool (*give_back)(struct source *s, uint64_t unsent_bytes);
};

struct source {
    void (*wake)(void *arg); /* set by whoever pulls, before the first pull; NULL: it cannot wait */
    void *wake_arg;
    const struct source_ops *ops; /* NULL: an empty source */
    struct span memory;           /* source_memory */
    int fd;                       /* source_file */
    uint64_t offset, end;
    void *owner;                  /* what keeps memory or fd alive */
    void (*release)(void *owner); /* may be NULL */
};

/* A source of these bytes; owner is released when it stops. */
void source_memory(struct source *s, struct span bytes, void *owner, void (*release)(void *));
/* A source of file bytes [offset, end). fd belongs to owner. */
void source_file(struct source *s, int fd, uint64_t offset, uint64_t end, void *owner,
                 void (*release)(void *));

/* Safe on an empty source, which only gives CHUNK_END. After stop the source is empty. */
void source_pull(struct source *s, struct chunk *out);
void source_stop(struct source *s);

/*
 * Whoever pulls waits, for a client who may take its time: the source may have the last so many
 * bytes of the chunk it gave last back (0: all of it was taken, or nothing was pulled yet), and
 * gives them again when it is pulled again: by then it may be other memory, or have to be waited
 * for. It may also let go of what it got but has not given yet. True: it has taken them, and
 * neither their memory nor their slice may be used; false: they stay with the caller.
 */
bool source_give_back(struct source *s, uint64_t unsent_bytes);

/* True when the next pull is known to give CHUNK_END; false when only a pull can tell. */
bool source_is_used_up(const struct source *s);

#endif
