/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The files of all workers together. Each row of a worker's table is remembered by worker,
 * serial and start, with its figures of the sample before (for rates) and of up to seven moments
 * ten seconds apart (for the last minute); rows of the same path are then added up. Tables by
 * open addressing find a row and a path. A row that is new since the sample before has all its
 * figures from this interval; one that was there before anybody looked has no rate yet.
 */
#include "tui/model/topk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/escape.h"
#include "tui/model/model.h"

#define TOPK_STEPS   7
#define TOPK_STEP_NS (10 * NS_PER_S)

struct figures {
    uint64_t requests, bytes, cold, errors;
    uint32_t time[FILE_TIME_BUCKETS];
};

struct row_memory {
    unsigned worker;
    uint64_t serial, since_ns;
    struct figures base[TOPK_STEPS]; /* oldest first */
    unsigned bases;
    uint64_t base_ns; /* when the newest was taken */
    struct figures last;
};

/* A path while rows are added up. */
struct path_sum {
    struct figures grown, minute;
    uint64_t total; /* requests ever, to order what has no rate yet */
    uint64_t last_grown;
    bool known; /* a row of it has a rate */
};

struct topk_memory {
    struct row_memory *row;
    unsigned count;
    struct path_sum *sum; /* one for each of topk's files */
    unsigned sum_room;
    uint32_t *slot; /* 1 + index; 0: free */
    unsigned slots; /* a power of two */
    uint64_t taken_ns;
};

static uint64_t hash_bytes(const void *p, size_t n)
{
    const unsigned char *c = p;
    uint64_t h = 14695981039346656037u;

    while (n-- > 0)
        h = (h ^ *c++) * 1099511628211u;
    return h ^ h >> 29;
}

static uint64_t hash_row(unsigned worker, uint64_t serial)
{
    uint64_t key[2] = {worker, serial};

    return hash_bytes(key, sizeof key);
}

/* Room for `count` entries at most half full, all free. False on ENOMEM. */
static bool slots_clear(struct topk_memory *k, unsigned count)
{
    unsigned want = 64;

    while (want < count * 2)
        want *= 2;
    if (want > k->slots) {
        uint32_t *p = realloc(k->slot, want * sizeof *p);
        if (p == NULL)
            return false;
        k->slot = p;
        k->slots = want;
    }
    memset(k->slot, 0, k->slots * sizeof *k->slot);
    return true;
}

static void figures_of(struct figures *to, const struct snap_file *f)
{
    *to = (struct figures){f->requests, f->bytes, f->cold, f->errors, {0}};
    memcpy(to->time, f->time, sizeof to->time);
}

static uint64_t less(uint64_t now, uint64_t before)
{
    return now > before ? now - before : 0;
}

/* Adds now - before. */
static void figures_grow(struct figures *to, const struct figures *now,
                         const struct figures *before)
{
    to->requests += less(now->requests, before->requests);
    to->bytes += less(now->bytes, before->bytes);
    to->cold += less(now->cold, before->cold);
    to->errors += less(now->errors, before->errors);
    for (unsigned i = 0; i < FILE_TIME_BUCKETS; i++)
        to->time[i] += (uint32_t)less(now->time[i], before->time[i]);
}

static struct row_memory *row_find(const struct topk_memory *k, struct row_memory *rows,
                                   const struct snap_file *f)
{
    for (unsigned at = (unsigned)hash_row(f->worker, f->serial);; at++) {
        uint32_t i = k->slot[at & (k->slots - 1)];
        if (i == 0)
            return NULL;
        struct row_memory *r = &rows[i - 1];
        if (r->worker == f->worker && r->serial == f->serial && r->since_ns == f->since_ns)
            return r;
    }
}

static void rows_index(struct topk_memory *k)
{
    for (unsigned i = 0; i < k->count; i++) {
        unsigned at = (unsigned)hash_row(k->row[i].worker, k->row[i].serial);
        while (k->slot[at & (k->slots - 1)])
            at++;
        k->slot[at & (k->slots - 1)] = i + 1;
    }
}

/* The row of a path, made when there is none; paths are indexed like rows before them. */
static unsigned file_find(struct topk *t, struct topk_memory *k, const char *path)
{
    uint64_t key = hash_bytes(path, strlen(path));

    for (unsigned at = (unsigned)key;; at++) {
        uint32_t *slot = &k->slot[at & (k->slots - 1)];
        if (*slot && (t->file[*slot - 1].key != key || strcmp(t->file[*slot - 1].path, path) != 0))
            continue;
        if (*slot)
            return *slot - 1;
        struct top_file *f = &t->file[t->count];
        *f = (struct top_file){.key = key};
        snprintf(f->path, sizeof f->path, "%s", path);
        k->sum[t->count] = (struct path_sum){.known = false};
        *slot = ++t->count;
        return t->count - 1;
    }
}

