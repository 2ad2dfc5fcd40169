/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Connections per client address over all workers, without locks: shared memory with one row
 * of counters per worker slot, written by that worker alone; the sum over the rows is the
 * count. An address is hashed (keyed, SipHash-like, so that a client cannot choose who shares
 * its counter) into one of many counters; IPv6 counts by its /64. The master makes it before
 * fork and clears a row after reaping, so a killed worker leaks nothing.
 */
#ifndef WEIR_NET_ADDRESS_TABLE_H
#define WEIR_NET_ADDRESS_TABLE_H

#include <stdbool.h>
#include <sys/socket.h>

struct address_table;

struct address_table *address_table_new(unsigned rows); /* master; NULL with errno */
void address_table_free(struct address_table **t);
void address_table_clear_row(struct address_table *t, unsigned row); /* master */
/* A worker, first of all: it can write to its own row alone. False with errno: to others still. */
bool address_table_keep_own(struct address_table *t, unsigned row);

/*
 * Counts one connection in; false, and not counted, when the address has `limit` already. Unix
 * sockets have no address: always true. Each address that entered must leave, in the same row.
 */
bool address_table_enter(struct address_table *t, unsigned row, const struct sockaddr_storage *peer,
                         unsigned limit);
void address_table_leave(struct address_table *t, unsigned row,
                         const struct sockaddr_storage *peer);

#endif
