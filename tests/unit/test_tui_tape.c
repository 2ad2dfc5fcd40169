/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tape: records come back as screens that look the same, stay small, fall out of the ring by
 * bytes and age; files with torn and damaged records; hostile records.
 */
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "tests/tui/fixture.h"
#include "tui/app/app.h"
#include "tui/model/tape.h"
#include "tui/model/tape_record.h"
#include "tui/model/verdict.h"
#include "tui/ui/view.h"

static char folder[] = "/tmp/weir-tape-XXXXXX";
static char file[64], why[256];

static struct tape *new_tape(void)
{
    struct tape *t = tape_new(SIZE_MAX, UINT64_MAX);

    ck_assert(t != NULL);
    return t;
}

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

/* A second in the life of a small server; worker 1 is blocked from second 5 to 8. */
static void push(struct model *m, unsigned second)
{
    struct snap s = fixture_snap(2, FIXTURE_START_NS + second * NS_PER_S);
    struct snap_hist *turns = &s.worker[1].hist[HIST_LOOP_TURN];

    s.listener[0].queue_depth = second;
    turns->count = turns->bucket[hist_bucket_of(NS_PER_MS)] = second * 10;
    for (unsigned i = 0; i < 2; i++)
        s.worker[i].counter[COUNTER_requests] = second * 100;
    if (second >= 5 && second <= 8) {
        s.worker[0].turn_since_ns = FIXTURE_START_NS + 4 * NS_PER_S;
        s.worker[0].wait = WAIT_OPEN;
        strcpy(s.worker[0].serving, "/mnt/a");
    }
    for (unsigned i = 1; i <= second; i++) {
        struct snap_event e = {.seq = i,
                               .kind = EVENT_SLOW,
                               .worker = 1,
                               .when_ns = FIXTURE_START_NS + i * NS_PER_S,
                               .when_wall_ns = FIXTURE_WALL_NS + i * NS_PER_S};
        if (i + 8 <= second)
            continue;
        snprintf(e.text, sizeof e.text, "event %u", i);
        s.event[s.event_count++] = e;
    }
    ck_assert(model_take(m, &s));
    snap_free(&s);
}

static void draw(const struct model *m, struct grid *g, int rows, int cols)
{
    struct app a;

    app_init(&a, NS_PER_S, false);
    ck_assert(grid_resize(g, rows, cols));
    view_draw(m, &a, g, CHARSET_ASCII, true);
}

static const wchar_t *row_text(const struct grid *g, int row)
{
    static wchar_t text[2][121];
    static int which;

    which = !which;
    for (int i = 0; i < 120; i++)
        text[which][i] = g->cell[row * 120 + i].ch;
    return text[which];
}

/* Every situation, drawn live and from the tape: the same cells. */
START_TEST(a_record_shows_the_same_screen)
{
    struct model *m = fixture_model((enum fixture)_i), *past = new_model();
    struct tape *t = new_tape();
    struct grid live = {0}, shown = {0};
    struct verdict now, then;
    char a[4096], b[4096];

    /* The tape knows no second before its first record. */
    struct history_record newest = *history_at(&m->history, 0);
    memset(&m->history, 0, sizeof m->history);
    history_add(&m->history, &newest);
    ck_assert(tape_add(t, m, why, sizeof why));
    ck_assert(tape_show(t, 1, past));
    verdict_of(m, &now);
    verdict_of(past, &then);
    verdict_line(&now, 1000, a, sizeof a);
    verdict_line(&then, 1000, b, sizeof b);
    ck_assert_str_eq(a, b);
    ck_assert_int_eq(now.level, then.level);
    ck_assert_uint_eq(past->row_count, m->row_count);
    ck_assert_uint_eq(past->event_count, m->event_count);
    for (unsigned i = 0; i < m->row_count; i++)
        ck_assert_int_eq(past->row[i].state, m->row[i].state);
    draw(m, &live, 40, 120);
    draw(past, &shown, 40, 120);
    for (int i = 0; i < 40 * 120; i++)
        if (live.cell[i].ch != shown.cell[i].ch || live.cell[i].role != shown.cell[i].role)
            ck_abort_msg("row %d, column %d: \"%ls\" became \"%ls\"", i / 120, i % 120,
                         row_text(&live, i / 120), row_text(&shown, i / 120));
    grid_free(&live);
    grid_free(&shown);
    tape_free(&t);
    ck_assert(t == NULL);
    free_model(m);
    free_model(past);
}
END_TEST

