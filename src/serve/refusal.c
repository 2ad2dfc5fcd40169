/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reasons for 403 and 404; see refusal.h. Each status has a bucket of lines that fills at one a
 * second. Worker's loop only.
 */
#include "serve/refusal.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "serve/context.h"

enum { LINES_MAX = 20, LINES_SPARE = 3 };
#define LINE_EVERY_NS NS_PER_S
#define AGAIN_NS      (60 * NS_PER_S)

static void fill(struct refusals *r, int kind, struct mono now)
{
    uint64_t lines = mono_since(now, r->kind[kind].filled) / LINE_EVERY_NS;

    if (r->kind[kind].filled.ns == 0 || r->kind[kind].lines + lines >= LINES_MAX) {
        r->kind[kind].lines = LINES_MAX;
        r->kind[kind].filled = now;
    } else {
        r->kind[kind].lines += (unsigned)lines;
        r->kind[kind].filled.ns += lines * LINE_EVERY_NS;
    }
}

static bool is_told(struct refusals *r, uint64_t key, struct mono now)
{
    size_t at = key % (sizeof r->told / sizeof *r->told);

    if (r->told[at].key == key && mono_since(now, r->told[at].when) < AGAIN_NS)
        return true;
    r->told[at].key = key;
    r->told[at].when = now;
    return false;
}

bool refusal_is_due(struct refusals *r, struct mono now, int status, uint64_t key)
{
    int kind = status == 403 ? REFUSAL_403 : REFUSAL_404;

    if ((status != 403 && status != 404) || log_get_level() < LOG_LEVEL_INFO ||
        is_told(r, key + (uint64_t)kind, now))
        return false;
    fill(r, kind, now);
    if (r->kind[kind].lines == 0) {
        r->kind[kind].left_out++;
        return false;
    }
    r->kind[kind].lines--;
    return true;
}

void refusal_tell(const struct serve_target *t, int status, const char *file, const char *why)
{
    const char *root = t->location && t->location->files ? t->location->files : "";
    bool slash = file && file[0] != '\0' && (root[0] == '\0' || root[strlen(root) - 1] != '/');

    if (file)
        log_info("%d for %s: %s%s%s: %s", status, t->path.p, root, slash ? "/" : "", file, why);
    else
        log_info("%d for %s: %s", status, t->path.p, why);
}

void refusal_tick(struct refusals *r, struct mono now)
{
    for (int kind = 0; kind < REFUSAL_KINDS; kind++) {
        if (r->kind[kind].left_out == 0)
            continue;
        fill(r, kind, now);
        if (r->kind[kind].lines < LINES_SPARE)
            continue;
        log_info("%u more requests with status %d were left out of this log",
                 r->kind[kind].left_out, kind == REFUSAL_403 ? 403 : 404);
        r->kind[kind].left_out = 0;
    }
}

const char *refusal_why(int error)
{
    switch (error) {
    case ENOENT:
        return "it does not exist";
    case ENOTDIR:
        return "a part of its path is no folder";
    case EACCES:
        return "the workers' user may not read it (Permission denied)";
    case EXDEV:
        return "a symbolic link on its way leads out of the location's root (see SYMBOLIC LINKS in "
               "weir.ini(5))";
    case ELOOP:
        return "too many symbolic links, or one where none can be followed";
    default:
        return strerror(error);
    }
}
