/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Intrusive doubly linked lists: a struct list is both a head and a member. Adding and
 * removing never allocate and never fail. Not for sharing between threads or processes.
 */
#ifndef WEIR_BASE_LIST_H
#define WEIR_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *prev, *next;
};

#define list_entry(ptr, type, member) ((type *)(void *)((char *)(ptr) - offsetof(type, member)))

static inline void list_init(struct list *l)
{
    l->prev = l->next = l;
}

static inline bool list_empty(const struct list *l)
{
    return l->next == l;
}

static inline void list_push_back(struct list *head, struct list *item)
{
    item->prev = head->prev;
    item->next = head;
    head->prev->next = item;
    head->prev = item;
}

static inline void list_push_front(struct list *head, struct list *item)
{
    list_push_back(head->next, item);
}

/* Takes an item out of whatever list it is in; harmless when it is in none (list_init'ed). */
static inline void list_remove(struct list *item)
{
    item->prev->next = item->next;
    item->next->prev = item->prev;
    list_init(item);
}

/* The first item, taken out; NULL when the list is empty. */
static inline struct list *list_pop_front(struct list *head)
{
    struct list *item = head->next;

    if (item == head)
        return NULL;
    list_remove(item);
    return item;
}

#endif