START_TEST(stepping_back)
{
    struct model *m = new_model(), *past = new_model();
    struct tape *t = new_tape();

    ck_assert_uint_eq(tape_oldest(t), 0);
    ck_assert_uint_eq(tape_newest(t), 0);
    ck_assert(!tape_show(t, 1, past));
    for (unsigned second = 0; second <= 12; second++) {
        push(m, second);
        ck_assert(tape_add(t, m, why, sizeof why));
    }
    ck_assert_uint_eq(tape_oldest(t), 1);
    ck_assert_uint_eq(tape_newest(t), 13);
    ck_assert_uint_eq(tape_wall_ns(t, 7), FIXTURE_WALL_NS + 6 * NS_PER_S);
    ck_assert(tape_show(t, 7, past)); /* second 6 */
    ck_assert_int_eq(past->row[0].state, ROW_BLOCKED);
    ck_assert_uint_eq(past->row[0].since_ns, 2 * NS_PER_S);
    ck_assert_str_eq(past->now.worker[past->row[0].worker].serving, "/mnt/a");
    ck_assert_double_eq_tol(past->total[RATE_REQUESTS], 200, 0.01);
    ck_assert_uint_eq(history_at(&past->history, 0)->queue, 6);
    ck_assert_uint_eq(history_at(&past->history, 3)->queue, 3);
    ck_assert_uint_eq(past->event_count, 6);
    ck_assert_str_eq(model_event_at(past, 0)->text, "event 6");
    ck_assert_str_eq(model_event_at(past, 5)->text, "event 1");
    /* The stall is a sample of each second it lasted, by its age then. */
    ck_assert_uint_eq(history_at(&past->history, 0)->lag[lag_bucket_of(2 * NS_PER_S)], 1);
    ck_assert_uint_eq(history_at(&past->history, 0)->lag_worker[lag_bucket_of(2 * NS_PER_S)], 1);
    for (unsigned i = 0; i < past->memory_count; i++) {
        struct model_worker *w = &past->memory[i];
        const uint16_t *heat = w->heat[(w->heat_next + HEAT_SECONDS - 1) % HEAT_SECONDS];
        ck_assert_uint_eq(heat[lag_bucket_of(2 * NS_PER_S)], w->number == 1);
        ck_assert_uint_eq(heat[lag_bucket_of(NS_PER_MS)], w->number == 2 ? 10 : 0);
    }
    ck_assert(tape_show(t, 13, past));
    ck_assert_int_eq(past->in_state[ROW_BLOCKED], 0);
    ck_assert(!tape_show(t, 14, past));
    ck_assert_uint_eq(past->now.listener[0].queue_depth, 12); /* as it was */
    tape_free(&t);
    free_model(m);
    free_model(past);
}
END_TEST