/* The time below which a share q of the requests was answered; 0 when there was none. */
static uint64_t quantile(const uint32_t time[FILE_TIME_BUCKETS], double q)
{
    uint64_t sum = 0, seen = 0;

    for (unsigned i = 0; i < FILE_TIME_BUCKETS; i++)
        sum += time[i];
    for (unsigned i = 0; i < FILE_TIME_BUCKETS && sum > 0; i++) {
        seen += time[i];
        if ((double)seen >= q * (double)sum)
            return (UINT64_C(16000) << i) * 3 / 4; /* the bucket's middle: it begins at half */
    }
    return 0;
}

/* One row of a worker's table: its growth goes to its path, its figures to what is remembered. */
static void row_take(struct topk *t, struct topk_memory *k, const struct snap_file *f,
                     struct row_memory *r, bool new_row, uint64_t now_ns)
{
    unsigned at = file_find(t, k, f->path);
    struct path_sum *sum = &k->sum[at];
    static const struct figures none;
    struct figures now, grown = {0};

    figures_of(&now, f);
    if (new_row) {
        *r = (struct row_memory){.worker = f->worker, .serial = f->serial, .since_ns = f->since_ns};
        /* Nobody looked when it began: it may have grown for hours. */
        bool began_before = k->taken_ns == 0 || f->since_ns < k->taken_ns;
        r->last = began_before ? now : none;
        r->base[0] = now_ns - f->since_ns < 60 * NS_PER_S ? none : r->last;
        r->bases = 1;
        r->base_ns = now_ns;
        sum->known |= !began_before;
    } else {
        sum->known = true;
    }
    figures_grow(&grown, &now, &r->last);
    figures_grow(&sum->grown, &grown, &none);
    figures_grow(&sum->minute, &now, &r->base[0]);
    sum->total += now.requests;
    if (t->file[at].workers++ == 0 || grown.requests > sum->last_grown) {
        t->file[at].last_time_ns = f->last_time_ns;
        sum->last_grown = grown.requests;
    }
    r->last = now;
    if (now_ns < r->base_ns + TOPK_STEP_NS)
        return;
    if (r->bases == TOPK_STEPS)
        memmove(&r->base[0], &r->base[1], (TOPK_STEPS - 1) * sizeof r->base[0]);
    else
        r->bases++;
    r->base[r->bases - 1] = now;
    r->base_ns = now_ns;
}

/* Makes room for what the snapshot has. False on ENOMEM. */
static bool topk_reserve(struct topk *t, struct topk_memory *k, unsigned count)
{
    if (count > t->room) {
        struct top_file *p = realloc(t->file, count * sizeof *p);
        if (p == NULL)
            return false;
        t->file = p;
        t->room = count;
    }
    if (count > k->sum_room) {
        struct path_sum *p = realloc(k->sum, count * sizeof *p);
        if (p == NULL)
            return false;
        k->sum = p;
        k->sum_room = count;
    }
    return true;
}

/* Takes all rows of the snapshot; those that are gone are forgotten. False on ENOMEM. */
static bool rows_take(struct topk *t, struct topk_memory *k, const struct snap *s)
{
    struct row_memory *before = k->row;
    unsigned most = s->file_count > k->count ? s->file_count : k->count;
    struct row_memory *rows = calloc(s->file_count + 1, sizeof *rows);
    /* Which of the old rows each new one is. */
    struct row_memory **was = calloc(s->file_count + 1, sizeof(struct row_memory *));
    bool good = rows && was && topk_reserve(t, k, s->file_count) && slots_clear(k, most);

    if (good) {
        rows_index(k);
        for (unsigned i = 0; i < s->file_count; i++)
            was[i] = row_find(k, before, &s->file[i]);
        good = slots_clear(k, most);
    }
    if (good) {
        t->count = 0;
        for (unsigned i = 0; i < s->file_count; i++) {
            if (was[i])
                rows[i] = *was[i];
            row_take(t, k, &s->file[i], &rows[i], was[i] == NULL, s->taken_ns);
        }
        k->row = rows;
        k->count = s->file_count;
        rows = before;
    }
    free(rows);
    free(was);
    return good;
}

static bool hex_digit(char c, unsigned *v)
{
    const char *digits = "0123456789abcdef", *at;

    at = c ? strchr(digits, c >= 'A' && c <= 'F' ? c + 32 : c) : NULL;
    *v = at ? (unsigned)(at - digits) : 0;
    return at != NULL;
}

