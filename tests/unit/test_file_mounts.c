/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The mount table: parsing, hostile lines and mount points, look-ups; residency and its memory;
 * closing away from the loop.
 */
#include "tests/unit/test_file_tree.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "file/closer.h"
#include "file/mounts.h"
#include "file/open.h"
#include "file/residency.h"
#include "file/root.h"
#include "tests/unit/test_offload_fake.h"

static const char table[] =
    "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
    "23 22 0:21 / /proc rw shared:2 master:1 - proc proc rw\n"
    "24 22 0:40 / /srv/my\\040files rw - nfs4 server:/x rw,vers=4.2\n"
    "25 22 0:41 / /srv/my rw - fuse.sshfs x rw\n"
    "26 22 0:42 / /run rw - tmpfs tmpfs rw\n"
    "27 24 8:1 /sub /srv/my\\040files/bind rw shared:3 - ext4 /dev/sda1 rw\n"
    "28 22 8:2 / /twice rw - xfs /dev/sdb rw\n"
    "29 28 0:43 / /twice rw - cifs //x/y rw\n"
    "30 22 0:44 / /odd\\134\\011\\012\\101 rw - 9p x rw\n"
    /* what is no line: left out */
    "\n"
    "31\n"
    "x 22 0:45 / /bad1 rw - ext4 x rw\n"
    "32 22 0 / /bad2 rw - ext4 x rw\n"
    "33 22 0:46 / relative rw - ext4 x rw\n"
    "34 22 0:47 / /bad4 rw ext4 x rw\n"
    "35 22 0:48 / /bad5 rw -\n"
    "36 22 0:-1 / /bad6 rw - ext4 x rw\n"
    "37 22 99999999999:1 / /bad7 rw - ext4 x rw\n"
    "38 22 0:49 / /last\\04 rw - ext4 x rw"; /* cut short: no newline, no whole escape */

static struct file_mounts *mounts;

static void set_up(void)
{
    tree_make();
    fake_init();
    tree_file("table", table);
    mounts = file_mounts_new(&fake, tree_path("table"));
    ck_assert_ptr_nonnull(mounts);
}

static void tear_down(void)
{
    file_mounts_free(&mounts);
    tree_remove();
}

START_TEST(finds_by_path)
{
    static const struct {
        const char *path;
        uint64_t id; /* 0: none */
    } cases[] = {
        {"/", 22},
        {"/srv", 22},
        {"/srv/my", 25},
        {"/srv/my/x", 25},
        {"/srv/myfiles", 22},
        {"/srv/my files", 24},
        {"/srv/my files/", 24},
        {"/srv/my files/a/b", 24},
        {"/srv/my filesx", 22},
        {"/srv/my\\040files", 22},
        {"/srv/my files/bind/x", 27},
        {"/srv/my files/binder", 24},
        {"/run/x", 26},
        {"/runx", 22},
        {"/twice/x", 29},
        {"/odd\\\t\nA/x", 30},
        {"/bad1", 22},
        {"/bad5/x", 22},
        {"/bad7/x", 22},
        {"/last\\04/x", 38},
        {"relative", 0},
        {"", 0},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct file_mount *m = file_mounts_by_path(mounts, span_str(cases[i].path));
        ck_assert_msg((m ? m->id : 0) == cases[i].id, "%s: %ju", cases[i].path,
                      (uintmax_t)(m ? m->id : 0));
    }
}
END_TEST

START_TEST(finds_by_id_and_device)
{
    ck_assert_str_eq(file_mounts_by_id(mounts, 24)->type, "nfs4");
    ck_assert_str_eq(file_mounts_by_id(mounts, 24)->point, "/srv/my files");
    ck_assert_str_eq(file_mounts_by_device(mounts, 0x802)->point, "/twice");
    for (uint64_t id = 31; id < 38; id++)
        ck_assert_ptr_null(file_mounts_by_id(mounts, id));
    ck_assert_ptr_null(file_mounts_by_id(mounts, 0));
    ck_assert_ptr_null(file_mounts_by_device(mounts, 12345));
}
END_TEST