/* A suspended dashboard leaves a gap; a second that nobody saw is none of zeros. */
START_TEST(gaps)
{
    struct model *m = new_model(), *past = new_model();
    struct tape *t = new_tape();

    for (unsigned second = 0; second <= 40; second += second == 5 ? 20 : 1) {
        push(m, second);
        ck_assert(tape_add(t, m, why, sizeof why));
    }
    ck_assert(tape_show(t, tape_newest(t), past));
    ck_assert_uint_eq(history_at(&past->history, 0)->queue, 40);
    ck_assert(!history_at(&past->history, 14)->gap);
    for (unsigned ago = 16; ago <= 34; ago++)
        ck_assert_msg(history_at(&past->history, ago)->gap, "%u seconds ago", ago);
    ck_assert_uint_eq(history_at(&past->history, 35)->queue, 5);
    model_no_data(m, m->clock_ns + 2 * NS_PER_S, m->wall_ns + 2 * NS_PER_S, "nobody answers");
    ck_assert(tape_add(t, m, why, sizeof why));
    ck_assert(tape_show(t, tape_newest(t), past));
    ck_assert_int_eq(past->link, LINK_GONE);
    ck_assert(history_at(&past->history, 0)->gap);
    ck_assert(past->total[RATE_REQUESTS] < 0);
    tape_free(&t);
    free_model(m);
    free_model(past);
}
END_TEST

START_TEST(small_and_bounded)
{
    struct model *m = fixture_model(FIX_MANY), *past = new_model();
    struct tape *t = new_tape();

    ck_assert(tape_add(t, m, why, sizeof why));
    size_t first = tape_bytes(t);
    ck_assert(tape_add(t, m, why, sizeof why));
    size_t one = tape_bytes(t) - first;
    printf("# %zu bytes for the first record of 64 workers, %zu for the next\n", first, one);
    ck_assert_uint_le(one, 20000);
    /* As most views have it: without requests and files, which fill a record's room here. */
    m->now.request_count = m->now.recent_count = m->files.count = 0;
    size_t before = tape_bytes(t);
    ck_assert(tape_add(t, m, why, sizeof why));
    ck_assert_uint_le(tape_bytes(t) - before, 10500);
    one = tape_bytes(t) - before;
    tape_free(&t);
    t = tape_new(one * 10, UINT64_MAX);
    for (unsigned i = 0; i < 50; i++) {
        ck_assert(tape_add(t, m, why, sizeof why));
        ck_assert(tape_bytes(t) <= one * 10 || tape_newest(t) == tape_oldest(t));
    }
    ck_assert_uint_eq(tape_newest(t), 50);
    ck_assert_uint_gt(tape_oldest(t), 39);
    ck_assert_uint_eq(tape_wall_ns(t, 1), 0);
    ck_assert(!tape_show(t, tape_oldest(t) - 1, past));
    ck_assert(tape_show(t, tape_oldest(t), past)); /* the first one, with what it refers to, went */
    ck_assert_uint_eq(past->row_count, 64);
    tape_free(&t);
    t = tape_new(SIZE_MAX, 5);
    free_model(m);
    m = new_model();
    for (unsigned second = 0; second <= 30; second++) {
        push(m, second);
        ck_assert(tape_add(t, m, why, sizeof why));
    }
    ck_assert_uint_eq(tape_newest(t), 31);
    ck_assert_uint_eq(tape_oldest(t), 26);
    tape_free(&t);
    free_model(m);
    free_model(past);
}
END_TEST

/* Records seconds from..to to the file. */
static void record(unsigned from, unsigned to)
{
    struct model *m = new_model();
    struct tape *t = new_tape();

    push(m, from);
    ck_assert_msg(tape_record(t, file, why, sizeof why), "%s", why);
    for (unsigned second = from; second <= to; second++) {
        push(m, second);
        ck_assert_msg(tape_add(t, m, why, sizeof why), "%s", why);
    }
    tape_free(&t);
    free_model(m);
}

static off_t file_size(void)
{
    struct stat st;

    ck_assert_int_eq(stat(file, &st), 0);
    ck_assert_uint_eq(st.st_mode & 0777, 0600);
    return st.st_size;
}

