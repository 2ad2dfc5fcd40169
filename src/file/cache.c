/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The open-file cache; see cache.h. A chained hash table of a power of two, which doubles as
 * it fills, and three lists by recency, one for each thing an entry can cost: contents, a
 * descriptor, or only its own memory. The hash is seeded, so that nobody can choose names
 * that share a bucket. Worker's loop only.
 */
#include "file/cache.h"

#include <errno.h>
#include <stdlib.h>

#include "base/fd.h"
#include "base/hash.h"
#include "base/must.h"
#include "board/slot.h"

enum entry_class { HOLDS_CONTENT, HOLDS_DESCRIPTOR, HOLDS_NAME, CLASS_COUNT };

enum {
    BUCKETS_FIRST = 64,
    /* Idle descriptors looked at in one tick, some milliseconds of the loop at most, and how many
     * of them may become jobs: they stand in line with what clients wait for. */
    IDLE_PER_TICK = 4096,
    IDLE_JOBS_PER_TICK = 128,
};

/* How long an entry is believed at most that is made for a moment only. */
static const uint64_t passing_ns = 2 * NS_PER_S;

struct file_cache {
    struct file_cache_settings settings;
    file_cache_describe *describe;
    void *arg;
    struct file_entry **bucket;
    size_t bucket_count; /* a power of two */
    uint64_t seed;
    struct list lru[CLASS_COUNT]; /* the most recently used first */
    unsigned count[CLASS_COUNT];
    uint64_t content_bytes; /* of entries in the table */
};

/* --- hashing --- */

static uint64_t hash_of(uint64_t seed, unsigned root_id, struct span path)
{
    return hash_span(seed + root_id, path);
}

static struct file_entry **bucket_of(const struct file_cache *cache, uint64_t hash)
{
    return &cache->bucket[hash & (cache->bucket_count - 1)];
}

/* --- making and freeing --- */

struct file_cache *file_cache_new(const struct file_cache_settings *settings,
                                  file_cache_describe *describe, void *arg)
{
    struct file_cache *cache = calloc(1, sizeof *cache);

    if (!cache)
        return NULL;
    cache->settings = *settings;
    if (settings->closer)
        file_closer_hold(settings->closer);
    cache->describe = describe;
    cache->arg = arg;
    cache->bucket_count = BUCKETS_FIRST;
    cache->bucket = calloc(BUCKETS_FIRST, sizeof(struct file_entry *));
    if (!cache->bucket) {
        file_closer_release(&cache->settings.closer);
        free(cache);
        return NULL;
    }
    cache->seed = hash_seed();
    for (int i = 0; i < CLASS_COUNT; i++)
        list_init(&cache->lru[i]);
    return cache;
}

struct file_entry *file_entry_hold(struct file_entry *e)
{
    e->refs++;
    return e;
}

/* The file may be gone by now, and its blocks with this close: fstat asks nobody on a local file
 * system. */
static bool close_waits(const struct file_entry *e)
{
    struct stat st;

    if (!e->closer || !e->home.mount)
        return false;
    return !e->home.local || (!e->home.memory && (fstat(e->fd, &st) < 0 || st.st_nlink == 0));
}

static void close_entry(struct file_entry *e)
{
    if (e->fd < 0)
        return;
    if (close_waits(e))
        file_closer_close(e->closer, e->home.mount, &e->fd);
    else
        close_fd(&e->fd);
}

void file_entry_release(void *entry)
{
    struct file_entry *e = entry;

    must(e->refs > 0);
    if (--e->refs > 0)
        return;
    must(!e->cached); /* the table's own reference goes last */
    close_entry(e);
    file_closer_release(&e->closer);
    file_heat_free(&e->heat);
    free(e->where);
    file_content_free(e->content);
    free(e->fields_memory);
    free(e);
}

uint64_t file_cache_valid_ns(const struct file_cache *cache)
{
    return cache->settings.valid_ns;
}

static unsigned entry_count(const struct file_cache *cache)
{
    unsigned n = 0;

    for (int i = 0; i < CLASS_COUNT; i++)
        n += cache->count[i];
    return n;
}

void file_cache_usage(const struct file_cache *cache, uint64_t *entries, uint64_t *content_bytes)
{
    *entries = entry_count(cache);
    *content_bytes = cache->content_bytes;
}

static void show_usage(const struct file_cache *cache)
{
    struct board_slot *slot = cache->settings.slot;

    if (!slot)
        return;
    slot_gauge(slot, COUNTER_cache_entries, entry_count(cache));
    slot_gauge(slot, COUNTER_cache_bytes, cache->content_bytes);
}

