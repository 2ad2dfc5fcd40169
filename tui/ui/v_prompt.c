/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The prompt: the bottom line, and above it what the word could become, how the command is used,
 * or why the line was not taken.
 */
#include <stdio.h>
#include <string.h>

#include "tui/app/command.h"
#include "tui/ui/box.h"
#include "tui/ui/text.h"

/* What fits of the line so that the cursor is seen. */
static void draw_line(struct view *v, int row, int col, int cells)
{
    const struct line *l = &v->a->prompt.line;
    char head[LINE_BYTES];
    size_t from = 0;
    int before;

    for (;;) {
        snprintf(head, sizeof head, "%.*s", (int)(l->at - from), l->text + from);
        before = text_width(head);
        if (before < cells || from >= l->at)
            break;
        do
            from++;
        while (((unsigned char)l->text[from] & 0xc0) == 0x80);
    }
    grid_text(v->g, row, col, cells, ROLE_NORMAL, l->text + from);
    struct cell *next = grid_at(v->g, row, col + before + 1);
    grid_role(v->g, row, col + before, next && next->ch == GRID_RIGHT_HALF ? 2 : 1, ROLE_SELECT);
}

static void draw_hint(struct view *v, int row)
{
    char word[COMMAND_CANDIDATES][COMMAND_CANDIDATE_BYTES], usage[512], text[1024] = "";
    const struct prompt *p = &v->a->prompt;
    enum role role = ROLE_DIM;
    size_t from, used = 0;

    if (p->why[0]) {
        snprintf(text, sizeof text, "%s", p->why);
        role = ROLE_BAD;
    } else if (v->a->note[0]) { /* its own place is taken */
        snprintf(text, sizeof text, "%s", v->a->note);
        role = ROLE_WARN;
    } else if (p->kind == PROMPT_COMMAND) {
        int n = command_candidates(v->m, &p->line, word, &from, usage, sizeof usage);
        if (usage[0] && from > 0)
            used = (size_t)snprintf(text, sizeof text, "%s%s", usage, n > 0 ? "  : " : "");
        for (int i = 0; i < n && used < sizeof text - COMMAND_CANDIDATE_BYTES - 2; i++)
            used += (size_t)snprintf(text + used, sizeof text - used, " %s", word[i]);
    }
    if (text[0] == '\0' || row < 0)
        return;
    int cols = v->g->cols, most = role == ROLE_BAD ? row + 1 : v->g->rows / 4;
    int rows = view_paragraph_rows(text, cols - 1, most);
    for (int y = row - rows + 1; y <= row; y++)
        grid_fill(v->g, y, 0, cols, role, L' ');
    view_paragraph(v, (struct rect){row - rows + 1, 0, rows, cols}, 1, role, text);
}

void view_prompt(struct view *v)
{
    static const char *const lead[PROMPT_KIND_COUNT] = {[PROMPT_NONE] = "",
                                                        [PROMPT_FIND] = "/",
                                                        [PROMPT_FILTER] = "filter: ",
                                                        [PROMPT_COMMAND] = ":"};
    const char *before = lead[v->a->prompt.kind];
    int row = v->g->rows - 1, col = text_width(before);

    if (v->g->cols < 20 && col > 1) {
        before = "\\";
        col = 1;
    }
    draw_hint(v, row - 1);
    grid_fill(v->g, row, 0, v->g->cols, ROLE_NORMAL, L' ');
    grid_text(v->g, row, 0, v->g->cols, ROLE_KEY, before);
    if (v->g->cols > col)
        draw_line(v, row, col, v->g->cols - col);
}
