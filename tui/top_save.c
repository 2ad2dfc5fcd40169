/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the user asks to be written: settings, the event log, the screen. Files of events and
 * screens are new ones with mode 0600: nothing that exists is overwritten. Runs in weirtop.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/fd.h"
#include "tui/batch/batch.h"
#include "tui/top.h"

void top_load_settings(struct top *t)
{
    struct settings s;
    char why[512] = "";

    settings_standard(&s);
    if (settings_path(t->settings_file, sizeof t->settings_file))
        settings_load(&s, t->settings_file, why, sizeof why);
    else
        t->settings_file[0] = '\0';
    app_settings(&t->app, &s);
    if (why[0]) {
        app_note(&t->app, mono_now().ns, "%s", why);
        model_note(&t->model, wall_now().ns, "WARN", why);
    }
}

/* Writes a new file; "" or its name and the reason in why[]. */
static void save_file(const char *file, const struct buf *b, bool whole, char *why,
                      size_t why_bytes)
{
    why[0] = '\0';
    if (!whole) {
        snprintf(why, why_bytes, "%s: out of memory", file);
        return;
    }
    int fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        snprintf(why, why_bytes, "%s: %s", file, strerror(errno));
        return;
    }
    if (!fd_write_all(fd, b->p, b->n) || fsync(fd) != 0) {
        snprintf(why, why_bytes, "%s: %s", file, strerror(errno));
        unlink(file);
    }
    close_fd(&fd);
}

static bool save_events(const struct model *m, struct buf *b)
{
    bool good = true;
    char line[BATCH_EVENT_BYTES];

    for (unsigned i = m->event_count; i > 0 && good; i--)
        good = buf_addf(b, "%s\n", batch_event(model_event_at(m, i - 1), line, sizeof line));
    return good;
}

/* The screen as text, without blanks at the ends of lines. */
static bool save_screen(const struct grid *g, struct buf *b)
{
    bool good = true;
    char bytes[16];

    for (int row = 0; row < g->rows && good; row++) {
        size_t end = b->n;
        for (int col = 0; col < g->cols && good; col++) {
            wchar_t c = g->cell[row * g->cols + col].ch;
            mbstate_t state = {0};
            if (c == GRID_RIGHT_HALF)
                continue;
            size_t n = wcrtomb(bytes, c, &state);
            good = n == (size_t)-1 ? buf_add(b, "?", 1) : buf_add(b, bytes, n);
            if (c != L' ')
                end = b->n;
        }
        b->n = end;
        good = good && buf_add(b, "\n", 1);
    }
    return good;
}

void top_save(struct top *t, unsigned want)
{
    uint64_t now = mono_now().ns, wall = wall_now().ns;
    char why[2 * LINE_BYTES] = "";
    struct buf b = {0};

    if (want & WANT_SAVE_SETTINGS) {
        if (t->settings_file[0] == '\0')
            snprintf(why, sizeof why, "there is no home folder to keep settings in");
        else if (settings_save(&t->app.settings, t->settings_file, why, sizeof why))
            why[0] = '\0';
        app_saved(&t->app, &t->model, t->settings_file, why, now, wall);
    }
    if (want & WANT_SAVE_EVENTS) {
        bool whole = save_events(app_shown(&t->app, &t->model), &b);
        save_file(t->app.file, &b, whole, why, sizeof why);
        app_saved(&t->app, &t->model, t->app.file, why, now, wall);
    }
    if (want & WANT_SAVE_SCREEN) {
        b.n = 0;
        bool whole = save_screen(&t->grid, &b);
        save_file(t->app.file, &b, whole, why, sizeof why);
        app_saved(&t->app, &t->model, t->app.file, why, now, wall);
    }
    buf_free(&b);
}
