/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sets of facts; see facts.h. Asks nothing itself but when no set is in use.
 */
#include "conf/facts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "base/fd.h"
#include "base/hash.h"

static struct facts *in_use;
static struct fact alone = {.fd = -1, .taken_fd = -1}; /* answered at once, until the next one */

void facts_use(struct facts *facts)
{
    in_use = facts;
}

void fact_clear(struct fact *f)
{
    close_fd(&f->fd);
    buf_free(&f->data);
}

/* ---- the table ---- */

/* Names come from whoever writes the configuration, who may slow down the reading in other ways. */
static size_t home_of(const struct facts *facts, enum fact_kind kind, struct span name)
{
    return (size_t)hash_span((uint64_t)kind, name) & (facts->places - 1);
}

/* Where it is, or the free place where it would be. */
static uint32_t *find_place(const struct facts *facts, enum fact_kind kind, struct span name)
{
    size_t at = home_of(facts, kind, name);

    for (;; at = (at + 1) & (facts->places - 1)) {
        const struct fact *f = facts->place[at] ? facts->item[facts->place[at] - 1] : NULL;
        if (!f || (f->kind == kind && span_eq(span_str(f->name), name)))
            return &facts->place[at];
    }
}

struct fact *facts_find(const struct facts *facts, enum fact_kind kind, struct span name)
{
    const uint32_t *place = facts->count > 0 ? find_place(facts, kind, name) : NULL;

    return place && *place ? facts->item[*place - 1] : NULL;
}

/* Room for one more, in both. */
static bool make_room(struct facts *facts)
{
    size_t cap = facts->cap ? 2 * facts->cap : 32;

    if (facts->count < facts->cap)
        return true;
    struct fact **grown = realloc(facts->item, cap * sizeof *grown);
    if (!grown)
        return false;
    facts->item = grown;
    uint32_t *place = calloc(2 * cap, sizeof *place);
    if (!place)
        return false;
    free(facts->place);
    facts->place = place;
    facts->places = 2 * cap;
    facts->cap = cap;
    for (size_t i = 0; i < facts->count; i++) {
        const struct fact *f = facts->item[i];
        *find_place(facts, f->kind, span_str(f->name)) = (uint32_t)(i + 1);
    }
    return true;
}

static struct fact *fact_new(enum fact_kind kind, struct span name)
{
    struct fact *f = calloc(1, sizeof *f);

    if (!f)
        return NULL;
    *f = (struct fact){.kind = kind, .name = span_dup(name), .fd = -1, .taken_fd = -1};
    if (f->name)
        return f;
    free(f);
    return NULL;
}

static void fact_free(struct fact *f)
{
    fact_clear(f);
    free(f->name);
    free(f);
}

struct fact *facts_add(struct facts *facts, enum fact_kind kind, struct span name)
{
    struct fact *f = make_room(facts) ? fact_new(kind, name) : NULL;

    if (!f)
        return NULL;
    facts->item[facts->count++] = f;
    *find_place(facts, kind, name) = (uint32_t)facts->count;
    return f;
}

static struct fact *ask_at_once(enum fact_kind kind, struct span name)
{
    char *copy = span_dup(name);

    fact_clear(&alone);
    free(alone.name);
    alone =
        (struct fact){.kind = kind, .state = FACT_KNOWN, .name = copy, .fd = -1, .taken_fd = -1};
    if (!copy)
        return NULL;
    fact_answer(&alone);
    return &alone;
}

struct fact *fact_ask(enum fact_kind kind, struct span name)
{
    struct fact *f;

    if (!in_use)
        return ask_at_once(kind, name);
    f = facts_find(in_use, kind, name);
    if (f)
        return f;
    f = facts_add(in_use, kind, name);
    if (f && in_use->closed)
        f->state = FACT_LATE;
    return f;
}

uint64_t fact_patience_ns(enum fact_kind kind)
{
    return kind == FACT_USER || kind == FACT_GROUP || kind == FACT_HOST ? FACT_NAME_NS
                                                                        : FACT_PATH_NS;
}

bool fact_is_missing(const struct fact *f, struct buf *why)
{
    if (f->state != FACT_LATE || (in_use && in_use->lenient))
        return false;
    buf_addf(why, "no answer within %u s", (unsigned)(fact_patience_ns(f->kind) / NS_PER_S));
    return true;
}

bool fact_may_pass(const struct fact *f)
{
    static const int passing[] = {
        EMFILE,    ENFILE, ENOMEM, EIO,       ESTALE, ENOTCONN,   ETIMEDOUT,    EHOSTUNREACH,
        EREMOTEIO, ENXIO,  ENODEV, EHOSTDOWN, EAGAIN, ECONNRESET, ECONNABORTED, ECONNREFUSED};

    if (f->state != FACT_KNOWN || f->kind == FACT_HOST)
        return false;
    for (size_t i = 0; i < sizeof passing / sizeof *passing; i++)
        if (f->error == passing[i])
            return true;
    return false;
}

int fact_take_fd(struct fact *f)
{
    int fd = f->fd >= 0 ? f->fd : f->taken_fd;

    if (fd < 0)
        return -1;
    if (f->taken_fd >= 0 || (in_use && in_use->keeps))
        return fcntl(fd, F_DUPFD_CLOEXEC, 3);
    f->fd = -1;
    f->taken_fd = fd;
    return fd;
}

size_t facts_asked(const struct facts *facts)
{
    size_t n = 0;

    for (size_t i = 0; i < facts->count; i++)
        n += facts->item[i]->state == FACT_ASKED;
    return n;
}

void facts_free(struct facts *facts)
{
    for (size_t i = 0; i < facts->count; i++)
        fact_free(facts->item[i]);
    free(facts->item);
    free(facts->place);
    *facts = (struct facts){0};
}

/* ---- as bytes: of each its head, its name, its data ---- */

struct head {
    uint32_t kind, state;
    int32_t error, detail;
    uint64_t name_bytes, data_bytes;
};

bool facts_write(const struct facts *facts, struct buf *to)
{
    for (size_t i = 0; i < facts->count; i++) {
        const struct fact *f = facts->item[i];
        struct head head = {(uint32_t)f->kind, (uint32_t)f->state, f->error,
                            f->detail,         strlen(f->name),    f->data.n};
        if (!buf_add(to, &head, sizeof head) || !buf_add_span(to, span_str(f->name)) ||
            !buf_add_span(to, buf_span(&f->data)))
            return false;
    }
    return true;
}

static bool read_one(struct facts *facts, struct span *bytes)
{
    struct head head;

    if (bytes->n < sizeof head)
        return false;
    memcpy(&head, bytes->p, sizeof head);
    *bytes = span_from(*bytes, sizeof head);
    if (head.kind >= FACT_KIND_COUNT || head.state > FACT_KNOWN || head.name_bytes > bytes->n ||
        head.data_bytes > bytes->n - head.name_bytes)
        return false;
    struct fact *f =
        facts_add(facts, (enum fact_kind)head.kind, span_of(bytes->p, head.name_bytes));
    if (!f || !buf_add(&f->data, bytes->p + head.name_bytes, head.data_bytes))
        return false;
    f->state = (enum fact_state)head.state;
    f->error = head.error;
    f->detail = head.detail;
    *bytes = span_from(*bytes, head.name_bytes + head.data_bytes);
    return true;
}

bool facts_read(struct facts *facts, struct span bytes)
{
    while (bytes.n > 0)
        if (!read_one(facts, &bytes))
            return false;
    return true;
}
