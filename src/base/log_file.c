/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Opening logs; see log_file.h. /dev/log is a datagram socket, as every syslog daemon of today has
 * it; it is written to by our own socket, for syslog(3) waits. Runs in every process.
 */
#include "base/log_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"

bool log_target_is_syslog(const char *target)
{
    return strcmp(target, "syslog") == 0;
}

bool log_target_is_path(const char *target)
{
    return strcmp(target, "stderr") != 0 && strcmp(target, "stdout") != 0 &&
           !log_target_is_syslog(target);
}

int log_syslog_socket(void)
{
    return socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

bool log_syslog_connect(int fd)
{
    static const struct sockaddr_un daemon = {.sun_family = AF_UNIX, .sun_path = "/dev/log"};

    return connect(fd, (const struct sockaddr *)&daemon, sizeof daemon) == 0;
}

/*
 * O_NONBLOCK is for the open alone: a FIFO without a reader is refused (ENXIO), and what is written
 * waits for its reader, or is polled for.
 */
static int open_path(const char *path)
{
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640);

    if (fd >= 0 && !fd_set_nonblock(fd, false))
        close_fd(&fd);
    return fd;
}

int log_target_open(const char *target)
{
    if (log_target_is_path(target))
        return open_path(target);
    if (!log_target_is_syslog(target))
        return fcntl(strcmp(target, "stdout") == 0 ? STDOUT_FILENO : STDERR_FILENO, F_DUPFD_CLOEXEC,
                     3);
    int fd = log_syslog_socket();
    if (fd >= 0)
        (void)log_syslog_connect(fd); /* a daemon that is not there yet is looked for again */
    return fd;
}

const char *log_target_help(int error)
{
    switch (error) {
    case ENOENT:
        return "; make its directory first";
    case ENXIO:
        return "; nobody reads this FIFO, start its reader first";
    default:
        return "";
    }
}