/* --- table and lists --- */

/* Fixed while an entry is in the table: its kind, contents and descriptor do not change there. */
static enum entry_class class_of(const struct file_entry *e)
{
    if (e->content)
        return HOLDS_CONTENT;
    return e->fd >= 0 ? HOLDS_DESCRIPTOR : HOLDS_NAME;
}

static void unlink_entry(struct file_cache *cache, struct file_entry *e)
{
    struct file_entry **at = bucket_of(cache, e->hash);

    while (*at != e)
        at = &(*at)->chain;
    *at = e->chain;
    e->chain = NULL;
    list_remove(&e->lru);
    cache->count[class_of(e)]--;
    if (e->content)
        cache->content_bytes -= (uint64_t)e->st.st_size;
    e->cached = false;
    file_entry_release(e);
}

static struct file_entry *oldest_of(struct file_cache *cache, enum entry_class class)
{
    struct list *head = &cache->lru[class];

    return list_empty(head) ? NULL : list_entry(head->prev, struct file_entry, lru);
}

static void evict_oldest(struct file_cache *cache)
{
    struct file_entry *oldest = NULL;

    for (int i = 0; i < CLASS_COUNT; i++) {
        struct file_entry *e = oldest_of(cache, (enum entry_class)i);
        if (e && (!oldest || e->used.ns < oldest->used.ns))
            oldest = e;
    }
    if (oldest)
        unlink_entry(cache, oldest);
}

/* Makes room for e before it is in the table. */
static void make_room(struct file_cache *cache, const struct file_entry *e)
{
    unsigned max = cache->settings.entries_max;
    unsigned names_max = max > 1 ? max / 2 : 1;
    uint64_t more = e->content ? (uint64_t)e->st.st_size : 0;

    while (more > 0 && cache->count[HOLDS_CONTENT] > 0 &&
           cache->content_bytes + more > cache->settings.content_bytes_max)
        unlink_entry(cache, oldest_of(cache, HOLDS_CONTENT));
    if (class_of(e) == HOLDS_NAME && cache->count[HOLDS_NAME] >= names_max)
        unlink_entry(cache, oldest_of(cache, HOLDS_NAME));
    while (entry_count(cache) >= max)
        evict_oldest(cache);
}

/* Doubles the table. When memory is short the chains grow longer instead. */
static void grow(struct file_cache *cache)
{
    size_t old_count = cache->bucket_count;
    struct file_entry **old = cache->bucket;
    struct file_entry **bucket = calloc(old_count * 2, sizeof(struct file_entry *));

    if (!bucket)
        return;
    cache->bucket = bucket;
    cache->bucket_count = old_count * 2;
    for (size_t i = 0; i < old_count; i++)
        for (struct file_entry *e = old[i], *next; e; e = next) {
            next = e->chain;
            struct file_entry **head = bucket_of(cache, e->hash);
            e->chain = *head;
            *head = e;
        }
    free(old);
}

static void link_entry(struct file_cache *cache, struct file_entry *e)
{
    make_room(cache, e);
    if (entry_count(cache) >= cache->bucket_count)
        grow(cache);
    struct file_entry **head = bucket_of(cache, e->hash);
    e->chain = *head;
    *head = e;
    list_push_front(&cache->lru[class_of(e)], &e->lru);
    cache->count[class_of(e)]++;
    if (e->content)
        cache->content_bytes += (uint64_t)e->st.st_size;
    e->cached = true;
    e->refs++;
}

void file_cache_free(struct file_cache **cache)
{
    struct file_cache *c = *cache;

    if (!c)
        return;
    for (int i = 0; i < CLASS_COUNT; i++)
        while (!list_empty(&c->lru[i]))
            unlink_entry(c, oldest_of(c, (enum entry_class)i));
    show_usage(c);
    file_closer_release(&c->settings.closer);
    free(c->bucket);
    free(c);
    *cache = NULL;
}

unsigned file_cache_shed(struct file_cache *cache, unsigned count)
{
    struct list *head = &cache->lru[HOLDS_DESCRIPTOR];
    unsigned shed = 0;

    for (struct list *at = head->prev, *older; at != head && shed < count; at = older) {
        struct file_entry *e = list_entry(at, struct file_entry, lru);
        older = at->prev;
        if (e->refs > 1)
            continue;
        unlink_entry(cache, e);
        shed++;
    }
    show_usage(cache);
    return shed;
}

