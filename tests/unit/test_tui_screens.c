/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Screens compared with text files: every situation of tests/tui/fixture.h at four sizes, with a
 * layer of roles below each (which role has no letter is normal text). UPDATE_GOLDEN=1 writes the
 * files anew; look at them before you commit them.
 */
#include "tests/unit/unit.h"

#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/bytes.h"
#include "tests/tui/fixture.h"
#include "tui/ui/view.h"

static const struct {
    int cols, rows;
} sizes[] = {{20, 5}, {40, 12}, {80, 24}, {120, 40}};

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

/* The text of the grid, then its roles, one letter per cell. */
static void dump(const struct grid *g, struct buf *b)
{
    static const char letter[ROLE_COUNT] = {
        [ROLE_NORMAL] = ' ', [ROLE_TITLE] = 't',  [ROLE_DIM] = 'd', [ROLE_WARN] = 'w',
        [ROLE_BAD] = 'B',    [ROLE_SELECT] = 's', [ROLE_KEY] = 'k', [ROLE_GRAPH] = 'g'};

    for (int layer = 0; layer < 2; layer++) {
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
        ck_assert(layer == 1 || buf_add(b, "-- roles --\n", 12));
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

static void screen(enum fixture which, struct app *a, const char *suffix, int cols, int rows,
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
             charset == CHARSET_BLOCK ? "-block" : "");
    compare(name, &b);
    buf_free(&b);
    grid_free(&g);
    model_free(m);
    free(m);
}

START_TEST(overview_screens)
{
    struct app a;

    app_init(&a, UINT64_C(1000000000), false);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        screen((enum fixture)_i, &a, "", sizes[i].cols, sizes[i].rows, CHARSET_ASCII);
}
END_TEST

START_TEST(other_screens)
{
    struct app a;

    app_init(&a, UINT64_C(1000000000), true);
    screen(FIX_TWO_BLOCKED, &a, "-read_only", 80, 24, CHARSET_BLOCK);
    a.help = true;
    screen(FIX_HEALTHY, &a, "-help", 80, 40, CHARSET_ASCII);
    screen(FIX_HEALTHY, &a, "-help", 40, 12, CHARSET_ASCII);
    app_init(&a, UINT64_C(1000000000), false);
    a.selected = 5;
    a.selected_epoch = 1;
    a.strip.kind = STRIP_WORKERS;
    a.strip.change = 2;
    screen(FIX_HEALTHY, &a, "-strip", 80, 24, CHARSET_ASCII);
    a.strip = (struct strip){
        .kind = STRIP_FAILED, .id = 1, .text = "99 is above workers_max 64 (weir.ini:12)"};
    screen(FIX_HEALTHY, &a, "-refused", 80, 24, CHARSET_ASCII);
    screen(FIX_HEALTHY, &a, "-refused", 40, 12, CHARSET_ASCII);
    a.strip = (struct strip){.kind = STRIP_GOING,
                             .id = 1,
                             .op = 42,
                             .text = "workers 8 -> 10",
                             .sent_ns = FIXTURE_START_NS + 19 * UINT64_C(1000000000)};
    screen(FIX_DRAINING, &a, "-going", 80, 24, CHARSET_ASCII);
}
END_TEST

START_TEST(io_screens)
{
    static const enum fixture situations[] = {FIX_SICK, FIX_POOL_FULL, FIX_HEALTHY, FIX_FENCED};
    struct app a;

    app_init(&a, UINT64_C(1000000000), false);
    a.view = VIEW_IO;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        screen(situations[_i], &a, "-io", sizes[i].cols, sizes[i].rows, CHARSET_ASCII);
}
END_TEST

START_TEST(other_io_screens)
{
    struct app a;

    app_init(&a, UINT64_C(1000000000), false);
    a.view = VIEW_IO;
    screen(FIX_NO_SERVER, &a, "-io", 80, 24, CHARSET_ASCII);
    a.io_scroll = 5;
    screen(FIX_POOL_FULL, &a, "-io-scrolled", 80, 24, CHARSET_BLOCK);
    a.io_scroll = 1000;
    screen(FIX_POOL_FULL, &a, "-io-end", 40, 12, CHARSET_BLOCK);
    a.io_scroll = 0;
    a.strip.kind = STRIP_OFFLOAD;
    a.strip.offload = true;
    screen(FIX_POOL_FULL, &a, "-io-strip", 80, 24, CHARSET_ASCII);
    strcpy(a.strip.typed, "96");
    screen(FIX_POOL_FULL, &a, "-io-strip", 40, 12, CHARSET_ASCII);
    a.view = VIEW_OVERVIEW;
    screen(FIX_POOL_FULL, &a, "-strip", 80, 24, CHARSET_ASCII);
    a.strip = (struct strip){.kind = STRIP_GOING,
                             .offload = true,
                             .id = 1,
                             .op = 43,
                             .text = "offload 8 -> 96",
                             .sent_ns = FIXTURE_START_NS + 19 * UINT64_C(1000000000)};
    screen(FIX_POOL_FULL, &a, "-going", 80, 24, CHARSET_ASCII);
}
END_TEST

int main(void)
{
    setenv("TZ", "UTC", 1);
    tzset();
    if (setlocale(LC_ALL, "C.UTF-8") == NULL) {
        printf("1..0 # SKIP there is no locale C.UTF-8\n");
        return EXIT_SUCCESS;
    }
    Suite *s = suite_create("tui screens");
    TCase *t = tcase_create("golden");
    tcase_add_loop_test(t, overview_screens, 0, FIX_COUNT);
    tcase_add_test(t, other_screens);
    tcase_add_loop_test(t, io_screens, 0, 4);
    tcase_add_test(t, other_io_screens);
    suite_add_tcase(s, t);
    return unit_run(s);
}
