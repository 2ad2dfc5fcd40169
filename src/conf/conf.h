/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The configuration as the rest of the program reads it: plain data, checked, with every
 * default filled in. Made by conf_load from a file, or by conf_load_default for `weir DIR`;
 * immutable afterwards. The master makes it; workers inherit it by fork.
 *
 * How text becomes this struct is conf/settings.def (one row per key: section, key, type,
 * default, bounds, help) and conf/load.c. What that asks of the system are facts (conf/facts.h).
 * Nothing here opens a socket, a root or a log.
 */
#ifndef WEIR_CONF_CONF_H
#define WEIR_CONF_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "base/bytes.h"
#include "base/log.h"

#define CONF_LISTEN_MAX 64 /* addresses of a configuration: the board has a row for each */

/* One address to listen on. text is as people write it, and unique in a configuration. */
struct conf_listen {
    char *text;
    struct sockaddr_storage address;
    socklen_t address_bytes;
    /* unix: whoever checked the configuration has bound it already (FACT_SOCKET). */
    bool made;
    int made_fd;
    uint64_t made_dev, made_ino; /* its file */
};

enum conf_listing { CONF_LISTING_OFF, CONF_LISTING_HTML, CONF_LISTING_JSON, CONF_LISTING_AUTO };
enum conf_log_format { CONF_LOG_COMBINED, CONF_LOG_JSON };
enum conf_watch { CONF_WATCH_RESTRICTED, CONF_WATCH_EVERYBODY };
enum conf_handler { CONF_FILES, CONF_REDIRECT };

struct conf_error_page {
    int status;
    char *path;    /* where it was read from */
    char *content; /* read when the configuration was loaded; at most 64 KiB; NULL: not read in time
                    */
    size_t content_bytes;
};

struct conf_type {
    char *extension; /* without the first dot, lower case */
    char *type;
    int line; /* where it stands in the file */
};

/*
 * Rehearsal of a bad disk, applied by offload threads to calls on paths that begin with this
 * prefix. No two with the same prefix have an operation in common.
 */
struct conf_fault {
    char *prefix;        /* absolute path in the file system */
    uint32_t operations; /* a bit for each of WAIT_OPEN, WAIT_READ, WAIT_READDIR, WAIT_STAT */
    uint64_t delay_ns;   /* before each call */
    uint64_t rate_bytes; /* per second, for reads; 0: unlimited */
    bool hang;           /* never comes back (until the worker ends) */
    int error;           /* errno it fails with; 0: none */
    int line;
};

struct conf_location {
    char *prefix; /* begins with '/'; matches whole segments when it ends in '/' */
    enum conf_handler handler;
    char *files; /* CONF_FILES: absolute path of the root */
    int root_fd; /* CONF_FILES: O_PATH of `files`, passed by the process that checked it; -1 before,
                    and when it did not answer in time; conf_free closes it */
    uint64_t fence;  /* not 0: its root is behind the fence with this number; kept by the master */
    bool was_fenced; /* its root was let go for a fence */
    char **index;    /* NULL-terminated */
    enum conf_listing listing;
    char *cache_control; /* NULL: no such field */
    bool dot_files;      /* serve names that begin with a dot */
    char *charset;       /* for text types without one; "" for none */
    char *default_type;  /* of names without a known extension; NULL or "": by name */
    int redirect_status; /* CONF_REDIRECT: 301, 302, 307, 308 */
    char *redirect_to;   /* URL; the rest of the path behind the prefix is appended when it ends in
                            '/' */
    unsigned
        id;   /* position in conf.locations, 0..: in the order of sites, then of their locations */
    int line; /* where it stands in the file, 0 when it was made */
};

struct conf_site {
    char **names; /* lower case, NULL-terminated; "*.example.org" matches any host beneath; empty
                     list: every host */
    struct conf_location **locations; /* longest prefix first */
    size_t location_count;
    struct conf_error_page *error_pages;
    size_t error_page_count;
    int line; /* of its head in the file, 0 when it has none */
};

struct conf {
    char *path; /* of the file; NULL when there is none */