START_TEST(knows_local_types)
{
    static const char *const local[] = {"ext2",  "ext3",  "ext4",    "xfs",      "btrfs",   "f2fs",
                                        "tmpfs", "ramfs", "overlay", "squashfs", "erofs",   "vfat",
                                        "exfat", "ntfs3", "iso9660", "zfs",      "bcachefs"};
    static const char *const not_local[] = {
        "nfs", "nfs4", "cifs",      "smb3", "fuse",          "fuseblk", "fuse.sshfs",
        "9p",  "ceph", "glusterfs", "afs",  "virtiofs",      "vboxsf",  "autofs",
        "",    "ext",  "ext44",     "EXT4", "never heard of"};

    for (size_t i = 0; i < sizeof local / sizeof *local; i++)
        ck_assert_msg(file_mounts_is_local(span_str(local[i])), "%s", local[i]);
    for (size_t i = 0; i < sizeof not_local / sizeof *not_local; i++)
        ck_assert_msg(!file_mounts_is_local(span_str(not_local[i])), "%s", not_local[i]);
}
END_TEST

START_TEST(homes)
{
    struct file_home disk = file_mounts_home(mounts, file_mounts_by_id(mounts, 22));
    struct file_home bind = file_mounts_home(mounts, file_mounts_by_id(mounts, 27));
    struct file_home memory = file_mounts_home(mounts, file_mounts_by_id(mounts, 26));
    struct file_home nfs = file_mounts_home(mounts, file_mounts_by_id(mounts, 24));
    struct file_home unknown = file_mounts_home(mounts, NULL);

    ck_assert(disk.local && !disk.memory);
    ck_assert_ptr_eq(disk.mount, bind.mount); /* one device, one queue */
    ck_assert(memory.local && memory.memory);
    ck_assert(!nfs.local && !nfs.memory);
    ck_assert_ptr_ne(nfs.mount, disk.mount);
    ck_assert_ptr_nonnull(unknown.mount);
    ck_assert(!unknown.local);
    ck_assert_str_eq(nfs.mount->name, "/srv/my files");
}
END_TEST

/* The row of a mount that is gone is that of the next one with its device number. */
START_TEST(a_device_number_given_again)
{
    const struct file_mount *disk = file_mounts_by_id(mounts, 22);
    const struct file_mount *bind = file_mounts_by_id(mounts, 27);
    const struct file_mount *memory = file_mounts_by_id(mounts, 26);
    struct offload_mount *row = file_mounts_home(mounts, disk).mount;

    ck_assert_ptr_eq(file_mounts_home(mounts, bind).mount, row);
    ck_assert_str_eq(row->name, disk->point); /* it is still there */
    row->device = memory->device;
    ck_assert_ptr_eq(file_mounts_home(mounts, memory).mount, row);
    ck_assert_str_eq(row->name, memory->point);
    ck_assert_str_eq(row->type, memory->type);
}
END_TEST

START_TEST(missing_table)
{
    struct file_mounts *none = file_mounts_new(&fake, tree_path("none"));

    ck_assert_ptr_nonnull(none);
    ck_assert_ptr_null(file_mounts_by_path(none, SPAN("/")));
    file_mounts_refresh(none, mono_now());
    ck_assert(!file_mounts_home(none, NULL).local);
    file_mounts_free(&none);
}
END_TEST

/* The real one: this file is on some mount, by its ID and by its path. */
START_TEST(own_table)
{
    struct file_mounts *own = file_mounts_new(&fake, NULL);
    struct stat st;
    uint64_t id;
    char real[5000];

    ck_assert_ptr_nonnull(realpath(tree, real));
    int fd = open(tree, O_PATH | O_DIRECTORY);
    ck_assert_int_eq(file_attributes(fd, true, &st, &id), 0);
    close(fd);
    file_mounts_refresh(own, mono_now());
    const struct file_mount *m = file_mounts_by_path(own, span_str(real));
    ck_assert_ptr_nonnull(m);
    if (id != 0)
        ck_assert_ptr_eq(file_mounts_by_id(own, id), m);
    file_mounts_free(&own);
}
END_TEST