void file_cache_tick(struct file_cache *cache, struct mono now)
{
    struct list *head = &cache->lru[HOLDS_DESCRIPTOR];
    unsigned looked = 0, jobs = 0;

    if (cache->settings.idle_ns == 0)
        return;
    for (struct list *at = head->prev, *newer; at != head && looked < IDLE_PER_TICK; at = newer) {
        struct file_entry *e = list_entry(at, struct file_entry, lru);
        newer = at->prev;
        if (mono_since(now, e->used) < cache->settings.idle_ns)
            break;
        looked++;
        /* One that is being sent is closed by its last reader. */
        if (e->refs == 1 && close_waits(e) && jobs++ >= IDLE_JOBS_PER_TICK)
            continue;
        unlink_entry(cache, e);
    }
    if (looked > 0)
        show_usage(cache);
}

bool file_cache_drop_fenced(struct file_cache *cache, unsigned count_max)
{
    unsigned dropped = 0;

    for (int i = 0; i < CLASS_COUNT && dropped < count_max; i++) {
        struct list *head = &cache->lru[i];
        for (struct list *at = head->next, *next; at != head && dropped < count_max; at = next) {
            struct file_entry *e = list_entry(at, struct file_entry, lru);
            next = at->next;
            if (!e->home.mount || !offload_mount_is_fenced(e->home.mount))
                continue;
            unlink_entry(cache, e);
            dropped++;
        }
    }
    show_usage(cache);
    return dropped == count_max;
}

void file_cache_forget(struct file_cache *cache, struct file_entry *e)
{
    if (!e->cached)
        return;
    unlink_entry(cache, e);
    show_usage(cache);
}

/* --- looking up --- */

static struct file_entry *table_find(const struct file_cache *cache, unsigned root_id,
                                     struct span path, uint64_t hash)
{
    struct file_entry *e = *bucket_of(cache, hash);

    while (e && (e->hash != hash || e->root_id != root_id ||
                 !span_eq(span_of(e->path, e->path_bytes), path)))
        e = e->chain;
    return e;
}

static uint64_t believed_ns(const struct file_cache *cache, const struct file_entry *e)
{
    uint64_t ns = cache->settings.valid_ns;

    return e->passing && ns > passing_ns ? passing_ns : ns;
}

struct file_entry *file_cache_find(struct file_cache *cache, unsigned root_id, struct span path,
                                   unsigned epoch, struct mono now, bool *fresh)
{
    struct file_entry *e = table_find(cache, root_id, path, hash_of(cache->seed, root_id, path));

    *fresh = false;
    if (!e)
        return NULL;
    *fresh = e->sight.epoch == epoch && mono_since(now, e->sight.checked) < believed_ns(cache, e);
    e->used = now;
    struct list *head = &cache->lru[class_of(e)];
    if (head->next != &e->lru) {
        list_remove(&e->lru);
        list_push_front(head, &e->lru);
    }
    return file_entry_hold(e);
}

bool file_entry_is_current(const struct file_entry *e)
{
    struct stat st;
    uint64_t mount_id;

    if (e->fd < 0 || (e->home.mount && !e->home.local))
        return true;
    return file_attributes(e->fd, true, &st, &mount_id) == 0 && file_is_same(&e->st, &st);
}

void file_entry_distrust(struct file_entry *e)
{
    e->sight.checked = (struct mono){0};
}

struct file_open_how file_cache_how(const struct file_cache *cache, const struct file_entry *stale,
                                    const char *name)
{
    const struct file_cache_settings *s = &cache->settings;
    size_t content_bytes =
        s->content_file_bytes < s->content_bytes_max ? s->content_file_bytes : s->content_bytes_max;
    bool known = stale && stale->kind != FILE_ERROR && stale->settled;

    return (struct file_open_how){
        .name = name,
        .content_bytes = s->entries_max > 0 ? content_bytes : 0,
        .known = known ? &stale->st : NULL,
        .slot = s->slot,
    };
}

static struct file_entry *entry_new(struct file_cache *cache, unsigned root_id, struct span path,
                                    struct file_opened *o, struct file_sight sight, struct mono now)
{
    struct file_closer *closer = cache->settings.closer;
    struct file_entry *e = calloc(1, sizeof *e + path.n + 1);

