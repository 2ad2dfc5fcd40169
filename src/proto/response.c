/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Response heads and the chunked coding; see response.h. Worker only.
 */
#include "proto/response.h"

#include "base/list.h"
#include "http/parse.h"

/* Room for everything in a head but the plan's own lines: each line's longest form. */
enum { HEAD_ROOM_BYTES = 512 };

static void put_status(struct out *o, int status)
{
    char digits[4] = {(char)('0' + status / 100 % 10), (char)('0' + status / 10 % 10),
                      (char)('0' + status % 10), ' '};

    out_span(o, SPAN("HTTP/1.1 "));
    out_add(o, digits, sizeof digits);
    out_str(o, http_status_reason(status));
    out_span(o, SPAN("\r\n"));
}

static void put_framing(struct out *o, const struct response_head *r)
{
    if (r->framing == RESPONSE_LENGTH) {
        out_span(o, SPAN("Content-Length: "));
        out_u64(o, r->plan->length);
        out_span(o, SPAN("\r\n"));
    } else if (r->framing == RESPONSE_CHUNKED) {
        out_span(o, SPAN("Transfer-Encoding: chunked\r\n"));
    }
}

bool response_head_put(struct buf *to, const struct response_head *r)
{
    const struct serve_plan *plan = r->plan;

    to->n = 0;
    if (!buf_reserve(to, plan->ready.n + plan->extra.n + HEAD_ROOM_BYTES))
        return false;
    struct out o = out_into(to->p, to->cap);
    put_status(&o, plan->status);
    out_span(&o, r->date);
    out_span(&o, plan->ready);
    out_span(&o, buf_span(&plan->extra));
    put_framing(&o, r);
    if (r->connection == CONNECTION_CLOSE)
        out_span(&o, SPAN("Connection: close\r\n"));
    else if (r->connection == CONNECTION_KEEP_ALIVE)
        out_span(&o, SPAN("Connection: keep-alive\r\n"));
    if (r->request_id) {
        out_span(&o, SPAN("X-Request-Id: "));
        out_str(&o, r->request_id);
        out_span(&o, SPAN("\r\n"));
    }
    out_span(&o, SPAN("\r\n"));
    to->n = out_len(&o);
    return !o.cut;
}

/* At the beginning of a plan's headroom; the head it is about ends where the headroom ends. */
struct head_memo {
    uint64_t date_second; /* 0: none */
    uint16_t bytes;
    uint8_t connection;
    uint8_t framing;
    int32_t status;
};

struct span response_head_place(struct buf *to, const struct response_head *r, uint64_t date_second)
{
    char *room = r->plan->headroom;
    bool usual = room && r->plan->extra.n == 0 && !r->request_id && date_second != 0;
    struct head_memo memo;

    if (usual) {
        memcpy(&memo, room, sizeof memo);
        if (memo.date_second == date_second && memo.connection == r->connection &&
            memo.framing == r->framing && memo.status == r->plan->status)
            return span_of(room + SERVE_HEADROOM_BYTES - memo.bytes, memo.bytes);
    }
    if (!response_head_put(to, r))
        return (struct span){0};
    if (!usual || to->n > SERVE_HEADROOM_BYTES - sizeof memo)
        return buf_span(to);
    memo = (struct head_memo){.date_second = date_second,
                              .bytes = (uint16_t)to->n,
                              .connection = (uint8_t)r->connection,
                              .framing = (uint8_t)r->framing,
                              .status = r->plan->status};
    memcpy(room, &memo, sizeof memo);
    char *head = room + SERVE_HEADROOM_BYTES - to->n;
    memcpy(head, to->p, to->n);
    return span_of(head, to->n);
}

static void give_line(struct chunk_coder *c, struct chunk *out)
{
    static const char digit[] = "0123456789abcdef";
    struct out o = out_into(c->line, sizeof c->line);
    uint64_t size = c->ended ? 0 : c->held.length;
    int shift = 60;

    if (c->begun)
        out_span(&o, SPAN("\r\n"));
    while (shift > 0 && (size >> shift & 15) == 0)
        shift -= 4;
    for (; shift >= 0; shift -= 4)
        out_char(&o, digit[size >> shift & 15]);
    out_span(&o, c->ended ? SPAN("\r\n\r\n") : SPAN("\r\n"));
    c->begun = true;
    c->framing_bytes += out_len(&o);
    *out = (struct chunk){
        .kind = CHUNK_MEMORY, .memory = span_of(c->line, out_len(&o)), .length = out_len(&o)};
}

static void coder_pull(struct source *s, struct chunk *out)
{
    struct chunk_coder *c = list_entry(s, struct chunk_coder, source);

    if (c->holds) {
        c->holds = false;
        *out = c->held;
        return;
    }
    if (c->ended) {
        *out = (struct chunk){.kind = CHUNK_END};
        return;
    }
    c->inner->wake = s->wake;
    c->inner->wake_arg = s->wake_arg;
    do { /* an empty chunk would end the body */
        source_pull(c->inner, &c->held);
        if (c->held.kind == CHUNK_MEMORY)
            c->held.length = c->held.memory.n;
    } while ((c->held.kind == CHUNK_MEMORY || c->held.kind == CHUNK_FILE) && c->held.length == 0);
    if (c->held.kind == CHUNK_ERROR || c->held.kind == CHUNK_WAIT) {
        *out = c->held;
        return;
    }
    c->ended = c->held.kind == CHUNK_END;
    c->holds = !c->ended;
    give_line(c, out);
}

static void coder_stop(struct source *s)
{
    source_stop(list_entry(s, struct chunk_coder, source)->inner);
}

void chunk_coder_init(struct chunk_coder *coder, struct source *inner)
{
    static const struct source_ops ops = {.pull = coder_pull, .stop = coder_stop};

    *coder = (struct chunk_coder){.source = {.ops = &ops}, .inner = inner};
}
