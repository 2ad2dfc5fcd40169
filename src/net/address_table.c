/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Connections per client address over all workers; see address_table.h. One anonymous shared
 * mapping, inherited by fork: a head, then for each row a total on a cache line of its own, then
 * the rows of counters. The mapping is sparse: a row costs memory only where it counted, and
 * rows whose total is 0 are not even read. Addresses that fall on one counter share a limit; with
 * 65536 counters and a secret key that is rare, and nobody can bring it about. The master
 * makes it and clears rows; workers count, each in its own row.
 */
#include "net/address_table.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "base/must.h"
#include "net/siphash.h"

/* 32 bits: a process cannot hold enough descriptors to overflow one. */
enum { COUNTERS = 65536, PAGE = 4096 };
#define ROW_BYTES (COUNTERS * sizeof(_Atomic uint32_t))

struct row_total {
    _Alignas(64) _Atomic uint64_t count; /* at least the sum of the row's counters */
};

struct address_table {
    uint8_t key[16];
    unsigned rows;
    size_t bytes;
    size_t first_row; /* offset, a multiple of PAGE */
    struct row_total total[];
};

static _Atomic uint32_t *row_counters(struct address_table *t, unsigned row)
{
    must(row < t->rows);
    return (_Atomic uint32_t *)(void *)((char *)t + t->first_row + row * ROW_BYTES);
}

struct address_table *address_table_new(unsigned rows)
{
    size_t head = sizeof(struct address_table) + rows * sizeof(struct row_total);
    size_t first_row = (head + PAGE - 1) / PAGE * PAGE;
    size_t bytes = first_row + rows * ROW_BYTES;
    struct address_table *t = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                                   MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (t == MAP_FAILED)
        return NULL;
    t->rows = rows;
    t->bytes = bytes;
    t->first_row = first_row;
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
        munmap(*t, (*t)->bytes);
    *t = NULL;
}

void address_table_clear_row(struct address_table *t, unsigned row)
{
    _Atomic uint32_t *counters = row_counters(t, row);

    if (atomic_load_explicit(&t->total[row].count, memory_order_relaxed) == 0)
        return;
    /* Gives the memory back too; what is read there next is 0. */
    if (madvise((char *)t + t->first_row + row * ROW_BYTES, ROW_BYTES, MADV_REMOVE) != 0)
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

static uint64_t sum_at(struct address_table *t, size_t place)
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

    must(held > 0);
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
