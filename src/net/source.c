/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The two common sources, memory and one file slice; see source.h. Each gives itself as a
 * single chunk: how much of it goes out at a time is the send queue's business. Worker only.
 */
#include "net/source.h"

static void memory_pull(struct source *s, struct chunk *out)
{
    if (s->memory.n == 0)
        return;
    out->kind = CHUNK_MEMORY;
    out->memory = s->memory;
    s->memory = span_from(s->memory, s->memory.n);
}

static void file_pull(struct source *s, struct chunk *out)
{
    if (s->offset >= s->end)
        return;
    out->kind = CHUNK_FILE;
    out->fd = s->fd;
    out->offset = s->offset;
    out->length = s->end - s->offset;
    s->offset = s->end;
}

static const struct source_ops memory_ops = {.pull = memory_pull};
static const struct source_ops file_ops = {.pull = file_pull};

void source_memory(struct source *s, struct span bytes, void *owner, void (*release)(void *))
{
    *s = (struct source){
        .ops = &memory_ops, .memory = bytes, .fd = -1, .owner = owner, .release = release};
}

void source_file(struct source *s, int fd, uint64_t offset, uint64_t end, void *owner,
                 void (*release)(void *))
{
    *s = (struct source){.ops = &file_ops,
                         .fd = fd,
                         .offset = offset,
                         .end = end,
                         .owner = owner,
                         .release = release};
}

void source_pull(struct source *s, struct chunk *out)
{
    *out = (struct chunk){.kind = CHUNK_END, .fd = -1};
    if (s->ops)
        s->ops->pull(s, out);
}

void source_stop(struct source *s)
{
    const struct source_ops *ops = s->ops;

    if (!ops)
        return;
    if (ops->stop)
        ops->stop(s);
    else if (s->release)
        s->release(s->owner);
    *s = (struct source){.fd = -1};
}

bool source_give_back(struct source *s, uint64_t unsent_bytes)
{
    return s->ops && s->ops->give_back && s->ops->give_back(s, unsent_bytes);
}

bool source_is_used_up(const struct source *s)
{
    if (!s->ops)
        return true;
    if (s->ops == &memory_ops)
        return s->memory.n == 0;
    return s->ops == &file_ops && s->offset >= s->end;
}
