/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Requests and files of a snapshot as JSON and as tables: the names scripts rely on, workers
 * whose files come together, and texts that somebody chose to do harm.
 */
#include "tests/unit/unit.h"

#include <jansson.h>
#include <stdio.h>

#include "base/clock.h"
#include "ctl/status.h"

#define AT (1000 * NS_PER_S) /* when the snapshots of these tests were taken */

static struct snap_request request[2];
static struct snap_finished slow[12];
static struct snap_file file[4];
static struct snap s;

static void fill(void)
{
    request[0] = (struct snap_request){.worker = 3,
                                       .serial = 1842,
                                       .phase = PHASE_STALLED,
                                       .status = 206,
                                       .began_ns = AT - 41 * NS_PER_S,
                                       .phase_since_ns = AT - 9 * NS_PER_S,
                                       .progress_ns = AT - 9 * NS_PER_S,
                                       .sent_bytes = 5u << 20,
                                       .content_bytes = 88u << 20,
                                       .throttle_bytes_per_s = 1u << 20,
                                       .request = "GET /c.tar HTTP/1.1",
                                       .peer = "10.0.0.7:52110"};
    request[1] = (struct snap_request){.worker = 1,
                                       .serial = 7,
                                       .phase = PHASE_OPEN,
                                       .cold = true,
                                       .began_ns = AT - NS_PER_S,
                                       .content_bytes = REQUEST_LENGTH_UNKNOWN,
                                       .request = "GET /\\xFF HTTP/1.1"};
    for (unsigned i = 0; i < 12; i++) {
        slow[i] = (struct snap_finished){.seq = i + 1,
                                         .when_wall_ns = 1700000000 * NS_PER_S,
                                         .total_ns = (i + 1) * NS_PER_S,
                                         .open_ns = 900 * NS_PER_MS,
                                         .offload_wait_ns = 5 * NS_PER_MS,
                                         .offload_run_ns = 800 * NS_PER_MS,
                                         .bytes = 2048,
                                         .worker = 2,
                                         .status = 200,
                                         .aborted = i == 11,
                                         .peer = "10.0.0.9:1"};
        snprintf(slow[i].request, sizeof slow[i].request, "GET /slow%u", i + 1);
    }
    file[0] = (struct snap_file){
        .worker = 1, .serial = 1, .since_ns = AT - 10 * NS_PER_S, .requests = 100, .path = "/b"};
    file[1] = (struct snap_file){.worker = 1,
                                 .serial = 2,
                                 .since_ns = AT - 10 * NS_PER_S,
                                 .requests = 300,
                                 .bytes = 1024,
                                 .cold = 100,
                                 .path = "/a"};
    file[2] = (struct snap_file){.worker = 2,
                                 .serial = 9,
                                 .since_ns = AT - 5 * NS_PER_S,
                                 .requests = 100,
                                 .bytes = 1024,
                                 .errors = 2,
                                 .last_time_ns = 3 * NS_PER_MS,
                                 .path = "/a"};
    file[3] = (struct snap_file){.worker = 2, .serial = 3, .requests = 1, .path = "/\xff"};
    file[0].time[0] = 100;
    file[1].time[2] = 300;
    file[2].time[2] = 90;
    file[2].time[FILE_TIME_BUCKETS - 1] = 10;
    s = (struct snap){.taken_ns = AT,
                      .wants = SNAP_REQUESTS | SNAP_SLOW | SNAP_FILES,
                      .request = request,
                      .request_count = 2,
                      .requests_in_flight = 5,
                      .slow = slow,
                      .slow_count = 12,
                      .file = file,
                      .file_count = 4};
}

static const json_t *get(const json_t *at, const char *name)
{
    const json_t *v = json_object_get(at, name);

    ck_assert_msg(v != NULL, "no %s", name);
    return v;
}

static double real(const json_t *at, const char *name)
{
    ck_assert_msg(json_is_real(get(at, name)), "%s", name);
    return json_real_value(get(at, name));
}

static json_int_t whole(const json_t *at, const char *name)
{
    ck_assert_msg(json_is_integer(get(at, name)), "%s", name);
    return json_integer_value(get(at, name));
}

static void check_text(const json_t *at, const char *name, const char *want)
{
    ck_assert_msg(json_is_string(get(at, name)), "%s", name);
    ck_assert_str_eq(json_string_value(get(at, name)), want);
}