START_TEST(files)
{
    struct model *past = new_model();
    struct tape *t = new_tape(), *second = new_tape();

    record(0, 9);
    off_t whole = file_size();
    /* A crash left half a record: the next run cuts it off and goes on. */
    ck_assert_int_eq(truncate(file, whole - 7), 0);
    ck_assert_msg(tape_load(t, file, why, sizeof why), "%s", why);
    ck_assert_uint_eq(tape_newest(t), 9);
    tape_free(&t);
    record(20, 24);
    t = new_tape();
    ck_assert_msg(tape_load(t, file, why, sizeof why), "%s", why);
    ck_assert_uint_eq(tape_newest(t), 14);
    ck_assert(tape_show(t, 9, past));
    ck_assert_uint_eq(past->event_count, 8);
    ck_assert(tape_show(t, 14, past));
    ck_assert_uint_eq(past->now.listener[0].queue_depth, 24);
    ck_assert_str_eq(model_event_at(past, 0)->text, "event 24");
    ck_assert(history_at(&past->history, 6)->gap); /* between the two runs */
    ck_assert_uint_eq(history_at(&past->history, 16)->queue, 8);
    tape_free(&t);
    /* Two at a time would mix their records. */
    t = new_tape();
    ck_assert(tape_record(t, file, why, sizeof why));
    ck_assert(!tape_record(second, file, why, sizeof why));
    ck_assert(strstr(why, "another weirtop") != NULL);
    tape_free(&t);
    tape_free(&second);
    unlink(file);
    free_model(past);
}
END_TEST

START_TEST(files_that_are_none)
{
    static const char *const contents[] = {"", "hello", "WEIRTAP", "WEIRTAPE", "WEIRTAPEx"};
    struct tape *t = new_tape();

    for (size_t i = 0; i < sizeof contents / sizeof *contents; i++) {
        int fd = open(file, O_CREAT | O_TRUNC | O_WRONLY, 0600);
        ck_assert(fd >= 0 && fd_write_all(fd, contents[i], strlen(contents[i])));
        close_fd(&fd);
        why[0] = '\0';
        ck_assert_msg(!tape_load(t, file, why, sizeof why), "%s", contents[i]);
        ck_assert_msg(strstr(why, file) != NULL, "%s", why);
        if (i == 1 || i == 2) { /* somebody's own file stays as it is */
            ck_assert(!tape_record(t, file, why, sizeof why));
            ck_assert_int_eq(file_size(), (off_t)strlen(contents[i]));
        }
    }
    unlink(file);
    ck_assert(!tape_load(t, file, why, sizeof why));
    ck_assert_int_eq(mkfifo(file, 0600), 0);
    ck_assert(!tape_load(t, file, why, sizeof why));
    ck_assert(!tape_record(t, file, why, sizeof why));
    unlink(file);
    ck_assert(!tape_record(t, "/nonexistent/x", why, sizeof why));
    tape_free(&t);
}
END_TEST

/* Writes the bytes to the file, loads it, and shows what was loaded. */
static bool load_bytes(const unsigned char *bytes, size_t n, struct model *past, unsigned *records)
{
    struct tape *t = new_tape();
    int fd = open(file, O_CREAT | O_TRUNC | O_WRONLY, 0600);

    ck_assert(fd >= 0 && fd_write_all(fd, bytes, n));
    close_fd(&fd);
    bool good = tape_load(t, file, why, sizeof why);
    *records = (unsigned)tape_newest(t);
    if (good)
        ck_assert(tape_show(t, tape_newest(t), past));
    tape_free(&t);
    return good;
}

/*
 * Cut or changed at every byte: what comes out is fewer records or an error, never nonsense. One
 * wrong bit costs the record it is in, and is told.
 */
