/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The model's newer parts: files merged from the workers' tables, the heat map, what /proc says,
 * parts of snapshots that are kept, the severity of events, and output by lines.
 */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/tui/fixture.h"
#include "tui/batch/batch.h"
#include "tui/model/proc.h"

static struct model *new_model(void)
{
    struct model *m = calloc(1, sizeof *m);

    ck_assert(m && model_init(m, NS_PER_S));
    return m;
}

static void free_model(struct model *m)
{
    model_free(m);
    free(m);
}

/* ---- files ---- */

#define FILES_MAX 8

struct shape_file {
    unsigned worker;
    uint64_t serial, since_ms, requests, cold;
    const char *path;
};

/* Takes files at this time; requests in flight are GETs of these targets. */
static void take_files(struct topk *t, uint64_t at_ms, const struct shape_file *f, unsigned count,
                       const char *const *target, unsigned targets, double total)
{
    static struct snap_file file[FILES_MAX];
    static struct snap_request request[FILES_MAX];
    struct snap s = {.taken_ns = FIXTURE_START_NS + at_ms * NS_PER_MS,
                     .worker_count = 2,
                     .file = file,
                     .file_count = count,
                     .request = request,
                     .request_count = targets};

    for (unsigned i = 0; i < count; i++) {
        file[i] = (struct snap_file){.worker = f[i].worker,
                                     .serial = f[i].serial,
                                     .since_ns = FIXTURE_START_NS + f[i].since_ms * NS_PER_MS,
                                     .requests = f[i].requests,
                                     .bytes = f[i].requests * 1000,
                                     .cold = f[i].cold,
                                     .last_time_ns = f[i].worker * NS_PER_MS};
        file[i].time[f[i].worker] = (uint32_t)f[i].requests;
        snprintf(file[i].path, sizeof file[i].path, "%s", f[i].path);
    }
    for (unsigned i = 0; i < targets; i++)
        snprintf(request[i].request, sizeof request[i].request, "GET %s HTTP/1.1", target[i]);
    ck_assert(topk_take(t, &s, total));
}

static const struct top_file *find(const struct topk *t, const char *path)
{
    for (unsigned i = 0; i < t->count; i++)
        if (strcmp(t->file[i].path, path) == 0)
            return &t->file[i];
    ck_abort_msg("%s is not there", path);
    return NULL;
}

START_TEST(files_are_merged)
{
    static const struct shape_file first[] = {
        {1, 1, 0, 1000, 100, "/a"}, {1, 2, 0, 50, 0, "/b"}, {2, 1, 0, 500, 500, "/a"}};
    static const struct shape_file second[] = {{1, 1, 0, 1200, 110, "/a"},
                                               {1, 3, 90500, 7, 7, "/new"},
                                               {2, 1, 0, 600, 600, "/a"},
                                               {2, 2, 0, 40, 0, "/b"}};
    static const char *const target[] = {"/a?x=1", "/%61", "/a%20b", "http://host/new", "/nothing"};
    struct topk t = {0};

    take_files(&t, 90000, first, 3, NULL, 0, 100);
    ck_assert_uint_eq(t.count, 2);
    ck_assert(find(&t, "/a")->requests < 0); /* one sample is no rate */
    ck_assert(t.others < 0);
    take_files(&t, 92000, second, 4, target, 5, 200);
    ck_assert_uint_eq(t.count, 3);
    const struct top_file *a = &t.file[0];
    ck_assert_str_eq(a->path, "/a");
    ck_assert_double_eq_tol(a->requests, 150, 0.01);
    ck_assert_double_eq_tol(a->bytes, 150000, 1);
    ck_assert_uint_eq(a->workers, 2);
    ck_assert_uint_eq(a->in_flight, 2);
    ck_assert_double_eq_tol(a->cold, 110.0 / 300, 0.001); /* since somebody looked */
    ck_assert_uint_eq(a->p50_ns, 24 * NS_PER_US);
    ck_assert_uint_eq(a->p99_ns, 48 * NS_PER_US);
    ck_assert_uint_eq(a->last_time_ns, NS_PER_MS); /* of the row that grew most */
    /* A row that began between the samples has all its requests from there. */
    ck_assert_double_eq_tol(find(&t, "/new")->requests, 3.5, 0.01);
    ck_assert_uint_eq(find(&t, "/new")->in_flight, 1);
    /* Another worker's old row, seen for the first time. */
    ck_assert(find(&t, "/b")->requests < 0);
    ck_assert_double_eq_tol(t.others, 200 - 153.5, 0.01);
    ck_assert_uint_eq(t.rows, 4);
    ck_assert_uint_eq(t.rows_max, 2 * BOARD_FILES_PER_SLOT);
    /* The same serial of another process is another row. */
    static const struct shape_file third[] = {{1, 1, 92500, 10, 0, "/c"}};
    take_files(&t, 93000, third, 1, NULL, 0, 5);
    ck_assert_uint_eq(t.count, 1);
    ck_assert_double_eq_tol(t.file[0].requests, 10, 0.01);
    ck_assert_double_eq_tol(t.others, 0, 0.01);
    topk_unknown(&t);
    ck_assert(t.file[0].requests < 0 && t.others < 0);
    topk_free(&t);
    ck_assert(t.file == NULL && t.count == 0);
}
END_TEST

