/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The settings file: what is in it stays in it, it is never half written, and never somebody
 * else's.
 */
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tui/app/app.h"

static char folder[256], path[512];

static void begin(void)
{
    snprintf(folder, sizeof folder, "/tmp/weirtop-settings-XXXXXX");
    ck_assert(mkdtemp(folder) != NULL);
    snprintf(path, sizeof path, "%s/config", folder);
}

static void end(void)
{
    static const char *const names[] = {"config", ".config.new", "target"};
    char name[600];

    chmod(folder, 0700);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(name, sizeof name, "%s/%s", folder, names[i]);
        unlink(name);
    }
    ck_assert_int_eq(rmdir(folder), 0); /* nothing else was left */
}

static void put(const char *name, const char *text)
{
    char full[600];

    snprintf(full, sizeof full, "%s/%s", folder, name);
    FILE *f = fopen(full, "w");
    ck_assert(f != NULL);
    fputs(text, f);
    fclose(f);
}

static const char *get(void)
{
    static char text[8192];
    FILE *f = fopen(path, "r");

    ck_assert(f != NULL);
    text[fread(text, 1, sizeof text - 1, f)] = '\0';
    fclose(f);
    return text;
}

static void load(struct settings *s)
{
    char why[512] = "";

    settings_standard(s);
    ck_assert_msg(settings_load(s, path, why, sizeof why), "%s", why);
}

START_TEST(what_is_not_there_is_no_error)
{
    struct settings s, standard;

    settings_standard(&standard);
    load(&s);
    ck_assert(memcmp(&s, &standard, sizeof s) == 0);
}
END_TEST

START_TEST(comments_and_unknown_keys_stay)
{
    struct settings s;
    char why[512];

    put("config", "# mine\n\nslow = 50 ms  # often\n  bell=no\nfuture.key = [1, 2]\nbits =\n"
                  "no assignment at all\ncharset = block");
    settings_standard(&s);
    ck_assert(!settings_load(&s, path, why, sizeof why)); /* bits has no value; the rest counts */
    ck_assert_int_eq(s.value[SETTING_SLOW_MS], 50);
    ck_assert_int_eq(s.value[SETTING_CHARSET], 2);
    s.value[SETTING_SLOW_MS] = 75;
    s.value[SETTING_BELL] = 1;
    s.value[SETTING_BITS] = 1;
    s.value[SETTING_INTERVAL_MS] = 2000;
    ck_assert_msg(settings_save(&s, path, why, sizeof why), "%s", why);
    ck_assert_str_eq(get(), "# mine\n\nslow = 75 ms  # often\n  bell=yes\nfuture.key = [1, 2]\n"
                            "bits = yes\nno assignment at all\ncharset = block\n"
                            "interval = 2000 ms\n");
    struct settings again;
    load(&again);
    ck_assert(memcmp(&s, &again, sizeof s) == 0);
    struct stat st;
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_int_eq(st.st_mode & 0777, 0600);
}
END_TEST

START_TEST(every_setting_goes_round)
{
    struct settings s, again;
    char why[512];

    for (int high = 0; high < 2; high++) {
        for (int i = 0; i < SETTING_COUNT; i++)
            s.value[i] = high ? setting_table[i].most : setting_table[i].least;
        ck_assert_msg(settings_save(&s, path, why, sizeof why), "%s", why);
        load(&again);
        ck_assert(memcmp(&s, &again, sizeof s) == 0);
    }
}
END_TEST

START_TEST(nothing_to_change_writes_nothing)
{
    struct settings s;
    struct stat before, after;
    char why[512];

    put("config", "slow=50ms\n");
    load(&s);
    ck_assert_int_eq(stat(path, &before), 0);
    ck_assert(settings_save(&s, path, why, sizeof why));
    ck_assert_int_eq(stat(path, &after), 0);
    ck_assert_uint_eq(before.st_ino, after.st_ino);
    ck_assert_str_eq(get(), "slow=50ms\n");
}
END_TEST

