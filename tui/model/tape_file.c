/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Recordings on disk; see tape_file.h for the format. A record is written by one write(2), so
 * that what a crash leaves is at most the beginning of one at the end of the file. The length has
 * a CRC of its own: without, one wrong bit in it would look like the end of the file, and the next
 * record could not be told from what is within one. Runs in weirtop; calls block, for the file is
 * the user's own choice.
 */
#include "tui/model/tape_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "tui/model/pack.h"
#include "weir/board.h"

#define MAGIC       "WEIRTAPE"
#define MAGIC_BYTES 8
#define HEAD_BYTES  16
#define LAYOUT      2

static void put32(unsigned char *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (unsigned char)(v >> (8 * i));
}

static uint32_t get32(const unsigned char *p)
{
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint32_t mix_names(uint32_t h, const char *const *name, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        h = h * 31 + crc32_of(name[i], strlen(name[i]));
    return h;
}

/* The layout of records, and the tables that their numbers point into. */
static uint32_t tape_version(void)
{
    uint32_t h = LAYOUT;

    h = mix_names(h, board_counter_name, COUNTER_COUNT);
    h = mix_names(h, board_wait_name, WAIT_COUNT);
    h = mix_names(h, board_phase_name, PHASE_COUNT);
    h = mix_names(h, board_state_name, SLOT_STATE_COUNT);
    return mix_names(h, board_mount_state_name, MOUNT_STATE_COUNT);
}

static bool say_errno(const char *name, const char *what, char *why, size_t why_bytes)
{
    snprintf(why, why_bytes, "%s: %s: %s", name, what, strerror(errno));
    return false;
}

/* What is read next. */
enum next { NEXT_RECORD, NEXT_END, NEXT_TORN, NEXT_DAMAGED, NEXT_BAD };

/* Reads the head of the record at `at` of a file of `size` bytes; its length and CRC. */
static enum next read_head(int fd, const char *name, uint64_t at, uint64_t size, uint32_t *length,
                           uint32_t *crc, char *why, size_t why_bytes)
{
    unsigned char head[HEAD_BYTES];

    if (at == size)
        return NEXT_END;
    if (size - at < HEAD_BYTES)
        return NEXT_TORN;
    if (lseek(fd, (off_t)at, SEEK_SET) < 0 ||
        fd_read_full(fd, head, sizeof head) != (ssize_t)sizeof head) {
        say_errno(name, "reading", why, why_bytes);
        return NEXT_BAD;
    }
    *length = get32(head);
    *crc = get32(head + 12);
    if (get32(head + 8) != crc32_of(head, 8) || *length > TAPE_RECORD_MAX) {
        snprintf(why, why_bytes, "%s: damaged at byte %llu", name, (unsigned long long)at);
        return NEXT_DAMAGED;
    }
    if (get32(head + 4) != tape_version()) {
        snprintf(why, why_bytes, "%s: recorded by another version of weirtop", name);
        return NEXT_BAD;
    }
    return size - at - HEAD_BYTES < *length ? NEXT_TORN : NEXT_RECORD;
}

/* Checks the beginning of a file; its size. False with a sentence. */
static bool read_magic(int fd, const char *name, uint64_t *size, char *why, size_t why_bytes)
{
    char magic[MAGIC_BYTES];
    struct stat st;

    if (fstat(fd, &st) != 0)
        return say_errno(name, "looking at it", why, why_bytes);
    if (!S_ISREG(st.st_mode)) {
        snprintf(why, why_bytes, "%s: not a regular file", name);
        return false;
    }
    *size = (uint64_t)st.st_size;
    if (*size == 0)
        return true;
    ssize_t n = fd_read_full(fd, magic, sizeof magic);
    if (n < 0)
        return say_errno(name, "reading", why, why_bytes);
    if (n < MAGIC_BYTES || memcmp(magic, MAGIC, MAGIC_BYTES) != 0) {
        snprintf(why, why_bytes, "%s: not a recording of weirtop", name);
        return false;
    }
    return true;
}

/* Makes the file ready for the next record: finds its end, cuts off what is torn. */
static bool append_prepare(struct tape_file *f, const char *name, char *why, size_t why_bytes)
{
    uint64_t size;
    uint32_t length, crc;
    enum next next;

    if (flock(f->fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno == EWOULDBLOCK)
            snprintf(why, why_bytes, "%s: another weirtop records to it", name);
        else
            say_errno(name, "locking", why, why_bytes);
        return false;
    }
    if (!read_magic(f->fd, name, &size, why, why_bytes))
        return false;
    f->end = MAGIC_BYTES;
    if (size == 0)
        return fd_write_all(f->fd, MAGIC, MAGIC_BYTES) ||
               say_errno(name, "writing", why, why_bytes);
    while ((next = read_head(f->fd, name, f->end, size, &length, &crc, why, why_bytes)) ==
           NEXT_RECORD)
        f->end += HEAD_BYTES + length;
    if (next == NEXT_BAD || next == NEXT_DAMAGED)
        return false;
    if (next == NEXT_TORN && ftruncate(f->fd, (off_t)f->end) != 0)
        return say_errno(name, "cutting off a torn record", why, why_bytes);
    if (lseek(f->fd, (off_t)f->end, SEEK_SET) < 0)
        return say_errno(name, "seeking", why, why_bytes);
    return true;
}

bool tape_file_append(struct tape_file *f, const char *name, char *why, size_t why_bytes)
{
    /* Without O_NONBLOCK a FIFO would keep us here until somebody reads it. */
    f->fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600);
    if (f->fd < 0)
        return say_errno(name, "opening", why, why_bytes);
    if (append_prepare(f, name, why, why_bytes))
        return true;
    close_fd(&f->fd);
    return false;
}