/* Figures over the last minute forget what is older. */
START_TEST(files_of_the_last_minute)
{
    struct topk t = {0};

    for (unsigned second = 0; second <= 200; second += 5) {
        struct shape_file f = {1, 1, 0, second * 10, second < 100 ? second * 10 : 1000, "/a"};
        take_files(&t, second * 1000, &f, 1, NULL, 0, 10);
        if (second == 50)
            ck_assert_double_eq_tol(t.file[0].cold, 1, 0.001);
    }
    ck_assert_double_eq_tol(t.file[0].cold, 0, 0.001);
    topk_free(&t);
}
END_TEST

/* Many rows: sums are kept, nothing gets lost. */
START_TEST(files_of_many_workers)
{
    enum { ROWS = 4096 };
    struct snap s = {.worker_count = 64, .file_count = ROWS};
    struct topk t = {0};

    s.file = calloc(ROWS, sizeof *s.file);
    ck_assert(s.file != NULL);
    for (unsigned round = 1; round <= 2; round++) {
        s.taken_ns = FIXTURE_START_NS + round * NS_PER_S;
        for (unsigned i = 0; i < ROWS; i++) {
            s.file[i].worker = 1 + i / 64;
            s.file[i].serial = 1 + i % 64;
            s.file[i].since_ns = 1;
            s.file[i].requests = round * (i % 100);
            snprintf(s.file[i].path, sizeof s.file[i].path, "/%u", i % 100);
        }
        ck_assert(topk_take(&t, &s, 1e6));
    }
    ck_assert_uint_eq(t.count, 100);
    double sum = 0;
    for (unsigned i = 0; i < t.count; i++) {
        sum += t.file[i].requests;
        ck_assert(i == 0 || t.file[i].requests <= t.file[i - 1].requests);
    }
    double all = 0;
    for (unsigned i = 0; i < ROWS; i++)
        all += i % 100;
    ck_assert_double_eq_tol(sum, all, 0.5);
    ck_assert_double_eq_tol(t.others, 1e6 - all, 0.5);
    topk_free(&t);
    free(s.file);
}
END_TEST

/* ---- heat ---- */

START_TEST(lag_buckets)
{
    ck_assert_uint_eq(lag_bucket_of(0), 0);
    ck_assert_uint_eq(lag_bucket_of(500 * NS_PER_US), 0);
    ck_assert_uint_eq(lag_bucket_of(600 * NS_PER_US), 1);
    ck_assert_uint_eq(lag_bucket_of(8 * NS_PER_S), 14);
    ck_assert_uint_eq(lag_bucket_of(9 * NS_PER_S), 15);
    ck_assert_uint_eq(lag_bucket_of(UINT64_MAX), 15);
    for (unsigned i = 1; i < HIST_BUCKETS; i++) /* no histogram bucket lies on both sides */
        ck_assert_uint_eq(lag_bucket_of(hist_bucket_low_ns(i)),
                          lag_bucket_of(hist_bucket_mid_ns(i)));
}
END_TEST

static const uint16_t *heat_ago(const struct model *m, unsigned number, unsigned ago)
{
    for (unsigned i = 0; i < m->memory_count; i++) {
        const struct model_worker *w = &m->memory[i];
        if (w->number == number && ago < w->heat_count)
            return w->heat[(w->heat_next + HEAT_SECONDS - 1 - ago) % HEAT_SECONDS];
    }
    ck_abort_msg("worker %u has no heat %u seconds ago", number, ago);
    return NULL;
}