static const struct {
    const char *line;
    enum setting which;
    int64_t value; /* -1: a mistake */
} values[] = {
    {"slow = 100", SETTING_SLOW_MS, 100},
    {"slow = 1.5 s", SETTING_SLOW_MS, 1500},
    {"slow = 100ms", SETTING_SLOW_MS, 100},
    {"slow = -5", SETTING_SLOW_MS, -1},
    {"slow = 1e99", SETTING_SLOW_MS, -1},
    {"slow = nan", SETTING_SLOW_MS, -1},
    {"slow = inf", SETTING_SLOW_MS, -1},
    {"slow = 0x10", SETTING_SLOW_MS, -1},
    {"slow = 3 h", SETTING_SLOW_MS, -1},
    {"slow = ", SETTING_SLOW_MS, -1},
    {"queue_bad = 75 %", SETTING_QUEUE_BAD, 75},
    {"queue_bad = 101", SETTING_QUEUE_BAD, -1},
    {"queue_bad = 7.5", SETTING_QUEUE_BAD, -1},
    {"queue_warn = 12", SETTING_QUEUE_WARN, 12},
    {"bell = TRUE", SETTING_BELL, 1},
    {"bell = 2", SETTING_BELL, -1},
    {"color = 256", SETTING_COLOR, 3},
    {"color = pink", SETTING_COLOR, -1},
    {"charset = Braille", SETTING_CHARSET, 3},
    {"sort.overview = -6", SETTING_SORT_OVERVIEW, -6},
    {"interval = 50", SETTING_INTERVAL_MS, -1},
};

START_TEST(values_and_mistakes)
{
    struct settings s;
    char why[512] = "", text[256], want[600];
    enum setting which = values[_i].which;

    settings_standard(&s);
    int64_t standard = s.value[which];
    snprintf(text, sizeof text, "# one\n%s\nhold = 1 s\n", values[_i].line);
    put("config", text);
    bool good = settings_load(&s, path, why, sizeof why);
    ck_assert_int_eq(s.value[SETTING_HOLD_MS], 1000); /* the rest is taken */
    ck_assert_msg(good == (values[_i].value != -1), "%s: %s", values[_i].line, why);
    ck_assert_int_eq(s.value[which], good ? values[_i].value : standard);
    snprintf(want, sizeof want, "%s:2: %s: ", path, setting_table[which].key);
    if (!good)
        ck_assert_msg(strncmp(why, want, strlen(want)) == 0, "%s", why);
}
END_TEST

START_TEST(torn_write)
{
    struct settings s;
    char why[512];

    put("config", "slow = 50 ms\n");
    put(".config.new", "slow = 7"); /* killed between write and rename */
    load(&s);
    ck_assert_int_eq(s.value[SETTING_SLOW_MS], 50);
    s.value[SETTING_SLOW_MS] = 60;
    ck_assert_msg(settings_save(&s, path, why, sizeof why), "%s", why);
    ck_assert_str_eq(get(), "slow = 60 ms\n");
    snprintf(path, sizeof path, "%s/.config.new", folder);
    ck_assert(access(path, F_OK) != 0);
}
END_TEST

START_TEST(symbolic_link)
{
    struct settings s;
    char why[512] = "", target[600];

    put("target", "slow = 50 ms\n");
    snprintf(target, sizeof target, "%s/target", folder);
    ck_assert_int_eq(symlink(target, path), 0);
    load(&s); /* reading through it is fine */
    ck_assert_int_eq(s.value[SETTING_SLOW_MS], 50);
    s.value[SETTING_SLOW_MS] = 60;
    ck_assert(!settings_save(&s, path, why, sizeof why));
    ck_assert_msg(strstr(why, "symbolic link") != NULL, "%s", why);
    ck_assert_str_eq(get(), "slow = 50 ms\n");
    /* The temporary file's name is not followed either. */
    unlink(path);
    char temporary[600];
    snprintf(temporary, sizeof temporary, "%s/.config.new", folder);
    ck_assert_int_eq(symlink(target, temporary), 0);
    ck_assert(settings_save(&s, path, why, sizeof why));
    snprintf(path, sizeof path, "%.500s", target);
    ck_assert_str_eq(get(), "slow = 50 ms\n");
}
END_TEST

