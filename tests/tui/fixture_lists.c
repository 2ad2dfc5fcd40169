/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the situations' views of requests, files and one worker show: requests in flight, the
 * workers' tables of files, requests that are over. Counters grow with the seconds by fixed steps.
 */
#include "tests/tui/fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/must.h"

#define MIB UINT64_C(1048576)

struct snap_request *fixture_request(struct snap *s, unsigned worker, enum board_phase phase,
                                     uint64_t age_ms, const char *request)
{
    struct snap_request *r;
    unsigned at = s->request_count;

    if (s->request == NULL) {
        s->request_room = 128;
        s->request = calloc(s->request_room, sizeof *s->request);
        must(s->request);
    }
    must(s->request_count < s->request_room);
    /* The oldest first, as snapshots have them. */
    uint64_t began_ns = s->taken_ns - age_ms * NS_PER_MS;
    while (at > 0 && s->request[at - 1].began_ns > began_ns)
        at--;
    r = &s->request[at];
    memmove(r + 1, r, (s->request_count - at) * sizeof *r);
    s->request_count++;
    s->requests_in_flight++;
    *r = (struct snap_request){.worker = worker,
                               .serial = 1839 + s->request_count,
                               .phase = phase,
                               .began_ns = began_ns,
                               .phase_since_ns = began_ns + NS_PER_MS,
                               .progress_ns = s->taken_ns,
                               .content_bytes = REQUEST_LENGTH_UNKNOWN};
    snprintf(r->request, sizeof r->request, "%s", request);
    snprintf(r->peer, sizeof r->peer, "10.0.1.%u:5120%u", worker, worker % 10);
    return r;
}

static void sending(struct snap_request *r, uint64_t sent_bytes, uint64_t content_bytes)
{
    r->status = 200;
    r->sent_bytes = sent_bytes;
    r->content_bytes = content_bytes;
}

/* Two downloads that everybody has. */
static void usual_requests(struct snap *s)
{
    sending(fixture_request(s, 1, PHASE_SEND, 12800, "GET /pub/archive-1.tar HTTP/1.1"), 1950 * MIB,
            4096 * MIB);
    sending(fixture_request(s, 2, PHASE_SEND, 2200, "GET /pub/archive-2.tar HTTP/1.1"), 180 * MIB,
            700 * MIB);
}

static void stuck_requests(struct snap *s, unsigned second)
{
    struct snap_request *r;

    if (second >= 6) {
        r = fixture_request(s, 3, PHASE_OPEN, (second - 6) * 1000 + 200,
                            "GET /media/2019/big.iso HTTP/1.1");
        snprintf(r->peer, sizeof r->peer, "10.0.0.7:52110");
    }
    if (second >= 17) {
        r = fixture_request(s, 6, PHASE_READ, (second - 17) * 1000 + 200,
                            "GET /media/tv/s01.mkv HTTP/1.1");
        sending(r, 1126 * MIB, 2252 * MIB);
        r->cold = true;
    }
}

/* A client that takes nothing, one that an operator made slow, and threads that wait. */
static void pool_requests(struct snap *s)
{
    struct snap_request *r =
        fixture_request(s, 5, PHASE_STALLED, 60000, "GET /photos.zip HTTP/1.1");

    sending(r, 41 * MIB, 80 * MIB);
    r->phase_since_ns = r->progress_ns = s->taken_ns - 9200 * NS_PER_MS;
    r = fixture_request(s, 4, PHASE_SEND, 41000, "GET /in/backup.tar HTTP/1.1");
    sending(r, 41 * MIB, 986 * MIB);
    r->throttle_bytes_per_s = MIB;
    for (unsigned i = 0; i < s->worker_count; i++) {
        char line[64];
        snprintf(line, sizeof line, "GET /media/tv/s%02u/e01.mkv HTTP/1.1", i + 1);
        r = fixture_request(s, i + 1, PHASE_READ, 8100 - i * 500, line);
        sending(r, i * 10 * MIB, 2048 * MIB);
        r->cold = true;
    }
    sending(fixture_request(s, 7, PHASE_BODY, 700, "POST /cgi/form HTTP/1.1"), 0, 0);
}

static void hostile_requests(struct snap *s)
{
    struct snap_request *r =
        fixture_request(s, 1, PHASE_OPEN, 19000,
                        "GET /\\x1B]0;pwned\\x07/\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e/"
                        "\xe2\x80\xa6\xf0\x9f\x98\x80 e\xcc\x81t\xc3\xa9.txt HTTP/1.1");

    snprintf(r->peer, sizeof r->peer, "[2001:db8:85a3:8d3:1319:8a2e:370:7348]:52110");
    fixture_request(s, 2, PHASE_READ, 18000,
                    "GET /\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e"
                    "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e\xe6\x97\xa5\xe6\x9c\xac HTTP/1.1");
}

/* One row of one worker: so many requests a second of so long, every nth cold or an error. */
static void file_row(struct snap *s, unsigned worker, unsigned second, const char *path,
                     unsigned per_s, uint64_t took_ns, unsigned cold_of_100, unsigned errors_per_s)
{
    struct snap_file *f;
    unsigned bucket = 0;

    if (s->file == NULL) {
        s->file_room = 1024;
        s->file = calloc(s->file_room, sizeof *s->file);
        must(s->file);
    }
    must(s->file_count < s->file_room);
    f = &s->file[s->file_count++];
    while (bucket < FILE_TIME_BUCKETS - 1 && took_ns >= (UINT64_C(16000) << bucket))
        bucket++;
    f->worker = worker;
    f->serial = s->file_count;
    f->since_ns = FIXTURE_START_NS;
    f->requests = second * per_s;
    f->bytes = f->requests * 400000;
    f->cold = f->requests * cold_of_100 / 100;
    f->errors = second * errors_per_s;
    f->last_time_ns = took_ns;
    f->time[bucket] = (uint32_t)(f->requests * 9 / 10);
    f->time[bucket + 2] = (uint32_t)(f->requests - f->requests * 9 / 10);
    snprintf(f->path, sizeof f->path, "%s", path);
}