/* Worker 1 is away from second 2.0 on and back at 5.5: a sample of each second, then the true one.
 */
START_TEST(a_stall_in_the_heat_map)
{
    struct model *m = new_model();

    for (unsigned tenth = 0; tenth <= 70; tenth++) {
        uint64_t now = FIXTURE_START_NS + tenth * 100 * NS_PER_MS;
        struct snap s = fixture_snap(2, now);
        struct snap_hist *turns = &s.worker[0].hist[HIST_LOOP_TURN];
        if (tenth > 20 && tenth < 55)
            s.worker[0].turn_since_ns = FIXTURE_START_NS + 2 * NS_PER_S;
        if (tenth >= 55)
            turns->count = turns->bucket[hist_bucket_of(3500 * NS_PER_MS)] = 1;
        s.worker[1].hist[HIST_LOOP_TURN].count =
            s.worker[1].hist[HIST_LOOP_TURN].bucket[hist_bucket_of(NS_PER_MS)] = tenth;
        ck_assert(model_take(m, &s));
        snap_free(&s);
    }
    /* Seconds end at 1.0, 2.0 ... 7.0: ages 1, 2, 3 s, the true 3.5 s, then nothing. */
    ck_assert_uint_eq(m->history.count, 7);
    static const uint64_t age_ms[] = {0, 3500, 3000, 2000, 1000, 0, 0};
    for (unsigned ago = 0; ago < 7; ago++) {
        const struct history_record *r = history_at(&m->history, ago);
        const uint16_t *heat = heat_ago(m, 1, ago);
        unsigned sum = 0;
        for (unsigned b = 0; b < LAG_BUCKETS; b++)
            sum += heat[b];
        ck_assert_uint_eq(sum, age_ms[ago] > 0);
        ck_assert_uint_eq(heat_ago(m, 2, ago)[lag_bucket_of(NS_PER_MS)], 10);
        ck_assert_uint_eq(r->lag[lag_bucket_of(NS_PER_MS)],
                          10 + (lag_bucket_of(age_ms[ago] * NS_PER_MS) == 1));
        if (age_ms[ago] == 0)
            continue;
        unsigned bucket = lag_bucket_of(age_ms[ago] * NS_PER_MS);
        ck_assert_uint_eq(heat[bucket], 1);
        ck_assert_uint_eq(r->lag[bucket], 1);
        ck_assert_uint_eq(r->lag_worker[bucket], 1);
    }
    const struct model_worker *w = &m->memory[m->memory[0].number == 1 ? 0 : 1];
    ck_assert_uint_eq(w->lag_over, 1);
    ck_assert_uint_eq(w->lag[lag_bucket_of(3500 * NS_PER_MS)], 1);
    ck_assert_double_eq_tol(m->memory[m->memory[0].number == 2 ? 0 : 1].turns, 10, 0.01);
    /* Ten seconds asleep: a gap in both, and turns of the gap belong to no second. */
    struct snap s = fixture_snap(2, FIXTURE_START_NS + 17 * NS_PER_S);
    s.worker[1].hist[HIST_LOOP_TURN].count =
        s.worker[1].hist[HIST_LOOP_TURN].bucket[hist_bucket_of(NS_PER_MS)] = 1000;
    ck_assert(model_take(m, &s));
    snap_free(&s);
    ck_assert(history_at(&m->history, 0)->gap);
    ck_assert_uint_eq(heat_ago(m, 2, 0)[lag_bucket_of(NS_PER_MS)], 0);
    ck_assert_uint_eq(heat_ago(m, 2, 10)[lag_bucket_of(NS_PER_MS)], 10);
    free_model(m);
}
END_TEST

/* ---- rates ---- */

static void sample(struct model *m, uint64_t at_ms, uint64_t requests)
{
    struct snap s = fixture_snap(1, FIXTURE_START_NS + at_ms * NS_PER_MS);

    s.worker[0].counter[COUNTER_requests] = requests;
    ck_assert(model_take(m, &s));
    snap_free(&s);
}

