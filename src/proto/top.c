/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The files asked for most; see top.h. Rows are found by an index of bytes, open addressing,
 * which is made anew when a row changes hands. Scores count requests and are halved from time
 * to time; a candidate's score is an estimate: each request looked at stands for those that
 * were passed over since the one before. Candidates lie in a table by their key; two that meet
 * there wear each other down, and the one asked for more often stays. Worker only.
 */
#include "proto/top.h"

#include <stdlib.h>

#include "board/slot.h"

enum {
    INDEX_BITS = 8,
    INDEX_SIZE = 1 << INDEX_BITS, /* four times the rows: chains are short */
    CANDIDATE_BITS = 10,
    CANDIDATES = 1 << CANDIDATE_BITS,
};

_Static_assert(BOARD_FILES_PER_SLOT * 4 <= INDEX_SIZE && BOARD_FILES_PER_SLOT < 255,
               "an index of bytes holds all rows");

struct candidate {
    uint32_t tag, score;
};

struct top {
    struct board_file *row;
    uint64_t serial;
    struct mono decayed, looked;
    unsigned passed_over;
    unsigned used; /* rows that have a file: the first ones */
    uint64_t key[BOARD_FILES_PER_SLOT];
    uint32_t score[BOARD_FILES_PER_SLOT];
    uint8_t index[INDEX_SIZE]; /* number of a row from 1; 0: none */
    struct candidate candidate[CANDIDATES];
};

#define PUT(field, value) atomic_store_explicit(&(field), (value), memory_order_relaxed)
#define GET(field)        atomic_load_explicit(&(field), memory_order_relaxed)

struct top *top_new(struct board_file *rows)
{
    struct top *top = calloc(1, sizeof *top);

    if (top)
        top->row = rows;
    return top;
}

void top_free(struct top **top)
{
    free(*top);
    *top = NULL;
}

static unsigned index_of(uint64_t key)
{
    return (unsigned)(key >> (64 - INDEX_BITS));
}

static unsigned bucket_of(uint64_t time_ns)
{
    uint64_t units = time_ns / 16000;
    unsigned bits = units == 0 ? 0 : 64 - (unsigned)__builtin_clzll(units);

    return bits < FILE_TIME_BUCKETS ? bits : FILE_TIME_BUCKETS - 1;
}

/* There is one writer: a load and a store, not a locked add. */
static void add(board_u64 *to, uint64_t n)
{
    atomic_store_explicit(to, atomic_load_explicit(to, memory_order_relaxed) + n,
                          memory_order_relaxed);
}

static void count_in(struct board_file *f, const struct top_request *rq)
{
    board_u32 *bucket = &f->time[bucket_of(rq->time_ns)];

    add(&f->requests, 1);
    add(&f->bytes, rq->bytes);
    if (rq->cold)
        add(&f->cold, 1);
    if (rq->failed)
        add(&f->errors, 1);
    PUT(f->last_time_ns, rq->time_ns);
    PUT(*bucket, GET(*bucket) + 1);
}

static void decay(struct top *top, struct mono now)
{
    uint64_t times = mono_since(now, top->decayed) / TOP_DECAY_NS;
    unsigned shift = times < 31 ? (unsigned)times : 31;

    top->decayed = now;
    for (unsigned i = 0; i < BOARD_FILES_PER_SLOT; i++)
        top->score[i] >>= shift;
    for (unsigned i = 0; i < CANDIDATES; i++)
        top->candidate[i].score >>= shift;
}

bool top_count(struct top *top, const struct top_request *rq, struct mono now)
{
    unsigned at = index_of(rq->key);
    unsigned row;

    if (mono_since(now, top->decayed) >= TOP_DECAY_NS)
        decay(top, now);
    while ((row = top->index[at]) != 0) {
        if (top->key[row - 1] == rq->key) {
            top->score[row - 1]++;
            count_in(&top->row[row - 1], rq);
            return false;
        }
        at = (at + 1) % INDEX_SIZE;
    }
    top->passed_over++;
    return top->used < BOARD_FILES_PER_SLOT || top->passed_over >= TOP_SAMPLE ||
           mono_since(now, top->looked) >= TOP_LOOK_NS;
}

/* --- taking a row --- */

static void index_again(struct top *top)
{
    memset(top->index, 0, sizeof top->index);
    for (unsigned i = 0; i < top->used; i++) {
        unsigned at = index_of(top->key[i]);
        while (top->index[at] != 0)
            at = (at + 1) % INDEX_SIZE;
        top->index[at] = (uint8_t)(i + 1);
    }
}

static void take_row(struct top *top, unsigned i, uint32_t score, const struct top_request *rq,
                     struct span path, struct mono now)
{
    struct board_file *f = &top->row[i];

    top->key[i] = rq->key;
    top->score[i] = score;
    index_again(top);
    PUT(f->serial, 0);
    atomic_thread_fence(memory_order_release);
    PUT(f->since_ns, now.ns);
    PUT(f->requests, 0);
    PUT(f->bytes, 0);
    PUT(f->cold, 0);
    PUT(f->errors, 0);
    for (unsigned b = 0; b < FILE_TIME_BUCKETS; b++)
        PUT(f->time[b], 0);
    count_in(f, rq);
    board_text_set(&f->path, path);
    atomic_store_explicit(&f->serial, ++top->serial, memory_order_release);
}

/* Of equals, as after a quiet night, the one with the fewest requests in all. */
static unsigned least_asked(const struct top *top)
{
    unsigned least = 0;

    for (unsigned i = 1; i < BOARD_FILES_PER_SLOT; i++)
        if (top->score[i] < top->score[least] ||
            (top->score[i] == top->score[least] &&
             GET(top->row[i].requests) < GET(top->row[least].requests)))
            least = i;
    return least;
}

/* The candidate's score with this look at it, or 0: another one keeps its place. */
static uint32_t look_at(struct top *top, uint64_t key, uint32_t weight)
{
    uint32_t tag = (uint32_t)key;
    struct candidate *c = &top->candidate[(key >> 32) % CANDIDATES];

    if (c->tag != tag && c->score > weight) {
        c->score -= weight;
        return 0;
    }
    *c = (struct candidate){tag, c->tag == tag ? c->score + weight : weight};
    return c->score;
}

void top_admit(struct top *top, const struct top_request *rq, struct span path, struct mono now)
{
    unsigned weight = top->passed_over;

    top->passed_over = 0;
    top->looked = now;
    if (top->used < BOARD_FILES_PER_SLOT) {
        take_row(top, top->used++, 1, rq, path, now);
        return;
    }
    unsigned least = least_asked(top);
    uint32_t score = look_at(top, rq->key, weight);
    /* A row nobody asked for of late is anybody's; others only change hands for a clear reason,
     * and two looks at a rare file by chance are none. */
    if (top->score[least] > 0 && score < 2 * ((uint64_t)top->score[least] + weight))
        return;
    take_row(top, least, score > 0 ? score : weight, rq, path, now);
    top->candidate[(rq->key >> 32) % CANDIDATES] = (struct candidate){0};
}
