/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Taking away the files of unix sockets; see listen.h. Looking at a path may wait for its file
 * system, so a child does it (aside.h), which has until the server's end, and a moment more. That
 * a file is still the one we made is looked at in the child, right before. Master only, but for
 * what the child runs.
 */
#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "proc/aside.h"
#include "proc/listen.h"

enum { REMOVALS_MAX = CONF_LISTEN_MAX };

struct removal {
    char path[sizeof((struct sockaddr_un *)0)->sun_path];
    uint64_t dev, ino;
};

static int going_on[REMOVALS_MAX]; /* readable, for its end, when a child has ended */
static size_t going_count;

static void remove_file(const void *arg, int fd)
{
    const struct removal *r = arg;
    struct stat st;

    (void)fd;
    if (lstat(r->path, &st) == 0 && st.st_dev == r->dev && st.st_ino == r->ino)
        unlink(r->path);
}

/* Makes room: those that have ended go, else the oldest is waited for no more. */
static void forget_one(void)
{
    size_t at = 0;

    for (size_t i = 0; i < going_count; i++) {
        struct pollfd p = {.fd = going_on[i], .events = POLLIN};
        if (poll(&p, 1, 0) == 1) {
            at = i;
            break;
        }
    }
    close_fd(&going_on[at]);
    going_on[at] = going_on[--going_count];
}

void listen_remove_file(const char *path, uint64_t dev, uint64_t ino)
{
    struct removal r = {.dev = dev, .ino = ino};
    int fd;

    snprintf(r.path, sizeof r.path, "%s", path);
    if (going_count == REMOVALS_MAX)
        forget_one();
    if (aside_begin("weir-unlink", remove_file, &r, false, &fd) > 0)
        going_on[going_count++] = fd;
    else
        log_warn("%s stays: no process to remove it", path);
}

void listen_wait_removed(int ms)
{
    uint64_t until = mono_now().ns + (uint64_t)ms * NS_PER_MS;

    while (going_count > 0) {
        struct pollfd p = {.fd = going_on[going_count - 1], .events = POLLIN};
        uint64_t now = mono_now().ns;
        poll(&p, 1, now < until ? (int)((until - now) / NS_PER_MS) + 1 : 0);
        if (p.revents == 0 && mono_now().ns < until)
            continue;
        close_fd(&going_on[--going_count]);
    }
}