    struct {
        char *name; /* instance name; default: the configuration's base name, else "weir" */
        struct conf_listen *listen;
        size_t listen_count;
        unsigned backlog;
        bool workers_auto;
        unsigned workers, workers_min, workers_max; /* workers is 0 when auto */
        char *user, *group; /* NULL: www-data, else nobody; the user's group */
        char *runtime_dir;  /* NULL: control_runtime_dir decides */
        enum conf_watch watch;
        char *watch_group; /* NULL: none */
        uint64_t drain_timeout_ns;
        unsigned offload_threads; /* per worker, at most */
        bool allow_faults;        /* [fault] sections are refused without it */
        char *mime_types;         /* path of the system's table */
    } server;

    struct {
        unsigned connections;             /* per worker */
        unsigned connections_per_address; /* over all workers; 0: no limit */
        uint64_t header_timeout_ns, body_timeout_ns, idle_timeout_ns, send_timeout_ns;
        uint64_t minimum_rate_bytes; /* per second, of a request or response body; 0: none */
        size_t header_size_bytes;
        uint64_t body_size_bytes;
        uint64_t listing_bytes; /* of folders that are listed, per worker */
        unsigned ranges;
    } limits;

    struct {
        char *access; /* path, "stdout", "syslog", or "off" */
        enum conf_log_format format;
        char *error; /* path, "stderr", "syslog" */
        enum log_level level;
        bool queries; /* of URLs, on the board */
        uint64_t slow_request_ns;
        uint64_t blocked_ns;
        uint64_t flush_ns; /* the access log is written at least this often */
    } log;

    struct {
        unsigned entries;          /* open files per worker; 0: no cache */
        uint64_t valid_ns;         /* how long an entry is believed without asking again */
        uint64_t idle_ns;          /* a descriptor nobody asked for is closed after this */
        size_t content_bytes;      /* contents held per worker */
        size_t content_file_bytes; /* files up to this size are held whole */
    } cache;

    struct {
        uint64_t deadline_ns; /* a job older than this makes its mount sick */
        unsigned mount_share; /* percent of threads and buffers that one mount may take */
        unsigned queue;       /* jobs that may wait per mount */
        uint64_t idle_ns;     /* an idle thread ends after this */
        unsigned nice;        /* by how much threads yield the CPU to the loop */
        size_t window_bytes;  /* of a cold file read at once */
        size_t buffers_bytes; /* memory for these, per worker */
        uint64_t wait_ns;     /* longest that a request waits for a disk at a time */
        uint64_t probe_ns;    /* how often a sick mount is tried, and its Retry-After */
    } offload;

    struct conf_fault *faults; /* [fault /path/prefix] */
    size_t fault_count;

    struct conf_type *types; /* [types]: before the system's table */
    size_t type_count;

    struct conf_site *sites; /* [0] is the nameless one: locations before any [site] */
    size_t site_count;
    struct conf_location **locations; /* all of them, by id */
    size_t location_count;
};

/* One "KEY=VALUE" of `weir -o`: a key of [server], [limits], [log], [cache] or [offload], or
 * SECTION.KEY=VALUE. */

/*
 * Reads and checks a file. On success *out is the configuration and 0 is returned. Else
 * -1, *out is NULL, and every error found is in *errors, one line each, "FILE:LINE: what,
 * and what would be right"; buf_free it. Overrides come after the file and win.
 * Master only (and tests).
 */
int conf_load(const char *path, const char *const *overrides, size_t override_count,
              struct conf **out, struct buf *errors);

/* The configuration of `weir ROOT`: port 8080 on every address, ROOT at "/", listing = auto, access
 * log to stdout. */
int conf_load_default(const char *root, const char *const *overrides, size_t override_count,
                      struct conf **out, struct buf *errors);

void conf_free(struct conf **conf);

/* The effective configuration as an INI file that conf_load reads back to the same (weir -t -v). */
void conf_print(const struct conf *conf, FILE *to);

/* The sample file and the manual's table, made from the settings table (weir's build uses them). */
void conf_print_sample(FILE *to);
void conf_print_manual(FILE *to);

/*
 * The number of workers "auto" means here and now: CPUs this process may run on
 * (sched_getaffinity(2)), bounded by the cgroup's quota (cpu.max, v1's cfs_quota_us; rounded
 * up), at least 1, within workers_min..workers_max.
 */
unsigned conf_auto_workers(const struct conf *conf);

#endif