START_TEST(first_rates_come_early)
{
    struct model *m = new_model();
    double *total = &m->total[RATE_REQUESTS];

    sample(m, 0, 5000);
    uint64_t before = model_signature(m);
    sample(m, 400, 5160);
    ck_assert(*total < 0);
    ck_assert_uint_eq(model_signature(m), before);
    sample(m, 500, 5200); /* by true time, and drawn at once ... */
    ck_assert_double_eq_tol(*total, 400, 0.01);
    ck_assert_double_eq_tol(m->memory[0].rate[RATE_REQUESTS], 400, 0.01);
    ck_assert_uint_ne(model_signature(m), before);
    sample(m, 600, 5200);
    ck_assert_double_eq_tol(*total, 400, 0.01);
    sample(m, 1000, 5200); /* ... but their interval goes on */
    ck_assert_double_eq_tol(*total, 200, 0.01);
    free_model(m);
}
END_TEST

/* ---- snapshots in parts ---- */

START_TEST(parts_are_kept)
{
    struct model *m = new_model();
    struct snap s = fixture_snap(1, FIXTURE_START_NS);

    m->wants = SNAP_REQUESTS;
    ck_assert_uint_eq(model_wants(m, FIXTURE_START_NS), SNAP_REQUESTS);
    s.wants = SNAP_REQUESTS;
    free(s.request);
    s.request = calloc(1, sizeof *s.request);
    s.request_count = s.request_room = 1;
    s.request[0].serial = 7;
    ck_assert(model_take(m, &s));
    snap_free(&s);
    ck_assert_uint_eq(model_wants(m, FIXTURE_START_NS + 100 * NS_PER_MS), 0); /* not yet again */
    ck_assert_uint_eq(model_wants(m, FIXTURE_START_NS + NS_PER_S), SNAP_REQUESTS);
    s = fixture_snap(1, FIXTURE_START_NS + 100 * NS_PER_MS);
    s.wants = 0;
    ck_assert(model_take(m, &s));
    ck_assert_uint_eq(m->now.request_count, 1);
    ck_assert_uint_eq(m->now.request[0].serial, 7);
    ck_assert_uint_eq(s.request_count, 0);
    snap_free(&s);
    m->wants |= SNAP_SLOW; /* another view: at once */
    ck_assert_uint_eq(model_wants(m, FIXTURE_START_NS + 200 * NS_PER_MS),
                      SNAP_REQUESTS | SNAP_SLOW);
    s = fixture_snap(1, FIXTURE_START_NS + 300 * NS_PER_MS);
    s.wants = 0;
    memset(s.uuid, 9, sizeof s.uuid); /* another server: nothing of the old one */
    ck_assert(model_take(m, &s));
    ck_assert_uint_eq(m->now.request_count, 0);
    snap_free(&s);
    free_model(m);
}
END_TEST