/* In a child, as the only one of its mounts: 0 fine, 1 not, 2 it may not do this here. */
static int look_from_chroot(void)
{
    struct stat st;
    uint64_t id;

    if (mkdir(tree_path("proc"), 0755) != 0 || unshare(CLONE_NEWNS) != 0 ||
        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("proc", tree_path("proc"), "proc", 0, NULL) != 0 || chroot(tree) != 0 ||
        chdir("/") != 0)
        return 2;
    struct file_mounts *own = file_mounts_new(&fake, NULL);
    int fd = open("/", O_PATH | O_DIRECTORY);
    if (!own || fd < 0 || file_attributes(fd, true, &st, &id) != 0)
        return 1;
    if (id == 0)
        return 2; /* this kernel does not tell it */
    const struct file_mount *m = file_mounts_by_path(own, SPAN("/srv/www"));
    const struct file_mount *proc = file_mounts_by_path(own, SPAN("/proc/self"));
    bool known = m && m->id == id && m->device == st.st_dev && strcmp(m->point, "/") == 0 &&
                 strcmp(m->type, "unknown") != 0 && file_mounts_by_id(own, id) == m;
    return known && proc && strcmp(proc->type, "proc") == 0 ? 0 : 1;
}

/* What the root of a chroot is on does not stand in the table. */
START_TEST(chroot_without_mount)
{
    int status;
    pid_t child = fork();

    if (child == 0)
        _exit(look_from_chroot());
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFEXITED(status));
    if (WEXITSTATUS(status) == 2)
        printf("# chroot_without_mount: it takes root\n");
    else
        ck_assert_int_eq(WEXITSTATUS(status), 0);
}
END_TEST

/* --- opening on the loop --- */

/* What was a regular file is opened at once, and is looked at as ever when it is none any more. */
START_TEST(opens_as_before)
{
    static const char large[3000] = "x";
    static const struct {
        const char *name;
        enum file_kind kind;
        int error;
        bool content;
    } cases[] = {
        {"small", FILE_REGULAR, 0, true},  {"large", FILE_REGULAR, 0, false},
        {"link", FILE_REGULAR, 0, true},   {"dir", FILE_DIRECTORY, 0, false},
        {"fifo", FILE_OTHER, 0, false},    {"none", FILE_ERROR, ENOENT, false},
        {"out", FILE_ERROR, EXDEV, false}, {"small/x", FILE_ERROR, ENOTDIR, false},
    };
    struct file_mounts *own = file_mounts_new(&fake, NULL);
    struct stat st;

    tree_dir("open");
    tree_dir("open/dir");
    tree_write("open/small", "12345", 5);
    tree_write("open/large", large, sizeof large);
    ck_assert_int_eq(symlink("small", tree_path("open/link")), 0);
    ck_assert_int_eq(symlink("/", tree_path("open/out")), 0);
    ck_assert_int_eq(mkfifo(tree_path("open/fifo"), 0644), 0);
    ck_assert_int_ne(stat(tree_path("open/none"), &st), 0); /* so that the kernel knows it */
    int dir_fd = open(tree_path("open"), O_PATH | O_DIRECTORY);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int before = 0; before < 2; before++) {
            struct file_open_how how = {
                .name = cases[i].name, .content_bytes = 1000, .was_regular = before == 1};
            struct file_opened o;
            enum file_open_hot hot = file_open_hot(dir_fd, &how, own, &o);
            if (hot == FILE_OPEN_DONE) {
                ck_assert_int_eq(o.kind, cases[i].kind);
                ck_assert_int_eq(o.error, cases[i].error);
                ck_assert_int_eq(o.content != NULL, cases[i].content);
                ck_assert_int_eq(o.fd >= 0, o.kind == FILE_REGULAR && !cases[i].content);
            } else {
                ck_assert_int_eq(o.fd, -1);
            }
            file_opened_drop(&o);
        }
    close(dir_fd);
    file_mounts_free(&own);
}
END_TEST

/* --- residency --- */

static struct file_piece piece(uint64_t index, uint32_t from, uint32_t to)
{
    return (struct file_piece){index, from, to};
}

static bool is_hot(const struct file_heat *h, uint64_t index, struct mono now)
{
    struct file_piece p = piece(index, 0, 100);

    return file_heat_is_hot(h, &p, now);
}

static void note(struct file_heat *h, uint64_t index, uint64_t windows, bool hot, struct mono at)
{
    struct file_piece p = piece(index, 0, 100);

    file_heat_note(h, &p, windows, hot ? FILE_HEAT_ALL : FILE_HEAT_COLD, at);
}

