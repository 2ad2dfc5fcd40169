/* SPDX-License-Identifier: BSD-2-Clause */
/* The board's rings of finished requests; see rings.h. Worker only. */
#include "proto/rings.h"

#include "board/finished.h"
#include "proto/conn_record.h"
#include "proto/shown.h"

static struct board_finished_request finished_of(const struct conns *all,
                                                 const struct access_record *r)
{
    return (struct board_finished_request){
        .when_wall_ns = r->when.ns,
        .total_ns = r->total_ns,
        .queue_ns = r->queue_ns,
        .head_ns = r->head_ns,
        .open_ns = r->open_ns,
        .offload_wait_ns = r->offload_wait_ns,
        .offload_run_ns = r->offload_run_ns,
        .first_byte_ns = r->first_byte_ns,
        .bytes = r->bytes_sent,
        .status = (unsigned)r->status,
        .aborted = r->aborted,
        .cold = r->cold,
        .method = r->http ? r->http->method_text : (struct span){0},
        .target = shown_on_board(all->s.conf, r->http ? r->http->target : r->line),
        .peer = r->peer,
    };
}

void rings_add_slow(struct conns *all, const struct access_record *r)
{
    struct board_finished_request f = finished_of(all, r);

    board_finished_slow(all->s.board, all->s.worker_number - 1, &f);
}

void rings_add_recent(struct conns *all, const struct access_record *r, struct mono now)
{
    struct board_finished_request f = finished_of(all, r);

    board_finished_recent(all->s.board, all->s.worker_number - 1, &f);
    all->recent_due_ns = now.ns + RINGS_RECENT_NS;
}