START_TEST(severity_of_events)
{
    static const struct {
        const char *word, *text;
        enum event_severity severity;
    } cases[] = {
        {"BLOCK", "worker 3: open /a", EVENT_IS_BAD},
        {"UNBLOCK", "worker 3 is back", EVENT_IS_INFO},
        {"EXIT", "worker 2 (pid 9) ended with status 0 (retired)", EVENT_IS_INFO},
        {"EXIT", "worker 2 (pid 9) was killed by SIGSEGV", EVENT_IS_BAD},
        {"QUEUE", "the kernel dropped 3 connections to x", EVENT_IS_BAD},
        {"QUEUE", "accept queue of x is full", EVENT_IS_WARN},
        {"OFFLOAD", "offload threads of each worker: 4 -> 8", EVENT_IS_INFO},
        {"OFFLOAD", "the queue of /mnt is full (9 jobs)", EVENT_IS_WARN},
        {"SLOW", "GET /x", EVENT_IS_WARN},
        {"no such word", "", EVENT_IS_INFO},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        ck_assert_int_eq(model_severity(cases[i].word, cases[i].text), cases[i].severity);
    struct model *m = fixture_model(FIX_TWO_BLOCKED);
    uint64_t number = m->event_number;
    model_note(m, 5, "GONE", "x");
    ck_assert_uint_eq(model_event_at(m, 0)->number, number + 1);
    ck_assert_int_eq(model_event_at(m, 0)->severity, EVENT_IS_BAD);
    for (unsigned i = 0; i < m->event_count; i++)
        ck_assert_uint_eq(model_event_at(m, i)->number, number + 1 - i);
    free_model(m);
}
END_TEST

/* ---- /proc ---- */

/* Two slow requests a second from the fourth on, a full queue after the tenth second's first. */
START_TEST(runs_of_events)
{
    struct model *m = fixture_model(FIX_POOL_FULL);
    struct event_run run;
    unsigned rows = 0, events = 0;

    ck_assert_uint_eq(m->event_count, 1 + 33 + 1);
    ck_assert(model_event_run(m, 0, true, &run));
    ck_assert_uint_eq(run.count, 20);
    ck_assert_str_eq(run.last->text, model_event_at(m, 0)->text);
    ck_assert_uint_eq(run.last->wall_ns, FIXTURE_WALL_NS + 20 * NS_PER_S);
    ck_assert_uint_eq(run.first->wall_ns, FIXTURE_WALL_NS + 10 * NS_PER_S);
    for (unsigned ago = 0; model_event_run(m, ago, true, &run); ago += run.count, rows++)
        events += run.count;
    ck_assert_uint_eq(rows, 4);
    ck_assert_uint_eq(events, m->event_count); /* none is lost */
    for (unsigned ago = 0; model_event_run(m, ago, false, &run); ago++)
        ck_assert(run.count == 1 && run.first == model_event_at(m, ago));
    /* Two are no run; nor is what an operator did, however often. */
    model_note(m, 5, "RESIZE", "2 -> 3");
    for (int i = 0; i < 2; i++)
        model_note(m, 6, "QUEUE", "accept queue of x is full");
    ck_assert(model_event_run(m, 0, true, &run) && run.count == 1);
    model_note(m, 7, "QUEUE", "accept queue of x is full");
    ck_assert(model_event_run(m, 0, true, &run) && run.count == 3 && run.first->wall_ns == 6);
    model_note(m, 8, "QUEUE", "the kernel dropped 3 connections to x"); /* worse */
    ck_assert(model_event_run(m, 0, true, &run) && run.count == 1);
    for (int i = 0; i < 5; i++)
        model_note(m, 9, "OFFLOAD", "offload threads of each worker: 4 -> 8");
    ck_assert(model_event_run(m, 0, true, &run) && run.count == 1);
    free_model(m);
}
END_TEST

START_TEST(proc_stat)
{
    static const struct {
        const char *text;
        bool good;
    } cases[] = {
        {"12 (weir) S 1 2 3 4 5 6 7 8 9 10 150 50 13 14 15 16 17 18 777 20 5 22 23\n", true},
        {"12 (we) S 1) S) S 1 2 3 4 5 6 7 8 9 10 150 50 13 14 15 16 17 18 777 20 5 22\n", true},
        {"12 (weir) S 1 2 3 4 5 6 7 8 9 10 150 50 13 14 15 16 17 18 778 20 5 22\n", false},
        {"12 (weir) S 1 2 3 4 5 6 7 8 9 10 150 50 13 14 15 16 17 18 777 20", false},
        {"12 (weir) S", false},
        {"12 (weir)", false},
        {")", false},
        {"", false},
    };
    struct proc_units units = {10 * NS_PER_MS, 4096};
    struct model_proc p;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        memset(&p, 0, sizeof p);
        ck_assert_msg(proc_parse_stat(cases[i].text, 777, units, &p) == cases[i].good, "case %zu",
                      i);
        if (cases[i].good) {
            ck_assert_uint_eq(p.cpu_ns, 2 * NS_PER_S);
            ck_assert_uint_eq(p.rss_bytes, 5 * 4096);
        }
    }
    ck_assert(!proc_read((uint32_t)getpid(), 1, &p)); /* we did not start then */
    ck_assert(!proc_read(0, 1, &p));
}
END_TEST

/* ---- lines ---- */

/* Checks quoting and counts the fields of one line of CSV. */
static int csv_fields(const char *line)
{
    int fields = 1;
    bool quoted = false;

    for (; *line && *line != '\n'; line++) {
        if (*line == '"')
            quoted = !quoted;
        fields += *line == ',' && !quoted;
    }
    return quoted ? -1 : fields;
}

START_TEST(csv_lines)
{
    char *text = NULL, *line;
    size_t n = 0;
    int fields, lines = 0;
    FILE *to = open_memstream(&text, &n);

    ck_assert(to && batch_csv_head(to));
    for (int i = 0; i < FIX_COUNT; i++) {
        struct model *m = fixture_model((enum fixture)i);
        snprintf(m->now.instance, sizeof m->now.instance, "a \"b\", c");
        ck_assert(batch_csv(to, m));
        free_model(m);
    }
    ck_assert_int_eq(fclose(to), 0);
    fields = csv_fields(text);
    for (line = text; *line; line = strchr(line, '\n') + 1, lines++)
        ck_assert_msg(csv_fields(line) == fields, "%s", line);
    ck_assert_int_eq(lines, 1 + FIX_COUNT);
    ck_assert(strchr(text, '\x1b') == NULL);
    ck_assert(strstr(text, "\"a \"\"b\"\", c\",critical,3,") != NULL);
    free(text);
}
END_TEST

