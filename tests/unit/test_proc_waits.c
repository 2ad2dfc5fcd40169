/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the master knows of waiting: the list of the worst stalls, what the kernel says of a
 * thread, which mount a path is on, the watch that brings the first two together, whether a
 * process is dead, and whether it ran out of memory.
 */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "board/slot.h"
#include "board/words.h"
#include "proc/crew.h"
#include "proc/fences.h"
#include "proc/oom.h"
#include "proc/stalls.h"
#include "proc/thread_look.h"

static struct mono at_ms(uint64_t ms)
{
    return (struct mono){10000 * NS_PER_S + ms * NS_PER_MS};
}

static struct wall wall_at(uint64_t ms)
{
    return (struct wall){1700000000 * NS_PER_S + ms * NS_PER_MS};
}

static struct stall *see(struct stalls *s, unsigned worker, unsigned thread, uint64_t began_ms,
                         uint64_t now_ms)
{
    return stalls_see(s, worker, thread, at_ms(began_ms).ns, at_ms(now_ms), wall_at(now_ms));
}

/* ---- stalls ---- */

START_TEST(a_stall_grows_until_it_is_over)
{
    struct stalls s = {0};
    struct stall *row = see(&s, 3, 0, 100, 250);

    ck_assert_ptr_nonnull(row);
    ck_assert(row->lasted_ns == 150 * NS_PER_MS && !row->over);
    ck_assert(row->began_wall_ns == wall_at(100).ns);
    uint32_t id = row->id;
    ck_assert_ptr_eq(see(&s, 3, 0, 100, 900), row);
    ck_assert(row->lasted_ns == 800 * NS_PER_MS && row->id == id);
    stall_end(row, at_ms(950));
    ck_assert(row->lasted_ns == 850 * NS_PER_MS && row->over);
    /* Another one of that worker, even of that beginning, is another one. */
    struct stall *next = see(&s, 3, 0, 100, 1000);
    ck_assert(next && next != row && next->id != id);
    ck_assert(see(&s, 3, 1, 100, 1000) != next);
}
END_TEST

START_TEST(the_worst_stay)
{
    struct stalls s = {0};

    for (unsigned i = 1; i <= BOARD_STALLS_KEPT; i++) {
        struct stall *row = see(&s, i, 0, 0, i * 100);
        stall_end(row, at_ms(i * 100));
    }
    ck_assert_ptr_null(see(&s, 50, 0, 5000, 5100)); /* 100 ms: not longer than the shortest */
    struct stall *row = see(&s, 50, 0, 5000, 5101);
    ck_assert_ptr_nonnull(row);
    for (unsigned i = 0; i < BOARD_STALLS_KEPT; i++)
        ck_assert_uint_ne(s.row[i].worker, 1);
    ck_assert_uint_eq(row->looks, 0);
    ck_assert_str_eq(row->path, "");
}
END_TEST

/* Hundreds that last: those that began first stay, and their rows do not change hands. */
START_TEST(many_that_last_do_not_push_each_other_out)
{
    struct stalls s = {0};
    uint32_t id[BOARD_STALLS_KEPT];

    for (uint64_t beat = 0; beat < 50; beat++)
        for (unsigned i = 0; i < 200; i++) {
            struct stall *row = see(&s, 1 + i % 4, 1 + i, 10 + i / 20, 2000 + beat * 100);
            ck_assert(row == NULL || i / 20 == 0);
        }
    for (unsigned i = 0; i < BOARD_STALLS_KEPT; i++)
        id[i] = s.row[i].id;
    ck_assert_uint_eq(s.newest, BOARD_STALLS_KEPT);
    /* One that began earlier but was seen late is longer: it does come in. */
    ck_assert_ptr_nonnull(see(&s, 9, 1, 5, 8000));
    unsigned changed = 0;
    for (unsigned i = 0; i < BOARD_STALLS_KEPT; i++)
        changed += s.row[i].id != id[i];
    ck_assert_uint_eq(changed, 1);
}
END_TEST

