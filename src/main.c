/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * weir: reads the command line and hands over to the master (proc/master.c), to the
 * dashboard in the same terminal (proc/dashboard.c), or checks the configuration and ends.
 * Exit status: 0 fine, 1 failed while running, 2 bad arguments or configuration.
 */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/inherited.h"
#include "proc/check.h"
#include "proc/dashboard.h"
#include "proc/master.h"

#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#ifndef PACKAGE_VERSION
#define PACKAGE_VERSION "0"
#endif

#define DEFAULT_CONFIG WEIR_SYSCONFDIR "/weir/weir.ini"

static const char usage[] =
    "usage: weir [-c FILE] [-t [-v]] [-T] [-o KEY=VALUE]... [ROOT]\n"
    "\n"
    "Serves the folder ROOT on port 8080, or what FILE says.\n"
    "\n"
    "  -c, --config FILE      the configuration (default: " DEFAULT_CONFIG ")\n"
    "  -o, --option KEY=VALUE overrides a setting: -o listen=8081, -o log.level=debug\n"
    "  -t, --test             checks the configuration and ends\n"
    "  -v, --verbose          with -t: prints the configuration in effect\n"
    "  -T, --dashboard        opens the dashboard in this terminal; closing it asks whether to "
    "stop\n"
    "  -h, --help             this text\n"
    "  -V, --version          the version\n";

static const struct option long_options[] = {
    {"config", required_argument, NULL, 'c'}, {"option", required_argument, NULL, 'o'},
    {"test", no_argument, NULL, 't'},         {"verbose", no_argument, NULL, 'v'},
    {"dashboard", no_argument, NULL, 'T'},    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},      {NULL, 0, NULL, 0},
};

struct command_line {
    struct master_options master;
    const char **overrides;
    bool test, verbose, dashboard;
    char root[PATH_MAX];
    char config[PATH_MAX];
};

/* -1: go on; else the exit status. */
static int read_options(struct command_line *cl, int argc, char **argv)
{
    int c;

    while ((c = getopt_long(argc, argv, "c:o:tvThV", long_options, NULL)) != -1) {
        switch (c) {
        case 'c':
            cl->master.config = optarg;
            break;
        case 'o':
            cl->overrides[cl->master.override_count++] = optarg;
            break;
        case 't':
            cl->test = true;
            break;
        case 'v':
            cl->verbose = true;
            break;
        case 'T':
            cl->dashboard = true;
            break;
        case 'h':
            fputs(usage, stdout);
            return MASTER_FINE;
        case 'V':
            puts("weir " PACKAGE_VERSION);
            return MASTER_FINE;
        default:
            fputs("weir: try weir --help\n", stderr);
            return MASTER_USAGE;
        }
    }
    return -1;
}

static int refuse(const char *what, const char *why)
{
    fprintf(stderr, "weir: %s%s\n", what, why);
    return MASTER_USAGE;
}

static int take_root(struct command_line *cl, const char *root)
{
    char here[PATH_MAX] = "";

    if (cl->master.config)
        return refuse(root, ": give either a folder or -c FILE, not both");
    if (root[0] != '/' && !getcwd(here, sizeof here))
        return refuse(root, ": the working folder is gone; give the path from / on");
    int n = snprintf(cl->root, sizeof cl->root, "%s%s%s", here, here[0] ? "/" : "", root);
    if (n < 0 || (size_t)n >= sizeof cl->root)
        return refuse(root, ": its path is too long");
    cl->master.root = cl->root;
    return -1;
}

static int read_arguments(struct command_line *cl, int argc, char **argv)
{
    int status = read_options(cl, argc, argv);

    if (status >= 0)
        return status;
    if (argc - optind > 1)
        return refuse(argv[optind + 1], ": one folder only; more belong into a configuration file");
    if (cl->verbose && !cl->test)
        return refuse("-v", " goes with -t");
    if (cl->test && cl->dashboard)
        return refuse("-t", " and -T do not go together");
    if (optind < argc)
        return take_root(cl, argv[optind]);
    if (cl->master.config)
        return -1;
    if (access(DEFAULT_CONFIG, F_OK) != 0) {
        fputs(usage, stderr);
        return MASTER_USAGE;
    }
    cl->master.config = DEFAULT_CONFIG;
    return -1;
}

/* A link stays one: what it leads to may be another file when it is read again. */
static int name_config(struct command_line *cl)
{
    const char *name = cl->master.config;
    char folder[PATH_MAX] = "";

    if (!name)
        return -1;
    if (name[0] != '/' && !getcwd(folder, sizeof folder))
        return refuse(name, ": the working folder is gone; give the path from / on");
    int n = snprintf(cl->config, sizeof cl->config, "%s%s%s", folder, folder[0] ? "/" : "", name);
    if (n < 0 || (size_t)n >= sizeof cl->config)
        return refuse(name, ": its path is too long");
    cl->master.config_absolute = cl->config;
    return -1;
}

/* weir -t: the configuration, and the roots, users, hosts and logs it names. */
static int test_configuration(const struct command_line *cl)
{
    struct buf errors = {0}, notes = {0};
    struct inherit in;
    bool good = check_now(&cl->master, CHECK_TEST, &in, &errors, &notes) == MASTER_FINE;

    check_print_notes(&notes);
    buf_free(&notes);
    if (good) {
        if (cl->verbose)
            conf_print(in.conf, stdout);
        fprintf(cl->verbose ? stderr : stdout, "%s: the configuration is good\n",
                cl->master.config ? cl->master.config : in.conf->locations[0]->files);
        inherit_free(&in);
    } else {
        fprintf(stderr, "%.*s", (int)errors.n, errors.n ? errors.p : "");
    }
    buf_free(&errors);
    return good ? MASTER_FINE : MASTER_USAGE;
}

int main(int argc, char **argv)
{
    struct command_line cl = {.master.ready_fd = -1};

    inherited_mend();
    cl.overrides = calloc((size_t)argc + 1, sizeof *cl.overrides);
    if (!cl.overrides)
        return MASTER_FAILED;
    cl.master.overrides = cl.overrides;
    int status = read_arguments(&cl, argc, argv);
    if (status < 0)
        status = name_config(&cl);
    if (status < 0 && cl.test)
        status = test_configuration(&cl);
    else if (status < 0 && cl.dashboard)
        status = dashboard_run(&cl.master);
    else if (status < 0)
        status = master_run(&cl.master);
    free(cl.overrides);
    if (status == MASTER_FINE && (fflush(stdout) != 0 || ferror(stdout))) {
        fprintf(stderr, "weir: cannot write to standard output: %s\n", strerror(errno));
        status = MASTER_FAILED;
    }
    return status;
}
