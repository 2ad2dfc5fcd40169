/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * multipart/byteranges; see byteranges.h. Lengths and bytes come from the same function that
 * writes a part's head, so that they cannot differ. Heads and short parts that are in memory are
 * gathered into one piece of memory, and parts that lie close together are read by one call, so
 * that many tiny parts cost little more than one. Worker's loop only.
 */
#include "serve/byteranges.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

/* All of a part's head but the media type: boundary, field names, three numbers of 20 digits. */
enum { PART_FIXED_BYTES = 192 };

enum {
    GATHER_BYTES = 16 * 1024, /* given at once; no part longer than this is copied */
    NEAR_BYTES = 4096         /* parts within so many bytes are read at once */
};

struct byteranges {
    struct file_body body; /* the slice under way, when the file is not in memory as a whole */
    bool in_slice;
    struct file_entry *entry;
    struct http_range range[HTTP_RANGES_MAX];
    unsigned count;
    unsigned part;   /* of count; count: the closing boundary */
    bool head_given; /* of this part: its slice is next */
    uint64_t length;
    char boundary[BYTERANGES_BOUNDARY_BYTES + 1];
    size_t head_room, gather_room;
    char *gather; /* NULL: nothing was given yet */
    char head[];
};

static struct span write_head(const struct byteranges *b, unsigned part, char *to)
{
    struct out o = out_into(to, b->head_room);
    const struct http_range *r = &b->range[part];

    out_str(&o, "\r\n--");
    out_str(&o, b->boundary);
    if (part == b->count) {
        out_str(&o, "--\r\n");
        return span_of(to, out_len(&o));
    }
    out_str(&o, "\r\nContent-Type: ");
    out_span(&o, b->entry->type);
    out_str(&o, "\r\nContent-Range: bytes ");
    out_u64(&o, r->offset);
    out_char(&o, '-');
    out_u64(&o, r->offset + r->length - 1);
    out_char(&o, '/');
    out_u64(&o, (uint64_t)b->entry->st.st_size);
    out_str(&o, "\r\n\r\n");
    return span_of(to, out_len(&o));
}

static bool make_boundary(char *to)
{
    static const char hex[] = "0123456789abcdef";
    unsigned char random[BYTERANGES_BOUNDARY_BYTES / 2];

    if (getrandom(random, sizeof random, GRND_NONBLOCK) != (ssize_t)sizeof random)
        return false;
    for (size_t i = 0; i < sizeof random; i++) {
        to[2 * i] = hex[random[i] >> 4];
        to[2 * i + 1] = hex[random[i] & 15];
    }
    to[BYTERANGES_BOUNDARY_BYTES] = '\0';
    return true;
}

struct byteranges *byteranges_new(struct serve_ctx *ctx, struct serve_plan *plan,
                                  struct file_entry *e, const struct http_range *range,
                                  unsigned count)
{
    size_t head_room = PART_FIXED_BYTES + e->type.n;
    struct byteranges *b = calloc(1, sizeof *b + head_room);

    if (!b || !make_boundary(b->boundary)) {
        free(b);
        return NULL;
    }
    b->entry = file_entry_hold(e);
    file_body_init(&b->body, ctx, e, plan);
    b->body.several = true;
    file_body_range(&b->body, range[0].offset, range[0].offset + range[0].length);
    b->count = count;
    b->head_room = head_room;
    memcpy(b->range, range, count * sizeof *range);
    for (unsigned i = 0; i < count; i++)
        b->length += write_head(b, i, b->head).n + range[i].length;
    b->length += write_head(b, count, b->head).n;
    b->gather_room = b->length < GATHER_BYTES ? (size_t)b->length + head_room : GATHER_BYTES;
    return b;
}

const char *byteranges_boundary(const struct byteranges *b)
{
    return b->boundary;
}

uint64_t byteranges_length(const struct byteranges *b)
{
    return b->length;
}

static void give_slice(struct byteranges *b, struct chunk *out)
{
    const struct http_range *r = &b->range[b->part++];
    const struct file_entry *e = b->entry;

    b->head_given = false;
    if (e->content)
        *out = (struct chunk){.kind = CHUNK_MEMORY,
                              .fd = -1,
                              .memory = span_of(e->content + r->offset, (size_t)r->length)};
    else {
        if (r > b->range) /* the first one may have begun */
            file_body_range(&b->body, r->offset, r->offset + r->length);
        b->in_slice = true;
    }
}

