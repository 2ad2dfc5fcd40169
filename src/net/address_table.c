/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Connections per client address over all workers; see address_table.h. One anonymous shared
 * mapping, inherited by fork: for each row a page with its total, then the rows of counters. The
 * mapping is sparse: a row costs memory only where it counted, and rows whose total is 0 are
 * not even read. Addresses that fall on one counter share a limit; with 65536 counters and a
 * secret key that is rare, and nobody can bring it about. The master makes it and clears rows;
 * workers count, each in its own row, and can write to no other (address_table_keep_own).
 *
 * What says where things are (sizes, the key) is private memory of each process: only counts are
 * shared, and whatever they hold, it is a number and no more. A worker that has been taken over
 * can spoil the counts, not the master.
 */
#include "net/address_table.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "base/must.h"
#include "base/shared.h"
#include "net/siphash.h"

/* 32 bits: a process cannot hold enough descriptors to overflow one. */
enum { COUNTERS = 65536, PAGE = 4096 };
#define ROW_BYTES (COUNTERS * sizeof(_Atomic uint32_t))

struct row_total {
    _Atomic uint64_t count; /* at least the sum of the row's counters */
    uint8_t page[PAGE - sizeof(uint64_t)];
};

struct address_table {
    uint8_t key[16];
    unsigned rows;
    size_t bytes;
    struct row_total *total;     /* the mapping: one for each row ... */
    _Atomic uint32_t *first_row; /* ... then the counters of each row */
};

static size_t row_offset(const struct address_table *t, unsigned row)
{
    must(row < t->rows);
    return t->rows * sizeof *t->total + row * ROW_BYTES;
}

static _Atomic uint32_t *row_counters(const struct address_table *t, unsigned row)
{
    must(row < t->rows);
    return t->first_row + (size_t)row * COUNTERS;
}

static bool map_counts(struct address_table *t, unsigned rows)
{
    size_t head = rows * sizeof(struct row_total);
    void *map;

    t->rows = rows;
    t->bytes = head + rows * ROW_BYTES;
    map = mmap(NULL, t->bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE,
               -1, 0);
    if (map == MAP_FAILED)
        return false;
    t->total = map;
    t->first_row = (void *)((char *)map + head);
    return true;
}

struct address_table *address_table_new(unsigned rows)
{
    struct address_table *t = calloc(1, sizeof *t);

    if (!t || !map_counts(t, rows)) {
        free(t);
        return NULL;
    }
    ssize_t got;
    do
        got = getrandom(t->key, sizeof t->key, 0);
    while (got < 0 && errno == EINTR);
    if (got != (ssize_t)sizeof t->key) {
        int saved = got < 0 ? errno : EIO;
        address_table_free(&t);
        errno = saved;
    }
    return t;
}

void address_table_free(struct address_table **t)
{
    if (*t)
        munmap((*t)->total, (*t)->bytes);
    free(*t);
    *t = NULL;
}

bool address_table_keep_own(struct address_table *t, unsigned row)
{
    const struct shared_part part[] = {
        {row * sizeof *t->total, sizeof *t->total},
        {row_offset(t, row), ROW_BYTES},
    };

    return shared_keep(t->total, t->bytes, part, sizeof part / sizeof *part);
}

void address_table_clear_row(struct address_table *t, unsigned row)
{
    _Atomic uint32_t *counters = row_counters(t, row);

    if (atomic_load_explicit(&t->total[row].count, memory_order_relaxed) == 0)
        return;
    /* Gives the memory back too; what is read there next is 0. */
    if (madvise((char *)t->total + row_offset(t, row), ROW_BYTES, MADV_REMOVE) != 0)
        for (size_t i = 0; i < COUNTERS; i++)
            atomic_store_explicit(&counters[i], 0, memory_order_relaxed);
    atomic_store_explicit(&t->total[row].count, 0, memory_order_relaxed);
}

/* The counter of an address; false for those that are not counted (unix sockets). */
static bool place_of(const struct address_table *t, const struct sockaddr_storage *peer,
                     size_t *place)
{
    uint8_t bytes[9];
    size_t n = 0;

    if (peer->ss_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, peer, sizeof in);
        bytes[n++] = 4;
        memcpy(bytes + n, &in.sin_addr, 4);
        n += 4;
    } else if (peer->ss_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, peer, sizeof in6);
        bool mapped = IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr);
        bytes[n++] = mapped ? 4 : 6;
        memcpy(bytes + n, &in6.sin6_addr.s6_addr[mapped ? 12 : 0], mapped ? 4 : 8);
        n += mapped ? 4 : 8;
    } else {
        return false;
    }
    *place = (size_t)(siphash(t->key, bytes, n) % COUNTERS);
    return true;
}

static uint64_t sum_at(const struct address_table *t, size_t place)
{
    uint64_t sum = 0;

    for (unsigned row = 0; row < t->rows; row++)
        if (atomic_load_explicit(&t->total[row].count, memory_order_relaxed) != 0)
            sum += atomic_load_explicit(&row_counters(t, row)[place], memory_order_relaxed);
    return sum;
}

/* One writer for each row: a load and a store, not a locked add. */
static void add(struct address_table *t, unsigned row, size_t place)
{
    _Atomic uint32_t *counter = &row_counters(t, row)[place];
    _Atomic uint64_t *total = &t->total[row].count;

    /* The total first and down last, so that it is never 0 while a counter is not. */
    atomic_store_explicit(total, atomic_load_explicit(total, memory_order_relaxed) + 1,
                          memory_order_relaxed);
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + 1,
                          memory_order_release);
}

static void subtract(struct address_table *t, unsigned row, size_t place)
{
    _Atomic uint32_t *counter = &row_counters(t, row)[place];
    _Atomic uint64_t *total = &t->total[row].count;
    uint32_t held = atomic_load_explicit(counter, memory_order_relaxed);

    if (held == 0) /* somebody else wrote there */
        return;
    atomic_store_explicit(counter, held - 1, memory_order_relaxed);
    atomic_store_explicit(total, atomic_load_explicit(total, memory_order_relaxed) - 1,
                          memory_order_release);
}

bool address_table_enter(struct address_table *t, unsigned row, const struct sockaddr_storage *peer,
                         unsigned limit)
{
    size_t place;

    if (!place_of(t, peer, &place))
        return true;
    /*
     * In first, then look: of two workers that do so at once at least one sees both, so the
     * limit is never passed; at worst both are refused.
     */
    add(t, row, place);
    atomic_thread_fence(memory_order_seq_cst);
    if (sum_at(t, place) <= limit)
        return true;
    subtract(t, row, place);
    return false;
}

void address_table_leave(struct address_table *t, unsigned row, const struct sockaddr_storage *peer)
{
    size_t place;

    if (place_of(t, peer, &place))
        subtract(t, row, place);
}
