/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The line for buffers; see window_line.h. There are as many uses as mounts were ever read from,
 * and they are looked through one by one: that is a handful. Worker's loop.
 */
#include "file/window_line.h"

#include <stdlib.h>

#include "base/must.h"

void window_line_init(struct window_line *line, const struct file_windows_settings *settings)
{
    *line = (struct window_line){.settings = settings};
    list_init(&line->waiting);
    list_init(&line->refused);
}

void window_line_free(struct window_line *line)
{
    free(line->use);
    line->use = NULL;
    line->use_count = 0;
}

size_t window_line_bytes(const struct window_line *line, const struct file_entry *e, uint64_t index)
{
    uint64_t size = (uint64_t)e->st.st_size;
    size_t each = line->settings->window_bytes;
    uint64_t at = index * each;

    must(at < size);
    return size - at < each ? (size_t)(size - at) : each;
}

/* --- the budget --- */

static struct mount_use *find_use(const struct window_line *line, const struct file_entry *e)
{
    for (unsigned i = 0; i < line->use_count; i++)
        if (line->use[i].mount == e->home.mount)
            return &line->use[i];
    return NULL;
}

struct mount_use *window_line_use(struct window_line *line, const struct file_entry *e)
{
    struct mount_use *use = find_use(line, e);

    if (use)
        return use;
    use = reallocarray(line->use, line->use_count + 1, sizeof *use);
    if (!use)
        return NULL;
    line->use = use;
    use = &line->use[line->use_count++];
    *use = (struct mount_use){.mount = e->home.mount};
    return use;
}

bool window_line_fits(const struct window_line *line, const struct mount_use *use, size_t bytes)
{
    uint64_t budget = line->settings->buffers_bytes;
    unsigned percent = line->settings->mount_share ? line->settings->mount_share : 100;

    return use->used_bytes + bytes <= budget * percent / 100 && line->used_bytes + bytes <= budget;
}

/*
 * A mount takes no more than its share of the budget, however many ask for its files, and each may
 * have one window whatever the others have: one that never answers must not hold all buffers.
 */
bool window_line_has_room(const struct window_line *line, const struct mount_use *use, size_t bytes)
{
    return use->used_bytes == 0 || window_line_fits(line, use, bytes);
}

void window_line_take(struct window_line *line, struct mount_use *use, size_t bytes)
{
    line->used_bytes += bytes;
    use->used_bytes += bytes;
}

void window_line_give_back(struct window_line *line, const struct file_entry *e, size_t bytes)
{
    line->used_bytes -= bytes;
    find_use(line, e)->used_bytes -= bytes;
}

/* --- who stands in it --- */

void window_line_stand(struct window_line *line, struct mount_use *use,
                       struct file_window_wait *wait, struct file_entry *e, uint64_t index)
{
    if (use->lined++ == 0)
        use->moved = wait->since;
    wait->entry = file_entry_hold(e);
    wait->index = index;
    list_push_back(&line->waiting, &wait->link);
}

void window_line_leave(struct window_line *line, struct file_window_wait *wait)
{
    list_remove(&wait->link);
    if (wait->entry) {
        find_use(line, wait->entry)->lined--;
        file_entry_release(wait->entry);
    }
    wait->entry = NULL;
}

struct file_window_wait *window_line_first(struct window_line *line)
{
    unsigned left = 0; /* mounts whose first was not looked at yet */

    for (unsigned i = 0; i < line->use_count; i++) {
        line->use[i].passed = false;
        left += line->use[i].lined > 0;
    }
    for (struct list *at = line->waiting.next; at != &line->waiting && left > 0; at = at->next) {
        struct file_window_wait *wait = list_entry(at, struct file_window_wait, link);
        struct mount_use *use = find_use(line, wait->entry);
        if (use->passed)
            continue;
        if (window_line_has_room(line, use, window_line_bytes(line, wait->entry, wait->index)))
            return wait;
        use->passed = true;
        left--;
    }
    return NULL;
}

void window_line_moved(struct window_line *line, const struct file_window_wait *wait)
{
    find_use(line, wait->entry)->moved = mono_now();
}

/* --- who has to go --- */

void window_line_refuse(struct window_line *line, struct offload_mount *m,
                        struct file_window_wait *wait)
{
    offload_mount_count(m, MOUNT_REFUSED, 1);
    wait->window = NULL; /* which may be gone when it is told, or leaves before */
    list_push_back(&line->refused, &wait->link);
}

void window_line_refuse_first(struct window_line *line, struct file_window_wait *wait)
{
    struct offload_mount *m = wait->entry->home.mount;

    window_line_leave(line, wait);
    window_line_refuse(line, m, wait);
}

/* How old one of this mount's line may be; 0: none of it has to go. A line that moves is waited in:
 * what is slow is not refused. */
static uint64_t oldest_allowed(const struct window_line *line, const struct mount_use *use,
                               struct mono now)
{
    uint64_t line_ns = line->settings->line_ns;

    if (offload_mount_refuses(use->mount) > 0)
        return 1;
    return line_ns > 0 && mono_since(now, use->moved) >= line_ns ? line_ns : 0;
}

void window_line_refuse_old(struct window_line *line)
{
    struct mono now = mono_now();
    bool any = false;

    for (unsigned i = 0; i < line->use_count; i++)
        any |= line->use[i].lined > 0 && oldest_allowed(line, &line->use[i], now) > 0;
    if (!any)
        return;
    for (struct list *at = line->waiting.next, *next; at != &line->waiting; at = next) {
        struct file_window_wait *wait = list_entry(at, struct file_window_wait, link);
        next = at->next;
        uint64_t allowed_ns = oldest_allowed(line, find_use(line, wait->entry), now);
        if (allowed_ns > 0 && mono_since(now, wait->since) >= allowed_ns)
            window_line_refuse_first(line, wait);
    }
}