/* The bytes read last, and of where; on the stack of one pull. */
struct near {
    uint64_t offset;
    size_t n;
    char bytes[NEAR_BYTES];
};

/* How much to read for this part: with those behind it, as long as they lie within the same few
 * bytes. */
static size_t near_bytes(const struct byteranges *b, const struct http_range *r)
{
    uint64_t end = r->offset + r->length;

    for (const struct http_range *next = r + 1; next < b->range + b->count; next++) {
        uint64_t its_end = next->offset + next->length;
        if (next->offset < r->offset || its_end - r->offset > NEAR_BYTES)
            break;
        end = its_end > end ? its_end : end;
    }
    return (size_t)(end - r->offset);
}

static bool copy_part(struct byteranges *b, const struct http_range *r, char *to, struct near *near)
{
    size_t n = (size_t)r->length;

    if (b->entry->content) {
        memcpy(to, b->entry->content + r->offset, n);
        return true;
    }
    if (n > sizeof near->bytes)
        return file_body_copy(&b->body, r->offset, to, n);
    if (r->offset < near->offset || r->offset + n > near->offset + near->n) {
        near->offset = r->offset;
        near->n = near_bytes(b, r);
        if (!file_body_copy(&b->body, near->offset, near->bytes, near->n)) {
            near->n = 0;
            return false;
        }
    }
    memcpy(to, near->bytes + (r->offset - near->offset), n);
    return true;
}

/* Heads and short parts from here on, until one has to be given by itself or the room is used up.
 */
static void gather(struct byteranges *b, struct chunk *out)
{
    struct near near = {.n = 0};
    size_t n = 0;

    while (b->part <= b->count) {
        const struct http_range *r = &b->range[b->part];
        if (!b->head_given) {
            if (b->gather_room - n < b->head_room)
                break;
            n += write_head(b, b->part, b->gather + n).n;
            b->head_given = true;
        }
        if (b->part < b->count) {
            if (r->length > b->gather_room - n || !copy_part(b, r, b->gather + n, &near))
                break;
            n += (size_t)r->length;
        }
        b->head_given = false;
        b->part++;
    }
    *out = (struct chunk){.kind = CHUNK_MEMORY,
                          .fd = -1,
                          .memory = span_of(b->gather, n),
                          .last = b->part > b->count};
}

static void pull(struct source *s, struct chunk *out)
{
    struct byteranges *b = s->owner;

    if (b->part < b->count && b->head_given && !b->in_slice) {
        give_slice(b, out);
        if (!b->in_slice)
            return;
    }
    if (b->in_slice) {
        file_body_pull(&b->body, s, out);
        if (out->kind != CHUNK_END)
            return;
        b->in_slice = false;
    }
    if (b->part > b->count) {
        *out = (struct chunk){.kind = CHUNK_END, .fd = -1};
        return;
    }
    if (!b->gather && !(b->gather = malloc(b->gather_room))) {
        *out = (struct chunk){.kind = CHUNK_ERROR, .fd = -1, .error = ENOMEM};
        return;
    }
    gather(b, out);
}

/* Within a part the last chunk was the file's; else it was a part's head, which costs nobody
 * anything, but what was read of the part is not held for it. */
static bool give_back(struct source *s, uint64_t unsent_bytes)
{
    struct byteranges *b = s->owner;

    if (b->in_slice)
        return file_body_give_back(&b->body, unsent_bytes);
    (void)file_body_give_back(&b->body, 0);
    return false;
}

static void stop(struct source *s)
{
    struct byteranges *b = s->owner;

    file_body_stop(&b->body);
    file_entry_release(b->entry);
    free(b->gather);
    free(b);
}

void byteranges_source(struct byteranges *b, struct source *s)
{
    static const struct source_ops ops = {pull, stop, give_back};

    *s = (struct source){.ops = &ops, .fd = -1, .owner = b};
}

struct file_body *byteranges_body(struct byteranges *b)
{
    return b->body.windows ? &b->body : NULL;
}
