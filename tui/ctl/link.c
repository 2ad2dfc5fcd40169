/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The link to the server. Every request has exactly one reply, in order, so the queue of
 * pending requests tells whose reply has come. When the connection is lost its pending
 * requests are answered here, one by one, in words: what happened to them is not known.
 */
#include "tui/ctl/link.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"

void link_init(struct link *l, const char *dir)
{
    memset(l, 0, sizeof *l);
    l->dir = dir;
    l->fd = -1;
    snprintf(l->why, sizeof l->why, "no server at %s", dir);
}

void link_close(struct link *l)
{
    close_fd(&l->fd);
    board_view_close(&l->view);
    l->pending_count = 0;
}

static bool link_push(struct link *l, unsigned id, const char *command, uint64_t now_ns)
{
    if (l->pending_count == LINK_PENDING) {
        snprintf(l->why, sizeof l->why, "%d commands are still without an answer", LINK_PENDING);
        return false;
    }
    if (!control_send(l->fd, command, l->why, sizeof l->why))
        return false;
    l->pending[l->pending_count++] = (struct link_request){id, now_ns};
    return true;
}

static struct link_request link_pop(struct link *l)
{
    struct link_request first = l->pending[0];

    memmove(&l->pending[0], &l->pending[1], (LINK_PENDING - 1) * sizeof l->pending[0]);
    l->pending_count--;
    return first;
}

static void link_lost(struct link *l, uint64_t now_ns)
{
    close_fd(&l->fd);
    l->board_fresh = false;
    l->retry_ns = now_ns + LINK_RETRY_NS;
}

void link_tick(struct link *l, uint64_t now_ns)
{
    if (l->fd >= 0 || now_ns < l->retry_ns || l->pending_count > 0)
        return;
    l->retry_ns = now_ns + LINK_RETRY_NS;
    l->fd = control_open(l->dir, 0, l->why, sizeof l->why);
    l->silent = l->fd >= 0 || errno == EAGAIN;
    if (l->fd < 0)
        return;
    snprintf(l->why, sizeof l->why, "connected to %s, the master has not answered yet", l->dir);
    if (!link_push(l, 0, control_command_word[COMMAND_BOARD], now_ns))
        link_lost(l, now_ns);
}

bool link_send(struct link *l, unsigned id, const char *command, uint64_t now_ns)
{
    if (l->fd < 0) {
        snprintf(l->why, sizeof l->why, "there is no server to tell");
        return false;
    }
    return link_push(l, id, command, now_ns);
}

/* The reply to "board": the new board takes the place of the old. */
static void link_board(struct link *l, struct control_reply *r, uint64_t now_ns)
{
    struct board_view *view = NULL;

    l->silent = false;
    if (!r->ok || r->passed_fd < 0)
        snprintf(l->why, sizeof l->why, "%s",
                 r->message && *r->message ? r->message : "the server sent no board");
    else
        view = board_view_open(r->passed_fd, l->why, sizeof l->why);
    l->unreadable = view == NULL && r->ok && r->passed_fd >= 0;
    if (view == NULL) {
        link_lost(l, now_ns);
        return;
    }
    board_view_close(&l->view);
    l->view = view;
    l->board_fresh = true;
    l->why[0] = '\0';
}

static void link_fill(struct link_answer *a, const struct link_request *request,
                      const struct control_reply *r)
{
    a->id = request->id;
    a->ok = r->ok;
    a->op = r->op;
    snprintf(a->text, sizeof a->text, "%s", r->message ? r->message : "");
}

int link_receive(struct link *l, struct link_answer *a, uint64_t now_ns)
{
    while (l->fd >= 0) {
        struct control_reply r = {.passed_fd = -1};
        int got = control_receive(l->fd, 0, &r, l->why, sizeof l->why);
        if (got == 0)
            return 0;
        if (got > 0 && l->pending_count > 0) {
            struct link_request request = link_pop(l);
            if (request.id == 0)
                link_board(l, &r, now_ns);
            else
                link_fill(a, &request, &r);
            control_reply_free(&r);
            close_fd(&r.passed_fd);
            if (request.id != 0)
                return 1;
            continue;
        }
        if (got > 0) { /* a reply nobody asked for */
            control_reply_free(&r);
            close_fd(&r.passed_fd);
        }
        link_lost(l, now_ns);
    }
    while (l->pending_count > 0) {
        struct link_request request = link_pop(l);
        if (request.id == 0)
            continue;
        *a = (struct link_answer){.id = request.id};
        snprintf(a->text, sizeof a->text,
                 "the connection ended before an answer came; what became of it is not known");
        return 1;
    }
    return 0;
}
