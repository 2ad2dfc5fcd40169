/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Kept listings; see listings.h. A list, the latest first, of few enough that it is walked.
 * Worker's loop only.
 */
#include "serve/listings.h"

#include <stdlib.h>

#include "base/list.h"

enum { KEPT_MAX = 64 };

struct kept {
    struct list link;
    struct listing_dir *dir; /* held */
    struct mono read;
    struct listings_key key;
    char path[]; /* of the key */
};

struct listings {
    struct list kept;
    unsigned count;
    uint64_t valid_ns;
    struct file_budget *budget;
};

struct listings *listings_new(uint64_t bytes_max, uint64_t valid_ns)
{
    struct listings *all = calloc(1, sizeof *all);

    if (!all)
        return NULL;
    list_init(&all->kept);
    all->valid_ns = valid_ns;
    all->budget = file_budget_new(bytes_max);
    if (!all->budget) {
        free(all);
        return NULL;
    }
    return all;
}

static void drop(struct listings *all, struct kept *k)
{
    list_remove(&k->link);
    all->count--;
    listing_dir_release(&k->dir);
    free(k);
}

void listings_free(struct listings **listings)
{
    struct listings *all = *listings;

    *listings = NULL;
    if (!all)
        return;
    while (!list_empty(&all->kept))
        drop(all, list_entry(all->kept.next, struct kept, link));
    file_budget_release(&all->budget);
    free(all);
}

struct file_budget *listings_budget(const struct listings *all)
{
    return all->budget;
}

static struct kept *find(const struct listings *all, const struct listings_key *key)
{
    for (struct list *at = all->kept.next; at != &all->kept; at = at->next) {
        struct kept *k = list_entry(at, struct kept, link);
        if (k->key.root_id == key->root_id && k->key.epoch == key->epoch &&
            span_eq(k->key.path, key->path))
            return k;
    }
    return NULL;
}

/* A name that came or went would have changed the directory's times. */
static bool still_stands(const struct file_dir *dir, const struct stat *st)
{
    return dir->settled && file_is_same(&dir->st, st);
}

struct listing_dir *listings_find(struct listings *all, const struct listings_key *key,
                                  const struct stat *st, struct mono now)
{
    struct kept *k = find(all, key);

    if (!k)
        return NULL;
    uint64_t age_ns = mono_since(now, k->read);
    if (age_ns < all->valid_ns || (age_ns < LISTINGS_KEPT_NS && still_stands(&k->dir->dir, st)))
        return listing_dir_hold(k->dir);
    drop(all, k);
    return NULL;
}

void listings_keep(struct listings *all, const struct listings_key *key, struct listing_dir *dir,
                   struct mono now)
{
    struct kept *k = find(all, key);

    if (k)
        drop(all, k);
    if (all->valid_ns == 0)
        return;
    k = malloc(sizeof *k + key->path.n);
    if (!k)
        return;
    if (all->count == KEPT_MAX)
        drop(all, list_entry(all->kept.prev, struct kept, link));
    *k = (struct kept){.dir = listing_dir_hold(dir), .read = now, .key = *key};
    memcpy(k->path, key->path.p, key->path.n);
    k->key.path.p = k->path;
    list_push_front(&all->kept, &k->link);
    all->count++;
}

bool listings_shed(struct listings *all)
{
    bool any = false;

    for (struct list *at = all->kept.next, *next; at != &all->kept; at = next) {
        struct kept *k = list_entry(at, struct kept, link);
        next = at->next;
        if (k->dir->refs > 1)
            continue;
        drop(all, k);
        any = true;
    }
    return any;
}

void listings_tick(struct listings *all, struct mono now)
{
    while (!list_empty(&all->kept)) {
        struct kept *k = list_entry(all->kept.prev, struct kept, link);
        if (mono_since(now, k->read) < LISTINGS_KEPT_NS)
            break; /* with a longer [cache] valid too: memory is dearer than a reading */
        drop(all, k);
    }
}
