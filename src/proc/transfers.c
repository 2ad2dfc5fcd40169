/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The verbs about one worker or one request in flight: inspect, abort and throttle; see
 * supervisor.h. A request is named by its worker and its serial number there, as the board
 * shows it; the worker does it when it comes to read its channel, and nothing when the request
 * has ended meanwhile. Master only.
 */
#include "proc/supervisor.h"

#include <inttypes.h>

#include "base/escape.h"
#include "board/slot.h"
#include "proc/channel.h"

#define GET(field) atomic_load_explicit(&(field), memory_order_relaxed)

/* Its row; NULL with a sentence when it is not on the board. */
static const struct board_request *find_request(const struct supervisor *s, unsigned number,
                                                uint64_t serial, struct buf *message)
{
    const struct board_request *row = NULL;

    if (number == 0 || number > s->board.slot_count || s->crew.member[number - 1].pid == 0) {
        buf_addf(message, "there is no worker %u", number);
        return NULL;
    }
    row = &s->board.request[(size_t)(number - 1) * BOARD_REQUESTS_PER_SLOT];
    for (unsigned i = 0; i < BOARD_REQUESTS_PER_SLOT; i++)
        if (atomic_load_explicit(&row[i].serial, memory_order_acquire) == serial)
            return &row[i];
    buf_addf(message,
             "there is no request %u-%" PRIu64
             " in flight (those younger than 100 ms are not listed)",
             number, serial);
    return NULL;
}

/* "3-1842 (GET /x HTTP/1.1)": the line is a client's, and shown as such. */
static void add_request(struct buf *message, unsigned number, uint64_t serial,
                        const struct board_request *row)
{
    enum { LINE_BYTES = 80 };
    char raw[BOARD_TEXT_BYTES + 1], shown[LINE_BYTES * 4 + 4];
    size_t n = 0;
    struct out o = out_into(shown, sizeof shown);

    board_text_get(&row->request, raw, &n);
    escape_visible(&o, span_of(raw, n < LINE_BYTES ? n : LINE_BYTES));
    if (n > LINE_BYTES)
        out_str(&o, "...");
    buf_addf(message, "request %u-%" PRIu64 " (%.*s)", number, serial, (int)out_len(&o), shown);
}

/* The worker gets the message and the sentence begins with the request; false: it says why not. */
static bool tell_worker(struct supervisor *s, unsigned number, const struct channel_message *m,
                        struct buf *message)
{
    const struct board_request *row = find_request(s, number, m->value, message);

    if (!row)
        return false;
    if (!crew_send(&s->crew, number - 1, m)) {
        buf_addf(message, "worker %u takes no messages; it ends, or its loop is away", number);
        return false;
    }
    add_request(message, number, m->value, row);
    return true;
}

bool verb_abort(struct supervisor *s, unsigned number, uint64_t serial, struct buf *message)
{
    struct channel_message m = {.kind = CHANNEL_ABORT, .value = serial};

    if (!tell_worker(s, number, &m, message))
        return false;
    buf_addf(message, " is aborted");
    return true;
}

bool verb_throttle(struct supervisor *s, unsigned number, uint64_t serial, uint64_t rate_bytes,
                   struct buf *message)
{
    struct channel_message m = {.kind = CHANNEL_THROTTLE, .value = serial, .amount = rate_bytes};

    if (!tell_worker(s, number, &m, message))
        return false;
    if (rate_bytes == 0)
        buf_addf(message, " is sent as fast as its client takes it");
    else
        buf_addf(message, " is sent at most %" PRIu64 " bytes a second", rate_bytes);
    return true;
}

bool verb_inspect(const struct supervisor *s, unsigned number, struct buf *message)
{
    (void)s;
    buf_addf(message, "worker %u cannot be inspected yet", number);
    return false;
}
