/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The server's end of the board: one memfd, laid out as header and sections (slots,
 * listeners, events, offload threads, mounts, stalls, requests, files), sealed so that it can
 * neither shrink under a reader nor be mapped writable by anybody who gets its descriptor. The
 * master makes it; workers write to the mapping they inherit. Reading it as an observer does
 * is view.c; emptying a slot after its process has ended is clear.c.
 */
#include "board/board.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/shared.h"
#include "board/slot.h"
#include "board/words.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U /* Linux 6.3 */
#endif
#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010 /* Linux 5.1 */
#endif

/* Each section begins on a page: what different processes write shares none. */
static size_t align_page(size_t n)
{
    return (n + BOARD_PAGE - 1) / BOARD_PAGE * BOARD_PAGE;
}

/* Reads a small file of /proc whole. The text without its newline, "" when it cannot be read. */
static void read_proc(const char *path, char *to, size_t room)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? fd_read_full(fd, to, room - 1) : 0;

    if (n < 0)
        n = 0;
    to[n] = '\0';
    to[strcspn(to, "\n")] = '\0';
    close_fd(&fd);
}

uint64_t board_start_ticks(pid_t pid)
{
    char path[64], text[1024];

    snprintf(path, sizeof path, "/proc/%ld/stat", (long)pid);
    read_proc(path, text, sizeof text);
    /* Field 2 is the name in parentheses, with whatever in it: the last ')' ends it. */
    const char *p = strrchr(text, ')');
    for (int field = 2; p && field < 22; field++) {
        p = strchr(p, ' ');
        if (p)
            p++;
    }
    return p ? strtoull(p, NULL, 10) : 0;
}

static void set_fixed(char *to, size_t room, const char *text)
{
    size_t n = board_text_fit(span_str(text), room - 1);

    memcpy(to, text, n);
    to[n] = '\0';
}

static bool fill_uuid(uint8_t uuid[16])
{
    size_t got = 0;

    while (got < 16) {
        ssize_t n = getrandom(uuid + got, 16 - got, 0);
        if (n < 0 && errno != EINTR)
            return false;
        if (n > 0)
            got += (size_t)n;
    }
    uuid[6] = (uint8_t)((uuid[6] & 0x0f) | 0x40); /* RFC 9562: version 4, its variant */
    uuid[8] = (uint8_t)((uuid[8] & 0x3f) | 0x80);
    return true;
}

static void place_sections(const struct board *b, struct board_section *section)
{
    const struct {
        size_t stride, count;
    } part[BOARD_SECTION_COUNT] = {
        [BOARD_SLOTS] = {sizeof(struct board_slot), b->slot_count},
        [BOARD_LISTENERS] = {sizeof(struct board_listener), b->listener_count},
        [BOARD_EVENTS] = {sizeof(struct board_event), b->event_count},
        [BOARD_THREADS] = {sizeof(struct board_thread), b->slot_count * BOARD_THREADS_PER_SLOT},
        [BOARD_MOUNTS] = {sizeof(struct board_mount), b->slot_count * BOARD_MOUNTS_PER_SLOT},
        [BOARD_STALLS] = {sizeof(struct board_stall), BOARD_STALLS_KEPT},
        [BOARD_REQUESTS] = {sizeof(struct board_request), b->slot_count * BOARD_REQUESTS_PER_SLOT},
        [BOARD_FILES] = {sizeof(struct board_file), b->slot_count * BOARD_FILES_PER_SLOT},
        [BOARD_RECENT] = {sizeof(struct board_finished), b->slot_count * BOARD_RECENT_PER_SLOT},
        [BOARD_SLOW] = {sizeof(struct board_finished), BOARD_SLOW_RING},
    };
    size_t at = align_page(sizeof(struct board_header));

    for (unsigned i = 0; i < BOARD_SECTION_COUNT; i++) {
        section[i] = (struct board_section){at, (uint32_t)part[i].stride, (uint32_t)part[i].count};
        at += align_page(part[i].stride * part[i].count);
    }
}

static size_t board_size(const struct board_section *last)
{
    return (size_t)last->offset_bytes + align_page((size_t)last->stride_bytes * last->count);
}