bool tape_file_write(struct tape_file *f, const void *bytes, size_t n, char *why, size_t why_bytes)
{
    unsigned char *whole = n <= TAPE_RECORD_MAX ? malloc(HEAD_BYTES + n) : NULL;

    if (whole == NULL) {
        snprintf(why, why_bytes, "recording ends: no memory for a record of %zu bytes", n);
        return false;
    }
    put32(whole, (uint32_t)n);
    put32(whole + 4, tape_version());
    put32(whole + 8, crc32_of(whole, 8));
    put32(whole + 12, crc32_of(bytes, n));
    memcpy(whole + HEAD_BYTES, bytes, n);
    bool good = fd_write_all(f->fd, whole, HEAD_BYTES + n);
    if (!good) {
        int error = errno;
        /* Half a record is worse than none; when this fails too, it is a torn one. */
        bool cut = ftruncate(f->fd, (off_t)f->end) == 0;
        snprintf(why, why_bytes, "recording ends: %s%s", strerror(error),
                 cut ? "" : "; the last record is torn");
    }
    f->end += good ? HEAD_BYTES + n : 0;
    free(whole);
    return good;
}

void tape_file_close(struct tape_file *f)
{
    close_fd(&f->fd);
}

/* ---- reading what may be damaged ---- */

struct reading {
    int fd;
    const char *name;
    uint64_t size, at;
    uint64_t records;
    uint64_t first_bad, bad_bytes; /* where the first damage is, and how much all is */
    unsigned bad_places;
    char *why;
    size_t why_bytes;
};

static void pass_over(struct reading *r, uint64_t to)
{
    if (r->bad_places++ == 0)
        r->first_bad = r->at;
    r->bad_bytes += to - r->at;
    r->at = to;
}

/* Does the head of a record begin here? */
static bool is_head(const unsigned char *p)
{
    return get32(p + 4) == tape_version() && get32(p) <= TAPE_RECORD_MAX &&
           get32(p + 8) == crc32_of(p, 8);
}

/* Where the next head begins after byte `at`; the file's end when there is none. False when reading
 * fails. */
static bool find_head(const struct reading *r, uint64_t *at)
{
    unsigned char piece[65536];

    for (uint64_t from = *at + 1; from + HEAD_BYTES <= r->size;) {
        ssize_t n =
            lseek(r->fd, (off_t)from, SEEK_SET) < 0 ? -1 : fd_read_full(r->fd, piece, sizeof piece);
        if (n < 0)
            return say_errno(r->name, "reading", r->why, r->why_bytes);
        for (ssize_t i = 0; i + HEAD_BYTES <= n; i++)
            if (is_head(piece + i)) {
                *at = from + (uint64_t)i;
                return true;
            }
        if (n < (ssize_t)sizeof piece)
            break;
        from += (uint64_t)n - HEAD_BYTES + 1; /* a head may begin in the last bytes of this piece */
    }
    *at = r->size;
    return true;
}