START_TEST(an_hour_after_their_end_they_go)
{
    const uint64_t hour = 3600 * 1000;
    struct stalls s = {0};
    static struct board_stall shown[BOARD_STALLS_KEPT];
    struct stall *over = see(&s, 1, 0, 0, 500);
    struct stall *lasting = see(&s, 2, 7, 0, 500);

    stall_end(over, at_ms(500));
    stalls_publish(&s, shown);
    stalls_age(&s, at_ms(500 + hour));
    ck_assert_uint_eq(over->worker, 1);
    stalls_age(&s, at_ms(501 + hour));
    ck_assert_uint_eq(over->id, 0);
    ck_assert_uint_eq(lasting->worker, 2);
    stalls_age(&s, at_ms(50 * hour));
    ck_assert_uint_eq(lasting->worker, 2);
    stalls_publish(&s, shown);
    ck_assert_uint_eq(shown[over - s.row].used, 0);
    ck_assert_uint_ne(shown[lasting - s.row].used, 0);
}
END_TEST

START_TEST(a_worker_dies_in_the_middle)
{
    struct stalls s = {0};
    struct stall *loop = see(&s, 1, 0, 0, 500), *thread = see(&s, 1, 4, 100, 1500);
    struct stall *other = see(&s, 2, 0, 0, 500);

    stalls_worker_gone(&s, 1, at_ms(2000));
    ck_assert(loop->over && loop->lasted_ns == 2000 * NS_PER_MS);
    ck_assert(thread->over && thread->lasted_ns == 1900 * NS_PER_MS);
    ck_assert(!other->over);
    /* Once more changes nothing. */
    stalls_worker_gone(&s, 1, at_ms(9000));
    ck_assert(loop->lasted_ns == 2000 * NS_PER_MS);
}
END_TEST

START_TEST(the_board_says_the_same)
{
    struct stalls s = {0};
    static struct board_stall shown[BOARD_STALLS_KEPT];
    char text[BOARD_TEXT_BYTES + 1], long_path[400];
    size_t n;

    memset(long_path, 'x', sizeof long_path);
    struct stall *row = see(&s, 6, 0, 0, 300);
    ck_assert(stall_wants_look(row, at_ms(300)));
    stall_describe(row, WAIT_READ, span_of(long_path, sizeof long_path), 12);
    stall_looked(row, SPAN("waiting for disk (D)"), at_ms(300));
    ck_assert(!stall_wants_look(row, at_ms(1299)));
    ck_assert(stall_wants_look(row, at_ms(1300)));
    stalls_publish(&s, shown);
    const struct board_stall *b = &shown[row - s.row];
    ck_assert_uint_eq(b->used, row->id);
    ck_assert(b->worker == 6 && b->on_loop == 1 && b->wait == WAIT_READ && b->waiting == 12);
    ck_assert(b->began_ns == at_ms(0).ns && b->lasted_ns == 300 * NS_PER_MS && b->over == 0);
    ck_assert(board_text_get(&b->kernel, text, &n));
    ck_assert_str_eq(text, "waiting for disk (D)");
    ck_assert(board_text_get(&b->path, text, &n));
    ck_assert_uint_eq(n, BOARD_TEXT_BYTES);
    ck_assert(!row->dirty);
    stall_end(row, at_ms(400));
    ck_assert(!stall_wants_look(row, at_ms(99999)));
    stalls_publish(&s, shown);
    ck_assert(b->over == 1 && b->lasted_ns == 400 * NS_PER_MS);
}
END_TEST

/* ---- what the kernel says ---- */