START_TEST(heat)
{
    struct file_heat h = {0};
    struct mono t = {100 * NS_PER_S};
    uint64_t many = UINT64_C(1) << 40;

    ck_assert(!is_hot(&h, 0, t));
    note(&h, 0, 3, false, t);
    ck_assert_ptr_null(h.mark); /* which is what nothing known means as well */
    note(&h, 1, 3, true, t);    /* in any order */
    note(&h, 0, 3, true, mono_after(t, 5));
    ck_assert(is_hot(&h, 0, t));
    ck_assert(is_hot(&h, 1, t));
    ck_assert(!is_hot(&h, 2, t));
    ck_assert(is_hot(&h, 1, mono_after(t, NS_PER_S - 1)));
    ck_assert(!is_hot(&h, 1, mono_after(t, NS_PER_S)));
    ck_assert(is_hot(&h, 0, mono_after(t, NS_PER_S))); /* each on its own */
    note(&h, 1, 3, false, t);
    ck_assert(!is_hot(&h, 1, t));
    ck_assert(is_hot(&h, 0, t));
    file_heat_free(&h);

    note(&h, 7, many, true, t); /* a huge file costs no more than a large one */
    ck_assert_uint_le(h.count, 4096);
    ck_assert(is_hot(&h, 7, t));
    ck_assert(!is_hot(&h, 7 + h.count, t));
    note(&h, 7 + h.count, many, false, t); /* says nothing of the other */
    ck_assert(is_hot(&h, 7, t));
    note(&h, 7 + h.count, many, true, t);
    ck_assert(!is_hot(&h, 7, t));
    ck_assert(is_hot(&h, 7 + h.count, t));
    file_heat_free(&h);
}
END_TEST

/* What was found of a part says nothing of the rest of its window. */
START_TEST(heat_of_pieces)
{
    static const struct {
        uint32_t from, to;
        bool hot;
    } cases[] = {{40, 80, true},  {40, 41, true},  {79, 80, true},
                 {39, 80, false}, {40, 81, false}, {0, 100, false}};
    struct file_heat h = {0};
    struct mono t = {100 * NS_PER_S};
    struct file_piece noted = piece(2, 40, 80);

    file_heat_note(&h, &noted, 5, FILE_HEAT_ALL, t);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct file_piece p = piece(2, cases[i].from, cases[i].to);
        ck_assert_int_eq(file_heat_is_hot(&h, &p, t), cases[i].hot);
        ck_assert_int_eq(file_heat_ends_tell(&h, &p, t), cases[i].hot);
        if (cases[i].hot) /* what is found out is for all of it */
            ck_assert(p.from == 40 && p.to == 80);
    }
    file_heat_free(&h);
}
END_TEST

/* The ends tell for some seconds after all was asked, however often they were asked since. */
START_TEST(heat_of_ends)
{
    struct file_heat h = {0};
    struct mono t = {100 * NS_PER_S};
    struct file_piece p = piece(0, 0, 100);
    int seconds = 0;

    ck_assert(!file_heat_ends_tell(&h, &p, t));
    file_heat_note(&h, &p, 1, FILE_HEAT_ALL, t);
    for (; file_heat_ends_tell(&h, &p, t) && seconds < 100; seconds++) {
        t = mono_after(t, NS_PER_S);
        ck_assert(!file_heat_is_hot(&h, &p, t));
        file_heat_note(&h, &p, 1, FILE_HEAT_ENDS, t);
        ck_assert(file_heat_is_hot(&h, &p, t));
    }
    ck_assert_int_ge(seconds, 2);
    ck_assert_int_le(seconds, 30);
    file_heat_note(&h, &p, 1, FILE_HEAT_ALL, t);
    ck_assert(file_heat_ends_tell(&h, &p, t));
    file_heat_note(&h, &p, 1, FILE_HEAT_COLD, t);
    ck_assert(!file_heat_ends_tell(&h, &p, t));
    file_heat_free(&h);
}
END_TEST