/* The record at r->at, whose head is good. False when reading must end. */
static bool read_contents(struct reading *r, uint32_t length, uint32_t crc, tape_file_take *take,
                          void *context)
{
    uint64_t end = r->at + HEAD_BYTES + length;
    unsigned char *bytes = malloc(length + 1);
    ssize_t n = bytes ? fd_read_full(r->fd, bytes, length) : 0;

    if (n < 0) {
        free(bytes);
        return say_errno(r->name, "reading", r->why, r->why_bytes);
    }
    errno = bytes ? 0 : ENOMEM;
    bool good = bytes && n == (ssize_t)length && crc32_of(bytes, length) == crc;
    if (good && take(context, bytes, length)) {
        r->records++;
        r->at = end;
        return true;
    }
    bool full = errno == ENOMEM;
    free(bytes);
    if (full)
        snprintf(r->why, r->why_bytes, "%s: out of memory", r->name);
    else
        pass_over(r, end);
    return !full;
}

static bool read_records(struct reading *r, tape_file_take *take, void *context)
{
    for (;;) {
        uint32_t length, crc;
        uint64_t next = r->at;
        switch (read_head(r->fd, r->name, r->at, r->size, &length, &crc, r->why, r->why_bytes)) {
        case NEXT_RECORD:
            if (!read_contents(r, length, crc, take, context))
                return false;
            break;
        case NEXT_DAMAGED:
            if (!find_head(r, &next))
                return false;
            pass_over(r, next);
            break;
        case NEXT_END:
        case NEXT_TORN:
            return true;
        case NEXT_BAD:
            return false;
        }
    }
}

/* A wrong bit in the first bytes: it is a recording if a record stands where the first would. */
static bool is_tape_all_the_same(struct reading *r)
{
    unsigned char head[HEAD_BYTES];

    if (r->size < MAGIC_BYTES + HEAD_BYTES || lseek(r->fd, MAGIC_BYTES, SEEK_SET) < 0 ||
        fd_read_full(r->fd, head, sizeof head) != (ssize_t)sizeof head || !is_head(head))
        return false;
    r->at = 0;
    pass_over(r, MAGIC_BYTES);
    return true;
}

static bool read_all(struct reading *r, tape_file_take *take, void *context)
{
    if (!read_magic(r->fd, r->name, &r->size, r->why, r->why_bytes) && !is_tape_all_the_same(r))
        return false;
    if (r->size == 0) {
        snprintf(r->why, r->why_bytes, "%s: empty", r->name);
        return false;
    }
    if (!read_records(r, take, context))
        return false;
    if (r->records == 0) {
        if (r->bad_places > 0)
            snprintf(r->why, r->why_bytes, "%s: damaged at byte %llu, and no record is whole",
                     r->name, (unsigned long long)r->first_bad);
        else
            snprintf(r->why, r->why_bytes, "%s: holds no record", r->name);
        return false;
    }
    r->why[0] = '\0';
    if (r->bad_places > 0)
        snprintf(r->why, r->why_bytes,
                 "%s: damaged at byte %llu%s: %llu bytes are left out, %llu records are whole",
                 r->name, (unsigned long long)r->first_bad, r->bad_places > 1 ? " and behind" : "",
                 (unsigned long long)r->bad_bytes, (unsigned long long)r->records);
    return true;
}

bool tape_file_read(const char *name, tape_file_take *take, void *context, char *why,
                    size_t why_bytes)
{
    int fd = open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

    struct reading r = {
        .fd = fd, .name = name, .at = MAGIC_BYTES, .why = why, .why_bytes = why_bytes};

    if (fd < 0)
        return say_errno(name, "opening", why, why_bytes);
    bool good = read_all(&r, take, context);
    close_fd(&fd);
    return good;
}