START_TEST(event_lines)
{
    struct model *m = new_model();
    struct batch_told told = {0};
    char *text = NULL;
    size_t n = 0;
    FILE *to = open_memstream(&text, &n);
    int lines = 0;

    ck_assert(to != NULL);
    for (unsigned second = 0; second <= 6; second++) {
        struct snap s = fixture_snap(2, FIXTURE_START_NS + second * NS_PER_S);
        struct snap_event e = {.seq = 1, .kind = EVENT_START, .text = "before anybody looked"};
        s.event[s.event_count++] = e;
        if (second >= 3 && second < 5) {
            e = (struct snap_event){.seq = 2,
                                    .kind = EVENT_BLOCK,
                                    .worker = 1,
                                    .when_wall_ns = FIXTURE_WALL_NS + 3 * NS_PER_S,
                                    .text = "worker 1: open /a"};
            s.event[s.event_count++] = e;
            s.worker[0].turn_since_ns = FIXTURE_START_NS + 2 * NS_PER_S;
            s.worker[0].wait = WAIT_OPEN;
        }
        ck_assert(model_take(m, &s));
        snap_free(&s);
        int got = batch_events(to, m, &told, 0);
        ck_assert_int_ge(got, 0);
        lines += got;
    }
    ck_assert_int_eq(fclose(to), 0);
    ck_assert_int_eq(lines, 4);
    ck_assert_str_eq(text,
                     "2023-11-14T22:13:20.000+00:00 VERDICT   ok: queue 0, lag p99 -, 2/2 workers\n"
                     "2023-11-14T22:13:23.000+00:00 BLOCK     worker 1: open /a\n"
                     "2023-11-14T22:13:23.000+00:00 VERDICT   critical: 1 of 2 workers blocked: w1 "
                     "open 1.0s.  + adds workers\n"
                     "2023-11-14T22:13:25.000+00:00 VERDICT   ok: queue 0, lag p99 0us, 2/2 "
                     "workers\n");
    free(text);
    free_model(m);
}
END_TEST

START_TEST(instance_lines)
{
    static struct instance list[3] = {
        {.dir = "/run/weir/a", .answers = true, .name = "a", .version = "1", .master_pid = 7},
        {.dir = "/run/weir/b", .why = "nobody answers"},
        {.dir = "/run/weir/c", .answers = true, .name = "c", .version = "1", .master_pid = 8}};
    char *text = NULL;
    size_t n = 0;
    FILE *to = open_memstream(&text, &n);

    ck_assert(to && batch_instances(to, list, 3, true));
    ck_assert_int_eq(fclose(to), 0);
    ck_assert(strstr(text, "  1  a") && strstr(text, "  2  c") && !strstr(text, "/run/weir/b"));
    free(text);
    to = open_memstream(&text, &n);
    ck_assert(to && batch_instances(to, list, 3, false));
    ck_assert_int_eq(fclose(to), 0);
    ck_assert(strstr(text, "/run/weir/b") && strstr(text, "nobody answers"));
    free(text);
}
END_TEST

int main(void)
{
    setenv("TZ", "UTC", 1);
    Suite *s = suite_create("model");
    TCase *t = tcase_create("model");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, files_are_merged);
    tcase_add_test(t, files_of_the_last_minute);
    tcase_add_test(t, files_of_many_workers);
    tcase_add_test(t, lag_buckets);
    tcase_add_test(t, a_stall_in_the_heat_map);
    tcase_add_test(t, parts_are_kept);
    tcase_add_test(t, first_rates_come_early);
    tcase_add_test(t, severity_of_events);
    tcase_add_test(t, runs_of_events);
    tcase_add_test(t, proc_stat);
    tcase_add_test(t, csv_lines);
    tcase_add_test(t, event_lines);
    tcase_add_test(t, instance_lines);
    suite_add_tcase(s, t);
    return unit_run(s);
}