START_TEST(residency)
{
    static char data[200000];
    unsigned calls;

    memset(data, 'x', sizeof data);
    tree_write("f", data, sizeof data);
    int fd = open(tree_path("f"), O_RDONLY);
    enum file_residency whole = file_residency(fd, 0, sizeof data, false, &calls);
    if (whole == FILE_HOT) { /* written a moment ago, on a file system that can tell */
        ck_assert_uint_eq(calls, 3);
        ck_assert_int_eq(file_residency(fd, 5, 1, false, &calls), FILE_HOT);
        ck_assert_uint_eq(calls, 1);
        ck_assert_int_eq(file_residency(fd, 5, 1, true, &calls), FILE_HOT);
        ck_assert_uint_eq(calls, 1);
        ck_assert_int_eq(file_residency(fd, 0, 2, false, &calls), FILE_HOT);
        ck_assert_uint_eq(calls, 2);
        /* Behind the end there is nothing to send. */
        ck_assert_int_eq(file_residency(fd, 0, sizeof data + 1, false, &calls), FILE_COLD);
        ck_assert_int_eq(file_residency(fd, 0, sizeof data + 1, true, &calls), FILE_COLD);
        ck_assert_int_eq(file_residency(fd, sizeof data, 1, false, &calls), FILE_COLD);
        ck_assert_int_eq(file_residency(fd, 0, 131072, false, &calls), FILE_HOT);
        ck_assert_uint_eq(calls, 1); /* one for each 128 KiB */
        ck_assert_int_eq(file_residency(fd, 0, sizeof data, true, &calls), FILE_HOT);
        ck_assert_uint_eq(calls, 2);
    }
    close(fd);
}
END_TEST

/* --- closing --- */

START_TEST(closes_away)
{
    struct file_closer *c = file_closer_new(&fake);
    struct file_home home = file_mounts_home(mounts, file_mounts_by_id(mounts, 24));
    unsigned fds = tree_open_fds();
    int fd[3];

    for (int i = 0; i < 3; i++)
        ck_assert_int_ge(fd[i] = open("/", O_PATH), 0);
    file_closer_close(c, home.mount, &fd[0]);
    ck_assert_int_eq(fd[0], -1);
    ck_assert_uint_eq(fake_queued(), 1);
    ck_assert_int_eq(fake_first(&fake.queued)->op, WAIT_CLOSE);
    ck_assert_uint_eq(tree_open_fds(), fds + 3);
    fake_run();
    ck_assert_uint_eq(tree_open_fds(), fds + 2);
    fake_refuse(5); /* kept, and not closed here */
    file_closer_close(c, home.mount, &fd[1]);
    file_closer_close(c, home.mount, &fd[2]);
    file_closer_retry(c);
    ck_assert_uint_eq(fake_queued(), 0);
    ck_assert_uint_eq(tree_open_fds(), fds + 2);
    fake_refuse(0);
    file_closer_retry(c);
    ck_assert_uint_eq(fake_queued(), 2);
    fake_fail(ETIMEDOUT, true); /* refused while it was queued: the same */
    ck_assert_uint_eq(tree_open_fds(), fds + 2);
    ck_assert_uint_eq(fake_queued(), 1);
    file_closer_retry(c);
    ck_assert_uint_eq(fake_queued(), 2);
    file_closer_end(c);
    file_closer_release(&c);
    fake_run(); /* outlives its owner */
    ck_assert_uint_eq(tree_open_fds(), fds);
}
END_TEST

/* What a thread, the board and a probe read of the job stays, whatever the mount is called. */
START_TEST(a_closing_keeps_its_path_when_the_mount_is_renamed)
{
    struct file_closer *c = file_closer_new(&fake);
    struct file_home home = file_mounts_home(mounts, file_mounts_by_id(mounts, 24));
    int fd = open("/", O_PATH);
    char before[256];

    ck_assert_int_ge(fd, 0);
    snprintf(before, sizeof before, "%s", offload_mount_name(home.mount));
    file_closer_close(c, home.mount, &fd);
    offload_mount_rename(home.mount, "/another/name", "fuse");
    ck_assert_str_eq(fake_first(&fake.queued)->path, before);
    ck_assert_ptr_ne(fake_first(&fake.queued)->path, offload_mount_name(home.mount));
    fake_run();
    file_closer_end(c);
    file_closer_release(&c);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("mounts");
    TCase *t = tcase_create("mounts");

    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, finds_by_path);
    tcase_add_test(t, finds_by_id_and_device);
    tcase_add_test(t, knows_local_types);
    tcase_add_test(t, homes);
    tcase_add_test(t, a_device_number_given_again);
    tcase_add_test(t, missing_table);
    tcase_add_test(t, own_table);
    tcase_add_test(t, chroot_without_mount);
    tcase_add_test(t, opens_as_before);
    tcase_add_test(t, heat);
    tcase_add_test(t, heat_of_pieces);
    tcase_add_test(t, heat_of_ends);
    tcase_add_test(t, residency);
    tcase_add_test(t, closes_away);
    tcase_add_test(t, a_closing_keeps_its_path_when_the_mount_is_renamed);
    suite_add_tcase(s, t);
    return unit_run(s);
}
