/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Buffers of windows; see window_buffers.h. Each is a mapping of its own, of a power of two of
 * pages; those kept are a stack for each size, linked through their first bytes, so that what is
 * needed least lies at the bottom and is never taken. Worker's loop.
 */
#include "file/window_buffers.h"

#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/must.h"

/* How much one tick gives back: the kernel takes a millisecond or two for so many pages. */
enum { TICK_BYTES = 16 * 1024 * 1024 };

struct kept_buffer {
    struct kept_buffer *next;
};

static bool is_small(size_t bytes)
{
    return WINDOW_BUFFERS_OFF || bytes < WINDOW_BUFFERS_MIN;
}

static size_t bytes_of(unsigned size)
{
    return (size_t)WINDOW_BUFFERS_MIN << size;
}

static unsigned size_of(size_t bytes)
{
    unsigned size = 0;

    while (bytes_of(size) < bytes)
        size++;
    must(size < WINDOW_BUFFERS_SIZES);
    return size;
}

static void push(struct window_buffers *b, unsigned size, void *data)
{
    struct kept_buffer *k = data;

    k->next = b->size[size].kept;
    b->size[size].kept = k;
    b->size[size].count++;
    b->kept_bytes += bytes_of(size);
}

static void *pop(struct window_buffers *b, unsigned size)
{
    struct window_buffers_size *of = &b->size[size];
    struct kept_buffer *k = of->kept;

    of->kept = k->next;
    if (--of->count < of->least)
        of->least = of->count;
    b->kept_bytes -= bytes_of(size);
    return k;
}

/* False: the process has so many mappings that none can be taken apart. This one stays, empty. */
static bool give_back(struct window_buffers *b, unsigned size)
{
    void *data = pop(b, size);

    if (munmap(data, bytes_of(size)) == 0)
        return true;
    madvise(data, bytes_of(size), MADV_DONTNEED);
    push(b, size, data);
    return false;
}

void *window_buffers_get(struct window_buffers *b, size_t bytes)
{
    if (is_small(bytes))
        return malloc(bytes);
    unsigned size = size_of(bytes);
    if (b->size[size].kept)
        return pop(b, size);
    void *data =
        mmap(NULL, bytes_of(size), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return data == MAP_FAILED ? NULL : data;
}

void window_buffers_put(struct window_buffers *b, void *data, size_t bytes)
{
    if (is_small(bytes))
        free(data);
    else
        push(b, size_of(bytes), data);
}

void window_buffers_keep(struct window_buffers *b, uint64_t bytes_max)
{
    for (unsigned size = WINDOW_BUFFERS_SIZES; size-- > 0;)
        while (b->kept_bytes > bytes_max && b->size[size].kept)
            if (!give_back(b, size))
                return;
}

void window_buffers_tick(struct window_buffers *b)
{
    size_t left = TICK_BYTES;

    for (unsigned size = WINDOW_BUFFERS_SIZES; size-- > 0;) {
        struct window_buffers_size *of = &b->size[size];
        for (unsigned n = of->least; n > 0 && left >= bytes_of(size); n--) {
            if (!give_back(b, size))
                break;
            left -= bytes_of(size);
        }
        of->least = of->count;
    }
}
