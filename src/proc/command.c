/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The commands of the control socket, each as a call of a verb; see supervisor.h. Access was
 * checked by control.c. What an operator changed is told in the log and the event ring.
 * Master only.
 */
#include "proc/supervisor.h"

#include <errno.h>

#include "base/log.h"

static void pass_board(struct supervisor *s, struct control_outcome *o)
{
    o->pass_fd = board_open_read_only(&s->board);
    o->ok = o->pass_fd >= 0;
    if (o->ok)
        buf_addf(&o->message, "the board");
    else
        buf_addf(&o->message, "the board cannot be passed: %s", strerror(errno));
}

/* Does the message begin with the command's word, as "workers 3 -> 4" does? */
static bool names_itself(struct span message, struct span word)
{
    return span_starts(message, word) && message.n > word.n && message.p[word.n] == ' ';
}

/* What was done has an event of its own, which says the same. */
static bool told_by_verb(const struct control_request *request, const struct control_outcome *o)
{
    return o->ok && (request->command == COMMAND_WORKERS || request->command == COMMAND_OFFLOAD ||
                     request->command == COMMAND_FENCE);
}

static void tell(struct supervisor *s, const struct control_request *request,
                 const struct control_outcome *o)
{
    struct span message = span_of(o->message.p, o->message.n);
    const char *word = control_command_word[request->command];
    bool named = names_itself(message, span_str(word));
    const char *colon = named ? "" : ": ";

    if (named)
        word = "";
    if (!told_by_verb(request, o))
        board_event(&s->board, o->ok ? EVENT_CONTROL : EVENT_REFUSED, 0, "%s%s%.*s", word, colon,
                    (int)message.n, message.n ? message.p : "");
    log_info("control: %s%s%s%.*s", word, colon, o->ok ? "" : "refused: ", (int)message.n,
             message.n ? message.p : "");
}

void command_carry_out(void *arg, const struct control_request *request, struct control_outcome *o)
{
    struct supervisor *s = arg;
    struct buf *m = &o->message;

    switch (request->command) {
    case COMMAND_BOARD:
        pass_board(s, o);
        return; /* watching changes nothing: no event */
    case COMMAND_WORKERS:
        o->ok = verb_resize(s, request->amount, request->number, m, &o->op);
        break;
    case COMMAND_DRAIN:
        o->ok = verb_drain(s, request->number, m, &o->op);
        break;
    case COMMAND_RESTART:
        o->ok = verb_restart(s, request->number, m, &o->op);
        break;
    case COMMAND_KILL:
        o->ok = verb_kill(s, request->number, m);
        break;
    case COMMAND_ABORT:
        o->ok = verb_abort(s, request->number, request->serial, m);
        break;
    case COMMAND_THROTTLE:
        o->ok = verb_throttle(s, request->number, request->serial, request->rate_bytes, m);
        break;
    case COMMAND_INSPECT:
        o->ok = verb_inspect(s, request->number, m);
        return; /* watching changes nothing: no event */
    case COMMAND_OFFLOAD:
        o->ok = verb_offload(s, request->number, m);
        break;
    case COMMAND_FENCE:
        o->ok = verb_fence(s, request->path, m);
        break;
    case COMMAND_UNFENCE:
        o->ok = verb_unfence(s, request->path, m);
        break;
    case COMMAND_RELOAD:
        o->ok = o->later = verb_reload(s, m);
        return; /* it tells by itself, for SIGHUP too */
    case COMMAND_REOPEN:
        o->ok = verb_reopen(s, m, &o->op);
        break;
    case COMMAND_LOGLEVEL:
        o->ok = verb_log_level(s, request->level, m);
        break;
    case COMMAND_STOP:
        verb_stop(s, request->now, m);
        o->ok = true;
        break;
    case COMMAND_COUNT:
        break;
    }
    tell(s, request, o);
}
