/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Requests and files of a snapshot; see requests.h. Columns that hold other people's text
 * stand at the end of their row. A file's figures speak of the time since a worker gave it a row,
 * which differs from worker to worker, so that a rate is made for each and added up. Runs in
 * observers.
 */
#include "ctl/requests.h"

#include <stdlib.h>

#include "ctl/object.h"
#include "ctl/words.h"

enum { SLOW_PRINTED = 10, FILE_TIME_UNIT_NS = 16 * 1000 };

/* ---- requests in flight ---- */

static struct word request_id(const struct snap_request *r)
{
    struct word w;

    snprintf(w.text, sizeof w.text, "%u-%" PRIu64, r->worker, r->serial);
    return w;
}

json_t *status_requests_json(const struct snap *s)
{
    bool failed = false;
    json_t *array = json_array();

    for (unsigned i = 0; i < s->request_count; i++) {
        const struct snap_request *r = &s->request[i];
        struct object o = object_new(&failed);
        put_text(o, "id", request_id(r).text);
        put_number(o, "worker", r->worker);
        put_ms(o, "age_ms", age(s, r->began_ns));
        put_text(o, "phase", board_phase_name[r->phase]);
        put_ms(o, "phase_ms", age(s, r->phase_since_ns));
        put_ms(o, "idle_ms", age(s, r->progress_ns));
        put(o, "status", r->status ? json_integer(r->status) : json_null());
        put_bool(o, "cold", r->cold);
        put_number(o, "sent_bytes", r->sent_bytes);
        if (r->content_bytes == REQUEST_LENGTH_UNKNOWN)
            put(o, "content_bytes", json_null());
        else
            put_number(o, "content_bytes", r->content_bytes);
        put_number(o, "throttle_bytes_per_s", r->throttle_bytes_per_s);
        put_text_or_null(o, "request", r->request);
        put_text_or_null(o, "client", r->peer);
        append(array, o.json, &failed);
    }
    return finished(array, failed);
}

static void print_request(FILE *to, const struct snap *s, const struct snap_request *r)
{
    bool known = r->content_bytes != REQUEST_LENGTH_UNKNOWN;

    fprintf(to, "%-9s %7s %-7s %7s %7s %7s %7s  %-21s %s\n", request_id(r).text,
            age_text(age(s, r->began_ns)).text, board_phase_name[r->phase],
            age_text(age(s, r->phase_since_ns)).text, amount_text(r->sent_bytes, 1024).text,
            known ? amount_text(r->content_bytes, 1024).text : "-",
            r->throttle_bytes_per_s ? amount_text(r->throttle_bytes_per_s, 1024).text : "-",
            r->peer[0] ? r->peer : "-", r->request);
}

static void print_in_flight(FILE *to, const struct snap *s)
{
    if (s->request_count == 0) {
        fputs("no request is in flight for longer than 100 ms\n", to);
        return;
    }
    fprintf(to, "%-9s %7s %-7s %7s %7s %7s %7s  %-21s %s\n", "ID", "AGE", "PHASE", "SINCE", "SENT",
            "SIZE", "LIMIT/s", "CLIENT", "REQUEST");
    for (unsigned i = 0; i < s->request_count; i++)
        print_request(to, s, &s->request[i]);
    if (s->requests_in_flight > s->request_count)
        fprintf(to, "and %" PRIu64 " more; each worker lists %d\n",
                s->requests_in_flight - s->request_count, BOARD_REQUESTS_PER_SLOT);
}

/* ---- slow ones ---- */

json_t *status_slow_json(const struct snap *s)
{
    bool failed = false;
    json_t *array = json_array();

    for (unsigned i = 0; i < s->slow_count; i++) {
        const struct snap_finished *f = &s->slow[i];
        struct object o = object_new(&failed);
        put_number(o, "seq", f->seq);
        put_seconds(o, "unix_time", f->when_wall_ns);
        put_number(o, "worker", f->worker);
        put_number(o, "status", f->status);
        put_bool(o, "aborted", f->aborted);
        put_bool(o, "cold", f->cold);
        put_ms(o, "total_ms", f->total_ns);
        put_ms(o, "queue_ms", f->queue_ns);
        put_ms(o, "head_ms", f->head_ns);
        put_ms(o, "open_ms", f->open_ns);
        put_ms(o, "offload_wait_ms", f->offload_wait_ns);
        put_ms(o, "offload_run_ms", f->offload_run_ns);
        put_ms(o, "first_byte_ms", f->first_byte_ns);
        put_number(o, "bytes", f->bytes);
        put_text_or_null(o, "request", f->request);
        put_text_or_null(o, "client", f->peer);
        append(array, o.json, &failed);
    }
    return finished(array, failed);
}

static void print_slow(FILE *to, const struct snap *s)
{
    unsigned first = s->slow_count > SLOW_PRINTED ? s->slow_count - SLOW_PRINTED : 0;

    if (s->slow_count == 0)
        return;
    fprintf(to, "\n%-19s %7s %6s %7s %7s %7s %7s %7s %7s  %-21s %s\n", "SLOW: ENDED", "TOTAL",
            "STATUS", "OPEN", "WAIT", "READ", "FIRST", "BYTES", "WORKER", "CLIENT", "REQUEST");
    for (unsigned i = first; i < s->slow_count; i++) {
        const struct snap_finished *f = &s->slow[i];
        fprintf(to, "%-19s %7s %5u%s %7s %7s %7s %7s %7s %7u  %-21s %s\n",
                when_text(f->when_wall_ns).text, age_text(f->total_ns).text, f->status,
                f->aborted ? "!" : " ", age_text(f->open_ns).text,
                age_text(f->offload_wait_ns).text, age_text(f->offload_run_ns).text,
                f->first_byte_ns ? age_text(f->first_byte_ns).text : "-",
                amount_text(f->bytes, 1024).text, f->worker, f->peer, f->request);
    }
}