/*
 * The path a request line names, as the table of files writes it: without query, decoded. The
 * line has been made visible already; only what is decoded here has not.
 */
static void request_path(const char *request, char *out, size_t out_bytes)
{
    struct out o = out_into(out, out_bytes - 1);
    const char *p = strchr(request, ' ');
    char run[SNAP_TEXT_BYTES];
    unsigned high, low;

    p = p ? p + 1 : request;
    if (*p != '/') { /* absolute-form: http://host/path */
        const char *host = strstr(p, "://");
        const char *path = host ? strchr(host + 3, '/') : NULL;
        p = path ? path : p;
    }
    while (*p && *p != ' ' && *p != '?') {
        size_t n = 0;
        while (p[0] == '%' && hex_digit(p[1], &high) && hex_digit(p[2], &low) && n < sizeof run) {
            run[n++] = (char)(high << 4 | low);
            p += 3;
        }
        if (n > 0)
            escape_visible(&o, span_of(run, n));
        else
            out_char(&o, *p++);
    }
    *o.p = '\0';
}

static void count_in_flight(struct topk *t, struct topk_memory *k, const struct snap *s)
{
    char path[SNAP_TEXT_BYTES];

    for (unsigned i = 0; i < s->request_count; i++) {
        request_path(s->request[i].request, path, sizeof path);
        uint64_t key = hash_bytes(path, strlen(path));
        for (unsigned at = (unsigned)key; k->slot[at & (k->slots - 1)]; at++) {
            struct top_file *f = &t->file[k->slot[at & (k->slots - 1)] - 1];
            if (f->key != key || strcmp(f->path, path) != 0)
                continue;
            f->in_flight++;
            break;
        }
    }
}

static void file_finish(struct top_file *f, const struct path_sum *sum, double per)
{
    f->requests = sum->known && per > 0 ? (double)sum->grown.requests * per : MODEL_UNKNOWN;
    f->bytes = sum->known && per > 0 ? (double)sum->grown.bytes * per : MODEL_UNKNOWN;
    f->errors = sum->known && per > 0 ? (double)sum->grown.errors * per : MODEL_UNKNOWN;
    f->cold = sum->minute.requests > 0 ? (double)sum->minute.cold / (double)sum->minute.requests
                                       : MODEL_UNKNOWN;
    if (f->cold > 1) /* the worker counts one after the other while we read */
        f->cold = 1;
    f->p50_ns = quantile(sum->minute.time, 0.5);
    f->p99_ns = quantile(sum->minute.time, 0.99);
}

static int file_compare(const void *a, const void *b)
{
    const struct top_file *x = a, *y = b;

    if (x->requests != y->requests)
        return x->requests > y->requests ? -1 : 1;
    if (x->in_flight != y->in_flight)
        return x->in_flight > y->in_flight ? -1 : 1;
    if (x->bytes != y->bytes)
        return x->bytes > y->bytes ? -1 : 1;
    return strcmp(x->path, y->path);
}

bool topk_take(struct topk *t, const struct snap *s, double requests_per_s)
{
    struct topk_memory *k = t->memory;
    double per, named = 0;
    bool known = false;

    if (k == NULL)
        t->memory = k = calloc(1, sizeof *k);
    if (k == NULL || !rows_take(t, k, s))
        return false;
    count_in_flight(t, k, s);
    per = k->taken_ns && s->taken_ns > k->taken_ns ? 1e9 / (double)(s->taken_ns - k->taken_ns) : 0;
    for (unsigned i = 0; i < t->count; i++) {
        file_finish(&t->file[i], &k->sum[i], per);
        known |= t->file[i].requests >= 0;
        named += t->file[i].requests > 0 ? t->file[i].requests : 0;
    }
    if (t->count > 1)
        qsort(t->file, t->count, sizeof *t->file, file_compare);
    t->others = requests_per_s < 0 || (!known && t->count > 0) ? MODEL_UNKNOWN
                : requests_per_s > named                       ? requests_per_s - named
                                                               : 0;
    t->rows = s->file_count;
    t->rows_max = s->worker_count * BOARD_FILES_PER_SLOT;
    k->taken_ns = s->taken_ns;
    return true;
}

void topk_unknown(struct topk *t)
{
    for (unsigned i = 0; i < t->count; i++)
        t->file[i].requests = t->file[i].bytes = t->file[i].errors = MODEL_UNKNOWN;
    t->others = MODEL_UNKNOWN;
}

void topk_free(struct topk *t)
{
    struct topk_memory *k = t->memory;

    if (k) {
        free(k->row);
        free(k->sum);
        free(k->slot);
    }
    free(k);
    free(t->file);
    *t = (struct topk){0};
}
