/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Looking for servers. The places are those of control_runtime_dir, and folders in and beside
 * them, where people who run several put them: /run/weir/NAME, /run/weir-NAME.
 */
#include "tui/ctl/instances.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "weir/control.h"

/* Asks one server who it is. */
static void instance_ask(struct instance *i)
{
    struct control_reply r = {.passed_fd = -1};
    struct snap s = {0};

    if (!control_ask(i->dir, control_command_word[COMMAND_BOARD], INSTANCES_WAIT_MS, &r, i->why,
                     sizeof i->why))
        return;
    if (!r.ok || r.passed_fd < 0) {
        snprintf(i->why, sizeof i->why, "%s", r.message ? r.message : "it sent no board");
    } else {
        struct board_view *view = board_view_open(r.passed_fd, i->why, sizeof i->why);
        if (view && board_view_snap(view, &s)) {
            i->answers = true;
            snprintf(i->name, sizeof i->name, "%s", s.instance);
            snprintf(i->version, sizeof i->version, "%s", s.program_version);
            i->master_pid = s.master_pid;
            i->workers = s.workers_running;
            i->workers_wanted = s.workers_wanted;
            if (s.listener_count > 0)
                snprintf(i->address, sizeof i->address, "%s", s.listener[0].address);
        }
        snap_free(&s);
        board_view_close(&view);
    }
    control_reply_free(&r);
    close_fd(&r.passed_fd);
}

/* Is there a socket that may be trusted not to be somebody's trap? */
static bool instance_there(const char *dir)
{
    char path[4096 + 16];
    struct stat st;

    snprintf(path, sizeof path, "%s/control.sock", dir);
    if (stat(dir, &st) != 0 || !S_ISDIR(st.st_mode) || (st.st_mode & S_IWOTH))
        return false;
    if (st.st_uid != 0 && st.st_uid != geteuid() && strncmp(dir, "/tmp/", 5) == 0)
        return false;
    return stat(path, &st) == 0 && S_ISSOCK(st.st_mode);
}

static void instance_add(struct instance *list, unsigned *n, unsigned room, const char *dir)
{
    char real[4096];

    if (*n == room || realpath(dir, real) == NULL || !instance_there(real))
        return;
    for (unsigned i = 0; i < *n; i++)
        if (strcmp(list[i].dir, real) == 0)
            return;
    struct instance *i = &list[(*n)++];
    memset(i, 0, sizeof *i);
    memcpy(i->dir, real, strlen(real) + 1);
    instance_ask(i);
}

static void instances_glob(struct instance *list, unsigned *n, unsigned room, const char *pattern)
{
    glob_t found;

    if (glob(pattern, GLOB_NOESCAPE, NULL, &found) == 0) {
        for (size_t i = 0; i < found.gl_pathc; i++)
            instance_add(list, n, room, found.gl_pathv[i]);
        globfree(&found);
    }
}

unsigned instances_find(struct instance *list, unsigned room, const char *only)
{
    const char *own = getenv("WEIR_RUNTIME_DIR"), *session = getenv("XDG_RUNTIME_DIR");
    char pattern[4096];
    unsigned n = 0;

    if (only) {
        instance_add(list, &n, room, only);
        return n;
    }
    if (own && *own)
        instance_add(list, &n, room, own);
    instances_glob(list, &n, room, "/run/weir");
    instances_glob(list, &n, room, "/run/weir/*");
    instances_glob(list, &n, room, "/run/weir-*");
    if (session && *session == '/' && strcspn(session, "*?[") == strlen(session)) {
        snprintf(pattern, sizeof pattern, "%.4000s/weir", session);
        instances_glob(list, &n, room, pattern);
        snprintf(pattern, sizeof pattern, "%.4000s/weir/*", session);
        instances_glob(list, &n, room, pattern);
        snprintf(pattern, sizeof pattern, "%.4000s/weir-*", session);
        instances_glob(list, &n, room, pattern);
    }
    instances_glob(list, &n, room, "/tmp/weir-*");
    return n;
}