static bool fill_header(struct board *b, const struct board_create *how)
{
    struct board_header *h = b->header;
    char host[256] = "";

    h->version = BOARD_VERSION;
    h->header_bytes = sizeof *h;
    h->total_bytes = b->bytes;
    h->section_count = BOARD_SECTION_COUNT;
    h->tables = board_tables_hash();
    h->master_pid = (uint32_t)getpid();
    h->master_start_ticks = board_start_ticks(getpid());
    h->started_ns = mono_now().ns;
    h->started_wall_ns = wall_now().ns;
    if (!fill_uuid(h->uuid))
        return false;
    read_proc("/proc/sys/kernel/random/boot_id", h->boot_id, sizeof h->boot_id);
    set_fixed(h->instance, sizeof h->instance, how->instance);
    if (gethostname(host, sizeof host - 1) != 0)
        host[0] = '\0';
    set_fixed(h->host, sizeof h->host, host);
    set_fixed(h->program_version, sizeof h->program_version, how->program_version);
    place_sections(b, h->section);
    atomic_store_explicit(&h->heartbeat_ns, h->started_ns, memory_order_relaxed);
    atomic_store_explicit(&h->event_next, 1, memory_order_relaxed);
    atomic_store_explicit(&h->slow_next, 1, memory_order_relaxed);
    atomic_store_explicit(&h->log_level, (uint32_t)log_get_level(), memory_order_relaxed);
    h->magic = BOARD_MAGIC;
    return true;
}