START_TEST(damaged_everywhere)
{
    static unsigned char whole[200000], broken[200000];
    struct model *past = new_model();
    unsigned records;

    record(0, 3);
    int fd = open(file, O_RDONLY);
    ssize_t n = fd_read_full(fd, whole, sizeof whole);
    close_fd(&fd);
    ck_assert(n > 1000 && n < (ssize_t)sizeof whole);
    ck_assert(load_bytes(whole, (size_t)n, past, &records) && records == 4 && why[0] == '\0');
    for (size_t cut = 0; cut < (size_t)n; cut++) {
        bool good = load_bytes(whole, cut, past, &records);
        if (good ? records < 1 || records > 3 : records != 0)
            ck_abort_msg("cut at %zu: %u records", cut, records);
    }
    for (size_t at = 0; at < (size_t)n; at++) {
        memcpy(broken, whole, (size_t)n);
        broken[at] ^= (unsigned char)(1u << at % 8);
        if (!load_bytes(broken, (size_t)n, past, &records) || records != (at < 8 ? 4 : 3))
            ck_abort_msg("a wrong bit at %zu: %u records, %s", at, records, why);
        if (strstr(why, "damaged at byte") == NULL)
            ck_abort_msg("a wrong bit at %zu went unseen: %s", at, why);
    }
    unlink(file);
    free_model(past);
}
END_TEST

/* Is there anything in this model that a view could trip over? */
static bool is_sane(const struct model *m)
{
    bool good = m->row_count == m->now.worker_count;

    for (unsigned i = 0; i < m->row_count; i++)
        good &= m->row[i].worker < m->now.worker_count && m->row[i].memory < m->memory_count &&
                m->row[i].job < (int)m->now.thread_count && m->row[i].state < ROW_STATE_COUNT;
    for (unsigned i = 0; i < m->event_count; i++)
        for (const char *c = model_event_at(m, i)->text; *c; c++)
            good &= (unsigned char)*c >= ' ' && *c != 0x7f;
    return good;
}

/* The contents of a record under the right check sum, but made by somebody hostile. */
START_TEST(hostile_records)
{
    struct model *m = fixture_model((enum fixture)_i);
    struct pack p = {0};
    struct record_told told = {0};
    struct grid g = {0};
    unsigned shown = 0;
    unsigned seed = 7;

    ck_assert(record_pack(&p, m, &told));
    size_t n = p.bytes.n;
    unsigned char *bytes = malloc(n);
    ck_assert(bytes != NULL);
    for (size_t at = 0; at < n + n / 2; at++) {
        struct model *to = new_model();
        struct record_head h;
        struct record_news news;
        bool enomem;
        size_t use = at < n ? n : at - n; /* then cut short */
        memcpy(bytes, p.bytes.p, n);
        seed = seed * 1103515245u + 12345u;
        if (at < n)
            bytes[at] = (unsigned char)(at % 3 ? bytes[at] ^ 1u << (seed >> 16 & 7) : 0xff);
        if (record_open(&h, bytes, use) && record_moment(&h, to, &enomem) &&
            record_second(h.second, to, true) && record_count_news(h.news, &news)) {
            to->now.slow = calloc(news.slow + 1, sizeof *to->now.slow);
            to->now.slow_room = news.slow;
            if (record_news(h.news, to, 0) && shown++ % 16 == 0) {
                ck_assert(is_sane(to));
                draw(to, &g, 40, 120);
            }
        }
        free_model(to);
    }
    ck_assert_uint_gt(shown, 0);
    free(bytes);
    buf_free(&p.bytes);
    grid_free(&g);
    free_model(m);
}
END_TEST

/* Figures that no server has, and that a view could not turn into a number. */
START_TEST(absurd_figures)
{
    static const double absurd[] = {7.38807e33, -1e30, 1.5};
    struct model *m = fixture_model(FIX_HEALTHY);
    struct record_head h;
    bool enomem;

    ck_assert_uint_gt(m->files.count, 0);
    for (size_t i = 0; i < 2 * sizeof absurd / sizeof *absurd - 1; i++) {
        struct record_told told = {0};
        struct pack p = {0};
        struct model *to = new_model();
        double share = m->files.file[0].cold, cpu = m->memory[0].cpu;
        if (i % 2 == 0)
            m->files.file[0].cold = absurd[i / 2];
        else
            m->memory[0].cpu = absurd[i / 2];
        ck_assert(record_pack(&p, m, &told) && record_open(&h, p.bytes.p, p.bytes.n));
        /* A negative one is written as not known. */
        ck_assert_int_eq(record_moment(&h, to, &enomem), absurd[i / 2] < 0);
        m->files.file[0].cold = share;
        m->memory[0].cpu = cpu;
        buf_free(&p.bytes);
        free_model(to);
    }
    free_model(m);
}
END_TEST

