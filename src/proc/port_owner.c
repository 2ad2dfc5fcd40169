/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who listens on a port; see port_owner.h. /proc/net/tcp names the listening sockets by inode (they
 * come first in it), /proc/PID/fd says who has one. Both are looked through up to a bound, and what
 * may not be looked at is passed over. Master only.
 */
#include "proc/port_owner.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/escape.h"
#include "proc/thread_look.h"

enum { SOCKETS_MAX = 16, LINES_MAX = 8192, LINKS_MAX = 100000, STATE_LISTEN = 0x0A };

struct sockets {
    uint64_t inode[SOCKETS_MAX];
    unsigned count;
};

static unsigned port_of(const struct sockaddr_storage *a)
{
    const struct sockaddr_in *in = (const void *)a; /* the port lies at the same place in both */

    return a->ss_family == AF_INET || a->ss_family == AF_INET6 ? ntohs(in->sin_port) : 0;
}

/* Adds those that listen on the port, whatever address: each is in the way of some other. */
static void find_listeners(const char *table, unsigned port, struct sockets *found)
{
    FILE *f = fopen(table, "re");
    char line[512];

    for (int i = 0; f && i < LINES_MAX && fgets(line, sizeof line, f); i++) {
        unsigned at, state;
        uint64_t inode;
        /* sl local_address rem_address st tx_queue:rx_queue tr:tm->when retrnsmt uid timeout inode
         */
        if (sscanf(line, " %*d: %*[0-9A-F]:%x %*[0-9A-F]:%*x %x %*s %*s %*s %*u %*u %" SCNu64, &at,
                   &state, &inode) != 3)
            continue;
        if (state == STATE_LISTEN && at == port && inode != 0 && found->count < SOCKETS_MAX)
            found->inode[found->count++] = inode;
    }
    if (f)
        fclose(f);
}

static bool is_one_of(const struct sockets *s, const char *link)
{
    uint64_t inode;

    if (sscanf(link, "socket:[%" SCNu64 "]", &inode) != 1)
        return false;
    for (unsigned i = 0; i < s->count; i++)
        if (s->inode[i] == inode)
            return true;
    return false;
}

static bool has_one_of(const struct sockets *s, long pid, int *links_left)
{
    char path[64], link[64];
    struct dirent *entry;
    bool found = false;

    snprintf(path, sizeof path, "/proc/%ld/fd", pid);
    DIR *d = opendir(path);
    while (d && !found && *links_left > 0 && (entry = readdir(d)) != NULL) {
        ssize_t n = readlinkat(dirfd(d), entry->d_name, link, sizeof link - 1);
        --*links_left;
        if (n <= 0)
            continue;
        link[n] = '\0';
        found = is_one_of(s, link);
    }
    if (d)
        closedir(d);
    return found;
}

/* The first process that has one of the sockets; 0: none, or it cannot be seen. */
static long find_owner(const struct sockets *s)
{
    int links_left = LINKS_MAX;
    struct dirent *entry;
    long owner = 0;
    DIR *d = s->count > 0 ? opendir("/proc") : NULL;

    while (d && owner == 0 && (entry = readdir(d)) != NULL) {
        char *end;
        long pid = strtol(entry->d_name, &end, 10);
        if (*end == '\0' && pid > 0 && has_one_of(s, pid, &links_left))
            owner = pid;
    }
    if (d)
        closedir(d);
    return owner;
}

bool port_owner_add(struct buf *to, const struct sockaddr_storage *address)
{
    unsigned port = port_of(address);
    struct sockets sockets = {0};
    char name[32], shown[sizeof name * 4];
    struct out o = out_into(shown, sizeof shown);

    if (port == 0)
        return true;
    find_listeners("/proc/net/tcp", port, &sockets);
    find_listeners("/proc/net/tcp6", port, &sockets);
    long pid = find_owner(&sockets);
    if (pid == 0)
        return buf_addf(to, "; who listens cannot be seen from here, it may be workers that an "
                            "earlier weir left behind (pgrep weir-worker)");
    thread_look_read((pid_t)pid, 0, "comm", name, sizeof name);
    name[strcspn(name, "\n")] = '\0';
    escape_visible(&o, span_str(name));
    bool left_over = strcmp(name, "weir-worker") == 0;
    return buf_addf(to, "; pid %ld (%.*s) listens there%s", pid, (int)out_len(&o), shown,
                    left_over ? ": a worker that an earlier weir left behind; kill it" : "");
}