static void files(struct snap *s, unsigned second)
{
    for (unsigned w = 1; w <= s->worker_count; w++) {
        char path[64];
        file_row(s, w, second, "/pub/a.tar", 52, 1900 * NS_PER_US, 0, 0);
        file_row(s, w, second, "/pub/b.tar", 25, 1800 * NS_PER_US, 0, 0);
        if (w % 2)
            file_row(s, w, second, "/cold/archives/2019/x.bin", 24, 11 * NS_PER_MS, 71, 0);
        if (w == 4)
            file_row(s, w, second, "/pub/missing.png", 11, 600 * NS_PER_US, 0, 2);
        snprintf(path, sizeof path, "/pub/archive-%u.tar", w);
        file_row(s, w, second, path, 3, 90 * NS_PER_MS, 30, 0);
    }
}

static struct snap_finished *finished(struct snap_finished **row, unsigned *count, unsigned *room,
                                      const struct snap *s, unsigned worker, unsigned ago_s,
                                      const char *request)
{
    if (*row == NULL) {
        *room = 1024;
        *row = calloc(*room, sizeof **row);
        must(*row);
    }
    must(*count < *room);
    struct snap_finished *f = &(*row)[(*count)++];
    *f = (struct snap_finished){.seq = *count,
                                .when_wall_ns = s->taken_wall_ns - ago_s * NS_PER_S,
                                .worker = worker,
                                .status = 200};
    snprintf(f->request, sizeof f->request, "%s", request);
    snprintf(f->peer, sizeof f->peer, "10.0.1.%u:51202", worker);
    return f;
}

static void slow(struct snap *s, unsigned worker, unsigned ago_s, const char *request,
                 uint64_t bytes, unsigned wait_ms, unsigned open_ms, unsigned read_ms,
                 unsigned send_ms)
{
    struct snap_finished *f =
        finished(&s->slow, &s->slow_count, &s->slow_room, s, worker, ago_s, request);

    f->bytes = bytes;
    f->queue_ns = wait_ms * NS_PER_MS;
    f->open_ns = open_ms * NS_PER_MS;
    f->offload_run_ns = (open_ms + read_ms) * NS_PER_MS;
    f->total_ns = (open_ms + read_ms + send_ms) * NS_PER_MS;
    f->cold = read_ms > 0;
}

static void slow_requests(struct snap *s)
{
    slow(s, 6, 900, "GET /media/tv/s00.mkv", 190 * MIB, 0, 0, 3200, 100);
    slow(s, 4, 245, "GET /pub/g.tar", 77 * MIB, 0, 1300, 60, 40);
    slow(s, 1, 150, "HEAD /cold/archives/2018/index.html", 0, 2, 1100, 0, 0);
    s->slow[s->slow_count - 1].status = 404;
    slow(s, 8, 130, "GET /pub/e.tar", 64 * MIB, 1700, 0, 0, 1200);
    s->slow[s->slow_count - 1].aborted = true;
    slow(s, 2, 70, "GET /mnt/old/y.bin", 12, 0, 10000, 0, 0);
    s->slow[s->slow_count - 1].status = 503;
    slow(s, 1, 33, "GET /pub/c.tar", 88 * MIB, 0, 0, 2100, 700);
}

static void recent(struct snap *s)
{
    for (unsigned w = 1; w <= s->worker_count; w++)
        for (unsigned i = 0; i < 4; i++) {
            static const char *const line[] = {"GET /pub/a.tar", "GET /pub/b.tar?x=1",
                                               "GET /pub/missing.png", "HEAD /pub/a.tar"};
            struct snap_finished *f =
                finished(&s->recent, &s->recent_count, &s->recent_room, s, w, 4 - i, line[i]);
            f->total_ns = (7 + i) * NS_PER_MS;
            f->bytes = i < 2 ? (88 - 70 * i) * MIB : 0;
            f->status = i == 2 ? 404 : 200;
            f->aborted = i == 1;
        }
}

void fixture_lists(struct snap *s, enum fixture which, unsigned second)
{
    if (s->worker_count < 8)
        return;
    usual_requests(s);
    files(s, second);
    slow_requests(s);
    recent(s);
    switch (which) {
    case FIX_TWO_BLOCKED:
        stuck_requests(s, second);
        break;
    case FIX_POOL_FULL:
        pool_requests(s);
        break;
    case FIX_HOSTILE:
        hostile_requests(s);
        file_row(s, 8, second,
                 "/\\x1B]0;pwned\\x07/\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e/\xf0\x9f\x98\x80 "
                 "e\xcc\x81.txt",
                 30, NS_PER_MS, 0, 0);
        break;
    case FIX_MANY:
        for (unsigned w = 1; w <= 64; w++)
            sending(fixture_request(s, w, PHASE_SEND, 100 + w * 13, "GET /pub/a.tar HTTP/1.1"),
                    w * MIB, 100 * MIB);
        break;
    default:
        break;
    }
}
