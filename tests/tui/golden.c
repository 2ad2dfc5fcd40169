/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Golden screens. The layer of roles, one letter for each cell (which role has no letter is
 * normal text), is kept for screens of 80 by 24 only: colour changes show there.
 */
#include "tests/tui/golden.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "tests/unit/unit.h"

static void add_utf8(struct buf *b, wchar_t ch)
{
    unsigned cp = (unsigned)ch;
    char t[4];
    size_t n = 0;

    if (cp < 0x80) {
        t[n++] = (char)cp;
    } else if (cp < 0x800) {
        t[n++] = (char)(0xc0 | cp >> 6);
        t[n++] = (char)(0x80 | (cp & 63));
    } else if (cp < 0x10000) {
        t[n++] = (char)(0xe0 | cp >> 12);
        t[n++] = (char)(0x80 | (cp >> 6 & 63));
        t[n++] = (char)(0x80 | (cp & 63));
    } else {
        t[n++] = (char)(0xf0 | cp >> 18);
        t[n++] = (char)(0x80 | (cp >> 12 & 63));
        t[n++] = (char)(0x80 | (cp >> 6 & 63));
        t[n++] = (char)(0x80 | (cp & 63));
    }
    ck_assert(buf_add(b, t, n));
}

/* The text of the grid, then its roles. */
static void dump(const struct grid *g, struct buf *b)
{
    static const char letter[ROLE_COUNT] = {
        [ROLE_NORMAL] = ' ', [ROLE_TITLE] = 't',  [ROLE_DIM] = 'd',   [ROLE_WARN] = 'w',
        [ROLE_BAD] = 'B',    [ROLE_SELECT] = 's', [ROLE_KEY] = 'k',   [ROLE_GRAPH] = 'g',
        [ROLE_HEAT1] = '1',  [ROLE_HEAT2] = '2',  [ROLE_HEAT3] = '3', [ROLE_HEAT4] = '4'};
    int layers = g->rows == 24 && g->cols == 80 ? 2 : 1;

    for (int layer = 0; layer < layers; layer++) {
        for (int y = 0; y < g->rows; y++) {
            size_t line = b->n;
            for (int x = 0; x < g->cols; x++) {
                const struct cell *c = grid_at(g, y, x);
                if (layer == 1)
                    ck_assert(buf_add(b, &letter[c->role], 1));
                else if (c->ch != GRID_RIGHT_HALF)
                    add_utf8(b, c->ch);
                if (layer == 0 && c->mark)
                    add_utf8(b, c->mark);
            }
            while (b->n > line && b->p[b->n - 1] == ' ')
                b->n--;
            ck_assert(buf_add(b, "\n", 1));
        }
        ck_assert(layer == layers - 1 || buf_add(b, "-- roles --\n", 12));
    }
}

static void compare(const char *name, const struct buf *got)
{
    const char *src = getenv("WEIR_SRC");
    char path[512];
    struct buf want = {0};
    char text[4096];
    size_t n;

    snprintf(path, sizeof path, "%s/tests/tui/golden/%s.txt", src ? src : ".", name);
    if (getenv("UPDATE_GOLDEN")) {
        FILE *to = fopen(path, "w");
        ck_assert_msg(to != NULL, "%s", path);
        ck_assert(fwrite(got->p, 1, got->n, to) == got->n);
        ck_assert(fclose(to) == 0);
        return;
    }
    FILE *from = fopen(path, "r");
    ck_assert_msg(from != NULL, "%s is missing; UPDATE_GOLDEN=1 writes it", path);
    while ((n = fread(text, 1, sizeof text, from)) > 0)
        ck_assert(buf_add(&want, text, n));
    fclose(from);
    ck_assert_msg(want.n == got->n && memcmp(want.p, got->p, got->n) == 0,
                  "%s differs; it is now:\n%.*s", name, (int)got->n, got->p);
    buf_free(&want);
}

void golden_screen(enum fixture which, const struct app *a, const char *suffix, int cols, int rows,
                   enum charset charset)
{
    struct model *m = fixture_model(which);
    struct grid g = {0};
    struct buf b = {0};
    char name[80];

    ck_assert(grid_resize(&g, rows, cols));
    view_draw(m, a, &g, charset, true);
    dump(&g, &b);
    snprintf(name, sizeof name, "%s%s-%dx%d%s", fixture_name[which], suffix, cols, rows,
             charset == CHARSET_BLOCK     ? "-block"
             : charset == CHARSET_BRAILLE ? "-braille"
                                          : "");
    compare(name, &b);
    buf_free(&b);
    grid_free(&g);
    model_free(m);
    free(m);
}
