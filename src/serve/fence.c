/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Letting go of a mount that an operator fenced. What is asked for while it is fenced is refused in
 * lookup.c and errand.c; here is only what was kept from before. Whether a root lies on the mount
 * is told from its descriptors where there are any, else from its path; nothing is asked of the
 * file system, which may be one that does not answer. Worker's loop only.
 */
#include "base/fd.h"
#include "serve/context.h"

enum { DROPPED_AT_ONCE = 2048 }; /* some milliseconds */

static bool is_on(const struct serve_ctx *ctx, uint64_t mount_id, const struct offload_mount *m)
{
    const struct file_mount *found = mount_id != 0 ? file_mounts_find(ctx->mounts, mount_id) : NULL;

    return found && file_mounts_home(ctx->mounts, found).mount == m;
}

static bool lies_on(const struct serve_ctx *ctx, const struct file_root *root,
                    const struct offload_mount *m)
{
    uint64_t id;

    if (root->place && is_on(ctx, root->place->mount_id, m))
        return true;
    if (root->inherited_fd >= 0 && fd_mount_id(root->inherited_fd, &id) && is_on(ctx, id, m))
        return true;
    const struct file_mount *by_path = file_mounts_by_path(ctx->mounts, span_str(root->path));
    return by_path && file_mounts_home(ctx->mounts, by_path).mount == m;
}

void serve_fence(struct serve_ctx *ctx, struct offload_mount *mount, uint64_t fence)
{
    for (size_t i = 0; i < ctx->conf->location_count; i++) {
        struct file_root *root = &ctx->root[i];
        if (!root->path || !lies_on(ctx, root, mount))
            continue;
        file_root_let_go(root);
        root->fence = fence;
    }
    ctx->dropping = file_cache_drop_fenced(ctx->cache, DROPPED_AT_ONCE);
}

void serve_unfence(struct serve_ctx *ctx, uint64_t fence)
{
    for (size_t i = 0; i < ctx->conf->location_count; i++)
        if (ctx->root[i].fence == fence)
            ctx->root[i].fence = 0;
}

void serve_drop_fenced(struct serve_ctx *ctx)
{
    if (ctx->dropping)
        ctx->dropping = file_cache_drop_fenced(ctx->cache, DROPPED_AT_ONCE);
}

void serve_refuse_fenced_root(const struct serve_ctx *ctx, struct file_root_seen *seen)
{
    const struct file_mount *m = seen->error == 0 && seen->mount_id != 0
                                     ? file_mounts_find(ctx->mounts, seen->mount_id)
                                     : NULL;
    const struct offload_mount *row = m ? file_mounts_home(ctx->mounts, m).mount : NULL;

    if (!row || !offload_mount_is_fenced(row))
        return;
    file_root_seen_drop(seen);
    seen->error = EAGAIN;
}
