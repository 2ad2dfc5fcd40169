/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Telling a service manager; see notify.h. Each call makes its own socket, for there are a handful
 * in a server's life. Master only.
 */
#include "proc/notify.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"

static void notify_tell(const char *lines)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    const char *name = getenv("NOTIFY_SOCKET");
    size_t n = name ? strlen(name) : 0;

    if (n == 0 || n >= sizeof to.sun_path || (name[0] != '/' && name[0] != '@'))
        return;
    memcpy(to.sun_path, name, n);
    if (name[0] == '@') /* of the abstract name space, unix(7) */
        to.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || sendto(fd, lines, strlen(lines), MSG_NOSIGNAL, (const void *)&to,
                         (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)) < 0)
        log_debug("the service manager is not told: %m");
    close_fd(&fd);
}

void notify_ready(void)
{
    notify_tell("READY=1\nSTATUS=serving\n");
}

void notify_reloading(void)
{
    char lines[80];

    /* The time tells the manager which READY is the answer to this. */
    snprintf(lines, sizeof lines, "RELOADING=1\nMONOTONIC_USEC=%llu\nSTATUS=reloading\n",
             (unsigned long long)(mono_now().ns / 1000));
    notify_tell(lines);
}

void notify_stopping(void)
{
    notify_tell("STOPPING=1\nSTATUS=finishing what has begun\n");
}