json_t *status_traffic_json(const struct snap *s)
{
    bool failed = false;
    struct object o = object_new(&failed);

    put_number(o, "requests_in_flight", s->requests_in_flight);
    put(o, "requests", status_requests_json(s));
    put(o, "slow", status_slow_json(s));
    return finished(o.json, failed);
}

void status_print_traffic(FILE *to, const struct snap *s)
{
    print_in_flight(to, s);
    print_slow(to, s);
}

/* ---- files ---- */

/* One path, of all workers that have a row of it. */
struct file_sum {
    const char *path;
    uint64_t requests, bytes, cold, errors, last_time_ns;
    uint64_t time[FILE_TIME_BUCKETS];
    double requests_per_s;
    unsigned workers;
};

static int compare_paths(const void *a, const void *b)
{
    return strcmp((*(const struct snap_file *const *)a)->path,
                  (*(const struct snap_file *const *)b)->path);
}

static int compare_sums(const void *a, const void *b)
{
    const struct file_sum *x = a, *y = b;

    if (x->requests != y->requests)
        return x->requests > y->requests ? -1 : 1;
    return strcmp(x->path, y->path);
}

static void add_file(struct file_sum *sum, const struct snap *s, const struct snap_file *f)
{
    uint64_t since = age(s, f->since_ns);

    sum->requests += f->requests;
    sum->bytes += f->bytes;
    sum->cold += f->cold;
    sum->errors += f->errors;
    if (f->last_time_ns > sum->last_time_ns)
        sum->last_time_ns = f->last_time_ns;
    for (unsigned i = 0; i < FILE_TIME_BUCKETS; i++)
        sum->time[i] += f->time[i];
    if (since > 0)
        sum->requests_per_s += (double)f->requests / ((double)since / 1e9);
    sum->workers++;
}

/* Most requests first; *out is the caller's to free. False: no memory. */
static bool sum_files(const struct snap *s, struct file_sum **out, unsigned *count)
{
    const struct snap_file **by_path = calloc(s->file_count + 1, sizeof(struct snap_file *));
    struct file_sum *sum = calloc(s->file_count + 1, sizeof *sum);

    *count = 0;
    *out = sum;
    if (!by_path || !sum) {
        free(by_path);
        free(sum);
        *out = NULL;
        return false;
    }
    for (unsigned i = 0; i < s->file_count; i++)
        by_path[i] = &s->file[i];
    qsort(by_path, s->file_count, sizeof *by_path, compare_paths);
    for (unsigned i = 0; i < s->file_count; i++) {
        if (i == 0 || strcmp(by_path[i]->path, by_path[i - 1]->path) != 0)
            sum[(*count)++].path = by_path[i]->path;
        add_file(&sum[*count - 1], s, by_path[i]);
    }
    qsort(sum, *count, sizeof *sum, compare_sums);
    free(by_path);
    return true;
}

/* The upper end of the bucket that holds the quantile; 0: no request. */
static uint64_t file_quantile(const struct file_sum *f, double q)
{
    uint64_t total = 0, below = 0;

    for (unsigned i = 0; i < FILE_TIME_BUCKETS; i++)
        total += f->time[i];
    for (unsigned i = 0; i < FILE_TIME_BUCKETS; i++) {
        below += f->time[i];
        if (total > 0 && (double)below >= q * (double)total)
            return (uint64_t)FILE_TIME_UNIT_NS << i;
    }
    return 0;
}

json_t *status_files_json(const struct snap *s)
{
    bool failed = false;
    struct file_sum *sum;
    unsigned count;

    if (!sum_files(s, &sum, &count))
        return NULL;
    json_t *array = json_array();
    for (unsigned i = 0; i < count; i++) {
        struct object o = object_new(&failed);
        put_text(o, "path", sum[i].path);
        put_number(o, "requests", sum[i].requests);
        put(o, "requests_per_s", json_real(sum[i].requests_per_s));
        put_number(o, "bytes", sum[i].bytes);
        put_number(o, "cold", sum[i].cold);
        put_number(o, "errors", sum[i].errors);
        put_ms(o, "p50_below_ms", file_quantile(&sum[i], 0.50));
        put_ms(o, "p99_below_ms", file_quantile(&sum[i], 0.99));
        put_ms(o, "last_ms", sum[i].last_time_ns);
        put_number(o, "workers", sum[i].workers);
        append(array, o.json, &failed);
    }
    free(sum);
    return finished(array, failed);
}

static void print_file(FILE *to, const struct file_sum *f)
{
    char rate[32];

    snprintf(rate, sizeof rate, "%.1f", f->requests_per_s);
    fprintf(to, "%8s %8s %8s %5.0f%% %7s %7s %7s  %s\n", amount_text(f->requests, 1000).text, rate,
            amount_text(f->bytes, 1024).text,
            f->requests > 0 ? 100.0 * (double)f->cold / (double)f->requests : 0.0,
            amount_text(f->errors, 1000).text, age_text(file_quantile(f, 0.50)).text,
            age_text(file_quantile(f, 0.99)).text, f->path);
}

bool status_print_files(FILE *to, const struct snap *s)
{
    struct file_sum *sum;
    unsigned count;

    if (!sum_files(s, &sum, &count))
        return false;
    if (count == 0)
        fputs("no file was asked for yet\n", to);
    else
        fprintf(to, "%8s %8s %8s %6s %7s %7s %7s  %s\n", "REQUESTS", "REQ/s", "OUT", "COLD",
                "ERRORS", "P50<", "P99<", "PATH");
    for (unsigned i = 0; i < count; i++)
        print_file(to, &sum[i]);
    free(sum);
    return true;
}