START_TEST(threads_are_put_in_words)
{
    char pread[32], unknown[] = "99999 0x1\n";
    snprintf(pread, sizeof pread, "%d 0x3 0x7f 0x10\n", SYS_pread64);
    const struct {
        const char *stat, *call, *wchan, *want; /* want NULL: no such thread */
    } cases[] = {
        {"12 (weir-worker) R 1 2", "running\n", "0", "running on CPU"},
        {"12 (weir-worker) D 1 2", pread, "folio_wait_bit_common",
         "waiting for disk (D) in pread64, at folio_wait_bit_common"},
        {"12 (a) b) S (c) S 1 2", "", "", "sleeping (S)"},
        {"12 (x) T 1 2", "-1 0x7ff 0x0\n", "do_signal_stop\n", "stopped (T), at do_signal_stop"},
        {"12 (x) D 1 2", unknown, "0", "waiting for disk (D) in system call 99999"},
        {"12 (x) D 1 2", "", "a\x1b[2Jb", "waiting for disk (D), at a\\x1B[2Jb"},
        {"12 (x) \x1b 1", "nonsense", "", "in a state (\\x1B)"},
        {"12 (x) Z 1", "", "", "dead (Z)"},
        {"", "", "", NULL},
        {"12 (x)", "0 0", "x", NULL},
        {"12 (x) ", "0 0", "x", NULL},
        {"12 x R", "0 0", "x", NULL},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct thread_look look;
        char text[300];
        struct out o = out_into(text, sizeof text - 1);
        bool good = thread_look_parse(&look, cases[i].stat, cases[i].call, cases[i].wchan);
        ck_assert_msg(good == (cases[i].want != NULL), "case %zu", i);
        if (!good)
            continue;
        thread_look_say(&o, &look);
        *o.p = '\0';
        ck_assert_str_eq(text, cases[i].want);
    }
}
END_TEST

START_TEST(the_kernel_is_asked)
{
    struct thread_look look;

    ck_assert(thread_look(&look, getpid(), getpid()));
    ck_assert_int_eq(look.state, 'R');
    ck_assert(!thread_look(&look, getpid(), 1)); /* a thread of another process */
    ck_assert(!thread_look(&look, 0, 0));
    ck_assert(!thread_look(&look, -1, -1));
}
END_TEST

/* ---- mounts ---- */

static const char mountinfo[] =
    "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
    "23 22 0:21 / /proc rw - proc proc rw\n"
    "nonsense\n"
    "24 22 x:y / /srv/odd rw - ext4 /dev/sdz rw\n"
    "25 22 0:52 / /srv/nfs rw,relatime shared:7 master:3 - nfs4 host:/a rw\n"
    "26 25 0:53 /sub /srv/nfs/deep rw - nfs4 host:/b rw\n"
    "27 22 8:2 / /srv/my\\040disk\\134x rw - xfs /dev/sdb rw\n"
    "28 22 8:3 / /mnt rw - ext4 /dev/sdc rw\n"
    "29 28 8:4 / /mnt rw - btrfs /dev/sdd rw\n"
    "30 22 259:1048575 / /big rw - ext4 /dev/nvme rw";

START_TEST(paths_lie_on_mounts)
{
    static const struct {
        const char *path, *name, *type;
        unsigned major, minor;
    } cases[] = {
        {"/", "/", "ext4", 8, 1},
        {"/srv", "/", "ext4", 8, 1},
        {"/srv/nfs", "/srv/nfs", "nfs4", 0, 52},
        {"/srv/nfs/", "/srv/nfs", "nfs4", 0, 52},
        {"//srv///nfs//x", "/srv/nfs", "nfs4", 0, 52},
        {"/srv/nfsx", "/", "ext4", 8, 1}, /* whole segments only */
        {"/srv/nfs/deeper", "/srv/nfs", "nfs4", 0, 52},
        {"/srv/nfs/deep/a b", "/srv/nfs/deep", "nfs4", 0, 53},
        {"/srv/my disk\\x/f", "/srv/my disk\\x", "xfs", 8, 2},
        {"/srv/odd/x", "/", "ext4", 8, 1},
        {"/mnt/x", "/mnt", "btrfs", 8, 4}, /* the later covers the earlier */
        {"/big", "/big", "ext4", 259, 1048575},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fence_mount m;
        struct buf why = {0};
        bool good = fence_find(SPAN(mountinfo), span_str(cases[i].path), &m, &why);
        ck_assert_msg(good, "%s: %.*s", cases[i].path, (int)why.n, why.p);
        ck_assert_msg(span_eq(buf_span(&m.name), span_str(cases[i].name)), "%s: %.*s",
                      cases[i].path, (int)m.name.n, m.name.p);
        ck_assert(span_eq(buf_span(&m.type), span_str(cases[i].type)));
        ck_assert(m.device == makedev(cases[i].major, cases[i].minor));
        fence_mount_free(&m);
    }
}
END_TEST