START_TEST(not_a_file)
{
    struct settings s;
    char why[512] = "";

    settings_standard(&s);
    s.value[SETTING_BELL] = 1;
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    ck_assert(!settings_load(&s, path, why, sizeof why)); /* and does not wait for it */
    ck_assert(!settings_save(&s, path, why, sizeof why));
    unlink(path);
    char *big = malloc(200001);
    memset(big, '#', 200000);
    big[200000] = '\0';
    put("config", big);
    free(big);
    ck_assert(!settings_load(&s, path, why, sizeof why));
    ck_assert(!settings_save(&s, path, why, sizeof why));
}
END_TEST

/* As another user, in a process of its own; root may write anywhere, so it has to be one. */
static int as_nobody(bool (*what)(void))
{
    int status = -1;
    pid_t pid = fork();

    if (pid == 0) {
        if (setgid(65534) != 0 || setuid(65534) != 0)
            _exit(77);
        _exit(what() ? 0 : 1);
    }
    ck_assert(pid > 0 && waitpid(pid, &status, 0) == pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static char refused[512];

static bool save_is_refused(void)
{
    struct settings s;

    settings_standard(&s);
    s.value[SETTING_BELL] = 1;
    return !settings_save(&s, path, refused, sizeof refused);
}

START_TEST(read_only_folder_and_other_owner)
{
    if (geteuid() != 0) { /* without rights to become another: at least the folder */
        ck_assert_int_eq(chmod(folder, 0500), 0);
        ck_assert(save_is_refused());
        return;
    }
    put("config", "slow = 50 ms\n");
    ck_assert_int_eq(chmod(folder, 0777), 0); /* writable, and still not his */
    ck_assert_int_eq(as_nobody(save_is_refused), 0);
    ck_assert_int_eq(chown(folder, 65534, 65534), 0);
    ck_assert_int_eq(chmod(path, 0644), 0);
    ck_assert_int_eq(as_nobody(save_is_refused), 0); /* his folder, our file */
    ck_assert_str_eq(get(), "slow = 50 ms\n");
    unlink(path);
    ck_assert_int_eq(chmod(folder, 0500), 0);
    ck_assert_int_eq(as_nobody(save_is_refused), 0); /* a folder one may not write to */
    ck_assert(save_is_refused()); /* and root does not write into somebody's folder */
    ck_assert_msg(strstr(refused, "another user") != NULL, "%s", refused);
    ck_assert_int_eq(chown(folder, 0, 0), 0);
}
END_TEST

START_TEST(where_it_is)
{
    char out[4096];

    unsetenv("SUDO_UID");
    unsetenv("XDG_CONFIG_HOME");
    setenv("WEIRTOP_CONFIG", "/etc/x", 1);
    ck_assert(settings_path(out, sizeof out));
    ck_assert_str_eq(out, "/etc/x");
    unsetenv("WEIRTOP_CONFIG");
    setenv("HOME", "/home/a", 1);
    ck_assert(settings_path(out, sizeof out));
    ck_assert_str_eq(out, "/home/a/.config/weirtop/config");
    setenv("SUDO_UID", "1000", 1);
    ck_assert(!settings_path(out, sizeof out));
    unsetenv("SUDO_UID");
    ck_assert(!settings_path(out, 10)); /* cut never */
    setenv("HOME", "relative", 1);
    ck_assert(!settings_path(out, sizeof out));
    unsetenv("HOME");
    ck_assert(!settings_path(out, sizeof out));
}
END_TEST

START_TEST(folders_are_made)
{
    struct settings s;
    char why[512], file[600], name[700];

    settings_standard(&s);
    s.value[SETTING_BELL] = 1;
    snprintf(file, sizeof file, "%s/a/b/config", folder);
    ck_assert_msg(settings_save(&s, file, why, sizeof why), "%s", why);
    ck_assert_int_eq(unlink(file), 0);
    snprintf(name, sizeof name, "%s/a/b", folder);
    ck_assert_int_eq(rmdir(name), 0);
    snprintf(name, sizeof name, "%s/a", folder);
    ck_assert_int_eq(rmdir(name), 0);
}
END_TEST

/* Two dashboards, each with a setting of its own that the file keeps, at the same time. */
START_TEST(two_at_once)
{
    put("config", "# kept\nslow = 50 ms\nbell = no\n");
    pid_t pid[2];
    for (int who = 0; who < 2; who++) {
        pid[who] = fork();
        ck_assert(pid[who] >= 0);
        if (pid[who] > 0)
            continue;
        for (int i = 0; i < 200; i++) {
            struct settings s;
            char why[512];
            settings_standard(&s);
            bool whole = settings_load(&s, path, why, sizeof why);
            s.value[who ? SETTING_SLOW_MS : SETTING_HOLD_MS] = 1 + i;
            if (!whole || (!settings_save(&s, path, why, sizeof why) &&
                           strstr(why, "another program") == NULL))
                _exit(1);
        }
        _exit(0);
    }
    for (int who = 0; who < 2; who++) {
        int status;
        ck_assert(waitpid(pid[who], &status, 0) == pid[who]);
        ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    struct settings s;
    load(&s); /* whole lines, in bounds */
    ck_assert(strncmp(get(), "# kept\nslow = ", 14) == 0);
    ck_assert(strstr(get(), "\nbell = no\n") != NULL);
}
END_TEST

/* W, the file, and a dashboard that starts with it. */
START_TEST(view_and_order_are_kept)
{
    struct app *a = calloc(1, sizeof *a), *b = calloc(1, sizeof *b);
    struct model *m = calloc(1, sizeof *m);
    struct settings s;
    struct event w = {.kind = EV_KEY, .key = 'W'};
    struct app_command none;
    char why[512];

    ck_assert(a && b && m && model_init(m, 1000000000));
    app_init(a, 1000000000, false);
    a->view = VIEW_FILES;
    a->list[VIEW_OVERVIEW].sort = 6;
    a->list[VIEW_FILES].sort = 3;
    a->list[VIEW_FILES].invert = true;
    a->list[VIEW_REQUESTS].invert = true;
    a->bits = a->group = true;
    ck_assert(app_event(a, m, &w, &none) & WANT_SAVE_SETTINGS);
    ck_assert_msg(settings_save(&a->settings, path, why, sizeof why), "%s", why);
    load(&s);
    app_init(b, 1000000000, false);
    app_settings(b, &s);
    ck_assert_int_eq(b->view, VIEW_FILES);
    ck_assert_int_eq(b->list[VIEW_OVERVIEW].sort, 6);
    ck_assert(!b->list[VIEW_OVERVIEW].invert);
    ck_assert_int_eq(b->list[VIEW_FILES].sort, 3);
    ck_assert(b->list[VIEW_FILES].invert && b->list[VIEW_REQUESTS].invert);
    ck_assert_int_eq(b->list[VIEW_REQUESTS].sort, 0);
    ck_assert(b->bits && b->group && !b->wide);
    model_free(m);
    free(m);
    free(a);
    free(b);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("tui settings");
    TCase *t = tcase_create("file");
    tcase_add_checked_fixture(t, begin, end);
    tcase_set_timeout(t, 120);
    tcase_add_test(t, what_is_not_there_is_no_error);
    tcase_add_test(t, comments_and_unknown_keys_stay);
    tcase_add_test(t, every_setting_goes_round);
    tcase_add_test(t, nothing_to_change_writes_nothing);
    tcase_add_loop_test(t, values_and_mistakes, 0, (int)(sizeof values / sizeof *values));
    tcase_add_test(t, torn_write);
    tcase_add_test(t, symbolic_link);
    tcase_add_test(t, not_a_file);
    tcase_add_test(t, read_only_folder_and_other_owner);
    tcase_add_test(t, where_it_is);
    tcase_add_test(t, folders_are_made);
    tcase_add_test(t, two_at_once);
    tcase_add_test(t, view_and_order_are_kept);
    suite_add_tcase(s, t);
    return unit_run(s);
}