static int make_memfd(void)
{
    int fd = memfd_create("weir-board", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);

    if (fd < 0 && errno == EINVAL) /* before Linux 6.3 */
        fd = memfd_create("weir-board", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    return fd;
}

static bool seal(int fd)
{
    int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

    if (fcntl(fd, F_ADD_SEALS, seals | F_SEAL_FUTURE_WRITE) == 0)
        return true;
    if (errno != EINVAL || fcntl(fd, F_ADD_SEALS, seals) != 0)
        return false;
    log_warn("the kernel (before 5.1) cannot seal the board against new writers; "
             "only its mode, 0400, keeps observers from writing");
    return true;
}

static bool map_board(struct board *b)
{
    void *map;

    b->fd = make_memfd();
    if (b->fd < 0 || fchmod(b->fd, 0400) != 0 || ftruncate(b->fd, (off_t)b->bytes) != 0)
        return false;
    map = mmap(NULL, b->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, b->fd, 0);
    if (map == MAP_FAILED)
        return false;
    b->header = map;
    return true;
}

static void *part_of(const struct board *b, const struct board_section *section, unsigned kind)
{
    return (char *)b->header + section[kind].offset_bytes;
}

static void find_parts(struct board *b, const struct board_section *section)
{
    b->slot = part_of(b, section, BOARD_SLOTS);
    b->listener = part_of(b, section, BOARD_LISTENERS);
    b->event = part_of(b, section, BOARD_EVENTS);
    b->thread = part_of(b, section, BOARD_THREADS);
    b->mount = part_of(b, section, BOARD_MOUNTS);
    b->stall = part_of(b, section, BOARD_STALLS);
    b->request = part_of(b, section, BOARD_REQUESTS);
    b->file = part_of(b, section, BOARD_FILES);
    b->recent = part_of(b, section, BOARD_RECENT);
    b->slow = part_of(b, section, BOARD_SLOW);
}

bool board_create(struct board *b, const struct board_create *how)
{
    struct board_section section[BOARD_SECTION_COUNT];

    *b = (struct board){.fd = -1,
                        .slot_count = how->slots,
                        .listener_count = how->listeners,
                        .event_count = BOARD_EVENTS_RING};
    place_sections(b, section);
    b->bytes = board_size(&section[BOARD_SECTION_COUNT - 1]);
    if (!map_board(b) || !fill_header(b, how) || !seal(b->fd)) {
        int saved = errno;
        board_destroy(b);
        errno = saved;
        return false;
    }
    find_parts(b, section);
    return true;
}

void board_destroy(struct board *b)
{
    if (b->header)
        munmap(b->header, b->bytes);
    close_fd(&b->fd);
    *b = (struct board){.fd = -1};
}

int board_open_read_only(const struct board *b)
{
    char path[64];
    int fd;

    snprintf(path, sizeof path, "/proc/self/fd/%d", b->fd);
    do
        fd = open(path, O_RDONLY | O_CLOEXEC);
    while (fd < 0 && errno == EINTR);
    /* Without /proc the seal does alone: nobody can write through it or map it for writing. */
    int seals = fd < 0 ? fcntl(b->fd, F_GET_SEALS) : -1;
    if (seals > 0 && (seals & F_SEAL_FUTURE_WRITE))
        fd = fcntl(b->fd, F_DUPFD_CLOEXEC, 0);
    return fd;
}

bool board_keep_own(struct board *b, unsigned slot)
{
    size_t base = (size_t)(const void *)b->header;
    const struct {
        const void *p;
        size_t bytes;
    } own[] = {
        /* In the order of the sections. */
        {&b->header->event_next, sizeof *b->header - offsetof(struct board_header, event_next)},
        {&b->slot[slot].turn_since_ns,
         sizeof *b->slot - offsetof(struct board_slot, turn_since_ns)},
        {b->event, b->event_count * sizeof *b->event},
        {&b->thread[(size_t)slot * BOARD_THREADS_PER_SLOT],
         BOARD_THREADS_PER_SLOT * sizeof *b->thread},
        {&b->mount[(size_t)slot * BOARD_MOUNTS_PER_SLOT], BOARD_MOUNTS_PER_SLOT * sizeof *b->mount},
        {&b->request[(size_t)slot * BOARD_REQUESTS_PER_SLOT],
         BOARD_REQUESTS_PER_SLOT * sizeof *b->request},
        {&b->file[(size_t)slot * BOARD_FILES_PER_SLOT], BOARD_FILES_PER_SLOT * sizeof *b->file},
        {&b->recent[(size_t)slot * BOARD_RECENT_PER_SLOT],
         BOARD_RECENT_PER_SLOT * sizeof *b->recent},
        {b->slow, BOARD_SLOW_RING * sizeof *b->slow},
    };
    struct shared_part part[sizeof own / sizeof *own];

    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        part[i] = (struct shared_part){(size_t)own[i].p - base, own[i].bytes};
    return shared_keep(b->header, b->bytes, part, sizeof own / sizeof *own);
}

uint32_t board_op_begin(struct board *b, struct span text)
{
    struct board_header *h = b->header;
    uint32_t id = atomic_load_explicit(&h->op_id, memory_order_relaxed) + 1;

    if (id == 0) /* 0 stands for none */
        id = 1;
    atomic_store_explicit(&h->op_state, OP_PENDING, memory_order_release);
    board_text_set(&h->op_text, text);
    atomic_store_explicit(&h->op_since_ns, mono_now().ns, memory_order_relaxed);
    atomic_store_explicit(&h->op_id, id, memory_order_release);
    return id;
}

void board_op_end(struct board *b, bool done, struct span text)
{
    board_text_set(&b->header->op_text, text);
    atomic_store_explicit(&b->header->op_state, done ? OP_DONE : OP_FAILED, memory_order_release);
}

static void event_write(struct board_event *e, uint64_t seq, enum board_event_kind kind,
                        unsigned worker, struct span text)
{
    size_t n = board_text_fit(text, BOARD_EVENT_BYTES);

    /* 0 first: whoever sees any of the new contents does not take them for the old event. */
    atomic_store_explicit(&e->seq, 0, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
    atomic_store_explicit(&e->when_ns, mono_now().ns, memory_order_relaxed);
    atomic_store_explicit(&e->when_wall_ns, wall_now().ns, memory_order_relaxed);
    atomic_store_explicit(&e->kind, (uint16_t)kind, memory_order_relaxed);
    atomic_store_explicit(&e->worker, (uint16_t)worker, memory_order_relaxed);
    atomic_store_explicit(&e->length, (uint16_t)n, memory_order_relaxed);
    board_words_store(e->words, text.p, n);
    atomic_store_explicit(&e->seq, seq, memory_order_release);
}

void board_event(struct board *b, enum board_event_kind kind, unsigned worker, const char *fmt, ...)
{
    char text[1024];
    va_list ap;

    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (n < 0)
        return;
    size_t length = (size_t)n < sizeof text ? (size_t)n : sizeof text - 1;
    uint64_t seq = atomic_fetch_add_explicit(&b->header->event_next, 1, memory_order_relaxed);
    event_write(&b->event[(seq - 1) % b->event_count], seq, kind, worker, span_of(text, length));
}