START_TEST(paths_that_lie_nowhere)
{
    static const struct {
        const char *mountinfo, *path, *why;
    } cases[] = {
        {mountinfo, "", "not an absolute path"},
        {mountinfo, "srv", "not an absolute path"},
        {mountinfo, "/srv/../etc", "without `.'"},
        {mountinfo, "/./srv", "without `.'"},
        {"", "/srv", "no mount"},
        {"\n\n - \n1 2 3", "/srv", "no mount"},
        {"1 2 0:1 / /other rw - x y z", "/srv", "no mount"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fence_mount m;
        struct buf why = {0};
        ck_assert(!fence_find(span_str(cases[i].mountinfo), span_str(cases[i].path), &m, &why));
        ck_assert_msg(why.n > 0 && memmem(why.p, why.n, cases[i].why, strlen(cases[i].why)),
                      "case %zu: %.*s", i, (int)why.n, why.p);
        ck_assert_uint_eq(m.name.n, 0);
        buf_free(&why);
    }
}
END_TEST

START_TEST(this_machines_mounts)
{
    struct fence_mount m;
    struct buf why = {0};
    struct stat st;

    ck_assert(fence_find_here(SPAN("/proc/self/status"), &m, &why));
    ck_assert(span_eq(buf_span(&m.type), SPAN("proc")));
    ck_assert_int_eq(stat("/proc", &st), 0);
    ck_assert(m.device == st.st_dev);
    fence_mount_free(&m);
}
END_TEST

static bool add_fence(struct fences *f, uint64_t device)
{
    struct fence_mount m = {.device = device};

    ck_assert(buf_addf(&m.name, "/%u", (unsigned)device));
    bool added = fences_add(f, &m);
    fence_mount_free(&m);
    return added;
}

START_TEST(fences_are_remembered)
{
    struct fences f = {0};
    unsigned at;

    ck_assert(!fences_find(&f, 7, &at));
    for (unsigned i = 0; i < FENCES_MAX; i++)
        ck_assert(add_fence(&f, 100 + i));
    uint64_t number = f.mount[5].number;
    ck_assert(add_fence(&f, 105)); /* it is there */
    ck_assert_uint_eq(f.mount[5].number, number);
    ck_assert(!add_fence(&f, 7));
    ck_assert(fences_find(&f, 100, &at));
    fences_remove(&f, at);
    ck_assert(!fences_find(&f, 100, &at));
    ck_assert(add_fence(&f, 7));
    ck_assert_uint_eq(f.count, FENCES_MAX);
    ck_assert(fences_find_name(&f, SPAN("/7"), &at));
    ck_assert_uint_eq(f.mount[at].device, 7);
    ck_assert(!fences_find_name(&f, SPAN("/100"), &at));
    ck_assert(fences_find(&f, 100 + FENCES_MAX - 1, &at));
    for (unsigned i = 1; i < f.count; i++)
        ck_assert_uint_ne(f.mount[i].number, f.mount[0].number);
    fences_free(&f);
    ck_assert_uint_eq(f.count, 0);
}
END_TEST

/* A mount that is gone is known by its point alone: its device number is another's. */
START_TEST(fences_of_mounts_that_are_gone)
{
    struct fences f = {0};
    unsigned at;

    ck_assert(add_fence(&f, 1));
    ck_assert(add_fence(&f, 12));
    ck_assert(buf_addf(&f.mount[1].name, "/deep")); /* "/12/deep" */
    ck_assert(!fences_find_gone(&f, SPAN("/1"), &at));
    f.mount[0].gone = f.mount[1].gone = true;
    ck_assert(!fences_find(&f, 1, &at));
    ck_assert(fences_find_gone(&f, SPAN("/1"), &at) && at == 0);
    ck_assert(fences_find_gone(&f, SPAN("/1/deep/er"), &at) && at == 0);
    ck_assert(fences_find_gone(&f, SPAN("/12/deep/er"), &at) && at == 1);
    ck_assert(!fences_find_gone(&f, SPAN("/12"), &at));
    ck_assert(add_fence(&f, 1)); /* the number is given again: another mount */
    ck_assert_uint_eq(f.count, 3);
    ck_assert(fences_find(&f, 1, &at) && at == 2);
    fences_free(&f);
}
END_TEST

/* An ID or a device number alone says nothing: the kernel gives both again. */
START_TEST(a_mount_is_known_by_all_that_names_it)
{
    static const struct {
        const char *now;
        bool there;
    } cases[] = {
        {"36 35 0:50 / /a\\040b rw - tmpfs one rw", true},
        {"36 35 0:50 / /a\\040b ro,noatime shared:7 - tmpfs one ro", true},
        {"22 1 8:1 / / rw - ext4 /dev/sda1 rw\n36 35 0:50 / /a\\040b rw - tmpfs one rw\n", true},
        {"", false},
        {"37 35 0:50 / /a\\040b rw - tmpfs one rw", false},
        {"36 35 0:51 / /a\\040b rw - tmpfs one rw", false},
        {"36 35 0:50 / /c rw - tmpfs one rw", false},
        {"36 35 0:50 / /a\\040b rw - tmpfs two rw", false},
        {"36 35 0:50 / /a\\040b rw - ramfs one rw", false},
    };
    struct fence_mount m;

    ck_assert(fence_find_id(SPAN("36 35 0:50 / /a\\040b rw - tmpfs one rw\n"), 36, &m));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        ck_assert_msg(fence_is_there(span_str(cases[i].now), &m) == cases[i].there, "%s",
                      cases[i].now);
    fence_mount_free(&m);
}
END_TEST

/* ---- the watch ---- */

struct rig {
    struct board b;
    struct worker_table table;
    struct crew_member member[2];
    struct crew crew;
};

static void rig_make(struct rig *r)
{
    *r = (struct rig){.table.capacity = 2};
    ck_assert(board_create(
        &r->b, &(struct board_create){
                   .slots = 2, .listeners = 1, .instance = "t", .program_version = "t"}));
    r->crew = (struct crew){.member = r->member, .table = &r->table, .board = &r->b};
    r->member[1].pid = getpid();
    atomic_store(&r->b.header->blocked_after_ns, 100 * NS_PER_MS);
    log_set_level(LOG_LEVEL_ERROR);
}

static void shown_text(const struct board_text *t, char to[BOARD_TEXT_BYTES + 1])
{
    size_t n;

    ck_assert(board_text_get(t, to, &n));
}

START_TEST(a_blocked_loop_is_a_stall)
{
    static struct rig r;
    char text[BOARD_TEXT_BYTES + 1];

    rig_make(&r);
    struct board_slot *slot = &r.b.slot[1];
    const struct board_stall *shown = &r.b.stall[0];
    slot_turn_begin(slot, at_ms(1000));
    slot_wait(slot, WAIT_OPEN, at_ms(1010));
    slot_serving(slot, SPAN("/srv/a"));
    slot_request(slot, SPAN("GET /a HTTP/1.1"), SPAN("10.0.0.7:1"));
    slot_gauge(slot, COUNTER_connections, 13);
    crew_watch(&r.crew, at_ms(1100));
    ck_assert_uint_eq(shown->used, 0);
    crew_watch(&r.crew, at_ms(1101));
    ck_assert_uint_ne(shown->used, 0);
    ck_assert(shown->worker == 2 && shown->on_loop == 1 && shown->wait == WAIT_OPEN);
    ck_assert_uint_eq(shown->waiting, 12); /* all but the one it opens for */
    ck_assert(shown->began_ns == at_ms(1000).ns);
    shown_text(&shown->path, text);
    ck_assert_str_eq(text, "/srv/a");
    shown_text(&shown->kernel, text);
    ck_assert_msg(strncmp(text, "running on CPU", 14) == 0, "%s", text);
    /* The event says the call, what the kernel says, who waits, and the file. */
    char event[BOARD_EVENT_BYTES + 1];
    board_words_load(r.b.event[0].words, event, BOARD_EVENT_BYTES);
    event[r.b.event[0].length] = '\0';
    ck_assert_msg(strstr(event, "worker 2: open for 91 ms: running on CPU") != NULL, "%s", event);
    ck_assert_msg(strstr(event, "; 12 connections wait behind it, GET /a HTTP/1.1 from 10.0.0.7:1, "
                                "file /srv/a") != NULL,
                  "%s", event);
    crew_watch(&r.crew, at_ms(3000));
    ck_assert(shown->lasted_ns == 2000 * NS_PER_MS && !shown->over);
    /* It comes back, and is in its next turn when it is looked at. */
    slot_turn_end(slot, at_ms(3040));
    slot_turn_begin(slot, at_ms(3050));
    crew_watch(&r.crew, at_ms(3100));
    ck_assert(shown->lasted_ns == 2050 * NS_PER_MS && shown->over);
    ck_assert_uint_eq(r.b.stall[1].used, 0);
    board_destroy(&r.b);
}
END_TEST

START_TEST(a_stopped_worker_is_a_stall)
{
    static struct rig r;

    rig_make(&r);
    struct board_slot *slot = &r.b.slot[1];
    const struct board_stall *shown = &r.b.stall[0];
    atomic_store(&slot->stopped_since_ns, at_ms(500).ns);
    crew_watch(&r.crew, at_ms(601));
    ck_assert(shown->used && shown->on_loop == 1 && shown->began_ns == at_ms(500).ns);
    ck_assert_uint_eq(slot->blocked_count, 0);
    atomic_store(&slot->stopped_since_ns, 0);
    crew_watch(&r.crew, at_ms(700));
    ck_assert(shown->over == 1 && shown->lasted_ns == 200 * NS_PER_MS);
    board_destroy(&r.b);
}
END_TEST

static void begin_job(struct board_thread *t, enum board_wait wait, struct span path, uint64_t ms)
{
    atomic_store(&t->used, 1);
    atomic_store(&t->tid, (uint32_t)getpid());
    atomic_store(&t->wait, wait);
    board_text_set(&t->path, path);
    atomic_store(&t->since_ns, at_ms(ms).ns);
}

START_TEST(long_jobs_of_offload_threads_are_stalls)
{
    static struct rig r;
    char text[BOARD_TEXT_BYTES + 1];

    rig_make(&r);
    struct board_slot *slot = &r.b.slot[1];
    struct board_thread *last = &r.b.thread[2 * BOARD_THREADS_PER_SLOT - 1];
    struct board_thread *first = &r.b.thread[BOARD_THREADS_PER_SLOT];
    const struct board_stall *shown = r.b.stall;
    slot_gauge(slot, COUNTER_offload_threads, 2);
    begin_job(last, WAIT_READ, SPAN("/slow/file"), 0);
    begin_job(first, WAIT_OPEN, SPAN("/slow/other"), 500);
    crew_watch(&r.crew, at_ms(1000));
    ck_assert_uint_eq(shown[0].used, 0);
    crew_watch(&r.crew, at_ms(1100));
    ck_assert(shown[0].used && !shown[1].used);
    ck_assert(shown[0].worker == 2 && shown[0].on_loop == 0 && shown[0].wait == WAIT_READ);
    shown_text(&shown[0].path, text);
    ck_assert_str_eq(text, "/slow/file");
    shown_text(&shown[0].kernel, text);
    ck_assert_msg(strncmp(text, "running on CPU", 14) == 0, "%s", text);
    crew_watch(&r.crew, at_ms(1600));
    ck_assert(shown[1].used && shown[1].wait == WAIT_OPEN);
    /* One goes on to its next job, the other idles; a next job is its own stall. */
    begin_job(last, WAIT_STAT, SPAN("/slow/third"), 1650);
    atomic_store(&first->since_ns, 0);
    crew_watch(&r.crew, at_ms(1700));
    ck_assert(shown[0].over && shown[0].lasted_ns == 1650 * NS_PER_MS);
    ck_assert(shown[1].over && shown[1].lasted_ns == 1200 * NS_PER_MS);
    ck_assert_uint_eq(shown[2].used, 0);
    crew_watch(&r.crew, at_ms(2700));
    ck_assert(shown[2].used && shown[2].wait == WAIT_STAT && !shown[2].over);
    /* The worker dies: its rows go, its stalls are over. */
    stalls_worker_gone(&r.crew.stalls, 2, at_ms(2800));
    board_clear_slot(&r.b, 1);
    r.member[1].pid = 0;
    crew_watch(&r.crew, at_ms(2900));
    ck_assert(shown[2].over && shown[2].lasted_ns == 1150 * NS_PER_MS);
    board_destroy(&r.b);
}
END_TEST

START_TEST(dead_or_not)
{
    /* Fields 3 (state), 9 (flags; 4: exiting) and 31 (pending signals; 256: KILL) of stat. */
    static const struct {
        const char *stat;
        bool dead;
    } cases[] = {
        {"7 (weir) S 1 7 7 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 2 0 9 1 2 3 4 5 6 7 8 0 0 0 0", false},
        {"7 (weir) Z 1 7 7 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 2 0 9 1 2 3 4 5 6 7 8 0 0 0 0", true},
        {"7 (weir) X 1 7 7 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 2 0 9 1 2 3 4 5 6 7 8 0 0 0 0", true},
        {"7 (a) Z 1) T 1 7 7 0 -1 64 1 0 0 0 0 0 0 0 20 0 2 0 9 1 2 3 4 5 6 7 8 0 0 0 0", false},
        {"7 (weir) D 1 7 7 0 -1 68 1 0 0 0 0 0 0 0 20 0 2 0 9 1 2 3 4 5 6 7 8 0 0 0 0", true},
        {"7 (weir) D 1 7 7 0 -1 64 1 0 0 0 0 0 0 0 20 0 2 0 9 1 2 3 4 5 6 7 8 0 0 256 0 0", false},
        {"7 (weir) D 1 7 7 0 -1 64 1 0 0 0 0 0 0 0 20 0 2 0 9 1 2 3 4 5 6 7 8 256 0 0 0 0", true},
        {"7 (weir) D", false},
        {"7 (weir)", false},
        {"", false},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        ck_assert_msg(thread_look_is_dead(cases[i].stat) == cases[i].dead, "%s", cases[i].stat);
}
END_TEST

START_TEST(the_count_of_the_oom_killer)
{
    static const char both[] = "9:name=systemd:/x\n4:memory:/a/b\n1:cpu:/\n0::/c d:e\n";
    char path[64];
    uint64_t kills = 0;

    ck_assert(oom_path(both, true, path, sizeof path));
    ck_assert_str_eq(path, "/sys/fs/cgroup/c d:e/memory.events");
    ck_assert(oom_path(both, false, path, sizeof path));
    ck_assert_str_eq(path, "/sys/fs/cgroup/memory/a/b/memory.oom_control");
    ck_assert(oom_path("0::/\n", true, path, sizeof path));
    ck_assert_str_eq(path, "/sys/fs/cgroup/memory.events");
    ck_assert(!oom_path("0::/\n", false, path, sizeof path));
    ck_assert(!oom_path("0::/a\n", true, path, 20));
    ck_assert(!oom_path("nonsense\n:\n", true, path, sizeof path));
    ck_assert(oom_count("low 0\noom 9\noom_kill 12\noom_group_kill 3\n", &kills));
    ck_assert_uint_eq(kills, 12);
    ck_assert(!oom_count("oom_kill_disable 0\nunder_oom 0\n", &kills));
    ck_assert(!oom_count("", &kills));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("waits");
    TCase *t = tcase_create("waits");

    tcase_set_timeout(t, 60);
    tcase_add_test(t, a_stall_grows_until_it_is_over);
    tcase_add_test(t, the_worst_stay);
    tcase_add_test(t, many_that_last_do_not_push_each_other_out);
    tcase_add_test(t, an_hour_after_their_end_they_go);
    tcase_add_test(t, a_worker_dies_in_the_middle);
    tcase_add_test(t, the_board_says_the_same);
    tcase_add_test(t, threads_are_put_in_words);
    tcase_add_test(t, the_kernel_is_asked);
    tcase_add_test(t, paths_lie_on_mounts);
    tcase_add_test(t, paths_that_lie_nowhere);
    tcase_add_test(t, this_machines_mounts);
    tcase_add_test(t, fences_are_remembered);
    tcase_add_test(t, fences_of_mounts_that_are_gone);
    tcase_add_test(t, a_mount_is_known_by_all_that_names_it);
    tcase_add_test(t, a_blocked_loop_is_a_stall);
    tcase_add_test(t, a_stopped_worker_is_a_stall);
    tcase_add_test(t, long_jobs_of_offload_threads_are_stalls);
    tcase_add_test(t, dead_or_not);
    tcase_add_test(t, the_count_of_the_oom_killer);
    suite_add_tcase(s, t);
    return unit_run(s);
}