START_TEST(packing)
{
    static const uint64_t numbers[] = {0, 1, 127, 128, 16383, 16384, UINT32_MAX, UINT64_MAX};
    struct pack p = {.now_ns = 5 * NS_PER_S};
    char text[8];

    ck_assert_uint_eq(crc32_of("123456789", 9), 0xcbf43926u);
    for (size_t i = 0; i < 8; i++)
        pack_u64(&p, numbers[i]);
    pack_sparse(&p, numbers, 8);
    pack_float(&p, 0.5);
    pack_text(&p, "seven c");
    pack_moment(&p, 0);
    pack_moment(&p, 3 * NS_PER_S);
    pack_moment(&p, 9 * NS_PER_S); /* ahead: now */
    struct unpack u = {(unsigned char *)p.bytes.p, (unsigned char *)p.bytes.p + p.bytes.n, p.now_ns,
                       false};
    uint64_t sparse[8];
    for (size_t i = 0; i < 8; i++)
        ck_assert_uint_eq(unpack_u64(&u), numbers[i]);
    unpack_sparse(&u, sparse, 8);
    ck_assert(memcmp(sparse, numbers, sizeof sparse) == 0);
    ck_assert_double_eq(unpack_float(&u), 0.5);
    unpack_text(&u, text, sizeof text);
    ck_assert_str_eq(text, "seven c");
    ck_assert_uint_eq(unpack_moment(&u), 0);
    ck_assert_uint_eq(unpack_moment(&u), 3 * NS_PER_S);
    ck_assert_uint_eq(unpack_moment(&u), 5 * NS_PER_S);
    ck_assert(!u.bad && u.at == u.end);
    unpack_u64(&u);
    ck_assert(u.bad);
    buf_free(&p.bytes);
    /* Text that a terminal would obey, that is no UTF-8, that does not fit, that lies about its
     * length; varints that are too long. */
    static const char *const bad[] = {"\x02\x1b[",
                                      "\x01\x7f",
                                      "\x02\xc2\x9b",
                                      "\x01\xff",
                                      "\x08"
                                      "12345678",
                                      "\x09"
                                      "1234",
                                      "\x80\x80",
                                      "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
                                      ""};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct unpack b = {(const unsigned char *)bad[i],
                           (const unsigned char *)bad[i] + strlen(bad[i]), 0, false};
        unpack_text(&b, text, sizeof text);
        ck_assert_msg(b.bad && text[0] == '\0', "case %zu", i);
    }
}
END_TEST

int main(void)
{
    if (!unit_locale())
        return EXIT_SUCCESS;
    if (mkdtemp(folder) == NULL)
        return EXIT_FAILURE;
    snprintf(file, sizeof file, "%s/tape", folder);
    Suite *s = suite_create("tape");
    TCase *t = tcase_create("tape");
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, a_record_shows_the_same_screen, 0, FIX_COUNT);
    tcase_add_test(t, stepping_back);
    tcase_add_test(t, gaps);
    tcase_add_test(t, small_and_bounded);
    tcase_add_test(t, files);
    tcase_add_test(t, files_that_are_none);
    tcase_add_test(t, damaged_everywhere);
    tcase_add_loop_test(t, hostile_records, FIX_SICK, FIX_NO_SERVER);
    tcase_add_test(t, absurd_figures);
    tcase_add_test(t, packing);
    suite_add_tcase(s, t);
    int result = unit_run(s);
    unlink(file);
    rmdir(folder);
    return result;
}