    if (!e) {
        if (closer && o->fd >= 0 && !o->home.local)
            file_closer_close(closer, o->home.mount, &o->fd);
        file_opened_drop(o);
        return NULL;
    }
    e->kind = o->kind;
    e->error = o->error;
    e->fd = o->fd;
    e->st = o->st;
    e->content = o->content;
    e->settled = o->settled;
    e->home = o->home;
    e->where = o->where;
    e->closer = closer && o->fd >= 0 ? file_closer_hold(closer) : NULL;
    e->refs = 1;
    e->root_id = root_id;
    e->path_bytes = path.n;
    e->sight = sight;
    e->used = now;
    list_init(&e->lru);
    memcpy(e->path, path.p, path.n);
    o->fd = -1;
    o->content = NULL;
    o->where = NULL;
    return e;
}

/* Failures that say something about the name; what the machine lacks just now is not remembered. */
static bool is_lasting(const struct file_entry *e)
{
    if (e->kind != FILE_ERROR)
        return true;
    switch (e->error) {
    case ENOENT:
    case ENOTDIR:
    case EACCES:
    case ELOOP:
    case EXDEV:
    case ENAMETOOLONG:
        return true;
    default:
        return false;
    }
}

struct file_entry *file_cache_take(struct file_cache *cache, unsigned root_id, struct span path,
                                   struct file_entry *stale, struct file_opened *opened,
                                   struct file_sight sight, struct mono now)
{
    if (stale && opened->same) {
        stale->sight = sight;
        file_opened_drop(opened);
        return stale;
    }
    uint64_t hash = hash_of(cache->seed, root_id, path);
    struct file_entry *old = table_find(cache, root_id, path, hash);
    if (old)
        unlink_entry(cache, old);
    if (stale)
        file_entry_release(stale);

    struct file_entry *e = entry_new(cache, root_id, path, opened, sight, now);
    if (e && e->kind == FILE_REGULAR && !cache->describe(cache->arg, e)) {
        file_entry_release(e);
        e = NULL;
    }
    if (e && cache->settings.entries_max > 0 && is_lasting(e)) {
        e->hash = hash;
        link_entry(cache, e);
    }
    show_usage(cache);
    return e;
}

/* "ROOT/NAME" for the dashboard, cut to what it can show. */
static void show_serving(struct board_slot *slot, const struct file_root *root, const char *name)
{
    char text[BOARD_TEXT_BYTES + 1];
    struct out o = out_into(text, sizeof text);

    out_str(&o, root->path);
    out_char(&o, '/');
    out_str(&o, name);
    slot_serving(slot, span_of(text, out_len(&o)));
}

/* 0, or the errno of opening the root. */
static int look(struct file_root *root, const struct file_open_how *how, uint64_t valid_ns,
                struct mono now, struct file_opened *out)
{
    int root_error = 0;

    if (how->slot) {
        show_serving(how->slot, root, how->name);
        slot_wait(how->slot, WAIT_OPEN, mono_now());
    }
    int root_fd = file_root_descriptor(root, now, valid_ns);
    if (root_fd < 0) {
        root_error = errno;
        *out = (struct file_opened){.kind = FILE_ERROR, .error = root_error, .fd = -1};
    } else {
        file_open(root_fd, how, out);
    }
    if (how->slot) {
        slot_wait(how->slot, WAIT_RESOLVE, mono_now());
        slot_serving(how->slot, span_of(NULL, 0));
    }
    return root_error;
}

struct file_entry *file_cache_get(struct file_cache *cache, struct file_root *root,
                                  unsigned root_id, struct span path, const char *name,
                                  struct mono now, struct file_lookup *how)
{
    struct board_slot *slot = cache->settings.slot;
    struct file_opened opened;
    struct file_entry *e = file_cache_find(cache, root_id, path, root->epoch, now, &how->hit);

    how->open_ns = 0;
    how->root_error = 0;
    how->hit = how->hit && file_entry_is_current(e);
    if (slot)
        slot_count(slot, how->hit ? COUNTER_cache_hits : COUNTER_cache_misses, 1);
    if (how->hit)
        return e;
    struct mono begin = mono_now();
    struct file_open_how ask = file_cache_how(cache, e, name);
    how->root_error = look(root, &ask, cache->settings.valid_ns, now, &opened);
    how->open_ns = mono_since(mono_now(), begin);
    struct file_sight sight = file_root_sight(root);
    if (how->root_error != 0) /* that there is none is believed as long */
        sight.checked = now;
    return file_cache_take(cache, root_id, path, e, &opened, sight, now);
}