START_TEST(requests_as_json)
{
    json_t *j = status_traffic_json(&s);
    const json_t *r = json_array_get(get(j, "requests"), 0);

    ck_assert_int_eq(whole(j, "requests_in_flight"), 5);
    ck_assert_uint_eq(json_array_size(get(j, "requests")), 2);
    check_text(r, "id", "3-1842");
    ck_assert_int_eq(whole(r, "worker"), 3);
    ck_assert_double_eq_tol(real(r, "age_ms"), 41000, 1e-6);
    check_text(r, "phase", "STALLED");
    ck_assert_double_eq_tol(real(r, "phase_ms"), 9000, 1e-6);
    ck_assert_double_eq_tol(real(r, "idle_ms"), 9000, 1e-6);
    ck_assert_int_eq(whole(r, "status"), 206);
    ck_assert(json_is_false(get(r, "cold")));
    ck_assert_int_eq(whole(r, "sent_bytes"), 5 << 20);
    ck_assert_int_eq(whole(r, "content_bytes"), 88 << 20);
    ck_assert_int_eq(whole(r, "throttle_bytes_per_s"), 1 << 20);
    check_text(r, "request", "GET /c.tar HTTP/1.1");
    check_text(r, "client", "10.0.0.7:52110");
    r = json_array_get(get(j, "requests"), 1);
    ck_assert(json_is_null(get(r, "status")) && json_is_null(get(r, "content_bytes")));
    ck_assert(json_is_true(get(r, "cold")) && json_is_null(get(r, "client")));
    r = json_array_get(get(j, "slow"), 11);
    ck_assert_int_eq(whole(r, "seq"), 12);
    ck_assert(json_is_true(get(r, "aborted")) && json_is_false(get(r, "cold")));
    ck_assert_double_eq_tol(real(r, "total_ms"), 12000, 1e-6);
    ck_assert_double_eq_tol(real(r, "open_ms"), 900, 1e-6);
    ck_assert_double_eq_tol(real(r, "offload_wait_ms"), 5, 1e-6);
    ck_assert_double_eq_tol(real(r, "offload_run_ms"), 800, 1e-6);
    (void)(real(r, "queue_ms") + real(r, "head_ms") + real(r, "first_byte_ms"));
    ck_assert(whole(r, "worker") == 2 && whole(r, "status") == 200 && whole(r, "bytes") == 2048);
    json_decref(j);
}
END_TEST

START_TEST(files_come_together)
{
    json_t *j = status_files_json(&s);
    const json_t *a = json_array_get(j, 0);

    ck_assert_uint_eq(json_array_size(j), 3);
    check_text(a, "path", "/a");
    ck_assert_int_eq(whole(a, "requests"), 400);
    ck_assert_double_eq_tol(real(a, "requests_per_s"), 30 + 20, 1e-9);
    ck_assert_int_eq(whole(a, "bytes"), 2048);
    ck_assert(whole(a, "cold") == 100 && whole(a, "errors") == 2 && whole(a, "workers") == 2);
    ck_assert_double_eq_tol(real(a, "p50_below_ms"), 0.064, 1e-9);
    ck_assert_double_eq_tol(real(a, "p99_below_ms"), 0.016 * (1 << 23), 1e-6);
    ck_assert_double_eq_tol(real(a, "last_ms"), 3, 1e-9);
    check_text(json_array_get(j, 1), "path", "/b");
    check_text(json_array_get(j, 2), "path", "/\\xFF"); /* no UTF-8: JSON all the same */
    ck_assert_double_eq_tol(real(json_array_get(j, 2), "p99_below_ms"), 0, 1e-9);
    json_decref(j);
}
END_TEST

START_TEST(status_has_what_was_wanted)
{
    json_t *j = status_json(&s, NULL);

    ck_assert(get(j, "requests") && get(j, "slow") && get(j, "files"));
    ck_assert_int_eq(whole(j, "requests_in_flight"), 5);
    check_text(j, "log_level", "error");
    json_decref(j);
    s.wants = 0;
    s.log_level = 2;
    j = status_json(&s, NULL);
    ck_assert(!json_object_get(j, "requests") && !json_object_get(j, "slow"));
    ck_assert_ptr_null(json_object_get(j, "files"));
    check_text(j, "log_level", "info");
    json_decref(j);
}
END_TEST

static void check_printed(bool files, const char *want, bool is)
{
    char *got = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&got, &n);

    if (files)
        ck_assert(status_print_files(f, &s));
    else
        status_print_traffic(f, &s);
    fclose(f);
    ck_assert_msg((strstr(got, want) != NULL) == is, "%s\n%s: %s", got, is ? "lacks" : "has", want);
    free(got);
}

START_TEST(tables)
{
    check_printed(false,
                  "ID            AGE PHASE     SINCE    SENT    SIZE LIMIT/s  CLIENT"
                  "                REQUEST\n"
                  "3-1842      41.0s STALLED    9.0s   5.00M   88.0M   1.00M  10.0.0.7:52110"
                  "        GET /c.tar HTTP/1.1\n"
                  "1-7          1.0s open        0us       0       -       -  -"
                  "                     GET /\\xFF HTTP/1.1\n"
                  "and 3 more; each worker lists 64\n",
                  true);
    check_printed(false, "   12.0s   200!   900ms     5.0ms", false);
    check_printed(false, "   12.0s   200!   900ms     5ms   800ms       -   2.00k       2", true);
    check_printed(false, "GET /slow3\n", true);
    check_printed(false, "GET /slow2\n", false); /* the last ten */
    check_printed(true,
                  "REQUESTS    REQ/s      OUT   COLD  ERRORS    P50<    P99<  PATH\n"
                  "     400     50.0    2.00k    25%       2    64us   2m14s",
                  true);
    s.request_count = s.slow_count = s.file_count = 0;
    s.requests_in_flight = 0;
    check_printed(false, "no request is in flight for longer than 100 ms\n", true);
    check_printed(false, "SLOW", false);
    check_printed(true, "no file was asked for yet\n", true);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("requests");
    TCase *t = tcase_create("requests");

    tcase_add_checked_fixture(t, fill, NULL);
    tcase_add_test(t, requests_as_json);
    tcase_add_test(t, files_come_together);
    tcase_add_test(t, status_has_what_was_wanted);
    tcase_add_test(t, tables);
    suite_add_tcase(suite, t);
    return unit_run(suite);
}
